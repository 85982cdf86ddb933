"""A network of its own, in which names mean what a test says: loopback alone, with public, private and metadata addresses
on it, a name server, and a web server that notes on which address it was connected to.

As a program (root, in namespaces of its own) it is that network; as a module it starts one, and runs pawl inside.
"""
import collections
import ctypes
import fcntl
import functools
import http.server
import json
import os
import pathlib
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading

# Public by their numbers; here they are aliases of loopback, and nothing leads out.
PUBLIC, OTHER_PUBLIC = "93.184.216.34", "93.184.216.35"
PRIVATE = ("127.0.0.1", "10.0.0.1", "169.254.169.254")
WEB_PORT, HALF_PORT = 80, 81  # on HALF_PORT public addresses refuse connections, private ones do not

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
IFF_UP = 1

# name -> what its questions are answered with, one after the other, the last one for ever: lists of addresses.
answers = {}
pages = {}        # "host/path" -> HTML, or ">" and where it redirects to
asked = []        # names, in the order of questions for their IPv4 addresses
connections = []  # (address, port) of ours that was connected to
lock = threading.Lock()


# ---- the network ----

def _check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter_own_network(folder):
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(CLONE_NEWNET | CLONE_NEWNS))
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:3\n"), ("nsswitch.conf", "hosts: dns\n")):
        own = pathlib.Path(folder) / name
        own.write_text(text)
        if name == "resolv.conf" or os.path.exists(f"/etc/{name}"):  # without the other, dns is asked as well
            _check(libc.mount(str(own).encode(), f"/etc/{name}".encode(), None, MS_BIND, None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags, = struct.unpack_from("16xh", fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0)))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
        for number, address in enumerate((PUBLIC, OTHER_PUBLIC, *PRIVATE[1:])):
            for order, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.255")):
                fcntl.ioctl(control, order, struct.pack("16sHH4s8x", f"lo:{number}".encode(), socket.AF_INET, 0,
                                                        socket.inet_aton(value)))


# ---- names (RFC 1035) ----

def read_question(packet):
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    kind, = struct.unpack_from(">H", packet, at + 1)
    return ".".join(labels).lower(), kind, packet[12:at + 5]


def answer_name(packet):
    name, kind, question = read_question(packet)
    addresses = []
    with lock:
        plan = answers.get(name)
        if kind == 1:
            asked.append(name)
        if kind == 1 and plan:
            addresses = plan.pop(0) if len(plan) > 1 else plan[0]
    flags = 0x8180 | (3 if plan is None else 0)
    records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(one) for one in addresses)
    return packet[:2] + struct.pack(">HHHHH", flags, 1, len(addresses), 0, 0) + question + records


class Names(socketserver.BaseRequestHandler):
    def handle(self):
        packet, reply_to = self.request
        reply_to.sendto(answer_name(packet), self.client_address)


# ---- pages ----

class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        connection, peer = super().get_request()
        with lock:
            connections.append(connection.getsockname())
        return connection, peer


class Page(http.server.BaseHTTPRequestHandler):
    """HTTP/1.0: every request has a connection of its own, and so a chance of another address."""

    def do_GET(self):
        html = pages.get(self.headers.get("Host", "").split(":")[0] + self.path)
        redirect = html[1:] if html and html.startswith(">") else None
        self.send_response(301 if redirect else 404 if html is None else 200)
        if redirect:
            self.send_header("Location", redirect)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write((html or "").encode())

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main(folder):
    enter_own_network(folder)
    serve(socketserver.ThreadingUDPServer(("127.0.0.1", 53), Names))
    serve(Web(("0.0.0.0", WEB_PORT), Page))
    for address in PRIVATE:
        serve(Web((address, HALF_PORT), Page))
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        with lock:
            answers.update(order.get("answers", {}))
            pages.update(order.get("pages", {}))
            print(json.dumps({"asked": asked, "connections": connections}), flush=True)


# ---- for tests ----

class Network:
    def __init__(self, folder):
        """OSError, with the reason, when there is no right to one."""
        from waiting import end_with_us
        self.process = subprocess.Popen([sys.executable, __file__, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        if self.process.stdout.readline() != "ready\n":
            raise OSError(self.process.communicate()[1].strip().splitlines()[-1])

    def stop(self):
        self.process.communicate()  # its input ends, and so does it

    def tell(self, answers=None, pages=None):
        """Names and pages that there are from now on; what has been asked so far."""
        self.process.stdin.write(json.dumps({"answers": answers or {}, "pages": pages or {}}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def asked(self):
        """How often each name was asked for."""
        return collections.Counter(self.tell()["asked"])

    def connected(self):
        """How often each address was connected to."""
        return collections.Counter(address for address, _ in self.tell()["connections"])

    def inside(self, *words):
        """A command that runs in it."""
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", f"--mount=/proc/{self.process.pid}/ns/mnt", *words]


if __name__ == "__main__":
    main(sys.argv[1])
