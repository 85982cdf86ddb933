-- cron.check_user(user, message): whether the caller may schedule in another's name: a superuser may, for a role that
-- can log in. For cron.alter_job and cron.schedule_in_database.
-- Returns nothing. Refuses with the message (42501), and a role that there is not.
-- Locks: none.
create or replace function cron.is_superuser() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user
$$;
comment on function cron.is_superuser() is 'whether the caller is a superuser';

create or replace function cron.check_user(p_user text, p_message text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_can_login boolean;
begin
  if not cron.is_superuser() then
    raise exception '%', p_message using errcode = 'insufficient_privilege';
  end if;
  select r.rolcanlogin into v_can_login from pg_catalog.pg_roles r where r.rolname = p_user;
  if not found then
    raise exception 'role "%" does not exist', p_user using errcode = 'undefined_object';
  end if;
  if not v_can_login then
    raise exception 'role "%" can not log in', p_user
      using errcode = 'invalid_parameter_value', detail = 'Jobs may only be run by roles that have the LOGIN attribute.';
  end if;
end
$$;
comment on function cron.check_user(text, text) is 'refuses a caller who may not schedule in another''s name';
