"""Odd and hostile images: a test for each row of the image kit, and the limits that a user sets.

A refusal is one line with exit code 254, and leaves the store as it was; what is accepted gives the tree that it should.
"""

import os
import re

from bad_case import PATIENCE, BadCase, store_listing
from harness import FLY
from imagekit import aci, docker, oci
from imagekit.cases import CASES, select
from imagekit.entries import file
from imagekit.sources import Noise, Zeros
from imagekit.sparse import sparse_gnu


class KitCase(BadCase):
    """One row of the kit."""

    def check_case(self, case):
        self.prepare_store()
        place = os.path.join(self.top, "case")
        *earlier, judged = case.make(place)
        for reference in earlier:
            self.agena("fetch", reference, timeout=PATIENCE)
        before = store_listing(self.cas())
        done = self.agena("fetch", "--full", judged, check=None, timeout=PATIENCE)
        if done.code == 0:
            self.assertNotEqual("error", case.expect, "accepted")
            self.assertRegex(done.out, r"^sha512-[0-9a-f]{64}\n$")
            self.assertEqual([], os.listdir(os.path.join(self.cas(), "staging")))
            self.assertIn("successfully verified", self.agena("image", "verify", done.out.strip()).out)
            if case.facts:
                self.check_facts(done.out.strip(), case.facts)
        else:
            self.assertEqual(254, done.code, str(done))
            self.assertNotEqual("ok", case.expect, done.err)
            self.check_refusal(done, case.message, hide=[place])
            self.assertEqual(before, store_listing(self.cas()))
        self.check_bystander()


def add_tests(cls, cases):
    """A test method for each row."""
    for case in cases:
        def test(self, case=case):
            self.check_case(case)
        name = "test_" + re.sub(r"\W", "_", case.name)
        test.__doc__ = case.note or None
        setattr(cls, name, test)


class Acis(KitCase):
    pass


class DockerArchives(KitCase):
    pass


class Layouts(KitCase):
    """Layers, and what is said about them."""


class Tars(KitCase):
    """Cases of the archive itself: names, kinds, sizes, times, compression."""


OTHERS = [case for case in select() if not case.tags & {"aci", "docker"}]
TARS = [case for case in OTHERS if case.name < "40"]
add_tests(Acis, select(["aci"]))
add_tests(DockerArchives, select(["docker"]))
add_tests(Tars, TARS)
add_tests(Layouts, [case for case in OTHERS if case not in TARS])


class Limits(BadCase):
    """How large an image may be is said with a flag."""

    def layout(self, layers, compression="gzip") -> str:
        return oci.build(os.path.join(self.top, "layout"), layers, compression)

    def check_limit(self, reference, limit):
        self.prepare_store()
        self.refuse("fetch", f"--max-image-size={limit}", reference, message="larger than the limit of .*--max-image-size")
        self.agena("fetch", "--max-image-size=64m", reference)
        self.check_bystander()

    def test_one_layer(self):
        self.check_limit(self.layout([[file("a", Zeros(2 << 20))]]), "1m")

    def test_layers_count_together(self):
        """Each is small enough by itself."""
        self.check_limit(self.layout([[file(name, Noise(700 << 10, name.encode()))] for name in "abc"]), "1500k")

    def test_zstd(self):
        self.check_limit(self.layout([[file("a", Zeros(2 << 20))]], "zstd"), "1m")

    def test_plain(self):
        self.check_limit(self.layout([[file("a", Noise(2 << 20))]], "none"), "1m")

    def test_holes_count(self):
        self.check_limit(self.layout([[*sparse_gnu("s", 32 << 20, [(1 << 20, b"x" * 512)])]], "none"), "1m")

    def test_aci(self):
        path = os.path.join(self.top, "image.aci")
        self.check_limit(aci.build(path, aci.image_manifest("example.com/large"), [file("a", Zeros(2 << 20))]), "1m")

    def test_docker_archive(self):
        path = os.path.join(self.top, "image.tar")
        docker.write(path, docker.flat([docker.Image([[file("a", Zeros(2 << 20))]], ["example.com/large:latest"])]))
        self.check_limit("docker-archive:" + path, "1m")

    def test_compressed_docker_archive(self):
        path = os.path.join(self.top, "image.tar.gz")
        members = docker.flat([docker.Image([[file("a", "a")]], ["example.com/large:latest"])])
        docker.write(path, [*members, file("no-layer", Zeros(2 << 20))], "gzip")
        self.check_limit("docker-archive:" + path, "1m")
        self.assertEqual([], os.listdir(os.path.join(self.data, "cas", "staging")))

    def test_run(self):
        self.prepare_store()
        # That brings the stage1 image in, which the limit is not for.
        self.agena("run", "--stage1-name=" + FLY, "--max-image-size=1m", self.bystander, "--exec=/bin/sh", "--", "-c", "true")
        image = self.small_image("example.com/larger", entries=[file("a", Zeros(2 << 20))])
        self.refuse("run", "--stage1-name=" + FLY, "--max-image-size=1m", image, "--exec=/bin/sh", "--", "-c", "true",
                    message="larger than the limit of .*--max-image-size")

    def test_no_size(self):
        self.refuse("fetch", "--max-image-size=large", "/no/such.aci", message="max-image-size.*expected a size")


class Table(BadCase):
    """The kit as a whole."""

    needs_root = False

    def test_every_known_trap_has_a_row(self):
        numbers = {name[:2] for name in CASES}
        wanted = {f"{n:02}" for n in range(1, 81)} - {"52", "58"}  # numbers that were never given
        self.assertEqual(set(), wanted - numbers)
        self.assertGreater(sum(case.expect == "error" for case in CASES.values()), 90)


del KitCase
