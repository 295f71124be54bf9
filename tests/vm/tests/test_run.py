import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest

import context  # noqa: F401  (sets the path)
from vmtest import jobs, machine
from vmtest.report import render
from vmtest.watch import show_end, watch

TOLD = render("boot", seconds=9.5) + render("begin", job="test_a", may_skip=False) + "ok     a\n1 passed, 0 failed\n" + \
    render("end", job="test_a", code=0) + render("done")


class Watch(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def watch(self, script, timeout=60.0, silence=60.0):
        """A machine of a few lines of python, which writes to the port's file."""
        program = "import os, sys, time\ndef say(text):\n  os.write(1, text.encode())\n" + script
        with open(os.path.join(self.directory.name, "port.log"), "wb") as port:
            process = subprocess.Popen([sys.executable, "-c", program], stdout=port)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            report = watch(process, self.directory.name, timeout, silence)
        self.assertIsNotNone(process.returncode)
        return report, out.getvalue()

    def test_to_its_end(self):
        report, out = self.watch(f"say({TOLD!r})")
        self.assertEqual(("1 passed, 0 failed", []), (report.summary(), report.problems))
        self.assertEqual("ok     a\n1 passed, 0 failed\n", out)

    def test_silent(self):
        report, _ = self.watch(f"say({render('boot', seconds=9.5)!r}); time.sleep(600)", silence=0.3)
        self.assertEqual(["the machine was silent for 0.3 s"], report.problems)

    def test_too_long(self):
        report, _ = self.watch("while True: say('x\\n'); time.sleep(0.01)", timeout=0.5)
        self.assertEqual(["the machine took more than 0.5 s"], report.problems)

    def test_console_is_shown(self):
        with open(os.path.join(self.directory.name, "console.log"), "w", encoding="utf-8") as stream:
            stream.write("".join(f"line {n}\n" for n in range(100)))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            show_end(self.directory.name)
        self.assertNotIn("line 39\n", out.getvalue())
        self.assertTrue(out.getvalue().endswith("line 99\n"))


class Choice(unittest.TestCase):
    def test_names(self):
        found = jobs.chosen(["test_basics", "functional/test_run.Exit", "reset:hard"])
        self.assertEqual(["vm", "functional", None], [job.get("directory") for job in found])
        self.assertEqual([["test_basics"], ["test_run.Exit"], None], [job.get("suites") for job in found])
        self.assertEqual({"reset": "hard"}, found[2])

    def test_lists_name_suites_that_exist(self):
        tests = os.path.dirname(context.VM)
        for job in jobs.WHOLE + jobs.QUICK:
            for suite in job.get("suites", ()):
                path = os.path.join(tests, job["directory"], suite.partition(".")[0] + ".py")
                self.assertTrue(os.path.exists(path), path)

    def test_every_suite_of_the_machine_is_in_the_whole(self):
        named = {suite.partition(".")[0] for job in jobs.WHOLE if job.get("directory") == "vm" for suite in job["suites"]}
        there = {name[:-3] for name in os.listdir(context.VM) if name.startswith("test_")}
        self.assertEqual(there, named)


class Command(unittest.TestCase):
    class Image:
        disk, kernel, initrd = "/c/root.ext4", "/c/vmlinuz", "/c/initrd"

    def test_root_disk_is_never_written(self):
        argv = machine.command(self.Image, "/t/payload.ext4", "/t")
        root = next(word for word in argv if "/c/root.ext4" in word)
        self.assertIn("snapshot=on", root.split(","))
        self.assertIn("readonly=on", next(word for word in argv if "payload.ext4" in word).split(","))

    def test_emulation_unless_told_otherwise(self):
        self.assertIn("tcg,thread=multi", machine.command(self.Image, "/p", "/t"))
        self.assertIn("kvm", machine.command(self.Image, "/p", "/t", accelerator="kvm"))

    def test_shell_has_the_terminal(self):
        self.assertIn("mon:stdio", machine.command(self.Image, "/p", "/t", shell=True))


if __name__ == "__main__":
    unittest.main()
