"""The host that a worker of the sweep has for itself: a mount namespace whose mounts propagate as on a real host, a network
namespace, a cgroup, and a data directory on a tmpfs with the images unpacked; and what is found there when it should be as
before."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile

import harness
import netlab
import tracer
from fault_registry import FaultRegistry
from imagekit import aci, oci
from imagekit.entries import directory, file, hardlink, symlink, whiteout

FLY = harness.FLY
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
# Seconds for a case with its commands, which take far less.
LIMIT = 30 * int(os.environ.get("AGENA_TEST_SLOWNESS", "1"))
OLD = 1_000_000_000  # some time long ago


class Broken(Exception):
    """Something that has to work without any fault does not."""


def entries(number: int) -> list:
    """Contents of a small image, or of the layer of that number."""
    return [directory("etc"), directory(f"etc/d{number}"), *(file(f"etc/d{number}/f{one}", f"{number} {one}\n" * 50) for one in range(4)),
            symlink(f"etc/d{number}/link", "f0"), hardlink(f"etc/d{number}/hard", f"etc/d{number}/f1"),
            file(f"etc/d{number}/big", bytes(range(256)) * 600)]


class World:
    """Made once per process: it leaves the machine's namespaces."""

    def __init__(self, binary: str, images: str):
        self.binary = binary
        self.host = harness.Host()
        if tracer.LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        self.top = os.path.join(images, f"world-{os.getpid()}")
        os.mkdir(self.top)
        for command in ("mount --make-rprivate /", f"mount -t tmpfs -o mode=0755 sweep {self.top}",
                        *(f"mkdir -p {place}" for place in (*netlab.PRIVATE, "/run/agena")),
                        *(f"mount -t tmpfs -o mode=0755 sweep {place}" for place in (*netlab.PRIVATE, "/run/agena")),
                        "mount --make-rshared /", "ip link set lo up"):
            subprocess.run(command.split(), check=True)
        self.net = HereHost()
        self.data = self.path("data")
        self.local, self.system, self.scratch, self.tmp = (self.path(name) for name in ("etc", "usr-lib", "scratch", "tmp"))
        for place in (self.local, self.system, self.scratch, self.tmp):
            os.mkdir(place)
        self.env = {**os.environ, "TMPDIR": self.tmp, "HOME": self.path("home"), "AGENA_HTTP_RETRIES": "1"}
        self.busybox = os.path.join(images, "busybox.aci")
        self.small_aci = aci.build(self.path("small.aci"), aci.image_manifest("example.com/small", app={
            "exec": ["/none"], "user": "0", "group": "0"}), entries(0))
        self.small_oci = oci.build(self.path("small-oci"), [entries(1), [*entries(2), whiteout("etc/d1/f1")]])
        self.registry = None
        self.bases = {}

    def path(self, name: str) -> str:
        return os.path.join(self.top, name)

    def registry_reference(self) -> str:
        if self.registry is None:
            self.registry = FaultRegistry()
            self.registry_image = self.registry.add("team/app", [entries(1), [*entries(2), whiteout("etc/d1/f1")]])
        return self.registry.reference(self.registry_image)

    def close(self):
        if self.registry:
            self.registry.close()

    # The command

    def argv(self, *words) -> list:
        return [self.binary, f"--dir={self.data}", f"--local-config={self.local}", f"--system-config={self.system}", *map(str, words)]

    def plain(self, *words):
        """Without a session: to its end, and it has to work."""
        done = subprocess.run(self.argv(*words), capture_output=True, text=True, env=self.env, check=False, timeout=120,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Broken(f"{' '.join(map(str, words))}: {done.returncode} {done.stderr}")
        return done.stdout

    # Data directories

    def base(self, name: str, make):
        """Restores the data directory as `make` makes it when called for the first time."""
        if name not in self.bases:
            self.clear()
            make()
            self.bases[name] = self.path("base-" + name)
            subprocess.run(["cp", "-a", "--", self.data, self.bases[name]], check=True)
            return
        self.clear()
        subprocess.run(["cp", "-a", "--", self.bases[name] + "/.", self.data], check=True)

    def clear(self):
        shutil.rmtree(self.data, ignore_errors=True)
        os.makedirs(self.data)

    def pods(self) -> list:
        """STATE/UUID of all pod directories."""
        pods = os.path.join(self.data, "pods")
        return sorted(f"{state}/{name}" for state in (os.listdir(pods) if os.path.isdir(pods) else ())
                      if os.path.isdir(os.path.join(pods, state)) for name in os.listdir(os.path.join(pods, state)))

    # What there is

    def look(self, network: bool) -> dict:
        """All that a command may leave on the host, by kind."""
        found = {"mount": {" ".join(line.split()[3:]) for line in harness.read("/proc/self/mountinfo").splitlines()},
                 "cgroup": set(self.host.cgroups()),
                 "temporary file": set(os.listdir(self.tmp)) | {"/run/agena/" + name for name in os.listdir("/run/agena")}}
        if network:
            found["network"] = self.net.listing()
        return found


class HereHost(netlab.Host):
    """The network namespace that this process is in, for its listings."""

    def __init__(self):
        self.name, self.enter, self.started = "here", [], []


class Session(tracer.Tracer):
    """The commands of a case."""

    def __init__(self, world: World, fault=None, watch=True):
        super().__init__(world.scratch, fault, LIMIT, watch)
        self.world = world

    def agena(self, name: str, *words, wait=True):
        """A step under the tracer."""
        process = self.start(name, self.world.argv(*words), self.world.env)
        if wait:
            self.wait(process)
        return process

    def aside(self, *words):
        """Another command, untouched, in the midst of a session."""
        process = self.start("aside", self.world.argv(*words), self.world.env, traced=False)
        self.wait(process)
        self.processes.remove(process)
        return process

    def step_named(self, name):
        return next((one for one in self.processes if one.name == name), None)


def json_of(text: str):
    try:
        return json.loads(text)
    except ValueError:
        return None


def normal(line: str) -> str:
    """A line without what differs from run to run."""
    line = re.sub(harness.UUID, "UUID", line)
    line = re.sub(r"/\S*world-\d+", "TOP", line)
    return re.sub(r"\d+(\.\d+)?", "N", line).strip()


def make_images() -> str:
    """A directory with the image that pods are made of; who makes it removes it."""
    place = tempfile.mkdtemp(prefix="agena-sweep-", dir=harness.base_directory())
    subprocess.run([os.path.join(harness.SOURCE, "scripts", "make-busybox-image"), place], check=True, stdout=subprocess.DEVNULL)
    return place
