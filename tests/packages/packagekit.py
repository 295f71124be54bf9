"""The Debian packages of a built tree, and clean systems to try them on."""

import atexit
import ctypes
import fcntl
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SUPPORT = os.path.join(os.path.dirname(HERE), "support")
sys.path.insert(0, SUPPORT)

from debian_packages import UNSHARE, apt_proxy_options, apt_sources, machine_suite, run  # noqa: E402

COMPLETE = "complete"  # its presence says that a cached system is whole
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive", "TERM": "dumb"}
MNT_DETACH = 2


class Packages:
    """Paths and fields of a set of packages."""

    def __init__(self, directory: str):
        self.paths = {name.partition("_")[0]: os.path.join(directory, name)
                      for name in sorted(os.listdir(directory)) if name.endswith(".deb")}

    def field(self, package: str, name: str) -> str:
        return run("dpkg-deb", "--field", self.paths[package], name).strip()

    def files(self, package: str) -> dict:
        """What a package installs: path -> mode as ls writes it. Directories are left out."""
        rows = [re.split(r"\s+", line, maxsplit=5) for line in run("dpkg-deb", "--contents", self.paths[package]).splitlines()]
        return {row[5].removeprefix(".").partition(" -> ")[0]: row[0] for row in rows if not row[0].startswith("d")}

    def needs(self) -> list:
        """Names of the packages that apt would bring in for all of them, one of each alternative."""
        found = []
        for package in self.paths:
            for field in ("Depends", "Recommends"):
                found += [part.split()[0] for part in self.field(package, field).split(",") if part.strip()]
        return sorted({name for name in found if name not in self.paths})


def build(tree: str, directory: str, release: int = 1) -> Packages:
    """The packages of a built tree, quickly compressed."""
    os.makedirs(directory)
    run("cpack", "--config", os.path.join(tree, "CPackConfig.cmake"), "-B", directory,
        "-D", f"CPACK_DEBIAN_PACKAGE_RELEASE={release}", "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip")
    shutil.rmtree(os.path.join(directory, "_CPack_Packages"))
    return Packages(directory)


def make_base(path: str, suite: str, sources: str, *needs: str):
    """A minimal Debian system that has, in its apt's cache, what the packages need; in a mount namespace of its own."""
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    options = [f"--aptopt={option.replace('=', ' ', 1)}" for option in apt_proxy_options()]
    hook = 'chroot "$1" apt-get -q -y --download-only -o Debug::NoLocking=1 install ' + " ".join(needs)
    run("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory", *options,
        "--skip=cleanup/apt/cache,cleanup/apt/lists", f"--customize-hook={hook}", suite, path + "/root",
        *(["-"] if sources else []), input=sources)
    with open(os.path.join(path, COMPLETE), "w", encoding="ascii"):
        pass


def base(cache: str, needs: list) -> str:
    """Path of the cached system for these needs; made first if it is not there. Needs a package mirror for that."""
    suite = machine_suite()
    sources = apt_sources(suite)
    key = hashlib.sha256(f"{suite}\n{sources}\n{needs}\n{inspect.getsource(make_base)}".encode()).hexdigest()[:16]
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, "packages-" + key)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(path, COMPLETE)):
            maker = "import sys; sys.path[:0] = sys.argv[1:3]; import packagekit; packagekit.make_base(*sys.argv[3:])"
            subprocess.run([*UNSHARE, sys.executable, "-B", "-c", maker, HERE, SUPPORT, path, suite, sources, *needs],
                           check=True)
    return path + "/root"


class System:
    """A copy of the clean system."""

    def __init__(self, root: str, path: str):
        self.path = path
        run("cp", "-a", "--reflink=auto", root, path)

    def argv(self, script: str) -> list:
        """What runs a script of the shell in it, without a network. Everything is mounted in a namespace of its own, and every
        process of it ends with the first."""
        return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--net", "--uts",
                sys.executable, "-B", os.path.abspath(__file__), self.path, script]

    def put(self, path: str, place: str):
        shutil.copy(path, self.path + place)

    def exists(self, place: str) -> bool:
        return os.path.lexists(self.path + place)

    def tree(self) -> set:
        """Paths of all that is in it, without what changes by itself."""
        out = set()
        for directory, folders, names in os.walk(self.path):
            place = directory.removeprefix(self.path)
            out.update(f"{place}/{name}" for name in folders + names)
            folders[:] = [name for name in folders if f"{place}/{name}" not in ("/proc", "/sys", "/dev", "/tmp")]
        return out


def scratch_directory(parent: str) -> str:
    """A directory that is deleted when the process ends."""
    path = tempfile.mkdtemp(prefix="agena-packages-", dir=parent)
    atexit.register(shutil.rmtree, path, True)
    return path


def enter(root: str, script: str):
    """Becomes the shell that runs the script, with `root` as the root of the mount namespace: in a chroot, `/` would be no
    mount, and whoever joins the namespace later, as `agena enter` does, would come out of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    for words in (["--bind", root, root], ["--rbind", "/sys", root + "/sys"], ["--rbind", "/dev", root + "/dev"],
                  ["-t", "proc", "proc", root + "/proc"]):
        run("mount", *words)
    run("ip", "link", "set", "lo", "up")
    os.chdir(root)
    # As pivot_root(2) has it: the old root comes to lie on the new one, and goes.
    for call in (lambda: libc.pivot_root(b".", b"."), lambda: libc.umount2(b".", MNT_DETACH)):
        if call() != 0:
            raise OSError(ctypes.get_errno(), "changing the root")
    os.chdir("/")
    os.execve("/bin/sh", ["sh", "-ec", script], ENVIRONMENT)


if __name__ == "__main__":
    enter(*sys.argv[1:])
