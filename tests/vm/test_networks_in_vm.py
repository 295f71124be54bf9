"""Networks of kinds that not every kernel has, on Debian's."""

from network_case import NetworkCase, ask, on_the_wire, ranges


class Kinds(NetworkCase):
    hosts = ("one", "two")

    def test_ipvlan(self):
        on_the_wire(self, "ipvlan", mode="l2")

    def test_macvlan(self):
        on_the_wire(self, "macvlan", mode="bridge")

    def test_vlan(self):
        """Pods of a VLAN talk to each other through the wire, and nobody else with them."""
        self.network({"name": "tagged", "type": "vlan", "master": "lan0", "vlanId": 7, "ipam": ranges("10.9.0.0/24", routes=())})
        first = self.serve("p1", net="tagged")
        with self.on(self.two):
            self.network({"name": "tagged", "type": "vlan", "master": "lan0", "vlanId": 7, "ipam": {
                "type": "static", "addresses": [{"address": "10.9.0.77/24"}]}})
            second = self.serve("p2", net="tagged")
        self.assertEqual("p1 10.9.0.77", second.ask(first.ip()))
        self.assertEqual(f"p2 {first.ip()}", first.ask("10.9.0.77"))
        self.assertEqual("", ask(self.one, first.ip()))
        first.stop()
        second.stop()
