"""Short pods of all kinds, four at a time, with gc between them; what is there after each tenth of them is counted, and
must not grow. What the first tenth leaves (the store's images, the networks' bridge) is the base."""

import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from engine import Failure, children, descendants, read
from report import mib

AT_ONCE = 4
GC_EVERY = 100
STEPS = 10
KILL_AFTER = 0.3  # seconds at most


def lines(*command) -> int:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return len(done.stdout.splitlines())


def files_below(path) -> int:
    return sum(len(folders) + len(files) for _, folders, files in os.walk(path))


def blocks_below(path) -> int:
    """Bytes on disk."""
    total = 0
    for place, folders, files in os.walk(path):
        for name in folders + files:
            total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total


class Census:
    """Counts of all that may stay behind. `EXACT` ones must be the same after every tenth."""

    EXACT = ("files", "mounts", "cgroups", "processes", "unix sockets", "internet sockets", "links", "addresses", "routes",
             "packet filter", "files of networks")
    ALL = EXACT + ("store", "memory", "kernel memory", "dying cgroups")

    def __init__(self, engine):
        self.engine = engine

    def take(self) -> dict:
        engine = self.engine
        memory, kernel = self.memory()
        return {
            "files": files_below(engine.data),
            "mounts": len(read("/proc/self/mountinfo").splitlines()),
            "cgroups": sum(1 for _ in os.walk(engine.cgroups.unified)) if engine.cgroups.unified else 0,
            "processes": len(self.processes()),
            "unix sockets": len(read("/proc/net/unix").splitlines()),
            "internet sockets": sum(len(read(f"/proc/net/{name}").splitlines()) for name in ("tcp", "tcp6", "udp", "udp6", "raw")),
            "links": lines("ip", "-o", "link"),
            "addresses": lines("ip", "-o", "addr"),
            "routes": lines("ip", "-o", "route", "show", "table", "all"),
            "packet filter": lines("nft", "list", "ruleset") + lines("iptables-legacy-save"),
            "files of networks": files_below("/var/lib/cni") + files_below("/run/agena"),
            "store": blocks_below(engine.data),
            "memory": memory, "kernel memory": kernel,
            "dying cgroups": self.dying(),
        }

    @staticmethod
    def processes() -> list:
        """What is left below us, after what has ended was reaped."""
        for pid in children(os.getpid()):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        return descendants(os.getpid())

    def memory(self) -> tuple:
        """Bytes of processes and of the kernel, once it has given back what it keeps as a cache."""
        place = self.engine.cgroups.memory
        if place is None:
            return 0, 0
        self.reclaim(place)
        stat = dict(line.split() for line in read(place + "/memory.stat").splitlines())
        if "anon" in stat:
            return int(stat["anon"]), int(stat.get("kernel", 0))
        return int(stat["total_rss"]), int(read(place + "/memory.kmem.usage_in_bytes"))

    @staticmethod
    def reclaim(place):
        """Has the kernel free pages, dentries and inodes that are charged to the cgroup and that nobody needs."""
        name, order = ("memory.reclaim", str(1 << 40)) if os.path.exists(place + "/memory.reclaim") else ("memory.force_empty", "1")
        try:
            with open(f"{place}/{name}", "w", encoding="ascii") as stream:
                stream.write(order)
        except OSError:
            pass  # it could not free that much

    def dying(self) -> int:
        """Removed cgroups that the kernel still keeps (cgroup v2)."""
        if self.engine.cgroups.unified is None:
            return 0
        return int(next(line.split()[1] for line in read(self.engine.cgroups.unified + "/cgroup.stat").splitlines()
                        if line.startswith("nr_dying_descendants")))


class Week:
    def __init__(self, engine, seed=7):
        self.engine, self.dice = engine, random.Random(seed)
        self.counts, self.lock = {}, threading.Lock()
        self.kinds = [(self.fly, 30), (self.systemd, 30), (self.network, 10), (self.failing, 8), (self.prepared, 8),
                      (self.volumes, 6), (self.killed, 8)]

    def one(self, kind, number: int):
        with self.lock:
            self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
        kind(number)

    def fly(self, _):
        self.engine.run("run", *self.engine.pods("fly"), "--exec=/bin/true")

    def systemd(self, _):
        self.engine.run("run", *self.engine.pods("systemd"), "--exec=/bin/true")

    def network(self, _):
        done = self.engine.run("run", *self.engine.pods("default network"), "--hostname=load",
                               "--exec=/bin/sh", "--", "-c", "ip -4 addr show eth0")
        if "inet " not in done.stdout:
            raise Failure(f"a pod on the default network has no address: {done.stdout}")

    def failing(self, _):
        done = self.engine.run("run", *self.engine.pods("systemd"), "--exec=/bin/sh", "--", "-c", "echo no; exit 3", codes=(3,))
        if "no" not in done.stdout:
            raise Failure(f"a line is lost: {done.stdout}")

    def prepared(self, number: int):
        uuid = self.engine.run("prepare", self.engine.image, "--exec=/bin/true").stdout.strip()
        if number % 2:
            self.engine.run("run-prepared", "--net=none", uuid)
        self.engine.run("rm", uuid)

    def volumes(self, _):
        self.engine.run("run", "--volume=data,kind=empty", "--net=none", self.engine.image, "--mount=volume=data,target=/data",
                        "--exec=/bin/sh", "--", "-c", "echo kept > /data/file")

    def killed(self, number: int):
        flavour = ("fly", "systemd", "default network")[number % 3]
        process = self.engine.start("run", *self.engine.pods(flavour), "--exec=/bin/sleep", "--", "1000")
        try:
            process.wait(random.Random(number).uniform(0, KILL_AFTER))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()

    def slice(self, pool, numbers):
        kinds = self.dice.choices([kind for kind, _ in self.kinds], [weight for _, weight in self.kinds], k=len(numbers))
        list(pool.map(self.one, kinds, numbers))
        # What was killed while it made its pod is an embryo, which gc lets be for a minute.
        self.engine.run("gc", "--grace-period=0s", "--expire-prepared=0s")

    def images(self):
        """Now and then an image comes, and one goes."""
        self.engine.run("fetch", "--full", f"docker-archive:{self.engine.images}/busybox-docker.tar")
        found = self.engine.run("image", "list", "--full", "--no-legend", "--fields=id").stdout.split()
        self.engine.run("image", "verify", self.dice.choice(found))
        self.engine.run("image", "gc", "--grace-period=24h")


def run(engine, report, count: int):
    engine.new_store()
    engine.warm_up()
    week, census = Week(engine), Census(engine)
    gc_every, step = min(GC_EVERY, max(1, count // STEPS)), max(1, count // STEPS)
    taken, rates = [], []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        began = time.monotonic()
        for first in range(0, count, gc_every):
            last = min(first + gc_every, count)
            week.slice(pool, range(first, last))
            week.images()
            if last // step > first // step or last == count:
                rates.append((time.monotonic() - began))
                taken.append((last, settle(census)))
                report.say(f"{last} pods, {rates[-1]:.0f} s: " + ", ".join(f"{name} {value}" for name, value in taken[-1][1].items()))
                began = time.monotonic()
    report.say()
    report.say("Kinds of pods: " + ", ".join(f"{name} {number}" for name, number in sorted(week.counts.items())) + ".\n")
    show(report, taken, rates)


def settle(census) -> dict:
    """A census once nothing is on its way any more: processes that end, embryos of killed pods."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        embryos = os.path.join(census.engine.data, "pods", "embryo")
        if not census.processes() and not (os.path.isdir(embryos) and os.listdir(embryos)):
            break
        time.sleep(1)
        census.engine.run("gc", "--grace-period=0s")
    return census.take()


def show(report, taken, rates):
    (first, base), (middle, half), (last, end) = taken[0], taken[len(taken) // 2], taken[-1]
    sizes = ("store", "memory", "kernel memory")
    rows = [(name, *(mib(one[name]) if name in sizes else one[name] for one in (base, half, end))) for name in Census.ALL]
    rows.append(("seconds for a tenth", *(f"{rates[at]:.0f}" for at in (0, len(rates) // 2, -1))))
    report.table("week", f"{last} short pods, one after the other", ["what is there", *(f"after {number}" for number in (first, middle, last))], rows)
    for name in Census.EXACT:
        values = [one[name] for _, one in taken]
        report.check(max(values) <= base[name] or max(values[len(values) // 2:]) <= max(values[:len(values) // 2]),
                     f"grows: {name}: {values}")
    for name, slack in (("store", 1 << 20), ("memory", 4 << 20), ("kernel memory", 4 << 20)):
        report.check(end[name] <= base[name] + slack, f"grows: {name}: {mib(base[name])}, then {mib(end[name])}")
