"""What the sweep has found, and what must not come back: a few cases of each kind."""

import os
import re
import subprocess
import sys
import unittest

SWEEP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sweep")


class Found(unittest.TestCase):
    def sweep(self, scenario: str, fault: str, only: str, share: int = 5):
        if not os.environ.get("AGENA_BIN"):
            self.fail("set AGENA_BIN to the agena command")
        done = subprocess.run([sys.executable, SWEEP, f"--scenario={scenario}", f"--fault={fault}", f"--only={only}", f"--share={share}"],
                              capture_output=True, text=True, check=False)
        if done.returncode == 77:
            self.skipTest(done.stdout)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertGreater(int(re.search(r"^(\d+) passed", done.stdout, re.M)[1]), 0, done.stdout)

    def test_a_recorder_that_is_killed(self):
        """The pod waited for ever for the account of its app's end."""
        self.sweep("run", "KILL", "^run/1/2:")

    def test_a_recorder_without_a_socket(self):
        self.sweep("stop", "EMFILE", "^run/1/2:socket:")

    def test_a_store_that_is_half_made(self):
        """`image list` failed."""
        self.sweep("fetch-aci", "KILL", "^fetch:(mkdirat|fchmod):[1-9]:", share=16)

    def test_a_pod_that_is_half_deleted(self):
        """`list` complained of its missing manifest."""
        self.sweep("gc", "KILL", "^gc:unlinkat:[3-5][0-9]:")

    def test_a_pod_whose_deletion_fails(self):
        """The message did not say which pod."""
        self.sweep("rm", "EMFILE", "^rm:openat:[4-9][0-9]:")

    def test_a_pod_whose_stage1_is_half_deleted(self):
        """gc called an entrypoint that was gone."""
        self.sweep("rm", "EIO", "^rm:unlinkat:[1-9]:")

    def test_a_staging_directory_that_cannot_be_seen(self):
        """fetch made one after the other, for ever."""
        self.sweep("fetch-oci", "EACCES+", "^fetch:newfstatat:[4-9][0-9]:", share=8)

    def test_an_address_that_was_about_to_be_reserved(self):
        """Its file stayed for ever."""
        self.sweep("run-network", "KILL", "^run:write:1[0-9]:", share=10)

    def test_a_supervisor_that_cannot_wait(self):
        """Only pod-init said something: that the supervisor is gone."""
        self.sweep("run-network", "ENOMEM", "^run:poll:")

    def test_a_systemd_that_does_not_load(self):
        """The message was empty."""
        self.sweep("run", "EIO+", "^run/1:close:", share=3)

    def test_a_systemd_that_cannot_be_started(self):
        """pod-init had nowhere left to say so."""
        self.sweep("run", "ENOMEM", "^run/1:execve:")

    def test_a_manifest_that_is_not_written(self):
        """`list` complained of an empty one."""
        self.sweep("prepare", "EIO", "^prepare:write:", share=16)

    def test_an_app_that_cannot_say_why(self):
        """`run` ended with the code of a step that nobody had named."""
        self.sweep("run", "ENOMEM", "^run/1/1:socket:")

    def test_a_sandbox_that_cannot_say_that_it_is_ready(self):
        """Whoever had started it waited until the time was over."""
        self.sweep("app-sandbox", "ENOSPC", "^sandbox/1/1:symlinkat:")

    def test_a_stop_that_cannot_see_the_supervisor(self):
        """It took the pod for ended, and waited for it."""
        self.sweep("app-sandbox", "ENOMEM", "^stop/1:newfstatat:")
