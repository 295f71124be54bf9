"""What an HTTP server can do wrong: functions that make faults for the rules of `fault_http.Server`."""

import gzip
import re
import time

from fault_http import Answer

# Faults: what is sent is wrong

def changed(status=None, body=None, **headers):
    """The sound answer with another status, body, or headers (underscores are hyphens, None removes one)."""

    def fault(exchange):
        answer = exchange.answer
        if status is not None:
            answer.status = status
        if body is not None:
            answer.body = body(answer.body) if callable(body) else body
        answer.headers.update({name.replace("_", "-").title(): value for name, value in headers.items()})
        exchange.send()

    return fault


def answer(status: int, body: bytes = b"", **headers):
    """An answer of its own."""
    names = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return lambda exchange: exchange.send(Answer(status, dict(names), body))


def error(status: int, code: str = "UNKNOWN", message: str = "this registry is not well", **headers):
    """A status with the registry's way to say why."""
    names = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return lambda exchange: exchange.send(Answer.error(status, code, message, **names))


def retry_after(value, status=429):
    """Too many requests: seconds, a date, or nonsense; a number of seconds as float is made a date in the future."""
    if isinstance(value, float):
        value = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + value))
    return error(status, "TOOMANYREQUESTS", "slow down", Retry_After=str(value))


def other_bytes(data: bytes) -> bytes:
    """As many bytes, the middle one changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]


def wrong_bytes():
    """A body of the right length with another content."""
    return changed(body=other_bytes)


def ignore_range():
    """200 and the whole blob whatever range was asked for."""

    def fault(exchange):
        exchange.request.headers.pop("range", None)
        exchange.send(exchange.server.answer_for(exchange.request))

    return fault


def unsatisfiable():
    """416 for any range."""
    return error(416, "RANGE_INVALID", "no such range", Content_Range="bytes */*")


def encoded():
    """A gzip Content-Encoding that nobody asked for."""
    return changed(body=gzip.compress, Content_Encoding="gzip")


def redirect(location, status=307):
    """To a place, which may be a function of the exchange."""

    def fault(exchange):
        where = location(exchange) if callable(location) else location
        exchange.send(Answer(status, {"Location": where} if where is not None else {}, b"elsewhere"))

    return fault


def redirect_loop():
    """To itself, with a counter so that no two are equal."""
    return redirect(lambda exchange: re.sub(r"[?&]turn=\d+", "", exchange.request.path) + f"?turn={exchange.server.turn()}")


# Faults: how it is sent is wrong

def cut(at: int, rst=False):
    """The connection ends after `at` bytes of the body."""

    def fault(exchange):
        exchange.head(exchange.answer.status, exchange.headers_of(exchange.answer))
        exchange.part(exchange.answer.body[:at])
        if rst:
            exchange.wait(0.05)  # a reset overtakes what the other side has not read yet
        exchange.close(rst)

    return fault


def hang_up():
    """The connection ends without an answer."""
    return lambda exchange: exchange.close()


def stall(at: int = 0, headers=True, seconds: float = 600):
    """Silence after `at` bytes of the body, or before the headers."""

    def fault(exchange):
        if headers:
            exchange.head(exchange.answer.status, exchange.headers_of(exchange.answer))
            exchange.part(exchange.answer.body[:at])
        exchange.wait(seconds)
        exchange.close()

    return fault


def drip(size: int = 1, seconds: float = 1.0, at: int = 0):
    """`size` bytes per `seconds`, after the first `at` bytes at once."""

    def fault(exchange):
        body = exchange.answer.body
        exchange.head(exchange.answer.status, exchange.headers_of(exchange.answer))
        exchange.part(body[:at])
        for start in range(at, len(body), size):
            exchange.part(body[start:start + size])
            exchange.wait(seconds)

    return fault


def length(value):
    """A Content-Length of one's own choice with the sound body; the connection closes after it."""

    def fault(exchange):
        exchange.head(exchange.answer.status, {**exchange.answer.headers, "Content-Length": value, "Connection": "close"})
        exchange.part(exchange.answer.body)
        exchange.close()

    return fault


def endless(chunk: bytes = bytes(65536), declared=None, limit: int = 1 << 40):
    """A body without an end (`declared`: with a Content-Length nevertheless)."""

    def fault(exchange):
        headers = {**exchange.answer.headers, "Content-Length": declared, "Connection": "close"}
        exchange.head(exchange.answer.status, headers)
        while exchange.request.sent < limit:
            exchange.part(chunk)
        exchange.close()

    return fault


def chunked(size: int = 1000, end=True, bad=False):
    """The body in chunks; without an end, or with sizes that are no numbers."""

    def fault(exchange):
        body = exchange.answer.body
        exchange.head(exchange.answer.status, {**exchange.answer.headers, "Transfer-Encoding": "chunked"})
        for start in range(0, len(body), size):
            part = body[start:start + size]
            exchange.raw((b"zz" if bad else b"%x" % len(part)) + b"\r\n" + part + b"\r\n")
            exchange.request.sent += len(part)
        if end:
            exchange.raw(b"0\r\n\r\n")
        else:
            exchange.close()

    return fault


def endless_headers(value: bytes = b"x" * 1000, limit: int = 1 << 30):
    """Header after header."""

    def fault(exchange):
        exchange.head(exchange.answer.status, exchange.answer.headers, end=False)
        for number in range(limit // (len(value) or 1)):
            exchange.raw(b"X-More-%d: %s\r\n" % (number, value))
        exchange.close()

    return fault


def noise(data: bytes = b"\x00\x01 this is no HTTP\r\n\r\n"):
    """Bytes that are no answer at all."""

    def fault(exchange):
        exchange.raw(data)
        exchange.close()

    return fault


def in_turn(*faults):
    """The first request meets the first fault, and so on; None, and all that follow, get the sound answer."""
    rest = list(faults)

    def fault(exchange):
        one = rest.pop(0) if rest else None
        one(exchange) if one else exchange.send()

    return fault
