-- The kind pg_cron, which runs the commands; it may be changed as any other, and is made but once. Its time-out is
-- long because the extension has none.
do $$
declare
  v_target text;
begin
  select k.target into v_target from pawl.kinds k where k.name = 'pg_cron';
  if not found then
    perform pawl.define_kind('pg_cron', 'sql', 'cron.run_command', p_timeout_ms => 86400000);
  elsif v_target is distinct from 'cron.run_command' then
    raise exception 'there is a kind "pg_cron" that does something else'
      using errcode = '3F000', hint = 'What stands in for pg_cron needs that name: delete the kind, or do without --compat pg_cron.';
  end if;
end
$$;
