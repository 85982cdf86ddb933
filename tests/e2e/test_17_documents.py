"""What --json prints: in every command's document a thing has the same name (docs/cli.md)."""
import re

from program import pawl
from waiting import until

JOB, TASK, WORD = r"\d+", r"\d+/\d+", r"\S+"
NAMES = {"job": JOB, "task": TASK, "kind": WORD, "node": WORD}
FORBIDDEN = {"id", "job_id", "task_id", "node_id", "org_id"}


def members(document):
    """Every (name, value) in it, however deep; what people put in themselves is theirs."""
    if isinstance(document, list):
        for row in document:
            yield from members(row)
    elif isinstance(document, dict):
        for name, value in document.items():
            yield name, value
            if name not in ("payload", "params", "result"):
                yield from members(value)


def check(document, *expected):
    named = {name for name, value in members(document) if name in NAMES and value is not None}
    assert named >= set(expected), document
    for name, value in members(document):
        assert name not in FORBIDDEN, f"{name} is not how docs/cli.md names things: {document}"
        if name in NAMES and value is not None:
            assert isinstance(value, str) and re.fullmatch(NAMES[name], value), (name, value)
    return document


def test_things_have_the_same_names_in_every_document(db, effects, serve):
    """And what one command prints, the next one takes."""
    check(db.json("kind", "set", "act", "--executor", "sql", "--target", "app.act"), "kind")
    check(db.json("kind", "set", "fail", "--executor", "sql", "--target", "app.fail", "--max-attempts", 1), "kind")
    check(db.json("kind", "list"), "kind")
    task = check(db.json("enqueue", "act", '{"n": 1}'), "task", "job")["task"]
    job = db.job("fail", 2)
    serve(db)
    db.wait_job(job, "failed")
    until(lambda: check(db.json("task", "show", task), "task", "job", "kind")["status"] == "completed", 10, "it has run")
    assert {row["job"] for row in check(db.json("job", "list"), "job", "kind")} == {str(job), task.split("/")[0]}
    shown = check(db.json("job", "show", job), "job", "kind", "task")
    assert shown["job"] == str(job)
    failed = shown["failures"][0]["task"]
    assert failed in [row["task"] for row in check(db.json("task", "list", job), "task", "job")]
    assert check(db.json("task", "show", failed), "task", "job", "kind", "node")["failed_attempts"]
    check(db.json("task", "retry", failed), "task", "job")
    db.wait_job(job, "failed")
    check(db.json("task", "cancel", failed), "task", "job")
    for verb in ("retry", "pause", "resume", "cancel"):
        assert check(db.json("job", verb, job), "job")["job"] == str(job)


def test_a_crawl_is_named_as_any_job(db):
    """Nobody serves it, so it waits."""
    crawl = check(db.json("crawl", "http://127.0.0.1:1/", "--allow-private", "--detach"), "job")
    assert crawl["detached"] is True
    shown = check(db.json("job", "show", crawl["job"]), "job", "kind")
    assert shown["crawl"]["job"] == shown["job"] == crawl["job"]
    assert pawl("job", "show", crawl["job"], "--db", db.url).stdout.startswith("job ")
