"""Tests of pods on networks: hosts of a lab instead of this machine, pods that serve, clients that ask, and at the end of
every test the look for what is left on any of the hosts: addresses, links, routes, rules, files, mounts."""

import contextlib
import glob
import hashlib
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import time

from harness import Case, Images, base_directory, read

import netlab
from imagekit import aci
from imagekit.entries import directory, file, symlink

WEB, ECHO = 8080, 9000  # ports of a pod that serves: HTTP, and UDP
TELLER = 7000  # port of a host that tells who asks
APPLETS = ("cat", "echo", "grep", "hostname", "httpd", "ip", "kill", "ls", "mkdir", "nc", "ping", "ps", "sh", "sleep", "timeout", "touch",
           "traceroute", "true", "wget")
# Tells who answers, and from where it is asked.
WHO_WEB = '#!/bin/sh\necho; echo "$(hostname) $REMOTE_ADDR"\n'
WHO_UDP = '#!/bin/sh\necho "$(hostname) $SOCAT_PEERADDR"\n'
SERVE = f"""#!/bin/sh
httpd -p {WEB} -h /www || exit 1
socat UDP6-LISTEN:{ECHO},ipv6only=0,fork,reuseaddr EXEC:/bin/who-udp 2>/dev/null || socat UDP4-LISTEN:{ECHO},fork,reuseaddr EXEC:/bin/who-udp &
echo serving
while :; do sleep 1000; done
"""
ASK_UDP = """
import socket, sys
address, port, source = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
asker = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
if source:
    asker.bind(("", source))
asker.settimeout(0.5)
asker.connect((address, port))
for attempt in range(int(sys.argv[4])):
    try:
        asker.send(b"who?\\n")
        print(asker.recv(1000).decode().strip())
        break
    except (ConnectionRefusedError, TimeoutError):
        pass
else:
    sys.exit("no answer")
"""


def libraries(program: str) -> list:
    """Files that a program of this machine needs to start."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", out)))


def server_image() -> str:
    """Path of an image whose app `server` serves on WEB and ECHO, and that has clients; made once."""
    # By content: the cache outlives changes of this file.
    digest = hashlib.sha256(read(__file__, "rb")).hexdigest()[:16]
    place = Images.place()
    if not os.access(place, os.W_OK):  # the test machine's
        place = base_directory()
    path = os.path.join(place, f"agena-server-{digest}.aci")
    if not os.path.exists(path):
        busybox, socat = shutil.which("busybox", path="/bin:/usr/bin"), shutil.which("socat")
        entries = {"bin": directory("bin"), "www": directory("www"), "cgi": directory("www/cgi-bin"), "tmp": directory("tmp", 0o1777)}
        programs = [file("bin/busybox", read(busybox, "rb"), 0o755), file("bin/socat", read(socat, "rb"), 0o755),
                    file("bin/serve", SERVE, 0o755), file("bin/who-udp", WHO_UDP, 0o755),
                    file("www/cgi-bin/who", WHO_WEB, 0o755), *(symlink("bin/" + name, "busybox") for name in APPLETS)]
        folders = set()
        for library in libraries(socat):
            above = os.path.dirname(library)[1:]
            while above and above not in folders:
                folders.add(above)
                above = os.path.dirname(above)
            programs.append(file(library[1:], read(library, "rb"), 0o755))
        scratch = f"{path}.{os.getpid()}"
        app = {"exec": ["/bin/serve"], "user": "0", "group": "0", "ports": [
            {"name": "web", "protocol": "tcp", "port": WEB}, {"name": "echo", "protocol": "udp", "port": ECHO}]}
        aci.build(scratch, aci.image_manifest("example.com/server", app=app),
                  [*entries.values(), *(directory(name) for name in sorted(folders)), *programs], "none")
        os.rename(scratch, path)
    return path


def ranges(*subnets, routes=("0.0.0.0/0",)) -> dict:
    """host-local with an address of each subnet."""
    return {"type": "host-local", "ranges": [[{"subnet": one}] for one in subnets], "routes": [{"dst": one} for one in routes]}


class Pod:
    """A running pod of the server image."""

    def __init__(self, case, host, process, uuid):
        self.case, self.host, self.process, self.uuid = case, host, process, uuid

    def run(self, script: str, check=0):
        """A shell script inside."""
        with self.case.on(self.host):
            return self.case.agena("enter", self.uuid, "/bin/sh", "-c", script, check=check)

    def net_info(self) -> list:
        with self.case.on(self.host):
            return json.loads(read(os.path.join(self.case.pod_path(self.uuid), "net-info.json")))

    def addresses(self, interface="eth0") -> list:
        """Those of an interface as the kernel in the pod tells them, without the link-local ones."""
        text = self.run(f"ip -o address show dev {interface}").out
        return [found[1] for found in re.finditer(r"inet6? ([0-9a-f.:]+)", text) if not found[1].startswith("fe80:")]

    def ip(self, interface="eth0") -> str:
        """IPv4 address."""
        return next(one for one in self.addresses(interface) if ":" not in one)

    def ip6(self, interface="eth0") -> str:
        return next(one for one in self.addresses(interface) if ":" in one)

    def interfaces(self) -> list:
        return sorted(re.findall(r"^\d+: ([^:@]+)", self.run("ip -o link").out, re.M))

    def stop(self):
        """Orderly, and waits for its end."""
        with self.case.on(self.host):
            self.case.agena("stop", self.uuid)
            self.case.finish(self.process, check=None)

    def ask(self, address: str, port: int = WEB) -> str:
        """What another pod's web server answers to this one; '' if there is none."""
        return web(lambda *words: self.run(" ".join(words), check=None).out, address, port)

    def told_by(self, address: str) -> str:
        """The address that a teller sees this pod come from; '' if there is no way."""
        return plain(self.run(f"timeout 4 nc {address} {TELLER}", check=None).out)


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def plain(answer: str) -> str:
    """`NAME ADDRESS` with the address in its usual form, also if it came in through a socket for both versions."""
    *name, address = answer.split() or [""]
    if not address:
        return ""
    peer = ipaddress.ip_address(address.strip("[]"))
    return " ".join([*name, str(getattr(peer, "ipv4_mapped", None) or peer)])


def web(run, address: str, port: int) -> str:
    # Debian 12's busybox crashes on wget's own -T.
    return plain(run("timeout", "4", "busybox", "wget", "-q", "-O", "-", f"http://{bracketed(address)}:{port}/cgi-bin/who"))


def ask(host, address: str, port: int = WEB) -> str:
    """What a pod's web server answers to a host of the lab, `HOSTNAME ADDRESS-OF-THE-ASKER`; '' if there is none."""
    return web(lambda *words: host.run(*words, check=False).stdout, address, port)


def ask_udp(host, address: str, port: int = ECHO, source: int = 0, attempts: int = 6) -> str:
    """The same over UDP, asked up to `attempts` times, one in half a second; from the port `source` if that is not 0."""
    return plain(host.run(sys.executable, "-c", ASK_UDP, address, port, source, attempts, check=False).stdout)


class NetworkCase(Case):
    """A test whose `agena` runs on hosts of a lab. `hosts` names them; they are attributes of the test, and the first is
    where commands run, unless they are `with self.on(host)`. Each has its own data directory and net.d."""

    hosts = ("one",)
    unasked = False  # whether commands without --net get what users do

    def setUp(self):
        super().setUp()
        self.lab = netlab.Lab()
        self.addCleanup(self.lab.close)
        self.at, self.stays = None, []
        self.places, self.before = {}, {}
        for name in self.hosts:
            host = self.lab.host(name)
            setattr(self, name, host)
            place = os.path.join(self.top, name)
            self.data, self.local, self.system = (os.path.join(place, part) for part in ("data", "etc", "usr-lib"))
            os.makedirs(os.path.join(self.local, "net.d"))
            os.makedirs(self.system)
            self.use_shared_store()
            self.places[host] = (self.data, self.local, self.system)
        # Its link-local addresses and their routes come with a delay, and are left out.
        self.before = {host: host.listing() for host in self.lab.hosts}
        self.go_to(self.lab.hosts[0])

    def go_to(self, host):
        self.at = host
        self.data, self.local, self.system = self.places[host]

    @contextlib.contextmanager
    def on(self, host):
        back = self.at
        self.go_to(host)
        try:
            yield
        finally:
            self.go_to(back)

    def argv(self, *words, **more) -> list:
        argv = super().argv(*words, **more)
        if self.unasked and "--net=none" in argv and "--net=none" not in words:
            argv.remove("--net=none")
        return [*self.at.enter, *argv] if self.at else argv

    def may_stay(self, pattern: str):
        """Lines of the listing that belong to a network itself and not to a pod: the bridge of the plugin bridge."""
        self.stays.append(re.compile(pattern))

    def left(self, host) -> list:
        """What is on a host and was not at the test's beginning."""
        return sorted(line for line in host.listing() - self.before[host] if not any(one.search(line) for one in self.stays))

    def assert_nothing_left(self, host=None):
        host = host or self.at
        # The kernel takes a moment for namespaces that have lost their last process, and for the links in them.
        end = time.monotonic() + 3
        while (found := self.left(host)) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual([], found)

    def end_checks(self) -> list:
        problems = []
        for host in self.lab.hosts:
            host.end_services()
        for host in self.lab.hosts:
            self.go_to(host)
            problems += super().end_checks()
        for host in self.lab.hosts:
            try:
                self.assert_nothing_left(host)
            except AssertionError:
                problems += [f"left on {host.name}: {line}" for line in self.left(host)]
            problems += [f"gone from {host.name}: {line}" for line in sorted(self.before[host] - host.listing())]
        return problems

    # Networks

    def network(self, conf: dict, file_name: str = None) -> str:
        """Writes a conf, or a list if it has plugins, into net.d of the current host; its path."""
        name = file_name or f"10-{conf['name']}.conf{'list' if 'plugins' in conf else ''}"
        path = os.path.join(self.local, "net.d", name)
        with open(path, "w", encoding="utf-8") as stream:
            json.dump({"cniVersion": "0.4.0", **conf}, stream)
        return path

    def records(self) -> list:
        """Records of networks in the directories of pods of the current host."""
        return sorted(glob.glob(os.path.join(self.data, "pods", "*", "*", "net", "*")))

    def teller(self, host):
        """A host from now on tells who asks on TELLER where they come from."""
        host.serve("socat", "-d", "-d", f"TCP6-LISTEN:{TELLER},ipv6only=0,fork,reuseaddr", "SYSTEM:echo $SOCAT_PEERADDR",
                   ready="listening on")

    # Pods

    @property
    def image(self) -> str:
        return server_image()

    def serve(self, name: str, *flags, net=None) -> Pod:
        """A pod of the server image on the current host, that serves and gives `name` in its answers."""
        words = [*([f"--net={net}"] if net else []), f"--hostname={name}", *flags, server_image()]
        process, uuid = self.start_pod(*words)
        self.wait_output(process, "serving")
        return Pod(self, self.at, process, uuid)


def on_the_wire(case, kind: str, **more):
    """Pods that are on the wire themselves, beside the hosts `one` and `two`; by a plugin with the keys `more`."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24", "rangeStart": "10.99.0.100", "rangeEnd": "10.99.0.110"}],
                                            [{"subnet": "fd00:99::/64", "rangeStart": "fd00:99::100"}]]}
    case.network({"name": "wire", "type": kind, "master": "lan0", "ipam": ipam, **more})
    case.teller(case.two)
    first, second = case.serve("p1", net="wire"), case.serve("p2", net="wire")
    case.assertEqual(["10.99.0.100", "fd00:99::100"], first.addresses())
    for theirs, mine in ((case.two.ip, first.ip()), (case.two.ip6, first.ip6())):
        case.assertEqual(f"p1 {theirs}", ask(case.two, mine))
        case.assertEqual(mine, first.told_by(theirs))
    case.assertEqual(f"p2 {first.ip()}", first.ask(second.ip()))
    case.assertEqual(f"p2 {first.ip6()}", first.ask(second.ip6()))
    first.stop()
    second.stop()
    case.assert_nothing_left()
