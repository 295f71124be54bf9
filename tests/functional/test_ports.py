"""Forwarded ports: from other hosts, from the host itself and from other pods, who gets a port, and what is left."""

import json
import os
import re
import signal
import subprocess
import sys

from harness import PATIENCE, shell, wait_until
from network_case import ECHO, WEB, NetworkCase, ask, ask_udp, server_image

DUAL = {"name": "dual", "type": "ptp", "ipMasq": True, "ipam": {
    "type": "host-local", "ranges": [[{"subnet": "10.40.0.0/24"}], [{"subnet": "fd40::/64"}]],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}
BRIDGE = {"name": "shared", "type": "bridge", "bridge": "shared0", "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": {
    "type": "host-local", "subnet": "10.41.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}
# Takes a port as any program does, until its input ends.
TAKE = """
import socket, sys
taken = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
taken.bind((sys.argv[1], int(sys.argv[2])))
print("taken", file=sys.stderr, flush=True)
sys.stdin.read()
"""
# Listens on a port and becomes the command, to which it hands the socket as a service manager does.
PASS = """
import os, socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", int(sys.argv[1])))
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="http", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def connects(host, address: str, port: int) -> bool:
    return host.run("timeout", "4", "socat", "-u", f"TCP:{address}:{port}", "STDOUT", check=False).returncode == 0


class Forwarding(NetworkCase):
    hosts = ("one", "two")

    def answers(self, expected: str, host, address: str, port: int, udp=None):
        self.assertEqual(expected, ask(host, address, port))
        if udp:
            self.assertEqual(expected, ask_udp(host, address, udp))

    def test_default_network(self):
        pod = self.serve("p", "--port=web:80", "--port=echo:5300", net="default")
        gateway = self.one.ip
        self.answers(f"p {self.two.ip}", self.two, self.one.ip, 80, 5300)
        self.answers(f"p {gateway}", self.one, self.one.ip, 80, 5300)
        info = pod.net_info()[0]
        gateway = re.sub(r"\.\d+$", ".1", info["ip"])
        self.answers(f"p {gateway}", self.one, "127.0.0.1", 80, 5300)
        self.answers(f"p {gateway}", self.one, "127.1.2.3", 80, 5300)
        self.assertEqual(f"p {gateway}", ask(self.one, "localhost", 80))
        # The pod reaches itself by its host.
        self.assertEqual(f"p {gateway}", pod.ask(self.one.ip, 80))
        self.assertEqual("", ask(self.two, self.one.ip, 81))
        pod.stop()
        self.assertEqual("", ask(self.two, self.one.ip, 80))

    def test_both_versions(self):
        self.may_stay("route -6 anycast")  # of a host that forwards
        self.network(DUAL)
        pod = self.serve("p", "--port=web:80", "--port=echo:5300", net="dual")
        for address, asker in ((self.one.ip, self.two.ip), (self.one.ip6, self.two.ip6)):
            self.answers(f"p {asker}", self.two, address, 80, 5300)
        self.answers(f"p {self.one.ip6}", self.one, self.one.ip6, 80, 5300)
        self.assertEqual("p 10.40.0.1", ask(self.one, "localhost", 80))
        pod.stop()

    def test_by_number_and_by_address(self):
        pod = self.serve("p", f"--port={WEB}:{self.one.ip}:80", f"--port={ECHO}/udp:5300", f"--port={WEB}-tcp:127.0.0.1:81", net="default")
        self.answers(f"p {self.two.ip}", self.two, self.one.ip, 80, 5300)
        self.assertEqual("", ask(self.one, "127.0.0.1", 80))
        self.assertRegex(ask(self.one, "127.0.0.1", 81), r"p 172\.16\.28\.")
        self.assertEqual("", ask(self.two, self.one.ip, 81))
        pod.stop()

    def test_a_bridge_of_the_plugins(self):
        self.may_stay(r"shared0|10\.41\.0\.")
        self.network(BRIDGE)
        pod = self.serve("p", "--port=web:80", net="shared")
        other = self.serve("q", "--port=web:81", net="shared")
        self.assertEqual(f"p {self.two.ip}", ask(self.two, self.one.ip, 80))
        self.assertEqual("p 10.41.0.1", ask(self.one, "127.0.0.1", 80))
        # The bridge stays, but not what lets packets for the host's loopback in.
        self.assertEqual("1", self.route_localnet("shared0"))
        self.assertIn("agena-local", self.one.run("nft", "list", "tables").stdout)
        # A neighbour, whose answers would not pass the host.
        self.assertEqual("p 10.41.0.1", other.ask(self.one.ip, 80))
        self.assertEqual("p 10.41.0.1", pod.ask(self.one.ip, 80))
        pod.stop()
        self.assertEqual("1", self.route_localnet("shared0"), "for the other one")
        self.assertIn('iifname "shared0" ip daddr 127.0.0.0/8 drop', self.one.run("nft", "list", "table", "inet", "agena-local").stdout)
        other.stop()
        self.assertEqual("0", self.route_localnet("shared0"))
        self.assertNotIn("agena-local", self.one.run("nft", "list", "tables").stdout)

    def route_localnet(self, interface: str) -> str:
        return self.one.run("cat", f"/proc/sys/net/ipv4/conf/{interface}/route_localnet").stdout.strip()

    def test_guard_of_a_bridge_after_a_kill(self):
        self.may_stay(r"shared0|10\.41\.0\.")
        self.network(BRIDGE)
        pod = self.serve("p", "--port=web:80", net="shared")
        os.kill(pod.process.pid, signal.SIGKILL)
        self.finish(pod.process, check=None)
        self.assertEqual("1", self.route_localnet("shared0"))
        self.assertIn("agena-local", self.one.run("nft", "list", "tables").stdout)
        self.agena("gc", "--grace-period=0s")
        self.agena("gc", "--grace-period=0s")
        self.assertEqual("0", self.route_localnet("shared0"))
        self.assertNotIn("agena-local", self.one.run("nft", "list", "tables").stdout)

    def test_the_plugin_portmap_forwards_if_it_is_there(self):
        self.may_stay(r"CNI-|route -6 anycast")
        plugins = [{key: value for key, value in DUAL.items() if key != "name"},
                   {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}]
        self.network({"name": "mapped", "plugins": plugins})
        pod = self.serve("p", "--port=web:80", net="mapped")
        self.assertEqual(f"p {self.two.ip}", ask(self.two, self.one.ip, 80))
        self.assertNotIn("dnat ip to", self.one.run("nft", "list", "table", "inet", f"agena-{pod.uuid}", check=False).stdout)
        self.fails("run", "--net=default", "--port=web:80", server_image(), message="port tcp-0.0.0.0:80 of the host is in use")
        pod.stop()

    def test_first_network_that_masquerades(self):
        plain = {"type": "host-local", "subnet": "10.42.0.0/24"}
        self.network({"name": "dual", "type": "ptp", "ipMasq": False, "ipam": plain}, "10-dual.conf")
        pod = self.serve("p", "--port=web:80", net="dual,default")
        self.assertIn("172.16.28.", self.one.run("nft", "list", "chain", "inet", f"agena-{pod.uuid}", "ports").stdout)
        self.assertEqual(f"p {self.two.ip}", ask(self.two, self.one.ip, 80))
        pod.stop()


class OfApps(NetworkCase):
    """app add --port and app rm."""

    hosts = ("one", "two")

    def sandbox_with(self, *flags) -> str:
        return self.agena("app", "sandbox", "--detach", *flags).out.strip()

    def web(self, port: int) -> str:
        return ask(self.two, self.one.ip, port)

    def test_come_and_go(self):
        pod = self.sandbox_with("--net=default", "--hostname=p", f"--port=own:tcp:{WEB}::79")
        self.agena("app", "add", pod, server_image(), "--name=a", "--port=web:80", "--port=echo:5300", "--start")
        expected = f"p {self.two.ip}"
        wait_until(lambda: self.web(80) == expected, "the app serves")
        self.assertEqual(expected, self.web(79))
        self.assertEqual(expected, ask_udp(self.two, self.one.ip, 5300))
        ports = json.loads(self.agena("cat-manifest", pod).out)["ports"]
        self.assertIn({"name": "web", "hostPort": 80, "app": "a"}, ports)
        self.fails("app", "add", pod, server_image(), "--name=b", "--port=web:80", code=1,
                   message=f"port tcp-0.0.0.0:80 already mapped to pod port {WEB}")
        self.fails("app", "add", pod, server_image(), "--name=b", "--port=no:81", code=1, message="port name 'no' could not be found")
        self.agena("app", "rm", pod, "a")
        self.assertEqual("", self.web(80))
        self.assertEqual(["own"], [port["name"] for port in json.loads(self.agena("cat-manifest", pod).out)["ports"]])
        # Free again, for this pod and for others.
        self.agena("app", "add", pod, server_image(), "--name=c", f"--port={WEB}:80", "--start")
        wait_until(lambda: self.web(80) == expected, "the app serves")
        self.agena("app", "rm", pod, "c")
        other = self.serve("q", "--port=web:80", net="default")
        self.assertEqual(f"q {self.two.ip}", self.web(80))
        self.fails("app", "add", pod, server_image(), "--port=web:80", code=1, message="port tcp-0.0.0.0:80 of the host is in use")
        self.assertEqual("NAME\tSTATE\n", self.agena("app", "list", pod).out)
        other.stop()
        self.agena("stop", pod)

    def test_pods_without_networks(self):
        pod = self.sandbox_with("--net=none")
        self.fails("app", "add", pod, server_image(), "--port=web:80", code=1, message="--port does not work with the networks 'none' and 'host'")
        self.agena("stop", pod)


class Conflicts(NetworkCase):
    def test_with_another_pod(self):
        pod = self.serve("p", "--port=web:80", net="default")
        self.fails("run", "--net=default", "--port=web:80", server_image(), message="port tcp-0.0.0.0:80 of the host is in use, by another pod")
        self.fails("run", "--net=default", f"--port=web:{self.one.ip}:80", server_image(), message=f"port tcp-{self.one.ip}:80 of the host is in use")
        other = self.serve("q", "--port=web:81", "--port=echo:80", net="default")
        self.assertTrue(ask(self.one, "127.0.0.1", 81).startswith("q "))
        pod.stop()
        third = self.serve("r", "--port=web:80", net="default")
        self.assertTrue(ask(self.one, "127.0.0.1", 80).startswith("r "))
        third.stop()
        other.stop()

    def test_with_a_program_of_the_host(self):
        taker = subprocess.Popen([*self.one.enter, sys.executable, "-c", TAKE, "127.0.0.1", "80"], stdin=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.assertEqual("taken\n", taker.stderr.readline())
        self.fails("run", "--net=default", "--port=web:80", server_image(), message="port tcp-0.0.0.0:80 of the host is in use")
        self.serve("p", f"--port=web:{self.one.ip}:80", net="default").stop()
        taker.communicate()
        pod = self.serve("p", "--port=web:80", net="default")
        taken = self.one.run(sys.executable, "-c", TAKE, "127.0.0.1", "80", check=False)
        self.assertIn("Address already in use", taken.stderr)
        pod.stop()

    def test_before_anything_is_made(self):
        image = server_image()
        refusals = [
            (["--port=nothing:80"], "port name 'nothing' could not be found in any apps; there are: 'web' of app 'server', 'echo' of app 'server'"),
            (["--port=web:80", "--port=echo:81", f"--port={WEB}:80"], f"port tcp-0.0.0.0:80 already mapped to pod port {WEB}"),
            (["--port=80/icmp:80"], "unknown protocol 'icmp'"),
            (["--net=host", "--port=web:80"], "--port does not work with the networks 'none' and 'host'"),
            (["--net=none", "--port=web:80"], "--port does not work with the networks 'none' and 'host'"),
        ]
        for flags, message in refusals:
            self.fails("run", *(["--net=default"] if "--net" not in flags[0] else []), *flags, image, message=message)
            self.assertEqual([], self.pod_directories())
        self.fails("prepare", "--port=nothing:80", image, message="port name 'nothing' could not be found")
        self.fails("run", "--net=default", "--port=web:80", image, "--name=a", image, "--name=b", message="port name 'web' is defined by several apps")
        self.fails("run", "--net=default", "--port=web:10.1.2.3:80", image, message="port tcp-10.1.2.3:80: the host has no address 10.1.2.3")
        self.fails("run", "--net=default", "--port=web:[::1]:80", image, message="ports cannot be forwarded from '::1'")
        self.fails("run", "--net=default", "--port=web:[::]:80", image,
                   message="port tcp-[::]:80 cannot be forwarded: no network of the pod has given it an IPv6 address")


class Remains(NetworkCase):
    def test_killed_supervisor(self):
        pod = self.serve("p", "--port=web:80", net="default")
        os.kill(pod.process.pid, signal.SIGKILL)
        self.finish(pod.process, check=None)
        # The dead pod's rules do not keep the port from its next owner.
        again = self.serve("q", "--port=web:80", net="default")
        self.assertTrue(ask(self.one, "127.0.0.1", 80).startswith("q "))
        self.assertNotIn(pod.uuid, self.one.run("nft", "list", "tables").stdout)
        again.stop()
        self.agena("gc", "--grace-period=0s")
        self.agena("gc", "--grace-period=0s")
        self.assert_nothing_left()

    def test_a_firewall_that_begins_anew(self):
        pod = self.serve("p", "--port=web:80", net="default")
        self.one.run("nft", "flush", "ruleset")
        self.assertEqual(f"p {self.one.ip}", ask(self.one, self.one.ip, 80))
        pod.stop()

    def test_prepared_pods_and_manifests(self):
        uuid = self.agena("prepare", "--quiet", "--port=web:80", server_image()).out.strip()
        ports = json.loads(self.agena("cat-manifest", uuid).out)["ports"]
        self.assertEqual([{"name": "web", "hostPort": 80}], ports)
        process = self.start("run-prepared", "--net=default", "--hostname=p", uuid)
        self.wait_output(process, "serving")
        self.assertTrue(ask(self.one, "127.0.0.1", 80).startswith("p "))
        self.agena("stop", uuid)
        self.finish(process, check=None)




class SocketActivation(NetworkCase):
    """Ports of apps that are started by connections."""

    def image(self) -> str:
        return self.small_image("example.com/activated", ports=[
            {"name": "http", "protocol": "tcp", "port": 80, "socketActivated": True}])

    def test_in_the_pod(self):
        """The pod's systemd listens on the app's own number, to which the host's leads."""
        process, _ = self.start_pod("--net=default", "--port=http:8080", self.image(), *shell("echo fds=$LISTEN_FDS"))
        wait_until(lambda: connects(self.one, self.one.ip, 8080), "the pod's systemd listens")
        self.assertEqual(["fds=1"], self.finish(process).texts)

    def test_by_the_hosts_service_manager(self):
        """It listens on the port already, so nothing is forwarded."""
        listener = subprocess.Popen([*self.one.enter, sys.executable, "-c", PASS, "8080",
                                     *self.argv("run", "--net=default", "--port=http:8080", self.image(), *shell("echo fds=$LISTEN_FDS"))[len(self.one.enter):]],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = listener.communicate(timeout=PATIENCE)
        self.assertEqual(0, listener.returncode, err)
        self.assertIn("fds=1", out)
