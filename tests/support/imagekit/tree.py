"""Directory trees as archive members, and the difference of two trees as a layer.

`scan` lists a tree in a fixed order with everything a tar member can carry. `difference` compares two such listings the
way a container engine commits a layer: changed and new paths, whiteouts for what is gone.
"""

import hashlib
import os
import stat
from dataclasses import replace

from .entries import whiteout
from .sources import File
from .tarfmt import BLK, CHR, DIR, FIFO, LINK, REG, SYM, Entry, to_bytes

KINDS = {stat.S_IFREG: REG, stat.S_IFDIR: DIR, stat.S_IFLNK: SYM, stat.S_IFCHR: CHR, stat.S_IFBLK: BLK,
         stat.S_IFIFO: FIFO}
XATTRS = ("security.capability", "user.")  # the names and prefixes that images carry


def read_xattrs(path) -> dict:
    """The extended attributes of a path that images carry, as bytes by name."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return {}
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in sorted(names) if name.startswith(XATTRS)}


def scan(root, ids: bool = True) -> list:
    """The tree below `root` as entries in bytewise order, parents first. Sockets are left out.

    Names are bytes without a leading slash; the root itself is not listed. `ids=False` sets all owners to 0.
    """
    root = os.fsencode(root)
    entries, links = [], {}
    for path in _walk(root):
        info = os.lstat(path)
        kind = KINDS.get(stat.S_IFMT(info.st_mode))
        if kind is None:
            continue
        name = path[len(root):].lstrip(b"/")
        entry = Entry(name + (b"/" if kind == DIR else b""), kind, mode=stat.S_IMODE(info.st_mode),
                      uid=info.st_uid if ids else 0, gid=info.st_gid if ids else 0,
                      mtime=info.st_mtime_ns // 1_000_000_000, xattrs=read_xattrs(path))
        key = (info.st_dev, info.st_ino)
        if kind != DIR and info.st_nlink > 1 and key in links:
            entry.kind, entry.linkname, entry.xattrs = LINK, links[key], {}
        elif kind == REG:
            entry.data = File(path, info.st_size)
        elif kind == SYM:
            entry.linkname = os.readlink(path)
        elif kind in (CHR, BLK):
            entry.devmajor, entry.devminor = os.major(info.st_rdev), os.minor(info.st_rdev)
        if kind != DIR:
            links.setdefault(key, name)
        entries.append(entry)
    return entries


def clamp_times(root, latest: int):
    """Sets every later mtime below `root` to `latest`, which makes trees of different build times equal."""
    for path in _walk(os.fsencode(root)):
        if os.lstat(path).st_mtime > latest:
            os.utime(path, (latest, latest), follow_symlinks=False)


def _walk(top: bytes):
    for item in sorted(os.scandir(top), key=lambda item: item.name):
        yield item.path
        if item.is_dir(follow_symlinks=False):
            yield from _walk(item.path)


def prefixed(entries, prefix: bytes) -> list:
    """Copies of the entries below another directory, hard link targets included (`rootfs/` for an ACI)."""
    moved = []
    for entry in entries:
        if isinstance(entry, bytes):
            moved.append(entry)
            continue
        link = prefix + to_bytes(entry.linkname) if entry.kind == LINK else entry.linkname
        moved.append(replace(entry, name=prefix + to_bytes(entry.name), linkname=link))
    return moved


def snapshot(root) -> dict:
    """What `difference` needs to remember of a tree that is going to be changed in place: name -> fingerprint."""
    return {entry.name: print_ for entry, print_ in _fingerprints(scan(root))}


def _fingerprints(entries):
    prints = {}
    for entry in entries:
        if entry.kind == LINK:
            print_ = prints[entry.linkname]
        else:
            digest = hashlib.sha256()
            if entry.kind == REG:
                for chunk in entry.data.chunks():
                    digest.update(chunk)
            print_ = (entry.kind, entry.mode, entry.uid, entry.gid, entry.mtime, entry.linkname, entry.devmajor,
                      entry.devminor, tuple(entry.xattrs.items()), digest.digest())
            prints[entry.name] = print_
        yield entry, print_


def difference(before: dict, root) -> list:
    """The layer that turns the tree of the snapshot `before` into what is now below `root`.

    A hard link group of which one name is new or changed is stored whole: links to files of lower layers would make
    the layer depend on its parent. Directories are listed when their own metadata changed, and as parents.
    """
    after = list(_fingerprints(scan(root)))
    changed = {_group(entry) for entry, print_ in after if before.get(entry.name) != print_}
    keep = set()
    for entry, _ in after:
        if _group(entry) in changed:
            keep.add(entry.name)
            parts = entry.name.rstrip(b"/").split(b"/")
            keep.update(b"/".join(parts[:depth]) + b"/" for depth in range(1, len(parts)))
    now = {entry.name.rstrip(b"/") for entry, _ in after}
    layer = [entry for entry, _ in after if entry.name in keep]
    gone = sorted(name for name in before if name.rstrip(b"/") not in now)
    roots = []
    for name in gone:
        if not roots or not name.startswith(roots[-1]):
            roots.append(name.rstrip(b"/") + b"/")
    return layer + [whiteout(name.rstrip(b"/")) for name in roots]


def _group(entry) -> bytes:
    return entry.linkname if entry.kind == LINK else entry.name
