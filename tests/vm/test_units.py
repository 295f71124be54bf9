"""Pods as units of the host's systemd: readiness, stopping, exit codes, what becomes of the cgroups."""

import os
import time

from machine_case import CGROUPS, MachineCase, Images, cgroup_of, pod_cgroups, read, shell, systemctl, wait_until

SLEEP = shell("trap 'echo last words; exit 0' TERM; echo up; while :; do sleep 1; done")


class Callers(MachineCase):
    """A pod runs wherever it is started, and its processes are in the caller's unit."""

    def check(self, done):
        self.assertIn("hello", done.texts, str(done))

    def pod(self):
        return ["run", "--net=none", Images.busybox(), *shell("echo hello; exit 3")]

    def test_service(self):
        self.check(self.in_unit(*self.pod(), check=3))

    def test_service_with_delegation(self):
        self.check(self.in_unit(*self.pod(), properties=["Delegate=yes"], check=3))

    def test_scope(self):
        argv = ["systemd-run", "--quiet", "--scope", *self.argv(*self.pod())]
        self.check(self.run_argv(argv, check=3))

    def test_login_session(self):
        self.check(self.in_unit(*self.pod(), properties=["PAMName=login", "User=root"], check=3))

    def test_cgroup_of_no_unit(self):
        """As in a container's init, or a cgroup made by hand."""
        path = f"{CGROUPS}/by-hand-{os.getpid()}"
        os.mkdir(path)
        self.addCleanup(os.rmdir, path)
        script = f'echo $$ > {path}/cgroup.procs && exec "$@"'
        self.check(self.run_argv(["sh", "-c", script, "sh", *self.argv(*self.pod())], check=3))


class Life(MachineCase):
    def start_sleeper(self, *properties):
        return self.start_pod_unit("--net=none", Images.busybox(), *SLEEP, properties=properties)

    def test_ready_means_running(self):
        unit, uuid = self.start_sleeper()
        self.assertEqual("active", self.show(unit, "ActiveState"))
        self.assertEqual("running", self.state(uuid))

    def test_processes_are_in_the_unit(self):
        unit, uuid = self.start_sleeper()
        cgroup = f"{self.cgroup_of_unit(unit)}/agena-{uuid}.scope"
        self.assertEqual([cgroup], pod_cgroups())
        self.assertGreater(len(self.processes_in(cgroup)), 1)
        self.assertEqual(self.cgroup_of_unit(unit), cgroup_of(self.show(unit, "MainPID")))

    def check_stop(self, *properties):
        unit, uuid = self.start_sleeper(*properties)
        began = time.monotonic()
        systemctl("stop", unit)
        self.assertLess(time.monotonic() - began, 80, "systemd had to kill it")
        self.assertEqual("exited", self.state(uuid))
        self.assertEqual("0", self.status(uuid)["app-busybox"])
        self.assertEqual([], pod_cgroups())

    def test_stop_with_kill_mode_mixed(self):
        self.check_stop("KillMode=mixed")

    def test_stop_with_systemds_default(self):
        self.check_stop()

    def test_kill(self):
        """A killed supervisor takes all of the pod along."""
        unit, uuid = self.start_sleeper("Delegate=yes")
        pids = self.processes_in(self.cgroup_of_unit(unit))
        self.assertGreater(len(pids), 2)
        systemctl("kill", "--kill-who=main", "--signal=KILL", unit)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "all processes are gone")
        self.assertEqual("exited", self.state(uuid))

    def test_exit_code_is_the_units(self):
        unit, _ = self.start_pod_unit("--net=none", Images.busybox(), *shell("sleep 3; exit 9"),
                                      properties=["RemainAfterExit=yes"])
        wait_until(lambda: self.show(unit, "ExecMainStatus") == "9", "the unit ends with the app's code")

    def test_host_systemd_reloads(self):
        """What systemd does with its units on daemon-reload and daemon-reexec leaves a pod alone."""
        unit, uuid = self.start_sleeper("Delegate=yes")
        pid = self.status(uuid)["pid"]
        before = cgroup_of(pid)
        systemctl("daemon-reload")
        systemctl("daemon-reexec")
        self.assertEqual("running", self.state(uuid))
        self.assertEqual((pid, before), (self.status(uuid)["pid"], cgroup_of(pid)))
        self.agena("enter", uuid, "/bin/true")

    def test_limits_of_the_unit_hold(self):
        """A pod in a unit shares its limits: the memory of an app counts."""
        self.in_unit("run", "--net=none", Images.busybox(),
                     *shell("dd if=/dev/zero of=/dev/null bs=200M count=1; exit $?"), check=137,
                     properties=["MemoryMax=100M", "MemorySwapMax=0", "OOMPolicy=continue"])


class Journal(MachineCase):
    def test_output_is_the_units(self):
        unit, _ = self.start_pod_unit("--net=none", Images.busybox(), *SLEEP)
        wait_until(lambda: "up" in self.run_argv(["journalctl", "--unit", unit, "--output=cat"]).out, "it is in the journal")
