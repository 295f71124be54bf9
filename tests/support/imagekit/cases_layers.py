"""Cases: layers on top of each other (whiteouts, opaque directories, links), and the compressed form of a layer."""

from . import oci
from .case import (CHECKSUM, CORRUPT, MISMATCH, TOO_BIG, TRAILING, TRAVERSAL, TRUNCATED, Tar, bad, either, image,
                   images, ok, stored, tagged)
from .compress import gzip_member, zstd_frame, zstd_skippable
from .entries import directory, file, hardlink, opaque, symlink, whiteout
from .facts import absent, is_dir, is_file, is_link, same_inode
from .sources import Noise
from .tarfmt import EPOCH, tar_bytes

LOWER = [directory("d"), file("d/one", "1"), file("d/two", "2"), file("top", "t")]
BARE = r"whiteout|\.wh\.|name"

WHITEOUTS = [
    ok("12-whiteout-missing", image(LOWER, [whiteout("d/none"), whiteout("no/dir/here")]),
       is_dir("d", ["one", "two"]), absent("d/.wh.none")),
    ok("12b-whiteout-file-and-directory", image(LOWER + [directory("e"), file("e/f", "x")],
       [whiteout("d/one"), whiteout("e")]), is_dir("d", ["two"]), absent("e"), is_dir("", ["d", "top"])),
    ok("12c-whiteout-in-first-layer", image([whiteout("x"), opaque("d"), directory("d"), file("d/f", "x")]),
       is_dir("d", ["f"])),
    ok("12d-whiteout-then-again", image(LOWER, [whiteout("d/one")], [file("d/one", "new")]),
       is_file("d/one", "new"), is_dir("d", ["one", "two"])),
    bad("13-whiteout-bare", image(LOWER, [directory("d"), file("d/.wh.", "")]), BARE),
    bad("14-whiteout-dot", image(LOWER, [directory("d"), file("d/.wh..", "")]), BARE),
    bad("15-whiteout-dotdot", image(LOWER, [directory("d"), file("d/.wh...", "")]), BARE),
    bad("15b-whiteout-dotdot-at-root", image(LOWER, [file(".wh...", "")]), BARE),
    ok("16-opaque-after-siblings", image(LOWER, [directory("d"), file("d/new", "n"), opaque("d")]),
       is_dir("d", ["new"])),
    ok("16b-opaque-before-siblings", image(LOWER, [directory("d"), opaque("d"), file("d/new", "n")]),
       is_dir("d", ["new"])),
    ok("16c-opaque-without-directory-entry", image([directory("d", mode=0o700, mtime=5), file("d/f", "x")],
       [opaque("d")]), is_dir("d", [], mode=0o700)),
    ok("16d-opaque-nested", image([directory("a"), directory("a/b"), file("a/b/f", "x"), file("a/g", "x")],
       [directory("a"), directory("a/b"), opaque("a/b"), file("a/b/h", "y")]), is_dir("a", ["b", "g"]),
       is_dir("a/b", ["h"])),
    ok("17-file-then-own-whiteout", image(LOWER, [file("d/one", "new"), whiteout("d/one")]), is_file("d/one", "new"),
       note="whiteouts act on lower layers only"),
    ok("17b-own-whiteout-then-file", image(LOWER, [whiteout("d/one"), file("d/one", "new")]), is_file("d/one", "new")),
    ok("76-whiteout-and-recreate-directory", image(LOWER, [whiteout("d"), directory("d", mode=0o711),
       file("d/new", "n")]), is_dir("d", ["new"], mode=0o711)),
    ok("76b-recreate-directory-then-whiteout", image(LOWER, [directory("d", mode=0o711), file("d/new", "n"),
       whiteout("d")]), is_dir("d", ["new"], mode=0o711)),
    ok("76c-directory-to-file-to-directory", image(LOWER, [file("d", "x")], [directory("d"), file("d/z", "z")]),
       is_dir("d", ["z"]), note="what is two layers down must not shine through"),
    ok("77-opaque-root", image(LOWER, [opaque(), file("only", "o")]), is_dir("", ["only"])),
    either("77b-aufs-leftovers", image(LOWER, [directory(".wh..wh.plnk", mode=0o700), file(".wh..wh.aufs", "")]),
           BARE + "|aufs", is_dir("", ["d", "top"]), note="metadata of old docker hosts: skipped or refused"),
    ok("77c-whiteout-of-symlink", image([directory("r"), file("r/f", "x"), symlink("l", "r")], [whiteout("l")]),
       absent("l"), is_file("r/f", "x")),
    ok("77d-whiteout-as-other-types", image(LOWER, [symlink("d/.wh.one", "two"), directory("d/.wh.two")]),
       is_dir("d", []), note="the name alone makes a whiteout"),
]

LINKS = [
    ok("20-symlink-parent-inside", image([directory("real"), symlink("link", "real"), file("link/x", "x")]),
       is_file("real/x", "x"), is_link("link", "real")),
    bad("20b-symlink-parent-outside", image([symlink("link", "../../../../../../tmp"), file("link/x", "x")]),
        TRAVERSAL + "|link|directory"),
    bad("20c-symlink-parent-absolute", image([symlink("link", "/tmp"), file("link/agena-escape", "x")]),
        TRAVERSAL + "|link|directory"),
    bad("20d-symlink-loop-parent", image([symlink("l1", "l2"), symlink("l2", "l1"), file("l1/x", "x")]),
        r"loop|link|levels|too many"),
    bad("20e-symlink-proc-fd", image([symlink("link", "/proc/self/root/tmp"), file("link/agena-escape", "x")]),
        TRAVERSAL + "|link|directory"),
    either("21-symlink-parent-of-lower-layer", image([directory("usr"), directory("usr/bin"), file("usr/bin/sh", "s"),
           symlink("bin", "usr/bin")], [file("bin/tool", "t")]), TRAVERSAL + "|link|director",
           is_file("bin/tool", "t"), is_file("usr/bin/sh", "s"), is_file("bin/sh", "s"),
           note="a layer built without its base: bin must stay usable, so refusing is the only other choice"),
    either("21b-symlink-parent-of-lower-layer-outside", image([symlink("out", "../../../../tmp")],
           [file("out/agena-escape", "x")]), TRAVERSAL + "|link|director", is_file("tmp/agena-escape", "x")),
    ok("21c-implied-parent-keeps-metadata", image([directory("p", mode=0o2750, uid=7, gid=8, mtime=99),
       directory("p/q", mode=0o700, uid=9), file("p/q/f", "x")], [file("p/q/g", "y")]),
       is_dir("p", ["q"], mode=0o2750, uid=7, gid=8), is_dir("p/q", ["f", "g"], mode=0o700, uid=9), tags="root",
       note="parents that an upper layer does not list keep the lower layer's owner and mode"),
    ok("21d-whiteout-below-implied-parent", image([directory("p", mode=0o750, gid=8), file("p/f", "x"),
       file("p/g", "y")], [whiteout("p/f")]), is_dir("p", ["g"], mode=0o750, gid=8), tags="root"),
    ok("21e-implied-new-parents", image([file("x/y/z", "z")]), is_dir("x/y", ["z"], mode=0o755, uid=0, gid=0)),
    ok("56-directory-to-symlink", image(LOWER, [symlink("d", "elsewhere")]), is_link("d", "elsewhere")),
    ok("56b-symlink-to-directory", image([directory("real"), file("real/f", "x"), symlink("d", "real")],
       [directory("d"), file("d/g", "y")]), is_dir("d", ["g"]), is_dir("real", ["f"])),
    ok("56c-file-to-directory", image([file("d", "x")], [directory("d"), file("d/g", "y")]), is_dir("d", ["g"])),
    ok("56d-directory-over-directory", image([directory("d", mode=0o700, xattrs={"user.low": b"1"}), file("d/f", "x")],
       [directory("d", mode=0o755, mtime=EPOCH + 9)]), is_dir("d", ["f"], mode=0o755, mtime=EPOCH + 9)),
    ok("78-hardlink-to-lower-layer", image(LOWER, [hardlink("linked", "d/one")]), is_file("linked", "1"),
       is_file("d/one", "1"), same_inode("linked", "d/one")),
    ok("78b-hardlink-to-lower-layer-metadata", image([file("f", "x", mode=0o4755, uid=3, gid=4, mtime=77,
       xattrs={"user.k": b"v"})], [directory("n"), hardlink("n/l", "f")]),
       is_file("n/l", "x", mode=0o4755, uid=3, gid=4, mtime=77, xattrs={"user.k": b"v".hex()}), tags="root"),
    either("78c-hardlink-to-lower-symlink", image([symlink("s", "t")], [hardlink("l", "s")]), r"link|target",
           is_link("l", "t")),
    bad("78d-hardlink-to-nothing-below", image(LOWER, [hardlink("l", "d/three")]), r"target|link|not found|no such"),
    ok("79-hardlink-across-opaque", image([directory("d"), file("d/a", "x"), directory("e"), hardlink("e/b", "d/a")],
       [directory("d"), opaque("d"), file("d/new", "n")]), is_dir("d", ["new"]), is_file("e/b", "x")),
    either("79b-hardlink-to-hidden-file", image(LOWER, [directory("d"), opaque("d"), hardlink("l", "d/one")]),
           r"target|link|not found|no such", is_file("l", "1"), is_dir("d", [])),
    ok("79c-hardlink-group-half-replaced", image([file("a", "x"), hardlink("b", "a")], [file("a", "new")]),
       is_file("a", "new"), is_file("b", "x")),
]

PLAIN = [directory("p"), file("p/f", "plain")]
PRIVATE = [directory("p", mode=0o700, uid=7, gid=8), file("p/f", "private", mode=0o600, uid=7)]
LINKED = [directory("u", mode=0o711), directory("u/p"), file("u/p/f", "linked"), symlink("p", "u/p")]
ADDS, DELETES, LINKS_UP = [file("p/new", "n")], [whiteout("p/f")], [hardlink("own", "p/f")]

SHARED = [  # one layer above several others, fetched in turn: what was unpacked for the first must suit the last
    ok("86-shared-implied-parent", images([PLAIN, ADDS], [PRIVATE, ADDS]), is_dir("p", ["f", "new"], mode=0o700,
       uid=7, gid=8), is_file("p/f", "private"), is_file("p/new", "n", uid=0), tags="root"),
    ok("86b-shared-implied-parent-reversed", images([PRIVATE, ADDS], [PLAIN, ADDS]), is_dir("p", ["f", "new"],
       mode=0o755, uid=0, gid=0), is_file("p/f", "plain"), tags="root"),
    ok("86c-shared-first-as-lowest", images([ADDS], [PRIVATE, ADDS]), is_dir("p", ["f", "new"], mode=0o700, uid=7),
       tags="root"),
    ok("86d-shared-last-as-lowest", images([PRIVATE, ADDS], [ADDS]), is_dir("p", ["new"], mode=0o755, uid=0),
       tags="root"),
    either("86e-shared-symlink-parent", images([PLAIN, ADDS], [LINKED, ADDS]), TRAVERSAL + "|link|director",
           is_file("p/new", "n"), is_file("p/f", "linked"), is_file("u/p/f", "linked")),
    ok("86f-shared-whiteout-first-as-lowest", images([DELETES], [PLAIN, DELETES]), is_dir("p", [])),
    ok("86g-shared-whiteout-last-as-lowest", images([PLAIN, DELETES], [DELETES + [file("a", "x")]], [DELETES]),
       absent("p/f")),
    ok("86h-shared-hardlink-to-lower", images([PLAIN, LINKS_UP], [PRIVATE, LINKS_UP]), is_file("own", "private",
       mode=0o600, uid=7), same_inode("own", "p/f"), tags="root"),
    ok("86i-same-layers-other-order", images([PLAIN, PRIVATE], [PRIVATE, PLAIN]), is_file("p/f", "plain", mode=0o644),
       is_dir("p", ["f"], mode=0o755, uid=0), tags="root"),
    bad("86j-shared-hardlink-without-target", images([PLAIN, LINKS_UP], [[file("z", "")], LINKS_UP]),
        r"target|link|not found|no such"),
]

TAR = tar_bytes([file("a", "alpha\n"), file("n", Noise(40_000))])
GZ = gzip_member(TAR)
HAS_A, HAS_N = is_file("a", "alpha\n"), is_file("n", size=40_000)
ZSTD = oci.LAYER + "+zstd"
HALF = len(TAR) // 2
GZ_CONTENT = r"gzip|" + CORRUPT
MEDIA = r"media ?type|gzip|zstd|compress|magic|" + MISMATCH + "|" + CORRUPT

COMPRESSED = [
    bad("01-wrong-diff-id", stored(GZ, TAR + b"x"), r"diff ?id|digest|" + MISMATCH),
    bad("02-gzip-truncated", stored(GZ[:-1000], TAR), TRUNCATED),
    bad("03-gzip-no-trailer", stored(gzip_member(TAR, trailer=False), TAR), TRUNCATED),
    bad("03b-gzip-half-trailer", stored(GZ[:-4], TAR), TRUNCATED),
    bad("04-gzip-bad-crc", stored(gzip_member(TAR, crc=1), TAR), CHECKSUM + "|" + CORRUPT),
    bad("04b-gzip-bad-size", stored(gzip_member(TAR, isize=1), TAR), r"size|length|" + CHECKSUM + "|" + CORRUPT),
    ok("05-gzip-members", stored(gzip_member(TAR[:HALF]) + gzip_member(TAR[HALF:]), TAR), HAS_A, HAS_N),
    ok("05b-gzip-empty-members", stored(gzip_member(b"") + GZ + gzip_member(b""), TAR), HAS_A, HAS_N),
    bad("05c-gzip-second-member-bad-crc", stored(gzip_member(TAR[:HALF]) + gzip_member(TAR[HALF:], crc=9), TAR),
        CHECKSUM + "|" + CORRUPT),
    bad("06-gzip-trailing-garbage", stored(GZ + b"garbage", TAR), TRAILING + "|" + GZ_CONTENT),
    bad("07-gzip-trailing-zeros", stored(GZ + b"\0" * 512, TAR), TRAILING + "|" + GZ_CONTENT),
    bad("07b-gzip-reserved-block", stored(GZ[:10] + b"\x07" + GZ[11:], TAR), GZ_CONTENT + r"|inflate|block"),
    bad("07c-gzip-only-header", stored(GZ[:10], TAR), TRUNCATED),
    bad("07d-gzip-flipped-bit", stored(GZ[:600] + bytes([GZ[600] ^ 4]) + GZ[601:], TAR),
        CHECKSUM + r"|inflate|" + GZ_CONTENT + "|" + TRUNCATED),
    bad("40-says-tar-is-gzip", stored(GZ, TAR, oci.LAYER), MEDIA),
    bad("41-says-gzip-is-tar", stored(TAR, TAR), MEDIA),
    bad("42-says-gzip-is-zstd", stored(zstd_frame(TAR), TAR), MEDIA),
    bad("42b-says-zstd-is-gzip", stored(GZ, TAR, ZSTD), MEDIA),
    bad("43-unknown-layer-type", stored(TAR, TAR, "application/vnd.example.layer.v1.tar+lz4"),
        r"media ?type|unsupported|unknown"),
    bad("43b-encrypted-layer", stored(GZ, TAR, oci.LAYER + "+gzip+encrypted"), r"encrypt|media ?type|unsupported"),
    ok("68-zstd-chunked", stored(zstd_frame(TAR[:HALF], checksum=True) + zstd_skippable(b"toc" * 99) +
       zstd_frame(TAR[HALF:]) + zstd_skippable(b"footer", 1), TAR, ZSTD), HAS_A, HAS_N),
    bad("68b-zstd-window-limit", stored(zstd_frame(TAR, window_log=31), TAR, ZSTD), r"window|memory|zstd|" + TOO_BIG),
    bad("68c-zstd-truncated", stored(zstd_frame(TAR)[:-500], TAR, ZSTD), TRUNCATED),
    bad("68d-zstd-bad-checksum", stored(zstd_frame(TAR, bad_checksum=True), TAR, ZSTD), CHECKSUM + "|zstd|" + CORRUPT),
    bad("68e-zstd-trailing-garbage", stored(zstd_frame(TAR) + b"garbage!", TAR, ZSTD), TRAILING + "|zstd|" + CORRUPT),
    bad("68f-zstd-skippable-truncated", stored(zstd_frame(TAR) + zstd_skippable(b"x" * 99)[:-9], TAR, ZSTD), TRUNCATED),
    ok("68g-zstd-image", image([file("a", "alpha\n"), file("n", Noise(40_000))], compression="zstd"), HAS_A, HAS_N),
    ok("67-repeated-layer", image([file("a", "alpha\n")], Tar(), [file("a", "other")], Tar(), [file("a", "alpha\n")]),
       HAS_A, note="one layer twice in an image, and the empty layer twice"),
]

ROWS = tagged("oci", WHITEOUTS + LINKS + SHARED + COMPRESSED)
