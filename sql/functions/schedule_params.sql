-- pawl.schedule_params(name, kind, payload, order): the p_params of pawl.define_schedule that pawl schedule set
-- means: the payload, if one is given, and in it what its options say of a crawl (p_order, as in
-- pawl.start_crawl). With a url they are told anew; without a url and a payload they change what the
-- schedule has.
-- Returns null when neither is given. Refuses options of a crawl for a kind that is none (PW006).
-- Locks: the schedule's row, when that is changed.
create or replace function pawl.schedule_params(p_name text, p_kind text, p_payload jsonb, p_order jsonb) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pawl.schedules;
  v_executor text;
  v_params jsonb;
begin
  if p_order is null then
    return p_payload;
  end if;
  select s.* into v_schedule from pawl.schedules s where s.name = p_name for no key update;
  select k.executor into v_executor from pawl.kinds k where k.name = coalesce(p_kind, v_schedule.kind);
  if v_executor <> 'crawl' then
    raise exception 'kind "%" has the executor %, so what is said of a crawl has no meaning', coalesce(p_kind, v_schedule.kind), v_executor
      using errcode = 'PW006', hint = 'Give the payload of its task: --payload JSON.';
  end if;
  v_params := case
    when p_payload is not null then p_payload
    when p_order ? 'url' then '{}'
    else coalesce(v_schedule.params, '{}')
  end;
  if pg_catalog.jsonb_typeof(v_params) <> 'object' then
    return v_params; -- which pawl.define_schedule refuses
  end if;
  if p_order ?| array['adaptive', 'start_interval_ms'] then
    v_params := v_params - array['adaptive', 'start_interval_ms']; -- each takes the other's place
  end if;
  return v_params || p_order;
end
$$;
comment on function pawl.schedule_params(text, text, jsonb, jsonb) is 'the parameters of a schedule that pawl schedule set means';
