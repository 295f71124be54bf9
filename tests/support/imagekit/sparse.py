"""The four ways in which GNU tar has stored sparse files.

Every function takes the name, the real size of the file and its segments: a list of (offset, bytes).
"""

from .tarfmt import BLOCK, GNU_SPARSE, REG, Entry, octal, padding, to_bytes


def _number(value: int) -> bytes:
    return octal(value, 12)


def sparse_gnu(name, realsize, segments, **more):
    """Old GNU format: typeflag S, four map entries in the header, the rest in extension blocks of 21."""
    table = [(offset, len(data)) for offset, data in segments]
    body = b"".join(data for _, data in segments)
    inline, rest = table[:4], table[4:]
    sparse = b"".join(_number(offset) + _number(size) for offset, size in inline)
    entry = Entry(name, GNU_SPARSE, data=_extension_blocks(rest) + body, size=len(body), format="gnu", pad=False,
                  **more)
    entry.fields = {"gnu_sparse": sparse, "gnu_extended": b"\1" if rest else b"\0",
                    "gnu_realsize": _number(realsize), **entry.fields}
    return [entry, padding(len(body))]


def _extension_blocks(table) -> bytes:
    blocks = b""
    while table:
        part, table = table[:21], table[21:]
        raw = b"".join(_number(offset) + _number(size) for offset, size in part)
        blocks += raw.ljust(504, b"\0") + (b"\1" if table else b"\0") + b"\0" * 7
    return blocks


def sparse_pax00(name, realsize, segments, **more):
    """Pax format 0.0: the map as repeated offset/numbytes records, so the order of records matters."""
    records = [("GNU.sparse.size", str(realsize)), ("GNU.sparse.numblocks", str(len(segments)))]
    for offset, data in segments:
        records += [("GNU.sparse.offset", str(offset)), ("GNU.sparse.numbytes", str(len(data)))]
    return [Entry(name, REG, data=b"".join(data for _, data in segments), pax=records, **more)]


def sparse_pax01(name, realsize, segments, table=None, **more):
    """Pax format 0.1: the map as one comma list; the header's own name is a substitute. `table` overrides the list."""
    if table is None:
        table = ",".join(f"{offset},{len(data)}" for offset, data in segments)
    records = [("GNU.sparse.size", str(realsize)), ("GNU.sparse.numblocks", str(len(segments))),
               ("GNU.sparse.map", table), ("GNU.sparse.name", to_bytes(name))]
    return [Entry(_substitute(name), REG, data=b"".join(data for _, data in segments), pax=records, **more)]


def sparse_pax10(name, realsize, segments, table=None, **more):
    """Pax format 1.0: the map as decimal lines in front of the contents, padded to a block. `table` overrides it."""
    if table is None:
        table = b"%d\n" % len(segments)
        table += b"".join(b"%d\n%d\n" % (offset, len(data)) for offset, data in segments)
    body = table + b"\0" * (-len(table) % BLOCK) + b"".join(data for _, data in segments)
    records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", to_bytes(name)),
               ("GNU.sparse.realsize", str(realsize))]
    return [Entry(_substitute(name), REG, data=body, pax=records, **more)]


def _substitute(name) -> bytes:
    parent, _, base = to_bytes(name).rpartition(b"/")
    return (parent + b"/" if parent else b"") + b"GNUSparseFile.0/" + base
