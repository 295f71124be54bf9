"""Pods on a host with systemd, D-Bus and machined: their scope or the caller's unit, machinectl, units of Type=notify, socket
units, the gc timer."""

import os
import socket
import tempfile

from machine_case import CGROUPS, Images, MachineCase, cgroup_of, read, shell, wait_until

WAIT = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"


class OnSystemd(MachineCase):
    def setUp(self):
        super().setUp()
        self.unit_files = []

    def tearDown(self):
        super().tearDown()
        for path in self.unit_files:
            os.remove(path)
        if self.unit_files:
            self.run_argv(["systemctl", "daemon-reload"])

    def unit_file(self, unit, text):
        """A unit in /run, removed at the end; {agena} stands for the command with the test's directories."""
        self.units.append(unit)
        self.unit_files.append("/run/systemd/system/" + unit)
        with open(self.unit_files[-1], "w", encoding="utf-8") as stream:
            stream.write(text.replace("{agena}", " ".join(self.argv())))
        self.run_argv(["systemctl", "daemon-reload"])

    def machines(self) -> list:
        return [line.split()[0] for line in self.run_argv(["machinectl", "--no-legend", "list"]).out.splitlines() if line]

    def in_session(self, *words):
        """The command as a login session would start it: in a scope session-NAME.scope."""
        scope = f"session-t{os.getpid()}{len(self.started)}.scope"
        prefix = ["systemd-run", "--quiet", "--scope", "--unit=" + scope, "--slice=user.slice"]
        plain = self.argv
        self.argv = lambda *args, **more: prefix + plain(*args, **more)
        try:
            return self.start_pod(*words)
        finally:
            self.argv = plain

    def supervisor(self, uuid) -> int:
        return int(read(self.pod_path(uuid) + "/ppid"))

    def machine(self, uuid) -> str:
        name = "agena-" + uuid
        wait_until(lambda: name in self.machines(), "the pod is registered")
        return name


class Scope(OnSystemd):
    """A caller without a unit of its own: the pod gets a scope."""

    def test_scope(self):
        process, uuid = self.in_session("--net=none", Images.busybox(), *shell(WAIT))
        self.wait_output(process, "up")
        scope = "machine-" + f"agena-{uuid}".replace("-", "\\x2d") + ".scope"
        pid = self.supervisor(uuid)
        self.assertTrue(cgroup_of(pid).startswith(f"{CGROUPS}/machine.slice/{scope}"), cgroup_of(pid))
        self.assertEqual("yes", self.show(scope, "Delegate"))
        self.assertEqual("machine.slice", self.show(scope, "Slice"))
        name = self.machine(uuid)
        self.assertEqual(scope, self.run_argv(["machinectl", "show", "--value", "-p", "Unit", name]).out.strip())
        self.agena("stop", uuid)
        self.finish(process)
        wait_until(lambda: self.show(scope, "ActiveState") == "inactive", "the scope is gone")
        wait_until(lambda: name not in self.machines(), "machined has forgotten the pod")

    def test_systemd_that_does_not_answer(self):
        scope = f"session-t{os.getpid()}x.scope"
        hide = "mount --bind /dev/null /run/systemd/private && exec \"$@\""
        done = self.run_argv(["systemd-run", "--quiet", "--scope", "--unit=" + scope, "--slice=user.slice", "unshare", "--mount",
                              "sh", "-c", hide, "sh", *self.argv("run", "--net=none", Images.busybox(), *shell("exit 3"))],
                             check=3)
        self.assertIn("warning: the pod has no scope unit and stays in the caller's cgroup", done.err)

    def test_terminate(self):
        process, uuid = self.in_session("--net=none", Images.busybox(), *shell(WAIT))
        self.wait_output(process, "up")
        name = self.machine(uuid)
        self.run_argv(["machinectl", "terminate", name])
        done = self.finish(process)
        self.assertIn("bye", done.texts)
        self.assertEqual("0", self.status(uuid)["app-busybox"])

    def test_killed_supervisor(self):
        process, uuid = self.in_session("--net=none", Images.busybox(), *shell(WAIT))
        self.wait_output(process, "up")
        name = self.machine(uuid)
        os.kill(self.supervisor(uuid), 9)
        self.finish(process, check=None)
        wait_until(lambda: name not in self.machines(), "machined has forgotten the pod")
        self.agena("gc", "--grace-period=0s")


class Machine(OnSystemd):
    """machinectl with a pod in the caller's unit."""

    def start_waiting(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell(WAIT))
        self.wait_output(process, "up")
        return process, uuid, self.machine(uuid)

    def test_stays_in_the_unit(self):
        process, uuid, name = self.start_waiting()
        self.assertTrue(cgroup_of(process.pid).startswith(cgroup_of(os.getpid()).rstrip("/")))
        self.assertNotIn("machine.slice", cgroup_of(process.pid))
        show = dict(line.partition("=")[::2] for line in self.run_argv(["machinectl", "show", name]).out.splitlines())
        self.assertEqual(("agena", "container", "running"), (show["Service"], show["Class"], show["State"]))
        self.assertEqual(uuid.replace("-", ""), show["Id"])
        self.assertEqual(read(f"/proc/{show['Leader']}/comm"), "systemd\n")
        self.assertEqual(int(show["Leader"]), int(read(f"/proc/{process.pid}/task/{process.pid}/children").split()[0]))
        self.assertEqual(self.pod_path(uuid) + "/stage1/rootfs", show["RootDirectory"])
        self.assertIn(name, self.run_argv(["machinectl", "status", name]).out)
        self.agena("stop", uuid)
        self.finish(process)
        # At the pod's end, although the unit goes on.
        wait_until(lambda: name not in self.machines(), "machined has forgotten the pod")

    def test_poweroff(self):
        process, uuid, name = self.start_waiting()
        self.run_argv(["machinectl", "poweroff", name])
        self.assertIn("bye", self.finish(process).texts)
        self.assertEqual("0", self.status(uuid)["app-busybox"])

    def test_shell_needs_a_bus_in_the_pod(self):
        process, uuid, name = self.start_waiting()
        done = self.run_argv(["machinectl", "shell", name, "/bin/true"], check=None)
        self.assertNotEqual(0, done.code)
        self.agena("stop", uuid)
        self.finish(process)

    def test_killed_supervisor_is_unregistered_by_gc(self):
        process, uuid, name = self.start_waiting()
        process.kill()
        self.finish(process, check=-9)
        self.agena("gc", "--grace-period=0s")
        self.assertNotIn(name, self.machines())

    def test_under_the_name_rkt(self):
        rkt = os.path.join(self.top, "rkt")
        os.symlink(self.binary, rkt)
        own, self.binary = self.binary, rkt
        process, uuid = self.start_pod(f"--stage1-path={os.environ['AGENA_STAGE1_DIR']}/stage1-systemd.aci", "--net=none",
                                       "--insecure-options=image", Images.busybox(), *shell(WAIT))
        self.binary = own
        self.wait_output(process, "up")
        wait_until(lambda: "rkt-" + uuid in self.machines(), "the pod is registered")
        self.agena("stop", uuid)
        self.finish(process)


class Units(OnSystemd):
    """Pods as units."""

    def test_notify(self):
        uuid_file = self.top + "/uuid"
        self.unit_file("agena-test-notify.service", f"""[Service]
Type=notify
NotifyAccess=main
Delegate=yes
KillMode=mixed
ExecStart={{agena}} run --uuid-file-save={uuid_file} --net=none {Images.busybox()} --exec=/bin/sh -- -c "{WAIT.replace('$', '$$')}"
""")
        self.run_argv(["systemctl", "start", "agena-test-notify.service"])
        uuid = read(uuid_file)
        self.assertEqual("running", self.state(uuid))
        self.assertEqual("active", self.show("agena-test-notify.service", "ActiveState"))
        self.assertEqual("running", self.show("agena-test-notify.service", "StatusText"))
        self.assertEqual(self.supervisor(uuid), int(self.show("agena-test-notify.service", "MainPID")))
        self.assertIn("agena-test-notify.service", cgroup_of(self.supervisor(uuid)))
        self.run_argv(["systemctl", "stop", "agena-test-notify.service"])
        self.assertEqual("success", self.show("agena-test-notify.service", "Result"))
        self.assertEqual("0", self.status(uuid)["app-busybox"])

    def test_exit_code(self):
        self.unit_file("agena-test-code.service", f"""[Service]
Type=exec
Delegate=yes
ExecStart={{agena}} run --net=none {Images.busybox()} --exec=/bin/sh -- -c "exit 7"
""")
        self.run_argv(["systemctl", "start", "agena-test-code.service"])
        wait_until(lambda: self.show("agena-test-code.service", "ActiveState") == "failed", "the unit ends")
        self.assertEqual("7", self.show("agena-test-code.service", "ExecMainStatus"))

    def test_socket_unit_starts_the_pod(self):
        path = tempfile.mktemp(prefix="agena-test-", dir="/run")
        image = self.small_image("example.com/web", ports=[
            {"name": "http", "protocol": "tcp", "port": 80, "socketActivated": True}])
        out = self.top + "/seen"
        self.unit_file("agena-test-web.socket", f"""[Socket]
ListenStream={path}
FileDescriptorName=http
""")
        self.unit_file("agena-test-web.service", f"""[Service]
Type=notify
Delegate=yes
StandardOutput=append:{out}
ExecStart={{agena}} run --net=none {image} --exec=/bin/sh -- -c "echo fds=$$LISTEN_FDS names=$$LISTEN_FDNAMES; readlink /proc/self/fd/3"
""")
        self.run_argv(["systemctl", "start", "agena-test-web.socket"])
        self.addCleanup(lambda: os.path.exists(path) and os.remove(path))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            wait_until(lambda: os.path.exists(out) and "socket:" in read(out), "the app tells of its socket")
        # Before the socket unit starts the pod again for the connection that nobody has taken.
        self.run_argv(["systemctl", "stop", "agena-test-web.socket", "agena-test-web.service"])
        self.assertIn("fds=1 names=http", read(out))

class Installed(OnSystemd):
    """The units as they are installed, with the directories of the host."""

    def setUp(self):
        super().setUp()
        if "agena-gc.timer" not in self.run_argv(["systemctl", "list-unit-files", "--no-legend", "agena-gc.timer"], check=None).out:
            self.skipTest("agena is not installed")

    def check_template(self, name):
        command = os.path.join(os.path.dirname(self.binary), name)
        # rkt's ACIs have to be signed.
        waived = ["--insecure-options=image"] if name == "rkt" else []
        self.run_argv([command, *waived, "fetch", Images.busybox()])
        uuid = self.run_argv([command, *waived, "prepare", Images.busybox(), *shell(WAIT)]).out.strip()
        manifest = self.run_argv([command, "cat-manifest", uuid]).out
        self.run_argv([command, "rm", uuid])
        os.makedirs(f"/etc/{name}/pods.d", exist_ok=True)
        for end, text in ((".json", manifest), (".env", "FLAGS=--net=none\n")):
            path = f"/etc/{name}/pods.d/test{end}"
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
            self.addCleanup(os.remove, path)
        unit = f"{name}@test.service"
        self.units.append(unit)
        self.run_argv(["systemctl", "start", unit])
        self.assertIn("running", self.run_argv([command, "list", "--no-legend"]).out)
        self.assertIn("machine.slice", cgroup_of(self.show(unit, "MainPID")))
        self.run_argv(["systemctl", "stop", unit])
        self.assertEqual("success", self.show(unit, "Result"))
        # ExecStopPost has marked it.
        self.assertIn("exited garbage", self.run_argv([command, "list", "--no-legend"]).out)
        self.run_argv([command, "gc", "--grace-period=0s"])

    def test_template(self):
        self.check_template("agena")

    def test_template_under_the_name_rkt(self):
        self.check_template("rkt")

    def test_groups_and_directories(self):
        for name in ("agena", "rkt"):
            self.run_argv(["systemd-sysusers", name + ".conf"])
            self.run_argv(["systemd-tmpfiles", "--create", name + ".conf"])
            self.assertEqual(name, self.run_argv(["stat", "-c", "%G", "/var/lib/" + name]).out.strip())
            self.assertEqual("2775 " + name + "-admin", self.run_argv(["stat", "-c", "%a %G", "/etc/" + name]).out.strip())

    def test_gc_timer(self):
        self.run_argv(["systemctl", "start", "agena-gc.timer"])
        self.addCleanup(self.run_argv, ["systemctl", "stop", "agena-gc.timer"])
        wait_until(lambda: self.show("agena-gc.timer", "LastTriggerUSec") not in ("", "n/a"), "the timer fires")
        wait_until(lambda: self.show("agena-gc.service", "ActiveState") == "inactive", "gc has ended")
        self.assertEqual("success", self.show("agena-gc.service", "Result"))
