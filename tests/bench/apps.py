"""Benchmarks of apps that come and go in a running pod, against podman, nsenter, and what systemd itself needs."""
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PODMAN = "podman --runtime runc --cgroup-manager=cgroupfs --events-backend=file"
PODMAN_CONTAINER = "--network=none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
CROWD = 100
IDLE = ["--exec=/bin/sleep", "--", "100000"]


def words(command):
    return shlex.split(command)


def milliseconds(seconds):
    return f"{seconds * 1e3:.1f} ms"


class Sandbox:
    """A running mutable pod. Its console is a pipe that is read."""

    def __init__(self, agena):
        self.agena = words(agena)
        uuid_file = Path(f"{self.agena[1].removeprefix('--dir=')}-{time.monotonic_ns()}")
        self.supervisor = subprocess.Popen([*self.agena, "app", "sandbox", f"--uuid-file-save={uuid_file}"],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        while not (uuid_file.exists() and uuid_file.read_text().strip()):
            time.sleep(0.01)
        self.uuid = uuid_file.read_text().strip()
        uuid_file.unlink()
        subprocess.run([*self.agena, "status", "--wait-ready=30s", self.uuid], check=True, stdout=subprocess.DEVNULL)
        children = Path(f"/proc/{self.supervisor.pid}/task/{self.supervisor.pid}/children").read_text().split()
        self.init = int(children[0])
        self.count = 0

    def app(self, *arguments):
        subprocess.run([*self.agena, "app", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def start(self, image, name, command, at_once=False):
        self.app("add", self.uuid, image, f"--name={name}", *(["--start"] if at_once else []), *command)
        if not at_once:
            self.app("start", self.uuid, f"--app={name}")

    def first_line(self, image, at_once=False):
        """Seconds from nothing to the first line of a new app, which is removed afterwards."""
        self.count += 1
        name = f"line{self.count}"
        begin = time.perf_counter()
        self.start(image, name, ["--exec=/bin/echo", "--", "up"], at_once)
        for line in self.supervisor.stdout:
            if f" {name}[".encode() in line:
                break
        took = time.perf_counter() - begin
        self.app("rm", self.uuid, f"--app={name}")
        return took

    def processes(self):
        """The supervisor, the pod's first process and the agent."""
        agents = []
        while not agents:
            children = Path(f"/proc/{self.init}/task/{self.init}/children").read_text().split()
            agents = [int(pid) for pid in children if b"\0manager\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return {"supervisor": self.supervisor.pid, "systemd": self.init, "agent": agents[0]}

    def private_memory(self):
        """Bytes, by process."""
        return {name: sum(int(kb) for kb in re.findall(r"^Private_(?:Clean|Dirty): +(\d+) kB$",
                                                       Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)) * 1024
                for name, pid in self.processes().items()}

    def end(self):
        self.supervisor.terminate()
        self.supervisor.stdout.read()
        self.supervisor.wait()


class Floor:
    """A trivial unit, started over the private socket of a pod's systemd, and an overlay mounted where pods have theirs."""

    def __init__(self, bench, pod):
        program = bench.work / "unit_floor"
        source = Path(__file__).with_name("unit_floor.cc")
        subprocess.run(["c++", "-O2", "-std=c++23", "-static-libstdc++", "-static-libgcc", source, "-o", program, "-lsystemd"],
                       check=True)
        shutil.copy(program, f"/proc/{pod.init}/root/unit_floor")
        self.unit = words(f"nsenter -t {pod.init} -m -p -C -r -w /unit_floor unit")
        self.overlay = words(f"unshare -m {program} overlay {bench.work}/root")
        self.work = bench.data
        self.count = 0

    def sample(self):
        """Seconds to the unit's first line and the mount of an overlay."""
        self.count += 1
        commands = ([*self.unit, f"/run/floor{self.count}"], [*self.overlay, f"{self.work}/floor{self.count}"])
        return sum(float(subprocess.run(command, check=True, capture_output=True).stdout) for command in commands) / 1e3


class Podman:
    def __init__(self, image_archive, image):
        subprocess.run(words(f"{PODMAN} load -i {image_archive}"), check=True, capture_output=True)
        self.image = image
        self.name = f"agena-bench-{os.getpid()}"
        self.call(f"pod create --infra=false --name {self.name}")
        self.call(f"run -d --pod {self.name} {PODMAN_CONTAINER} {image} /bin/sleep 100000")
        self.count = 0

    def call(self, command):
        subprocess.run(words(f"{PODMAN} {command}"), check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def timed_line(self, command):
        begin = time.perf_counter()
        child = subprocess.Popen(words(f"{PODMAN} {command}"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if child.stdout.readline() != b"up\n":
            sys.exit(f"podman {command}: no line")
        took = time.perf_counter() - begin
        child.stdout.read()
        child.wait()
        return took

    def run(self):
        self.count += 1
        took = self.timed_line(f"run --name {self.name}-{self.count} --pod {self.name} {PODMAN_CONTAINER} {self.image} /bin/echo up")
        self.call(f"rm -f {self.name}-{self.count}")
        return took

    def create_and_start(self):
        self.count += 1
        begin = time.perf_counter()
        self.call(f"create --name {self.name}-{self.count} --pod {self.name} {PODMAN_CONTAINER} {self.image} /bin/echo up")
        created = time.perf_counter() - begin
        took = created + self.timed_line(f"start -a {self.name}-{self.count}")
        self.call(f"rm -f {self.name}-{self.count}")
        return took

    def end(self):
        self.call(f"pod rm -t 0 -f {self.name}")


def table(bench, title, samples):
    medians = {name: statistics.median(times) for name, times in samples.items()}
    names = list(samples)
    bench.say(f"### {title}\n")
    bench.say("| | median | min | " + " | ".join(f"÷ {n}" for n in names[1:]) + " |")
    bench.say("|---|---|---|" + "---|" * (len(names) - 1))
    for name in names:
        ratios = " | ".join(f"{medians[name] / medians[other]:.2f}" for other in names[1:])
        bench.say(f"| {name} | {milliseconds(medians[name])} | {milliseconds(min(samples[name]))} | {ratios} |")
    bench.say()


def alternate(bench, actions):
    """actions: name -> function that returns seconds. Name -> all of them, after a first that does not count."""
    samples = {name: [] for name in actions}
    for action in actions.values():
        action()
    for _ in range(bench.args.rounds):
        for name, action in actions.items():
            samples[name] += [action() for _ in range(bench.args.runs)]
    return samples


def first_line(bench, image, pod):
    floor = Floor(bench, pod)
    actions = {"agena app add + app start": lambda: pod.first_line(image),
               "agena app add --start": lambda: pod.first_line(image, at_once=True), "floor: StartUnit + overlay mount": floor.sample}
    podman = None
    if shutil.which("podman"):
        podman = Podman(f"{bench.work}/images/busybox-docker.tar", "agena.dev/busybox")
        actions |= {"podman run --pod": podman.run, "podman create + start": podman.create_and_start}
    try:
        table(bench, "From nothing to the first line of an app in a running pod", alternate(bench, actions))
    finally:
        if podman:
            podman.end()


def execute(bench, image, pod):
    pod.start(image, "idle", IDLE)
    pid = app_process(pod)
    bench.compare("`true` in an app that runs", {
        "agena app exec": (f"{shlex.join(pod.agena)} app exec --app=idle {pod.uuid} /bin/true", ""),
        "nsenter": (f"nsenter -t {pid} -m -u -i -n -p -C -r -w /bin/true", "")})
    pod.app("stop", pod.uuid, "--app=idle")
    pod.app("rm", pod.uuid, "--app=idle")


def app_process(pod):
    """The only process of the pod that is neither systemd nor the agent."""
    ours = pod.processes()
    children = Path(f"/proc/{pod.init}/task/{pod.init}/children").read_text().split()
    return next(int(pid) for pid in children if int(pid) != ours["agent"])


def crowd(bench, image, empty):
    """One more app in a pod with none, and in one with many; and what memory each of the many takes."""
    full = Sandbox(shlex.join(empty.agena))
    try:
        before = full.private_memory()
        for i in range(CROWD - 1):
            full.start(image, f"idle{i}", IDLE)
        time.sleep(1)
        after = full.private_memory()
        table(bench, f"The first app of a pod and the {CROWD}th, to its first line",
              alternate(bench, {f"the {CROWD}th": lambda: full.first_line(image), "the first": lambda: empty.first_line(image)}))
    finally:
        full.end()
    bench.say(f"### Private memory for each of {CROWD - 1} idle apps, beside the app itself\n")
    bench.say("| | pod without apps | with them | an app |")
    bench.say("|---|---|---|---|")
    for name in before:
        bench.say(f"| {name} | {before[name] >> 10} KB | {after[name] >> 10} KB | {(after[name] - before[name]) / (CROWD - 1) / 1024:.1f} KB |")
    whole = sum(after.values()) - sum(before.values())
    bench.say(f"| all | {sum(before.values()) >> 10} KB | {sum(after.values()) >> 10} KB | {whole / (CROWD - 1) / 1024:.1f} KB |\n")


def run(bench):
    pod = Sandbox(bench.agena)
    try:
        first_line(bench, bench.image, pod)
        execute(bench, bench.image, pod)
        crowd(bench, bench.image, pod)
    finally:
        pod.end()
        bench.collect()
