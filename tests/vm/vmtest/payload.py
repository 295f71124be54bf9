"""The machine's second disk: the installed project, the tests and the list of jobs. Made anew for every run."""

import json
import os
import shutil
import subprocess

from debian_packages import run
from imagekit import oci
from imagekit.entries import directory, file, symlink
from imagekit.sources import File

from .root_image import make_disk

# Parts of the source tree that the tests stand on.
SOURCES = ("docs", "scripts", "tests/contract", "tests/escape", "tests/functional", "tests/load", "tests/support", "tests/vm")
LAYERED = (3, 127, 300)  # layers of the images that try out overlays; 127 is docker's limit
MIB = 1 << 20


def write_layered(path: str, count: int, busybox: str):
    """An image of `count` layers; each adds a file in /d and overwrites /top with its number."""
    layers = [[directory("bin"), file("bin/busybox", File(busybox, os.path.getsize(busybox)), 0o755),
               symlink("bin/sh", "busybox"), directory("d")]]
    layers += [[file(f"d/{n}", f"{n}\n"), file("top", f"{n}\n")] for n in range(1, count)]
    oci.build(path, layers, config={"config": {"Cmd": ["/bin/sh"]}}, compression="none")


def stage(build: str, source: str, jobs: list, target: str):
    """Puts all that goes onto the disk into the directory `target`."""
    subprocess.run(["cmake", "--install", build, "--strip", "--prefix", "/usr"], check=True,
                   env={**os.environ, "DESTDIR": os.path.join(target, "install")}, stdout=subprocess.DEVNULL)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        shutil.copytree(os.path.join(source, name), os.path.join(target, "source", name), ignore=ignore, symlinks=True)
    images = os.path.join(target, "images")
    run(os.path.join(source, "scripts", "make-busybox-image"), os.path.join(images, "busybox"))
    for count in LAYERED:
        write_layered(os.path.join(images, f"layers{count}"), count, shutil.which("busybox", path="/bin:/usr/bin"))
    for program in ("tests/stub-stage1/stub-stage1", "tests/escape/escape"):
        if os.path.exists(os.path.join(build, program)):
            shutil.copy2(os.path.join(build, program), os.path.join(target, os.path.basename(program)))
    if any(job.get("packages") for job in jobs):
        packages = os.path.join(target, "packages")
        os.mkdir(packages)
        run("cpack", "--config", os.path.join(build, "CPackConfig.cmake"), "-B", packages,
            "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip")
        shutil.rmtree(os.path.join(packages, "_CPack_Packages"))
    with open(os.path.join(target, "jobs.json"), "w", encoding="utf-8") as stream:
        json.dump(jobs, stream, indent=1)


def size_of(tree: str) -> int:
    """Bytes that the files of a tree take in blocks of 4 KiB."""
    total = 0
    for path, folders, files in os.walk(tree):
        total += sum(-(-os.lstat(os.path.join(path, name)).st_size // 4096) * 4096 + 4096 for name in files + folders)
    return total


def build_disk(build: str, source: str, jobs: list, directory: str) -> str:
    """Path of the new image in `directory`."""
    tree, disk = os.path.join(directory, "payload"), os.path.join(directory, "payload.ext4")
    stage(build, source, jobs, tree)
    make_disk(tree, disk, f"{size_of(tree) // MIB * 5 // 4 + 32}M", "20000")
    shutil.rmtree(tree)
    return disk
