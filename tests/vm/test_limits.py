"""Limits of apps and pods, read back from cgroup v2 on the host's side: what the kernel has is what was asked for."""

import os

from machine_case import CGROUPS, Images, MachineCase, cgroup_of, pod_cgroups, read, shell, systemctl, wait_until

LOOP = shell("trap 'exit 0' TERM; while :; do sleep 1; done")
MIB = 1 << 20


def device_number(path: str) -> str:
    number = os.stat(path).st_rdev
    return f"{os.major(number)}:{os.minor(number)}"


def write(path: str, text: str):
    with open(path, "w", encoding="ascii") as stream:
        stream.write(text)


class Limits(MachineCase):
    def start_limited(self, *flags, pod=(), properties=("Delegate=yes",)) -> tuple:
        """(cgroup of the pod, cgroup of its app)."""
        _, uuid = self.start_pod_unit("--net=none", *pod, Images.busybox(), *flags, *LOOP, properties=properties)
        [cgroup] = pod_cgroups()
        self.assertTrue(cgroup.endswith(f"/agena-{uuid}.scope"), cgroup)
        return cgroup, f"{cgroup}/busybox.service"

    def expect(self, cgroup: str, **files):
        """Contents of files of a cgroup, '_' standing for the dot in their names."""
        for name, content in files.items():
            self.assertEqual(content, read(f"{cgroup}/{name.replace('_', '.', 1)}").strip(), name)

    def test_of_an_app(self):
        _, app = self.start_limited("--memory=64Mi", "--cpu=500m", "--pids-limit=40")
        self.expect(app, memory_max=str(64 * MIB), cpu_max="50000 100000", pids_max="40")

    def test_of_apps_differ(self):
        cgroup, _ = self.start_limited("--name=a", "--memory=64Mi", *LOOP, "---", Images.busybox(), "--name=b",
                                       "--memory=96Mi")
        self.expect(cgroup + "/a.service", memory_max=str(64 * MIB))
        self.expect(cgroup + "/b.service", memory_max=str(96 * MIB))

    def test_of_the_pod(self):
        cgroup, app = self.start_limited(pod=("--pod-memory=128Mi", "--pod-cpu=1500m", "--pod-pids-limit=100"))
        self.expect(cgroup, memory_max=str(128 * MIB), cpu_max="150000 100000", pids_max="100")
        if os.path.exists(f"{app}/memory.max"):
            self.expect(app, memory_max="max")

    def test_weight(self):
        _, heavy = self.start_limited("--cpu-shares=2048")
        weight = int(read(f"{heavy}/cpu.weight"))
        self.assertGreater(weight, 100, "1024 shares are the usual weight, 100")

    def test_of_a_disk(self):
        _, app = self.start_limited("--device-write-bps=/dev/vda:1Mi", "--device-read-iops=/dev/vda:200")
        line = next(line for line in read(f"{app}/io.max").splitlines() if line.startswith(device_number("/dev/vda")))
        self.assertIn(" wbps=1048576", line)
        self.assertIn(" riops=200", line)

    def test_without_inotify_instances(self):
        """systemd in the pod cannot start; the message says what has to be raised."""
        limit = "/proc/sys/fs/inotify/max_user_instances"
        before = read(limit)
        try:
            write(limit, "1")
            self.fails("run", "--net=none", Images.busybox(), *shell("true"), message="sysctl fs.inotify.max_user_instances")
        finally:
            write(limit, before)

    def test_without_limits_nothing_is_enabled(self):
        cgroup, _ = self.start_limited()
        self.assertEqual("", read(f"{os.path.dirname(cgroup)}/cgroup.subtree_control").strip())

    def test_of_an_app_that_comes_later(self):
        uuid_file = os.path.join(self.top, "uuid-sandbox")
        self.start_unit("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}",
                        properties=("Type=notify", "Delegate=yes"))
        uuid = read(uuid_file)
        [cgroup] = pod_cgroups()
        for name, memory in (("one", 64), ("two", 96)):
            self.agena("app", "add", uuid, Images.busybox(), f"--name={name}", f"--memory={memory}Mi", "--pids-limit=40", *LOOP)
            self.agena("app", "start", uuid, f"--app={name}")
            self.expect(f"{cgroup}/{name}.service", memory_max=str(memory * MIB), pids_max="40")
        self.agena("app", "update", uuid, "--app=one", "--memory=80Mi", "--cpu=500m")
        self.expect(f"{cgroup}/one.service", memory_max=str(80 * MIB), cpu_max="50000 100000", pids_max="40")
        self.expect(f"{cgroup}/two.service", memory_max=str(96 * MIB))
        self.agena("app", "stop", uuid, "--app=one")
        self.agena("app", "start", uuid, "--app=one")
        self.expect(f"{cgroup}/one.service", memory_max=str(80 * MIB))
        self.agena("app", "rm", uuid, "--app=one")
        self.assertFalse(os.path.exists(f"{cgroup}/one.service"))

    def test_they_hold(self):
        done = self.in_unit("run", "--net=none", Images.busybox(), "--memory=64Mi",
                            *shell("dd if=/dev/zero of=/dev/null bs=200M count=1; echo code $?"), check=None,
                            properties=["Delegate=yes"])
        self.assertNotIn("code 0", done.texts, str(done))
        self.in_unit("run", "--net=none", Images.busybox(), "--pids-limit=5",
                     *shell("for n in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; wait"), check=2, properties=["Delegate=yes"])


class Delegation(MachineCase):
    """Where limits cannot be set, the pod is refused, and the message says what to do."""

    def words(self):
        return ["run", "--net=none", Images.busybox(), "--memory=64Mi", *shell("echo hello")]

    def check_refused(self, done):
        self.assertEqual("", done.out, str(done))
        self.assertIn("Delegate=yes", done.err, str(done))
        self.assertIn("--insecure-options=limits", done.err, str(done))

    def test_service_without_it(self):
        self.check_refused(self.in_unit(*self.words(), check=254))

    def test_login_session(self):
        """There a pod gets a scope of its own, which is delegated."""
        done = self.in_unit(*self.words(), properties=["PAMName=login", "User=root"])
        self.assertIn("hello", done.texts, str(done))

    def test_scope_with_it(self):
        argv = ["systemd-run", "--quiet", "--scope", "--property=Delegate=yes", *self.argv(*self.words())]
        self.assertIn("hello", self.run_argv(argv).texts)

    def test_waived(self):
        words = self.words()
        done = self.in_unit(words[0], "--insecure-options=limits", *words[1:])
        self.assertIn("hello", done.texts, str(done))
        self.assertIn("cannot be enforced", done.err)

    def test_two_pods_in_one_unit(self):
        script = '"$@" & "$@"; wait'
        done = self.run_argv(self.unit_argv("sh", "-c", script, "sh", *self.argv(*self.words()),
                                            properties=["Delegate=yes"], options=("--pipe", "--wait")), check=None)
        self.assertIn("run the pod in a unit of its own", done.err, str(done))
