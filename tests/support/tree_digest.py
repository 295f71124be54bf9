#!/usr/bin/env python3
"""Prints a canonical listing of a tree, one line per path, so that two trees compare with diff.

    tree_digest.py [--no-root] [--no-dir-mtime] [--no-mtime] [--digest] DIR

Parents come first, siblings in bytewise order. Columns: type, mode, uid:gid, size (rdev for devices, - otherwise),
mtime in seconds, path, then what applies of `-> target`, `= first path of the hard link group`, `xattr NAME=hex`,
`sha256=hex`. Bytes outside printable ASCII, the backslash and the blank are written as \\xNN. With --digest only the
SHA-256 of the listing is printed, with --no-root the line of DIR itself is left out.
"""

import argparse
import hashlib
import os
import stat
import sys

LETTERS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
           stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
XATTRS = ("security.", "user.")


def quoted(name: bytes) -> str:
    """A name without blanks and unprintable bytes."""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte != 0x5C else f"\\x{byte:02x}" for byte in name)


def content_digest(path: bytes) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def paths_below(top: bytes):
    """All paths below `top`, parents first, siblings bytewise."""
    for name in sorted(os.listdir(top)):
        path = os.path.join(top, name)
        yield path
        if stat.S_ISDIR(os.lstat(path).st_mode):
            yield from paths_below(path)


def link_groups(root: bytes, paths) -> dict:
    """(device, inode) -> first path, for non-directories that have several names inside the tree."""
    names = {}
    for path in paths:
        info = os.lstat(path)
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
            names.setdefault((info.st_dev, info.st_ino), []).append(path)
    return {key: group[0] for key, group in names.items() if len(group) > 1}


def line(root: bytes, path: bytes, groups: dict, mtime: bool, dir_mtime: bool) -> str:
    """One line of the listing."""
    info = os.lstat(path)
    kind = stat.S_IFMT(info.st_mode)
    size, extra = "-", []
    if kind == stat.S_IFREG:
        size = str(info.st_size)
        extra.append("sha256=" + content_digest(path))
    elif kind == stat.S_IFLNK:
        extra.append("-> " + quoted(os.readlink(path)))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        size = f"{os.major(info.st_rdev)},{os.minor(info.st_rdev)}"
    first = groups.get((info.st_dev, info.st_ino))
    if first is not None and kind != stat.S_IFDIR:
        extra.append("= " + quoted(os.path.relpath(first, root)))
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if name.startswith(XATTRS):
            extra.append(f"xattr {name}={os.getxattr(path, name, follow_symlinks=False).hex()}")
    shown = mtime and (dir_mtime or kind != stat.S_IFDIR)
    seconds = str(info.st_mtime_ns // 1_000_000_000) if shown else "-"
    name = quoted(os.path.relpath(path, root))
    return " ".join([LETTERS[kind], f"{stat.S_IMODE(info.st_mode):04o}", f"{info.st_uid}:{info.st_gid}", size, seconds,
                     name, *extra])


def listing(root, mtime: bool = True, dir_mtime: bool = True) -> list:
    """The lines for the tree below `root`, the root itself first."""
    root = os.fsencode(root)
    paths = list(paths_below(root))
    groups = link_groups(root, paths)
    return [line(root, path, groups, mtime, dir_mtime) for path in [root, *paths]]


def main() -> int:
    parser = argparse.ArgumentParser(description="canonical listing of a tree")
    parser.add_argument("directory")
    parser.add_argument("--no-mtime", action="store_true", help="leave all times out")
    parser.add_argument("--no-dir-mtime", action="store_true", help="leave the times of directories out")
    parser.add_argument("--digest", action="store_true", help="print the SHA-256 of the listing only")
    parser.add_argument("--no-root", action="store_true", help="leave the line of the directory itself out")
    arguments = parser.parse_args()
    lines = listing(arguments.directory, not arguments.no_mtime, not arguments.no_dir_mtime)[arguments.no_root:]
    text = "".join(text + "\n" for text in lines)
    sys.stdout.write(hashlib.sha256(text.encode()).hexdigest() + "\n" if arguments.digest else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
