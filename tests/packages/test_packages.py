"""The Debian packages: what is in them, and install, run, upgrade, remove and purge on a clean Debian system."""

import os
import re
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "functional"))

from harness import Case, Images, base_directory  # noqa: E402

import packagekit  # noqa: E402

# What the packages recommend is named; what that recommends, and so on, is left out.
INSTALL = "apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install"
LONG = 900


class PackagesCase(Case):
    """Has the packages, `first` and the same with a higher version, `second`; made once."""

    first = second = scratch = None

    @classmethod
    def setUpClass(cls):
        if PackagesCase.scratch is None:
            tree = os.environ.get("AGENA_BUILD_DIR") or os.path.dirname(os.path.dirname(os.environ["AGENA_BIN"]))
            PackagesCase.scratch = packagekit.scratch_directory(base_directory())
            PackagesCase.first = packagekit.build(tree, PackagesCase.scratch + "/first")
            PackagesCase.second = packagekit.build(tree, PackagesCase.scratch + "/second", release=2)

    def clean_system(self) -> packagekit.System:
        """A clean system with the packages and the small image in /srv."""
        root = packagekit.base(Images.place(), self.first.needs())
        system = packagekit.System(root, os.path.join(self.top, "root"))
        system.put(Images.busybox(), "/srv/busybox.aci")
        for name, packages in (("first", self.first), ("second", self.second)):
            os.mkdir(f"{system.path}/srv/{name}")
            for path in packages.paths.values():
                system.put(path, f"/srv/{name}/")
        return system

    def sh(self, system, script: str, check=0):
        return self.run_argv(system.argv(script), check=check, timeout=LONG)

    def install(self, system, *words: str):
        return self.sh(system, " ".join([INSTALL, *self.first.needs(), *words]))


class Life(PackagesCase):
    def test_install_run_remove_purge(self):
        system = self.clean_system()
        before = system.tree()
        self.install(system, "/srv/first/agena_*.deb")
        done = self.sh(system, "agena run --net=none /srv/busybox.aci --exec=/bin/sh -- -c 'echo from $AC_APP_NAME; exit 7'",
                       check=7)
        self.assertIn("from busybox", done.out)
        done = self.sh(system, "agena run --stage1-name=agena.dev/stage1-fly /srv/busybox.aci --exec=/bin/echo -- from fly")
        self.assertIn("from fly", done.out)
        self.sh(system, "agena gc --grace-period=0s && agena image rm $(agena image list --no-legend --full --fields=id)")
        self.sh(system, "apt-get -q -y remove agena")
        self.assertFalse(system.exists("/usr/bin/agena"))
        self.assertTrue(system.exists("/var/lib/agena"))
        self.sh(system, "apt-get -q -y purge agena")
        for place in ("/var/lib/agena", "/etc/agena", "/run/agena"):
            self.assertFalse(system.exists(place), place)
        self.sh(system, "apt-get -q -y autoremove --purge")
        self.assertEqual([], [path for path in sorted(system.tree() - before) if "agena" in path or "rkt" in path])
