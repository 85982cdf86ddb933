-- pawl.standing_job(kind, limit_key): id of the kind's standing job for a key (empty: for none), made on
-- first use. Where the kind has limits per key (pawl.set_limit), the key gets a limiter of its own with it.
-- Refuses an unknown kind (PW001), and a key of more than 500 characters (PW006).
-- Locks: none when it exists; else the kind's row FOR SHARE, so that limits which are being set are seen
-- here, or this job by who sets them; and it inserts, and of two that insert at once the second waits for
-- the first and takes its job.
-- Triggers on users' tables call this with its owner's rights, so even types are named with their schema: without
-- it, a type of the caller's own in pg_temp would come first.
create or replace function pawl.standing_job(p_kind text, p_limit_key text default '') returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint;
  v_taken bigint;
  v_limiter pg_catalog.text;
  v_on_complete pg_catalog.text;
begin
  select s.job_id into v_job_id
  from pawl.standing_jobs s
  where s.kind = p_kind
    and s.org_id = '00000000-0000-0000-0000-000000000000'
    and s.limit_key = p_limit_key;
  if found then
    return v_job_id;
  end if;

  if pg_catalog.length(p_limit_key) > 500 then
    raise exception 'a limit key has at most 500 characters, not %', pg_catalog.length(p_limit_key)
      using errcode = 'PW006', hint = 'Give a hash of it: md5(...).';
  end if;
  select k.limiter_key, k.on_complete into v_limiter, v_on_complete from pawl.kinds k where k.name = p_kind for share;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  v_job_id := pg_catalog.nextval('pawl.job_ids');
  insert into pawl.standing_jobs (kind, limit_key, job_id)
  values (p_kind, p_limit_key, v_job_id)
  on conflict (kind, org_id, limit_key) do nothing
  returning job_id into v_taken;
  if v_taken is null then
    return pawl.standing_job(p_kind, p_limit_key);
  end if;
  insert into pawl.jobs (id, kind, limit_key, limiter_key, on_complete, is_standing)
  values (v_job_id, p_kind, nullif(p_limit_key, ''), coalesce(pawl.key_limiter(p_kind, p_limit_key), v_limiter), v_on_complete, true);
  return v_job_id;
end
$$;
comment on function pawl.standing_job(text, text) is 'id of the kind''s standing job for a limit key, made on first use';

-- The limiter of a key, made on first use under the kind's; null when the kind has no limits per key, or
-- the key is empty. In its name the kind's stands with \ before each : and \, so that no two are the same.
create or replace function pawl.key_limiter(p_kind text, p_limit_key text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key pg_catalog.text := 'key:' || pg_catalog.replace(pg_catalog.replace(p_kind, '\', '\\'), ':', '\:') || ':' || p_limit_key;
begin
  if p_limit_key = '' or not exists (select from pawl.limiters l where l.key = 'keys:' || p_kind) then
    return null;
  end if;
  insert into pawl.limiters (key, parent_key, rules_key)
  values (v_key, 'kind:' || p_kind, 'keys:' || p_kind)
  on conflict (key) do nothing;
  return v_key;
end
$$;
comment on function pawl.key_limiter(text, text) is 'the limiter of a key of a kind, made on first use';
