"""Cases: appc images."""

import json
import os

from . import aci
from .case import (CHECKSUM, CORRUPT, DUPLICATE, MISMATCH, TOO_BIG, TRAILING, TRAVERSAL, TRUNCATED, bad, either, ok,
                   tagged)
from .compress import compress, gzip_member, zstd_frame
from .entries import chardev, directory, file, hardlink, symlink
from .facts import absent, is_dir, is_file, is_link, same_inode
from .oci import write_file
from .sparse import sparse_gnu
from .tarfmt import tar_bytes, tar_stream
from .tree import prefixed

NAME = "example.com/app"
A = file("a", "alpha\n")
HAS_A = is_file("a", "alpha\n")
MANIFEST = aci.image_manifest(NAME)
TREE = [A, directory("d", mode=0o750), file("d/f", "x"), hardlink("d/h", "a"), symlink("l", "d/f")]
TREE_FACTS = (HAS_A, is_dir("d", ["f", "h"], mode=0o750), same_inode("d/h", "a"), is_link("l", "d/f"))
FORM = r"aci|appc|tar|compress|magic|format|" + CORRUPT


def built(document=MANIFEST, entries=(A,), compression="gzip", **more):
    return lambda out: aci.build(os.path.join(out, "image.aci"), document, list(entries), compression, **more)


def members(*items):
    """An uncompressed ACI from its members, `rootfs/` prefixes and all."""
    return lambda out: write_file(os.path.join(out, "image.aci"), tar_stream(list(items)))


def raw(data):
    return lambda out: write_file(os.path.join(out, "image.aci"), [data])


def field(**more):
    return built({**MANIFEST, **more})


ROOTFS = directory("rootfs")
M = aci.manifest_item(MANIFEST)
TAR = tar_bytes(aci.items(MANIFEST, TREE))

FORMS = [ok(f"aci-{form}", built(entries=TREE, compression=form), *TREE_FACTS)
         for form in ("none", "gzip", "bzip2", "xz", "zstd")] + [
    ok("71-manifest-after-rootfs", members(*prefixed(TREE, b"rootfs/"), M), *TREE_FACTS),
    ok("71b-rootfs-without-own-entry", members(M, *prefixed(TREE, b"rootfs/")), *TREE_FACTS),
    ok("71c-dot-slash-names", members(directory("./"), file("./manifest", json.dumps(MANIFEST)), directory("./rootfs"),
       *prefixed(TREE, b"./rootfs/")), HAS_A),
    ok("71d-rootfs-metadata", members(M, directory("rootfs", mode=0o711, mtime=12345), file("rootfs/a", "alpha\n")),
       HAS_A, is_dir("", ["a"], mode=0o711)),
    ok("71e-empty-rootfs", built(entries=[]), is_dir("", [])),
    ok("71f-whiteout-names-are-ordinary", built(entries=[A, file(".wh.a", "kept"), directory("d"),
       file("d/.wh..wh..opq", "kept")]), HAS_A, is_file(".wh.a", "kept"), is_dir("d", [".wh..wh..opq"]),
       note="appc has no whiteouts"),
    ok("71g-gnu-format", members(file("manifest", json.dumps(MANIFEST), format="gnu"),
       directory("rootfs", format="gnu"), file("rootfs/" + "g" * 150, "x", format="gnu"),
       *sparse_gnu("rootfs/s", 1 << 20, [(1 << 19, b"x" * 512)])),
       is_file("g" * 150, "x"), is_file("s", size=1 << 20)),
    ok("71h-bzip2-streams", raw(compress("bzip2", TAR[:2000]) + compress("bzip2", TAR[2000:])), *TREE_FACTS),
    ok("71i-xz-streams", raw(compress("xz", TAR[:2000]) + compress("xz", TAR[2000:])), *TREE_FACTS),
]

LAYOUT = [
    bad("71j-no-manifest", members(ROOTFS, file("rootfs/a", "x")), r"manifest"),
    bad("71k-two-manifests", members(M, ROOTFS, file("rootfs/a", "x"), M), r"manifest|" + DUPLICATE),
    bad("71l-no-rootfs", members(M), r"rootfs"),
    bad("71m-extra-top-level", members(M, ROOTFS, file("rootfs/a", "x"), file("extra", "x")), r"extra|top|unexpected"),
    bad("71n-manifest-is-symlink", members(symlink("manifest", "/etc/passwd"), ROOTFS), r"manifest|regular|type"),
    bad("71o-manifest-is-directory", members(directory("manifest"), ROOTFS), r"manifest|regular|type"),
    bad("71p-rootfs-is-file", members(M, file("rootfs", "x")), r"rootfs|directory"),
    bad("71q-rootfs-is-symlink", members(M, symlink("rootfs", "/tmp"), file("rootfs/agena-escape", "x")),
        r"rootfs|directory|link"),
    bad("71r-manifest-5mib", members(file("manifest", json.dumps(MANIFEST) + " " * (5 << 20)), ROOTFS), TOO_BIG),
    bad("25c-aci-duplicate", built(entries=[A, file("a", "again")]), DUPLICATE),
    bad("25d-aci-duplicate-directory", built(entries=[directory("d"), directory("d")]), DUPLICATE),
    bad("18e-aci-dotdot", members(M, ROOTFS, file("rootfs/../../escape", "x")), TRAVERSAL),
    bad("22c-aci-hardlink-outside-rootfs", members(M, ROOTFS, hardlink("rootfs/h", "manifest")),
        r"link|rootfs|outside|target"),
    bad("22d-aci-hardlink-upward", members(M, ROOTFS, hardlink("rootfs/h", "rootfs/../manifest")), TRAVERSAL + "|link"),
    bad("20f-aci-symlink-parent", built(entries=[symlink("l", "/tmp"), file("l/agena-escape", "x")]),
        TRAVERSAL + "|link|directory"),
    bad("35b-aci-whiteout-device", built(entries=[chardev("w", 0, 0)]), r"device|0:0|0,0|whiteout"),
]

MANIFESTS = [
    bad("84-manifest-not-json", built(b"not json"), r"json|parse|" + CORRUPT),
    bad("84b-manifest-kind", field(acKind="PodManifest"), r"acKind|kind|ImageManifest"),
    bad("84c-manifest-version", field(acVersion="zero"), r"acVersion|version"),
    bad("84d-manifest-name", field(name="Bad Name"), r"name"),
    bad("84e-manifest-duplicate-key", built(json.dumps(MANIFEST)[:-1].encode() + b',"name":"example.com/x"}'),
        r"duplicate|name"),
    bad("84f-label-twice", field(labels=MANIFEST["labels"] + [{"name": "os", "value": "linux"}]),
        r"label|os|duplicate"),
    bad("84g-label-name", field(labels=MANIFEST["labels"] + [{"name": "name", "value": "x"}]), r"label|name"),
    bad("84h-no-os-label", field(labels=MANIFEST["labels"][:1] + MANIFEST["labels"][2:]), r"\bos\b"),
    bad("84i-no-arch-label", field(labels=MANIFEST["labels"][:2]), r"arch"),
    bad("84j-bad-os", field(labels=[{"name": "os", "value": "freebsd"}, MANIFEST["labels"][2]]), r"freebsd|\bos\b"),
    bad("84k-bad-arch", field(labels=[MANIFEST["labels"][1], {"name": "arch", "value": "pdp11"}]), r"pdp11|arch"),
    bad("84l-app-without-user", field(app={"exec": ["/a"], "group": "0"}), r"user"),
    bad("84m-working-directory-relative", field(app={"exec": ["/a"], "user": "0", "group": "0",
        "workingDirectory": "x"}), r"workingDirectory|absolute"),
    bad("84n-manifest-deep", built(b'{"x":' * 50_000 + b"1" + b"}" * 50_000), r"json|depth|nest|" + TOO_BIG),
    bad("84o-manifest-empty", built(b""), r"json|empty|manifest"),
]

def flipped(data: bytes, position: int) -> bytes:
    """The data with one bit changed."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1:]


GZ = gzip_member(TAR)
STREAMS = [
    bad("02b-aci-gzip-truncated", raw(GZ[:-100]), TRUNCATED),
    bad("02c-aci-plain-truncated", raw(TAR[:3000]), TRUNCATED),
    bad("02d-aci-bzip2-truncated", raw(compress("bzip2", TAR)[:-20]), TRUNCATED),
    bad("02e-aci-xz-truncated", raw(compress("xz", TAR)[:-20]), TRUNCATED),
    bad("02f-aci-zstd-truncated", raw(zstd_frame(TAR)[:-20]), TRUNCATED),
    bad("04c-aci-gzip-bad-crc", raw(gzip_member(TAR, crc=3)), CHECKSUM + "|" + CORRUPT),
    bad("04d-aci-xz-damaged", raw(flipped(compress("xz", TAR), 60)), r"xz|lzma|" + CHECKSUM + "|" + CORRUPT),
    bad("04e-aci-bzip2-damaged", raw(flipped(compress("bzip2", TAR), 60)), r"bzip2|" + CHECKSUM + "|" + CORRUPT),
    bad("06b-aci-gzip-trailing-garbage", raw(GZ + b"garbage"), TRAILING + "|" + CORRUPT),
    bad("06c-aci-xz-trailing-garbage", raw(compress("xz", TAR) + b"garbage!"), TRAILING + "|xz|" + CORRUPT),
    bad("06d-aci-bzip2-trailing-garbage", raw(compress("bzip2", TAR) + b"garbage!"), TRAILING + "|bzip2|" + CORRUPT),
    bad("85-not-an-image", raw(b"#!/bin/sh\necho hello\n" * 50), FORM),
    bad("85b-empty-file", raw(b""), FORM + "|empty|" + TRUNCATED),
    bad("85c-directory", lambda out: out, FORM + r"|directory|regular"),
    bad("85d-fifo", lambda out: os.mkfifo(out + "/image.aci") or out + "/image.aci", r"regular|fifo|" + FORM,
        tags="hang"),
    bad("85e-missing", lambda out: out + "/nowhere.aci", r"no such|not found|does not exist"),
    bad("85f-compressed-twice", raw(gzip_member(GZ)), FORM + "|header|checksum"),
]


def bomb(gigabytes):
    """An ACI of a few kilobytes in bzip2 that unpacks to files of one GiB of zeros each."""
    zeros = compress("bzip2", bytes(1 << 26)) * 16

    def build(out):
        parts = [compress("bzip2", tar_bytes(aci.items(MANIFEST, []), eof_blocks=0))]
        for number in range(gigabytes):
            header = tar_bytes([file(f"rootfs/zero{number}", b"", size=1 << 30)], eof_blocks=0)
            parts += [compress("bzip2", header), zeros]
        return write_file(os.path.join(out, "image.aci"), parts + [compress("bzip2", bytes(1024))])

    return build


def several(*images):
    """Images fetched one after another: (name, extra manifest fields, members)."""

    def build(out):
        return [aci.build(os.path.join(out, f"{number}.aci"), aci.image_manifest(name, **more), entries)
                for number, (name, more, entries) in enumerate(images)]

    return build


def needs(*names, **more):
    return {"dependencies": [{"imageName": f"example.com/{name}", **more} for name in names]}


LEAF = ("example.com/leaf", {}, [A, file("both", "leaf"), file("low", "l")])
LEFT = ("example.com/left", needs("leaf"), [file("left", "1"), file("both", "left")])
RIGHT = ("example.com/right", needs("leaf"), [file("right", "2"), file("both", "right")])
DEPENDENCIES = tagged("dependencies", [
    ok("72-dependency", several(LEAF, LEFT), HAS_A, is_file("both", "left"), is_file("left", "1")),
    ok("72b-diamond", several(LEAF, LEFT, RIGHT, ("example.com/top", needs("left", "right"), [file("top", "t")])),
       HAS_A, is_file("left", "1"), is_file("right", "2"), is_file("top", "t")),
    bad("72c-missing", several(("example.com/top", needs("nothing"), [A])), r"example\.com/nothing"),
    bad("72d-to-itself", several(("example.com/self", needs("self"), [A])), r"example\.com/self|cycl|loop|depend"),
    bad("72e-image-id-mismatch", several(LEAF, ("example.com/top", needs("leaf", imageID="sha512-" + "0" * 128), [A])),
        r"depend|example\.com/leaf|image ?id|" + MISMATCH),
    bad("72f-size-mismatch", several(LEAF, ("example.com/top", needs("leaf", size=7), [A])), r"size|depend"),
    bad("72g-label-mismatch", several(LEAF, ("example.com/top", needs("leaf", labels=[{"name": "version",
        "value": "9.9"}]), [A])), r"depend|example\.com/leaf|label"),
])

WHITE = [directory("d"), file("d/keep", "k"), file("d/drop", "x"), file("other", "o"), symlink("l", "d")]


def whitelisted(*paths, entries=WHITE):
    return built({**MANIFEST, "pathWhitelist": list(paths)}, entries)


WHITELIST = tagged("whitelist", [
    ok("73-whitelist", whitelisted("/d/keep"), is_dir("d", ["keep"]), absent("other"), absent("l"),
       note="parents need not be listed"),
    either("73b-whitelist-absent-path", whitelisted("/d/keep", "/not/there"), r"whitelist|not/there",
           is_dir("d", ["keep"])),
    either("73c-whitelist-through-symlink", whitelisted("/l/keep"), r"whitelist|l/keep|link", absent("other")),
    either("73d-whitelist-hardlink", whitelisted("/h", entries=[A, hardlink("h", "a")]), r"link|whitelist",
           is_file("h", "alpha\n"), absent("a"), note="its target is not listed; the file must not be lost"),
    bad("73e-whitelist-relative", whitelisted("d/keep"), r"pathWhitelist|whitelist|absolute"),
    ok("73f-whitelist-over-dependency", several(LEAF, ("example.com/top", {**needs("leaf"), "pathWhitelist":
       ["/low", "/mine"]}, [file("mine", "m")])), is_file("low", "l"), is_file("mine", "m"), absent("a"),
       tags="dependencies"),
])

BOMBS = [bad("55b-aci-bzip2-bomb", bomb(200), r"bomb|" + TOO_BIG, tags="bomb")]

ROWS = tagged("aci", FORMS + LAYOUT + MANIFESTS + STREAMS + DEPENDENCIES + WHITELIST + BOMBS)
