"""The disk with the volatile cache, asked by a client of its own."""

import os
import random
import socket
import struct
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import disk  # noqa: E402

SIZE = 1 << 20
UNIT = 4096


class Client:
    """An NBD client that knows what it has written."""

    def __init__(self, address):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(address)
        magic, option_magic, _ = struct.unpack(">QQH", self.take(18))
        assert (magic, option_magic) == (disk.INIT_MAGIC, disk.OPTION_MAGIC)
        self.stream.sendall(struct.pack(">I", disk.FIXED_NEWSTYLE | disk.NO_ZEROES))
        name = b"any"
        self.stream.sendall(struct.pack(">QIII", disk.OPTION_MAGIC, disk.GO, 6 + len(name), len(name)) + name + struct.pack(">H", 0))
        kinds = []
        while disk.ACKNOWLEDGED not in kinds:
            _, _, kind, length = struct.unpack(">QIII", self.take(20))
            kinds.append(kind)
            data = self.take(length)
            if kind == disk.INFORMATION:
                _, self.size, self.flags = struct.unpack(">HQH", data)

    def take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.stream.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def ask(self, kind: int, offset=0, length=0, data=b"", flags=0) -> bytes:
        self.stream.sendall(struct.pack(">IHHQQI", disk.REQUEST_MAGIC, flags, kind, 7, offset, length or len(data)) + data)
        magic, error, handle = struct.unpack(">IIQ", self.take(16))
        assert (magic, handle) == (disk.ANSWER_MAGIC, 7)
        if error:
            raise OSError(error, "refused")
        return self.take(length) if kind == disk.READ else b""

    def write(self, offset, data, flags=0):
        self.ask(disk.WRITE, offset, data=data, flags=flags)

    def close(self):
        self.stream.close()


class DiskTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = os.path.join(self.directory.name, "disk")

    def start(self, **more) -> tuple:
        with open(self.path, "wb") as stream:
            stream.truncate(SIZE)
        one = disk.Disk(self.path, os.path.join(self.directory.name, "socket"), **more)
        return one, Client(one.address)

    def end(self, one, client, seed) -> bytes:
        client.close()
        one.stop()
        one.cut(random.Random(seed))
        with open(self.path, "rb") as stream:
            return stream.read()

    def test_tells_size_and_what_it_can(self):
        one, client = self.start()
        self.assertEqual(SIZE, client.size)
        self.assertTrue(client.flags & disk.SEND_FLUSH and client.flags & disk.SEND_FUA)
        with self.assertRaises(OSError):
            client.ask(4)  # trim
        self.end(one, client, 1)

    def test_reads_what_is_in_the_cache(self):
        one, client = self.start()
        client.write(UNIT, b"a" * UNIT)
        self.assertEqual(b"a" * UNIT, client.ask(disk.READ, UNIT, UNIT))
        self.end(one, client, 1)

    def test_what_was_flushed_stays(self):
        for seed in range(20):
            one, client = self.start()
            client.write(0, b"a" * 3 * UNIT)
            client.ask(disk.FLUSH)
            client.write(8 * UNIT, b"f" * UNIT, flags=disk.FUA)
            client.write(20 * UNIT, b"b" * UNIT)
            found = self.end(one, client, seed)
            self.assertEqual(b"a" * 3 * UNIT, found[:3 * UNIT])
            self.assertEqual(b"f" * UNIT, found[8 * UNIT:9 * UNIT])

    def test_what_was_not_may_be_lost_kept_or_torn_between_sectors(self):
        outcomes = set()
        for seed in range(200):
            one, client = self.start()
            client.write(0, b"a" * 4 * UNIT)
            found = self.end(one, client, seed)[:4 * UNIT]
            sectors = {found[at:at + 512] for at in range(0, len(found), 512)}
            self.assertLessEqual(sectors, {b"a" * 512, bytes(512)})
            outcomes.add("torn" if len(sectors) == 2 else "kept" if b"a" * 512 in sectors else "lost")
        self.assertEqual({"lost", "kept", "torn"}, outcomes)

    def test_a_place_that_was_written_twice_has_one_of_three_contents(self):
        contents = set()
        for seed in range(200):
            one, client = self.start()
            client.write(0, b"o" * UNIT)
            client.ask(disk.FLUSH)
            client.write(0, b"1" * 512)
            client.write(0, b"2" * 512)
            contents.add(self.end(one, client, seed)[:1])
        self.assertEqual({b"o", b"1", b"2"}, contents)

    def test_one_that_lies_loses_what_was_flushed(self):
        lost = False
        for seed in range(20):
            one, client = self.start(honest=False)
            client.write(0, b"a" * UNIT)
            client.ask(disk.FLUSH)
            lost |= self.end(one, client, seed)[:UNIT] != b"a" * UNIT
        self.assertTrue(lost)

    def test_ends_after_so_many_writes(self):
        one, client = self.start()
        one.last_write = 2
        client.write(0, b"a" * UNIT)
        client.write(UNIT, b"b" * UNIT)
        third = threading.Thread(target=self.hangs, args=(client,))
        third.start()
        self.assertTrue(one.gone.wait(10))
        one.stop()
        third.join()
        self.assertEqual(2, one.cut(random.Random(1))["cached"])

    def hangs(self, client):
        with self.assertRaises((EOFError, OSError)):
            client.write(2 * UNIT, b"c" * UNIT)


if __name__ == "__main__":
    unittest.main()
