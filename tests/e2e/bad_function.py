"""What answers tasks badly: a socket that plays each path's part, byte by byte. Every part gets the
connection after the request has been read, and may do with it what it likes."""
import socket
import struct
import threading
import time

from waiting import until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def reset(connection):
    """RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(function, connection):
    function.is_over.wait(60)


def hang_until_dropped(function, connection):
    if connection.recv(65536) == b"":
        function.dropped.set()


def hang_in_header(function, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
    function.is_over.wait(60)


def hang_behind_header(function, connection):
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    function.is_over.wait(60)


def trickle(function, connection):
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    while not function.is_over.wait(0.02):
        connection.sendall(b"x")


def close_at_once(function, connection):
    pass


def reset_at_once(function, connection):
    reset(connection)


def reset_behind_header(function, connection):
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    time.sleep(0.05)  # a reset overtakes what has not been read
    reset(connection)


def say_less(function, connection):
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{}")


def say_nonsense(function, connection):
    connection.sendall(b"220 mail.example.com ESMTP\r\n")


def announce_much(function, connection):
    connection.sendall(HEAD + b"Content-Length: 10737418240\r\n\r\n" + b"[" * 1000)
    function.is_over.wait(5)


def say_much(function, connection):
    """10 GB, or as much as is taken."""
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + b"[" * 0x100000 + b"\r\n"
    for _ in range(10240):
        connection.sendall(chunk)
        function.bytes_said += 0x100000


def fulfil(function, connection):
    connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")


def fulfil_first_only(function, connection):
    """Promises to keep the connection, and ends it when it is used again."""
    fulfil(function, connection)
    connection.recv(65536)


def fulfil_then_vanish(function, connection):
    """Keeps the connection and never reads from it again: half open."""
    fulfil(function, connection)
    function.is_over.wait(60)


class BadFunction:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2000)
        self.port = self.listener.getsockname()[1]
        self.is_over, self.dropped = threading.Event(), threading.Event()
        self.requests, self.bytes_said, self.lock = [], 0, threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, part):
        return f"http://127.0.0.1:{self.port}/{part.__name__}"

    def count(self, part):
        with self.lock:
            return self.requests.count(part.__name__)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection):
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            name = data.split()[1].decode().lstrip("/")
            with self.lock:
                self.requests.append(name)
            globals()[name](self, connection)
        except OSError:
            pass
        finally:
            connection.close()

    def stop(self):
        self.is_over.set()
        self.listener.close()
