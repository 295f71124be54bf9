import io
import subprocess
import tarfile
import tempfile
import tracemalloc
import unittest

import context
from imagekit.entries import chardev, directory, file, hardlink, pax, symlink, whiteout
from imagekit.sources import Joined, Noise, Zeros
from imagekit.sparse import sparse_gnu, sparse_pax00, sparse_pax01, sparse_pax10
from imagekit.tarfmt import BLOCK, Entry, base256, octal, pax_record, split_ustar, tar_bytes, tar_stream


def read(data: bytes):
    archive = tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape")
    return archive, archive.getmembers()


class Fields(unittest.TestCase):
    def test_pax_record_counts_its_own_digits(self):
        for size in (1, 5, 80, 92, 93, 94, 95, 980, 993, 994, 9987, 99_990):
            record = pax_record("path", b"x" * size)
            self.assertEqual(int(record.split(b" ", 1)[0]), len(record))

    def test_numbers(self):
        self.assertEqual(octal(0o644, 8), b"0000644\0")
        self.assertRaises(ValueError, octal, 0o10000000, 8)
        self.assertRaises(ValueError, octal, -1, 8)
        self.assertEqual(tarfile.nti(base256(1 << 40, 12)), 1 << 40)
        self.assertEqual(tarfile.nti(base256(-77, 12)), -77)

    def test_ustar_split(self):
        self.assertEqual(split_ustar(b"a" * 100), (b"", b"a" * 100))
        prefix, name = split_ustar(b"p" * 155 + b"/" + b"n" * 100)
        self.assertEqual((len(prefix), len(name)), (155, 100))
        self.assertIsNone(split_ustar(b"p" * 156 + b"/" + b"n" * 10))
        self.assertIsNone(split_ustar(b"p/" + b"n" * 101))
        self.assertIsNone(split_ustar(b"n" * 101))

    def test_overrides_come_before_the_checksum(self):
        data = tar_bytes([file("a", fields={"uname": b"someone", "mode": b"0000777\0"})])
        self.assertEqual((read(data)[1][0].uname, read(data)[1][0].mode), ("someone", 0o777))
        self.assertRaises(tarfile.ReadError, read, tar_bytes([file("a", chksum=1)]))

    def test_formats_refuse_what_does_not_fit(self):
        self.assertRaises(ValueError, tar_bytes, [file("n" * 300, format="ustar")])
        self.assertRaises(ValueError, tar_bytes, [file("a", uid=1 << 30, format="v7")])


class Archives(unittest.TestCase):
    ITEMS = [
        directory("d", mode=0o2750, uid=3, gid=4), file("d/file", b"contents", mtime=77), symlink("l", "x" * 200),
        file("long/" * 40 + "name", b"y"), file(b"caf\xe9", b"z"), hardlink("h", "d/file"), chardev("null", 1, 3),
        file("big-uid", uid=3_000_000_000, mtime=-5), file("x", xattrs={"user.a": b"\0\xff=\n"}), Entry("p", "6"),
    ]

    def test_python_reads_what_was_written(self):
        for form in ("pax", "gnu"):
            for item in self.ITEMS:
                item.format = form
            archive, members = read(tar_bytes(self.ITEMS))
            self.assertEqual([member.name for member in members][:3], ["d", "d/file", "l"])
            self.assertEqual(members[3].name, "long/" * 40 + "name")
            self.assertEqual(members[2].linkname, "x" * 200)
            self.assertEqual(members[4].name.encode("utf-8", "surrogateescape"), b"caf\xe9")
            self.assertEqual((members[6].devmajor, members[6].devminor), (1, 3))
            self.assertEqual((members[7].uid, members[7].mtime), (3_000_000_000, -5))
            self.assertEqual(archive.extractfile("d/file").read(), b"contents")
            if form == "pax":
                self.assertEqual(members[8].pax_headers["SCHILY.xattr.user.a"].encode("utf-8", "surrogateescape"),
                                 b"\0\xff=\n")
        for item in self.ITEMS:
            item.format = "pax"

    @context.needs("tar", "bsdtar")
    def test_other_programs_read_it(self):
        with tempfile.NamedTemporaryFile() as stream:
            stream.write(tar_bytes([item for item in self.ITEMS if item.name != b"caf\xe9"]))
            stream.flush()
            for tool in ("tar", "bsdtar"):
                run = subprocess.run([tool, "-tf", stream.name], capture_output=True, check=True)
                self.assertEqual(len(run.stdout.splitlines()), len(self.ITEMS) - 1)

    def test_end_of_archive_is_the_callers(self):
        self.assertEqual(len(tar_bytes([])), 2 * BLOCK)
        self.assertEqual(tar_bytes([], eof_blocks=0), b"")
        self.assertTrue(tar_bytes([], tail=b"tail").endswith(b"tail"))

    def test_claimed_size_and_contents_are_independent(self):
        data = tar_bytes([file("a", b"x" * 10, size=4000)], eof_blocks=0)
        self.assertEqual(len(data), 2 * BLOCK)
        self.assertEqual(tarfile.TarInfo.frombuf(data[:BLOCK], "utf-8", "strict").size, 4000)

    def test_own_pax_header_applies_to_the_next_member(self):
        self.assertEqual(read(tar_bytes([pax([("path", "other")]), file("a")]))[1][0].name, "other")

    def test_whiteout_names(self):
        self.assertEqual(whiteout("a/b").name, b"a/.wh.b")
        self.assertEqual(whiteout("b").name, b".wh.b")


class Streaming(unittest.TestCase):
    def test_big_members_need_no_memory(self):
        tracemalloc.start()
        size = sum(len(chunk) for chunk in tar_stream([file("zeros", Zeros(1 << 30)), file("end", b"x")]))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertEqual(size, (1 << 30) + 5 * BLOCK)
        self.assertLess(peak, 8 << 20)

    def test_sources_have_the_size_they_say(self):
        for source in (Zeros(0), Zeros(3_000_001), Noise(200_001), Joined(Noise(5), Zeros(7))):
            self.assertEqual(sum(map(len, source.chunks())), source.size)

    def test_noise_is_reproducible(self):
        self.assertEqual(b"".join(Noise(99).chunks()), b"".join(Noise(99).chunks()))
        self.assertNotEqual(b"".join(Noise(99).chunks()), b"".join(Noise(99, b"other").chunks()))


class Sparse(unittest.TestCase):
    def test_four_forms_give_one_file(self):
        segments = [(n * 5000, b"%04d" % n) for n in range(1, 40)] + [(300_000, b"")]
        wanted = bytearray(300_000)
        for offset, data in segments:
            wanted[offset:offset + len(data)] = data
        for make in (sparse_gnu, sparse_pax00, sparse_pax01, sparse_pax10):
            archive, members = read(tar_bytes([*make("dir/s", 300_000, segments), file("next", b"n")]))
            self.assertEqual([member.name for member in members], ["dir/s", "next"], make.__name__)
            self.assertEqual(archive.extractfile("dir/s").read(), wanted, make.__name__)


if __name__ == "__main__":
    unittest.main()
