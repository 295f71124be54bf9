"""Odd and hostile images: a test for each row of the image kit, and the limits that a user sets.

A refusal is one line with exit code 254, and leaves the store as it was; what is accepted gives the tree that it should.
"""

import os
import re

from bad_case import PATIENCE, BadCase, store_listing
from imagekit import oci
from imagekit.cases import CASES, select
from imagekit.entries import file
from imagekit.sources import Noise


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


class Table(BadCase):
    """The kit as a whole."""

    needs_root = False

    def test_every_known_trap_has_a_row(self):
        numbers = {name[:2] for name in CASES}
        wanted = {f"{n:02}" for n in range(1, 81)} - {"52", "58"}  # numbers that were never given
        self.assertEqual(set(), wanted - numbers)
        self.assertGreater(sum(case.expect == "error" for case in CASES.values()), 90)


del KitCase
