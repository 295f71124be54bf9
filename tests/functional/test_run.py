"""`run` in both flavours: exit codes, output, environment, what an app finds around it, terminals."""

import os
import signal
import subprocess

from harness import FLY, Case, Images, Terminal, descendants, read, shell, wait_until

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Systemd(Case):
    """The systemd flavour, one app."""

    def pod(self, script, *flags, check=0, **more):
        return self.agena("run", "--net=none", *flags, Images.busybox(), *shell(script), check=check, **more)

    def test_output_and_code(self):
        done = self.pod("echo out; echo err >&2; exit 4", check=4)
        self.assertEqual([("busybox", "err"), ("busybox", "out")], sorted(done.lines))
        status = self.status(self.only_pod())
        self.assertEqual("exited", status["state"])
        self.assertEqual("4", status["app-busybox"])
        self.assertEqual([], self.host.cgroups())

    def test_codes_of_the_app_are_the_commands(self):
        for code in (0, 1, 200, 253, 255):
            self.pod(f"exit {code}", check=code)

    def test_death_by_signal_counts_as_shells_count(self):
        self.pod("kill -9 $$", check=137)
        self.pod("kill -15 $$", check=143)

    def test_missing_program(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--exec=/no/such", check=None)
        self.assertNotEqual(0, done.code, str(done))
        self.assertIn("app 'busybox': unable to find '/no/such'", done.err)

    def test_environment(self):
        done = self.pod("env | sort", "--set-env=A=b=c")
        found = dict(text.split("=", 1) for text in done.texts)
        for name, value in {"PATH": PATH, "SHELL": "/bin/sh", "USER": "root", "LOGNAME": "root", "HOME": "/root",
                            "AC_APP_NAME": "busybox", "A": "b=c"}.items():
            self.assertEqual(value, found.pop(name), name)
        # The shell adds two of its own; nothing else comes in from the caller or the engine.
        self.assertEqual({"PWD", "SHLVL"}, set(found))

    def test_inherited_environment_stands_below_the_images(self):
        done = self.pod("env", "--inherit-env", env={"FROM_HOST": "yes", "PATH": "/host:" + os.environ["PATH"]})
        self.assertIn("FROM_HOST=yes", done.texts)
        self.assertIn("PATH=" + PATH, done.texts)

    def test_environment_precedence(self):
        path = os.path.join(self.top, "env")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("# comment\n; comment\nA=file\nB=file\n")
        done = self.agena("run", "--net=none", "--set-env=A=flag", f"--set-env-file={path}", Images.busybox(),
                          "--environment=A=app", "--environment=B=app", "--environment=C=app",
                          *shell('echo "$A $B $C"'))
        self.assertEqual(["flag file app"], done.texts)

    def test_host_name(self):
        done = self.pod("hostname; cat /etc/hostname", "--hostname=chosen")
        self.assertEqual(["chosen", "chosen"], done.texts)
        done = self.pod("hostname")
        uuid = sorted(self.pods(), key=lambda pod: pod["created_at"])[-1]["name"]
        self.assertTrue(done.texts[0].startswith("agena-"), done)
        self.assertIn(done.texts[0].removeprefix("agena-"), [pod["name"] for pod in self.pods()], uuid)

    def test_hosts_file(self):
        done = self.pod("cat /etc/hosts", "--hosts-entry=10.1.2.3=one,10.1.2.4=two")
        words = [text.split() for text in done.texts]
        self.assertIn(["10.1.2.3", "one"], words)
        self.assertIn(["10.1.2.4", "two"], words)
        self.assertTrue(any(line[0] == "127.0.0.1" and "localhost" in line for line in words if line), words)

    def test_resolv_conf(self):
        done = self.pod("cat /etc/resolv.conf", "--dns=10.9.8.7", "--dns-search=example.com", "--dns-opt=debug")
        self.assertIn("nameserver 10.9.8.7", done.texts)
        self.assertIn("search example.com", done.texts)
        self.assertIn("options debug", done.texts)

    def test_working_directory(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--working-dir=/var/tmp", *shell("pwd"))
        self.assertEqual(["/var/tmp"], done.texts)

    def test_user_and_group(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--user=nobody", "--group=5", *shell("id -u; id -g"))
        self.assertEqual(["65534", "5"], done.texts)
        done = self.agena("run", "--net=none", Images.busybox(), "--supplementary-gids=7,8", *shell("id -G"))
        self.assertEqual(["0 7 8"], done.texts)

    def test_unknown_user(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--user=nosuch", *shell("true"), check=None)
        self.assertNotEqual(0, done.code)
        self.assertIn("nosuch", done.err + done.out)

    def test_devices(self):
        done = self.pod("for d in null zero full random urandom tty; do test -c /dev/$d && echo $d; done; "
                        "test -d /dev/shm && test -d /dev/pts && test -e /dev/ptmx && echo rest; echo x > /dev/null; "
                        "head -c 3 /dev/zero | wc -c; test -e /dev/fd/0 && test -e /dev/stderr && echo fd")
        self.assertEqual(["null", "zero", "full", "random", "urandom", "tty", "rest", "3", "fd"], done.texts)

    def test_proc_and_sys_are_protected(self):
        done = self.pod("for f in /proc/kcore /proc/kallsyms; do test -s $f && echo \"$f readable\"; done; "
                        "for f in /proc/sysrq-trigger /proc/sys/kernel/modprobe /sys/class/x; do "
                        "(echo x > $f) 2>/dev/null && echo \"$f writable\"; done; "
                        "ls -A /sys/firmware; cat /proc/1/comm")
        self.assertEqual(["systemd"], done.texts)

    def test_processes_of_the_host_are_unseen(self):
        done = self.pod("ls /proc | grep -c '^[0-9]'")
        self.assertLess(int(done.texts[0]), 10)

    def test_no_network(self):
        done = self.pod("ls /sys/class/net; ip -o addr show lo | grep -c 127.0.0.1")
        self.assertEqual(["lo", "1"], done.texts)

    def test_host_network(self):
        done = self.agena("run", "--net=host", Images.busybox(), *shell("readlink /proc/self/ns/net"))
        self.assertEqual([os.readlink("/proc/self/ns/net")], done.texts)

    def test_standard_input_is_null(self):
        done = self.pod("readlink /proc/self/fd/0; cat; echo end", input=b"not for the app\n")
        self.assertEqual(["/dev/null", "end"], done.texts)

    def test_no_descriptors_leak(self):
        done = self.pod("ls /proc/self/fd")
        self.assertEqual({"0", "1", "2", "3"}, set(done.texts))  # 3 is ls's own, of the directory

    def test_root_is_writable_and_the_pods_own(self):
        self.pod("echo changed > /etc/os-release; rm /etc/passwd; mkdir /new")
        done = self.pod("grep -c ID= /etc/os-release; test -e /etc/passwd && test ! -e /new && echo fresh")
        self.assertEqual("fresh", done.texts[-1])

    def test_read_only_root(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--readonly-rootfs=true",
                          *shell("(echo x > /x) 2>/dev/null || echo refused; echo y > /tmp/y && echo tmp"), check=None)
        self.assertIn("refused", done.texts, str(done))

    def test_copied_roots(self):
        done = self.pod("echo works; grep ' / ' /proc/self/mounts | grep -c overlay", "--no-overlay", check=1)
        self.assertEqual(["works", "0"], done.texts)

    def test_signal_ends_the_pod(self):
        for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0)):
            process, _ = self.start_pod("--net=none", Images.busybox(),
                                        *shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
            self.wait_output(process, "up")
            process.send_signal(number)
            done = self.finish(process, check=code)
            self.assertIn("bye", done.texts)

    def test_sigterm_death_while_stopping_is_no_failure(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell("echo up; exec sleep 1000"))
        self.wait_output(process, "up")
        process.send_signal(signal.SIGTERM)
        self.finish(process, check=0)
        self.assertEqual("0", self.status(uuid)["app-busybox"])


class Volumes(Case):
    """Volumes and mounts."""

    def test_host_volume(self):
        source = os.path.join(self.top, "source")
        os.mkdir(source)
        with open(source + "/in", "w", encoding="utf-8") as stream:
            stream.write("from host\n")
        self.agena("run", "--net=none", f"--volume=v,kind=host,source={source}", "--mount=volume=v,target=/mnt/v",
                   Images.busybox(), *shell("cat /mnt/v/in > /mnt/v/out"))
        self.assertEqual("from host\n", read(source + "/out"))
        self.agena("run", "--net=none", f"--volume=v,kind=host,source={source},readOnly=true",
                   "--mount=volume=v,target=/mnt/v", Images.busybox(), *shell("echo x > /mnt/v/no"), check=1)
        self.assertFalse(os.path.exists(source + "/no"))

    def test_host_volume_in_fly(self):
        source = os.path.join(self.top, "source")
        os.mkdir(source)
        self.agena("run", "--stage1-name=" + FLY, f"--volume=v,kind=host,source={source}",
                   "--mount=volume=v,target=/mnt/v", Images.busybox(), *shell("echo x > /mnt/v/out"))
        self.assertEqual("x\n", read(source + "/out"))

    def test_file_volume(self):
        source = os.path.join(self.top, "file")
        with open(source, "w", encoding="utf-8") as stream:
            stream.write("content\n")
        done = self.agena("run", "--net=none", f"--volume=v,kind=host,source={source}",
                          "--mount=volume=v,target=/etc/given", Images.busybox(), *shell("cat /etc/given"))
        self.assertEqual(["content"], done.texts)

    def test_empty_volume_is_shared(self):
        done = self.agena("run", "--net=none", "--volume=v,kind=empty,mode=0750,uid=7,gid=8",
                          "--mount=volume=v,target=/v", Images.busybox(), "--name=a",
                          *shell("stat -c '%a %u:%g' /v; echo hello > /v/x.new; mv /v/x.new /v/x"), "---",
                          Images.busybox(), "--name=b", *shell("until test -e /v/x; do sleep 0.05; done; cat /v/x"))
        self.assertEqual([("a", "750 7:8"), ("b", "hello")], sorted(done.lines))

    def test_missing_source(self):
        done = self.agena("run", "--net=none", "--volume=v,kind=host,source=/no/such", "--mount=volume=v,target=/v",
                          Images.busybox(), *shell("true"), check=None)
        self.assertNotEqual(0, done.code, str(done))
        self.assertIn("/no/such", done.err)

    def test_dangling_mount(self):
        self.fails("run", "--net=none", "--mount=volume=v,target=/v", Images.busybox(), *shell("true"),
                   message="dangling mount point")

    def test_relative_source(self):
        self.fails("run", "--net=none", "--volume=v,kind=host,source=rel", Images.busybox(), message="absolute")


class Fly(Case):
    """The fly flavour."""

    def pod(self, script, *flags, check=0, **more):
        return self.agena("run", "--net=host", "--stage1-name=" + FLY, *flags, Images.busybox(), *shell(script),
                          check=check, **more)

    def test_output_and_code(self):
        done = self.pod("echo out; echo err >&2; exit 4", check=4)
        self.assertEqual("out\n", done.out)
        self.assertIn("err\n", done.err)

    def test_death_by_signal(self):
        # The app is the process that the caller started.
        self.pod("kill -9 $$", check=-9)

    def test_it_is_the_process(self):
        process, uuid = self.start_pod("--net=host", "--stage1-name=" + FLY, Images.busybox(),
                                       *shell("echo pid $$; exec sleep 1000"))
        self.wait_output(process, "pid")
        self.assertEqual(f"pid {process.pid}\n", self.output(process))
        self.assertEqual(str(process.pid), self.status(uuid)["pid"])
        process.terminate()
        self.finish(process, check=-15)

    def test_environment(self):
        found = dict(text.split("=", 1) for text in self.pod("env", "--set-env=A=b").out.splitlines())
        for name, value in {"PATH": PATH, "SHELL": "/bin/sh", "USER": "root", "LOGNAME": "root", "HOME": "/root",
                            "AC_APP_NAME": "busybox", "A": "b"}.items():
            self.assertEqual(value, found.pop(name), name)
        self.assertEqual({"PWD", "SHLVL"}, set(found))

    def test_standard_input_passes(self):
        self.assertEqual("for the app\n", self.pod("cat", input=b"for the app\n").out)

    def test_file_systems(self):
        done = self.pod("test -c /dev/null && test -d /proc/1 && test -d /sys/class && echo ok; echo x > /tmp/x")
        self.assertEqual("ok\n", done.out)

    def test_several_apps_are_refused(self):
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, Images.busybox(), "--name=a", Images.busybox(),
                          "--name=b", check=254)
        self.assertRegex(done.err, "stage1-fly: .*(one|single|exactly|apps)")

    def test_user(self):
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, Images.busybox(), "--user=nobody",
                          "--group=nogroup", *shell("id -u; id -g"))
        self.assertEqual("65534\n65534\n", done.out)

    def test_copied_root(self):
        self.assertEqual("works\n", self.pod("echo works", "--no-overlay").out)

    def test_missing_program(self):
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, Images.busybox(), "--exec=/no/such", check=None)
        self.assertIn(done.code, (127, 254), str(done))
        self.assertIn("cannot start app 'busybox': unable to find '/no/such'", done.err)

    def test_no_descriptors_leak(self):
        # 3 is ls's own; one more is the pod's lock, which lives as long as the app does.
        names = self.pod("ls /proc/self/fd").out.split()
        self.assertLessEqual(len(names), 5, names)


class Apps(Case):
    """Several apps in a pod."""

    def test_each_has_its_root_and_name(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--name=one",
                          *shell("echo $AC_APP_NAME > /mine; sleep 0.3; cat /mine"), "---", Images.busybox("oci"),
                          "--name=two", "--exec=/bin/sh", "--", "-c", "echo $AC_APP_NAME > /mine; sleep 0.3; cat /mine")
        self.assertEqual([("one", "one"), ("two", "two")], sorted(done.lines))

    def test_first_failing_code_is_the_pods(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--name=server",
                          *shell("trap 'echo stopped; exit 0' TERM; while :; do sleep 0.05; done"), "---",
                          Images.busybox(), "--name=job", *shell("sleep 0.3; exit 3"), "---", Images.busybox(),
                          "--name=good", *shell("exit 0"), check=3)
        self.assertIn(("server", "stopped"), done.lines)
        status = self.status(self.only_pod())
        self.assertEqual(("3", "0", "0"), (status["app-job"], status["app-server"], status["app-good"]))

    def test_pod_ends_with_its_last_app(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--name=a", *shell("true"), "---", Images.busybox(),
                          "--name=b", *shell("sleep 0.5; echo last"))
        self.assertEqual([("b", "last")], done.lines)

    def test_they_share_the_network_and_ipc(self):
        done = self.agena("run", "--net=none", Images.busybox(), "--name=a",
                          *shell("echo answer | nc -l -p 80 > /dev/null"), "---",
                          Images.busybox(), "--name=b",
                          *shell("until nc 127.0.0.1 80 < /dev/null 2> /dev/null; do sleep 0.05; done"))
        self.assertEqual([("b", "answer")], done.lines)

    def test_handlers(self):
        handlers = [{"name": "pre-start", "exec": ["/bin/sh", "-c", "echo before; echo set > /made"]},
                    {"name": "post-stop", "exec": ["/bin/sh", "-c", "echo after"]}]
        # The image has no links for busybox's applets, so the shell's own words must do.
        image = self.small_image(exec_=["/bin/sh", "-c", "read x < /made; echo $x; exit 5"], eventHandlers=handlers)
        done = self.agena("run", "--net=none", image, check=5)
        self.assertEqual(["before", "set", "after"], done.texts)

    def test_failing_pre_start_handler(self):
        image = self.small_image(exec_=["/bin/sh", "-c", "echo started"],
                                 eventHandlers=[{"name": "pre-start", "exec": ["/bin/sh", "-c", "exit 9"]}])
        done = self.agena("run", "--net=none", image, check=None)
        self.assertNotEqual(0, done.code)
        self.assertNotIn("started", done.texts)


class Arguments(Case):
    """The argument grammar."""

    ECHO = ["/bin/sh", "-c", 'for a in "$0" "$@"; do echo "<$a>"; done']

    def args(self, *words, image=None, check=0):
        done = self.agena("run", "--net=none", image or self.small_image(exec_=self.ECHO), *words, check=check)
        return done.texts

    def test_appended_to_the_images_exec(self):
        self.assertEqual(["<a>", "<b c>", "<--name=x>"], self.args("--", "a", "b c", "--name=x"))

    def test_three_dashes_end_the_list(self):
        image = self.small_image(exec_=self.ECHO)
        done = self.agena("run", "--net=none", image, "--name=x", "--", "1", "---", image, "--name=y", "--", "2")
        self.assertEqual([("x", "<1>"), ("y", "<2>")], sorted(done.lines))

    def test_exec_drops_the_images_arguments(self):
        self.assertEqual(["hello"], self.args("--exec=/bin/busybox", "--", "echo", "hello"))

    def test_empty_words_are_skipped(self):
        self.assertEqual(["</bin/sh>"], self.args("", ""))

    def test_oci_arguments_replace_cmd(self):
        done = self.agena("run", "--net=none", Images.busybox("oci"), "--", "echo", "instead")
        self.assertEqual(["instead"], done.texts)

    def test_special_characters_arrive(self):
        odd = ["%n", "$HOME", "${X}", "a\"b", "c'd", "back\\slash", "tab\there", "ü", "a;b", "*", " lead"]
        self.assertEqual([f"<{word}>" for word in odd], self.args("--", *odd))

    def test_faults(self):
        image = Images.busybox()
        for words, message in [
                ((), "must provide at least one image or specify the pod manifest"),
                (("--", "a"), "an image"),
                (("--exec=/bin/true", image), "--exec must follow an image"),
                ((image, "--", "a", "---", "--", "b"), "two lists of arguments"),
                ((image, image), "multiple apps with name busybox"),
                (("--interactive", image, "--name=a", image, "--name=b"), "interactive option only supports one image"),
                (("--port=http:80", image), "--port"),
                (("--no-such-flag", image), "no-such-flag"),
                (("--net=host,nosuch", image), "cannot be combined with others"),
                (("--set-env=A=1", "--set-env=A=2", image), "A"),
                (("--set-env=noequals", image), "noequals"),
                ((image, "--memory=1", "--", "x"), "--memory"),
                ((image, "--caps-retain=CAP_CHOWN", "--caps-remove=CAP_KILL"), "exclude each other"),
                (("--pod-manifest=/x", image), "conflicting flags set with --pod-manifest (see --help)"),
                (("/no/such.aci",), "/no/such.aci"),
                ((image, "--name=Bad_Name"), "Bad_Name")]:
            with self.subTest(words=words):
                net = () if any(str(word).startswith("--net") for word in words) else ("--net=none",)
                self.fails("run", *net, *words, message=message)
        self.assertEqual([], self.pod_directories())

    def test_pod_manifest(self):
        import json
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        manifest = {"acKind": "PodManifest", "acVersion": "0.8.11", "apps": [
            {"name": "from-manifest", "image": {"id": image},
             "app": {"exec": ["/bin/sh", "-c", "echo it works; exit 6"], "user": "0", "group": "0"}}]}
        path = os.path.join(self.top, "pod.json")
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(manifest, stream)
        done = self.agena("run", "--net=none", f"--pod-manifest={path}", check=6)
        self.assertEqual([("from-manifest", "it works")], done.lines)


class Output(Case):
    """Everything that apps write arrives, whole and in order."""

    COUNT = 100000

    def check(self, lines, prefix):
        numbers = [int(text.split()[1]) for text in lines if text.startswith(prefix)]
        self.assertEqual(self.COUNT, len(numbers))
        self.assertEqual(list(range(1, self.COUNT + 1)), numbers)

    def test_200000_lines_on_both_streams(self):
        script = (f"(seq {self.COUNT} | sed 's/^/out /') & (seq {self.COUNT} | sed 's/^/err /') >&2 & "
                  "wait; exit 3")
        done = self.agena("run", "--net=none", Images.busybox(), *shell(script), check=3)
        texts = done.texts
        self.assertEqual(2 * self.COUNT, len(texts))
        self.check(texts, "out ")
        self.check(texts, "err ")

    def test_no_newline_at_the_end(self):
        done = self.agena("run", "--net=none", Images.busybox(), *shell("echo a; printf b"))
        self.assertEqual(["a", "b"], done.texts)
        self.assertTrue(done.out.endswith("\n"))

    def test_last_words_of_a_dying_app(self):
        done = self.agena("run", "--net=none", Images.busybox(), *shell("printf last; kill -9 $$"), check=137)
        self.assertEqual(["last"], done.texts)

    def test_long_line(self):
        done = self.agena("run", "--net=none", Images.busybox(),
                          *shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next"))
        self.assertEqual(1000000, sum(text.count("x") for text in done.texts if set(text) <= {"x"}))
        self.assertEqual("next", done.texts[-1])

    def test_bytes_that_are_no_text(self):
        done = self.agena("run", "--net=none", Images.busybox(), *shell("printf 'a\\377\\001b\\n'"), text=False)
        self.assertIn(b"a\xff\x01b\n", done.out)

    def test_reader_that_goes_away(self):
        process = subprocess.Popen(self.argv("run", "--net=none", Images.busybox(), *shell("seq 1 300000; exit 7")),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.started.append(process)
        process.stdout.read(100)
        process.stdout.close()
        self.assertIsNotNone(process.wait(60))

    def test_fly_output_is_untouched(self):
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, Images.busybox(), *shell("seq 1 200000; printf x"),
                          text=False)
        self.assertEqual(b"".join(b"%d\n" % n for n in range(1, 200001)) + b"x", done.out)


class Interactive(Case):
    """--interactive on a real terminal."""

    def terminal(self, *words, **more):
        self.agena("fetch", Images.busybox())
        terminal = Terminal(self.argv("run", "--net=none", "--interactive", Images.busybox(), *words), **more)
        self.started.append(terminal.process)
        terminal.process.args = ["run", "--interactive"]
        return terminal

    def test_it_is_a_terminal_with_the_callers_size(self):
        terminal = self.terminal(*shell("tty; stty size; exit 5"), rows=33, columns=111)
        terminal.expect(b"33 111\r\n")
        self.assertEqual(5, terminal.finish())
        self.assertIn(b"/dev/", terminal.text)
        self.assertNotIn(b"not a tty", terminal.text)
        self.assertNotIn(b"busybox[", terminal.text)  # no prefix

    def test_input_and_echo(self):
        terminal = self.terminal(*shell("read line; echo \"got <$line>\""))
        terminal.send(b"some words\n")
        terminal.expect(b"got <some words>")
        self.assertEqual(0, terminal.finish())

    def test_interrupt_goes_to_the_app(self):
        terminal = self.terminal(*shell("trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done"))
        terminal.expect(b"ready")
        terminal.send(b"\x03")
        terminal.expect(b"caught")
        self.assertEqual(7, terminal.finish())

    def test_size_changes_arrive(self):
        terminal = self.terminal(*shell("trap 'stty size' WINCH; echo ready; while read x; do :; done; stty size; exit 2"))
        terminal.expect(b"ready")
        terminal.set_size(44, 55)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.send(b"\x04")
        terminal.expect(b"44 55")
        terminal.finish()

    def test_terminal_modes_are_given_back(self):
        import termios
        terminal = self.terminal(*shell("echo done"))
        before = termios.tcgetattr(terminal.master)
        terminal.expect(b"done")
        terminal.process.wait(60)
        self.assertEqual(before[:4], termios.tcgetattr(terminal.master)[:4])

    def test_job_control(self):
        terminal = self.terminal("--exec=/bin/sh", "--", "-i")
        terminal.send(b"echo $((40+2))\n")
        terminal.expect(b"42")
        terminal.send(b"exit 9\n")
        self.assertEqual(9, terminal.finish())
        self.assertNotIn(b"job control turned off", terminal.text)

    def test_a_file_that_is_longer_than_a_terminal_holds(self):
        path = self.top + "/lines"
        with open(path, "w", encoding="ascii") as stream:
            stream.writelines(f"{i:06d} {'x' * 40}\n" for i in range(6000))
        with open(path, "rb") as stream:
            done = self.agena("run", "--net=none", "--interactive", Images.busybox(),
                              *shell("stty -echo; echo ready; wc -l"), stdin=stream)
        self.assertEqual("6000", done.out.split()[-1])

    def test_an_app_that_does_not_read_keeps_nobody(self):
        uuid_file = self.top + "/uuid-of-deaf"
        process = self.start("run", "--net=none", "--interactive", f"--uuid-file-save={uuid_file}", Images.busybox(),
                             *shell("echo up; exec sleep 1000"), stdin=subprocess.PIPE)
        self.wait_output(process, "up")
        os.set_blocking(process.stdin.fileno(), False)
        written = 0

        def is_taken():
            """More than the pipe to it, and the terminal, hold."""
            nonlocal written
            try:
                written += os.write(process.stdin.fileno(), b"y\n" * 2048)
            except BlockingIOError:
                pass
            return written > 100_000
        wait_until(is_taken, "the supervisor has read on")
        self.agena("stop", read(uuid_file))
        self.assertNotEqual(None, process.wait())

    def test_a_caller_who_does_not_read_keeps_the_pod_no_longer_than_asked(self):
        for words in ([], ["--interactive"]):
            uuid_file = f"{self.top}/uuid-of-unread{len(words)}"
            argv = self.argv("run", "--net=none", f"--uuid-file-save={uuid_file}", *words, Images.busybox(),
                             *shell("trap 'exit 0' TERM; yes & while :; do sleep 0.05; done"))
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            process.out_path = process.err_path = os.devnull
            self.started.append(process)
            wait_until(lambda: os.path.exists(uuid_file) and self.state(read(uuid_file)) == "running", "the pod runs")
            process.stdout.read(1)
            self.agena("stop", "--timeout=0", read(uuid_file), check=None)
            wait_until(lambda: not descendants(process.pid), "the pod's processes are gone")
            self.agena("stop", read(uuid_file))
            self.assertEqual(0, process.wait())
            process.stdout.close()

    def test_without_a_terminal(self):
        done = self.agena("run", "--net=none", "--interactive", Images.busybox(), *shell("cat; exit 6"), input=b"piped\n",
                          check=None)
        self.assertIn(done.code, (6, 254), str(done))
        if done.code == 254:
            self.assertIn("terminal", done.err)

    def test_fly(self):
        self.agena("fetch", Images.busybox())
        terminal = Terminal(self.argv("run", "--net=host", "--stage1-name=" + FLY, "--interactive", Images.busybox(),
                                      *shell("stty size; read x; echo \"<$x>\"; exit 8")), rows=21, columns=43)
        self.started.append(terminal.process)
        terminal.process.args = ["run", "--interactive"]
        terminal.expect(b"21 43")
        terminal.send(b"word\n")
        terminal.expect(b"<word>")
        self.assertEqual(8, terminal.finish())
