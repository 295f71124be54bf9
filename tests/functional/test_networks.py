"""Pods on networks: what they are given, who reaches whom, with the real plugins and real programs, and what is left."""

import json
import os
import re

from network_case import ECHO, WEB, NetworkCase, ask, ask_udp, on_the_wire, ranges

import netlab

BRIDGE = {"name": "bridged", "type": "bridge", "bridge": "br-pods", "isGateway": True, "ipMasq": True, "hairpinMode": True}
V4, V6 = "10.5.0.0/24", "fd00:5::/64"
EVERYWHERE = ("0.0.0.0/0", "::/0")


class NoNetwork(NetworkCase):
    """--net=none and host, for comparison."""

    def test_none_has_only_its_loopback(self):
        pod = self.serve("p", net="none")
        self.assertEqual(["lo"], pod.interfaces())
        self.assertEqual("p 127.0.0.1", pod.ask("127.0.0.1"))
        self.assertEqual("p ::1", pod.ask("::1"))
        self.assertEqual("", ask(self.one, self.one.ip))
        pod.stop()

    def test_host_has_the_hosts(self):
        pod = self.serve("p", net="host")
        self.assertEqual(["lan0", "lo"], pod.interfaces())
        for address in (self.one.ip, self.one.ip6):
            for answer in (ask(self.one, address, WEB), ask_udp(self.one, address, ECHO)):
                self.assertEqual(f"p {address}", answer)
        pod.stop()


class Default(NetworkCase):
    """The networks that need no conf and no package."""

    hosts = ("one", "two")

    def test_is_what_a_pod_gets_unasked(self):
        self.unasked = True
        pod = self.serve("p")
        self.assertEqual(["eth0", "lo"], pod.interfaces())
        self.assertEqual(["172.16.28.2"], pod.addresses())
        self.assertIn("default via 172.16.28.1 dev eth0", pod.run("ip route").out)
        info, = pod.net_info()
        self.assertEqual(("default", "eth0", "172.16.28.2", "255.255.255.0"),
                         tuple(info[key] for key in ("netName", "ifName", "ip", "mask")))
        self.assertEqual("default:ip4=172.16.28.2", self.status(pod.uuid)["networks"])
        pod.stop()
        self.assert_nothing_left()

    def test_traffic(self):
        self.teller(self.one)
        self.teller(self.two)
        first, second = self.serve("p1", net="default"), self.serve("p2", net="default")
        self.assertNotEqual(first.ip(), second.ip())
        # Host to pod, pod to host, pod to pod: with their own addresses.
        self.assertEqual("p1 172.16.28.1", ask(self.one, first.ip()))
        self.assertEqual("p2 172.16.28.1", ask_udp(self.one, second.ip()))
        self.assertEqual(first.ip(), first.told_by("172.16.28.1"))
        self.assertEqual(f"p2 {first.ip()}", first.ask(second.ip()))
        self.assertEqual(f"p1 {second.ip()}", second.ask(first.ip()))
        # To another host with the address of this one, and not from there.
        self.assertEqual(self.one.ip, first.told_by(self.two.ip))
        self.assertEqual("", ask(self.two, first.ip()))
        first.stop()
        self.assertEqual(self.one.ip, second.told_by(self.two.ip))
        second.stop()
        self.assert_nothing_left()

    def test_restricted_stays_on_its_host(self):
        self.teller(self.one)
        self.teller(self.two)
        pod = self.serve("p", net="default-restricted")
        self.assertTrue(pod.ip().startswith("172.31."), pod.ip())
        self.assertNotIn("default", pod.run("ip route").out)
        self.assertEqual("p 172.31.0.1", ask(self.one, pod.ip()))
        self.assertEqual(pod.ip(), pod.told_by("172.31.0.1"))
        self.assertEqual("", pod.told_by(self.two.ip))
        pod.stop()

    def test_address_that_is_asked_for(self):
        pod = self.serve("p", net="default:IP=172.16.28.77")
        self.assertEqual("172.16.28.77", pod.ip())
        taken = self.agena("run", "--net=default:IP=172.16.28.77", self.image, check=254)
        self.assertIn("172.16.28.77", taken.err)
        pod.stop()
        again = self.serve("p", net="default:IP=172.16.28.77")
        self.assertEqual("172.16.28.77", again.ip())
        again.stop()

    def test_files_are_the_hosts_whatever_ids_the_pod_has(self):
        pod = self.serve("p", "--private-users", net="default")
        self.assertEqual("p 172.16.28.1", ask(self.one, pod.ip()))
        listed = self.one.run("find", "/var/lib/cni", "-mindepth", "1", "-printf", "%U:%G %P\n").stdout.splitlines()
        self.assertEqual(["0:0 networks", "0:0 networks/default", "0:0 networks/default/172.16.28.2",
                          "0:0 networks/default/last_reserved_ip.0", "0:0 networks/default/lock"], sorted(listed))
        place = self.pod_path(pod.uuid)
        for name in ("net", "net-info.json", *(os.path.relpath(record, place) for record in self.records())):
            self.assertEqual((0, 0), (os.stat(f"{place}/{name}").st_uid, os.stat(f"{place}/{name}").st_gid), name)
        pod.stop()
        self.assert_nothing_left()

    def test_conf_of_the_user_replaces_it(self):
        self.network({**BRIDGE, "name": "default", "ipam": ranges("10.6.0.0/24")})
        self.may_stay("br-pods")
        self.unasked = True
        pod = self.serve("p")
        self.assertEqual(["10.6.0.2"], pod.addresses())
        self.assertEqual("p 10.6.0.1", ask(self.one, "10.6.0.2"))
        pod.stop()

    def test_shares_its_addresses_with_other_engines(self):
        """The plugin host-local, called by somebody else for the same network, and the built-in one see each other."""
        conf = {"cniVersion": "0.4.0", "name": "default", "type": "ptp", "ipam": {"type": "host-local", "subnet": "172.16.28.0/24"}}
        pod = self.serve("p", net="default")
        others = [netlab.Namespaces() for _ in range(2)]
        try:
            results = [self.one.plugin("ADD", conf, f"foreign{n}", other.net_path) for n, other in enumerate(others)]
            second = self.serve("p2", net="default")
            theirs = [result["ips"][0]["address"].partition("/")[0] for result in results]
            self.assertEqual(4, len({pod.ip(), second.ip(), *theirs}))
            pod.stop()
            second.stop()
            self.assertEqual({f"/var/lib/cni/networks/default/{one}" for one in theirs},
                             {one for one in self.one.files() if re.search(r"/172\.[0-9.]+$", one)})
            for n, other in enumerate(others):
                self.one.plugin("DEL", conf, f"foreign{n}", other.net_path)
        finally:
            for other in others:
                other.close()
        self.assert_nothing_left()


class Plugins(NetworkCase):
    """Each plugin of the package, with traffic."""

    hosts = ("one", "two")

    def test_ptp_of_the_package(self):
        """As the built-in one, and with IPv6."""
        self.network({"name": "pp", "type": "ptp", "ipMasq": True, "mtu": 1400, "ipam": ranges(V4, V6, routes=EVERYWHERE)})
        self.teller(self.two)
        pod = self.serve("p", net="pp")
        self.assertEqual(["10.5.0.2", "fd00:5::2"], pod.addresses())
        self.assertIn("mtu 1400", pod.run("ip link show eth0").out)
        self.assertEqual("p 10.5.0.1", ask(self.one, pod.ip()))
        self.assertEqual("p fd00:5::1", ask(self.one, pod.ip6()))
        self.assertEqual(self.one.ip, pod.told_by(self.two.ip))
        self.assertEqual(self.one.ip6, pod.told_by(self.two.ip6))
        pod.stop()
        self.assert_nothing_left()

    def test_bridge(self):
        self.network({**BRIDGE, "ipam": ranges(V4, V6, routes=EVERYWHERE)})
        self.may_stay("br-pods")
        self.teller(self.two)
        first, second = self.serve("p1", net="bridged"), self.serve("p2", net="bridged")
        self.assertEqual(["10.5.0.2", "fd00:5::2"], first.addresses())
        self.assertEqual(["10.5.0.3", "fd00:5::3"], second.addresses())
        for mine, theirs in ((first.ip(), second.ip()), (first.ip6(), second.ip6())):
            self.assertEqual(f"p2 {mine}", first.ask(theirs))
        self.assertEqual("p2 10.5.0.1", ask(self.one, second.ip()))
        self.assertEqual("p2 fd00:5::1", ask_udp(self.one, second.ip6()))
        self.assertEqual((self.one.ip, self.one.ip6), (first.told_by(self.two.ip), first.told_by(self.two.ip6)))
        first.stop()
        second.stop()
        self.assert_nothing_left()

    def test_routed_without_masquerade(self):
        """Another host reaches pods, and sees them, by a route."""
        self.network({**BRIDGE, "ipMasq": False, "ipam": ranges(V4, V6, routes=EVERYWHERE)})
        self.may_stay("br-pods")
        self.teller(self.two)
        self.two.run("ip", "route", "add", V4, "via", self.one.ip)
        self.two.run("ip", "-6", "route", "add", V6, "via", self.one.ip6)
        self.before[self.two] = self.two.listing()
        pod = self.serve("p", net="bridged")
        for theirs, mine in ((self.two.ip, pod.ip()), (self.two.ip6, pod.ip6())):
            self.assertEqual(f"p {theirs}", ask(self.two, mine))
            self.assertEqual(mine, pod.told_by(theirs))
        pod.stop()

    def test_macvlan(self):
        on_the_wire(self, "macvlan", mode="bridge")

    def test_static(self):
        ipam = {"type": "static", "addresses": [{"address": "10.5.0.9/24", "gateway": "10.5.0.1"}, {"address": "10.5.0.10/24"},
                                                {"address": "fd00:5::9/64", "gateway": "fd00:5::1"}],
                "routes": [{"dst": "0.0.0.0/0"}], "dns": {"nameservers": ["10.5.0.1"], "search": ["pods.example"]}}
        self.network({**BRIDGE, "ipam": ipam})
        self.may_stay("br-pods")
        self.teller(self.two)
        pod = self.serve("p", net="bridged")
        self.assertEqual(["10.5.0.10", "10.5.0.9", "fd00:5::9"], sorted(pod.addresses()))
        for address in ("10.5.0.9", "10.5.0.10", "fd00:5::9"):
            self.assertTrue(ask(self.one, address).startswith("p "), address)
        self.assertEqual(self.one.ip, pod.told_by(self.two.ip))
        pod.stop()

    def test_static_by_arguments(self):
        self.network({**BRIDGE, "ipam": {"type": "static"}})
        self.may_stay("br-pods")
        pod = self.serve("p", net="bridged:IP=10.5.0.20/24;GATEWAY=10.5.0.1")
        self.assertEqual(["10.5.0.20"], pod.addresses())
        self.assertEqual("p 10.5.0.1", ask(self.one, "10.5.0.20"))
        self.assertEqual("IP=10.5.0.20/24;GATEWAY=10.5.0.1", pod.net_info()[0]["args"])
        pod.stop()

    def test_tuning(self):
        self.network({"name": "tuned", "plugins": [
            {**BRIDGE, "ipam": ranges(V4)},
            {"type": "tuning", "sysctl": {"net.core.somaxconn": "333", "net.ipv4.conf.IFNAME.arp_filter": "1"},
             "mac": "02:00:00:00:00:07", "mtu": 1300}]})
        self.may_stay("br-pods")
        pod = self.serve("p", net="tuned")
        self.assertEqual("333\n1\n", pod.run("cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/conf/eth0/arp_filter").out)
        link = pod.run("ip link show eth0").out
        self.assertIn("02:00:00:00:00:07", link)
        self.assertIn("mtu 1300", link)
        self.assertEqual("p 10.5.0.1", ask(self.one, pod.ip()))
        pod.stop()
        self.assert_nothing_left()

    def test_firewall(self):
        """On a host that forwards nothing, the plugin's rules let its pods' traffic pass, and nobody else's."""
        self.network({"name": "open", "plugins": [{**BRIDGE, "ipam": ranges(V4)}, {"type": "firewall", "backend": "iptables"}]})
        self.network({**BRIDGE, "name": "shut", "bridge": "br-pods2", "ipam": ranges("10.6.0.0/24")})
        self.may_stay("br-pods")
        self.teller(self.two)
        self.one.run("iptables", "-P", "FORWARD", "DROP")
        shut, opened = self.serve("p1", net="shut"), self.serve("p2", net="open")
        self.assertEqual(self.one.ip, opened.told_by(self.two.ip))
        self.assertEqual("", shut.told_by(self.two.ip))
        shut.stop()
        opened.stop()
        self.assert_nothing_left()

    def test_portmap(self):
        """Ports by the plugin of a list that can do it."""
        self.network({"name": "mapped", "plugins": [{**BRIDGE, "ipam": ranges(V4)},
                                                    {"type": "portmap", "capabilities": {"portMappings": True}}]})
        self.may_stay("br-pods")
        pod = self.serve("p", "--port=web:8081", "--port=echo:9001", net="mapped")
        self.assertEqual(f"p {self.two.ip}", ask(self.two, self.one.ip, 8081))
        self.assertEqual(f"p {self.two.ip}", ask_udp(self.two, self.one.ip, 9001))
        self.assertTrue(ask(self.one, "127.0.0.1", 8081).startswith("p "))
        pod.stop()
        self.assertEqual("", ask(self.two, self.one.ip, 8081))
        self.assert_nothing_left()

    def test_bandwidth(self):
        self.network({"name": "narrow", "plugins": [
            {**BRIDGE, "ipam": ranges(V4)},
            {"type": "bandwidth", "ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 4000000, "egressBurst": 400000}]})
        self.may_stay("br-pods")
        pod = self.serve("p", net="narrow")
        limits = [one for one in json.loads(self.one.run("tc", "-j", "qdisc").stdout) if one["kind"] == "tbf"]
        self.assertEqual([500000, 1000000], sorted(one["options"]["rate"] for one in limits))
        self.assertEqual("p 10.5.0.1", ask(self.one, pod.ip()))
        pod.stop()
        self.assert_nothing_left()


class Several(NetworkCase):
    """Pods on more than one network."""

    hosts = ("one", "two")

    def setUp(self):
        super().setUp()
        self.network({**BRIDGE, "name": "first", "ipMasq": False, "bridge": "br-first", "ipam": ranges("10.7.0.0/24", routes=())},
                     "10-first.conf")
        self.network({**BRIDGE, "name": "second", "bridge": "br-second", "ipam": ranges("10.8.0.0/24")}, "20-second.conf")
        self.may_stay("br-(first|second)")

    def test_interfaces_follow_the_file_names(self):
        self.teller(self.two)
        pod = self.serve("p", net="second,first")
        self.assertEqual(["eth0", "eth1", "lo"], pod.interfaces())
        self.assertEqual(("10.7.0.2", "10.8.0.2"), (pod.ip("eth0"), pod.ip("eth1")))
        self.assertEqual("p 10.7.0.1", ask(self.one, "10.7.0.2"))
        self.assertEqual("p 10.8.0.1", ask(self.one, "10.8.0.2"))
        self.assertEqual(self.one.ip, pod.told_by(self.two.ip))
        self.assertEqual([("first", "eth0"), ("second", "eth1")],
                         [(one["netName"], one["ifName"]) for one in pod.net_info()])
        self.assertEqual("first:ip4=10.7.0.2, second:ip4=10.8.0.2", self.status(pod.uuid)["networks"])
        pod.stop()
        self.assert_nothing_left()

    def test_arguments_go_to_their_network(self):
        pod = self.serve("p", net="first:IP=10.7.0.33,second:IP=10.8.0.44")
        self.assertEqual(("10.7.0.33", "10.8.0.44"), (pod.ip("eth0"), pod.ip("eth1")))
        pod.stop()

    def test_all(self):
        pod = self.serve("p", net="all")
        self.assertEqual({"first", "second", "default", "default-restricted"}, {one["netName"] for one in pod.net_info()})
        self.assertEqual(["eth0", "eth1", "eth2", "eth3", "lo"], pod.interfaces())
        pod.stop()
        self.assert_nothing_left()

    def test_unknown_one(self):
        done = self.agena("run", "--net=first,nowhere", self.image, check=254)
        self.assertIn("failed to setup network", done.err)
        self.assertIn("networks not found: nowhere", done.err)
        self.assert_nothing_left()


class Hosts(NetworkCase):
    """Ports that are forwarded, seen from everywhere."""

    hosts = ("one", "two")

    def test_from_everywhere(self):
        with self.on(self.two):
            asker = self.serve("p2", net="default")
        pod = self.serve("p1", "--port=web:8081", "--port=echo:9001", net="default")
        neighbour = self.serve("p3", net="default")
        self.assertEqual(f"p1 {self.two.ip}", ask(self.two, self.one.ip, 8081))
        self.assertEqual(f"p1 {self.two.ip}", ask_udp(self.two, self.one.ip, 9001))
        # A pod of the other host comes with that host's address.
        self.assertEqual(f"p1 {self.two.ip}", asker.ask(self.one.ip, 8081))
        for address in ("127.0.0.1", self.one.ip):
            self.assertTrue(ask(self.one, address, 8081).startswith("p1 "), address)
            self.assertTrue(ask_udp(self.one, address, 9001).startswith("p1 "), address)
        self.assertTrue(neighbour.ask(self.one.ip, 8081).startswith("p1 "))
        # Out and in again.
        self.assertTrue(pod.ask(self.one.ip, 8081).startswith("p1 "))
        pod.stop()
        self.assertEqual("", ask(self.two, self.one.ip, 8081))
        neighbour.stop()
        asker.stop()
        for host in self.lab.hosts:
            self.assert_nothing_left(host)

    def test_over_ipv6(self):
        self.network({**BRIDGE, "ipam": ranges(V4, V6, routes=EVERYWHERE)})
        self.may_stay("br-pods")
        pod = self.serve("p", "--port=web:8081", "--port=echo:9001", net="bridged")
        self.assertEqual(f"p {self.two.ip6}", ask(self.two, self.one.ip6, 8081))
        self.assertEqual(f"p {self.two.ip6}", ask_udp(self.two, self.one.ip6, 9001))
        self.assertEqual(f"p {self.two.ip}", ask(self.two, self.one.ip, 8081))
        self.assertTrue(ask(self.one, self.one.ip6, 8081).startswith("p "))
        pod.stop()
        self.assert_nothing_left()

    def test_the_next_pod_gets_the_port_at_once(self):
        """No connection that is remembered leads to the pod before."""
        for n in range(3):
            pod = self.serve(f"p{n}", "--port=web:8081", "--port=echo:9001", net="default")
            self.assertEqual(f"p{n} {self.two.ip}", ask(self.two, self.one.ip, 8081))
            self.assertEqual(f"p{n} {self.two.ip}", ask_udp(self.two, self.one.ip, 9001, source=5555))
            pod.stop()
