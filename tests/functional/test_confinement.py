"""What apps may not do: capabilities, no-new-privileges, system call filters, labels of security modules."""

import json
import os

from harness import FLY, Case, Images, read, shell

STATUS = "grep -E '^(Seccomp|NoNewPrivs|CapBnd|CapEff):' /proc/self/status"
DEFAULT_CAPABILITIES = "00000000a80425fb"
KILLED_BY_FILTER = 128 + 31


class Confinement(Case):
    def status(self, *words, before=()) -> dict:
        done = self.agena(*before, "run", "--net=none", Images.busybox(), *words, *shell(STATUS))
        return dict(text.split(":\t") for text in done.texts)

    def run_shell(self, script, *words, before=(), **more):
        # One stream, whose lines have an order.
        return self.agena(*before, "run", "--net=none", Images.busybox(), *words, *shell("exec 2>&1; " + script), **more)


class Defaults(Confinement):
    def test_of_root(self):
        self.assertEqual({"Seccomp": "2", "NoNewPrivs": "0", "CapBnd": DEFAULT_CAPABILITIES,
                          "CapEff": DEFAULT_CAPABILITIES}, self.status())

    def test_of_others(self):
        self.assertEqual({"Seccomp": "2", "NoNewPrivs": "1", "CapBnd": DEFAULT_CAPABILITIES,
                          "CapEff": "0" * 16}, self.status("--user=1000"))

    def test_waived(self):
        self.assertEqual(("0", "0"), (lambda one: (one["Seccomp"], one["NoNewPrivs"]))(
            self.status("--user=1000", before=["--insecure-options=seccomp"])))
        self.assertEqual("2", self.status(before=["--insecure-options=capabilities"])["Seccomp"])

    def test_of_enter(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(), *shell("echo up; sleep 1000"))
        self.wait_output(process, "up")
        done = self.agena("enter", uuid, "/bin/sh", "-c", STATUS)
        status = dict(line.split(":\t") for line in done.out.splitlines())
        self.assertEqual(("0", "0"), (status["Seccomp"], status["NoNewPrivs"]))
        self.assertNotEqual(DEFAULT_CAPABILITIES, status["CapEff"])
        self.agena("stop", "--force", uuid)
        self.finish(process, check=None)

    def test_in_fly(self):
        done = self.agena("run", "--stage1-name=" + FLY, Images.busybox(), *shell("grep Seccomp: /proc/self/status"))
        own = next(line for line in read("/proc/self/status").splitlines() if line.startswith("Seccomp:"))
        self.assertEqual(own + "\n", done.out)
        done = self.agena("run", "--stage1-name=" + FLY, Images.busybox(), "--seccomp=mode=retain,read", *shell("true"))
        self.assertIn("isolator os/linux/seccomp-retain-set of app 'busybox' has no effect: stage1-fly does not isolate "
                      "apps", done.err)


class Capabilities(Confinement):
    def test_retained(self):
        status = self.status("--caps-retain=CAP_NET_ADMIN,cap_chown")
        self.assertEqual(f"{1 << 12 | 1:016x}", status["CapBnd"])
        self.assertEqual(status["CapBnd"], status["CapEff"])

    def test_removed(self):
        self.assertEqual(f"{int(DEFAULT_CAPABILITIES, 16) & ~1:016x}", self.status("--caps-remove=CAP_CHOWN")["CapBnd"])

    def test_bring_their_calls(self):
        self.run_shell("mount -t tmpfs none /tmp", check=1)
        self.run_shell("mount -t tmpfs none /tmp && umount /tmp", "--caps-retain=CAP_SYS_ADMIN")
        self.run_shell("chroot / true")
        done = self.run_shell("chroot / true", "--caps-remove=CAP_SYS_CHROOT", check=1)
        self.assertIn("Operation not permitted", done.texts[0])

    def test_mistakes(self):
        self.fails("run", "--net=none", Images.busybox(), "--caps-retain=CAP_NET_NONESUCH", *shell("true"),
                   message="unknown capability 'CAP_NET_NONESUCH'")
        for words in (["--caps-retain="], ["--caps-remove="]):
            self.fails("run", "--net=none", Images.busybox(), *words, *shell("true"), message="empty element in ''")
        self.fails("run", "--net=none", Images.busybox(), "--caps-retain=CAP_KILL", "--caps-remove=CAP_CHOWN",
                   *shell("true"), message="--caps-retain and --caps-remove exclude each other")


class Processes(Confinement):
    def test_files_can_be_moved_in_the_domain(self):
        """The domain that keeps apps apart leaves files alone."""
        self.run_shell("mkdir -p /a/d /b && touch /a/d/f /a/e && mv /a/d /b/d && ln /a/e /b/e && mv /b/e /tmp/e && ls /b/d/f")

    def test_of_ones_own_can_be_looked_into(self):
        self.run_shell("sleep 100 & ls /proc/$!/root/bin/sh && kill $!")


class NoNewPrivileges(Confinement):
    def test_flag(self):
        self.assertEqual("1", self.status("--no-new-privileges")["NoNewPrivs"])
        self.assertEqual("0", self.status("--no-new-privileges=false")["NoNewPrivs"])

    def test_filter_of_root_without_it(self):
        # The filter is installed without no-new-privileges, and CAP_SYS_ADMIN does not stay for that.
        status = self.status("--seccomp=mode=remove,swapon")
        self.assertEqual(("2", "0", DEFAULT_CAPABILITIES), (status["Seccomp"], status["NoNewPrivs"], status["CapEff"]))
        self.assertEqual("1", self.status("--no-new-privileges", "--seccomp=mode=remove,swapon")["NoNewPrivs"])


class Seccomp(Confinement):
    def test_removed_calls_kill(self):
        self.run_shell("mkdir /x", "--seccomp=mode=remove,mkdir,mkdirat", check=KILLED_BY_FILTER)

    def test_removed_calls_answer(self):
        done = self.run_shell("mkdir /x; echo $?", "--seccomp=mode=remove,errno=ENOSPC,mkdir,mkdirat")
        self.assertEqual("1", done.texts[-1])
        self.assertIn("No space left on device", done.texts[0])

    def test_groups(self):
        done = self.run_shell("echo works; mount -t tmpfs none /tmp || unshare -n true || echo refused",
                              "--seccomp=mode=retain,errno=EPERM,@docker/default-whitelist")
        self.assertEqual(("works", "refused"), (done.texts[0], done.texts[-1]))
        self.run_shell("date -s 2020-01-01", "--seccomp=mode=remove,@systemd/clock", "--caps-retain=CAP_SYS_TIME",
                       check=KILLED_BY_FILTER)

    def test_empty_and_all(self):
        self.assertEqual("2", self.status("--seccomp=mode=remove,@appc.io/empty")["Seccomp"])
        self.run_shell("mount -t tmpfs none /tmp", "--seccomp=mode=remove,@appc.io/empty", check=1)
        self.assertEqual("0", self.status("--seccomp=mode=retain,@appc.io/all")["Seccomp"])

    def test_of_a_user(self):
        self.assertEqual("1", self.status("--user=1000", "--seccomp=mode=remove,swapon")["NoNewPrivs"])
        self.run_shell("mkdir /tmp/x", "--user=1000", "--seccomp=mode=remove,mkdir,mkdirat", check=KILLED_BY_FILTER)

    def test_strictest(self):
        # Nothing but what is needed to be started.
        self.run_shell("true", "--seccomp=mode=retain,@appc.io/empty", check=KILLED_BY_FILTER)

    def test_mistakes(self):
        for value, message in (
                ("mode=retain,opne", "unknown system call 'opne'"),
                ("mode=remove,@docker/nonesuch", "unknown group of system calls '@docker/nonesuch' (there are "),
                ("mode=remove,errno=ENOPE,mkdir", "unknown errno 'ENOPE'"),
                ("mode=keep,mkdir", "the mode is retain or remove, not 'keep'"),
                ("mode=remove", "'set' must not be empty")):
            with self.subTest(value):
                self.fails("run", "--net=none", Images.busybox(), "--seccomp=" + value, *shell("true"), message=message)

    def test_two_isolators(self):
        isolators = [{"name": "os/linux/seccomp-remove-set", "value": {"set": ["mkdir"]}},
                     {"name": "os/linux/seccomp-retain-set", "value": {"set": ["mkdir"]}}]
        image = self.small_image(isolators=isolators)
        self.fails("run", "--net=none", image, "--", "-c", "true", message="exclude each other, and are there once")
        # A flag takes the place of both.
        self.agena("run", "--net=none", image, "--seccomp=mode=remove,swapon", "--", "-c", "true")

    def test_handlers_too(self):
        handlers = [{"name": "pre-start", "exec": ["/bin/sh", "-c", "mount -t tmpfs none /tmp"]}]
        image = self.small_image(eventHandlers=handlers)
        done = self.agena("run", "--net=none", image, "--", "-c", "true", check=None)
        self.assertNotEqual(0, done.code)


class OfImages(Confinement):
    """What an image asks for by itself: it may narrow the defaults, and no more."""

    GREEDY = [{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_SYS_ADMIN", "CAP_KILL"]}},
              {"name": "os/linux/seccomp-retain-set", "value": {"set": ["@appc.io/all"]}},
              {"name": "os/linux/oom-score-adj", "value": -1000},
              {"name": "os/linux/apparmor-profile", "value": "unconfined"}]

    def status_of(self, image, *words, before=()) -> tuple:
        done = self.agena(*before, "run", "--net=none", image, *words, "--", "-c", STATUS)
        return dict(text.split(":\t") for text in done.texts), done.err

    def check_narrowed(self, status, errors):
        self.assertEqual((f"{1 << 5:016x}", "2"), (status["CapBnd"], status["Seccomp"]))
        for flag in ("--caps-retain=CAP_KILL,CAP_SYS_ADMIN", "--seccomp=mode=retain,@appc.io/all", "--oom-score-adj=-1000",
                     "--apparmor-profile=unconfined"):
            self.assertIn(f"which an image does not get by itself ({flag} gives it)", errors)

    def manifest(self, document) -> str:
        with open(self.top + "/pod.json", "w", encoding="utf-8") as stream:
            json.dump(document, stream)
        return stream.name

    def test_narrows_only(self):
        image = self.small_image(isolators=self.GREEDY)
        self.check_narrowed(*self.status_of(image))

    def test_flags_give_what_it_asks_for(self):
        image = self.small_image(isolators=self.GREEDY[:2])
        status, errors = self.status_of(image, "--caps-retain=CAP_KILL,CAP_SYS_ADMIN", "--seccomp=mode=retain,@appc.io/all")
        self.assertEqual((f"{1 << 21 | 1 << 5:016x}", "0"), (status["CapBnd"], status["Seccomp"]))
        self.assertNotIn("by itself", errors)

    def test_believed_by_a_word(self):
        image = self.small_image(isolators=self.GREEDY[:2])
        status, errors = self.status_of(image, before=["--insecure-options=image-isolators"])
        self.assertEqual((f"{1 << 21 | 1 << 5:016x}", "0"), (status["CapBnd"], status["Seccomp"]))
        self.assertNotIn("by itself", errors)

    def test_in_a_manifest_of_the_users(self):
        """A pod manifest that leaves the app to the image is not one that gives the image what it asks for."""
        image = self.agena("fetch", "--full", self.small_image(isolators=self.GREEDY, exec_=("/bin/sh", "-c", STATUS))).out.strip()
        runtime = {"name": "small", "image": {"id": image}}
        document = {"acKind": "PodManifest", "acVersion": "0.8.11", "apps": [runtime]}
        done = self.agena("run", "--net=none", "--pod-manifest=" + self.manifest(document))
        self.check_narrowed(dict(text.split(":\t") for text in done.texts), done.err)
        runtime["app"] = {"exec": ["/bin/sh", "-c", STATUS], "user": "0", "group": "0", "isolators": self.GREEDY[:2]}
        done = self.agena("run", "--net=none", "--pod-manifest=" + self.manifest(document))
        self.assertEqual(f"{1 << 21 | 1 << 5:016x}", dict(text.split(":\t") for text in done.texts)["CapBnd"])

    def test_removes_calls_from_the_default_list(self):
        image = self.small_image(isolators=[{"name": "os/linux/seccomp-remove-set",
                                             "value": {"set": ["mkdir", "mkdirat"], "errno": "EACCES"}}])
        done = self.agena("run", "--net=none", image, "--caps-retain=CAP_SYS_ADMIN", "--", "-c",
                          "exec 2>&1; mkdir /tmp/x; date -s 2020-01-01; true")
        self.assertIn("Permission denied", done.texts[0])
        self.assertIn("Operation not permitted", done.out)


class SecurityModules(Confinement):
    @staticmethod
    def apparmor():
        path = "/sys/module/apparmor/parameters/enabled"
        return os.path.exists(path) and read(path).strip() == "Y"

    def test_apparmor(self):
        if self.apparmor():
            self.run_shell("true", "--apparmor-profile=unconfined")
            done = self.run_shell("true", "--apparmor-profile=agena-nonesuch", check=231)
            self.assertIn("AppArmor profile", done.err)
        else:
            self.fails("run", "--net=none", Images.busybox(), "--apparmor-profile=some", *shell("true"),
                       message="AppArmor is not active on this host (--insecure-options=lsm runs the app without it)")
        self.run_shell("true", "--apparmor-profile=agena-nonesuch", before=["--insecure-options=lsm"])

    def test_selinux(self):
        context = "--selinux-context=system_u:system_r:container_t:s0:c1,c2"
        if "selinuxfs" in read("/proc/filesystems"):
            self.skipTest("needs a host without SELinux")
        self.fails("run", "--net=none", Images.busybox(), context, *shell("true"),
                   message="SELinux is not active on this host (--insecure-options=lsm runs the app without it)")
        self.run_shell("true", context, before=["--insecure-options=lsm"])
        self.fails("run", "--net=none", Images.busybox(), "--selinux-context=container_t", *shell("true"),
                   message="'container_t' is not a context of the form USER:ROLE:TYPE:LEVEL")
