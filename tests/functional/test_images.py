"""Images: fetching in all forms, the image commands, both kinds of root. What is odd or hostile: test_bad_images."""

import json
import os
import re
import subprocess

from harness import FLY, SOURCE, Case, Images, Terminal, read, shell  # its import lets the next ones be found
import tree_digest
from imagekit import oci
from imagekit.entries import directory, file, symlink

ID = "sha512-[0-9a-f]{64}"


class Store(Case):
    """What all tests here use."""

    def records(self) -> list:
        return json.loads(self.agena("image", "list", "--format=json").out)

    def staging(self) -> list:
        path = os.path.join(self.data, "cas", "staging")
        return os.listdir(path) if os.path.isdir(path) else []


class Fetch(Store):
    """Sources and image commands."""

    def test_all_forms(self):
        for form in ("aci", "oci", "docker-archive"):
            done = self.agena("fetch", "--full", Images.busybox(form))
            self.assertRegex(done.out, f"^{ID}\n$")
            again = self.agena("fetch", Images.busybox(form))
            self.assertEqual(done.out.strip()[:39], again.out.strip())
            self.agena("image", "verify", done.out.strip())
            self.assertEqual("hello\n", self.agena("run", "--net=host", "--stage1-name=" + FLY, done.out.strip(),
                                                   *shell("echo hello")).out)

    def test_prepare_shows_the_import_on_a_terminal(self):
        argv = self.argv("prepare", Images.busybox())
        terminal = Terminal(argv)
        self.assertEqual(0, terminal.finish())
        self.assertIn(b"busybox.aci         done", terminal.text)
        again = Terminal(argv)  # nothing is imported
        self.assertEqual(0, again.finish())
        self.assertRegex(again.text, rb"^[0-9a-f-]{36}\r\n$")
        self.assertEqual("", self.agena("prepare", Images.busybox("oci")).err)  # no terminal, nothing to see

    def test_compressed_acis_are_one_image(self):
        from imagekit import compress
        plain = os.path.join(self.top, "plain.aci")
        import gzip
        with open(plain, "wb") as stream:
            stream.write(gzip.decompress(read(Images.busybox(), "rb")))
        made = {"plain": plain}
        for name, command in {"gz": ["gzip"], "bz2": ["bzip2"], "xz": ["xz", "-0"], "zst": ["zstd", "-q"]}.items():
            path = f"{self.top}/image.{name}"
            with open(plain, "rb") as source, open(path, "wb") as target:
                subprocess.run([*command, "-c"], stdin=source, stdout=target, check=True)
            made[name] = path
        ids = {self.agena("fetch", "--full", path).out for path in made.values()}
        self.assertEqual(1, len(ids), ids)
        self.assertEqual(1, len(self.records()))
        import hashlib
        self.assertEqual("sha512-" + hashlib.sha512(read(plain, "rb")).hexdigest()[:64], ids.pop().strip())

    def test_many_layers_with_the_usual_limit_of_open_files(self):
        """Services have 1024; the app gets what the caller has."""
        busybox = file("bin/busybox", read("/bin/busybox", "rb"), 0o755)
        layers = [[directory("bin"), busybox, symlink("bin/sh", "busybox"), directory("d")]]
        layers += [[file(f"d/{n}", "x")] for n in range(1, 300)]
        image = oci.build(f"{self.top}/many", layers, config={"config": {"Cmd": ["/bin/sh"]}}, compression="none")
        argv = self.argv("run", "--net=host", "--stage1-name=" + FLY, image, *shell("ls /d | busybox wc -l; ulimit -Sn"))
        done = self.run_argv(["prlimit", "--nofile=1024:", *argv])
        self.assertEqual(["299", "1024"], done.out.split(), str(done))

    def test_oci_references(self):
        path = Images.busybox("oci").removeprefix("oci:").removesuffix(":latest")
        digest = json.loads(read(path + "/index.json"))["manifests"][0]["digest"]
        tar = os.path.join(self.top, "layout.tar")
        subprocess.run(["tar", "-C", path, "-cf", tar, "."], check=True)
        ids = {self.agena("fetch", "--full", one).out for one in
               (f"oci:{path}", f"oci:{path}:latest", f"oci:{path}@{digest}", f"oci:{tar}:latest", f"oci:{tar}")}
        self.assertEqual(1, len(ids), ids)
        self.fails("fetch", f"oci:{path}:nosuch", message="nosuch")
        self.fails("fetch", f"oci:{path}@sha256:{'0' * 64}", message="0000")

    def test_docker_references(self):
        path = Images.busybox("docker-archive")
        one = self.agena("fetch", "--full", path).out
        self.assertEqual(one, self.agena("fetch", "--full", path + ":agena.dev/busybox:latest").out)
        self.fails("fetch", path + ":agena.dev/busybox:nosuch", message="nosuch")

    def test_several_at_once(self):
        done = self.agena("fetch", "--full", Images.busybox(), Images.busybox("oci"))
        self.assertRegex(done.out, f"^{ID}\n{ID}\n$")

    def test_faults(self):
        self.fails("fetch", "/no/such.aci", message="no such file or directory")
        self.fails("fetch", "oci:/no/such", message="no such file or directory")
        self.fails("fetch", "docker://busybox", message="busybox")
        self.fails("fetch", message="must provide at least one image")
        self.fails("fetch", self.top, message=self.top)
        path = os.path.join(self.top, "text.aci")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("this is no image\n" * 100)
        self.fails("fetch", path, message=path)
        self.assertEqual([], self.records())
        self.assertEqual([], self.staging())

    def test_list(self):
        id_ = self.agena("fetch", "--full", Images.busybox()).out.strip()
        image = self.records()[0]
        self.assertLessEqual({"id", "name", "import_time", "last_used_time", "size"}, set(image))
        self.assertEqual(id_, image["id"])
        self.assertGreater(image["size"], 500000)
        self.assertIn("image.dev", image["name"].replace("agena", "image"))
        legend, line = self.agena("image", "list").out.splitlines()
        self.assertEqual(["ID", "NAME", "SIZE", "IMPORT TIME", "LAST USED"], re.split(r"\t+", legend))
        self.assertEqual(id_[:19], line.split("\t")[0])
        self.assertEqual(id_, self.agena("image", "list", "--full", "--no-legend", "--fields=id").out.strip())
        self.agena("fetch", self.small_image("example.com/aaa"))
        names = self.agena("image", "list", "--no-legend", "--fields=name", "--sort=name").out.split()
        self.assertEqual(sorted(names), names)
        self.assertEqual(names[::-1], self.agena("image", "list", "--no-legend", "--fields=name", "--sort=name",
                                                 "--order=desc").out.split())
        self.fails("image", "list", "--fields=nosuch", message="nosuch")

    def test_cat_manifest(self):
        id_ = self.agena("fetch", "--full", Images.busybox()).out.strip()
        for reference in (id_, id_[:16], "agena.dev/busybox"):
            manifest = json.loads(self.agena("image", "cat-manifest", reference).out)
            self.assertEqual(("ImageManifest", "agena.dev/busybox"), (manifest["acKind"], manifest["name"]))
        self.fails("image", "cat-manifest", "sha512-0000", message="sha512-0000")
        self.fails("image", "cat-manifest", "example.com/nosuch", message="example.com/nosuch")

    def test_rm(self):
        one = self.agena("fetch", "--full", Images.busybox()).out.strip()
        two = self.agena("fetch", "--full", Images.busybox("oci")).out.strip()
        done = self.agena("image", "rm", one, "example.com/nosuch", two, check=254)
        self.assertEqual(f'successfully removed aci for image: "{one}"\nsuccessfully removed aci for image: "{two}"\n',
                         done.out)
        self.assertIn("rm: 2 image(s) successfully removed", done.err)
        self.assertIn("example.com/nosuch", done.err)
        self.assertEqual([], self.records())
        self.assertEqual([], os.listdir(os.path.join(self.data, "cas", "layers")))

    def test_verify_finds_changes(self):
        id_ = self.agena("fetch", "--full", Images.busybox()).out.strip()
        self.assertEqual(f'successfully verified checksum for image: "{id_}"\n', self.agena("image", "verify", id_).out)
        layers = os.path.join(self.data, "cas", "layers")
        path = os.path.join(layers, os.listdir(layers)[0], "fs", "etc", "passwd")
        before = read(path)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(before.replace("root", "toor"))
        done = self.agena("image", "verify", id_, check=254)
        self.assertIn("corrupt", done.err)
        self.assertIn("etc/passwd", done.err)

    def test_index_is_rebuilt(self):
        id_ = self.agena("fetch", "--full", Images.busybox()).out.strip()
        for name in os.listdir(os.path.join(self.data, "cas")):
            if name.startswith("index.db"):
                os.unlink(os.path.join(self.data, "cas", name))
        self.assertEqual([id_], [image["id"] for image in self.records()])
        self.agena("image", "cat-manifest", "agena.dev/busybox")
        self.assertEqual(id_, self.agena("fetch", "--full", Images.busybox()).out.strip())


class DebianRoots(Store):
    """The Debian image: overlay and copied roots are the tree that the oracle made."""

    def test_roots_are_equal(self):
        made = debian_image(self)
        with open(made["tree"], encoding="utf-8") as stream:
            want = stream.read().splitlines()
        for reference in (made["oci"] + ":latest", made["aci"]):
            image = self.agena("fetch", "--full", reference, timeout=300).out.strip()
            uuid = self.agena("prepare", "--no-overlay", "--stage1-name=" + FLY, image, "--name=app", "--exec=/x",
                              timeout=300).out.strip()
            root = os.path.join(self.pod_path(uuid), "stage1/rootfs/opt/stage2/app/rootfs")
            self.compare(want, tree_digest.listing(root)[1:], reference + " copied")
            self.agena("rm", uuid)
            support = os.path.join(SOURCE, "tests", "support")
            uuid_file = os.path.join(self.top, "uuid-overlay")
            process = self.start("run", "--net=none", f"--uuid-file-save={uuid_file}", image, "--name=app",
                                 "--exec=/bin/sh", "--", "-c", "echo up; while :; do sleep 1; done")
            self.wait_output(process, "up")
            uuid = read(uuid_file)
            # The listing is made by a program inside the app's mounts, of the root alone.
            layers = read(os.path.join(self.pod_path(uuid), "appsinfo/app/layers")).split()
            self.agena("stop", "--force", uuid)
            self.finish(process, check=None)
            self.compare(want, self.overlay_listing(layers, support), reference + " overlay")

    def overlay_listing(self, layers, support) -> list:
        """Listing of the layers mounted as the engine mounts them, in a mount namespace of its own."""
        target = os.path.join(self.top, "merged")
        os.makedirs(target, exist_ok=True)
        cas = os.path.join(self.data, "cas", "layers")
        lower = ":".join(f"{layer}/fs" for layer in reversed(layers))
        if len(layers) == 1:
            os.makedirs(cas + "/none", exist_ok=True)
            lower += ":none"
        script = (f"cd {cas} && mount -t overlay -o lowerdir={lower} merged {target} && "
                  f"exec python3 {support}/tree_digest.py --no-root {target}")
        done = self.run_argv(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script], timeout=300)
        if len(layers) == 1:
            os.rmdir(cas + "/none")
        return done.out.splitlines()

    def compare(self, want, found, what):
        self.assertEqual([], sorted(set(want) ^ set(found))[:20], what)
        self.assertEqual(want, found, what)


def debian_image(case) -> dict:
    """Paths of the Debian image by form; made once per AGENA_TEST_CACHE."""
    cache = os.environ.get("AGENA_DEBIAN_CACHE") or os.path.join(Images.place(), "debian")
    done = case.run_argv([os.path.join(SOURCE, "tests/support/debian_image"), "--cache", cache], timeout=900)
    made = dict(line.split("=", 1) for line in done.out.splitlines() if "=" in line)
    made["oci"] = "oci:" + made["oci"].removeprefix("oci:")
    return made


class DebianPod(Store):
    """Three apps of one Debian image: a server, a client that polls it on loopback, a job that ends with code 3."""

    def test_three_apps(self):
        for reference in (debian_image(self)["oci"] + ":latest", debian_image(self)["aci"]):
            done = self.agena("run", "--net=none", reference, "--name=server", "--exec=/opt/demo/server.py", "---",
                              reference, "--name=client", "--exec=/opt/demo/client.py", "---", reference, "--name=job",
                              "--exec=/opt/demo/job.py", check=3, timeout=300)
            self.assertIn(("server", "listening on 127.0.0.1:8080"), done.lines)
            self.assertIn(("job", "job: ends with code 3"), done.lines)
            got = [text for app, text in done.lines if app == "client" and text.startswith("got: hello number ")]
            self.assertGreaterEqual(len(got), 2, str(done))
            uuid = sorted(self.pods(), key=lambda pod: pod["created_at"])[-1]["name"]
            status = self.status(uuid)
            self.assertEqual(("3", "0"), (status["app-job"], status["app-server"]))
            self.agena("rm", uuid)
