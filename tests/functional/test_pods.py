"""The life of pods by the commands: prepare, run-prepared, list, status, stop, rm, gc, enter, cat-manifest, and the
commands that need no pod."""

import json
import os
import re
import signal
import subprocess
import time

from harness import FLY, UUID, Case, Images, read, shell, wait_until

WAIT_FOR_END = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \S+"


class Prepared(Case):
    """prepare and run-prepared."""

    def prepare(self, *words) -> str:
        done = self.agena("prepare", *words)
        self.assertRegex(done.out, f"^{UUID}\n$")
        return done.out.strip()

    def test_both_steps(self):
        uuid = self.prepare(Images.busybox(), *shell("echo ran; exit 6"))
        self.assertEqual([f"prepared/{uuid}"], self.pod_directories())
        self.assertEqual("prepared", self.state(uuid))
        done = self.agena("run-prepared", "--net=none", uuid, check=6)
        self.assertEqual(["ran"], done.texts)
        self.assertEqual([f"run/{uuid}"], self.pod_directories())
        self.assertEqual(["ran"], self.agena("run-prepared", "--net=none", uuid, check=6).texts)

    def test_fly(self):
        uuid = self.prepare("--stage1-name=" + FLY, Images.busybox(), *shell("echo ran; exit 6"))
        self.assertEqual("ran\n", self.agena("run-prepared", "--net=host", uuid, check=6).out)

    def test_copied_roots(self):
        uuid = self.prepare("--no-overlay", Images.busybox(), *shell("echo ran"))
        self.assertFalse(os.path.exists(self.pod_path(uuid) + "/overlay-prepared"))
        self.assertTrue(os.path.exists(self.pod_path(uuid) + "/stage1/rootfs/opt/stage2/busybox/rootfs/bin/busybox"))
        self.assertEqual(["ran"], self.agena("run-prepared", "--net=none", uuid).texts)

    def test_flags_of_the_second_step(self):
        uuid = self.prepare(Images.busybox(), *shell("hostname; cat /etc/hosts"))
        done = self.agena("run-prepared", "--net=none", "--hostname=second", "--hosts-entry=10.0.0.9=nine", uuid)
        self.assertEqual("second", done.texts[0])
        self.assertTrue(any(text.split() == ["10.0.0.9", "nine"] for text in done.texts), done)

    def test_files_of_the_pod(self):
        uuid = self.prepare(Images.busybox(), *shell("true"))
        path = self.pod_path(uuid)
        for name, mode in (("pod", 0o640), ("pod.lck", 0o600)):
            self.assertEqual(mode, os.stat(f"{path}/{name}").st_mode & 0o7777, name)
        self.assertEqual("PodManifest", json.loads(read(path + "/pod"))["acKind"])
        self.assertEqual("agena.dev/busybox", json.loads(read(path + "/appsinfo/busybox/manifest"))["name"])
        self.assertEqual("agena.dev/stage1-systemd", json.loads(read(path + "/stage1/manifest"))["name"])
        for name in ("pod-created", "stage1TreeStoreID", "overlay-prepared", "appsinfo/busybox/treeStoreID"):
            self.assertTrue(os.path.exists(f"{path}/{name}"), name)
        self.assertFalse(read(path + "/stage1TreeStoreID").endswith("\n"))

    def test_gc_expires_only_the_old(self):
        uuid = self.prepare(Images.busybox(), *shell("true"))
        self.agena("gc", "--grace-period=0s")
        self.assertEqual("prepared", self.state(uuid))
        self.agena("gc", "--grace-period=0s", "--expire-prepared=0s")
        self.assertEqual([], self.pod_directories())

    def test_rm(self):
        uuid = self.prepare(Images.busybox(), *shell("true"))
        self.assertEqual(f'"{uuid}"\n', self.agena("rm", uuid).out)
        self.assertEqual([], self.pod_directories())

    def test_as_nomad_does_it(self):
        for name in ("alloc", "local", "secrets"):
            os.mkdir(os.path.join(self.top, name))
        volumes = [word for name in ("alloc", "local", "secrets") for word in (
            f"--volume=task-{name},kind=host,source={self.top}/{name}", f"--mount=volume=task-{name},target=/{name}")]
        done = self.run_argv([self.binary, "--insecure-options=image", "--debug=false", *self.argv()[1:], "prepare",
                              *volumes, "--set-env=NOMAD_TASK=web", Images.busybox(), "--exec=/bin/sh",
                              "--memory=64M", "--cpu=100m", "--", "-c",
                              "echo $NOMAD_TASK > /alloc/made; ls -d /local /secrets; trap 'exit 0' TERM; echo up; "
                              "while :; do sleep 0.05; done"])
        uuid = done.out.strip()
        self.assertRegex(uuid, f"^{UUID}$")
        self.assertEqual("prepared", json.loads(self.agena("status", "--format=json", uuid).out)["state"])
        process = self.start("--debug=false", "run-prepared", "--net=none", uuid)
        self.wait_output(process, "up")
        self.assertEqual("running", json.loads(self.agena("status", "--format=json", uuid).out)["state"])
        self.assertEqual("PodManifest", json.loads(self.agena("cat-manifest", uuid).out)["acKind"])
        self.assertEqual("checked\n", self.agena("enter", uuid, "/bin/echo", "checked").out)
        process.send_signal(signal.SIGINT)
        self.finish(process, check=0)
        self.assertEqual("web\n", read(self.top + "/alloc/made"))

    def test_apps_see_isolators_given(self):
        uuid = self.prepare(Images.busybox(), "--memory=64Mi", "--cpu=500m", *shell("true"))
        app = json.loads(self.agena("cat-manifest", uuid).out)["apps"][0]["app"]
        values = {one["name"]: one["value"]["limit"] for one in app["isolators"]}
        self.assertEqual({"resource/memory": "64Mi", "resource/cpu": "500m"}, values)


class Inspection(Case):
    """list, status and cat-manifest."""

    def test_empty(self):
        self.agena("fetch", Images.busybox())
        self.assertEqual(["UUID", "APP", "IMAGE NAME", "STATE", "CREATED", "STARTED", "NETWORKS"],
                         re.split(r"\t+", self.agena("list").out.strip()))
        self.assertEqual("\n", self.agena("list", "--no-legend").out)
        self.assertEqual([], json.loads(self.agena("list", "--format=json").out))

    def test_data_directory_that_is_not_there(self):
        self.agena("list")
        self.assertEqual([], json.loads(self.agena("list", "--format=json").out))

    def test_table(self):
        self.agena("run", "--net=none", Images.busybox(), "--name=b", *shell("true"), "---", Images.busybox(),
                   "--name=a", *shell("true"))
        uuid = self.only_pod()
        lines = self.agena("list").out.splitlines()
        self.assertEqual(3, len(lines))
        first, second = (line.split("\t") for line in lines[1:])
        cells = [cell for cell in first if cell]
        self.assertEqual([uuid[:8], "b", "agena.dev/busybox:" + cells[2].partition(":")[2], "exited"], cells[:4])
        self.assertEqual(["a", cells[2]], [cell for cell in second if cell])
        self.assertEqual(lines[1:], self.agena("list", "--no-legend").out.splitlines())
        full = [cell for cell in self.agena("list", "--full", "--no-legend").out.splitlines()[0].split("\t") if cell]
        self.assertEqual(uuid, full[0])
        self.assertRegex(full[3], "^sha512-[0-9a-f]{12}$")
        self.assertRegex(full[5], f"^{TIME}$")

    def test_json(self):
        self.agena("run", "--net=none", Images.busybox(), "--user-annotation=k=v", "--user-label=l=w",
                   *shell("exit 3"), check=3)
        pod = self.pods()[0]
        self.assertEqual((self.only_pod(), "exited", ["busybox"]), (pod["name"], pod["state"], pod["app_names"]))
        now = time.time()
        self.assertAlmostEqual(now, pod["created_at"], delta=60)
        self.assertAlmostEqual(now, pod["started_at"], delta=60)
        app = pod["apps"][0]
        self.assertEqual(("busybox", "exited", 3), (app["name"], app["state"], app["exit_code"]))
        self.assertRegex(app["image_id"], "^sha512-[0-9a-f]{64}$")
        self.assertAlmostEqual(now, app["created_at"] / 1e9, delta=60)
        self.assertEqual({"k": "v"}, app["user_annotations"])
        self.assertEqual({"l": "w"}, app["user_labels"])
        self.assertEqual(pod, json.loads(self.agena("status", "--format=json", pod["name"]).out))
        pretty = self.agena("list", "--format=json-pretty").out
        self.assertEqual([pod], json.loads(pretty))
        self.assertGreater(pretty.count("\n"), 10)
        self.fails("list", "--format=xml", message="xml")

    def test_status_lines(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell(WAIT_FOR_END))
        self.wait_output(process, "up")
        lines = self.agena("status", uuid).out.splitlines()
        self.assertEqual(["state", "created", "started", "networks", "pid", "exited"],
                         [line.partition("=")[0] for line in lines])
        status = self.status(uuid)
        self.assertEqual(("running", "false"), (status["state"], status["exited"]))
        self.assertRegex(status["created"], f"^{TIME}$")
        # The supervisor, which the command has become.
        self.assertEqual(str(process.pid), status["pid"])
        self.agena("stop", uuid)
        self.finish(process)
        lines = self.agena("status", uuid).out.splitlines()
        self.assertEqual("state=exited", lines[0])
        self.assertEqual("app-busybox=0", lines[-1])
        self.assertIn("exited=true", lines)

    def test_wait(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell(WAIT_FOR_END))
        self.wait_output(process, "up")
        done = self.agena("status", "--wait=200ms", uuid, check=254)
        self.assertIn(uuid, done.err)
        waiter = self.start("status", "--wait", uuid)
        time.sleep(0.3)
        self.assertIsNone(waiter.poll())
        self.agena("stop", uuid)
        self.assertIn("state=exited\n", self.finish(waiter).out)
        self.finish(process)
        self.agena("status", "--wait=1s", uuid)

    def test_wait_ready(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell(WAIT_FOR_END), ready=False)
        self.assertIn("state=running\n", self.agena("status", "--wait-ready=30s", uuid).out)
        path = self.pod_path(uuid) + "/overlay/stage1/upper/rkt/supervisor-status"
        self.assertEqual("ready", os.readlink(path))
        self.agena("stop", uuid)
        self.finish(process)

    def test_cat_manifest(self):
        uuid = self.agena("prepare", "--set-env=A=b", Images.busybox(), "--name=x", *shell("exit 2")).out.strip()
        pretty = self.agena("cat-manifest", uuid).out
        self.assertIn('\n\t"acKind": "PodManifest"', pretty)
        compact = self.agena("cat-manifest", "--pretty-print=false", uuid).out
        self.assertEqual(1, compact.count("\n"))
        manifest = json.loads(pretty)
        self.assertEqual(manifest, json.loads(compact))
        app = manifest["apps"][0]
        self.assertEqual("x", app["name"])
        self.assertEqual(["/bin/sh", "-c", "exit 2"], app["app"]["exec"])
        self.assertIn({"name": "A", "value": "b"}, app["app"]["environment"])

    def test_uuid_prefixes(self):
        uuids = [self.agena("prepare", Images.busybox(), *shell("true")).out.strip() for _ in range(2)]
        one = uuids[0]
        length = next(n for n in range(1, 37) if one[:n] != uuids[1][:n])
        for text in (one, one[:length], one[:length].upper(), one[:20]):
            self.assertEqual("prepared", self.status(text)["state"])
        self.fails("status", "zz", message='no matches found for "zz"')
        self.fails("status", "", message="UUID cannot be empty")
        common = os.path.commonprefix(uuids)
        if common:
            self.fails("status", common, message="ambiguous uuid, 2 matches")
        # Two directories that share a prefix for certain.
        fellow = one[:-1] + ("0" if one[-1] != "0" else "1")
        os.mkdir(f"{self.data}/pods/prepared/{fellow}")
        self.fails("status", one[:20], message="ambiguous uuid, 2 matches")

    def test_uuid_files(self):
        path = os.path.join(self.top, "uuid")
        self.agena("run", "--net=none", f"--uuid-file-save={path}", Images.busybox(), *shell("true"))
        self.assertEqual(self.only_pod(), read(path))
        self.assertEqual(0o644, os.stat(path).st_mode & 0o777)
        self.assertIn("state=exited", self.agena("status", f"--uuid-file={path}").out)
        self.assertIn("PodManifest", self.agena("cat-manifest", f"--uuid-file={path}").out)
        self.fails("status", "--uuid-file=/no/such", message="/no/such", code=1)
        self.fails("stop", "--uuid-file=/no/such", message="/no/such", code=1)
        self.fails("status", f"--uuid-file={path}", self.only_pod(), message="--uuid-file")
        self.agena("rm", f"--uuid-file={path}")
        self.assertEqual([], self.pod_directories())


class Stop(Case):
    """stop and rm."""

    def run_app(self, script, *flags):
        process, uuid = self.start_pod(*(flags or ("--net=none",)), Images.busybox(), *shell(script))
        self.wait_output(process, "up")
        return process, uuid

    def test_graceful(self):
        process, uuid = self.run_app(WAIT_FOR_END)
        self.assertEqual(f'"{uuid}"\n', self.agena("stop", uuid).out)
        self.assertIn("bye", self.finish(process).texts)
        self.assertEqual(f'pod "{uuid}" is already stopped\n', self.agena("stop", uuid).out)

    def test_forced(self):
        process, uuid = self.run_app("trap '' TERM INT; echo up; while :; do sleep 0.05; done")
        began = time.monotonic()
        self.assertEqual(f'"{uuid}"\n', self.agena("stop", "--force", uuid).out)
        done = self.finish(process, check=None)
        self.assertLess(time.monotonic() - began, 5)
        self.assertNotEqual(0, done.code)
        self.assertEqual("exited", self.state(uuid))

    def test_fly(self):
        process, uuid = self.run_app(WAIT_FOR_END, "--net=host", "--stage1-name=" + FLY)
        self.assertEqual(f'"{uuid}"\n', self.agena("stop", uuid).out)
        self.assertEqual("up\nbye\n", self.finish(process).out)
        process, uuid = self.run_app("trap '' TERM; echo up; while :; do sleep 0.05; done", "--net=host",
                                     "--stage1-name=" + FLY)
        self.agena("stop", "--force", uuid)
        self.finish(process, check=-9)

    def test_several_and_faults(self):
        first, one = self.run_app(WAIT_FOR_END)
        second, two = self.run_app(WAIT_FOR_END)
        prepared = self.agena("prepare", Images.busybox(), *shell("true")).out.strip()
        done = self.agena("stop", one, "ffff-no", two, prepared, check=254)
        self.assertEqual(f'"{one}"\n"{two}"\n', done.out)
        self.assertIn('no matches found for "ffff-no"', done.err)
        self.assertIn(prepared, done.err)
        self.finish(first)
        self.finish(second)

    def test_rm_refuses_a_running_pod(self):
        process, uuid = self.run_app(WAIT_FOR_END)
        done = self.agena("rm", uuid, check=254)
        self.assertIn(uuid, done.err)
        self.assertIn("running", done.err)
        self.assertIn("failed to remove one or more pods", done.err)
        self.agena("gc", "--grace-period=0s")
        self.assertEqual("running", self.state(uuid))
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual(f'"{uuid}"\n', self.agena("rm", uuid).out)
        self.fails("rm", uuid, message=f'no matches found for "{uuid}"')


class Garbage(Case):
    """gc."""

    own_store = True

    def exited(self) -> str:
        path = os.path.join(self.top, "last")
        self.agena("run", "--net=none", f"--uuid-file-save={path}", Images.busybox(), *shell("true"))
        return read(path)

    def test_mark_then_sweep(self):
        uuid = self.exited()
        done = self.agena("gc")
        self.assertIn(f'gc: moving pod "{uuid}" to garbage', done.err)
        self.assertIn(f'gc: pod "{uuid}" not removed: still within grace period (30m0s)', done.err)
        self.assertEqual("", done.out)
        self.assertEqual([f"exited-garbage/{uuid}"], self.pod_directories())
        self.assertEqual("exited garbage", self.state(uuid))
        done = self.agena("gc", "--grace-period=0s")
        self.assertEqual(f'Garbage collecting pod "{uuid}"\n', done.out)
        self.assertEqual([], self.pod_directories())

    def test_mark_only(self):
        uuid = self.exited()
        self.agena("gc", "--mark-only", "--grace-period=0s")
        self.assertEqual([f"exited-garbage/{uuid}"], self.pod_directories())
        self.assertEqual(f'"{uuid}"\n', self.agena("rm", uuid).out)

    def test_broken_pod_directories(self):
        good = self.exited()
        pods = os.path.join(self.data, "pods")
        uuid = "00000000-0000-4000-8000-00000000000{}".format
        os.mkdir(f"{pods}/run/{uuid(1)}")  # nothing in it
        os.mkdir(f"{pods}/run/{uuid(2)}")
        with open(f"{pods}/run/{uuid(2)}/pod", "w", encoding="utf-8") as stream:
            stream.write("{ not json")
        os.mkdir(f"{pods}/prepare/{uuid(3)}")
        os.makedirs(f"{pods}/exited-garbage/{uuid(4)}/stage1/rootfs/deep/er")
        os.mkdir(f"{pods}/garbage/{uuid(5)}")
        os.mkdir(f"{pods}/prepared/{uuid(7)}")
        os.mkdir(f"{pods}/run/not-a-uuid")
        with open(f"{pods}/run/file", "w", encoding="utf-8") as stream:
            stream.write("x")
        listed = self.agena("list", "--full")
        self.assertIn(good, listed.out)
        self.assertIn("exited", self.status(good)["state"])
        json.loads(self.agena("list", "--format=json").out)
        for number in (1, 2, 4):
            done = self.agena("status", uuid(number), check=None)
            self.assertIn(done.code, (0, 254), str(done))
        self.agena("gc", "--grace-period=0s", "--expire-prepared=0s", check=None)
        left = [one for one in self.pod_directories() if one.split("/")[1] not in ("not-a-uuid", "file")]
        self.assertEqual([], left)
        os.rmdir(f"{pods}/run/not-a-uuid")
        os.unlink(f"{pods}/run/file")

    def test_it_does_not_follow_links_out_of_the_pod(self):
        uuid = self.exited()
        outside = os.path.join(self.top, "outside")
        os.mkdir(outside)
        open(outside + "/keep", "w", encoding="utf-8").close()
        os.symlink(outside, self.pod_path(uuid) + "/overlay/stage1/upper/link")
        self.agena("gc", "--grace-period=0s")
        self.assertTrue(os.path.exists(outside + "/keep"))

    def test_images_of_pods_may_be_removed(self):
        uuid = self.agena("prepare", Images.busybox(), *shell("cat /etc/os-release | head -1")).out.strip()
        self.agena("image", "rm", "agena.dev/busybox")
        self.agena("image", "rm", "agena.dev/stage1-systemd")
        self.assertEqual(["ID=agena-busybox"], self.agena("run-prepared", "--net=none", uuid).texts)
        self.assertNotIn("busybox", self.agena("image", "list").out)


class Enter(Case):
    """enter, in both flavours."""

    def test_command(self):
        process, uuid = self.start_pod("--net=none", "--set-env=MARK=x y", Images.busybox(), *shell(WAIT_FOR_END))
        self.wait_output(process, "up")
        done = self.agena("enter", uuid, "/bin/sh", "-c", "echo $AC_APP_NAME $MARK; hostname; cat; exit 9", check=9,
                          input=b"input\n")
        name, host, text = done.out.splitlines()
        self.assertEqual(("busybox x y", f"agena-{uuid}", "input"), (name, host, text))
        done = self.agena("enter", uuid, "/bin/sh", "-c", "cat /proc/1/comm; readlink /proc/self/ns/pid; readlink /proc/1/ns/pid")
        comm, own, init = done.out.splitlines()
        self.assertEqual(("systemd", own), (comm, init))
        self.assertNotEqual(os.readlink("/proc/self/ns/pid"), own)
        done = self.agena("enter", uuid, "/no/such", check=None)
        self.assertNotEqual(0, done.code)
        self.assertIn("/no/such", done.err)
        done = self.agena("enter", uuid, input=b"echo a shell\n")
        self.assertIn('no command specified, assuming "/bin/sh"', done.err, "busybox has no bash")
        self.assertEqual("a shell\n", done.out)
        self.agena("stop", uuid)
        self.finish(process)
        done = self.agena("enter", uuid, "/bin/true", check=254)
        self.assertIn("isn't currently running", done.err)

    def test_choice_of_the_app(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), "--name=a", *shell(WAIT_FOR_END), "---",
                                       Images.busybox(), "--name=b", *shell(WAIT_FOR_END))
        wait_until(lambda: self.output(process).count("up") == 2, "both apps are up")
        self.assertIn("--app", self.agena("enter", uuid, "/bin/true", check=254).err)
        self.assertEqual("b\n", self.agena("enter", "--app=b", uuid, "/bin/sh", "-c", "echo $AC_APP_NAME").out)
        self.assertIn("nosuch", self.agena("enter", "--app=nosuch", uuid, "/bin/true", check=254).err)
        self.agena("stop", uuid)
        self.finish(process)

    def test_fly(self):
        process, uuid = self.start_pod("--net=host", "--stage1-name=" + FLY, "--set-env=MARK=x", Images.busybox(),
                                       *shell("echo made > /made; " + WAIT_FOR_END))
        self.wait_output(process, "up")
        done = self.agena("enter", uuid, "/bin/sh", "-c", "cat /made; echo $MARK; exit 3", check=3)
        self.assertEqual("made\nx\n", done.out)
        self.agena("stop", uuid)
        self.finish(process)


class Unprivileged(Case):
    """What a user without rights gets."""

    def as_nobody(self, *words, check=254):
        return self.run_argv(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *self.argv(*words)],
                             check=check)

    def test_root_only_commands(self):
        uuid = "00000000-0000-4000-8000-000000000000"
        for words in (("run", "x.aci"), ("prepare", "x.aci"), ("run-prepared", uuid), ("enter", uuid), ("gc",), ("rm", uuid)):
            with self.subTest(words=words):
                self.assertIn("cannot run as unprivileged user", self.as_nobody(*words).err)

    def test_open_commands(self):
        for words in (("version",), ("config",), ("completion", "bash"), ("help",), ("run", "--help")):
            with self.subTest(words=words):
                self.assertNotEqual("", self.as_nobody(*words, check=0).out)

    def test_fetch_into_a_directory_of_others(self):
        done = self.as_nobody("fetch", Images.busybox())
        self.assertIn("permission denied", done.err)


class Others(Case):
    """Commands without pods, names, help."""

    def test_version(self):
        out = self.agena("version").out
        self.assertRegex(out, r"(?m)^agena Version: \d+\.\d+\.\d+$")
        self.assertRegex(out, r"appc [vV]ersion[:]? (\d[.\d]+)")

    def test_under_the_name_rkt(self):
        link = os.path.join(self.top, "rkt")
        os.symlink(self.binary, link)
        done = self.run_argv(self.argv("version", binary=link))
        found = re.search(r"rkt [vV]ersion[:]? (\d[.\d]+)", done.out)
        self.assertEqual("1.30.0", found[1])
        self.assertRegex(done.out, r"appc [vV]ersion[:]? (\d[.\d]+)")
        self.assertRegex(done.out, r"(?m)^agena Version: ")
        config = json.loads(self.run_argv([link, f"--local-config={self.local}", "config"]).out)
        paths = next(one for one in config["stage0"] if one["rktKind"] == "paths")
        self.assertEqual("/var/lib/rkt", paths["data"])
        aci = os.path.join(os.environ.get("AGENA_STAGE1_DIR", os.path.dirname(os.path.dirname(self.binary)) +
                                          "/stage1-images"), "stage1-systemd.aci")
        argv = ["run", "--net=none", f"--stage1-path={aci}", Images.busybox(), *shell("hostname")]
        # As with rkt, an ACI needs a signature; the stage1 image of the installation does not.
        self.assertIn("error opening signature file", self.run_argv(self.argv(*argv, binary=link), check=254).err)
        done = self.run_argv(self.argv("--insecure-options=image", *argv, binary=link))
        self.assertEqual([f"rkt-{self.only_pod()}"], done.texts)

    def test_config(self):
        os.makedirs(self.local + "/paths.d")
        with open(self.local + "/paths.d/p.json", "w", encoding="utf-8") as stream:
            json.dump({"rktKind": "paths", "rktVersion": "v1", "data": "/somewhere"}, stream)
        config = json.loads(self.run_argv([self.binary, f"--local-config={self.local}", "config"]).out)
        self.assertIn("/somewhere", [one.get("data") for one in config["stage0"]])
        with open(self.local + "/paths.d/q.json", "w", encoding="utf-8") as stream:
            stream.write("{")
        self.assertIn("q.json", self.agena("config", check=254).err)

    def test_completion(self):
        script = self.agena("completion", "bash").out
        path = os.path.join(self.top, "completion")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(script)
        subprocess.run(["bash", "-n", path], check=True)
        self.assertIn("unknown shell 'csh'", self.agena("completion", "csh", check=254).err)

    def test_help_is_on_stdout(self):
        for words in (("help",), ("--help",), ("-h",), ("run", "--help"), ("help", "image", "list")):
            done = self.agena(*words)
            self.assertTrue(done.out.startswith("NAME:"), str(done))
            self.assertEqual("", done.err)

    def test_faults(self):
        self.fails(message="missing command", code=2)
        self.fails("nosuch", message="unknown command 'nosuch'")
        self.fails("list", "--nosuch", message="nosuch")
        self.fails("list", "extra", message="too many arguments")
        self.fails("--dir=", "list", message="--dir")

    def test_prefixes_of_commands(self):
        self.assertEqual(self.agena("version").out, self.agena("vers").out)
        done = self.agena("st", "x", check=254)
        self.assertIn("st", done.err)

    def test_flags_before_the_command(self):
        self.run_argv([self.binary, "--no-legend", *self.argv()[1:], "list"])

    def test_errors_as_a_tree(self):
        done = self.agena("--debug", "fetch", "/no/such.aci", check=254)
        self.assertIn("└─", done.err)
