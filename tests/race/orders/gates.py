"""Puts gates into Pawl's functions: stops between two statements where another session can come in.

From outside, a call of a function is one step; a race lies between the statements in it. So every
plpgsql function (one in SQL has a single statement, one that is stable a single snapshot) of the schema gets "assert race.gate(...)" before each statement that reads or writes
what others see. An assertion is an expression: it changes neither FOUND nor the row count.

No gate stands where it would tell nothing new, because the statement changes nothing that others can
notice before the commit and reads nothing that they change: a row appended to a ledger, a bell, a
job's row that the function has locked already, kinds, pages and attempts. Nor before the first
statement of a function, since its caller stopped before the call; unless it is a trigger, or its
declarations read something.
"""
import re

starts_after = re.compile(r"(;|\bthen|\bloop|\belse|\bbegin)\s*(--.*)?$")
comment = re.compile(r"(^|\s)--\s.*")
touches = re.compile(r"\bpawl\.|advisory")
private = re.compile(r"""
    ^insert\ into\ pawl\.(progress_deltas|limiter_uses)
    | ^perform\ pawl\.(ring|check|refuse)\w*\(
    | from\ pawl\.nodes\ n\ where\ n\.is_asleep
    | ^(raise|elsif)\b
    | ^return\b(?!\ query)""", re.VERBOSE)
quiet = re.compile(r"""
    \bpawl\.(now\(\) | kinds | pages | attempts | task_status | job_status | \w+;)
    | (nextval | pg_relation_size)\([^)]*\)""", re.VERBOSE)
locks_job = re.compile(r"from pawl\.jobs[^;]*for (no key )?update|pawl\.hold_finite_job\(")


all_functions = """
    select p.oid::regprocedure, p.proname, p.prorettype = 'trigger'::regtype, pg_get_functiondef(p.oid)
    from pg_proc p
    where p.pronamespace = 'pawl'::regnamespace
    order by 1"""


def is_gated(text, before):
    """Whether a gate belongs before a statement, given what stands before it in its function."""
    if private.search(text) or not touches.search(quiet.sub("", text)):
        return False
    return not (text.startswith("update pawl.jobs") and locks_job.search(before))


def statements(lines):
    """(first line, last line) of each statement, of a compound one as far as its "then" or "loop"."""
    first = 0
    for number, line in enumerate(lines):
        if starts_after.search(line) and not line.lstrip().startswith("--"):
            yield first, number
            first = number + 1


def with_gates(name, is_trigger, definition):
    """The definition of a function, with gates in it."""
    if "\n LANGUAGE plpgsql\n" not in definition:
        return definition
    if "E'\n" in definition:  # writes code of its own, which is not to be taken for its statements
        return definition
    if re.search(r"^ (STABLE|IMMUTABLE)\b", definition.partition("AS $")[0], re.MULTILINE):
        return definition
    definition = re.sub(r"^ SET lock_timeout TO .*\n", "", definition, flags=re.MULTILINE)  # a gate is a lock that is waited for
    head, body = re.split(r"^begin\n", definition, maxsplit=1, flags=re.MULTILINE)
    lines = body.split("\n")
    declarations = head.partition("AS $")[2]
    is_first = not is_trigger and not touches.search(quiet.sub("", declarations))
    result = []
    for first, last in statements(lines):
        text = " ".join(" ".join(comment.sub("", line) for line in lines[first:last + 1]).split())
        if is_gated(text, head + "\n".join(result)):
            if not is_first:
                result.append(f"assert race.gate({quote(f'{name}: {text[:70]}')});")
            is_first = False
        result += lines[first:last + 1]
    return f"{head}begin\n" + "\n".join(result + lines[last + 1:])


def quote(text):
    return "'" + text.replace("'", "''") + "'"
