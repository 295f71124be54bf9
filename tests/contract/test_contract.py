"""The stage1 contract: the same tests against the systemd flavour, fly, and a stub that knows the contract alone."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

from harness import Case, Images, host, read, shell, wait_until
from imagekit import aci
from imagekit.entries import directory, file, symlink

KEY = "coreos.com/rkt/stage1/"
ENTRYPOINTS = ("run", "enter", "gc", "stop")
APP_ENTRYPOINTS = ("app/add", "app/start", "app/stop", "app/rm", "app/update")
RUN_OPTIONS = ["--debug", "--net", "--interactive", "--private-users", "--mds-token", "--local-config", "--hostname",
               "--dns-conf-mode", "--disable-capabilities-restriction", "--disable-paths", "--disable-seccomp",
               "--mutable", "--ipc", "--disable-limits", "--disable-lsm", "--machine-name"]


class Flavour(Case):
    """What the flavours have in common; `stage1()` is the path of the image."""

    network = "none"

    def stage1(self) -> str:
        raise NotImplementedError

    @staticmethod
    def built(name: str) -> str:
        place = os.environ.get("AGENA_STAGE1_DIR") or os.path.join(
            os.path.dirname(os.path.dirname(os.environ["AGENA_BIN"])), "stage1-images")
        return os.path.join(place, name)

    def image(self, script: str) -> str:
        """An image whose app runs the script."""
        return self.small_image("example.com/app", ["/bin/sh", "-c", script])

    def flags(self) -> list:
        return [f"--stage1-path={self.stage1()}", f"--net={self.network}"]

    def said(self, done) -> list:
        """Lines of the app, with or without rkt's prefix."""
        return [re.sub(r"^\[ *\d+\.\d+\] \S+\[\d+\]: ", "", line) for line in done.out.splitlines()]


class Suite:
    """The tests."""

    LOOP = "trap 'exit 0' TERM; echo up; while :; do /bin/busybox sleep 0.05; done"

    def started_pod(self, script=LOOP):
        process, uuid = self.start_pod(*self.flags(), self.image(script))
        self.wait_output(process, "up")
        return process, uuid

    def test_exit_codes(self):
        for code in (0, 3, 201):
            done = self.agena("run", *self.flags(), self.image(f"echo out; exit {code}"), check=code)
            self.assertEqual(["out"], self.said(done))

    def test_prepared_pod(self):
        uuid = self.agena("prepare", self.flags()[0], self.image("echo out; exit 4")).out.strip()
        done = self.agena("run-prepared", self.flags()[1], uuid, check=4)
        self.assertEqual(["out"], self.said(done))

    def test_copied_roots(self):
        done = self.agena("run", "--no-overlay", *self.flags(), self.image("echo out; exit 4"), check=4)
        self.assertEqual(["out"], self.said(done))

    def test_process_files(self):
        process, uuid = self.started_pod()
        path = self.pod_path(uuid)
        files = {name: read(f"{path}/{name}") for name in ("pid", "ppid") if os.path.exists(f"{path}/{name}")}
        self.assertEqual(1, len(files), files)
        (name, text), = files.items()
        self.assertEqual(f"{process.pid}\n", text)
        if name == "ppid":
            self.assertEqual(1, len(read(f"/proc/{process.pid}/task/{process.pid}/children").split()))
            self.assertTrue(os.path.exists(path + "/subcgroup"))
        self.assertEqual(str(process.pid), self.status(uuid)["pid"])
        self.agena("stop", uuid)
        self.finish(process)

    def test_lock_is_held_as_long_as_the_pod_lives(self):
        process, uuid = self.started_pod()
        self.assertEqual("running", self.state(uuid))
        self.assertNotEqual(0, self.agena("rm", uuid, check=None).code)
        process.kill()
        process.wait()
        wait_until(lambda: self.state(uuid) == "exited", "the pod has exited")

    def test_stop(self):
        process, uuid = self.started_pod()
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual("exited", self.state(uuid))

    def test_forced_stop(self):
        process, uuid = self.started_pod("trap '' TERM; echo up; while :; do /bin/busybox sleep 0.05; done")
        self.agena("stop", "--force", uuid)
        self.assertNotEqual(0, self.finish(process, check=None).code)

    def test_enter(self):
        process, uuid = self.started_pod("echo made > /made; " + Suite.LOOP)
        done = self.agena("enter", uuid, "/bin/sh", "-c", "read x < /made; echo $x; exit 5", check=5)
        self.assertEqual("made\n", done.out)
        self.agena("stop", uuid)
        self.finish(process)

    def test_gc_with_nothing_mounted(self):
        self.agena("run", *self.flags(), self.image("exit 0"))
        uuid = self.only_pod()
        done = self.agena("gc", "--grace-period=0s")
        self.assertEqual(f'Garbage collecting pod "{uuid}"\n', done.out)
        self.assertEqual("", re.sub("(?m)^gc: moving pod .*\n", "", done.err))
        self.assertEqual([], self.pod_directories())

    def test_gc_without_the_image(self):
        self.agena("run", *self.flags(), self.image("exit 0"))
        for name in self.agena("image", "list", "--no-legend", "--full", "--fields=id").out.split():
            self.agena("image", "rm", name)
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], self.pod_directories())

    def test_usage_errors_are_254(self):
        done = self.agena("run", f"--stage1-path={self.stage1()}", "--net=a,host", self.image("exit 0"), check=254)
        self.assertIn("host", done.err)


class Systemd(Suite, Flavour):
    """The systemd flavour."""

    def stage1(self):
        return self.built("stage1-systemd.aci")


class Fly(Suite, Flavour):
    """The fly flavour."""

    network = "host"

    def stage1(self):
        return self.built("stage1-fly.aci")


class StubFlavour(Flavour):
    """The stub, as an image of the interface version asked for."""

    def setUp(self):
        super().setUp()
        self.program = os.environ.get("AGENA_STUB_STAGE1")
        if not self.program:
            self.fail("set AGENA_STUB_STAGE1 to the stub's program")
        self.record = os.path.join(self.top, "record")

    def stage1(self, version=8, entrypoints=ENTRYPOINTS, name="stub", mode="") -> str:
        notes = [{"name": KEY + one, "value": "/stub/" + one.replace("/", "-")} for one in entrypoints]
        if version is not None:
            notes.append({"name": KEY + "interface-version", "value": str(version)})
        items = [directory("stub"), file("stub/program", read(self.program, "rb"), 0o755),
                 file("stub/record", self.record.encode()),
                 file("stub/mode", mode.encode()),
                 *(symlink("stub/" + one.replace("/", "-"), "program") for one in ENTRYPOINTS + APP_ENTRYPOINTS)]
        path = os.path.join(self.top, f"{name}.aci")
        if not os.path.exists(path):
            aci.build(path, aci.image_manifest("example.com/" + name, annotations=notes), items, "none")
        return path

    def calls(self) -> list:
        """(entrypoint, {kind: [values]}) of every call that the stub has recorded."""
        out = []
        for line in read(self.record).splitlines():
            kind, _, value = line.partition(" ")
            if kind == "call":
                out.append((value, {"arg": [], "env": [], "cwd": [], "lock": []}))
            else:
                out[-1][1][kind].append(value)
        return out

    def call(self, entrypoint: str) -> dict:
        found = [facts for name, facts in self.calls() if name == entrypoint]
        self.assertEqual(1, len(found), self.calls())
        return found[0]


class Stub(Suite, StubFlavour):
    """A third party's flavour."""

    def test_usage_errors_are_254(self):
        """The stub takes any network."""
        self.fails("run", f"--stage1-path={self.stage1()}", "--net=host", "/no/such.aci", message="/no/such.aci")


class Calls(StubFlavour):
    """How entrypoints are called, as the stub sees it."""

    def run_stub(self, *flags, check=0, stage1=None, before=()):
        return self.agena(*before, "run", f"--stage1-path={stage1 or self.stage1()}", *flags, self.image("exit 0"), check=check)

    def test_run(self):
        self.run_stub("--net=none", "--hostname=chosen", "--ipc=parent", "--dns=10.0.0.1")
        facts = self.call("run")
        uuid = self.only_pod()
        self.assertEqual(["--net=none", f"--local-config={self.local}", "--hostname=chosen",
                          "--dns-conf-mode=resolv=stage0,hosts=default", "--ipc=parent", f"--machine-name=agena-{uuid}",
                          uuid], facts["arg"])
        self.assertEqual([os.path.join(self.data, "pods", "run", uuid)], facts["cwd"])
        self.assertEqual(["locked"], facts["lock"])
        names = {text.partition("=")[0] for text in facts["env"]}
        self.assertEqual({"RKT_LOCK_FD", "RKT_SELINUX_CONTEXT", "RKT_SELINUX_MOUNT_CONTEXT"}, names)

    def test_order_of_all_options(self):
        self.run_stub("--net=host", "--hostname=h", "--ipc=auto", "--interactive", "--dns=host",
                      "--hosts-entry=host", before=["--debug", "--insecure-options=all-run"])
        args = self.call("run")["arg"]
        names = [word.partition("=")[0] for word in args[:-1]]
        self.assertEqual(sorted(names, key=RUN_OPTIONS.index), names)
        self.assertEqual({"--debug", "--net", "--interactive", "--local-config", "--hostname", "--dns-conf-mode",
                          "--disable-capabilities-restriction", "--disable-paths", "--disable-seccomp", "--ipc",
                          "--disable-limits", "--disable-lsm", "--machine-name"}, set(names))
        self.assertIn("--dns-conf-mode=resolv=host,hosts=host", args)

    def test_stop_and_enter(self):
        process, uuid = self.start_pod(*self.flags(), self.image(Suite.LOOP))
        self.wait_output(process, "up")
        self.agena("enter", uuid, "/bin/sh", "-c", "exit 0", "--flag")
        self.assertEqual([f"--pid={process.pid}", "--appname=app", "--", "/bin/sh", "-c", "exit 0", "--flag"],
                         self.call("enter")["arg"])
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual([uuid], self.call("stop")["arg"])
        pod = os.path.join(self.data, "pods", "run", uuid)
        self.assertEqual([[pod], [pod]], [self.call(name)["cwd"] for name in ("enter", "stop")])

    def test_forced_stop(self):
        process, uuid = self.start_pod(*self.flags(), self.image(Suite.LOOP))
        self.wait_output(process, "up")
        self.agena("stop", "--force", uuid)
        self.finish(process, check=-9)
        self.assertEqual(["--force", uuid], self.call("stop")["arg"])

    def test_gc(self):
        self.agena("run", *self.flags(), self.image("exit 0"))
        uuid = self.only_pod()
        self.agena("--debug", "gc", "--grace-period=0s")
        facts = self.call("gc")
        self.assertEqual(["--debug", f"--local-config={self.local}", uuid], facts["arg"])
        self.assertEqual(uuid, os.path.basename(facts["cwd"][0]))

    def test_older_interface_versions(self):
        flags = ("--net=none", "--hostname=h", "--dns=host", "--ipc=parent")
        # version -> options that are warned of
        for version, dropped in ((5, {"ipc"}), (3, {"ipc", "dns-conf-mode"}), (1, {"ipc", "dns-conf-mode", "hostname"}),
                                 (None, {"ipc", "dns-conf-mode", "hostname"})):
            with self.subTest(version=version):
                if os.path.exists(self.record):
                    os.unlink(self.record)
                done = self.run_stub(*flags, stage1=self.stage1(version, name=f"stub{version or 0}"),
                                     before=["--insecure-options=all-run"])
                args = " ".join(self.call("run")["arg"])
                for name in ("ipc", "dns-conf-mode", "hostname"):
                    warning = f"warning: --{name} option is not supported by stage1"
                    self.assertEqual(name in dropped, warning in done.err, f"{name}: {done}")
                    self.assertEqual(name not in dropped, f"--{name}=" in args, name)
                # Insecure options go without a word.
                self.assertEqual(version in (5, 3), "--disable-paths" in args)
                self.assertNotIn("--disable", done.err)

    def test_a_sandbox(self):
        stage1 = self.stage1(entrypoints=ENTRYPOINTS + APP_ENTRYPOINTS, name="full")
        uuid_file = os.path.join(self.top, "uuid")
        process = self.start("app", "sandbox", f"--stage1-path={stage1}", "--net=none", "--annotation=example.com/a=b",
                             "--user-annotation=note=any text", "--user-label=tier=front", "--pod-name=box",
                             f"--uuid-file-save={uuid_file}")
        wait_until(lambda: os.path.exists(uuid_file) or process.poll() is not None, "the pod has a UUID")
        self.agena("status", "--wait-ready=60s", "box")
        uuid = read(uuid_file)
        self.assertIn("--mutable", self.call("run")["arg"])
        manifest = json.loads(self.agena("cat-manifest", uuid).out)
        self.assertEqual([], manifest["apps"])
        notes = {one["name"]: one["value"] for one in manifest["annotations"]}
        self.assertEqual({KEY + "mutable": "true", "example.com/a": "b"}, notes)
        self.assertEqual({"note": "any text"}, manifest["userAnnotations"])
        self.assertEqual({"tier": "front"}, manifest["userLabels"])
        self.agena("stop", uuid)
        self.finish(process)
        self.assertIn("the pod ends", self.errors(process))
        self.fails("run-prepared", "--interactive", uuid, message="a mutable pod starts without apps")
        again = self.start("start", uuid)
        wait_until(lambda: self.state(uuid) == "running" or again.poll() is not None, "it runs again")
        self.agena("status", "--wait-ready=60s", uuid)
        self.agena("stop", uuid)
        self.finish(again)

    def detach(self, mode="", *flags, check=0, **more):
        stage1 = self.stage1(entrypoints=ENTRYPOINTS + APP_ENTRYPOINTS, name="full" + mode, mode=mode)
        return self.agena("app", "sandbox", "--detach", f"--stage1-path={stage1}", "--net=none", *flags, check=check, **more)

    def test_a_detached_sandbox(self):
        with open(self.top + "/of-the-caller", "w") as inherited:
            done = self.detach("", f"--uuid-file-save={self.top}/uuid", pass_fds=(inherited.fileno(),))
        uuid = done.out.strip()
        self.assertEqual((uuid + "\n", "", uuid), (done.out, done.err, read(self.top + "/uuid")))
        self.assertEqual("running", self.state(uuid))
        pid = int(self.status(uuid)["pid"])
        self.assertEqual(pid, os.getsid(pid), "a session of its own")
        self.assertEqual(["/dev/null", "/dev/null"], [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1)])
        # What it says from now on goes nowhere.
        with self.assertRaises(PermissionError), open(f"/proc/{pid}/fd/2", "ab", buffering=0) as stream:
            stream.write(b"more")
        held = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2}
        self.assertEqual([], [path for path in held if not path.startswith(self.pod_path(uuid))])
        self.agena("stop", uuid)
        self.assertEqual("exited", self.state(uuid))

    def test_a_detached_sandbox_that_fails(self):
        done = self.detach("fail", check=1)
        self.assertEqual("", done.out)
        self.assertRegex(done.err, r"^sandbox: pod '\S+' has ended .*: stub: this pod shall not start\n$")
        self.assertEqual("exited", self.state(self.only_pod()))

    def test_a_detached_sandbox_that_does_not_become_ready(self):
        done = self.detach("slow", "--wait-timeout=500ms", check=1)
        self.assertIn("is not ready in time: stub: the pod waits\n", done.err)
        self.assertEqual("exited", self.state(self.only_pod()), "it is not left behind")

    def test_a_detached_sandbox_that_cannot_be_made(self):
        self.fails("app", "sandbox", "-d", "--stage1-path=/no/such.aci", code=1, message="/no/such.aci")
        self.assertEqual([], self.pod_directories())

    def test_no_sandbox_without_entrypoints(self):
        """Nor is a pod made."""
        for missing in ("app/add", "app/start", "app/stop", "app/rm"):
            present = [one for one in ENTRYPOINTS + APP_ENTRYPOINTS if one not in (missing, "app/update")]
            stage1 = self.stage1(entrypoints=present, name="no-" + missing.replace("/", "-"))
            self.fails("app", "sandbox", f"--stage1-path={stage1}", code=1,
                       message="cannot run mutable pods: it has no entrypoint " + missing.replace("/", "-"))
        self.fails("app", "sandbox", f"--stage1-path={self.built('stage1-fly.aci')}", code=1,
                   message="'agena.dev/stage1-fly' cannot run mutable pods")
        self.assertEqual([], self.pod_directories())

    def test_missing_entrypoints(self):
        stage1 = self.stage1(entrypoints=("enter", "gc", "stop"), name="headless")
        done = self.agena("run", f"--stage1-path={stage1}", "--net=none", self.image("exit 0"), check=254)
        self.assertIn("coreos.com/rkt/stage1/run", done.err)
        self.assertIn("example.com/headless", done.err)

    def test_an_app_image_is_no_stage1(self):
        done = self.agena("run", f"--stage1-path={Images.busybox()}", "--net=none", self.image("exit 0"), check=254)
        self.assertIn("coreos.com/rkt/stage1/run", done.err)


if __name__ == "__main__":
    unittest.main()
