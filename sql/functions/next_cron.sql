-- pawl.next_cron(expression, after, zone): the first moment after p_after that a cron expression names, by
-- the clock of a time zone. Fields: minute, hour, day of the month, month, day of the week (see
-- pawl.cron_field), or one word for all: @hourly, @daily or @midnight, @weekly, @monthly, @yearly or
-- @annually. When both days are restricted, either will do; a day field that begins with * restricts
-- nothing of that kind, so then both must fit ("0 0 */2 * mon": Mondays with an odd date).
-- When clocks are set forward or back: an expression that names every hour means hours that pass, so it
-- neither misses nor repeats one. Any other means a time on the wall: one that does not exist runs at the
-- moment of the change, one that exists twice runs the first time (pawl.cron_moment).
-- Clocks that were set back at a minute past midnight (Newfoundland, until 2011) are not thought of.
-- Fields are walked, not minutes: months and days first, then the hours of the day that was found.
-- Returns null when it does not come in five years, or after infinity. Refuses what is no expression
-- (PW006), and a time zone that the server does not know (22023).
-- Source: POSIX.1-2017, crontab; the words and the star's meaning as in Vixie's cron.
-- Locks: none.
create or replace function pawl.next_cron_date(
  p_from date,
  p_days integer[],
  p_months integer[],
  p_weekdays integer[],
  p_is_either boolean
) returns date
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_date date := p_from;
  v_is_day boolean;
  v_is_weekday boolean;
begin
  while v_date <= p_from + interval '5 years' loop
    v_is_day := extract(day from v_date)::integer = any (p_days)
      or 32 = any (p_days) and extract(day from v_date + 1) = 1;
    v_is_weekday := extract(dow from v_date)::integer = any (p_weekdays);
    if extract(month from v_date)::integer <> all (p_months) then
      v_date := pg_catalog.date_trunc('month', v_date::timestamp) + interval '1 month';
    elsif v_is_day and v_is_weekday or p_is_either and (v_is_day or v_is_weekday) then
      return v_date;
    else
      v_date := v_date + 1;
    end if;
  end loop;
  return null;
end
$$;
comment on function pawl.next_cron_date(date, integer[], integer[], integer[], boolean)
  is 'the first date from one on that a cron expression names';

create or replace function pawl.next_cron(
  p_expression text,
  p_after timestamptz,
  p_time_zone text default 'UTC'
) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := pg_catalog.lower(pg_catalog.btrim(p_expression, E' \t'));
  v_fields text[];
  v_minutes integer[];
  v_hours integer[];
  v_days integer[];
  v_months integer[];
  v_weekdays integer[];
  v_is_either boolean;
  v_time timestamp; -- on the wall
  v_date date;
  v_hour integer;
  v_minute integer;
  v_at timestamptz;
begin
  v_fields := pg_catalog.regexp_split_to_array(
    case v_text
      when '@hourly' then '0 * * * *'
      when '@daily' then '0 0 * * *'
      when '@midnight' then '0 0 * * *'
      when '@weekly' then '0 0 * * 0'
      when '@monthly' then '0 0 1 * *'
      when '@yearly' then '0 0 1 1 *'
      when '@annually' then '0 0 1 1 *'
      else v_text
    end, '[ \t]+');
  if coalesce(pg_catalog.cardinality(v_fields), 0) <> 5 then
    raise exception '% is no cron expression', coalesce(pg_catalog.quote_literal(p_expression), 'null')
      using errcode = 'PW006',
        hint = 'It has five fields: minute, hour, day of the month, month, day of the week; or is one of @hourly, @daily, @weekly, @monthly, @yearly.';
  end if;
  if p_time_zone is null then
    perform pawl.refuse_null('p_time_zone', 'Give a name that pg_timezone_names has, for example Europe/Berlin.');
  end if;
  v_minutes := pawl.cron_field(v_fields[1], 1);
  v_hours := pawl.cron_field(v_fields[2], 2);
  v_days := pawl.cron_field(v_fields[3], 3);
  v_months := pawl.cron_field(v_fields[4], 4);
  v_weekdays := pawl.cron_field(v_fields[5], 5);
  v_is_either := v_fields[3] !~ '^\*' and v_fields[5] !~ '^\*';
  if p_after is null or not pg_catalog.isfinite(p_after) then
    return null;
  end if;

  if pg_catalog.cardinality(v_hours) = 24 then
    -- hours that pass: from minute to minute, for an hour at most, but over dates at once
    v_at := pg_catalog.date_trunc('minute', p_after, p_time_zone) + interval '1 minute';
    loop
      v_time := v_at at time zone p_time_zone;
      v_date := pawl.next_cron_date(v_time::date, v_days, v_months, v_weekdays, v_is_either);
      if v_date is null or v_date = v_time::date and extract(minute from v_time)::integer = any (v_minutes) then
        return case when v_date is not null then v_at end;
      end if;
      v_at := greatest(v_at + interval '1 minute',
        case when v_date > v_time::date then pawl.cron_moment(v_date, p_time_zone) end);
    end loop;
  end if;

  v_time := pg_catalog.date_trunc('minute', p_after at time zone p_time_zone);
  v_date := v_time::date;
  loop
    v_date := pawl.next_cron_date(v_date, v_days, v_months, v_weekdays, v_is_either);
    if v_date is null then
      return null;
    end if;
    foreach v_hour in array v_hours loop
      foreach v_minute in array v_minutes loop
        continue when v_date + pg_catalog.make_time(v_hour, v_minute, 0) < v_time;
        v_at := pawl.cron_moment(v_date + pg_catalog.make_time(v_hour, v_minute, 0), p_time_zone);
        if v_at > p_after then
          return v_at;
        end if;
      end loop;
    end loop;
    v_date := v_date + 1;
  end loop;
end
$$;
comment on function pawl.next_cron(text, timestamptz, text) is 'the first moment after another that a cron expression names';
