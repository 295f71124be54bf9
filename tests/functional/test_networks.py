"""Pods on networks: what they are given, who reaches whom, with the real plugins and real programs, and what is left."""

from network_case import ECHO, WEB, NetworkCase, ask, ask_udp


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
        # The host's name is not the pod's to change; the answer has it.
        pod = self.serve("p", net="host")
        self.assertEqual(["lan0", "lo"], pod.interfaces())
        for address in (self.one.ip, self.one.ip6):
            for answer in (ask(self.one, address, WEB), ask_udp(self.one, address, ECHO)):
                self.assertEqual(f"p {address}", answer)
        pod.stop()
