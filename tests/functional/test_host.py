"""The pod and its host: groups and modes of the data directory, the units and snippets to install, what a service manager
passes and hears. All without systemd on the host, by stand-ins for what it does."""

import os
import re
import shutil
import stat
import subprocess
import unittest

from harness import SOURCE, Case, Images, read, shell

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
            self.assertEqual("cannot run as unprivileged user", done.err.strip().partition(": ")[2], str(done))
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
                           f"{units}/{name}-gc.timer", f"{units}/{name}@.service"])

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


if __name__ == "__main__":
    unittest.main()
