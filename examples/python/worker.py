#!/usr/bin/env python3
"""A worker of Pawl in Python: claims tasks of the kind "thumbnail" through SQL and runs them one at a time.

    select pawl.define_kind('thumbnail', 'external');
    create table thumbnails (image integer primary key, bytes integer not null);
    select pawl.enqueue('thumbnail', '{"image": 17}');

    DATABASE_URL=postgresql:///app python3 worker.py

It needs psycopg 3. What it shows: hearing of work, a lease that is extended (with progress) while the work takes
its time, an effect and the end of its task in one transaction, failures that are tried again and such that are not,
tasks that are put off, and a graceful stop: SIGTERM ends it behind the task that it has. When the database goes
away it ends with an error: whoever started it starts it again.
"""
import os
import select
import signal
import threading

import psycopg
from psycopg.types.json import Jsonb

KIND = "thumbnail"
NAME = f"{os.uname().nodename}:{os.getpid()}"
LEASE_SECONDS = float(os.environ.get("LEASE_SECONDS", 60))
LOOK_SECONDS = 30  # also without a message
LOST = "PW008"     # the task is not ours any more

DATABASE = os.environ.get("DATABASE_URL", "")
stopping = threading.Event()


class NoSuchImage(Exception):
    """To try again is of no use."""


class NotYet(Exception):
    """The image is not there yet."""


def make_thumbnail(payload, report):
    """The work: what it returns is the effect. It may take long, and says how far it is."""
    if payload["image"] < 0:
        raise NoSuchImage(f"there is no image {payload['image']}")
    if payload["image"] == 0:
        raise NotYet
    steps = payload.get("steps", 1)
    for step in range(steps):
        report(100 * step / steps, f"step {step + 1} of {steps}")
        threading.Event().wait(payload.get("seconds", 0) / steps)
    return payload["image"] * 100


class Lease:
    """Extended in a thread, over a connection of its own, while the work is done."""

    def __init__(self, token):
        self.token, self.progress = token, (None, None)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.extend, daemon=True)

    def report(self, percent, message):
        self.progress = percent, message

    def extend(self):
        with psycopg.connect(DATABASE, autocommit=True) as connection:
            while not self.done.wait(LEASE_SECONDS / 3):
                try:
                    connection.execute("select pawl.extend_lease(%s, %s, %s, %s * interval '1 second', %s, %s)",
                                       (*self.token, LEASE_SECONDS, *self.progress))
                except psycopg.Error as error:
                    print(error, flush=True)
                    return  # finish_task has the last word on whose task it is

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def run(connection, token, payload):
    try:
        with Lease(token) as lease:
            size = make_thumbnail(payload, lease.report)
        with connection.transaction():  # the effect and the end of the task: both, or neither
            connection.execute("insert into thumbnails (image, bytes) values (%s, %s)", (payload["image"], size))
            connection.execute("select pawl.finish_task(%s, %s, %s, %s)", (*token, Jsonb({"bytes": size})))
    except NotYet:
        connection.execute("select pawl.snooze_task(%s, %s, %s, '10 seconds')", token)
    except psycopg.OperationalError:
        raise  # the database is away: the lease will end, and somebody runs the task again
    except Exception as error:
        if getattr(error, "sqlstate", None) == LOST:
            print(f"task {token[0]}/{token[1]} is not ours any more: {error}", flush=True)
            return
        connection.execute("select pawl.fail_task(%s, %s, %s, %s, p_is_final => %s)",
                           (*token, str(error), isinstance(error, NoSuchImage)))


def main():
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with psycopg.connect(DATABASE, autocommit=True) as connection:
        connection.execute("listen pawl_tasks")  # before the first claim, so that nothing falls in between
        print(f"{NAME} works", flush=True)
        while not stopping.is_set():
            claimed = connection.execute(
                "select job_id, task_id, attempt, payload from pawl.claim_tasks(%s, %s, 1, %s * interval '1 second')",
                (KIND, NAME, LEASE_SECONDS)).fetchall()
            for *token, payload in claimed:
                try:
                    run(connection, token, payload)
                except psycopg.Error as error:
                    if error.sqlstate != LOST:
                        raise
            if not claimed:  # any message will do: to look costs little
                select.select([connection.fileno(), wake], [], [], LOOK_SECONDS)
    print(f"{NAME} stops", flush=True)


if __name__ == "__main__":
    main()
