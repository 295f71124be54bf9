"""The machine is what users have, and the command works on it at all."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "functional"))

from harness import FLY, Case, Images, read, shell  # noqa: E402


class Machine(Case):
    """What the other suites rely on; if this fails, so does the rest, and not for agena's fault."""

    def test_systemd_is_pid_1(self):
        self.assertEqual("systemd\n", read("/proc/1/comm"))

    def test_cgroup_is_v2_alone_with_controllers(self):
        self.assertNotRegex(read("/proc/self/mountinfo"), r" - cgroup ")
        self.assertIn(" /sys/fs/cgroup ", read("/proc/self/mountinfo"))
        controllers = read("/sys/fs/cgroup/cgroup.controllers").split()
        for name in ("cpu", "cpuset", "io", "memory", "pids"):
            self.assertIn(name, controllers)

    def test_bus_journal_and_machined_answer(self):
        self.run_argv(["busctl", "--system", "status"])
        self.run_argv(["machinectl", "list"])
        self.run_argv(["journalctl", "-n1"])


class First(Case):
    def test_version(self):
        self.assertRegex(self.agena("version").out, re.compile(r"^agena ", re.I | re.M))

    def test_pod(self):
        done = self.agena("run", Images.busybox(), *shell("echo hello; exit 7"), check=7)
        self.assertIn("hello", done.texts, str(done))

    def test_fly_pod(self):
        done = self.agena("run", f"--stage1-name={FLY}", Images.busybox(), *shell("echo hello; exit 7"), check=7)
        self.assertIn("hello", done.out, str(done))
