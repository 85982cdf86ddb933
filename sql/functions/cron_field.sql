-- pawl.cron_field(text, place): the values that one field of a cron expression names, for pawl.next_cron.
-- p_place counts from 1: minute, hour, day of the month, month, day of the week (0 is Sunday, as 7 is).
-- A field is a list of items with commas between them; an item is *, a value or a range, the first and the
-- last with a step if wanted: */15, 1-5, 8-18/2, mon-fri, jan,jul. Of the days of a month $ is the last, as in pg_cron;
-- its value is 32.
-- Source: POSIX.1-2017, crontab; ranges, steps and names as in Vixie's cron.
-- Returns the values in order, each once. Refuses what is no such field, and says what is (PW006).
-- Locks: none.
create or replace function pawl.cron_field(p_text text, p_place integer) returns integer[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := (array['minute', 'hour', 'day of the month', 'month', 'day of the week'])[p_place];
  v_least integer := (array[0, 0, 1, 1, 0])[p_place];
  v_most integer := (array[59, 23, 31, 12, 7])[p_place];
  v_words text[] := case p_place
    when 4 then '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'::text[]
    when 5 then '{sun,mon,tue,wed,thu,fri,sat}'::text[]
    else '{}'::text[]
  end;
  v_item text;
  v_parts text[]; -- begin, end, step
  v_begin integer;
  v_end integer;
  v_step integer;
  v_values integer[] := '{}';
begin
  foreach v_item in array pg_catalog.string_to_array(pg_catalog.lower(p_text), ',') loop
    if v_item = '$' and p_place = 3 then
      v_values := v_values || 32;
      continue;
    end if;
    v_parts := pg_catalog.regexp_match(v_item, '^(\*|\d{1,2}|[a-z]{3})(?:-(\d{1,2}|[a-z]{3}))?(?:/(\d{1,2}))?$');
    v_begin := case
      when v_parts[1] = '*' then v_least
      when v_parts[1] ~ '^\d' then v_parts[1]::integer
      else v_least + pg_catalog.array_position(v_words, v_parts[1]) - 1
    end;
    v_end := case
      when v_parts[1] = '*' then case p_place when 5 then 6 else v_most end
      when v_parts[2] is null then v_begin
      when v_parts[2] ~ '^\d' then v_parts[2]::integer
      else v_least + pg_catalog.array_position(v_words, v_parts[2]) - 1
    end;
    if p_place = 5 and v_end = 0 and v_begin > 0 then
      v_end := 7; -- fri-sun
    end if;
    v_step := coalesce(v_parts[3]::integer, 1);
    if v_begin >= v_least and v_begin <= v_end and v_end <= v_most and v_step between 1 and v_most
      and (v_parts[2] is null or v_parts[1] <> '*')                           -- no *-5
      and (v_parts[3] is null or v_parts[2] is not null or v_parts[1] = '*')  -- no 5/10
    then
      v_values := v_values || array(select pg_catalog.generate_series(v_begin, v_end, v_step));
    else
      raise exception '% is no % of a cron expression', pg_catalog.quote_literal(v_item), v_name
        using errcode = 'PW006',
          hint = pg_catalog.format('It is *, a number from %s to %s%s, or a range as %s, these two with a step as */%s if wanted; several with commas between them.',
            v_least, v_most, case p_place when 3 then ', $ for the last' when 4 then ', a name from jan to dec' when 5 then ', a name from sun to sat' else '' end,
            (array['0-29', '8-18', '1-7', '6-8', 'mon-fri'])[p_place], (array[15, 6, 2, 3, 2])[p_place]);
    end if;
  end loop;
  return array(
    select distinct case when p_place = 5 then v % 7 else v end
    from pg_catalog.unnest(v_values) v
    order by 1);
end
$$;
comment on function pawl.cron_field(text, integer) is 'the values that a field of a cron expression names';
