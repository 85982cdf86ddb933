"""The races of tracked tables (sql/functions/note_writes.sql): who writes to one, whose keys somebody else writes, looks at, or has locked at
the same moment. No writer ever waits for anybody but another writer of the same row, nor is waited for (I10); and in the end it is known what
was written, or a node is going to see it.
"""
from races import Race

INSERT = "insert into race.prices values ('A')"
UPDATE = "update race.prices set written_at = clock_timestamp()"
DELETE = "delete from race.prices where symbol = 'A'"
SUBSCRIBE = "select state from pawl.subscribe('price', 'A', 'y', '1 day')"
LOOK = "select pawl.look_at(pawl.data_type('price'), '{A}')"
KNOWN = "select race.known()"
# a row that x looks at, and whose refreshes have failed: so it is due much later than a write would make it
FAILED = ("select race.tracked('{A}'); update pawl.freshness set failures = 9, stale_at = '2000-01-01', refreshed_at = '2000-01-01',"
          " due_at = now() + interval '5 hours', check_at = now() + interval '5 hours'")
RUNS = ("select race.tracked(); select pawl.subscribe('price', array['A'], 'x', '1 day'); select race.claim(1, 1, 9)")
A_WRITE_THAT_WAITS = [("note_write", r"\s+and \(f\.xmax = 0 or age[^\n]*", "")]


def ends_as(*allowed):
    return lambda one, two, look: look in allowed


RACES = [
    Race(
        "two_writers_of_a_key", "I10: two who write the same key, in two rows, do not wait for each other, and it is fresh",
        setup=FAILED,
        one=[[INSERT]],
        two=[[INSERT]],
        never_waits=(1, 2),
        switches=2,
        look=KNOWN,
        check=ends_as("A: data, fresh, armed"),
        variants={
            "a write that waits": A_WRITE_THAT_WAITS,
            "a lock that is waited for": [("time_writes", "for no key update of f skip locked", "for no key update of f")],
        }),
    Race(
        "first_writer_rolls_back", "a writer relies on nobody whose transaction may be undone",
        setup=FAILED,
        one=[[INSERT, "rollback"]],
        two=[[DELETE]],
        never_waits=(1, 2),
        switches=2,
        look=KNOWN,
        check=ends_as("A: none, stale, armed"),
        variants={
            "one who leaves it to the other": [("note_deletes", r"perform pawl\.note_later\([^;]*;", "null;")],
        }),
    Race(
        "write_and_look", "I10: a write and a look of a node keep neither waiting, and what is written is seen",
        setup="select race.tracked('{A}')",
        one=[[DELETE]],
        two=[[LOOK]],
        never_waits=(1, 2),
        switches=2,
        look=KNOWN,
        check=ends_as("A: none, stale, armed"),
        variants={
            "a delete that waits": [("note_deletes", "for no key update of f skip locked", "for no key update of f")],
            "a delete that leaves a locked key to nobody": [
                ("note_deletes", r"perform pawl\.note_later\([^;]*;", "null;")],
            "a node that does not read the table for that": [("look_for_some", r"perform pawl\.catch_up\([^;]*;", "null;")],
        }),
    Race(
        "write_and_viewer", "I10: nor do a write and somebody who comes to look, and he is served",
        setup="select race.tracked('{A}'); update pawl.freshness set stale_at = '2000-01-01', due_at = '2000-01-01'",
        one=[[UPDATE]],
        two=[[SUBSCRIBE]],
        never_waits=(1, 2),
        switches=2,
        look="select race.known() || ', ' || count(*) || ' look' from pawl.subscriptions",
        check=ends_as("A: data, fresh, armed, 2 look", "A: data, stale, armed, 2 look"),  # his refresh is under way
        variants={
            "a write that waits": A_WRITE_THAT_WAITS,
        }),
    Race(
        "write_and_end", "I10: nor do a write and the end of a refresh, whose times are not taken back",
        setup=RUNS,
        one=[[INSERT]],
        two=[["select race.follow(1, 1, 1)"]],
        never_waits=(1, 2),
        switches=2,
        look=f"{KNOWN} || ', ' || count(*) filter (where t.status < 'completed') || ' open' from pawl.tasks t",
        check=ends_as("A: data, fresh, armed, 0 open"),
        variants={
            "a write that waits": A_WRITE_THAT_WAITS,
            "a node that does not catch up": [("look_for_some", r"perform pawl\.catch_up\([^;]*;", "null;")],
        }),
    Race(
        "two_new_keys", "I10: two who write a key of a scheduled type first do not wait for each other, and it is known",
        setup="select race.tracked(p_spread => '1 day')",
        one=[[INSERT]],
        two=[[INSERT]],
        never_waits=(1, 2),
        switches=2,
        look=KNOWN,
        check=ends_as("A: data, fresh, armed"),
        variants={
            "pairs that are made without a lock that is tried": [
                ("make_pairs", r"where pg_catalog\.pg_try_advisory_xact_lock\(1885435759[^\n]*\n", "\n")],
        }),
    Race(
        "new_key_rolls_back", "a key of a scheduled type is known, whoever takes his back",
        setup="select race.tracked(p_spread => '1 day')",
        one=[[INSERT, "rollback"]],
        two=[[INSERT]],
        never_waits=(1, 2),
        switches=2,
        look="select race.known() ~ '^A: data.*armed'",
        check=lambda one, two, look: look == "t",
        variants={
            "one who leaves it to the other": [("time_writes", r"perform pawl\.note_later\([^;]*;", "null;")],
        }),
    Race(
        "opposite_writers", "two who write keys in opposite orders meet in no circle",
        setup="select race.tracked('{A,B}'); update pawl.freshness set stale_at = '2000-01-01', due_at = '2000-01-01'",
        one=[["insert into race.prices values ('A')", "insert into race.prices values ('B')"]],
        two=[["insert into race.prices values ('B')", "insert into race.prices values ('A')"]],
        never_waits=(1, 2),
        switches=2,
        look=KNOWN,
        check=ends_as("A: data, fresh, armed; B: data, fresh, armed"),
        variants={
            "writes that wait": A_WRITE_THAT_WAITS,
        }),
]
