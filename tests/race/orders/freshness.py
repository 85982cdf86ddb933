"""The races of freshness (sql/functions/look_at.sql): who looks at a key, who leaves it, who refreshes it, and the timer.

What is right in the end is told by race.fresh(): what the fleet makes of it when the locks are gone. For each key, how many look
at it, whether it is armed (somebody is going to look at it, or its refresh is under way), how many refreshes are open, and how many
have ended well.
"""
from races import Race

SUBSCRIBE_X = "select state from pawl.subscribe('price', 'A', 'x', '1 day')"
SUBSCRIBE_Y = "select state from pawl.subscribe('price', 'A', 'y', '1 day')"
FRESH = "select race.fresh()"
# its first refresh is claimed by node 1
RUNS = f"select race.price(); {SUBSCRIBE_X}; select race.claim(1, 1, 9)"
# watched, and due since a while
DUE = (f"{RUNS}; select race.follow(1, 1, 1);"
       " update pawl.freshness set refreshed_at = '2000-01-01', stale_at = '2000-01-01', due_at = '2000-01-01', check_at = '2000-01-01'")
LONG_GONE = ("update pawl.holders set seen_at = '2000-01-01', check_at = '2000-01-01';"
             " update pawl.subscriptions set renewed_at = '2000-01-01', ttl = '1 hour'")


def ends_as(*allowed):
    return lambda one, two, look: look in allowed


RACES = [
    Race(
        "two_first_viewers", "two who are the first to look at a key cause one refresh, and neither waits",
        setup="select race.price()",
        one=[[SUBSCRIBE_X]],
        two=[[SUBSCRIBE_Y]],
        never_waits=(1, 2),
        switches=1,
        look=FRESH,
        check=ends_as("A: 2 viewers, armed, 1 open, 0 done"),
        variants={
            "rows that are made without a lock that is tried": [
                ("make_pairs", r"where pg_catalog\.pg_try_advisory_xact_lock\(1885435759[^\n]*\n", "\n")],
        }),
    Race(
        "first_viewer_rolls_back", "a viewer relies on nobody whose transaction may be undone",
        setup="select race.price()",
        one=[[SUBSCRIBE_X, "rollback"]],
        two=[[SUBSCRIBE_Y]],
        never_waits=(1, 2),
        switches=1,
        look=FRESH,
        check=ends_as("A: 1 viewers, armed, 1 open, 0 done"),
        variants={
            "one who leaves it to the other": [("watch", r"(?s)perform pawl\.look_later\(p_type\.name, array\(.*?\)\);", "")],
        }),
    Race(
        "opposite_keys", "two who subscribe to keys in opposite orders meet in no circle",
        setup="select race.price(); select pawl.make_pairs(pawl.data_type('price'), array['A', 'B'])",
        one=[["select state from pawl.subscribe('price', 'A', 'x', '1 day')", "select state from pawl.subscribe('price', 'B', 'x', '1 day')"]],
        two=[["select state from pawl.subscribe('price', 'B', 'y', '1 day')", "select state from pawl.subscribe('price', 'A', 'y', '1 day')"]],
        never_waits=(1, 2),
        switches=1,
        look=FRESH,
        check=ends_as("A: 2 viewers, armed, 1 open, 0 done; B: 2 viewers, armed, 1 open, 0 done"),
        variants={
            "viewers who wait for a key": [("look_at", "for no key update of f skip locked", "for no key update of f"),
                                           ("watch", "for no key update of f skip locked", "for no key update of f")],
        }),
    Race(
        "last_viewer_and_first", "who comes while the last one leaves is not forgotten",
        setup=f"{RUNS}; select race.follow(1, 1, 1)",
        one=[["select pawl.unsubscribe('price', 'A', 'x')"], ["select pg_sleep(0.002)", "select looked from pawl.refresh_due()"]],
        two=[[SUBSCRIBE_Y]],
        never_waits=(1, 2),
        switches=1,
        look="select split_part(race.fresh(), ',', 1) || split_part(race.fresh(), ',', 2)",
        check=ends_as("A: 1 viewers armed"),
        variants={
            "demand that ends beside a viewer who has not committed": [("look_at", "for update of f skip locked", "")],
            "a viewer who holds nothing": [("watch", "for key share of f skip locked", "")],
        }),
    Race(
        "end_and_viewer", "a refresh that ends while somebody comes: he is served, and nobody waits",
        setup=RUNS,
        one=[["select race.follow(1, 1, 1)"]],
        two=[[SUBSCRIBE_Y]],
        never_waits=(1, 2),
        switches=1,
        look=FRESH,
        check=ends_as("A: 2 viewers, armed, 0 open, 1 done"),
        variants={
            "a look that takes an ended refresh for none": [("look_at", "when f.task_id is not null then 'ended'", "when false then 'ended'")],
            "an end that waits for the key": [("settle_type", "for no key update of f skip locked", "for no key update of f")],
            "an end that leaves a locked key to nobody": [
                ("look_later", r"(?s)insert into pawl\.looks.*?;", "null;"), ("look_at", "when 'ended' then v_now", "when 'ended' then null")],
        }),
    Race(
        "end_and_request", "who asks while a refresh ends gets that one, or the next: never none, never two at once",
        setup=RUNS,
        one=[["select race.follow(1, 1, 1)"]],
        two=[["select pawl.request_refresh('price', 'A')"]],
        never_waits=(1, 2),
        switches=1,
        look=FRESH,
        check=ends_as("A: 1 viewers, armed, 0 open, 1 done", "A: 1 viewers, armed, 1 open, 1 done"),
        variants={
            "a request that waits": [("want", "for no key update of f skip locked", "for no key update of f")],
        }),
    Race(
        "two_timers", "of two nodes that look what is due one does it, once, and nobody waits",
        setup=DUE,
        one=[["select looked from pawl.refresh_due()"]],
        two=[["select looked from pawl.refresh_due()"]],
        never_waits=(1, 2),
        switches=1,
        look=FRESH,
        check=ends_as("A: 1 viewers, armed, 1 open, 1 done"),
        variants={
            "timers that wait for each other": [
                ("refresh_due", r"if not pg_catalog\.pg_try_advisory_xact_lock\(1885435756, 6\) then", "if false then"),
                ("refresh_due", "for no key update skip locked", "for no key update")],
        }),
    Race(
        "timer_and_last_viewer", "a key that falls due while its last viewer leaves ends in one refresh at most",
        setup=DUE,
        one=[["select looked from pawl.refresh_due()"]],
        two=[["select pawl.unsubscribe('price', 'A', 'x')"]],
        never_waits=(1, 2),
        switches=1,
        look=FRESH,
        check=ends_as("A: 0 viewers, 0 open, 1 done"),
        variants={
            "a leaver who waits": [("look_at", "for no key update of f skip locked", "for no key update of f")],
        }),
    Race(
        "expiry_and_heartbeat", "a heartbeat that says yes has kept what the holder looks at",
        setup=f"{RUNS}; select race.follow(1, 1, 1); {LONG_GONE}",
        one=[["select looked from pawl.refresh_due()"]],
        two=[["select pawl.heartbeat('x')"]],
        never_waits=(1,),
        switches=3,
        look="select count(*) from pawl.subscriptions",
        check=lambda one, two, look: (two[0], look) in (("t", "1"), ("f", "0")),
        variants={
            "an expiry that does not hold the holder": [("expire_holders", "for update skip locked", "")],
        }),
    Race(
        "leaver_and_expiry", "a holder whose time is over while he leaves makes nobody ask again at once, all the time",
        setup=f"{RUNS}; select race.follow(1, 1, 1); {LONG_GONE}",
        one=[["select pawl.unsubscribe('price', 'A', 'x')"]],
        two=[["select next_ms = 0 from pawl.refresh_due()"]],
        never_waits=(2,),
        switches=1,
        look=FRESH,
        check=lambda one, two, look: two == ["f"] and look == "A: 0 viewers, 0 open, 1 done",
        variants={
            "a holder who is due again at once, and not held": [
                ("expire_holders", r"greatest\(n\.check_at, [^)]*\)", "n.check_at"), ("unsubscribe", r"perform from pawl\.holders h[^;]*;", "")],
        }),
    Race(
        "looks_and_lock", "what is to be looked at stays so while somebody has it locked, and is in the way of nothing else",
        setup="select race.price(); select pawl.make_pairs(pawl.data_type('price'), array['A', 'B']);"
              " select pawl.look_later('price', array['A', 'B'], true)",
        one=[["select f.key from pawl.freshness f where f.key = 'A' for no key update", "rollback"]],
        two=[["select looked from pawl.refresh_due(1)"]],
        never_waits=(2,),
        switches=1,
        look=FRESH,
        check=lambda one, two, look: two == ["1"] and look == "A: 0 viewers, 1 open, 0 done; B: 0 viewers, 1 open, 0 done",
        variants={
            "a look that is taken, done or not": [("refresh_due", r"for no key update of f skip locked\s+\)", ")")],
        }),
    Race(
        "broken_type_and_lock", "who finds that a type's table is gone waits for nobody, and forgets no key of it",
        setup="create table race.gone (key text, at timestamptz); select pawl.define_data_type('price', 'race', '1 minute', 'race.gone', 'key', 'at');"
              " drop table race.gone; insert into pawl.subscriptions (type, key, holder, ttl, renewed_at) values ('price', 'A', 'x', '1 day', now()),"
              " ('price', 'B', 'x', '1 day', now()); select pawl.make_pairs(pawl.data_type('price'), array['A']); select pawl.look_later('price', array['A', 'B'])",
        one=[["select f.key from pawl.freshness f where f.key = 'A' for no key update; select d.name from pawl.data_types d for no key update", "rollback"]],
        two=[["select looked from pawl.refresh_due()"]],
        never_waits=(2,),
        switches=1,
        look="select string_agg(x.key, ' ' order by x.key) from (select f.key from pawl.freshness f where f.check_at is not null"
             " union select l.key from pawl.looks l) x",
        check=ends_as("A B"),
        variants={
            "an error that waits to be written down": [("note_type_error", "for no key update skip locked", "")],
            "keys that are put off though somebody has them": [("refresh_due", r"for no key update of f skip locked\s+\)", ")")],
            "keys that are not put off": [("look_for_some", r"set check_at = pawl\.clock\(\) \+ case [^,]*,", "set check_at = f.check_at,")],
        }),
    Race(
        "holder_comes_and_leaves", "a holder who comes back while he leaves meets himself in no circle",
        setup="select race.price(); select state from pawl.subscribe('price', array['A', 'B'], 'x', '1 day')",
        one=[["select state from pawl.subscribe('price', 'B', 'x', '1 day')", "select state from pawl.subscribe('price', 'A', 'x', '1 day')"]],
        two=[["select pawl.unsubscribe(null, null, 'x')"]],
        switches=2,
        look="select count(*) from pawl.subscriptions",
        check=lambda one, two, look: (two[0], look) in (("2", "0"), ("2", "2")),
        variants={
            "who leaves without his own lock": [("unsubscribe", r"perform from pawl\.holders h[^;]*;", "")],
        }),
    Race(
        "two_parents", "of two types that become each other's parent at the same moment one is refused",
        setup="select race.price(); select pawl.define_data_type('other', 'race', '1 minute')",
        one=[["select pawl.define_data_type('price', p_parents => '{other}')"]],
        two=[["select pawl.define_data_type('other', p_parents => '{price}')"]],
        switches=1,
        refusals=("PW006",),
        look="select string_agg(d.name, ' ') from pawl.data_types d where d.parents <> '{}'",
        check=ends_as("price", "other"),
        variants={
            "two at a time": [("define_data_type", r"perform pg_catalog\.pg_advisory_xact_lock\([^;]*;", "")],
        }),
    Race(
        "retry_and_timer", "a refresh that somebody runs again while the key falls due is the only one, and no node waits for him",
        setup=f"{RUNS}; update pawl.tasks set status = 'failed', finished_at = now();"
              " update pawl.freshness set task_id = null, stale_at = '2000-01-01', due_at = '2000-01-01', check_at = '2000-01-01'",
        one=[["select pawl.retry_task(1, 1)"]],
        two=[["select looked from pawl.refresh_due()"]],
        never_waits=(2,),
        switches=1,
        refusals=("PW003",),
        may_retry=True,
        look=FRESH,
        check=ends_as("A: 1 viewers, armed, 1 open, 0 done"),
        variants={
            "a refresh that runs again behind its key's back": [("retry_task", r"if pawl\.give_back_refreshes\([^=]*= '{}' then", "if false then")],
        }),
]
