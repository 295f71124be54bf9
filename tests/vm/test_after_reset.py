"""What the machine's reset has made of the work that test_before_reset.py left."""

import os

from machine_case import MachineCase, Images, pod_cgroups, read, shell
from test_before_reset import DATA, TOP


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
        for name in ("running", "fly"):
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

    def test_7_gc_takes_all(self):
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], [one for one in self.pod_directories() if not one.startswith("embryo/")])
