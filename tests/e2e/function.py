"""The function that tasks call: tests/functions/server.mjs in a process of its own."""
import functools
import json
import os
import pathlib
import shutil
import signal
import ssl
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
    def __init__(self, *secrets, tls=None, port=0):
        """port: of one that was there before; 0: any. tls: a folder for a certificate of its own, which signs itself, for 127.0.0.1; then HTTP/2 is offered."""
        assert shutil.which("node"), "node is missing: scripts/deps installs it"
        install()
        self.certificate = tls and f"{tls}/certificate.pem"
        if tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-days", "1", "-subj", "/CN=function", "-addext", "subjectAltName=IP:127.0.0.1",
                            "-keyout", f"{tls}/key.pem", "-out", self.certificate], check=True, stderr=subprocess.DEVNULL)
        files = {"TLS_KEY": f"{tls}/key.pem", "TLS_CERT": self.certificate} if tls else {}
        self.process = subprocess.Popen(
            ["node", FOLDER / "server.mjs"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env=clean_environment(SECRETS=" ".join(secrets), PORT=str(port), **files), start_new_session=True,
            preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        self.port = int(self.process.stdout.readline())

    def url(self, path):
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}{path}"

    def _ask(self):
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        with urllib.request.urlopen(self.url("/records"), timeout=10, context=context) as answer:
            return json.load(answer)

    def records(self, path=None):
        """Every request so far, the oldest first."""
        return [record for record in self._ask()["records"] if path is None or record["path"] == path]

    def connections(self):
        """How many have been made, this question's aside."""
        return self._ask()["connections"] - 1

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
