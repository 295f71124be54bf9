"""The escape suite: attempts to get out of a pod or to harm the host, as root under default settings. Each must fail."""

import ctypes
import os
import signal
import socket
import subprocess
import threading
import uuid as uuids

import attempts
from harness import FLY, SOURCE, Case, Terminal, descendants, read, wait_until


AT_FDCWD = -100
# All that an image's manifest can ask for.
GREEDY = [
    {"name": "os/linux/capabilities-retain-set", "value": {"set": [
        "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
        "CAP_KILL", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN",
        "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW", "CAP_PERFMON", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP",
        "CAP_SETUID", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_NICE",
        "CAP_SYS_PACCT", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
        "CAP_WAKE_ALARM"]}},
    {"name": "os/linux/seccomp-retain-set", "value": {"set": ["@appc.io/all"]}},
    {"name": "os/linux/no-new-privileges", "value": False},
    {"name": "os/linux/apparmor-profile", "value": "unconfined"},
    {"name": "os/linux/selinux-context", "value": {"user": "system_u", "role": "system_r", "type": "unconfined_t", "level": "s0"}},
    {"name": "os/linux/oom-score-adj", "value": -1000},
    {"name": "os/linux/cpu-shares", "value": 262144},
    {"name": "agena/rlimits", "value": [{"name": name, "soft": "unlimited", "hard": "unlimited"}
                                        for name in ("memlock", "nofile", "nproc", "nice", "rtprio")]},
]
RENAME_EXCHANGE = 2


def landlock_version() -> int:
    create_ruleset = 444
    return max(0, ctypes.CDLL(None).syscall(create_ruleset, None, 0, 1))


class Escape(Case):
    def setUp(self):
        super().setUp()
        self.image = attempts.image(self.top + "/escape.aci")
        self.volume = self.top + "/volume"
        os.mkdir(self.volume)
        self.mount = [f"--volume=volume,kind=host,source={self.volume}"]

    def name_targets(self, *pids):
        """Lets the attacker begin."""
        with open(self.volume + "/pids.new", "w", encoding="ascii") as stream:
            stream.writelines(f"{pid}\n" for pid in pids)
        os.rename(self.volume + "/pids.new", self.volume + "/pids")

    def in_pod(self, *flags) -> dict:
        """All attempts, in a pod with another app of the same rights."""
        attacker = [self.image, "--name=attacker", "--mount=volume=volume,target=/volume",
                    "--environment=ESCAPE_VICTIM=1", "--exec=/bin/sh", "--", "-c", attempts.ATTACK]
        victim = [self.image, "--name=victim", "--exec=/bin/escape", "--", "--victim", "---"]
        process, _ = self.start_pod("--net=none", *flags, *self.mount, *victim, *attacker)
        self.name_targets(process.pid, os.getpid(), *(pid for pid, _ in descendants(process.pid)))
        last = attempts.listed()[-1][0]
        wait_until(lambda: f"{last}\t" in self.output(process) or process.poll() is not None, "the last attempt", 300)
        found = attempts.parse(self.texts(process))
        self.assertEqual(None, process.poll(), self.output(process) + self.errors(process))
        process.send_signal(signal.SIGTERM)
        self.finish(process, check=None)
        return found

    def texts(self, process) -> list:
        return [line.partition("]: ")[2] for line in self.output(process).splitlines()]

    def in_fly(self) -> dict:
        self.name_targets(os.getpid())
        done = self.agena("run", "--stage1-name=" + FLY, self.image, *self.mount,
                          "--mount=volume=volume,target=/volume")
        return attempts.parse(done.out.splitlines())

    @staticmethod
    def beyond_this_kernel() -> tuple:
        """Attempts that only Landlock refuses."""
        return ("app-trace", "app-memory", "app-root") if landlock_version() < 2 else ()

    def check_refused(self, found: dict):
        names = [name for name, _ in attempts.listed()]
        self.assertEqual(names, list(found))
        through = {name: detail for name, (verdict, detail) in found.items()
                   if verdict == "through" and name not in self.beyond_this_kernel()}
        self.assertEqual({}, through)
        # What must be there to be tried.
        for name in ("app-trace", "signal", "proc-write", "sys-write", "disk-nodes"):
            self.assertNotEqual("absent", found[name][0], name)


class Pod(Escape):
    def test_default(self):
        self.check_refused(self.in_pod())

    def test_copied_roots(self):
        self.check_refused(self.in_pod("--no-overlay"))

    def test_user_namespace(self):
        self.check_refused(self.in_pod("--private-users"))

    def test_without_privileges(self):
        self.check_refused(self.in_pod("--user=1000", "--group=1000"))

    def test_image_that_asks_for_everything(self):
        """Isolators of an image that nobody vouches for only narrow: what is in it does not decide its own confinement."""
        self.image = attempts.image(self.top + "/greedy.aci", GREEDY)
        self.check_refused(self.in_pod())

    def test_image_that_removes_one_call(self):
        """A remove set means all but some; of an image, it is the default list but some."""
        self.image = attempts.image(self.top + "/modest.aci", [
            {"name": "os/linux/seccomp-remove-set", "value": {"set": ["swapon"]}}])
        self.check_refused(self.in_pod())

    def test_apps_that_may_trace(self):
        found = self.in_pod("--caps-retain=CAP_SYS_PTRACE,CAP_DAC_OVERRIDE")
        for name in ("app-trace", "app-root"):
            self.assertEqual("through", found[name][0], (name, found[name]))

    def test_attempts_get_through_where_nothing_holds_them(self):
        """The program can succeed: a suite whose attempts always fail would show nothing."""
        found = self.in_fly()
        for name in ("mount", "sethostname", "bpf", "signal", "proc-write"):
            self.assertEqual("through", found[name][0], (name, found[name]))


class Page(Escape):
    def test_table_has_every_attempt(self):
        rows = [line.split(" | ")[0][2:] for line in read(os.path.join(SOURCE, "docs", "security.md")).splitlines()
                if line.startswith("| ")]
        self.assertEqual([what for _, what in attempts.listed()], rows[rows.index("Attempt") + 1:])


class Leaks(Escape):
    def test_descriptors_of_systemd(self):
        process, uuid = self.start_pod("--net=none", self.image, "--exec=/bin/escape", "--", "--victim")
        self.wait_output(process, "victim")
        init = descendants(process.pid)[0][0]
        pod_namespace = os.readlink(f"/proc/{init}/ns/mnt")
        self.assertNotEqual(os.readlink("/proc/self/ns/mnt"), pod_namespace)
        for name in os.listdir(f"/proc/{init}/fd"):
            target = os.readlink(f"/proc/{init}/fd/{name}")
            # What it opened itself, in its own root.
            good = target.startswith(("anon_inode:", "socket:", "pipe:", "/dev/null", "/proc", "/sys/fs/cgroup", "/run"))
            self.assertTrue(good, f"{name} -> {target}")
        environment = read(f"/proc/{init}/environ")
        self.assertNotIn("RKT_LOCK_FD", environment)
        self.assertNotIn("HOME=", environment)
        self.agena("stop", "--force", uuid)
        self.finish(process, check=None)

    def test_descriptors_of_entered_programs(self):
        process, uuid = self.start_pod("--net=none", self.image, "--exec=/bin/escape", "--", "--victim")
        self.wait_output(process, "victim")
        done = self.agena("enter", uuid, "/bin/escape", "descriptors")
        self.assertEqual({"descriptors": ("refused", "EBADF")}, attempts.parse(done.out.splitlines()))
        self.agena("stop", "--force", uuid)
        self.finish(process, check=None)

    def test_session_keyring(self):
        """With the filter waived: the pod's keyring is not that of the one who started it."""
        def serial(line):
            return attempts.parse([line])["keyring-session"][1]
        here = subprocess.run([attempts.program(), "keyring-session"], capture_output=True, text=True, check=True).stdout
        done = self.agena("--insecure-options=seccomp", "run", "--net=none", self.image, "--", "keyring-session")
        self.assertIn("keyring ", serial(done.texts[0]))
        self.assertNotEqual(serial(here.strip()), serial(done.texts[0]))


class Terminals(Escape):
    def test_nothing_is_typed_for_the_caller(self):
        command = " ".join(self.argv("run", "--net=none", "--interactive", self.image, "--", "tiocsti"))
        terminal = Terminal(["/bin/bash", "-c", f"{command}; read -t 1 line; echo \"read<$line>\""])
        terminal.expect(b"read<")
        terminal.finish()
        self.assertIn(b"read<>", terminal.text)


class Races(Escape):
    def test_symlinks_in_volumes(self):
        """A volume's content changes between a directory and a symlink out of it while another pod mounts below it."""
        target = f"/agena-escape-{uuids.uuid4()}"
        inner = self.top + "/inner"
        os.makedirs(self.volume + "/door/room")
        os.mkdir(inner)
        os.symlink(target, self.volume + "/link")
        done = threading.Event()

        door, link = (os.fsencode(self.volume + "/" + name) for name in ("door", "link"))
        libc = ctypes.CDLL(None)

        def swap():
            while not done.is_set():
                self.assertEqual(0, libc.renameat2(AT_FDCWD, door, AT_FDCWD, link, RENAME_EXCHANGE))
        thread = threading.Thread(target=swap)
        thread.start()
        try:
            for _ in range(8):
                result = self.agena("run", "--net=none", *self.mount, f"--volume=inner,kind=host,source={inner}",
                                    self.image, "--mount=volume=volume,target=/volume",
                                    "--mount=volume=inner,target=/volume/door/room", "--exec=/bin/sh", "--", "-c",
                                    "true", check=None)
                self.assertIn(result.code, (0, 254), str(result))
                self.assertFalse(os.path.lexists(target))
        finally:
            done.set()
            thread.join()
        self.assertEqual([], [line for line in read("/proc/self/mountinfo").splitlines() if target in line])


class HostNetwork(Escape):
    def test_abstract_sockets(self):
        if landlock_version() < 6:
            self.skipTest("needs Landlock of Linux 6.12")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind("\0agena-escape-" + str(uuids.uuid4()))
            listener.listen()
            done = self.agena("run", "--net=host", self.image, "--", "abstract-socket")
        self.assertEqual("refused", attempts.parse(done.texts)["abstract-socket"][0], done)
