"""The commands of a page of documentation, and what they print.

Fenced blocks by their language:

    sh         commands, run as they stand; none may fail
    console    lines that begin with `$ ` are commands, the lines behind each are what it prints. A command may fail if the
               next one asks for `$?`
    others     no commands (text, json, ini, toml, c, …)

Comments of HTML say what a reader need not see:

    <!-- test: skip: REASON -->    the next block is not run: REASON is a few words, and counted
    <!-- test: host: REASON -->    the next block is run on hosts with systemd only (the test machine)
    <!-- test: file PATH -->       the next block is the content of this file
    <!-- test: setup
    commands
    -->                            commands that are run here, for what the page takes for granted

In what is printed, `[…]` or `…` as a line stands for any lines, and `…` within a line for any text. Ids, times, sizes and process
numbers are taken as equal; lines of apps may come in any order.
"""

import re
import subprocess
from dataclasses import dataclass, field

COMMAND_LANGUAGES = ("sh", "console")
MARK = re.compile(r"^<!-- test: (skip|host|file|setup)(?::? ((?!-->).+?))?( -->)?$")
FENCE = re.compile(r"^( *)(```+)(\S*)\s*$")


class PageError(Exception):
    """A page that cannot be read: a block without a language, or without an end."""


@dataclass
class Command:
    text: str
    expected: list = field(default_factory=list)
    may_fail: bool = False


@dataclass
class Block:
    line: int
    language: str
    lines: list
    skip: str = ""      # why it is not run
    host: str = ""      # why it needs a host with systemd
    path: str = ""      # file that it is the content of
    hidden: bool = False

    @property
    def runs(self) -> bool:
        return self.language in COMMAND_LANGUAGES or bool(self.path)

    def commands(self) -> list:
        """What is typed, and for each what is to be printed; None in place of the latter where nothing is said."""
        if self.language == "sh":
            return [Command("\n".join(self.lines), None)]
        found = []
        for line in self.lines:
            if line.startswith("$ ") and not (found and is_open(found[-1])):
                found.append(Command(line[2:]))
            elif not found:
                raise PageError(f"line {self.line}: output in front of the first command")
            elif is_open(found[-1]):
                found[-1].text += "\n" + line.removeprefix("> ")
            else:
                found[-1].expected.append(line)
        for command, following in zip(found, found[1:]):
            command.may_fail = "$?" in following.text
        return found


def is_open(command: Command) -> bool:
    """Whether a shell would ask for more: a line that goes on, an open quote or here-document."""
    if command.expected:
        return False
    if command.text.endswith("\\"):
        return True
    check = subprocess.run(["bash", "-n"], input=command.text + "\n", text=True, capture_output=True, check=False)
    return check.returncode != 0 or "here-document" in check.stderr


def blocks_of(text: str) -> list:
    """The blocks of a page in their order, with the hidden ones."""
    found, pending, lines = [], {}, text.split("\n")
    number = 0
    while number < len(lines):
        line, start = lines[number], number + 1
        number += 1
        mark, fence = MARK.match(line.strip()), FENCE.match(line)
        if mark and mark[1] == "setup":
            end = next((at for at in range(number, len(lines)) if lines[at].strip() == "-->"), None)
            if end is None:
                raise PageError(f"line {start}: the comment has no end")
            found.append(Block(start, "sh", lines[number:end], hidden=True))
            number = end + 1
        elif mark:
            pending = {{"file": "path"}.get(mark[1], mark[1]): mark[2] or ""}
            if not mark[2]:
                raise PageError(f"line {start}: '{mark[1]}' says nothing")
        elif fence:
            end = next((at for at in range(number, len(lines)) if lines[at].strip() == fence[2]), None)
            if end is None:
                raise PageError(f"line {start}: the block has no end")
            if not fence[3]:
                raise PageError(f"line {start}: the block has no language ('text' if it is neither code nor commands)")
            indent = len(fence[1])
            found.append(Block(start, fence[3], [one[indent:] for one in lines[number:end]], **pending))
            pending = {}
            number = end + 1
        elif line.strip() and pending:
            raise PageError(f"line {start}: the comment above is for a block, which is not here")
    return found


# What differs from run to run, by pattern; the first that fits counts.
VARIABLE = [
    (re.compile(r"\[ *\d+\.\d{6}\]"), "[TIME]"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\bsha(256|512)[-:][0-9a-f]{6,}"), "ID"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8}\b"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d\d:?\d\d)?( [A-Z]{3,4}|Z)?"), "DATE"),
    (re.compile(r"\b(\d+(\.\d+)?|an?|half an?) ?(second|minute|hour|day)s? (ago|from now)|\bnow\b"), "AGE"),
    (re.compile(r"\b\d+(\.\d+)? ?(B|[KMG]i?B|ns|µs|ms|s)\b"), "SIZE"),
    (re.compile(r"(?<=[a-z])\[\d+\]:"), "[PID]:"),
    (re.compile(r"\b(pid[ =])\d+"), r"\1PID"),
    (re.compile(r"\b172\.16\.28\.\d+"), "ADDRESS"),
    (re.compile(r"[ \t]+"), " "),
]
ANY_LINES = ("[…]", "…")


def normal(line: str) -> str:
    for pattern, replacement in VARIABLE:
        line = pattern.sub(replacement, line)
    return line.strip()


def fits(expected: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(normal(part)) for part in re.split("…", expected))
    # Where a part was cut off its blank went too.
    return re.fullmatch(pattern.replace(r"\ .*", ".*").replace(r".*\ ", ".*"), normal(printed)) is not None


def difference(expected: list, printed: list):
    """Why the printed lines are not the expected ones; None if they are."""
    wanted = [line for line in expected if line.strip()]
    left = [line for line in printed if line.strip()]
    open_ended = any(line.strip() in ANY_LINES for line in wanted)
    position = 0
    for line in wanted:
        if line.strip() in ANY_LINES:
            position = -1
            continue
        of_app = normal(line).startswith("[TIME]")
        # Apps print when they come to it; everything else has its place.
        candidates = range(len(left)) if of_app or position < 0 else range(position, min(position + 1, len(left)))
        at = next((one for one in candidates if left[one] is not None and fits(line, left[one])), None)
        if at is None:
            return f"expected, but not printed: {line}"
        left[at] = None
        position = at + 1
        while position < len(left) and left[position] is None:
            position += 1
        if of_app:
            position = next((one for one, text in enumerate(left) if text is not None), len(left))
    rest = [line for line in left if line is not None]
    return f"printed, but not expected: {rest[0]}" if rest and not open_ended else None
