"""appc images: one tar with `manifest` and `rootfs/`, optionally compressed."""

import json
import platform as host

from .entries import directory, file
from .oci import write_file
from .tarfmt import tar_stream
from .tree import prefixed

# uname -m -> appc arch label
ARCH = {"x86_64": "amd64", "aarch64": "aarch64", "i686": "i386", "armv7l": "armv7l", "ppc64le": "ppc64le",
        "s390x": "s390x"}


def native_arch() -> str:
    return ARCH.get(host.machine(), host.machine())


def image_manifest(name: str, version: str = "1.0.0", exec_=None, **more) -> dict:
    """An image manifest with the labels that engines ask for. `more` adds or replaces top-level fields."""
    labels = [{"name": "version", "value": version}, {"name": "os", "value": "linux"},
              {"name": "arch", "value": native_arch()}]
    document = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": name, "labels": labels}
    if exec_:
        document["app"] = {"exec": list(exec_), "user": "0", "group": "0"}
    document.update(more)
    return document


def manifest_item(document) -> object:
    """The `manifest` member; bytes are stored as they are."""
    if not isinstance(document, bytes):
        document = json.dumps(document, indent=2).encode() + b"\n"
    return file("manifest", document)


def items(document, entries, root=True) -> list:
    """All members of an image whose root holds `entries`."""
    return [manifest_item(document)] + ([directory("rootfs")] if root else []) + prefixed(entries, b"rootfs/")


def build(out, document, entries, compression="gzip", level: int = 6, **tar_options) -> str:
    """Writes an image and returns its path."""
    return write_file(out, tar_stream(items(document, entries), **tar_options), compression, level)
