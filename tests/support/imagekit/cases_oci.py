"""Cases: OCI layouts, their indexes, manifests and descriptors."""

import json
import os

from . import oci
from .case import (CORRUPT, MISMATCH, NOT_FOUND, TOO_BIG, bad, either, image, ok, tagged)
from .compress import zstd_frame
from .entries import directory, file, fifo
from .facts import is_dir, is_file
from .oci import CONFIG, INDEX, LAYER, MANIFEST, Layout, native_platform
from .tarfmt import tar_bytes

A = file("a", "alpha\n")
HAS_A = is_file("a", "alpha\n")
OTHER_ARCH = "s390x" if native_platform()["architecture"] != "s390x" else "ppc64le"
PLATFORM = r"platform|architecture|os/arch|" + OTHER_ARCH
AMBIGUOUS = r"several|more than one|multiple|ambiguous|which|choose|\d+ (images|manifests)"
JSON = r"json|syntax|parse|duplicate|depth|nest|" + TOO_BIG + "|" + CORRUPT


def layout(edit):
    """Builder from a function that fills a `Layout` and may return the end of the reference (`:latest`)."""

    def build(out):
        made = Layout(os.path.join(out, "image"))
        suffix = edit(made)
        return f"oci:{made.path}{':latest' if suffix is None else suffix}"

    return build


def one_layer(made, **more):
    """The descriptor of a manifest with the one layer that holds `a`."""
    return made.image([made.layer([A], "gzip")], **more)


def edited(change, **more):
    """A layout whose manifest was changed by `change(manifest, layout)` before it was stored."""

    def edit(made):
        layer = made.layer([A], "gzip")
        document = oci.image_manifest(made.blob(oci.image_config([layer.diff_id]), CONFIG), [layer.descriptor])
        document = change(document, made) or document
        made.tag(made.blob(document, MANIFEST, **more), "latest")
        made.finish()

    return layout(edit)


def reconfigured(change):
    """A layout whose config was changed by `change(config)`; bytes may be returned in its place."""

    def edit(document, made):
        with open(made.blob_path(document["config"]["digest"]), "rb") as stream:
            config = json.load(stream)
        document["config"] = made.blob(change(config) or config, CONFIG)

    return edited(edit)


def set_layer(**fields):
    """A layout whose layer descriptor got other fields; None drops a field."""

    def change(document, made):
        document["layers"][0].update(fields)
        document["layers"][0] = {key: value for key, value in document["layers"][0].items() if value is not None}

    return edited(change)


def set_manifest(**fields):
    return edited(lambda document, made: {**document, **fields})


def resized(delta, part="layers"):
    def change(document, made):
        target = document["layers"][0] if part == "layers" else document["config"]
        target["size"] += delta

    return edited(change)


def spoiled(which):
    """A layout in which one byte of a stored blob was changed: layer, config or manifest."""

    def edit(made):
        layer = made.layer([A], "none")
        config = made.blob(oci.image_config([layer.diff_id]), CONFIG)
        manifest = made.blob(oci.image_manifest(config, [layer.descriptor]), MANIFEST)
        made.tag(manifest, "latest")
        made.finish()
        blob = {"layer": layer.descriptor, "config": config, "manifest": manifest}[which]
        with open(made.blob_path(blob["digest"]), "r+b") as stream:
            data = stream.read().replace(b"alpha", b"gamma").replace(b"imagekit", b"imageXit")
            data = data.replace(b'"schemaVersion":2', b'"schemaVersion":3')
            stream.seek(0)
            stream.write(data)

    return layout(edit)


def replaced_blob(make, part="layers"):
    """A layout in which `make(path)` takes the place of a blob's file."""

    def change(document, made):
        descriptor = document["layers"][0] if part == "layers" else document["config"]
        path = made.blob_path(descriptor["digest"])
        os.unlink(path)
        make(path)

    return edited(change)


def sha512_config(document, made):
    with open(made.blob_path(document["config"]["digest"]), "rb") as stream:
        document["config"] = made.blob(stream.read(), CONFIG, "sha512")


DESCRIPTORS = [
    bad("44-layer-size-too-small", resized(-1), r"size|" + MISMATCH),
    bad("45-layer-size-too-big", resized(+1), r"size|short|truncat|" + MISMATCH),
    bad("45b-config-size-wrong", resized(+1, "config"), r"size|short|truncat|" + MISMATCH),
    bad("45c-layer-size-negative", set_layer(size=-5), r"size|negative|/layers/0"),
    bad("45d-layer-size-missing", set_layer(size=None), r"size|/layers/0"),
    bad("45e-layer-size-2pow70", set_layer(size=1 << 70), r"size|/layers/0|number|range"),
    bad("46-layer-digest-mismatch", spoiled("layer"), r"digest|checksum|" + MISMATCH),
    bad("46b-config-digest-mismatch", spoiled("config"), r"digest|checksum|" + MISMATCH),
    bad("46c-manifest-digest-mismatch", spoiled("manifest"), r"digest|checksum|" + MISMATCH),
    bad("47-fewer-diff-ids", reconfigured(lambda c: c["rootfs"].update(diff_ids=[])), r"diff_?ids?|layers|number"),
    bad("47b-more-diff-ids", reconfigured(lambda c: c["rootfs"]["diff_ids"].append("sha256:" + "0" * 64)),
        r"diff_?ids?|layers|number"),
    bad("47c-rootfs-missing", reconfigured(lambda c: c.pop("rootfs") and None), r"rootfs|diff_?ids?"),
    bad("47d-diff-id-malformed", reconfigured(lambda c: c["rootfs"].update(diff_ids=["sha256:xyz"])),
        r"digest|diff_?id"),
    bad("48-config-missing", replaced_blob(lambda path: None, "config"), NOT_FOUND),
    bad("48b-layer-missing", replaced_blob(lambda path: None), NOT_FOUND),
    bad("48c-blob-is-directory", replaced_blob(os.mkdir), r"directory|regular|" + NOT_FOUND),
    bad("48d-blob-is-fifo", replaced_blob(os.mkfifo), r"regular|fifo|size|" + NOT_FOUND, tags="hang"),
    bad("48e-blob-is-device", replaced_blob(lambda path: os.symlink("/dev/zero", path)),
        r"regular|device|link|size|digest", tags="hang"),
    ok("49-no-layers", image(), is_dir("", [])),
    ok("50-nondistributable-present", set_layer(mediaType=oci.FOREIGN_LAYER + "+gzip", urls=["http://127.0.0.1:9/x"]),
       HAS_A),
    bad("50b-nondistributable-absent", set_layer(mediaType=oci.FOREIGN_LAYER + "+gzip", urls=["http://127.0.0.1:9/x"],
        digest="sha256:" + "12" * 32), r"foreign|distributable|url|" + NOT_FOUND),
    bad("70-digest-traversal", set_layer(digest="sha256:../../../../../etc/passwd"), r"digest"),
    bad("70b-digest-upper-case", edited(lambda d, m: d["layers"][0].update(digest=d["layers"][0]["digest"].upper())),
        r"digest"),
    bad("70c-digest-short", set_layer(digest="sha256:1234"), r"digest"),
    bad("70d-digest-unknown-algorithm", set_layer(digest="md5:" + "0" * 32), r"digest|algorithm|md5"),
    bad("70e-digest-empty", set_layer(digest=""), r"digest"),
    either("70f-digest-sha512", edited(sha512_config), r"sha512|algorithm|unsupported", HAS_A),
]


def document_case(name, document, message):
    """A case whose manifest blob has these bytes."""

    def edit(made):
        made.tag(made.blob(document, MANIFEST), "latest")
        made.finish()

    return bad(name, layout(edit), message)


def duplicate_key(document, made):
    return oci.canonical(document).replace(b'"layers":', b'"layers":[],"layers":')


SCHEMA1 = {"schemaVersion": 1, "name": "x", "tag": "latest", "fsLayers": [], "history": []}

DOCUMENTS = [
    bad("64-layers-and-manifests", set_manifest(manifests=[]), r"manifests|both|ambiguous|layers"),
    bad("64b-index-type-on-manifest", set_manifest(mediaType=INDEX), r"media ?type|manifests|ambiguous|" + MISMATCH),
    ok("64c-manifest-without-media-type", edited(lambda d, m: d.pop("mediaType") and None), HAS_A),
    bad("65-schema1", layout(lambda made: (made.tag(made.blob(SCHEMA1,
        "application/vnd.docker.distribution.manifest.v1+prettyjws"), "latest"), made.finish())[1]),
        r"schema|media ?type|unsupported|old"),
    bad("65b-schema-version-3", set_manifest(schemaVersion=3), r"schema"),
    bad("65c-artifact-config", edited(lambda d, m: d["config"].update(mediaType="application/vnd.example.thing+json")),
        r"config|media ?type|artifact|unsupported"),
    bad("69-duplicate-key", edited(duplicate_key), JSON),
    bad("69b-manifest-5mib", edited(lambda d, m: oci.canonical(d) + b" " * (5 << 20)), JSON),
    document_case("69c-deep-nesting", b"[" * 100_000 + b"]" * 100_000, JSON),
    bad("69d-trailing-data", edited(lambda d, m: oci.canonical(d) + b"{}"), JSON + "|trailing|unexpected"),
    document_case("69e-empty-manifest", b"", JSON + "|empty|unexpected"),
    document_case("69f-manifest-not-utf8", b'{"schemaVersion":2,"mediaType":"\xff"}', JSON + "|utf"),
    document_case("69g-manifest-array", b"[]", JSON + "|object|expected"),
    bad("69h-config-not-json", reconfigured(lambda c: b"\x1f\x8b not json"), JSON),
    bad("69i-layers-not-array", set_manifest(layers={"0": {}}), r"layers|array|" + CORRUPT),
    bad("69j-config-missing", edited(lambda d, m: d.pop("config") and None), r"config"),
    ok("69k-config-null-fields", reconfigured(lambda c: c.update(config={"Env": None, "Entrypoint": None, "Cmd": None,
       "Volumes": None, "ExposedPorts": {}, "Labels": None, "User": "", "WorkingDir": ""}, history=None)), HAS_A,
       note="docker writes null for what is empty"),
]


def platforms(*choices, nested=0, tag="latest"):
    """A layout with an index over images; each choice is (platform or None, contents of `a`)."""

    def edit(made):
        listed = []
        for platform, content in choices:
            descriptor = made.image([made.layer([file("a", content)], "gzip")], platform=platform and {
                key: platform[key] for key in ("os", "architecture", "variant") if key in platform})
            listed.append({**descriptor, **({"platform": platform} if platform else {})})
        index = made.blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}, INDEX)
        for _ in range(nested):
            index = made.blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]}, INDEX)
        made.tag(index, tag)
        made.finish()

    return layout(edit)


NATIVE = native_platform()
FOREIGN = {"os": "linux", "architecture": OTHER_ARCH}
UNKNOWN = {"os": "unknown", "architecture": "unknown"}
WINDOWS = {"os": "windows", "architecture": NATIVE["architecture"], "os.version": "10.0.17763.1"}


def two_tags(*names):
    def edit(made):
        for number, name in enumerate(names):
            made.tag(made.image([made.layer([file("a", f"{number}")], "gzip")]), name)
        made.finish()

    return edit


def by_digest(made):
    made.tag(made.image([made.layer([file("a", "other")], "gzip")]), "latest")
    wanted = one_layer(made)
    made.tag(wanted, "second")
    made.finish()
    return "@" + wanted["digest"]


def untagged(made):
    made.tag(one_layer(made))
    made.finish()
    return ""


def with_reference(suffix, *names):
    """A layout with images `0`, `1` … under the names, and a reference that ends in `suffix`."""
    return layout(lambda made: (two_tags(*names)(made), suffix)[1])


SELECTION = [
    ok("62-platforms", platforms((FOREIGN, "no"), (WINDOWS, "no"), (NATIVE, "alpha\n"), (UNKNOWN, "no")), HAS_A),
    bad("62b-platform-absent", platforms((FOREIGN, "no"), (WINDOWS, "no")), PLATFORM),
    ok("62c-nested-index", platforms((FOREIGN, "no"), (NATIVE, "alpha\n"), nested=1), HAS_A),
    bad("62d-nested-too-deep", platforms((NATIVE, "alpha\n"), nested=30), r"nest|depth|deep|index|" + TOO_BIG),
    ok("62e-attestations-first", platforms((UNKNOWN, "no"), (NATIVE, "alpha\n")), HAS_A),
    ok("62f-first-match-wins", platforms((NATIVE, "alpha\n"), (NATIVE, "no")), HAS_A),
    bad("62g-empty-index", platforms(), PLATFORM + "|" + NOT_FOUND + "|empty|no manifest"),
    either("62h-platform-of-config-only", platforms((None, "alpha\n")), PLATFORM, HAS_A,
           note="an index entry without platform"),
    bad("63-two-images-of-one-name", with_reference(":latest", "latest", "latest"), AMBIGUOUS),
    ok("63b-tag", with_reference(":one", "zero", "one"), is_file("a", "1")),
    bad("63c-tag-absent", with_reference(":two", "zero", "one"), r"two"),
    bad("63d-no-tag-given", with_reference("", "zero", "one"), AMBIGUOUS),
    ok("63e-only-image-without-tag", layout(untagged), HAS_A),
    ok("63f-digest", layout(by_digest), HAS_A),
    bad("63g-digest-absent", with_reference("@sha256:" + "ab" * 32, "zero"), r"abab|digest|" + NOT_FOUND),
    ok("63h-full-name-as-tag", with_reference(":registry.example:5000/team/app:v1", "latest",
       "registry.example:5000/team/app:v1"), is_file("a", "1")),
]


def finish_with(index=None, version=b'{"imageLayoutVersion":"1.0.0"}'):
    def edit(made):
        made.tag(one_layer(made), "latest")
        made.finish(index, version)

    return layout(edit)


def without_index(made):
    made.tag(one_layer(made), "latest")
    made.finish()
    os.unlink(os.path.join(made.path, "index.json"))


def fifo_index(made):
    without_index(made)
    os.mkfifo(os.path.join(made.path, "index.json"))


LAYOUTS = [
    bad("60-layout-marker-missing", finish_with(version=None), r"oci-layout|" + NOT_FOUND),
    bad("60-layout-version", finish_with(version=b'{"imageLayoutVersion":"9.9.9"}'), r"version|9\.9\.9"),
    bad("60-index-missing", layout(without_index), r"index\.json|" + NOT_FOUND),
    bad("60-index-not-json", finish_with(index=b"not json"), JSON),
    bad("60-index-is-fifo", layout(fifo_index), r"index\.json|regular", tags="hang"),
    bad("60-path-missing", lambda out: f"oci:{out}/nowhere:latest", NOT_FOUND),
]


def packed(members=None, source=None):
    """An OCI archive: a layout as a tar, with `members(items)` applied to its list of members."""

    def build(out):
        (source or image([A], compression="gzip"))(out)
        items = oci.layout_items(os.path.join(out, "image"))
        path = oci.write_file(os.path.join(out, "image.tar"), oci.tar_stream(members(items) if members else items))
        return f"oci:{path}:latest"

    return build


def dotted(items):
    for item in items:
        item.name = b"./" + item.name
    return [directory("./")] + items


def hostile_member(items):
    return items + [file("blobs/sha256/../../../escape", "x")]


def bogus_duplicate(items):
    index = [item for item in items if item.name == b"index.json"]
    return items + [file("index.json", b'{"schemaVersion":2,"manifests":[]}'), *index]


ARCHIVES = [
    ok("81-archive", packed(), HAS_A),
    ok("81b-archive-index-last", packed(lambda items: items[::-1]), HAS_A),
    ok("81c-archive-dot-names", packed(dotted), HAS_A),
    either("81d-archive-upward-member", packed(hostile_member), r"\.\.|escape|path|name", HAS_A),
    bad("81e-archive-without-index", packed(lambda items: [i for i in items if i.name != b"index.json"]),
        r"index\.json|oci|docker"),
    bad("81f-archive-blob-missing", packed(lambda items: items[:-1]), NOT_FOUND),
    either("81g-archive-duplicate-index", packed(bogus_duplicate), r"duplicate|twice|index\.json", HAS_A),
    bad("81h-archive-fifo-blobs", packed(lambda items: items[:2] + [fifo(i.name) if i.kind == "0" else i
        for i in items[2:]]), r"regular|type|fifo|" + NOT_FOUND, tags="hang"),
    bad("81i-not-an-archive", lambda out: "oci:" + oci.write_file(f"{out}/image.tar", [b"plain text\n" * 99]) +
        ":latest", r"tar|archive|header|checksum|directory|oci"),
]


def many_layers(count):
    return image(*[[file(f"f{n:03}", str(n))] for n in range(count)])


def bomb(gigabytes):
    """A zstd layer of a few kilobytes that unpacks to files of one GiB of zeros each; its diffID is made up."""

    def edit(made):
        blob = b"".join(zstd_frame(tar_bytes([file(f"zero{n}", b"", size=1 << 30)], eof_blocks=0), zeros=1 << 30)
                        for n in range(gigabytes))
        layer = made.raw_layer(blob + zstd_frame(bytes(1024)), b"unknown", LAYER + "+zstd")
        made.tag(made.image([layer]), "latest")
        made.finish()

    return layout(edit)


SIZES = [
    ok("82-hundred-layers", many_layers(100), is_file("f000", "0"), is_file("f099", "99")),
    ok("82b-layers-above-overlay-limit", many_layers(520), is_file("f000", "0"), is_file("f519", "519"),
       note="overlayfs takes 500 lower directories"),
    bad("55-zstd-bomb", bomb(24), r"bomb|" + TOO_BIG + "|diff ?id|digest", tags="bomb"),
]

ROWS = tagged("oci", DESCRIPTORS + DOCUMENTS + SELECTION + LAYOUTS + ARCHIVES + SIZES)
