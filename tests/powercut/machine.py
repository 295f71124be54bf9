"""The machine whose power is cut: booted once, its state kept in a file, and from then on restored from that within seconds.
All that it writes outside of the data disk is in its memory, so every restored machine is the same."""

import json
import os
import shutil
import socket
import subprocess
import time

from vmtest import initramfs, machine
from vmtest.payload import MIB, make_disk, size_of, stage

LIMIT = 600  # seconds; for what hangs
MEMORY = 1024  # MiB
INIT = """#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
while read -r module; do busybox insmod "/modules/$module"; done < /modules/order
busybox mkdir -p /lower /payload /memory
busybox mount -t ext4 -o ro,noload /dev/vda /lower
busybox mount -t ext4 -o ro,noload /dev/vdb /payload
busybox mount -t tmpfs memory /memory
busybox mkdir /memory/upper /memory/work
busybox mount -t overlay -o lowerdir=/payload/install:/lower,upperdir=/memory/upper,workdir=/memory/work root /root
busybox mkdir -p /root/vm /root/data
busybox mount --move /payload /root/vm
busybox mount --move /dev /root/dev
busybox mount -t proc proc /root/proc
busybox mount -t sysfs sysfs /root/sys
busybox mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
busybox mount -t tmpfs run /root/run
busybox mount -t tmpfs tmp /root/tmp
busybox mkdir -p /root/dev/pts /root/dev/shm
busybox mount -t devpts devpts /root/dev/pts
busybox ip link set lo up
busybox umount /proc
exec busybox switch_root /root /usr/bin/python3 /vm/source/tests/powercut/guest/agent
"""


class MachineEnded(Exception):
    """QEMU ended by itself, or the machine says nothing more."""


def build_payload(build: str, source: str, directory: str, add_images) -> str:
    """The second disk: the installed project, this test, and images that `add_images(directory)` makes."""
    tree, disk = os.path.join(directory, "payload"), os.path.join(directory, "payload.ext4")
    stage(build, source, [], tree)
    shutil.copytree(os.path.join(source, "tests", "powercut"), os.path.join(tree, "source", "tests", "powercut"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    add_images(os.path.join(tree, "images"))
    make_disk(tree, disk, f"{size_of(tree) // MIB * 5 // 4 + 32}M", "20000")
    shutil.rmtree(tree)
    return disk


class Machines:
    """What all machines of a run have in common. Directory: for sockets, logs and the saved state."""

    def __init__(self, image, payload: str, directory: str, nice: int):
        self.image, self.payload, self.directory, self.nice = image, payload, directory, nice
        self.state = os.path.join(directory, "state")
        # Later members of a chain of archives replace earlier ones (initramfs buffer format).
        self.initrd = os.path.join(directory, "initrd")
        with open(self.initrd, "wb") as stream:
            stream.write(initramfs.read(image.initrd))
            stream.write(initramfs.archive([("init", 0o100755, INIT.encode())]))

    def argv(self, data: str, incoming: bool) -> list:
        """`data`: option `file` of the data disk."""
        drive = "if=none,format=raw,"
        place = self.directory
        return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-cpu", "max",
                *machine.ACCELERATORS["tcg"], "-smp", "1", "-m", str(MEMORY),
                "-kernel", self.image.kernel, "-initrd", self.initrd, "-append", " ".join(machine.KERNEL_OPTIONS),
                "-chardev", f"file,id=console,path={place}/console.log,append=on", "-serial", "chardev:console",
                "-drive", f"{drive}file={self.image.disk},id=root,readonly=on,cache=unsafe", "-device", "virtio-blk-pci,drive=root",
                "-drive", f"{drive}file={self.payload},id=payload,readonly=on,cache=unsafe",
                "-device", "virtio-blk-pci,drive=payload",
                # A cache that is written back: the machine sees a disk that it has to flush.
                "-drive", f"{drive}file={data},id=data,cache=writeback", "-device", "virtio-blk-pci,drive=data",
                "-device", "virtio-serial-pci", "-chardev", f"socket,id=port,path={place}/port,server=on,wait=off",
                "-device", f"virtserialport,chardev=port,name={machine.PORT}",
                "-qmp", f"unix:{place}/qmp,server=on,wait=off",
                *(["-incoming", f"exec:cat {self.state}"] if incoming else [])]

    def boot(self, data: str):
        return Machine(self, self.argv(data, False))

    def restore(self, data: str):
        return Machine(self, self.argv(data, True))


class Machine:
    """A running machine. Used in a `with`, which ends in a power cut."""

    def __init__(self, machines: Machines, argv):
        self.machines, self.answers, self.rest = machines, [], b""
        for name in ("port", "qmp"):
            path = os.path.join(machines.directory, name)
            if os.path.exists(path):
                os.unlink(path)
        self.process = machine.start(argv, machines.directory, machines.nice)
        self.port = None
        try:
            self.port = self.connect("port")
        except BaseException:
            self.cut()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    def cut(self):
        self.process.kill()
        self.process.wait()
        if self.port:
            self.port.close()
            self.port = None

    def connect(self, name: str) -> socket.socket:
        end = time.monotonic() + LIMIT
        while True:
            stream = socket.socket(socket.AF_UNIX)
            try:
                stream.connect(os.path.join(self.machines.directory, name))
                return stream
            except OSError:
                stream.close()
            if self.process.poll() is not None or time.monotonic() > end:
                raise MachineEnded("QEMU ended: " + initramfs.read(os.path.join(self.machines.directory, "qemu.log")).decode())
            time.sleep(0.02)

    def send(self, **order):
        self.port.sendall(json.dumps(order).encode() + b"\n")

    def hear(self, seconds: float):
        """The next message, or None if there is none within that time."""
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            self.port.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.port.recv(1 << 16)
            except TimeoutError:
                return None
            if not data:
                raise MachineEnded("the machine has gone")
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def wait_for(self, kind: str) -> dict:
        while True:
            message = self.hear(LIMIT)
            if message is None:
                raise MachineEnded(f"the machine did not say '{kind}' within {LIMIT} s")
            if message["kind"] == kind:
                return message

    def call(self, **order) -> dict:
        """An order and its answer."""
        self.send(**order)
        return self.wait_for("answer")

    def awake(self, ahead: float = 0):
        """A restored machine is told the time (`ahead`: seconds that the clock is to be ahead), and gets other random numbers
        than all those before it."""
        return self.call(do="wake", clock=time.time() + ahead, seed=os.urandom(64).hex())

    def save(self):
        """Writes the machine's state to the file that `restore` reads; it does not run any more afterwards."""
        control = self.connect("qmp")
        with control, control.makefile("rw") as stream:
            stream.readline()

            def command(name, **arguments):
                stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
                stream.flush()
                while True:
                    answer = json.loads(stream.readline())
                    if "error" in answer:
                        raise MachineEnded(f"{name}: {answer['error']['desc']}")
                    if "return" in answer:
                        return answer["return"]

            command("qmp_capabilities")
            command("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
            command("migrate", uri=f"exec:cat > {self.machines.state}")
            end = time.monotonic() + LIMIT
            while (status := command("query-migrate")["status"]) not in ("completed", "failed"):
                if time.monotonic() > end:
                    break
                time.sleep(0.05)
            if status != "completed":
                raise MachineEnded(f"saving the machine: {status}")


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr}")
    return done.stdout
