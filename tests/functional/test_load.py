"""Short forms of the scenarios of tests/load: that they work and leave nothing. How long things take is not judged."""

import os
import subprocess
import sys
import unittest

from harness import PATIENCE, SOURCE


class Load(unittest.TestCase):
    def scenario(self, name: str, count: int):
        if os.geteuid() != 0:
            if os.environ.get("REQUIRE_CAPS"):
                self.fail("needs root")
            self.skipTest("needs root")
        done = subprocess.run([sys.executable, f"{SOURCE}/tests/load/run", "--agena", os.environ["AGENA_BIN"], "--no-peers",
                               "--count", str(count), name], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=3 * PATIENCE, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn(f"### {count} ", done.stdout)

    def test_ended_pods(self):
        self.scenario("ended", 50)

    def test_pods_at_once(self):
        self.scenario("crowd", 12)

    def test_runs_on_a_cold_store(self):
        self.scenario("cold", 12)

    def test_one_after_the_other(self):
        self.scenario("week", 40)
