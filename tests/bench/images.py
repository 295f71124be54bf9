"""Benchmarks of importing and pulling images, against podman, skopeo, containerd, umoci, and a floor.

Each run gets a file system made for it (ext4 on a loop device, or `--no-loop`: a fresh directory): ext4 is slow where many
files were deleted a minute ago, so nothing is deleted between runs. CPU seconds are those of all processes of the command,
and for containerd of its daemon. Only agena has everything on disk when it ends; nobody else syncs the layers.
"""
import ctypes
import json
import os
import re
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FILE_SYSTEM_BYTES = 6 << 30
REGISTRY_NAME = "bench/large"
NULL = subprocess.DEVNULL


def wait_for(condition, what, patience=30):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"bench: {what} does not come")
        time.sleep(0.02)


class Place:
    """A directory for one run after another, each as if on a new disk."""

    def __init__(self, work, use_loop):
        self.root, self.count, self.loop = work / "place", 0, use_loop
        self.disk = work / "disk.img"
        self.root.mkdir()
        if self.loop:
            with open(self.disk, "wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, FILE_SYSTEM_BYTES)

    def fresh(self):
        self.count += 1
        if self.loop:
            subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", self.disk], check=True)
            subprocess.run(["mount", "-o", "loop,noinit_itable", self.disk, self.root], check=True)
        path = self.root / f"run{self.count}"
        path.mkdir(parents=True)
        os.sync()
        return path

    def leave(self):
        if self.loop:
            subprocess.run(["umount", "-R", self.root], check=True)


def hide_mounts():
    """A mount namespace of our own: nobody else sees what is mounted here."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_rec, ms_private = 0x20000, 0x4000, 0x40000
    if libc.unshare(clone_newns) != 0 or libc.mount(b"none", b"/", None, ms_rec | ms_private, None) != 0:
        sys.exit(f"bench: no mount namespace: {os.strerror(ctypes.get_errno())}")


def usage_of(pid):
    """CPU seconds of a process, its threads and its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


class Sample:
    def __init__(self, cpu, wall, rss):
        self.cpu, self.wall, self.rss = cpu, wall, rss


def measure(command, environment=None, daemon=None):
    """Runs a command to its end."""
    before = usage_of(daemon) if daemon else 0.0
    began = time.perf_counter()
    child = subprocess.Popen(shlex.split(command), stdin=NULL, stdout=NULL, stderr=subprocess.PIPE,
                             env={**os.environ, **(environment or {})})
    errors = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if status != 0:
        sys.exit(f"bench: {command}: {errors.decode(errors='replace')[-2000:]}")
    cpu, rss = used.ru_utime + used.ru_stime, used.ru_maxrss << 10
    if daemon:
        cpu += usage_of(daemon) - before
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{daemon}/status").read_text())
        rss = max(rss, int(peak[1]) << 10)
    return Sample(cpu, wall, rss)


class Containerd:
    """A daemon with everything below one directory."""

    def __init__(self, path):
        self.address = path / "containerd.sock"
        config = path / "config.toml"
        config.write_text(f'version = 2\nroot = "{path}/root"\nstate = "{path}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                          f'[grpc]\n  address = "{self.address}"\n')
        with open(path / "containerd.log", "wb") as log:
            self.process = subprocess.Popen(["containerd", "-c", config], stdout=log, stderr=log)
        wait_for(lambda: subprocess.run([*self.words(), "version"], stdout=NULL, stderr=NULL, check=False).returncode == 0, "containerd")

    def words(self):
        return ["ctr", "-a", str(self.address)]

    def end(self):
        self.process.terminate()
        self.process.wait()


class Registry:
    """docker-registry on a free loopback port, with the image pushed."""

    def __init__(self, directory, layout):
        directory.mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        config = directory / "config.yml"
        config.write_text("version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\n"
                          f"storage:\n  filesystem:\n    rootdirectory: {directory}/data\nhttp:\n  addr: {self.host}\n")
        with open(directory / "log", "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        wait_for(self.answers, "docker-registry")
        if not (directory / "pushed").exists():
            for tag in ("gzip", "zstd", "next"):
                subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:{tag}",
                                f"docker://{self.host}/{REGISTRY_NAME}:{tag}"], check=True)
            (directory / "pushed").touch()

    def answers(self):
        try:
            socket.create_connection(tuple([self.host.split(":")[0], int(self.host.split(":")[1])]), 1).close()
            return True
        except OSError:
            return False

    def end(self):
        self.process.terminate()
        self.process.wait()


class Commands:
    """What is measured: functions of a fresh directory that return a sample."""

    def __init__(self, bench, image, registry):
        self.agena_program = shlex.quote(str(Path(bench.args.agena).resolve()))
        self.image, self.registry = image, registry
        self.policy = bench.work / "policy.json"
        self.policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        self.floor_program = bench.work / "image_floor"
        subprocess.run(["c++", "-O2", "-std=c++23", Path(__file__).with_name("image_floor.cc"), "-o", self.floor_program, "-lisal",
                        "-lcrypto"], check=True)
        self.sources = {"oci": f"oci:{image['oci']}", "docker": f"docker-archive:{image['docker-archive']}",
                        "registry": f"docker://{registry.host}/{REGISTRY_NAME}"}

    def agena(self, source, tag=""):
        reference = self.sources[source] + (f":{tag}" if tag else "")
        return lambda path: measure(f"{self.agena_program} --dir={path}/data fetch {reference}")

    def podman(self, words):
        return lambda path: measure(f"podman --root {path}/root --runroot {path}/run --storage-driver overlay --events-backend=file "
                                    f"{words}", self.temporary(path))

    def temporary(self, path):
        (path / "tmp").mkdir()
        return {"TMPDIR": str(path / "tmp")}

    def skopeo(self, source, more=""):
        return lambda path: measure(f"skopeo --policy {self.policy} copy -q {more} {source} "
                                    f"containers-storage:[overlay@{path}/root+{path}/run]localhost/large:bench", self.temporary(path))

    def umoci(self, tag):
        return lambda path: measure(f"umoci unpack --image {self.image['oci']}:{tag} {path}/bundle")

    def ctr(self, words):
        def run(path):
            daemon = Containerd(path)
            try:
                return measure(f"{shlex.join(daemon.words())} {words}", self.temporary(path), daemon.process.pid)
            finally:
                daemon.end()
        return run

    def layer_files(self):
        layout = Path(self.image["oci"])
        blob = lambda digest: layout / "blobs" / digest.replace(":", "/")  # noqa: E731
        entries = json.loads((layout / "index.json").read_text())["manifests"]
        entry = next(one for one in entries if one["annotations"]["org.opencontainers.image.ref.name"] == "gzip")
        layers = json.loads(blob(entry["digest"]).read_text())["layers"]
        return [str(blob(layer["digest"])) for layer in layers]

    def floor(self, path):
        return measure(shlex.join([str(self.floor_program), f"{path}/floor", *self.layer_files()]), self.make(path / "floor"))

    def tools(self, path):
        """The floor of who only has programs."""
        lines = [f"mkdir {path}/{n}; tee >(openssl sha256 >&2) < {file} | igzip -dc | tee >(openssl sha256 >&2) | tar -x -C {path}/{n}"
                 for n, file in enumerate(self.layer_files())]
        return measure(shlex.join(["bash", "-c", "; ".join(lines) + "; wait"]))

    def make(self, path):
        path.mkdir()
        return {}

    def groups(self):
        image, host = self.image, self.registry.host
        return {
            "OCI layout, gzip": {
                "agena fetch": self.agena("oci", "gzip"), "floor": self.floor, "igzip, openssl, tar": self.tools,
                "podman pull": self.podman(f"pull -q oci:{image['oci']}:gzip"), "umoci unpack": self.umoci("gzip"),
                "ctr image import": self.ctr(f"image import {image['oci-gzip']}")},
            "OCI layout, zstd": {
                "agena fetch": self.agena("oci", "zstd"), "skopeo copy": self.skopeo(f"oci:{image['oci']}:zstd")},
            "docker archive (layers not compressed)": {
                "agena fetch": self.agena("docker"), "podman load": self.podman(f"load -q -i {image['docker-archive']}"),
                "ctr image import": self.ctr(f"image import {image['docker-archive']}")},
            "docker-registry on loopback, gzip": {
                "agena fetch": self.agena("registry", "gzip"),
                "skopeo copy": self.skopeo(f"docker://{host}/{REGISTRY_NAME}:gzip", "--src-tls-verify=false"),
                "ctr image pull": self.ctr(f"image pull --plain-http {host}/{REGISTRY_NAME}:gzip")},
        }


def have(name):
    program = {"podman": "podman", "skopeo": "skopeo", "umoci": "umoci", "ctr": "containerd", "igzip,": "igzip"}.get(name.split()[0])
    return program is None or shutil.which(program) is not None


def table(bench, title, samples):
    """Medians; ratios to agena and to the best peer."""
    median = {name: {key: statistics.median(getattr(one, key) for one in values) for key in ("cpu", "wall", "rss")}
              for name, values in samples.items()}
    bench.say(f"### {title}\n")
    bench.say("| command | CPU | ÷ agena | wall | ÷ agena | peak memory |")
    bench.say("|---|---|---|---|---|---|")
    own = median["agena fetch"]
    for name, values in median.items():
        bench.say(f"| {name} | {values['cpu']:.2f} s | {values['cpu'] / own['cpu']:.2f} | {values['wall']:.2f} s | "
                  f"{values['wall'] / own['wall']:.2f} | {values['rss'] / 1e6:.0f} MB |")
    bench.say()


def again(bench, commands, place):
    """What is there already: fetched again, and an image of which three layers of four are there."""
    bench.say("### Present images, and shared layers\n")
    bench.say("| command | CPU | wall |")
    bench.say("|---|---|---|")
    rows = {"oci": "OCI layout", "docker": "docker archive", "registry": "docker-registry"}
    for source, shown in rows.items():
        if not re.search(bench.args.image_sources, shown):
            continue
        path = place.fresh()
        tag = "" if source == "docker" else "gzip"
        commands.agena(source, tag)(path)
        commands.agena(source, tag)(path)
        samples = [commands.agena(source, tag)(path) for _ in range(10)]
        lines = [(f"fetch again, {shown}", samples)]
        if source != "docker":
            lines.append((f"fetch of another image with three of four layers, {shown}", [commands.agena(source, "next")(path)]))
        for name, values in lines:
            bench.say(f"| {name} | {statistics.median(one.cpu for one in values) * 1e3:.1f} ms | "
                      f"{statistics.median(one.wall for one in values) * 1e3:.1f} ms |")
        place.leave()
    bench.say()


def mounted_roots(bench, place):
    """The namespace and the overlays of a pod, as `run --debug` tells of them."""
    sys.path.insert(0, str(TOP / "tests/support"))
    from imagekit import oci
    from imagekit.entries import directory, file, symlink
    bench.say("### Mounts of a pod by layers of its image (fly flavour: a mount namespace, the roots of stage1 and app)\n")
    bench.say("| layers | median | min |")
    bench.say("|---|---|---|")
    path = place.fresh()
    for count in (1, 10, 100):
        busybox = file("bin/busybox", Path("/bin/busybox").read_bytes(), 0o755)
        layers = [[directory("bin"), busybox, symlink("bin/true", "busybox")], *[[file(f"f{n}", "x")] for n in range(count - 1)]]
        image = oci.build(str(path / f"image{count}"), layers, config={"config": {"Cmd": ["/bin/true"]}})
        command = [str(Path(bench.args.agena).resolve()), "--debug", f"--dir={path}/data", "run", "--stage1-name=agena.dev/stage1-fly", image]
        times = []
        for _ in range(21):
            done = subprocess.run(command, stdin=NULL, stdout=NULL, stderr=subprocess.PIPE, text=True, check=True)
            times.append(float(re.search(r"mounts ([\d.]+) ms", done.stderr)[1]))
        bench.say(f"| {count} | {statistics.median(times[1:]):.2f} ms | {min(times):.2f} ms |")
    subprocess.run([command[0], f"--dir={path}/data", "gc", "--grace-period=0s"], check=True, stdout=NULL, stderr=NULL)
    place.leave()
    bench.say()


def run(bench):
    cache = Path(bench.args.image_cache or os.path.join(os.environ.get("TMPDIR", "/var/tmp"), "agena-bench-images"))
    made = subprocess.run([TOP / "tests/support/large_image", "--cache", cache], check=True, stdout=subprocess.PIPE, text=True).stdout
    image = dict(line.split("=", 1) for line in made.splitlines())
    hide_mounts()
    registry = Registry(Path(image["oci"]).parent / "registry", image["oci"])
    place = Place(bench.work, not bench.args.no_loop)
    try:
        commands = Commands(bench, image, registry)
        own = ("agena", "floor") if bench.args.no_peers else ("",)
        chosen = {title: {name: one for name, one in group.items() if have(name) and name.startswith(own)}
                  for title, group in commands.groups().items() if re.search(bench.args.image_sources, title)}
        bench.say(f"Image: {int(image['entries'])} entries, {int(image['bytes']) / 1e6:.0f} MB unpacked, four layers. Medians of "
                  f"{bench.args.image_rounds} alternating runs.\n")
        samples = {title: {name: [] for name in group} for title, group in chosen.items()}
        for _ in range(bench.args.image_rounds):
            for title, group in chosen.items():
                for name, command in group.items():
                    samples[title][name].append(command(place.fresh()))
                    place.leave()
        for title, group in samples.items():
            table(bench, title, group)
        again(bench, commands, place)
        mounted_roots(bench, place)
    finally:
        registry.end()
        subprocess.run(["umount", "-q", "-R", place.root], check=False, stderr=NULL)
