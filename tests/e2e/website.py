"""A website for crawls: nginx on loopback, a folder of pages, and the log of who asked for what when."""
import functools
import os
import signal
import socket
import subprocess
import urllib.request

from waiting import end_with_us, until

CONFIGURATION = """
daemon off;
master_process off;
%(user)s
pid %(folder)s/pid;
error_log %(folder)s/error.log warn;
events { worker_connections 1024; }
http {
  default_type application/octet-stream;
  types { text/html html; text/plain txt; }
  log_format requests '$msec\t$request_time\t$status\t$request_method\t$http_host\t$request_uri\t$http_user_agent';
  access_log %(folder)s/requests.log requests;
  client_body_temp_path %(folder)s/t1; proxy_temp_path %(folder)s/t2; fastcgi_temp_path %(folder)s/t3;
  uwsgi_temp_path %(folder)s/t4; scgi_temp_path %(folder)s/t5;
  keepalive_requests 100000;
  gzip on; gzip_min_length 200;
  server {
    listen 127.0.0.1:%(port)d;
    root %(folder)s/pages;
    location /slow/ { gzip off; limit_rate 40k; }
    location = /old.html { return 301 /new.html; }
    location = /away.html { return 302 http://127.0.0.1:%(other_port)d/landed.html; }
    location = /gone.html { return 410; }
    %(redirects)s
  }
  server {
    listen 127.0.0.1:%(other_port)d;
    location / { return 200 "another site"; }
    location = /heads.html { if ($request_method = HEAD) { return 404; } return 200 "no heads here"; }
    location = /moved.html { return 301 /dead.html; }
    location = /dead.html { return 404; }
  }
}
"""


def page(*links, text=""):
    return "<!doctype html><title>page</title>" + "".join(f'<a href="{link}">x</a>\n' for link in links) + f"<p>{text}</p>"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Website:
    """pages: path -> HTML, in which //OTHER/ stands for another site: a good crawler never goes there. redirects: path ->
    target, as 301."""

    def __init__(self, folder, pages, redirects=None):
        self.folder = str(folder)
        os.makedirs(f"{self.folder}/pages")
        self.port, self.other_port = free_ports(2)
        for path, html in pages.items():
            os.makedirs(os.path.dirname(f"{self.folder}/pages{path}"), exist_ok=True)
            with open(f"{self.folder}/pages{path}", "w") as out:
                out.write(html.replace("//OTHER/", f"//127.0.0.1:{self.other_port}/"))
        with open(f"{self.folder}/nginx.conf", "w") as out:
            out.write(CONFIGURATION % {"folder": self.folder, "port": self.port, "other_port": self.other_port,
                                       "user": "user root;" if os.geteuid() == 0 else "",
                                       "redirects": "\n    ".join(f"location = {path} {{ return 301 {target}; }}"
                                                                  for path, target in (redirects or {}).items())})
        self.process = subprocess.Popen(
            ["nginx", "-p", self.folder, "-e", f"{self.folder}/error.log", "-c", f"{self.folder}/nginx.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        until(self._is_up, 10, "nginx answers")

    def _is_up(self):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).close()
            return True
        except OSError:
            assert self.process.poll() is None, open(f"{self.folder}/error.log").read()
            return False

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def _lines(self):
        with open(f"{self.folder}/requests.log") as log:
            return log.read().splitlines()

    def requests(self, robots=False):
        """(begin, end, status, host, path) of each request so far, in seconds, in the order of begin; those for
        robots.txt only when they are asked for."""
        found = []
        for line in self._lines():
            end, took, status, _, host, path, agent = line.split("\t")
            if agent.startswith("Python-urllib"):  # our own, to see whether it answers; logged a moment later
                continue
            if path == "/robots.txt" and not robots:
                continue
            found.append((float(end) - float(took), float(end), int(status), host, path))
        return sorted(found)
