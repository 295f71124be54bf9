"""What apps find around them: environment, name service files, host name, IPC, kernel files, and what they do not find: the
pod's root, other apps, the host."""

import os
import shutil

from harness import FLY, Case, Images, Terminal, directory, file, oci, read, shell, symlink

APPLETS = ("cat", "echo", "env", "grep", "hostname", "ipcs", "ls", "readlink", "sed", "sh", "sort", "stat", "test", "tr",
           "true")


class EnvironmentCase(Case):
    """Helpers."""

    flavours = ("systemd", "fly")

    def setUp(self):
        super().setUp()
        self.image = Images.busybox()

    def run_in(self, flavour, script, *flags, app=(), check=0, **more):
        """Lines of output of a script."""
        where = ["--net=none"] if flavour == "systemd" else ["--net=host", "--stage1-name=" + FLY]
        done = self.agena("run", *where, *flags, self.image, *app, *shell(script), check=check, **more)
        return done.texts if flavour == "systemd" else done.out.splitlines()

    def own_image(self, *entries, **config) -> str:
        busybox = shutil.which("busybox", path="/bin:/usr/bin")
        path = os.path.join(self.top, f"image{len(os.listdir(self.top))}")
        return oci.build(path, [[directory("bin"), file("bin/busybox", read(busybox, "rb"), 0o755),
                                 *(symlink(f"bin/{name}", "busybox") for name in APPLETS), *entries]],
                         config={"config": {"Cmd": ["/bin/sh"], **config}})


class Variables(EnvironmentCase):
    """Environment variables."""

    def test_precedence(self):
        """Each name is set by the source that its letter stands for, and by all that have to lose against it."""
        self.image = self.own_image(Env=[f"{name}=image" for name in "IAFS"] + ["PATH=/bin"])
        env_file = os.path.join(self.top, "env")
        with open(env_file, "w", encoding="utf-8") as stream:
            stream.write("# no\n; no\n\nF=file\nS=file\nE==a=b\n")
        flags = ["--inherit-env", f"--set-env-file={env_file}", "--set-env=S=flag"]
        app = [f"--environment={name}=app" for name in "AFS"]
        caller = {name: "caller" for name in "CIAFS"}
        for flavour in self.flavours:
            with self.subTest(flavour):
                lines = self.run_in(flavour, 'echo "$C $I $A $F $S|$E|"', *flags, app=app, env=caller)
                self.assertEqual(["caller image app file flag|=a=b|"], lines)

    def test_files_are_read_together(self):
        for name, text in (("one", "A=1\n"), ("two", "B=2\n"), ("twice", "A=3\n"), ("bad", "no assignment\n")):
            with open(os.path.join(self.top, name), "w", encoding="utf-8") as stream:
                stream.write(text)
        flags = [f"--set-env-file={self.top}/one", f"--set-env-file={self.top}/two"]
        self.assertEqual(["1 2"], self.run_in("systemd", 'echo "$A $B"', *flags))
        for flags, message in ((["one", "twice"], "'A' is already set by another file"), (["bad"], "NAME=VALUE"),
                               (["none"], "no such file")):
            self.fails("run", "--net=none", *(f"--set-env-file={self.top}/{name}" for name in flags), self.image,
                       *shell("true"), message=message)

    def test_twice_is_an_error(self):
        self.fails("run", "--net=none", "--set-env=A=1", "--set-env=A=2", self.image, *shell("true"),
                   message="'A' is already set")
        self.fails("run", "--net=none", self.image, "--environment=A=1", "--environment=A=2", *shell("true"),
                   message="'A' is already set")

    def test_defaults_and_the_images_own(self):
        self.image = self.own_image(Env=["PATH=/bin", "HOME=/home", "EMPTY="])
        for flavour in self.flavours:
            with self.subTest(flavour):
                found = dict(line.split("=", 1) for line in self.run_in(flavour, "/bin/env"))
                self.assertEqual({"PATH": "/bin", "HOME": "/home", "EMPTY": "", "SHELL": "/bin/sh", "USER": "root",
                                  "LOGNAME": "root"}, {name: found[name] for name in found
                                                       if name not in ("AC_APP_NAME", "PWD", "SHLVL", "OLDPWD", "_")})

    def test_nothing_of_the_caller_without_the_flag(self):
        for flavour in self.flavours:
            self.assertEqual(["no"], self.run_in(flavour, "echo ${FROM_CALLER-no}", env={"FROM_CALLER": "yes"}))

    def test_values_of_any_kind(self):
        value = "a b\t\"'$HOME%n\\ü=;#"
        for flavour in self.flavours:
            self.assertEqual([value], self.run_in(flavour, 'echo "$V" | cat', f"--set-env=V={value}"))


class NameService(EnvironmentCase):
    """/etc/resolv.conf, /etc/hosts and the host name."""

    def test_resolv_conf_of_flags(self):
        for flavour in self.flavours:
            with self.subTest(flavour):
                lines = self.run_in(flavour, "cat /etc/resolv.conf", "--dns=10.1.1.1,10.1.1.2", "--dns=fd00::1",
                                    "--dns-search=a.example", "--dns-search=b.example", "--dns-opt=debug",
                                    "--dns-opt=rotate", "--dns-domain=example")
                self.assertEqual(["search a.example b.example", "nameserver 10.1.1.1", "nameserver 10.1.1.2",
                                  "nameserver fd00::1", "options debug rotate", "domain example"],
                                 [line for line in lines if line and not line.startswith("#")])

    def test_resolv_conf_of_the_host_and_the_image(self):
        self.image = self.own_image(directory("etc"), file("etc/resolv.conf", b"nameserver 10.9.9.9\n"))
        hosts = read("/etc/resolv.conf").splitlines()
        for flavour in self.flavours:
            with self.subTest(flavour):
                self.assertEqual(hosts, self.run_in(flavour, "cat /etc/resolv.conf", "--dns=host"))
                for flags in ([], ["--dns=none"]):
                    self.assertEqual(["nameserver 10.9.9.9"], self.run_in(flavour, "cat /etc/resolv.conf", *flags))

    def test_hosts_file_stays_the_hosts(self):
        before = read("/etc/resolv.conf")
        self.assertEqual(["refused"], self.run_in("systemd", "(echo x >> /etc/resolv.conf) 2>/dev/null || echo refused",
                                                  "--dns=host"))
        self.assertEqual(before, read("/etc/resolv.conf"))

    def test_contradictions(self):
        for flags in (["--dns=host", "--dns=10.0.0.1"], ["--dns=10.0.0.1", "--dns=none"],
                      ["--hosts-entry=host", "--hosts-entry=10.0.0.1=a"]):
            self.fails("run", "--net=none", *flags, self.image, *shell("true"), message="cannot be combined")
        for flag, message in (("--dns=name", "'name' is not an IP address"),
                              ("--hosts-entry=name=10.0.0.1", "'name' is not an IP address"),
                              ("--hosts-entry=10.0.0.1", "expected IP=NAME")):
            self.fails("run", "--net=none", flag, self.image, *shell("true"), message=message)

    def test_hosts_of_the_image_and_the_host(self):
        self.image = self.own_image(directory("etc"), file("etc/hosts", b"10.9.9.9 own\n"))
        for flavour in self.flavours:
            with self.subTest(flavour):
                self.assertEqual(["10.9.9.9 own"], self.run_in(flavour, "cat /etc/hosts"))
                self.assertEqual(read("/etc/hosts").splitlines(),
                                 self.run_in(flavour, "cat /etc/hosts", "--hosts-entry=host"))
                entries = self.run_in(flavour, "cat /etc/hosts", "--hosts-entry=10.1.1.1=a,10.1.1.1=b,10.1.1.2=c")
                self.assertIn("10.1.1.1\ta b", entries)
                self.assertIn("10.1.1.2\tc", entries)

    def test_hosts_of_an_image_without(self):
        self.image = self.own_image()
        lines = self.run_in("systemd", "cat /etc/hosts", "--hostname=chosen")
        self.assertIn(["127.0.0.1", "chosen"], [line.split() for line in lines])
        self.assertTrue(any("localhost" in line for line in self.run_in("fly", "cat /etc/hosts")))

    def test_host_name(self):
        self.image = self.own_image(directory("etc"), file("etc/hostname", b"images\n"))
        self.assertEqual(["chosen"] * 3, self.run_in(
            "systemd", "hostname; cat /etc/hostname /proc/sys/kernel/hostname", "--hostname=chosen"))
        self.assertEqual(["refused"], self.run_in(
            "systemd", "(echo x > /etc/hostname) 2>/dev/null || echo refused"))

    def test_mtab(self):
        self.image = self.own_image(directory("etc"))
        for flavour in self.flavours:
            self.assertEqual(["../proc/self/mounts", "1"],
                             self.run_in(flavour, "readlink /etc/mtab; grep -c ' / ' /etc/mtab"))
        self.image = self.own_image(directory("etc"), file("etc/mtab", b"images\n"))
        self.assertEqual(["images"], self.run_in("systemd", "cat /etc/mtab"))

    def test_files_that_are_the_images(self):
        self.image = self.own_image(directory("etc"), file("etc/localtime", b"zone"), file("etc/machine-id", b"id"))
        self.assertEqual(["zoneid"], self.run_in("systemd", "cat /etc/localtime /etc/machine-id; echo"))
        self.image = self.own_image(directory("etc"))
        self.assertEqual(["none"], self.run_in("systemd", "test -e /etc/localtime || echo none"))


class Ipc(EnvironmentCase):
    """--ipc."""

    def test_modes(self):
        host = os.readlink("/proc/self/ns/ipc")
        for flags, shared in (([], False), (["--ipc=auto"], False), (["--ipc=private"], False),
                              (["--ipc=parent"], True)):
            with self.subTest(flags):
                self.assertEqual(shared, self.run_in("systemd", "readlink /proc/self/ns/ipc", *flags) == [host])
        self.fails("run", "--net=none", "--ipc=wrong", self.image, *shell("true"), message="wrong")

    def test_shared_memory_of_the_parent(self):
        path = f"/dev/shm/agena-test-{os.getpid()}"
        with open(path, "w", encoding="ascii") as stream:
            stream.write("hosts")
        try:
            script = f"cat {path} 2>/dev/null || echo none; echo"
            self.assertEqual("hosts", self.run_in("systemd", script, "--ipc=parent")[0])
            self.assertEqual("none", self.run_in("systemd", script)[0])
        finally:
            os.unlink(path)

    def test_prepared(self):
        uuid = self.agena("prepare", self.image, *shell("readlink /proc/self/ns/ipc")).out.strip()
        done = self.agena("run-prepared", "--net=none", "--ipc=parent", uuid)
        self.assertEqual([os.readlink("/proc/self/ns/ipc")], done.texts)


class Walls(EnvironmentCase):
    """What an app must not see."""

    def test_the_pods_root_is_out_of_reach(self):
        script = ("ls -A /run/agena /opt/stage2 /rkt 2>/dev/null; ls /proc/1/root 2>/dev/null && echo root; "
                  "ls /proc/1/cwd/ 2>/dev/null && echo cwd; readlink /proc/1/fd/* 2>/dev/null && echo fds; "
                  "grep -c -e /run/agena -e opt/stage2/other /proc/self/mountinfo")
        self.assertEqual(["0"], self.run_in("systemd", script, check=1))

    def test_roots_of_other_apps_are_not_mounted(self):
        done = self.agena("run", "--net=none", self.image, "--name=a", *shell("sed 's/^[0-9]* //' /proc/self/mountinfo"),
                          "---", self.image, "--name=b", *shell("sed 's/^[0-9]* //' /proc/self/mountinfo"))
        for app, other in (("a", "b"), ("b", "a")):
            text = "\n".join(line for name, line in done.lines if name == app)
            self.assertIn(" / ", text)
            self.assertNotIn(f"app-{other}", text)

    def test_protected_paths(self):
        hidden = [path for path in ("config.gz", "kallsyms", "kcore", "keys", "sched_debug", "timer_list", "interrupts")
                  if os.path.exists("/proc/" + path)]
        script = "; ".join(f"test -c /proc/{path} && echo {path}" for path in hidden)
        self.assertEqual(hidden, self.run_in("systemd", script + "; true"))
        directories = [path for path in ("/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware", "/sys/hypervisor",
                                         "/sys/module", "/sys/power", "/sys/devices/virtual/powercap")
                       if os.path.isdir(path)]
        self.assertEqual([], self.run_in("systemd", f"ls -A {' '.join(directories)} | grep -v -e : -e '^$'", check=1))
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/panic_on_oom",
                     "/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs"):
            self.assertEqual(["refused"], self.run_in(
                "systemd", f"(echo 0 >> {path}) 2>/dev/null || echo refused"), path)

    def test_protection_can_be_waived(self):
        done = self.agena("--insecure-options=paths", "run", "--net=none", self.image,
                          *shell("test -c /proc/kallsyms || echo plain; ls /sys/module | grep -c ."))
        self.assertEqual("plain", done.texts[0])
        self.assertNotEqual("0", done.texts[1])

    def test_devices(self):
        nodes = sorted(self.run_in("systemd", "ls /dev"))
        self.assertEqual(sorted(["fd", "full", "log", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
                                 "stdout", "tty", "urandom", "zero"]), nodes)

    def test_console_of_an_interactive_app(self):
        terminal = Terminal(self.argv("run", "--net=none", "--interactive", self.image, *shell(
            "test -c /dev/console && echo 'to the console' > /dev/console; test -t 0 && test $(stat -c %t:%T /dev/console) = "
            "$(stat -c %t:%T $(readlink /proc/self/fd/0)) && echo same")))
        terminal.expect(b"same")
        self.assertEqual(0, terminal.finish())
        self.assertIn(b"to the console", terminal.text)
