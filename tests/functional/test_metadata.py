"""appc's metadata service: what apps learn of their pods and images, signatures between pods, who may use a token, and that
tokens end with their pods. All in namespaces of the test's own: the service's port and its socket are the host's."""

import contextlib
import ctypes
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time

from harness import FLY, Case, Images, read, shell, wait_until

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
SOCKET, STATE, PORT = "/run/agena/metadata-svc.sock", "/run/agena/metadata-svc", 18112
FLAVOR = {"Metadata-Flavor": "AppContainer"}
HOME = {}


def libc_call(name, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args) != 0:
        raise OSError(ctypes.get_errno(), name)


def setUpModule():  # pylint: disable=invalid-name
    if os.geteuid() != 0:
        return
    for kind in ("mnt", "net"):
        HOME[kind] = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
    libc_call("unshare", CLONE_NEWNS | CLONE_NEWNET)
    for command in ("mount --make-rprivate /", "mkdir -p /run/agena", "mount -t tmpfs -o mode=755 tmpfs /run/agena",
                    "mkdir -p /var/lib/cni", "mount -t tmpfs tmpfs /var/lib/cni", "ip link set lo up"):
        subprocess.run(command.split(), check=True)


def tearDownModule():  # pylint: disable=invalid-name
    place = os.getcwd()
    for fd in HOME.values():
        libc_call("setns", fd, 0)
        os.close(fd)
    os.chdir(place)


def ask(path="", entry="", method="GET", body=None, headers=None, port=PORT):
    """(status, body) of a request to the public service."""
    target = path + ("/acMetadata/v1/" + entry if entry else "")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, target, body=body, headers=FLAVOR if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class Registration(http.client.HTTPConnection):
    """The registration socket, as any client of rkt's service speaks to it."""

    def __init__(self):
        super().__init__("metadata", timeout=30)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)

    @classmethod
    def ask(cls, method, path, body=None, headers=None):
        connection = cls()
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


class MetadataCase(Case):
    def setUp(self):
        super().setUp()
        self.service = None
        self.image = Images.busybox()

    def end_checks(self):
        # Whatever has ended is forgotten with its pod; the service must be there to hear of it.
        if os.path.isdir(os.path.join(self.data, "pods")):
            self.agena("gc", "--grace-period=0s", check=None)
        if self.service is not None and self.service.poll() is None:
            self.stop_service()
        left = self.registered() if os.path.isdir(STATE) else []
        for uuid in left:
            os.unlink(f"{STATE}/{uuid}.json")
        return [f"still registered: {uuid}" for uuid in left] + super().end_checks()

    def start_service(self, *flags):
        self.service = self.start("metadata-service", *flags)
        wait_until(lambda: "registration at" in self.errors(self.service), "the service is ready")

    def stop_service(self):
        self.service.send_signal(signal.SIGTERM)
        self.finish(self.service)

    def registered(self) -> list:
        return sorted(name[:-5] for name in os.listdir(STATE) if name.endswith(".json"))

    def run_pod(self, script, *flags, image=None, name="web", check=0, net="host"):
        return self.agena("run", f"--net={net}", "--mds-register", image or self.image, f"--name={name}", *flags,
                          *shell(script), check=check)

    def start_web(self, *flags, name="web", image=None, script=None, net="host"):
        """A pod that runs until it is stopped: its process, UUID and URL of the metadata."""
        script = script or "echo $AC_METADATA_URL; trap 'exit 0' TERM; while :; do sleep 0.05; done"
        process, uuid = self.start_pod(f"--net={net}", "--mds-register", image or self.image, f"--name={name}", *flags,
                                       *shell(script))
        wait_until(lambda: "http://" in self.output(process), "the app has an URL")
        return process, uuid, self.output(process).split()[-1]

    def stop(self, process, uuid):
        self.agena("stop", uuid)
        self.finish(process, check=None)

    @staticmethod
    def path_of(url):
        return "/" + url.rpartition("/")[2]


FETCH = ('get() { wget -q -O - --header "Metadata-Flavor: AppContainer" "$AC_METADATA_URL/acMetadata/v1/$1"; echo; }; '
         'post() { wget -q -O - --header "Metadata-Flavor: AppContainer" --post-data "$2" '
         '"$AC_METADATA_URL/acMetadata/v1/$1"; echo; }; ')


class Apps(MetadataCase):
    """What an app of a pod sees."""

    def test_entries(self):
        self.start_service()
        entries = ("pod/uuid", "pod/annotations", "apps/web/annotations", "apps/web/annotations/color", "apps/web/image/id")
        done = self.run_pod(FETCH + "echo $AC_METADATA_URL; " + "".join(f"get {entry}; " for entry in entries),
                            "--annotation=color=red")
        url, uuid, pod_annotations, annotations, color, image = done.texts
        self.assertRegex(url, r"^http://127\.0\.0\.1:18112/[0-9a-f]{32}$")
        directory, = self.pod_directories()
        self.assertEqual(uuid, directory.partition("/")[2])
        self.assertIn("coreos.com/rkt/stage1/mutable", [one["name"] for one in json.loads(pod_annotations)])
        self.assertEqual([{"name": "color", "value": "red"}], json.loads(annotations))
        self.assertEqual("red", color)
        manifest = json.loads(self.agena("cat-manifest", uuid).out)
        self.assertEqual(manifest["apps"][0]["image"]["id"], image)

    def test_manifests(self):
        self.start_service()
        process, uuid, url = self.start_web()
        path = self.path_of(url)
        pod = self.pod_path(uuid)
        self.assertEqual((200, read(pod + "/pod")), ask(path, "pod/manifest"))
        self.assertEqual((200, read(pod + "/appsinfo/web/manifest")), ask(path, "apps/web/image/manifest"))
        self.assertEqual(404, ask(path, "apps/other/image/manifest")[0])
        self.stop(process, uuid)

    def test_signatures_between_pods(self):
        self.start_service()
        alice = self.start_web(script=FETCH + "S=$(post pod/hmac/sign 'content=a+message'); U=$(get pod/uuid); "
                               "echo signed $U $S; echo $AC_METADATA_URL; trap 'exit 0' TERM; "
                               "while :; do sleep 0.05; done")
        _, uuid, signature = next(line for line in self.output(alice[0]).splitlines() if "signed" in line).rpartition(
            "signed")[2].join(("x ", "")).split()
        quoted = signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        bob = FETCH + (f"post pod/hmac/verify 'content=a+message&uid={uuid}&signature={quoted}' && echo yes; "
                       f"post pod/hmac/verify 'content=another&uid={uuid}&signature={quoted}' 2>&1; true")
        texts = [text for text in self.run_pod(bob).texts if text.strip()]
        self.assertEqual("yes", texts[0], texts)
        self.assertIn("403", texts[1])
        self.stop(*alice[:2])

    def test_fly(self):
        self.start_service()
        done = self.agena("run", f"--stage1-name={FLY}", "--mds-register", self.image, "--name=web",
                          *shell(FETCH + "get pod/uuid; get apps/web/image/id"))
        self.assertIn(done.out.split()[0], self.pod_directories()[0])
        self.assertIn("sha512-", done.out)

    def test_without_the_flag_there_is_nothing(self):
        self.start_service()
        done = self.agena("run", "--net=host", self.image, "--name=web", *shell("echo url=$AC_METADATA_URL"))
        self.assertEqual(["url="], done.texts)
        self.assertEqual([], self.registered())

    def test_several_apps(self):
        self.start_service()
        done = self.agena("run", "--net=host", "--mds-register", self.image, "--name=one", "--annotation=n=1",
                          *shell(FETCH + "get apps/$AC_APP_NAME/annotations/n; get apps/two/annotations/n"), "---",
                          self.image, "--name=two", "--annotation=n=2",
                          *shell(FETCH + "get apps/$AC_APP_NAME/annotations/n; get apps/one/annotations/n"))
        self.assertEqual({("one", "1"), ("one", "2"), ("two", "2"), ("two", "1")}, set(done.lines))

    def test_another_port(self):
        self.start_service("--listen-port=18113")
        done = self.run_pod(FETCH + "echo $AC_METADATA_URL; get apps/web/image/id")
        self.assertIn("127.0.0.1:18113/", done.texts[0])
        self.assertTrue(done.texts[1].startswith("sha512-"))

    def test_apps_of_oci_images_and_user_namespaces(self):
        self.start_service()
        done = self.agena("run", "--net=host", "--private-users", "--mds-register", Images.busybox("oci"), "--name=web",
                          *shell(FETCH + "get apps/web/image/manifest"), check=None)
        self.assertEqual(0, done.code, str(done))
        self.assertEqual("ImageManifest", json.loads(done.texts[0])["acKind"])


class Tokens(MetadataCase):
    """Who may use a token, and for how long."""

    def test_end_with_the_pod(self):
        self.start_service()
        for end in ("stop", "gc", "rm"):
            process, uuid, url = self.start_web()
            self.assertEqual([uuid], self.registered())
            self.assertEqual((200, uuid), ask(self.path_of(url), "pod/uuid"))
            flag = os.path.join(self.pod_path(uuid), "mds-registered")
            self.assertEqual(0o600, os.stat(flag).st_mode & 0o777)
            if end == "stop":
                self.stop(process, uuid)
            else:
                os.kill(int(read(os.path.join(self.pod_path(uuid), "ppid"))), signal.SIGKILL)
                self.finish(process, check=None)
                # Before anybody has noticed.
                self.assertEqual(401, ask(self.path_of(url), "pod/uuid")[0])
                self.assertEqual([uuid], self.registered())
                self.agena(*(("rm", uuid) if end == "rm" else ("gc", "--mark-only")))
            self.assertEqual(401, ask(self.path_of(url), "pod/uuid")[0], end)
            self.assertEqual([], self.registered(), end)
            if end == "stop":
                self.assertFalse(os.path.exists(os.path.join(self.pod_path(uuid), "mds-registered")))

    def test_are_not_in_the_command_line(self):
        self.start_service()
        process, uuid, url = self.start_web()
        token = self.path_of(url)[1:]
        lines = [read(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc") if pid.isdigit() and os.path.exists(f"/proc/{pid}")]
        self.assertFalse([line for line in lines if token in line])
        self.stop(process, uuid)

    def test_need_the_header_and_the_token(self):
        self.start_service()
        process, uuid, url = self.start_web()
        path = self.path_of(url)
        self.assertEqual(400, ask(path, "pod/uuid", headers={})[0])
        self.assertEqual(401, ask("/" + "0" * 32, "pod/uuid")[0])
        self.assertEqual(404, ask("", "pod/uuid")[0])
        self.assertEqual(404, ask("/", "")[0])
        self.assertEqual(405, ask(path, "pod/uuid", method="PUT", body="x")[0])
        # By its announced length; the body is not waited for.
        self.assertEqual(413, ask(path, "pod/hmac/sign", method="POST", headers={**FLAVOR, "Content-Length": str(1 << 20)})[0])
        self.stop(process, uuid)

    def test_work_from_the_pods_own_addresses(self):
        """Two pods on the default network: each may use its own token, and not that of the other."""
        self.start_service()
        first, uuid, url = self.start_web(net="default")
        self.assertRegex(url, r"^http://172\.16\.28\.1:18112/")
        # Neither the host.
        self.assertEqual(401, ask(self.path_of(url), "pod/uuid")[0])
        done = self.run_pod(FETCH + "get pod/uuid; get apps/web/annotations/color; U=$AC_METADATA_URL; "
                            f"AC_METADATA_URL=${{U%/*}}{self.path_of(url)}; get pod/uuid 2>&1",
                            "--annotation=color=red", net="default")
        own, color, refused = [text for text in done.texts if text.strip()]
        self.assertTrue(self.pod_path(own))
        self.assertNotEqual(uuid, own)
        self.assertEqual("red", color)
        self.assertIn("401", refused)
        self.stop(first, uuid)

    def test_of_apps_that_join_a_pod_on_a_network(self):
        self.start_service()
        uuid = self.sandbox("--net=default", "--mds-register")
        self.agena("app", "add", uuid, self.image, "--name=web", "--start", *shell(FETCH + "get pod/uuid"))
        wait_until(lambda: self.app_states(uuid)["web"] == "exited", "the app ends")
        self.assertEqual(uuid + "\n", self.agena("app", "logs", uuid, "--app=web").out)
        self.agena("stop", uuid)

    def test_need_a_network_that_reaches_the_host(self):
        self.start_service()
        os.mkdir(os.path.join(self.local, "net.d"))
        with open(os.path.join(self.local, "net.d", "10-far.conf"), "w", encoding="utf-8") as conf:
            json.dump({"name": "far", "cniVersion": "0.4.0", "type": "bridge", "bridge": "far0",
                       "ipam": {"type": "host-local", "subnet": "10.66.0.0/24"}}, conf)
        done = self.run_pod("true", net="far", check=254)
        self.assertIn("the metadata service cannot be reached: no network of the pod has a gateway that is this host",
                      done.err)
        self.assertEqual([], os.listdir(os.path.join(self.pod_path(self.pod_directories()[0].partition("/")[2]), "net")))

    def test_change_with_each_start(self):
        self.start_service()
        process, uuid, first = self.start_web()
        self.stop(process, uuid)
        again = self.start("start", uuid)
        wait_until(lambda: "http://" in self.output(again), "the app has an URL")
        second = self.output(again).split()[-1]
        self.assertNotEqual(first, second)
        self.assertEqual((200, uuid), ask(self.path_of(second), "pod/uuid"))
        self.assertEqual(401, ask(self.path_of(first), "pod/uuid")[0])
        self.stop(again, uuid)


class Changes(MetadataCase):
    """Apps that join and leave a pod."""

    def test_add_and_rm(self):
        self.start_service()
        uuid = self.sandbox("--net=host", "--mds-register")
        path = "/" + read(os.path.join(self.pod_path(uuid), "mds-registered")).split()[0]
        self.assertEqual([], json.loads(ask(path, "pod/manifest")[1])["apps"])
        self.agena("app", "add", uuid, self.image, "--name=web", "--annotation=color=red",
                   *shell(FETCH + "get apps/web/annotations/color"))
        self.assertEqual((200, "red"), ask(path, "apps/web/annotations/color"))
        self.agena("app", "start", uuid, "--app=web")
        wait_until(lambda: self.app_states(uuid)["web"] == "exited", "the app ends")
        self.assertEqual("red\n", self.agena("app", "logs", uuid, "--app=web").out)
        self.agena("app", "rm", uuid, "--app=web")
        self.assertEqual(404, ask(path, "apps/web/annotations/color")[0])
        self.assertEqual([], json.loads(ask(path, "pod/manifest")[1])["apps"])
        self.agena("stop", uuid)
        self.assertEqual([], self.registered())


class Service(MetadataCase):
    def test_is_needed(self):
        message = f"the metadata service is not running: nobody listens at '{SOCKET}'"
        self.fails("run", "--net=host", "--mds-register", self.image, *shell("true"), message=message)
        self.fails("app", "sandbox", "--net=host", "--mds-register", message=message, code=1)
        self.assertEqual([], self.pod_directories())
        uuid = self.agena("prepare", self.image, *shell("true")).out.strip()
        self.fails("run-prepared", "--net=host", "--mds-register", uuid, message="the metadata service is not running")
        # It can still be started otherwise.
        self.assertEqual([f"prepared/{uuid}"], self.pod_directories())
        self.fails("run", "--net=none", "--mds-register", self.image, message="--mds-register does not work with the network")

    def test_outlives_its_restart(self):
        self.start_service()
        process, uuid, url = self.start_web()
        _, signature = ask(self.path_of(url), "pod/hmac/sign", method="POST", body="content=x",
                           headers={**FLAVOR, "Content-Type": "application/x-www-form-urlencoded"})
        self.service.kill()
        self.service.wait()
        self.start_service()
        self.assertEqual((200, uuid), ask(self.path_of(url), "pod/uuid"))
        self.assertEqual((200, signature), ask(self.path_of(url), "pod/hmac/sign", method="POST", body="content=x",
                                               headers={**FLAVOR, "Content-Type": "application/x-www-form-urlencoded"}))
        self.stop(process, uuid)

    def test_forgets_pods_that_went_while_it_was_not_there(self):
        self.start_service()
        process, uuid, _ = self.start_web()
        self.stop_service()
        self.stop(process, uuid)
        self.agena("rm", uuid)
        self.assertEqual([uuid], self.registered())
        self.start_service()
        self.assertEqual([], self.registered())

    def test_only_one(self):
        self.start_service()
        self.fails("metadata-service", message="listening on port 18112: address already in use")
        self.fails("metadata-service", "--listen-port=18115", message="a metadata service listens at")
        self.fails("metadata-service", "--listen-port=99999", message="--listen-port")
        self.assertEqual(0o660, os.stat(SOCKET).st_mode & 0o777)
        self.stop_service()
        self.assertFalse(os.path.exists(SOCKET))

    def test_rkts_requests(self):
        """Registration as rkt does it: by the token alone."""
        self.start_service()
        uuid, token = "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "00112233445566778899aabbccddeeff"
        image = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/a"}
        pod = {"acKind": "PodManifest", "acVersion": "0.8.11", "apps": [
            {"name": "a", "image": {"id": "sha512-" + "0" * 128}}]}
        self.assertEqual(200, Registration.ask("PUT", f"/pods/{uuid}?token={token}", json.dumps(pod))[0])
        self.assertEqual(200, Registration.ask("PUT", f"/pods/{uuid}/a", json.dumps(image))[0])
        self.assertEqual(image, json.loads(ask("/" + token, "apps/a/image/manifest")[1]))
        self.assertEqual(400, Registration.ask("PUT", f"/pods/{uuid}/a", "{}")[0])
        self.assertEqual(413, Registration.ask("PUT", f"/pods/{uuid}/a", headers={"Content-Length": str(5 << 20)})[0])
        self.assertEqual(200, Registration.ask("DELETE", f"/pods/{uuid}")[0])
        self.assertEqual(404, Registration.ask("DELETE", f"/pods/{uuid}")[0])

    def test_hostile_peers_do_not_keep_others_out(self):
        self.start_service()
        process, uuid, url = self.start_web()
        peers = []
        for number in range(200):
            peer = socket.create_connection(("127.0.0.1", PORT), timeout=60)
            peer.sendall(b"GET /x HTTP/1.1\r\nX: " + b"x" * number)
            peers.append(peer)
        self.assertEqual((200, uuid), ask(self.path_of(url), "pod/uuid"))
        # They are closed by the service, which waits for nobody for ever: not for who is silent, nor for who never ends.
        deadline = time.monotonic() + 120
        while peers and time.monotonic() < deadline:
            for peer in peers[:3]:
                with contextlib.suppress(ConnectionError):
                    peer.sendall(b"x")
            ended, _, _ = select.select(peers, [], [], 0.2)
            for peer in ended:
                peers.remove(peer)
                with contextlib.suppress(ConnectionError):
                    self.assertEqual(b"", peer.recv(1))
                peer.close()
        self.assertEqual([], peers)
        self.assertEqual((200, uuid), ask(self.path_of(url), "pod/uuid"))
        self.stop(process, uuid)

    def test_bodies_are_taken_from_who_may_have_them_signed(self):
        """The others are refused without a byte of them."""
        self.start_service()
        process, uuid, url = self.start_web()
        form = {**FLAVOR, "Content-Type": "application/x-www-form-urlencoded"}
        other = "/" + "0" * 32
        for status, path, entry, method, headers in (
                (401, other, "pod/hmac/sign", "POST", form), (401, other, "pod/uuid", "GET", FLAVOR),
                (400, self.path_of(url), "pod/hmac/sign", "POST", {}), (404, self.path_of(url), "pod/none", "POST", form),
                (413, self.path_of(url), "pod/uuid", "GET", FLAVOR), (405, self.path_of(url), "pod/uuid", "POST", form)):
            for length in ({"Content-Length": "200000"}, {"Transfer-Encoding": "chunked"}):
                with self.subTest(path=path, entry=entry, method=method, length=length):
                    self.assertEqual(status, ask(path, entry, method, headers={**headers, **length})[0])
        self.assertEqual(200, ask(self.path_of(url), "pod/hmac/sign", "POST", "content=" + "x" * 200000, form)[0])
        self.assertEqual((200, uuid), ask(self.path_of(url), "pod/uuid"))
        self.stop(process, uuid)

    def test_socket_activation(self):
        """Both sockets come from whoever starts the service, and stay when it ends."""
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(SOCKET)
        tcp = socket.create_server(("127.0.0.1", 18119))
        unix.listen()
        self.addCleanup(os.unlink, SOCKET)
        code = ("import os, sys; [os.dup2(int(fd), 100 + i) for i, fd in enumerate(sys.argv[1:3])]; "
                "[os.dup2(100 + i, 3 + i) for i in (0, 1)]; "
                "os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid())); os.execv(sys.argv[3], sys.argv[3:])")
        fds = (tcp.fileno(), unix.fileno())
        self.service = subprocess.Popen(["python3", "-c", code, *map(str, fds), *self.argv("metadata-service")],
                                        pass_fds=fds, stderr=subprocess.PIPE, text=True)
        self.started.append(self.service)
        self.service.out_path = self.service.err_path = "/dev/null"
        done = self.run_pod(FETCH + "echo $AC_METADATA_URL; get apps/web/image/id")
        self.assertIn("127.0.0.1:18119/", done.texts[0])
        self.assertTrue(done.texts[1].startswith("sha512-"), done.texts)
        self.agena("gc", "--grace-period=0s")
        self.service.send_signal(signal.SIGTERM)
        _, err = self.service.communicate(timeout=60)
        self.assertEqual(0, self.service.returncode, err)
        self.assertTrue(os.path.exists(SOCKET))
        unix.close()
        tcp.close()
