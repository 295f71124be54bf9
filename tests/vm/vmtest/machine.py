"""QEMU as a child: how it is started, and that it ends with us."""

import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
KERNEL_OPTIONS = ("root=/dev/vda", "rw", "console=ttyS0", "panic=1", "loglevel=4", "systemd.show_status=0",
                  # A machine that gets little of the processor is not broken.
                  "no_timer_check", "nowatchdog", "rcupdate.rcu_cpu_stall_suppress=1",
                  "systemd.default_timeout_start_sec=300s", "mitigations=off")
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


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def stand_behind(nice: int):
    """Other work on the machine comes first; a process group of its own spares it the terminal's signals."""
    os.setsid()
    os.nice(nice)
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as stream:
            stream.write(str(nice))
    except OSError:
        pass  # a kernel without autogroups


def start(argv, directory: str, nice: int):
    """QEMU as a Popen; its own messages go to DIRECTORY/qemu.log. Temporary files are made in `directory`."""
    def prepare():
        end_with_parent()
        stand_behind(nice)

    with open(os.path.join(directory, "qemu.log"), "wb") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=prepare,
                                env={**os.environ, "TMPDIR": directory})


def run_on_terminal(argv, directory: str) -> int:
    """QEMU on the caller's terminal, to its end."""
    return subprocess.run(argv, preexec_fn=end_with_parent, env={**os.environ, "TMPDIR": directory}, check=False).returncode
