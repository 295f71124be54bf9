"""The life of apps and pods: restarts, stop signals, time limits, readiness, health checks, names, and starting again."""

import json
import os
import shutil
import signal
import socket
import subprocess

from harness import FLY, Case, Images, descendants, directory, file, oci, read, shell, symlink, wait_until


class Life(Case):
    def app(self, uuid: str, name="busybox") -> dict:
        """What `status` tells of one app."""
        pod = json.loads(self.agena("status", "--format=json", uuid).out)
        return next(one for one in pod["apps"] if one["name"] == name)


class Restart(Life):
    def test_on_failure_up_to_the_most(self):
        done = self.agena("run", "--restart=on-failure:2", Images.busybox(), *shell("echo ran; exit 3"), check=3)
        self.assertEqual(["ran"] * 3, done.texts)
        uuid = self.only_pod()
        self.assertEqual("2", self.status(uuid)["restarts-busybox"])
        self.assertEqual("3", self.status(uuid)["app-busybox"])
        app = self.app(uuid)
        self.assertEqual((2, 3, 3), (app["restarts"], app["last_exit_code"], app["exit_code"]))

    def test_success_is_no_failure(self):
        done = self.agena("run", "--restart=on-failure", Images.busybox(),
                          *shell("echo ran; test -e /tmp/again || { touch /tmp/again; exit 9; }"))
        self.assertEqual(["ran"] * 2, done.texts)
        self.assertEqual("1", self.status(self.only_pod())["restarts-busybox"])

    def test_killed_by_a_signal_is_a_failure(self):
        done = self.agena("run", "--restart=on-failure:1", Images.busybox(), *shell("echo ran; kill -TERM $$"), check=143)
        self.assertEqual(["ran"] * 2, done.texts)

    def test_always_until_it_is_stopped(self):
        process, uuid = self.start_pod("--restart=always", Images.busybox(),
                                       *shell("echo run $(cat /tmp/n 2>/dev/null); echo x >> /tmp/n; exit 0"))
        wait_until(lambda: self.app(uuid).get("restarts", 0) >= 3, "three restarts")
        self.wait_output(process, "run x x x")
        self.agena("stop", uuid)
        self.finish(process, check=0)
        self.assertNotIn("restart_at", self.app(uuid))

    def test_a_stop_while_the_restart_is_put_off(self):
        process, uuid = self.start_pod("--restart=always", Images.busybox(), *shell("exit 5"))
        wait_until(lambda: self.app(uuid).get("restarts", 0) >= 4 and "restart_at" in self.app(uuid), "a long pause")
        self.agena("stop", uuid)
        self.finish(process, check=5)
        self.assertEqual("5", self.status(uuid)["app-busybox"])

    def test_the_other_apps_live_on(self):
        process, uuid = self.start_pod(
            Images.busybox(), "--name=weak", "--restart=on-failure", *shell("echo weak; exit 1"), "---",
            Images.busybox(), "--name=strong", *shell("trap 'exit 0' TERM; echo strong; while :; do sleep 0.05; done"))
        wait_until(lambda: self.app(uuid, "weak").get("restarts", 0) >= 2, "restarts")
        self.assertEqual("running", self.app(uuid, "strong")["state"])
        self.assertNotIn("restarts", self.app(uuid, "strong"))
        self.agena("stop", uuid)
        self.finish(process, check=1)

    def test_an_app_that_has_ended_for_good_is_left_alone(self):
        process, uuid = self.start_pod(
            Images.busybox(), "--name=once", "--restart=on-failure", *shell("echo once"), "---",
            Images.busybox(), "--name=strong", *shell("trap 'exit 0' TERM; echo strong; while :; do sleep 0.05; done"))
        wait_until(lambda: self.app(uuid, "once")["state"] == "exited", "one app has ended")
        self.wait_output(process, "strong")
        # systemd has asked for a restart, and was told that there is none: nothing of the app is left.
        cgroup = self.host.cgroup
        if cgroup:
            wait_until(lambda: not any(path.endswith("/once.service") for path in self.host.cgroups()), "its service is gone")
        self.assertEqual("running", self.state(uuid))
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual(1, self.output(process).count("once["))

    def test_a_program_that_is_not_there(self):
        done = self.agena("run", "--restart=on-failure:1", Images.busybox(), "--exec=/no/such", check=127)
        self.assertEqual(2, done.err.count("cannot start app 'busybox'"), done)

    def test_post_stop_handlers_run_once_for_each_run(self):
        image = self.small_image(exec_=["/bin/sh", "-c", "echo ran; exit 1"], eventHandlers=[
            {"name": "post-stop", "exec": ["/bin/sh", "-c", "echo post"]}])
        done = self.agena("run", "--restart=on-failure:2", image, check=1)
        self.assertEqual((3, 3), (done.texts.count("ran"), done.texts.count("post")), done)

    def test_no_handler_runs_for_a_restart_that_never_came(self):
        image = self.small_image(exec_=["/bin/sh", "-c", "echo ran; exit 1"], eventHandlers=[
            {"name": "post-stop", "exec": ["/bin/sh", "-c", "echo post"]}])
        process, uuid = self.start_pod(image, "--restart=always")
        wait_until(lambda: self.app(uuid, "small").get("restarts", 0) >= 4 and "restart_at" in self.app(uuid, "small"),
                   "a long pause")
        self.agena("stop", uuid)
        self.finish(process, check=1)
        self.assertEqual(self.output(process).count("ran"), self.output(process).count("post"))

    def test_bad_policies(self):
        for policy in ("sometimes", "always:2", "on-failure:x"):
            self.fails("run", f"--restart={policy}", Images.busybox(), message="--restart")

    def test_fly_refuses(self):
        self.fails("run", "--stage1-name=" + FLY, "--restart=always", Images.busybox(), *shell("true"),
                   message="--restart is not supported by stage1-fly")


class Stop(Life):
    TRAPS = "trap 'echo usr1; exit 0' USR1; trap 'echo term; exit 1' TERM; echo up; while :; do sleep 0.05; done"

    def test_signal_of_a_flag(self):
        process, uuid = self.start_pod(Images.busybox(), "--stop-signal=USR1", *shell(self.TRAPS))
        self.wait_output(process, "up")
        self.agena("stop", uuid)
        self.finish(process)
        self.assertIn("usr1", self.output(process))

    def test_dying_of_the_stop_signal_is_no_failure(self):
        process, uuid = self.start_pod(Images.busybox(), "--stop-signal=SIGINT", *shell("echo up; exec sleep 1000"))
        self.wait_output(process, "up")
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual("0", self.status(uuid)["app-busybox"])

    def test_signal_in_fly(self):
        process, uuid = self.start_pod("--stage1-name=" + FLY, Images.busybox(), "--stop-signal=USR1", *shell(self.TRAPS))
        self.wait_output(process, "up")
        self.agena("stop", uuid)
        self.finish(process)
        self.assertIn("usr1", self.output(process))

    def test_a_daemon_in_fly(self):
        """The app's own process has ended, its daemon holds the pod. Others of the caller's group are not meant."""
        for flags in ((), ("--force",)):
            process, uuid = self.start_pod("--stage1-name=" + FLY, Images.busybox(), *shell(
                "sleep 1000 > /dev/null 2>&1 < /dev/null & echo up"), ready=False, process_group=0)
            bystander = subprocess.Popen(["sleep", "1000"], process_group=process.pid)
            self.started.append(bystander)
            process.wait()
            self.assertEqual("running", self.state(uuid))
            self.assertEqual("in\n", self.agena("enter", uuid, "/bin/sh", "-c", "echo in").out)
            self.agena("stop", *flags, uuid)
            self.assertEqual("exited", self.state(uuid))
            self.assertEqual(None, bystander.poll())
            bystander.kill()
            bystander.wait()

    def test_an_app_that_does_not_end(self):
        process, uuid = self.start_pod(Images.busybox(), "--stop-timeout=300ms",
                                       *shell("trap '' TERM; echo up; while :; do sleep 0.05; done"))
        self.wait_output(process, "up")
        self.agena("stop", "--timeout=60s", uuid)
        self.finish(process, check=137)

    def test_who_stops_it_twice_does_not_take_the_grace_period(self):
        process, uuid = self.start_pod(Images.busybox(), *shell(
            "trap 'echo asked; sleep 1; echo done; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
        self.wait_output(process, "up")
        self.agena("stop", "--timeout=0", uuid)
        self.wait_output(process, "asked")
        for number in (signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        self.agena("stop", uuid)
        self.finish(process)
        self.assertIn("done", self.output(process))

    def test_interrupting_twice_kills(self):
        process, _ = self.start_pod(Images.busybox(), "--stop-timeout=1h", *shell(
            "trap 'echo asked' INT TERM; echo up; while :; do sleep 0.05; done"))
        self.wait_output(process, "up")
        process.send_signal(signal.SIGINT)
        self.wait_output(process, "asked")
        process.send_signal(signal.SIGINT)
        self.finish(process, check=137)

    def test_force(self):
        process, uuid = self.start_pod(Images.busybox(), "--stop-timeout=1h",
                                       *shell("trap '' TERM; echo up; while :; do sleep 0.05; done"))
        self.wait_output(process, "up")
        self.agena("stop", "--force", uuid)
        self.assertNotEqual(0, process.wait())
        self.assertEqual("exited", self.state(uuid))

    def test_bad_signals(self):
        for text in ("NOPE", "0", "SIGRTMIN+99"):
            self.fails("run", Images.busybox(), f"--stop-signal={text}", message="--stop-signal")


class Timeout(Life):
    def test_the_pod_is_stopped_and_ends_with_124(self):
        done = self.agena("run", "--timeout=500ms", Images.busybox(),
                          *shell("trap 'echo term; exit 3' TERM; while :; do sleep 0.05; done"), check=124)
        self.assertEqual(["term"], done.texts)

    def test_a_pod_that_ends_before(self):
        self.agena("run", "--timeout=1h", Images.busybox(), *shell("exit 4"), check=4)

    def test_of_a_prepared_pod(self):
        uuid = self.agena("prepare", Images.busybox(), *shell("sleep 1000")).out.strip()
        self.agena("run-prepared", "--timeout=300ms", uuid, check=124)

    def test_fly_refuses(self):
        self.fails("run", "--stage1-name=" + FLY, "--timeout=1s", Images.busybox(), *shell("true"), message="--timeout")


class HostSocket:
    """The socket of a service manager; what arrives is collected."""

    def __init__(self, path: str):
        self.path, self.seen = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    def lines(self) -> list:
        try:
            while True:
                self.seen += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.seen

    def close(self):
        self.socket.close()


class Readiness(Life):
    def setUp(self):
        super().setUp()
        self.manager = HostSocket(os.path.join(self.top, "manager"))
        self.addCleanup(self.manager.close)
        self.environment = {"NOTIFY_SOCKET": self.manager.path}

    def notifier(self) -> str:
        """An image whose program sends its arguments to $NOTIFY_SOCKET when a file /go comes, and lives on."""
        source = os.path.join(self.top, "notify.c")
        with open(source, "w", encoding="ascii") as stream:
            stream.write(NOTIFIER)
        program = os.path.join(self.top, "notify")
        subprocess.run(["cc", "-static", "-o", program, source], check=True)
        return self.small_image("example.com/notifier", exec_=["/notify"], entries=[
            file("notify", read(program, "rb"), 0o755)])

    def test_a_plain_pod_is_ready_when_it_runs(self):
        process, uuid = self.start_pod(Images.busybox(), *shell("trap 'exit 0' TERM; while :; do sleep 0.05; done"),
                                       env=self.environment)
        wait_until(lambda: "READY=1" in self.manager.lines(), "READY=1")
        self.agena("status", "--wait-ready=60s", uuid)
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual(["READY=1", "STOPPING=1"], [line for line in self.manager.lines() if "STATUS" not in line])

    def test_the_app_says_when(self):
        process, uuid = self.start_pod(self.notifier(), "--sdnotify=app", "--user=7", "--group=7", "--",
                                       "STATUS=serving", "READY=1", env=self.environment)
        wait_until(lambda: "waiting" in self.output(process), "the app runs")
        self.assertIs(False, self.app(uuid, "notifier").get("ready"))
        self.assertEqual("false", self.status(uuid)["ready-notifier"])
        self.fails("status", "--wait-ready=100ms", uuid, message="not ready in time")
        self.assertEqual([], self.manager.lines())
        self.agena("enter", "--app=notifier", uuid, "/bin/busybox", "touch", "/go")
        self.agena("status", "--wait-ready=60s", uuid)
        wait_until(lambda: {"READY=1", "STATUS=serving"} <= set(self.manager.lines()), "the manager hears it")
        app = wait_until(lambda: (lambda one: one.get("status_text") and one)(self.app(uuid, "notifier")), "the status")
        self.assertEqual((True, "serving"), (app["ready"], app["status_text"]))
        self.agena("stop", uuid)
        self.finish(process)

    def test_the_pod_waits_for_all(self):
        image = self.notifier()
        process, uuid = self.start_pod(image, "--name=a", "--sdnotify=container", "--", "READY=1", "---", image, "--name=b",
                                       "--sdnotify=container", "--", "READY=1", "---", image, "--name=c", "--", "READY=1",
                                       env=self.environment)
        wait_until(lambda: self.output(process).count("waiting") == 2 and "no socket" in self.output(process), "apps run")
        self.agena("enter", "--app=a", uuid, "/bin/busybox", "touch", "/go")
        wait_until(lambda: self.app(uuid, "a")["ready"], "a is ready")
        self.assertNotIn("READY=1", self.manager.lines())
        self.agena("enter", "--app=b", uuid, "/bin/busybox", "touch", "/go")
        wait_until(lambda: "READY=1" in self.manager.lines(), "READY=1")
        self.agena("stop", uuid)
        self.finish(process)

    def test_reloads_and_more_time_are_passed_on(self):
        process, uuid = self.start_pod(self.notifier(), "--sdnotify=app", "--", "READY=1", "RELOADING=1", "READY=1",
                                       "EXTEND_TIMEOUT_USEC=77", env=self.environment)
        self.wait_output(process, "waiting")
        self.agena("enter", "--app=notifier", uuid, "/bin/busybox", "touch", "/go")
        wait_until(lambda: "EXTEND_TIMEOUT_USEC=77" in self.manager.lines(), "the last message")
        said = [line for line in self.manager.lines() if not line.startswith(("MONOTONIC_USEC=", "STATUS="))]
        self.assertEqual(["READY=1", "RELOADING=1", "READY=1", "EXTEND_TIMEOUT_USEC=77"], said)
        self.agena("stop", uuid)
        self.finish(process)

    def test_the_hosts_watchdog_is_answered(self):
        process, uuid = self.start_pod(Images.busybox(), *shell("trap 'exit 0' TERM; while :; do sleep 0.05; done"),
                                       env={**self.environment, "WATCHDOG_USEC": "100000"})
        wait_until(lambda: self.manager.lines().count("WATCHDOG=1") >= 3, "signs of life")
        self.agena("stop", uuid)
        self.finish(process)

    def test_fly(self):
        image = self.notifier()
        done = self.agena("run", "--stage1-name=" + FLY, Images.busybox(), *shell("echo ${NOTIFY_SOCKET-none}"),
                          env=self.environment)
        self.assertEqual("none\n", done.out)
        self.assertEqual(["READY=1"], self.manager.lines())
        self.manager.seen.clear()
        process = self.start("run", "--stage1-name=" + FLY, "--sdnotify=app", image, "--", "READY=1", "X_FLY=1",
                             env=self.environment)
        self.wait_output(process, "waiting")
        self.assertEqual([], self.manager.lines())
        self.agena("enter", self.only_running(), "/bin/busybox", "touch", "/go")
        wait_until(lambda: "X_FLY=1" in self.manager.lines(), "the app's own message")
        process.send_signal(signal.SIGTERM)
        self.finish(process, check=None)

    def only_running(self) -> str:
        return next(one["name"] for one in self.pods() if one["state"] == "running")


NOTIFIER = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void leave(int signal) { _exit(0 * signal); }

int main(int argc, char **argv) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat st;
  signal(SIGTERM, leave);
  puts(path ? "waiting" : "no socket");
  fflush(stdout);
  if (path) {
    while (stat("/go", &st) != 0) usleep(10000);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    for (int i = 1; i < argc; i++)
      if (sendto(fd, argv[i], strlen(argv[i]), 0, (struct sockaddr *)&address, sizeof address) < 0) perror("sendto");
  }
  for (;;) pause();
}
"""


class Health(Life):
    SERVER = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
    FAST = ("--health-interval=200ms", "--health-retries=2")

    def wait_health(self, uuid: str, state: str):
        wait_until(lambda: self.app(uuid).get("health") == state, f"health {state}")

    def in_app(self, uuid: str, *words):
        self.agena("enter", uuid, "/bin/busybox", *words)

    def test_follows_the_checks(self):
        process, uuid = self.start_pod(Images.busybox(), "--health-cmd=test -e /well || { echo sick; exit 1; }",
                                       *self.FAST, *shell(self.SERVER))
        self.wait_health(uuid, "unhealthy")
        self.assertEqual("unhealthy", self.status(uuid)["health-busybox"])
        self.assertIn("sick", self.app(uuid)["health_output"])
        self.fails("status", "--wait-ready=100ms", uuid, message="not ready in time")
        self.in_app(uuid, "touch", "/well")
        self.agena("status", "--wait-ready=60s", uuid)
        self.wait_health(uuid, "healthy")
        self.in_app(uuid, "rm", "/well")
        self.wait_health(uuid, "unhealthy")
        self.assertEqual(0, self.app(uuid)["restarts"])
        self.agena("stop", uuid)
        self.finish(process)

    def test_is_as_the_app(self):
        process, uuid = self.start_pod(
            Images.busybox(), "--user=5", "--group=6", "--environment=A=b", "--working-dir=/tmp",
            '--health-cmd=["/bin/sh","-c","id -u; id -g; echo $A; pwd; hostname; cat /proc/1/comm; exit 1"]', *self.FAST,
            "--hostname=pod", *shell(self.SERVER))
        self.wait_health(uuid, "unhealthy")
        self.assertEqual(["5", "6", "b", "/tmp", "pod", "systemd"], self.app(uuid)["health_output"].split())
        self.agena("stop", uuid)
        self.finish(process)

    def test_of_an_app_with_the_name_of_a_controller(self):
        """systemd names its cgroup another way."""
        process, uuid = self.start_pod(Images.busybox(), "--name=memory", "--restart=on-failure",
                                       "--health-cmd=test ! -e /tmp/stuck", "--stop-timeout=300ms", *self.FAST,
                                       *shell("trap '' TERM; rm -f /tmp/stuck; echo up; while :; do sleep 0.05; done"))
        wait_until(lambda: self.app(uuid, "memory").get("health") == "healthy", "health")
        self.in_app(uuid, "touch", "/tmp/stuck")
        wait_until(lambda: self.app(uuid, "memory")["restarts"] == 1, "a restart behind the grace period")
        self.agena("stop", "--force", uuid)
        process.wait()

    def test_unhealthy_apps_are_restarted(self):
        process, uuid = self.start_pod(
            Images.busybox(), "--restart=on-failure", "--health-cmd=test ! -e /tmp/stuck", *self.FAST,
            *shell("trap 'rm -f /tmp/stuck; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
        self.wait_health(uuid, "healthy")
        self.in_app(uuid, "touch", "/tmp/stuck")
        wait_until(lambda: self.app(uuid)["restarts"] == 1, "a restart")
        self.wait_health(uuid, "healthy")
        self.assertEqual(1, self.app(uuid)["last_exit_code"])
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual(2, self.output(process).count("up"))

    def test_a_check_that_hangs_is_killed_with_its_children(self):
        process, uuid = self.start_pod(
            Images.busybox(), "--health-cmd=trap '' TERM; sleep 4242 & sleep 4242", "--health-timeout=100ms", *self.FAST,
            *shell(self.SERVER))
        self.wait_health(uuid, "unhealthy")
        self.assertIn("did not end in time", self.app(uuid)["health_output"])
        # At any time at most one check is running: two sleeps and what starts them.
        counts = [sum("sleep 4242" in command for _, command in descendants(process.pid)) for _ in range(20)]
        self.assertLessEqual(max(counts), 3)
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual([], [command for _, command in descendants() if "4242" in command])

    def test_a_stop_does_not_wait_for_a_check(self):
        process, uuid = self.start_pod(Images.busybox(), "--health-cmd=touch /tmp/checking; sleep 5000", *self.FAST,
                                       *shell(self.SERVER))
        wait_until(lambda: self.agena("enter", uuid, "/bin/busybox", "test", "-e", "/tmp/checking", check=None).code == 0,
                   "the check runs")
        self.agena("stop", uuid)
        self.finish(process)

    def test_of_a_docker_image(self):
        image = self.docker_image({
            "Cmd": ["/bin/sh", "-c", "echo up; while :; do sleep 0.05; done"], "StopSignal": "SIGINT",
            "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 200000000, "Retries": 1}})
        process, uuid = self.start_pod(image, "--name=busybox")
        self.wait_health(uuid, "healthy")
        self.agena("stop", uuid)
        # The shell dies of the image's own stop signal.
        self.finish(process)
        process, uuid = self.start_pod(image, "--name=busybox", "--no-healthcheck")
        self.wait_output(process, "up")
        self.assertNotIn("health", self.app(uuid))
        self.agena("stop", uuid)
        self.finish(process)
        process, uuid = self.start_pod(image, "--name=busybox", "--health-cmd=echo no; false")
        self.wait_health(uuid, "unhealthy")
        self.agena("stop", uuid)
        self.finish(process)

    def docker_image(self, settings: dict) -> str:
        busybox = read(shutil.which("busybox", path="/bin:/usr/bin"), "rb")
        items = [directory("bin"), file("bin/busybox", busybox, 0o755),
                 *(symlink(f"bin/{name}", "busybox") for name in ("sh", "sleep", "true"))]
        return oci.build(os.path.join(self.top, "image"), [items], config={"config": settings})

    def test_bad_flags(self):
        for flag in ("--health-interval=0s", "--health-retries=0", "--health-cmd=", "--health-cmd=[]",
                     "--health-timeout=soon"):
            self.fails("run", Images.busybox(), flag, message=flag.partition("=")[0])
        self.fails("run", Images.busybox(), "--health-interval=3s", *shell("true"), message="--health-cmd")


class StartAgain(Life):
    COUNT = "echo x >> /count; wc -l < /count"

    def test_files_of_the_apps_stay(self):
        first = self.agena("run", Images.busybox(), *shell(self.COUNT + "; exit 3"), check=3)
        uuid = self.only_pod()
        created = self.app(uuid)["created_at"]
        started = self.app(uuid)["started_at"]
        again = self.agena("start", uuid, check=3)
        self.assertEqual((["1"], ["2"]), (first.texts, again.texts))
        self.assertEqual([f"run/{uuid}"], self.pod_directories())
        self.assertEqual(created, self.app(uuid)["created_at"])
        self.assertGreater(self.app(uuid)["started_at"], started)
        self.assertEqual(["3"], self.agena("run-prepared", uuid, check=3).texts)

    def test_copied_roots_and_volumes(self):
        self.agena("run", "--no-overlay", "--volume=v,kind=empty", Images.busybox(), "--mount=volume=v,target=/v",
                   *shell("echo x >> /v/n; echo x >> /n"))
        done = self.agena("start", self.only_pod())
        self.assertEqual([], done.texts)
        path = self.pod_path(self.only_pod())
        self.assertEqual("x\nx\n", read(path + "/sharedVolumes/v/n"))
        self.assertEqual("x\nx\n", read(path + "/stage1/rootfs/opt/stage2/busybox/rootfs/n"))

    def test_fly(self):
        self.agena("run", "--stage1-name=" + FLY, Images.busybox(), *shell(self.COUNT))
        self.assertEqual("2\n", self.agena("start", self.only_pod()).out)

    def test_records_of_the_last_life_are_gone(self):
        self.agena("run", "--restart=on-failure:1", Images.busybox(),
                   *shell("test -e /second && { trap 'exit 0' TERM; echo second; while :; do sleep 0.05; done; }; exit 5"),
                   check=5)
        uuid = self.only_pod()
        self.assertEqual("5", self.status(uuid)["app-busybox"])
        upper = self.pod_path(uuid) + "/overlay/app-busybox/upper/second"
        with open(upper, "w", encoding="ascii"):
            pass
        process = self.start("start", uuid)
        self.wait_output(process, "second")
        app = self.app(uuid)
        self.assertEqual(("running", 0), (app["state"], app["restarts"]))
        self.assertNotIn("exit_code", app)
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual("0", self.status(uuid)["app-busybox"])

    def test_after_a_kill(self):
        process, uuid = self.start_pod(Images.busybox(), *shell(self.COUNT + "; test $(wc -l < /count) = 2 || sleep 1000"))
        self.wait_output(process, "1")
        process.kill()
        process.wait()
        wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
        self.assertEqual(["2"], self.agena("start", uuid).texts)

    def test_flags_of_the_last_start(self):
        self.agena("run", "--hostname=first", "--hosts-entry=10.0.0.9=nine", Images.busybox(),
                   *shell("hostname; grep -c nine /etc/hosts"))
        uuid = self.only_pod()
        self.assertEqual(["first", "1"], self.agena("start", uuid).texts)
        self.assertEqual(["second", "1"], self.agena("start", "--hostname=second", uuid).texts)
        self.assertEqual(["second", "1"], self.agena("start", uuid).texts)

    def test_prepared_pods(self):
        uuid = self.agena("prepare", Images.busybox(), *shell("echo ran")).out.strip()
        self.assertEqual(["ran"], self.agena("start", uuid).texts)

    def test_what_cannot_be_started(self):
        process, uuid = self.start_pod(Images.busybox(), *shell("trap 'exit 0' TERM; while :; do sleep 0.05; done"))
        self.fails("start", uuid, message="it is running")
        self.agena("stop", uuid)
        self.finish(process)
        self.agena("gc", "--mark-only")
        self.fails("start", uuid, message="it is exited garbage")
        self.fails("start", "00000000", message="no matches found")

    def test_of_many_starts_one_wins(self):
        self.agena("run", Images.busybox(), *shell("test -e /ran && { echo again; sleep 1; }; touch /ran"))
        uuid = self.only_pod()
        starts = [self.start("start", uuid) for _ in range(5)]
        done = [self.finish(one, check=None) for one in starts]
        self.assertEqual([0] + [254] * 4, sorted(one.code for one in done), "\n".join(map(str, done)))
        for one in done:
            if one.code:
                self.assertRegex(one.err, "is not prepared: it is running|is being started")

    def test_killed_at_any_instant_it_can_be_started(self):
        self.agena("run", Images.busybox(), *shell("echo ran; exit 7"), check=7)
        uuid = self.only_pod()
        for step in range(12):
            process = self.start("start", uuid)
            try:
                process.wait(0.004 * step)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
        self.assertEqual(["ran"], self.agena("start", uuid, check=7).texts)


class Names(Life):
    def test_stands_for_the_uuid(self):
        process, uuid = self.start_pod("--pod-name=web", Images.busybox(),
                                       *shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"))
        self.wait_output(process, "up")
        self.assertEqual("web", self.status("web")["name"])
        self.assertEqual("web", self.pods()[0]["pod_name"])
        self.assertEqual(uuid, json.loads(self.agena("status", "--format=json", "web").out)["name"])
        self.assertEqual("in\n", self.agena("enter", "web", "/bin/busybox", "echo", "in").out)
        self.agena("cat-manifest", "web")
        self.assertEqual(f'"{uuid}"\n', self.agena("stop", "web").out)
        self.finish(process)
        self.agena("start", "web", "--timeout=300ms", check=124)
        self.agena("rm", "web")
        self.fails("status", "web", message="no matches found")
        self.assertEqual([], os.listdir(self.data + "/names"))

    def test_is_unique(self):
        uuid = self.agena("prepare", "--pod-name=web", Images.busybox(), *shell("true")).out.strip()
        done = self.fails("run", "--pod-name=web", Images.busybox(), *shell("true"), message=uuid)
        self.assertIn("the pod name 'web' is taken", done.err)
        self.assertEqual([f"prepared/{uuid}"], self.pod_directories())
        self.agena("start", "web")
        self.fails("run", "--pod-name=web", Images.busybox(), *shell("true"), message="which is exited")
        self.agena("gc", "--mark-only")
        self.agena("run", "--pod-name=web", Images.busybox(), *shell("true"))
        self.agena("gc", "--grace-period=0s")
        self.fails("status", "web", message="no matches found")

    def test_of_many_that_want_it_one_gets_it(self):
        self.agena("fetch", Images.busybox())
        made = [self.start("prepare", "--pod-name=web", Images.busybox(), *shell("true")) for _ in range(6)]
        done = [self.finish(one, check=None) for one in made]
        self.assertEqual([0] + [254] * 5, sorted(one.code for one in done), "\n".join(map(str, done)))
        winner = next(one.out.strip() for one in done if one.code == 0)
        self.assertEqual(winner, json.loads(self.agena("status", "--format=json", "web").out)["name"])

    def test_bad_names(self):
        for name in ("", "Web", "-web", "a/b", "..", "0123abcd", "x" * 65):
            self.fails("run", f"--pod-name={name}", Images.busybox(), *shell("true"), message="--pod-name")
