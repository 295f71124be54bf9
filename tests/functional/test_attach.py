"""`attach`: joining the streams of an app that runs."""

import os
import signal
import subprocess
import time

from harness import Case, FLY, Images, Terminal, read, shell, wait_until

STREAMS = ["--stdin=stream", "--stdout=stream", "--stderr=stream"]
TTY = ["--stdin=tty", "--stdout=tty", "--stderr=tty"]


class Streams(Case):
    def attach(self, uuid, *words):
        """A client in the background, with pipes."""
        process = subprocess.Popen(self.argv("attach", *words, uuid), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, bufsize=0)
        self.addCleanup(self.close, process)
        return process

    @staticmethod
    def close(process):
        if process.poll() is None:
            process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if not stream.closed:
                stream.close()
        process.wait()

    def test_both_ways_and_the_end(self):
        pod, uuid = self.start_pod(Images.busybox(), *STREAMS,
                                   *shell("while read word; do echo got $word; echo err $word >&2; done; echo over"))
        client = self.attach(uuid)
        client.stdin.write(b"one\ntwo\n")
        client.stdin.flush()
        self.assertEqual(b"got one\n", client.stdout.readline())
        self.assertEqual(b"err one\n", client.stderr.readline())
        # End of our input is end of the app's.
        out, err = client.communicate(timeout=60)
        self.assertEqual((b"got two\nover\n", b"err two\n", 0), (out, err, client.returncode))
        done = self.finish(pod)
        self.assertEqual(["err one", "err two", "got one", "got two", "over"], sorted(done.texts))
        self.assertEqual(["got one", "got two", "over"], self.agena("logs", uuid).out.splitlines())

    def test_input_comes_before_the_app_reads_and_large(self):
        pod, uuid = self.start_pod(Images.busybox(), *STREAMS, *shell("sleep 0.5; md5sum; echo end"))
        data = os.urandom(3_000_000)
        path = os.path.join(self.top, "input")
        with open(path, "wb") as stream:
            stream.write(data)
        with open(path, "rb") as stream:  # a regular file cannot be waited for
            done = subprocess.run(self.argv("attach", uuid), stdin=stream, capture_output=True, timeout=60, check=True)
        self.assertEqual(subprocess.run(["md5sum"], input=data, capture_output=True, check=True).stdout + b"end\n",
                         done.stdout)
        self.finish(pod)

    def test_several_watch_one_types(self):
        pod, uuid = self.start_pod(Images.busybox(), *STREAMS, *shell("cat"))
        first = self.attach(uuid)
        second = self.attach(uuid, "--mode=stdout")
        first.stdin.write(b"hello\n")
        first.stdin.flush()
        self.assertEqual(b"hello\n", first.stdout.readline())
        third = self.agena("attach", "--mode=stdin", uuid, check=254, input=b"")
        self.assertIn("the input of app 'busybox' is taken by another client", third.err)
        # A client that goes away leaves the app its input.
        first.send_signal(signal.SIGKILL)
        first.wait()
        fourth = wait_until(lambda: self.take_input(uuid), "the input is free")
        fourth.stdin.write(b"again\n")
        fourth.stdin.close()
        self.assertEqual(0, fourth.wait(60))
        self.finish(pod)
        out = second.stdout.read()
        self.assertTrue(out.endswith(b"again\n"), out)
        self.assertEqual(0, second.wait(60))

    def take_input(self, uuid):
        client = self.attach(uuid, "--mode=stdin")
        time.sleep(0.3)
        return client if client.poll() is None else None

    def test_list_and_refusals(self):
        pod, uuid = self.start_pod(Images.busybox(), "--name=s", "--stdout=stream", *shell("sleep 1000"), "---",
                                   Images.busybox(), "--name=t", *TTY, *shell("sleep 1000"), "---",
                                   Images.busybox(), "--name=l", *shell("sleep 1000"))
        env = {"RKT_EXPERIMENT_ATTACH": "true"}
        self.assertEqual("stdout\n", self.agena("attach", "--app=s", "--mode=list", uuid, env=env).out)
        self.assertEqual("tty-in\ntty-out\n", self.agena("attach", "--app=t", "--mode=list", uuid).out)
        self.assertEqual("", self.agena("attach", "--app=l", "--mode=list", uuid).out)
        self.fails("attach", uuid, message='specify app using "attach --app=": the pod has the apps s, t, l')
        self.fails("attach", "--app=x", uuid, message="the pod has no app 'x'")
        self.fails("attach", "--app=l", uuid, message="no stream of app 'l' can be attached")
        self.fails("attach", "--app=s", "--mode=stdin", uuid,
                   message="stdin of app 's' cannot be attached (it takes --stdin=stream)")
        self.fails("attach", "--app=s", "--mode=tty", uuid, message="app 's' has no terminal to attach to")
        self.fails("attach", "--app=s", "--mode=tty,stdin", uuid, message="exclude each other")
        self.fails("attach", "--app=s", "--mode=some", uuid, message="unknown mode 'some'")
        self.agena("stop", uuid)
        self.finish(pod, check=None)
        self.fails("attach", "--app=s", uuid, message="isn't currently running")

    def test_a_pod_without_such_apps(self):
        pod, uuid = self.start_pod(Images.busybox(), *shell("sleep 1000"))
        self.assertFalse(os.path.exists(os.path.join(self.pod_path(uuid), "attach")))
        self.fails("attach", uuid, message="no app of the pod can be attached")
        self.agena("stop", uuid)
        self.finish(pod, check=None)
        pod, uuid = self.start_pod(f"--stage1-name={FLY}", Images.busybox(), *shell("sleep 1000"))
        self.fails("attach", uuid, message="attach")
        self.agena("stop", uuid)
        self.finish(pod, check=None)

    def test_signals_reach_the_app(self):
        script = "trap 'echo usr; ' USR1; trap 'echo term; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
        pod, uuid = self.start_pod(Images.busybox(), *STREAMS, *shell("read go;" + script))
        client = self.attach(uuid)
        client.stdin.write(b"go\n")
        client.stdin.flush()
        self.assertEqual(b"ready\n", client.stdout.readline())
        client.send_signal(signal.SIGUSR1)
        self.assertEqual(b"usr\n", client.stdout.readline())
        client.send_signal(signal.SIGTERM)
        self.assertEqual(b"term\n", client.stdout.readline())
        self.assertEqual(0, client.wait(60))
        self.finish(pod)

    def test_a_slow_client_is_dropped_and_slows_nobody(self):
        pod, uuid = self.start_pod(Images.busybox(), *STREAMS, "--log-driver=none",
                                   *shell("read go; yes | head -c 60000000 | tr -d '\\n' | fold -w 1000; echo; echo end; read go"))
        slow = self.attach(uuid, "--mode=stdout")
        typist = self.attach(uuid, "--mode=stdin")
        typist.stdin.write(b"go\n")
        typist.stdin.flush()
        self.wait_output(pod, "]: end\n")  # while nobody reads `slow`
        self.assertIn("does not keep up and is dropped", self.errors(pod))
        out, err = slow.communicate(timeout=60)
        self.assertEqual(254, slow.returncode)
        self.assertIn(b"writes faster than its output was read: detached", err)
        self.assertLess(len(out), 30_000_000)
        typist.stdin.write(b"go\n")
        self.assertEqual(0, typist.wait(60))
        self.finish(pod)

    def test_killed_supervisor(self):
        pod, uuid = self.start_pod(Images.busybox(), *STREAMS, *shell("cat"))
        client = self.attach(uuid)
        client.stdin.write(b"x\n")
        client.stdin.flush()
        self.assertEqual(b"x\n", client.stdout.readline())
        pod.send_signal(signal.SIGKILL)
        self.finish(pod, check=-signal.SIGKILL)
        self.assertEqual(254, client.wait(60))
        self.assertIn(b"the pod's supervisor is gone", client.stderr.read())


class Tty(Case):
    def start_shell(self):
        script = "stty -echo; echo begin; while read line; do eval \"$line\"; done; echo end"
        pod, uuid = self.start_pod(Images.busybox(), *TTY, *shell("read go; " + script))
        return pod, uuid

    def test_terminal_window_and_leaving(self):
        pod, uuid = self.start_shell()
        terminal = Terminal(self.argv("attach", uuid), rows=31, columns=77)
        terminal.send(b"go\r")
        terminal.expect(b"begin\r\n")
        terminal.send(b"stty size; tty\r")
        terminal.expect(b"31 77\r\n/dev/pts/")
        terminal.set_size(40, 100)
        time.sleep(0.5)
        terminal.send(b"stty size\r")
        terminal.expect(b"40 100\r\n")
        # Quotes tell what the shell prints from what the terminal echoes.
        terminal.send(b"trap 'echo inter''rupted' INT; echo s''et; sleep 1000; echo sl''ept\r")
        terminal.expect(b"set\r\n")
        time.sleep(0.3)
        terminal.send(b"\x03")
        terminal.expect(b"interrupted\r\n")
        terminal.expect(b"slept\r\n")
        terminal.send(b"\x10\x11")
        self.assertEqual(0, terminal.finish())
        self.assertIn(b"detached from app 'busybox'", terminal.text)
        again = Terminal(self.argv("attach", "--mode=tty", uuid))
        again.send(b"echo still h''ere\r")
        again.expect(b"still here\r\n")
        again.send(b"\x1d\x1d\x1d")
        self.assertEqual(0, again.finish(), again.text)
        # Only one direction, and not from a terminal: the end of input is typed.
        done = self.agena("attach", "--mode=tty-in", uuid, input=b"echo blind\n")
        self.assertEqual("", done.out)
        texts = self.finish(pod).texts
        self.assertEqual(["blind", "end"], texts[-2:])
        self.assertIn("begin", self.agena("logs", uuid).out.splitlines())
