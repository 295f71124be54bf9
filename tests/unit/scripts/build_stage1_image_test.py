"""Tests scripts/build-stage1-image: with small tables, and with the tables of the shipped flavours."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPT = REPOSITORY / "scripts" / "build-stage1-image"
ENTRYPOINTS = ("run", "enter", "gc", "stop")

needs_systemd = unittest.skipUnless(Path("/lib/systemd/systemd").exists(), "needs the package systemd")
needs_root = unittest.skipUnless(os.geteuid() == 0, "needs root")


def manifest_naming(path):
    annotations = [{"name": f"coreos.com/rkt/stage1/{name}", "value": f"{path}/{name}"} for name in ENTRYPOINTS]
    annotations.append({"name": "coreos.com/rkt/stage1/interface-version", "value": "6"})
    return {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/stage1",
            "annotations": annotations}


class ImageBuild(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="stage1-image-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.program = self.dir / "program"
        self.program.write_text("#!/bin/sh\n")
        self.manifest = manifest_naming("/usr/lib/agena/stage1")
        self.others = {"stage1-bus": "/bin/true"}  # any dynamic program

    def table(self, *rows):
        path = self.dir / "files.table"
        path.write_text("\n".join(rows) + "\n")
        return path

    def build(self, table, *programs, output="out/image.aci", arguments=(), **environment):
        manifest = self.dir / "manifest.json"
        manifest.write_text(json.dumps(self.manifest))
        given = [word for name in programs for word in ("--program", f"{name}={self.others.get(name, self.program)}")]
        command = [sys.executable, "-B", SCRIPT, "--table", table, "--manifest", manifest, "--source-dir", REPOSITORY,
                   *given, *arguments, "--output", self.dir / output]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    def members(self, done, output="out/image.aci"):
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with tarfile.open(self.dir / output) as archive:
            return archive.getmembers()

    def assert_refused(self, done, text):
        self.assertEqual(done.returncode, 1)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertFalse((self.dir / "out" / "image.aci").exists())


class SmallTables(ImageBuild):
    ROWS = ["built /usr/lib/agena/stage1/p 755 p", *[f"link /usr/lib/agena/stage1/{n} p" for n in ENTRYPOINTS]]

    def test_entries_are_sorted_and_carry_fixed_times_and_owners(self):
        rows = [*self.ROWS, "dir /z-last 1777", "", "# remark", "dir /a/b/c 700"]
        members = self.members(self.build(self.table(*rows), "p"))
        names = [member.name for member in members]
        self.assertEqual(names[:5], ["manifest", "rootfs", "rootfs/a", "rootfs/a/b", "rootfs/a/b/c"])
        self.assertEqual(names[2:], sorted(names[2:], key=lambda name: name.split("/")))
        self.assertEqual({(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members}, {(0, 0, "", "", 1577836800)})
        modes = {member.name: member.mode for member in members}
        self.assertEqual((modes["rootfs/z-last"], modes["rootfs/a/b/c"], modes["rootfs/a"]), (0o1777, 0o700, 0o755))

    def test_same_inputs_make_the_same_bytes(self):
        table = self.table(*self.ROWS)
        self.members(self.build(table, "p"))
        os.utime(self.program, (1, 1))
        self.members(self.build(table, "p", output="again.aci"), "again.aci")
        self.assertEqual((self.dir / "out/image.aci").read_bytes(), (self.dir / "again.aci").read_bytes())

    def test_source_date_epoch_is_the_time(self):
        members = self.members(self.build(self.table(*self.ROWS), "p", SOURCE_DATE_EPOCH="1700000000"))
        self.assertEqual({member.mtime for member in members}, {1700000000})

    def test_manifest_comes_first_and_unchanged_in_content(self):
        self.members(self.build(self.table(*self.ROWS), "p"))
        with tarfile.open(self.dir / "out/image.aci") as archive:
            self.assertEqual(json.load(archive.extractfile(archive.next())), self.manifest)

    def test_bad_rows_are_named_by_line(self):
        cases = [
            ("shell /bin/sh", "files.table:1: unknown kind 'shell'"),
            ("dir /x", "files.table:1: 'dir' takes 2 words, not 1"),
            ("dir /x 9", "'9' is not a file mode"),
            ("dir x 755", "'x' is not a clean absolute path"),
            ("dir /x/../y 755", "'/x/../y' is not a clean absolute path"),
            ("built /x 755 missing", "no program 'missing' was given"),
            ("source /x 644 no/such/file", "cannot read"),
            ("dir /x 755\nlink /x y", "'/x' is in the image already"),
            ("link /x y\ndir /x/z 755", "'/x', above '/x/z', is not a directory"),
        ]
        for rows, text in cases:
            with self.subTest(rows=rows):
                self.assert_refused(self.build(self.table(rows)), text)

    def test_a_host_file_of_no_package_is_refused(self):
        self.assert_refused(self.build(self.table(f"debian /x 755 {self.program}")),
                            f"'{self.program}' belongs to no installed Debian package (files.table:1)")

    def test_an_entrypoint_must_be_a_program_of_the_image(self):
        self.assert_refused(self.build(self.table(*self.ROWS[:-1]), "p"),
                            "annotation 'coreos.com/rkt/stage1/stop' of the manifest names")
        rows = [self.ROWS[0].replace("755", "644"), *self.ROWS[1:]]
        self.assert_refused(self.build(self.table(*rows), "p"), "which is no program of the image")

    def test_a_loader_is_found_from_outside_of_the_image_too(self):
        rows = [*self.ROWS, "built /usr/lib/agena/stage1/bus 755 stage1-bus", "loader /usr/lib/agena/stage1/ld.so stage1-bus"]
        links = {one.name: one.linkname for one in self.members(self.build(self.table(*rows), "p", "stage1-bus"))}
        place = os.path.normpath("rootfs/usr/lib/agena/stage1/" + links["rootfs/usr/lib/agena/stage1/ld.so"])
        self.assertRegex(place, r"^rootfs/usr/lib[^/]*(/[^/]+)?/ld[-.0-9][^/]*$")
        self.assertIn(place, links)

    def test_a_static_program_has_no_loader(self):
        self.assert_refused(self.build(self.table(*self.ROWS, "loader /ld.so p"), "p"), "files.table:6: cannot tell the loader of")

    def test_links_on_the_way_to_an_entrypoint_are_followed(self):
        self.manifest = manifest_naming("/lib/agena/stage1")
        self.members(self.build(self.table(*self.ROWS, "link /lib usr/lib"), "p"))


class DebugInfo(ImageBuild):
    @unittest.skipUnless(shutil.which("cc") and shutil.which("strip"), "needs a compiler")
    def test_debug_information_stays_outside(self):
        source = self.dir / "program.c"
        source.write_text("int main(void) { return 0; }\n")
        subprocess.run(["cc", "-g3", "-static", "-o", self.program, source], check=True)
        sizes = []
        for strip in ([], ["--strip", "strip"]):
            self.members(self.build(self.table(*SmallTables.ROWS), "p", arguments=strip))
            with tarfile.open(self.dir / "out/image.aci") as archive:
                program = archive.extractfile("rootfs/usr/lib/agena/stage1/p").read()
            sizes.append(len(program))
            self.assertEqual(b".debug_info" in program, not strip)
        self.assertLess(sizes[1], sizes[0])


@needs_systemd
class ShippedTables(ImageBuild):
    def extract(self, table, *programs):
        names = [member.name for member in self.members(self.build(REPOSITORY / table, *programs))]
        with tarfile.open(self.dir / "out/image.aci") as archive:
            archive.extractall(self.dir / "tree")
        return names, self.dir / "tree" / "rootfs"

    def test_fly_has_the_entrypoints(self):
        names, root = self.extract("stage1-fly/image/files.table", "stage1-fly")
        self.assertIn("rootfs/rkt/status", names)
        self.assertEqual(os.readlink(root / "flavor"), "fly")

    def test_systemd_finds_all_its_libraries_in_the_image(self):
        names, root = self.extract("stage1/image/files.table", "stage1", "stage1-bus", "stage2")
        self.assertIn("rootfs/rkt/status", names)
        present = {name.rpartition("/")[2] for name in names}
        programs = [root / "usr/lib/systemd/systemd", *root.glob("usr/lib/*/**/*.so*")]
        self.assertGreater(len(programs), 10)
        for program in programs:
            said = subprocess.run(["readelf", "--dynamic", program], capture_output=True, text=True, check=True).stdout
            needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", said))
            self.assertLessEqual(needed, present, program)

    def test_every_package_has_its_copyright_and_version(self):
        names, root = self.extract("stage1/image/files.table", "stage1", "stage1-bus", "stage2")
        packages = [line.split()[0] for line in (root / "usr/share/doc/agena/packages").read_text().splitlines()]
        self.assertIn("systemd", packages)
        self.assertIn("libc6", packages)
        for package in packages:
            self.assertIn(f"rootfs/usr/share/doc/{package}/copyright", names)

    @needs_root
    def test_systemd_starts_from_the_image_alone(self):
        _, root = self.extract("stage1/image/files.table", "stage1", "stage1-bus", "stage2")
        said = subprocess.run(["chroot", root, "/usr/lib/systemd/systemd", "--version"], capture_output=True,
                              text=True, check=False)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertRegex(said.stdout, r"^systemd \d+ ")


if __name__ == "__main__":
    unittest.main()
