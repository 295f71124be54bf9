"""Every command of the documentation is run: those of each page in their order, in one shell, on a host that is the page's own
(network, mounts, /etc, /var/lib, /run, home), with the built command and its default directories.

A command must not fail, and must print what the page shows. What the pages may leave out, and how they say what is not run here,
is in tests/support/doc_commands.py. The working directory has `images`, with the small image in all forms. For hidden commands
$SOURCE is the repository, and $DEBIAN the cache of the Debian image.

AGENA_DOCS_HOST=1 runs what needs a host with systemd, and nothing else, on the host itself: for the test machine.
"""

import glob
import os
import re
import select
import subprocess
import unittest
from collections import Counter

from harness import PATIENCE, SOURCE, Case, Images, read
from doc_commands import PageError, blocks_of, difference

PAGES = [os.path.relpath(path, SOURCE) for pages in ("README.md", "docs/*.md") for path in sorted(glob.glob(os.path.join(SOURCE, pages)))]
DEBIAN = os.environ.get("AGENA_DEBIAN_CACHE") or os.path.join(Images.place(), "debian")
ON_HOST = bool(os.environ.get("AGENA_DOCS_HOST"))
# Seconds for a block of commands; all of them together take less than that on a machine that has nothing else to do.
LIMIT = 5 * PATIENCE
SKIPPED = Counter()
RUN = Counter()

PRIVATE_HOST = r"""
set -e
cp -a /etc "$TOP/etc-copy"
mount --bind "$TOP/etc-copy" /etc
mount -t tmpfs tmpfs /run
mkdir "$TOP/var-upper" "$TOP/var-work" "$TOP/rkt-data"
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$TOP/var-upper,workdir=$TOP/var-work" /var/lib 2>/dev/null ||
  mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/agena /var/lib/rkt /var/lib/cni
mount --bind "$DATA" /var/lib/agena
mount --bind "$TOP/rkt-data" /var/lib/rkt
mount -t tmpfs tmpfs /var/lib/cni
ip link set lo up
exec bash --noprofile --norc
"""


class Shell:
    """A shell that is told one command after the other; what all of them print comes into one file."""

    ANSWERS = 9  # the shell's descriptor on which it says how a command ended; no command has it

    def __init__(self, top, argv, environment, directory):
        self.top, self.count, self.seen = top, 0, 0
        self.out_path = os.path.join(top, "printed")
        self.answers, write = os.pipe()
        with open(self.out_path, "ab") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out, stderr=out, env=environment, cwd=directory,
                                            pass_fds=(write,), text=True)
        os.close(write)
        self.tell(f"exec {self.ANSWERS}>&{write} {write}>&-; last=0")

    def tell(self, line: str):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; whoever waits for its answer sees that

    def run(self, command: str, strict: bool):
        """Exit code, or a text that says why there is none; and what was printed until then. `strict`: the first command that
        fails ends the shell."""
        self.count += 1
        script = os.path.join(self.top, f"command{self.count}")
        with open(script, "w", encoding="utf-8") as stream:
            stream.write(command + "\n")
        before, after = ("set -e -o pipefail", "set +e +o pipefail") if strict else ("(exit $last)", ":")
        self.tell(f"{before}; . {script} < /dev/null {self.ANSWERS}>&-; last=$?; {after}; echo $last >&{self.ANSWERS}")
        return self.answer(), self.printed()

    def answer(self):
        if not select.select([self.answers], [], [], LIMIT)[0]:
            return f"it takes longer than {LIMIT} s"
        text = os.read(self.answers, 100).decode()
        return int(text) if text else "a command failed"

    def printed(self) -> str:
        text = read(self.out_path)
        new, self.seen = text[self.seen:], len(text)
        return new

    def close(self):
        os.close(self.answers)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Docs(Case):
    own_store = True

    def setUp(self):
        super().setUp()
        if ON_HOST and not os.path.isdir("/run/systemd/system"):
            self.skipTest("no systemd on this host")

    def shell(self) -> Shell:
        directory = os.path.join(self.top, "work")
        for place in (directory, self.data, os.path.join(self.top, "home")):
            os.makedirs(place, exist_ok=True)
        os.symlink(os.path.dirname(Images.busybox()), os.path.join(directory, "images"))
        environment = {**os.environ, "PATH": os.path.dirname(self.binary) + ":" + os.environ["PATH"], "TOP": self.top,
                       "DATA": self.data, "HOME": os.path.join(self.top, "home"), "SOURCE": SOURCE, "LC_ALL": "C.UTF-8",
                       "DEBIAN": DEBIAN}
        argv = ["bash", "--noprofile", "--norc"] if ON_HOST else [
            "unshare", "--mount", "--net", "--propagation=private", "bash", "-c", PRIVATE_HOST]
        return Shell(self.top, argv, environment, directory)

    def run_block(self, shell: Shell, page: str, block):
        if block.path:
            shell.run(f"mkdir -p \"$(dirname '{block.path}')\"", strict=True)
            text = "\n".join(block.lines) + "\n"
            code, printed = shell.run(f"cat > '{block.path}' <<'END_OF_FILE'\n{text}END_OF_FILE", strict=True)
            self.assertEqual(0, code, printed)
            return
        for command in block.commands():
            code, printed = shell.run(command.text, strict=command.expected is None)
            where = f"{page}, block in line {block.line}: {command.text}\n-> {code}\n{printed}"
            if not (command.may_fail and isinstance(code, int)):
                self.assertEqual(0, code, where)
            if command.expected is not None:
                self.assertIsNone(difference(command.expected, printed.split("\n")), where)
            if not block.hidden:
                RUN[page] += 1

    def wanted(self, page: str, block) -> bool:
        if not block.runs:
            return False
        reason = block.skip or (block.host if not ON_HOST else "" if block.host or block.hidden else "it needs no systemd")
        if reason and not block.hidden:
            SKIPPED[reason] += 1
        return not reason

    def run_page(self, page: str):
        text = read(os.path.join(SOURCE, page))
        if "$DEBIAN" in text and not ON_HOST:
            self.run_argv([os.path.join(SOURCE, "tests/support/debian_image"), "--cache", DEBIAN], timeout=900)
        blocks = blocks_of(text)
        blocks = [block for block in blocks if self.wanted(page, block)]
        if all(block.hidden for block in blocks):
            return
        shell = self.shell()
        try:
            for block in blocks:
                self.run_block(shell, page, block)
            if not ON_HOST:
                shell.run("kill $(jobs -p) 2>/dev/null; wait", strict=False)
                code, printed = shell.run("agena gc --grace-period=0s --expire-prepared=0s", strict=True)
                self.assertEqual(0, code, printed)
        finally:
            shell.close()


def test_of(page: str):
    def run(self):
        self.run_page(page)
    return run


# docs/README.md is the list of the others.
for one in [page for page in PAGES if page != "docs/README.md"]:
    setattr(Docs, "test_" + os.path.splitext(one.removeprefix("docs/"))[0].replace("-", "_"), test_of(one))


class Inline(Case):
    """Commands within sentences are not run; but the command and its flags are there."""

    needs_root = False
    SPAN = re.compile(r"`(?:agena|rkt) ([^`\n]+)`")

    def help_of(self, words: list):
        """The help of the command that the words begin with; None if there is no such command."""
        for count in (2,) if words[0] in ("app", "image") and len(words) > 1 else (2, 1):
            done = self.agena("help", *words[:count], check=None) if len(words) >= count else None
            if done and done.code == 0:
                return done.out
        return None

    def test_commands_and_flags_exist(self):
        known, checked = {}, 0
        for page in PAGES:
            text = re.sub(r"^```.*?^```", "", read(os.path.join(SOURCE, page)), flags=re.S | re.M)
            for span in self.SPAN.findall(text):
                words = span.split(" -- ")[0].replace(",", " ").split()
                command = tuple(word for word in words if re.fullmatch(r"[a-z][a-z-]*", word))[:2]
                if not command:
                    continue
                if command not in known:
                    known[command] = self.help_of(list(command))
                self.assertIsNotNone(known[command], f"{page}: `{span}`: no such command")
                for flag in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*\b(?!-)", " ".join(words)):
                    self.assertIn(flag, known[command], f"{page}: `{span}`: no such flag")
                checked += 1
        self.assertGreater(checked, 50)


class Total(unittest.TestCase):
    """Runs behind the pages, by its name."""

    def test_what_was_run(self):
        print(f"    {sum(RUN.values())} commands and scripts of {len(RUN)} pages were run; blocks that were not:")
        for reason, count in sorted(SKIPPED.items()):
            print(f"    {count:4}  {reason}")
        self.assertTrue(ON_HOST or len(RUN) == 0 or RUN["README.md"] > 0 or len(RUN) < 3, "nothing of README was run")
