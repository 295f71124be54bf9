"""An HTTP server for tests whose answers can be made wrong, slow or hostile, request by request.

    with Files({"/a": b"alpha"}) as server:
        server.on("/a", cut(2), times=1)              # the first GET of it ends early
        ...
        assert [one.status for one in server.requests("/a")] == [200, 206]

Rules are given with `on(PATTERN, FAULT, method=…, first=…, times=…)`: the pattern is searched in the path with its query,
the fault is one of the functions of `faults` (or any callable of an `Exchange`). Of several rules that apply, the one given
last wins. Nothing is logged to the terminal; `log` has every request with its headers and the status sent.
"""

import json
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    """A request as it came, and the status that was sent (None: no status line was)."""

    method: str
    path: str
    headers: dict
    body: bytes = b""
    status: int = None
    sent: int = 0  # bytes of the body

    @property
    def authorization(self):
        return self.headers.get("authorization")


@dataclass
class Answer:
    """What is going to be sent. A header given as None is left out."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def json(cls, status: int, value, **headers):
        return cls(status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode())

    @classmethod
    def error(cls, status: int, code: str, message: str, **headers):
        return cls.json(status, {"errors": [{"code": code, "message": message}]}, **headers)


class Gone(Exception):
    """The client closed the connection, or the server ends."""


class Exchange:
    """A request on its connection, with the sound answer in `answer`. Faults send something else, or send it badly."""

    def __init__(self, server, handler, request):
        self.server, self.handler, self.request = server, handler, request
        self.answer = None

    def raw(self, data: bytes):
        """Bytes as they are; raises Gone if nobody reads any more."""
        if self.server.ending.is_set():
            raise Gone
        try:
            self.handler.wfile.write(data)
            self.handler.wfile.flush()
        except (OSError, ValueError) as error:
            raise Gone from error

    def head(self, status: int, headers: dict, end=True):
        """Status line and headers."""
        self.request.status = status
        lines = [f"HTTP/1.1 {status} {'OK' if status < 300 else 'Fault'}"]
        for name, value in headers.items():
            lines += [f"{name}: {one}" for one in (value if isinstance(value, list) else [value]) if one is not None]
        self.raw("".join(line + "\r\n" for line in lines).encode("latin-1") + (b"\r\n" if end else b""))

    def headers_of(self, answer: Answer) -> dict:
        return {"Content-Length": len(answer.body), **answer.headers}

    def send(self, answer: Answer = None):
        """The whole answer, well-formed."""
        answer = answer or self.answer
        self.head(answer.status, self.headers_of(answer))
        if self.request.method != "HEAD":
            self.raw(answer.body)
            self.request.sent += len(answer.body)

    def part(self, data: bytes):
        """Some bytes of the body."""
        self.raw(data)
        self.request.sent += len(data)

    def wait(self, seconds: float):
        """Sleeps unless the server ends."""
        if self.server.ending.wait(seconds):
            raise Gone

    def close(self, rst=False):
        """Ends the connection, by a reset if asked for."""
        self.handler.close_connection = True
        connection = self.handler.connection
        try:
            self.handler.wfile.flush()
            if rst:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.shutdown(socket.SHUT_RDWR)
        except (OSError, ValueError):
            pass
        if rst:
            # The files made from the socket hold it open.
            self.handler.rfile.close()
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        server = self.server.owner
        size = self.headers.get("Content-Length", "0")
        try:
            body = self.read_chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else \
                self.rfile.read(int(size) if size.isdigit() else 0)
        except OSError:
            self.close_connection = True
            return
        headers = {}
        for name, value in self.headers.items():
            headers[name.lower()] = headers[name.lower()] + ", " + value if name.lower() in headers else value
        request = Request(self.command, self.path, headers, body)
        server.note(request)
        try:
            server.handle(Exchange(server, self, request))
        except Gone:
            self.close_connection = True

    def read_chunks(self) -> bytes:
        parts = []
        while True:
            size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            if not size:
                return b"".join(parts)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def log_message(self, *_):
        pass


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # clients that go away in the middle are what this is for


class Server:
    """An HTTP server on a free loopback port with rules and a log. Subclasses say what is sound in `answer_for`."""

    def __init__(self, address="127.0.0.1", certificate=None, key=None):
        self.rules, self.log, self.lock, self.ending, self.turns = [], [], threading.Lock(), threading.Event(), 0
        self.http = _Threads((address, 0), _Handler)
        self.http.owner = self
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"
        self.port = self.http.server_address[1]
        self.host = f"{address}:{self.port}"
        self.url = f"{self.scheme}://{self.host}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.ending.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def on(self, pattern: str, fault, method=None, first: int = 1, times: int = None):
        """Lets requests of the pattern (a regular expression, searched) meet a fault: those from number `first` on,
        `times` of them (None: all). method: GET, HEAD, …, or None for all but HEAD."""
        with self.lock:
            self.rules.insert(0, [re.compile(pattern), fault, method, first, times, 0])

    def clear(self):
        """Forgets all rules and the log."""
        with self.lock:
            self.rules, self.log = [], []

    def turn(self) -> int:
        with self.lock:
            self.turns += 1
            return self.turns

    def note(self, request):
        with self.lock:
            self.log.append(request)

    def requests(self, pattern: str = "", method: str = None) -> list:
        """Requests whose path the pattern is found in."""
        with self.lock:
            return [one for one in self.log if re.search(pattern, one.path) and method in (None, one.method)]

    def fault_for(self, request):
        with self.lock:
            chosen = None
            for rule in self.rules:
                pattern, fault, method, first, times, _ = rule
                if not pattern.search(request.path) or request.method != (method or request.method) or \
                        (method is None and request.method == "HEAD"):
                    continue
                rule[5] += 1
                if chosen is None and first <= rule[5] and (times is None or rule[5] < first + times):
                    chosen = fault
            return chosen

    def handle(self, exchange):
        exchange.answer = self.answer_for(exchange.request)
        (self.fault_for(exchange.request) or Exchange.send)(exchange)

    def answer_for(self, request) -> Answer:
        return Answer(404, {}, b"nothing here")


class Files(Server):
    """Paths with contents: another host that a registry redirects to, a place of ACIs, a mirror of blobs."""

    def __init__(self, files: dict = None, **more):
        self.files = dict(files or {})  # path without query -> bytes, or an Answer
        super().__init__(**more)

    def answer_for(self, request) -> Answer:
        found = self.files.get(request.path.partition("?")[0])
        if found is None:
            return super().answer_for(request)
        if isinstance(found, Answer):
            return Answer(found.status, dict(found.headers), found.body)
        return ranged(request, found, {"Content-Type": "application/octet-stream"})


def ranged(request, data: bytes, headers: dict) -> Answer:
    """The bytes, or the closed or open range of them that was asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not asked:
        return Answer(200, {**headers, "Accept-Ranges": "bytes"}, data)
    start, end = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
    if start >= len(data) or end < start:
        return Answer.error(416, "RANGE_INVALID", "no such range", **{"Content-Range": f"bytes */{len(data)}"})
    return Answer(206, {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"}, data[start:end + 1])


def make_certificate(directory, names=("IP:127.0.0.1", "DNS:localhost")) -> tuple:
    """A self-signed certificate and its key: (path, path). Needs the openssl command."""
    certificate, key = os.path.join(directory, "server.crt"), os.path.join(directory, "server.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=fault registry", "-addext", "subjectAltName=" + ",".join(names),
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key
