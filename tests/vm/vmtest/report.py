"""What the machine tells: lines of tests as tests/functional/run prints them, and events between them.

An event is a line `@vm JSON`: {"event": "boot", "seconds": UPTIME}, {"event": "begin", "job": NAME, "may_skip": BOOL}, {"event": "end", "job": NAME,
"code": CODE}, {"event": "reset", "kind": KIND}, {"event": "done"}.
"""

import json
import re

MARK = "@vm "
TOTALS = re.compile(r"^(\d+) passed, (\d+) failed(?: \((\d+) skipped\))?$")


def render(event: str, **more) -> str:
    return MARK + json.dumps({"event": event, **more}) + "\n"


class Report:
    """Counts of test cases. A job that ends without saying its counts, or with a failure that it did not count, has one
    failed case more; so has a boot that nobody asked for. Skipped cases count as failed, for the machine has all they
    need; but not in jobs that may skip: suites of other directories have cases for other kinds of hosts."""

    def __init__(self):
        self.passed = self.failed = 0
        self.problems = []
        self.job, self.totals, self.may_skip = None, None, False
        self.boots, self.expect_boot, self.done = [], True, False

    def feed(self, line: str):
        """Takes a line without its end; True if it is for the reader's eyes."""
        if not line.startswith(MARK):
            found = TOTALS.match(line)
            if found:
                self.totals = tuple(int(word or 0) for word in found.groups())
            return True
        event = json.loads(line[len(MARK):])
        getattr(self, "on_" + event.pop("event"))(**event)
        return False

    def on_boot(self, seconds: float):
        self.boots.append(seconds)
        if self.job is not None:
            self.fail(f"the machine went down during {self.job}")
        elif not self.expect_boot:
            self.fail("the machine went down between two jobs")
        self.job, self.expect_boot = None, False

    def on_begin(self, job: str, may_skip: bool):
        self.job, self.totals, self.may_skip = job, None, may_skip

    def on_end(self, job: str, code: int):
        if self.totals is None:
            self.fail(f"{job} ended with code {code} and without a result")
        else:
            good, bad, skipped = self.totals
            self.passed += good
            self.failed += bad + (0 if self.may_skip else skipped)
            if code != 0 and bad + skipped == 0:
                self.fail(f"{job} ended with code {code}")
        self.job = None

    def on_reset(self, kind: str):
        del kind
        self.expect_boot = True

    def on_done(self):
        self.done = True

    def fail(self, text: str):
        self.failed += 1
        self.problems.append(text)

    def finish(self, reason=None):
        """The machine is off; `reason` says why if it was not its own will."""
        if reason or not self.done:
            text = reason or "the machine went off before it was done"
            self.fail(text + (f", during {self.job}" if self.job else ""))

    def summary(self) -> str:
        return f"{self.passed} passed, {self.failed} failed"
