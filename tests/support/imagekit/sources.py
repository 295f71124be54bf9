"""Contents of archive members: anything with a size that can be read in chunks."""

import hashlib
from typing import Iterator, Protocol, Union

CHUNK = 1 << 20


class Source(Protocol):
    """What the tar writer needs of a member's contents."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        """The contents, `size` bytes in all."""


class Bytes:
    """Contents held in memory."""

    def __init__(self, data: bytes):
        self.size = len(data)
        self._data = data

    def chunks(self) -> Iterator[bytes]:
        if self._data:
            yield self._data


class File:
    """Contents of a file, read when the archive is written; a file that changed its size since is an error."""

    def __init__(self, path, size: int):
        self.size = size
        self._path = path

    def chunks(self) -> Iterator[bytes]:
        left = self.size
        with open(self._path, "rb") as stream:
            while left:
                data = stream.read(min(CHUNK, left))
                if not data:
                    raise EOFError(f"{self._path!r} became shorter while it was read")
                left -= len(data)
                yield data


class Zeros:
    """A run of zero bytes of any length."""

    def __init__(self, size: int):
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        block = bytes(min(CHUNK, self.size))
        left = self.size
        while left:
            part = block if left >= len(block) else block[:left]
            left -= len(part)
            yield part


class Noise:
    """Reproducible bytes that do not compress: SHA-256 in counter mode."""

    def __init__(self, size: int, seed: bytes = b"agena"):
        self.size = size
        self._seed = seed

    def chunks(self) -> Iterator[bytes]:
        left, counter = self.size, 0
        while left:
            part = bytearray()
            while len(part) < min(left, 1 << 16):
                part += hashlib.sha256(self._seed + counter.to_bytes(8, "big")).digest()
                counter += 1
            part = bytes(part[:left])
            left -= len(part)
            yield part


class Joined:
    """Several sources one after another."""

    def __init__(self, *parts: Source):
        self.size = sum(part.size for part in parts)
        self._parts = parts

    def chunks(self) -> Iterator[bytes]:
        for part in self._parts:
            yield from part.chunks()


def as_source(data: Union[bytes, str, Source]) -> Source:
    """`data` as a source; strings are UTF-8."""
    if isinstance(data, str):
        data = data.encode()
    return Bytes(data) if isinstance(data, (bytes, bytearray)) else data
