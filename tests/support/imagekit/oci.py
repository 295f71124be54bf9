"""OCI image layouts: a directory of blobs, an index, and as many lies as a test wants.

`Layout` writes blobs at once and the index at the end. Descriptors, configs and manifests are plain dicts, so that a
caller can change, drop or duplicate any field before it is stored.
"""

import hashlib
import json
import os
import platform as host
from dataclasses import dataclass
from typing import Iterable

from .compress import Compressor
from .tarfmt import DIR, EPOCH, tar_stream
from .tree import scan

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
LAYER_TYPES = {"none": LAYER, "gzip": LAYER + "+gzip", "zstd": LAYER + "+zstd"}
REF_NAME = "org.opencontainers.image.ref.name"

# uname -m -> (GOARCH, variant)
GOARCH = {"x86_64": ("amd64", None), "aarch64": ("arm64", None), "i686": ("386", None), "armv7l": ("arm", "v7"),
          "ppc64le": ("ppc64le", None), "s390x": ("s390x", None), "riscv64": ("riscv64", None)}


def native_platform() -> dict:
    """The platform object of this machine."""
    arch, variant = GOARCH.get(host.machine(), (host.machine(), None))
    return {"os": "linux", "architecture": arch, **({"variant": variant} if variant else {})}


def canonical(value) -> bytes:
    """JSON bytes of a document; bytes pass through, so that broken documents can be given as they are."""
    if isinstance(value, bytes):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Layer:
    """A stored layer: its descriptor, and the digest and size of the uncompressed tar."""

    descriptor: dict
    diff_id: str
    tar_size: int


class Layout:
    """An image layout under construction in the directory `path`."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self._refs = []
        os.makedirs(os.path.join(self.path, "blobs", "sha256"), exist_ok=True)

    def blob_path(self, digest: str) -> str:
        algorithm, _, encoded = digest.partition(":")
        return os.path.join(self.path, "blobs", algorithm, encoded)

    def blob(self, data, media_type: str, algorithm: str = "sha256", **more) -> dict:
        """Stores `data` (bytes or a JSON value) and returns its descriptor with the fields of `more` added."""
        data = canonical(data)
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        path = self.blob_path(digest)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    def layer(self, items: Iterable, compression: str = "none", level: int = 6, **tar_options) -> Layer:
        """Streams a tar of the items into a blob."""
        return self.layer_stream(tar_stream(items, **tar_options), compression, level)

    def layer_stream(self, chunks: Iterable[bytes], compression: str, level: int = 6) -> Layer:
        """Streams an uncompressed tar into a blob."""
        scratch = os.path.join(self.path, "blobs", ".layer")
        diff, size = hashlib.sha256(), 0
        with open(scratch, "w+b") as out:
            coder = Compressor(compression, out, level)
            for chunk in chunks:
                diff.update(chunk)
                size += len(chunk)
                coder.write(chunk)
            coder.close()
            out.seek(0)
            digest = "sha256:" + hashlib.file_digest(out, "sha256").hexdigest()
        descriptor = {"mediaType": LAYER_TYPES[compression], "digest": digest, "size": os.path.getsize(scratch)}
        os.replace(scratch, self.blob_path(digest))
        return Layer(descriptor, "sha256:" + diff.hexdigest(), size)

    def raw_layer(self, blob: bytes, tar: bytes, media_type: str) -> Layer:
        """A layer whose stored bytes are given; `tar` is what the diffID is computed of."""
        return Layer(self.blob(blob, media_type), "sha256:" + hashlib.sha256(tar).hexdigest(), len(tar))

    def image(self, layers, config: dict = None, manifest: dict = None, platform: dict = None) -> dict:
        """Stores config and manifest for the layers; the dicts given update the default ones. Returns a descriptor."""
        document = image_config([layer.diff_id for layer in layers], platform)
        document.update(config or {})
        body = image_manifest(self.blob(document, CONFIG), [layer.descriptor for layer in layers])
        body.update(manifest or {})
        return self.blob(body, body.get("mediaType", MANIFEST))

    def tag(self, descriptor: dict, name: str = None, platform: dict = None):
        """Lists a manifest in the index, under a name or without one."""
        entry = dict(descriptor)
        if platform:
            entry["platform"] = platform
        if name is not None:
            entry["annotations"] = {**entry.get("annotations", {}), REF_NAME: name}
        self._refs.append(entry)

    def finish(self, index=None, version=b'{"imageLayoutVersion":"1.0.0"}'):
        """Writes index.json and oci-layout; None as version leaves the latter out."""
        if index is None:
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self._refs}
        _write(os.path.join(self.path, "index.json"), canonical(index))
        if version is not None:
            _write(os.path.join(self.path, "oci-layout"), version)


def image_config(diff_ids, platform: dict = None, **more) -> dict:
    """An image config with the fields that the specification requires."""
    return {"created": "2023-11-14T22:13:20Z", **(platform or native_platform()), "config": {},
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [{"created_by": "imagekit"} for _ in diff_ids], **more}


def image_manifest(config: dict, layers: list) -> dict:
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": list(layers)}


def layout_items(path, first=(b"oci-layout", b"index.json")) -> list:
    """The files of a layout directory as archive members; those in `first` lead, in that order."""
    items = {entry.name: entry for entry in scan(path, ids=False)}
    for entry in items.values():
        entry.mtime, entry.mode = EPOCH, 0o755 if entry.kind == DIR else 0o644
    names = [name for name in first if name in items] + sorted(name for name in items if name not in first)
    return [items[name] for name in names]


def pack_layout(path, out, first=(b"oci-layout", b"index.json")):
    """Writes a layout directory as an archive, which `oci:` references may name as well."""
    write_file(out, tar_stream(layout_items(path, first)))


def write_file(path, chunks: Iterable[bytes], compression: str = "none", level: int = 6) -> str:
    """Streams chunks into a file in the given form and returns the path."""
    with open(path, "wb") as out:
        coder = Compressor(compression, out, level)
        for chunk in chunks:
            coder.write(chunk)
        coder.close()
    return os.fspath(path)


def _write(path, data: bytes):
    with open(path, "wb") as stream:
        stream.write(data)


def build(out, layers, compression="gzip", tag="latest", config: dict = None, platform: dict = None) -> str:
    """A one-image layout from lists of members; returns the image reference."""
    layout = Layout(out)
    stored = [layer if isinstance(layer, Layer) else layout.layer(layer, compression) for layer in layers]
    layout.tag(layout.image(stored, config=config, platform=platform), tag)
    layout.finish()
    return f"oci:{layout.path}:{tag}"

