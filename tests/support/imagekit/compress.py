"""Compressed streams, good and bad.

`Compressor` streams any amount of data into a file. The functions below it build small streams whose every byte is
under control: gzip members with wrong trailers, zstd frames made of raw and run-length blocks.
"""

import bz2
import lzma
import shutil
import struct
import subprocess
import zlib

SUFFIX = {"none": "", "gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}


class Compressor:
    """Writes data to the open binary file `out` in the given form; the caller keeps `out`. Same input, same bytes."""

    def __init__(self, form: str, out, level: int = 6):
        if form not in SUFFIX:
            raise ValueError(f"unknown compression {form!r}")
        self._out, self._process = out, None
        if form == "gzip":
            self._coder = _GzipCoder(level)
        elif form == "bzip2":
            self._coder = bz2.BZ2Compressor(level)
        elif form == "xz":
            self._coder = lzma.LZMACompressor(preset=level)
        elif form == "zstd":
            self._start_zstd(level)
        else:
            self._coder = _PlainCoder()

    def _start_zstd(self, level: int):
        tool = shutil.which("zstd")
        if tool is None:
            self._coder = _StoredZstdCoder()
            return
        self._out.flush()
        command = [tool, "-q", "-c", "--check", "--no-progress", f"-{min(level, 9)}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self._out)

    def write(self, data: bytes):
        if self._process:
            self._process.stdin.write(data)
        else:
            self._out.write(self._coder.compress(data))

    def close(self):
        if not self._process:
            self._out.write(self._coder.flush())
            return
        self._process.stdin.close()
        if self._process.wait() != 0:
            raise OSError(f"zstd ended with status {self._process.returncode}")


class _PlainCoder:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class _GzipCoder:
    """gzip without name and time, which python's own module writes differently from version to version."""

    def __init__(self, level: int):
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
        self._crc, self._size, self._started = 0, 0, False

    def compress(self, data: bytes) -> bytes:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        return self._head() + self._deflate.compress(data)

    def flush(self) -> bytes:
        return self._head() + self._deflate.flush() + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)

    def _head(self) -> bytes:
        head = b"" if self._started else GZIP_HEADER
        self._started = True
        return head


class _StoredZstdCoder:
    """zstd frames without compression, for machines that have no zstd program."""

    def compress(self, data: bytes) -> bytes:
        return zstd_frame(data) if data else b""

    def flush(self) -> bytes:
        return zstd_frame(b"")


GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def compress(form: str, data: bytes) -> bytes:
    """Small data in one call."""
    if form == "gzip":
        return gzip_member(data)
    if form == "bzip2":
        return bz2.compress(data)
    if form == "xz":
        return lzma.compress(data)
    if form == "zstd":
        return zstd_frame(data)
    return data


def gzip_member(data: bytes, level=9, crc=None, isize=None, trailer=True, header=GZIP_HEADER) -> bytes:
    """One gzip member; crc and isize may be given wrong, and the trailer left out."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = header + deflate.compress(data) + deflate.flush()
    if not trailer:
        return body
    crc = zlib.crc32(data) if crc is None else crc
    isize = len(data) if isize is None else isize
    return body + struct.pack("<II", crc & 0xFFFFFFFF, isize & 0xFFFFFFFF)


ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_BLOCK_MAX = 128 << 10


def zstd_frame(data: bytes, zeros: int = 0, window_log: int = 17, checksum: bool = False, bad_checksum=False) -> bytes:
    """A zstd frame of raw blocks with `data`, then run-length blocks worth `zeros` zero bytes (4 bytes per 128 KiB)."""
    blocks = []
    for start in range(0, len(data), ZSTD_BLOCK_MAX):
        part = data[start:start + ZSTD_BLOCK_MAX]
        blocks.append((0, len(part), part))
    for start in range(0, zeros, ZSTD_BLOCK_MAX):
        blocks.append((1, min(ZSTD_BLOCK_MAX, zeros - start), b"\0"))
    if not blocks:
        blocks.append((0, 0, b""))
    has_sum = checksum or bad_checksum
    out = [ZSTD_MAGIC, bytes([4 if has_sum else 0, (window_log - 10) << 3])]
    for index, (kind, size, payload) in enumerate(blocks):
        last = index == len(blocks) - 1
        out.append((last | kind << 1 | size << 3).to_bytes(3, "little") + payload)
    if has_sum:
        value = xxh64(data + bytes(zeros)) & 0xFFFFFFFF
        out.append(struct.pack("<I", value ^ (1 if bad_checksum else 0)))
    return b"".join(out)


def zstd_skippable(payload: bytes, index: int = 0) -> bytes:
    """A frame that decoders must skip; zstd:chunked keeps its table of contents in such frames."""
    return struct.pack("<II", 0x184D2A50 + index, len(payload)) + payload


_P1, _P2, _P3, _P4, _P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                           0x27D4EB2F165667C5)
_MASK = (1 << 64) - 1


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(lane: int, word: int) -> int:
    return _rotate((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def xxh64(data: bytes) -> int:
    """XXH64 with seed 0, the checksum of zstd frames (slow; for small data)."""
    position, total = 0, len(data)
    if total >= 32:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while position + 32 <= total:
            words = struct.unpack_from("<4Q", data, position)
            lanes = [_round(lane, word) for lane, word in zip(lanes, words)]
            position += 32
        value = sum(_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & _MASK
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        value = _P5
    value = (value + total) & _MASK
    while position + 8 <= total:
        word, = struct.unpack_from("<Q", data, position)
        value = (_rotate(value ^ _round(0, word), 27) * _P1 + _P4) & _MASK
        position += 8
    if position + 4 <= total:
        word, = struct.unpack_from("<I", data, position)
        value = (_rotate(value ^ word * _P1 & _MASK, 23) * _P2 + _P3) & _MASK
        position += 4
    for byte in data[position:]:
        value = _rotate(value ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    value = (value ^ value >> 33) * _P2 & _MASK
    value = (value ^ value >> 29) * _P3 & _MASK
    return value ^ value >> 32
