-- What the statements over an adopted table are made of, for its trigger (pawl.make_adoption) and its sweep. Only text is built here,
-- from pawl.adoptions; nothing below locks anything. It runs with the owner's rights in somebody's statement, too, so
-- pg_temp is searched last (see enqueue_rows.sql).

-- The rows as the expressions read them: type, key, holder, as text; code and error are those of a row that could not be read.
-- A key may be a set: a row for each. p_where: one more condition.
create or replace function pawl.adoption_mapping(p_expressions jsonb, p_from text, p_where text default null) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    'select pawl_type.type, pawl_key.key, pawl_holder.holder, null::text as code, null::text as error from %s'
      || ' cross join lateral (select (%s)::text as type) pawl_type cross join lateral (select (%s)::text as key) pawl_key'
      || ' cross join lateral (select (%s)::text as holder) pawl_holder%s',
    p_from, p_expressions ->> 'type', p_expressions ->> 'key', p_expressions ->> 'holder',
    coalesce(' where ' || nullif(concat_ws(' and ', '(' || (p_expressions ->> 'condition') || ')', p_where), ''), ''))
$$;
comment on function pawl.adoption_mapping(jsonb, text, text) is 'query for what an adoption''s expressions say of rows';

-- The same row by row, so that one that cannot be read keeps no other from being read: p_row is an expression for a row of the
-- table's type. Costs some microseconds a row.
create or replace function pawl.guarded_mapping(p_name text, p_from text, p_row text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format('select pawl_read.* from %s cross join lateral pawl.%I(%s) pawl_read', p_from, 'adopted_' || p_name, p_row)
$$;
comment on function pawl.guarded_mapping(text, text, text) is 'query for what an adoption''s expressions say of rows, one by one';

-- The subscriptions that a mapping means: type, key and holder as pawl.subscriptions has them, or the reason why a row gives
-- none. Holders begin with the adoption's name, and one that is too long ends with a hash of itself, or is one where it has many bytes: then it has 500 characters (pawl.holder_names).
create or replace function pawl.adoption_rows(p_name text, p_mapping text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format($sql$
      select case when r.reason is null then v.type end as type,
        case when r.reason is null then case when d.is_global then '' else v.key end end as key,
        case when r.reason is null then %1$L || case when octet_length(v.holder) > 900 then rpad(md5(v.holder), %3$s, '~') when length(v.holder) <= %3$s then v.holder
          else left(v.holder, %4$s) || '~' || md5(v.holder) end end as holder,
        r.reason, v.code, v.error
      from (%2$s) v
      left join pawl.data_types d on d.name = v.type
      cross join lateral (
        select case
            when v.code is not null then 'a row cannot be read: ' || v.error
            when v.type is null then 'the type is null'
            when d.name is null then format('data type "%%s" does not exist', left(v.type, 100))
            when not d.is_global and v.key is null then format('a key of data type "%%s" is null', v.type)
            when not d.is_global and length(v.key) not between 1 and 500 then format('a key of data type "%%s" has %%s characters', v.type, length(v.key))
            when not d.is_global and octet_length(v.key) > 1000 then format('a key of data type "%%s" has %%s bytes', v.type, octet_length(v.key))
            when not d.is_global and d.fetch_path is not null and pawl.leads_elsewhere(v.key) then format('a key of data type "%%s" means another place in its URL: %%s', v.type, v.key)
            when coalesce(v.holder, '') = '' then 'the holder is null or empty'
          end as reason
      ) r$sql$,
    p_name || ':', p_mapping, 500 - length(p_name) - 1, 500 - length(p_name) - 34)
$$;
comment on function pawl.adoption_rows(text, text) is 'query for the subscriptions that rows of an adopted table mean';

-- Whether an error may be one row's, so that the rows are worth being read one by one.
create or replace function pawl.is_fault_of_a_row(p_state text) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_state !~ '^(08|0A|25|3F|40|42|53|54|55|57|58|XX)'
$$;
comment on function pawl.is_fault_of_a_row(text) is 'whether an error may be one row''s';
