"""The image commands as a user gives them: looking into images, names, differences, files, collecting, repairing, and
taking over a store of rkt."""

import hashlib
import json
import os
import re
import shutil
import stat
import time

from harness import FLY, Case, Images, read, shell
from imagekit import aci, docker, oci
from imagekit.entries import directory, file, hardlink, opaque, symlink, whiteout
from registry import Registry


class Commands(Case):
    """What all tests here use."""

    def json(self, *words, **more):
        return json.loads(self.agena(*words, "--format=json", **more).out)

    def images(self) -> dict:
        return {image["id"]: image for image in self.json("image", "list")}

    def layered(self, name, layers, tag="latest", **config) -> str:
        """Reference of an OCI layout, fetched; returns the id of the image."""
        reference = oci.build(f"{self.top}/{name}", layers, config=config, compression="none", tag=tag)
        return self.agena("fetch", "--full", reference).out.strip()

    def layer_path(self, key) -> str:
        return os.path.join(self.data, "cas", "layers", key, "fs")

    def cas(self, name) -> list:
        return sorted(os.listdir(os.path.join(self.data, "cas", name)))

    def make_old(self, id_, seconds=7 * 24 * 3600):
        path = os.path.join(self.data, "cas", "images", id_)
        os.utime(path, (time.time() - seconds,) * 2)


BASE = [directory("etc"), file("etc/passwd", "root:x:0:0::/:/bin/sh\n"), file("etc/old", "old"), directory("d"),
        file("d/a", "a"), file("d/b", "b"), symlink("link", "etc/old")]
TOP = [file("etc/passwd", "root:x:0:0::/:/bin/ash\n"), whiteout("etc/old"), opaque("d"), directory("d"),
       file("d/c", "c"), file("new", "new", 0o755)]


class Looking(Commands):
    """inspect, history, list, df."""

    def test_inspect_and_sizes(self):
        base = self.layered("base", [BASE])
        both = self.layered("both", [BASE, TOP])
        one, other = self.json("image", "inspect", base, both[:20])
        self.assertEqual((base, both), (one["id"], other["id"]))
        self.assertEqual("oci", one["format"])
        self.assertEqual("linux", one["platform"]["os"])
        self.assertEqual(1, len(one["layers"]))
        self.assertEqual([2, 1], [layer["images"] for layer in other["layers"]])
        self.assertEqual(one["layers"][0]["key"], other["layers"][0]["key"])
        self.assertEqual(0, one["unique_size"])
        self.assertEqual(one["size"], one["shared_size"])
        self.assertEqual(other["size"], other["unique_size"] + other["shared_size"])
        self.assertEqual([f"oci:{self.top}/both:latest"], other["origins"])
        self.assertEqual("ImageManifest", one["manifest"]["acKind"])
        self.assertEqual(one["layers"][0]["diff_id"], one["oci_config"]["rootfs"]["diff_ids"][0])
        by_manifest = self.json("image", "inspect", one["manifest_digest"])[0]
        self.assertEqual(base, by_manifest["id"])
        usage = self.json("image", "df")
        self.assertEqual({"count": 2, "bytes": other["size"]}, usage["images"])
        self.assertEqual(other["size"], usage["reclaimable"])
        listed = self.images()
        self.assertEqual((other["unique_size"], 2, "oci"),
                         tuple(listed[both][key] for key in ("unique_size", "layers", "format")))
        rows = self.agena("image", "list", "--no-legend", "--full", "--fields=id,shared,layers,digest").out.splitlines()
        self.assertIn([base, str(one["size"]), "1", one["manifest_digest"]], [re.split(r"\t+", row) for row in rows])
        self.assertIn(f"id\t\t{base}", self.agena("image", "inspect", base).out)
        self.fails("image", "inspect", "example.com/nosuch", message="example.com/nosuch")

    def test_history(self):
        history = [{"created": "2024-01-02T03:04:05Z", "created_by": "ADD base", "comment": "the base"},
                   {"created": "2024-01-03T03:04:05Z", "created_by": "ENV A=1", "empty_layer": True},
                   {"created": "2024-01-04T03:04:05Z", "created_by": "RUN change\n  and more"}]
        id_ = self.layered("both", [BASE, TOP], history=history)
        steps = self.json("image", "history", id_)
        self.assertEqual([step["created_by"] for step in reversed(history)], [step["created_by"] for step in steps])
        self.assertEqual([False, True, False], [step["empty_layer"] for step in steps])
        keys = [layer["key"] for layer in self.json("image", "inspect", id_)[0]["layers"]]
        self.assertEqual(keys, [step["key"] for step in reversed(steps) if not step["empty_layer"]])
        self.assertEqual(1704164645 * 10**9, steps[2]["created"])
        lines = self.agena("image", "history", "--no-legend", id_).out.splitlines()
        self.assertEqual(3, len(lines))
        self.assertIn("RUN change and more", lines[0])

    def test_history_of_an_aci_is_its_dependencies(self):
        self.agena("fetch", self.small_image("example.com/base"))
        path = os.path.join(self.top, "top.aci")
        aci.build(path, aci.image_manifest("example.com/top", dependencies=[{"imageName": "example.com/base"}]),
                  [file("top", "t")], "none")
        id_ = self.agena("fetch", "--full", path).out.strip()
        steps = self.json("image", "history", id_)
        self.assertEqual(["example.com/top:1.0.0", "example.com/base:1.0.0"], [step["name"] for step in steps])
        self.assertIn("dependency of example.com/top", steps[1]["comment"])

    def test_documents_byte_for_byte(self):
        id_ = self.layered("base", [BASE])
        image = self.json("image", "inspect", id_)[0]
        for flag, digest in (("--oci", "manifest_digest"), ("--oci=config", "config_digest")):
            done = self.agena("image", "cat-manifest", flag, id_, text=False)
            self.assertEqual(image[digest], "sha256:" + hashlib.sha256(done.out).hexdigest())
        self.agena("fetch", Images.busybox())
        self.fails("image", "cat-manifest", "--oci", "agena.dev/busybox", message="has no manifest of its own")


class Names(Commands):
    """tag, rm, references with digests."""

    def test_names_come_and_go(self):
        id_ = self.layered("base", [BASE])
        digest = self.json("image", "inspect", id_)[0]["manifest_digest"]
        self.agena("image", "tag", id_, "app:1", "localhost:5000/team/app")
        for reference in ("app:1", "docker.io/library/app:1", "docker://app:1", "localhost:5000/team/app:latest",
                          f"localhost:5000/team/app@{digest}"):
            self.assertEqual(id_, self.json("image", "inspect", reference)[0]["id"], reference)
        self.fails("image", "inspect", f"localhost:5000/other@{digest}", message="localhost:5000/other")
        self.assertEqual(["base:latest", "docker.io/library/app:1", "localhost:5000/team/app:latest"],
                         self.images()[id_]["names"])
        other = self.layered("both", [BASE, TOP])
        self.agena("image", "tag", other, "app:1")
        self.assertEqual(other, self.json("image", "inspect", "app:1")[0]["id"])
        done = self.agena("image", "rm", "app:1")
        self.assertEqual(f'successfully removed name "docker.io/library/app:1" of image: "{other}"\n', done.out)
        self.fails("image", "inspect", "app:1", message="app:1")
        self.assertEqual({id_, other}, set(self.images()))
        self.agena("image", "rm", "localhost:5000/team/app")
        self.assertIn("successfully removed aci", self.agena("image", "rm", "base:latest").out)
        self.assertEqual({other}, set(self.images()))
        self.fails("image", "tag", other, "Not A Name", message="Not A Name")

    def test_a_file_that_is_known_gives_its_names_again(self):
        references = []
        for text in ("one", "two"):
            image = docker.Image([[file("f", text)]], repo_tags=["app:1", f"{text}:1"])
            references.append("docker-archive:" + docker.write(f"{self.top}/{text}.tar", docker.flat([image])))
        one, two = (self.agena("fetch", "--full", reference).out.strip() for reference in references)
        self.assertEqual(two, self.json("image", "inspect", "app:1")[0]["id"])
        time.sleep(0.2)  # files that changed a moment ago are not remembered
        for reference, id_ in zip(references * 2, (one, two, one, two)):
            self.assertEqual(id_, self.agena("fetch", "--full", reference).out.strip())
            self.assertEqual(id_, self.json("image", "inspect", "app:1")[0]["id"])
        self.agena("image", "rm", "two:1")
        self.agena("fetch", references[1])
        self.assertEqual(two, self.json("image", "inspect", "two:1")[0]["id"])
        self.fails("image", "tag", "example.com/nosuch", "x", message="example.com/nosuch")


class Differences(Commands):
    """diff of images and of apps."""

    def lines(self, *words) -> list:
        return self.agena("image", "diff", *words).out.splitlines()

    def test_two_images(self):
        base = self.layered("base", [BASE])
        both = self.layered("both", [BASE, TOP])
        self.assertEqual([], self.lines(base, base))
        self.assertEqual(["D /d/a", "D /d/b", "A /d/c", "D /etc/old", "C /etc/passwd", "A /new"],
                         self.lines(base, both))
        self.assertEqual(["A /d/a", "A /d/b", "D /d/c", "A /etc/old", "C /etc/passwd", "D /new"],
                         self.lines(both, base))
        changes = {change["path"]: change for change in self.json("image", "diff", base, both)}
        self.assertEqual(["content"], changes["/etc/passwd"]["what"])
        self.assertEqual({"type": "file", "mode": "0755", "uid": 0, "gid": 0, "size": 3}, changes["/new"]["after"])
        self.assertNotIn("before", changes["/new"])
        self.fails("image", "diff", "--app=x", base, both, message="--app")

    def test_every_kind_of_change(self):
        before = [directory("same"), file("same/f", "x"), file("mode", "m", 0o644), file("owner", "o", uid=1),
                  file("time", "t", mtime=1), symlink("target", "a"), file("type", "x"), directory("dir"),
                  file("dir/inside", "i"), file(b"odd\xff\n", "o"), file("one", "1"), hardlink("two", "one")]
        after = [directory("same"), file("same/f", "x"), file("mode", "m", 0o4755), file("owner", "o", uid=2),
                 file("time", "t", mtime=2), symlink("target", "b"), directory("type"), file("type/in", "x"),
                 file("dir", "now a file"), file("one", "1"), file("two", "1")]
        one, other = self.layered("before", [before]), self.layered("after", [after])
        changes = [(change["kind"][0], change["path"], change.get("what"))
                   for change in self.json("image", "diff", one, other)]
        self.assertEqual([("c", "/dir", ["type"]), ("d", "/dir/inside", None), ("c", "/mode", ["mode"]),
                          ("d", "/odd\\xff\\x0a", None), ("c", "/owner", ["owner"]), ("c", "/target", ["target"]),
                          ("c", "/time", ["time"]), ("c", "/type", ["type"]), ("a", "/type/in", None)], changes)
        hexes = [change["path_hex"] for change in self.json("image", "diff", one, other) if "path_hex" in change]
        self.assertEqual([b"/odd\xff\n".hex()], hexes)

    def check_app(self, *flags):
        script = "echo new >/n; rm /etc/group; mkdir /etc/dir; chmod 751 /root; rm -r /usr; mkdir /usr"
        self.agena("run", "--net=none", "--stage1-name=" + FLY, *flags, Images.busybox(), "--name=app", *shell(script))
        uuid = self.only_pod()
        found = self.agena("image", "diff", uuid, "--app=app").out.splitlines()
        for line in ("A /n", "D /etc/group", "A /etc/dir", "C /root"):
            self.assertIn(line, found)
        self.assertEqual(found, self.agena("image", "diff", uuid[:8]).out.splitlines())
        self.assertFalse([line for line in found if line.startswith("C /bin")], found)
        self.fails("image", "diff", uuid, "--app=nosuch", message="nosuch")

    def test_an_app(self):
        self.check_app()

    def test_an_app_with_a_copied_root(self):
        self.check_app("--no-overlay")


class Files(Commands):
    """extract and render."""

    def test_render_is_the_root(self):
        items = [*BASE, file("suid", "s", 0o4711, uid=3, gid=4, mtime=1_000_000_000), file("h1", "hard"),
                 hardlink("h2", "h1")]
        id_ = self.layered("both", [items, TOP])
        out = os.path.join(self.top, "out")
        self.agena("image", "render", "--rootfs-only", id_, out)
        self.assertEqual(["d", "etc", "h1", "h2", "link", "new", "suid"], sorted(os.listdir(out)))
        self.assertEqual(["passwd"], os.listdir(out + "/etc"))
        self.assertEqual(["c"], os.listdir(out + "/d"))
        facts = os.stat(out + "/suid")
        self.assertEqual((0o4711, 3, 4, 1_000_000_000),
                         (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid, int(facts.st_mtime)))
        self.assertTrue(os.path.samefile(out + "/h1", out + "/h2"))
        self.assertEqual("etc/old", os.readlink(out + "/link"))
        self.fails("image", "render", id_, out, message="output directory exists (try --overwrite)")
        with open(out + "/mine", "w", encoding="utf-8"):
            pass
        self.agena("image", "render", "--overwrite", id_, out + "/")
        self.assertEqual(["manifest", "rootfs"], sorted(os.listdir(out)))
        self.assertEqual("ImageManifest", json.loads(read(out + "/manifest"))["acKind"])
        self.assertFalse([name for name in os.listdir(self.top) if name.startswith(".out")])

    def test_extract_is_the_image_alone(self):
        self.agena("fetch", self.small_image("example.com/base"))
        path = os.path.join(self.top, "top.aci")
        aci.build(path, aci.image_manifest("example.com/top", dependencies=[{"imageName": "example.com/base"}]),
                  [file("top", "t")], "none")
        self.agena("fetch", path)
        self.agena("image", "extract", "example.com/top", f"{self.top}/own")
        self.agena("image", "render", "example.com/top", f"{self.top}/all")
        self.assertEqual(["top"], os.listdir(f"{self.top}/own/rootfs"))
        self.assertEqual(["bin", "top"], sorted(os.listdir(f"{self.top}/all/rootfs")))

    def test_refusals_change_nothing(self):
        id_ = self.layered("base", [BASE])
        self.fails("image", "extract", "--overwrite", id_, "/", message="Refusing")
        self.fails("image", "extract", "--overwrite", id_, "/usr/..", message="Refusing")
        self.fails("image", "extract", "--overwrite", id_, self.top, message="Refusing")
        self.fails("image", "extract", id_, self.top + "/no/such", message="no such file")
        key = self.json("image", "inspect", id_)[0]["layers"][0]["key"]
        out = os.path.join(self.top, "out")
        os.mkdir(out)
        before = sorted(os.listdir(self.top))
        os.rename(self.layer_path(key), self.layer_path(key) + ".away")
        self.agena("image", "extract", "--overwrite", id_, out, check=254)
        os.rename(self.layer_path(key) + ".away", self.layer_path(key))
        self.assertEqual(before, sorted(os.listdir(self.top)))
        self.assertEqual([], os.listdir(out))


class Collecting(Commands):
    """gc and what it protects."""

    def test_by_last_use(self):
        old, young = self.layered("base", [BASE]), self.layered("both", [BASE, TOP])
        self.make_old(old)
        planned = self.json("image", "gc", "--dry-run")
        self.assertEqual([old], [image["id"] for image in planned["removed"]])
        self.assertEqual([("used lately", young)], [(image["reason"], image["id"]) for image in planned["kept"]])
        self.assertEqual(2, len(self.images()))
        done = self.agena("image", "gc")
        self.assertEqual(f'successfully removed aci for image: "{old}"\n', done.out)
        self.assertIn("1 image(s) successfully removed", done.err)
        self.assertEqual([young], list(self.images()))
        self.assertEqual(2, len(self.cas("layers")))  # the shared one stays
        report = self.json("image", "gc", "--grace-period=0s")
        self.assertEqual((1, 2), (len(report["removed"]), report["layers"]))
        self.assertGreater(report["bytes"], 0)
        self.assertEqual([], self.cas("layers") + self.cas("blobs/sha256") + self.cas("images"))
        self.assertEqual([], self.cas("trash"))

    def test_pods_stage1_and_parents_stay(self):
        self.agena("fetch", self.small_image("example.com/base"))
        path = os.path.join(self.top, "top.aci")
        aci.build(path, aci.image_manifest("example.com/top", dependencies=[{"imageName": "example.com/base"}],
                                           exec_=["/bin/sh", "-c", "true"]), [file("top", "t")], "none")
        self.agena("fetch", path)
        unused = self.agena("fetch", "--full", Images.busybox("oci")).out.strip()
        uuid = self.agena("prepare", "--stage1-name=" + FLY, "example.com/top").out.strip()
        report = self.json("image", "gc", "--grace-period=0s")
        self.assertEqual([unused], [image["id"] for image in report["removed"]])
        reasons = {image["name"].split(":")[0]: image["reason"] for image in report["kept"]}
        self.assertEqual({"example.com/top": "used by a pod", "example.com/base": "dependency of another image",
                          FLY: "used by a pod"}, reasons)
        self.assertEqual([uuid], self.json("image", "inspect", "example.com/top")[0]["pods"])
        self.agena("run-prepared", "--net=none", uuid)
        self.assertEqual([], self.json("image", "gc", "--grace-period=0s")["removed"])  # it may be started again
        self.agena("rm", uuid)
        self.assertEqual(3, len(self.json("image", "gc", "--grace-period=0s")["removed"]))


class Repairing(Commands):
    """verify --repair."""

    def damage(self, id_) -> str:
        """Changes a file of the image's lowest layer; returns the layer's key."""
        key = self.json("image", "inspect", id_)[0]["layers"][0]["key"]
        with open(self.layer_path(key) + "/etc/passwd", "a", encoding="utf-8") as stream:
            stream.write("evil::0:0::/:/bin/sh\n")
        return key

    def check_repair(self, reference):
        id_ = self.agena("fetch", "--full", reference).out.strip()
        key = self.damage(id_)
        found = json.loads(self.agena("image", "verify", "--format=json", id_, check=254).out)[0]
        self.assertEqual(("damaged", [(key, "corrupt")]),
                         (found["state"], [(layer["key"], layer["state"]) for layer in found["layers"]]))
        done = self.agena("image", "verify", "--repair", id_)
        self.assertIn("rebuilding...", done.err)
        self.assertEqual(f'successfully verified checksum for image: "{id_}"\n', done.out)
        self.assertNotIn("evil", read(self.layer_path(key) + "/etc/passwd"))
        shutil.rmtree(os.path.dirname(self.layer_path(key)))
        self.assertIn("missing", self.agena("image", "verify", id_, check=254).err)
        self.assertEqual("repaired", self.json("image", "verify", "--repair", id_)[0]["state"])
        self.assertEqual(["intact"], [image["state"] for image in self.json("image", "verify", "--all")])
        self.assertEqual([], self.cas("staging"))

    def test_from_an_aci(self):
        self.check_repair(Images.busybox())

    def test_from_a_layout(self):
        self.check_repair(Images.busybox("oci"))

    def test_from_a_docker_archive(self):
        self.check_repair(Images.busybox("docker-archive"))

    def test_from_a_registry(self):
        with Registry(os.path.join(self.top, "registry")) as registry:
            name = f"{registry.host}/team/app:1"
            pushed = self.agena("fetch", "--full", Images.busybox("oci")).out.strip()
            self.agena("image", "push", pushed, f"docker://{name}")
            self.agena("image", "rm", pushed)
            id_ = self.agena("fetch", "--full", f"docker://{name}").out.strip()
            self.damage(id_)
            found = self.json("image", "verify", "--repair", name)[0]
            digest = self.json("image", "inspect", name)[0]["manifest_digest"]
            self.assertEqual(f"docker://{registry.host}/team/app@{digest}", found["repaired_from"])
            self.agena("image", "verify", "--all")
            self.assertIn("successfully removed aci", self.agena("image", "rm", name).out)

    def test_a_document(self):
        id_ = self.layered("base", [BASE])
        digest = self.json("image", "inspect", id_)[0]["config_digest"]
        with open(os.path.join(self.data, "cas/blobs/sha256", digest[7:]), "a", encoding="utf-8") as stream:
            stream.write(" ")
        self.assertIn(digest, self.agena("image", "verify", id_, check=254).err)
        self.assertEqual([digest], self.json("image", "verify", "--repair", id_)[0]["documents"])
        self.agena("image", "verify", id_)

    def test_a_rendered_root_needs_no_source(self):
        base = self.small_image("example.com/base", entries=[directory("etc"), file("etc/passwd", "x")])
        self.agena("fetch", base)
        path = os.path.join(self.top, "top.aci")
        aci.build(path, aci.image_manifest("example.com/top", dependencies=[{"imageName": "example.com/base"}]),
                  [file("top", "t")], "none")
        id_ = self.agena("fetch", "--full", path).out.strip()
        os.unlink(path)
        self.damage(id_)
        self.assertEqual("its dependencies", self.json("image", "verify", "--repair", id_)[0]["repaired_from"])

    def test_a_source_that_is_gone(self):
        path = self.small_image("example.com/x", entries=[directory("etc"), file("etc/passwd", "x")])
        id_ = self.agena("fetch", "--full", path).out.strip()
        key = self.damage(id_)
        os.rename(path, path + ".away")
        done = self.agena("image", "verify", "--repair", id_, check=254)
        self.assertIn("no source gives it back", done.err)
        self.assertIn(path, done.err)
        self.assertIn("evil", read(self.layer_path(key) + "/etc/passwd"))  # what there was is still there
        self.assertEqual([], self.cas("staging"))

    def test_not_under_a_pod(self):
        id_ = self.agena("fetch", "--full", Images.busybox()).out.strip()
        uuid = self.agena("prepare", "--stage1-name=" + FLY, id_).out.strip()
        key = self.damage(id_)
        done = self.agena("image", "verify", "--repair", id_, check=254)
        self.assertIn(f"is used by pod '{uuid}'", done.err)
        self.assertTrue(os.path.isdir(self.layer_path(key)))
        self.agena("rm", uuid)
        self.agena("image", "verify", "--repair", id_)

    def test_usage(self):
        self.fails("image", "verify", message="--all")
        self.fails("image", "verify", "--all", "x", message="--all")


class FromRkt(Commands):
    """import-rkt."""

    def put(self, document, entries, when, damage=b"") -> str:
        """Adds an image to a store of rkt; returns its key."""
        path = aci.build(os.path.join(self.top, "one.aci"), document, entries, "none")
        content = read(path, "rb")
        os.unlink(path)
        key = "sha512-" + hashlib.sha512(content).hexdigest()[:64]
        for kind, data in (("blob", content + damage), ("imageManifest", json.dumps(document).encode())):
            place = os.path.join(self.top, "rkt/cas", kind, "sha512", key[7:9])
            os.makedirs(place, exist_ok=True)
            with open(os.path.join(place, key), "wb") as stream:
                stream.write(data)
            os.utime(os.path.join(place, key), (when, when))
        return key

    def test_takes_over_what_is_whole(self):
        rkt = os.path.join(self.top, "rkt")
        # The one that depends on the other is older, so that order matters.
        top = self.put(aci.image_manifest("example.com/top", dependencies=[{"imageName": "example.com/base"}]),
                       [file("top", "t")], 1_500_000_000)
        base = self.put(aci.image_manifest("example.com/base"), [file("base", "b")], 1_600_000_000)
        broken = self.put(aci.image_manifest("example.com/broken"), [file("x", "x")], 1_600_000_001, b"\0" * 512)
        open(os.path.join(rkt, "cas/blob/sha512", base[7:9], "README"), "w", encoding="utf-8").close()
        listing = sorted(os.path.join(place, name) for place, _, names in os.walk(rkt) for name in names)
        done = self.agena("image", "import-rkt", "--format=json", rkt, check=254)
        outcome = {image["id"]: image["outcome"] for image in json.loads(done.out)}
        self.assertEqual({top: "imported", base: "imported", broken: "failed", base[7:9] + "/README": "failed"}, outcome)
        self.assertIn(broken, done.err)
        self.assertIn("damaged", done.err)
        images = self.images()
        self.assertEqual({top, base}, set(images))
        self.assertEqual((1_500_000_000 * 10**9, "example.com/top:1.0.0"),
                         (images[top]["import_time"], images[top]["name"]))
        self.agena("image", "render", "--rootfs-only", "example.com/top", f"{self.top}/out")
        self.assertEqual(["base", "top"], sorted(os.listdir(f"{self.top}/out")))
        again = self.agena("image", "import-rkt", rkt + "/cas", check=254)
        self.assertEqual({f"present {base} example.com/base:1.0.0", f"present {top} example.com/top:1.0.0"},
                         set(again.out.splitlines()))
        self.assertEqual(listing, sorted(os.path.join(place, name) for place, _, names in os.walk(rkt) for name in names))
        self.agena("image", "rm", base)
        self.assertEqual(2, len(self.json("image", "import-rkt", rkt, check=254)) - 2)

    def test_no_store(self):
        self.fails("image", "import-rkt", self.top, message="no store of rkt")
        self.fails("image", "import-rkt", self.top + "/nosuch", message="no such file")
