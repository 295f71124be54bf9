"""Volumes, mounts, tmpfs, devices and kernel settings, through real pods."""

import contextlib
import ctypes
import os
import shutil
import socket
import stat
import subprocess
import threading

from harness import FLY, Case, Images, directory, file, oci, read, shell, symlink, wait_until

APPLETS = ("cat", "chmod", "cp", "dd", "df", "echo", "grep", "head", "id", "ipcs", "ln", "ls", "mkdir", "mknod", "mount",
           "mv", "od", "readlink", "rm", "sed", "sh", "sleep", "sort", "stat", "test", "touch", "true", "umount", "wc")


def busybox_items(*more) -> list:
    busybox = shutil.which("busybox", path="/bin:/usr/bin")
    return [directory("bin"), file("bin/busybox", read(busybox, "rb"), 0o755),
            *(symlink(f"bin/{name}", "busybox") for name in APPLETS), *more]


def write(path, text=""):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


class VolumeCase(Case):
    """Helpers. The suite has a mount namespace of its own as its host: what tests mount there, no other sees."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() == 0 and not VolumeCase.separated:
            clone_newns = 0x20000
            if ctypes.CDLL(None, use_errno=True).unshare(clone_newns) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
            VolumeCase.separated = True

    separated = False

    def setUp(self):
        super().setUp()
        self.image = Images.busybox()
        self.source = os.path.join(self.top, "source")
        os.mkdir(self.source)

    def pod(self, script, *flags, app=(), check=0, **more):
        return self.agena("run", "--net=none", *flags, self.image, *app, *shell(script), check=check, **more)

    def host_volume(self, name="v", source=None, target="/mnt/v", settings="") -> list:
        return [f"--volume={name},kind=host,source={source or self.source}{settings}",
                f"--mount=volume={name},target={target}"]

    def own_image(self, *entries) -> str:
        """An image with a shell, some commands and more."""
        return oci.build(os.path.join(self.top, "image"), [busybox_items(*entries)],
                         config={"config": {"Cmd": ["/bin/sh"]}}) and f"oci:{self.top}/image:latest"

    @contextlib.contextmanager
    def mounted(self, path, *arguments):
        subprocess.run(["mount", *arguments, path], check=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", "-R", path], check=True)


class Sources(VolumeCase):
    """What can be mounted, and how."""

    def test_read_only_holds_for_mounts_below(self):
        os.mkdir(self.source + "/sub")
        with self.mounted(self.source + "/sub", "-t", "tmpfs", "none"):
            script = "(echo x > /mnt/v/x) 2>/dev/null || echo top; (echo x > /mnt/v/sub/x) 2>/dev/null || echo below"
            done = self.pod(script, *self.host_volume(settings=",readOnly=true"))
            self.assertEqual(["top", "below"], done.texts)
            self.assertEqual([], os.listdir(self.source + "/sub"))

    def test_recursive(self):
        os.mkdir(self.source + "/sub")
        with self.mounted(self.source + "/sub", "-t", "tmpfs", "none"):
            write(self.source + "/sub/inner")
            script = "ls /mnt/v/sub"
            self.assertEqual(["inner"], self.pod(script, *self.host_volume()).texts)
            self.assertEqual([], self.pod(script, *self.host_volume(settings=",recursive=false")).texts)

    def test_files_sockets_and_fifos(self):
        os.mkfifo(self.source + "/fifo")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.source + "/socket")
            write(self.source + "/file", "content\n")
            flags = []
            for name in ("file", "fifo", "socket"):
                flags += self.host_volume(name, f"{self.source}/{name}", f"/given/{name}")
            done = self.pod("cat /given/file; test -p /given/fifo && echo fifo; test -S /given/socket && echo socket",
                            *flags)
        self.assertEqual(["content", "fifo", "socket"], done.texts)

    def test_missing_source_costs_no_pod(self):
        done = self.fails("run", "--net=none", *self.host_volume("data", "/no/such"), self.image, *shell("true"),
                          message="volume 'data': the host has no '/no/such'")
        self.assertIn("kind=empty", done.err)
        self.assertEqual([], self.pod_directories())

    def test_source_that_goes_away_leaves_the_pod_prepared(self):
        uuid = self.agena("prepare", *self.host_volume(), self.image, *shell("ls /mnt/v")).out.strip()
        os.rmdir(self.source)
        self.fails("run-prepared", "--net=none", uuid, message=f"volume 'v': the host has no '{self.source}'")
        self.assertEqual("prepared", self.state(uuid))
        os.mkdir(self.source)
        write(self.source + "/back")
        self.assertEqual(["back"], self.agena("run-prepared", "--net=none", uuid).texts)

    def test_source_that_is_a_link(self):
        write(self.source + "/x")
        os.symlink("source", self.top + "/link")
        self.assertEqual(["x"], self.pod("ls /mnt/v", *self.host_volume(source=self.top + "/link")).texts)

    def test_one_volume_twice(self):
        done = self.pod("echo here > /a/x; cat /b/x", *self.host_volume(target="/a"), "--mount=volume=v,target=/b")
        self.assertEqual(["here"], done.texts)

    def test_empty_volume_with_mode_and_owner(self):
        done = self.pod("stat -c '%a %u %g' /e; grep ' /e ' /proc/self/mounts | grep -c nodev",
                        "--volume=e,kind=empty,mode=2770,uid=5,gid=6", "--mount=volume=e,target=/e")
        self.assertEqual(["2770 5 6", "1"], done.texts)

    def test_propagation(self):
        os.mkdir(self.source + "/later")
        with self.mounted(self.source, "--bind", self.source):
            subprocess.run(["mount", "--make-shared", self.source], check=True)
            for setting, seen in (("", True), (",propagation=slave", True), (",propagation=private", False),
                                  (",readOnly=true", False)):
                with self.subTest(setting):
                    process, _ = self.start_pod(
                        "--net=none", *self.host_volume(settings=setting), self.image,
                        *shell("echo up; until test -e /mnt/v/go; do sleep 0.05; done; ls /mnt/v/later"))
                    self.wait_output(process, "up")
                    with self.mounted(self.source + "/later", "-t", "tmpfs", "none"):
                        write(self.source + "/later/inner")
                        write(self.source + "/go")
                        self.assertEqual(["up"] + ["inner"] * seen, self.finish(process).texts)
                    os.unlink(self.source + "/go")

    def test_shared_propagation(self):
        os.mkdir(self.source + "/made")
        self.image = self.own_image()
        with self.mounted(self.source, "--bind", self.source):
            subprocess.run(["mount", "--make-shared", self.source], check=True)
            for where in (["--net=none"], ["--net=host", "--stage1-name=" + FLY]):
                with self.subTest(where):
                    words = [*where, *self.host_volume(settings=",propagation=shared"), self.image]
                    script = "/bin/mount -t tmpfs none /mnt/v/made && echo x > /mnt/v/made/mark"
                    self.agena("--insecure-options=all-run", "run", *words, *shell(script))
                    self.assertTrue(os.path.exists(self.source + "/made/mark"), "the pod's end unmounts nothing")
                    subprocess.run(["umount", self.source + "/made"], check=True)
            words = [*self.host_volume(settings=",propagation=shared"), self.image, *shell("cat /mnt/v/made/mark")]
            uuid = self.agena("prepare", *words).out.strip()
            with self.mounted(self.source + "/made", "-t", "tmpfs", "none"):
                write(self.source + "/made/mark", "hosts\n")
                self.assertEqual(["hosts"], self.agena("run-prepared", "--net=none", uuid).texts)
            subprocess.run(["mount", "--make-private", self.source], check=True)
            done = self.fails("run", "--net=none", *words, message=f"'{self.source}' is not on a shared mount of the host")
            self.assertIn("mount --make-shared", done.err)

    def test_wrong_propagation(self):
        self.fails("run", "--net=none", *self.host_volume(settings=",propagation=up"), self.image, *shell("true"),
                   message="'up' is none of: private, slave, shared")
        self.fails("run", "--net=none", "--volume=v,kind=empty,propagation=slave", self.image, *shell("true"),
                   message="of kind empty cannot have a propagation")
        self.fails("run", "--net=none", *self.host_volume(settings=",readOnly=true,propagation=slave"), self.image,
                   *shell("true"), message="is read-only, so it can only be private")


class Targets(VolumeCase):
    """Where it can be mounted."""

    def test_missing_targets_are_made(self):
        write(self.top + "/file", "content\n")
        done = self.pod("stat -c '%a %u:%g' /one /one/two; cat /three/file; stat -c %a /three",
                        *self.host_volume(target="/one/two/v"), *self.host_volume("f", self.top + "/file", "/three/file"))
        self.assertEqual(["755 0:0", "755 0:0", "content", "755"], done.texts)

    def test_links_are_resolved_in_the_apps_root(self):
        write(self.source + "/mark", "here\n")
        # /run/agena and /opt are in the pod's root, too.
        self.image = self.own_image(directory("run"), directory("real"), symlink("absolute", "/real"),
                                    symlink("up", "../../../../real"), symlink("loose", "/run/agena/made"),
                                    symlink("hole", "missing/below"))
        for target, place in (("/absolute/a", "/real/a"), ("/up/b", "/real/b"), ("/loose", "/run/agena/made"),
                              ("/hole/c", "/missing/below/c")):
            with self.subTest(target):
                done = self.pod(f"cat {target}/mark; grep -c ' {place} ' /proc/self/mounts; cat /proc/1/comm",
                                *self.host_volume(target=target))
                self.assertEqual(["here", "1", "systemd"], done.texts)

    def test_links_in_the_place_of_kernel_file_systems(self):
        """They must not lead the pod's own mounts astray."""
        self.image = self.own_image(directory("elsewhere"), symlink("sys", "/elsewhere"), symlink("tmp", "/etc"),
                                    directory("etc"), symlink("etc/hosts", "/run/systemd/hosts"),
                                    symlink("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf"))
        done = self.pod("test -d /elsewhere/class && echo sys; grep -c nameserver /run/systemd/resolve/stub-resolv.conf",
                        "--dns=10.1.1.1")
        self.assertEqual(["sys", "1"], done.texts)

    def test_order_of_nested_targets(self):
        for name in ("outer", "inner"):
            os.mkdir(f"{self.top}/{name}")
            write(f"{self.top}/{name}/{name}")
        os.mkdir(self.top + "/outer/in")
        done = self.pod("ls /a; ls /a/in", *self.host_volume("i", self.top + "/inner", "/a/in"),
                        *self.host_volume("o", self.top + "/outer", "/a"))
        self.assertEqual(["in", "outer", "inner"], done.texts)

    def test_order_follows_links(self):
        for name in ("outer", "inner"):
            os.mkdir(f"{self.top}/{name}")
            write(f"{self.top}/{name}/{name}")
        os.mkdir(self.top + "/outer/in")
        self.image = self.own_image(directory("z"), symlink("a", "/z"))
        done = self.pod("ls /z; ls /z/in", *self.host_volume("i", self.top + "/inner", "/a/in"),
                        *self.host_volume("o", self.top + "/outer", "/z"))
        self.assertEqual(["in", "outer", "inner"], done.texts)

    def test_file_and_directory_do_not_mix(self):
        done = self.pod("true", *self.host_volume(target="/bin/sh"), check=254)
        self.assertIn("volume 'v' at '/bin/sh': the source is a directory, but 'bin/", done.err)

    def test_missing_target_in_a_read_only_volume(self):
        done = self.pod("true", *self.host_volume("o", settings=",readOnly=true", target="/a"),
                        "--volume=e,kind=empty", "--mount=volume=e,target=/a/b", check=254)
        self.assertIn("volume 'e' at '/a/b': there is nothing at 'a/b' to mount it on", done.err)
        self.assertEqual([], os.listdir(self.source))

    def test_places_of_the_engine(self):
        write(self.source + "/mark", "here\n")
        for target in ("/tmp", "/run", "/run/deep/er", "/dev/shm", "/dev/own", "/etc", "/sys", "/proc/fs", "/opt"):
            with self.subTest(target):
                done = self.pod(f"cat {target}/mark", *self.host_volume(target=target))
                self.assertEqual(["here"], done.texts)
        self.assertEqual(["mark"], os.listdir(self.source))

    def test_whole_dev_of_the_host(self):
        done = self.pod("test -c /dev/null && test -e /dev/pts && echo x > /dev/null && echo works",
                        *self.host_volume(source="/dev", target="/dev"))
        self.assertEqual(["works"], done.texts)

    def test_kernel_files_stay_protected_in_a_volume(self):
        done = self.pod("for d in /host /proc; do head -c 1 $d/kallsyms | wc -c; done; "
                        "(echo b > /proc/sysrq-trigger) 2>/dev/null || echo refused",
                        *self.host_volume(source="/proc", target="/proc"), "--mount=volume=v,target=/host",
                        check=None)
        self.assertEqual(["1", "0", "refused"], done.texts)

    def test_the_root_is_no_target(self):
        self.fails("run", "--net=none", *self.host_volume(target="/"), self.image, *shell("true"),
                   message="not an absolute path below the root")
        done = self.pod("true", *self.host_volume(target="/bin/.."), check=254)
        self.assertIn("volume 'v'", done.err)

    def test_file_of_etc_given_as_a_volume(self):
        write(self.top + "/hosts", "10.0.0.1 mine\n")
        done = self.pod("cat /etc/hosts", "--hosts-entry=10.0.0.2=other", *self.host_volume(
            source=self.top + "/hosts", target="/etc/hosts"))
        self.assertEqual(["10.0.0.1 mine"], done.texts)

    def test_race_for_a_target(self):
        """A volume whose content somebody else changes while pods mount below it: nothing outside is touched."""
        canary = self.top + "/canary"
        os.mkdir(canary, 0o700)
        other = self.top + "/other"
        os.mkdir(other)
        stop = threading.Event()

        def swap():
            os.symlink(canary, self.source + "/link")
            os.symlink("../" * 20 + canary[1:], self.source + "/climb")
            os.mkdir(self.source + "/dir")
            while not stop.is_set():
                for name in ("link", "dir", "climb"):
                    with contextlib.suppress(OSError):
                        os.rename(f"{self.source}/{name}", self.source + "/t")
                        os.rename(self.source + "/t", f"{self.source}/{name}")
                with contextlib.suppress(OSError):
                    os.rmdir(self.source + "/t")

        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            for _ in range(12):
                self.pod("true", *self.host_volume(target="/a"),
                         *self.host_volume("w", other, "/a/t/deep/place"), check=None)
        finally:
            stop.set()
            swapper.join()
        self.assertEqual([], os.listdir(canary))
        self.assertEqual(0o700, stat.S_IMODE(os.stat(canary).st_mode))


class ReadOnlyRoot(VolumeCase):
    """--readonly-rootfs."""

    def test_nothing_but_mounts_is_writable(self):
        script = ("for f in /x /tmp/x /run/x /etc/x /etc/hosts /etc/resolv.conf /etc/hostname /mnt/v/x /t/x /e/x; do "
                  "(echo x >> $f) 2>/dev/null && echo $f; done; true")
        done = self.pod(script, "--dns=10.1.1.1", "--hosts-entry=10.0.0.2=other", *self.host_volume(),
                        "--volume=e,kind=empty", "--mount=volume=e,target=/e",
                        app=["--readonly-rootfs=true", "--tmpfs=/t"])
        self.assertEqual(["/mnt/v/x", "/t/x", "/e/x"], done.texts)

    def test_volumes_of_an_image_are_writable(self):
        layout = os.path.join(self.top, "image")
        oci.build(layout, [busybox_items(directory("data"))],
                  config={"config": {"Cmd": ["/bin/sh"], "Volumes": {"/data": {}}}})
        self.image = f"oci:{layout}:latest"
        self.assertEqual(["ok"], self.pod("echo x > /data/x && echo ok", app=["--readonly-rootfs=true"]).texts)


class Implicit(VolumeCase):
    """Mount points of images that nobody gives a volume for."""

    def test_of_an_aci(self):
        image = self.small_image(exec_=["/bin/sh", "-c", "echo x > /data/x && read a < /data/x; echo $a"],
                                 mountPoints=[{"name": "data", "path": "/data"}])
        done = self.agena("run", "--net=none", image)
        self.assertEqual(["x"], done.texts)
        self.assertIn("no volume is given for the mount point '/data'", done.err)
        volume = self.pod_path(self.only_pod()) + "/sharedVolumes/small-data"
        self.assertEqual("x\n", read(volume + "/x"))

    def docker_image(self):
        layout = os.path.join(self.top, "image")
        oci.build(layout, [busybox_items(
            directory("data", mode=0o2750, uid=7, gid=8), file("data/own", b"content\n", 0o640, uid=9, gid=10),
            directory("data/sub"), symlink("data/sub/link", "../own"), directory("var"), symlink("var/linked", "/data/sub"))],
            config={"config": {"Cmd": ["/bin/sh"], "Volumes": {"/data": {}, "/new": {}, "/var/linked": {}}}})
        return f"oci:{layout}:latest"

    SCRIPT = ("stat -c '%n %a %u:%g' /data /data/own /new; cat /data/own; readlink /data/sub/link; "
              "grep -c -e ' /data ' -e ' /new ' /proc/self/mounts; echo more > /data/more")
    SEEN = ["/data 2750 7:8", "/data/own 640 9:10", "/new 755 0:0", "content", "../own", "2"]

    def test_of_a_docker_image(self):
        self.image = self.docker_image()
        done = self.pod(self.SCRIPT)
        self.assertEqual(self.SEEN, done.texts)
        self.assertNotIn("no volume is given", done.err)
        pod = self.pod_path(self.only_pod())
        volume = f"{pod}/sharedVolumes/{os.path.basename(self.image.split(':')[1])}-volume-data"
        self.assertEqual("more\n", read(volume + "/more"))
        self.assertEqual(["own", "sub"], sorted(set(os.listdir(volume)) - {"more"}))
        self.assertFalse([name for name in os.listdir(pod + "/sharedVolumes") if name.endswith(".new")])

    def test_of_a_docker_image_with_a_copied_root(self):
        self.image = self.docker_image()
        self.assertEqual(self.SEEN, self.pod(self.SCRIPT, "--no-overlay").texts)

    def test_of_a_docker_image_in_fly(self):
        self.image = self.docker_image()
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, self.image, *shell(self.SCRIPT))
        self.assertEqual(self.SEEN, done.out.splitlines())

    def test_given_volume_counts(self):
        self.image = self.docker_image()
        done = self.pod("ls -A /data; stat -c %a /data", "--volume=volume-data,kind=empty")
        # The image's third volume lies below, so a place for it was made.
        self.assertEqual(["sub", "755"], done.texts)
        done = self.pod("ls -A /data; grep ' /data ' /proc/self/mounts | sed 's/ .*//'", app=["--tmpfs=/data"])
        self.assertEqual(["sub", "tmpfs"], done.texts)


class Tmpfs(VolumeCase):
    """--tmpfs."""

    def test_options(self):
        done = self.pod("stat -c '%a %u:%g' /t /u; grep -e ' /t ' -e ' /u ' /proc/self/mounts", app=[
            "--tmpfs=/t", "--tmpfs=/u:size=64k,mode=0700,uid=5,gid=6,exec,suid"])
        modes, mounts = done.texts[:2], [text.split() for text in done.texts[2:]]
        self.assertEqual(["1777 0:0", "700 5:6"], modes)
        options = {words[1]: set(words[3].split(",")) for words in mounts}
        self.assertLessEqual({"nosuid", "nodev", "noexec", "rw"}, options["/t"])
        self.assertLessEqual({"nodev", "rw", "size=64k"}, options["/u"])
        self.assertFalse({"nosuid", "noexec"} & options["/u"])

    def test_size_holds(self):
        done = self.pod("dd if=/dev/zero of=/t/x bs=4k count=32 2>/dev/null; stat -c %s /t/x", app=["--tmpfs=/t:size=64k"])
        self.assertEqual(["65536"], done.texts)

    def test_in_fly(self):
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, self.image, "--tmpfs=/t:mode=0700",
                          *shell("stat -c %a /t; echo x > /t/x; cat /t/x"))
        self.assertEqual("700\nx\n", done.out)

    def test_errors(self):
        for value, message in (("/t:size=none", "expected a size"), ("/t:wat", "unknown option 'wat'"),
                               ("t", "not an absolute path"), ("/t:mode=9", "not an octal mode")):
            self.fails("run", "--net=none", self.image, f"--tmpfs={value}", *shell("true"), message=message)
        done = self.pod("true", *self.host_volume(target="/t"), app=["--tmpfs=/t"], check=254)
        self.assertIn("both a volume and a tmpfs are to be mounted at '/t'", done.err)


class Devices(VolumeCase):
    """--device, and devices as volumes."""

    def test_device_at_another_path(self):
        done = self.pod("test -c /dev/nothing && head -c 2 /dev/nothing | wc -c; stat -c %t:%T /dev/nothing",
                        app=["--device=/dev/zero:/dev/nothing:r"])
        self.assertEqual(["2", "1:5"], done.texts)

    def test_same_path(self):
        done = self.pod("test -c /dev/full && echo there", app=["--device=/dev/full"])
        self.assertEqual(["there"], done.texts)

    def test_directory_of_devices(self):
        os.mknod(self.source + "/card0", stat.S_IFCHR | 0o600, os.makedev(1, 5))
        done = self.pod("head -c 3 /dev/dri/card0 | wc -c", app=[f"--device={self.source}:/dev/dri"])
        self.assertEqual(["3"], done.texts)

    def test_device_as_a_volume(self):
        done = self.pod("head -c 4 /deep/zero | wc -c", *self.host_volume(source="/dev/zero", target="/deep/zero"))
        self.assertEqual(["4"], done.texts)

    def test_only_for_its_app(self):
        done = self.agena("run", "--net=none", self.image, "--name=a", "--device=/dev/zero:/dev/mine",
                          *shell("test -c /dev/mine && echo has"), "---", self.image, "--name=b",
                          *shell("test -c /dev/mine || echo lacks"))
        self.assertEqual([("a", "has"), ("b", "lacks")], sorted(done.lines))

    def test_errors(self):
        write(self.top + "/file")
        for value, message in (("/dev/nosuch", "the host has no device '/dev/nosuch'"),
                               (self.top + "/file", "neither a device nor a directory of devices"),
                               ("dev/zero", "not an absolute path"), ("/dev/zero:/a:rwx", "letters r, w and m"),
                               ("/dev/zero:/a:r:w", "HOSTPATH")):
            self.fails("run", "--net=none", self.image, f"--device={value}", *shell("true"), message=message)

    def test_in_fly_the_hosts_are_there(self):
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, self.image, "--device=/dev/zero",
                          *shell("test -c /dev/zero && echo there"))
        self.assertEqual("there\n", done.out)
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, self.image, "--device=/dev/zero:/dev/agena-no",
                          *shell("true"), check=254)
        self.assertIn("the host has no '/dev/agena-no'", done.err)
        self.assertFalse(os.path.exists("/dev/agena-no"))


class KernelSettings(VolumeCase):
    """--shm-size and --sysctl."""

    def test_shm_size(self):
        script = "df -k /dev/shm | sed -n '$p'"
        self.assertIn("65536", self.pod(script).texts[0].split())
        self.assertIn("1024", self.pod(script, "--shm-size=1m").texts[0].split())
        self.fails("run", "--net=none", "--shm-size=x", self.image, *shell("true"), message="expected a size")

    def test_shared_memory_is_the_pods(self):
        done = self.agena("run", "--net=none", self.image, "--name=a", *shell("echo hello > /dev/shm/new; mv /dev/shm/new /dev/shm/x"),
                          "---", self.image, "--name=b", *shell("until test -e /dev/shm/x; do sleep 0.05; done; cat /dev/shm/x"))
        self.assertEqual([("b", "hello")], done.lines)

    def test_sysctls(self):
        before = {name: read("/proc/sys/" + name) for name in ("net/core/somaxconn", "kernel/shmmni", "kernel/hostname")}
        done = self.pod("cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmni /proc/sys/kernel/domainname; hostname",
                        "--sysctl=net.core.somaxconn=77", "--sysctl=kernel/shmmni=88",
                        "--sysctl=kernel.domainname=example.org", "--sysctl=kernel.hostname=named")
        self.assertEqual(["77", "88", "example.org", "named"], done.texts)
        self.assertEqual(before, {name: read("/proc/sys/" + name) for name in before})

    def test_sysctls_of_the_host_are_refused(self):
        for flags, message in ((["--sysctl=vm.swappiness=1"], "a setting of the whole host"),
                               (["--sysctl=kernel.core_pattern=x"], "a setting of the whole host"),
                               (["--sysctl=net/../vm/swappiness=1"], "not the name of a kernel setting"),
                               (["--sysctl=net.core.somaxconn"], "expected NAME=VALUE")):
            self.fails("run", "--net=none", *flags, self.image, *shell("true"), message=message)
        for flags, message in ((["--net=host", "--sysctl=net.core.somaxconn=1"], "shares its network"),
                               (["--net=none", "--ipc=parent", "--sysctl=kernel.shmmni=1"], "shares its IPC"),
                               (["--net=none", "--ipc=parent", "--shm-size=1m"], "shares the host's /dev/shm"),
                               (["--net=none", "--sysctl=net.no.such=1"], "no such setting"),
                               (["--net=host", "--stage1-name=" + FLY, "--sysctl=kernel.shmmni=1"], "stage1-fly")):
            done = self.agena("run", *flags, self.image, *shell("true"), check=254)
            self.assertIn(message, done.err)

    def test_bad_value_is_the_kernels_to_refuse(self):
        done = self.pod("true", "--sysctl=kernel.shmmni=many", check=254)
        self.assertIn("--sysctl: setting 'kernel.shmmni'", done.err)


class Fly(VolumeCase):
    """Volumes of the fly flavour."""

    def fly(self, script, *flags, app=(), check=0):
        return self.agena("run", "--net=host", "--stage1-name=" + FLY, *flags, self.image, *app, *shell(script),
                          check=check)

    def test_empty_volumes(self):
        done = self.fly("stat -c '%a %u:%g' /e; echo x > /e/x; cat /e/x", "--volume=e,kind=empty,mode=0700,uid=3",
                        "--mount=volume=e,target=/e")
        self.assertEqual("700 3:0\nx\n", done.out)

    def test_read_only_and_links(self):
        self.image = self.own_image(directory("real"), symlink("link", "/real"))
        done = self.fly("(echo x > /real/a/x) 2>/dev/null || echo refused",
                        *self.host_volume(target="/link/a", settings=",readOnly=true"))
        self.assertEqual("refused\n", done.out)

    def test_missing_source(self):
        self.fails("run", "--net=host", "--stage1-name=" + FLY, *self.host_volume("data", "/no/such"), self.image,
                   *shell("true"), message="volume 'data': the host has no '/no/such'")


class Pods(VolumeCase):
    """Volumes over the life of a pod."""

    def test_volumes_of_a_running_pod_are_no_mounts_of_the_host(self):
        process, uuid = self.start_pod("--net=none", *self.host_volume(), "--volume=e,kind=empty",
                                       "--mount=volume=e,target=/e", self.image, "--tmpfs=/t",
                                       *shell("echo up; until test -e /mnt/v/end; do sleep 0.05; done"))
        self.wait_output(process, "up")
        mounts = read("/proc/self/mountinfo")
        self.assertNotIn(self.source, mounts)
        self.assertNotIn(uuid, mounts)
        write(self.source + "/end")
        self.finish(process)
        wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
