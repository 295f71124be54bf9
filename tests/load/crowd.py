"""Many pods running at the same time: how long until all do, and what each takes of the memory."""

import os
import shlex
import shutil
import signal
import subprocess
import time

from engine import Failure, InotifyInstances, descendants, pss, read
from report import mib

APP = ["--exec=/bin/sh", "--", "-c", "echo up; exec sleep 1000000"]
INSTANCES_OF_A_POD = 4  # of inotify; systemd holds two
ENOUGH_FOR_OTHERS = 1000
LIMIT = 600  # seconds; for what hangs
PODMAN = "podman --runtime runc --cgroup-manager=cgroupfs --events-backend=file"
PODMAN_RUN = "run -d --network=none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024"


def wait_up(logs, processes):
    """Until the app of every pod has said that it runs."""
    end = time.monotonic() + LIMIT
    missing = list(logs)
    while missing:
        missing = [log for log in missing if "up" not in read(log)]
        for process in processes:
            if process.poll() is not None:
                raise Failure(f"a pod ended with {process.returncode}: {[read(log)[-300:] for log in missing[:3]]}")
        if time.monotonic() > end:
            raise Failure(f"{len(missing)} of {len(logs)} pods do not run after {LIMIT} s")
        time.sleep(0.02)


def inotify_instances(pids) -> int:
    count = 0
    for pid in pids:
        try:
            count += sum("anon_inode:inotify" in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            pass
    return count


def kernel_memory(engine) -> int:
    """Bytes that the kernel holds for all that was started from here."""
    place = engine.cgroups.memory
    if place is None:
        return 0
    if os.path.exists(place + "/memory.kmem.usage_in_bytes"):
        return int(read(place + "/memory.kmem.usage_in_bytes"))
    return next((int(line.split()[1]) for line in read(place + "/memory.stat").splitlines() if line.startswith("kernel ")), 0)


def agena(engine, flavour: str, count: int) -> tuple:
    """Cells of the table's row."""
    engine.run("run", *engine.pods(flavour), "--exec=/bin/true")
    kernel = kernel_memory(engine)
    logs = [os.path.join(engine.work, f"pod{number}") for number in range(count)]
    began = time.perf_counter()
    running = [engine.start("run", *engine.pods(flavour), *APP, log=log) for log in logs]
    try:
        wait_up(logs, running)
        took = time.perf_counter() - began
        listed = engine.run("list", "--no-legend").stdout
        if listed.count(" running ") + listed.count("\trunning") < count:
            raise Failure(f"list shows {listed.count('running')} of {count} pods as running")
        trees = [pid for process in running for pid in (process.pid, *descendants(process.pid))]
        memory = sum(pss(pid) for pid in trees)
        kernel = kernel_memory(engine) - kernel
        instances = inotify_instances(trees)
        began = time.perf_counter()
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(LIMIT)
        stopped = time.perf_counter() - began
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    engine.run("gc", "--grace-period=0s")
    return took, memory / count, kernel / count, len(trees) / count, instances / count, stopped


class Podman:
    """podman with storage of its own."""

    def __init__(self, engine):
        self.place = os.path.join(engine.work, "podman")
        self.command = [*shlex.split(PODMAN), "--root", self.place + "/root", "--runroot", self.place + "/run"]
        self.call("load", "-i", f"{engine.images}/busybox-docker.tar")
        self.image = self.call("images", "-q").split()[0]
        self.names = []

    def call(self, *words) -> str:
        done = subprocess.run([*self.command, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{' '.join(done.args)}: exit code {done.returncode}: {done.stderr[-1000:]}")
        return done.stdout

    def crowd(self, count: int) -> tuple:
        before = set(descendants(os.getpid()))
        self.names = [f"load-{os.getpid()}-{number}" for number in range(count)]
        began = time.perf_counter()
        starting = [subprocess.Popen([*self.command, *shlex.split(PODMAN_RUN), "--name", name, self.image, "/bin/sh", "-c", APP[-1]],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                    for name in self.names]
        errors = [process.communicate()[1].decode()[-500:] for process in starting]
        took = time.perf_counter() - began
        failed = [text for process, text in zip(starting, errors) if process.returncode != 0]
        if failed:
            raise Failure(f"podman: {len(failed)} of {count} containers do not start: {failed[0]}")
        trees = [pid for pid in descendants(os.getpid()) if pid not in before]
        memory = sum(pss(pid) for pid in trees)
        instances = inotify_instances(trees)
        began = time.perf_counter()
        self.call("stop", "-t", "0", *self.names)
        return took, memory / count, None, len(trees) / count, instances / count, time.perf_counter() - began

    def end(self):
        if self.names:
            subprocess.run([*self.command, "rm", "-f", "-t", "0", *self.names], capture_output=True, check=False)
        subprocess.run([*self.command, "rmi", "-a", "-f"], capture_output=True, check=False)
        subprocess.run(["umount", self.place + "/root/overlay"], capture_output=True, check=False)


def podman(engine, count: int) -> tuple:
    peer = Podman(engine)
    try:
        return peer.crowd(count)
    finally:
        peer.end()


def run(engine, report, count: int, peers: bool):
    engine.new_store()
    engine.warm_up()
    with InotifyInstances(INSTANCES_OF_A_POD * count + ENOUGH_FOR_OTHERS):
        measured = {f"agena {flavour}": agena(engine, flavour, count) for flavour in ("fly", "systemd")}
        if peers and shutil.which("podman"):
            measured["podman"] = podman(engine, count)
    base = measured["agena systemd"]
    rows = []
    for name, (took, memory, kernel, processes, instances, stopped) in measured.items():
        rows.append((name, f"{took:.1f} s", f"{took / base[0]:.2f}", mib(memory), f"{memory / base[1]:.2f}",
                     "not measured" if kernel is None else mib(kernel), f"{processes:.0f}", f"{instances:.0f}", f"{stopped:.1f} s"))
    report.table("crowd", f"{count} pods at once", [
        "command", "until all run", "÷ systemd", "PSS a pod", "÷ systemd", "kernel memory a pod", "processes a pod",
        "inotify instances a pod", "until all have ended"], rows)
