"""The whole way: an application that knows nothing of Pawl inserts orders, a function behind HTTP fulfils them.
Guards I5, I7 and I10 over everything between the two: trigger, nodes, secrets, signature, retries, outages."""
import json
import re
import socket

import psycopg
import pytest

from function import Function
from waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PICKUP_SECONDS = 2  # as in test_04_doorbell.py: the sweep that backs bells up comes later
SHOP = """
  create schema shop;
  create table shop.orders (id bigint generated always as identity primary key, customer text not null,
    total numeric not null, is_test boolean not null default false);
  do $$ begin create role shopper login; exception when duplicate_object then null; end $$;
  grant usage on schema shop to shopper;
  grant select, insert on shop.orders to shopper"""


@pytest.fixture
def function():
    made = Function(SECRET)
    yield made
    made.stop()


@pytest.fixture
def secrets(tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "fulfil").write_text(SECRET)
    (folder / "key").write_text("fulfil-key-1")
    return folder


@pytest.fixture
def nodes(db, launch, secrets):
    """Starts so many nodes, and waits until they serve."""
    def start(count, *words):
        started = [launch("serve", "--db", db.url, "--secret-files", secrets, *words) for _ in range(count)]
        for node in started:
            until(lambda pid=node.pid: db.value("select count(*) from pawl.nodes where name like %s", f"%:{pid}"),
                  20, lambda: "the node serves: " + node.said())
        return started
    return start


@pytest.fixture
def shop(db, function):
    """Orders that are no tests are fulfilled by the function."""
    db.rows(SHOP)
    define(db, function.url("/fulfil?ms=100"))
    db.rows("""
      select pawl.on_insert('shop.orders', 'fulfil', p_condition => 'not new.is_test', p_self_test => false,
        p_payload => $$jsonb_build_object('order', new.id, 'customer', new.customer)$$)""")
    return db


def define(db, target, **more):
    names = "".join(f", p_{key} => {value}" for key, value in more.items())
    db.rows(f"select pawl.define_kind('fulfil', 'http', %s, p_options => %s{names})", target, json.dumps(
        {"allow_private": True, "signing_secret": "file:fulfil", "authorization": "file:key"}))


def shopper(db):
    return psycopg.connect(db.server.url(db.name, "shopper"))


def insert(connection, count=1, is_test=False):
    connection.execute("""
      insert into shop.orders (customer, total, is_test)
      select 'Ada', n, %s from generate_series(1, %s) n""", (is_test, count))


def orders_of(records):
    return sorted(json.loads(record["body"])["payload"]["order"] for record in records)


def wait_done(db, count, seconds=30):
    until(lambda: db.value("select coalesce(sum(completed), 0) from pawl.job_progress") >= count, seconds,
          lambda: f"{count} tasks are completed: {db.rows('select * from pawl.job_progress')}")


def test_an_order_is_fulfilled(shop, function, nodes):
    nodes(2)
    shop.wait_asleep(2)
    with shopper(shop) as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("select * from pawl.tasks")
        app.rollback()
        insert(app)
        insert(app, is_test=True)
        app.commit()
        insert(app)
        app.rollback()
        insert(app, 20)
        app.commit()
        kept = [id for id, in app.execute("select id from shop.orders where not is_test order by id")]
    wait_done(shop, 21)
    calls = function.records("/fulfil")
    assert orders_of(calls) == kept, "each order that was committed once, and no other"
    assert all(call["verified_by"] == [SECRET] for call in calls)
    assert {call["headers"]["authorization"] for call in calls} == {"Bearer fulfil-key-1"}
    assert shop.rows("select distinct (result -> 'fulfilled' ->> 'customer') from pawl.tasks") == [("Ada",)]
    shop.assert_exact()


def test_a_function_that_knows_its_secret_and_works_2_s(shop, function, nodes, secrets):
    """It answers nobody who has not its secret; an order that was refused for that is fulfilled once the secret is right."""
    define(shop, function.url("/fulfil?ms=2000&signed=1"))
    (secrets / "fulfil").write_text("whsec_" + "A" * 32)
    nodes(1)
    with shopper(shop) as app:
        insert(app)
    until(lambda: shop.value("select error from pawl.tasks where status = 'failed'"), 15, "it was refused")
    assert shop.rows("select attempt, error from pawl.tasks") == [(1, 'HTTP 401: {"error":"who are you?"}')]
    (secrets / "fulfil").write_text(SECRET)
    job, task = shop.rows("select job_id, id from pawl.tasks")[0]

    def is_fulfilled():
        if shop.task_status(task) == "failed":
            shop.pawl("task", "retry", f"{job}/{task}")
        return shop.task_status(task) == "completed"
    until(is_fulfilled, 20, "the secret is read again")
    with shopper(shop) as app:
        insert(app, 5)
    wait_done(shop, 6)
    good = [call for call in function.records("/fulfil") if call["verified_by"]]
    assert orders_of(good) == list(range(1, 7)) and all(call["verified_by"] == [SECRET] for call in good)
    assert shop.rows("""
      select result -> 'fulfilled' ->> 'customer', finished_at - started_at >= interval '2 s'
      from pawl.tasks""") == [("Ada", True)] * 6
    shop.assert_exact()


def test_a_function_that_takes_it_on_and_calls_back(shop, function, nodes, launch):
    """202 and a call back; how far it is is seen live by who follows the job of the kind."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    define(shop, function.url("/later?ms=6000&steps=12&signed=1"))
    nodes(1, "--listen", f"127.0.0.1:{port}", "--callback-url", f"http://127.0.0.1:{port}")
    with shopper(shop) as app:
        insert(app)
    job, task = shop.rows("select job_id, id from pawl.tasks")[0]
    follower = launch("job", "show", job, "--follow", "--db", shop.url)
    wait_done(shop, 1)
    follower.terminate()
    follower.wait()
    seen = re.findall(rf"0/1 \(0%\).*task {job}/{task}: (\d+)% step \d+ of 12", follower.said())
    assert len(set(seen)) >= 2 and [int(percent) for percent in seen] == sorted(int(percent) for percent in seen), follower.said()
    assert shop.rows("select status::text, attempt, result from pawl.tasks") == [("completed", 1, {"worked": 6000})]
    record, = function.records("/later")
    assert json.loads(record["body"])["payload"] == {"order": 1, "customer": "Ada"} and record["verified_by"] == [SECRET]
    assert [call["status"] for call in record["calls"]] == [200] * 13
    shop.assert_exact()


def test_a_function_that_fails_twice_then_succeeds(shop, function, nodes):
    """Its retries wake by themselves: no sweep, no other work, nobody who asks."""
    define(shop, function.url("/fail?times=2&signed=1"), backoff_base_ms=100, backoff_cap_ms=400)
    nodes(2)
    shop.wait_asleep(2)
    with shopper(shop) as app:
        insert(app, 2)  # four failures in a row: a fifth would open the breaker
    wait_done(shop, 2)
    calls = function.records("/fail")
    attempts = {}
    for call in calls:
        attempts.setdefault(call["headers"]["idempotency-key"], []).append(json.loads(call["body"])["attempt"])
    assert list(attempts.values()) == [[1, 2, 3]] * 2, "three tries each, under one key"
    assert shop.rows("select distinct status::text, attempt from pawl.tasks") == [("completed", 3)]
    assert shop.rows("select attempt, count(*), min(error_class) from pawl.attempts group by 1 order by 1") == [(1, 2, "status"), (2, 2, "status")]
    shop.assert_never_swept()
    shop.assert_exact()


def test_an_outage_of_the_function_and_of_all_nodes(shop, function, nodes):
    """Nobody is there when the orders come, then the nodes without the function: at the end each order is fulfilled."""
    port = function.port
    define(shop, function.url("/fulfil"), max_attempts=100, backoff_base_ms=50, backoff_cap_ms=300)
    function.stop()
    with shopper(shop) as app:
        insert(app, 200)
    until(lambda: shop.value("select count(*) from pawl.tasks where status = 'pending'") == 200, 5, "200 tasks are pending")
    nodes(2)
    until(lambda: shop.value("select count(*) from pawl.attempts where error_class = 'network'") > 0, 20,
          "the function was found missing")
    back = Function(SECRET, port=port)
    try:
        assert shop.value("select pawl.process_pending()") >= 0
        wait_done(shop, 200, 60)
        keys = [call["headers"]["idempotency-key"] for call in back.records("/fulfil")]
        assert len(set(keys)) == 200 and orders_of(back.records("/fulfil")) == list(range(1, 201))
        assert shop.value("select count(*) from pawl.tasks where status <> 'completed'") == 0
        shop.assert_exact()
    finally:
        back.stop()


def test_without_any_bell_process_pending_drains(shop, function, nodes):
    """Tasks that came while triggers were off, as after a restore: nothing has rung, the counters know nothing."""
    nodes(1)
    shop.wait_asleep()
    with shop.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("""
          insert into pawl.tasks (job_id, payload)
          select pawl.standing_job('fulfil'), jsonb_build_object('order', n) from generate_series(1, 30) n""")
    job = shop.value("select pawl.standing_job('fulfil')")
    shop.rows("select pawl.reconcile(%s)", job)
    assert shop.value("select pawl.process_pending()") == 30
    wait_done(shop, 30, PICKUP_SECONDS)
    assert orders_of(function.records("/fulfil")) == list(range(1, 31))
