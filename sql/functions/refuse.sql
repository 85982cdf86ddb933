-- What is said, everywhere in the same words, about a kind, a job, a task, a schedule or a trigger that is not there, about a
-- job that has ended, and about an argument that cannot be. Called by whoever has just looked, so that
-- a look that succeeds pays nothing.
-- Each only raises: PW001 for a kind, PW002 for a job, a task, a schedule or a trigger, PW003 for a job that has ended, PW006 for
-- an argument.
-- Locks: none.
create or replace function pawl.refuse_null(p_parameter text, p_hint text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% must not be null', p_parameter
    using errcode = 'PW006', hint = p_hint;
end
$$;
comment on function pawl.refuse_null(text, text) is 'raises: an argument was null';

create or replace function pawl.refuse_value(p_parameter text, p_value anyelement, p_allowed text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% is out of range: %', p_parameter, p_value
    using errcode = 'PW006', hint = 'It must be ' || p_allowed || '.';
end
$$;
comment on function pawl.refuse_value(text, anyelement, text) is 'raises: an argument is out of range';

create or replace function pawl.refuse_kind(p_kind text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_kind is null then
    perform pawl.refuse_null('p_kind', 'Give the name of a kind; pawl kind list shows those that exist.');
  end if;
  raise exception 'kind "%" does not exist', p_kind
    using errcode = 'PW001', hint = 'Define it: select pawl.define_kind(name, executor, target); pawl kind list shows those that exist.';
end
$$;
comment on function pawl.refuse_kind(text) is 'raises: the kind does not exist';

create or replace function pawl.refuse_job(p_job_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_job_id is null then
    perform pawl.refuse_null('p_job_id', 'Give the id of a job; pawl job list shows those that exist.');
  end if;
  raise exception 'job % does not exist', p_job_id
    using errcode = 'PW002', hint = 'pawl job list shows the jobs that exist.';
end
$$;
comment on function pawl.refuse_job(bigint) is 'raises: the job does not exist';

create or replace function pawl.refuse_new_task(p_job_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'job % has ended: it takes no more tasks', p_job_id
    using errcode = 'PW003', hint = 'Create a new job, or run ended tasks again with pawl.retry_task or pawl.retry_failed.';
end
$$;
comment on function pawl.refuse_new_task(bigint) is 'raises: the job has ended';

create or replace function pawl.refuse_task(p_job_id bigint, p_task_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_job_id is null then
    perform pawl.refuse_job(p_job_id);
  end if;
  if p_task_id is null then
    perform pawl.refuse_null('p_task_id', 'Give the id of a task; pawl task list JOB shows a job''s tasks.');
  end if;
  raise exception 'task %/% does not exist', p_job_id, p_task_id
    using errcode = 'PW002', hint = 'pawl task list JOB shows a job''s tasks.';
end
$$;
comment on function pawl.refuse_task(bigint, bigint) is 'raises: the task does not exist';

create or replace function pawl.refuse_schedule(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name is null then
    perform pawl.refuse_null('p_name', 'Give the name of a schedule; pawl schedule list shows those that exist.');
  end if;
  raise exception 'schedule "%" does not exist', p_name
    using errcode = 'PW002',
      hint = 'pawl schedule list shows those that exist. To create it, say what it runs and when: p_kind (pawl schedule set: --kind), and p_every (--every) or p_cron (--cron).';
end
$$;
comment on function pawl.refuse_schedule(text) is 'raises: the schedule does not exist';

create or replace function pawl.refuse_trigger(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name is null then
    perform pawl.refuse_null('p_name', 'Give the name of a trigger; pawl trigger list shows those that exist.');
  end if;
  raise exception 'trigger "%" does not exist', p_name
    using errcode = 'PW002', hint = 'pawl trigger list shows those that exist; pawl.on_insert and its sisters create one.';
end
$$;
comment on function pawl.refuse_trigger(text) is 'raises: the trigger does not exist';

create or replace function pawl.refuse_data_type(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name is null then
    perform pawl.refuse_null('p_type', 'Give the name of a data type; pawl data-type list shows those that exist.');
  end if;
  raise exception 'data type "%" does not exist', p_name
    using errcode = 'PW002', hint = 'pawl data-type list shows those that exist; pawl.define_data_type creates one.';
end
$$;
comment on function pawl.refuse_data_type(text) is 'raises: the data type does not exist';
