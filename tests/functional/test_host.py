"""The pod and its host: groups and modes of the data directory, the units and snippets to install, what a service manager
passes and hears. All without systemd on the host, by stand-ins for what it does."""

import os
import re
import shutil
import socket
import stat
import struct
import unittest

from harness import FLY, PATIENCE, SOURCE, Case, Images, read, shell

GROUP = 45678  # gid that nobody has
OTHER = 45679
PERSONALITIES = ("agena", "rkt")


def mode(path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


class Groups(Case):
    """A host with a group `agena`, whose members may look at everything and change nothing."""

    def setUp(self):
        super().setUp()
        # A command that sees an /etc/group of ours, without touching the host's.
        with open("/etc/group", encoding="utf-8") as own, open(self.top + "/group", "w", encoding="utf-8") as fake:
            fake.writelines(line for line in own if line.split(":")[0] not in PERSONALITIES)
            fake.write(f"agena:x:{GROUP}:\n")
        self.with_group = ["unshare", "--mount", "sh", "-c", f"mount --bind {self.top}/group /etc/group && exec \"$@\"",
                           "sh"]

    def as_root(self, *words, check=0):
        return self.run_argv(self.with_group + self.argv(*words), check=check)

    def as_user(self, group, *words, check=0):
        return self.run_argv(["setpriv", "--reuid=45680", "--regid=45680", f"--groups={group}", *self.argv(*words)],
                             check=check)

    def make_pod(self) -> str:
        self.as_root("run", "--net=none", Images.busybox(), *shell("exit 3"), check=3)
        return self.only_pod()

    def test_tree(self):
        self.make_pod()
        for path, wanted in (("", 0o2750), ("locks", 0o2750), ("cas", 0o2770), ("cas/images", 0o2770),
                             ("cas/blobs/sha256", 0o2770), ("pods", 0o2750), ("pods/run", 0o2750)):
            place = os.path.join(self.data, path)
            self.assertEqual((oct(wanted), GROUP), (oct(mode(place)), os.stat(place).st_gid), path)
        for path in ("cas/layers", "cas/staging", "cas/trash"):
            self.assertEqual(oct(0o700), oct(mode(f"{self.data}/{path}") & 0o777), path)

    def test_members_may_look(self):
        uuid = self.make_pod()
        self.assertIn(uuid[:8], self.as_user(GROUP, "list", "--no-legend").out)
        self.assertIn("busybox", self.as_user(GROUP, "image", "list", "--no-legend").out)
        status = self.as_user(GROUP, "status", uuid).out
        self.assertIn("state=exited\n", status)
        self.assertIn("app-busybox=3\n", status)
        self.assertEqual(self.as_root("cat-manifest", uuid).out, self.as_user(GROUP, "cat-manifest", uuid).out)

    def test_members_may_not_change(self):
        uuid = self.make_pod()
        for words in (["rm", uuid], ["gc"], ["run", "--net=none", Images.busybox()], ["prepare", Images.busybox()],
                      ["enter", uuid, "/bin/true"]):
            done = self.as_user(GROUP, *words, check=254)
            self.assertEqual("cannot run as unprivileged user", done.err.partition("\n")[0].partition(": ")[2], str(done))
        # Layers hold files of any owner and set-user-ID programs: only root can lay them out.
        done = self.as_user(GROUP, "fetch", Images.busybox("oci"), check=254)
        self.assertIn("ermission denied", done.err)
        self.assertEqual([f"run/{uuid}"], self.pod_directories())

    def test_others_may_not_look(self):
        uuid = self.make_pod()
        for words in (["list"], ["image", "list"], ["status", uuid], ["cat-manifest", uuid]):
            done = self.as_user(OTHER, *words, check=254)
            self.assertIn("ermission denied", done.err)
            self.assertEqual("", done.out)

    def test_without_the_group(self):
        self.agena("fetch", Images.busybox())
        self.assertEqual((oct(0o2750), 0), (oct(mode(self.data)), os.stat(self.data).st_gid))

    def test_a_directory_that_is_there_keeps_its_group(self):
        os.mkdir(self.data)
        os.chown(self.data, 0, OTHER)
        os.chmod(self.data, 0o2755)
        self.as_root("fetch", Images.busybox())
        self.assertEqual((oct(0o2755), OTHER), (oct(mode(self.data)), os.stat(self.data).st_gid))
        self.assertEqual(OTHER, os.stat(self.data + "/cas/images").st_gid)


class Files(Case):
    """What is installed for a host's systemd."""

    needs_root = False

    def setUp(self):
        super().setUp()
        self.prefix = os.path.join(self.top, "prefix")
        self.run_argv(["cmake", f"-DPREFIX={self.prefix}", f"-DOUTPUT={self.prefix}", "-P",
                       SOURCE + "/cmake/HostFiles.cmake"])
        os.mkdir(self.prefix + "/bin")
        for name in PERSONALITIES:
            os.symlink(self.binary, f"{self.prefix}/bin/{name}")

    def test_whole(self):
        for path, _, names in os.walk(self.prefix + "/lib"):
            for name in names:
                self.assertNotRegex(read(os.path.join(path, name)), r"@[A-Z]+@", name)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_units_verify(self):
        units = os.path.join(self.prefix, "lib/systemd/system")
        for name in PERSONALITIES:
            self.run_argv(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"{units}/{name}-gc.service",
                           f"{units}/{name}-gc.timer", f"{units}/{name}@.service", f"{units}/{name}-metadata.service",
                           f"{units}/{name}-metadata.socket"])

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "systemd-sysusers is not installed")
    def test_groups(self):
        root = os.path.join(self.top, "root")
        os.makedirs(root + "/etc")
        for name in PERSONALITIES:
            self.run_argv(["systemd-sysusers", f"--root={root}", f"{self.prefix}/lib/sysusers.d/{name}.conf"])
        made = [line.split(":")[0] for line in read(root + "/etc/group").splitlines()]
        self.assertEqual(sorted(["agena", "agena-admin", "rkt", "rkt-admin"]), sorted(made))

    @unittest.skipUnless(shutil.which("systemd-tmpfiles"), "systemd-tmpfiles is not installed")
    def test_tree_is_the_commands_own(self):
        """The directories of tmpfiles.d are those that the command makes, with the same modes."""
        self.agena("run", "--net=none", Images.busybox(), *shell("true"))
        listed = {}
        for line in read(self.prefix + "/lib/tmpfiles.d/agena.conf").splitlines():
            match = re.match(r"d /var/lib/agena(\S*) (\d+) ", line)
            if match:
                listed[match[1]] = int(match[2], 8)
        made = {"": mode(self.data)}
        for path, names, _ in os.walk(self.data):
            depth = path[len(self.data):].count("/")
            for name in names:
                place = os.path.join(path, name)
                below = place[len(self.data):]
                if depth < 1 or below.startswith(("/cas/", "/pods/")) and depth < 2 or below == "/cas/blobs/sha256":
                    made[below] = mode(place)
        # The kernel hands set-gid down to directories that are root's alone.
        self.assertEqual({path: oct(bits & ~0o2000 if bits & 0o777 == 0o700 else bits) for path, bits in made.items()},
                         {path: oct(bits) for path, bits in listed.items()})

    def test_inotify_limit(self):
        text = read(self.prefix + "/lib/sysctl.d/50-agena.conf")
        self.assertRegex(text, r"(?m)^fs\.inotify\.max_user_instances = \d+$")


def web_image(case, name="web", port=80, **more) -> str:
    """An image whose app has a socket-activated port `http`."""
    ports = [{"name": "http", "protocol": "tcp", "port": port, "socketActivated": True, **more}]
    return case.small_image(f"example.com/{name}", ports=ports)


class Notify(Case):
    """What a unit of Type=notify with NotifyAccess=main hears."""

    def setUp(self):
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.top + "/notify")
        self.manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.manager.settimeout(PATIENCE)
        self.notify = {"NOTIFY_SOCKET": self.top + "/notify"}

    def hear(self, process) -> list:
        """Lines of the next message, which must come from the process that was started."""
        data, control, _, _ = self.manager.recvmsg(4096, socket.CMSG_SPACE(12))
        pid, _, _ = struct.unpack("iii", control[0][2])
        self.assertEqual(process.pid, pid)
        return data.decode().splitlines()

    def test_ready_and_stopping(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell("trap 'exit 0' TERM; while :; do sleep 0.05; done"),
                                       env=self.notify)
        self.assertEqual("READY=1", self.hear(process)[0])
        process.terminate()
        self.assertEqual(["STOPPING=1", "STATUS=stopping: asked to stop"], self.hear(process))
        self.finish(process)

    def test_failing_app_stops_the_pod(self):
        process = self.start("run", "--net=none", Images.busybox(), "--name=a", *shell("exit 3"), "---", Images.busybox(),
                             "--name=b", *shell("sleep 1000"), env=self.notify)
        heard = self.hear(process)
        while heard[0] != "STOPPING=1":
            heard = self.hear(process)
        self.assertEqual(["STOPPING=1", "STATUS=stopping: an app has failed"], heard)
        self.finish(process, check=3)

    def test_fly(self):
        process = self.start("run", "--stage1-name=" + FLY, Images.busybox(), *shell("echo [$NOTIFY_SOCKET]"), env=self.notify)
        self.assertEqual(["READY=1"], self.hear(process))
        self.assertEqual("[]\n", self.finish(process).out)


class BrokenManager(Case):
    """A host that looks as if it had systemd and a bus, which do not answer: the pod runs, and the user is told why it is not
    registered. The host's /run is another one for the command."""

    def run_with(self, script):
        setup = f"mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/dbus && {script} && exec \"$@\""
        return self.run_argv(["unshare", "--mount", "sh", "-c", setup, "sh",
                              *self.argv("run", "--net=none", Images.busybox(), *shell("sleep 0.5; exit 3"))], check=3)

    def test_nobody_listens(self):
        done = self.run_with("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/dbus/system_bus_socket\")'")
        self.assertEqual(["stage1: warning: registering with systemd-machined: connecting to '/run/dbus/system_bus_socket': "
                          "connection refused", "stage1: warning: the pod is not registered with systemd-machined"],
                         done.err.splitlines())
        self.assertEqual("3", self.status(self.only_pod())["app-busybox"])
        self.assertFalse(os.path.exists(self.pod_path(self.only_pod()) + "/machine"))

    def test_without_a_bus(self):
        self.assertEqual("", self.run_with("true").err)
        self.assertFalse(os.path.exists(self.pod_path(self.only_pod()) + "/machine"))


# What an app sees of the sockets that it was started with.
TELL = ("echo fds=$LISTEN_FDS names=$LISTEN_FDNAMES; [ \"$LISTEN_PID\" = $$ ] && echo mine; "
        "for fd in /proc/$$/fd/*; do printf %s= ${fd##*/}; readlink $fd || echo; done")


class PassedSockets(Case):
    """Sockets that a service manager passes to the command (sd_listen_fds(3)) reach the app that they are for."""

    def listen(self, *protocols) -> list:
        made = []
        for kind in protocols or [socket.SOCK_STREAM]:
            one = socket.socket(socket.AF_INET, kind)
            self.addCleanup(one.close)
            one.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                one.listen()
            made.append(one)
        return made

    def activated(self, sockets, names, *words) -> list:
        """The command line as a service manager would start it: descriptors from 3 on, and variables."""
        self.fds = [one.fileno() for one in sockets]
        # First out of the way of each other, then to their places.
        moves = " ".join(f"exec {50 + i}<&{fd};" for i, fd in enumerate(self.fds))
        moves += " ".join(f"exec {3 + i}<&{50 + i} {50 + i}<&-;" for i in range(len(self.fds)))
        closes = " ".join(f"exec {fd}<&-;" for fd in self.fds if fd >= 3 + len(self.fds))
        script = f"{moves} {closes} export LISTEN_FDS={len(sockets)} LISTEN_FDNAMES={':'.join(names)} LISTEN_PID=$$; exec \"$@\""
        return ["bash", "-c", script, "bash", *self.argv(*words)]

    def run_activated(self, sockets, names, *words, check=0):
        command = self.activated(sockets, names, *words)
        return self.run_argv(command, check=check, pass_fds=self.fds)

    def inode(self, one) -> str:
        return os.readlink(f"/proc/self/fd/{one.fileno()}")

    def test_reach_the_app(self):
        first, second = self.listen(socket.SOCK_STREAM, socket.SOCK_DGRAM)
        done = self.run_activated([first, second], ["http", "other"], "run", "--net=none", web_image(self), *shell(TELL))
        self.assertEqual("fds=2 names=http:other", done.texts[0])
        self.assertEqual("mine", done.texts[1])
        self.assertIn("3=" + self.inode(first), done.texts)
        self.assertIn("4=" + self.inode(second), done.texts)
        # The shell's own descriptor of the directory is gone before it could be read.
        open_ones = [text.partition("=")[0] for text in done.texts[2:] if not text.endswith("=")]
        self.assertEqual(["0", "1", "2", "3", "4"], sorted(open_ones))

    def test_reach_the_right_app(self):
        sockets = self.listen(socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_STREAM)
        number = sockets[1].getsockname()[1]
        done = self.run_activated(
            sockets, ["http", "unit.socket", "admin"], "run", "--net=none",
            web_image(self, "a"), *shell(TELL), "---",
            self.small_image("example.com/b", ports=[
                {"name": "admin", "protocol": "tcp", "port": 1, "socketActivated": True},
                {"name": "more", "protocol": "tcp", "port": number, "socketActivated": True}]), *shell(TELL), "---",
            self.small_image("example.com/plain"), *shell("echo fds=$LISTEN_FDS names=$LISTEN_FDNAMES"))
        self.assertIn(("a", "fds=1 names=http"), done.lines)
        self.assertIn(("a", "3=" + self.inode(sockets[0])), done.lines)
        self.assertIn(("b", "fds=2 names=unit.socket:admin"), done.lines)
        self.assertIn(("b", "3=" + self.inode(sockets[1])), done.lines)
        self.assertIn(("b", "4=" + self.inode(sockets[2])), done.lines)
        self.assertIn(("plain", "fds= names="), done.lines)

    def test_that_nobody_wants(self):
        done = self.run_activated(self.listen(), ["x.socket"], "run", "--net=none", Images.busybox(), *shell("true"), check=254)
        self.assertIn("but no app has a port with socketActivated", done.err)
        done = self.run_activated(self.listen(), ["x.socket"], "run", "--net=none", web_image(self, "a", 1), *shell("true"), "---",
                                  web_image(self, "b", 2), *shell("true"), check=254)
        self.assertIn("fits none of the socket-activated ports: 'http' of app 'a' (tcp port 1), 'http' of app 'b'", done.err)

    def test_of_somebody_else_are_left_alone(self):
        done = self.agena("run", "--net=none", Images.busybox(), *shell("echo fds=$LISTEN_FDS"),
                          env={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
        self.assertEqual(["fds="], done.texts)

    def test_enter_keeps_them(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell("echo up; sleep 1000"))
        self.wait_output(process, "up")
        one = self.listen()
        done = self.run_activated(one, ["http"], "enter", uuid, "/bin/sh", "-c", TELL)
        self.assertEqual(["fds=1 names=http", "mine"], done.out.splitlines()[:2])
        self.assertIn("3=" + self.inode(one[0]), done.out.splitlines())
        self.agena("stop", uuid)
        self.finish(process)

    def test_fly(self):
        one = self.listen()
        done = self.run_activated(one, ["http"], "run", "--stage1-name=" + FLY, web_image(self), *shell(TELL))
        self.assertIn("fds=1 names=http\nmine\n", done.out)
        self.assertIn("3=" + self.inode(one[0]) + "\n", done.out)


class ListeningInThePod(Case):
    """Without passed sockets the pod's systemd listens, and starts the app at the first connection."""

    def free_port(self) -> int:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    def test_first_connection_starts_the_app(self):
        port = self.free_port()
        process, uuid = self.start_pod("--net=host", web_image(self, port=port), *shell(TELL + "; exit 5"))
        self.agena("status", "--wait-ready=30s", uuid)
        self.assertEqual("", self.output(process))
        with socket.create_connection(("127.0.0.1", port)):
            done = self.finish(process, check=5)
        self.assertEqual(["fds=1 names=http", "mine"], done.texts[:2])
        self.assertRegex("\n".join(done.texts), r"(?m)^3=socket:")
        self.assertEqual("5", self.status(uuid)["app-web"])

    def test_stop_before_any_connection(self):
        process, uuid = self.start_pod("--debug", "--net=none", web_image(self), *shell("true"))
        self.agena("status", "--wait-ready=30s", uuid)
        self.agena("stop", uuid)
        self.finish(process)
        # There was nothing to wait for.
        self.assertNotIn("did not end in time", self.errors(process))

    def test_other_protocols(self):
        done = self.agena("run", "--net=none", web_image(self, protocol="sctp"), *shell("true"), check=254)
        self.assertIn("port 'http' of app 'web' cannot be socket-activated: its protocol is 'sctp'", done.err)


if __name__ == "__main__":
    unittest.main()
