"""The lab that tests of networks stand on: its hosts reach each other and nothing else, and its listing tells what is left."""

import os

from network_case import NetworkCase, ask_udp

import netlab

MASQUERADED = {"cniVersion": "0.4.0", "name": "leaky", "type": "ptp", "ipMasq": True,
               "ipam": {"type": "host-local", "subnet": "172.20.1.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}
FORWARD = {"cniVersion": "0.4.0", "name": "leaky", "type": "portmap", "capabilities": {"portMappings": True},
           "runtimeConfig": {"portMappings": [{"hostPort": 8081, "containerPort": 80, "protocol": "tcp"}]}}
ECHO = """import socket, sys
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(("::", 9000))
sys.stderr.write("ready\\n")
while True:
    text, peer = server.recvfrom(1000)
    server.sendto(peer[0].encode(), peer)
"""


class Lab(NetworkCase):
    hosts = ("one", "two", "three")

    def test_hosts_reach_each_other(self):
        self.three.serve("python3", "-c", ECHO, ready="ready")
        for host in (self.one, self.two):
            self.assertEqual(host.ip, ask_udp(host, self.three.ip))
            self.assertEqual(host.ip6, ask_udp(host, self.three.ip6))

    def test_nothing_else_is_there(self):
        for host in self.lab.hosts:
            self.assertEqual({"lo", "lan0"}, set(host.links()))
            self.assertEqual(set(), host.rules())
            self.assertEqual(set(), host.files())
            self.assertNotEqual(0, host.run("busybox", "ping", "-c1", "-W1", "192.0.2.1", check=False).returncode)

    def test_nothing_of_it_is_outside(self):
        for kind in ("net", "mnt"):
            ids = {os.stat(f"/proc/self/ns/{kind}").st_ino, *(os.stat(getattr(one.place, kind)).st_ino for one in self.lab.hosts)}
            self.assertEqual(4, len(ids))
        self.assertNotIn("netlab", open("/proc/self/mountinfo", encoding="ascii").read())

    def planted(self, *argv) -> list:
        """What the listing says after a command."""
        self.one.run(*argv)
        return self.left(self.one)

    def test_listing_tells_a_link(self):
        self.assertIn("link leak0", self.planted("ip", "link", "add", "leak0", "type", "bridge"))
        self.assertEqual([], self.planted("ip", "link", "delete", "leak0"))

    def test_listing_tells_an_address_and_routes(self):
        found = self.planted("ip", "address", "add", "10.77.0.1/24", "dev", "lan0")
        self.assertIn("address 10.77.0.1/24 on lan0", found)
        self.assertIn("route -4 10.77.0.0/24 dev lan0 proto kernel scope link src 10.77.0.1", found)
        self.assertEqual([], self.planted("ip", "address", "delete", "10.77.0.1/24", "dev", "lan0"))
        self.assertEqual(1, len(self.planted("ip", "-6", "route", "add", "fd00:98::/64", "via", "fd00:99::2")))
        self.assertEqual([], self.planted("ip", "-6", "route", "delete", "fd00:98::/64"))

    def test_listing_tells_rules(self):
        self.assertEqual(1, len(self.planted("nft", "add", "table", "inet", "leak")))
        self.assertEqual([], self.planted("nft", "delete", "table", "inet", "leak"))
        self.assertEqual(1, len(self.planted("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.77.0.1", "-j", "MASQUERADE")))
        self.assertEqual([], self.planted("iptables", "-t", "nat", "-D", "POSTROUTING", "-s", "10.77.0.1", "-j", "MASQUERADE"))

    def test_listing_tells_files_and_mounts(self):
        self.assertEqual(["file /var/lib/cni/networks/x/10.1.2.3"],
                         self.planted("install", "-D", "/dev/null", "/var/lib/cni/networks/x/10.1.2.3"))
        self.assertEqual([], self.planted("rm", "/var/lib/cni/networks/x/10.1.2.3"))
        self.assertEqual([], self.planted("touch", "/var/lib/cni/networks/x/last_reserved_ip.0"))
        self.assertEqual([], self.planted("mkdir", "/var/lib/cni/networks/y"))
        self.assertEqual(1, len(self.planted("mount", "-t", "tmpfs", "leak", "/var/lib/cni/networks/y")))
        self.assertEqual([], self.planted("umount", "/var/lib/cni/networks/y"))

    def test_listing_tells_what_plugins_leave(self):
        container = netlab.Namespaces()
        try:
            result = self.one.plugin("ADD", MASQUERADED, "c1", container.net_path)
            self.assertEqual("172.20.1.2/24", result["ips"][0]["address"])
            self.one.plugin("ADD", {**FORWARD, "prevResult": result}, "c1", container.net_path)
            found = "\n".join(self.left(self.one))
            for text in ("link veth", "file /var/lib/cni/networks/leaky/172.20.1.2", "MASQUERADE", "DNAT", "CNI-DN-",
                         "address 172.20.1.1/32"):
                self.assertIn(text, found)
            self.one.plugin("DEL", {**FORWARD, "prevResult": result}, "c1", container.net_path)
            self.assertNotIn("CNI-DN-", "\n".join(self.left(self.one)))
            self.one.plugin("DEL", MASQUERADED, "c1", container.net_path)
            self.assertEqual(["namespaces at the other end of links: 2"], self.left(self.one))
        finally:
            container.close()
        self.assert_nothing_left()

    def test_failures_of_plugins_are_told(self):
        with self.assertRaisesRegex(netlab.Failure, "failed to open netns"):
            self.one.plugin("ADD", MASQUERADED, "c2", "/nowhere")
        self.assert_nothing_left()
