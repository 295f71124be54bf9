"""SIGKILL of any process at any instant: nothing stays on the host, and gc cleans up."""

import json
import os
import random
import signal
import subprocess
import time

from harness import FLY, Case, Images, children_of, command_of, descendants, host, shell, wait_until

FOREVER = shell("echo up; while :; do sleep 0.05; done")


class Crash(Case):
    """Each test kills something; what must hold afterwards is checked here and at the end of every test."""

    def kill(self, pid: int):
        os.kill(pid, signal.SIGKILL)

    def settle(self, process):
        """Waits for the command and for all that it has started."""
        process.wait(60)

        def quiet():
            self.host.reap([one.pid for one in self.started if one.returncode is None])
            return not descendants()
        wait_until(quiet, "all processes are gone", 20)

    def look(self):
        """list and status work, and no pod is left running."""
        pods = json.loads(self.agena("list", "--format=json").out)
        for pod in pods:
            self.assertNotIn(pod["state"], ("running", "preparing", "deleting"))
        self.agena("list", "--full")
        for one in self.pod_directories():
            if not one.startswith("embryo/"):
                self.agena("status", one.split("/")[1], check=None)

    def clean(self):
        self.agena("gc", "--grace-period=0s", "--expire-prepared=0s")
        self.assertEqual([], [one for one in self.pod_directories() if not one.startswith("embryo/")])
        self.assertEqual([], self.leftovers())

    def started_pod(self, *flags):
        process, uuid = self.start_pod(*(flags or ("--net=none",)), Images.busybox(), *FOREVER)
        self.wait_output(process, "up")
        return process, uuid

    def child(self, process) -> int:
        """The pod's PID 1."""
        children = children_of(process.pid)
        self.assertEqual(1, len(children), children)
        return children[0]

    def test_files_lost_in_a_power_cut(self):
        """What was not on disk yet is empty afterwards. Neither can stage1 be asked to clean up, nor is there anything to clean."""
        for lost in ("pod", "stage1/manifest", "stage1/layers", "subcgroup"):
            self.agena("run", "--net=none", Images.busybox(), *shell("true"))
            os.truncate(os.path.join(self.pod_path(self.only_pod()), lost), 0)
            self.look()
            self.clean()

    def test_supervisor(self):
        process, uuid = self.started_pod()
        self.kill(process.pid)
        self.settle(process)
        self.look()
        self.assertEqual("exited", self.state(uuid))
        self.clean()

    def test_systemd_of_the_pod(self):
        process, uuid = self.started_pod()
        self.kill(self.child(process))
        self.settle(process)
        self.assertEqual(254, process.returncode, self.errors(process))
        self.assertIn("systemd ended unexpectedly", self.errors(process))
        self.look()
        self.clean()

    def test_app(self):
        process, uuid = self.started_pod()
        app = next(pid for pid, command in descendants(process.pid) if command.startswith("/bin/sh -c echo up"))
        self.kill(app)
        self.finish(process, check=137)
        self.assertEqual("137", self.status(uuid)["app-busybox"])
        self.clean()

    def test_fly(self):
        process, uuid = self.started_pod("--net=host", "--stage1-name=" + FLY)
        self.kill(process.pid)
        self.settle(process)
        self.look()
        self.clean()

    def instants(self, words, count, flags=(), seed=1):
        """Kills the command at random instants between its start and a little after its usual end."""
        self.agena("fetch", Images.busybox())
        began = time.monotonic()
        self.agena(words[0], *flags, *words[1:])
        usual = time.monotonic() - began
        chance = random.Random(seed)
        for _ in range(count):
            process = self.start(words[0], *flags, *words[1:])
            time.sleep(chance.uniform(0, usual * 1.2))
            if process.poll() is None:
                self.kill(process.pid)
            self.settle(process)
        self.look()
        self.clean()
        # The engine is in order.
        self.assertEqual(["fine"], self.agena("run", "--net=none", Images.busybox(), *shell("echo fine")).texts)

    def test_prepare_at_any_instant(self):
        self.instants(["prepare", Images.busybox(), *shell("true")], 25)

    def test_prepare_of_copies_at_any_instant(self):
        self.instants(["prepare", Images.busybox(), *shell("true")], 12, flags=["--no-overlay"], seed=2)

    def test_run_at_any_instant(self):
        self.instants(["run", Images.busybox(), *shell("true")], 25, flags=["--net=none"], seed=3)

    def test_gc_at_any_instant(self):
        for _ in range(8):
            self.agena("run", "--net=none", Images.busybox(), *shell("true"))
        chance = random.Random(4)
        for _ in range(12):
            process = self.start("gc", "--grace-period=0s")
            time.sleep(chance.uniform(0, 0.03))
            if process.poll() is None:
                self.kill(process.pid)
            self.settle(process)
            self.look()
        self.clean()

    def test_fetch_at_any_instant(self):
        image = Images.busybox()
        chance = random.Random(5)
        for number in range(25):
            process = self.start("fetch", Images.busybox(("aci", "oci", "docker-archive")[number % 3]))
            time.sleep(chance.uniform(0, 0.15))
            if process.poll() is None:
                self.kill(process.pid)
            process.wait(60)
            self.agena("image", "list")
        # Staging of dead processes goes with the next fetch or sweep; what is there is whole.
        uuid = self.agena("fetch", image).out.strip()
        self.assertIn("successfully verified", self.agena("image", "verify", uuid).out)
        self.agena("image", "rm", uuid)
        self.agena("fetch", image)
        self.agena("gc")
        self.assertEqual([], os.listdir(os.path.join(self.data, "cas", "staging")))
        self.assertEqual(["fine"], self.agena("run", "--net=none", image, *shell("echo fine")).texts)
