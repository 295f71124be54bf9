"""Short spellings for archive members, the vocabulary of the case tables."""

from .tarfmt import BLK, CHR, DIR, FIFO, LINK, REG, SYM, Entry, extension, pax_records, to_bytes


def file(name, data=b"", mode=0o644, **more) -> Entry:
    return Entry(name, REG, data=data, mode=mode, **more)


def directory(name, mode=0o755, **more) -> Entry:
    slash = b"/" if isinstance(name, bytes) else "/"
    return Entry(name if name.endswith(slash) else name + slash, DIR, mode=mode, **more)


def symlink(name, target, **more) -> Entry:
    return Entry(name, SYM, linkname=target, mode=more.pop("mode", 0o777), **more)


def hardlink(name, target, **more) -> Entry:
    return Entry(name, LINK, linkname=target, **more)


def chardev(name, major, minor, mode=0o666, **more) -> Entry:
    return Entry(name, CHR, devmajor=major, devminor=minor, mode=mode, **more)


def blockdev(name, major, minor, mode=0o660, **more) -> Entry:
    return Entry(name, BLK, devmajor=major, devminor=minor, mode=mode, **more)


def fifo(name, mode=0o644, **more) -> Entry:
    return Entry(name, FIFO, mode=mode, **more)


def whiteout(path, **more) -> Entry:
    """The marker that deletes `path` of the layers below."""
    parent, _, base = to_bytes(path).rpartition(b"/")
    name = b".wh." + base
    return file(parent + b"/" + name if parent else name, **more)


def opaque(path="", **more) -> Entry:
    """The marker that hides what the layers below have in the directory `path`."""
    path = to_bytes(path)
    return file(path + b"/.wh..wh..opq" if path else b".wh..wh..opq", **more)


def pax(records, kind="x", **more) -> bytes:
    """A pax header of its own, in front of whatever comes next. `records` is a list of pairs or raw bytes."""
    return extension(kind, records if isinstance(records, bytes) else pax_records(records), **more)


def longname(text, kind="L") -> bytes:
    """A GNU long name (L) or long link (K) header of its own."""
    return extension(kind, to_bytes(text) + b"\0", form="gnu")
