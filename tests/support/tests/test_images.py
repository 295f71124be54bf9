import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
import unittest

import context
from apply_oracle import LayerError, apply, apply_image
from image_layers import ImageError, layers_of, split_reference
from imagekit import aci, docker, oci
from imagekit.compress import compress
from imagekit.docker import Image
from imagekit.entries import chardev, directory, file, hardlink, symlink, whiteout
from imagekit.tarfmt import tar_bytes
from tree_digest import listing

LOWER = [directory("d"), file("d/a", "a"), file("d/b", "b")]
UPPER = [whiteout("d/a"), file("d/c", "c")]


class Scratch(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.path = scratch.name

    def at(self, *names):
        return os.path.join(self.path, *names)

    def names_of(self, reference):
        root = tempfile.mkdtemp(dir=self.path)
        apply_image(root, reference)
        return sorted(os.path.relpath(os.path.join(path, name), root) for path, _, names in os.walk(root)
                      for name in names)


class Oci(Scratch):
    def test_digests_and_sizes_hold(self):
        for form in ("none", "gzip", "zstd"):
            layout = oci.Layout(self.at(form))
            layer = layout.layer(LOWER, form)
            with open(layout.blob_path(layer.descriptor["digest"]), "rb") as stream:
                data = stream.read()
            self.assertEqual(layer.descriptor["digest"], "sha256:" + hashlib.sha256(data).hexdigest())
            self.assertEqual(layer.descriptor["size"], len(data))
            self.assertEqual(layer.descriptor["mediaType"], oci.LAYER_TYPES[form])
            self.assertEqual(layer.diff_id, "sha256:" + hashlib.sha256(tar_bytes(LOWER)).hexdigest())
            self.assertEqual(sorted(os.listdir(layout.path + "/blobs")), ["sha256"])

    @context.needs_root
    def test_forms_of_one_image_unpack_alike(self):
        reference = oci.build(self.at("layout"), [LOWER, UPPER])
        oci.pack_layout(self.at("layout"), self.at("layout.tar"))
        image = Image([LOWER, UPPER], ["x:1"])
        archives = {name: docker.write(self.at(name), form([image])) for name, form in
                    (("flat", docker.flat), ("legacy", docker.legacy))}
        archives["hybrid"] = docker.write(self.at("hybrid"), docker.hybrid(self.at("h"), [image]))
        references = [reference, f"oci:{self.at('layout.tar')}:latest",
                      *[f"docker-archive:{path}:x:1" for path in archives.values()]]
        for reference in references:
            self.assertEqual(self.names_of(reference), ["d/b", "d/c"], reference)

    def test_same_input_same_bytes(self):
        for name in ("one", "two"):
            oci.build(self.at(name), [LOWER, UPPER])
            oci.pack_layout(self.at(name), self.at(name + ".tar"))
        with open(self.at("one.tar"), "rb") as one, open(self.at("two.tar"), "rb") as two:
            self.assertEqual(one.read(), two.read())

    def test_platform_of_this_machine(self):
        self.assertEqual(oci.native_platform()["os"], "linux")


class Docker(Scratch):
    IMAGES = [Image([LOWER, UPPER, LOWER], ["r/x:1", "r/x:2"]), Image([LOWER], ["r/y:1"])]

    def test_layers_are_stored_once(self):
        flat = [item.name for item in docker.flat(self.IMAGES)]
        self.assertEqual(len([name for name in flat if name.endswith(".tar")]), 2)
        self.assertEqual(flat[-1], "manifest.json")
        self.assertEqual(len(flat), len(set(flat)))

    def test_legacy_form(self):
        members = docker.legacy(self.IMAGES)
        links = [item for item in members if item.kind == "2"]
        self.assertEqual(len(links), 1)
        names = [item.name for item in members]
        self.assertIn(links[0].linkname.removeprefix("../"), names)
        self.assertEqual(names[-4:-2], ["manifest.json", "repositories"])
        repositories = json.loads(next(item.data for item in members if item.name == "repositories"))
        self.assertEqual({name: sorted(tags) for name, tags in repositories.items()}, {"r/x": ["1", "2"], "r/y": ["1"]})

    @context.needs("skopeo")
    def test_skopeo_sees_the_tags(self):
        path = docker.write(self.at("a.tar"), docker.legacy(self.IMAGES))
        run = subprocess.run(["skopeo", "list-tags", "docker-archive:" + path], capture_output=True, check=True)
        self.assertEqual(sorted(json.loads(run.stdout)["Tags"]), ["r/x:1", "r/x:2", "r/y:1"])


class Aci(Scratch):
    def test_layout(self):
        path = aci.build(self.at("x.aci"), aci.image_manifest("example.com/x", exec_=["/a"]), LOWER, "xz")
        with tarfile.open(path) as archive:
            self.assertEqual(archive.getnames(), ["manifest", "rootfs", "rootfs/d", "rootfs/d/a", "rootfs/d/b"])
            manifest = json.load(archive.extractfile("manifest"))
        self.assertEqual(manifest["app"]["exec"], ["/a"])
        self.assertEqual({label["name"] for label in manifest["labels"]}, {"version", "os", "arch"})


class References(Scratch):
    def test_split(self):
        os.mkdir(self.at("a"))
        os.mkdir(self.at("b:c"))
        self.assertEqual(split_reference(f"oci:{self.at('a')}:tag"), ("oci", self.at("a"), "tag"))
        self.assertEqual(split_reference(f"oci:{self.at('a')}@sha256:12"), ("oci", self.at("a"), "@sha256:12"))
        self.assertEqual(split_reference(f"oci:{self.at('b:c')}:r/x:1"), ("oci", self.at("b:c"), "r/x:1"))
        self.assertEqual(split_reference("/x.aci"), ("aci", "/x.aci", ""))
        self.assertRaises(ImageError, split_reference, f"oci:{self.at('nowhere')}:tag")

    def test_selection_mistakes(self):
        layout = oci.Layout(self.at("l"))
        for tag in ("one", "two"):
            layout.tag(layout.image([layout.layer([file("a", tag)])]), tag)
        layout.finish()
        self.assertEqual(len(layers_of(f"oci:{layout.path}:one", self.path)), 1)
        self.assertRaises(ImageError, layers_of, f"oci:{layout.path}", self.path)
        self.assertRaises(ImageError, layers_of, f"oci:{layout.path}:three", self.path)


@context.needs_root
class Oracle(Scratch):
    """Rules of the oracle that the case table leaves open, and its refusals."""

    def apply(self, *layers):
        root = tempfile.mkdtemp(dir=self.path)
        apply_image(root, oci.build(tempfile.mkdtemp(dir=self.path), layers))
        return root

    def test_refusals(self):
        for items in ([file("../x")], [file(".wh.")], [chardev("w", 0, 0)], [file("a"), file("a/b")],
                      [symlink("l", "l"), file("l/x")], [hardlink("h", "nothing")]):
            with self.subTest(items):
                self.assertRaises((LayerError, OSError), self.apply, items)

    def test_writes_stay_below_the_root(self):
        outside = self.at("outside")
        os.mkdir(outside)
        root = self.apply([symlink("up", "../" * 30 + outside.lstrip("/")), symlink("abs", outside)],
                          [file("up/x", "x"), file("abs/y", "y")])
        self.assertEqual(os.listdir(outside), [])
        self.assertTrue(os.path.exists(os.path.join(root, outside.lstrip("/"), "y")))

    @context.needs("zstd")
    def test_compressed_layers(self):
        for form in ("none", "gzip", "bzip2", "xz", "zstd"):
            with open(self.at("layer"), "wb") as stream:
                stream.write(compress(form, tar_bytes(LOWER)))
            apply(self.at(form), [self.at("layer")])
            self.assertTrue(os.path.exists(self.at(form, "d", "b")))

    def test_listing_format(self):
        root = self.apply([directory("d", 0o700, uid=1, gid=2, mtime=3), file("d/z", b""),
                           file("d/a b\\\n", "x", xattrs={"user.k": b"v"})])
        os.link(os.path.join(root, "d/z"), os.path.join(root, "d/z2"))
        os.utime(os.path.join(root, "d"), (3, 3))
        lines = listing(root, dir_mtime=True)
        self.assertEqual(lines[1], "d 0700 1:2 - 3 d")
        self.assertIn(r" d/a\x20b\x5c\x0a sha256=", lines[2])
        self.assertTrue(lines[2].endswith("xattr user.k=76"))
        self.assertIn(" = d/z", lines[4])
        self.assertIn(" - d", listing(root, dir_mtime=False)[1])
        self.assertIn(" - d/z", listing(root, mtime=False)[3])


class Streams(unittest.TestCase):
    def test_tar_of_a_layer_is_readable_by_others(self):
        with tarfile.open(fileobj=io.BytesIO(tar_bytes(LOWER + UPPER))) as archive:
            self.assertEqual(archive.getnames(), ["d", "d/a", "d/b", "d/.wh.a", "d/c"])


if __name__ == "__main__":
    unittest.main()
