"""Who wants to know whose data has come is told over HTTP: server-sent events at /v1/events. Nobody who missed something is left
to believe that he did not, and nothing grows while somebody does not read (I9)."""
import json
import socket
import urllib.error
import urllib.request

import pytest

from stream import Stream
from waiting import until

AT = "2026-11-23T10:00:00.123456+00:00"


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def listen(launch, port):
    """Starts a node that tells events, and waits until it answers."""
    def start(db, *words):
        node = launch("serve", "--db", db.url, "--listen", f"127.0.0.1:{port}", "--events", *words)
        until(lambda: is_alive(port) or not node.is_running(), 20, "the node answers")
        assert node.is_running(), node.said()
        return node

    return start


def is_alive(port):
    try:
        return get(port, "/livez")[0] == 200
    except OSError:
        return False


def get(port, path):
    """Status, headers and document."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as reply:
            return reply.status, reply.headers, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


def tell(db, type, *keys, **more):
    db.rows("select pg_notify('pawl_refreshed', %s)", json.dumps({"type": type, "keys": keys or None, "at": AT, **more}))


def listeners(db):
    return db.value("select count(*) from pg_stat_activity where application_name = 'pawl events' and datname = current_database()")


def memory_kb(node):
    with open(f"/proc/{node.pid}/status") as status:
        return {line.split(":")[0]: int(line.split()[1]) for line in status if line.split(":")[0] in ("VmRSS", "Threads")}


def is_bounded(node, before, kb):
    """Not so of a sanitizer's program, which keeps what was freed."""
    with open(f"/proc/{node.pid}/maps") as maps:
        return memory_kb(node)["VmRSS"] - before["VmRSS"] < kb or "san.so" in maps.read()


def test_there_are_events_where_somebody_asked_for_them(db, launch, port):
    """Until there are tokens: not by default, and nowhere but on this machine."""
    node = launch("serve", "--db", db.url, "--listen", f"127.0.0.1:{port}")
    until(lambda: is_alive(port), 20, "the node answers")
    status, _, document = get(port, "/v1/events")
    assert (status, document) == (404, {"error": {"message": "nothing is here"}}) == (get(port, "/v1/nothing")[0], get(port, "/v1/nothing")[2])
    node.stop()
    for words in (("--listen", "0.0.0.0:0"), ("--listen", "[::]:0"), (), ("--listen", "none")):
        refused = db.pawl("serve", "--events", *words, code=2)
        assert "--events" in refused.stderr and "127.0.0.1" in refused.stderr, refused.stderr
    refused = launch("up", "--data", "/nonexistent/pawl", "--listen", "0.0.0.0:0", "--events")
    assert refused.wait() == 2 and "no loopback address" in refused.said()


def test_whoever_wants_a_key_hears_of_it(db, listen, port):
    listen(db)
    everything, prices, some, market = (Stream(port, query) for query in (
        "", "type=price", "type=price&type=profile&key=AAPL&key=a%20b%26c%2B%C3%BC", "key="))
    assert everything.status == 200
    assert everything.headers["content-type"] == "text/event-stream"
    assert everything.headers["cache-control"] == "no-cache"
    assert everything.headers["x-accel-buffering"] == "no"
    tell(db, "price", "AAPL", "MSFT")
    tell(db, "profile", "a b&c+ü")
    tell(db, "rate", "AAPL")
    tell(db, "market", "")
    tell(db, "price", count=4711)
    tell(db, "price", "MSFT")
    assert everything.wait(1) == [("refreshed", {"type": "price", "key": "AAPL", "at": AT})]
    assert everything.keys(6) == [("price", "MSFT"), ("profile", "a b&c+ü"), ("rate", "AAPL"), ("market", ""), ("price", None), ("price", "MSFT")]
    assert everything.retry == 2000
    assert prices.wait(4)[2] == ("refreshed", {"type": "price", "key": None, "count": 4711, "at": AT})
    assert some.keys(3) == [("price", "AAPL"), ("profile", "a b&c+ü"), ("price", None)]
    assert market.keys(2) == [("market", ""), ("price", None)]
    assert not (everything.events or prices.events or some.events or market.events)
    assert listeners(db) == 1, "one connection for all of them"
    for nonsense in ("", "{}", "7", '{"type": 7, "keys": []}', '{"type": "price", "keys": 7}', '{"type": "price", "keys": [7, {}]}'):
        db.rows("select pg_notify('pawl_refreshed', %s)", nonsense)
    tell(db, "rate", "after")
    assert everything.keys(1) == [("rate", "after")], "what is not Pawl's is left alone"


def test_what_is_asked_wrongly_is_said(db, listen, port):
    listen(db)
    status, _, document = get(port, "/v1/events?typ=price")
    assert status == 400 and document["error"]["message"] == 'there is no parameter "typ"' and "type and key" in document["error"]["hint"]
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/events", b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 405 and refused.value.headers["Allow"] == "GET, HEAD"
    head = urllib.request.Request(f"http://127.0.0.1:{port}/v1/events", method="HEAD")
    with urllib.request.urlopen(head, timeout=20) as reply:
        assert reply.status == 200 and reply.headers["Content-Type"] == "text/event-stream"


def test_a_refresh_is_heard_of(db, listen, port):
    """Not a notification by hand: somebody looks, the data comes, both who look and listen hear it."""
    listen(db)
    db.rows("create table public.prices (symbol text primary key, price integer, at timestamptz)")
    db.rows("""create function public.fetch_price(p jsonb) returns jsonb language plpgsql as $$ begin
      insert into public.prices values (p ->> 'key', 7, clock_timestamp())
      on conflict (symbol) do update set price = prices.price + 1, at = clock_timestamp();
      return '{"outcome": "data"}'; end $$""")
    db.kind("provider", "sql", "public.fetch_price")
    db.rows("select pawl.define_data_type('price', 'provider', '1 hour', 'public.prices', 'symbol', 'at')")
    mine, other = Stream(port, "type=price&key=AAPL"), Stream(port, "key=MSFT")
    db.rows("select pawl.subscribe('price', array['AAPL'], 'me')")
    assert mine.keys(1) == [("price", "AAPL")]
    assert db.value("select price from public.prices") == 7, "it is there when it is told of"
    until(lambda: db.value("select task_id is null from pawl.freshness"), 20, "it is settled")
    assert db.value("select pawl.request_refresh('price', 'AAPL')") in ("due", "queued", "running")
    assert mine.keys(1) == [("price", "AAPL")]
    assert db.value("select price from public.prices") == 8
    assert not other.events


def test_a_slow_client_is_told_that_it_missed_something(db, listen, port):
    """64 KiB are kept for it, and a little by the kernel: 20 MB go by, the others hear all of it, and it is told once it reads."""
    node = listen(db)
    fast, slow = Stream(port, "type=price"), Stream(port, "type=price", receive_bytes=4096)
    tell(db, "price", "first")
    assert fast.keys(1) == slow.keys(1) == [("price", "first")]
    before = memory_kb(node)
    keys = [f"{i}-{'k' * 600}" for i in range(10)]
    for _ in range(3000):
        tell(db, "price", *keys)
        assert len(fast.keys(10)) == 10
    assert is_bounded(node, before, 5000)
    tell(db, "price", "last")
    assert fast.keys(1) == [("price", "last")]
    slow.read_until(lambda: slow.events and slow.events[-1][1].get("key") == "last", what="it reads on from what is newest")
    missed = [data for name, data in slow.events if name == "missed"]
    assert missed and all(data == {"reason": "slow"} for data in missed)
    assert len(slow.events) < 1000, "the rest was not kept for it"


def test_a_database_that_was_away_is_told_of(own_servers, databases, listen, port):
    server = own_servers()
    db = databases(server)
    listen(db)
    streams = [Stream(port), Stream(port, "type=price&key=AAPL")]
    tell(db, "price", "AAPL")
    for stream in streams:
        assert stream.keys(1) == [("price", "AAPL")]
    known = streams[0].last_id
    server.stop()
    server.start()
    for stream in streams:
        assert stream.wait(1, 40) == [("missed", {"reason": "database"})]
    tell(db, "price", "AAPL")
    for stream in streams:
        assert stream.keys(1) == [("price", "AAPL")]
    back = Stream(port, last_id=known)
    assert back.wait(1) == [("missed", {"reason": "unknown"})], "nobody knows what was between"
    server.stop()
    late = Stream(port)  # begins all the same, and is told that it may have missed something
    server.start()
    assert late.wait(1, 40) == [("missed", {"reason": "database"})]


def test_whoever_comes_back_gets_what_came_meanwhile(db, listen, port):
    node = listen(db)
    stream, quiet = Stream(port, "type=price"), Stream(port, "type=nothing")
    quiet.read_until(lambda: quiet.last_id, what="it is told where it is before anything has happened")
    quiet.close()
    tell(db, "price", "1")
    assert stream.keys(1) == [("price", "1")]
    stream.close()
    for key in "234":
        tell(db, "price", key)
        tell(db, "rate", key)
    again = Stream(port, "type=price", last_id=stream.last_id)
    tell(db, "price", "5")
    assert again.keys(4) == [("price", key) for key in "2345"]
    again.close()
    nothing = Stream(port, "type=nothing", last_id=quiet.last_id)
    tell(db, "nothing", "x")
    assert nothing.keys(1) == [("nothing", "x")], "it missed nothing that it wants"
    nothing.close()
    witness = Stream(port, "type=rate")
    for _ in range(30):
        tell(db, "rate", *(str(i) for i in range(40)))
        witness.keys(40)
    assert Stream(port, "type=price", last_id=again.last_id).wait(1) == [("missed", {"reason": "unknown"})], "1,000 are kept"
    assert node.stop() == 0
    listen(db)
    assert Stream(port, last_id=again.last_id).wait(1) == [("missed", {"reason": "unknown"})], "of another process"


def test_idle_clients_cost_little(db, listen, port):
    """No thread, a little memory, one connection for all, which goes when they do; and everybody else is answered as before."""
    node = listen(db)
    get(port, "/v1/status")
    before = memory_kb(node)
    assert listeners(db) == 0
    streams = [Stream(port, f"type=price&key={i}") for i in range(200)]
    after = memory_kb(node)
    assert after["Threads"] <= before["Threads"] + 2
    assert is_bounded(node, before, 200 * 64)
    assert listeners(db) == 1
    assert get(port, "/v1/status")[0] == get(port, "/livez")[0] == 200
    tell(db, "price", "7")
    tell(db, "price", count=5)
    assert streams[7].keys(2) == [("price", "7"), ("price", None)]
    for stream in streams[:7] + streams[8:]:
        assert stream.keys(1) == [("price", None)]
    for stream in streams[:20]:
        comments = stream.comments
        stream.read_until(lambda: stream.comments > comments, what="a heartbeat")
    for stream in streams:
        stream.close()
    until(lambda: listeners(db) == 0, 90, "nobody listens for nobody")
    with Stream(port).wire:
        assert listeners(db) == 1


def test_there_is_room_for_a_thousand(db, listen, port):
    listen(db)
    streams = [Stream(port, is_awaited=False) for _ in range(1000)]
    for stream in streams:
        assert stream.wait_open().status == 200
    status, headers, document = get(port, "/v1/events")
    assert status == 503 and int(headers["Retry-After"]) > 0 and document["error"]["message"] == "too many listen to events"
    assert get(port, "/livez")[0] == 200
    tell(db, "price", "AAPL")
    for stream in streams:
        assert stream.keys(1) == [("price", "AAPL")]
    streams.pop().close()
    until(lambda: Stream(port).status == 200, 30, "there is room again")
    for stream in streams:
        stream.close()


def test_a_node_that_ends_ends_its_streams(db, listen, port):
    node = listen(db)
    stream, stuck = Stream(port), Stream(port, receive_bytes=4096)
    for _ in range(40):
        tell(db, "price", *(f"{i}-{'k' * 600}" for i in range(10)))
        stream.keys(10)
    assert node.stop(20) == 0
    stream.read_until(lambda: stream.is_over, what="the end")
    stuck.close()
