"""A disk with a volatile cache, as an NBD server: what was written since the last flush may be lost, in part, in any order,
and torn between sectors, when the power goes; what a flush was answered for may not.

The file always holds what a reader sees. For each write that no flush has followed yet the server keeps what was there before
and what was written: `cut()` takes all of them back, and then does a random part of them again.

Protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, fixed newstyle negotiation, simple replies.
"""

import os
import socket
import struct
import threading

INIT_MAGIC, OPTION_MAGIC, REPLY_MAGIC = 0x4e42444d41474943, 0x49484156454f5054, 0x3e889045565a9
REQUEST_MAGIC, ANSWER_MAGIC = 0x25609513, 0x67446698
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
EXPORT_NAME, ABORT, INFO, GO = 1, 2, 6, 7
ACKNOWLEDGED, INFORMATION, UNSUPPORTED = 1, 3, (1 << 31) + 1
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
READ, WRITE, DISCONNECT, FLUSH = range(4)
FUA = 1  # flag of a request
EINVAL = 22
TORN = 0.3  # of the writes that survive, how many do so in part


class Pending:
    """A write that a cut may undo."""

    __slots__ = ("offset", "before", "after")

    def __init__(self, offset, before, after):
        self.offset, self.before, self.after = offset, before, after


class Disk:
    """Serves one connection at a time at a socket. With honest=False flushes are answered and ignored, as some disks do."""

    def __init__(self, path: str, address: str, honest=True):
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self.fd).st_size
        self.honest, self.pending, self.flushes, self.writes = honest, [], 0, 0
        self.last_write = None  # after so many nothing is served any more, and `gone` is set
        self.gone, self.stopping = threading.Event(), threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(1)
        self.address = address
        self.server = threading.Thread(target=self.serve, daemon=True)
        self.server.start()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
            with connection:
                Connection(self, connection).run()
        except (OSError, EOFError):
            pass  # QEMU was killed, or nobody came

    def expect_end(self):
        """Holds whoever asks once the power has gone, until QEMU has ended, too."""
        if self.last_write is not None and self.writes >= self.last_write:
            self.gone.set()
            self.stopping.wait()
            raise EOFError

    def write(self, offset: int, data: bytes, for_good: bool):
        self.writes += 1
        self.pending.append(Pending(offset, os.pread(self.fd, len(data), offset), data))
        os.pwrite(self.fd, data, offset)
        if for_good:
            # More than was asked for is made safe, never less.
            self.flush()

    def flush(self):
        self.flushes += 1
        if self.honest:
            self.pending.clear()

    def stop(self):
        """After QEMU has ended: what it sent and had no answer for may have been served or not. Then only `cut` is left."""
        self.stopping.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.join()
        self.listener.close()
        os.unlink(self.address)

    def cut(self, dice) -> dict:
        """The power goes. Returns what became of the writes that were in the cache."""
        for one in reversed(self.pending):
            os.pwrite(self.fd, one.before, one.offset)
        chance = dice.choice((0.0, 0.25, 0.5, 0.75, 1.0))
        unit = dice.choice((512, 4096))
        kept = [one for one in self.pending if dice.random() < chance]
        dice.shuffle(kept)
        torn = 0
        for one in kept:
            if dice.random() < TORN and len(one.after) > unit:
                torn += 1
                for start in range(0, len(one.after), unit):
                    if dice.random() < 0.5:
                        os.pwrite(self.fd, one.after[start:start + unit], one.offset + start)
            else:
                os.pwrite(self.fd, one.after, one.offset)
        found = {"cached": len(self.pending), "kept": len(kept) - torn, "torn": torn, "writes": self.writes, "flushes": self.flushes}
        self.pending.clear()
        os.close(self.fd)
        return found


class Connection:
    def __init__(self, disk: Disk, stream: socket.socket):
        self.disk, self.stream = disk, stream

    def take(self, count: int) -> bytes:
        parts = []
        while count:
            part = self.stream.recv(min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def run(self):
        if self.negotiate():
            while self.request():
                pass

    def negotiate(self) -> bool:
        """Whether the client wants to read and write."""
        flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA
        self.stream.sendall(struct.pack(">QQH", INIT_MAGIC, OPTION_MAGIC, FIXED_NEWSTYLE | NO_ZEROES))
        client = struct.unpack(">I", self.take(4))[0]
        while True:
            _, option, length = struct.unpack(">QII", self.take(16))
            data = self.take(length)
            if option == EXPORT_NAME:
                self.stream.sendall(struct.pack(">QH", self.disk.size, flags) + (b"" if client & NO_ZEROES else bytes(124)))
                return True
            if option in (INFO, GO):
                # Name and wishes of the client do not matter: there is one export.
                self.reply(option, INFORMATION, struct.pack(">HQH", 0, self.disk.size, flags))
                self.reply(option, ACKNOWLEDGED)
                if option == GO:
                    return True
            elif option == ABORT:
                self.reply(option, ACKNOWLEDGED)
                return False
            else:
                self.reply(option, UNSUPPORTED)
            del data

    def reply(self, option: int, kind: int, data=b""):
        self.stream.sendall(struct.pack(">QIII", REPLY_MAGIC, option, kind, len(data)) + data)

    def request(self) -> bool:
        _, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", self.take(28))
        error, answer = 0, b""
        if kind == DISCONNECT:
            return False
        self.disk.expect_end()
        if kind == READ:
            answer = os.pread(self.disk.fd, length, offset)
        elif kind == WRITE:
            self.disk.write(offset, self.take(length), bool(flags & FUA))
        elif kind == FLUSH:
            self.disk.flush()
        else:
            error = EINVAL
        self.stream.sendall(struct.pack(">IIQ", ANSWER_MAGIC, error, handle) + answer)
        return True
