"""The Debian packages on a host with systemd: what is enabled, started, stopped and left by their maintainer scripts. They are
installed over what the machine has from cmake, which is put back at the end."""

import glob
import os
import subprocess

from machine_case import Images, MachineCase, read, shell, systemctl, wait_until

INOTIFY = "/proc/sys/fs/inotify/max_user_instances"
# The machine lacks libraries for the network; that apt finds what the packages ask for is tried in tests/packages.
INSTALL = ["dpkg", "--force-depends", "--force-unsafe-io", "-i"]
TIMER, SOCKET, SERVICE = "agena-gc.timer", "agena-metadata.socket", "agena-metadata.service"


def write(path, text):
    with open(path, "w", encoding="ascii") as stream:
        stream.write(text)


class Debian(MachineCase):
    def setUp(self):
        super().setUp()
        self.data = "/var/lib/agena"
        self.addCleanup(self.put_back)

    def argv(self, *words, binary=None):
        return [binary or self.binary, *map(str, words)]

    @staticmethod
    def put_back():
        subprocess.run(["dpkg", "--purge", "agena-rkt", "agena"], check=False, capture_output=True)
        subprocess.run(["cp", "-a", "/vm/install/.", "/"], check=True)
        for command in (["systemd-sysusers"], ["systemd-tmpfiles", "--create", "agena.conf", "rkt.conf"], ["systemctl", "daemon-reload"]):
            subprocess.run(command, check=True)

    def install(self, *packages):
        return self.run_argv([*INSTALL, *(path for name in packages for path in glob.glob(f"/vm/packages/{name}_*.deb"))])

    def states(self, *units) -> list:
        return [(systemctl("is-enabled", unit), systemctl("is-active", unit)) for unit in units]

    def test_life(self):
        write(INOTIFY, "128")
        self.install("agena")
        self.assertEqual([("enabled", "active"), ("disabled", "inactive"), ("indirect", "inactive")],
                         self.states(TIMER, SOCKET, SERVICE))
        self.assertEqual("8192", read(INOTIFY).strip())
        wait_until(lambda: self.show("agena-gc.service", "ExecMainStartTimestampMonotonic") not in ("", "0"), "gc has run")
        self.collects()
        self.reinstalled_under_a_pod()
        self.removed_under_a_pod()

    def collects(self):
        self.agena("run", "--net=none", Images.busybox(), *shell("exit 0"))
        os.makedirs("/run/systemd/system/agena-gc.service.d", exist_ok=True)
        write("/run/systemd/system/agena-gc.service.d/vm.conf", "[Service]\nEnvironment=GRACE_PERIOD=0s\n")
        systemctl("daemon-reload")
        self.run_argv(["systemctl", "start", "agena-gc"])
        self.assertEqual([], [one for one in self.pod_directories() if not one.startswith("embryo/")])

    def reinstalled_under_a_pod(self):
        """Configured again as by an upgrade: what was disabled stays so, limits never go down, the metadata service is new, the
        pod goes on."""
        systemctl("disable", TIMER)
        systemctl("start", SOCKET)
        systemctl("start", SERVICE)
        write(INOTIFY, "9000")
        service = self.show(SERVICE, "MainPID")
        unit, uuid = self.start_pod_unit("--net=none", Images.busybox(), *shell("while :; do sleep 1; done"))
        pod = self.show(unit, "MainPID")
        self.install("agena")
        self.assertEqual("disabled", systemctl("is-enabled", TIMER))
        self.assertEqual("9000", read(INOTIFY).strip())
        self.assertNotIn(self.show(SERVICE, "MainPID"), ("0", service))
        self.assertEqual((pod, "active"), (self.show(unit, "MainPID"), systemctl("is-active", unit)))
        self.assertEqual("running", self.state(uuid))
        systemctl("enable", "--now", TIMER)
        self.run_argv(["systemctl", "stop", unit])

    def removed_under_a_pod(self):
        unit, _ = self.start_pod_unit("--net=none", Images.busybox(), *shell("trap 'exit 0' TERM; while :; do sleep 1; done"))
        self.run_argv(["dpkg", "--remove", "agena"])
        for name in (TIMER, SOCKET, SERVICE):
            self.assertEqual("inactive", systemctl("is-active", name), name)
        self.assertEqual("active", systemctl("is-active", unit))
        self.run_argv(["systemctl", "stop", unit])
        self.assertEqual("success", self.show(unit, "Result"))
        done = self.run_argv(["dpkg", "--purge", "agena"])
        self.assertIn("has images or pods and is left", done.out)
        self.assertEqual([], [path for name in (TIMER, SOCKET) for path in glob.glob(f"/etc/systemd/system/*/{name}")])
        self.assertFalse(os.path.exists("/run/agena"))
        self.put_back()
        self.agena("gc", "--grace-period=0s")

    def test_rkt(self):
        self.install("agena", "agena-rkt")
        self.assertEqual([("enabled", "active"), ("enabled", "active"), ("disabled", "inactive")],
                         self.states(TIMER, "rkt-gc.timer", "rkt-metadata.socket"))
        self.assertIn("rkt Version: 1.30.0", self.run_argv(["/usr/bin/rkt", "version"]).out)
        self.run_argv(["dpkg", "--purge", "agena-rkt"])
        self.assertEqual("enabled", systemctl("is-enabled", TIMER))
        self.assertFalse(os.path.lexists("/usr/bin/rkt"))
