"""Mutable pods: making them, in the foreground and in the background; what is shown of them and their apps."""

import json
import os
import re
import signal
import time

from harness import FLY, Case, Images, children_of, read, shell, wait_until

LOOP = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"


class Pod(Case):
    def test_foreground(self):
        uuid_file = os.path.join(self.top, "uuid")
        process = self.start("app", "sandbox", "--pod-name=box", f"--uuid-file-save={uuid_file}",
                             env={"RKT_EXPERIMENT_APP": "true"})
        wait_until(lambda: os.path.exists(uuid_file) or process.poll() is not None, "the pod has a UUID")
        wait_until(lambda: self.state("box") == "running" or process.poll() is not None, "the pod runs")
        self.agena("status", "--wait-ready=60s", "box")
        uuid = read(uuid_file)
        self.assertEqual(str(process.pid), self.status(uuid)["pid"])
        self.assertRegex(self.agena("list", "--no-legend").out, rf"^{uuid[:8]}\t-\t-\t+running\t")
        pod = self.pods()[0]
        self.assertTrue(pod["mutable"])
        self.assertNotIn("apps", pod)
        self.assertEqual("NAME\tSTATE\n", self.agena("app", "list", uuid).out)
        self.assertEqual("", self.agena("app", "list", "--no-legend", uuid).out)
        self.assertEqual("[]\n", self.agena("app", "list", "--format=json", uuid).out)
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual("exited", self.state(uuid))
        self.assertEqual("", self.errors(process))

    def test_ended_by_a_signal(self):
        process = self.start("app", "sandbox", "--pod-name=box")
        wait_until(lambda: self.state("box") == "running", "the pod runs")
        self.agena("status", "--wait-ready=60s", "box")
        process.terminate()
        self.finish(process)
        self.assertEqual("exited", self.state("box"))

    def test_every_generated_manifest_says_what_it_is(self):
        uuid = self.sandbox("--annotation=example.com/a=b", "--user-label=tier=front")
        manifest = json.loads(self.agena("cat-manifest", uuid).out)
        self.assertEqual([], manifest["apps"])
        self.assertIn({"name": "coreos.com/rkt/stage1/mutable", "value": "true"}, manifest["annotations"])
        self.assertIn({"name": "example.com/a", "value": "b"}, manifest["annotations"])
        self.assertEqual({"tier": "front"}, self.pods()[0]["user_labels"])
        self.agena("stop", uuid)
        self.agena("rm", uuid)
        self.assertEqual([], self.pod_directories())
        self.agena("run", Images.busybox(), *shell("exit 0"))
        manifest = json.loads(self.agena("cat-manifest", self.only_pod()).out)
        self.assertIn({"name": "coreos.com/rkt/stage1/mutable", "value": "false"}, manifest["annotations"])

    def test_fly_is_refused(self):
        self.fails("app", "sandbox", f"--stage1-name={FLY}", code=1, message="cannot run mutable pods: it has no entrypoint")
        self.assertEqual([], self.pod_directories())

    def test_wrong_flags(self):
        self.fails("app", "sandbox", "--net=none", "--port=http:tcp:80:127.0.0.1:8080", code=1,
                   message="--port does not work with the networks 'none' and 'host'")
        self.fails("app", "sandbox", "--port=http:8080", code=1, message="expected NAME:PROTO:PORT:HOSTIP:HOSTPORT")
        self.fails("app", "sandbox", "--net=host,default", code=1, message="network 'host' cannot be combined with others")
        self.assertEqual([], self.pod_directories())

    def test_time_limit(self):
        self.assertEqual(124, self.agena("app", "sandbox", "--timeout=300ms", check=None).code)


class Detached(Case):
    def test_outlives_its_starter(self):
        done = self.agena("app", "sandbox", "--detach", f"--uuid-file-save={self.top}/uuid", start_new_session=True)
        uuid = done.out.strip()
        self.assertEqual((uuid + "\n", "", uuid), (done.out, done.err, read(self.top + "/uuid")))
        pid = int(self.status(uuid)["pid"])
        self.assertEqual(pid, os.getsid(pid))
        self.assertEqual(["/dev/null", "/dev/null"], [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1)])
        self.assertEqual(1, len(children_of(pid)))
        self.assertEqual("running", self.state(uuid))
        os.kill(pid, signal.SIGHUP)  # as a terminal that goes away
        wait_until(lambda: self.state(uuid) == "exited", "a signal ends it")

    def test_a_start_that_fails(self):
        done = self.agena("app", "sandbox", "--detach", "--sysctl=net.core.nosuch=1", check=1)
        self.assertEqual("", done.out)
        self.assertIn("nosuch", done.err)
        self.assertEqual(1, done.err.count("\n"), done)

    def test_what_is_wrong_before_there_is_a_pod(self):
        self.fails("app", "sandbox", "-d", "--stage1-path=/no/such.aci", code=1, message="/no/such.aci")
        self.fails("app", "sandbox", "-d", "--pod-name=no such name", code=1, message="no such name")
        self.assertEqual([], self.pod_directories())

    def test_a_name_that_is_taken(self):
        uuid = self.sandbox("--pod-name=box")
        self.fails("app", "sandbox", "-d", "--pod-name=box", code=1, message="box")
        self.agena("stop", "box")
        self.assertEqual("exited", self.state(uuid))

    def test_no_time_at_all(self):
        done = self.agena("app", "sandbox", "--detach", "--wait-timeout=1ms", check=None)
        if done.code != 0:
            self.assertIn("in time", done.err)
            self.assertEqual("", done.out)
        for pod in self.pods():  # nothing of it runs
            if done.code != 0:
                self.assertNotEqual("running", pod["state"])
            else:
                self.agena("stop", pod["name"])

    def test_many_at_once(self):
        processes = [self.start("app", "sandbox", "--detach") for _ in range(8)]
        uuids = {self.finish(process).out.strip() for process in processes}
        self.assertEqual(8, len(uuids))
        self.assertEqual({"running"}, {self.state(uuid) for uuid in uuids})
        self.agena("stop", *uuids)


class Apps(Case):
    def add(self, uuid: str, name: str, script=LOOP, *flags, start=True):
        self.agena("app", "add", uuid, Images.busybox(), f"--name={name}", *flags, *shell(script))
        if start:
            self.agena("app", "start", uuid, f"--app={name}")

    def test_states(self):
        uuid = self.sandbox()
        before = time.time_ns()
        self.add(uuid, "one", "exit 7", start=False)
        self.assertEqual({"one": "created"}, self.app_states(uuid))
        status = self.app_status(uuid, "one")
        self.assertEqual(["name", "state", "image_id", "created_at"], list(status)[:4])
        self.assertFalse({"started_at", "finished_at", "exit_code"} & set(status), status)
        self.agena("app", "start", uuid, "--app=one")
        wait_until(lambda: self.app_states(uuid) == {"one": "exited"}, "the app has ended")
        self.assertEqual("7", self.app_status(uuid, "one")["exit_code"])
        app = json.loads(self.agena("app", "status", uuid, "one", "--format=json").out)
        self.assertLess(before, app["created_at"])
        self.assertLess(app["created_at"], app["started_at"])
        self.assertLess(app["started_at"], app["finished_at"])
        self.assertLess(app["finished_at"], time.time_ns())
        self.assertEqual("running", self.state(uuid), "a failing app does not end the pod")
        # All commands say the same.
        pod = json.loads(self.agena("status", "--format=json", uuid).out)
        self.assertEqual(pod, self.pods()[0])
        self.assertEqual([app], pod["apps"])
        self.assertEqual([app], json.loads(self.agena("app", "list", "--format=json", uuid).out))
        self.agena("stop", uuid)
        app_after = json.loads(self.agena("app", "status", uuid, "one", "--format=json").out)
        self.assertEqual(app, app_after)

    def test_whatever_cpu_the_supervisor_is_on(self):
        """Linux 6.18 keeps a mount namespace in another only if its number is higher, and numbers them per CPU."""
        uuid = self.sandbox()
        with open(os.path.join(self.data, "pods", "run", uuid, "ppid"), encoding="ascii") as file:
            supervisor = int(file.read())
        for cpu in sorted(os.sched_getaffinity(0))[:2]:
            os.sched_setaffinity(supervisor, {cpu})
            name = f"cpu{cpu}"
            self.add(uuid, name, "touch /tmp/here; " + LOOP)
            wait_until(lambda: "up" in self.agena("app", "logs", uuid, f"--app={name}").out, "the app has begun")
            self.agena("app", "exec", f"--app={name}", uuid, "/bin/sh", "-c", "cat /tmp/here && test ! -d /opt/stage2")
            self.agena("app", "stop", uuid, f"--app={name}")
            self.agena("app", "start", uuid, f"--app={name}")
            self.agena("app", "rm", uuid, f"--app={name}")
            self.add(uuid, name)
        self.assertEqual({"running"}, set(self.app_states(uuid).values()))
        self.agena("stop", uuid)

    def test_stopped_at_once(self):
        """Whoever tells of an app's end runs among its processes, and may be killed with them."""
        uuid = self.sandbox()
        self.add(uuid, "deaf", "trap '' TERM; touch /tmp/deaf; while :; do sleep 1; done")
        for time_to_end in ("0s", "1ms", "200ms", "0s"):
            wait_until(lambda: self.agena("app", "exec", "--app=deaf", uuid, "/bin/rm", "/tmp/deaf", check=None).code == 0,
                       "it hears nothing")
            self.agena("app", "stop", uuid, "--app=deaf", f"--time={time_to_end}")
            self.assertEqual({"deaf": "exited"}, self.app_states(uuid))
            self.assertEqual("137", self.app_status(uuid, "deaf")["exit_code"])
            self.agena("app", "start", uuid, "--app=deaf")
        self.agena("app", "rm", uuid, "--app=deaf", "--timeout=60s")
        self.agena("stop", uuid)

    def test_input_is_of_one_run(self):
        uuid = self.sandbox()
        self.add(uuid, "cat", "cat", "--stdin=stream", "--stdout=stream", start=False)
        for text in ("first", "second"):
            self.agena("app", "start", uuid, "--app=cat")
            done = self.agena("app", "attach", "--app=cat", uuid, input=text.encode() + b"\n")
            self.assertEqual(text + "\n", done.out)
            wait_until(lambda: self.app_states(uuid) == {"cat": "exited"}, "the input has ended, and so the app")
        self.agena("stop", uuid)

    def test_killed_by_a_signal(self):
        uuid = self.sandbox()
        self.add(uuid, "one", "kill -SEGV $$")
        wait_until(lambda: self.app_states(uuid) == {"one": "exited"}, "the app has ended")
        status = self.app_status(uuid, "one")
        self.assertEqual(("139", "SIGSEGV"), (status["exit_code"], status["last_signal"]))
        self.assertEqual("SIGSEGV", self.status(uuid)["last-signal-one"])
        self.agena("stop", uuid)

    def test_the_pod_again(self):
        uuid = self.sandbox()
        self.add(uuid, "ended", "exit 3")
        self.add(uuid, "killed")
        self.add(uuid, "new", start=False)
        wait_until(lambda: self.app_states(uuid)["ended"] == "exited", "the app has ended")
        os.kill(int(self.status(uuid)["pid"]), signal.SIGKILL)
        wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
        self.assertEqual({"ended": "exited", "killed": "exited", "new": "exited"}, self.app_states(uuid))
        again = self.start("start", uuid)
        wait_until(lambda: self.state(uuid) == "running", "the pod runs again")
        self.agena("status", "--wait-ready=60s", uuid)
        self.assertEqual({"ended": "exited", "killed": "exited", "new": "created"}, self.app_states(uuid))
        self.assertEqual("3", self.app_status(uuid, "ended")["exit_code"])
        killed = self.app_status(uuid, "killed")
        self.assertEqual(("137", "SIGKILL"), (killed["exit_code"], killed["last_signal"]))
        self.assertNotIn("finished_at", killed, "nobody knows")
        for app in ("killed", "new"):
            self.agena("app", "start", uuid, f"--app={app}")
        self.assertEqual({"ended": "exited", "killed": "running", "new": "running"}, self.app_states(uuid))
        self.agena("app", "exec", "--app=new", uuid, "/bin/true")
        self.agena("stop", uuid)
        self.finish(again, check=None)

    def test_exec_and_enter(self):
        uuid = self.sandbox()
        for command in (["enter"], ["app", "exec"]):
            self.fails(*command, uuid, "/bin/true", message="the pod has no apps")
        self.add(uuid, "one")
        done = self.agena("app", "exec", uuid, "/bin/sh", "-c", "echo in $0; exit 5", check=5)
        self.assertEqual("in /bin/sh\n", done.out)
        self.add(uuid, "two", start=False)
        self.fails("enter", uuid, "/bin/true", message='specify app using "enter --app=": the pod has the apps one, two')
        self.fails("app", "exec", uuid, "/bin/true", message='specify app using "app exec --app="')
        self.fails("app", "exec", "--app=nope", uuid, "/bin/true", message="the pod has no app 'nope'")
        self.fails("app", "exec", "--app=two", uuid, "/bin/true", message="app 'two' isn't currently running: it is not started")
        self.agena("app", "stop", uuid, "--app=one")
        self.fails("app", "exec", "--app=one", uuid, "/bin/true", message="app 'one' isn't currently running: it is exited")
        self.agena("stop", uuid)
        self.fails("app", "exec", "--app=one", uuid, "/bin/true", message="isn't currently running")

    def test_logs(self):
        uuid = self.sandbox()
        follower = self.start("logs", "--follow", uuid)
        self.add(uuid, "one", "echo first; exit 0")
        self.add(uuid, "two", "echo second; exit 0")
        wait_until(lambda: set(self.app_states(uuid).values()) == {"exited"}, "the apps have ended")
        self.agena("app", "rm", uuid, "--app=one")
        self.assertEqual({"two": "exited"}, self.app_states(uuid))
        self.assertEqual("first\n", self.agena("app", "logs", uuid, "--app=one").out, "of an app that is gone")
        text = self.agena("logs", uuid).out
        self.assertEqual(["one", "two"], re.findall(r"^(\w+)", text, re.M), text)
        self.fails("logs", "--app=nope", uuid, message="the pod has no app 'nope'")
        wait_until(lambda: "second" in self.output(follower), "apps that came later are followed")
        self.assertIn("first", self.output(follower))
        self.agena("stop", uuid)
        self.finish(follower)
        self.assertEqual(text, self.agena("logs", uuid).out)

    def test_attach(self):
        uuid = self.sandbox()
        self.fails("app", "attach", uuid, message="the pod has no apps")
        self.add(uuid, "one", "while read line; do echo got $line; done", "--stdin=stream", "--stdout=stream")
        attached = self.run_argv(self.argv("app", "attach", uuid), input=b"hello\n", check=None)
        self.assertIn("got hello", attached.out, attached)
        self.agena("stop", uuid)

    def test_gc(self):
        uuid = self.sandbox()
        self.add(uuid, "one")
        self.agena("stop", uuid)
        self.assertEqual({"one": "exited"}, self.app_states(uuid))
        self.agena("gc", "--grace-period=1h")
        self.assertEqual("exited garbage", self.state(uuid))
        self.assertEqual({"one": "exited"}, self.app_states(uuid))
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], self.pod_directories())

    def test_immutable_pods(self):
        process, uuid = self.start_pod(Images.busybox(), *shell(LOOP))
        self.wait_output(process, "up")
        self.assertEqual({"busybox": "running"}, self.app_states(uuid))
        self.assertEqual("running", self.app_status(uuid, "busybox")["state"])
        self.agena("app", "exec", uuid, "/bin/true")
        self.agena("stop", uuid)
        self.finish(process)
        self.assertEqual({"busybox": "exited"}, self.app_states(uuid))
        self.fails("app", "status", uuid, "--app=nope", code=1, message="the pod has no app 'nope'")
        self.fails("app", "list", "00000000-0000-4000-8000-000000000000", code=1, message="no matches found")
