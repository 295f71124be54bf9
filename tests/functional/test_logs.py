"""What apps write: console lines, log files, `logs`."""

import json
import os
import signal
import stat
import subprocess

from harness import Case, FLY, Images, Terminal, read, shell, wait_until

BIG = "--log-max-size=1Gi"


class Logs(Case):
    def run_pod(self, *words, **more):
        """Runs a pod to its end; returns the result and the pod's UUID."""
        uuid_file = os.path.join(self.top, f"pod{len(os.listdir(self.top))}")
        done = self.agena("run", f"--uuid-file-save={uuid_file}", *words, **more)
        return done, read(uuid_file)

    def log_directory(self, uuid):
        return os.path.join(self.pod_path(uuid), "logs")

    def test_both_streams_after_the_end(self):
        done, uuid = self.run_pod(Images.busybox(), "--name=a", *shell("echo out; echo bad >&2; printf rest"))
        self.assertEqual(["bad", "out", "rest"], sorted(done.texts))
        shown = self.agena("logs", uuid)
        self.assertEqual("out\nrest", shown.out)
        self.assertEqual("bad\n", shown.err)
        path = os.path.join(self.log_directory(uuid), "a.log")
        self.assertEqual(0o640, stat.S_IMODE(os.stat(path).st_mode))
        for line in read(path).splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z std(out|err) [FP] \w+$")
        self.agena("gc", "--mark-only")
        self.assertEqual("out\nrest", self.agena("logs", uuid).out)
        self.agena("gc", "--grace-period=0s")
        self.fails("logs", uuid, message="no matches found")

    def test_no_file_without_output_or_driver(self):
        _, uuid = self.run_pod(Images.busybox(), *shell("true"))
        self.assertFalse(os.path.exists(self.log_directory(uuid)))
        self.assertEqual("", self.agena("logs", uuid).out)
        done, uuid = self.run_pod(Images.busybox(), "--log-driver=none", *shell("echo seen"))
        self.assertEqual(["seen"], done.texts)
        self.assertFalse(os.path.exists(self.log_directory(uuid)))

    def test_wrong_values(self):
        for flag, message in (("--log-driver=tape", "unknown log driver 'tape'"), ("--log-max-size=1", "less than"),
                              ("--log-max-files=0", "'0'"), ("--stdout=loud", "unknown mode 'loud'"),
                              ("--stdin=log", "unknown mode 'log'")):
            self.fails("run", Images.busybox(), flag, *shell("true"), message=message)

    def test_null_and_tty_output(self):
        done = self.agena("run", Images.busybox(), "--stdout=null", *shell("echo lost; echo kept >&2"))
        self.assertEqual(["kept"], done.texts)
        done, uuid = self.run_pod(Images.busybox(), "--stdout=tty", "--stderr=tty", "--stdin=tty",
                                  *shell("test -t 0 && test -t 1 && test -t 2 && tty && echo done > /dev/tty"))
        self.assertRegex(done.texts[0], "^/dev/pts/[0-9]+$")
        self.assertEqual("done", done.texts[1])
        self.assertEqual(2, len(self.agena("logs", uuid).out.splitlines()))
        self.assertNotIn("\r", self.agena("logs", uuid).out)

    def test_apps_are_merged_by_time(self):
        one = shell("echo 1; sleep 0.4; echo 3") + ["---"]
        two = shell("sleep 0.2; echo 2; sleep 0.4; echo 4")
        _, uuid = self.run_pod(Images.busybox(), "--name=x", *one, Images.busybox(), "--name=y", *two)
        self.assertEqual(["x: 1", "y: 2", "x: 3", "y: 4"], self.agena("logs", uuid).out.splitlines())
        self.assertEqual(["2", "4"], self.agena("logs", "--app=y", uuid).out.splitlines())
        self.fails("logs", "--app=z", uuid, message="the pod has no app 'z', only x, y")
        self.assertEqual(["x: 3", "y: 4"], self.agena("logs", "--tail=2", uuid).out.splitlines())
        stamped = self.agena("logs", "-t", uuid).out.splitlines()
        times = [line.split()[0] for line in stamped]
        self.assertEqual(sorted(times), times)
        self.assertEqual(["y: 4"], self.agena("logs", f"--since={times[3]}", uuid).out.splitlines())
        self.assertEqual(["x: 1", "y: 2"], self.agena("logs", f"--until={times[1]}", uuid).out.splitlines())
        self.assertEqual("", self.agena("logs", "--until=1h", uuid).out)
        self.assertEqual(4, len(self.agena("logs", "--since=1h", uuid).out.splitlines()))
        objects = [json.loads(line) for line in self.agena("logs", "--format=json", uuid).out.splitlines()]
        self.assertEqual(["1", "2", "3", "4"], [one["message"] for one in objects])
        self.assertEqual({"time": times[0], "app": "x", "stream": "stdout", "message": "1"}, objects[0])

    def test_long_lines_come_out_whole(self):
        script = "head -c 200000 /dev/zero | tr '\\0' x; echo; printf '\\377\\001\\n'"
        _, uuid = self.run_pod(Images.busybox(), *shell(script))
        self.assertEqual(b"x" * 200000 + b"\n\xff\x01\n", self.agena("logs", uuid, text=False).out)

    def test_rotation(self):
        script = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"
        done, uuid = self.run_pod(Images.busybox(), "--name=a", "--log-max-size=16Ki", "--log-max-files=3", *shell(script))
        self.assertEqual([f"line {i}" for i in range(2000)], done.texts)
        files = sorted(os.listdir(self.log_directory(uuid)))
        self.assertEqual(["a.log", "a.log.1", "a.log.2"], files)
        for name in files:
            self.assertLessEqual(os.path.getsize(os.path.join(self.log_directory(uuid), name)), 16384)
        lines = self.agena("logs", uuid).out.splitlines()
        self.assertGreater(len(lines), 500)
        self.assertEqual([f"line {i}" for i in range(2000 - len(lines), 2000)], lines)

    def test_follow_through_rotations_to_the_end(self):
        script = "read go < /fifo; i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i+1)); done"
        process, uuid = self.start_pod(Images.busybox(), "--name=a", "--log-max-size=64Ki", "--log-max-files=100",
                                       *shell("mkfifo /fifo; echo begun; " + script))
        self.wait_output(process, "begun")
        follower = self.start("logs", "-f", uuid)
        wait_until(lambda: "begun" in self.output(follower), "the follower reads")
        self.agena("enter", uuid, "/bin/sh", "-c", "echo > /fifo")
        self.finish(process)
        shown = self.finish(follower)
        self.assertEqual(["begun"] + [f"line {i}" for i in range(30000)], shown.out.splitlines())
        self.assertGreater(len(os.listdir(self.log_directory(uuid))), 5)

    def test_follow_before_the_first_line(self):
        process, uuid = self.start_pod(Images.busybox(), *shell("mkfifo /fifo; read go < /fifo; echo $go"))
        follower = self.start("logs", "--follow", uuid)
        self.agena("status", "--wait-ready", uuid)
        self.agena("enter", uuid, "/bin/sh", "-c", "until test -p /fifo; do sleep 0.05; done; echo word > /fifo")
        self.finish(process)
        self.assertEqual("word\n", self.finish(follower).out)

    def test_killed_supervisor_leaves_what_was_written(self):
        process, uuid = self.start_pod(Images.busybox(), *shell("echo before; exec sleep 1000"))
        self.wait_output(process, "before")
        process.send_signal(signal.SIGKILL)
        self.finish(process, check=-signal.SIGKILL)
        self.assertEqual("before\n", self.agena("logs", uuid).out)

    def test_terminal_gets_nothing_that_steers_it(self):
        _, uuid = self.run_pod(Images.busybox(), *shell("printf 'a\\033[31mred\\033[2Jb\\ac\\n'"))
        self.assertEqual("a\x1b[31mred\x1b[2Jb\ac\n", self.agena("logs", uuid).out)
        terminal = Terminal(self.argv("logs", uuid))
        self.assertEqual(0, terminal.finish())
        self.assertEqual(b"a\x1b[31mred\\x1b[2Jb\\x07c\x1b[0m\r\n", terminal.text)
        terminal = Terminal(self.argv("logs", "--raw", uuid))
        self.assertEqual(0, terminal.finish())
        self.assertEqual(b"a\x1b[31mred\x1b[2Jb\ac\r\n", terminal.text)

    def test_links_to_the_standard_streams(self):
        """nginx's way: log files that are links to /dev/stdout and /dev/stderr."""
        script = ("ln -s /dev/stdout /tmp/access.log; ln -s /dev/stderr /tmp/error.log;"
                  "echo yes >> /tmp/access.log; echo no > /tmp/error.log; echo too >> /dev/fd/1")
        for more in ([], ["--user=1000", "--group=1000"], ["--stdout=tty"], ["--stdout=tty", "--user=1000", "--group=1000"]):
            with self.subTest(more):
                _, uuid = self.run_pod(Images.busybox(), *more, *shell(script))
                shown = self.agena("logs", uuid)
                self.assertEqual((["yes", "too"], ["no"]), (shown.out.splitlines(), shown.err.splitlines()))

    def test_kubernetes_file(self):
        place = os.path.join(self.top, "k8s")
        os.mkdir(place)
        _, uuid = self.run_pod(Images.busybox(), "--name=a", *shell("true"))
        manifest = json.loads(self.agena("cat-manifest", uuid).out)
        manifest["annotations"] += [{"name": "coreos.com/rkt/experiment/logmode", "value": "k8s-plain"},
                                    {"name": "coreos.com/rkt/experiment/kubernetes-log-dir", "value": place}]
        app = manifest["apps"][0]
        app["app"]["exec"] = ["/bin/sh", "-c", "echo hello"]
        app.setdefault("annotations", []).append(
            {"name": "coreos.com/rkt/experiment/kubernetes-log-path", "value": "web_0.log"})
        path = os.path.join(self.top, "manifest.json")
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(manifest, stream)
        self.agena("run", f"--pod-manifest={path}")
        self.assertRegex(read(os.path.join(place, "web_0.log")), r"^\S+Z stdout F hello\n$")

    def test_fly_keeps_none(self):
        _, uuid = self.run_pod(f"--stage1-name={FLY}", Images.busybox(), *shell("echo there"))
        self.fails("logs", uuid, message="keeps no log: apps of the fly flavour")

    def test_a_full_disk_is_told_and_the_app_goes_on(self):
        data = os.path.join(self.top, "small")
        os.mkdir(data)
        script = ("mount -t tmpfs -o size=48m none \"$1\" && shift && exec \"$@\"")
        argv = ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", data, self.binary, f"--dir={data}",
                f"--local-config={self.local}", f"--system-config={self.system}", "run", Images.busybox(), BIG,
                *shell("yes $(head -c 999 /dev/zero | tr '\\0' x) | head -n 60000; echo end")]
        done = self.run_argv(argv, check=None)
        if "no space left" in done.err and done.code == 254:
            self.skipTest("the images alone fill the small disk")
        self.assertEqual(0, done.code, done.err[-2000:])
        self.assertEqual("end", done.texts[-1])
        self.assertEqual(60_001, len(done.texts))
        self.assertRegex(done.err, r"the log of app 'busybox' cannot be written \(no space left on device\)")
        self.assertRegex(done.err, r"the log of app 'busybox': \d+ bytes could not be written")

    def on_a_full_disk(self, *words):
        """Runs a pod whose disk its apps fill; its name, and what it may not use before."""
        data = os.path.join(self.top, "small")
        os.mkdir(data)
        script = "mount -t tmpfs -o size=48m none \"$1\" && shift && exec \"$@\""
        done = self.run_argv(["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", data, self.binary,
                              f"--dir={data}", f"--local-config={self.local}", f"--system-config={self.system}", "run",
                              "--net=none", Images.busybox(), *words], check=None)
        if "no space left" in done.err and done.code == 254:
            self.skipTest("the images alone fill the small disk")
        return done

    def test_a_full_disk_keeps_no_pod_that_is_not_ready_yet(self):
        """All have ended, which makes the pod ready; that this cannot be recorded is no reason to wait for ever."""
        done = self.on_a_full_disk("--health-cmd=false", "--health-interval=1h", "--log-driver=none",
                                   *shell("cat /dev/zero > /fill; exit 3"))
        self.assertEqual(3, done.code, done.err[-2000:])

    def test_a_full_disk_does_not_undo_the_restart_policy(self):
        done = self.on_a_full_disk("--restart=on-failure:2", "--memory=16Mi",
                                   *shell("echo run; cat /dev/zero > /fill; exec tail -c 200000000 /dev/zero"))
        if "cannot be enforced" in done.err:
            self.skipTest("no memory controller")
        self.assertEqual(137, done.code, done.err[-2000:])
        self.assertEqual(3, done.texts.count("run"))


class Volume(Case):
    """Many lines at once: none is lost, none waits."""

    def test_much_output_is_complete(self):
        uuid_file = os.path.join(self.top, "uuid")
        script = "i=0; while [ $i -lt 200 ]; do cat /block; i=$((i+1)); done"
        from imagekit.entries import file
        block = b"".join(b"%05d %s\n" % (i, b"x" * (i % 150)) for i in range(3000))
        image = self.small_image(entries=[file("block", block)])
        counted = subprocess.Popen(["wc", "-l"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.started.append(counted)
        argv = self.argv("run", "--insecure-options=image", f"--uuid-file-save={uuid_file}", image, "--name=a", BIG, *shell(script))
        self.assertEqual(0, subprocess.run(argv, stdout=counted.stdin, check=False).returncode)
        counted.stdin.close()
        self.assertEqual(600_000, int(counted.stdout.read()))
        counted.stdout.close()
        counted.wait()
        shown = subprocess.run(self.argv("logs", read(uuid_file)), stdout=subprocess.PIPE, check=True)
        self.assertEqual(block * 200, shown.stdout)

    def test_a_busy_app_does_not_hold_up_another(self):
        quiet = shell("i=0; while [ $i -lt 20 ]; do echo tick $i; sleep 0.05; i=$((i+1)); done") + ["---"]
        process = self.start("run", Images.busybox(), "--name=quiet", *quiet, Images.busybox(), "--name=busy",
                             "--log-max-size=1Mi", *shell("yes | head -c 2000000"))
        done = self.finish(process)
        ticks = [text for app, text in done.lines if app == "quiet"]
        self.assertEqual([f"tick {i}" for i in range(20)], ticks)
        self.assertEqual(1_000_000, sum(1 for app, _ in done.lines if app == "busy"))

    def test_a_console_that_is_not_read_makes_the_app_wait(self):
        read_end, write_end = os.pipe()
        script = "yes | head -c 4000000; echo end >&2"
        process = subprocess.Popen(self.argv("run", Images.busybox(), *shell(script)), stdout=write_end,
                                   stdin=subprocess.DEVNULL)
        self.started.append(process)
        os.close(write_end)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(1.5)
        text = b""
        with os.fdopen(read_end, "rb") as stream:
            text = stream.read()
        self.assertEqual(0, process.wait(60))
        self.assertEqual(2_000_001, text.count(b"\n"))


# Runs a command where /run/systemd/journal/socket is ours; prints the command's output and the entries as JSON.
FAKE_JOURNAL = r"""
import json, os, socket, subprocess, sys, threading
subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
os.makedirs("/run/systemd/journal")
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
entries = []
def fields(data):
    out = {}
    while data:
        name, _, data = data.partition(b"\n")
        if b"=" in name:
            name, _, value = name.partition(b"=")
        else:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8:8 + size], data[9 + size:]
        out[name.decode()] = value.decode(errors="replace")
    return out
def listen():
    while True:
        data = journal.recv(1 << 20)
        if data == b"end":
            return
        entries.append(fields(data))
if os.environ.get("DEAF") is None:
    thread = threading.Thread(target=listen)
    thread.start()
stdout = subprocess.PIPE
environment = dict(os.environ)
if os.environ.get("IN_JOURNAL"):
    read_end, stdout = os.pipe()
    st = os.fstat(stdout)
    environment["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
child = subprocess.Popen(sys.argv[1:], stdout=stdout, env=environment)
if stdout == subprocess.PIPE:
    out = child.stdout.read()
else:
    os.close(stdout)
    out = os.fdopen(read_end, "rb").read()
code = child.wait()
if os.environ.get("DEAF") is None:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    client.sendto(b"end", "/run/systemd/journal/socket")
    thread.join()
print(json.dumps({"code": code, "out": out.decode(), "entries": entries}))
"""


class Host(Case):
    """What of the host hears apps, and what apps find in their place."""

    def with_journal(self, *words, env=None):
        argv = ["unshare", "--mount", "--propagation=private", "python3", "-c", FAKE_JOURNAL, *self.argv("run", *words)]
        done = self.run_argv(argv, env=env)
        result = json.loads(done.out)
        self.assertEqual(0, result["code"], done.err)
        result["err"] = done.err
        return result

    def test_structured_entries(self):
        script = "echo out; sleep 0.1; echo err >&2; sleep 0.1; echo '<4>warning'; sleep 0.1; logger -t me -p daemon.crit down"
        result = self.with_journal(Images.busybox(), "--name=a", *shell(script))
        self.assertEqual([("out", "6"), ("err", "3"), ("warning", "4"), ("down", "2")],
                         [(one["MESSAGE"], one["PRIORITY"]) for one in result["entries"]])
        first, last = result["entries"][0], result["entries"][-1]
        self.assertEqual(("a", "a", "stdout"), (first["SYSLOG_IDENTIFIER"], first["AGENA_APP"], first["AGENA_STREAM"]))
        self.assertEqual(self.only_pod(), first["AGENA_POD_UUID"])
        self.assertIn("busybox", first["AGENA_IMAGE"])
        self.assertEqual(("me", "3"), (last["SYSLOG_IDENTIFIER"], last["SYSLOG_FACILITY"]))
        self.assertEqual(4, len(result["out"].splitlines()))

    def test_no_doubles_and_the_off_switch(self):
        inside = {"IN_JOURNAL": "1"}
        result = self.with_journal(Images.busybox(), *shell("echo once"), env=inside)
        self.assertEqual((1, 0), (result["out"].count("once"), len(result["entries"])))
        result = self.with_journal(Images.busybox(), "--log-driver=file,journal", *shell("echo once"), env=inside)
        self.assertEqual((0, 1), (result["out"].count("once"), len(result["entries"])))
        for off in ("file", "none"):
            result = self.with_journal(Images.busybox(), f"--log-driver={off}", *shell("echo once"))
            self.assertEqual((1, 0), (result["out"].count("once"), len(result["entries"])))

    def test_a_deaf_journal_holds_up_nobody(self):
        result = self.with_journal(Images.busybox(), "--log-driver=journal", *shell("yes | head -n 100000; echo end"),
                                   env={"DEAF": "1"})
        self.assertEqual(100_001, result["out"].count("\n"))
        self.assertIn("the host's journal does not keep up", result["err"])
        self.assertRegex(result["err"], r"\d+ lines did not reach the host's journal")

    def test_dev_log(self):
        for more in ([], ["--user=1000", "--group=1000"]):
            with self.subTest(more):
                done = self.agena("run", Images.busybox(), "--name=a", *more,
                                  *shell("logger -t me -p user.err bad; logger -t me good; test -S /dev/log && echo socket"))
                self.assertEqual([("a", "me: bad"), ("a", "me: good"), ("a", "socket")], sorted(done.lines))
