#!/usr/bin/env python3
"""Applies image layers to a directory by the letter of the specifications; an oracle, slow and independent.

    apply_oracle.py TARGET --image REFERENCE      an ACI, oci:PATH[:TAG|@DIGEST] or docker-archive:PATH[:REF]
    apply_oracle.py TARGET LAYER...               layer files, lowest first (tar, or tar in gzip, zstd, bzip2, xz)

It reads archives with python's tarfile, not with the kit that wrote them; zstd needs the program of that name.
Rules: whiteouts and opaque markers act on the layers below only, wherever they stand in the archive; the last entry of
a path wins; a directory over a directory keeps its contents; parents that a layer does not list keep what the layers
below gave them (mode, owner, time, and a symbolic link that leads to a directory inside the root); new ones are 0755,
root's, with time 0; owners are set before modes, modes before xattrs; of the xattrs `security.capability` and `user.*`
without `user.overlay.*` are kept. Paths with `..` and everything else that the specification forbids is an error.
"""

import argparse
import bz2
import gzip
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile

from image_layers import ImageError, LayerFile, layers_of

OPAQUE, WHITEOUT = b".wh..wh..opq", b".wh."
HOLE = 4096
XATTR_PREFIX = "SCHILY.xattr."
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))


class LayerError(Exception):
    """The layer breaks the specification."""


class Root:
    """The target directory; resolves names the way the kernel does for a process that has it as its root."""

    def __init__(self, path):
        self.path = os.path.realpath(os.fsencode(path))
        self.times = {}  # directory -> mtime_ns that it has to have in the end

    def full(self, parts) -> bytes:
        return b"/".join([self.path, *parts])

    def resolve(self, name: bytes, links: int = 40) -> list:
        """Components of `name` with all symbolic links followed, `..` stopping at the root."""
        todo, done = [part for part in name.split(b"/") if part], []
        while todo:
            part = todo.pop(0)
            if part == b".":
                continue
            if part == b"..":
                done = done[:-1]
                continue
            path = self.full([*done, part])
            if os.path.islink(path):
                links -= 1
                if links < 0:
                    raise LayerError(f"{name!r}: too many symbolic links")
                target = os.readlink(path)
                todo = [piece for piece in target.split(b"/") if piece] + todo
                done = [] if target.startswith(b"/") else done
                continue
            done.append(part)
        return done

    def locate(self, name: bytes) -> bytes:
        """The full path of an entry: its parent resolved, its last component as it is."""
        parent, _, base = name.rpartition(b"/")
        return self.full([*self.resolve(parent), base])

    def keep_time(self, directory: bytes):
        """Remembers the time of a directory that is about to change."""
        if directory not in self.times:
            self.times[directory] = os.lstat(directory).st_mtime_ns

    def make_parents(self, name: bytes):
        """Creates the directories above an entry."""
        done = []
        for part in self.resolve(name.rpartition(b"/")[0]):
            self.keep_time(self.full(done))
            done.append(part)
            path = self.full(done)
            if not os.path.lexists(path):
                os.mkdir(path)
                os.chmod(path, 0o755)
                self.times[path] = 0
            elif not os.path.isdir(path):
                raise LayerError(f"{name!r}: parent is no directory")
        self.keep_time(self.full(done))

    def remove(self, path: bytes):
        """Removes whatever is at the full path, if anything."""
        if not os.path.lexists(path):
            return
        self.keep_time(os.path.dirname(path))
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
            self.times = {name: time for name, time in self.times.items() if not (name + b"/").startswith(path + b"/")}
        else:
            os.unlink(path)

    def finish(self):
        for path, time in sorted(self.times.items(), reverse=True):
            os.utime(path, ns=(time, time))


def entry_name(raw) -> bytes:
    """The checked name of an entry without leading slash; empty for the root itself."""
    name = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogateescape")
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise LayerError(f"{name!r}: leads upwards")
    return b"/".join(parts)


def remove_hidden(root: Root, members):
    """First pass: what the markers of this layer delete of the layers below."""
    for member in members:
        name = entry_name(member.name)
        parent, _, base = name.rpartition(b"/")
        if base == OPAQUE:
            path = root.full(root.resolve(parent))
            for child in os.listdir(path) if os.path.isdir(path) else []:
                root.remove(os.path.join(path, child))
        elif base.startswith(WHITEOUT):
            if base[len(WHITEOUT):] in (b"", b".", b".."):
                raise LayerError(f"{name!r}: a whiteout that names no file")
            root.remove(root.locate(parent + b"/" + base[len(WHITEOUT):]))


def copy_sparse(data, out):
    """Copies a file; aligned blocks of zeros become holes."""
    while chunk := data.read(1 << 20):
        if chunk.count(0) == len(chunk):
            out.seek(len(chunk), os.SEEK_CUR)
            continue
        for start in range(0, len(chunk), HOLE):
            block = chunk[start:start + HOLE]
            if block.count(0) == len(block):
                out.seek(len(block), os.SEEK_CUR)
            else:
                out.write(block)
    out.truncate(out.tell())


def make_node(root: Root, archive, member, path: bytes):
    """Creates the file system object of an entry, without its metadata."""
    if member.isdir():
        if not os.path.isdir(path):
            os.mkdir(path)
    elif member.issym():
        os.symlink(member.linkname.encode("utf-8", "surrogateescape"), path)
    elif member.islnk():
        os.link(root.locate(entry_name(member.linkname)), path, follow_symlinks=False)
    elif member.ischr() or member.isblk():
        if member.ischr() and (member.devmajor, member.devminor) == (0, 0):
            raise LayerError(f"{member.name!r}: device 0:0")
        kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
        os.mknod(path, kind | 0o600, os.makedev(member.devmajor, member.devminor))
    elif member.isfifo():
        os.mkfifo(path)
    elif member.isreg():
        with archive.extractfile(member) as data, open(path, "xb") as out:
            copy_sparse(data, out)
    else:
        raise LayerError(f"{member.name!r}: unknown type {member.type!r}")


def wanted_xattrs(member) -> dict:
    found = {}
    for key, value in member.pax_headers.items():
        name = key[len(XATTR_PREFIX):] if key.startswith(XATTR_PREFIX) else ""
        if name == "security.capability" or (name.startswith("user.") and not name.startswith("user.overlay.")):
            found[name] = value.encode("utf-8", "surrogateescape")
    return found


def mtime_ns(member) -> int:
    """The time of an entry; the pax text is read as decimal digits, for a float has no room for nanoseconds."""
    text = member.pax_headers.get("mtime")
    if text is None:
        return int(member.mtime) * 1_000_000_000
    whole, _, part = text.partition(".")
    nanoseconds = int(part[:9].ljust(9, "0") or "0")
    return int(whole) * 1_000_000_000 + (-nanoseconds if whole.startswith("-") else nanoseconds)


def set_metadata(root: Root, member, path: bytes):
    """Owner, mode, xattrs, time, in the order in which none undoes the other."""
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        os.chmod(path, member.mode & 0o7777)
        for name, value in wanted_xattrs(member).items():
            os.setxattr(path, name, value)
    time = mtime_ns(member)
    if member.isdir():
        root.times[path] = time
    else:
        os.utime(path, ns=(time, time), follow_symlinks=False)


def apply_entry(root: Root, archive, member):
    """Second pass: one entry that is no marker."""
    name = entry_name(member.name)
    if not name:
        if member.isdir():
            set_metadata(root, member, root.path)
        return
    root.make_parents(name)
    path = root.locate(name)
    if os.path.lexists(path) and not (member.isdir() and os.path.isdir(path) and not os.path.islink(path)):
        if member.islnk() and root.locate(entry_name(member.linkname)) == path:
            return
        root.remove(path)
    elif member.isdir() and os.path.isdir(path):
        for stale in os.listxattr(path):
            if stale == "security.capability" or stale.startswith("user."):
                os.removexattr(path, stale)
    make_node(root, archive, member, path)
    if not member.islnk():
        set_metadata(root, member, path)


def plain_tar(path, scratch) -> str:
    """The path of the uncompressed archive; a compressed one is unpacked into the directory `scratch`."""
    with open(path, "rb") as stream:
        head = stream.read(6)
    target = os.path.join(scratch, "layer.tar")
    if head.startswith(ZSTD_MAGIC):
        subprocess.run(["zstd", "-qd", path, "-o", target], check=True)
        return target
    for magic, opener in OPENERS:
        if head.startswith(magic):
            with opener(path) as stream, open(target, "wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)
            return target
    return path


def below(members, prefix: bytes):
    """The members inside the directory `prefix`, their names and link targets relative to it."""
    for member in members:
        name = entry_name(member.name)
        if name != prefix and not name.startswith(prefix + b"/"):
            continue
        member.name = name[len(prefix) + 1:].decode("utf-8", "surrogateescape")
        if member.islnk():
            target = entry_name(member.linkname)
            if not target.startswith(prefix + b"/"):
                raise LayerError(f"{member.name!r}: link leads outside")
            member.linkname = target[len(prefix) + 1:].decode("utf-8", "surrogateescape")
        yield member


def is_marker(member) -> bool:
    return entry_name(member.name).rpartition(b"/")[2].startswith(WHITEOUT)


def apply_layer(root: Root, layer: LayerFile):
    """Applies one layer file."""
    with tempfile.TemporaryDirectory() as scratch:
        path = plain_tar(layer.path, scratch)
        with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
            members = archive.getmembers()
            if layer.prefix:
                members = list(below(members, layer.prefix))
            if layer.whiteouts:
                remove_hidden(root, members)
                members = [member for member in members if not is_marker(member)]
            for member in members:
                apply_entry(root, archive, member)


def apply(target, layers):
    """Applies layers (`LayerFile`s or paths) to the directory `target`, which is created if missing."""
    os.makedirs(target, exist_ok=True)
    root = Root(target)
    for layer in layers:
        apply_layer(root, layer if isinstance(layer, LayerFile) else LayerFile(layer))
    root.finish()


def apply_image(target, reference: str):
    """Applies all layers of an image."""
    with tempfile.TemporaryDirectory() as scratch:
        apply(target, layers_of(reference, scratch))


def main() -> int:
    parser = argparse.ArgumentParser(description="apply image layers to a directory")
    parser.add_argument("target")
    parser.add_argument("layers", nargs="*")
    parser.add_argument("--image", metavar="REFERENCE")
    arguments = parser.parse_args()
    try:
        if arguments.image:
            apply_image(arguments.target, arguments.image)
        else:
            apply(arguments.target, arguments.layers)
    except (LayerError, ImageError, tarfile.TarError, OSError) as error:
        print(f"apply_oracle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
