"""The host's side of a run: follows what the machine says until it is off, or turns it off."""

import os
import time

from .report import Report

POLL = 0.1  # seconds
CONSOLE_LINES = 60  # that are shown of a machine that went wrong


class Reader:
    """Complete lines of a file that somebody else writes."""

    def __init__(self, path):
        self.path, self.position, self.rest = path, 0, b""

    def lines(self) -> list:
        if not os.path.exists(self.path):
            return []
        with open(self.path, "rb") as stream:
            stream.seek(self.position)
            data = stream.read()
        self.position += len(data)
        *found, self.rest = (self.rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in found]


def watch(process, directory: str, timeout: float, silence: float) -> Report:
    """Follows the machine, a Popen, to its end, which is brought about if it takes more than `timeout` seconds or says
    nothing for `silence` seconds. Prints the lines that are for the reader."""
    report, reader = Report(), Reader(os.path.join(directory, "port.log"))
    began = heard = time.monotonic()
    reason = None
    while reason is None:
        running = process.poll() is None  # asked first: what it said at its end is read below
        lines = reader.lines()
        for line in lines:
            if report.feed(line):
                print(line, flush=True)
        now = time.monotonic()
        heard = now if lines else heard
        if not running:
            break
        if now - began > timeout:
            reason = f"the machine took more than {timeout} s"
        elif now - heard > silence:
            reason = f"the machine was silent for {silence} s"
        time.sleep(POLL)
    process.kill()
    process.wait()
    report.finish(reason)
    return report


def show_end(directory: str):
    """Prints the last lines of QEMU's messages and of the console."""
    for name in ("qemu.log", "console.log"):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as stream:
                lines = stream.read().splitlines()
            print(f"---- end of {name}", *lines[-CONSOLE_LINES:], sep="\n", flush=True)
