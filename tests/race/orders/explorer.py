"""Runs two sessions in every order in which their steps can follow each other.

A step is what a session does between two stops: the gates in Pawl's functions (gates.py), the end of
a call, and the end of a transaction. One session goes on at a time, until it stops again or waits for
a lock of the other; then it goes on by itself as soon as the other lets go. So the same choices give
the same run, and the orders are a tree that is walked to its end: run, then take another turn at the
last place where there was another one. Nothing sleeps: a stop is announced by a notice, a wait is
seen in pg_isolation_test_session_is_blocked, as isolationtester does it.

Orders can be bounded by their switches: how often a session is left that could have gone on. Three
are enough for every permutation of whole calls and commits where one session has one transaction of
one call, as in the races that are bounded.
"""
import os
import select
import time

from psycopg import pq

DEADLINE_SECONDS = 20
GATES_AHEAD = 400
VACUUM_EVERY = 100  # orders, each of which leaves dead rows
VACUUM = "vacuum pawl.tasks, pawl.jobs, pawl.standing_jobs, pawl.progress_deltas, pawl.attempts, pawl.nodes, race.history"


def connect():
    connection = pq.PGconn.connect(os.environ["DATABASE_URL"].encode())
    if connection.status != pq.ConnStatus.OK:
        raise RuntimeError(connection.error_message.decode())
    return connection


def value(connection, sql):
    """The first column of the last row, as text; None for null and for no rows."""
    result = connection.exec_(sql.encode())
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise RuntimeError(f"{result.error_message.decode()} in: {sql}")
    return text_of(result)


def text_of(result):
    if result.status != pq.ExecStatus.TUPLES_OK or result.ntuples == 0:
        return None
    text = result.get_value(result.ntuples - 1, 0)
    return None if text is None else text.decode()


class Session:
    """One connection that runs transactions step by step."""

    def __init__(self, number, control):
        self.number = number
        self.control = control
        self.connection = connect()
        self.connection.notice_handler = self.on_notice
        self.pid = self.connection.backend_pid
        value(self.connection, f"set race.session = {number}; set deadlock_timeout = '50ms';"
              "set client_min_messages = notice; create temporary sequence race_place")
        self.gates_passed = 0
        self.gates_locked = 0
        self.lock_gates()

    def lock_gates(self):
        """Gates are locked ahead, so that none is passed before it is announced."""
        first, self.gates_locked = self.gates_locked + 1, self.gates_passed + GATES_AHEAD
        value(self.control, f"select pg_advisory_lock({self.number}, g) "
              f"from generate_series({first}, {self.gates_locked}) g")

    def start(self, transactions):
        if self.gates_locked - self.gates_passed < GATES_AHEAD // 2:
            self.lock_gates()
        self.actions = []
        for calls in transactions:
            self.actions += [("begin; " if place == 0 else "") + call for place, call in enumerate(calls)]
            if not calls[-1].startswith("rollback"):
                self.actions.append("commit")
        self.results = []
        self.label = None  # of the gate where it stands
        self.is_running = False
        self.is_blocked = False

    def is_done(self):
        return not self.actions and not self.is_running

    def can_go_on(self):
        return not self.is_done() and not self.is_blocked

    def next_step(self):
        return self.label or self.actions[0]

    def on_notice(self, notice):
        message = notice.error_field(pq.DiagnosticField.MESSAGE_PRIMARY).decode()
        if message.startswith("race gate "):
            self.label = message[len("race gate "):]

    def go_on(self):
        if self.label:
            self.label = None
            self.gates_passed += 1
            value(self.control, f"select pg_advisory_unlock({self.number}, {self.gates_passed})")
        else:
            self.is_running = True
            self.connection.send_query(self.actions.pop(0).encode())

    def look(self):
        """True when it has come to a stop: a gate, or the end of a call."""
        self.connection.consume_input()
        if not self.is_running or self.label:
            return True
        while not self.connection.is_busy():
            result = self.connection.get_result()
            if result is None:
                self.is_running = False
                return True
            self.note(result)
        return self.label is not None

    def note(self, result):
        if result.status == pq.ExecStatus.TUPLES_OK:
            self.results.append(text_of(result))
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            code = result.error_field(pq.DiagnosticField.SQLSTATE).decode()
            message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY).decode()
            self.results.append(f"{code} {message}")
            # what was left of the transaction is not tried
            while self.actions and self.actions[0] not in ("commit", "rollback"):
                self.actions.pop(0)
            if self.actions:
                self.actions[0] = "rollback"


class Explorer:
    """Two sessions, and a third connection that lets them go on, watches and judges."""

    def __init__(self):
        self.control = connect()
        self.sessions = [Session(1, self.control), Session(2, self.control)]
        self.count = 0
        self.pids = ",".join(str(session.pid) for session in self.sessions)

    def is_blocked(self, session):
        return value(self.control, f"select pg_isolation_test_session_is_blocked({session.pid}, '{{{self.pids}}}')") == "t"

    def settle(self, session):
        """Until the session has stopped, or waits for a lock of the other."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not session.look():
            if not select.select([session.connection.socket], [], [], 0.002)[0] and self.is_blocked(session):
                session.is_blocked = True
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"session {session.number} neither stops nor waits")
        session.is_blocked = False

    def end_deadlock(self):
        """Everybody waits for everybody: the server ends one."""
        sockets = {session.connection.socket: session for session in self.sessions}
        ready = select.select(list(sockets), [], [], DEADLINE_SECONDS)[0]
        if not ready:
            raise RuntimeError("both sessions wait, and not for each other")
        for socket in ready:
            self.settle(sockets[socket])

    def step(self, session):
        session.go_on()
        self.settle(session)
        for other in self.sessions:
            if other.is_blocked and not self.is_blocked(other):
                self.settle(other)

    def run(self, race, choices):
        """One order: the choices given, from there on whoever went on last. Returns the steps, each
        (who could go on, who did), and what was wrong or None."""
        self.count += 1
        if self.count % VACUUM_EVERY == 0:
            value(self.control, VACUUM)
        value(self.control, "select race.clear()")
        value(self.control, f"{race.setup}; delete from race.history")
        for session, transactions in zip(self.sessions, (race.one, race.two)):
            session.start(transactions)
        steps, story, wrong, last = [], [], None, None
        while not all(session.is_done() for session in self.sessions):
            able = [session for session in self.sessions if session.can_go_on()]
            if not able:
                self.end_deadlock()
                continue
            if len(steps) < len(choices):
                last = self.sessions[choices[len(steps)]]
                if last not in able:
                    raise RuntimeError(f"{race.name}: the same choices did not give the same run")
            elif last not in able:
                last = able[0]
            steps.append(([session.number - 1 for session in able], last.number - 1))
            story.append(f"{last.number}: {last.next_step()}")
            self.step(last)
            for session in self.sessions:
                if session.is_blocked and session.number in race.never_waits:
                    wrong = wrong or f"I2: session {session.number} waits"
            if story[-1].endswith(": commit"):
                wrong = wrong or value(self.control, "select race.drift()")
        results = [session.results for session in self.sessions]
        wrong = wrong or race.judge(*results, value(self.control, race.look)) or self.work_off(race)
        if wrong:
            story += [f"{number}: answers {answers}" for number, answers in enumerate(results, 1)]
            wrong = "\n  ".join([wrong] + story)
        return steps, wrong

    def work_off(self, race):
        """What still runs is rescued, its nodes declared dead and forgotten; then the rest is done."""
        if value(self.control, "select 1 from pawl.tasks t where t.status = 'running' limit 1"):
            for _ in range(3):
                value(self.control, "select pawl.rescue_nodes('-1 second')")
        value(self.control, "select race.work_off()")
        return value(self.control, f"select race.verdict({race.may_retry})")

    def orders(self, race, switches):
        """Every order with at most so many switches; yields what was wrong or None for each."""
        choices = []
        while choices is not None:
            steps, wrong = self.run(race, choices)
            yield wrong
            choices = next_choices(steps, switches)


def next_choices(steps, switches):
    """The choices that lead to the next order, depth first; None when there is none left."""
    for place in range(len(steps) - 1, -1, -1):
        for other in turns(steps, place):
            if count_switches(steps[:place] + [(steps[place][0], other)]) <= switches:
                return [chosen for _, chosen in steps[:place]] + [other]
    return None


def turns(steps, place):
    """The turns at a place that come after the one taken: first whoever went on last, then the others."""
    able, chosen = steps[place]
    last = steps[place - 1][1] if place > 0 else None
    in_order = sorted(able, key=lambda session: (session != last, session))
    return in_order[in_order.index(chosen) + 1:]


def count_switches(steps):
    return sum(1 for (_, last), (able, chosen) in zip(steps, steps[1:]) if chosen != last and last in able)
