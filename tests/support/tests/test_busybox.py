import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

import context
from apply_oracle import apply_image
from tree_digest import listing

SCRIPT = os.path.join(context.REPOSITORY, "scripts", "make-busybox-image")


def make(*words):
    return subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)


@context.needs_root
@context.needs("busybox")
class Busybox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.path = scratch.name
        run = make(cls.path)
        if "busybox-static" in run.stderr:
            raise unittest.SkipTest(run.stderr)
        cls.references = run.stdout.split()

    def root(self, reference):
        root = tempfile.mkdtemp(dir=self.path)
        apply_image(root, reference)
        return root

    def test_all_forms_hold_one_tree(self):
        self.assertEqual(self.references, [f"{self.path}/busybox.aci", f"oci:{self.path}/busybox-oci:latest",
                                           f"docker-archive:{self.path}/busybox-docker.tar"])
        trees = [listing(self.root(reference))[1:] for reference in self.references]
        self.assertEqual(trees[0], trees[1])
        self.assertEqual(trees[0], trees[2])

    def test_root_works(self):
        root = self.root(self.references[0])
        script = "id -un && ls -l /bin/sh && sort /etc/os-release && test -k /tmp && grep -c : /etc/passwd"
        run = subprocess.run(["chroot", root, "/bin/sh", "-c", script], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertTrue(run.stdout.startswith("root\n"), run.stdout)
        self.assertIn("/bin/sh -> busybox", run.stdout)

    def test_manifests(self):
        with tarfile.open(self.references[0]) as archive:
            manifest = json.load(archive.extractfile("manifest"))
        self.assertEqual((manifest["name"], manifest["app"]["exec"]), ("agena.dev/busybox", ["/bin/sh"]))
        self.assertEqual({label["name"] for label in manifest["labels"]}, {"version", "os", "arch"})

    def test_same_bytes_again_and_one_form_alone(self):
        with tempfile.TemporaryDirectory() as other:
            self.assertEqual(make(other, "--format", "aci").stdout.strip(), f"{other}/busybox.aci")
            self.assertEqual(os.listdir(other), ["busybox.aci"])
            with open(f"{other}/busybox.aci", "rb") as one, open(self.references[0], "rb") as two:
                self.assertEqual(one.read(), two.read())


class Refusals(unittest.TestCase):
    def refusal(self, busybox):
        with tempfile.TemporaryDirectory() as out:
            run = make(out, "--busybox", busybox)
            self.assertEqual((run.returncode, os.listdir(out)), (1, []))
        return run.stderr

    def test_dynamic_or_no_program(self):
        self.assertIn("dynamically linked", self.refusal("/bin/ls"))
        self.assertIn("not an ELF", self.refusal("/etc/passwd"))
        self.assertIn("not found", self.refusal("/nonexistent/busybox"))


if __name__ == "__main__":
    unittest.main()
