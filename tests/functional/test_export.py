"""Images and pods that leave the store: what is written, what it is when it is read again, and what others make of it."""

import gzip
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import tarfile

from harness import FLY, Case, Images, read, shell, wait_until  # its import lets the next ones be found
import tree_digest
from imagekit import oci
from imagekit.entries import directory, fifo, file, hardlink, longname, opaque, pax, symlink, whiteout
from registry import Registry


class Export(Case):
    """What all tests here use."""

    def path(self, name: str) -> str:
        """In a directory that only the test writes to."""
        os.makedirs(self.top + "/out", exist_ok=True)
        return os.path.join(self.top, "out", name)

    def fetch(self, reference: str) -> str:
        return self.agena("fetch", "--full", reference, timeout=300).out.strip()

    def tree(self, image: str) -> list:
        """The image's merged root as the engine copies it for a pod."""
        uuid = self.agena("prepare", "--no-overlay", "--stage1-name=" + FLY, image, "--name=app", "--exec=/x").out.strip()
        listing = tree_digest.listing(os.path.join(self.pod_path(uuid), "stage1/rootfs/opt/stage2/app/rootfs"))
        self.agena("rm", uuid)
        return listing

    def halted(self, *words):
        """A command that is stopped while it writes its target, which takes it a second at least."""
        before = os.listdir(self.path("."))
        process = self.start(*words)
        wait_until(lambda: len(os.listdir(self.path("."))) > len(before) or process.poll() is not None, "the target is begun")
        process.send_signal(signal.SIGSTOP)
        self.assertIsNone(process.poll(), self.errors(process))
        return process

    def run_tool(self, *argv):
        return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout


class Aci(Export):
    """Exact ACIs."""

    def test_an_aci_comes_out_as_it_came_in(self):
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        done = self.agena("image", "export", image, self.path("out.aci"))
        self.assertEqual(("", ""), (done.out, done.err))
        self.assertEqual(gzip.decompress(read(Images.busybox(), "rb")), read(self.path("out.aci"), "rb"))
        self.assertEqual(image, self.agena("fetch", "--full", self.path("out.aci")).out.strip())

    def test_compressions_hold_the_same_and_do_not_vary(self):
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        plain = gzip.decompress(read(Images.busybox(), "rb"))
        for name, command in {"gzip": ["gzip", "-dc"], "zstd": ["zstd", "-dc"]}.items():
            for n in "1", "2":
                self.agena("image", "export", "--compression=" + name, image, self.path(name + n))
            self.assertEqual(read(self.path(name + "1"), "rb"), read(self.path(name + "2"), "rb"))
            unpacked = subprocess.run([*command, self.path(name + "1")], stdout=subprocess.PIPE, check=True).stdout
            self.assertEqual(plain, unpacked)

    def test_targets_are_kept_and_failures_leave_nothing(self):
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        target = self.path("out.aci")
        with open(target, "w") as stream:
            stream.write("mine")
        self.fails("image", "export", image, target, message="target file exists (try --overwrite)")
        self.assertEqual("mine", read(target))
        self.agena("image", "export", "--overwrite", image, target)
        self.assertEqual(gzip.decompress(read(Images.busybox(), "rb")), read(target, "rb"))
        os.mkdir(self.path("dir"))
        self.fails("image", "export", "--overwrite", image, self.path("dir"), message="is a directory")
        self.fails("image", "export", image, self.path("no/such/dir.aci"), message="no such file or directory")
        # A layer that was changed in the store is not given away.
        (layer,) = os.listdir(os.path.join(self.data, "cas", "layers"))
        with open(os.path.join(self.data, "cas", "layers", layer, "fs", "bin", "busybox"), "r+b") as stream:
            stream.write(b"changed")
        self.fails("image", "export", image, self.path("changed.aci"), message="the layer has changed")
        self.assertEqual(["dir", "out.aci"], sorted(os.listdir(self.top + "/out")))

    def test_a_damaged_skeleton_is_found(self):
        image = self.fetch(Images.busybox())
        (layer,) = os.listdir(os.path.join(self.data, "cas", "layers"))
        with open(os.path.join(self.data, "cas", "layers", layer, "archive"), "r+b") as stream:
            stream.seek(-20, os.SEEK_END)
            stream.write(b"x")
        self.fails("image", "export", image, self.path("out.aci"), message="")
        self.assertEqual([], os.listdir(self.top + "/out"))
        self.fails("image", "verify", image, message="the skeleton of its archive has been changed")


# Three layers with all that layers can do to each other, written as no archiver of ours would write them.
LAYERS = [
    [directory("etc"), file("etc/passwd", "root:x:0:0::/:/bin/sh\n"), directory("var"), directory("var/cache"),
     file("var/cache/a", "a"), file("var/cache/b", "b"), file("gone", "gone"), directory("usr"), directory("usr/bin"),
     file("usr/bin/tool", "#!/bin/sh\n" * 5000, 0o4755, uid=7, gid=70000), symlink("tool", "usr/bin/tool"),
     hardlink("usr/bin/same", "usr/bin/tool")],
    [longname("some/" + "long/" * 40 + "name"), file("short", "long name"), whiteout("gone"),
     pax([("SCHILY.xattr.user.key", "value"), ("mtime", "1500000000.25")]), file("attributed", "x"), fifo("pipe")],
    [directory("var"), directory("var/cache"), opaque("var/cache"), file("var/cache/c", "c"),
     file("etc/passwd", "root:x:0:0:changed:/:/bin/sh\n"), file("big", b"\0" * 3_000_000 + b"end")],
]


class Layered(Export):
    """OCI layouts and docker archives."""

    def layers_image(self, compression="gzip") -> str:
        return oci.build(self.path("source-" + compression), LAYERS, compression,
                         config={"config": {"Cmd": ["/bin/sh"], "Env": ["A=b"]}})

    def blob(self, layout: str, digest: str) -> bytes:
        data = read(os.path.join(layout, "blobs", *digest.split(":")), "rb")
        self.assertEqual(digest, "sha256:" + hashlib.sha256(data).hexdigest())
        return data

    def documents(self, layout: str):
        """Manifest and config of a layout's one image."""
        index = json.loads(read(layout + "/index.json"))
        self.assertEqual(1, len(index["manifests"]))
        manifest = json.loads(self.blob(layout, index["manifests"][0]["digest"]))
        return manifest, self.blob(layout, manifest["config"]["digest"])

    def test_layouts_keep_config_and_diff_ids(self):
        source = self.layers_image()
        image = self.fetch(source)
        _, config = self.documents(source[4:].rpartition(":")[0])
        tree = self.tree(image)
        for compression, magic in {"none": None, "gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}.items():
            target = self.path(compression)
            done = self.agena("image", "export", "--compression=" + compression, image, f"oci:{target}:tag")
            self.assertEqual("", done.err)
            manifest, written = self.documents(target)
            self.assertEqual(config, written)
            for layer in manifest["layers"]:
                self.assertEqual(oci.LAYER_TYPES[compression], layer["mediaType"])
                data = self.blob(target, layer["digest"])
                self.assertEqual(layer["size"], len(data))
                if magic:
                    self.assertTrue(data.startswith(magic))
            again = self.path(compression + "2")
            self.agena("image", "export", "--compression=" + compression, image, f"oci:{again}:tag")
            self.assertEqual(read(target + "/index.json"), read(again + "/index.json"))
            self.assertEqual(tree, self.tree(self.fetch(f"oci:{target}:tag")))

    def test_what_was_not_compressed_is_the_same_image_again(self):
        image = self.fetch(self.layers_image("none"))
        self.agena("image", "export", "--to=oci", "--compression=none", image, self.path("layout.tar"))
        self.assertEqual(image, self.fetch("oci:" + self.path("layout.tar")))

    def test_an_export_is_the_same_image_when_it_is_exported_again(self):
        self.agena("image", "export", self.fetch(self.layers_image()), "oci:" + self.path("first"))
        first = self.fetch("oci:" + self.path("first"))
        self.agena("image", "export", first, "oci:" + self.path("second"))
        self.assertEqual(first, self.fetch("oci:" + self.path("second")))

    def test_docker_archives_are_read_by_ourselves_and_skopeo(self):
        image = self.fetch(self.layers_image())
        _, config = self.documents(self.path("source-gzip"))
        archive = self.path("docker.tar")
        self.agena("image", "export", "--to=docker-archive", image, archive)
        with tarfile.open(archive) as tar:
            (entry,) = json.load(tar.extractfile("manifest.json"))
            self.assertEqual(config, tar.extractfile(entry["Config"]).read())
            self.assertEqual(json.loads(config)["rootfs"]["diff_ids"],
                             ["sha256:" + hashlib.sha256(tar.extractfile(name).read()).hexdigest()
                              for name in entry["Layers"]])
        self.assertEqual(self.tree(image), self.tree(self.fetch("docker-archive:" + archive)))
        self.run_tool("skopeo", "copy", "-q", "docker-archive:" + archive, "oci:" + self.path("copied") + ":x")
        self.assertEqual(self.tree(image), self.tree(self.fetch(f"oci:{self.path('copied')}:x")))
        self.agena("image", "export", "--to=docker-archive", "--compression=zstd", image, self.path("zstd.tar"))
        self.assertEqual(self.tree(image), self.tree(self.fetch("docker-archive:" + self.path("zstd.tar"))))

    def test_names_go_along(self):
        image = self.fetch(Images.busybox("docker-archive"))
        names = {name for name in self.names_of(image)}
        self.assertTrue(names)
        self.agena("image", "export", "--to=docker-archive", image, self.path("d.tar"))
        with tarfile.open(self.path("d.tar")) as tar:
            (entry,) = json.load(tar.extractfile("manifest.json"))
        self.assertEqual(names, set(entry["RepoTags"]))
        self.agena("image", "export", "--to=oci", image, self.path("o.tar"))
        inspected = self.run_tool("skopeo", "inspect", "oci-archive:" + self.path("o.tar") + ":latest")
        self.assertEqual(["sha256:" + layer for layer in self.diff_ids_of(entry, self.path("d.tar"))],
                         self.diff_ids(json.loads(inspected), self.path("o.tar")))

    def names_of(self, image: str) -> list:
        with open(os.path.join(self.data, "cas", "images", image)) as stream:
            return [name["name"] for name in json.loads(stream.readline())["names"] if "/" in name["name"]]

    def diff_ids_of(self, entry: dict, archive: str) -> list:
        return [name.removesuffix(".tar") for name in entry["Layers"]]

    def diff_ids(self, inspected: dict, archive: str) -> list:
        found = []
        with tarfile.open(archive) as tar:
            for layer in inspected["Layers"]:
                blob = tar.extractfile("blobs/" + layer.replace(":", "/")).read()
                found.append("sha256:" + hashlib.sha256(gzip.decompress(blob)).hexdigest())
        return found

    def test_umoci_and_tar_see_the_same_root(self):
        """The merged root as an ACI, unpacked by GNU tar, is what umoci makes of the layers."""
        source = self.layers_image()
        self.agena("image", "export", self.fetch(source), self.path("merged.aci"))
        self.agena("image", "export", self.fetch(source), f"oci:{self.path('layout')}:x")
        self.run_tool("umoci", "unpack", "--image", self.path("layout") + ":x", self.path("bundle"))
        os.mkdir(self.path("tar"))
        self.run_tool("tar", "-xf", self.path("merged.aci"), "--xattrs", "--xattrs-include=user.*", "-C", self.path("tar"))
        want = tree_digest.listing(self.path("bundle/rootfs"), dir_mtime=False)[1:]
        self.assertEqual(want, tree_digest.listing(self.path("tar/rootfs"), dir_mtime=False)[1:])
        self.assertEqual(self.tree(self.fetch(source)), self.tree(self.fetch(self.path("merged.aci"))))

    def test_acis_become_layered_images(self):
        image = self.fetch(self.small_image(environment=[{"name": "A", "value": "b"}], workingDirectory="/bin"))
        self.agena("image", "export", image, "oci:" + self.path("layout"))
        manifest, config = self.documents(self.path("layout"))
        settings = json.loads(config)["config"]
        self.assertEqual((["A=b"], ["/bin/sh"], "/bin", "0:0"),
                         (settings["Env"], settings["Entrypoint"], settings["WorkingDir"], settings["User"]))
        self.assertEqual(1, len(manifest["layers"]))
        self.assertEqual(self.tree(image), self.tree(self.fetch("oci:" + self.path("layout"))))
        ran = self.agena("run", "--net=host", "--stage1-name=" + FLY, "oci:" + self.path("layout"), "--",
                         "-c", "pwd; echo $A").out
        self.assertEqual(["/bin", "b"], ran.split())

    def test_lost_archives_are_made_anew_and_the_user_is_told(self):
        twice = [file("etc/x", "first"), file("etc/x", "second")]
        image = self.fetch(oci.build(self.path("twice"), [LAYERS[0], twice, LAYERS[2]]))
        done = self.agena("image", "export", image, "oci:" + self.path("out"))
        self.assertIn("the exact archive is lost: it holds two entries of one name; it is archived anew, under another "
                      "diffID", done.err)
        manifest, config = self.documents(self.path("out"))
        _, before = self.documents(self.path("twice"))
        ids, old = json.loads(config)["rootfs"]["diff_ids"], json.loads(before)["rootfs"]["diff_ids"]
        self.assertEqual([True, False, True], [one == other for one, other in zip(ids, old)])
        self.assertEqual(3, len(json.loads(config)["history"]))
        self.assertEqual(self.tree(image), self.tree(self.fetch("oci:" + self.path("out"))))

    def test_layers_of_older_stores_are_made_anew(self):
        image = self.fetch(self.layers_image())
        layers = os.path.join(self.data, "cas", "layers")
        for layer in os.listdir(layers):
            os.remove(os.path.join(layers, layer, "archive"))
            meta = json.loads(read(os.path.join(layers, layer, "meta")))
            if meta.pop("archiveDigest", None):
                with open(os.path.join(layers, layer, "meta"), "w") as stream:
                    json.dump(meta, stream)
        self.assertIn("unpacked by an older version", self.agena("image", "export", image, "oci:" + self.path("o")).err)
        tree = self.tree(image)
        self.assertEqual(tree, self.tree(self.fetch("oci:" + self.path("o"))))

    def big_image(self) -> str:
        return self.fetch(oci.build(self.path("big"), [[file("big", os.urandom(48 << 20))]], "none"))

    def test_images_that_are_removed_meanwhile(self):
        """Their layers stay until they are written."""
        image = self.big_image()
        layers = lambda: os.listdir(os.path.join(self.data, "cas", "layers"))
        before = layers()
        process = self.halted("image", "export", image, "oci:" + self.path("layout"))
        self.agena("image", "rm", image)
        self.agena("image", "gc")
        self.assertEqual(before, layers())
        process.send_signal(signal.SIGCONT)
        self.finish(process)
        self.agena("image", "gc")
        self.assertEqual([], layers())
        self.fetch("oci:" + self.path("layout"))
        self.assertEqual(before, layers())

    def test_what_was_killed_is_cleared_away(self):
        image = self.big_image()
        process = self.halted("image", "export", image, "oci:" + self.path("layout"))
        going_on = self.halted("image", "export", image, "oci:" + self.path("layout"))
        process.kill()
        process.wait()
        self.agena("image", "export", image, "oci:" + self.path("layout"))
        self.assertEqual(3, len(os.listdir(self.top + "/out")), "big, layout and what is still being written")
        going_on.send_signal(signal.SIGCONT)
        self.assertIn("target file exists", self.finish(going_on, check=254).err)
        self.assertEqual(["big", "layout"], sorted(os.listdir(self.top + "/out")))

    def test_directories_are_not_replaced_by_mistake(self):
        image = self.fetch(self.layers_image())
        os.makedirs(self.path("mine/deep"))
        self.fails("image", "export", image, "oci:" + self.path("mine"), message="target file exists (try --overwrite)")
        self.fails("image", "export", "--overwrite", image, "oci:" + self.path("mine"), message="no OCI layout")
        self.agena("image", "export", image, "oci:" + self.path("layout"))
        first = sorted(os.listdir(self.path("layout/blobs/sha256")))
        self.agena("image", "export", "--overwrite", "--compression=none", image, "oci:" + self.path("layout"))
        self.assertNotEqual(first, sorted(os.listdir(self.path("layout/blobs/sha256"))))
        self.fails("image", "export", "--to=docker-archive", image, "oci:" + self.path("no"), message="a docker archive is a file")
        self.assertEqual(["layout", "mine", "source-gzip"], sorted(os.listdir(self.top + "/out")))


# What the app of the tests below does to its root; then it says so.
CHANGES = """
set -e
echo new >/etc/new; echo more >>/etc/passwd; rm /gone; rm -r /var/cache; mkdir /var/cache; echo d >/var/cache/d
mkdir -p /a/b; ln /etc/new /a/b/linked; ln -s ../x /a/link; chmod 4711 /usr/bin/tool; chown 5:6 /a; mkfifo /a/fifo
rm -r /usr/lib; echo file >/usr/lib; touch -d @1500000000 /short
echo done
"""
BASE = [[directory("bin"), file("bin/busybox", read("/bin/busybox", "rb"), 0o755), symlink("bin/sh", "busybox"),
         *[symlink("bin/" + name, "busybox") for name in ("rm", "mkdir", "ln", "chmod", "chown", "mkfifo", "touch", "sleep")],
         directory("etc"), file("etc/passwd", "root:x:0:0::/:/bin/sh\n"), directory("var"), directory("var/cache"),
         file("var/cache/a", "a"), file("gone", "gone"), directory("usr"), directory("usr/bin"),
         file("usr/bin/tool", "tool" * 50000, 0o755), hardlink("usr/bin/same", "usr/bin/tool"),
         directory("usr/lib"), file("usr/lib/x", "x"), file("short", "short")],
        [file("etc/second", "second layer"), whiteout("usr/lib/x")]]


class Pod(Export):
    """Apps of pods."""

    def image(self) -> str:
        return self.fetch(oci.build(self.path("source"), BASE, config={"config": {"Cmd": ["/bin/sh"], "Env": ["A=b"]}}))

    def run_pod(self, image: str, *flags) -> str:
        """A pod that has made the changes and ended; its UUID."""
        uuid_file = os.path.join(self.top, "uuid")
        done = self.agena("run", "--net=none", "--uuid-file-save=" + uuid_file, *flags, image, "--name=app", *shell(CHANGES))
        self.assertIn("done", done.out)
        return read(uuid_file)

    def root_of(self, uuid: str) -> list:
        """Listing of an ended app's root, put together by the kernel where it is an overlay."""
        pod = self.pod_path(uuid)
        if not os.path.exists(pod + "/overlay-prepared"):
            return tree_digest.listing(pod + "/stage1/rootfs/opt/stage2/app/rootfs")
        lower = ":".join(f"{layer}/fs" for layer in reversed(read(pod + "/appsinfo/app/layers").split()))
        merged = self.path("merged")
        os.makedirs(merged, exist_ok=True)
        support = os.path.dirname(os.path.abspath(tree_digest.__file__))
        script = (f"cd {self.data}/cas/layers && mount -t overlay -o lowerdir={pod}/overlay/app-app/upper:{lower} merged "
                  f"{merged} && exec python3 {support}/tree_digest.py {merged}")
        return self.run_argv(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script]).out.splitlines()

    def check_exports(self, uuid: str, image: str, want: list):
        """Exports in all formats hold this tree, and are the same each time."""
        digests = set()
        for n in "1", "2":
            self.agena("export", uuid, self.path(f"whole{n}.aci"))
            self.agena("export", "--to=docker-archive", uuid, self.path(f"changes{n}.tar"))
            self.agena("export", uuid, f"oci:{self.path('layout' + n)}:x")
            digests.add((read(self.path(f"whole{n}.aci"), "rb"), read(self.path(f"changes{n}.tar"), "rb"),
                         read(self.path(f"layout{n}/index.json"))))
        self.assertEqual(1, len(digests))
        for reference in (self.path("whole1.aci"), f"oci:{self.path('layout1')}:x", "docker-archive:" + self.path("changes1.tar")):
            found = self.tree(self.fetch(reference))
            self.assertEqual([], sorted(set(want) ^ set(found))[:10], reference)

    def documents(self, layout: str):
        index = json.loads(read(layout + "/index.json"))
        document = lambda digest: json.loads(read(layout + "/blobs/" + digest.replace(":", "/")))
        manifest = document(index["manifests"][0]["digest"])
        return manifest, document(manifest["config"]["digest"])

    def top_layer(self, layout: str) -> list:
        """Names in the layer with the changes."""
        manifest, _ = self.documents(layout)
        with tarfile.open(layout + "/blobs/" + manifest["layers"][-1]["digest"].replace(":", "/")) as tar:
            return [member.name for member in tar]

    def check_top_layer(self):
        """On top of the image's own layers there is one with the changes only."""
        _, before = self.documents(self.path("source"))
        manifest, config = self.documents(self.path("layout1"))
        self.assertEqual(before["rootfs"]["diff_ids"], config["rootfs"]["diff_ids"][:2])
        self.assertEqual((3, 3, 3), (len(manifest["layers"]), len(config["rootfs"]["diff_ids"]), len(config["history"])))
        self.assertEqual(before["config"], config["config"])
        names = self.top_layer(self.path("layout1"))
        for name in (".wh.gone", "etc/new", "etc/passwd", "a/b/linked", "var/cache/d", "usr/lib", "usr/bin/tool"):
            self.assertIn(name, names)
        for name in ("bin/busybox", "etc/second"):
            self.assertNotIn(name, names)
        self.assertEqual(len(names), len(set(names)))

    def test_an_ended_pod(self):
        image = self.image()
        uuid = self.run_pod(image)
        self.check_exports(uuid, image, self.root_of(uuid))
        self.check_top_layer()

    def test_a_pod_with_a_copied_root(self):
        image = self.image()
        uuid = self.run_pod(image, "--no-overlay")
        self.check_exports(uuid, image, self.root_of(uuid))
        self.check_top_layer()

    def test_ids_of_a_user_namespace_are_shifted_back(self):
        image = self.image()
        for flags in (["--private-users"], ["--private-users", "--no-overlay"]):
            uuid = self.run_pod(image, *flags)
            self.agena("export", "--overwrite", uuid, self.path("u.aci"))
            tree = self.tree(self.fetch(self.path("u.aci")))
            owners = {line.split()[2] for line in tree}
            self.assertEqual({"0:0", "5:6"}, owners)
            self.agena("export", "--overwrite", uuid, f"oci:{self.path('u')}:x")
            self.assertEqual(tree, self.tree(self.fetch(f"oci:{self.path('u')}:x")))

    def test_file_capabilities_and_access_lists_are_shifted_back_too(self):
        uuid = self.run_pod(self.image(), "--private-users")
        pod = self.pod_path(uuid)
        shift = int(read(pod + "/private-users-prepared").split(":")[0])
        path = pod + "/overlay/app-app/upper/var/cache/d"
        # As the pod's root would set them: a capability of its own namespace, and a list that names its user 1000.
        os.setxattr(path, "security.capability", struct.pack("<IIIIII", 0x03000001, 1 << 13, 0, 0, 0, shift))
        entries = [(1, 6, 0xffffffff), (2, 4, shift + 1000), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 4, 0xffffffff)]
        pack = lambda ids: struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, mode, ids(number)) for tag, mode, number in entries)
        os.setxattr(path, "system.posix_acl_access", pack(lambda number: number))
        self.agena("export", uuid, self.path("out.aci"))
        with tarfile.open(self.path("out.aci")) as tar:
            headers = tar.getmember("rootfs/var/cache/d").pax_headers
        value = lambda name: headers["SCHILY.xattr." + name].encode("utf-8", "surrogateescape")
        self.assertEqual(struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0), value("security.capability"))
        self.assertEqual(pack(lambda number: number - shift if number == shift + 1000 else number),
                         value("system.posix_acl_access"))

    def test_a_pod_of_an_aci_with_dependencies(self):
        """The whole root is in the export, so its manifest names no dependencies."""
        self.fetch(self.small_image("example.com/base", entries=[file("base", "b")]))
        from imagekit import aci
        document = aci.image_manifest("example.com/top", app={"exec": ["/bin/sh"], "user": "0", "group": "0"},
                                      dependencies=[{"imageName": "example.com/base"}],
                                      pathWhitelist=["/bin/busybox", "/bin/sh", "/base", "/own"])
        image = self.fetch(aci.build(self.path("top.aci"), document, [file("own", "o"), file("hidden", "h")], "none"))
        uuid_file = os.path.join(self.top, "uuid")
        self.agena("run", "--net=none", "--uuid-file-save=" + uuid_file, image, "--name=app", *shell("echo 1 >/new"))
        self.agena("export", read(uuid_file), self.path("out.aci"))
        exported = self.fetch(self.path("out.aci"))
        manifest = json.loads(self.agena("image", "cat-manifest", exported).out)
        self.assertEqual(("example.com/top", None, None),
                         (manifest["name"], manifest.get("dependencies"), manifest.get("pathWhitelist")))
        self.assertEqual(self.root_of(read(uuid_file)), self.tree(exported))
        self.agena("export", "--to=oci", read(uuid_file), self.path("out.tar"))
        self.assertEqual(self.root_of(read(uuid_file)), self.tree(self.fetch("oci:" + self.path("out.tar"))))

    def test_a_running_pod(self):
        process, uuid = self.start_running()
        done = self.agena("export", uuid, self.path("live.aci"))
        self.assertIn("the pod is running", done.err)
        self.agena("export", uuid, f"oci:{self.path('live')}:x")
        tree = self.tree(self.fetch(self.path("live.aci")))
        self.assertTrue([line for line in tree if " etc/new " in line])
        # What the app goes on writing while it is read is in the export, whole or not; everything can be imported.
        self.assertTrue([line for line in self.tree(self.fetch(f"oci:{self.path('live')}:x")) if " etc/new " in line])
        self.agena("stop", "--force", uuid)
        self.finish(process, check=None)

    def start_running(self):
        uuid_file = os.path.join(self.top, "uuid")
        script = CHANGES + "while :; do echo x >>/log; rm -f /t; mkdir -p /t1; echo y >/t1/f; rm -rf /t1; echo z >/t; done"
        process = self.start("run", "--net=none", "--uuid-file-save=" + uuid_file, self.image(), "--name=app", *shell(script))
        self.wait_output(process, "done")
        return process, read(uuid_file)

    def test_a_pod_that_is_removed_meanwhile(self):
        """What is gone because the pod is, is not taken for deleted by its app."""
        uuid_file = os.path.join(self.top, "uuid")
        script = "busybox dd if=/dev/urandom of=/big bs=1048576 count=64 2>/dev/null; echo done; while :; do sleep 1; done"
        process = self.start("run", "--net=none", "--uuid-file-save=" + uuid_file, self.image(), "--name=app", *shell(script))
        self.wait_output(process, "done")
        exporting = self.halted("export", read(uuid_file), "oci:" + self.path("layout"))
        self.agena("stop", "--force", read(uuid_file))
        self.finish(process, check=None)
        self.agena("rm", read(uuid_file))
        exporting.send_signal(signal.SIGCONT)
        self.assertIn("app 'app' was removed while it was exported", self.finish(exporting, check=254).err)
        self.assertEqual(["source"], os.listdir(self.top + "/out"))

    def test_the_image_may_be_gone(self):
        image = self.image()
        uuid = self.run_pod(image)
        want = self.root_of(uuid)
        self.agena("image", "rm", image)
        self.agena("export", uuid, f"oci:{self.path('o')}:x")
        self.assertEqual(want, self.tree(self.fetch(f"oci:{self.path('o')}:x")))

    def test_refusals(self):
        image = self.image()
        prepared = self.agena("prepare", image, "--name=one", "--exec=/x", image, "--name=two", "--exec=/x").out.strip()
        self.fails("export", prepared, self.path("x.aci"), message="pod is not exited")
        uuid_file = os.path.join(self.top, "uuid")
        self.agena("run", "--net=none", "--uuid-file-save=" + uuid_file, image, "--name=one", *shell("exit 0"), "---",
                   image, "--name=two", *shell("echo 2 >/two"))
        uuid = read(uuid_file)
        self.fails("export", uuid, self.path("x.aci"), message='specify app using "export --app="')
        self.fails("export", "--app=three", uuid, self.path("x.aci"), message="has no app 'three'")
        self.fails("export", "--app=two", uuid, self.path("x.tar"), message="extension must be .aci")
        self.agena("export", "--app=two", uuid, self.path("x.aci"))
        self.fails("export", "--app=two", uuid, self.path("x.aci"), message="target file exists (try --overwrite)")
        self.assertTrue([line for line in self.tree(self.fetch(self.path("x.aci"))) if " two " in line])
        self.assertEqual(["source", "x.aci"], sorted(os.listdir(self.top + "/out")))


class Push(Export):
    """Images into a real registry, and out of it again by us and others."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(self.path("registry"))
        self.image = self.fetch(oci.build(self.path("source"), LAYERS, config={"config": {"Cmd": ["/bin/sh"]}}))

    def tearDown(self):
        self.registry.stop()
        super().tearDown()

    def place(self, name: str) -> str:
        return f"docker://{self.registry.host}/{name}"

    def push(self, image: str, name: str, *flags) -> str:
        """The digest that the push tells."""
        digest = self.agena("image", "push", *flags, image, self.place(name)).out.strip()
        self.assertRegex(digest, "^sha256:[0-9a-f]{64}$")
        return digest

    def uploads(self, run) -> int:
        """How many blobs were sent meanwhile."""
        count = lambda: len([1 for method, path, status in self.registry.requests
                             if method == "PUT" and "/blobs/uploads/" in path and status == 201])
        before = count()
        run()
        return count() - before

    def tree_elsewhere(self, reference: str) -> list:
        """The tree of an image in a store that has nothing else."""
        data, self.data = self.data, self.path("other-data")
        try:
            return self.tree(self.fetch(reference))
        finally:
            shutil.rmtree(self.data)
            self.data = data

    def test_what_is_pushed_is_pulled_by_everybody(self):
        tree = self.tree(self.image)
        for compression in "none", "gzip", "zstd":
            name = f"team/{compression}:1"
            digest = self.push(self.image, name, "--compression=" + compression)
            self.assertEqual(tree, self.tree_elsewhere(self.place(name)))
            self.assertEqual(tree, self.tree_elsewhere(self.place(f"team/{compression}@{digest}")))
            layout = self.path("by-skopeo-" + compression)
            self.run_tool("skopeo", "copy", "-q", "--src-tls-verify=false", self.place(name), f"oci:{layout}:x")
            self.assertEqual(tree, self.tree_elsewhere(f"oci:{layout}:x"))
        inspected = json.loads(self.run_tool("skopeo", "inspect", "--tls-verify=false", self.place("team/gzip:1")))
        self.assertEqual(self.push(self.image, "team/gzip:2"), inspected["Digest"])

    def test_podman_pulls_it(self):
        self.push(self.image, "team/app:1")
        store = ["podman", "--root", self.path("podman"), "--runroot", self.path("run"), "--storage-driver=vfs"]
        self.run_tool(*store, "pull", "-q", "--tls-verify=false", f"{self.registry.host}/team/app:1")
        self.run_tool(*store, "save", "-q", "--format=docker-archive", "-o", self.path("saved.tar"), f"{self.registry.host}/team/app:1")
        self.assertEqual(self.tree(self.image), self.tree_elsewhere("docker-archive:" + self.path("saved.tar")))

    def test_what_the_registry_has_is_not_sent(self):
        self.assertEqual(4, self.uploads(lambda: self.push(self.image, "team/app:1")))
        self.assertEqual(0, self.uploads(lambda: self.push(self.image, "team/app:2")))

    def test_what_came_from_a_registry_goes_back_as_it_was(self):
        self.registry.push(f"oci:{self.path('source')}:latest", "origin/app:1")
        manifest = self.run_tool("skopeo", "inspect", "--raw", "--tls-verify=false", self.place("origin/app:1"))
        want = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
        image = self.fetch(self.place("origin/app:1"))

        def push():
            self.assertEqual(want, self.push(image, "origin/app:2"))
            # Blobs are taken over from the repository that the image came from.
            self.assertEqual(want, self.push(image, "other/app:1"))
        self.assertEqual(0, self.uploads(push))

    def test_acis_and_lost_archives(self):
        aci = self.fetch(self.small_image())
        self.push(aci, "team/small:1")
        self.assertEqual(self.tree(aci), self.tree_elsewhere(self.place("team/small:1")))
        twice = self.fetch(oci.build(self.path("twice"), [[file("etc/x", "first"), file("etc/x", "second")]]))
        done = self.agena("image", "push", twice, self.place("team/twice:1"))
        self.assertIn("archived anew", done.err)
        self.assertEqual(self.tree(twice), self.tree_elsewhere(self.place("team/twice:1")))

    def test_refusals(self):
        self.fails("image", "push", self.image, self.place("a/b") + "@sha256:" + "0" * 64, message="has a digest")
        self.fails("image", "push", self.image, "oci:/somewhere", message="no place in a registry")
        self.registry.stop()
        self.fails("image", "push", self.image, self.place("team/app:1"), message=self.registry.host)
