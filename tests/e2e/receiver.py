"""A target that a story holds in its hand: it is up or down, answers what it is told, and keeps a log."""
import http.server
import json
import socket
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver:
    """answer: called with each request's envelope, returns a status; it may wait. calls: (task, attempt), as they came.
    stays: (began, ended) of each by our own clock, in seconds, as they ended. most: how many were here at once, since it
    was set to 0."""

    def __init__(self, answer=lambda call: 200, port=0):
        self.on_headers = lambda headers: None
        self.answer, self.calls, self.stays, self.here, self.most, self.lock = answer, [], [], 0, 0, threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                began = time.monotonic()
                call = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with receiver.lock:
                    receiver.calls.append((int(call["task"]), call["attempt"]))
                    receiver.here += 1
                    receiver.most = max(receiver.most, receiver.here)
                receiver.on_headers(self.headers)
                status = receiver.answer(call)
                with receiver.lock:
                    receiver.here -= 1
                    receiver.stays.append((began, time.monotonic()))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 100

            def handle_error(self, *words):
                """The caller is gone: that is part of some stories."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
