"""The races whose every order is run, and for each the variants of the SQL that must fail.

What holds for all of them is in judge.psql: exact counters after every commit, no task lost, each
claim one owner, each end one, final is final; and explorer.py finds every deadlock. Setup, calls and
the functions of the schema "race" are those of the specs (fixture.psql): job 1, tasks from 1, nodes 1
and 2.

A new race is a new entry: run it with ORDERS_ALL=1, and bound its switches if that takes more than some
seconds. A variant whose pattern is not in the SQL any more fails: it must follow the SQL.
"""
import re
from dataclasses import dataclass
from typing import Callable, Optional


@dataclass
class Race:
    name: str
    guards: str        # what must hold, with its invariant
    setup: str
    one: list          # transactions of session one, each a list of calls; "rollback" as the last undoes it
    two: list
    variants: dict     # what is left out, and how: [(function, pattern, replacement), ...], regular expressions
    refusals: tuple = ()     # SQLSTATEs that a call may answer with
    never_waits: tuple = ()  # sessions that wait for nobody
    may_retry: bool = False  # ended tasks may be pending again
    look: str = "select null"         # a query when both have ended
    check: Optional[Callable] = None  # of both sessions' answers and the look: whether they are right
    switches: Optional[int] = None    # bound (explorer.py), where all orders are too many for every day

    def judge(self, one, two, look):
        for answer in one + two:
            if re.match(r"[0-9A-Z]{5} ", answer or "") and answer[:5] not in self.refusals:
                return f"refused: {answer}"
        if self.check and not self.check(one, two, look):
            return f"{self.guards}: not so, but {one}, {two}: {look}"
        return None


def one_owner(one, two, look):
    tasks = " ".join(answer for answer in one + two if answer != "none").split()
    return len(tasks) == len(set(tasks))


NOBODY_HOLDS_THE_JOB = [(".*", "for key share;", ";")]
ENQUEUE_1 = "select task_id from pawl.enqueue('race', race.payload(1), 'k', 1)"
ENQUEUE_2 = "select task_id from pawl.enqueue('race', race.payload(2), 'k', 2)"
FAILED_WITH_KEY = ("select * from pawl.enqueue('race', race.payload(1), 'k', 1);"
                   " update pawl.tasks set status = 'failed', finished_at = now() where id = 1")
HOST = "select h.node_id || ' ' || coalesce(h.robots, 'unknown') from pawl.crawl_hosts h"
LIMITERS = "select string_agg(l.key || ' ' || l.start_interval_ms || ' ' || l.successes, ', ' order by l.key) from pawl.limiters l"
# of whoever replaces what a node finishes pages of meanwhile
CRAWL_OF_NODE_1 = ("update pawl.limiters set is_adaptive = true, start_interval_ms = 1000, base_interval_ms = 500, floor_ms = 500;"
                   " select race.claim(1, j.id, 1) from pawl.jobs j")
JOBS = "select string_agg(j.status::text, ' ' order by j.id) from pawl.jobs j"
SUCCESSORS = ("select count(*) filter (where j.kind = 'race' and t.status = 'completed') || ' ' || count(*) filter (where j.kind = 'after')"
              " from pawl.tasks t join pawl.jobs j on j.id = t.job_id")
TASK_1 = "select t.status from pawl.tasks t where t.id = 1"
OLD_TASKS = ("select pawl.standing_job('race'); insert into pawl.tasks (job_id, status, created_at, finished_at)"
             " select 1, 'completed', '2000-01-01', '2000-01-01' from generate_series(1, 2);"
             " insert into pawl.prune_cursors (job_id, next_at) values (0, 'infinity'), (1, '2000-01-01')")
ALL_TASKS = "select string_agg(t.id::text, ' ') from pawl.tasks t"

RACES = [
    Race(
        "two_claimers", "I2, I4: no task has two owners, and no claim waits",
        setup="select race.job(3)",
        one=[["select race.claim(1, 1, 2)"]],
        two=[["select race.claim(2, 1, 2)"]],
        never_waits=(1, 2),
        check=one_owner,
        variants={
            "claims that lock without skipping": [("claim_batch", "for update skip locked", "for update")],
            "claims that do not lock": [("claim_batch", "for update skip locked", "")],
        }),
    Race(
        "two_claimers_of_a_limiter", "I11: of two jobs with one limiter no more tasks run than it lets",
        setup="insert into pawl.limiters (key, max_running) values ('l', 1); select race.job(1), race.job(1);"
              "update pawl.jobs set limiter_key = 'l'",
        one=[["select race.claim(1, 1, 1)"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(1, 2),
        look="select count(*) from pawl.tasks t where t.status = 'running'",
        check=lambda one, two, look: look == "1",
        variants={
            "a limiter that is not locked": [("admit_tasks", "for no key update skip locked", "")],
        }),
    Race(
        "two_keys", "I11: of two keys no more tasks run than their kind lets, and a claim waits for nobody",
        setup="select pawl.set_limit('race', 'kind', 1), pawl.set_limit('race', 'key', 1);"
              "select pawl.enqueue('race', p_limit_key => 'a'), pawl.enqueue('race', p_limit_key => 'b')",
        one=[["select race.claim(1, 1, 1)"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(1, 2),
        switches=3,
        look="select count(*) from pawl.tasks t where t.status = 'running'",
        check=lambda one, two, look: look == "1",
        variants={
            "a parent that is not locked": [
                ("admit_tasks", "for no key update skip locked;",
                 "for no key update skip locked; if v_level = 2 then select l.* into v_limiter from pawl.limiters l where l.key = v_key; end if;")],
            "a parent that is counted without what stands under it": [
                ("count_running", r"if not exists \([^;]*\) then", "if true then")],
        }),
    Race(
        "count_and_open_transaction", "I5: who adds a key to a kind, and leaves the transaction open, keeps no claim of the kind waiting",
        setup="select pawl.set_limit('race', 'kind', 1), pawl.set_limit('race', 'key', 1);"
              "select pawl.enqueue('race', p_limit_key => 'a')",
        one=[["select task_id from pawl.enqueue('race', p_limit_key => 'b')"]],
        two=[["select race.claim(2, 1, 1)"]],
        never_waits=(2,),
        switches=2,
        check=lambda one, two, look: two == ["1"],
        variants={
            "a limiter that is locked against references": [
                ("admit_tasks", "for no key update skip locked", "for update skip locked")],
        }),
    Race(
        "limit_and_first_key", "I11: a key that is used for the first time while its kind gets limits has them",
        setup="select pawl.enqueue('race', p_limit_key => 'a')",
        one=[["select pawl.set_limit('race', 'key', 1)"]],
        two=[["select task_id from pawl.enqueue('race', p_limit_key => 'b')"]],
        look="select string_agg(coalesce(j.limiter_key, 'none'), ' ' order by j.id) from pawl.jobs j",
        switches=2,
        check=lambda one, two, look: look == "key:race:a key:race:b",
        variants={
            "a standing job that does not hold its kind": [("standing_job", "for share", "")],
            "limits that are given to jobs before the kind is written to": [
                ("set_limit", r"update pawl\.kinds k[^;]*;", ""),
                ("set_limit", r"perform pawl\.limit_standing_jobs\(p_kind\);",
                 "\\g<0> update pawl.kinds k set limiter_key = k.limiter_key where k.name = p_kind;")],
        }),
    Race(
        "end_and_claim", "I11: a place rests from the end of its task on, and an end keeps no claim waiting, nor a claim an end",
        setup="insert into pawl.limiters (key, max_running, spacing_ms) values ('l', 1, 3600000); select race.limited()",
        one=[["select race.end_limited(1, 1, 1)"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(1, 2),
        switches=3,
        check=lambda one, two, look: two[0] in ("none max_running", "none spacing"),
        variants={
            "an end that is not written down": [("note_ends", "if r.is_metered then", "if false then")],
            "ends that are taken before what runs is counted": [
                ("admit_tasks", r"v_running := pawl\.count_running\(v_key\);[^\n]*\n\s+end if;",
                 "v_limiter := pawl.settle_limiter(v_limiter, v_rules, v_now);\n v_running := pawl.count_running(v_key);\n end if;"),
                ("admit_tasks", r"if v_rules\.is_metered then\s+v_limiter := [^;]*;[^\n]*\n\s+end if;", "")],
        }),
    Race(
        "cancel_and_claim", "I11: so it rests when its task is cancelled",
        setup="insert into pawl.limiters (key, max_running, spacing_ms) values ('l', 1, 3600000); select race.limited()",
        one=[["select pawl.cancel_job(1)"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(2,),
        switches=3,
        check=lambda one, two, look: two[0] in ("none max_running", "none spacing"),
        variants={
            "a cancel that does not say so": [("cancel_open_tasks", r"perform pawl\.note_ends\([^;]*;", "")],
        }),
    Race(
        "rescue_and_claim", "I11: so it rests when its task is rescued",
        setup="insert into pawl.limiters (key, max_running, spacing_ms) values ('l', 1, 3600000); select race.limited();"
              "update pawl.nodes set dead_at = now() where id = 1",
        one=[["select pawl.rescue_tasks(array[1])"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(1, 2),
        switches=3,
        check=lambda one, two, look: two[0] in ("none max_running", "none spacing"),
        variants={
            "a rescue that does not say so": [("rescue_tasks", r"perform pawl\.note_ends\([^;]*;", "")],
        }),
    Race(
        "two_spenders", "I11: of two keys no more calls are made than their kind's budget has",
        setup="select pawl.set_limit('race', 'kind', p_window_ms => 3600000, p_max_calls => 1), pawl.set_limit('race', 'key', 1);"
              "select pawl.enqueue('race', p_limit_key => 'a'), pawl.enqueue('race', p_limit_key => 'b')",
        one=[["select race.claim(1, 1, 1)"], ["select race.end_limited(1, 1, 1)"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(1, 2),
        switches=2,
        look="select count(*) from pawl.tasks t where t.status <> 'pending'",
        check=lambda one, two, look: look == "1",
        variants={
            "a claim that spends nothing": [("claim_batch", r"perform pawl\.spend_admitted\([^;]*;", "")],
            "calls that are given back by every end": [("note_ends", r"where not o\.was_started\)", "where true)")],
        }),
    Race(
        "return_and_claim", "I11: a call that is given back can be made once, by whoever comes first",
        setup="insert into pawl.limiters (key, window_ms, max_calls) values ('l', 3600000, 1); select race.limited()",
        one=[["select race.end_limited(1, 1, 1, 'returned')"], ["select race.claim(1, 1, 1)"]],
        two=[["select race.claim(2, 2, 1)"], ["select race.claim(2, 2, 1)"]],
        never_waits=(1, 2),
        switches=2,
        look="select count(*) || ' ' || (select sum(c) from pawl.limiters l, unnest(l.spent_calls) c) from pawl.tasks t where t.status = 'running'",
        check=lambda one, two, look: look in ("0 1", "1 1", "0 0"),
        variants={
            "ends that stay when they were taken": [("settle_limiter", r"delete from pawl\.limiter_uses u([^;]*?)returning u\.\*", r"select u.* from pawl.limiter_uses u\1")],
        }),
    Race(
        "bytes_and_claim", "I11: what a task took is set aside or counted, at every moment",
        setup="insert into pawl.limiters (key, window_ms, max_bytes, estimated_bytes) values ('l', 3600000, 10, 10); select race.limited()",
        one=[["select race.end_limited(1, 1, 1)"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(1, 2),
        switches=3,
        check=lambda one, two, look: two[0] == "none budget",
        variants={
            "bytes of what has ended are not counted": [("settle_limiter", r"v_limiter\.spent_bytes\[61\] \+ r\.bytes", "v_limiter.spent_bytes[61] + 0 * r.bytes")],
        }),
    Race(
        "claim_and_cancel", "I3: a cancelled job keeps no open task, whatever is claimed meanwhile",
        setup="select race.job(3)",
        one=[["select race.claim(1, 1, 2)"], ["select race.finish(1, 1, 1, 2)"]],
        two=[["select pawl.cancel_job(1)"]],
        variants={
            "a cancel that passes over what is locked": [
                ("cancel_open_tasks", r"perform\s+from pawl\.tasks t[^;]*;", ""),
                ("cancel_open_tasks", r"where t\.job_id = p_job_id\s+(and t\.status in \([^)]*\);)",
                 r"from (select x.id from pawl.tasks x where x.job_id = p_job_id for update skip locked) x "
                 r"where t.job_id = p_job_id and t.id = x.id \1")],
            "a cancel that leaves what runs": [("cancel_open_tasks", r"'pending', 'running'\)", "'pending')")],
        }),
    Race(
        "finish_and_cancel", "I2, I3: a task is finished or cancelled, once, and however the rows lie there is no deadlock",
        setup="select race.job(0, false); insert into pawl.tasks (job_id, id, priority) values (1, 2, 2), (1, 1, 1);"
              "select setval('pawl.task_ids', 100), race.claim(1, 1, 2)",
        one=[["select race.finish(1, 1, 1)", "select race.finish(1, 1, 2)"]],
        two=[["set local enable_indexscan = off", "select pawl.cancel_job(1)"]],
        variants={
            "a finish that does not ask for running": [("finish_tasks", r"and t\.status = 'running'", "")],
            "a cancel that locks tasks as they lie": [("cancel_open_tasks", r"order by t\.id\s+for update", "for update")],
        }),
    Race(
        "claim_and_cancel_task", "I3, I4: a cancelled task has no end of another kind, whoever claims it meanwhile",
        setup="select race.job(2)",
        one=[["select race.claim(1, 1, 2)"], ["select race.finish(1, 1, 1)"]],
        two=[["select pawl.cancel_task(1, 1)"]],
        look="select string_agg(t.status::text, ' ' order by t.id) from pawl.tasks t where t.job_id = 1",
        check=lambda one, two, look: look == ("cancelled running" if two == ["t"] else "completed running")
        or look == "cancelled pending",
        variants={
            "a cancel that looks before it locks": [
                ("cancel_task", r"and t\.id = p_task_id\s+for no key update", "and t.id = p_task_id")],
            "a finish that does not ask for running": [("finish_tasks", r"and t\.status = 'running'", "")],
        }),
    Race(
        "finish_and_cancel_task", "I3: a task is finished or cancelled, once, and the cancel knows which",
        setup="select race.job(2), race.claim(1, 1, 2)",
        one=[["select race.finish(1, 1, 1, 2)"]],
        two=[["select pawl.cancel_task(1, 1)"]],
        look="select t.status::text from pawl.tasks t where t.id = 1",
        check=lambda one, two, look: (one, two, look) in ((["2"], ["f"], "completed"), (["1"], ["t"], "cancelled")),
        variants={
            "a cancel that looks before it locks": [
                ("cancel_task", r"and t\.id = p_task_id\s+for no key update", "and t.id = p_task_id")],
            "a finish that does not ask for running": [("finish_tasks", r"and t\.status = 'running'", "")],
        }),
    Race(
        "chain_and_rescue", "I4, I7: each task that completes has one successor, though its stalled node ends it too",
        setup="select race.chain(1); select race.claim(1, 1, 1); update pawl.nodes set dead_at = now() where id = 1",
        one=[["select race.follow(1, 1, 1)"]],
        two=[["select rescued from pawl.rescue_nodes()"], ["select race.claim(2, 1, 5)"], ["select race.follow(2, 2, 1)"]],
        switches=2,
        look=SUCCESSORS,
        check=lambda one, two, look: look in ("1 1", "0 0"),
        variants={
            "an end that does not see whether it takes effect": [
                ("finish_followed_tasks", r"where t\.status = 'running'\s+and t\.node_id = p_node_id\s+and t\.attempt = o\.attempt\s", "where true ")],
            "an end that looks before it locks": [("finish_followed_tasks", "for no key update of t", "")],
        }),
    Race(
        "chain_and_cancel_task", "I3: a task that is cancelled has no successor, one that completes has one",
        setup="select race.chain(2); select race.claim(1, 1, 2)",
        one=[["select race.follow(1, 1, 1, 2)"]],
        two=[["select pawl.cancel_task(1, 1)"], ["select pawl.cancel_task(1, 2)"]],
        look=SUCCESSORS,
        check=lambda one, two, look: look.split()[0] == look.split()[1] and two.count("f") == int(look.split()[0]),
        variants={
            "successors of whatever was finished": [
                ("finish_followed_tasks", "for no key update of t", ""),
                ("follow_tasks", r"where t\.status = 'completed'\s+and", "where")],
        }),
    Race(
        "finish_and_rescue", "I4, I7: of a stalled node's finish and its rescue one takes effect",
        setup="select race.job(2), race.claim(1, 1, 2); update pawl.nodes set dead_at = now() where id = 1",
        one=[["select race.finish(1, 1, 1)"]],
        two=[["select rescued from pawl.rescue_nodes()"], ["select race.claim(2, 1, 5)"]],
        never_waits=(2,),
        look="select t.attempt from pawl.tasks t where t.id = 1",
        check=lambda one, two, look: one == ["0"] or look == "1",
        variants={
            "a finish that does not ask for running": [("finish_tasks", r"and t\.status = 'running'", "")],
            "a finish that asks for no token": [
                ("finish_tasks", r"and t\.node_id = p_node_id\s+and t\.attempt = o\.attempt", "")],
            "a rescue that waits": [("rescue_tasks", "for update skip locked", "for update")],
        }),
    Race(
        "two_workers", "I2, I4: no task has two owners, and no worker's claim waits",
        setup="select race.outside(3)",
        one=[["select race.take('a', 2)"]],
        two=[["select race.take('b', 2)"]],
        never_waits=(1, 2),
        switches=3,
        check=one_owner,
        variants={
            "claims that lock without skipping": [("claim_tasks", "for update skip locked", "for update")],
            "claims that do not lock": [("claim_tasks", "for update skip locked", "")],
        }),
    Race(
        "two_workers_of_a_limiter", "I11: under a limit no more tasks are claimed than it lets",
        setup="insert into pawl.limiters (key, max_running) values ('l', 1); select race.outside(1), race.outside(1);"
              "update pawl.jobs set limiter_key = 'l'",
        one=[["select race.take('a', 1)"]],
        two=[["select race.take('b', 1)"]],
        never_waits=(1, 2),
        switches=1,
        look="select count(*) from pawl.tasks t where t.status = 'running'",
        check=lambda one, two, look: look == "1",
        variants={
            "a limiter that is not locked": [("admit_tasks", "for no key update skip locked", "")],
            "a claim that asks no limiter": [("claim_tasks", r"if r\.limiter_key is not null then", "if false then")],
        }),
    Race(
        "finish_and_expire", "I4, I7: of a late worker's finish and the end of its lease one takes effect",
        setup="select race.outside(1), race.take('a', 1)",
        one=[["select pawl.finish_task(1, 1, 1)"]],
        two=[["select race.expire()"], ["select race.promote()"], ["select race.take('b', 1)"]],
        refusals=("PW008",),
        never_waits=(2,),
        switches=3,
        check=lambda one, two, look: one[0].startswith("PW008") == (two[0] == "1") and two[2] == ("1" if two[0] == "1" else "none"),
        variants={
            "a finish that does not ask for running": [("complete_attempt", r"and t\.status = 'running'", "")],
            "a finish that asks for no token": [("complete_attempt", r"and t\.attempt = p_attempt", "")],
            "an end that waits": [("expire_leases", "for update of t skip locked", "for update of t")],
        }),
    Race(
        "extend_and_expire", "I4: a lease is extended or ends",
        setup="select race.outside(1), race.take('a', 1)",
        one=[["select pawl.extend_lease(1, 1, 1, '30 days', 50, 'half') is not null"]],
        two=[["select race.expire()"]],
        refusals=("PW008",),
        never_waits=(2,),
        switches=3,
        look="select count(*) from pawl.task_progress",
        check=lambda one, two, look: one[0].startswith("PW008") == (two[0] == "1") and look == ("0" if two[0] == "1" else "1"),
        variants={
            "an end that does not look again": [("expire_leases", r"and t\.lease_until <= v_now", "")],
            "an extension that does not ask for running": [("extend_lease", r"and t\.status = 'running'", "")],
        }),
    Race(
        "fail_and_expire", "I4: one attempt fails once",
        setup="select race.outside(1), race.take('a', 1)",
        one=[["select pawl.fail_task(1, 1, 1, 'no')"]],
        two=[["select race.expire()"]],
        refusals=("PW008",),
        never_waits=(2,),
        switches=3,
        look="select count(*) from pawl.attempts",
        check=lambda one, two, look: one[0].startswith("PW008") == (two[0] == "1") and look == "1",
        variants={
            "a failure that does not lock": [("fail_attempt", "for update of t", "")],
        }),
    Race(
        "two_finishes_of_a_worker", "I7: of a finish that is repeated one takes effect, and the other's effect is undone",
        setup="select race.outside(1), race.take('a', 1)",
        one=[["select pawl.finish_task(1, 1, 1)"]],
        two=[["select pawl.finish_task(1, 1, 1)"]],
        refusals=("PW008",),
        check=lambda one, two, look: one[0].startswith("PW008") != two[0].startswith("PW008"),
        variants={
            "a finish that does not ask for running": [("complete_attempt", r"and t\.status = 'running'", "")],
        }),
    Race(
        "worker_and_cancel", "I3: what a worker runs is finished or cancelled, once, and keeps no lease",
        setup="select race.outside(2), race.take('a', 1)",
        one=[["select pawl.finish_task(1, 1, 1)"], ["select race.take('a', 1)"]],
        two=[["select pawl.cancel_job(1)"]],
        refusals=("PW008",),
        switches=3,
        look="select count(*) from pawl.tasks t where t.lease_until is not null",
        check=lambda one, two, look: look == "0",
        variants={
            "a finish that does not ask for running": [("complete_attempt", r"and t\.status = 'running'", "")],
            "a cancel that leaves leases": [("cancel_open_tasks", ", lease_until = null", "")],
        }),
    Race(
        "callback_and_202", "I4: a call back that meets the 202 on its way counts, and the task runs no more",
        setup="select race.called()",
        one=[["select race.accept()"]],
        two=[["select race.call_back('completed')"]],
        look=TASK_1,
        check=lambda one, two, look: two == ["completed"] and look == "completed",
        variants={
            "a call that counts under a lease only": [("complete_attempt", r"or p_is_callback", "")],
            "a 202 that does not ask for running": [("finish_tasks", r"and t\.status = 'running'", "")],
        }),
    Race(
        "callback_and_cancel", "I3: a call back completes the task or is told that it is cancelled",
        setup="select race.called(), race.accept()",
        one=[["select race.call_back('completed')"]],
        two=[["select pawl.cancel_job(1)"]],
        refusals=("PW003",),
        look=TASK_1,
        check=lambda one, two, look: look == ("cancelled" if one[0].startswith("PW003") else "completed"),
        variants={
            "a call that does not lock": [("callback", r"for update of t", "")],
            "an end that does not ask for running": [
                ("callback", r"for update of t", ""), ("complete_attempt", r"and t\.status = 'running'", "")],
        }),
    Race(
        "two_callbacks", "I4: of two calls that say different things one counts, and the other is told so",
        setup="select race.called(), race.accept()",
        one=[["select race.call_back('completed')"]],
        two=[["select race.call_back('failed')"]],
        refusals=("PW003", "PW008"),
        switches=3,
        look=TASK_1,
        check=lambda one, two, look: [one[0], two[0][:5]] == ["completed", "PW003"] and look == "completed"
        or [one[0][:5], two[0]] == ["PW008", "failed"] and look == "waiting",
        variants={
            "a call that does not lock": [("callback", r"for update of t", "")],
        }),
    Race(
        "callback_and_expire", "I4: a call back is in time, or is told that it is late",
        setup="select race.called(), race.accept()",
        one=[["select race.call_back('completed')"]],
        two=[["select race.expire()"]],
        refusals=("PW008",),
        never_waits=(2,),
        switches=3,
        look=TASK_1,
        check=lambda one, two, look: one[0].startswith("PW008") == (two[0] == "1") and look == ("waiting" if two[0] == "1" else "completed"),
        variants={
            "a call that does not lock": [("callback", r"for update of t", "")],
        }),
    Race(
        "undone_finish_and_rescue", "I7: what a rescue passed over, because a finish held it, is rescued when that is undone",
        setup="select race.job(2), race.claim(1, 1, 2); update pawl.nodes set dead_at = now() where id = 1",
        one=[["select race.finish(1, 1, 1)", "rollback"]],
        two=[["select rescued from pawl.rescue_nodes()"], ["select rescued from pawl.rescue_nodes()"]],
        never_waits=(2,),
        variants={
            "a rescue that forgets the node while something runs": [
                ("rescue_nodes", r"(?s)and n\.id not in \(.*?\);", ";")],
        }),
    Race(
        "late_claim", "I7: a claim of a node that is being declared dead is refused or rescued",
        setup="select race.job(2)",
        one=[["select race.claim(1, 1, 1)"]],
        two=[["update pawl.nodes set dead_at = now() where id = 1"],
             ["select rescued from pawl.rescue_nodes()"], ["select rescued from pawl.rescue_nodes()"]],
        refusals=("PW008",),
        never_waits=(1, 2),
        switches=3,
        variants={
            "a claim that does not ask whether its node is dead": [("claim_batch", "if v_claimed > 0 and", "if false and")],
            "a claim that asks before it has a transaction id": [
                ("claim_batch", "if v_claimed > 0 and", "if false and"),
                ("claim_batch", "  if p_limit > 0 then",
                 "  if not exists (select from pawl.nodes n where n.id = p_node_id and n.dead_at is null) then\n"
                 "    raise exception 'dead' using errcode = 'PW008';\n"
                 "  end if;\n"
                 "  if p_limit > 0 then")],
            "a rescue that does not wait for claims under way": [("rescue_nodes", r"n\.dead_horizon <= v_oldest", "true")],
        }),
    Race(
        "two_producers", "I7: two producers of one key make one task, and both know it",
        setup="select pawl.standing_job('race')",
        one=[[ENQUEUE_1]],
        two=[[ENQUEUE_2]],
        look=ALL_TASKS,
        check=lambda one, two, look: one == two == [look],
        variants={
            "an enqueue that does not expect another": [("enqueue", r"on conflict [^\n]* do nothing", "")],
        }),
    Race(
        "two_raises", "I7: of two requests for a task that waits the better priority holds, and it waits as it did",
        setup="select * from pawl.enqueue('race', race.payload(0), 'k', 0, now() + interval '1 day')",
        one=[[ENQUEUE_1]],
        two=[[ENQUEUE_2]],
        look="select string_agg(t.id || ' ' || t.status || ' ' || t.priority || ' ' || (t.run_at > now()) || ' ' || (t.payload ->> 'by'), ', ') from pawl.tasks t",
        check=lambda one, two, look: one == two == ["1"] and look == "1 waiting 2 true 0",
        variants={
            "a raise that does not compare": [("enqueue", r"and t\.priority < p_priority", "")],
            "a request that takes its turn at once": [("enqueue", "set priority = p_priority", "set priority = p_priority, status = 'pending'")],
        }),
    Race(
        "raise_and_claim", "I2, I7: a better request for a task that is being claimed neither holds the claim up nor makes another",
        setup="select * from pawl.enqueue('race', race.payload(1), 'k', 1)",
        one=[["select race.claim(1, 1, 1)"]],
        two=[[ENQUEUE_2]],
        never_waits=(1,),
        look="select string_agg(t.status || ' ' || t.priority, ', ') from pawl.tasks t",
        check=lambda one, two, look: two == ["1"] and look in (("running 1", "running 2") if one == ["1"] else ("pending 2",)),
        variants={
            "claims that lock without skipping": [("claim_batch", "for update skip locked", "for update")],
            "an enqueue that makes another": [("enqueue", r"on conflict [^\n]* do nothing", "")],
        }),
    Race(
        "raise_and_promote", "I5, I7: a task that is raised while it becomes due is raised, and due it stays",
        setup="select * from pawl.enqueue('race', race.payload(1), 'k', 1, now() + interval '1 day');"
              "update pawl.tasks set run_at = now() - interval '1 second'",
        one=[["select pawl.promote_due()"]],
        two=[[ENQUEUE_2]],
        never_waits=(1,),
        look="select string_agg(t.status || ' ' || t.priority || ' ' || coalesce(t.due_at <= now(), true), ', ') from pawl.tasks t",
        check=lambda one, two, look: two == ["1"] and look == ("pending 2 true" if one == ["1"] else "waiting 2 true"),
        variants={
            "a promotion that waits": [("promote_due", "for update of x skip locked", "for update of x")],
        }),
    Race(
        "undone_producer", "I7: when the first producer of a key is undone, the task that the second was told of is there",
        setup="select pawl.standing_job('race')",
        one=[[ENQUEUE_1, "rollback"]],
        two=[[ENQUEUE_2]],
        look=ALL_TASKS,
        check=lambda one, two, look: look and two == [look],
        variants={
            "an enqueue that leaves it to the other": [
                ("enqueue", "  loop\n", "  if not pg_catalog.pg_try_advisory_xact_lock(77) then return; end if;\n  loop\n")],
        }),
    Race(
        "enqueue_and_finish", "I7: an enqueue while the task with its key ends is told of that one, or makes the next",
        setup="select * from pawl.enqueue('race', race.payload(1), 'k', 1); select race.claim(1, 1, 1)",
        one=[["select race.finish(1, 1, 1)"]],
        two=[[ENQUEUE_2]],
        look="select max(t.id) from pawl.tasks t",
        check=lambda one, two, look: two == [look],
        variants={
            "an enqueue that does not try again": [("enqueue", r"\n  end loop;", "\n    exit;\n  end loop;")],
        }),
    Race(
        "first_of_a_kind", "I7: two first producers of a kind make one standing job",
        setup="select 1",
        one=[["select job_id from pawl.enqueue('race')"]],
        two=[["select job_id from pawl.enqueue('race')"]],
        check=lambda one, two, look: one == two,
        variants={
            "a standing job that does not expect another": [("standing_job", r"on conflict [^\n]* do nothing", "")],
        }),
    Race(
        "two_lists_of_keys", "I2: two that add the same keys do not meet in a deadlock",
        setup="select race.job(0, false)",
        one=[["select pawl.add_tasks(1, race.payloads(1), array['a'])",
              "select pawl.add_tasks(1, race.payloads(1), array['b'])"]],
        two=[["select pawl.add_tasks(1, race.payloads(2), array['b', 'a'])"]],
        switches=3,
        variants={
            "keys that are added as they come": [("add_tasks", r"order by n\.key, n\.place", "order by n.place")],
        }),
    Race(
        "fold_and_insert", "I1, I3: a job is not ended while somebody adds to it",
        setup="select race.job(1), race.claim(1, 1, 1), race.finish(1, 1, 1)",
        one=[["insert into pawl.tasks (job_id) values (1)"]],
        two=[["select race.fold()"]],
        refusals=("PW003",),
        never_waits=(2,),
        variants={
            "a fold that does not read the ledger again": [
                ("fold", r"if exists \(select from pawl\.progress_deltas d where d\.job_id = v_id\)", "if false")],
            "a job that nobody holds open": NOBODY_HOLDS_THE_JOB,
        }),
    Race(
        "seal_and_add", "I3: a task is in the job before it is sealed, or it is refused",
        setup="select race.job(0, false)",
        one=[["select pawl.add_tasks(1, race.payloads(1))"]],
        two=[["select pawl.seal_job(1)"], ["select race.fold()"]],
        refusals=("PW003",),
        switches=3,
        variants={
            "a job that nobody holds open": NOBODY_HOLDS_THE_JOB,
        }),
    Race(
        "fold_and_finish", "I1: what is finished while a fold moves the ledger is counted once, and nobody waits",
        setup="select race.job(2), race.claim(1, 1, 2)",
        one=[["select race.finish(1, 1, 1)"], ["select race.finish(1, 1, 2)"]],
        two=[["select race.fold()"]],
        never_waits=(1, 2),
        variants={
            "a fold that adds up first and deletes then": [
                ("fold", r"delete (from pawl\.progress_deltas d\s+where[^)]*\))\s+returning d\.\*, .* as block",
                 r"select d.*, 0.0::double precision as block \1"),
                ("fold", r"  select pg_catalog\.array_agg\(j\.id order by j\.id\) into v_drained",
                 "  delete from pawl.progress_deltas d where d.job_id = any (v_jobs);\n\\g<0>")],
        }),
    Race(
        "fold_and_page", "I3: a crawl's last page, which links to another, does not end the crawl",
        setup="select race.job(1), race.claim(1, 1, 1)",
        one=[["select race.finish_page(1, 'x')"]],
        two=[["select race.fold()"]],
        never_waits=(1, 2),
        switches=3,
        look="select count(*) from pawl.tasks t where t.status = 'pending'",
        check=lambda one, two, look: look == "1",
        variants={
            "a page that waits for a fold": [("finish_pages", "for key share", "for no key update")],
        }),
    Race(
        "retry_and_fold", "I3: a job that runs again is open, whenever the fold would end it",
        setup="select race.job(1), race.claim(1, 1, 1), race.finish(1, 1, 1)",
        one=[["select pawl.retry_task(1, 1)"]],
        two=[["select race.fold()"]],
        never_waits=(2,),
        may_retry=True,
        switches=3,
        variants={
            "a job that nobody holds open": [("retry_task", r"(from pawl\.jobs j where j\.id = p_job_id) for no key update;", r"\1;")] + NOBODY_HOLDS_THE_JOB,
        }),
    Race(
        "direct_retry_and_fold", "I3: the same when a person updates the task",
        setup="select race.job(1), race.claim(1, 1, 1), race.finish(1, 1, 1)",
        one=[["update pawl.tasks set status = 'pending', finished_at = null where id = 1"]],
        two=[["select race.fold()"]],
        never_waits=(2,),
        may_retry=True,
        variants={
            "a job that nobody holds open": NOBODY_HOLDS_THE_JOB,
        }),
    Race(
        "retry_and_enqueue", "a retry whose key somebody enqueues in between says so in our words",
        setup=FAILED_WITH_KEY,
        one=[["select pawl.retry_task(1, 1)"]],
        two=[[ENQUEUE_2]],
        may_retry=True,
        refusals=("PW003",),
        variants={
            "a retry that expects nobody": [("retry_task", "when unique_violation", "when division_by_zero")],
        }),
    Race(
        "retry_all_and_enqueue", "one key that somebody enqueues does not undo the retry of the others",
        setup=FAILED_WITH_KEY,
        one=[["select pawl.retry_failed(1)"]],
        two=[[ENQUEUE_2]],
        may_retry=True,
        variants={
            "a retry that does not look again": [("retry_failed", "if v_tries_left = 0 then", "if true then")],
        }),
    Race(
        "pause_and_claim", "what is paused gives no task to a call that comes later, and loses none that came before",
        setup="select race.job(2)",
        one=[["select race.claim(1, 1, 1)"]],
        two=[["select pawl.pause_job(1)"], ["select race.claim(2, 1, 1)"]],
        never_waits=(1, 2),
        check=lambda one, two, look: two[1] == "none",
        variants={
            "a claim that does not ask for the job's state": [
                ("claim_batch", r"v_status not in \('pending', 'running'\)", "v_status = 'completed'")],
        }),
    Race(
        "delete_and_enqueue", "I7: a task that is enqueued is in a job that exists, or the producer is refused",
        setup="select pawl.standing_job('race')",
        one=[["select task_id from pawl.enqueue('race')"]],
        two=[["delete from pawl.jobs"]],
        refusals=("PW002",),
        variants={
            "a deletion that does not meet the producers": [("meet_producers", "lock table pawl.tasks[^;]*;", "")],
        }),
    Race(
        "prune_and_retry", "I3, I7: an old task that somebody runs again is not deleted meanwhile, or is gone before he asks",
        setup=OLD_TASKS,
        one=[["select pawl.retry_task(1, 1)"]],
        two=[["select pruned from pawl.prune()"]],
        refusals=("PW002",),
        never_waits=(2,),
        switches=4,
        may_retry=True,
        look="select string_agg(t.id || ' ' || t.status, ', ' order by t.id) from pawl.tasks t",
        check=lambda one, two, look: (one[0].startswith("PW002"), two, look) in ((True, ["2"], None), (False, ["1"], "1 pending")),
        variants={
            "a deletion that does not look again under the lock": [
                ("prune_tasks", r"where x\.status in \([^)]*\)\s+and coalesce[^\n]*\n", ""), ("prune_tasks", "skip locked", "")],
            "a deletion that waits": [("prune_tasks", "for update of x skip locked", "for update of x")],
        }),
    Race(
        "two_pruners", "I2: of two nodes that prune one does it, and nobody waits",
        setup=OLD_TASKS,
        one=[["select pruned from pawl.prune()"]],
        two=[["select pruned from pawl.prune()"]],
        never_waits=(1, 2),
        switches=3,
        look=ALL_TASKS,
        check=lambda one, two, look: sorted(one + two) == ["0", "2"] and look is None,
        variants={
            "a duty that both do": [
                ("prune", r"if not pg_catalog\.pg_try_advisory_xact_lock\(1885435756, 5\) then", "if false then"),
                ("prune", "for update of c skip locked", "for update of c")],
        }),
    Race(
        "delete_and_insert", "I7: the same for a finite job and a plain insert",
        setup="select race.job(1)",
        one=[["insert into pawl.tasks (job_id) values (1)"]],
        two=[["delete from pawl.jobs"]],
        refusals=("PW002",),
        variants={
            "a job that nobody holds open": NOBODY_HOLDS_THE_JOB,
            "an insert that does not see that its job has just gone": [
                ("hold_job_open", r"if not found then -- perhaps deleted[^;]*;\s+end if;", "")],
        }),
    Race(
        "two_ask_for_robots", "of two nodes that ask for a host's robots.txt one fetches it, and the other waits",
        setup="select race.job(1)",
        one=[["select race.ask(1)"]],
        two=[["select race.ask(2)"]],
        check=lambda one, two, look: sorted(one + two) == ["fetch", "wait"],
        variants={
            "an ask that takes the turn of another": [
                ("ask_robots", r"where h\.fetched_at is null\s+and \([^)]*\)", "")],
            "an ask that expects nobody": [("ask_robots", r"on conflict \(job_id, origin\)[^;]*;", ";")],
        }),
    Race(
        "two_ask_after_silence", "the same when the node that was to fetch it has been silent for a minute",
        setup="select race.host(9, '2 minutes')",
        one=[["select race.ask(1)"]],
        two=[["select race.ask(2)"]],
        check=lambda one, two, look: sorted(one + two) == ["fetch", "wait"],
        variants={
            "an ask that does not look again under the lock": [
                ("ask_robots", r"where h\.fetched_at is null\s+and \([^)]*\)", "")],
            "a turn that is never lost": [("ask_robots", r"or h\.asked_at <= v_now - interval '1 minute'", "")],
        }),
    Race(
        "undone_ask", "when the ask of the first is undone, it is the second's turn",
        setup="select race.job(1)",
        one=[["select race.ask(1)", "rollback"]],
        two=[["select race.ask(2)"]],
        look=HOST,
        check=lambda one, two, look: two == ["fetch"] and look == "2 unknown",
        variants={
            "an ask that leaves it to the other": [
                ("ask_robots", "  insert into",
                 "  if not pg_catalog.pg_try_advisory_xact_lock(77) then\n"
                 "    return query select 'wait', null::integer, null::text;\n"
                 "    return;\n"
                 "  end if;\n"
                 "  insert into")],
        }),
    Race(
        "forget_and_ask", "a node that gives up a turn that it has lost does not give up the turn of the next",
        setup="select race.host(1, '2 minutes')",
        one=[["select pawl.forget_robots(1, 'http://h', 1)"]],
        two=[["select race.ask(2)"]],
        look=HOST,
        check=lambda one, two, look: two == ["fetch"] and look == "2 unknown",
        variants={
            "a node that forgets whoever has the turn": [("forget_robots", r"and h\.node_id = p_node_id", "")],
        }),
    Race(
        "save_and_ask", "what one node knows of a host, all know, and nobody fetches it again",
        setup="select race.host(1, '2 minutes')",
        one=[["select race.save(1, 'one', 0)"]],
        two=[["select race.ask(2)"]],
        look=HOST,
        check=lambda one, two, look: look == "1 one",
        variants={
            "an ask that does not look again whether it is known": [
                ("ask_robots", r"where h\.fetched_at is null\s+and", "where")],
        }),
    Race(
        "save_and_forget", "an answer that comes late is kept, with its sitemaps, whatever the node says that took the turn",
        setup="select race.host(2, '0')",
        one=[["select race.save(1, 'one', 0)"]],
        two=[["select pawl.forget_robots(1, 'http://h', 2)"]],
        look=f"select ({HOST}) || ' ' || string_agg(t.key, ' ') from pawl.tasks t",
        check=lambda one, two, look: look == "1 one one",
        variants={
            "an answer that needs its turn": [
                ("save_robots", r"insert into pawl\.crawl_hosts[^;]*;",
                 "update pawl.crawl_hosts h set node_id = p_node_id, fetched_at = v_now, robots = p_robots"
                 " where h.job_id = p_job_id and h.origin = p_origin and h.fetched_at is null;")],
            "a node that forgets what is known": [
                ("forget_robots", r"and h\.node_id = p_node_id\s+and h\.fetched_at is null", "")],
        }),
    Race(
        "two_robots", "of two answers the first counts, with its pace and its sitemaps",
        setup="select race.host(2, '0')",
        one=[["select race.save(1, 'one', 1000)"]],
        two=[["select race.save(2, 'two', 2000)"]],
        look=f"select ({HOST}) || ' ' || string_agg(t.key, ' ') || ' ' || ({LIMITERS}) from pawl.tasks t",
        check=lambda one, two, look: look in ("1 one one l 1000 0", "2 two two l 2000 0"),
        variants={
            "an answer that replaces another": [("save_robots", r"where h\.fetched_at is null", "")],
        }),
    Race(
        "robots_and_page", "I2: a page and a robots.txt that find the same, and both change the pace, do not meet in a deadlock",
        setup="select race.host(2, '0'), race.claim(1, 1, 1); update pawl.limiters set start_interval_ms = 1000",
        one=[["select race.finish_page(1, 'one')"]],
        two=[["select race.save(2, 'one', 2000)"]],
        switches=3,
        look=LIMITERS,
        check=lambda one, two, look: look in ("l 2000 0", "l 2000 1"),
        variants={
            "a pace that comes before what was found": [
                ("save_robots", r"  if pg_catalog\.jsonb_array_length",
                 "  update pawl.limiters l set updated_at = l.updated_at where l.key = v_job.limiter_key;\n\\g<0>")],
        }),
    Race(
        "delete_and_ask", "nothing is kept of a host whose job is gone",
        setup="select race.job(1)",
        one=[["select race.ask(1)"]],
        two=[["delete from pawl.jobs"]],
        look="select count(*) from pawl.crawl_hosts",
        check=lambda one, two, look: look == "0",
        variants={
            "a job that the ask does not hold": [("ask_robots", "for key share", "")],
        }),
    Race(
        "two_limiters", "I2, I11: two batches of jobs whose limiters lie in opposite order do not meet in a deadlock; each answer"
                        " counts for the pace, and one refusal of many that were under way",
        setup="insert into pawl.limiters (key, start_interval_ms, is_adaptive, base_interval_ms, floor_ms)"
              " values ('a', 1000, true, 500, 500), ('b', 1000, true, 500, 500);"
              "select race.job(1), race.job(2), race.job(3), race.job(1);"
              "select race.claim(1, 1, 9), race.claim(1, 2, 9), race.claim(2, 3, 9), race.claim(2, 4, 9);"
              "update pawl.jobs set limiter_key = case when id in (2, 3) then 'a' else 'b' end",
        one=[["select race.answer(1, array[1, 2], array['rate_limit', 'fine'])"]],
        two=[["select race.answer(2, array[3, 4], array['fine', 'rate_limit'])"]],
        switches=2,
        look=LIMITERS,
        check=lambda one, two, look: look == "a 500 0, b 1500 0",
        variants={
            "paces that are adapted job by job": [
                ("finish_pages", r"v_paces := v_paces \|\|[^;]*;",
                 "perform pawl.adjust_pace(v_job.limiter_key, v_ended.fine, v_ended.refused, v_ended.refused_since, null);")],
            "paces that are adapted in the order of the jobs": [
                ("finish_pages", r"order by o\.limiter",
                 "order by pg_catalog.strpos(v_paces::text, pg_catalog.quote_ident('limiter') || '\": \"' || o.limiter)")],
            "a host that each refusal makes slower": [
                ("adjust_pace", r"and \(l\.slowed_at is null or p_refused_since > l\.slowed_at\)", "")],
            "answers that are added to a count which may be old": [
                ("adjust_pace", r"l\.successes \+ p_fine",
                 "(select x.successes from pawl.limiters x where x.key = p_limiter_key) + p_fine")],
        }),
    Race(
        "pace_and_claim", "I11: a pace that changes keeps no claim waiting, and is changed all the same",
        setup="select race.host(9, '0'), race.claim(1, 1, 1), race.job(1); update pawl.jobs set limiter_key = 'l'",
        one=[["select race.answer(1, array[1], array['rate_limit'])"]],
        two=[["select race.claim(2, 2, 1)"]],
        never_waits=(2,),
        switches=3,
        look=LIMITERS,
        check=lambda one, two, look: look == "l 1000 0",
        variants={
            "a claim that waits for the limiter": [("admit_tasks", "for no key update skip locked", "for no key update")],
            "a page that does not wait for a claim": [
                ("adjust_pace", r"update pawl\.limiters l\s+set start_interval_ms = least",
                 "perform from pawl.limiters l where l.key = p_limiter_key for update skip locked;\n"
                 "    if not found then return; end if;\n    \\g<0>")],
        }),
    Race(
        "replace_and_page", "I2, I3: a crawl that replaces another, with a pace of its own, and a page of that other do not meet"
                            " in a deadlock",
        setup=f"select pawl.crawl('http://h/'); {CRAWL_OF_NODE_1}",
        one=[["select race.finish_page(1, 'x')"]],
        two=[["select pawl.crawl('http://h/', p_start_interval_ms => 100, p_replace => true)"]],
        look=JOBS,
        check=lambda one, two, look: look == "cancelled pending",
        variants={
            "a pace that comes before what is replaced": [
                ("crawl", r"  if p_replace then",
                 "  update pawl.limiters l set updated_at = l.updated_at where l.key = v_limiter;\n\\g<0>")],
        }),
    Race(
        "schedule_and_page", "I2, I3: the same of a schedule that replaces its crawl",
        setup="select pawl.define_schedule('s', 'crawl', '{\"url\": \"http://h/\", \"start_interval_ms\": 100}', '1 day',"
              f" p_replace => true); select pawl.run_schedule('s'); {CRAWL_OF_NODE_1}",
        one=[["select race.answer(1, array[2], array['fine'])"]],  # the first was a trial
        two=[["select pawl.run_schedule('s')"]],
        look=JOBS,
        check=lambda one, two, look: look == "cancelled pending",
        variants={
            "a pace that comes before what is replaced": [("fire_crawl", r"\s+for update;", ";")],
        }),
    Race(
        "two_replace", "of two crawls of a host that replace each other one is left",
        setup="select pawl.crawl('http://h/')",
        one=[["select pawl.crawl('http://h/', p_replace => true)"]],
        two=[["select pawl.crawl('http://h/', p_replace => true)"]],
        look=JOBS,
        check=lambda one, two, look: look == "cancelled cancelled pending",
        variants={
            "two that do not take turns": [("crawl", r"perform pg_catalog\.pg_advisory_xact_lock\([^;]*;", "")],
        }),
]
