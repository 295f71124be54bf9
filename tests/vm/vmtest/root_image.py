"""The machine's root: a Debian system from this machine's package sources, as an ext4 image, with kernel and initial
root beside it. Made once per cache directory; nothing of the project is in it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time

from debian_packages import UNSHARE, apt_sources, bootstrap, machine_suite, mount_scratch, run, unmount_scratch

from . import initramfs

KERNEL = "linux-image-cloud-amd64"
PACKAGES = (
    "systemd-sysv", "dbus", "systemd-container", "libpam-systemd",  # the host that users have
    "kmod", "procps", "iproute2", "util-linux",
    "python3", "busybox-static",  # the tests and their images
    "attr", "libcap2-bin", "strace", "acl",
    "containernetworking-plugins", "iptables", "nftables", "socat",
    "libisal2", "libmicrohttpd12", "bzip2", "xz-utils", "zstd",
)
# What would wait for a device, for the network or for the clock; and what takes its time under emulation and is not missed.
MASKED = ("serial-getty@ttyS0.service", "getty@tty1.service", "apt-daily.timer", "apt-daily-upgrade.timer",
          "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "logrotate.timer",
          "man-db.timer", "systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service",
          "systemd-pstore.service", "systemd-firstboot.service",
          *(f"modprobe@{name}.service" for name in ("configfs", "dm_mod", "drm", "efi_pstore", "fuse", "loop")),
          "kmod-static-nodes.service", "systemd-modules-load.service", "systemd-binfmt.service",
          "proc-sys-fs-binfmt_misc.automount", "systemd-random-seed.service", "dev-hugepages.mount",
          "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
          "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service")
FILES = {
    "etc/hostname": "agena-vm\n",
    "etc/hosts": "127.0.0.1 localhost agena-vm\n::1 localhost\n",
    # Fixed: a machine without it takes every boot for its first one.
    "etc/machine-id": "6167656e61766d6167656e61766d0001\n",
    "etc/fstab": "",
    "etc/systemd/system/agena-vm.service": """[Unit]
Description=Job list of the agena test machine
Requires=dbus.socket
After=multi-user.target dbus.service
ConditionKernelCommandLine=!agena.shell

[Service]
Type=exec
ExecStart=/usr/bin/python3 /vm/source/tests/vm/guest/runner
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
# As in a login session of root: not killed by the suites that stop services, all of the cgroup tree below is ours.
Delegate=yes
TasksMax=infinity
OOMPolicy=continue

[Install]
WantedBy=multi-user.target
""",
    "etc/systemd/system/agena-vm-shell.service": """[Unit]
Description=Shell on the console
ConditionKernelCommandLine=agena.shell
After=multi-user.target
SuccessAction=poweroff
FailureAction=poweroff

[Service]
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud ttyS0 115200,38400,9600 linux
StandardInput=tty
StandardOutput=tty
TTYPath=/dev/ttyS0
UtmpIdentifier=ttyS0
KillMode=process
IgnoreSIGPIPE=no
SendSIGHUP=yes

[Install]
WantedBy=multi-user.target
""",
}
ENABLED = ("agena-vm.service", "agena-vm-shell.service")
SIZE = "6G"
INODES = "300000"
COMPLETE = "packages.txt"  # its presence says that the result is complete


class RootImage:
    """Paths of a result."""

    def __init__(self, path: str):
        self.path = path
        self.disk = os.path.join(path, "root.ext4")
        self.kernel = os.path.join(path, "vmlinuz")
        self.initrd = os.path.join(path, "initrd")

    def is_complete(self) -> bool:
        return os.path.exists(os.path.join(self.path, COMPLETE))


def cache_key(suite: str, sources: str) -> str:
    """Hash of all that goes into the image."""
    digest = hashlib.sha256(f"{suite}\n{sources}\n{os.uname().machine}\n".encode())
    for name in (__file__, initramfs.__file__):
        with open(name, "rb") as stream:
            digest.update(stream.read())
    return digest.hexdigest()[:16]


def obtain(cache: str, suite: str) -> RootImage:
    """The image from the cache; made first if it is not there. Needs root and mmdebstrap."""
    suite = suite or machine_suite()
    os.makedirs(cache, exist_ok=True)
    sources = apt_sources(suite)
    image = RootImage(os.path.join(cache, "vm-" + cache_key(suite, sources)))
    with open(image.path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.is_complete():
            started = time.monotonic()
            print("vm-test: making the machine's root (once per cache directory)", file=sys.stderr, flush=True)
            maker = ("import sys; sys.path[:0] = sys.argv[1:3]; from vmtest import root_image; "
                     "root_image.make(*sys.argv[3:])")
            here = os.path.dirname(os.path.abspath(__file__))
            support = os.path.join(os.path.dirname(os.path.dirname(here)), "support")
            subprocess.run([*UNSHARE, sys.executable, "-c", maker, os.path.dirname(here), support, image.path, suite,
                            sources], check=True)
            print(f"vm-test: made in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return image


def make(path: str, suite: str, sources: str):
    """Makes a result; in a mount namespace of its own, the cache entry being locked."""
    scratch = path + ".scratch"
    for place in (scratch, path):
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
    try:
        mount_scratch(scratch)
        root = os.path.join(scratch, "root")
        bootstrap(suite, root, sources, "--include=" + ",".join(PACKAGES), "--customize-hook=" + fetch_kernel(scratch))
        unpack_kernel(root, scratch)
        configure(root)
        image = RootImage(path)
        version = os.listdir(os.path.join(root, "lib/modules"))[0]
        shutil.copyfile(os.path.join(root, "boot", "vmlinuz-" + version), image.kernel)
        with open(image.initrd, "wb") as stream:
            stream.write(initramfs.build(os.path.join(root, "bin/busybox"), os.path.join(root, "lib/modules", version)))
        tidy(root)
        make_disk(root, image.disk, SIZE, INODES)
        versions = run("chroot", root, "dpkg-query", "-W")
        with open(os.path.join(path, COMPLETE), "w", encoding="utf-8") as stream:
            stream.write(f"{KERNEL}: {version}\n{versions}")
    finally:
        unmount_scratch(scratch)
        shutil.rmtree(scratch, ignore_errors=True)


def fetch_kernel(directory: str) -> str:
    """A hook of mmdebstrap that downloads the package with the kernel itself, which the named one only depends on. It is
    unpacked and not installed: installing makes an initramfs, with the packages for it."""
    apt = "APT_CONFIG=$MMDEBSTRAP_APT_CONFIG"
    name = f"$({apt} apt-cache depends --important {KERNEL} | sed -n 's/^ *Depends: //p')"
    return f"cd {directory} && {apt} apt-get -q -o APT::Sandbox::User=root download {name}"


def unpack_kernel(root: str, directory: str):
    packages = [name for name in os.listdir(directory) if name.endswith(".deb")]
    if len(packages) != 1:
        raise RuntimeError(f"package {KERNEL}: expected to download one package, have {packages}")
    # /lib is a link in the root.
    run("dpkg-deb", "--extract", os.path.join(directory, packages[0]), os.path.join(directory, "kernel"))
    os.unlink(os.path.join(directory, packages[0]))
    run("cp", "-a", os.path.join(directory, "kernel/lib/modules"), os.path.join(root, "usr/lib/"))
    run("cp", "-a", os.path.join(directory, "kernel/boot/."), os.path.join(root, "boot/"))
    run("chroot", root, "depmod", os.listdir(os.path.join(root, "usr/lib/modules"))[0])


def configure(root: str):
    for name, text in FILES.items():
        with open(os.path.join(root, name), "w", encoding="utf-8") as stream:
            stream.write(text)
    units = os.path.join(root, "etc/systemd/system")
    for name in MASKED:
        path = os.path.join(units, name)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink("/dev/null", path)
    os.makedirs(os.path.join(units, "multi-user.target.wants"), exist_ok=True)
    for name in ENABLED:
        os.symlink(f"/etc/systemd/system/{name}", os.path.join(units, "multi-user.target.wants", name))
    run("chroot", root, "passwd", "-d", "root")


def tidy(root: str):
    for name in ("var/lib/apt/lists", "var/cache/apt", "usr/share/doc", "usr/share/locale", "usr/share/man", "boot"):
        shutil.rmtree(os.path.join(root, name), ignore_errors=True)
        os.makedirs(os.path.join(root, name))


def make_disk(tree: str, path: str, size: str, inodes: str):
    """An ext4 image of a tree; needs no mount."""
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "agena-vm", "-m", "0", "-N", inodes,
        "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", tree, path, size)
