"""The end of networks: orderly, after SIGKILL at any instant, with confs and plugins changed or gone since, and with plugins
that fail. In the end nothing is left."""

import json
import os
import random
import re
import shutil
import signal
import time

from harness import children_of, descendants, shell, wait_until
from network_case import NetworkCase, ask, ask_udp, ranges

import netlab

BRIDGED = {"name": "bridged", "plugins": [
    {"type": "bridge", "bridge": "br-pods", "isGateway": True, "ipMasq": True, "ipam": ranges("10.5.0.0/24", "fd00:5::/64")},
    {"type": "firewall", "backend": "iptables"},
    {"type": "portmap", "capabilities": {"portMappings": True}},
    {"type": "bandwidth", "ingressRate": 8000000, "ingressBurst": 800000}]}
WIRE = {"name": "wire", "type": "macvlan", "master": "lan0", "mode": "bridge", "ipam": {
    "type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24", "rangeStart": "10.99.0.100", "rangeEnd": "10.99.0.140"}]]}}
# A plugin that does as the file FAIL beside it says: a line for each command that is to fail, with what it is to say.
MOODY = """#!/usr/bin/env python3
import json, os, sys
os.chdir(os.path.dirname(sys.argv[0]))
command, conf = os.environ["CNI_COMMAND"], json.load(sys.stdin)
for line in open("FAIL").read().splitlines() if os.path.exists("FAIL") else []:
    verb, _, message = line.partition(" ")
    if verb == command:
        json.dump({"cniVersion": "0.4.0", "code": 100, "msg": message, "details": ""}, sys.stdout)
        sys.exit(1)
if command == "ADD":
    json.dump(conf["prevResult"], sys.stdout)
"""


class Life(NetworkCase):
    """What is common to these tests."""

    hosts = ("one", "two")

    def setUp(self):
        super().setUp()
        self.path = self.network(BRIDGED)
        self.network(WIRE)
        self.may_stay("br-pods")
        self.agena("fetch", self.image)

    def kill(self, process):
        """SIGKILL of the supervisor; its pod ends with it."""
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        self.wait_quiet()

    def wait_quiet(self):
        def quiet():
            self.host.reap([one.pid for one in self.started if one.returncode is None])
            running = {one.pid for one in self.started if one.returncode is None}
            return not [pid for pid, _ in descendants() if pid not in running]
        wait_until(quiet, "all processes are gone", 30)

    def addresses_given(self, host=None) -> set:
        """Addresses that host-local has on record."""
        return {one for one in (host or self.at).files() if re.search(r"/networks/[^/]+/[0-9a-f.:]+$", one)}

    def gc(self, check=0):
        return self.agena("gc", "--grace-period=0s", check=check)


class Orderly(Life):
    """Nothing is left without any gc."""

    def test_the_app_ends(self):
        for net in ("default", "default-restricted", "bridged", "wire", "bridged,default,wire"):
            with self.subTest(net):
                self.agena("run", f"--net={net}", self.image, *shell("true"))
                self.assert_nothing_left()
                self.assertEqual([], self.records())

    def test_the_app_fails(self):
        self.agena("run", "--net=default,bridged", self.image, *shell("exit 7"), check=7)
        self.assert_nothing_left()

    def test_stop(self):
        for how in ([], ["--force"]):
            with self.subTest(how):
                pod = self.serve("p", "--port=web:8081", net="bridged,default")
                self.agena("stop", *how, pod.uuid)
                self.finish(pod.process, check=None)
                self.assert_nothing_left()

    def test_signal_to_the_supervisor(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                pod = self.serve("p", net="bridged,default")
                pod.process.send_signal(number)
                self.finish(pod.process, check=None)
                self.assert_nothing_left()

    def test_systemd_of_the_pod_is_killed(self):
        pod = self.serve("p", net="bridged,default")
        child, = children_of(pod.process.pid)
        os.kill(child, signal.SIGKILL)
        self.finish(pod.process, check=254)
        self.assert_nothing_left()

    def test_start_that_fails_later(self):
        """The network is there, the app cannot be started."""
        done = self.agena("run", "--net=default,bridged", self.image, "--exec=/no/such/program", check=None)
        self.assertNotEqual(0, done.code)
        self.assert_nothing_left()

    def test_pod_that_meddles(self):
        """What an app with the right to it does to its interfaces keeps nothing on the host."""
        for script in ("ip addr flush dev eth0 && ip addr flush dev eth1", "ip link set eth0 down && ip link set eth0 name other0",
                       "ip link delete eth0 && ip link delete eth1",
                       "ip link delete eth0 && ip link add eth0 type veth peer name fake0 && ip addr add 10.5.0.77/24 dev eth0"):
            for end in ("true", "sleep 1000"):
                with self.subTest(f"{script}; {end}"):
                    process, _ = self.start_pod("--net=bridged,default", self.image, "--caps-retain=CAP_NET_ADMIN",
                                                *shell(f"{script} && echo done; {end}"))
                    self.wait_output(process, "done")
                    if end != "true":
                        self.kill(process)
                        self.gc()
                    else:
                        self.finish(process, check=None)
                    self.assert_nothing_left()

    def test_prepared_pods(self):
        uuid = self.agena("prepare", self.image, *shell("ip -o addr")).out.strip()
        self.assert_nothing_left()
        done = self.agena("run-prepared", "--net=bridged", uuid)
        self.assertIn("10.5.0.2/24", done.out)
        self.assert_nothing_left()
        uuid = self.agena("prepare", self.image, *shell("ip -o addr")).out.strip()
        self.unasked = True
        self.assertIn("172.16.28.2/24", self.agena("run-prepared", uuid).out)
        self.assert_nothing_left()

    def test_sandbox(self):
        uuid = self.sandbox("--net=bridged")
        self.agena("app", "add", uuid, self.image, "--name=server", "--start")
        wait_until(lambda: ask(self.one, "10.5.0.2"), "the app serves")
        self.agena("stop", uuid)
        wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
        self.wait_quiet()
        self.assert_nothing_left()


class Killed(Life):
    """The supervisor could not tear down; gc does, from the record alone."""

    def killed(self, *flags, net="bridged,default,wire"):
        pod = self.serve("p", *flags, net=net)
        self.kill(pod.process)
        self.assertNotEqual(set(), self.addresses_given())
        return pod

    def collected(self):
        self.gc()
        self.assert_nothing_left()
        self.assertEqual([], self.records())
        self.assertEqual([], self.pod_directories())

    def test_gc(self):
        self.killed("--port=web:8081")
        self.collected()

    def test_rm(self):
        pod = self.killed("--port=web:8081")
        self.agena("rm", pod.uuid)
        self.assert_nothing_left()

    def test_restricted(self):
        self.killed(net="default-restricted")
        self.collected()

    def test_conf_is_edited(self):
        self.killed()
        with open(self.path, "w", encoding="utf-8") as stream:
            json.dump({**BRIDGED, "cniVersion": "0.4.0", "plugins": [
                {"type": "bridge", "bridge": "br-other", "ipam": ranges("10.66.0.0/24")}]}, stream)
        self.collected()

    def test_conf_is_broken(self):
        self.killed()
        with open(self.path, "w", encoding="utf-8") as stream:
            stream.write("{")
        self.collected()

    def test_conf_is_removed(self):
        self.killed()
        shutil.rmtree(os.path.join(self.local, "net.d"))
        self.collected()

    def test_other_configuration_directory(self):
        self.killed()
        self.local = os.path.join(self.top, "elsewhere")
        os.mkdir(self.local)
        self.collected()

    def test_machine_is_new(self):
        """As after a reboot: only the disk is as it was, with the addresses that host-local keeps there."""
        self.killed()
        given = self.addresses_given()
        for name in given:
            self.two.run("mkdir", "-p", os.path.dirname(name))
            # Their lines end as those of MS-DOS.
            self.two.run("sh", "-c", f"base64 -d > {name}", input=self.one.run("base64", name).stdout)
        self.places[self.two] = self.places[self.one]
        with self.on(self.two):
            self.assertEqual(given, self.addresses_given())
            self.collected()
        # What the old one has ended when it was turned off.
        wait_until(lambda: self.one.peers() == 1, "the pod's namespace is gone")
        self.before[self.one] = self.one.listing()

    def test_somebody_holds_the_namespace(self):
        """As the kernel does for minutes when a connection waits for an answer: the address is free again, so the way to the
        old pod must be gone."""
        pod = self.serve("p", net="bridged,default")
        child, = children_of(pod.process.pid)
        held = os.open(f"/proc/{child}/ns/net", os.O_RDONLY)
        try:
            self.kill(pod.process)
            self.gc()
            self.assertEqual(set(), self.addresses_given())
            self.assertEqual([], [line for line in self.left(self.one) if line.startswith(("link", "route"))])
            self.assertIn("br-pods", self.one.links())
        finally:
            os.close(held)
        self.collected()

    def test_record_is_lost(self):
        """In a power cut, with host-local's files on another disk."""
        pod = self.killed(net="default")
        shutil.rmtree(os.path.join(self.pod_path(pod.uuid), "net"))
        self.collected()

    def test_rules_that_cannot_be_removed_keep_the_record(self):
        pod = self.killed("--port=web:8081", net="default")
        given = self.addresses_given()
        weak = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
        argv = self.argv("gc", "--grace-period=0s")
        done = self.run_argv([*self.one.enter, *weak, *argv[len(self.one.enter):]], check=None)
        self.assertIn("its networks could not be taken down", done.err, str(done))
        self.assertEqual(given, self.addresses_given())
        self.assertEqual(1, len(self.records()))
        self.collected()

    def test_many(self):
        pods = [self.serve(f"p{n}", net="bridged,default") for n in range(4)]
        for pod in pods[:3]:
            self.kill_only(pod)
        self.gc()
        # The living one keeps what is its own.
        self.assertEqual(f"p3 {'10.5.0.1'}", ask(self.one, pods[3].ip()))
        self.assertEqual(3, len(self.addresses_given()), self.addresses_given())
        pods[3].stop()
        self.assert_nothing_left()

    def kill_only(self, pod):
        os.kill(pod.process.pid, signal.SIGKILL)
        pod.process.wait(60)
        with self.on(self.one):
            wait_until(lambda: self.state(pod.uuid) != "running", "the pod has ended")

    def test_its_port_is_free_at_once(self):
        """Not only to be bound: what is sent there comes to the new pod, before any gc."""
        for n, net in enumerate(("default", "default", "bridged", "bridged", "default")):
            pod = self.serve(f"p{n}", "--port=web:8081", "--port=echo:9001", net=net)
            self.assertEqual(f"p{n} {self.two.ip}", ask(self.two, self.one.ip, 8081))
            self.assertEqual(f"p{n} {self.two.ip}", ask_udp(self.two, self.one.ip, 9001, source=5555))
            self.kill(pod.process)
        self.collected()

    def test_its_port_while_gc_is_busy_with_it(self):
        """A plugin takes its time; until it is done, what another one forwarded still leads to the old pod."""
        slow = os.path.join(self.local, "net.d", "slow")
        bridge = {"type": "bridge", "bridge": "br-slow", "isGateway": True, "ipam": ranges("10.6.0.0/24")}
        self.network({"name": "slow", "plugins": [bridge, BRIDGED["plugins"][2], {"type": "slow"}]})
        self.may_stay("br-slow")
        with open(slow, "w", encoding="utf-8") as stream:
            stream.write(f"#!/bin/sh\n[ $CNI_COMMAND = DEL ] && echo > {self.top}/busy && sleep 3\n"
                         "exec /usr/bin/python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)[\"prevResult\"]))'\n")
        os.chmod(slow, 0o755)
        old = self.serve("old", "--port=web:8081", net="slow")
        self.assertEqual(f"old {self.two.ip}", ask(self.two, self.one.ip, 8081))
        self.kill(old.process)
        collector = self.start("gc", "--grace-period=0s")
        wait_until(lambda: os.path.exists(f"{self.top}/busy"), "the plugin is asked to undo")
        new = self.serve("new", "--port=web:8081", net="bridged")
        self.assertEqual(f"new {self.two.ip}", ask(self.two, self.one.ip, 8081))
        self.finish(collector)
        new.stop()
        self.gc()
        self.assert_nothing_left()

    def test_again_and_again(self):
        """Each killed pod's address is free again after gc: 41 addresses would not do otherwise."""
        for n in range(3):
            for _ in range(3):
                pod = self.serve(f"p{n}", net="wire")
                self.kill(pod.process)
            self.gc()
            self.assertEqual(set(), self.addresses_given())

    def at_any_instant(self, count: int, seed: int, net: str):
        words = ("run", f"--net={net}", self.image, *shell("true"))
        self.agena(*words)
        began = time.monotonic()
        self.agena(*words)
        usual = time.monotonic() - began
        chance = random.Random(seed)
        for _ in range(count):
            process = self.start(*words)
            time.sleep(chance.uniform(0, usual * 1.1))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait(60)
            self.wait_quiet()
        self.gc()
        self.assert_nothing_left()
        self.assertEqual([], self.records())
        self.agena(*words)
        self.assert_nothing_left()

    def test_at_any_instant_built_in(self):
        self.at_any_instant(25, 1, "default")

    def test_at_any_instant_plugins(self):
        self.at_any_instant(15, 2, "bridged,wire")

    def test_gc_is_killed_too(self):
        chance = random.Random(3)
        for n in range(3):
            pod = self.serve(f"p{n}", net="bridged,default")
            self.kill(pod.process)
        for _ in range(12):
            process = self.start("gc", "--grace-period=0s")
            time.sleep(chance.uniform(0, 0.3))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait(60)
            self.wait_quiet()
        self.collected()


class Failing(Life):
    """Plugins that fail: told with network, plugin and message; nothing is lost."""

    def setUp(self):
        super().setUp()
        self.plugins = os.path.join(self.local, "net.d")
        with open(os.path.join(self.plugins, "moody"), "w", encoding="ascii") as stream:
            stream.write(MOODY)
        os.chmod(os.path.join(self.plugins, "moody"), 0o755)
        self.network({"name": "moody", "plugins": [BRIDGED["plugins"][0], {"type": "moody"}]})

    def mood(self, *lines):
        with open(os.path.join(self.plugins, "FAIL"), "w", encoding="ascii") as stream:
            stream.write("".join(line + "\n" for line in lines))

    def test_half_way(self):
        """What the first networks and plugins have made is undone."""
        self.mood("ADD no luck today")
        done = self.agena("run", "--net=default,bridged,moody", self.image, *shell("true"), check=254)
        for text in ("failed to setup network", "moody", "no luck today"):
            self.assertIn(text, done.err)
        self.assert_nothing_left()

    def test_end_that_fails_is_retried(self):
        self.mood("DEL not now")
        done = self.agena("run", "--net=moody", self.image, *shell("true"), check=None)
        self.assertIn("not now", done.err)
        self.assertNotEqual([], self.records())
        again = self.gc(check=None)
        self.assertIn("not now", again.err)
        self.assertIn("moody", again.err)
        self.assertEqual(1, len(self.pod_directories()), "the pod is kept as long as its network is")
        self.mood()
        self.gc()
        self.assertEqual([], self.pod_directories())
        self.assert_nothing_left()

    def test_plugin_is_gone(self):
        pod = self.serve("p", net="moody")
        self.kill(pod.process)
        os.rename(f"{self.plugins}/moody", f"{self.plugins}/moody.away")
        failed = self.gc(check=None)
        self.assertIn("moody", failed.err)
        self.assertEqual(1, len(self.pod_directories()))
        os.rename(f"{self.plugins}/moody.away", f"{self.plugins}/moody")
        self.gc()
        self.assertEqual([], self.pod_directories())
        self.assert_nothing_left()

    def test_one_that_fails_keeps_no_other(self):
        """The other networks of the pod, and other pods, go all the same."""
        self.mood("DEL never")
        first, second = self.serve("p1", net="moody,default"), self.serve("p2", net="bridged")
        for pod in (first, second):
            self.kill(pod.process) if pod is second else os.kill(pod.process.pid, signal.SIGKILL)
        first.process.wait(60)
        self.wait_quiet()
        self.gc(check=None)
        self.assertEqual([], [one for one in self.addresses_given() if "/default/" in one or "/bridged/" in one])
        self.mood()
        self.gc()
        self.assert_nothing_left()


class Others(Life):
    """What does not belong to pods stays."""

    def test_links_rules_and_addresses_of_others(self):
        self.one.run("nft", "-f", "-", input="table inet mine { chain c { type filter hook input priority 0; tcp dport 9 drop\n }\n }\n")
        self.one.run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.77.0.1", "-j", "MASQUERADE")
        self.one.run("ip", "link", "add", "veth-mine", "type", "veth", "peer", "name", "veth-yours")
        other = netlab.Namespaces()
        conf = {"cniVersion": "0.4.0", "name": "default", "type": "ptp", "ipMasq": True,
                "ipam": {"type": "host-local", "subnet": "172.16.28.0/24"}}
        try:
            self.one.plugin("ADD", conf, "foreign", other.net_path)
            self.before[self.one] = self.one.listing()
            pod = self.serve("p", "--port=web:8081", net="default,bridged")
            self.kill(pod.process)
            self.gc()
            self.assertEqual(self.before[self.one], {one for one in self.one.listing() if "br-pods" not in one})
            self.one.plugin("DEL", conf, "foreign", other.net_path)
        finally:
            other.close()
        wait_until(lambda: self.one.peers() == 1, "the other's namespace is gone")
        self.before[self.one] = self.one.listing()
