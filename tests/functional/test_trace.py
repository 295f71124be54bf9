"""`--trace`: the start of a pod as a trace, in both flavours."""

import json
import os
import signal
import time

from harness import FLY, Case, Images, children_of, read, shell, wait_until


def loaded(text: str) -> list:
    """Events of a trace, as its viewers read it: the list may be open."""
    text = text.strip()
    return json.loads(text if text.endswith("]") else text.rstrip(",") + "]")


class Trace(Case):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.top, "trace.json")

    def traced(self, *words, check=0) -> list:
        """Events of a `run`; the list is closed, as strict readers of JSON want it."""
        before = time.monotonic_ns() / 1000
        self.agena("run", f"--trace={self.file}", *words, check=check)
        events = json.loads(read(self.file))
        after = time.monotonic_ns() / 1000
        for event in events:
            self.assertIn(event["ph"], "XiBEM", event)
            if event["ph"] != "M":
                self.assertTrue(before <= event["ts"] <= after, event)
            if event["ph"] == "X":
                self.assertTrue(0 <= event["dur"] <= after - before, event)
        self.check_nesting(events)
        return events

    def check_nesting(self, events: list):
        """Spans of a row lie beside or within each other, else no viewer could draw them."""
        rows = {}
        for event in events:
            if event["ph"] == "X":
                rows.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"], event["name"]))
        slack = 0.0015  # texts are rounded to a nanosecond
        for row in rows.values():
            open_spans = []
            for start, end, name in sorted(row, key=lambda span: (span[0], -span[1])):
                while open_spans and open_spans[-1][1] <= start + slack:
                    open_spans.pop()
                if open_spans:
                    self.assertLessEqual(end, open_spans[-1][1] + slack, (name, open_spans))
                open_spans.append((start, end, name))

    def lanes(self, events: list) -> list:
        """The lanes, by when they first have an event."""
        first = {}
        for event in events:
            if event["ph"] != "M":
                first[event["cat"]] = min(first.get(event["cat"], event["ts"]), event["ts"])
        return sorted(first, key=first.get)

    def names(self, events: list, lane: str) -> list:
        return [event["name"] for event in events if event["cat"] == lane and event["ph"] not in "ME"]


class Systemd(Trace):
    def test_every_stage_is_in_it_in_its_order(self):
        events = self.traced("--net=none", Images.busybox(), "--name=one", *shell("true"), "---", Images.busybox(), "--name=two",
                             *shell("true"))
        self.assertEqual(["stage0", "stage1 run", "stage1 pod-init", "systemd", "stage2", "app"], self.lanes(events))
        self.assertLess({"command line", "store", "resolve", "prepare", "mount the root of app 'one'", "mounts", "hand-over"},
                        set(self.names(events, "stage0")))
        self.assertLess({"read the pod", "cgroup and devices", "pod ready", "app 'two' ended with 0", "cgroup removed",
                         "end of the trace"}, set(self.names(events, "stage1 run")))
        self.assertLess({"cgroup namespace", "mounts of the pod", "mounts of app 'two'", "units and launch plans", "pivot_root"},
                        set(self.names(events, "stage1 pod-init")))
        steps = self.names(events, "stage2")
        for step in ("read the plan", "standard streams", "root", "user", "AppArmor profile"):
            self.assertEqual(2, steps.count(step), step)
        self.assertEqual(["app 'one' runs", "app 'two' runs"], sorted(self.names(events, "app")))
        for lane, count in (("systemd", 1), ("app", 2)):
            self.assertEqual((count, count), tuple(sum(event["cat"] == lane and event["ph"] == phase for event in events)
                                                   for phase in "BE"))

    def test_processes_are_named_as_the_host_knows_them(self):
        process, uuid = self.start_pod(f"--trace={self.file}", "--net=none", Images.busybox(), *shell("sleep 1000"))
        self.agena("status", "--wait-ready=60s", uuid)
        wait_until(lambda: "app 'busybox' runs" in read(self.file), "the app runs")
        names = {event["pid"]: event["args"]["name"] for event in loaded(read(self.file)) if event.get("name") == "process_name"}
        pid = children_of(process.pid)[0]
        self.assertEqual("agena", names[process.pid])
        self.assertEqual("pod", names[pid])
        app = next(number for number, name in names.items() if name == "app busybox")
        self.assertIn("sleep 1000", read(f"/proc/{app}/cmdline").replace("\0", " "))
        # Nothing of the pod has the file: not its systemd, and not the app.
        for number in (pid, app):
            links = [os.readlink(f"/proc/{number}/fd/{fd}") for fd in os.listdir(f"/proc/{number}/fd")]
            self.assertNotIn(self.file, links)
        self.agena("stop", uuid)
        self.finish(process, check=None)

    def test_networks_and_handlers(self):
        events = self.traced("--net=host", self.small_image(exec_=["/bin/sh", "-c", "true"], eventHandlers=[
            {"name": "pre-start", "exec": ["/bin/busybox", "true"]}]))
        names = {event["args"]["name"] for event in events if event.get("name") == "process_name"}
        self.assertEqual({"agena", "pod", "app small", "pre-start of app small"}, names)

    def test_a_start_that_fails_is_told_too(self):
        events = self.traced("--net=none", Images.busybox(), "--exec=/no/such", check=127)
        self.assertIn("program", self.names(events, "stage2"))
        self.assertEqual([], self.names(events, "app"))

    def test_cut_by_a_kill(self):
        process, uuid = self.start_pod(f"--trace={self.file}", "--net=none", Images.busybox(), *shell("sleep 1000"))
        self.agena("status", "--wait-ready=60s", uuid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertIn("systemd", self.lanes(loaded(read(self.file))))

    def test_the_file_is_emptied_first_and_of_one_start_only(self):
        with open(self.file, "w", encoding="utf-8") as stream:
            stream.write("x" * 1_000_000)
        self.traced("--net=none", Images.busybox(), *shell("true"))
        text = read(self.file)
        self.agena("start", self.only_pod())
        self.assertEqual(text, read(self.file))

    def test_prepared_pods(self):
        uuid = self.agena("prepare", Images.busybox(), *shell("true")).out.strip()
        self.agena("run-prepared", "--net=none", f"--trace={self.file}", uuid)
        events = json.loads(read(self.file))
        self.assertIn("lookup", self.names(events, "stage0"))
        self.assertIn("app", self.lanes(events))

    def test_mutable_pods(self):
        uuid = self.sandbox(f"--trace={self.file}")
        self.agena("app", "add", "--start", uuid, Images.busybox(), "--name=late", *shell("sleep 1000"))
        self.agena("stop", uuid)
        wait_until(lambda: self.state(uuid) == "exited", "the pod's end")
        self.assertEqual(["app 'late' runs"], self.names(loaded(read(self.file)), "app"))

    def test_a_file_that_cannot_be_written(self):
        self.fails("run", "--net=none", f"--trace={self.top}/no/such", Images.busybox(), *shell("true"), message="--trace")
        self.assertEqual([], self.pod_directories())


class Fly(Trace):
    def test_stages(self):
        events = self.traced(f"--stage1-name={FLY}", Images.busybox(), *shell("ls -l /proc/self/fd >&2"))
        self.assertEqual(["stage0", "stage1 run", "stage2"], self.lanes(events))
        self.assertEqual(1, len({event["pid"] for event in events}), "it is one process")
        self.assertLess({"read pod", "mounts", "records"}, set(self.names(events, "stage1 run")))
        self.assertLess({"standard streams", "root", "user"}, set(self.names(events, "stage2")))

    def test_the_app_has_no_descriptor_of_it(self):
        done = self.agena("run", f"--trace={self.file}", f"--stage1-name={FLY}", Images.busybox(), *shell("ls -l /proc/self/fd"))
        self.assertNotIn(os.path.basename(self.file), done.out)
