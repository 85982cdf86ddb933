#!/usr/bin/env python3
"""A provider of stock data as one buys it, with made-up data: prices and profiles over HTTP, behind a key and a hard
limit.

    QUOTES_KEY=secret python3 provider.py --port 9301 --calls 300 --window 60 --log provider.log

    GET /v1/prices/AAPL       {"symbol": "AAPL", "price": 182.31, "currency": "USD", "traded_at": "..."}
    GET /v1/profiles/AAPL     {"symbol": "AAPL", "name": "...", "country": "US", "about": "..."}

A symbol that begins with X is not known: 404. More than the limit in any stretch of time of the window's length, and the
answer is 429. SIGUSR1 takes it down (503 for everything), the next one brings it back. The log has a line a call: when,
what, the answer, its bytes in both directions, and how many calls the last window held.
"""
import argparse
import collections
import contextlib
import datetime
import hashlib
import http.server
import json
import math
import os
import signal
import socket
import threading
import time

Call = collections.namedtuple("Call", "began ended what key status bytes")


class Provider:
    """calls: all that came, as they ended, by time.monotonic(); also those that were refused."""

    def __init__(self, key=None, calls=300, window=60.0, seconds=0.05, port=0, log=None):
        self.key, self.limit, self.window, self.seconds, self.log = key, calls, window, seconds, log
        self.is_down = False
        self.calls, self.connections, self.lock = [], set(), threading.Lock()
        self.recent = collections.deque()  # those that count, the oldest first
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self.handler(), bind_and_activate=False)
        self.server.allow_reuse_address = self.server.daemon_threads = True
        self.server.request_queue_size = 200
        self.server.handle_error = lambda *words: None  # who called has gone
        self.server.server_bind(), self.server.server_activate()
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        """As a process that ends: also for who is connected."""
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):  # who called may have gone before
                    connection.shutdown(socket.SHUT_RDWR)

    def admit(self, now):
        """None, or for how many seconds there is no place."""
        with self.lock:
            while self.recent and self.recent[0] <= now - self.window:
                self.recent.popleft()
            if len(self.recent) >= self.limit:
                return self.recent[0] + self.window - now
            self.recent.append(now)

    def answer(self, what, key):
        """The status and the document."""
        time.sleep(self.seconds)
        if key.startswith("X"):
            return 404, {"error": f"no such symbol: {key}"}
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
        if what == "prices":
            wave = math.sin(time.time() / 60 + seed)
            return 200, {"symbol": key, "price": round((20 + seed % 40000 / 100) * (1 + wave / 50), 2), "currency": "USD",
                         "traded_at": datetime.datetime.now(datetime.timezone.utc).isoformat()}
        return 200, {"symbol": key, "name": f"{key.title()} Incorporated", "country": ("US", "DE", "JP")[seed % 3],
                     "about": "We make things. " * (10 + seed % 200)}

    def reply(self, path, authorization, now):
        """What is answered: the status, the document, headers."""
        parts = path.split("?")[0].split("/")
        if self.is_down:
            return 503, {"error": "maintenance"}, {}
        if self.key and authorization != f"Bearer {self.key}":
            return 401, {"error": "this key is not known"}, {}
        if len(parts) != 4 or parts[2] not in ("prices", "profiles"):
            return 404, {"error": "no such thing"}, {}
        wait = self.admit(now)
        if wait is not None:
            return 429, {"error": f"{self.limit} calls in {self.window:g} s"}, {"Retry-After": str(math.ceil(wait))}
        return *self.answer(*parts[2:]), {}

    def note(self, call):
        with self.lock:
            self.calls.append(call)
            if self.log:
                came = datetime.datetime.fromtimestamp(time.time() - time.monotonic() + call.began)
                print(json.dumps({"at": came.isoformat(timespec="milliseconds"), "what": call.what,
                                  "key": call.key, "status": call.status, "bytes": call.bytes,
                                  "ms": round(1000 * (call.ended - call.began)), "calls": len(self.recent)}),
                      file=self.log, flush=True)

    def handler(provider):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with provider.lock:
                    provider.connections.add(self.connection)

            def finish(self):
                with provider.lock:
                    provider.connections.discard(self.connection)
                super().finish()

            def do_GET(self):
                began = time.monotonic()
                status, document, headers = provider.reply(self.path, self.headers["authorization"], began)
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                asked = len(self.raw_requestline) + sum(len(f"{n}: {v}\r\n") for n, v in self.headers.items()) + 2
                size = asked + sum(map(len, self._headers_buffer)) + 2 + len(body)
                what, key = self.path.split("?")[0].split("/")[-2:]
                provider.note(Call(began, time.monotonic(), what, key, status, size))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        return Handler


def main():
    parser = argparse.ArgumentParser(description="a provider of made-up stock data, with a hard limit")
    parser.add_argument("--port", type=int, default=9301)
    parser.add_argument("--calls", type=int, default=300, help="so many in a window (default 300)")
    parser.add_argument("--window", type=float, default=60, help="its seconds (default 60)")
    parser.add_argument("--seconds", type=float, default=0.05, help="how long an answer takes (default 0.05)")
    parser.add_argument("--log", type=lambda path: open(path, "a", encoding="utf-8"), help="file that gets a line a call")
    options = vars(parser.parse_args())
    provider = Provider(key=os.environ.get("QUOTES_KEY"), **options)

    def toggle(*_):
        provider.is_down = not provider.is_down

    signal.signal(signal.SIGUSR1, toggle)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    print(f"the provider answers on {provider.url}", flush=True)
    provider.server.serve_forever()


if __name__ == "__main__":
    main()
