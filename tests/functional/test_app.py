"""Apps that come and go in a running pod: adding, starting, stopping, removing and changing them, with every sort of flag and
in every sort of pod; what fails or is killed on the way leaves nothing."""

import json
import os
import signal
import time
import unittest

from harness import Case, Images, directory, file, oci, read, shell, wait_until
from test_resources import MEBI, WAIT, Limited
from test_volumes import busybox_items

LOOP = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"


class AppCase(Case):
    """One mutable pod with the flags of the class."""

    flags = ()

    def setUp(self):
        super().setUp()
        self.uuid = self.sandbox("--net=none", *self.flags)
        self.image = Images.busybox()

    def tearDown(self):
        if self.state(self.uuid) == "running":
            self.agena("stop", self.uuid)
        super().tearDown()

    # Operations on the pod

    def add(self, script=LOOP, *flags, name="web", image=None, check=0):
        return self.agena("app", "add", self.uuid, image or self.image, f"--name={name}", *flags, *shell(script), check=check)

    def operate(self, command, *flags, name="web", check=0):
        return self.agena("app", command, self.uuid, f"--app={name}", *flags, check=check)

    def exec(self, script, name="web") -> str:
        return self.agena("app", "exec", f"--app={name}", self.uuid, "/bin/sh", "-c", script).out

    def run_app(self, script, *flags, name="web", code=0) -> str:
        """What an app prints until its end; it is removed afterwards."""
        self.add(script, "--start", *flags, name=name)
        self.wait_end(name, code)
        text = self.agena("app", "logs", self.uuid, f"--app={name}").out
        self.operate("rm", name=name)
        return text

    def wait_end(self, name="web", code=0):
        wait_until(lambda: self.app_states(self.uuid)[name] == "exited", "the app ends")
        self.assertEqual(str(code), self.app_status(self.uuid, name)["exit_code"])

    def said(self, name="web") -> str:
        return self.agena("app", "logs", self.uuid, f"--app={name}").out

    def wait_said(self, text, name="web"):
        wait_until(lambda: text in self.said(name), f"'{text}' is said")

    # What is seen

    def names(self) -> list:
        return [app["name"] for app in json.loads(self.agena("cat-manifest", self.uuid).out)["apps"]]

    def init(self) -> str:
        """/proc directory of the pod's first process."""
        parent = int(read(f"{self.pod_path(self.uuid)}/ppid"))
        return f"/proc/{read(f'/proc/{parent}/task/{parent}/children').split()[0]}"

    def traces(self) -> dict:
        """What an app leaves in its pod, if it does."""
        pod, init = self.pod_path(self.uuid), self.init()
        seen = {place: sorted(os.listdir(path)) for place, path in
                (("appsinfo", f"{pod}/appsinfo"), ("overlay", f"{pod}/overlay"), ("volumes", f"{pod}/sharedVolumes"),
                 ("stage2", f"{init}/root/opt/stage2"), ("status", f"{init}/root/rkt/status"),
                 ("env", f"{init}/root/rkt/env"), ("life", f"{init}/root/rkt/life"),
                 ("units", f"{init}/root/run/systemd/system")) if os.path.isdir(path)}
        seen = {place: names for place, names in seen.items() if names}
        mounts = [line.split()[4] for line in read(f"{init}/mountinfo").splitlines()]
        return {**seen, "layers": read(f"{pod}/layers"), "mounts": sorted(mounts),
                "files": sorted(name for name in os.listdir(pod) if name.startswith("pod")), "manifest": read(f"{pod}/pod")}


class Operations:
    """In every sort of pod."""

    def test_life(self):
        before = self.traces()
        done = self.add()
        self.assertEqual(("", ""), (done.out, done.err))
        self.assertEqual({"web": "created"}, self.app_states(self.uuid))
        self.operate("start")
        self.wait_said("up")
        self.operate("start")  # runs already
        self.assertEqual({"web": "running"}, self.app_states(self.uuid))
        self.assertEqual("hello\n", self.exec("echo hello > /made; cat /made"))
        self.operate("stop")
        self.wait_end()
        self.operate("stop")  # has ended already
        self.operate("start")
        self.assertEqual("hello\n", self.exec("cat /made"))
        self.operate("rm")
        self.assertEqual(([], before), (self.names(), self.traces()))
        # Again under the same name: everything is new.
        self.assertEqual("no\n", self.run_app("test -e /made && echo yes || echo no").splitlines(True)[-1])
        self.assertEqual(before, self.traces())
        self.assertEqual("running", self.state(self.uuid))

    def test_two_apps_of_one_image(self):
        for name in ("one", "two"):
            self.add(f"echo {name} > /mine; {LOOP}", "--start", name=name)
            self.wait_said("up", name)
        self.operate("rm", name="one")
        self.assertEqual("two\n", self.exec("cat /mine", "two"))
        self.assertEqual({"two": "running"}, self.app_states(self.uuid))
        self.add(LOOP, "--start", name="one")
        self.assertEqual("two\n", self.exec("cat /mine", "two"))

    def test_volumes(self):
        source = os.path.join(self.top, "source")
        os.mkdir(source)
        os.chmod(source, 0o777)
        with open(f"{source}/file", "w", encoding="ascii") as stream:
            stream.write("of the host\n")
        before = self.traces()
        self.add(f"cat /a/file; echo x > /data/x; touch /a/f 2>/dev/null || echo read-only; df /t | tail -n1; {LOOP}",
                 f"--volume=a,kind=host,source={source},readOnly=true", "--mount=volume=a,target=/a",
                 "--mnt-volume=name=shared,kind=empty,target=/data,mode=0777", "--tmpfs=/t:size=1m", "--start", name="one")
        self.wait_said("up", "one")
        lines = self.said("one").splitlines()
        self.assertEqual(["of the host", "read-only"], lines[:2])
        self.assertRegex(lines[2], r"^tmpfs +1024 ")
        # An empty volume of the same name is the same directory.
        self.assertEqual("x\n", self.run_app("cat /here/x", "--mnt-volume=name=shared,kind=empty,target=/here", name="two"))
        self.assertEqual("x\n", self.exec("cat /data/x", "one"), "the app that is gone does not take it along")
        self.operate("rm", name="one")
        self.assertEqual(before, self.traces())
        self.assertEqual("of the host\n", read(f"{source}/file"))

    def test_settings(self):
        image = oci.build(os.path.join(self.top, "users"), [busybox_items(directory("etc"),
            file("etc/passwd", b"root:x:0:0::/:/bin/sh\nann:x:1000:100::/:/bin/sh\n"),
            file("etc/group", b"root:x:0:\nusers:x:100:\n"))],
            config={"config": {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo the image"], "Env": ["FROM=image"]}})
        add = ("app", "add", self.uuid, image)
        self.agena(*add, "--name=plain", "--start")
        self.wait_said("the image", "plain")
        self.agena(*add, "--name=set", "--user=ann", "--group=users", "--supplementary-gids=7", "--working-dir=/etc",
                   "--environment=A=b", "--environment=FROM=flag", "--readonly-rootfs=true", "--caps-retain=CAP_CHOWN",
                   "--rlimit=nofile=100", "--start", "--",
                   "id; pwd; echo $A $FROM; touch /x || echo no; ulimit -n; grep CapBnd /proc/self/status")
        self.wait_end("set")
        text = self.said("set")
        for part in ("uid=1000(ann) gid=100(users) groups=7", "/etc\n", "b flag\n", "no\n", "100\n",
                     "CapBnd:\t0000000000000001"):
            self.assertIn(part, text)

    def test_failures(self):
        before = self.traces()
        for words, message in ((["/no/such.aci"], "/no/such.aci"),
                               ([self.image, "--name=x", "--mount=volume=v,target=/v"], "dangling mount point"),
                               ([self.image, "--name=x", "--volume=v,kind=host,source=/no/such"], "/no/such"),
                               ([self.image, "--name=x", "--user=nobody-there", *shell("true")], "nobody-there"),
                               ([self.image, "--name=x", "--seccomp=mode=no"], "seccomp"),
                               ([self.image, "--name=x", "--exec=/no/such", "--start"], "/no/such")):
            done = self.agena("app", "add", self.uuid, *words, check=None)
            if done.code == 0:  # some of it shows when it starts
                done = self.operate("start", name="x", check=None)
            self.assertEqual(1, done.code, done)
            self.assertIn(message, done.err)
            if self.names():
                self.operate("rm", name="x")
            self.assertEqual(before, self.traces(), words)

    def test_many_at_once(self):
        before = self.traces()
        many = [f"app{i}" for i in range(6)]
        adding = [self.start("app", "add", self.uuid, self.image, f"--name={name}", "--start", *shell(LOOP)) for name in many]
        for process in adding:
            self.finish(process)
        self.assertEqual({name: "running" for name in many}, self.app_states(self.uuid))
        removing = [self.start("app", "rm", self.uuid, f"--app={name}") for name in many]
        for process in removing:
            self.finish(process)
        self.assertEqual(before, self.traces())


class Overlays(Operations, AppCase):
    """The usual pod."""


class Copies(Operations, AppCase):
    """Roots that are copies."""

    flags = ("--no-overlay",)


class Users(Operations, AppCase):
    """A pod with a user namespace of its own."""

    flags = ("--private-users",)

    def test_nobody_is_root_outside(self):
        self.add(LOOP, "--start")
        self.wait_said("up")
        pod = self.pod_path(self.uuid)
        self.exec("touch /made")
        first = int(read(f"{pod}/private-users-prepared").partition(":")[0])
        self.assertEqual(first, os.stat(f"{pod}/overlay/app-web/upper/made").st_uid)


    def test_root_of_the_pod_cannot_have_device_nodes(self):
        """The attributes of its root are locked for an app that may mount."""
        uuid = self.agena("--insecure-options=seccomp", "app", "sandbox", "--detach", "--net=none", *self.flags).out.strip()
        self.agena("app", "add", uuid, self.image, "--name=web", "--caps-retain=CAP_SYS_ADMIN", "--start",
                   *shell("mount -o remount,bind,dev / && echo changed; grep ' / / ' /proc/self/mountinfo; echo done"))
        wait_until(lambda: "done" in self.agena("app", "logs", uuid, "--app=web").out, "the app has tried")
        text = self.agena("app", "logs", uuid, "--app=web").out
        self.assertNotIn("changed", text)
        self.assertRegex(text, r" / / \S*nodev")
        self.agena("stop", uuid)


class CopiedUsers(Operations, AppCase):
    """Both."""

    flags = ("--no-overlay", "--private-users")


class Special(AppCase):
    """What one sort of pod is enough for."""

    def test_streams(self):
        self.add("while read line; do echo got $line; done", "--stdin=stream", "--stdout=stream", "--start")
        done = self.run_argv(self.argv("app", "attach", self.uuid, "--app=web"), input=b"hello\n", check=None)
        self.assertIn("got hello", done.out)
        self.operate("rm")
        self.add(LOOP, "--stdout=null", "--start")
        self.operate("rm")

    def test_restart_and_stop(self):
        self.add("echo again; exit 3", "--restart=on-failure:2", "--start")
        wait_until(lambda: self.said().count("again") == 3, "it is restarted twice")
        self.wait_end(code=3)
        self.operate("rm")
        self.add("trap '' TERM; echo up; while :; do sleep 0.05; done", "--stop-timeout=50s", "--start", name="stubborn")
        self.wait_said("up", "stubborn")
        begun = time.monotonic()
        self.operate("stop", "--time=200ms", name="stubborn")
        self.assertLess(time.monotonic() - begun, 40, "--time counts, and not the app's own patience")
        self.wait_end("stubborn", 137)

    def test_app_arguments(self):
        """Of an ACI they take the place of the image's (rkt's rule for `app add`); flags may stand before the image."""
        image = self.small_image("example.com/words", ["/bin/busybox", "echo", "from", "the", "image"])
        self.agena("app", "add", "--name=plain", self.uuid, image, "--start")
        self.wait_said("from the image", "plain")
        self.agena("app", "add", self.uuid, "--name=own", image, "--start", "--", "echo", "mine")
        self.wait_said("mine", "own")

    def test_volumes_of_the_image(self):
        """They go with the app."""
        image = oci.build(os.path.join(self.top, "volumes"), [busybox_items()],
                          config={"config": {"Cmd": ["/bin/sh", "-c", "echo x > /state/x; " + LOOP], "Volumes": {"/state": {}}}})
        self.agena("app", "add", self.uuid, image, "--name=one", "--start")
        self.wait_said("up", "one")
        self.assertEqual(1, len(os.listdir(f"{self.pod_path(self.uuid)}/sharedVolumes")))
        self.operate("rm", name="one")
        self.assertEqual([], os.listdir(f"{self.pod_path(self.uuid)}/sharedVolumes"))

    def test_other_limits_of_time(self):
        self.add("trap '' TERM; echo up; while :; do sleep 0.05; done", "--stop-timeout=30s", "--start")
        self.wait_said("up")
        self.fails("app", "stop", self.uuid, "--app=web", "--timeout=200ms", code=1, message="did not end in time")
        self.operate("stop", "--time=0s")
        self.wait_end(code=137)

    def test_an_image_of_the_store(self):
        """Which is removed from there while the app is."""
        stored = self.agena("fetch", self.image).out.strip()
        self.agena("app", "add", self.uuid, stored, "--name=stored", *shell("echo from the store"))
        self.agena("image", "rm", stored)
        self.agena("gc")
        self.operate("start", name="stored")
        self.wait_said("from the store", "stored")

    def test_an_ended_pod(self):
        self.add(LOOP, "--start")
        self.add(LOOP, name="other")
        self.agena("stop", self.uuid)
        self.fails("app", "add", self.uuid, self.image, "--name=x", code=1, message="has ended")
        self.fails("app", "start", self.uuid, "--app=web", code=1, message="has ended")
        self.fails("app", "update", self.uuid, "--app=web", "--memory=64M", code=1, message="has ended")
        self.operate("stop")
        self.operate("rm")
        self.assertEqual(["other"], self.names())
        pod = self.pod_path(self.uuid)
        self.assertEqual(["other"], os.listdir(f"{pod}/appsinfo"))
        self.assertFalse(os.path.exists(f"{pod}/overlay/app-web"))
        again = self.start("start", self.uuid)
        wait_until(lambda: self.state(self.uuid) == "running" or again.poll() is not None, "it runs again")
        self.agena("status", "--wait-ready=60s", self.uuid)
        self.add(LOOP, "--start")
        self.operate("start", name="other")
        self.assertEqual({"other": "running", "web": "running"}, self.app_states(self.uuid))
        self.agena("stop", self.uuid)
        self.finish(again, check=None)

    def test_an_immutable_pod(self):
        process, uuid = self.start_pod(self.image, *shell(LOOP))
        self.wait_output(process, "up")
        self.fails("app", "add", uuid, self.image, code=1, message="immutable pod")
        self.fails("app", "rm", uuid, "--app=busybox", code=1, message="immutable pod")
        self.agena("stop", uuid)
        self.finish(process)

    def test_a_stop_of_the_pod_stops_its_apps(self):
        self.add("trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.05; done", "--start")
        self.wait_said("up")
        self.agena("stop", self.uuid)
        self.assertIn("bye", self.said())
        self.wait_end(code=4)


class Kills(AppCase):
    """SIGKILL of the command at any instant: the pod is as before, or has the app; and the same command works then."""

    def killed(self, delay, *words) -> bool:
        """Whether the command came to its end before."""
        process = self.start("app", *words)
        time.sleep(delay)
        process.kill()
        return process.wait() == 0

    def test_add(self):
        before = self.traces()
        delay, whole = 0.0, False
        while not whole:
            whole = self.killed(delay, "add", self.uuid, self.image, "--name=web", *shell(LOOP))
            if self.names() == []:
                self.add()
            self.operate("start")
            self.wait_said("up")
            self.operate("rm")
            self.assertEqual(before, self.traces(), f"killed after {delay} s")
            delay += 0.006

    def test_rm(self):
        before = self.traces()
        delay, whole = 0.0, False
        while not whole:
            self.add(LOOP, "--start")
            whole = self.killed(delay, "rm", self.uuid, "--app=web")
            if self.names() == ["web"]:
                self.operate("rm")
            else:
                self.add(LOOP, name="other")
                self.operate("rm", name="other")
            self.assertEqual(before, self.traces(), f"killed after {delay} s")
            delay += 0.006

    def test_supervisor(self):
        self.add(LOOP, "--start")
        adding = self.start("app", "add", self.uuid, self.image, "--name=other", *shell(LOOP))
        os.kill(int(read(f"{self.pod_path(self.uuid)}/ppid")), signal.SIGKILL)
        self.assertIn(adding.wait(60), (0, 1))
        wait_until(lambda: self.state(self.uuid) == "exited", "the pod has ended")
        for name in self.names():
            self.operate("rm", name=name)
        pod = self.pod_path(self.uuid)
        self.assertEqual(([], ["stage1"]), (os.listdir(f"{pod}/appsinfo"), os.listdir(f"{pod}/overlay")))


class KillsInUsers(Kills):
    """The app's root comes into the pod on another way."""

    flags = ("--private-users",)


class Limits(Limited):
    """Limits of apps that are added, and changes of them."""

    def setUp(self):
        super().setUp()
        self.needs("memory", "pids", "cpu")
        self.uuid = self.sandbox("--net=none")

    def tearDown(self):
        if getattr(self, "uuid", None):
            self.agena("stop", self.uuid)
        super().tearDown()

    def memory(self, app) -> str:
        return self.limit(self.uuid, "memory", "memory.limit_in_bytes", "memory.max", app)

    def pids(self, app) -> str:
        return self.limit(self.uuid, "pids", "pids.max", "pids.max", app)

    def test_limits(self):
        for name, memory in (("one", 64), ("two", 32)):
            self.agena("app", "add", self.uuid, Images.busybox(), f"--name={name}", f"--memory={memory}Mi", "--pids-limit=30",
                       "--start", *shell(WAIT))
        self.assertEqual((str(64 * MEBI), str(32 * MEBI)), (self.memory("one"), self.memory("two")))
        self.agena("app", "update", self.uuid, "--app=one", "--memory=48Mi", "--pids-limit=40", "--cpu=500m")
        self.assertEqual((str(48 * MEBI), str(32 * MEBI)), (self.memory("one"), self.memory("two")))
        self.assertEqual(("40", "30"), (self.pids("one"), self.pids("two")))
        manifest = json.loads(self.agena("cat-manifest", self.uuid).out)
        isolators = {one["name"]: one["value"] for one in manifest["apps"][0]["app"]["isolators"]}
        self.assertEqual("48Mi", isolators["resource/memory"]["limit"])
        # It counts from then on, for the next start too.
        self.agena("app", "stop", self.uuid, "--app=one")
        self.agena("app", "start", self.uuid, "--app=one")
        self.assertEqual(str(48 * MEBI), self.memory("one"))
        for app in ("one", "two"):
            self.agena("app", "rm", self.uuid, f"--app={app}")

    def test_what_cannot_be_changed(self):
        self.agena("app", "add", self.uuid, Images.busybox(), "--name=one", *shell(WAIT))
        before = self.agena("cat-manifest", self.uuid).out
        self.fails("app", "update", self.uuid, "--app=one", code=1, message="no limit is given")
        self.fails("app", "update", self.uuid, "--app=one", "--memory=much", code=1, message="--memory")
        self.fails("app", "update", self.uuid, "--app=one", "--user=1", message="--user")
        self.assertEqual(before, self.agena("cat-manifest", self.uuid).out)


if __name__ == "__main__":
    unittest.main()
