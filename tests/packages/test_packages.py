"""The Debian packages: what is in them, and install, run, upgrade, remove and purge on a clean Debian system."""

import os
import re
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "functional"))

from harness import Case, Images, base_directory, read  # noqa: E402

import packagekit  # noqa: E402

# What the packages recommend is named; what that recommends, and so on, is left out.
INSTALL = "apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install"
LONG = 900


class PackagesCase(Case):
    """Has the packages of the tree; made once for all tests."""

    made = {}
    scratch = None

    @classmethod
    def packages(cls, release: int = 1) -> packagekit.Packages:
        if PackagesCase.scratch is None:
            PackagesCase.scratch = packagekit.scratch_directory(base_directory())
        if release not in cls.made:
            tree = os.path.dirname(os.path.dirname(os.environ["AGENA_BIN"]))
            cls.made[release] = packagekit.build(tree, f"{PackagesCase.scratch}/{release}", release)
        return cls.made[release]


class Contents(PackagesCase):
    def test_files(self):
        files = {name: self.packages().files(name) for name in ("agena", "agena-rkt")}
        self.assertEqual(set(), files["agena"].keys() & files["agena-rkt"].keys())
        for package, name in (("agena", "agena"), ("agena-rkt", "rkt")):
            units = "/usr/lib/systemd/system"
            for path in (f"/usr/bin/{name}", f"{units}/{name}@.service", f"{units}/{name}-gc.timer",
                         f"{units}/{name}-gc.service", f"{units}/{name}-metadata.socket",
                         f"{units}/{name}-metadata.service", f"/usr/lib/sysusers.d/{name}.conf",
                         f"/usr/lib/tmpfiles.d/{name}.conf", f"/usr/share/bash-completion/completions/{name}",
                         f"/usr/share/zsh/vendor-completions/_{name}", f"/usr/share/fish/vendor_completions.d/{name}.fish",
                         f"/usr/share/man/man1/{name}.1.gz", f"/usr/share/man/man1/{name}-image-list.1.gz",
                         f"/usr/share/doc/{package}/copyright", f"/usr/share/doc/{package}/changelog.Debian.gz"):
                self.assertIn(path, files[package])
        for path in ("/usr/lib/agena/stage1-images/stage1-systemd.aci", "/usr/lib/agena/stage1-images/stage1-fly.aci",
                     "/usr/lib/sysctl.d/50-agena.conf", "/usr/share/man/man5/agena-configuration.5.gz",
                     "/usr/share/man/man7/agena-stage1-contract.7.gz", "/usr/share/doc/agena/tutorial.md"):
            self.assertIn(path, files["agena"])
        self.assertTrue(files["agena-rkt"]["/usr/bin/rkt"].startswith("l"))
        for path, mode in {**files["agena"], **files["agena-rkt"]}.items():
            self.assertTrue(mode.startswith("l") or "w" not in mode[5:], f"{path} {mode}")
            self.assertRegex(path, r"^/usr/", "all of the system's own")

    def test_fields(self):
        packages = self.packages()
        self.assertIn("libc6", packages.field("agena", "Depends"))
        # Libraries that are opened at run time, which nothing finds but this list.
        asked = packages.field("agena", "Depends") + packages.field("agena", "Recommends")
        for library in ("libcurl4", "libgpgme11", "libxml2", "libmicrohttpd12", "libisal2"):
            self.assertIn(library, asked)
        self.assertEqual("all", packages.field("agena-rkt", "Architecture"))
        for package in ("agena", "agena-rkt"):
            self.assertRegex(packages.field(package, "Description"), r"^pod-native container engine.*\n [A-Z].*\n \S")

    def test_prefix(self):
        """Files that name the program name the installed one, wherever the tree was configured for."""
        directory = os.path.join(self.top, "unpacked")
        for path in self.packages().paths.values():
            self.run_argv(["dpkg-deb", "--extract", path, directory])
        for place, _, names in os.walk(directory + "/usr/lib/systemd"):
            for name in names:
                for program in re.findall(r"^Exec\w+=-?(\S+)", read(os.path.join(place, name)), re.M):
                    self.assertRegex(program, r"^/usr/bin/(agena|rkt)$", name)

    @unittest.skipUnless(shutil.which("lintian"), "lintian is not installed")
    def test_lintian(self):
        done = self.run_argv(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
                              *self.packages().paths.values()], check=None, timeout=LONG)
        self.assertEqual((0, ""), (done.code, done.out), str(done))


class Life(PackagesCase):
    """On a clean system. One test for each package, because such a system takes its time."""

    def clean_system(self, releases) -> packagekit.System:
        """A clean system with the packages in /srv/RELEASE, and the small image."""
        root = packagekit.base(Images.place(), self.packages().needs())
        system = packagekit.System(root, os.path.join(self.top, "root"))
        system.put(Images.busybox(), "/srv/busybox.aci")
        for release in releases:
            os.mkdir(f"{system.path}/srv/{release}")
            for path in self.packages(release).paths.values():
                system.put(path, f"/srv/{release}/")
        return system

    def sh(self, system, *lines: str, check=0):
        return self.run_argv(system.argv("\n".join(lines)), check=check, timeout=LONG)

    def test_agena(self):
        system = self.clean_system((1, 2))
        self.sh(system, " ".join([INSTALL, *self.packages().needs(), "/srv/1/agena_*.deb"]))
        self.installed(system)
        self.runs(system)
        self.upgraded_under_a_pod(system)
        self.removed(system)
        self.purged_with_data(system)

    def installed(self, system):
        groups = [line.split(":")[0] for line in read(system.path + "/etc/group").splitlines()]
        self.assertIn("agena", groups)
        self.assertIn("agena-admin", groups)
        self.assertNotIn("rkt", groups)
        for place in ("/var/lib/agena/pods", "/var/lib/agena/cas/layers", "/etc/agena"):
            self.assertTrue(system.exists(place), place)
        wants = "/etc/systemd/system/{}.target.wants/agena-{}"
        self.assertTrue(system.exists(wants.format("timers", "gc.timer")))
        self.assertFalse(system.exists(wants.format("sockets", "metadata.socket")))

    def runs(self, system):
        image = "/srv/busybox.aci"
        done = self.sh(system, f"agena run --net=none {image} --exec=/bin/sh -- -c 'echo from $AC_APP_NAME; exit 7'", check=7)
        self.assertIn("from busybox", done.out)
        done = self.sh(system, f"agena run --stage1-name=agena.dev/stage1-fly {image} --exec=/bin/echo -- from fly")
        self.assertIn("from fly", done.out)
        done = self.sh(system, "agena list --no-legend | wc -l; agena gc --grace-period=0s; agena list --no-legend")
        self.assertEqual("2", done.out.split()[0])

    def upgraded_under_a_pod(self, system):
        """The pod goes on, the new command works on it, and it ends as it would have."""
        done = self.sh(
            system,
            "agena run --net=none --uuid-file-save=/srv/uuid /srv/busybox.aci --exec=/bin/sh -- "
            "-c 'trap \"echo bye; exit 3\" TERM; echo ready; while :; do sleep 0.1; done' >/srv/out 2>&1 &",
            "pod=$!",
            "i=0; until grep -q ready /srv/out; do i=$((i+1)); [ $i -lt 600 ] || exit 90; sleep 0.1; done",
            "dpkg --force-unsafe-io -i /srv/2/agena_*.deb",
            "dpkg-query -W -f '${Version}\\n' agena",
            "agena status --uuid-file=/srv/uuid | grep ^state=",
            "agena enter $(cat /srv/uuid) /bin/sh -c 'echo entered'",
            "agena stop --uuid-file=/srv/uuid",
            "wait $pod || echo ended with $?",
            "cat /srv/out")
        for text in ("0.1.0-2\n", "state=running\n", "entered\n", "ended with 3\n", "bye\n"):
            self.assertIn(text, done.out)

    def removed(self, system):
        self.sh(system, "apt-get -q -y remove agena")
        self.assertFalse(system.exists("/usr/bin/agena"))
        self.assertFalse(system.exists("/usr/lib/agena"))
        self.assertEqual(1, len(os.listdir(system.path + "/var/lib/agena/pods/run")), "pods stay")

    def purged_with_data(self, system):
        os.makedirs(system.path + "/etc/agena/auth.d")
        with open(system.path + "/etc/agena/auth.d/secret.json", "w", encoding="ascii") as stream:
            stream.write("{}")
        done = self.sh(system, "dpkg --purge agena")
        self.assertIn("'/var/lib/agena' has images or pods and is left", done.out)
        self.assertEqual(1, len(os.listdir(system.path + "/var/lib/agena/pods/run")))
        for place in ("/etc/agena", "/run/agena", "/etc/systemd/system/timers.target.wants/agena-gc.timer"):
            self.assertFalse(system.exists(place), place)

    def test_rkt(self):
        """With what the packages depend on alone, and nothing that they recommend."""
        system = self.clean_system((1,))
        before = system.tree()
        self.sh(system, f"{INSTALL} /srv/1/agena_*.deb /srv/1/agena-rkt_*.deb")
        done = self.sh(system, "rkt version")
        self.assertIn("rkt Version: 1.30.0\n", done.out)
        flags = "--insecure-options=image --net=none"
        done = self.sh(system, f"rkt run {flags} /srv/busybox.aci --exec=/bin/echo -- from rkt")
        self.assertIn("from rkt", done.out)
        done = self.sh(system, f"rkt run {flags} --stage1-from-dir=stage1-fly.aci /srv/busybox.aci --exec=/bin/echo -- flies")
        self.assertIn("flies", done.out)
        self.assertEqual(2, len(os.listdir(system.path + "/var/lib/rkt/pods/run")))
        self.assertFalse(system.exists("/var/lib/agena/cas/index.db"), "rkt has a store of its own")
        done = self.sh(system, "agena metadata-service", check=254)
        self.assertIn("libmicrohttpd", done.err)
        self.sh(system, "rkt gc --grace-period=0s", "rkt image rm $(rkt image list --no-legend --full --fields=id)")
        self.sh(system, "apt-get -q -y remove agena-rkt", "test ! -e /usr/bin/rkt", "agena version")
        self.sh(system, "apt-get -q -y purge agena-rkt agena", "apt-get -q -y autoremove --purge")
        ours = re.compile(r"agena|\brkt")
        self.assertEqual([], [path for path in sorted(system.tree() - before) if ours.search(path)])
