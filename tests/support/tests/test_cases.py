import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import context
from apply_oracle import apply_image
from imagekit import cases_layers, facts
from imagekit.case import EITHER, ERROR, OK
from imagekit.cases import CASES, select

# What the oracle is no judge of: appc rendering, and archives about which readers differ.
NOT_FOR_THE_ORACLE = {"bomb", "dependencies", "whitelist"}
TINY = 1 << 20
BIGGER = ("5mib", "82b-")  # documents beyond a size limit, and more layers than overlayfs takes


def size_of(directory):
    return sum(os.lstat(os.path.join(path, name)).st_size for path, _, names in os.walk(directory) for name in names)


def digests(directory):
    found = {}
    for path, _, names in os.walk(directory):
        for name in names:
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as stream:
                    found[os.path.relpath(full, directory)] = hash(stream.read())
    return found


class Table(unittest.TestCase):
    def test_rows_are_sound(self):
        for case in CASES.values():
            with self.subTest(case.name):
                self.assertIn(case.expect, (OK, ERROR, EITHER))
                self.assertEqual(bool(case.message), case.expect != OK)
                re.compile(case.message)
                self.assertTrue(case.tags & {"aci", "oci", "docker"})
                self.assertFalse(case.expect == ERROR and case.facts)
                json.dumps(case.describe())

    def test_messages_say_something(self):
        for case in CASES.values():
            if case.message:
                self.assertIsNone(re.search(case.message, "fetch: cannot open the image: failed", re.I), case.name)

    def test_every_row_of_the_list_of_bad_inputs_is_there(self):
        numbers = {re.match(r"\d*", name).group() for name in CASES}
        missing = {f"{n:02}" for n in range(1, 81)} - numbers
        # 52 and 58 are free numbers of the list.
        self.assertEqual(missing, {"52", "58"})

    def test_selection(self):
        self.assertTrue(all("aci" in case.tags for case in select(tags=["aci"])))
        self.assertFalse([case for case in select(without=["oci", "docker", "aci"])])
        self.assertEqual([case.name for case in select(names=["01-"])], ["01-wrong-diff-id"])


class Builders(unittest.TestCase):
    def test_all_build_tiny_and_reproducible(self):
        for case in CASES.values():
            with self.subTest(case.name), tempfile.TemporaryDirectory() as one:
                references = case.make(one)
                self.assertTrue(references and all(one in reference for reference in references))
                limit = 8 << 20 if any(part in case.name for part in BIGGER) else TINY
                self.assertLess(size_of(one), limit)

    def test_same_bytes_twice(self):
        for case in select(without=["bomb"]):
            with self.subTest(case.name), tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
                case.make(one)
                case.make(two)
                self.assertEqual(digests(one), digests(two))


@context.needs_root
class Facts(unittest.TestCase):
    """The oracle, which reads with python's tarfile, must find the facts that the table states."""

    @context.needs("zstd")
    def test_oracle_agrees(self):
        for case in select(without=NOT_FOR_THE_ORACLE):
            if case.expect != OK:
                continue
            with self.subTest(case.name), tempfile.TemporaryDirectory() as scratch:
                reference = case.make(os.path.join(scratch, "image"))[-1]
                root = os.path.join(scratch, "root")
                apply_image(root, reference)
                self.assertEqual(facts.check(root, case.facts), [])

    def test_facts_can_fail(self):
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, "f"), "w", encoding="ascii") as stream:
                stream.write("text")
            os.setxattr(os.path.join(root, "f"), "user.a", b"1")
            os.symlink("f", os.path.join(root, "l"))
            wrong = [
                facts.is_file("f", "other"), facts.is_file("f", mode=0o7), facts.is_file("f", mtime=1),
                facts.is_file("f", uid=9), facts.is_file("f", xattrs={"user.a": "32"}), facts.is_dir("f"),
                facts.is_file("f", xattrs={"user.b": "31"}), facts.is_file("f", no_xattrs=["user.a"]),
                facts.absent("f"), facts.is_file("missing"), facts.is_dir("", []), facts.is_link("l", "g"),
                facts.same_inode("f", "l"), facts.is_file("f", size=5), facts.is_file("f", sha256="0"),
                facts.is_file("f", max_blocks=0), facts.is_file("f", nlink=2),
            ]
            for item in wrong:
                self.assertEqual(len(facts.check(root, [item])), 1, item)
            self.assertEqual(facts.check(root, [facts.is_file("f", "text", size=4, xattrs={"user.a": "31"})]), [])


class Peers(unittest.TestCase):
    @context.needs("skopeo")
    def test_skopeo_reads_sound_images(self):
        for case in select(without=["aci"]):
            if case.expect != OK:
                continue
            with self.subTest(case.name), tempfile.TemporaryDirectory() as scratch:
                reference = case.make(scratch)[-1]
                if "@sha256" in reference:  # a spelling that skopeo does not know
                    continue
                if reference.startswith("oci:") and "image.tar" in reference:
                    reference = reference.replace("oci:", "oci-archive:", 1)
                run = subprocess.run(["skopeo", "inspect", "--no-tags", reference], capture_output=True, timeout=60)
                self.assertEqual(run.returncode, 0, run.stderr)

    @context.needs_root
    @context.needs("umoci")
    def test_umoci_finds_the_facts_about_layers(self):
        for case in cases_layers.WHITEOUTS + cases_layers.LINKS + cases_layers.SHARED:
            if case.expect != OK:
                continue
            with self.subTest(case.name), tempfile.TemporaryDirectory() as scratch:
                reference = case.make(os.path.join(scratch, "image"))[-1].removeprefix("oci:")
                command = ["umoci", "unpack", "--image", reference, scratch + "/bundle"]
                run = subprocess.run(command, capture_output=True, timeout=60)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertEqual(facts.check(scratch + "/bundle/rootfs", case.facts), [])

    @context.needs("tar", "bzip2", "xz", "zstd")
    def test_gnu_tar_reads_sound_acis(self):
        for case in select(tags=["aci"], without=["bomb"]):
            if case.expect == OK:
                with self.subTest(case.name), tempfile.TemporaryDirectory() as scratch:
                    path = case.make(scratch)[-1]
                    run = subprocess.run(["tar", "-tf", path], capture_output=True)
                    self.assertEqual(run.returncode, 0, run.stderr)
                    self.assertIn(b"manifest", run.stdout)


class CommandLine(unittest.TestCase):
    def run_kit(self, *words):
        return subprocess.run([sys.executable, os.path.join(context.SUPPORT, "imagekit"), *words], capture_output=True,
                              text=True)

    def test_builds_and_lists(self):
        with tempfile.TemporaryDirectory() as out:
            run = self.run_kit("63b-tag", out)
            self.assertEqual(run.stdout.strip(), f"oci:{out}/image:one")
            self.assertTrue(os.path.exists(f"{out}/image/index.json"))
            run = self.run_kit("--all", "--tag", "docker", out)
            with open(f"{out}/cases.json", encoding="utf-8") as stream:
                self.assertTrue(all(row["references"] for row in json.load(stream)))
        rows = json.loads(self.run_kit("--list", "--json").stdout)
        self.assertEqual({row["name"] for row in rows}, set(CASES))

    def test_check(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(self.run_kit("--check", "63b-tag", root).returncode, 1)
            with open(f"{root}/a", "w", encoding="ascii") as stream:
                stream.write("1")
            self.assertEqual(self.run_kit("--check", "63b-tag", root).returncode, 0)

    def test_unknown_case(self):
        run = self.run_kit("no-such-case", "/nonexistent")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no-such-case", run.stderr)


if __name__ == "__main__":
    unittest.main()
