"""A real registry for tests: Debian's docker-registry on a free port of the loopback, plain or with TLS by an authority of
its own, open or with users. And a proxy before any server that counts, cuts or holds what passes.

    with Registry(directory) as registry:                       # tls=True, users={"user": "password"}
        registry.push("oci:/path:tag", "team/app:1")            # by skopeo
        ... f"docker://{registry.host}/team/app:1" ...
        registry.requests                                        # (method, path, status) in order
"""

import json
import os
import re
import socket
import subprocess
import threading
import time

PROGRAM = "/usr/bin/docker-registry"
REQUEST = re.compile(r'"(GET|HEAD|PUT|POST|PATCH|DELETE) (\S+) HTTP/[\d.]+" (\d+)')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*argv, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: {done.stdout}")
    return done.stdout


def make_authority(directory):
    """ca.crt and ca.key; nothing if they are there."""
    os.makedirs(directory, exist_ok=True)
    if not os.path.exists(directory + "/ca.crt"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=agena test authority", "-keyout", directory + "/ca.key", "-out", directory + "/ca.crt")
    return directory


def make_certificate(authority, directory, name="server", client=False):
    """NAME.crt and NAME.key by the authority: for the loopback, or of a client."""
    os.makedirs(directory, exist_ok=True)
    base = f"{directory}/{name}"
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
        "-keyout", base + ".key", "-out", base + ".csr")
    with open(base + ".ext", "w", encoding="ascii") as stream:
        usage = "extendedKeyUsage=clientAuth" if client else "subjectAltName=IP:127.0.0.1,DNS:localhost"
        stream.write(usage + "\n")
    run("openssl", "x509", "-req", "-in", base + ".csr", "-CA", authority + "/ca.crt", "-CAkey", authority + "/ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", base + ".ext", "-out", base + ".crt")
    return base


class Registry:
    """A running docker-registry; everything lies in the directory, which it makes and leaves."""

    def __init__(self, directory, tls=False, users=None, client_ca=None):
        self.directory, self.tls, self.users = directory, tls, users or {}
        os.makedirs(directory)
        self.log_path = directory + "/log"
        http = {"addr": None}
        if tls:
            self.authority = make_authority(directory + "/authority")
            base = make_certificate(self.authority, directory)
            http["tls"] = {"certificate": base + ".crt", "key": base + ".key"}
            if client_ca:
                http["tls"]["clientcas"] = [client_ca]
        config = {"version": "0.1", "log": {"accesslog": {"disabled": False}, "level": "warn"},
                  "storage": {"filesystem": {"rootdirectory": directory + "/storage"}, "delete": {"enabled": True}},
                  "http": http}
        if self.users:
            lines = [run("htpasswd", "-Bbn", user, password).strip() for user, password in self.users.items()]
            with open(directory + "/htpasswd", "w", encoding="ascii") as stream:
                stream.write("\n".join(lines) + "\n")
            config["auth"] = {"htpasswd": {"realm": "test", "path": directory + "/htpasswd"}}
        self.config = config
        self.process = None
        self._start()

    def _start(self):
        # Another process may take the port between looking and listening: then the next one.
        for _ in range(20):
            self.port = free_port()
            self.config["http"]["addr"] = f"127.0.0.1:{self.port}"
            path = self.directory + "/config.yml"
            with open(path, "w", encoding="ascii") as stream:
                json.dump(self.config, stream)  # YAML knows JSON
            with open(self.log_path, "wb") as log:
                self.process = subprocess.Popen([PROGRAM, "serve", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"})
            if self._is_up():
                return
            self.stop()
        raise AssertionError(f"docker-registry does not start: {self.log()}")

    def _is_up(self) -> bool:
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self.process.poll() is None
            except OSError:
                time.sleep(0.02)
        return False

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def log(self) -> str:
        with open(self.log_path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    @property
    def requests(self) -> list:
        """(method, path, status) of all requests so far, without what skopeo asked in push()."""
        found = []
        for line in self.log().splitlines():
            match = REQUEST.search(line)
            if match and "skopeo" not in line and "containers/" not in line:
                found.append((match[1], match[2], int(match[3])))
        return found

    def got(self, part: str) -> list:
        """Paths of successful GETs that contain the part."""
        return [path for method, path, status in self.requests if method == "GET" and part in path and status < 400]

    def push(self, source: str, name: str, *options):
        """Copies an image into the registry: source as skopeo spells it (oci:DIR:TAG, docker-archive:FILE)."""
        credentials = []
        if self.users:
            user, password = next(iter(self.users.items()))
            credentials = ["--dest-creds", f"{user}:{password}"]
        run("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", *credentials, *options, source,
            f"docker://{self.host}/{name}")


class Proxy:
    """Passes connections on to a server, and can cut them: `cut_after` bytes of answers, or hold them there."""

    def __init__(self, port: int):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut_after = None  # bytes towards the client of one connection
        self.hold = False  # stand still there instead of cutting
        self.released = threading.Event()
        self.passed = 0  # bytes towards clients
        self.closing = False
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            for pair in ((client, server, False), (server, client, True)):
                thread = threading.Thread(target=self._pump, args=pair, daemon=True)
                thread.start()

    def _pump(self, source, target, is_answer):
        sent = 0
        try:
            while data := source.recv(16384):
                if is_answer and self.cut_after is not None and sent + len(data) > self.cut_after:
                    target.sendall(data[:max(0, self.cut_after - sent)])
                    if self.hold:
                        self.released.wait()
                    break
                target.sendall(data)
                sent += len(data)
                if is_answer:
                    self.passed += len(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closing = True
        self.released.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
