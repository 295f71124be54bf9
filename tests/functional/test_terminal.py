"""What is written for people: tables that fit the window, colours only where they are wanted, and at a glance what is
wrong. What programs read is the same with and without a terminal's settings."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import unittest

from harness import Case, Images, shell

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Screen(Case):
    own_store = True

    def on_terminal(self, *words, columns=80, env=None) -> str:
        """stdout of a command that has a terminal of so many columns for it."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        environment.update({"TERM": "xterm", **(env or {})})
        process = subprocess.Popen(self.argv(*words), stdout=slave, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        os.close(slave)
        text = b""
        while True:
            ready, _, _ = select.select([master], [], [], 60)
            self.assertTrue(ready, "the command writes and does not end")
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            text += piece
        os.close(master)
        err = process.communicate()[1].decode()
        self.assertEqual(0, process.returncode, err)
        return text.decode().replace("\r\n", "\n")

    def run_pods(self):
        """One pod that went well, one whose second app failed, one that was killed, and one that is prepared."""
        image = self.agena("fetch", Images.busybox("oci")).out.strip()
        self.agena("run", "--pod-name=fine", image, "--name=job", "--", "true")
        self.agena("run", "--pod-name=broken", image, "--name=server", "--", "sleep", "1000", "---",
                   image, "--name=worker-with-a-rather-long-name", *shell("exit 3"), check=3)
        self.agena("run", "--pod-name=shot", image, "--name=victim", *shell("kill -9 $$"), check=137)
        self.agena("prepare", "--pod-name=waiting", image, "--name=later", "--", "true")


class ListTest(Screen):
    def test_list(self):
        self.run_pods()
        for columns in (60, 80, 100, 200):
            with self.subTest(columns=columns):
                text = self.on_terminal("list", columns=columns)
                plain = ESCAPE.sub("", text)
                lines = plain.splitlines()
                self.assertEqual(6, len(lines), text)
                self.assertNotIn("\t", text)
                for line in lines:
                    self.assertLessEqual(len(line), columns, line)
                    self.assertEqual(line.rstrip(), line)
                # Cells stand below their titles.
                at = lines[0].index("STATE")
                states = [re.split(r"  +", line[at:])[0] for line in lines[1:]]
                self.assertEqual(["exited", "exited", "failed (3)", "failed (137, SIGKILL)", "prepared"], states, plain)
                self.assertEqual(["fine", "broken", "shot", "waiting"],
                                 [name for name in ("fine", "broken", "shot", "waiting") if re.search(rf"^\w+ +{name}\b", plain, re.M)])
        self.assertIn("NETWORKS", lines[0])
        self.assertIn("worker-with-a-rather-long-name", plain, "a wide window shortens nothing")

    def test_colours(self):
        self.run_pods()
        self.assertIn("\x1b[31mfailed (3)\x1b[0m", self.on_terminal("list"))
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            self.assertNotIn("\x1b", self.on_terminal("list", env=env), env)
            self.assertNotIn("\x1b", self.on_terminal("status", "broken", env=env), env)
        self.assertIn("\x1b[31m", self.on_terminal("list", env={"NO_COLOR": ""}), "NO_COLOR counts if it is not empty")

    def test_what_programs_read_does_not_change(self):
        self.run_pods()
        for words in (("list",), ("list", "--format=json"), ("status", "broken"), ("status", "--format=json", "broken"), ("image", "list"),
                      ("help", "run")):
            piped = self.agena(*words).out
            self.assertNotIn("\x1b", piped)
            self.assertEqual(piped, self.agena(*words, env={"COLUMNS": "40", "TERM": "xterm"}).out)
            if "--format=json" in words:
                self.assertEqual(piped, self.on_terminal(*words))
        table = self.agena("list").out
        self.assertTrue(table.startswith("UUID\t\tAPP\t"), table)
        # status says the same lines, behind what is for people.
        self.assertTrue(self.on_terminal("status", "broken").endswith(self.agena("status", "broken").out))

    def test_status(self):
        self.run_pods()
        plain = ESCAPE.sub("", self.on_terminal("status", "broken"))
        head = plain.split("state=")[0]
        self.assertRegex(head, r"^pod broken \([0-9a-f]{8}\): exited\n  app 'worker-with-a-rather-long-name': failed \(3\)\n  'logs broken' ")
        self.assertNotIn("server", head)
        self.assertRegex(ESCAPE.sub("", self.on_terminal("status", "fine")), r"^pod fine \([0-9a-f]{8}\): exited\nstate=exited\n")

    def test_running_pods(self):
        image = self.agena("fetch", Images.busybox("oci")).out.strip()
        process, uuid = self.start_pod("--pod-name=ill", image, "--name=server", "--health-cmd=echo no disk; exit 1", "--health-interval=100ms",
                                       "--health-retries=1", "--", "sleep", "1000", ready=False)
        for _ in range(600):
            if "health-server=unhealthy" in self.agena("status", uuid, check=None).out:
                break
        plain = ESCAPE.sub("", self.on_terminal("list", columns=100))
        self.assertRegex(plain, r"server +\S+ +unhealthy ")
        self.assertIn("app 'server': unhealthy: no disk\n", ESCAPE.sub("", self.on_terminal("status", uuid)))
        self.agena("stop", "--force", uuid)
        self.finish(process, check=None)

    def test_long_names(self):
        """Names are shortened in front, where they tell least."""
        image = self.agena("fetch", Images.busybox("oci")).out.strip()
        self.agena("image", "tag", image, "registry.example.com/a/very/long/path/of/a/repository/with-a-name:1.2.3")
        for columns in (60, 80):
            text = ESCAPE.sub("", self.on_terminal("image", "list", "--fields=id,names,size", columns=columns))
            for line in text.splitlines():
                self.assertLessEqual(len(line), columns, line)
            self.assertIn("…", text)
            self.assertIn("1.2.3", text)

    def test_help_fits(self):
        for columns in (60, 80):
            for words in (("help",), ("help", "stop"), ("help", "image", "list")):
                for line in self.on_terminal(*words, columns=columns).expandtabs().splitlines():
                    if not line.lstrip().startswith(("agena ", "--")):  # what is to be typed is not broken
                        self.assertLessEqual(len(line), columns, line)


if __name__ == "__main__":
    unittest.main()
