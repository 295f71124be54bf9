"""Tar streams with control over every byte.

An archive is a list of items; an item is an `Entry` or plain bytes that are copied into the stream as they are.
Nothing here validates: a header may lie about its size, its checksum, or its type, because hostile archives are half
of what this package exists for. File contents are taken from `Source` objects in chunks, so that archives of any size
are written in constant memory.
"""

from dataclasses import dataclass, field
from typing import Iterable, Iterator, Optional, Union

from .sources import Source, as_source

BLOCK = 512
EPOCH = 1_700_000_000  # default mtime of everything made here; a fixed value keeps images reproducible

REG, LINK, SYM, CHR, BLK, DIR, FIFO, CONT = "0", "1", "2", "3", "4", "5", "6", "7"
PAX, PAX_GLOBAL, GNU_NAME, GNU_LINK, GNU_SPARSE = "x", "g", "L", "K", "S"

# POSIX ustar header: field -> (offset, width). The GNU fields overlap the prefix.
FIELDS = {
    "name": (0, 100), "mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12),
    "mtime": (136, 12), "chksum": (148, 8), "typeflag": (156, 1), "linkname": (157, 100),
    "magic": (257, 6), "version": (263, 2), "uname": (265, 32), "gname": (297, 32),
    "devmajor": (329, 8), "devminor": (337, 8), "prefix": (345, 155),
    "gnu_sparse": (386, 96), "gnu_extended": (482, 1), "gnu_realsize": (483, 12),
}

MAGIC = {"ustar": b"ustar\x0000", "pax": b"ustar\x0000", "gnu": b"ustar  \x00", "v7": b"\0" * 8}

Text = Union[str, bytes]


def to_bytes(text: Text) -> bytes:
    """Bytes of a name; strings may carry undecodable bytes as surrogate escapes."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


@dataclass
class Entry:
    """One archive member. `fields` overrides header fields byte for byte after everything else was filled in."""

    name: Text
    kind: str = REG
    data: Union[bytes, Source] = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: Union[int, float] = EPOCH
    linkname: Text = b""
    uname: Text = b""
    gname: Text = b""
    devmajor: int = 0
    devminor: int = 0
    xattrs: dict = field(default_factory=dict)
    pax: list = field(default_factory=list)  # (key, value) pairs, written last in the extended header
    format: str = "pax"  # pax | gnu | ustar | v7
    size: Optional[int] = None  # the size to claim; by default the true one
    fields: dict = field(default_factory=dict)
    chksum: Optional[int] = None
    pad: bool = True


Item = Union[Entry, bytes]


def octal(value: int, width: int) -> bytes:
    """Zero-padded octal with a closing NUL; raises if the value does not fit."""
    text = b"%0*o" % (width - 1, value)
    if value < 0 or len(text) > width - 1:
        raise ValueError(f"{value} does not fit in an octal field of {width}")
    return text + b"\0"


def base256(value: int, width: int) -> bytes:
    """GNU's binary number: first byte 0x80 (positive) or 0xff (negative), two's complement, big endian."""
    raw = bytearray(value.to_bytes(width, "big", signed=True))
    raw[0] |= 0x80
    return bytes(raw)


def pax_record(key: Text, value: Text) -> bytes:
    """One `LENGTH KEY=VALUE\\n` record; the length counts its own digits."""
    rest = b" " + to_bytes(key) + b"=" + to_bytes(value) + b"\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def pax_records(pairs: Iterable[tuple]) -> bytes:
    return b"".join(pax_record(key, value) for key, value in pairs)


def padding(size: int) -> bytes:
    return b"\0" * (-size % BLOCK)


def split_ustar(name: bytes) -> Optional[tuple]:
    """(prefix, name) if the name fits into a ustar header, else None."""
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, 156)
    while cut > 0:
        if len(name) - cut - 1 > 100:
            return None
        if name[cut + 1:]:
            return name[:cut], name[cut + 1:]
        cut = name.rfind(b"/", 0, cut)
    return None


class _Plan:
    """Header values of one entry, with what had to move into extension headers."""

    def __init__(self, entry: Entry, source: Source):
        self.entry = entry
        self.values = {}
        self.records = []  # pax
        self.longs = []  # GNU (kind, text)
        self.size = source.size if entry.size is None else entry.size
        self._names()
        self._numbers()
        for name, value in sorted(entry.xattrs.items()):
            self.records.append(("SCHILY.xattr." + name, value))
        self.records.extend(entry.pax)

    def _overflow(self, what: str):
        raise ValueError(f"{self.entry.name!r}: {what} does not fit in format {self.entry.format}")

    def _names(self):
        form, name, link = self.entry.format, to_bytes(self.entry.name), to_bytes(self.entry.linkname)
        split = split_ustar(name) if form in ("pax", "ustar") else (b"", name) if len(name) <= 100 else None
        if split is None:
            if form == "pax":
                self.records.append(("path", name))
            elif form == "gnu":
                self.longs.append((GNU_NAME, name))
            else:
                self._overflow("name")
            split = b"", name[:100]
        self.values["prefix"], self.values["name"] = split
        if len(link) > 100:
            if form == "pax":
                self.records.append(("linkpath", link))
            elif form == "gnu":
                self.longs.append((GNU_LINK, link))
            else:
                self._overflow("link name")
        self.values["linkname"] = link[:100]

    def _numbers(self):
        entry = self.entry
        for key, value in (("mode", entry.mode), ("uid", entry.uid), ("gid", entry.gid), ("size", self.size),
                           ("mtime", entry.mtime), ("devmajor", entry.devmajor), ("devminor", entry.devminor)):
            width = FIELDS[key][1]
            whole = int(value // 1)
            fits = 0 <= whole < 8 ** (width - 1)
            if entry.format == "pax" and (not fits or value != whole):
                text = f"{value:.9f}".rstrip("0") if value != whole else str(whole)
                self.records.append((key, text))
            if fits:
                self.values[key] = octal(whole, width)
            elif entry.format == "pax":
                self.values[key] = octal(0, width)
            elif entry.format == "gnu":
                self.values[key] = base256(whole, width)
            else:
                self._overflow(key)


def header_block(values: dict, kind: Text, form: str, overrides: dict, chksum: Optional[int] = None) -> bytes:
    """One 512-byte header; `overrides` are raw bytes per field, written before the checksum is computed."""
    block = bytearray(BLOCK)

    def put(key, raw):
        offset, width = FIELDS[key]
        raw = to_bytes(raw)
        if len(raw) > width:
            raise ValueError(f"{len(raw)} bytes for header field {key}")
        block[offset:offset + width] = raw + b"\0" * (width - len(raw))

    for key, value in values.items():
        if form != "v7" or FIELDS[key][0] < 257:
            put(key, value)
    put("typeflag", kind)
    block[257:265] = MAGIC[form]
    for key, value in overrides.items():
        put(key, value)
    if "chksum" not in overrides:
        offset, width = FIELDS["chksum"]
        block[offset:offset + width] = b" " * width
        total = sum(block) if chksum is None else chksum
        block[offset:offset + width] = b"%06o\0 " % total
    return bytes(block)


def extension(kind: str, payload: bytes, form: str = "pax", name: Text = None, size: int = None) -> bytes:
    """An extension member (x, g, L, K) as raw bytes, its claimed size free to lie."""
    default = b"././@LongLink" if kind in (GNU_NAME, GNU_LINK) else b"PaxHeaders/agena"
    values = {
        "name": to_bytes(default if name is None else name),
        "mode": octal(0o644, 8), "uid": octal(0, 8), "gid": octal(0, 8),
        "size": octal(len(payload) if size is None else size, 12), "mtime": octal(0, 12),
    }
    return header_block(values, kind, form, {}) + payload + padding(len(payload))


def encode(entry: Entry) -> Iterator[bytes]:
    """The bytes of one member: extension headers, header, contents, padding."""
    source = as_source(entry.data)
    plan = _Plan(entry, source)
    for kind, text in plan.longs:
        yield extension(kind, text + b"\0", form="gnu")
    if plan.records:
        yield extension(PAX, pax_records(plan.records))
    values = dict(plan.values)
    for key in ("uname", "gname"):
        values[key] = to_bytes(getattr(entry, key))
    if entry.format == "gnu":
        values.pop("prefix")
    if entry.kind not in (CHR, BLK):
        values.pop("devmajor")
        values.pop("devminor")
    yield header_block(values, entry.kind, entry.format, entry.fields, entry.chksum)
    yield from source.chunks()
    if entry.pad:
        yield padding(source.size)


def tar_stream(items: Iterable[Item], eof_blocks: int = 2, tail: bytes = b"") -> Iterator[bytes]:
    """The archive in chunks: the items, `eof_blocks` zero blocks, then `tail`."""
    for item in items:
        if isinstance(item, bytes):
            yield item
        else:
            yield from encode(item)
    yield b"\0" * (BLOCK * eof_blocks)
    yield tail


def tar_bytes(items: Iterable[Item], **options) -> bytes:
    """The whole archive in memory, for small ones."""
    return b"".join(tar_stream(items, **options))
