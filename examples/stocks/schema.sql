-- The data of a stock dashboard, and what Pawl is told of it.
--
--   psql DATABASE -v provider=http://127.0.0.1:9301/v1 -f schema.sql

\set ON_ERROR_STOP on
begin;

create schema stocks;

create table stocks.profiles (
  symbol text primary key,
  name text not null,
  country text,
  about text,
  written_at timestamptz not null default now()
);

create table stocks.prices (
  symbol text primary key,
  price numeric not null,
  currency text not null,
  traded_at timestamptz not null,
  written_at timestamptz not null default now()
);

-- When the exchange is open, as far as somebody has entered it. A day without a row is one when it is closed, as long as a
-- later one is known.
create table stocks.market_calendar (
  opens_at timestamptz primary key,
  closes_at timestamptz not null,
  check (closes_at > opens_at)
);

create table stocks.market_status (
  is_open boolean, -- null: nobody knows
  changes_at timestamptz,
  written_at timestamptz not null default now()
);

-- The gate of prices: until when there is no sense in asking. Past: the market is open. Null: nobody knows, and so Pawl asks.
create function stocks.closed_until(p_symbol text) returns timestamptz
language sql stable
as $$
  select coalesce(
    (select '-infinity'::timestamptz from stocks.market_calendar c where now() >= c.opens_at and now() < c.closes_at limit 1),
    (select min(c.opens_at) from stocks.market_calendar c where c.opens_at > now()))
$$;

-- What saves an answer of the provider, in the transaction that completes the refresh: Pawl gives the key, the status, the headers
-- and the body, and hears that data has come, and how old it is by its source. What else it needs to know it sees itself: 404 is "there
-- is none", a price that is null is refused by the table and so rejected, and other answers (429, 5xx) are tried again and never come here.
create function stocks.save_price(p_symbol text, p_status integer, p_headers jsonb, p_body jsonb) returns jsonb
language sql
as $$
  insert into stocks.prices as p (symbol, price, currency, traded_at, written_at)
  select p_symbol, (p_body ->> 'price')::numeric, p_body ->> 'currency', (p_body ->> 'traded_at')::timestamptz, now()
  where p_status = 200
  on conflict (symbol) do update
    set price = excluded.price, currency = excluded.currency, traded_at = excluded.traded_at, written_at = excluded.written_at
    where excluded.traded_at > p.traded_at;
  select case when p_status = 200 then jsonb_build_object('outcome', 'data', 'source_at', p_body ->> 'traded_at') end
$$;

create function stocks.save_profile(p_symbol text, p_status integer, p_headers jsonb, p_body jsonb) returns jsonb
language sql
as $$
  insert into stocks.profiles as p (symbol, name, country, about, written_at)
  select p_symbol, p_body ->> 'name', p_body ->> 'country', p_body ->> 'about', now()
  where p_status = 200
  on conflict (symbol) do update
    set name = excluded.name, country = excluded.country, about = excluded.about, written_at = excluded.written_at;
  select case when p_status = 200 then '{"outcome": "data"}'::jsonb end
$$;

-- A refresh need not ask anybody outside: this one is a function of the database.
create function stocks.read_market(p_refresh jsonb) returns jsonb
language plpgsql
as $$
declare
  v_closed_until timestamptz := stocks.closed_until(null);
begin
  delete from stocks.market_status;
  insert into stocks.market_status (is_open, changes_at)
  select v_closed_until <= now(), case
    when v_closed_until > now() then v_closed_until
    else (select c.closes_at from stocks.market_calendar c where now() >= c.opens_at and now() < c.closes_at limit 1)
  end;
  return '{"outcome": "data"}';
end
$$;

-- What asks the provider: GET, with the key of the account from the node's environment, 300 calls in any minute and 20 GB in any
-- 30 days, over all nodes and all that is asked of it. An answer takes 20 kB at most: so much is set aside for each call.
select pawl.define_kind('quotes', 'http', :'provider',
  p_options => '{"form": "fetch", "authorization": "env:QUOTES_KEY", "allow_private": true}');
select pawl.set_limit('quotes', p_window_ms => 60000, p_max_calls => 300,
  p_bytes_window_ms => 30 * 86400000.0, p_max_bytes => 20000000000, p_estimated_bytes => 20000);
select pawl.define_kind('market', 'sql', 'stocks.read_market');

-- A profile is good for a day, a price for a minute, while the exchange is open; no price before there is a profile.
select pawl.define_data_type('profile', 'quotes', '1 day',
  p_table => 'stocks.profiles', p_key_column => 'symbol', p_time_column => 'written_at', p_empty_ttl => '1 hour',
  p_fetch_path => '/profiles/{key}', p_save_function => 'stocks.save_profile');
select pawl.define_data_type('price', 'quotes', '1 minute',
  p_table => 'stocks.prices', p_key_column => 'symbol', p_time_column => 'written_at', p_empty_ttl => '1 hour',
  p_parents => '{profile}', p_gate_function => 'stocks.closed_until', p_max_age => '4 days',
  p_fetch_path => '/prices/{key}', p_save_function => 'stocks.save_price');
select pawl.define_data_type('market', 'market', '1 minute',
  p_table => 'stocks.market_status', p_time_column => 'written_at', p_is_global => true);

commit;
