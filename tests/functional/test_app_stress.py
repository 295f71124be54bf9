"""Many who change the apps of one mutable pod at the same time, and many apps in one pod.

Environment: AGENA_STRESS_SECONDS (how long they do it, default 20; a long run is 120), AGENA_STRESS_WORKERS (default 32)."""

import concurrent.futures
import fcntl
import json
import os
import random
import threading
import time

from harness import Case, Images, shell, wait_until

SECONDS = float(os.environ.get("AGENA_STRESS_SECONDS", "20"))
WORKERS = int(os.environ.get("AGENA_STRESS_WORKERS", "32"))
SLEEPER = shell("exec sleep 100000")
# What somebody may be told who asks for what another is just undoing.
CONFLICTS = ("already", "multiple apps", "has no app", "is being", "in use", "is running", "before its program ran", "was stopped")


class Crowd(Case):
    def setUp(self):
        super().setUp()
        self.image = self.agena("fetch", Images.busybox()).out.split()[-1]
        self.pod = self.sandbox()

    def tearDown(self):
        # After a failure it still runs.
        self.agena("stop", "--force", self.pod, check=None)
        super().tearDown()

    def add(self, name, **more):
        return self.agena("app", "add", self.pod, self.image, f"--name={name}", *SLEEPER, **more)

    def operate(self, verb, name, **more):
        return self.agena("app", verb, self.pod, f"--app={name}", **more)

    def manifest_apps(self) -> list:
        """From the file itself, as it is at this instant."""
        with open(os.path.join(self.data, "pods", "run", self.pod, "pod"), encoding="utf-8") as stream:
            return [app["name"] for app in json.load(stream)["apps"]]


class Changes(Crowd):
    """Each worker has an app that nobody else touches, so every operation on it has to succeed; and all of them meddle
    with a few common apps, where operations may find that another was faster."""

    failed = False  # some worker has
    COMMON = ("common1", "common2", "common3")

    def work(self, number: int, end: float) -> list:
        dice = random.Random(number)
        own = f"own{number}"
        there = running = False
        while time.monotonic() < end and not self.failed:
            if dice.random() < 0.3:
                self.meddle(dice)
                continue
            if not there:
                self.add(own)
                there = True
                self.assertIn(own, self.manifest_apps(), "an app is lost")
            elif running:
                self.operate("stop", own)
                running = False
            elif dice.random() < 0.5:
                self.operate("start", own)
                running = True
            else:
                self.operate("rm", own)
                there = False
                self.assertNotIn(own, self.manifest_apps(), "an app is back")
            if there:
                state = self.app_status(self.pod, own)["state"]
                self.assertIn(state, ("running",) if running else ("created", "exited"), own)
        return [own, there, running]

    def meddle(self, dice):
        name = dice.choice(self.COMMON)
        verb = dice.choice(("add", "start", "stop", "rm"))
        done = self.add(name, check=None) if verb == "add" else self.operate(verb, name, check=None)
        if done.code != 0:
            self.assertTrue(any(text in done.err for text in CONFLICTS), str(done))

    def read(self, stop: threading.Event) -> int:
        """The manifest is whole at every instant, and nothing is in it twice."""
        rounds = 0
        while not stop.is_set():
            names = self.manifest_apps()
            self.assertEqual(len(names), len(set(names)), names)
            rounds += 1
            time.sleep(0.001)
        return rounds

    def show(self, stop: threading.Event) -> int:
        """What shows pods never fails, and has no complaints."""
        rounds = 0
        while not stop.is_set():
            for words in (["list", "--format=json"], ["status", self.pod], ["app", "list", self.pod]):
                done = self.agena(*words)
                self.assertEqual("", done.err, str(done))
            rounds += 1
        return rounds

    def test_changes_by_many(self):
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(WORKERS + 2) as pool:
            watchers = [pool.submit(self.read, stop), pool.submit(self.show, stop)]
            end = time.monotonic() + SECONDS
            workers = [pool.submit(self.work, number, end) for number in range(WORKERS)]
            for worker in workers:
                worker.add_done_callback(lambda done: setattr(self, "failed", self.failed or done.exception() is not None))
            try:
                outcome = [worker.result() for worker in workers]
            finally:
                stop.set()
            for watcher in watchers:
                self.assertGreater(watcher.result(), 0)
        states = {name: state for name, state in self.app_states(self.pod).items() if name not in self.COMMON}
        self.assertEqual({own: running for own, there, running in outcome if there},
                         {name: state == "running" for name, state in states.items()})
        self.assertEqual(set(self.manifest_apps()), set(self.app_states(self.pod)))
        # The pod is as good as new: the same operations once more, one after the other.
        for name in self.manifest_apps():
            self.operate("rm", name)
        self.add("last")
        self.operate("start", "last")
        self.assertEqual({"last": "running"}, self.app_states(self.pod))
        inside = self.agena("app", "exec", self.pod, "/bin/sh", "-c", "exit 4", check=4)
        self.assertEqual("", inside.err)
        self.agena("stop", self.pod)
        self.assertEqual("exited", self.state(self.pod))


class Locked(Crowd):
    def test_who_needs_no_lock_is_not_kept_waiting(self):
        self.add("one")
        with open(os.path.join(self.data, "pods", "run", self.pod, "pod.lck"), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for words in (["list"], ["status", self.pod], ["app", "list", self.pod], ["app", "status", self.pod, "one"],
                          ["app", "start", self.pod, "--app=one"], ["app", "exec", self.pod, "/bin/true"],
                          ["app", "stop", self.pod, "--app=one"], ["cat-manifest", self.pod], ["logs", self.pod]):
                self.agena(*words)
            for done in (self.agena("app", "add", self.pod, self.image, "--name=two", "--timeout=300ms", check=None),
                         self.agena("app", "rm", self.pod, "--app=one", "--timeout=300ms", check=None)):
                self.assertNotEqual(0, done.code)
        self.assertEqual({"one": "exited"}, self.app_states(self.pod))
        self.operate("rm", "one")
        self.agena("stop", self.pod)


class Many(Crowd):
    APPS = 100

    def test_a_hundred_apps(self):
        names = [f"app{number}" for number in range(self.APPS)]

        def bring_up(name):
            self.add(name)
            self.operate("start", name)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(bring_up, names))
        self.assertEqual({name: "running" for name in names}, self.app_states(self.pod))
        pod = json.loads(self.agena("status", "--format=json", self.pod).out)
        self.assertEqual(sorted(names), sorted(pod["app_names"]))
        self.agena("app", "exec", f"--app={names[-1]}", self.pod, "/bin/true")
        for name in names[::10]:
            self.operate("rm", name)
        self.operate("stop", names[1])
        states = self.app_states(self.pod)
        self.assertEqual(self.APPS - len(names[::10]), len(states))
        self.assertEqual({names[1]}, {name for name, state in states.items() if state != "running"})
        self.agena("stop", self.pod)
        wait_until(lambda: self.state(self.pod) == "exited", "the pod has ended")
        self.assertEqual({"exited"}, set(self.app_states(self.pod).values()))
