"""The races of adopted subscriptions (sql/functions/join_adopted.sql, sweep_adoptions.sql): two who write to the table, and the node that looks
what of it is left. None ever waits for another, and in the end there is what the table says: race.fresh() counts it.
"""
from races import Race

FRESH = "select race.fresh()"
INSERT = "insert into race.views values ('x', 'A')"
DELETE = "delete from race.views where ctid = '(0,1)'"
NODE = "select pawl.sweep_adoptions()"


def ends_as(*allowed):
    return lambda one, two, look: look in allowed


RACES = [
    Race(
        "two_rows_of_a_holder", "I10: two statements whose rows ask for the same, and neither waits",
        setup="select race.adopted()",
        one=[[INSERT]],
        two=[[INSERT]],
        never_waits=(1, 2),
        switches=2,
        look=FRESH,
        check=ends_as("A: 1 viewers, armed, 1 open, 0 done"),
        variants={
            "subscriptions that are made without a lock that is tried": [
                ("join_adopted", r"and pg_try_advisory_xact_lock\(1885435760[^\n]*\n", ");\n")],
        }),
    Race(
        "first_row_rolls_back", "I10: a row relies on nobody whose transaction may be undone",
        setup="select race.adopted()",
        one=[[INSERT, "rollback"]],
        two=[[INSERT]],
        never_waits=(1, 2),
        switches=2,
        look=FRESH,
        check=ends_as("A: 1 viewers, armed, 1 open, 0 done"),
        variants={
            "one who leaves it to the other": [("join_adopted", r"(?s)perform pawl\.look_at_adopted\(.*?;", "null;")],
        }),
    Race(
        "last_row_and_first", "a row that comes while the last one goes is not forgotten",
        setup="select race.adopted('x')",
        one=[[DELETE], [NODE]],
        two=[[INSERT]],
        never_waits=(1, 2),
        switches=2,
        look="select split_part(race.fresh(), ',', 1) || split_part(race.fresh(), ',', 2)",
        check=ends_as("A: 1 viewers armed"),
        variants={
            "a row that does not hold what it finds": [("join_adopted", "for key share skip locked", "")],
            "a node that reads the table before it locks": [
                ("recheck_adopted", r"(?s)(v_held := array\(.*?\);)(.*)(v_there := array)", r"\2 \1 \3")],
            "a node that lets go what is locked": [
                ("recheck_adopted", "for update skip locked", "offset 0"), ("leave_adopted", "for update skip locked", "offset 0")],
            "a row that takes what a node has locked for its own": [("join_adopted", r"\(a\.place = any \(v_held\) or ", "(a.place = any (v_there) or ")],
        }),
    Race(
        "last_row_and_none", "a subscription that a row held which was never committed ends",
        setup="select race.adopted('x')",
        one=[[DELETE], [NODE]],
        two=[[INSERT, "rollback"]],
        never_waits=(1, 2),
        switches=2,
        look=FRESH,
        check=ends_as("A: 0 viewers, 0 open, 0 done"),
        variants={
            "a node that looks once": [("recheck_adopted", r"(?s)perform pawl\.look_at_adopted\(.*?;", "")],
        }),
    Race(
        "sweep_and_row", "a sweep that finds a subscription without a row, and its row that comes meanwhile",
        setup="select race.adopted('x'); select race.lose('delete from race.views')",
        one=[[NODE]],
        two=[[INSERT]],
        never_waits=(1, 2),
        switches=2,
        look="select split_part(race.fresh(), ',', 1) || split_part(race.fresh(), ',', 2)",
        check=ends_as("A: 1 viewers armed"),
        variants={
            "a sweep that does not look again": [("sweep_adoption", r"and p_adoption\.mode = 'trigger' then", "and false then")],
        }),
    Race(
        "sweep_and_delete", "a sweep that finds a row without a subscription, and its delete that comes meanwhile",
        setup="select race.adopted(); select race.lose($$insert into race.views values ('x', 'A')$$)",
        one=[[NODE]],
        two=[[DELETE]],
        never_waits=(1, 2),
        switches=2,
        look=FRESH,
        check=ends_as("A: 0 viewers, 0 open, 0 done", None),
        variants={
            "a delete that says nothing of what it has not seen": [
                ("follow_adopted", "perform pawl.look_at_adopted\\(p_adoption, p_gone_types, p_gone_keys, p_gone_holders\\);",
                 "perform pawl.look_at_adopted(p_adoption, p_gone_types, p_gone_keys, p_gone_holders)"
                 " where exists (select from pawl.subscriptions);")],
        }),
    Race(
        "update_and_update", "two rows that change places",
        setup="select race.adopted('x'); insert into race.views values ('x', 'B')",
        one=[["update race.views set symbol = 'B' where symbol = 'A' and ctid = '(0,1)'"]],
        two=[["update race.views set symbol = 'A' where symbol = 'B' and ctid = '(0,2)'"]],
        never_waits=(1, 2),
        switches=2,
        look=FRESH,
        check=ends_as("A: 1 viewers, armed, 1 open, 0 done; B: 1 viewers, armed, 1 open, 0 done"),
        variants={
            "a change that ends what it has left itself": [
                ("follow_adopted", "perform pawl.look_at_adopted\\(p_adoption, p_gone_types, p_gone_keys, p_gone_holders\\);",
                 "perform pawl.leave_adopted(p_adoption, p_gone_types, p_gone_keys, p_gone_holders);")],
        }),
]
