-- pawl.set_type_budget(type, budget): the limiter "type:NAME" of a data type, made on first use; for pawl.define_data_type, which says what the
-- members are. What is null is refused: a limit that nobody knows is no limit (I11).
-- Returns nothing. Refuses what is no budget (PW006), and as pawl.write_limit. Locks: the limiter.
create or replace function pawl.set_type_budget(p_type text, p_budget jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key text := 'type:' || p_type;
  v_name text;
  v_value jsonb;
  v_most numeric;
  v_ms double precision;
  v_wrong text;
begin
  if pg_catalog.jsonb_typeof(p_budget) <> 'object' then
    raise exception 'p_budget is no JSON object'
      using errcode = 'PW006', hint = 'Give, for example, {"calls": 300, "window": "1 minute"}.';
  end if;
  for v_name, v_value in select e.key, e.value from pg_catalog.jsonb_each(p_budget) e loop
    v_wrong := null;
    if v_name in ('running', 'calls', 'bytes', 'estimated_bytes') then
      v_most := case v_name when 'running' then 2147483647 else 1e15 end;
      if pg_catalog.jsonb_typeof(v_value) <> 'number' or v_value::numeric <> pg_catalog.trunc(v_value::numeric) or v_value::numeric not between 0 and v_most then
        v_wrong := pg_catalog.format('It must be a whole number, or 0 for no limit, up to %s.', v_most::bigint);
      end if;
    elsif v_name in ('window', 'bytes_window', 'start_interval') then
      v_ms := case when pg_catalog.jsonb_typeof(v_value) = 'string' then pawl.read_interval_ms(v_value #>> '{}') end;
      if v_ms is null then
        v_wrong := 'It must be a time as a text, for example "1 minute".';
      elsif v_name = 'start_interval' and (v_ms < 0 or v_ms >= 86400000) then
        v_wrong := 'It must be less than "1 day", or "0" for no pace.';
      elsif v_name <> 'start_interval' and not v_ms between 60 and 3660000000 and (v_name = 'window' or v_ms <> 0) then
        v_wrong := 'It must be from "60 milliseconds" to "42 days"' || case v_name when 'window' then '.' else ', or "0" for the window of the calls.' end;
      end if;
    else
      v_wrong := 'There is no such limit. There are running, calls, window, bytes, bytes_window, estimated_bytes, start_interval.';
    end if;
    if v_wrong is not null then
      raise exception 'the budget of data type "%" has %: %', p_type, v_name, v_value
        using errcode = 'PW006', hint = v_wrong || case when v_value = 'null' then ' Null is no limit that anybody could keep.' else '' end;
    end if;
  end loop;
  insert into pawl.limiters (key) values (v_key) on conflict (key) do nothing;
  perform pawl.write_limit(v_key,
    p_max_running => (p_budget ->> 'running')::numeric::integer,
    p_start_interval_ms => pawl.read_interval_ms(p_budget ->> 'start_interval'),
    p_window_ms => pawl.read_interval_ms(p_budget ->> 'window'),
    p_max_calls => (p_budget ->> 'calls')::numeric::bigint,
    p_max_bytes => (p_budget ->> 'bytes')::numeric::bigint,
    p_estimated_bytes => (p_budget ->> 'estimated_bytes')::numeric::bigint,
    p_bytes_window_ms => pawl.read_interval_ms(p_budget ->> 'bytes_window'));
end
$$;
comment on function pawl.set_type_budget(text, jsonb) is 'the limits of a data type';

-- A time as milliseconds; null for what is none, or is no fixed time (months count as 30 days, as PostgreSQL counts them).
create or replace function pawl.read_interval_ms(p_text text) returns double precision
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return extract(epoch from p_text::interval)::double precision * 1000;
exception when others then
  return null;
end
$$;
comment on function pawl.read_interval_ms(text) is 'a time as milliseconds; null for what is none';
