"""Cases: docker-archive tars, as saved by several programs, and broken ones."""

import json
import os

from . import docker
from .case import CORRUPT, MISMATCH, NOT_FOUND, TRAVERSAL, TRUNCATED, bad, either, ok, tagged
from .compress import gzip_member
from .docker import Image
from .entries import directory, fifo, file, symlink, whiteout
from .facts import absent, is_file
from .oci import canonical, write_file
from .tarfmt import tar_bytes, tar_stream

A = file("a", "alpha\n")
B = file("b", "beta\n")
HAS_A, HAS_B = is_file("a", "alpha\n"), is_file("b", "beta\n")
AMBIGUOUS = r"several|more than one|multiple|ambiguous|which|choose|\d+ images"

BASE, UPPER = tar_bytes([A, file("gone", "x")]), tar_bytes([B, whiteout("gone")])
ONE = Image([BASE, UPPER], ["example.com/team/app:v1", "example.com/team/app:latest"])
TWO = Image([BASE], ["localhost/base:1"])
MERGED = (HAS_A, HAS_B, absent("gone"))


def archive(members, reference="", compression="none"):
    """Builder of an archive from its members (a function of the output directory, or a list)."""

    def build(out):
        found = members(out) if callable(members) else members
        path = docker.write(os.path.join(out, "image.tar"), found, compression)
        return f"docker-archive:{path}{reference}"

    return build


def saved(form, reference="", images=(ONE, TWO), **more):
    return archive(lambda out: form(images), reference, **more)


def hybrid(reference="", images=(ONE, TWO), scheme="docker-archive"):
    def build(out):
        members = docker.hybrid(os.path.join(out, "layout"), images)
        return f"{scheme}:{docker.write(os.path.join(out, 'image.tar'), members)}{reference}"

    return build


def changed(edit, form=docker.flat, images=(ONE,)):
    """An archive whose list of members went through `edit`."""
    return archive(lambda out: edit(form(images)))


def with_manifest(document):
    return changed(lambda members: members[:-1] + [file("manifest.json", canonical(document))])


def entry(**fields):
    """An archive whose manifest.json entry got other fields."""

    def edit(members):
        document = json.loads(members[-1].data)
        document[0].update(fields)
        return members[:-1] + [file("manifest.json", canonical(document))]

    return changed(edit)


def without(ending):
    return changed(lambda members: [item for item in members if not item.name.endswith(ending)])


def layers_as(make):
    """The legacy form with every layer.tar replaced by `make(name)`."""
    return changed(lambda members: [make(item.name) if item.name.endswith("layer.tar") else item for item in members],
                   docker.legacy)


def loop(name):
    return symlink(name, "../" + name)


def cut(out):
    path = docker.write(os.path.join(out, "image.tar"), docker.flat([ONE]))
    os.truncate(path, 1500)
    return f"docker-archive:{path}"


def same_tag_twice(out):
    return docker.flat([Image([BASE], ["x:1"]), Image([UPPER], ["x:1"])])


FORMS = [
    ok("66-legacy", saved(docker.legacy, ":example.com/team/app:v1"), *MERGED,
       note="symlinked layers, configs after the layers that need them"),
    ok("66b-legacy-shared-layer", archive(lambda out: docker.legacy([Image([BASE, UPPER, BASE], ["x:1"])])),
       HAS_A, HAS_B, is_file("gone", "x"), note="a layer that occurs twice is a symlink to its first copy"),
    ok("66c-flat", saved(docker.flat, ":example.com/team/app:v1"), *MERGED),
    ok("66d-flat-other-tag", saved(docker.flat, ":example.com/team/app:latest"), *MERGED),
    ok("66e-flat-second-image", saved(docker.flat, ":localhost/base:1"), HAS_A, is_file("gone", "x"), absent("b")),
    ok("66f-hybrid", hybrid(":example.com/team/app:v1"), *MERGED),
    ok("66g-hybrid-as-oci", hybrid(":v1", (ONE,), "oci"), *MERGED),
    ok("66h-only-image-no-reference", saved(docker.flat, images=(ONE,)), *MERGED),
    ok("66i-no-tags", saved(docker.flat, images=(Image([BASE]),)), HAS_A),
    ok("66j-manifest-first", changed(lambda members: members[::-1]), *MERGED),
    ok("66k-layers-compressed-inside", archive(lambda out: compressed_layers()), HAS_A,
       note="docker-archive has no media types: contents decide"),
    either("66l-archive-compressed", saved(docker.flat, compression="gzip", images=(ONE,)), r"gzip|compress|tar",
           *MERGED, note="docker load takes docker save | gzip"),
    ok("66m-by-index", saved(docker.flat, ":@1"), HAS_A, absent("b"), note="skopeo's spelling for untagged images"),
    ok("66n-no-layers", saved(docker.flat, images=(Image([], ["x:1"]),))),
]


def compressed_layers():
    """A flat archive with a gzip layer under a .tar name; the diffID is of the contents."""
    members = docker.flat([Image([BASE], ["x:1"])])
    members[0].data = gzip_member(BASE)
    return members


BROKEN = [
    bad("66o-several-images-no-reference", saved(docker.flat), AMBIGUOUS),
    bad("66p-reference-absent", saved(docker.flat, ":example.com/team/app:v9"), r"v9"),
    either("66q-one-tag-two-images", archive(same_tag_twice, ":x:1"), AMBIGUOUS, HAS_B, absent("a")),
    bad("66r-layer-missing", without(".tar"), NOT_FOUND),
    bad("66s-config-missing", changed(lambda members: [i for i in members if not (i.name.endswith(".json") and
        i.name != "manifest.json")]), NOT_FOUND),
    bad("66t-manifest-missing", without("manifest.json"), r"manifest\.json"),
    bad("66u-manifest-empty-list", with_manifest([]), r"manifest\.json|empty|no image"),
    bad("66v-manifest-object", with_manifest({}), r"manifest\.json|array"),
    bad("66w-layer-name-upward", entry(Layers=["../../../etc/passwd", "/etc/passwd"]), TRAVERSAL + "|" + NOT_FOUND),
    bad("66x-config-name-absolute", entry(Config="/etc/passwd"), TRAVERSAL + "|" + NOT_FOUND),
    bad("66y-layer-symlink-outside", layers_as(lambda name: symlink(name, "../../../../../etc/passwd")),
        TRAVERSAL + "|link|" + NOT_FOUND),
    bad("66z-layer-symlink-loop", layers_as(loop), r"link|loop|" + NOT_FOUND),
    bad("83-layer-is-fifo", layers_as(fifo), r"regular|type|" + NOT_FOUND),
    bad("83b-layer-is-directory", layers_as(directory), r"regular|type|directory|" + NOT_FOUND),
    bad("83c-archive-truncated", cut, TRUNCATED),
    bad("83d-layer-diff-id", saved(docker.flat, images=(Image([BASE], ["x:1"], {"rootfs": {"type": "layers",
        "diff_ids": ["sha256:" + "1" * 64]}}),)), r"diff ?id|digest|" + MISMATCH),
    bad("83e-layer-count", entry(Layers=[]), r"layers|diff_?ids?|number"),
    bad("83f-not-a-tar", lambda out: "docker-archive:" + write_file(f"{out}/image.tar", [b"text\n" * 999]),
        r"tar|archive|header|checksum"),
    bad("83g-empty-file", lambda out: "docker-archive:" + write_file(f"{out}/image.tar", []),
        r"empty|manifest\.json|tar|" + TRUNCATED),
    bad("83h-path-missing", lambda out: f"docker-archive:{out}/nowhere.tar", NOT_FOUND),
    bad("83i-config-not-json", changed(lambda members: [file(i.name, b"{") if i.name.endswith(".json") and
        i.name != "manifest.json" else i for i in members]), r"json|parse|" + CORRUPT),
    bad("83j-oci-layout-tar-without-manifest", lambda out: "docker-archive:" + write_file(f"{out}/image.tar",
        tar_stream([file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')])), r"manifest\.json"),
]

ROWS = tagged("docker", FORMS + BROKEN)
