#!/usr/bin/env python3
"""A viewer of the stock dashboard: looks at some symbols, and prints prices as they come.

    DATABASE_URL=postgresql:///app python3 viewer.py ada AAPL MSFT NVDA --seconds 60

It needs psycopg 3. What it shows: to subscribe is all that it takes to have data and keep it fresh; one call keeps all of a
viewer's subscriptions, one ends them; a viewer who just goes away is forgotten after half a minute. It never asks whether
something is new: it is told.
"""
import argparse
import json
import os
import select
import signal
import time

import psycopg

HOLD = "30 seconds"  # so long a viewer is believed in who says nothing
HEARTBEAT_SECONDS = 10


def subscribe(connection, options):
    """How it stands with each symbol at this moment."""
    return connection.execute("select key, state from pawl.subscribe('price', %s::text[], %s, %s)",
                              (options.symbols, options.name, HOLD)).fetchall()


def show(connection, options, symbols):
    for symbol, price, currency, age in connection.execute("""
            select symbol, price, currency, extract(epoch from clock_timestamp() - traded_at)
            from stocks.prices where symbol = any(%s) order by symbol""", (symbols,)):
        print(f"{options.name}: {symbol} {price} {currency}, {age:.1f} s old", flush=True)


def told(options, heard):
    """Those of our symbols whose price has come; heard: what was notified since the last time."""
    news = set()
    while heard:
        message = json.loads(heard.pop())
        if message["type"] == "price":  # without keys: there are too many to name, so look at all
            news.update(set(options.symbols) & set(message["keys"] or options.symbols))
    return sorted(news)


def main():
    parser = argparse.ArgumentParser(description="a viewer of the stock dashboard")
    parser.add_argument("name")
    parser.add_argument("symbols", nargs="+")
    parser.add_argument("--seconds", type=float, default=1e9, help="leave after so long")
    options = parser.parse_args()
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    leaving = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaving.append(True))
    end = time.monotonic() + options.seconds
    with psycopg.connect(os.environ.get("DATABASE_URL", ""), autocommit=True) as connection:
        heard = []
        connection.add_notify_handler(lambda message: heard.append(message.payload))
        connection.execute("listen pawl_refreshed")  # before the first look, so that nothing falls in between
        fresh = [key for key, state in subscribe(connection, options) if state == "fresh"]
        show(connection, options, fresh)
        next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        while not leaving and time.monotonic() < end:
            select.select([connection.fileno(), wake], [], [], max(0, min(next_heartbeat, end) - time.monotonic()))
            connection.execute("select")  # takes in what was notified
            show(connection, options, told(options, heard))
            if time.monotonic() >= next_heartbeat:
                next_heartbeat += HEARTBEAT_SECONDS
                if not connection.execute("select pawl.heartbeat(%s)", (options.name,)).fetchone()[0]:
                    subscribe(connection, options)  # we were away for too long
        connection.execute("select pawl.unsubscribe(null, null, %s)", (options.name,))


if __name__ == "__main__":
    main()
