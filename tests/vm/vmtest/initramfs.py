"""A small initial root: loads the drivers of the disks, mounts both, installs the payload, starts systemd.

Debian's own initramfs would do too, but runs udev and a hundred scripts, which takes most of a minute under emulation.
"""

import os
import stat

MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "overlay")
DIRECTORIES = ("bin", "dev", "proc", "root", "modules")
INIT = """#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
while read -r module; do busybox insmod "/modules/$module"; done < /modules/order
busybox mount -t ext4 -o noatime,noinit_itable /dev/vda /root
busybox mkdir -p /root/vm
busybox mount -t ext4 -o ro /dev/vdb /root/vm
if [ ! -e /root/var/lib/agena-vm/installed ]; then
  busybox cp -a /root/vm/install/. /root/
  busybox mkdir -p /root/var/lib/agena-vm
  busybox touch /root/var/lib/agena-vm/installed
  busybox sync
fi
busybox umount /proc
exec busybox switch_root /root /lib/systemd/systemd
"""


def dependencies(modules_dep: str, wanted) -> list:
    """Paths of the wanted modules and of all they need, each after its needs (modules.dep, modprobe.d(5))."""
    needs = {}
    for line in modules_dep.splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {os.path.basename(path).partition(".")[0].replace("-", "_"): path for path in needs}
    order = []

    def add(path):
        for need in needs[path]:
            add(need)
        if path not in order:
            order.append(path)

    for name in wanted:
        if name in by_name:  # else it is built in
            add(by_name[name])
    return order


def member(number: int, name: str, mode: int, data: bytes = b"") -> bytes:
    """A member of a cpio archive in the form `newc` (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return pad(head) + pad(data)


def pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def archive(members) -> bytes:
    """cpio archive of (name, mode, bytes)."""
    parts = [member(number, name, mode, data) for number, (name, mode, data) in enumerate(members, 1)]
    return b"".join(parts) + member(0, "TRAILER!!!", 0)


def build(busybox: str, modules_directory: str) -> bytes:
    """The archive, with the modules of a kernel (its directory below lib/modules, after depmod)."""
    with open(os.path.join(modules_directory, "modules.dep"), encoding="ascii") as stream:
        order = dependencies(stream.read(), MODULES)
    names = [os.path.basename(path) for path in order]
    members = [(name, stat.S_IFDIR | 0o755, b"") for name in DIRECTORIES]
    members.append(("init", stat.S_IFREG | 0o755, INIT.encode()))
    members.append(("bin/busybox", stat.S_IFREG | 0o755, read(busybox)))
    members.append(("modules/order", stat.S_IFREG | 0o644, "".join(name + "\n" for name in names).encode()))
    for path, name in zip(order, names):
        members.append(("modules/" + name, stat.S_IFREG | 0o644, read(os.path.join(modules_directory, path))))
    return archive(members)


def read(path) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
