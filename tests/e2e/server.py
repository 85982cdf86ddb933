"""A PostgreSQL of the tests' own: a folder, a Unix socket in it, a postmaster that is a child of ours.

It can be killed and started again, which is what half of the stories are about. initdb runs once a
session; every further server begins as a copy of that folder.
"""
import functools
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg

from waiting import end_with_us, until

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",          # names the socket, which lies in a folder of its own
    "fsync": "off",          # a killed postmaster loses nothing that way; a power cut would
    "max_connections": "200",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


@functools.cache
def programs():
    folders = [os.environ.get("PAWL_PG_BINDIR"), *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    for folder in folders:
        if folder and os.path.exists(f"{folder}/initdb"):
            return folder
    return os.path.dirname(shutil.which("initdb"))


def as_postgres():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [account.pw_gid]}


def give_to_postgres(path):
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def clean_environment(**more):
    """Ours, without what would lead libpq or pawl to somebody else's database."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("PG") and name != "DATABASE_URL"}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


def make_cluster(folder):
    """initdb in folder/data."""
    subprocess.run([f"{programs()}/initdb", "-D", f"{folder}/data", "-U", "postgres", "--auth=trust",
                    "--encoding=UTF8", "--locale=C", "--no-sync"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, env=clean_environment(HOME=folder), **as_postgres())


class Server:
    def __init__(self, template, parent=None, **settings):
        self.folder = tempfile.mkdtemp(prefix="pawl_e2e.", dir=parent)
        give_to_postgres(self.folder)
        subprocess.run(["cp", "-a", f"{template}/data", self.folder], check=True)
        self.settings = {**SETTINGS, "unix_socket_directories": self.folder, **settings}
        self.log = f"{self.folder}/log"
        self.process = None
        self.starts = 0
        try:
            self.start()
        except BaseException:
            self.destroy()
            raise

    def url(self, database="postgres", user="postgres"):
        return f"postgresql:///{database}?host={self.folder}&port={self.settings['port']}&user={user}"

    def connect(self, database="postgres", **options):
        options = {"autocommit": True, "connect_timeout": 10, **options}
        return psycopg.connect(self.url(database), **options)

    def _is_up(self):
        assert self.process.poll() is None, "the server has ended:\n" + self.tail()
        try:
            self.connect().close()
            return True
        except psycopg.OperationalError:
            return False

    def start(self):
        """Tries again: the last processes of a killed postmaster may still hold its memory."""
        def try_it():
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [f"{programs()}/postgres", "-D", f"{self.folder}/data",
                     *(f"--{name}={value}" for name, value in self.settings.items())],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                    env=clean_environment(HOME=self.folder), start_new_session=True,
                    preexec_fn=functools.partial(end_with_us, signal.SIGQUIT), **as_postgres())
            until(lambda: self.process.poll() is not None or self._is_up(), 30, "the server is up")
            return self.process.poll() is None
        until(try_it, 60, "the server starts")
        self.starts += 1

    def kill(self):
        """kill -9 of the postmaster: its children notice and end."""
        self.process.kill()
        self.process.wait()

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: at once."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def destroy(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def tail(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-40:])
