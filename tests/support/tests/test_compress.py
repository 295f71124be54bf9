import bz2
import gzip
import io
import lzma
import os
import subprocess
import tempfile
import unittest
import zlib
from unittest import mock

import context
from imagekit.compress import Compressor, compress, gzip_member, xxh64, zstd_frame, zstd_skippable
from imagekit.sources import Noise

DATA = b"text " * 9000 + b"".join(Noise(50_000).chunks())


def streamed(form, data=DATA):
    with tempfile.TemporaryFile() as out:
        coder = Compressor(form, out)
        for start in range(0, len(data), 10_000):
            coder.write(data[start:start + 10_000])
        coder.close()
        out.seek(0)
        return out.read()


def unzstd(data):
    return subprocess.run(["zstd", "-dc", "-q"], input=data, capture_output=True)


class Streams(unittest.TestCase):
    def test_round_trips(self):
        self.assertEqual(streamed("none"), DATA)
        self.assertEqual(gzip.decompress(streamed("gzip")), DATA)
        self.assertEqual(bz2.decompress(streamed("bzip2")), DATA)
        self.assertEqual(lzma.decompress(streamed("xz")), DATA)
        self.assertRaises(ValueError, Compressor, "lz4", io.BytesIO())

    def test_gzip_is_reproducible_and_empty_input_is_a_member(self):
        self.assertEqual(streamed("gzip"), streamed("gzip"))
        self.assertEqual(gzip.decompress(streamed("gzip", b"")), b"")

    @context.needs("zstd")
    def test_zstd(self):
        self.assertEqual(unzstd(streamed("zstd")).stdout, DATA)
        self.assertEqual(streamed("zstd"), streamed("zstd"))
        with mock.patch.dict(os.environ, {"PATH": "/nonexistent"}):
            stored = streamed("zstd")
        self.assertEqual(unzstd(stored).stdout, DATA)

    def test_small_forms(self):
        self.assertEqual(bz2.decompress(compress("bzip2", b"x")), b"x")
        self.assertEqual(lzma.decompress(compress("xz", b"x")), b"x")
        self.assertEqual(gzip.decompress(compress("gzip", b"x")), b"x")


class Gzip(unittest.TestCase):
    def test_members_join(self):
        self.assertEqual(gzip.decompress(gzip_member(b"one ") + gzip_member(b"two")), b"one two")

    def test_lies_are_noticed(self):
        for broken in (gzip_member(DATA, crc=1), gzip_member(DATA, isize=1), gzip_member(DATA, trailer=False)):
            self.assertRaises((gzip.BadGzipFile, EOFError), gzip.decompress, broken)
        self.assertEqual(zlib.decompress(gzip_member(DATA, trailer=False)[10:], -15), DATA)


class Zstd(unittest.TestCase):
    def test_xxh64(self):
        self.assertEqual(xxh64(b""), 0xEF46DB3751D8E999)
        self.assertEqual(xxh64(b"a"), 0xD24EC4F1A98C6E5B)
        self.assertEqual(xxh64(b"abc"), 0x44BC2CF5AD770999)

    @context.needs("zstd")
    def test_frames(self):
        for size in (0, 1, 31, 32, 100, 131_072, 131_073, 300_001):
            data = b"".join(Noise(size).chunks())
            self.assertEqual(unzstd(zstd_frame(data, checksum=True)).stdout, data, size)
        self.assertEqual(unzstd(zstd_frame(b"ab", zeros=200_000, checksum=True)).stdout, b"ab" + bytes(200_000))
        chunked = zstd_frame(b"a") + zstd_skippable(b"toc") + zstd_frame(b"b") + zstd_skippable(b"", 15)
        self.assertEqual(unzstd(chunked).stdout, b"ab")

    @context.needs("zstd")
    def test_lies_are_noticed(self):
        for broken in (zstd_frame(DATA, bad_checksum=True), zstd_frame(DATA)[:-1], zstd_frame(b"x", window_log=31),
                       zstd_frame(b"x") + b"garbage"):
            self.assertNotEqual(unzstd(broken).returncode, 0)

    def test_zeros_cost_little(self):
        self.assertLess(len(zstd_frame(b"", zeros=1 << 30)), 40_000)


if __name__ == "__main__":
    unittest.main()
