"""Images and pods that leave the store: what is written, what it is when it is read again, and what others make of it."""

import gzip
import os
import subprocess

from harness import Case, Images, read  # its import lets the next ones be found


class Aci(Case):
    """Exact ACIs."""

    def path(self, name: str) -> str:
        """In a directory that only the test writes to."""
        os.makedirs(self.top + "/out", exist_ok=True)
        return os.path.join(self.top, "out", name)

    def test_an_aci_comes_out_as_it_came_in(self):
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        done = self.agena("image", "export", image, self.path("out.aci"))
        self.assertEqual(("", ""), (done.out, done.err))
        self.assertEqual(gzip.decompress(read(Images.busybox(), "rb")), read(self.path("out.aci"), "rb"))
        self.assertEqual(image, self.agena("fetch", "--full", self.path("out.aci")).out.strip())

    def test_compressions_hold_the_same_and_do_not_vary(self):
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        plain = gzip.decompress(read(Images.busybox(), "rb"))
        for name, command in {"gzip": ["gzip", "-dc"], "zstd": ["zstd", "-dc"]}.items():
            for n in "1", "2":
                self.agena("image", "export", "--compression=" + name, image, self.path(name + n))
            self.assertEqual(read(self.path(name + "1"), "rb"), read(self.path(name + "2"), "rb"))
            unpacked = subprocess.run([*command, self.path(name + "1")], stdout=subprocess.PIPE, check=True).stdout
            self.assertEqual(plain, unpacked)

    def test_targets_are_kept_and_failures_leave_nothing(self):
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        target = self.path("out.aci")
        with open(target, "w") as stream:
            stream.write("mine")
        self.fails("image", "export", image, target, message="target file exists (try --overwrite)")
        self.assertEqual("mine", read(target))
        self.agena("image", "export", "--overwrite", image, target)
        self.assertEqual(gzip.decompress(read(Images.busybox(), "rb")), read(target, "rb"))
        os.mkdir(self.path("dir"))
        self.fails("image", "export", "--overwrite", image, self.path("dir"), message="is a directory")
        self.fails("image", "export", image, self.path("no/such/dir.aci"), message="no such file or directory")
        # A layer that was changed in the store is not given away.
        (layer,) = os.listdir(os.path.join(self.data, "cas", "layers"))
        with open(os.path.join(self.data, "cas", "layers", layer, "fs", "bin", "busybox"), "r+b") as stream:
            stream.write(b"changed")
        self.fails("image", "export", image, self.path("changed.aci"), message="the layer has changed")
        self.assertEqual(["dir", "out.aci"], sorted(os.listdir(self.top + "/out")))
