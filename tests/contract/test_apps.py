"""Apps of running pods, as a stage1 of a third party sees them: how its entrypoints are called, and what stage0 does when
they fail, hang, or when stage0 itself is killed on the way."""

import json
import os
import signal
import time
import unittest

from harness import read, wait_until
from test_contract import APP_ENTRYPOINTS, ENTRYPOINTS, StubFlavour

SCRIPT = "trap 'exit 0' TERM; echo up > /said; while :; do /bin/busybox sleep 0.05; done"


class Apps(StubFlavour):
    """The stub takes apps in and runs them as processes."""

    version = 8
    entrypoints = ENTRYPOINTS + APP_ENTRYPOINTS
    flags = ()

    def setUp(self):
        super().setUp()
        stage1 = self.stage1(version=self.version, entrypoints=self.entrypoints, name="apps")
        uuid_file = os.path.join(self.top, "uuid")
        self.process = self.start("app", "sandbox", f"--stage1-path={stage1}", "--net=none",
                                  f"--uuid-file-save={uuid_file}", *self.flags)
        self.uuid = wait_until(lambda: os.path.exists(uuid_file) and read(uuid_file), "the pod has a UUID")
        self.agena("status", "--wait-ready=60s", self.uuid)
        self.app = self.image(SCRIPT)

    def tearDown(self):
        self.fault()
        if self.process.poll() is None:
            self.agena("stop", self.uuid)
            self.finish(self.process)
        super().tearDown()

    # What is seen

    def fault(self, *lines):
        with open(self.record + ".faults", "w", encoding="ascii") as stream:
            stream.write("\n".join(lines))

    def calls_of(self, entrypoint) -> list:
        return [facts for name, facts in self.calls() if name == entrypoint]

    def manifest(self) -> dict:
        return json.loads(self.agena("cat-manifest", self.uuid).out)

    def names(self) -> list:
        return [app["name"] for app in self.manifest()["apps"]]

    def root(self, app) -> str:
        """The app's root, seen through the pod's first process."""
        return f"/proc/{self.process.pid}/root/opt/stage2/{app}/rootfs"

    def mounts(self) -> list:
        return [line for line in read(f"/proc/{self.process.pid}/mountinfo").splitlines() if "/opt/stage2/" in line]

    def files(self) -> dict:
        """What adding an app changes in the pod directory."""
        pod = self.pod_path(self.uuid)
        places = {place: sorted(os.listdir(f"{pod}/{place}")) for place in ("appsinfo", "overlay")
                  if os.path.isdir(f"{pod}/{place}")}
        stage2 = f"/proc/{self.process.pid}/root/opt/stage2"
        return {**places, "layers": read(f"{pod}/layers"), "pod": read(f"{pod}/pod"), "mounts": len(self.mounts()),
                "stage2": sorted(os.listdir(stage2)) if os.path.isdir(stage2) else [],
                "other": [name for name in os.listdir(pod) if name.startswith(("pod.next", "pod.prev", "stub-"))]}

    def add(self, *flags, name="web", check=0):
        return self.agena("app", "add", self.uuid, self.app, f"--name={name}", *flags, check=check)

    def operate(self, command, *flags, name="web", check=0):
        return self.agena("app", command, self.uuid, f"--app={name}", *flags, check=check)


class Calls(Apps):
    """Arguments, environment, files."""

    def check_environment(self, facts):
        names = dict(text.partition("=")[::2] for text in facts["env"])
        self.assertEqual({"RKT_STAGE1_ENTERCMD", "RKT_STAGE1_ENTERPID", "RKT_STAGE1_ENTERAPP"}, set(names))
        self.assertTrue(names["RKT_STAGE1_ENTERCMD"].endswith("/stub/enter"), names)
        self.assertEqual((str(self.process.pid), "web"), (names["RKT_STAGE1_ENTERPID"], names["RKT_STAGE1_ENTERAPP"]))
        self.assertEqual([self.pod_path(self.uuid)], facts["cwd"])

    def test_life_of_an_app(self):
        before = self.files()
        done = self.add("--environment=A=b", "--memory=64M")
        self.assertEqual(("", ""), (done.out, done.err))
        facts, = self.calls_of("app-add")
        self.assertEqual(["--debug=false", f"--uuid={self.uuid}", "--app=web", "--manifest=pod.next"], facts["arg"])
        self.check_environment(facts)
        app, = self.manifest()["apps"]
        self.assertEqual([{"name": "A", "value": "b"}], app["app"]["environment"])
        self.assertTrue(os.path.exists(self.root("web") + "/bin/busybox"))
        files = self.files()
        self.assertEqual((["web"], ["app-web", "stage1"], ["web"], ["stub-web"], 1),
                         (files["appsinfo"], files["overlay"], files["stage2"], files["other"], files["mounts"]))
        self.operate("start")
        wait_until(lambda: os.path.exists(self.root("web") + "/said"), "the app runs")
        self.assertEqual(["--debug=false", "--app=web"], self.calls_of("app-start")[0]["arg"])
        self.check_environment(self.calls_of("app-start")[0])
        self.operate("update", "--memory=32M", "--pids-limit=20")
        self.assertEqual(["--debug=false", "--app=web", "--manifest=pod.next"], self.calls_of("app-update")[0]["arg"])
        isolators = {one["name"]: one["value"] for one in self.manifest()["apps"][0]["app"]["isolators"]}
        self.assertEqual("32M", isolators["resource/memory"]["limit"])
        self.operate("stop", "--time=1500ms")
        self.assertEqual(["--debug=false", "--app=web", "--time=1500ms"], self.calls_of("app-stop")[0]["arg"])
        self.operate("start")
        self.operate("rm")
        self.assertEqual(["app-stop", "app-rm"], [name for name, _ in self.calls()][-2:])
        self.assertEqual(before, self.files())

    def test_two_apps_of_one_image(self):
        for name in ("one", "two"):
            self.add("--start", name=name)
            wait_until(lambda: os.path.exists(self.root(name) + "/said"), "the app runs")
        self.operate("rm", name="one")
        self.assertEqual("up\n", read(self.root("two") + "/said"))
        self.assertEqual(["two"], self.names())
        self.operate("rm", name="two")

    def test_an_app_without_flag(self):
        self.add()
        self.agena("app", "start", self.uuid, "web")
        self.agena("app", "rm", self.uuid, "web")

    def test_refusals(self):
        self.add()
        for words, message in ((("add", self.uuid, self.app, "--name=web"), "multiple apps with name web"),
                               (("add", self.uuid, "/no/such.aci"), "/no/such.aci"),
                               (("add", self.uuid, self.app, "--name=x", "--mount=volume=v,target=/v"), "dangling mount point"),
                               (("add", self.uuid, self.app, "--name=x", "--volume=v,kind=host,source=/no/such"), "/no/such"),
                               (("start", self.uuid, "--app=db"), "the pod has no app 'db', only web"),
                               (("stop", self.uuid, "--app=db"), "the pod has no app 'db'"),
                               (("rm", self.uuid, "--app=db"), "the pod has no app 'db'"),
                               (("rm", self.uuid, "--app=../x"), "the pod has no app '../x'"),
                               (("update", self.uuid, "--app=db", "--memory=1M"), "the pod has no app 'db'"),
                               (("add", self.uuid), "expected the UUID of a pod and one image"),
                               (("add", self.uuid, self.app, self.app), "expected the UUID of a pod and one image"),
                               (("start", self.uuid), "--app"),
                               (("start", self.uuid, "web", "--app=web"), "twice"),
                               (("update", self.uuid, "--app=web"), "no limit is given"),
                               (("stop", self.uuid, "--app=web", "--time=soon"), "--time")):
            self.fails("app", *words, code=1, message=message)
        for words, message in ((("update", self.uuid, "--app=web", "--user=1"), "--user"),
                               (("start", self.uuid, "web", "more"), "too many arguments"),
                               (("rm",), "missing argument")):
            self.fails("app", *words, message=message)
        self.assertEqual(["web"], self.names())

    def test_an_ended_pod(self):
        self.add("--volume=data,kind=empty", "--mount=volume=data,target=/data")
        self.agena("stop", self.uuid)
        self.finish(self.process)
        self.fails("app", "add", self.uuid, self.app, "--name=x", code=1, message="has ended")
        self.fails("app", "start", self.uuid, "--app=web", code=1, message="has ended")
        self.operate("stop")
        self.assertEqual([], self.calls_of("app-stop"))
        self.operate("rm")
        pod = self.pod_path(self.uuid)
        self.assertEqual([[], [], ["stage1"]], [self.names(), os.listdir(f"{pod}/appsinfo"), os.listdir(f"{pod}/overlay")])
        self.assertFalse(os.path.exists(f"{pod}/overlay/stage1/upper/opt/stage2/web"))
        self.fails("app", "rm", self.uuid, "--app=web", code=1, message="the pod has no app 'web'")

    def test_an_immutable_pod(self):
        process, uuid = self.start_pod(f"--stage1-path={self.stage1()}", "--net=none", self.app)
        for words in (("add", uuid, self.app), ("start", uuid, "--app=app"), ("rm", uuid, "--app=app")):
            self.fails("app", *words, code=1, message="immutable pod")
        self.agena("stop", uuid)
        self.finish(process)


class Copies(Apps):
    """A pod whose roots are copies."""

    flags = ("--no-overlay",)

    def test_life_of_an_app(self):
        before = self.files()
        self.add("--start")
        wait_until(lambda: os.path.exists(self.root("web") + "/said"), "the app runs")
        self.assertEqual((0, ""), (self.files()["mounts"], self.files()["layers"]))
        self.operate("rm")
        self.assertEqual(before, self.files())


class OldStage1(Apps):
    """A stage1 of rkt's interface version reads the app from the manifest itself."""

    version = 6
    entrypoints = ENTRYPOINTS + APP_ENTRYPOINTS[:-1]

    def test_life_of_an_app(self):
        before = self.files()
        self.add()
        self.assertEqual(["--debug=false", f"--uuid={self.uuid}", "--app=web"], self.calls_of("app-add")[0]["arg"])
        self.operate("start")
        done = self.operate("stop", "--time=1s")
        self.assertIn("--time option is not supported by stage1", done.err)
        self.fails("app", "update", self.uuid, "--app=web", "--memory=1M", code=1,
                   message="stage1 image 'example.com/apps' has no entrypoint 'app-update'")
        self.operate("rm")
        self.assertEqual(before, self.files())

    def test_a_failed_addition(self):
        before = self.files()
        self.fault("app-add fail")
        self.fails("app", "add", self.uuid, self.app, "--name=web", code=1, message="told to fail")
        self.assertEqual(before, self.files())

    def test_a_killed_addition(self):
        before = self.files()
        self.fault("app-add hang")
        process = self.start("app", "add", self.uuid, self.app, "--name=web")
        wait_until(lambda: self.calls_of("app-add"), "stage1 is called")
        process.kill()
        process.wait()
        self.fault()
        self.add(name="other")
        self.operate("rm", name="other")
        self.assertEqual(before, self.files())
        self.add()


class Failures(Apps):
    """What fails leaves nothing, and can be done again."""

    def test_entrypoints_that_fail(self):
        before = self.files()
        self.fault("app-add fail")
        done = self.fails("app", "add", self.uuid, self.app, "--name=web", code=1, message="told to fail")
        self.assertIn("about to fail", done.err)
        self.assertIn("hint: tell it not to", done.err)
        self.assertEqual(before, self.files())
        self.fault()
        self.add()
        added = self.files()
        for command in ("start", "stop", "rm", "update"):
            self.fault(f"app-{command} fail")
            flags = ["--memory=1M"] if command == "update" else []
            if command == "rm":
                continue
            self.fails("app", command, self.uuid, "--app=web", *flags, code=1, message="told to fail")
            self.assertEqual(added, self.files())
        self.fault("app-rm fail")
        self.fails("app", "rm", self.uuid, "--app=web", code=1, message="told to fail")
        # It is committed; what is left goes with the next change, or when it is done again.
        self.assertEqual([], self.names())
        self.fault()
        self.operate("rm")
        self.assertEqual(before, self.files())

    def test_entrypoints_that_hang(self):
        before = self.files()
        self.fault("app-add hang")
        begun = time.monotonic()
        self.fails("app", "add", self.uuid, self.app, "--name=web", "--timeout=300ms", code=1, message="did not end in time")
        self.assertLess(time.monotonic() - begun, 30)
        self.assertEqual(before, self.files())
        self.fault()
        self.add()
        self.fault("app-start hang")
        self.fails("app", "start", self.uuid, "--app=web", "--timeout=300ms", code=1, message="did not end in time")
        self.fault()
        self.operate("start", "--timeout=60s")

    def test_the_lock(self):
        self.fault("app-add hang")
        first = self.start("app", "add", self.uuid, self.app, "--name=web")
        wait_until(lambda: self.calls_of("app-add"), "stage1 is called")
        self.fails("app", "add", self.uuid, self.app, "--name=other", "--timeout=200ms", code=1,
                   message="being changed by another process")
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.fault()
        self.add(name="other")
        self.assertEqual(["other"], self.names())

    def test_many_at_once(self):
        many = [self.start("app", "add", self.uuid, self.app, f"--name=web{i}") for i in range(6)]
        for process in many:
            self.finish(process)
        self.assertEqual(sorted(f"web{i}" for i in range(6)), sorted(self.names()))
        many = [self.start("app", "rm", self.uuid, f"--app=web{i}") for i in range(6)]
        for process in many:
            self.finish(process)
        self.assertEqual([], self.names())

    def test_killed_additions(self):
        """At growing delays, until one comes to its end: the pod is as before or has the app, and the same add works."""
        before = self.files()
        delay, whole = 0.0, False
        while not whole:
            process = self.start("app", "add", self.uuid, self.app, "--name=web")
            time.sleep(delay)
            process.kill()
            whole = process.wait() == 0
            if self.names() == []:
                self.add()
            self.assertEqual(["web"], self.names())
            self.assertTrue(os.path.exists(self.root("web") + "/bin/busybox"))
            self.operate("rm")
            self.assertEqual(before, self.files(), f"killed after {delay} s")
            delay += 0.004

    def test_killed_removals(self):
        before = self.files()
        delay, whole = 0.0, False
        while not whole:
            self.add()
            process = self.start("app", "rm", self.uuid, "--app=web")
            time.sleep(delay)
            process.kill()
            whole = process.wait() == 0
            if self.names() == ["web"]:
                self.operate("rm")
            else:
                self.add(name="other")
                self.operate("rm", name="other")
            self.assertEqual(before, self.files(), f"killed after {delay} s")
            delay += 0.003


if __name__ == "__main__":
    unittest.main()
