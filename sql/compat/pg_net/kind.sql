-- The kind pg_net, which sends the requests; it may be changed as any other, and is made but once. A receiver that is
-- away is tried for about half an hour. A request that was sent and not answered in time is not sent again: as it is a
-- caller's time-out, often a short one, the receiver may well be at it. What has ended is forgotten by net._send.
do $$
declare
  v_options jsonb;
begin
  select k.options into v_options from pawl.kinds k where k.name = 'pg_net';
  if not found then
    perform pawl.define_kind('pg_net', 'http', p_max_attempts => 12, p_timeout_ms => 3600000, p_max_payload_bytes => 67108864, p_keep => '0',
      p_options => '{"form": "request", "retry_timeouts": false, "max_result_bytes": 1048576}');
  elsif v_options ->> 'form' is distinct from 'request' then
    raise exception 'there is a kind "pg_net" that does something else'
      using errcode = '3F000', hint = 'What stands in for pg_net needs that name: delete the kind, or do without --compat pg_net.';
  end if;
end
$$;
