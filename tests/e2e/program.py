"""The program under test: one command, or a node that runs until it is told not to."""
import functools
import json
import os
import pathlib
import signal
import subprocess

from server import clean_environment
from waiting import end_with_us, until

PAWL = os.environ.get("PAWL") or str(pathlib.Path(__file__).parents[2] / "build" / "pawl")


def pawl(*words, code=0, stdin=None, timeout=60, **environment):
    """Runs a command to its end; code=None takes any."""
    done = subprocess.run([PAWL, *map(str, words)], input=stdin, capture_output=True, text=True,
                          timeout=timeout, env=clean_environment(**environment))
    assert code is None or done.returncode == code, \
        f"pawl {' '.join(map(str, words))[:200]}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done


def pawl_json(*words, **options):
    return json.loads(pawl(*words, "--json", **options).stdout)


class Node:
    """A pawl that goes on running: pawl serve, pawl up, pawl crawl."""

    def __init__(self, log, *words, inside=None, **environment):
        """inside: makes another command of this one, which becomes it (nsenter)."""
        self.log = log
        command = [PAWL, *map(str, words)]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                inside(*command) if inside else command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=clean_environment(**environment), start_new_session=True,
                preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        self.pid = self.process.pid

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=40):
        """Its exit code."""
        until(lambda: self.process.poll() is not None, seconds, lambda: "pawl ends; it said:\n" + self.said())
        return self.process.returncode

    def stop(self, seconds=40):
        self.terminate()
        return self.wait(seconds)
