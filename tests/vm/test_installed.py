"""What the installation brings for the host's systemd: the template for pods, garbage collection, groups, directories. With
the installation's own data directory."""

import grp
import json
import os
import stat
import subprocess

from machine_case import Images, MachineCase, pod_cgroups, shell, systemctl, wait_until

NAME = "vmtest"
MANIFESTS = "/etc/agena/pods.d"


class Installed(MachineCase):
    def setUp(self):
        super().setUp()
        self.data = "/var/lib/agena"

    def argv(self, *words, binary=None):
        return [binary or self.binary, *map(str, words)]

    def manifest(self, script: str) -> str:
        """A pod manifest with one app, which runs a script."""
        image = self.agena("fetch", "--full", Images.busybox()).out.split()[-1]
        app = {"exec": ["/bin/sh", "-c", script], "user": "0", "group": "0"}
        return json.dumps({"acVersion": "0.8.11", "acKind": "PodManifest",
                           "apps": [{"name": "main", "image": {"id": image}, "app": app}]})

    def install_pod(self, script: str) -> str:
        """The unit of a pod."""
        os.makedirs(MANIFESTS, exist_ok=True)
        for suffix, text in ((".json", self.manifest(script)), (".env", "FLAGS=--net=none\n")):
            with open(f"{MANIFESTS}/{NAME}{suffix}", "w", encoding="utf-8") as stream:
                stream.write(text)
            self.addCleanup(os.unlink, f"{MANIFESTS}/{NAME}{suffix}")
        unit = f"agena@{NAME}.service"
        self.units.append(unit)
        return unit

    def test_template(self):
        unit = self.install_pod("trap 'echo bye; exit 0' TERM; while :; do sleep 1; done")
        self.run_argv(["systemctl", "start", unit])
        self.assertEqual("active", self.show(unit, "ActiveState"))
        [cgroup] = pod_cgroups()
        self.assertIn("/machine.slice/", cgroup)
        [uuid] = [name.partition("/")[2] for name in self.pod_directories() if name.startswith("run/")]
        self.assertEqual("running", self.state(uuid))
        self.run_argv(["systemctl", "stop", unit])
        self.assertEqual(("inactive", "success"), (self.show(unit, "ActiveState"), self.show(unit, "Result")))
        self.assertIn(f"exited-garbage/{uuid}", self.pod_directories(), "it is marked")

    def test_template_restarts_a_failing_pod(self):
        unit = self.install_pod("sleep 2; exit 3")
        self.run_argv(["systemctl", "start", unit])
        wait_until(lambda: int(self.show(unit, "NRestarts")) >= 2, "it is restarted")

    def test_collection(self):
        self.agena("run", "--net=none", Images.busybox(), *shell("exit 0"))
        drop_in = "/run/systemd/system/agena-gc.service.d"
        os.makedirs(drop_in, exist_ok=True)
        with open(drop_in + "/vm.conf", "w", encoding="utf-8") as stream:
            stream.write("[Service]\nEnvironment=GRACE_PERIOD=0s\n")
        systemctl("daemon-reload")
        self.run_argv(["systemctl", "start", "agena-gc.service"])
        self.assertEqual([], [one for one in self.pod_directories() if not one.startswith("embryo/")])
        self.assertEqual("success", self.show("agena-gc.service", "Result"))

    def test_timer(self):
        self.run_argv(["systemctl", "start", "agena-gc.timer"])
        self.assertEqual("active", self.show("agena-gc.timer", "ActiveState"))
        wait_until(lambda: self.show("agena-gc.service", "ExecMainStartTimestampMonotonic") not in ("", "0"), "it has run")
        self.run_argv(["systemctl", "stop", "agena-gc.timer"])

    def test_metadata_service(self):
        """Started by its socket, and confined as its unit has it."""
        self.run_argv(["systemctl", "start", "agena-metadata.socket"])
        self.addCleanup(self.run_argv, ["systemctl", "stop", "agena-metadata.service", "agena-metadata.socket"])
        self.assertEqual("inactive", self.show("agena-metadata.service", "ActiveState"))
        fetch = 'wget -q -O - --header "Metadata-Flavor: AppContainer" $AC_METADATA_URL/acMetadata/v1/pod/uuid'
        done = self.agena("run", "--net=host", "--mds-register", Images.busybox(), *shell(fetch + "; sleep 2; " + fetch))
        self.assertEqual("active", self.show("agena-metadata.service", "ActiveState"))
        uuid = done.texts[0][:36]
        self.assertTrue(self.pod_path(uuid), str(done))
        # The sockets outlive it.
        self.run_argv(["systemctl", "restart", "agena-metadata.service"])
        self.assertIn(uuid, " ".join(os.listdir("/run/agena/metadata-svc")))
        self.agena("rm", uuid)
        self.assertEqual(["key"], os.listdir("/run/agena/metadata-svc"))

    def test_units_are_sound(self):
        # Without a look for the manual page, which wants man(1).
        done = subprocess.run(["systemd-analyze", "--man=no", "verify", "agena@x.service", "agena-gc.timer",
                               "rkt@x.service", "rkt-gc.timer", "agena-metadata.socket", "rkt-metadata.socket"], capture_output=True, text=True, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_groups_and_directories(self):
        for name in ("agena", "agena-admin", "rkt", "rkt-admin"):
            grp.getgrnam(name)
        for path, group, mode in (("/etc/agena", "agena-admin", 0o2775), ("/var/lib/agena", "agena", 0o2750)):
            st = os.stat(path)
            self.assertEqual((group, oct(mode)), (grp.getgrgid(st.st_gid).gr_name, oct(stat.S_IMODE(st.st_mode))), path)
