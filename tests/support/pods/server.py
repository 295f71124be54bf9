#!/usr/bin/python3
"""HTTP server of the demo pod: answers every GET and counts them.

    server.py [PORT]        default 8080, on 127.0.0.1

    /        a greeting with the number of the request
    /count   the number of greetings so far
    /stop    the server ends with code 0

Written on sockets alone, because python3-minimal has no http.server. SIGTERM ends it with code 0.
"""

import os
import signal
import socket
import sys

GREETING, COUNT, STOP = "/", "/count", "/stop"


class Server:
    """The listening socket and what is counted."""

    def __init__(self, port: int):
        self.name = os.environ.get("AC_APP_NAME", "server")
        self.greetings = 0
        self.stopped = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(16)

    def answer(self, method: str, path: str) -> tuple:
        """Status line and body for a request."""
        if method != "GET":
            return "405 Method Not Allowed", "only GET\n"
        if path == GREETING:
            self.greetings += 1
            return "200 OK", f"hello number {self.greetings} from {self.name}\n"
        if path == COUNT:
            return "200 OK", f"{self.greetings}\n"
        if path == STOP:
            self.stopped = True
            return "200 OK", "stopping\n"
        return "404 Not Found", f"no {path} here\n"

    def serve_one(self):
        """Takes one connection and answers its one request."""
        connection, _ = self.socket.accept()
        with connection:
            connection.settimeout(5)
            head = read_head(connection)
            if not head:
                return
            words = head.split(b"\r\n", 1)[0].decode("latin-1").split()
            status, body = self.answer(*words[:2]) if len(words) == 3 else ("400 Bad Request", "what?\n")
            data = body.encode()
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(data)}\r\n"
                               f"Connection: close\r\n\r\n".encode() + data)
        print(" ".join(words[:2]), "->", status, flush=True)


def read_head(connection) -> bytes:
    """The request up to its blank line; empty if the peer went away or sent too much."""
    head = b""
    while b"\r\n\r\n" not in head:
        try:
            part = connection.recv(4096)
        except OSError:
            return b""
        if not part or len(head) > 65536:
            return b""
        head += part
    return head


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    server = Server(port)
    print(f"listening on 127.0.0.1:{port}", flush=True)
    while not server.stopped:
        server.serve_one()
    return 0


if __name__ == "__main__":
    sys.exit(main())
