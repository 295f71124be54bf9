"""What a row of the case tables is, and the builders that most rows share."""

import os
from dataclasses import dataclass
from typing import Callable

from . import oci
from .tarfmt import tar_bytes, tar_stream

OK, ERROR, EITHER = "ok", "error", "either"

# Essential words of error messages; matched without regard to case, anywhere in the message.
TRUNCATED = (r"truncat|unexpected end|unexpected eof|premature|too early|ends? (in|inside|within|before|at|after)"
             r"|cut|short|incomplete")
CORRUPT = r"corrupt|invalid|malformed|damaged|bad |broken|not an? |no valid"
CHECKSUM = r"checksum|crc"
TRAILING = r"trailing|garbage|after the|follow|left over|extra|beyond"
DUPLICATE = r"duplicate|twice|already|two entries"
MISMATCH = r"mismatch|does not match|differs?|expected|instead|stated|wrong"
TRAVERSAL = r"\.\.|outside|escape|upwards|parent"
TOO_BIG = r"too (large|big|long|many)|limit|exceed|at most|maximum|larger|longer|space|ratio"
NUMBER = r"negative|number|range|numeric|invalid|digit|octal|too (large|big)|field|value"
NOT_FOUND = r"not found|no such|missing|does not exist|absent|no image|unknown|cannot find"


@dataclass(frozen=True)
class Case:
    """One image and what an engine has to make of it.

    expect: OK (the facts hold for the root), ERROR (fetching fails, the message matches `message`), or EITHER (an error
    that matches, or success with all facts: both readings are sound, anything else is not).
    build: writes below the directory given and returns the image reference, or a list of references to be fetched one
    after another, of which the last one is judged.
    tags: aci | oci | docker; `root` (facts need owners and devices), `large` (files of gigabytes, all holes), `bomb`
    (fetch only where the file system is small), `dependencies`, `whitelist`, `hang` (a naive engine waits forever).
    """

    name: str
    build: Callable
    expect: str
    message: str = ""
    facts: tuple = ()
    tags: frozenset = frozenset()
    note: str = ""

    def make(self, directory) -> list:
        """Builds the image; returns the references in the order in which they are fetched."""
        os.makedirs(directory, exist_ok=True)
        made = self.build(os.fspath(directory))
        return [made] if isinstance(made, str) else list(made)

    def describe(self) -> dict:
        """The row as JSON-ready data, without the builder."""
        return {"name": self.name, "expect": self.expect, "message": self.message, "facts": list(self.facts),
                "tags": sorted(self.tags), "note": self.note}


def ok(name, build, *facts, tags="", note="") -> Case:
    return Case(name, build, OK, "", facts, frozenset(tags.split()), note)


def bad(name, build, message, tags="", note="") -> Case:
    return Case(name, build, ERROR, message, (), frozenset(tags.split()), note)


def either(name, build, message, *facts, tags="", note="") -> Case:
    return Case(name, build, EITHER, message, facts, frozenset(tags.split()), note)


def tagged(tag, rows) -> list:
    """The rows with one more tag."""
    return [Case(row.name, row.build, row.expect, row.message, row.facts, row.tags | {tag}, row.note) for row in rows]


def flat(items) -> list:
    """A list of members with nested lists (sparse files are several members) opened up."""
    out = []
    for item in items:
        out.extend(flat(item) if isinstance(item, (list, tuple)) else [item])
    return out


class Tar:
    """A layer with its own end of archive."""

    def __init__(self, *items, eof_blocks=2, tail=b"", cut=None):
        self.items, self.options, self.cut = flat(items), {"eof_blocks": eof_blocks, "tail": tail}, cut

    def chunks(self):
        if self.cut is None:
            return tar_stream(self.items, **self.options)
        return [tar_bytes(self.items, **self.options)[:self.cut]]


def image(*layers, compression="none", **more) -> Callable:
    """An OCI layout whose layers are lists of members or `Tar`s."""

    def build(out):
        layout = oci.Layout(os.path.join(out, "image"))
        stored = [layout.layer_stream((layer if isinstance(layer, Tar) else Tar(*layer)).chunks(), compression)
                  for layer in layers]
        layout.tag(layout.image(stored, **more), "latest")
        layout.finish()
        return f"oci:{layout.path}:latest"

    return build


def images(*stacks, compression="none") -> Callable:
    """Several OCI images in one layout, fetched one after another; each is a list of layers, which they may share."""

    def build(out):
        layout = oci.Layout(os.path.join(out, "image"))
        for number, layers in enumerate(stacks):
            stored = [layout.layer(flat(layer), compression) for layer in layers]
            layout.tag(layout.image(stored), f"n{number}")
        layout.finish()
        return [f"oci:{layout.path}:n{number}" for number in range(len(stacks))]

    return build


def stored(blob: bytes, tar: bytes, media_type: str = oci.LAYER + "+gzip", below=()) -> Callable:
    """An OCI layout whose last layer is the blob given, said to unpack to `tar`."""

    def build(out):
        layout = oci.Layout(os.path.join(out, "image"))
        layers = [layout.layer(items, "none") for items in below]
        layout.tag(layout.image([*layers, layout.raw_layer(blob, tar, media_type)]), "latest")
        layout.finish()
        return f"oci:{layout.path}:latest"

    return build
