-- pawl.define_schedule(name, kind, params, every, cron, ...): creates a schedule, or changes it; a null
-- argument keeps what is there. A new one needs a kind, and p_every or p_cron; each of these two takes the
-- other's place. Defined again with the same times it keeps its next run; else that comes after a whole
-- p_every, or when p_cron says, or at p_next_run_at, which may be now or past. A schedule that is enabled
-- again leaves out what it has missed. What p_catch_up, p_overlap, p_jitter, p_backlog_limit and p_time_member
-- mean stands at the columns of pawl.schedules; p_jitter '0' and p_time_member '' take them away again.
-- Whether it can start is tried, and undone, so what a run would refuse is refused here.
-- Returns when it runs next. Refuses what makes no sense, and says what would (PW006); an unknown kind
-- (PW001); with neither kind nor time, a schedule that does not exist (PW002); what pawl.fire_schedule refuses.
-- Locks: the schedule's row, then for the trial, as pawl.fire_schedule without replace.
create or replace function pawl.define_schedule(
  p_name text,
  p_kind text default null,
  p_params jsonb default null,
  p_every interval default null,
  p_cron text default null,
  p_time_zone text default null,
  p_replace boolean default null,
  p_is_enabled boolean default null,
  p_next_run_at timestamptz default null,
  p_catch_up text default null,
  p_overlap text default null,
  p_jitter interval default null,
  p_backlog_limit integer default null,
  p_time_member text default null
) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pawl.schedules; -- as it is going to be
  v_is_new boolean;
begin
  if p_name is null or pg_catalog.length(p_name) not between 1 and 200 then
    raise exception 'the name of a schedule has from 1 to 200 characters, not %', coalesce(pg_catalog.length(p_name)::text, 'null')
      using errcode = 'PW006', hint = 'Give a short name, for example nightly.';
  end if;
  select s.* into v_schedule from pawl.schedules s where s.name = p_name for no key update;
  v_is_new := not found;
  if v_is_new and p_kind is null then
    if p_every is null and p_cron is null then
      perform pawl.refuse_schedule(p_name);
    end if;
    raise exception 'schedule "%" needs a kind', p_name
      using errcode = 'PW006', hint = 'Give p_kind (pawl schedule set: --kind): crawl, or one of your own; pawl kind list shows those that exist.';
  end if;
  v_schedule.name := p_name;
  v_schedule.kind := coalesce(p_kind, v_schedule.kind);
  v_schedule := pawl.set_policies(v_schedule, p_catch_up, p_overlap, p_jitter, p_backlog_limit, p_time_member);
  v_schedule := pawl.time_schedule(v_schedule, p_every, p_cron, p_time_zone, p_is_enabled, p_next_run_at, p_jitter is not null);
  if v_schedule.jitter > v_schedule.every then
    perform pawl.refuse_value('p_jitter', v_schedule.jitter, pg_catalog.format('%s or less, the time between two runs', v_schedule.every));
  end if;
  v_schedule.params := coalesce(p_params, v_schedule.params, '{}');
  v_schedule.replace := coalesce(p_replace, v_schedule.replace, false);
  if v_is_new or coalesce(p_kind, p_params::text, p_replace::text, p_catch_up, p_overlap, p_time_member) is not null then
    perform pawl.try_schedule(v_schedule);
  end if;

  insert into pawl.schedules as s (name, kind, params, every, cron, time_zone, replace, is_enabled, next_run_at, next_jitter,
    catch_up, overlap, jitter, backlog_limit, time_member)
  values (v_schedule.name, v_schedule.kind, v_schedule.params, v_schedule.every, v_schedule.cron, v_schedule.time_zone,
    v_schedule.replace, v_schedule.is_enabled, v_schedule.next_run_at, v_schedule.next_jitter,
    v_schedule.catch_up, v_schedule.overlap, v_schedule.jitter, v_schedule.backlog_limit, v_schedule.time_member)
  on conflict (name) do update
    set kind = excluded.kind,
        params = excluded.params,
        every = excluded.every,
        cron = excluded.cron,
        time_zone = excluded.time_zone,
        replace = excluded.replace,
        is_enabled = excluded.is_enabled,
        next_run_at = excluded.next_run_at,
        next_jitter = excluded.next_jitter,
        catch_up = excluded.catch_up,
        overlap = excluded.overlap,
        jitter = excluded.jitter,
        backlog_limit = excluded.backlog_limit,
        time_member = excluded.time_member,
        updated_at = excluded.updated_at;
  return v_schedule.next_run_at;
end
$$;
comment on function pawl.define_schedule(text, text, jsonb, interval, text, text, boolean, boolean, timestamptz,
  text, text, interval, integer, text)
  is 'creates or changes a schedule; null keeps what is there; returns when it runs next';
