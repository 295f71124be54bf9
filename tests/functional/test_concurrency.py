"""Many commands at once on one data directory, and a disk that fills up."""

import ctypes
import json
import os
import random
import re
import subprocess

from harness import FLY, Case, Images, shell

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def private_mounts():
    """Runs in a child before exec: mounts stay unseen by the host."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "private mount namespace")


class Many(Case):
    """Races between processes."""

    def test_100_commands(self):
        images = [Images.busybox(form) for form in ("aci", "oci", "docker-archive")]
        images.append(self.small_image("example.com/small", ["/bin/sh", "-c", "exit 0"]))
        chance = random.Random(6)
        running = []
        for _ in range(100):
            image = chance.choice(images)
            words = chance.choice([["fetch", image], ["fetch", image],
                                   ["run", "--net=host", "--stage1-name=" + FLY, image, *shell("echo ran")],
                                   ["image", "rm", chance.choice(["agena.dev/busybox", "example.com/small"])],
                                   ["image", "list"]])
            running.append((words, self.start(*words)))
        for words, process in running:
            done = self.finish(process, check=None, timeout=120)
            if words[0] == "image" and words[1] == "rm":
                # It may not be there at that moment.
                self.assertIn(done.code, (0, 254), str(done))
            else:
                self.assertEqual(0, done.code, str(done))
            if words[0] == "run":
                self.assertEqual("ran\n", done.out)
        for image in json.loads(self.agena("image", "list", "--format=json").out):
            self.agena("image", "verify", image["id"])
        for image in images:
            self.agena("fetch", image)
            self.agena("run", "--net=host", "--stage1-name=" + FLY, image, *shell("true"))
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], os.listdir(os.path.join(self.data, "cas", "staging")))

    def test_the_same_image_by_many(self):
        image = Images.busybox()
        running = [self.start("fetch", "--full", image) for _ in range(20)]
        ids = {self.finish(process).out for process in running}
        self.assertEqual(1, len(ids), ids)
        self.assertEqual(1, len(json.loads(self.agena("image", "list", "--format=json").out)))
        self.agena("image", "verify", ids.pop().strip())

    def test_16_runs(self):
        self.agena("fetch", Images.busybox())
        running = [self.start("run", "--net=none", Images.busybox(), *shell(f"echo number {number}; exit {number + 1}"))
                   for number in range(16)]
        for number, process in enumerate(running):
            self.assertEqual([f"number {number}"], self.finish(process, check=number + 1).texts)
        self.assertEqual({"exited"}, {pod["state"] for pod in self.pods()})
        self.assertEqual(16, len(self.pods()))

    def test_gc_and_list_beside_runs(self):
        self.agena("fetch", Images.busybox())
        running = []
        for number in range(8):
            running.append(self.start("run", "--net=none", Images.busybox(), *shell("sleep 0.2; echo ran")))
            running.append(self.start("gc", "--grace-period=0s"))
            running.append(self.start("list", "--format=json"))
        for process in running:
            done = self.finish(process)
            if "run" in process.args:
                self.assertEqual(["ran"], done.texts)


class DiskFull(Case):
    """A store on a small file system."""

    def in_small_store(self, script: str, size="12m"):
        """Runs a shell script that sees a tmpfs of this size at the data directory; $AGENA is the command."""
        os.mkdir(self.data)
        prefix = " ".join(self.argv())
        script = f"mount -t tmpfs -o size={size} small {self.data} || exit 99\nAGENA='{prefix}'\n{script}"
        return self.run_argv(["/bin/sh", "-c", script], check=None, preexec_fn=private_mounts)

    def test_fetch(self):
        big = self.small_image("example.com/big", entries=self.bulk(20 << 20))
        small = self.small_image("example.com/tiny")
        done = self.in_small_store(f"""
            $AGENA fetch {small} || exit 1
            $AGENA fetch {big}; echo "code $?"
            ls -A {self.data}/cas/staging | wc -l
            $AGENA image list --no-legend --fields=name
            $AGENA image verify example.com/tiny || exit 2
            $AGENA image rm example.com/tiny && $AGENA fetch {small} || exit 3
            echo end""")
        self.assertEqual(0, done.code, str(done))
        self.assertRegex(done.err, "(?m)^fetch: fetching '.*big.aci'.*: no space left on device")
        lines = done.out.splitlines()
        self.assertEqual(["code 254", "0", "example.com/tiny:1.0.0"], lines[1:4], str(done))
        self.assertEqual("end", lines[-1])

    def test_prepare_of_a_copy(self):
        image = self.small_image("example.com/half", entries=self.bulk(6 << 20))
        done = self.in_small_store(f"""
            $AGENA fetch {image} || exit 1
            $AGENA prepare --no-overlay --stage1-name={FLY} {image}; echo "code $?"
            $AGENA list --no-legend || exit 2
            $AGENA gc --grace-period=0s --expire-prepared=0s || exit 3
            find {self.data}/pods -mindepth 2 -maxdepth 2 | wc -l
            $AGENA image verify example.com/half || exit 4""", size="18m")
        self.assertEqual(0, done.code, str(done))
        self.assertIn("code 254", done.out)
        self.assertIn("no space left on device", done.err)
        self.assertIn("\n0\n", done.out)

    @staticmethod
    def bulk(size):
        from imagekit.entries import file
        return [file("bulk", random.Random(7).randbytes(size))]
