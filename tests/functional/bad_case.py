"""What tests of bad input share: the store as a listing, and what a refusal looks like."""

import hashlib
import os
import re
import sqlite3
import stat

from harness import FLY, Case  # its import lets the next ones be found
from imagekit import facts

PATIENCE = 120


def store_listing(cas) -> list:
    """Everything below a store that has a meaning: types, modes and contents; of the index, its rows. What is kept of
    downloads that broke off is looked at elsewhere."""
    lines = []
    for folder, names, files in os.walk(cas):
        names.sort()
        for name in sorted(names + files):
            path = os.path.join(folder, name)
            shown = os.path.relpath(path, cas)
            info = os.lstat(path)
            line = f"{shown} {stat.filemode(info.st_mode)}"
            if shown.startswith("index.") or shown.split("/")[0] == "partial":
                continue
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as stream:
                    line += " " + hashlib.file_digest(stream, "sha256").hexdigest()
            elif stat.S_ISLNK(info.st_mode):
                line += " -> " + os.readlink(path)
            lines.append(line)
    index = os.path.join(cas, "index.db")
    if os.path.exists(index):
        # Not read-only: a write-ahead log without readers can only be opened by a writer.
        connection = sqlite3.connect(index)
        try:
            lines += connection.iterdump()
        finally:
            connection.close()
    return lines


class BadCase(Case):
    """A test with a store of its own: blobs of layers that are there already are not read, be they good or bad."""

    own_store = True

    def cas(self) -> str:
        return os.path.join(self.data, "cas")

    def prepare_store(self):
        """Puts an image in that has nothing to do with what follows."""
        self.bystander = self.agena("fetch", "--full", self.small_image("example.com/bystander")).out.strip()
        self.store_before = store_listing(self.cas())

    def refuse(self, *words, message: str, timeout=PATIENCE, hide=(), **more):
        """The command fails with exit code 254 and one line (and perhaps a hint) that matches, and the store is what it was."""
        before = store_listing(self.cas())
        done = self.agena(*words, check=254, timeout=timeout, **more)
        self.check_refusal(done, message, hide)
        self.assertEqual(before, store_listing(self.cas()))
        return done

    def check_refusal(self, done, message: str, hide=()):
        self.assertEqual("", done.out, str(done))
        lines = done.err.rstrip("\n").split("\n")
        if len(lines) == 2 and ": hint: " in lines[1]:
            lines.pop()
        self.assertEqual(1, len(lines), str(done))
        self.assertTrue(lines[0].isprintable(), repr(lines[0]))
        shown = done.err.replace("\n", " ")
        for text in hide:
            shown = shown.replace(text, "")
        self.assertRegex(shown, re.compile(message, re.I))

    def check_bystander(self):
        """The store still works: what was in it is whole, and another image can be imported."""
        self.assertIn("successfully verified", self.agena("image", "verify", self.bystander).out)
        after = self.agena("fetch", "--full", self.small_image("example.com/after")).out.strip()
        self.assertIn("successfully verified", self.agena("image", "verify", after).out)

    def check_facts(self, image: str, wanted):
        """The root that an image gives has what it should."""
        uuid = self.agena("prepare", "--no-overlay", "--stage1-name=" + FLY, image, "--name=app", "--exec=/x",
                          timeout=PATIENCE).out.strip()
        root = os.path.join(self.pod_path(uuid), "stage1/rootfs/opt/stage2/app/rootfs")
        wrong = facts.check(root, wanted)
        self.agena("rm", uuid)
        self.assertEqual([], wrong)
