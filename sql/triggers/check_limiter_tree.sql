-- Limiters stand in trees of two levels: a claim asks a limiter and its parent, and nobody above that. So a
-- parent that has one itself, or a child that is a parent, would be a limit that is set and does not hold
-- (I11): refused (PW006).
-- Locks: none; a lock on the parent would stop its claims until the transaction ends.
create or replace function pawl.check_limiter_tree() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from pawl.limiters l where l.key = new.parent_key and l.parent_key is not null;
  if found or new.parent_key = new.key or exists (select from pawl.limiters l where l.parent_key = new.key) then
    raise exception 'limiter "%" cannot stand under "%"', new.key, new.parent_key
      using errcode = 'PW006', hint = 'A limiter that stands under another is nobody''s parent.';
  end if;
  return new;
end
$$;
comment on function pawl.check_limiter_tree() is 'trigger: trees of limiters have two levels';

drop trigger if exists check_limiter_tree on pawl.limiters;
create trigger check_limiter_tree before insert or update of parent_key on pawl.limiters
for each row when (new.parent_key is not null) execute function pawl.check_limiter_tree();
comment on trigger check_limiter_tree on pawl.limiters is 'trees of limiters have two levels';
