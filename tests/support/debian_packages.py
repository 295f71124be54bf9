"""Debian systems made from this machine's own package sources: what the test image and the VM's root have in common."""

import os
import subprocess
import sys

# What makes a system works in a mount namespace of its own: nothing is mounted where others could see it.
UNSHARE = ("unshare", "--mount", "--propagation", "private")
SCRATCH_KIB = 2 << 20


def run(*command, **more):
    """Runs a program; its output goes to the log on stderr only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise RuntimeError(f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def machine_suite() -> str:
    with open("/etc/os-release", encoding="utf-8") as stream:
        values = dict(line.rstrip().split("=", 1) for line in stream if "=" in line)
    return values.get("VERSION_CODENAME", "stable").strip('"')


def apt_sources(suite: str) -> str:
    """This machine's Debian sources for the suite, in one-line style; empty if apt knows none."""
    form = "$(REPO_URI)|$(RELEASE)|$(ORIGIN)|$(COMPONENT)"
    text = run("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    lines = {}
    for line in text.splitlines():
        uri, release, origin, component = line.split("|")
        if origin in ("Debian", "$(ORIGIN)") and (release == suite or release.startswith(suite + "-")):
            lines.setdefault((uri, release), []).append(component)
    return "".join(f"deb {uri} {release} {' '.join(dict.fromkeys(parts))}\n" for (uri, release), parts in lines.items())


def apt_proxy_options() -> list:
    """The machine's proxy settings as apt options."""
    keys = ("Acquire::http::Proxy", "Acquire::https::Proxy")
    found = [(key, run("apt-config", "shell", "VALUE", key).strip()) for key in keys]
    return [f"{key}={text.split('=', 1)[1].strip(chr(39))}" for key, text in found if text]


def bootstrap(suite: str, root: str, sources: str, *options):
    """mmdebstrap's minbase as a directory; more options as mmdebstrap takes them."""
    apt = [f"--aptopt={option.replace('=', ' ', 1)}" for option in apt_proxy_options()]
    run("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory", *apt, *options, suite, root,
        *(["-"] if sources else []), input=sources)


def mount_scratch(path: str):
    """Puts a tmpfs on `path` if memory allows: dpkg syncs every file, which takes minutes on a busy disk."""
    with open("/proc/meminfo", encoding="ascii") as stream:
        values = dict(line.split(":", 1) for line in stream)
    if int(values["MemAvailable"].split()[0]) > SCRATCH_KIB * 2:
        run("mount", "-t", "tmpfs", "-o", f"mode=0755,size={SCRATCH_KIB}k", "scratch", path)
        if not carries_xattrs(path):
            run("umount", path)


def unmount_scratch(path: str):
    subprocess.run(["umount", "-q", path], check=False, stderr=subprocess.DEVNULL)


def carries_xattrs(path: str) -> bool:
    """Whether user.* xattrs can be set (on tmpfs since Linux 6.6)."""
    try:
        os.setxattr(path, "user.probe", b"1")
        os.removexattr(path, "user.probe")
        return True
    except OSError:
        return False
