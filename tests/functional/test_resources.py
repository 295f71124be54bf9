"""Limits of apps and pods, whatever the layout of the host's cgroups: read back from the kernel's files while the pod runs,
and seen to hold; the device policy; what is said where a limit cannot be had."""

import json
import os
import re
import signal
import unittest

from harness import FLY, PATIENCE, Case, Images, read, shell, wait_until

WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
MEBI = 1 << 20
WAIVE = "--insecure-options=limits"


def mount_of(controller: str):
    """Mount point of the v1 hierarchy of a controller."""
    for line in read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup ") and controller in after.split()[-1].split(","):
            return before.split()[4]
    return None


def mount_of_v2():
    for line in read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            return before.split()[4]
    return None


def v2_has(controller: str) -> bool:
    place = mount_of_v2()
    return place is not None and controller in read(place + "/cgroup.controllers").split()


V1_NAME = {"cpu": "cpu", "io": "blkio", "memory": "memory", "pids": "pids"}
SYSTEMD = os.path.isdir("/run/systemd/system")


class Limited(Case):
    """Starts pods so that their limits can be had: where controllers are in v2, in a unit that is delegated."""

    def argv(self, *words, **more):
        argv = super().argv(*words, **more)
        if SYSTEMD and words and words[0] in ("run", "run-prepared"):
            return ["systemd-run", "--quiet", "--scope", "--collect", "--property=Delegate=yes", *argv]
        return argv

    def needs(self, *controllers):
        for one in controllers:
            if not v2_has(one) and mount_of(V1_NAME[one]) is None:
                self.skipTest(f"no cgroup controller {one}")

    def record(self, uuid) -> dict:
        """Cgroups of a pod as it has recorded them: "" for v2, controllers of v1."""
        first, *others = read(os.path.join(self.pod_path(uuid), "subcgroup")).split("\n")
        return {"": first, **dict(line.split(":", 1) for line in others)}

    def place(self, uuid, controller: str, app=None) -> str:
        """Directory of the cgroup that limits the app, or the pod."""
        record = self.record(uuid)
        if v2_has(controller):
            return os.path.join(mount_of_v2(), record[""], *([f"{app}.service"] if app else []))
        return os.path.join(mount_of(V1_NAME[controller]), record[V1_NAME[controller]], *([f"app-{app}"] if app else []))

    def limit(self, uuid, controller: str, v1: str, v2: str, app=None) -> str:
        return read(os.path.join(self.place(uuid, controller, app), v2 if v2_has(controller) else v1)).strip()

    def limited(self, *words):
        """A running pod with flags."""
        process, uuid = self.start_pod("--net=none", *words, *shell(WAIT))
        self.wait_output(process, "up")
        return process, uuid

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        self.finish(process)

    def cgroups_of(self, uuid) -> list:
        """Whatever is left of a pod in any hierarchy."""
        found = []
        for line in read("/proc/self/mountinfo").splitlines():
            before, _, after = line.partition(" - ")
            if after.split()[0] in ("cgroup", "cgroup2"):
                top = before.split()[4]
                found += [path for path, _, _ in os.walk(top) if uuid in path]
        return found


class ReadBack(Limited):
    """The kernel's files say what the flags said."""

    def test_memory(self):
        self.needs("memory")
        process, uuid = self.limited("--memory=64Mi", Images.busybox())
        self.assertEqual(str(64 * MEBI), self.limit(uuid, "memory", "memory.limit_in_bytes", "memory.max", "busybox"))
        self.assertNotEqual("", read(self.place(uuid, "memory", "busybox") + "/cgroup.procs"))
        self.end(process)
        self.assertEqual([], self.cgroups_of(uuid))

    def test_cpu(self):
        self.needs("cpu")
        process, uuid = self.limited(Images.busybox(), "--cpu=250m", "--cpu-shares=512")
        place = self.place(uuid, "cpu", "busybox")
        if v2_has("cpu"):
            self.assertEqual("25000 100000", read(place + "/cpu.max").strip())
            self.assertEqual("50", read(place + "/cpu.weight").strip())
        else:
            self.assertEqual("25000", read(place + "/cpu.cfs_quota_us").strip())
            self.assertEqual("100000", read(place + "/cpu.cfs_period_us").strip())
            self.assertEqual("512", read(place + "/cpu.shares").strip())
        self.end(process)

    def test_block_io(self):
        self.needs("io")
        disks = [line.split()[3] for line in read("/proc/partitions").splitlines()[2:]]
        disk = next((f"/dev/{name}" for name in disks if os.path.exists(f"/dev/{name}") and
                     os.path.exists(f"/sys/block/{name}")), None)
        if disk is None:
            self.skipTest("no disk")
        number = os.stat(disk).st_rdev
        number = f"{os.major(number)}:{os.minor(number)}"
        process, uuid = self.limited(Images.busybox(), f"--device-read-bps={disk}:1Mi", f"--device-write-iops={disk}:100")
        place = self.place(uuid, "io", "busybox")
        if v2_has("io"):
            line = next(line for line in read(place + "/io.max").splitlines() if line.startswith(number + " "))
            self.assertIn(f" rbps={MEBI} ", line + " ")
            self.assertIn(" wiops=100 ", line + " ")
        else:
            self.assertIn(f"{number} {MEBI}\n", read(place + "/blkio.throttle.read_bps_device"))
            self.assertIn(f"{number} 100\n", read(place + "/blkio.throttle.write_iops_device"))
        self.end(process)
        self.fails("run", "--net=none", Images.busybox(), "--device-read-bps=/dev/null:1", *shell("true"),
                   message="limits of app 'busybox': '/dev/null' is no block device")

    def test_the_pod(self):
        self.needs("memory", "cpu", "pids")
        process, uuid = self.limited("--pod-memory=128Mi", "--pod-cpu=500m", "--pod-pids-limit=50", Images.busybox())
        self.assertEqual(str(128 * MEBI), self.limit(uuid, "memory", "memory.limit_in_bytes", "memory.max"))
        self.assertEqual("50", self.limit(uuid, "pids", "pids.max", "pids.max"))
        cpu = self.limit(uuid, "cpu", "cpu.cfs_quota_us", "cpu.max")
        self.assertEqual("50000", cpu.split()[0])
        # PID 1 and the app are counted.
        self.assertGreaterEqual(int(self.limit(uuid, "pids", "pids.current", "pids.current")), 2)
        self.end(process)
        self.assertEqual([], self.cgroups_of(uuid))

    def test_apps_differ(self):
        self.needs("memory", "pids")
        small = self.small_image("example.com/one")
        process, uuid = self.start_pod("--net=none", "--pids-limit=30", small, "--memory=32Mi", *shell(WAIT), "---",
                                       Images.busybox(), "--memory=64Mi", "--pids-limit=40", *shell(WAIT))
        wait_until(lambda: self.output(process).count("up") == 2, "both apps run")
        for app, memory, pids in (("one", 32, 30), ("busybox", 64, 40)):
            self.assertEqual(str(memory * MEBI), self.limit(uuid, "memory", "memory.limit_in_bytes", "memory.max", app))
            self.assertEqual(str(pids), self.limit(uuid, "pids", "pids.max", "pids.max", app))
        self.end(process)

    def test_isolators_of_the_image(self):
        self.needs("memory")
        image = self.small_image(isolators=[{"name": "resource/memory", "value": {"limit": "48Mi"}}])
        process, uuid = self.limited(image)
        self.assertEqual(str(48 * MEBI), self.limit(uuid, "memory", "memory.limit_in_bytes", "memory.max", "small"))
        self.end(process)

    def test_nothing_is_made_without_limits(self):
        process, uuid = self.limited(Images.busybox())
        self.assertEqual([""], list(self.record(uuid)))
        self.end(process)


class Enforced(Limited):
    """What is limited does not go beyond."""

    def test_an_app_that_wants_too_much_memory(self):
        self.needs("memory")
        # tail keeps its input in memory until the end.
        done = self.agena("run", "--net=none", "--memory=16Mi", Images.busybox(),
                          *shell("exec tail -c 200000000 /dev/zero"), check=137)
        self.assertIn("app 'busybox' ran out of memory", done.err)
        uuid = self.only_pod()
        status = self.status(uuid)
        self.assertEqual("137", status["app-busybox"])
        self.assertGreaterEqual(int(status["oom-kills-busybox"]), 1)
        app = json.loads(self.agena("status", uuid, "--format=json").out)["apps"][0]
        self.assertEqual(137, app["exit_code"])
        self.assertGreaterEqual(app["oom_kills"], 1)
        self.assertEqual([], self.cgroups_of(uuid))

    def test_a_kill_of_somebody_else_is_told(self):
        """A child that the kernel kills does not end the app, which may go on."""
        self.needs("memory")
        done = self.agena("run", "--net=none", "--memory=16Mi", Images.busybox(),
                          *shell("tail -c 200000000 /dev/zero; echo code=$?; exit 3"), check=3)
        self.assertIn("code=137", done.texts)
        self.assertEqual("3", self.status(self.only_pod())["app-busybox"])
        self.assertGreaterEqual(int(self.status(self.only_pod())["oom-kills-busybox"]), 1)

    def test_memory_of_the_pod(self):
        self.needs("memory")
        self.agena("run", "--net=none", "--pod-memory=64Mi", Images.busybox(),
                   *shell("exec tail -c 400000000 /dev/zero"), check=137)
        self.assertGreaterEqual(int(self.status(self.only_pod())["oom-kills-busybox"]), 1)

    def test_every_run_of_a_restarted_app_counts(self):
        self.needs("memory")
        done = self.agena("run", "--net=none", "--memory=16Mi", "--restart=on-failure:2", Images.busybox(),
                          *shell("exec tail -c 200000000 /dev/zero"), check=137)
        self.assertEqual(3, done.err.count("app 'busybox' ran out of memory"))
        self.assertGreaterEqual(int(self.status(self.only_pod())["oom-kills-busybox"]), 3)

    def test_an_app_that_is_killed_otherwise_has_not_run_out_of_memory(self):
        self.needs("memory")
        self.agena("run", "--net=none", "--memory=16Mi", Images.busybox(), *shell("kill -9 $$"), check=137)
        self.assertNotIn("oom-kills-busybox", self.status(self.only_pod()))

    def test_fork_bomb(self):
        self.needs("pids")
        done = self.agena("run", "--net=none", "--pids-limit=10", Images.busybox(),
                          *shell("i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo all"), check=None)
        self.assertNotEqual(0, done.code)
        self.assertNotIn("all", done.texts)
        self.assertIn("can't fork", "".join(done.texts))

    def test_a_bomb_of_one_app_spares_the_others(self):
        self.needs("pids")
        other = self.small_image("example.com/other")
        bomb = "i=0; while [ $i -lt 40 ]; do (sleep 3 &) 2>/dev/null; i=$((i+1)); done; sleep 1; exit 0"
        done = self.agena("run", "--net=none", Images.busybox(), "--pids-limit=12", *shell(bomb), "---",
                          other, *shell("for i in 1 2 3; do sleep 0.1; done; echo fine"), check=None)
        self.assertIn(("other", "fine"), done.lines)


class Process(Limited):
    """Limits that programs take along."""

    def test_rlimits(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--rlimit=nofile=100:200", "--rlimit=core=0",
                          "--ulimit", "nproc=77", *shell("ulimit -Sn; ulimit -Hn; ulimit -c; grep processes /proc/self/limits"))
        self.assertEqual(["100", "200", "0"], done.texts[:3])
        self.assertRegex(done.texts[3], r"^Max processes +77 +77 ")

    def test_as_another_user(self):
        done = self.agena("run", "--net=none", "--rlimit=nofile=64", Images.busybox(), "--user=1000", "--group=1000",
                          *shell("ulimit -Hn"))
        self.assertEqual(["64"], done.texts)

    def test_fly(self):
        done = self.agena("run", f"--stage1-name={FLY}", Images.busybox(), "--rlimit=nofile=100:200", "--oom-score-adj=500",
                          *shell("ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj"))
        self.assertEqual("100\n200\n500\n", done.out)

    def test_oom_score(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--oom-score-adj=321", *shell("cat /proc/self/oom_score_adj"))
        self.assertEqual(["321"], done.texts)

    def privileged(self) -> bool:
        effective = re.search(r"^CapEff:\s*(\w+)", read("/proc/self/status"), re.M)[1]
        return bool(int(effective, 16) >> 24 & 1)  # CAP_SYS_RESOURCE

    def test_what_needs_a_privilege(self):
        if self.privileged():
            done = self.agena("run", "--net=none", Images.busybox(), "--oom-score-adj=-500",
                              *shell("cat /proc/self/oom_score_adj"))
            self.assertEqual(["-500"], done.texts)
            return
        for flavour in (["--net=none"], [f"--stage1-name={FLY}"]):
            with self.subTest(flavour=flavour):
                for flag, text in (("--oom-score-adj=-500", "app 'busybox' cannot have OOM score adjustment -500 (lowering it "),
                                   ("--rlimit=nofile=64:9999999999",
                                    "app 'busybox' cannot have limit nofile=64:9999999999 (raising the hard limit above ")):
                    done = self.fails("run", *flavour, Images.busybox(), flag, *shell("true"), message=text)
                    self.assertIn("CAP_SYS_RESOURCE", done.err)
                    self.assertIn(WAIVE, done.err)
                    done = self.agena("run", WAIVE, *flavour, Images.busybox(), flag, *shell("echo ran"))
                    self.assertIn(text, done.err)
                    self.assertIn("ran", done.out)

    def test_words_that_are_wrong(self):
        for flag, text in (("--rlimit=nofile", "--rlimit: expected NAME=SOFT[:HARD], found 'nofile'"),
                           ("--rlimit=files=1", "--rlimit: unknown resource limit 'files'"),
                           ("--rlimit=nofile=2:1", "--rlimit: 'nofile=2:1': the soft limit is above the hard one"),
                           ("--pids-limit=0", "--pids-limit: "), ("--cpu=1m", "--cpu: '1m' is less than the minimum of 10m"),
                           ("--pod-memory=1k", "--pod-memory: '1k' is less than the minimum of 4096 bytes"),
                           ("--device-read-bps=sda:1", "--device-read-bps: expected /PATH:RATE, found 'sda:1'")):
            with self.subTest(flag=flag):
                self.fails("run", "--net=none", flag, Images.busybox(), *shell("true"), message=text)


class Missing(Limited):
    """A host without a controller."""

    def hidden(self, controller: str) -> list:
        """A command that runs the rest in a mount namespace without the hierarchy."""
        if v2_has(controller):
            self.skipTest("controllers of v2 cannot be hidden")
        place = mount_of(V1_NAME[controller])
        if place is None:
            return []
        return ["unshare", "--mount", "--propagation=private", "sh", "-c", f'umount "{place}" && exec "$@"', "sh"]

    def test_error_and_waiver(self):
        self.needs("memory")
        prefix = self.hidden("memory")
        argv = self.argv("run", "--net=none", "--memory=64Mi", Images.busybox(), *shell("echo ran"))
        done = self.run_argv(prefix + argv, check=254)
        self.assertIn("memory limits of app 'busybox' cannot be enforced: the host offers no cgroup controller 'memory'", done.err)
        self.assertIn(WAIVE, done.err)
        self.assertEqual("", done.out)
        argv = self.argv("run", WAIVE, "--net=none", "--memory=64Mi", Images.busybox(), *shell("echo ran"))
        done = self.run_argv(prefix + argv)
        self.assertIn("memory limits of app 'busybox' cannot be enforced", done.err)
        self.assertEqual(["ran"], done.texts)

    def test_of_the_pod(self):
        self.needs("pids")
        argv = self.argv("run", "--net=none", "--pod-pids-limit=64", Images.busybox(), *shell("echo ran"))
        done = self.run_argv(self.hidden("pids") + argv, check=254)
        self.assertIn("limits of processes of the pod cannot be enforced", done.err)

    def test_network_bandwidth(self):
        image = self.small_image(isolators=[{"name": "resource/network-bandwidth", "value": {"default": True, "limit": "1M"}}])
        self.fails("run", "--net=none", image, *shell("true"),
                   message="isolator resource/network-bandwidth of app 'small' cannot be enforced")


class Devices(Limited):
    """The device policy."""

    # In /dev: elsewhere in a root nodes are dead anyway (nodev).
    TRY = "mknod /dev/node %s && { dd if=/dev/node of=/dev/null bs=512 count=1 2>&1; echo open=$?; }; echo end"

    def run_try(self, node: str, *flags):
        return self.agena(*flags, "run", "--net=none", Images.busybox(), *shell(self.TRY % node)).texts

    def a_disk(self) -> str:
        for line in read("/proc/partitions").splitlines()[2:]:
            major, minor, _, name = line.split()
            if os.path.exists(f"/sys/block/{name}") and not name.startswith(("loop", "ram", "zram")):
                return f"b {major} {minor}"
        self.skipTest("no disk")

    def test_a_disk(self):
        texts = self.run_try(self.a_disk())
        self.assertRegex("\n".join(texts), "Operation not permitted")
        self.assertNotIn("open=0", texts)
        self.assertEqual("end", texts[-1])

    def test_other_character_devices(self):
        self.assertNotIn("open=0", self.run_try("c 1 1"))  # /dev/mem
        self.assertNotIn("open=0", self.run_try("c 1 11"))  # /dev/kmsg

    def test_standard_devices(self):
        self.assertIn("open=0", self.run_try("c 1 5"))
        done = self.agena("run", "--net=none", Images.busybox(), *shell(
            "for d in null full zero random urandom; do [ -c /dev/$d ] || echo no $d; done; "
            "head -c 3 /dev/urandom | wc -c; echo x > /dev/null && echo written; rm /etc/passwd && echo removed"))
        self.assertEqual(["3", "written", "removed"], done.texts)

    def test_without_the_policy(self):
        """--insecure-options=paths waives it: making a node works; what the host allows is the host's business."""
        self.assertNotIn("mknod: /dev/node: Operation not permitted", self.run_try("c 1 11", "--insecure-options=paths"))

    def test_children_of_the_app_too(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--user=0",
                          *shell("(sh -c 'mknod /tmp/n c 1 1; echo code=$?')"))
        self.assertNotIn("code=0", done.texts)


class Ends(Limited):
    """Nothing stays."""

    def test_supervisor_killed(self):
        self.needs("memory", "pids")
        process, uuid = self.limited("--memory=64Mi", "--pids-limit=20", "--pod-memory=128Mi", Images.busybox())
        self.assertNotEqual([], self.cgroups_of(uuid))
        process.kill()
        process.wait(PATIENCE)
        wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
        wait_until(lambda: self.leftovers(cgroups=False) == [], "its processes are gone")
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], self.cgroups_of(uuid))

    def test_many_at_once(self):
        self.needs("memory", "pids")
        processes = [self.start("run", "--net=none", "--memory=32Mi", "--pids-limit=20", Images.busybox(),
                                *shell(f"echo number {number}; exit {number}")) for number in range(8)]
        for number, process in enumerate(processes):
            done = self.finish(process, check=number)
            self.assertEqual([f"number {number}"], done.texts)
        for one in self.pod_directories():
            self.assertEqual([], self.cgroups_of(one.split("/")[1]))

    def test_a_pod_that_fails_early(self):
        self.needs("memory")
        self.agena("run", "--net=none", "--memory=64Mi", Images.busybox(), "--exec=/no/such", check=None)
        self.assertEqual([], self.cgroups_of(self.only_pod()))

    def test_prepared_pods_keep_their_limits(self):
        self.needs("memory")
        done = self.agena("prepare", "--memory=40Mi", "--pod-memory=100Mi", Images.busybox(), *shell(WAIT))
        uuid = done.out.strip()
        process = self.start("run-prepared", "--net=none", uuid)
        self.wait_output(process, "up")
        self.assertEqual(str(40 * MEBI), self.limit(uuid, "memory", "memory.limit_in_bytes", "memory.max", "busybox"))
        self.assertEqual(str(100 * MEBI), self.limit(uuid, "memory", "memory.limit_in_bytes", "memory.max"))
        self.end(process)


if __name__ == "__main__":
    unittest.main()
