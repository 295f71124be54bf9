"""Benchmark of networks: what `--net=default` adds to the run of a pod, built in and by the plugins of the CNI project, beside
what podman's default network adds. All on a host of a lab: this machine's links and rules stay as they are."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import netlab  # noqa: E402

PODMAN = "podman --runtime runc --cgroup-manager=cgroupfs --events-backend=file"
PODMAN_RUN = "run --rm --ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
# As `default`, with a key that the built-in path leaves to the plugins.
BY_PLUGINS = {"cniVersion": "0.4.0", "name": "plugins", "type": "ptp", "ipMasq": True, "mtu": 1500,
              "ipam": {"type": "host-local", "subnet": "172.16.29.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}
MANY = 16


class Host:
    """Where all is measured."""

    def __init__(self, bench):
        self.lab = netlab.Lab()
        self.host = self.lab.host("bench")
        self.local = bench.work / "etc"
        (self.local / "net.d").mkdir(parents=True)
        (self.local / "net.d" / "10-plugins.conf").write_text(json.dumps(BY_PLUGINS))
        # A plugin of the user's own is called, and not what is built in.
        shutil.copy(f"{netlab.PLUGINS}/ptp", self.local / "net.d" / "ptp")
        self.plain = bench.work / "etc-plain"
        self.plain.mkdir()

    def popen(self, command, **more):
        return subprocess.Popen([*self.host.enter, *command.split()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    def run(self, command):
        """Seconds to the first line `up` and to the end."""
        begin = time.perf_counter()
        child = self.popen(command)
        line = child.stdout.readline()
        first = time.perf_counter() - begin
        _, errors = child.communicate()
        if child.returncode != 0 or not line.endswith(b"up\n"):
            sys.exit(f"{command}: exit code {child.returncode}: {line!r} {errors.decode()}")
        return first, time.perf_counter() - begin

    def at_once(self, command):
        """Seconds for MANY of them side by side."""
        begin = time.perf_counter()
        children = [self.popen(command) for _ in range(MANY)]
        for child in children:
            _, errors = child.communicate()
            if child.returncode != 0:
                sys.exit(f"{command}: exit code {child.returncode}: {errors.decode()}")
        return time.perf_counter() - begin


def commands(bench, place) -> dict:
    """name -> (command with the network, command without any)."""
    def agena(local, net):
        return f"{bench.agena} --local-config={local} run --net={net} {bench.image} --exec=/bin/echo -- up"

    found = {"agena --net=default": (agena(place.plain, "default"), agena(place.plain, "none")),
             "agena, plugins ptp and host-local": (agena(place.local, "plugins"), agena(place.plain, "none"))}
    if shutil.which("podman"):
        place.host.run(*PODMAN.split(), "load", "-i", f"{bench.work}/images/busybox-docker.tar")
        image = "agena.dev/busybox"
        found["podman, its default network"] = tuple(
            f"{PODMAN} {PODMAN_RUN} {flag} {image} /bin/echo up" for flag in ("--network=podman", "--network=none"))
    return found


def table(bench, title, rows):
    """rows: name -> (samples with the network, samples without)."""
    medians = {name: tuple(statistics.median(samples) for samples in both) for name, both in rows.items()}
    ours = medians["agena --net=default"]
    bench.say(f"### {title}\n")
    bench.say("| | without a network | with it | it adds | with it, ÷ agena | added, ÷ agena |")
    bench.say("|---|---|---|---|---|---|")
    for name, (with_it, without) in medians.items():
        bench.say(f"| {name} | {without * 1e3:.1f} ms | {with_it * 1e3:.1f} ms | {(with_it - without) * 1e3:.1f} ms | "
                  f"{with_it / ours[0]:.2f} | {(with_it - without) / (ours[0] - ours[1]):.2f} |")
    bench.say()


def one_by_one(bench, place, all_commands):
    first = {name: ([], []) for name in all_commands}
    whole = {name: ([], []) for name in all_commands}
    for both in all_commands.values():
        for command in both:
            place.run(command)
    for _ in range(bench.args.rounds):
        for name, both in all_commands.items():
            for _ in range(bench.args.runs):
                for kind, command in enumerate(both):
                    seconds = place.run(command)
                    first[name][kind].append(seconds[0])
                    whole[name][kind].append(seconds[1])
    table(bench, "From the command to the app's first line", first)
    table(bench, "The whole run of `echo`, the network's removal included", whole)


def side_by_side(bench, place, all_commands):
    samples = {name: ([], []) for name in all_commands}
    for _ in range(3):
        for name, both in all_commands.items():
            for kind, command in enumerate(both):
                samples[name][kind].append(place.at_once(command))
    table(bench, f"{MANY} runs at once, until all have ended", samples)


def run(bench):
    place = Host(bench)
    try:
        all_commands = commands(bench, place)
        one_by_one(bench, place, all_commands)
        side_by_side(bench, place, all_commands)
    finally:
        place.lab.close()
        bench.collect()
