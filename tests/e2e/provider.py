"""An API that a story holds in its hand: it answers GET as it is told, and keeps a log."""
import http.server
import threading


class Provider:
    """answer: called with the path that was asked for; returns a body (bytes or text), or (status, headers, body); it may
    wait. requests: (method, path, headers) as they came, headers in lower case. most: how many were here at once."""

    def __init__(self, answer=lambda path: "{}"):
        self.answer, self.requests, self.here, self.most, self.lock = answer, [], 0, 0, threading.Lock()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with provider.lock:
                    provider.requests.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
                    provider.here += 1
                    provider.most = max(provider.most, provider.here)
                answer = provider.answer(self.path)
                with provider.lock:
                    provider.here -= 1
                status, headers, body = answer if isinstance(answer, tuple) else (200, {"content-type": "application/json"}, answer)
                body = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status not in (204, 304):
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                if status not in (204, 304):
                    self.wfile.write(body)

            do_OPTIONS = do_POST = do_HEAD = do_GET

            def log_message(self, *words):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 100

            def handle_error(self, *words):
                """The caller is gone: that is part of some stories."""

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def asked(self, path):
        """How often it was asked for the path."""
        with self.lock:
            return sum(asked == path for _, asked, _ in self.requests)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
