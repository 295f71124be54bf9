"""What is cut: the images, what a disk holds before, and the commands of each kind. Used on both sides of the machine's port."""

import os
import random

DATA = "/data/agena"
FLY = "agena.dev/stage1-fly"
BASE = "oci:/vm/images/base:latest"  # in the store before the cut
NEW = "oci:/vm/images/new:latest"  # fetched when the power goes, or afterwards
BASE_NAME, NEW_NAME = "example.com/base", "example.com/new"
NEW_LAYERS, FILES = 6, 60
MOUNT = ["mount", "-t", "ext4", "-o", "commit=1,noauto_da_alloc", "/dev/vdc", "/data"]
UNMOUNT = ["umount", "/data"]
# A pod that writes for as long as it is let.
WRITER = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i; echo line $i >> /data/log; done"
GREETING = "hello from a pod"


def agena(*words) -> list:
    return ["/usr/bin/agena", f"--dir={DATA}", *words]


def shell(script: str) -> list:
    return ["--exec=/bin/sh", "--", "-c", script]


def fly_run(image: str, script: str) -> list:
    return agena("run", f"--stage1-name={FLY}", image, *shell(script))


def systemd_run(image: str, script: str) -> list:
    return agena("run", "--net=none", image, *shell(script))


def make_images(place: str, busybox: str):
    """The base image, and one that shares its layer and has more: many small files, some larger ones."""
    from imagekit import oci
    from imagekit.entries import directory, file, symlink
    from imagekit.sources import File
    dice = random.Random(4)
    base = [directory("bin"), file("bin/busybox", File(busybox, os.path.getsize(busybox)), 0o755),
            *(symlink(f"bin/{name}", "busybox") for name in ("sh", "cat", "true")), directory("data")]
    layers = [base]
    for number in range(1, NEW_LAYERS):
        entries = [directory("new"), directory(f"new/{number}")]
        entries += [file(f"new/{number}/{name}", dice.randbytes(dice.choice((10, 3000, 9000)))) for name in range(FILES)]
        layers.append([*entries, file(f"new/{number}/large", dice.randbytes(700000)), file("new/top", str(number))])
    config = {"config": {"Cmd": ["/bin/sh"]}}
    oci.build(os.path.join(place, "base"), layers[:1], config=config, compression="gzip")
    oci.build(os.path.join(place, "new"), layers, config=config, compression="gzip")


# Before the first cut, on the disk that all begin with. The last ones are orderly: what they leave has to be there after any cut.
SETUP = (
    agena("fetch", BASE),
    fly_run(BASE, "true"),
    systemd_run(BASE, "true"),
    agena("prepare", BASE, *shell(f"echo {GREETING}")),
)


def series(kind: str, number: int, prepared: str) -> list:
    """Commands of the number-th cut of a kind, done one after the other until the power goes."""
    if kind == "fetch":
        return [agena("fetch", NEW)]
    if kind == "prepare":
        overlay = agena("prepare", BASE, *shell(f"echo {GREETING}"))
        copied = agena("prepare", "--no-overlay", f"--stage1-name={FLY}", BASE, *shell(f"echo {GREETING}"))
        return [overlay, copied, overlay] if number % 2 else [copied, overlay, copied]
    volume = ["--volume=data,kind=empty"]
    flavours = (
        [systemd_run(BASE, WRITER)],
        [fly_run(BASE, WRITER), fly_run(BASE, WRITER)],
        [agena("run-prepared", "--net=none", prepared)],
        [agena("run", "--net=none", "--no-overlay", *volume, BASE, "--mount=volume=data,target=/data", *shell(WRITER))],
    )
    return flavours[number % len(flavours)]
