"""What all scenarios of the load test stand on: the command with a data directory of its own, and namespaces and cgroups in
which nothing is but what the test itself has started, so that whatever grows there is ours."""

import ctypes
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
FLY = "agena.dev/stage1-fly"
PR_SET_CHILD_SUBREAPER = 36
# Networks' records of addresses and the directory of the engine's sockets: each caller of the test sees its own.
OWN_DIRECTORIES = ("/var/lib/cni", "/run/agena")
INSTANCES = "/proc/sys/fs/inotify/max_user_instances"


class Failure(Exception):
    """Something did not work that has to."""


def read(path) -> str:
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def enter_own_namespaces():
    """Goes on in a network and a mount namespace of its own; returns in the process that is there."""
    if os.environ.get("AGENA_LOAD_INSIDE") == str(os.getpid()):
        return
    for path in OWN_DIRECTORIES:
        os.makedirs(path, exist_ok=True)
    mounts = "; ".join(f"mount -t tmpfs -o mode=755 own {path}" for path in OWN_DIRECTORIES)
    script = f'ip link set lo up && {{ {mounts}; }} && AGENA_LOAD_INSIDE=$$ exec "$@"'
    os.execvp("unshare", ["unshare", "-n", "-m", "--propagation=private", "sh", "-c", script, "sh", sys.executable, *sys.argv])


class Cgroups:
    """Cgroups of our own, so that those of pods stand below them: in cgroup v2, and where there is one in v1's hierarchy of memory."""

    def __init__(self):
        self.unified = self.make("cgroup2", "")
        self.memory = self.unified
        if self.unified is None or not os.path.exists(self.unified + "/memory.current"):
            self.memory = self.make("cgroup", "memory") or self.unified

    @staticmethod
    def make(kind: str, controller: str):
        root = next((words[4] for words in map(str.split, read("/proc/self/mountinfo").splitlines())
                     if words[words.index("-") + 1] == kind and (not controller or controller in words[-1].split(","))), None)
        if root is None:
            return None
        own = next(line.split(":", 2)[2] for line in read("/proc/self/cgroup").splitlines()
                   if controller in line.split(":")[1].split(","))
        path = f"{root}{own.rstrip('/')}/load-{os.getpid()}"
        try:
            os.mkdir(path)
            with open(path + "/cgroup.procs", "w", encoding="ascii") as stream:
                stream.write("0")
        except OSError:
            return None
        return path

    def leave(self):
        for path in {self.unified, self.memory} - {None}:
            with open(os.path.dirname(path) + "/cgroup.procs", "w", encoding="ascii") as stream:
                stream.write("0")
            for place, _, _ in os.walk(path, topdown=False):
                try:
                    os.rmdir(place)
                except OSError as error:
                    print(f"load: left behind: {error}", file=sys.stderr)


class InotifyInstances:
    """The limit of inotify instances of a user, raised for the time of a `with`: systemd as PID 1 of a pod holds some."""

    def __init__(self, wanted: int):
        self.wanted, self.found = wanted, int(read(INSTANCES))

    @staticmethod
    def set(value: int):
        with open(INSTANCES, "w", encoding="ascii") as stream:
            stream.write(str(value))

    def __enter__(self):
        if self.found < self.wanted:
            self.set(self.wanted)
        return self

    def __exit__(self, *_):
        if self.found < self.wanted:
            self.set(self.found)


class Engine:
    """The command, with a data directory that is removed at the end."""

    def __init__(self, binary: str):
        self.binary = os.path.abspath(binary)
        self.work = tempfile.mkdtemp(prefix="agena-load-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        os.chmod(self.work, 0o755)
        if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise Failure("cannot become the reaper of what the pods leave")
        self.cgroups = Cgroups()
        self.images = os.path.join(self.work, "images")
        subprocess.run([f"{SOURCE}/scripts/make-busybox-image", self.images, "--format", "all"], check=True, stdout=subprocess.DEVNULL)
        self.image = f"{self.images}/busybox.aci"
        self.stores = 0
        self.new_store()

    def new_store(self):
        """An empty data directory; the last one is emptied and removed."""
        if self.stores:
            self.end_store()
        self.stores += 1
        self.data = os.path.join(self.work, f"data{self.stores}")

    def end_store(self):
        if os.path.isdir(self.data):
            self.run("gc", "--grace-period=0s", "--expire-prepared=0s")
            shutil.rmtree(self.data)

    def close(self):
        try:
            if os.path.isdir(self.data):
                self.run("gc", "--grace-period=0s", "--expire-prepared=0s", check=False)
        finally:
            self.cgroups.leave()
            shutil.rmtree(self.work, ignore_errors=True)

    def argv(self, *words) -> list:
        return [self.binary, f"--dir={self.data}", *map(str, words)]

    def run(self, *words, check=True, codes=(0,)) -> subprocess.CompletedProcess:
        done = subprocess.run(self.argv(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if check and done.returncode not in codes:
            raise Failure(f"{' '.join(done.args)}: exit code {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        return done

    def start(self, *words, log="/dev/null") -> subprocess.Popen:
        with open(log, "wb") as stream:
            return subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)

    def pods(self, *words) -> list:
        """Arguments of `run` and `prepare` for a pod of a flavour without networks."""
        flavours = {"fly": [f"--stage1-name={FLY}"], "systemd": ["--net=none"], "default network": []}
        return [*flavours[words[0]], *words[1:], self.image]

    def warm_up(self):
        """Every image that the scenarios need is in the store."""
        for flavour in ("fly", "systemd"):
            self.run("run", *self.pods(flavour), "--exec=/bin/true")

    def median(self, *words, times=9) -> tuple:
        """(seconds, seconds of processor time) of a command, medians."""
        walls, cpus = [], []
        for _ in range(times):
            before, began = used(), time.perf_counter()
            self.run(*words)
            walls.append(time.perf_counter() - began)
            cpus.append(used() - before)
        return statistics.median(walls), statistics.median(cpus)


def used() -> float:
    """Seconds of processor time that ended children have taken."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def children(pid) -> list:
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += [int(word) for word in read(f"/proc/{pid}/task/{task}/children").split()]
    except OSError:
        pass
    return found


def descendants(pid) -> list:
    out = []
    for child in children(pid):
        out += [child, *descendants(child)]
    return out


def pss(pid) -> int:
    """Proportional set size of a process in bytes; 0 if it has ended."""
    try:
        found = re.search(r"^Pss: +(\d+) kB$", read(f"/proc/{pid}/smaps_rollup"), re.M)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
