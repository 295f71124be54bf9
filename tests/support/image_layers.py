"""Finds the layer files of an image reference; the reading half of the oracle.

References are spelled as for the engine: a path of an ACI, `oci:PATH[:TAG|@DIGEST]` (directory or tar),
`docker-archive:PATH[:REF|:@N]`. Only sound images are read; selection mistakes raise `ImageError`.
"""

import json
import os
import tarfile
from dataclasses import dataclass

REF_NAME = "org.opencontainers.image.ref.name"
GOARCH = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


class ImageError(Exception):
    """The reference names no image, or more than one."""


@dataclass
class LayerFile:
    """A layer archive; members outside `prefix` are ignored, markers count only with `whiteouts`."""

    path: str
    prefix: bytes = b""
    whiteouts: bool = True


def split_reference(text: str) -> tuple:
    """(transport, path, selector): the path is the shortest prefix that exists and ends at a separator."""
    transport, colon, rest = text.partition(":")
    if not colon or transport not in ("oci", "docker-archive"):
        return "aci", text, ""
    for end in range(1, len(rest) + 1):
        if (end == len(rest) or rest[end] in ":@") and os.path.exists(rest[:end]):
            return transport, rest[:end], rest[end:].removeprefix(":")
    raise ImageError(f"{text}: no such path")


def unpack(path, scratch) -> str:
    """Unpacks a tar into the directory `scratch`; the first member of a name wins, as for a reader that stops there."""
    with tarfile.open(path) as archive:
        archive.extraction_filter = lambda member, _: member  # newer pythons refuse upward links otherwise
        for member in archive:
            if not os.path.lexists(os.path.join(scratch, member.name)) or member.isdir():
                archive.extract(member, scratch)
    return scratch


def read_json(*parts):
    with open(os.path.join(*parts), "rb") as stream:
        return json.load(stream)


def blob(layout, digest: str) -> str:
    return os.path.join(layout, "blobs", *digest.split(":"))


def fits(platform: dict) -> bool:
    """Whether an index entry of this platform is for this machine."""
    machine = os.uname().machine
    native = {"os": "linux", "architecture": GOARCH.get(machine, machine)}
    return all(platform.get(key, value) == value for key, value in native.items())


def oci_layers(layout: str, selector: str) -> list:
    """Layers of an image in a layout directory, lowest first; indexes are followed by platform."""
    entries = read_json(layout, "index.json")["manifests"]
    if selector.startswith("@"):
        entries = [item for item in entries if item["digest"] == selector[1:]]
    elif selector:
        entries = [item for item in entries if item.get("annotations", {}).get(REF_NAME) == selector]
    if len(entries) != 1:
        raise ImageError(f"{layout}: {len(entries)} images match '{selector}'")
    document = read_json(blob(layout, entries[0]["digest"]))
    while "manifests" in document:
        fitting = [item for item in document["manifests"] if fits(item.get("platform", {}))]
        if not fitting:
            raise ImageError(f"{layout}: no image for this platform")
        document = read_json(blob(layout, fitting[0]["digest"]))
    return [LayerFile(blob(layout, layer["digest"])) for layer in document["layers"]]


def docker_layers(directory: str, selector: str) -> list:
    """Layers of an image in an unpacked docker archive."""
    entries = read_json(directory, "manifest.json")
    if selector.startswith("@"):
        entries = [entries[int(selector[1:])]]
    elif selector:
        entries = [item for item in entries if selector in (item["RepoTags"] or [])][-1:]
    if len(entries) != 1:
        raise ImageError(f"{directory}: {len(entries)} images match '{selector}'")
    return [LayerFile(os.path.realpath(os.path.join(directory, name))) for name in entries[0]["Layers"] or []]


def layers_of(reference: str, scratch) -> list:
    """The layers of a reference, lowest first; archives are unpacked into the directory `scratch`."""
    transport, path, selector = split_reference(reference)
    if transport == "aci":
        return [LayerFile(path, b"rootfs", whiteouts=False)]
    if transport == "oci":
        return oci_layers(path if os.path.isdir(path) else unpack(path, scratch), selector)
    return docker_layers(unpack(path, scratch), selector)
