"""Runs commands with all their descendants under ptrace and lets one system call of one process go wrong: the process is
killed when it enters the call, or the call is not made and fails with an error.

strace's `-e inject` counts `when` in every process of a tree on its own and cannot say which one is meant; a pod is a
tree of processes that make the same calls. So here every process has an address:

    run          the command of the step `run`, through all programs that it becomes (agena, then the pod's supervisor)
    run/1        its first child (pod-init, then systemd); run/1/2 the second child of that
    run~1        its first further thread

and a call is meant by (address, name, number among the calls of this name that this process has made).

A seccomp filter makes the kernel stop only at the call that is meant, so a case costs hardly more than the command.
x86-64 only.
"""

import ctypes
import errno
import fcntl
import os
import platform
import re
import signal
import struct
import time
from dataclasses import dataclass, field

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long

CONT, SYSCALL, PEEKUSER, POKEUSER, SEIZE, LISTEN, GETEVENTMSG = 7, 24, 3, 6, 0x4206, 0x4208, 0x4201
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_SECCOMP, EVENT_STOP = 1, 2, 3, 4, 7, 128
OPTIONS = sum(1 << event for event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_SECCOMP)) | 1 << 20 | 1  # EXITKILL, TRACESYSGOOD
SYSCALL_STOP = signal.SIGTRAP | 0x80
WALL = 0x40000000
ORIG_RAX, RAX = 15 * 8, 10 * 8
ARGUMENTS = [8 * number for number in (14, 13, 12, 7, 9, 8)]  # rdi rsi rdx r10 r8 r9 in user_regs_struct
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
AUDIT_ARCH_X86_64 = 0xC000003E
RET_TRACE, RET_ALLOW = 0x7FF00000, 0x7FFF0000
HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
SUPPORTED = platform.machine() == "x86_64"
# Which arguments are paths, for telling what was hit.
PATHS = {"open": 0, "openat": 1, "openat2": 1, "mkdirat": 1, "unlinkat": 1, "unlink": 0, "renameat": 1, "renameat2": 1, "rename": 0,
         "newfstatat": 1, "statx": 1, "stat": 0, "lstat": 0, "access": 0, "faccessat2": 1, "readlinkat": 1, "readlink": 0, "symlinkat": 0,
         "linkat": 1, "mount": 1, "move_mount": 1, "umount2": 0, "execve": 0, "execveat": 1, "fchmodat": 1, "fchownat": 1, "chdir": 0,
         "mkdir": 0, "rmdir": 0, "utimensat": 1, "open_tree": 1, "mknodat": 1, "fspick": 1, "fsopen": 0}
DESCRIPTORS = {"read", "write", "pread64", "pwrite64", "close", "fstat", "fsync", "fdatasync", "syncfs", "flock", "ftruncate", "mmap", "ioctl",
               "fcntl", "getdents64", "fchmod", "fchown", "fsetxattr", "fgetxattr", "lseek", "sendmsg", "recvmsg", "sendto", "recvfrom",
               "setns", "fsconfig", "fsmount", "connect", "bind"}


def syscalls() -> dict:
    """Number -> name."""
    with open(HEADER, encoding="ascii") as stream:
        return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", stream.read())}


NAMES = syscalls() if SUPPORTED and os.path.exists(HEADER) else {}
NUMBERS = {name: number for number, name in NAMES.items()}


class Stuck(Exception):
    """The commands did not end in time."""


class Gone(Stuck):
    """There is nobody to wait for any more."""


@dataclass(frozen=True)
class Call:
    """A system call of a process; `number` is 1 for the first of its name."""
    address: str
    name: str
    number: int

    def __str__(self):
        return f"{self.address}:{self.name}:{self.number}"


@dataclass
class Fault:
    """What is to happen to a call: an errno, or SIGKILL for its process (0). A lasting error meets all later calls of the name in
    this process too."""
    call: Call
    error: int = 0
    lasting: bool = False

    def __str__(self):
        return f"{self.call}:{errno.errorcode[self.error] if self.error else 'KILL'}{'+' if self.lasting else ''}"

    def meets(self, address: str, name: str, number: int) -> bool:
        same = address == self.call.address and name == self.call.name
        return same and (number == self.call.number or self.lasting and number > self.call.number)


@dataclass
class Recorded:
    """A call that was made: by which program, and during which step."""
    call: Call
    program: str
    step: str


@dataclass
class Tracee:
    address: str
    program: str
    leader: bool
    children: int = 0
    threads: int = 0
    counts: dict = field(default_factory=dict)


class Process:
    """A command that was started here."""

    def __init__(self, name, pid, out, err):
        self.name, self.pid, self.out_path, self.err_path, self.status = name, pid, out, err, None

    @property
    def ended(self):
        return self.status is not None

    @property
    def code(self):
        """Exit code; -N if signal N killed it."""
        return os.waitstatus_to_exitcode(self.status) if self.ended else None

    @property
    def out(self):
        return read_text(self.out_path)

    @property
    def err(self):
        return read_text(self.err_path)


def read_text(path):
    with open(path, "rb") as stream:
        return stream.read().decode(errors="replace")


def filter_program(numbers):
    """Bytes of a filter that stops at these calls; None: at all."""
    def statement(code, k):
        return struct.pack("HBBI", code, 0, 0, k)

    def jump(k, yes, no):
        return struct.pack("HBBI", 0x15, yes, no, k)
    load_arch, load_number = statement(0x20, 4), statement(0x20, 0)
    stop, go = statement(0x06, RET_TRACE), statement(0x06, RET_ALLOW)
    if numbers is None:
        return load_arch + jump(AUDIT_ARCH_X86_64, 1, 0) + go + stop
    code = load_arch + jump(AUDIT_ARCH_X86_64, 1, 0) + go + load_number
    for at, number in enumerate(numbers):
        code += jump(number, len(numbers) - at, 0)
    return code + go + stop


class Tracer:
    """One session: start() commands, wait() for them, close(). With a fault only the calls of its name are seen; without
    one all are recorded in `calls`, in order."""

    def __init__(self, directory, fault: Fault = None, limit=60, watch=True):
        self.directory, self.fault, self.watch = directory, fault, watch
        self.calls, self.hit, self.hit_text, self.hit_program, self.step = [], False, "", "", ""
        self.tracees, self.early, self.processes = {}, set(), []
        self.deadline = time.monotonic() + limit
        numbers = [NUMBERS[fault.call.name]] if fault else (None if watch else [])
        code = filter_program(numbers)
        self.code = ctypes.create_string_buffer(code, len(code))
        self.program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(self.code))

    # Starting

    def start(self, name, argv, env=None, traced=True) -> Process:
        """A step; one that is not traced is only waited for."""
        out, err = (os.path.join(self.directory, f"{name}.{what}") for what in ("out", "err"))
        streams = [os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)]
        streams += [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644) for path in (out, err)]
        go_read, go_write = os.pipe()
        buffer = ctypes.create_string_buffer(self.program, len(self.program))
        pid = os.fork()
        if pid == 0:
            try:
                os.read(go_read, 1)
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                signal.pthread_sigmask(signal.SIG_SETMASK, [])
                for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)
                if not traced or LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, buffer, 0, 0) == 0:
                    os.execvpe(argv[0], argv, env or os.environ)
            finally:
                os._exit(126)
        os.close(go_read)
        for stream in streams:
            os.close(stream)
        # Calls before the command's own program are the harness's and not counted: there is no tracee yet.
        if traced:
            self.ptrace(SEIZE, pid, 0, OPTIONS)
            self.step = name
        process = Process(name, pid, out, err)
        self.processes.append(process)
        os.write(go_write, b"g")
        os.close(go_write)
        return process

    # Waiting

    def wait(self, *processes):
        """Until these have ended."""
        self.until(lambda: all(process.ended for process in processes))

    def until(self, condition, poll=None):
        """Until the condition holds; it is looked at after every event, and every `poll` seconds if that is given."""
        while not condition():
            if not self.turn(block=poll is None) and poll is not None:
                time.sleep(poll)

    def drain(self):
        """Until no process of the session is left."""
        self.until(lambda: not self.tracees and all(process.ended for process in self.processes))

    def turn(self, block=True) -> bool:
        """One event; whether there was one."""
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise Stuck(", ".join(sorted(f"{one.address} ({one.program})" for one in self.tracees.values())) or "no process is left")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        try:
            pid, status = os.waitpid(-1, WALL | os.WNOHANG)
            if pid == 0 and block:
                # A thread of the harness may take the signal: not for long at a time.
                signal.sigtimedwait([signal.SIGCHLD], min(remaining, 0.01))
        except ChildProcessError:
            if block:
                raise Gone("no process is left") from None
            return False
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if pid == 0:
            return False
        self.event(pid, status)
        return True

    def event(self, pid, status):
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            self.tracees.pop(pid, None)
            self.early.discard(pid)
            for process in self.processes:
                if process.pid == pid:
                    process.status = status
            # It may have died before it could tell of a child that it made.
            for orphan in self.early:
                self.tracees[orphan] = Tracee("?", "?", True)
                self.ptrace(CONT, orphan, 0, 0)
            self.early.clear()
            return
        event, number = status >> 16, os.WSTOPSIG(status)
        deliver = 0
        if event == EVENT_SECCOMP:
            if self.at_call(pid):
                self.ptrace(SYSCALL, pid, 0, 0)
                return
        elif event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE):
            self.at_fork(pid)
        elif event == EVENT_EXEC:
            self.at_exec(pid)
        elif event == EVENT_STOP:
            if pid not in self.tracees and not any(process.pid == pid for process in self.processes):
                self.early.add(pid)  # it goes on when its parent has told of it
                return
            if number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
                self.ptrace(LISTEN, pid, 0, 0)
                return
        elif number == SYSCALL_STOP:
            self.ptrace(POKEUSER, pid, RAX, -self.fault.error)
        elif event == 0:
            deliver = number
        self.ptrace(CONT, pid, 0, deliver)

    def at_call(self, pid) -> bool:
        """Whether the call is to be made first and to fail then."""
        tracee = self.tracees.get(pid)
        if tracee is None:
            return False
        name = NAMES.get(self.peek(pid, ORIG_RAX), "?")
        number = tracee.counts[name] = tracee.counts.get(name, 0) + 1
        if self.fault is None:
            if self.watch:
                self.calls.append(Recorded(Call(tracee.address, name, number), tracee.program, self.step))
            return False
        if not self.fault.meets(tracee.address, name, number):
            return False
        if self.fault.lasting and name == "write" and self.peek(pid, ARGUMENTS[0]) <= 2:
            return False  # somebody has to hear of it
        if not self.hit:
            self.hit, self.hit_program, self.hit_text = True, tracee.program, self.describe(pid, name)
        if self.fault.error and name == "close":
            # Whatever close(2) says, the descriptor is closed.
            return True
        if self.fault.error:
            self.ptrace(POKEUSER, pid, ORIG_RAX, -1)
            self.ptrace(POKEUSER, pid, RAX, -self.fault.error)
        else:
            os.kill(pid, signal.SIGKILL)
        return False

    def at_fork(self, pid):
        message = ctypes.c_ulong()
        if not self.ptrace(GETEVENTMSG, pid, 0, ctypes.addressof(message)):
            return
        child, parent = message.value, self.tracees.get(pid)
        if parent is None:
            return
        if leader_of(child) == child:
            # Children are numbered by their process, whichever thread makes them.
            owner = next((one for one in self.tracees.values() if one.leader and one.address == parent.address.partition("~")[0]), parent)
            owner.children += 1
            address = f"{owner.address.partition('~')[0]}/{owner.children}"
            leader = True
        else:
            parent.threads += 1
            address, leader = f"{parent.address}~{parent.threads}", False
        self.tracees[child] = Tracee(address, parent.program, leader)
        if child in self.early:
            self.early.discard(child)
            self.ptrace(CONT, child, 0, 0)

    def at_exec(self, pid):
        process = next((one for one in self.processes if one.pid == pid), None)
        if process and pid not in self.tracees:
            self.tracees[pid] = Tracee(process.name, "", True)
        if pid in self.tracees:
            self.tracees[pid].program = program_of(pid)

    # The kernel

    @staticmethod
    def ptrace(request, pid, address, data) -> bool:
        if LIBC.ptrace(request, pid, address, data & 0xFFFFFFFFFFFFFFFF) == -1:
            if ctypes.get_errno() != errno.ESRCH:  # killed meanwhile
                raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {pid}")
            return False
        return True

    @staticmethod
    def peek(pid, offset) -> int:
        value = ctypes.c_ulong()
        # libc's function gives the word as its result.
        value.value = LIBC.ptrace(PEEKUSER, pid, offset, 0) & 0xFFFFFFFFFFFFFFFF
        return value.value

    def describe(self, pid, name) -> str:
        """The call with its path or what its descriptor is, for reports."""
        try:
            if name in PATHS:
                return f"{name}({string_at(pid, self.peek(pid, ARGUMENTS[PATHS[name]]))!r})"
            if name in DESCRIPTORS:
                number = self.peek(pid, ARGUMENTS[4 if name == "mmap" else 0]) & 0xFFFFFFFF
                return f"{name}({number if number < 1 << 31 else -1}: {os.readlink(f'/proc/{pid}/fd/{number}')})"
        except OSError:
            pass
        return f"{name}({self.peek(pid, ARGUMENTS[0]):#x}, {self.peek(pid, ARGUMENTS[1]):#x})"

    def kill_all(self):
        """Ends what is left of the session."""
        for pid in [*self.tracees, *self.early, *(one.pid for one in self.processes if not one.ended)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.deadline = time.monotonic() + 20
        try:
            self.drain()
        except Gone:  # a thread of a process that was ended has no end of its own to wait for
            self.tracees.clear()


def leader_of(pid) -> int:
    try:
        return int(re.search(r"^Tgid:\s*(\d+)", read_text(f"/proc/{pid}/status"), re.M)[1])
    except (OSError, TypeError):
        return pid


def program_of(pid) -> str:
    """Name under which the program of a process was started."""
    try:
        words = read_text(f"/proc/{pid}/cmdline").split("\0")
    except OSError:
        return "?"
    return os.path.basename(words[0]) or "?"


def string_at(pid, address) -> str:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(200).split(b"\0")[0].decode(errors="replace")
