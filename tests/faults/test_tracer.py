"""The tracer of the fault sweep does what it says, to commands that everybody knows."""

import errno
import os
import shutil
import signal
import tempfile
import unittest

import tracer
from tracer import Call, Fault, Tracer


@unittest.skipUnless(tracer.NAMES and os.geteuid() == 0, "needs root on x86-64")
class TracerTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.file = os.path.join(self.directory, "file")
        with open(self.file, "w", encoding="ascii") as stream:
            stream.write("text\n")

    def run_traced(self, fault, *argv):
        session = Tracer(self.directory, fault)
        process = session.start("it", list(argv))
        session.wait(process)
        session.drain()
        return session, process

    def test_nothing_goes_wrong(self):
        session, process = self.run_traced(None, "cat", self.file)
        self.assertEqual((0, "text\n", ""), (process.code, process.out, process.err))
        opened = [one for one in session.calls if one.call.name == "openat"]
        self.assertEqual(list(range(1, len(opened) + 1)), [one.call.number for one in opened])
        self.assertEqual({("it", "cat", "it")}, {(one.call.address, one.program, one.step) for one in session.calls})

    def test_error(self):
        session, _ = self.run_traced(None, "cat", self.file)
        last = [one.call for one in session.calls if one.call.name == "openat"][-1]
        session, process = self.run_traced(Fault(last, errno.EMFILE), "cat", self.file)
        self.assertTrue(session.hit)
        self.assertIn(self.file, session.hit_text)
        self.assertEqual((1, ""), (process.code, process.out))
        self.assertIn("Too many open files", process.err)

    def test_error_of_close(self):
        """The descriptor is closed all the same."""
        script = "import os; one = os.open('/', 0)\ntry: os.close(one)\nexcept OSError as error: print(error.errno)\nprint(os.open('/', 0) - one)"
        session, _ = self.run_traced(None, "/usr/bin/env", "python3", "-c", script)
        closes = [one.call for one in session.calls if one.call.name == "close"]
        outputs = {self.run_traced(Fault(call, errno.EIO), "/usr/bin/env", "python3", "-c", script)[1].out for call in closes[-3:]}
        self.assertIn("5\n0\n", outputs)

    def test_kill_before_the_call(self):
        made = os.path.join(self.directory, "made")
        session, process = self.run_traced(Fault(Call("it", "mkdir", 1)), "mkdir", made)
        self.assertTrue(session.hit)
        self.assertEqual(-signal.SIGKILL, process.code)
        self.assertFalse(os.path.exists(made))

    def test_processes_have_addresses(self):
        script = "(cat /dev/null; true); cat /dev/null; exit 3"
        session, process = self.run_traced(None, "bash", "-c", script)
        self.assertEqual(3, process.code)
        programs = {(one.call.address, one.program) for one in session.calls}
        self.assertLessEqual({("it", "bash"), ("it/1", "bash"), ("it/1/1", "cat"), ("it/2", "cat")}, programs)
        session, process = self.run_traced(Fault(Call("it/2", "close", 1)), "bash", "-c", "(cat; true) </dev/null; cat </dev/null; exit $?")
        self.assertTrue(session.hit)
        self.assertEqual(128 + signal.SIGKILL, process.code)

    def test_a_call_that_does_not_come(self):
        session, process = self.run_traced(Fault(Call("it", "mkdir", 1)), "cat", self.file)
        self.assertFalse(session.hit)
        self.assertEqual(0, process.code)

    def test_threads(self):
        script = "import threading, os; one = threading.Thread(target=lambda: os.getppid()); one.start(); one.join()"
        session, _ = self.run_traced(None, "/usr/bin/env", "python3", "-c", script)
        self.assertTrue(any(one.call.address == "it~1" and one.call.name == "getppid" for one in session.calls))


if __name__ == "__main__":
    unittest.main()
