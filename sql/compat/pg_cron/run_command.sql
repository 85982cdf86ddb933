-- cron.run_command(payload): what a task of the kind pg_cron does: runs the command of {"jobid": ...} as its user, and
-- writes what became of it. A command that fails is undone, recorded as failed and not tried again, as in the
-- extension; a run that is cut off (a node dies) has had no effect, and is made again.
--
-- As another user the command runs in a function of that user's, with security definer. That is no detour: after
-- "set role" a command could say "reset role" and go on with the node's rights. In such a function the server refuses
-- both. The function is made for the run, in the schema of temporary objects, so nobody else ever sees it, and is gone
-- when it has ended. What a command puts off until the end of the transaction would run with the node's rights then:
-- so deferred triggers are fired in there, and cursors with hold are closed (clean_session).
--
-- Its user's search_path, or one that it sets, holds for the command alone: with the next operator that is looked up by it
-- the node would call a function of the user's. For the same reason pg_temp is searched last everywhere else (a type of
-- the user's called text), and the node prepares nothing on these connections (a statement of the user's with its name).
--
-- Connections are used again. What a command leaves behind in its session is taken away.
--
-- A command that refuses to run inside a function or a transaction (25001: vacuum; 2D000: a procedure that commits) is
-- run by itself (pawl.start_alone): any of the node's own user, but of others only vacuum and reindex, in which
-- nothing can say "reset role".
-- No SET clause here: the command of a user without a search_path of his own sees the session's.
-- Returns the outcome; null when the job is no more. Locks: what the command takes.
create or replace function cron.run_command(p_payload jsonb) returns jsonb
language plpgsql volatile
as $$
begin
  return cron.run_with_path(p_payload, pg_catalog.current_setting('search_path'));
end
$$;
comment on function cron.run_command(jsonb) is 'runs the command of a job, as its user, and records what became of it';
revoke execute on function cron.run_command(jsonb) from public;

create or replace function cron.run_with_path(p_payload jsonb, p_search_path text) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job cron.job;
  v_started timestamptz := clock_timestamp();
  v_kept oid[] := cron.list_temporary();
  v_kept_statements text[] := array(select s.name from pg_prepared_statements s);
  v_search_path text;
  v_rows bigint;
  v_status text := 'succeeded';
  v_message text;
  v_detail text;
  v_hint text;
  v_state text;
begin
  select j.* into v_job from cron.job j where j.jobid = (p_payload ->> 'jobid')::bigint;
  if not found then
    return null;
  end if;
  begin
    v_search_path := coalesce(cron.search_path_of(v_job.username), p_search_path);
    if v_job.username = current_user then
      perform pg_catalog.set_config('search_path', v_search_path, true);
      execute v_job.command;
      get diagnostics v_rows = row_count;
      set constraints all immediate;
      reset session authorization;
      reset role;
    else
      v_rows := cron.run_as(v_job.username, v_job.command, v_search_path);
    end if;
    -- the very next thing: what the command has set outlives the function in which it ran
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    v_message := cron.command_tag(v_job.command, v_rows);
  exception
    when query_canceled or assert_failure or others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      if v_state in ('25001', '2D000') and (v_job.username = current_user or cron.is_harmless_alone(v_job.command)) then
        raise exception 'the command runs by itself' using errcode = 'PW010';
      end if;
      v_status := 'failed';
      v_message := 'ERROR:  ' || v_message || E'\n'
        || coalesce('DETAIL:  ' || nullif(v_detail, '') || E'\n', '')
        || coalesce('HINT:  ' || nullif(v_hint, '') || E'\n', '');
  end;
  perform cron.clean_session(v_kept, v_kept_statements);
  return cron.record_run(v_job, v_status, v_message, v_started);
end
$$;
comment on function cron.run_with_path(jsonb, text) is 'runs the command of a job, under this search_path unless its user has one';
revoke execute on function cron.run_with_path(jsonb, text) from public;

-- Commands in which nothing can say "reset role", so that they may run under "set role".
create or replace function cron.is_harmless_alone(p_command text) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_command ~* '^\s*(vacuum|reindex)\M'
$$;
comment on function cron.is_harmless_alone(text) is 'whether another user''s command may run by itself';
revoke execute on function cron.is_harmless_alone(text) from public;

-- As libpq would say it: the rows of a query, else the command's tag, of which the first word is told. What quotes
-- and comments hold is left out, to see where the last statement begins.
create or replace function cron.command_tag(p_command text, p_rows bigint) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_command;
  v_word text;
begin
  v_text := pg_catalog.regexp_replace(v_text, '\$(\w*)\$.*?\$\1\$', '', 'g');
  v_text := pg_catalog.regexp_replace(v_text, '''[^'']*''|"[^"]*"|/\*.*?\*/', '', 'g');
  v_text := pg_catalog.regexp_replace(v_text, '--[^\n]*', '', 'g');
  v_text := pg_catalog.regexp_replace(v_text, '[;\s]+$', '');
  v_word := pg_catalog.upper((pg_catalog.regexp_match(pg_catalog.regexp_replace(v_text, '^.*;', ''), '[a-zA-Z]+'))[1]);
  return case
    when v_word in ('SELECT', 'WITH', 'VALUES', 'TABLE') then p_rows || case p_rows when 1 then ' row' else ' rows' end
    when v_word = 'INSERT' then 'INSERT 0 ' || p_rows
    when v_word in ('UPDATE', 'DELETE', 'MERGE') then v_word || ' ' || p_rows
    else coalesce(v_word, '')
  end;
end
$$;
comment on function cron.command_tag(text, bigint) is 'what a command that went well is said to have done';
revoke execute on function cron.command_tag(text, bigint) from public;

-- Writes what became of a run, and forgets the oldest; returns it as a task's result.
create or replace function cron.record_run(p_job cron.job, p_status text, p_message text, p_started timestamptz) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_runid bigint;
begin
  insert into cron.job_run_details (jobid, job_pid, database, username, command, status, return_message, start_time, end_time)
  values (p_job.jobid, pg_catalog.pg_backend_pid(), p_job.database, p_job.username, p_job.command, p_status, p_message,
    p_started, pg_catalog.clock_timestamp())
  returning runid into v_runid;
  delete from cron.job_run_details d
  where d.jobid = p_job.jobid
    and d.runid <= (
      select o.runid
      from cron.job_run_details o
      where o.jobid = p_job.jobid
      order by o.runid desc
      offset 1000
      limit 1);
  return pg_catalog.jsonb_build_object('runid', v_runid, 'status', p_status, 'return_message', p_message);
end
$$;
comment on function cron.record_run(cron.job, text, text, timestamptz) is 'records what became of a run';
revoke execute on function cron.record_run(cron.job, text, text, timestamptz) from public;

-- What is to be run by itself, and as which role: no row for what may not, since the command may be another by now.
create or replace function cron.run_command_alone(p_payload jsonb) returns table (role text, statement text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when j.username = current_user then 'none' else j.username end, j.command
  from cron.job j
  where j.jobid = (p_payload ->> 'jobid')::bigint
    and (j.username = current_user or cron.is_harmless_alone(j.command))
$$;
comment on function cron.run_command_alone(jsonb) is 'the command of a job that runs by itself';
revoke execute on function cron.run_command_alone(jsonb) from public;

create or replace function cron.run_command_ended(p_payload jsonb, p_error text, p_started timestamptz) returns jsonb
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select cron.record_run(j, case when p_error is null then 'succeeded' else 'failed' end,
    coalesce(p_error, cron.command_tag(j.command, 0)), p_started)
  from cron.job j
  where j.jobid = (p_payload ->> 'jobid')::bigint
$$;
comment on function cron.run_command_ended(jsonb, text, timestamptz) is 'records what became of a command that ran by itself';
revoke execute on function cron.run_command_ended(jsonb, text, timestamptz) from public;

-- Runs a command as another user; returns how many rows its last statement had. The search_path may be the command's
-- when it returns.
create or replace function cron.run_as(p_user text, p_command text, p_search_path text) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows bigint;
begin
  if not exists (select from pg_roles r where r.rolname = p_user) then
    raise exception 'role "%" does not exist', p_user using errcode = 'undefined_object';
  end if;
  create or replace function pg_temp.pawl_run_as(p_command pg_catalog.text, p_search_path pg_catalog.text) returns bigint
  language plpgsql volatile security definer
  as $f$
  declare
    v_rows bigint;
  begin
    perform pg_catalog.set_config('search_path', p_search_path, true);
    execute p_command;
    get diagnostics v_rows = row_count;
    set constraints all immediate;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    return v_rows;
  end
  $f$;
  begin
    execute format('alter function pg_temp.pawl_run_as(text, text) owner to %I', p_user);
  exception
    when insufficient_privilege then
      raise exception 'role "%", with which the node runs, may not run commands as "%": %', current_user, p_user, sqlerrm
        using errcode = 'insufficient_privilege', hint = format('grant %I to %I', p_user, current_user);
  end;
  execute 'select pg_temp.pawl_run_as($1, $2)' into v_rows using p_command, p_search_path;
  execute 'drop function if exists pg_temp.pawl_run_as(pg_catalog.text, pg_catalog.text)';
  return v_rows;
end
$$;
comment on function cron.run_as(text, text, text) is 'runs a command as another user';
revoke execute on function cron.run_as(text, text, text) from public;

-- The search_path that a session of a user would begin with, where that differs from others'; null: as ours.
create or replace function cron.search_path_of(p_user text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.substr(c.setting, pg_catalog.length('search_path=') + 1)
  from pg_catalog.pg_db_role_setting s
  cross join lateral pg_catalog.unnest(s.setconfig) as c (setting)
  where s.setrole = (select r.oid from pg_catalog.pg_roles r where r.rolname = p_user)
    and s.setdatabase in (0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
    and c.setting like 'search\_path=%'
  order by s.setdatabase desc
  limit 1
$$;
comment on function cron.search_path_of(text) is 'the search_path that a session of a user would begin with';
revoke execute on function cron.search_path_of(text) from public;

-- What there is in the session's schema of temporary objects.
create or replace function cron.list_temporary() returns oid[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select array(
    select c.oid from pg_class c where c.relnamespace = pg_my_temp_schema()
    union all
    select t.oid from pg_type t where t.typnamespace = pg_my_temp_schema()
    union all
    select p.oid from pg_proc p where p.pronamespace = pg_my_temp_schema())
$$;
comment on function cron.list_temporary() is 'what there is in the session''s schema of temporary objects';
revoke execute on function cron.list_temporary() from public;

-- Takes away what a command may have left in its session: settings, what it has made of temporary tables, types and functions,
-- prepared statements, advisory locks, channels, cursors.
create or replace function cron.clean_session(p_kept oid[], p_kept_statements text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  r record;
begin
  execute 'close all';
  unlisten *;
  perform pg_advisory_unlock_all();
  for r in
    select s.name from pg_prepared_statements s where s.name <> all (p_kept_statements)
  loop
    execute format('deallocate %I', r.name);
  end loop;
  for r in
    select format('%s if exists pg_temp.%I', case c.relkind when 'v' then 'view' when 'S' then 'sequence' when 'c' then 'type' else 'table' end, c.relname) as what
    from pg_class c
    where c.relnamespace = pg_my_temp_schema()
      and c.relkind in ('r', 'p', 'v', 'S', 'c')
      and c.oid <> all (p_kept)
    union all
    select format('type if exists pg_temp.%I', t.typname)
    from pg_type t
    where t.typnamespace = pg_my_temp_schema()
      and t.typtype in ('d', 'e', 'r')
      and t.oid <> all (p_kept)
    union all
    select format('routine if exists pg_temp.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid))
    from pg_proc p
    where p.pronamespace = pg_my_temp_schema()
      and p.oid <> all (p_kept)
  loop
    execute 'drop ' || r.what || ' cascade';
  end loop;
  reset all;
end
$$;
comment on function cron.clean_session(oid[], text[]) is 'takes away what a command has left in its session';
revoke execute on function cron.clean_session(oid[], text[]) from public;
