"""Recurring jobs. Guards I5 for schedules (a sleeping node is woken by its timer or a bell, and asks
nothing meanwhile), I7 (a run is neither lost nor doubled, whoever dies), and the clock of pawl.next_cron."""
import datetime
import itertools
import json
import random
import shutil
import zoneinfo

import pytest

from database import Effects
from waiting import until
from website import Website, page

PICKUP_SECONDS = 2  # as in test_04_doorbell.py

# One row a run, however it ended.
WATCH_RUNS = """
  create schema if not exists app;
  create table app.runs (schedule text, at timestamptz default clock_timestamp());
  create function app.note_run() returns trigger language plpgsql as
    $$ begin insert into app.runs values (new.name); return null; end $$;
  create trigger note_run after update on pawl.schedules
  for each row when (new.last_run_at is distinct from old.last_run_at) execute function app.note_run()"""


def runs(db):
    return db.value("select count(*) from app.runs")


def wait_runs(db, count, seconds=PICKUP_SECONDS):
    until(lambda: runs(db) >= count, seconds, lambda: f"{count} runs: {db.json('schedule', 'list')}")
    assert runs(db) == count


def make_due(db, name, when="- interval '3 days'"):
    db.rows(f"update pawl.schedules set next_run_at = clock_timestamp() {when} where name = %s", name)


# ---- a node and its timer ----

def test_a_sleeping_node_runs_what_is_due_and_asks_nothing_before(databases, own_servers, serve):
    server = own_servers(log_statement="all")
    db = databases(server)
    effects = Effects(db)
    db.rows(WATCH_RUNS)
    db.kind("act", "sql", "app.act")

    def said(words, since=0):
        with open(server.log, errors="replace") as log:
            log.seek(since)
            return sum(words in line and " execute " in line for line in log)

    node = serve(db)
    db.wait_asleep()
    db.pawl("schedule", "set", "chore", "--kind", "act", "--payload", '{"n": 1}', "--every", "6h")
    assert said("run_due_schedules") == 0
    db.wait_asleep()

    # It only beats, and sweeps once in between.
    with open(server.log, "rb") as log:
        since = log.seek(0, 2)
    beat = db.value("select heartbeat_at from pawl.nodes")
    until(lambda: db.value("select heartbeat_at from pawl.nodes") > beat, 10, "the next heartbeat")
    assert said("run_due_schedules", since) == said("promote_due", since) == 0
    assert said("pawl.next_due_ms", since) <= 1

    # A bell: somebody moves it into the past, by many of its times.
    make_due(db, "chore")
    wait_runs(db, 1)
    until(lambda: db.value("select count(*) from app.effects") == 1, PICKUP_SECONDS, "the task has run")
    assert db.value("select next_run_at between now() and now() + interval '6 hours' from pawl.schedules")
    db.wait_asleep()
    assert said("run_due_schedules") == 1

    # Its own timer.
    make_due(db, "chore", "+ interval '1200 ms'")
    assert runs(db) == 1
    wait_runs(db, 2, 1.2 + PICKUP_SECONDS)
    assert db.value("select min(at - s.last_run_at) < interval '1 second' from app.runs, pawl.schedules s where at > s.last_run_at")

    # One that cannot start is said, keeps no other from it, and is not tried again and again.
    db.wait_asleep()
    asked = said("run_due_schedules")
    db.kind("passing")
    db.rows("select pawl.define_schedule('bad', 'passing', p_every => '1 hour')")
    db.rows("delete from pawl.kinds where name = 'passing'")
    db.rows("update pawl.schedules set next_run_at = now() - interval '1 hour'")
    wait_runs(db, 4)
    db.wait_asleep()
    assert said("run_due_schedules") == asked + 1
    until(lambda: "schedules that could not start: 1" in node.said(), PICKUP_SECONDS, "the node says so")
    assert "passing" in {row["schedule"]: row["last_error"] for row in db.json("schedule", "list")}["bad"]

    assert db.value("select count(*) from app.effects") == 3
    db.assert_never_swept()
    assert runs(db) == 4


def test_of_two_nodes_one_runs_it(db, effects, serve):
    db.rows(WATCH_RUNS)
    db.kind("act", "sql", "app.act")
    serve(db)
    serve(db)
    for name in ("one", "two", "three"):
        db.rows("""select pawl.define_schedule(%s, 'act', '{"n": 1}', p_every => '1 hour')""", name)
    for round_ in range(1, 6):
        db.wait_asleep(2)
        db.rows("update pawl.schedules set next_run_at = clock_timestamp() + interval '200 ms'")
        wait_runs(db, 3 * round_, 0.2 + PICKUP_SECONDS)
        assert db.value("select min(next_run_at) > now() + interval '59 minutes' from pawl.schedules")
    db.wait_asleep(2)
    until(lambda: db.value("select count(*) from app.effects") == 15, PICKUP_SECONDS, "every task has run")
    assert runs(db) == 15
    db.assert_never_swept()


# ---- kill -9 ----

def test_a_schedule_outlives_the_node_whose_timer_was_set(db, effects, serve):
    db.rows(WATCH_RUNS)
    db.kind("act", "sql", "app.act")
    victim = serve(db)
    db.rows("""select pawl.define_schedule('chore', 'act', '{"n": 1}', p_every => '1 hour')""")
    db.wait_asleep()
    victim.kill()
    make_due(db, "chore")
    assert runs(db) == 0
    serve(db)
    wait_runs(db, 1, 5)
    until(lambda: db.value("select count(*) from app.effects") == 1, PICKUP_SECONDS, "the task has run")


def test_a_node_that_dies_in_the_middle_of_a_run(db, effects, serve):
    """The other one finds it due, or done: never both, never neither."""
    db.rows(WATCH_RUNS)
    db.rows("""
      create function app.dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$;
      create trigger dawdle before insert on pawl.tasks for each row when (new.key like 'schedule:%%') execute function app.dawdle()""")
    db.kind("act", "sql", "app.act")
    victim = serve(db)
    db.wait_asleep()
    db.rows("""select pawl.define_schedule('chore', 'act', '{"n": 1}', p_every => '1 hour')""")
    make_due(db, "chore")
    starting = "select count(*) from pg_stat_activity where state = 'active' and query like '%run_due_schedules%' and pid <> pg_backend_pid()"
    until(lambda: db.value(starting) == 1, 5, "the run is being started")
    victim.kill()
    assert db.value(starting) == 1, "its session has not noticed yet"
    serve(db)
    wait_runs(db, 1, 10)
    until(lambda: db.value("select count(*) from app.effects") == 1, 10, "the task has run")
    until(lambda: db.value("select count(*) from pg_stat_activity where application_name = 'pawl duty'") == 1, 10,
          "the dead node's session is over")
    assert runs(db) == 1


# ---- policies ----

# A run takes longer than the time to the next.
DAWDLE = """
  create schema app;
  create table app.turns (at text, started_at timestamptz, ended_at timestamptz);
  create function app.dawdle(p jsonb) returns void language plpgsql as $$
  declare
    v_started timestamptz := clock_timestamp();
  begin
    perform pg_sleep((p ->> 'seconds')::float);
    insert into app.turns values (p ->> 'at', v_started, clock_timestamp());
  end $$"""
TURNS_AT_ONCE = "select count(*) from app.turns a join app.turns b on a.at < b.at and b.started_at < a.ended_at"


def test_runs_queue_over_two_nodes(db, serve):
    """I11 for a schedule: one run at a time, whichever node has it, and each in its turn."""
    db.rows(DAWDLE)
    db.kind("dawdle", "sql", "app.dawdle")
    serve(db)
    serve(db)
    db.pawl("schedule", "set", "often", "--kind", "dawdle", "--payload", '{"seconds": 1.3}', "--every", "1s", "--overlap", "queue",
            "--time-member", "at", "--next", "now")
    until(lambda: db.value("select count(*) from app.turns") >= 3, 15, "three runs have ended")
    db.pawl("schedule", "set", "often", "--pause")
    assert db.value(TURNS_AT_ONCE) == 0
    fired = db.value("select count(*) from pawl.tasks")
    assert fired > 3, "others wait"
    until(lambda: db.value("select count(*) from app.turns") == fired, 30, "all have had their turn")
    assert db.value(TURNS_AT_ONCE) == 0
    assert db.value("select count(distinct at) from app.turns") == fired, "each time once"
    db.wait_folded()
    db.assert_exact()

    db.rows("truncate app.turns")
    db.pawl("schedule", "set", "often", "--overlap", "allow", "--resume", "--next", "now")
    until(lambda: db.value(TURNS_AT_ONCE) > 0, 15, "allowed to, they overlap")


def test_every_missed_run_is_made_up_for_once_through_a_kill(db, serve):
    """I7 for catch-up all: an outage, a node that dies in the middle of the second run, and each time has its effect once."""
    db.rows(DAWDLE)
    db.kind("dawdle", "sql", "app.dawdle", backoff_base_ms=0)
    db.pawl("schedule", "set", "hourly", "--kind", "dawdle", "--payload", '{"seconds": 0.7}', "--every", "1h", "--overlap", "queue",
            "--catch-up", "all", "--time-member", "at", "--next", "2026-01-01T00:00:00Z", "--backlog", "5")
    victim = serve(db)
    until(lambda: db.value("select count(*) from app.turns") == 1, 10, "the first has run")
    until(lambda: db.value("select count(*) from pawl.tasks where status = 'running'") == 1, 5, "the second runs")
    victim.kill()
    serve(db)
    until(lambda: db.value("select count(*) from app.turns") == 5, 40, lambda: f"all: {db.rows('select * from app.turns')}")
    due = db.value("""
      select array_agg(to_char(s.next_run_at - n * interval '1 hour', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') order by n desc)
      from pawl.schedules s, generate_series(1, 5) n""")
    assert sorted(row[0] for row in db.rows("select at from app.turns")) == due, "the newest five"
    assert db.json("schedule", "show", "hourly")["last_skip_reason"] == "missed", "and it says that others are left out"
    assert db.value(TURNS_AT_ONCE) == 0


# ---- a crawl ----

@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_a_new_crawl_replaces_the_one_that_runs(db, serve, tmp_path):
    site = Website(tmp_path / "site", {"/index.html": page(*(f"p/{i}.html" for i in range(40))),
                                       **{f"/p/{i}.html": page("/") for i in range(40)}})
    try:
        serve(db)
        db.pawl("schedule", "set", "shop", "--url", f"http://127.0.0.1:{site.port}", "--payload",
                '{"max_running": 1, "start_interval_ms": 400, "allow_private": true, "sitemaps": false}', "--every", "6h", "--replace")
        first = db.json("schedule", "run", "shop")["job"]
        until(lambda: db.progress(first)["completed"] > 2, 10, "it crawls")
        db.rows("""update pawl.schedules set params = params || '{"start_interval_ms": 0}'""")
        make_due(db, "shop")
        until(lambda: db.job_status(first) == "cancelled", PICKUP_SECONDS, "the first is replaced")
        second = db.json("schedule", "list")[0]["last_job"]
        db.wait_job(second)
        assert db.progress(second)["completed"] == 41
        assert db.value("select error from pawl.jobs where id = %s", first) == f'replaced by job {second} of schedule "shop"'
        db.wait_folded()
        db.assert_exact()
    finally:
        site.stop()


# ---- the commands ----

def test_the_commands(db):
    db.kind("report")
    assert db.pawl("schedule", "list").stdout == "" and db.json("schedule", "list") == []
    made = db.json("schedule", "set", "nightly", "--kind", "report", "--cron", "0 3 * * *", "--time-zone", "europe/berlin",
                   "--payload", '{"to": "ada"}')
    assert (made["schedule"], made["kind"], made["cron"], made["time_zone"], made["params"], made["is_enabled"]) == \
        ("nightly", "report", "0 3 * * *", "Europe/Berlin", {"to": "ada"}, True)
    said = db.pawl("schedule", "set", "shop", "--url", "HTTP://Shop.example:80/#top", "--every", "2d", "--replace").stdout
    assert said == "schedule shop: every 2 d, next run: in 1 d\n" or said == "schedule shop: every 2 d, next run: in 2 d\n", said
    shop = db.json("schedule", "set", "shop", "--url", "https://shop.example", "--payload", '{"max_pages": 9}', "--no-replace",
                   "--next", "2040-01-01T00:00:00Z")
    assert shop["params"] == {"url": "https://shop.example/", "max_pages": 9} and shop["kind"] == "crawl"
    assert shop["every_seconds"] == 172800 and shop["replace"] is False and shop["next_run_at"].startswith("2040-01-01T00:00:00")
    for every, seconds in (("90m", 5400), ("6h", 21600), ("48h", 172800), ("1w", 604800)):
        assert db.json("schedule", "set", "shop", "--every", every)["every_seconds"] == seconds
    assert "paused" in db.pawl("schedule", "set", "shop", "--pause").stdout
    assert db.json("schedule", "list")[1]["is_enabled"] is False
    lines = db.pawl("schedule", "list").stdout.splitlines()
    assert lines[0].split() == ["SCHEDULE", "KIND", "WHEN", "NEXT", "LAST", "JOB", "ERROR"]
    assert "0 3 * * * Europe/Berlin" in lines[1] and "every 7 d" in lines[2] and "paused" in lines[2]
    ran = db.json("schedule", "run", "nightly")
    assert ran["task"].startswith(ran["job"] + "/") and db.json("task", "show", ran["task"])["payload"] == {"to": "ada"}
    assert db.pawl("schedule", "run", "nightly").stdout == f"task {ran['task']}\n", "it still waits, so there is no second"
    crawl = db.json("schedule", "run", "shop")
    assert crawl["task"] is None and db.json("job", "show", crawl["job"])["params"]["max_pages"] == 9
    assert db.json("schedule", "set", "shop", "--resume")["is_enabled"] is True
    assert db.json("schedule", "delete", "shop") == {"schedule": "shop", "deleted": True}
    assert db.job_status(crawl["job"]) == "pending"
    assert [row["schedule"] for row in db.json("schedule", "list")] == ["nightly"]


def test_the_policies(db):
    db.kind("report")
    made = db.json("schedule", "set", "hourly", "--kind", "report", "--every", "1h", "--overlap", "queue", "--catch-up", "all",
                   "--backlog", "7", "--jitter", "10m", "--time-member", "hour")
    assert (made["overlap"], made["catch_up"], made["backlog_limit"], made["jitter_seconds"], made["time_member"]) == \
        ("queue", "all", 7, 600, "hour")
    shown = db.json("schedule", "show", "hourly", "--runs", "3")
    assert len(shown["next_runs"]) == 3 and shown["next_runs"][0] == shown["next_run_at"]
    assert {key: shown[key] for key in made} == made
    lines = db.pawl("schedule", "show", "hourly").stdout.splitlines()
    assert "while one is open  queue" in lines and "jitter             up to 10 min" in lines
    assert lines[lines.index("next runs"):] == ["next runs", *db.json("schedule", "show", "hourly")["next_runs"]]
    assert db.json("schedule", "set", "hourly", "--jitter", "0s", "--time-member", "")["jitter_seconds"] == 0
    assert "time in" not in db.pawl("schedule", "show", "hourly").stdout
    assert db.json("schedule", "set", "hourly", "--every", "30s")["every_seconds"] == 30
    db.pawl("schedule", "set", "hourly", "--pause")
    assert db.json("schedule", "show", "hourly")["next_runs"] == []
    assert "next runs" not in db.pawl("schedule", "show", "hourly").stdout


def test_a_schedule_takes_the_options_of_a_crawl(db, tmp_path):
    """What pawl crawl makes of them, a run of the schedule makes of them too: job, host and weights."""
    weights = tmp_path / "views.csv"
    weights.write_text("path,views\n/a,10\n/b,40\n")
    lists = [
        ["--max-pages", "500", "--include", "/blog/*", "--include", "/shop", "--exclude", "*.pdf$", "--subdomains",
         "--check-external", "--concurrency", "7", "--delay", "0.25", "--ignore-robots", "--no-sitemaps", "--no-warm",
         "--allow-private", "--user-agent", "us & them", "--weights", weights],
        ["--adaptive"],
        ["--delay", "0"],
        ["--delay", "1.2345678"],
        [],
    ]
    everything = """
      select j.params, l.max_running, l.start_interval_ms, l.is_adaptive, t.payload,
        (select jsonb_object_agg(w.key, w.weight) from pawl.page_weights w where w.job_id = j.id)
      from pawl.jobs j join pawl.limiters l on l.key = j.limiter_key join pawl.tasks t on t.job_id = j.id where j.id = %s"""

    def begin_anew():
        """A host that somebody gave a pace."""
        db.rows("delete from pawl.jobs")
        db.rows("delete from pawl.limiters")
        db.rows("select pawl.crawl('https://shop.example/', p_start_interval_ms => 100)")

    for options in lists:
        url = "HTTPS://Shop.example:443/?utm_source=x#top"
        begin_anew()
        expected = db.rows(everything, db.json("crawl", url, *options, "--detach")["job"])
        if options == lists[0]:
            assert expected[0][:4] == ({
                "url": "https://shop.example/", "max_pages": 500, "include": ["/blog/*", "/shop"], "exclude": ["*.pdf$"],
                "subdomains": True, "check_external": True, "ignore_robots": True, "sitemaps": False, "warm": False,
                "allow_private": True, "user_agent": "us & them"}, 7, 250, False)
            assert sorted(expected[0][5].values()) == [0.25, 1]
        begin_anew()
        db.pawl("schedule", "set", "shop", "--url", url, "--every", "1d", *options)
        assert db.rows(everything, db.json("schedule", "run", "shop")["job"]) == expected and len(expected) == 1, options
    assert db.json("schedule", "list")[0]["params"] == {"url": "https://shop.example/"}, "with --url they are told anew"

    def set_shop(*words):
        return db.json("schedule", "set", "shop", *words)["params"]

    assert set_shop("--max-pages", 9, "--exclude", "/x", "--delay", 2) == \
        {"url": "https://shop.example/", "max_pages": 9, "exclude": ["/x"], "start_interval_ms": 2000}
    assert set_shop("--adaptive", "--every", "6h") == \
        {"url": "https://shop.example/", "max_pages": 9, "exclude": ["/x"], "adaptive": True}, "the rest stays"
    assert set_shop("--payload", '{"max_pages": 1, "warm": false}', "--url", "http://other.example", "--max-pages", "2") == \
        {"url": "http://other.example/", "max_pages": 2, "warm": False}
    assert set_shop("--pause") == {"url": "http://other.example/", "max_pages": 2, "warm": False}


# Options of a crawl that are refused, by pawl crawl and by a schedule alike; exit code; what the message must say.
BAD_OPTIONS = [
    (["--max-pages", "0"], 2, ["--max-pages", "between 1"]),
    (["--max-page", "5"], 2, ["Did you mean --max-pages?"]),
    (["--concurrency", "many"], 2, ["--concurrency", "whole number"]),
    (["--delay", "-1"], 2, ["--delay", "between 0"]),
    (["--delay", "1", "--adaptive"], 2, ["--delay", "--adaptive", "one of them"]),
    (["--user-agent", ""], 2, ["--user-agent"]),
    (["--user-agent"], 2, ["--user-agent S"]),
    (["--user-agent", "caf\udce9"], 2, ["--user-agent", "UTF-8"]),
    (["--exclude", "/fine", "--exclude", "/\udcff"], 2, ["--exclude", "UTF-8"]),
    (["--include", "blog"], 3, ['no pattern of paths: "blog"', "begins with /"]),
    (["--weights", "/nowhere/views.csv"], 3, ["/nowhere/views.csv"]),
    (["--subdomains=yes"], 2, ["--subdomains takes no value"]),
]


def test_bad_options_of_a_crawl(db, tmp_path):
    negative = tmp_path / "negative.csv"
    negative.write_text("/a,1\n/b,-1\n")
    bad = BAD_OPTIONS + [(["--weights", negative], 3, [f"{negative}, line 2", "a weight is 0 or more"])]
    for options, code, expected in bad:
        refused = [db.pawl(*command, *options, code=code).stderr for command in
                   (("crawl", "https://shop.example", "--detach"),
                    ("schedule", "set", "x", "--url", "https://shop.example", "--every", "6h"))]
        for part in expected:
            assert part in refused[0], f"{options}: {part!r} is not in: {refused[0]}"
        assert refused[1] == refused[0], "in the same words"
    db.pawl("schedule", "set", "shop", "--url", "https://shop.example", "--every", "6h")
    said = db.pawl("schedule", "set", "shop", "--weights", negative, code=2).stderr
    assert "--weights needs the URL" in said
    assert db.value("select count(*) from pawl.jobs") == 0
    assert [row["params"] for row in db.json("schedule", "list")] == [{"url": "https://shop.example/"}]


# Words behind "pawl schedule"; exit code; what the message must say.
BAD = [
    (["set", "x", "--every", "6"], 2, ["--every", "6h"]),
    (["set", "x", "--every", "h"], 2, ["--every"]),
    (["set", "x", "--every", "-6h"], 2, ["--every"]),
    (["set", "x", "--every", "6 hours"], 2, ["--every"]),
    (["set", "x", "--every", "99999999h"], 2, ["--every"]),
    (["set", "there", "--pause", "--resume"], 2, ["--pause", "--resume"]),
    (["set", "there", "--replace", "--no-replace"], 2, ["--replace", "--no-replace"]),
    (["sett", "x"], 2, ["pawl schedule set"]),
    (["set"], 2, ["NAME"]),
    (["set", "x", "--kind", "work", "--every", "0m"], 3, ["p_every", "a second"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--jitter", "soon"], 2, ["--jitter", "30s"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--jitter", "7h"], 3, ["p_jitter", "06:00:00 or less"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--overlap", "maybe"], 2, ["--overlap", "queue"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--catch-up", "all"], 3, ["skip each other", "--overlap queue"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--backlog", "0"], 2, ["--backlog", "between 1"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--payload", "7", "--time-member", "at"], 3, ["no JSON object", "--payload"]),
    (["set", "x", "--url", "https://shop.example", "--every", "6h", "--overlap", "queue"], 3, ["crawls do not queue", "--replace"]),
    (["show", "x"], 3, ['schedule "x" does not exist', "pawl schedule list"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--cron", "0 3 * * *"], 3, ["p_every and p_cron"]),
    (["set", "x", "--kind", "work", "--cron", "0 25 * * *"], 3, ["'25' is no hour", "from 0 to 23"]),
    (["set", "x", "--kind", "work", "--cron", "0 0 30 2 *"], 3, ["does not come"]),
    (["set", "x", "--kind", "work", "--cron", "0 3 * * *", "--time-zone", "Berlin"], 3, ["'Berlin'", "Europe/Berlin"]),
    (["set", "x", "--kind", "work"], 3, ["needs a time", "--every", "--cron"]),
    (["set", "x", "--every", "6h"], 3, ["needs a kind", "--kind"]),
    (["set", "x", "--pause"], 3, ['schedule "x" does not exist', "--kind"]),
    (["set", "x", "--kind", "nobody", "--every", "6h"], 3, ['kind "nobody" does not exist', "pawl kind list"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--replace"], 3, ["only a crawl", "--no-replace"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--payload", "{not json"], 3, ["no JSON", "--payload"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--next", "soon"], 3, ['"soon" is not a time']),
    (["set", "x", "--kind", "crawl", "--every", "6h"], 3, ["a crawl needs a url", "--url"]),
    (["set", "x", "--url", "shop.example", "--every", "6h"], 3, ["shop.example", "https://"]),
    (["set", "x", "--url", "http://shop.example", "--every", "6h", "--payload", '{"max_pages": "all"}'], 3, ["max_pages"]),
    (["set", "x", "--max-pages", "5", "--every", "6h"], 3, ["needs a kind", "--kind"]),
    (["set", "x", "--kind", "crawl", "--max-pages", "5", "--every", "6h"], 3, ["a crawl needs a url", "--url"]),
    (["set", "there", "--max-pages", "5"], 3, ['kind "work" has the executor noop', "--payload"]),
    (["set", "x", "--kind", "work", "--every", "6h", "--url", "https://shop.example"], 3, ['kind "work" has the executor noop']),
    (["set", "x", "--kind", "nobody", "--every", "6h", "--no-warm"], 3, ['kind "nobody" does not exist']),
    (["set", "x", "--kind", "crawl", "--every", "6h", "--payload", "[1]", "--no-warm"], 3, ["no JSON object: [1]"]),
    (["run", "x"], 3, ['schedule "x" does not exist', "pawl schedule list"]),
    (["delete", "x"], 3, ['schedule "x" does not exist', "pawl schedule list"]),
]


def test_bad_input(db):
    """Said plainly, and nothing is half done."""
    db.kind("work")
    db.rows("select pawl.define_schedule('there', 'work', p_every => '1 hour')")
    everything = "select (select jsonb_agg(to_jsonb(s)) from pawl.schedules s), (select count(*) from pawl.jobs)"
    before = db.rows(everything)
    for words, code, expected in BAD:
        refused = db.pawl("schedule", *words, code=code)
        assert refused.stderr.startswith("pawl: ") and refused.stdout == "", words
        for part in expected:
            assert part in refused.stderr, f"{words}: {part!r} is not in: {refused.stderr}"
        error = json.loads(db.pawl("schedule", *words, "--json", code=code).stderr)["error"]
        assert error["class"] == {2: "usage", 3: "input"}[code]
    assert db.rows(everything) == before


# ---- the clock ----

def random_field(random_, least, most):
    def item():
        kind = random_.choice(("value", "value", "range", "step"))
        low, high = sorted((random_.randint(least, most), random_.randint(least, most)))
        return {"value": f"{low}", "range": f"{low}-{high}", "step": f"*/{random_.randint(1, most)}"}[kind]

    return "*" if random_.random() < 0.4 else ",".join(item() for _ in range(random_.choice((1, 1, 2, 3))))


def values_of(field, least, most):
    values = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        low, _, high = (f"{least}-{most}" if span == "*" else span).partition("-")
        values |= set(range(int(low), int(high or low) + 1, int(step or 1)))
    return values


def moments(expression, zone, start, days):
    """By the meaning of the words: every minute of some days is looked at. A time on the wall happens at the
    first minute that shows it, or else at the first that shows a later one; where every hour is named, whenever a
    minute shows it."""
    fields = [values_of(field, *bounds) for field, bounds in
              zip(expression.split(), ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6)))]
    stars = [field.startswith("*") for field in expression.split()]

    def is_named(wall):
        day, weekday = wall.day in fields[2], wall.isoweekday() % 7 in fields[4]
        return (wall.minute in fields[0] and wall.hour in fields[1] and wall.month in fields[3]
                and (day and weekday if stars[2] or stars[4] else day or weekday))

    minute = datetime.timedelta(minutes=1)
    shown = [(moment, moment.astimezone(zone).replace(tzinfo=None))
             for moment in (start + i * minute for i in range(-1440, days * 1440))]
    if len(fields[1]) == 24:
        return [moment for moment, wall in shown if is_named(wall) and moment > start]
    found, latest = [], shown[0][1]
    for moment, wall in shown:
        while latest < wall:
            latest += minute
            if is_named(latest):
                found.append(moment)
    return [moment for moment, _ in itertools.groupby(found) if moment > start]


CHANGES = {  # days on which clocks change, somewhere
    "UTC": "2026-02-27", "Europe/Berlin": "2026-03-28 2026-10-24", "America/New_York": "2026-03-07 2026-10-31",
    "Australia/Lord_Howe": "2026-04-04 2026-10-03", "Asia/Beirut": "2026-03-28 2026-10-24", "Asia/Kathmandu": "2028-02-28",
    "Pacific/Apia": "2011-12-29", "America/Nuuk": "2026-03-28 2026-10-24", "America/Havana": "2026-10-31",
}


def test_next_cron_against_every_minute(db):
    random_ = random.Random(19)
    compared = 0
    for zone, dates in CHANGES.items():
        for date in dates.split():
            start = datetime.datetime.fromisoformat(date).replace(tzinfo=datetime.timezone.utc)
            for _ in range(8):
                day = random_.choice(("*", "*", random_field(random_, 1, 28)))
                weekday = random_.choice(("*", "*", random_field(random_, 0, 6)))
                expression = " ".join((random_field(random_, 0, 59), random_field(random_, 0, 23), day, "*", weekday))
                expected = moments(expression, zoneinfo.ZoneInfo(zone), start, 4)
                count = min(len(expected), 60)
                found = db.value("""
                  with recursive walk (n, at) as (
                    select 0, %s::timestamptz
                    union all
                    select n + 1, pawl.next_cron(%s, at, %s) from walk where n < %s)
                  select array_agg(at order by n) from walk where n > 0""", start, expression, zone, count)
                assert (found or []) == expected[:count], f"{expression} in {zone} after {start}"
                compared += count
    assert compared > 1500
