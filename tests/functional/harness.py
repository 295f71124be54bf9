"""What all functional suites stand on: the built command, a data directory per test, and the check at the end of every
test that nothing is left on the host: no mount, no process, no cgroup, and after gc no pod.

Environment: AGENA_BIN (the command), AGENA_STAGE1_DIR (directory of the stage1 images; default: beside the build's bin),
AGENA_TEST_CACHE (where images are kept between runs; default: a temporary directory), AGENA_TEST_STORE (one store for
all tests, where unpacking the stage1 images for each takes too long; then tests have to run one after the other),
AGENA_TEST_SLOWNESS (how many times slower than others this machine is), REQUIRE_CAPS (fail instead of skipping where privileges are missing).
"""

import atexit
import ctypes
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))

from imagekit import aci, oci  # noqa: E402
from imagekit.entries import directory, file, symlink  # noqa: E402

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
LINE = re.compile(r"^\[ *\d+\.\d{6}\] ([^\[\]]+)\[(\d+)\]: (.*)$")
FLY = "agena.dev/stage1-fly"
# Seconds; a limit for what takes far less. An emulated machine is that much slower.
PATIENCE = 60 * int(os.environ.get("AGENA_TEST_SLOWNESS", "1"))
PR_SET_CHILD_SUBREAPER = 36


def without_networks(words: list) -> list:
    """The words of a command; one that starts a pod gets --net=none unless it says something of networks. Tests of
    networks are elsewhere, in network namespaces of their own."""
    commands = {"run": 1, "run-prepared": 1, "app sandbox": 2}
    place = next((at for name, at in commands.items() if words[:at] == name.split()), None)
    flags = words[:words.index("--")] if "--" in words else words
    if place is None or any(word == "--net" or word.startswith("--net=") for word in flags) or any(FLY in w for w in words):
        return words
    return [*words[:place], "--net=none", *words[place:]]


def base_directory() -> str:
    """Overlays and extended attributes want a real file system; /tmp is often a tmpfs."""
    return os.environ.get("TMPDIR", "/var/tmp")


def wait_until(condition, what: str, limit: float = PATIENCE, step: float = 0.01):
    """Polls until the condition holds and returns its value."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not in {limit} s: {what}")
        time.sleep(step)


def read(path, mode="r"):
    with open(path, mode) as stream:
        return stream.read()


class Host:
    """What the host must look like before and after: seen from the process that starts everything. As a subreaper it
    becomes the parent of every process whose parent ended, so its descendants are all that is left."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        self.cgroup = self.own_cgroup()

    @staticmethod
    def own_cgroup():
        """Directory of a cgroup of our own, so that cgroups of pods stand below it and nobody else's do."""
        root = next((words[4] for words in map(str.split, read("/proc/self/mountinfo").splitlines())
                     if words[words.index("-") + 1] == "cgroup2"), None)
        own = next((line[3:] for line in read("/proc/self/cgroup").splitlines() if line.startswith("0::")), None)
        if root is None or own is None:
            return None
        parent = root + own.rstrip("/")
        path = f"{parent}/functional-{os.getpid()}"
        try:
            os.mkdir(path)
            with open(path + "/cgroup.procs", "w", encoding="ascii") as stream:
                stream.write("0")
        except OSError:
            return None
        atexit.register(Host.leave_cgroup, parent, path, os.getpid())
        return path

    @staticmethod
    def leave_cgroup(parent, path, pid):
        if os.getpid() != pid:
            return
        with open(parent + "/cgroup.procs", "w", encoding="ascii") as stream:
            stream.write("0")
        try:
            os.rmdir(path)
        except OSError:
            pass  # what is left in it has been reported

    @staticmethod
    def mounts() -> set:
        return set(read("/proc/self/mountinfo").splitlines())

    def cgroups(self) -> list:
        if self.cgroup is None:
            return []
        return sorted(path for path, _, _ in os.walk(self.cgroup) if path != self.cgroup)

    @staticmethod
    def reap(known=()):
        """Collects ended processes that were handed to us; those that a Popen waits for are left to it."""
        for pid, _ in descendants():
            if pid not in known and parent_of(pid) == os.getpid() and state_of(pid) == "Z":
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass


def stat_of(pid):
    """Fields of /proc/PID/stat behind the name, or None."""
    try:
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except OSError:
        return None


def state_of(pid):
    fields = stat_of(pid)
    return fields[0] if fields else None


def parent_of(pid):
    fields = stat_of(pid)
    return int(fields[1]) if fields else None


def command_of(pid) -> str:
    try:
        text = read(f"/proc/{pid}/cmdline", "rb").replace(b"\0", b" ").decode(errors="replace").strip()
        return text or "(" + read(f"/proc/{pid}/comm").strip() + ")"
    except OSError:
        return "?"


def children_of(pid) -> list:
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += [int(word) for word in read(f"/proc/{pid}/task/{task}/children").split()]
    except OSError:
        pass
    return found


def descendants(pid=None) -> list:
    """(pid, command) of all processes below one, itself not counted."""
    out = []
    for child in children_of(os.getpid() if pid is None else pid):
        out.append((child, command_of(child)))
        out += descendants(child)
    return out


class Result:
    """An ended command."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __str__(self):
        return f"{' '.join(map(str, self.argv))}\n-> {self.code}\nstdout: {self.out[-3000:]}\nstderr: {self.err[-3000:]}"

    @property
    def lines(self) -> list:
        """(app, text) of the lines in rkt's form."""
        found = [LINE.match(line) for line in self.out.split("\n") if line]
        return [(one[1], one[3]) if one else ("", "?") for one in found]

    @property
    def texts(self) -> list:
        return [text for _, text in self.lines]


class Images:
    """Images that are made once per process (or once for all processes, in AGENA_TEST_CACHE)."""

    directory = None

    @classmethod
    def place(cls) -> str:
        if cls.directory is None:
            cls.directory = os.environ.get("AGENA_TEST_CACHE")
            if cls.directory is None:
                cls.directory = tempfile.mkdtemp(prefix="agena-images-", dir=base_directory())
                atexit.register(shutil.rmtree, cls.directory, True)
            os.makedirs(cls.directory, exist_ok=True)
        return cls.directory

    @classmethod
    def busybox(cls, form="aci") -> str:
        """Reference of the small image; forms: aci, oci, docker-archive."""
        place = os.path.join(cls.place(), "busybox")
        if not os.path.exists(place):
            scratch = tempfile.mkdtemp(dir=cls.place())
            subprocess.run([os.path.join(SOURCE, "scripts", "make-busybox-image"), scratch], check=True,
                           stdout=subprocess.DEVNULL)
            try:
                os.rename(scratch, place)
            except OSError:  # another process was first
                shutil.rmtree(scratch)
        return {"aci": place + "/busybox.aci", "oci": f"oci:{place}/busybox-oci:latest",
                "docker-archive": f"docker-archive:{place}/busybox-docker.tar"}[form]


_HOST = None


def host() -> Host:
    global _HOST
    if _HOST is None:
        _HOST = Host()
    return _HOST


class Case(unittest.TestCase):
    """A test with directories of its own. `self.agena(...)` runs the command to its end, `self.start(...)` in the
    background."""

    maxDiff = 4000
    needs_root = True
    own_store = False  # for tests that look at all images of the store

    def use_shared_store(self):
        shared = None if self.own_store else os.environ.get("AGENA_TEST_STORE")
        if not shared:
            return
        if not os.path.exists(shared):
            self.run_argv([self.binary, f"--dir={shared}", "fetch", Images.busybox()], timeout=None)
        os.mkdir(self.data)
        for name in ("cas", "locks"):
            os.symlink(os.path.join(shared, name), os.path.join(self.data, name))

    def setUp(self):
        self.binary = os.environ.get("AGENA_BIN")
        if not self.binary:
            self.fail("set AGENA_BIN to the agena command")
        if self.needs_root and os.geteuid() != 0:
            if os.environ.get("REQUIRE_CAPS"):
                self.fail("needs root")
            self.skipTest("needs root")
        self.host = host()
        self.mounts_before, self.cgroups_before = Host.mounts(), self.host.cgroups()
        self.top = tempfile.mkdtemp(prefix="agena-test-", dir=base_directory())
        os.chmod(self.top, 0o755)
        self.data = os.path.join(self.top, "data")
        self.local = os.path.join(self.top, "etc")
        self.system = os.path.join(self.top, "usr-lib")
        os.mkdir(self.local)
        os.mkdir(self.system)
        self.use_shared_store()
        self.started = []

    def tearDown(self):
        problems = []
        try:
            problems = self.end_checks()
        finally:
            shutil.rmtree(self.top, ignore_errors=True)
        if problems:
            self.fail("\n".join(problems))

    def end_checks(self) -> list:
        problems = []
        for process in self.started:
            if process.poll() is None:
                problems.append(f"still running: {' '.join(process.args)}")
                process.kill()
                process.wait()
        # A supervisor that was killed leaves its cgroup to gc.
        problems += self.leftovers(cgroups=False)
        if os.path.isdir(os.path.join(self.data, "pods")):
            done = self.agena("gc", "--grace-period=0s", "--expire-prepared=0s", check=None)
            if done.code != 0:
                problems.append(f"gc failed: {done}")
            # An embryo may be somebody's who is about to lock it: gc lets it be for a minute.
            left = [one for one in self.pod_directories() if not one.startswith("embryo/")]
            if left:
                problems.append(f"gc left {left}: {done}")
        return problems + self.leftovers()

    def leftovers(self, cgroups=True) -> list:
        """What of the host is not as before; processes that only end a moment later are waited for."""
        end = time.monotonic() + 5
        while True:
            Host.reap([process.pid for process in self.started if process.returncode is None])
            own = {process.pid for process in self.started if process.returncode is None}
            running = [one for one in descendants() if one[0] not in own]
            dirs = [path for path in self.host.cgroups() if cgroups and path not in self.cgroups_before]
            if (not running and not dirs) or time.monotonic() > end:
                break
            time.sleep(0.005)
        problems = []
        for pid, command in running:
            problems.append(f"process left: {pid} {state_of(pid)} {command}")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        problems += [f"cgroup left: {path}" for path in dirs]
        # Others may use the machine: only what bears a mark of ours counts.
        marks = (self.top, "agena", "opt/stage2", "stage1/rootfs")
        new = Host.mounts() - self.mounts_before
        problems += [f"mount left on the host: {line}" for line in sorted(new) if any(mark in line for mark in marks)]
        return problems

    # Running the command

    def argv(self, *words, binary=None) -> list:
        words = without_networks(list(map(str, words)))
        more = os.environ.get("AGENA_TEST_RUN_FLAGS", "").split()
        if more and words and words[0] in ("run", "prepare") and not any(FLY in word for word in words):
            words[1:1] = more
        if more and words[:2] == ["app", "sandbox"] and not any(FLY in word for word in words):
            words[2:2] = more
        return [binary or self.binary, f"--dir={self.data}", f"--local-config={self.local}",
                f"--system-config={self.system}", *words]

    def run_argv(self, argv, check=0, env=None, input=None, timeout=PATIENCE, stdin=subprocess.DEVNULL, text=True,
                 **more) -> Result:
        environment = {**os.environ, **(env or {})}
        if input is not None:
            more["input"] = input
        else:
            more["stdin"] = stdin
        done = subprocess.run(argv, capture_output=True, env=environment, timeout=timeout, check=False, **more)
        decode = (lambda data: data.decode(errors="surrogateescape")) if text else (lambda data: data)
        result = Result(argv, done.returncode, decode(done.stdout), decode(done.stderr))
        if check is not None:
            self.assertEqual(check, result.code, str(result))
        return result

    def agena(self, *words, check=0, **more) -> Result:
        """Runs `agena …`; the exit code has to be `check` (None: any)."""
        return self.run_argv(self.argv(*words), check=check, **more)

    def fails(self, *words, message: str, code: int = 254, **more) -> Result:
        """The command fails, says why on stderr, and has nothing to say on stdout."""
        result = self.agena(*words, check=code, **more)
        self.assertIn(message, result.err, str(result))
        self.assertEqual("", result.out, str(result))
        return result

    def start(self, *words, env=None, **more):
        """Starts `agena …` in the background; stdout and stderr are collected in files of the test."""
        number = len(self.started)
        out = open(os.path.join(self.top, f"out{number}"), "w+b")
        err = open(os.path.join(self.top, f"err{number}"), "w+b")
        more.setdefault("stdin", subprocess.DEVNULL)
        with out, err:
            process = subprocess.Popen(self.argv(*words), stdout=out, stderr=err, env={**os.environ, **(env or {})}, **more)
        process.out_path, process.err_path = out.name, err.name
        self.started.append(process)
        return process

    def output(self, process) -> str:
        return read(process.out_path)

    def errors(self, process) -> str:
        return read(process.err_path)

    def finish(self, process, check=0, timeout=PATIENCE) -> Result:
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.fail(f"does not end: {process.args}\n{self.output(process)}\n{self.errors(process)}")
        result = Result(process.args, code, self.output(process), self.errors(process))
        if check is not None:
            self.assertEqual(check, code, str(result))
        return result

    # Pods

    def pod_directories(self) -> list:
        """STATE-DIRECTORY/UUID of all pods."""
        pods = os.path.join(self.data, "pods")
        if not os.path.isdir(pods):
            return []
        return sorted(f"{state}/{name}" for state in os.listdir(pods)
                      if os.path.isdir(os.path.join(pods, state)) for name in os.listdir(os.path.join(pods, state)))

    def pod_path(self, uuid: str) -> str:
        return os.path.join(self.data, "pods", next(one for one in self.pod_directories() if one.endswith(uuid)))

    def start_pod(self, *words, ready=True, **more):
        """`run` in the background; returns the process and the UUID once the pod is running (and, unless ready is
        False, its apps are started)."""
        uuid_file = os.path.join(self.top, f"uuid{len(self.started)}")
        process = self.start("run", f"--uuid-file-save={uuid_file}", *words, **more)
        uuid = wait_until(lambda: (os.path.exists(uuid_file) and read(uuid_file)) or process.poll() is not None,
                          "the pod has a UUID")
        if uuid is True:
            self.fail(f"the pod did not start: {self.errors(process)}")
        if ready:
            wait_until(lambda: self.state(uuid) == "running" or process.poll() is not None, "the pod runs")
        return process, uuid

    def sandbox(self, *words, **more) -> str:
        """UUID of a mutable pod in the background. Who starts one stops it."""
        return self.agena("app", "sandbox", "--detach", *words, **more).out.strip()

    def app_status(self, uuid: str, app: str) -> dict:
        return dict(line.partition("=")[::2] for line in self.agena("app", "status", uuid, f"--app={app}").out.splitlines())

    def app_states(self, uuid: str) -> dict:
        """State of each app of a pod, by name."""
        return dict(line.split() for line in self.agena("app", "list", "--no-legend", uuid).out.splitlines())

    def wait_output(self, process, text: str):
        wait_until(lambda: text in self.output(process) or process.poll() is not None, f"output '{text}'")
        self.assertIn(text, self.output(process), self.errors(process))

    def status(self, uuid: str) -> dict:
        return dict(line.partition("=")[::2] for line in self.agena("status", uuid).out.splitlines())

    def state(self, uuid: str):
        done = self.agena("status", uuid, check=None)
        found = re.search(r"^state=(.*)$", done.out, re.M)
        return found[1] if found else None

    def pods(self) -> list:
        return json.loads(self.agena("list", "--format=json").out)

    def only_pod(self) -> str:
        names = [name.split("/")[1] for name in self.pod_directories()]
        self.assertEqual(1, len(names), names)
        return names[0]

    # Images

    def small_image(self, name="example.com/small", exec_=("/bin/sh",), entries=(), **app) -> str:
        """An ACI with busybox and more; returns its path."""
        busybox = shutil.which("busybox", path="/bin:/usr/bin")
        items = [directory("bin"), file("bin/busybox", read(busybox, "rb"), 0o755), symlink("bin/sh", "busybox"),
                 *entries]
        section = {"exec": list(exec_), "user": "0", "group": "0", **app}
        path = os.path.join(self.top, name.rpartition("/")[2] + ".aci")
        return aci.build(path, aci.image_manifest(name, app=section), items, "none")


def shell(script: str) -> list:
    """Arguments that make an image run a script with its shell."""
    return ["--exec=/bin/sh", "--", "-c", script]


class Terminal:
    """A command on a pseudo terminal of its own."""

    def __init__(self, argv, rows=24, columns=80, env=None):
        import fcntl
        import struct
        import termios
        self.set_size = lambda r, c: fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", r, c, 0, 0))
        self.text = b""
        self.master, slave = pty.openpty()
        self.set_size(rows, columns)
        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, preexec_fn=take_terminal,
                                        env={**os.environ, **(env or {})})
        os.close(slave)

    def read_some(self, limit: float) -> bool:
        """Whether there may be more."""
        if not select.select([self.master], [], [], limit)[0]:
            return True
        try:
            part = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.text += part
        return bool(part)

    def expect(self, text: bytes, limit: float = PATIENCE):
        end = time.monotonic() + limit
        while text not in self.text:
            if not self.read_some(0.1) and text not in self.text or time.monotonic() > end:
                raise AssertionError(f"{text!r} did not come, but {self.text!r}")

    def send(self, data: bytes):
        os.write(self.master, data)

    def finish(self, limit: float = PATIENCE) -> int:
        end = time.monotonic() + limit
        while self.read_some(0.05) and self.process.poll() is None and time.monotonic() < end:
            pass
        code = self.process.wait(max(1.0, end - time.monotonic()))
        while select.select([self.master], [], [], 0)[0] and self.read_some(0):
            pass
        os.close(self.master)
        return code
