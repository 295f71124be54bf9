"""The third layer of the Debian test image: deletes and overwrites, and entries of the rarer kinds.

It is made against the tree that it will be put on, and refuses to be made where that tree lacks what it changes.
"""

import os
import stat

from imagekit.entries import chardev, directory, fifo, file, hardlink, opaque, symlink, whiteout
from imagekit.sources import Joined, Noise, Zeros
from imagekit.sparse import sparse_pax10
from imagekit.tarfmt import DIR, to_bytes

DELETED_FILES = ("etc/issue.net", "usr/share/debconf/confmodule.sh", "usr/bin/wall")
DELETED_DIRECTORY = "usr/share/pam-configs"
OPAQUE_DIRECTORY = "usr/share/doc"
FILE_TO_DIRECTORY = "etc/issue"
DIRECTORY_TO_SYMLINK = "usr/share/menu"
SYMLINK_TO_DIRECTORY = "var/lock"
PASSWD = "etc/passwd"
FOLDER = "usr/local/lib/agena"
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service=ep


def require(root, name: str, test) -> str:
    """The name, if the path below `root` is of the kind that a change needs."""
    if not test(os.path.join(root, name)):
        raise RuntimeError(f"the base system has no fitting '{name}'")
    return name


def overwrites(root, mtime: int) -> list:
    """What replaces or hides something of the layers below."""
    is_dir = lambda path: os.path.isdir(path) and not os.path.islink(path)  # noqa: E731
    with open(os.path.join(root, PASSWD), encoding="utf-8") as stream:
        passwd = stream.read() + "demo:x:1000:1000:Demo:/home/demo:/bin/sh\n"
    hidden = require(root, OPAQUE_DIRECTORY, is_dir)
    issue = require(root, FILE_TO_DIRECTORY, os.path.isfile)
    lock = require(root, SYMLINK_TO_DIRECTORY, os.path.islink)
    at = {"mtime": mtime}
    return [
        *[whiteout(require(root, name, os.path.isfile), **at) for name in DELETED_FILES],
        whiteout(require(root, DELETED_DIRECTORY, is_dir), **at),
        directory(hidden, **at), file(hidden + "/README", "what was here is hidden\n", **at), opaque(hidden, **at),
        directory(issue, 0o711, **at), file(issue + "/text", "a directory now\n", **at),
        symlink(require(root, DIRECTORY_TO_SYMLINK, is_dir), "misc", **at),
        directory(lock, 0o1777, **at), file(lock + "/marker", "", **at),
        file(require(root, PASSWD, os.path.isfile), passwd, **at),
        directory("home/demo", 0o700, uid=1000, gid=1000, **at),
    ]


def rarities(mtime: int) -> list:
    """One of every kind of entry that a layer may hold, in a folder of their own."""
    at = {"mtime": mtime}
    return [
        directory(FOLDER, 0o2755, gid=50, **at),
        file(FOLDER + "/setuid", "#!/bin/sh\n", 0o4755, uid=1000, gid=1000, **at),
        file(FOLDER + "/capability", "#!/bin/sh\n", 0o755, xattrs={"security.capability": CAPABILITY}, **at),
        file(FOLDER + "/xattrs", "", xattrs={"user.text": b"value", "user.binary": bytes(range(256))}, **at),
        file(FOLDER + "/linked", "three names\n", **at),
        hardlink(FOLDER + "/linked2", FOLDER + "/linked", **at),
        hardlink(FOLDER + "/linked3", FOLDER + "/linked2", **at),
        chardev(FOLDER + "/null", 1, 3, **at), fifo(FOLDER + "/pipe", 0o600, **at),
        symlink(FOLDER + "/dangling", "/nowhere/at all", **at),
        file(FOLDER.encode() + b"/caf\xe9", "latin-1 name\n", **at),
        file(FOLDER + "/" + "n" * 255, "longest name\n", **at),
        *[directory(FOLDER + "/deep" + ("/" + "d" * 60) * depth, **at) for depth in range(8)],
        file(FOLDER + "/deep" + ("/" + "d" * 60) * 8, "deep\n", **at),
        file(FOLDER + "/holes", Joined(Noise(5000), Zeros(8 << 20), Noise(5000, b"end")), **at),
        *sparse_pax10(FOLDER + "/sparse", 64 << 20, [(1 << 20, b"s" * 4096), (60 << 20, b"t" * 100)], **at),
        file(FOLDER + "/old", "", mtime=-86_400), file(FOLDER + "/future", "", mtime=(1 << 33) + 1),
        file(FOLDER + "/big-owner", "", uid=2_000_000_000, gid=2_000_000_001, **at),
    ]


def with_parents(root, items: list) -> list:
    """The items led by the directories of the tree that they are in, as engines write layers.

    Without them the time of such a directory would be left open: the specification does not say what a directory
    that a layer only implies looks like.
    """
    listed = {to_bytes(item.name).rstrip(b"/") for item in items if item.kind == DIR}
    parents = {}
    for item in items:
        parts = to_bytes(item.name).rstrip(b"/").split(b"/")
        for depth in range(1, len(parts)):
            name = b"/".join(parts[:depth])
            path = os.path.join(os.fsencode(root), name)
            if name not in listed and os.path.isdir(path):
                info = os.lstat(path)
                parents[name] = directory(name, stat.S_IMODE(info.st_mode), uid=info.st_uid, gid=info.st_gid,
                                          mtime=info.st_mtime_ns // 1_000_000_000)
    return [parents[name] for name in sorted(parents)] + items


def changes(root, mtime: int) -> list:
    """The layer for the tree below `root`; every time that is not a point of its own is `mtime`."""
    return with_parents(root, overwrites(root, mtime) + rarities(mtime))
