"""Cases: archives that are odd or broken as tar files. The numbers are the rows of the project's list of bad inputs."""

import hashlib

from .case import CHECKSUM, CORRUPT, NUMBER, TOO_BIG, TRAVERSAL, TRUNCATED, Tar, bad, either, image, ok, tagged
from .entries import blockdev, chardev, directory, fifo, file, hardlink, longname, pax, symlink
from .facts import absent, fact, is_dir, is_file, is_link, same_inode
from .sources import Zeros
from .sparse import sparse_gnu, sparse_pax00, sparse_pax01, sparse_pax10
from .tarfmt import BLOCK, EPOCH, Entry, base256, encode, tar_bytes

A = file("a", "alpha\n")
B = file("b", "beta\n")
HAS_A, HAS_B = is_file("a", "alpha\n"), is_file("b", "beta\n")
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service=ep, version 2
DEEP = "/".join(["d" * 100] * 30) + "/leaf"
BIG = 5 << 30
IDS = r"uid|gid|owner|group|\bid\b|" + NUMBER
PAX_WORDS = r"pax|extended|record|header|" + CORRUPT
SPARSE_WORDS = r"sparse|map|" + TOO_BIG


def signed_checksum(entry: Entry) -> Entry:
    """The entry with the checksum that some old tars computed, of signed bytes."""
    block = bytearray(b"".join(encode(entry))[:BLOCK])
    block[148:156] = b" " * 8
    entry.chksum = sum(byte - 256 if byte > 127 else byte for byte in block)
    return entry


END_OF_ARCHIVE = [
    ok("08-data-after-end", image(Tar(A, tail=b"J" * 512)), HAS_A, note="hashed, otherwise ignored"),
    ok("09-concatenated-tar", image(Tar(A, tail=tar_bytes([B]))), HAS_A, absent("b"), note="the second is ignored"),
    ok("10-no-end-blocks", image(Tar(A, eof_blocks=0)), HAS_A),
    ok("10b-one-end-block", image(Tar(A, eof_blocks=1)), HAS_A),
    bad("10c-cut-in-header", image(Tar(A, B, cut=1024 + 100)), TRUNCATED),
    ok("10d-empty-tar", image(Tar()), is_dir("", children=[])),
    either("10e-empty-layer", image(Tar(eof_blocks=0)), TRUNCATED, is_dir("", children=[])),
    bad("11-entry-truncated", image(Tar(file("a", b"x" * 100, size=5000), eof_blocks=0)), TRUNCATED),
    bad("11b-padding-missing", image(Tar(file("a", b"x" * 100, pad=False), eof_blocks=0)), TRUNCATED),
    bad("11c-pax-header-truncated", image(Tar(pax([("path", "x" * 900)]), A, cut=700)), TRUNCATED),
]

NAMES = [
    bad("18-dotdot", image([file("../../escape", "x")]), TRAVERSAL),
    bad("18b-dotdot-inside", image([directory("a"), file("a/../b", "x")]), TRAVERSAL),
    bad("18c-dotdot-pax-path", image([pax([("path", "../escape")]), A]), TRAVERSAL),
    bad("18d-dotdot-directory", image([directory("..", mode=0o777)]), TRAVERSAL),
    ok("19-absolute", image([file("/a", "alpha\n"), file("//b", "beta\n")]), HAS_A, HAS_B),
    ok("19b-dot-slash", image([directory("./", mode=0o750), file("./a", "alpha\n"), file("././b", "beta\n")]),
       HAS_A, HAS_B, is_dir("", mode=0o750)),
    bad("27-file-as-parent", image([A, file("a/b", "x")]), r"not a directory|parent"),
    ok("34-non-utf8", image([file(b"caf\xe9", "latin"), file(b"\xff\xfe" + b"n" * 200, "long")]),
       is_file(b"caf\xe9", "latin"), is_file(b"\xff\xfe" + b"n" * 200, "long")),
    ok("34b-non-utf8-gnu", image([file(b"\xe9" * 150, "long", format="gnu")]), is_file(b"\xe9" * 150, "long")),
    ok("34c-control-bytes", image([file(b"new\nline\t\x1b[31m", "x")]), is_file(b"new\nline\t\x1b[31m", "x")),
    bad("53-path-too-long", image([file("/".join(["p" * 100] * 45), "x")]), TOO_BIG),
    ok("53b-path-deep", image([file(DEEP, "x")]), is_file(DEEP, "x")),
    bad("54-name-too-long", image([file("n" * 256, "x")]), TOO_BIG),
    ok("54b-name-255", image([file("n" * 255, "x")]), is_file("n" * 255, "x")),
    bad("54c-empty-name", image([file("", "x")]), r"empty|name"),
    bad("54d-pax-path-nul", image([pax([("path", b"a\0b")]), A]), r"nul|zero byte|name|path|invalid"),
    either("54e-pax-path-empty", image([pax([("path", "")]), A]), r"empty|name|path", HAS_A,
           note="Go keeps the header's name; POSIX lets an empty value delete the field"),
    bad("54f-symlink-empty", image([symlink("l", "")]), r"empty|target|link"),
    bad("54g-symlink-too-long", image([symlink("l", "t" * 4097)]), TOO_BIG),
    ok("54h-symlink-4095", image([symlink("l", "t" * 4095)]), is_link("l", "t" * 4095)),
    ok("54i-ustar-prefix", image([file("p" * 120 + "/" + "n" * 90, "x", format="ustar")]),
       is_file("p" * 120 + "/" + "n" * 90, "x")),
    ok("54j-gnu-long-names", image([file("g" * 200, "x", format="gnu"), symlink("l", "t" * 300, format="gnu")]),
       is_file("g" * 200, "x"), is_link("l", "t" * 300)),
    ok("54k-v7", image([directory("d", format="v7"), file("d/f", "x", format="v7", fields={"typeflag": b"\0"})]),
       is_dir("d", children=["f"]), is_file("d/f", "x")),
]

NUMBERS = [
    bad("28-size-negative-base256", image([file("a", b"", fields={"size": base256(-512, 12)})]), NUMBER),
    bad("29-size-negative-pax", image([pax([("size", "-512")]), A]), NUMBER),
    bad("29b-size-not-a-number", image([pax([("size", "6x")]), A]), NUMBER),
    bad("29c-size-octal-garbage", image([file("a", b"", fields={"size": b"0000000z001\0"})]), NUMBER),
    bad("29d-size-overflow", image([file("a", b"", fields={"size": b"\x80" + b"\xff" * 11})]), NUMBER),
    ok("29e-octal-with-blanks", image([file("a", "alpha\n", fields={"size": b"          6 ", "mode": b"  644 \0"})]),
       is_file("a", "alpha\n", mode=0o644)),
    bad("32-header-checksum", image([file("a", "alpha\n", chksum=0o1234)]), CHECKSUM + "|header"),
    bad("32b-garbage-header", image(Tar(b"\x55" * 1024)), CHECKSUM + "|header|" + CORRUPT),
    ok("32c-signed-checksum", image([signed_checksum(file(b"caf\xe9", "x"))]), is_file(b"caf\xe9", "x")),
    bad("33-uid-2pow32-plus-5", image([file("a", b"", uid=(1 << 32) + 5)]), IDS),
    bad("33b-uid-2pow32", image([file("a", b"", uid=1 << 32)]), IDS),
    bad("33c-uid-minus-one", image([file("a", b"", uid=(1 << 32) - 1)]), IDS),
    bad("33d-gid-2pow32-base256", image([file("a", b"", gid=1 << 32, format="gnu")]), IDS),
    bad("33e-uid-negative", image([file("a", b"", uid=-2, format="gnu")]), IDS),
    ok("33f-uid-large", image([file("a", b"", uid=(1 << 32) - 2, gid=3_000_000), file("b", b"", uid=70_000_000,
       format="gnu")]), is_file("a", uid=(1 << 32) - 2, gid=3_000_000), is_file("b", uid=70_000_000), tags="root"),
    ok("74-mtime-negative", image([file("a", b"", mtime=-1000)]), is_file("a", mtime=-1000)),
    ok("74b-mtime-2242", image([file("a", b"", mtime=(1 << 33) + 5), file("b", b"", mtime=(1 << 33) + 6,
       format="gnu")]), is_file("a", mtime=(1 << 33) + 5), is_file("b", mtime=(1 << 33) + 6)),
    bad("74c-mtime-nan", image([pax([("mtime", "NaN")]), A]), r"mtime|time|" + NUMBER),
    ok("74d-mtime-fraction", image([file("a", b"", pax=[("mtime", "1700000000.123456789")])]),
       is_file("a", mtime_ns=1700000000123456789)),
    ok("75-gid-only-in-pax", image([file("a", b"", pax=[("gid", "4242")], uid=7, uname="daemon", gname="daemon")]),
       is_file("a", uid=7, gid=4242), tags="root"),
]

TYPES = [
    ok("24-hardlink-to-symlink", image([symlink("s", "nowhere"), hardlink("h", "s")]), is_link("h", "nowhere"),
       same_inode("h", "s")),
    bad("22-hardlink-outside", image([hardlink("h", "../../../etc/passwd")]), TRAVERSAL + "|target"),
    bad("22b-hardlink-absolute-missing", image([hardlink("h", "/etc/passwd")]), r"target|link|not found|no such"),
    bad("23-hardlink-missing", image([hardlink("h", "nothing")]), r"target|link|not found|no such"),
    bad("23b-hardlink-to-directory", image([directory("d"), hardlink("h", "d")]), r"directory|link"),
    either("23c-hardlink-to-itself", image([A, hardlink("a", "a")]), r"link|itself", HAS_A),
    either("23d-hardlink-with-size", image([A, hardlink("h", "a", size=6), B]), r"size|link", HAS_B,
           same_inode("h", "a"), note="a size without contents, as old star wrote it; Go and GNU tar ignore it"),
    ok("23e-hardlink-chain", image([A, hardlink("h1", "a"), hardlink("h2", "./h1"), hardlink("h3", "/h2")]),
       is_file("h3", "alpha\n", nlink=4), same_inode("h3", "a")),
    ok("25-duplicate", image([file("a", "first"), B, file("a", "alpha\n")]), HAS_A, HAS_B, note="the last one wins"),
    ok("25b-duplicate-of-hardlinked", image([file("a", "first"), hardlink("h", "a"), file("a", "alpha\n")]), HAS_A,
       is_file("h", "first", nlink=1), note="rewriting a must not write through the link"),
    ok("25c-symlink-then-file", image([file("t", "target"), symlink("a", "t"), file("a", "alpha\n")]), HAS_A,
       is_file("t", "target"), note="must replace the link, not write through it"),
    ok("26-file-then-directory", image([file("a", "x"), directory("a"), file("a/b", "y")]), is_dir("a", ["b"])),
    either("26b-directory-then-file", image([directory("a"), file("a/b", "y"), file("a", "alpha\n")]), r"directory",
           HAS_A),
    bad("35-whiteout-device", image([chardev("w", 0, 0)]), r"device|0:0|0,0|whiteout"),
    ok("38a-char-device", image([chardev("null", 1, 3), fifo("pipe")]), fact("null", "char", rdev=[1, 3], mode=0o666),
       fact("pipe", "fifo"), tags="root"),
    either("38-block-device", image([blockdev("sda", 8, 0), A]), r"device|block", HAS_A, tags="root",
           note="policy: created, skipped or refused"),
    bad("39-unknown-type", image([file("a", b"", fields={"typeflag": b"Z"})]), r"type"),
    ok("39b-contiguous", image([file("a", "alpha\n", fields={"typeflag": b"7"})]), HAS_A),
    either("39c-directory-with-contents", image([directory("d", data=b"junk" * 128), A]), r"size|directory|" + CHECKSUM,
           HAS_A, note="Go treats the body as headers, GNU tar skips it"),
    ok("39d-old-directory", image([file("d/", b"", fields={"typeflag": b"\0"}, format="v7")]), is_dir("d")),
    ok("51-setuid-and-capability", image([file("suid", b"x", mode=0o6755, uid=5, gid=6,
       xattrs={"security.capability": CAPABILITY})]), is_file("suid", mode=0o6755, uid=5, gid=6,
       xattrs={"security.capability": CAPABILITY.hex()}), tags="root"),
    ok("51b-sticky-setgid-directory", image([directory("d", mode=0o3777, gid=50)]), is_dir("d", mode=0o3777, gid=50),
       tags="root"),
    ok("51c-read-only-directory", image([directory("d", mode=0o555), file("d/f", "x", mode=0), symlink("d/l", "f")]),
       is_dir("d", ["f", "l"], mode=0o555, mtime=EPOCH), is_file("d/f", "x", mode=0)),
]

PAX = [
    either("30-pax-desync", image([pax([("size", "1024")]), longname("long" * 30), file("ignored", b"C" * 1024, size=0),
           B]), CORRUPT + "|long|pax|extended|size", is_file("long" * 30, "C" * 1024), HAS_B,
           note="a pax size belongs to the file, not to the L header in between"),
    bad("31-pax-4mib", image([pax([("comment", b"c" * (4 << 20))]), A], compression="gzip"),
        r"pax|extended|" + TOO_BIG),
    ok("31b-pax-comment", image([pax([("comment", "c" * 2000), ("APPLE.x", "y")]), A]), HAS_A),
    bad("31c-pax-record-length", image([pax(b"9 path=abcdef\n"), A]), PAX_WORDS),
    bad("31d-pax-record-no-newline", image([pax(b"10 path=bb"), A]), PAX_WORDS),
    bad("31e-pax-length-huge", image([pax(b"99999999999999999999 path=b\n"), A]), PAX_WORDS),
    ok("31f-pax-last-record-wins", image([pax([("path", "b"), ("path", "a")]), file("x", "alpha\n")]), HAS_A),
    bad("31g-long-name-huge", image(Tar(longname("n" * (2 << 20)), A), compression="gzip"), TOO_BIG),
    either("31h-pax-without-file", image([A, pax([("path", "x")])]), PAX_WORDS + "|" + TRUNCATED, HAS_A),
    ok("36-xattr-overlay-opaque", image([directory("d"), file("d/low", "x")], [directory("d",
       xattrs={"trusted.overlay.opaque": b"y", "user.overlay.opaque": b"y"})]), is_file("d/low", "x"),
       is_dir("d", no_xattrs=["trusted.overlay.opaque", "user.overlay.opaque"])),
    ok("37-xattr-overlay-redirect", image([directory("secret"), file("secret/f", "x"), directory("d")],
       [directory("d", xattrs={"trusted.overlay.redirect": b"/secret", "user.overlay.redirect": b"/secret"})]),
       is_dir("d", [], no_xattrs=["trusted.overlay.redirect", "user.overlay.redirect"])),
    ok("37b-xattr-overlay-metacopy", image([file("f", "lower")], [file("f", "upper", xattrs={
       "trusted.overlay.metacopy": b"", "user.overlay.metacopy": b""})]), is_file("f", "upper")),
    ok("57-xattr-without-namespace", image([file("a", "alpha\n", xattrs={"nonsense": b"x"})]), HAS_A),
    ok("57b-xattrs", image([file("a", "alpha\n", xattrs={"user.text": b"value", "user.binary": b"\0\xff\n=\0"}),
       directory("d", xattrs={"user.on.dir": b"1"})]),
       is_file("a", xattrs={"user.text": b"value".hex(), "user.binary": b"\0\xff\n=\0".hex()}),
       is_dir("d", xattrs={"user.on.dir": b"1".hex()})),
    either("80-global-path", image([pax([("path", "gg"), ("size", "3")], kind="g"), A, B]), r"global|pax|extended",
           HAS_A, HAS_B, note="a global path or size is refused or has no effect"),
    ok("80b-global-comment", image([pax([("comment", "0123456789" * 4)], kind="g"), A]), HAS_A,
       note="git archive starts with one"),
]


def sparse_content(size: int, segments) -> str:
    """SHA-256 of the file that the segments describe."""
    data = bytearray(size)
    for offset, part in segments:
        data[offset:offset + len(part)] = part
    return hashlib.sha256(data).hexdigest()


def sparse(function, size=2 << 20, segments=((4096, b"S" * 512), (1 << 20, b"T" * 100))):
    """Builder and facts of an image with one sparse file made by `function`, and a file behind it."""
    build = image([directory("d"), function("d/s", size, segments), B], compression="gzip")
    return build, is_file("d/s", size=size, sha256=sparse_content(size, segments), max_blocks=512), HAS_B


MANY = [(n << 13, b"%05d" % n) for n in range(30)] + [(300 << 10, b"")]
END_5G = [(BIG - 512, b"E" * 512)]
HUGE = {"size": BIG, "max_blocks": 64}

SPARSE = [
    ok("60-sparse-gnu", *sparse(sparse_gnu)),
    ok("60b-sparse-pax-0.0", *sparse(sparse_pax00)),
    ok("60c-sparse-pax-0.1", *sparse(sparse_pax01)),
    ok("60d-sparse-pax-1.0", *sparse(sparse_pax10)),
    ok("60e-sparse-gnu-extended", *sparse(sparse_gnu, 300 << 10, MANY)),
    ok("60f-sparse-all-hole", *sparse(sparse_pax10, 1 << 20, [(1 << 20, b"")])),
    bad("60g-sparse-map-claims-huge", image([sparse_pax10("s", 1 << 20, [], table=b"99999999999\n0\n0\n"), B]),
        SPARSE_WORDS),
    bad("60h-sparse-overlap", image([sparse_pax01("s", 8192, [(0, b"x" * 1024), (512, b"y" * 1024)]), B]),
        SPARSE_WORDS + "|overlap"),
    bad("60i-sparse-beyond-size", image([sparse_pax10("s", 1024, [(4096, b"x" * 512)]), B]), SPARSE_WORDS),
    bad("60j-sparse-map-not-numbers", image([sparse_pax01("s", 8192, [(0, b"x")], table="0,x"), B]), SPARSE_WORDS),
    bad("60k-sparse-data-short", image([sparse_pax01("s", 8192, [(0, b"x" * 100)], table="0,5000"), B]),
        SPARSE_WORDS + "|size|" + TRUNCATED),
    bad("60l-sparse-4-exbibyte", image([sparse_pax10("s", 1 << 62, [(0, b"x")]), B]), SPARSE_WORDS),
    ok("59-sparse-over-4gib", image([sparse_gnu("s", BIG, END_5G), sparse_pax10("t", BIG, END_5G)]),
       is_file("s", **HUGE), is_file("t", **HUGE), tags="large"),
    bad("59b-size-9gib-truncated", image(Tar(file("a", b"x" * 512, size=9 << 30, format="gnu"), eof_blocks=0)),
        TRUNCATED + "|" + TOO_BIG),
    bad("59c-size-9gib-pax-truncated", image(Tar(file("a", b"x" * 512, size=9 << 30), eof_blocks=0)),
        TRUNCATED + "|" + TOO_BIG),
    ok("61-zero-runs", image([file("z", Zeros(4 << 20)), B], compression="gzip"), is_file("z", size=4 << 20), HAS_B,
       note="may be stored with holes"),
    ok("61b-zeros-at-gzips-best-ratio", image([file("z", Zeros(128 << 20)), B], compression="gzip"),
       is_file("z", size=128 << 20), HAS_B, tags="large", note="1:1029 and no bomb: somebody's empty disk image"),
]

ROWS = tagged("oci", END_OF_ARCHIVE + NAMES + NUMBERS + TYPES + PAX + SPARSE)
