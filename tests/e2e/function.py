"""The function that tasks call: tests/functions/server.mjs in a process of its own."""
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import urllib.request

from server import clean_environment
from waiting import end_with_us

FOLDER = pathlib.Path(__file__).parents[1] / "functions"


def install():
    """What the server imports, once; exactly as locked."""
    if not (FOLDER / "node_modules" / "standardwebhooks").exists():
        subprocess.run([FOLDER / "install"], check=True, stdout=subprocess.DEVNULL)


class Function:
    def __init__(self, *secrets, port=0):
        assert shutil.which("node"), "node is missing: scripts/deps installs it"
        install()
        self.process = subprocess.Popen(
            ["node", FOLDER / "server.mjs"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env=clean_environment(SECRETS=" ".join(secrets), PORT=str(port)), start_new_session=True,
            preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        self.port = int(self.process.stdout.readline())

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def records(self, path=None):
        """Every request so far, the oldest first."""
        with urllib.request.urlopen(self.url("/records"), timeout=10) as answer:
            records = json.load(answer)
        return [record for record in records if path is None or record["path"] == path]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
