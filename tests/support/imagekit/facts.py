"""Facts about an unpacked tree, as plain data, and their check.

A fact is a dict with `path` and the attributes that must hold. It can be written as JSON; names and contents that are
no UTF-8 use surrogate escapes, xattr values are hexadecimal.
"""

import hashlib
import os
import stat

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}


def fact(path, type_, **attributes) -> dict:
    return {"path": path if isinstance(path, str) else path.decode("utf-8", "surrogateescape"), "type": type_,
            **attributes}


def is_file(path, content=None, **attributes) -> dict:
    if content is not None:
        attributes["content"] = content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else content
    return fact(path, "file", **attributes)


def is_dir(path, children=None, **attributes) -> dict:
    """`children` is the complete list of names in the directory."""
    if children is not None:
        attributes["children"] = sorted(children)
    return fact(path, "dir", **attributes)


def is_link(path, target, **attributes) -> dict:
    return fact(path, "symlink", target=target, **attributes)


def absent(path) -> dict:
    return fact(path, "absent")


def same_inode(path, other) -> dict:
    return fact(path, "any", same_inode=other)


def _content(path, info):
    with open(path, "rb") as stream:
        return stream.read().decode("utf-8", "surrogateescape")


def _sha256(path, info):
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _inode(path):
    info = os.lstat(path)
    return info.st_dev, info.st_ino


# attribute -> reader of the found value; same_inode, xattrs and no_xattrs need the fact and are below
READERS = {
    "mode": lambda path, info: stat.S_IMODE(info.st_mode),
    "uid": lambda path, info: info.st_uid,
    "gid": lambda path, info: info.st_gid,
    "size": lambda path, info: info.st_size,
    "mtime": lambda path, info: info.st_mtime_ns // 1_000_000_000,
    "mtime_ns": lambda path, info: info.st_mtime_ns,
    "nlink": lambda path, info: info.st_nlink,
    "rdev": lambda path, info: [os.major(info.st_rdev), os.minor(info.st_rdev)],
    "target": lambda path, info: os.fsdecode(os.readlink(path)),
    "children": lambda path, info: sorted(os.fsdecode(name) for name in os.listdir(path)),
    "content": _content,
    "sha256": _sha256,
    "max_blocks": lambda path, info: info.st_blocks,
}


def _mismatch(root: bytes, path: bytes, info, key, want):
    if key == "same_inode":
        return None if _inode(path) == _inode(os.path.join(root, os.fsencode(want))) else "another inode"
    if key == "xattrs":
        for name, value in want.items():
            try:
                found = os.getxattr(path, name, follow_symlinks=False).hex()
            except OSError as error:
                return f"{name}: {error.strerror}"
            if found != value:
                return f"{name}={found}"
        return None
    if key == "no_xattrs":
        found = set(want) & set(os.listxattr(path, follow_symlinks=False))
        return f"has {sorted(found)}" if found else None
    found = READERS[key](path, info)
    good = found <= want if key == "max_blocks" else found == want
    return None if good else repr(found)


def check(root, facts) -> list:
    """The violations as texts; an empty list means that all facts hold below `root`."""
    root = os.fsencode(root)
    wrong = []
    for item in facts:
        path = os.path.join(root, os.fsencode(item["path"])) if item["path"] else root
        try:
            info = os.lstat(path)
        except OSError:
            info = None
        found = "absent" if info is None else TYPES[stat.S_IFMT(info.st_mode)]
        if item["type"] not in (found, "any") or (info is None and item["type"] == "any"):
            wrong.append(f"{item['path']!r}: is {found}, expected {item['type']}")
            continue
        for key, want in item.items():
            if key in ("path", "type"):
                continue
            problem = _mismatch(root, path, info, key, want)
            if problem is not None:
                wrong.append(f"{item['path']!r}: {key} is {problem}, expected {want!r}")
    return wrong
