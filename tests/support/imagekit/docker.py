"""docker-archive tars, as `docker save` and `podman save` have written them over the years.

Three forms: `flat` (podman, skopeo: `<config>.json`, `<diff id>.tar`, manifest.json), `legacy` (docker before 25: a
directory per layer with `layer.tar`, repeated layers as symlinks, json and VERSION files, manifest.json and config
last) and `hybrid` (docker 25 and later: an OCI layout with a manifest.json in front).
"""

import hashlib
import json
import os
from dataclasses import dataclass, field

from . import oci
from .entries import directory, file, symlink
from .sources import File
from .tarfmt import tar_bytes, tar_stream


@dataclass
class Image:
    """One image of an archive: its layers as lists of members or as tar bytes, and its names."""

    layers: list
    repo_tags: list = field(default_factory=list)
    config: dict = field(default_factory=dict)

    def tars(self) -> list:
        return [layer if isinstance(layer, bytes) else _tar(layer) for layer in self.layers]


def _tar(layer):
    return File(layer, os.path.getsize(layer)) if isinstance(layer, (str, os.PathLike)) else tar_bytes(layer)


def _digest(tar) -> str:
    digest = hashlib.sha256()
    for chunk in [tar] if isinstance(tar, bytes) else tar.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def config_of(image: Image, tars) -> bytes:
    document = oci.image_config(["sha256:" + _digest(tar) for tar in tars])
    document.update(image.config)
    return oci.canonical(document)


def manifest_entry(image: Image, config: str, layers: list) -> dict:
    return {"Config": config, "RepoTags": image.repo_tags or None, "Layers": layers}


def flat(images, manifest=None) -> list:
    """Members of an archive in podman's form; layers that images share are stored once."""
    members, entries = {}, []
    for image in images:
        tars = image.tars()
        names = []
        for tar in tars:
            name = _digest(tar) + ".tar"
            members.setdefault(name, file(name, tar))
            names.append(name)
        config = config_of(image, tars)
        config_name = hashlib.sha256(config).hexdigest() + ".json"
        members.setdefault(config_name, file(config_name, config))
        entries.append(manifest_entry(image, config_name, names))
    return list(members.values()) + [file("manifest.json", oci.canonical(manifest or entries))]


def legacy(images) -> list:
    """Members of an archive in the form of docker before 25: a repeated layer is a symlink, the config comes last."""
    members, entries, configs, repositories, homes, written = [], [], [], {}, {}, set()
    for image in images:
        tars = image.tars()
        names, parent = [], ""
        for tar in tars:
            diff = _digest(tar)
            home = hashlib.sha256((parent + diff).encode()).hexdigest()
            names.append(home + "/layer.tar")
            if home not in written:
                members += _legacy_layer(home, parent, homes.get(diff), tar)
            written.add(home)
            homes.setdefault(diff, home)
            parent = home
        config = config_of(image, tars)
        name = hashlib.sha256(config).hexdigest() + ".json"
        configs.append(file(name, config))
        entries.append(manifest_entry(image, name, names))
        for reference in image.repo_tags:
            repository, _, tag = reference.rpartition(":")
            repositories.setdefault(repository, {})[tag] = parent
    return members + [file("manifest.json", oci.canonical(entries)), file("repositories", oci.canonical(repositories)),
                      *configs]


def _legacy_layer(home: str, parent: str, original: str, tar) -> list:
    document = {"id": home, "created": "2023-11-14T22:13:20Z", **({"parent": parent} if parent else {})}
    layer = symlink(f"{home}/layer.tar", f"../{original}/layer.tar") if original else file(f"{home}/layer.tar", tar)
    return [directory(home), file(f"{home}/VERSION", "1.0"), file(f"{home}/json", oci.canonical(document)), layer]


def hybrid(layout_path, images) -> list:
    """Members of an archive in the form of docker 25 and later; the layout is built in the directory given."""
    layout, entries = oci.Layout(layout_path), []
    for image in images:
        layers = [layout.layer_stream(_chunks(tar), "none") for tar in image.tars()]
        descriptor = layout.image(layers, config=image.config)
        with open(layout.blob_path(descriptor["digest"]), "rb") as stream:
            config = json.load(stream)["config"]["digest"]
        entries.append(manifest_entry(image, _blob(config), [_blob(layer.descriptor["digest"]) for layer in layers]))
        for reference in image.repo_tags or [None]:
            name = {"io.containerd.image.name": reference} if reference else {}
            layout.tag({**descriptor, "annotations": name}, reference.rpartition(":")[2] if reference else None)
    layout.finish()
    return oci.layout_items(layout_path) + [file("manifest.json", oci.canonical(entries))]


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _chunks(tar):
    return [tar] if isinstance(tar, bytes) else tar.chunks()


def write(out, members, compression="none") -> str:
    """Writes an archive and returns its path."""
    return oci.write_file(out, tar_stream(members), compression)

