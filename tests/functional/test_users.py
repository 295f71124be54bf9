"""Users of apps in both flavours, and pods with user namespaces of their own (--private-users)."""

import json
import os
import signal

from harness import FLY, Case, Images, Terminal, children_of, directory, file, read, shell, state_of, wait_until
from imagekit import docker

PASSWD = "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\nlone:x:500:77::/:/bin/sh\n"
GROUP = "root:x:0:\nweb:x:34:\nstaff:x:50:web,other\nlogs:x:51:web\n"
IDS = "id -u; id -g; id -G"
WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
RANGE = 65536


def private_range(path: str) -> int:
    """Where the range of a pod (its directory) begins."""
    first, count = read(path + "/private-users-prepared").split(":")
    assert count == str(RANGE), count
    return int(first)


class Users:
    """Each form of a user, from the command line to the ids of the process; FLAGS make the flavour."""

    FLAGS = ()

    def ids(self, *flags, image=None, **more):
        """uid, gid and all gids of an app."""
        image = image or self.small_image(entries=[
            directory("etc"), file("etc/passwd", PASSWD), file("etc/group", GROUP),
            file("owned", "x", uid=1234, gid=4321)])
        done = self.agena("run", *self.FLAGS, image, *flags, *shell(IDS), **more)
        return done.texts if self.console else done.out.splitlines()

    def refused(self, *flags) -> str:
        image = self.small_image(name="example.com/refusing", entries=[directory("etc"), file("etc/passwd", PASSWD),
                                                                      file("etc/group", GROUP)])
        done = self.agena("run", *self.FLAGS, image, *flags, *shell("echo started"), check=217)
        self.assertEqual("", done.out)
        return done.err

    def test_numbers(self):
        self.assertEqual(["1000", "2000", "2000"], self.ids("--user=1000", "--group=2000"))

    def test_names(self):
        # A group that is given is all that an app has, as appc says.
        self.assertEqual(["33", "50", "50"], self.ids("--user=web", "--group=staff"))

    def test_owner_of_a_file(self):
        self.assertEqual(["1234", "4321", "4321"], self.ids("--user=/owned", "--group=/owned"))

    def test_supplementary_groups(self):
        self.assertEqual(["33", "34", "34 7 8"], self.ids("--user=web", "--group=web", "--supplementary-gids=8,7,8"))

    def test_unknown_ones_are_named(self):
        for flags, message in (
                (["--user=ghost"], "user 'ghost' not found in the image's /etc/passwd"),
                (["--group=ghosts"], "group 'ghosts' not found in the image's /etc/group"),
                (["--user=/no/file"], "'/no/file'")):
            with self.subTest(flags):
                error = self.refused(*flags)
                self.assertIn(message, error)
                self.assertIn("app 'refusing'", error)

    def docker_image(self, user: str) -> str:
        busybox = read("/bin/busybox", "rb")
        layer = [directory("bin"), file("bin/busybox", busybox, 0o755), file("bin/sh", busybox, 0o755), directory("etc"),
                 file("etc/passwd", PASSWD), file("etc/group", GROUP)]
        image = docker.Image(layers=[layer], repo_tags=[f"users/u{user.replace(':', '-')}:1"],
                             config={"config": {"User": user, "Cmd": ["/bin/sh", "-c", IDS]}})
        return "docker-archive:" + docker.write(os.path.join(self.top, "image.tar"), docker.flat([image]))

    def test_docker_rules(self):
        for user, ids in (
                ("", ["0", "0", "0"]),
                ("web", ["33", "34", "34 50 51"]),  # primary group and all that list the user
                ("33", ["33", "34", "34"]),  # by number only the primary one, as OCI has it
                ("500", ["500", "77", "77"]),
                ("4000", ["4000", "0", "0"]),  # nobody's entry
                ("web:logs", ["33", "51", "51"]),
                ("33:9", ["33", "9", "9"])):
            with self.subTest(user):
                done = self.agena("run", *self.FLAGS, self.docker_image(user))
                self.assertEqual(ids, done.texts if self.console else done.out.splitlines(), done)


class UsersOfSystemd(Users, Case):
    FLAGS, console = ("--net=none",), True


class UsersOfFly(Users, Case):
    FLAGS, console = ("--net=host", "--stage1-name=" + FLY), False


class UsersOfPrivateUsers(Users, Case):
    FLAGS, console = ("--net=none", "--private-users"), True


class PrivateUsers(Case):
    """Pods with user namespaces of their own."""

    OVERLAY = ()

    def run_private(self, *words, **more):
        return self.agena("run", "--net=none", "--private-users", *self.OVERLAY, *words, **more)

    def start_private(self, *words, script=WAIT):
        process, uuid = self.start_pod("--net=none", "--private-users", *self.OVERLAY, Images.busybox(), *words,
                                       *shell(script))
        self.wait_output(process, "up")
        return process, uuid

    def stop_pod(self, process):
        process.send_signal(signal.SIGTERM)
        self.finish(process)

    def app_pid(self, uuid: str) -> int:
        """Of the app's process, on the host."""
        found = wait_until(lambda: children_of(self.init_pid(uuid)), "the app runs")
        return found[0]

    def init_pid(self, uuid: str) -> int:
        """Of the pod's PID 1, on the host; its parent is the supervisor."""
        return children_of(int(self.status(uuid)["pid"]))[0]

    def ids_of(self, pid: int) -> list:
        return next(line.split()[1:] for line in read(f"/proc/{pid}/status").splitlines() if line.startswith("Uid:"))

    def test_root_is_somebody_else_outside(self):
        process, uuid = self.start_private()
        first = private_range(self.pod_path(uuid))
        for pid in (self.app_pid(uuid), self.init_pid(uuid)):
            self.assertEqual([str(first)] * 4, self.ids_of(pid))
        self.assertNotEqual(os.readlink("/proc/self/ns/user"), os.readlink(f"/proc/{self.app_pid(uuid)}/ns/user"))
        self.stop_pod(process)

    def test_other_users_and_their_files(self):
        image = self.small_image(entries=[file("of-web", "x", uid=33, gid=34), file("high", "x", uid=70000, gid=70000)])
        done = self.run_private(image, "--user=1000", "--group=1001",
                                *shell("id -u; stat -c %u:%g /of-web /high; touch /tmp/mine; stat -c %u:%g /tmp/mine"))
        # What belongs to ids that the pod has not is nobody's.
        self.assertEqual(["1000", "33:34", *(["65534:65534"]), "1000:1001"], done.texts)

    def test_what_root_may_do_in_the_pod(self):
        done = self.run_private(Images.busybox(), *shell(
            "mkdir -p /a/b && chown 7:8 /a/b && stat -c %u:%g /a/b; chmod 4755 /a/b; stat -c %a /a/b; "
            "mv /a /c && rm -r /c && echo removed; rm /bin/arch && mkdir /bin/arch && echo replaced; "
            "mount -t tmpfs none /tmp 2>/dev/null || echo no mount; mknod /tmp/disk b 8 0 2>/dev/null || echo no mknod; "
            "hostname x 2>/dev/null || echo no hostname"))
        self.assertEqual(["7:8", "4755", "removed", "replaced", "no mount", "no mknod", "no hostname"], done.texts)

    def test_files_on_the_host(self):
        done = self.run_private(Images.busybox(), *shell("touch /made; mkdir -p /srv; chown 5:6 /srv"))
        self.assertEqual(0, done.code)
        path = self.pod_path(self.only_pod())
        first = private_range(path)
        root = path + ("/stage1/rootfs/opt/stage2/busybox/rootfs" if self.OVERLAY else "/overlay/app-busybox/upper")
        made, srv = os.stat(root + "/made"), os.stat(root + "/srv")
        self.assertEqual((first, first, first + 5, first + 6), (made.st_uid, made.st_gid, srv.st_uid, srv.st_gid))
        # What the engine itself keeps of the pod is the host's.
        for name in ("pod", "ppid", "subcgroup", "flavor", "private-users-prepared"):
            self.assertEqual(0, os.lstat(f"{path}/{name}").st_uid, name)
        base = path + ("/stage1/rootfs" if self.OVERLAY else "/overlay/stage1/upper")
        for name in ("rkt/status/busybox", "rkt/env/busybox", "etc/hostname"):
            self.assertEqual(first, os.stat(f"{base}/{name}").st_uid, name)

    def test_set_user_id_programs(self):
        busybox = read("/bin/busybox", "rb")
        image = self.small_image(entries=[directory("set"), file("set/su", busybox, 0o4755), directory("etc"),
                                          file("etc/passwd", "root::0:0::/:/bin/sh\nweb:x:33:34::/:/bin/sh\n")])
        # A filter of an app that is not root forbids new privileges.
        done = self.run_private("--insecure-options=seccomp", image, "--user=web",
                                *shell("id -u; /set/su root -c 'id -u'"))
        # What su tells syslog is among the lines.
        self.assertEqual(["33", "0"], [line for line in done.texts if not line.startswith("su: ")])

    def test_environment_and_devices(self):
        done = self.run_private(Images.busybox(), *shell(
            "echo x > /dev/null && head -c 1 /dev/zero | wc -c; test -c /dev/tty && echo tty; ls /dev/pts; "
            "echo y > /dev/stdout; test -w /dev/shm && echo shm; cat /etc/hostname | wc -l; "
            "head -c 1 /proc/sysrq-trigger 2>/dev/null || echo protected"))
        self.assertEqual(["1", "tty", "ptmx", "y", "shm", "1", "protected"], done.texts)

    def test_volumes(self):
        plain = os.path.join(self.top, "plain")
        os.mkdir(plain)
        os.chmod(plain, 0o777)
        with open(plain + "/hosts", "w", encoding="ascii") as stream:
            stream.write("x")
        done = self.run_private(
            f"--volume=plain,kind=host,source={plain}", "--volume=own,kind=empty,uid=5,gid=6,mode=0750", Images.busybox(),
            "--mount=volume=plain,target=/plain", "--mount=volume=own,target=/own",
            *shell("stat -c %u:%g /plain/hosts; touch /plain/made; stat -c %u:%g:%a /own; touch /own/f"))
        self.assertEqual(["65534:65534", "5:6:750"], done.texts)
        path = self.pod_path(self.only_pod())
        first = private_range(path)
        self.assertEqual(first, os.stat(plain + "/made").st_uid)
        own = os.stat(path + "/sharedVolumes/own")
        self.assertEqual((first + 5, first + 6), (own.st_uid, own.st_gid))
        self.assertEqual(first, os.stat(path + "/sharedVolumes/own/f").st_uid)

    def test_volume_with_mapped_ids(self):
        source = os.path.join(self.top, "mapped")
        os.mkdir(source, 0o700)
        with open(source + "/old", "w", encoding="ascii") as stream:
            stream.write("of the host")
        os.chown(source + "/old", 7, 8)
        done = self.run_private(f"--volume=v,kind=host,source={source},idmap=true", Images.busybox(),
                                "--mount=volume=v,target=/v",
                                *shell("cat /v/old; echo; stat -c %u:%g /v/old; echo new > /v/new; stat -c %u:%g /v/new"))
        self.assertEqual(["of the host", "7:8", "0:0"], done.texts)
        made = os.stat(source + "/new")
        self.assertEqual((0, 0), (made.st_uid, made.st_gid))

    def test_volumes_that_cannot_be(self):
        volume = f"--volume=v,kind=host,source={self.top}"
        mount = (Images.busybox(), "--mount=volume=v,target=/v", *shell("true"))
        self.fails("run", volume + ",idmap=true", *mount, message="--private-users")
        self.fails("run", "--private-users", volume + ",propagation=shared", *mount, message="volume 'v' cannot be shared")

    def test_volume_that_only_root_of_the_host_reaches(self):
        closed = os.path.join(self.top, "closed")
        os.makedirs(closed + "/open")
        os.chmod(closed + "/open", 0o755)
        os.chmod(closed, 0o700)
        done = self.run_private(f"--volume=v,kind=host,source={closed}/open", Images.busybox(),
                                "--mount=volume=v,target=/v", *shell("ls -d /v"))
        self.assertEqual(["/v"], done.texts)

    def test_enter(self):
        process, uuid = self.start_private("--user=1000", "--group=1000")
        done = self.agena("enter", uuid, "/bin/sh", "-c", "id -u; id -G; touch /by-enter; stat -c %u /by-enter; echo $HOME; "
                          "cat /proc/self/uid_map | wc -l")
        self.assertEqual(["0", "0", "0", "/root", "1"], done.out.split())
        self.assertEqual(3, self.agena("enter", uuid, "/bin/sh", "-c", "exit 3", check=3).code)
        self.stop_pod(process)

    def test_terminal(self):
        terminal = Terminal(self.argv("run", "--net=none", "--private-users", *self.OVERLAY, "--interactive",
                                      Images.busybox(), "--user=1000", "--group=1000",
                                      *shell("tty; stat -c %u $(tty); read line; echo got $line; exit 4")))
        terminal.expect(b"/dev/pts/0\r\n1000\r\n")
        terminal.send(b"word\r")
        terminal.expect(b"got word")
        self.assertEqual(4, terminal.finish())

    def test_networks_and_ipc_of_the_host(self):
        for flags in (["--net=host"], ["--net=host", "--ipc=parent"], ["--net=none", "--ipc=parent"]):
            with self.subTest(flags):
                done = self.agena("run", *flags, "--private-users", *self.OVERLAY, Images.busybox(),
                                  *shell("test -d /sys/class && id -u; touch /sys/x 2>/dev/null || echo read-only"))
                self.assertEqual(["0", "read-only"], done.texts)

    def test_two_apps_and_exit_codes(self):
        done = self.run_private(Images.busybox(), "--name=a", *shell("exit 0"), "---", Images.busybox(), "--name=b",
                                "--user=nobody", *shell("exit 9"), check=9)
        status = self.status(self.only_pod())
        self.assertEqual(("0", "9"), (status["app-a"], status["app-b"]), done)

    def test_files_of_an_image_from_docker(self):
        done = self.run_private(Images.busybox("docker-archive"), *shell("id -u; stat -c %u /bin/busybox"))
        self.assertEqual(["0", "0"], done.texts)

    def test_two_steps_keep_the_range(self):
        done = self.agena("prepare", "--private-users", *self.OVERLAY, Images.busybox(), *shell("cat /proc/self/uid_map"))
        uuid = done.out.strip()
        first = private_range(self.pod_path(uuid))
        ran = self.agena("run-prepared", "--net=none", uuid)
        self.assertEqual([["0", str(first), str(RANGE)]], [text.split() for text in ran.texts])
        self.assertEqual(first, private_range(self.pod_path(uuid)))

    def test_removal(self):
        self.run_private(Images.busybox(), *shell("mkdir -p /d/e; chown 9 /d; chmod 700 /d; touch /d/e/f"))
        self.agena("rm", self.only_pod())
        self.assertEqual([], self.pod_directories())

    def test_killed_supervisor_leaves_nothing(self):
        process, uuid = self.start_private()
        pid = self.app_pid(uuid)
        process.kill()
        process.wait()
        wait_until(lambda: state_of(pid) in (None, "Z"), "the app is gone")
        self.assertEqual("exited", self.state(uuid))
        # Mounts, cgroups and processes: the end of every test looks for them.


class PrivateUsersOfCopies(PrivateUsers):
    OVERLAY = ("--no-overlay",)


class PrivateRanges(Case):
    """The ranges of several pods."""

    def ranges(self) -> list:
        return [private_range(f"{self.data}/pods/{name}") for name in self.pod_directories()]

    def test_all_pods_have_their_own(self):
        processes = []
        self.agena("fetch", Images.busybox())
        for _ in range(8):
            processes.append(self.start("prepare", "--private-users", Images.busybox(), *shell("true")))
        for process in processes:
            self.finish(process)
        ranges = self.ranges()
        self.assertEqual(8, len(set(ranges)), ranges)
        for first in ranges:
            self.assertEqual(0, first % RANGE)
            self.assertLessEqual(RANGE, first)

    def test_two_running(self):
        first, one = self.start_pod("--net=none", "--private-users", Images.busybox(), *shell(WAIT))
        second, two = self.start_pod("--net=none", "--private-users", Images.busybox(), *shell(WAIT))
        self.wait_output(first, "up")
        self.wait_output(second, "up")
        self.assertNotEqual(private_range(self.pod_path(one)), private_range(self.pod_path(two)))
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
            self.finish(process)

    def test_off(self):
        self.agena("run", "--net=none", "--private-users=false", Images.busybox(), *shell("true"))
        self.assertFalse(os.path.exists(self.pod_path(self.only_pod()) + "/private-users-prepared"))

    def test_fly_refuses(self):
        self.fails("run", "--net=host", "--private-users", "--stage1-name=" + FLY, Images.busybox(), *shell("true"),
                   message="--private-users is not supported by stage1-fly")

    def test_layers_stay_shared_and_unchanged(self):
        self.agena("run", "--net=none", "--private-users", Images.busybox(), *shell("chown -R 5 /bin; true"))
        self.agena("run", "--net=none", Images.busybox(), *shell("test $(stat -c %u /bin/busybox) = 0"))
        image = json.loads(self.agena("image", "list", "--format=json").out)[0]["id"]
        self.agena("image", "verify", image)


