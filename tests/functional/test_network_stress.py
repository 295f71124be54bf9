"""Pods on networks that are started and killed at random; at the end no address, link, rule, file or namespace of them is left.

Environment: AGENA_STRESS_SECONDS (default 20; a long run is 300), AGENA_STRESS_PODS (how many at a time, default 12; a long
run has 50)."""

import json
import os
import random
import signal
import subprocess
import threading
import time

from harness import children_of, descendants, read, shell, state_of, wait_until
from network_case import WEB, NetworkCase, ask, ranges

SECONDS = float(os.environ.get("AGENA_STRESS_SECONDS", "20"))
PODS = int(os.environ.get("AGENA_STRESS_PODS", "12"))
BRIDGED = {"name": "bridged", "plugins": [
    {"type": "bridge", "bridge": "br-pods", "isGateway": True, "ipMasq": True, "ipam": ranges("10.5.0.0/24", "fd00:5::/64")},
    {"type": "firewall", "backend": "iptables"}, {"type": "portmap", "capabilities": {"portMappings": True}}]}
WIRE = {"name": "wire", "type": "macvlan", "master": "lan0", "mode": "bridge", "ipam": {
    "type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24", "rangeStart": "10.99.0.20", "rangeEnd": "10.99.0.250"}]]}}
# The built-in path more often: it is what most pods have.
CHOICES = ("default", "default", "default", "default", "default-restricted", "bridged", "wire", "default,bridged", "all")
FIRST_PORT = 20000
START_LIMIT = 20 * PODS  # seconds; for what hangs, not for what is slow


class Chaos(NetworkCase):
    hosts = ("one", "two")

    def setUp(self):
        super().setUp()
        self.network(BRIDGED)
        self.network(WIRE)
        self.may_stay("br-pods")
        self.image_id = self.agena("fetch", self.image).out.split()[-1]
        self.counts, self.problems, self.lock = {}, [], threading.Lock()

    def count(self, what: str):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def problem(self, text: str):
        with self.lock:
            self.problems.append(text)

    def work(self, number: int, end: float):
        dice = random.Random(number)
        turn = 0
        while time.monotonic() < end and not self.problems:
            turn += 1
            try:
                self.one_pod(dice, FIRST_PORT + number, f"p{number}x{turn}")
            except Exception as error:  # pylint: disable=broad-except
                self.problem(f"p{number}x{turn}: {error!r}")

    def one_pod(self, dice, port: int, name: str):
        net = dice.choice(CHOICES)
        uuid_file, log = os.path.join(self.top, name), os.path.join(self.top, name + ".log")
        forwarded = dice.random() < 0.5
        words = ["run", f"--net={net}", f"--hostname={name}", f"--uuid-file-save={uuid_file}",
                 *([f"--port=web:{port}"] if forwarded else []), self.image_id]
        with open(log, "wb") as stream:
            process = subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        try:
            if dice.random() < 0.25:
                time.sleep(dice.uniform(0, 2))
                self.count("killed while it started")
                process.kill()
                return
            try:
                wait_until(lambda: "serving" in read(log) or process.poll() is not None, f"{name} serves", START_LIMIT, 0.05)
            except AssertionError:
                below = [f"{pid} {state_of(pid)} {command}" for pid, command in descendants(process.pid)]
                self.problem(f"{name} on {net} does not serve: {read(log)}; it runs {below}; so far {self.counts}")
                return
            if process.poll() is not None:
                self.problem(f"{name} on {net} did not start: {read(log)}")
                return
            self.count("served")
            self.look(name, net, read(uuid_file).strip(), port if forwarded else None)
            time.sleep(dice.uniform(0, 0.5))
            self.end(dice, process, read(uuid_file).strip())
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            os.unlink(log)

    def look(self, name: str, net: str, uuid: str, port):
        """The pod answers on its own address, and on its port to the other host."""
        info = json.loads(read(os.path.join(self.data, "pods", "run", uuid, "net-info.json")))
        for one in info:
            # The host itself does not reach what is beside it on the wire.
            asker = self.two if one["netName"] == "wire" else self.one
            answer = ask(asker, one["ip"], WEB) if len(info) == 1 else name + " "
            if not answer.startswith(name + " "):
                self.problem(f"{name} on {net}: {one['ip']} answers '{answer}'")
        if port and net in ("default", "bridged"):
            answer = ask(self.two, self.one.ip, port)
            # Where everything is done at once an answer may take longer than the asker waits; what is broken stays so.
            for _ in range(3):
                if answer:
                    break
                self.count("asked again through a port")
                answer = ask(self.two, self.one.ip, port)
            if answer != f"{name} {self.two.ip}":
                self.problem(f"{name} on {net}: port {port} answers '{answer}'; {self.ways(name, uuid, port, info[0]['ip'])}")
            self.count("asked through a port")

    def ways(self, name: str, uuid: str, port: int, address: str) -> str:
        """What of the host has to do with a pod, its port and its address, for who looks for the reason."""
        rules = self.one.run("nft", "list", "ruleset").stdout.splitlines()
        owner, found = "", []
        for line in rules:
            owner = line if line.startswith("table") else owner
            if str(port) in line or address in line:
                found.append(f"{owner} {line.strip()}")
        routes = self.one.run("ip", "route", "show", "to", "match", address).stdout.splitlines()
        flows = self.one.run("sh", "-c", f"grep {port} /proc/net/nf_conntrack || true").stdout.splitlines()
        pod = [self.state(uuid), read(os.path.join(self.top, name + ".log"))]
        return "\n".join(["pod:", *pod, "rules:", *found, "routes:", *routes, "flows:", *flows[:20]])

    def end(self, dice, process, uuid: str):
        how = dice.choice(("killed", "killed", "first process killed", "stopped", "stopped hard", "terminated"))
        self.count(how)
        if how == "killed":
            process.kill()
        elif how == "first process killed":
            for child in children_of(process.pid):
                os.kill(child, signal.SIGKILL)
        elif how == "terminated":
            process.terminate()
        else:
            self.agena("stop", *(["--force"] if how == "stopped hard" else []), uuid, check=None)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            self.problem(f"{uuid} does not end when it is {how}")

    def sweep(self, end: float):
        """gc beside it all, sometimes killed itself."""
        dice = random.Random(-1)
        while time.monotonic() < end and not self.problems:
            process = subprocess.Popen(self.argv("gc", "--grace-period=0s"), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if dice.random() < 0.3:
                time.sleep(dice.uniform(0, 0.2))
                process.kill()
                process.communicate()
            else:
                out, _ = process.communicate()
                if process.returncode != 0:
                    self.problem(f"gc ended with {process.returncode}: {out}")
            self.count("gc")
            time.sleep(dice.uniform(0, 1))

    def test_chaos(self):
        # The plugins make their chains for everybody when they are first called, and fail if two do so at the same time.
        self.agena("run", "--net=bridged", "--port=web:8081", self.image_id, *shell("true"))
        end = time.monotonic() + SECONDS
        threads = [threading.Thread(target=self.work, args=(number, end)) for number in range(PODS)]
        threads.append(threading.Thread(target=self.sweep, args=(end,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], self.problems)
        self.assertGreater(self.counts.get("served", 0), 0)
        print("   ", ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items())), flush=True)

        def quiet():
            self.host.reap()
            return not descendants()
        wait_until(quiet, "all processes are gone", 60)
        self.agena("gc", "--grace-period=0s")
        self.assert_nothing_left()
        self.assert_nothing_left(self.two)
        self.assertEqual([], self.records())
        self.assertEqual([], [one for one in self.pod_directories() if not one.startswith("embryo/")])
