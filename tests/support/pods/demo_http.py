"""The smallest HTTP client that the demo's programs need; python3-minimal has no urllib."""

import socket
import time


def get(port: int, path: str, timeout: float = 5.0) -> str:
    """The body of http://127.0.0.1:PORT/PATH; OSError if there is no good answer."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(4096):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise OSError(f"answer {status} for {path}")
    return body.decode()


def get_patiently(port: int, path: str, patience: float = 20.0) -> str:
    """As `get`, but waits for a server that is not there yet; the last error is raised after `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            return get(port, path)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
