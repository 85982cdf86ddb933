"""A client of server-sent events over a socket, as the HTML standard has them: no more, so that what is wrong shows."""
import json
import socket
import time


class Stream:
    """One GET. What has come is in `events`, as (name, data), and in `comments`; last_id and retry are the server's."""

    def __init__(self, port, query="", last_id=None, receive_bytes=None, is_awaited=True):
        self.wire = socket.socket()
        if receive_bytes:
            self.wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.wire.settimeout(20)
        self.wire.connect(("127.0.0.1", port))
        head = f"GET /v1/events{'?' + query if query else ''} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n"
        self.wire.sendall((head + (f"Last-Event-ID: {last_id}\r\n" if last_id else "") + "\r\n").encode())
        self.last_id, self.retry, self.events, self.comments = last_id, None, [], 0
        self.raw, self.text, self.is_over = b"", b"", False
        if is_awaited:
            self.wait_open()

    def wait_open(self, seconds=20):
        """Reads the head; the stream has begun."""
        deadline = time.monotonic() + seconds
        while b"\r\n\r\n" not in self.raw:
            assert self._receive(deadline), "the head comes"
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        self._decode()
        return self

    def _receive(self, deadline):
        """False when nothing came in time, or nothing more will."""
        self.wire.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            piece = self.wire.recv(65536)
        except TimeoutError:
            return False
        self.raw += piece
        self.is_over = self.is_over or not piece
        return bool(piece)

    def _decode(self):
        """Chunks to text, text to events."""
        if self.headers.get("transfer-encoding") == "chunked":
            while b"\r\n" in self.raw:
                size, rest = self.raw.split(b"\r\n", 1)
                length = int(size, 16)
                if len(rest) < length + 2:
                    break
                self.text += rest[:length]
                self.raw = rest[length + 2:]
                self.is_over = self.is_over or length == 0
        else:
            self.text, self.raw = self.text + self.raw, b""
        if self.status != 200:
            return
        while b"\n\n" in self.text:
            block, self.text = self.text.split(b"\n\n", 1)
            self._dispatch(block.decode())

    def _dispatch(self, block):
        name, data = "message", []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not field:
                self.comments += 1
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                self.last_id = value
            elif field == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"a field {field!r} in {block!r}")
        if data:
            self.events.append((name, json.loads("\n".join(data))))

    def wait(self, count, seconds=20):
        """So many events, and takes them."""
        deadline = time.monotonic() + seconds
        while len(self.events) < count:
            assert self._receive(deadline), f"{count} events, not {len(self.events)}: ...{str(self.events[-3:])[-500:]} (over: {self.is_over})"
            self._decode()
        taken, self.events = self.events[:count], self.events[count:]
        return taken

    def keys(self, count, seconds=20):
        return [(data["type"], data["key"]) for name, data in self.wait(count, seconds) if name == "refreshed"]

    def read_until(self, condition, seconds=20, what="it comes"):
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._receive(deadline), f"not within {seconds} s: {what}"
            self._decode()

    def close(self):
        self.wire.close()
