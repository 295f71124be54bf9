"""QEMU as a child: how it is started, and that it ends with us."""

import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
KERNEL_OPTIONS = ("root=/dev/vda", "rw", "console=ttyS0", "panic=1", "loglevel=4", "systemd.show_status=0",
                  "systemd.default_timeout_start_sec=60s", "mitigations=off")
ACCELERATORS = {"tcg": ("-accel", "tcg,thread=multi"), "kvm": ("-accel", "kvm")}
PORT = "agena.vm"  # name of the virtio port that reports come through


def command(image, payload: str, directory: str, accelerator="tcg", cpus=1, memory=2048, shell=False) -> list:
    """argv of QEMU. What the machine says goes to DIRECTORY/console.log and DIRECTORY/port.log; with a shell the
    console is the terminal. Changes to the root disk are dropped at the end, but survive a reset."""
    options = [*KERNEL_OPTIONS, *(["agena.shell"] if shell else [])]
    serial = "mon:stdio" if shell else f"file:{directory}/console.log"
    drive = "if=none,format=raw,cache=unsafe,file="
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35",
            "-cpu", "max", *ACCELERATORS[accelerator], "-smp", str(cpus), "-m", str(memory),
            "-kernel", image.kernel, "-initrd", image.initrd, "-append", " ".join(options), "-serial", serial,
            "-drive", f"{drive}{image.disk},id=root,snapshot=on", "-device", "virtio-blk-pci,drive=root",
            "-drive", f"{drive}{payload},id=payload,readonly=on", "-device", "virtio-blk-pci,drive=payload",
            "-device", "virtio-serial-pci", "-chardev", f"file,id=port,path={directory}/port.log",
            "-device", f"virtserialport,chardev=port,name={PORT}"]


def yield_to_others():
    """In the child: ends with its parent, and stands behind everything else on the machine."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setsid()
    os.nice(10)
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as stream:
            stream.write("10")
    except OSError:
        pass  # a kernel without autogroups


def start(argv, directory: str, terminal=False):
    """QEMU as a Popen; its own messages go to DIRECTORY/qemu.log. Temporary files are made in `directory`."""
    environment = {**os.environ, "TMPDIR": directory}
    if terminal:
        return subprocess.Popen(argv, env=environment)
    with open(os.path.join(directory, "qemu.log"), "wb") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                preexec_fn=yield_to_others)
