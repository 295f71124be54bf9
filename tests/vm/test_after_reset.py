"""What the machine's reset has made of the work that test_before_reset.py left."""

import os
import subprocess

from machine_case import MachineCase, Images, pod_cgroups, read, shell
from test_before_reset import DATA, NET_CONF, TOP


def addresses_on_record() -> dict:
    """Network -> addresses that the plugin host-local takes for given."""
    top = "/var/lib/cni/networks"
    return {network: sorted(name for name in os.listdir(f"{top}/{network}") if not name.startswith(("last", "lock")))
            for network in os.listdir(top)}


class AfterReset(MachineCase):
    """In the order of the names: the last one collects."""

    def setUp(self):
        super().setUp()
        self.data = DATA

    def end_checks(self):
        return []

    def uuid(self, name: str) -> str:
        return read(f"{TOP}/{name}").strip()

    def test_1_running_pods_are_exited(self):
        for name in ("running", "fly", "networked"):
            self.assertEqual("exited", self.state(self.uuid(name)), name)

    def test_2_no_cgroup_of_them_is_left(self):
        self.assertEqual([], pod_cgroups())

    def test_3_images_verify(self):
        listing = self.agena("image", "list", "--no-legend", "--fields=id", "--full").out.split()
        self.assertTrue(listing)
        for image in listing:
            self.agena("image", "verify", image)

    def test_4_prepared_pod_runs(self):
        done = self.agena("run-prepared", "--net=none", self.uuid("prepared"))
        self.assertIn("prepared before", done.texts, str(done))

    def test_5_new_pod_runs(self):
        done = self.agena("run", "--net=none", Images.busybox(), *shell("echo after"))
        self.assertIn("after", done.texts, str(done))

    def test_6_an_import_completes(self):
        self.agena("fetch", Images.busybox("oci"))
        self.assertEqual([], os.listdir(f"{DATA}/cas/staging"))

    def test_7a_addresses_are_still_given(self):
        given = addresses_on_record()
        self.assertEqual((1, 2), (len(given["default"]), len(given["bridged"])), given)
        listed = self.status(self.uuid("networked"))["networks"]
        for network, addresses in given.items():
            self.assertTrue(any(one in listed for one in addresses), f"{network}: {listed}")

    def test_7b_gc_takes_all(self):
        os.unlink(NET_CONF)
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], [one for one in self.pod_directories() if not one.startswith("embryo/")])

    def test_8_addresses_are_free(self):
        """From the record alone: the conf is gone."""
        self.assertFalse(os.path.exists(NET_CONF))
        self.assertEqual([], [one for addresses in addresses_on_record().values() for one in addresses])
        for words in (["nft", "list", "ruleset"], ["iptables-save"]):
            rules = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            for text in ("agena", "10.5.0.", "172.16.28.", "CNI-DN"):
                self.assertNotIn(text, rules)
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("veth", links)
