"""Runs the attempts of the program `escape` in pods, and in containers of podman, and reads what came of them."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "functional"))

from harness import directory, file, read, symlink  # noqa: E402
from imagekit import aci  # noqa: E402


def program() -> str:
    """The built program: AGENA_ESCAPE, or beside the built command."""
    if "AGENA_ESCAPE" in os.environ:
        return os.environ["AGENA_ESCAPE"]
    build = os.path.dirname(os.path.dirname(os.path.abspath(os.environ["AGENA_BIN"])))
    return os.path.join(build, "tests", "escape", "escape")


def listed() -> list:
    """(name, what) of every attempt, in order."""
    out = subprocess.run([program(), "--list"], check=True, capture_output=True, text=True).stdout
    return [tuple(line.split("\t")) for line in out.splitlines()]


def parse(texts) -> dict:
    """Lines NAME TAB VERDICT TAB DETAIL to {name: (verdict, detail)}; other lines are not of the program."""
    found = {}
    for text in texts:
        words = text.split("\t")
        if len(words) == 3 and words[1] in ("refused", "through", "absent"):
            found[words[0]] = (words[1], words[2])
    return found


def entries() -> list:
    busybox = shutil.which("busybox", path="/bin:/usr/bin")
    return [directory("bin"), file("bin/busybox", read(busybox, "rb"), 0o755), symlink("bin/sh", "busybox"),
            file("bin/escape", read(program(), "rb"), 0o755), directory("tmp", 0o1777), directory("dev"),
            directory("proc"), directory("sys"), directory("run"), directory("etc")]


def image(path: str, isolators=()) -> str:
    section = {"exec": ["/bin/escape"], "user": "0", "group": "0", "isolators": list(isolators)}
    return aci.build(path, aci.image_manifest("example.com/escape", app=section), entries(), "none")


# The attacker begins when the volume says whom of the host it may try to signal.
ATTACK = "while [ ! -s /volume/pids ]; do busybox sleep 0.05; done; exec /bin/escape"


def in_podman() -> dict:
    """The attempts in podman's default container; None where podman does not run."""
    if shutil.which("podman") is None:
        return None
    top = tempfile.mkdtemp(prefix="agena-escape-", dir="/var/tmp")
    try:
        os.mkdir(top + "/root")
        for name in ("bin", "tmp", "dev", "proc", "sys", "run", "etc", "volume"):
            os.mkdir(f"{top}/root/{name}")
        shutil.copy(shutil.which("busybox", path="/bin:/usr/bin"), top + "/root/bin/busybox")
        os.symlink("busybox", top + "/root/bin/sh")
        shutil.copy(program(), top + "/root/bin/escape")
        os.mkdir(top + "/volume")
        with open(top + "/volume/pids", "w", encoding="ascii") as stream:
            stream.write(f"{os.getpid()}\n")
        storage = [f"--root={top}/storage", f"--runroot={top}/run", "--runtime=runc", "--cgroup-manager=cgroupfs",
                   "--events-backend=file"]
        done = subprocess.run(
            ["podman", *storage, "run", "--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024",
             f"--volume={top}/volume:/volume", "--rootfs", top + "/root", "/bin/escape"],
            capture_output=True, text=True, check=False, timeout=300)
        if not parse(done.stdout.splitlines()):
            print(f"podman does not run here: {done.stderr.strip()[-500:]}", file=sys.stderr)
            return None
        return parse(done.stdout.splitlines())
    finally:
        subprocess.run(["umount", "-R", "-l", top + "/storage/overlay"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(top, True)
