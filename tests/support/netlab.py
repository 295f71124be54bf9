"""Several hosts on one wire, for tests of networks: each has a network namespace, a private mount namespace with an empty
/var/lib/cni and /run/netns, and a link `lan0` to a bridge that only connects them. Nothing of it can be seen from outside,
nothing has to be removed: it all ends with the descriptors that hold the namespaces.

    lab = netlab.Lab()
    one, two = lab.host("one"), lab.host("two")      # 10.99.0.1, fd00:99::1; 10.99.0.2, fd00:99::2
    one.run("ping", "-c1", "10.99.0.2")
    subprocess.run([*one.enter, "agena", "run", …])
    before = one.listing()
    …
    one.listing() - before                            # what is left: links, addresses, routes, rules, files, mounts
    lab.close()

Needs root, iproute2, nftables and util-linux; `Host.plugin` the CNI plugins.
"""

import json
import os
import re
import select
import subprocess
import time

PLUGINS = "/usr/lib/cni"
PRIVATE = ("/var/lib/cni", "/run/netns", "/run/cni")
# Chains that the plugins of the CNI project make on their first call and keep by design, whoever calls them.
FIXTURE = re.compile(r'"CNI-(?:HOSTPORT-(?:DNAT|MASQ|SETMARK)|FORWARD|ADMIN|ISOLATION-STAGE-[12])"')
# What makes a rule in them that of one container: its own chain, its address.
OF_A_CONTAINER = re.compile(r'"CNI-(?:DN|SN)-|"CNI-[0-9a-f]|"(?:saddr|daddr)"')
# Of host-local: which address was given last, and its lock.
BOOKKEEPING = re.compile(r"/var/lib/cni/.*/(last_reserved_ip\.\d+|lock)$")
READY = "ready\n"
HOLDER = """set -e
mount --make-rprivate /
for place in {private}; do mkdir -p $place; mount -t tmpfs -o mode=0755 netlab $place; done
ip link set lo up
for family in all default; do echo 0 > /proc/sys/net/ipv6/conf/$family/accept_dad; done
echo ready
read end || true
"""


class Failure(Exception):
    """A command of the lab failed."""


def output_of(*argv, input=None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, input=input)
    if done.returncode != 0:
        raise Failure(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespaces:
    """A network and a mount namespace that live as long as this object's descriptors."""

    def __init__(self):
        argv = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
                HOLDER.format(private=" ".join(PRIVATE))]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
            if holder.stdout.readline() != READY:
                raise Failure(f"cannot make namespaces: {holder.stderr.read().strip()}")
            self.net = os.open(f"/proc/{holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self.mnt = os.open(f"/proc/{holder.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            holder.stdin.close()
        self.net_path, self.mnt_path = f"/proc/{os.getpid()}/fd/{self.net}", f"/proc/{os.getpid()}/fd/{self.mnt}"
        # Words before a command: no further process, nsenter becomes the command.
        self.enter = ["nsenter", f"--net={self.net_path}", f"--mount={self.mnt_path}"]

    def close(self):
        os.close(self.net)
        os.close(self.mnt)


class Lab:
    """The wire and the hosts on it."""

    def __init__(self):
        self.wire = Namespaces()
        self.hosts = []
        self.script_on(self.wire, "link add wire type bridge\nlink set wire up\n")

    @staticmethod
    def script_on(place: Namespaces, script: str):
        output_of(*place.enter, "ip", "-batch", "-", input=script)

    def host(self, name: str) -> "Host":
        """The next host: number N has 10.99.0.N/24 and fd00:99::N/64."""
        host = Host(name, len(self.hosts) + 1)
        self.hosts.append(host)
        self.script_on(host.place, f"link add lan0 type veth peer name port{host.number} netns {self.wire.net_path}\n"
                                   "link set lan0 up\n"
                                   f"addr add {host.ip}/24 dev lan0\naddr add {host.ip6}/64 dev lan0 nodad\n")
        self.script_on(self.wire, f"link set port{host.number} master wire up\n")
        # The kernel takes its time for a link's routes.
        end = time.monotonic() + 10
        while not any(f"local {host.ip6} " in route for route in host.routes()):
            if time.monotonic() > end:
                raise Failure(f"{name} does not get on the wire")
        return host

    def close(self):
        for host in self.hosts:
            host.close()
        self.wire.close()


class Host:
    """A machine of the lab."""

    def __init__(self, name: str, number: int):
        self.name, self.number = name, number
        self.ip, self.ip6 = f"10.99.0.{number}", f"fd00:99::{number}"
        self.place = Namespaces()
        self.enter = self.place.enter
        self.started = []

    def run(self, *argv, check=True, input=None, timeout=120) -> subprocess.CompletedProcess:
        """A command on this host, to its end."""
        done = subprocess.run([*self.enter, *map(str, argv)], capture_output=True, text=True, check=False, input=input,
                              timeout=timeout, **({} if input is not None else {"stdin": subprocess.DEVNULL}))
        if check and done.returncode != 0:
            raise Failure(f"{self.name}: {' '.join(map(str, argv))} -> {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def serve(self, *argv, ready: str = None) -> subprocess.Popen:
        """A command in the background until close(); with `ready` not before it has written a line with that to stderr."""
        process = subprocess.Popen([*self.enter, *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE if ready else subprocess.DEVNULL, text=True)
        self.started.append(process)
        lines = []
        while ready:
            if not select.select([process.stderr], [], [], 60)[0] or not (line := process.stderr.readline()):
                raise Failure(f"{self.name}: {' '.join(map(str, argv))} does not serve: {''.join(lines)}")
            lines.append(line)
            if ready in line:
                break
        return process

    def end_services(self):
        for process in self.started:
            process.kill()
            process.wait()
            if process.stderr:
                process.stderr.close()
        self.started = []

    def close(self):
        self.end_services()
        self.place.close()

    def json(self, *argv) -> list:
        return json.loads(self.run(*argv).stdout or "[]")

    def plugin(self, command: str, conf: dict, container: str, netns: str, interface="eth0", kind=None) -> dict:
        """Calls a CNI plugin as any engine would; its result, or Failure with its message."""
        environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": interface,
                       "CNI_PATH": PLUGINS}
        words = [f"{name}={value}" for name, value in environment.items()]
        done = self.run("env", *words, f"{PLUGINS}/{kind or conf['type']}", input=json.dumps(conf))
        return json.loads(done.stdout or "{}")

    # What there is

    def links(self) -> dict:
        """Of all links: name -> what `ip -j -d link` tells."""
        return {link["ifname"]: link for link in self.json("ip", "-j", "-d", "link")}

    def addresses(self) -> set:
        """(interface, address/length) of all."""
        return {(link["ifname"], f"{one['local']}/{one['prefixlen']}")
                for link in self.json("ip", "-j", "address") for one in link.get("addr_info", []) if "local" in one}

    def routes(self) -> set:
        lines = []
        for family in ("-4", "-6"):
            # Whether something is connected to a bridge is not its route's matter.
            lines += [f"{family} {line.replace('linkdown', '').strip()}"
                      for line in self.run("ip", family, "route", "show", "table", "all").stdout.splitlines()]
            lines += [f"{family} rule {line.strip()}" for line in self.run("ip", family, "rule").stdout.splitlines()]
        return set(lines)

    def rules(self) -> set:
        """Chains, sets and rules of nf_tables, which has those of iptables too; without what counts and numbers them."""
        found = set()
        for item in self.json("nft", "-j", "list", "ruleset")["nftables"]:
            (kind, body), = item.items()
            if kind == "metainfo":
                continue
            text = json.dumps({kind: without_numbers(body)}, sort_keys=True)
            # The tables and chains that iptables makes for itself before its first rule.
            if kind == "table" and body["name"] in ("nat", "filter", "mangle", "raw", "security"):
                continue
            if kind == "chain" and body.get("name", "").isupper() and "hook" in body:
                continue
            found.add(text)
        return found

    def files(self) -> set:
        """All below the places that networks keep their records in; directories count by what is in them."""
        found = self.run("find", *PRIVATE, "-mindepth", "1", "-not", "-type", "d").stdout.splitlines()
        return set(found)

    def peers(self) -> int:
        """How many network namespaces have been connected with this one and still exist."""
        return len(self.run("ip", "netns", "list-id").stdout.splitlines())

    def mounts(self) -> set:
        """Without their numbers."""
        return {" ".join(line.split()[3:]) for line in self.run("cat", "/proc/self/mountinfo").stdout.splitlines()}

    def listing(self) -> set:
        """Lines for all that a network leaves behind if it is not torn down well. Left out is what its plugins keep by
        design: chains for everybody, the address given last."""
        lines = {f"link {name}" for name in self.links()}
        # The link-local address of lan0 comes when it likes.
        lines |= {f"address {address} on {name}" for name, address in self.addresses() if not address.startswith("fe80:")}
        # Anycast addresses come with the first pod that makes the host a router.
        lines |= {f"route {route}" for route in self.routes() if not re.search("fe80::|multicast ff00::|-6 anycast", route)}
        lines |= {f"rule {rule}" for rule in self.rules() if not FIXTURE.search(rule) or OF_A_CONTAINER.search(rule)}
        lines |= {f"mount {mount}" for mount in self.mounts()}
        lines.add(f"namespaces at the other end of links: {self.peers()}")
        lines |= {f"file {name}" for name in self.files() if not BOOKKEEPING.search(name)}
        return lines


def without_numbers(value):
    if isinstance(value, dict):
        return {key: without_numbers(one) for key, one in value.items() if key not in ("handle", "packets", "bytes", "index")}
    if isinstance(value, list):
        return [without_numbers(one) for one in value]
    return value
