"""Typical mistakes and what is said of them: each command line with its exit code and its stderr, as golden texts in
tests/golden/mistakes. Uuids, ids, times and paths are normalised. UPDATE_GOLDEN=1 writes the files anew.

A message is one line, which says what failed, on what and why, and perhaps one more that begins with `hint:`."""

import http.server
import os
import re
import socket
import sys
import threading
import unittest

from harness import SOURCE, UUID, Case, Images, aci, file, read, wait_until

GOLDEN = os.path.join(SOURCE, "tests", "golden", "mistakes")
OS_LABELS = [{"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}]


def elf_for(machine: int) -> bytes:
    """The head of a program for another kind of machine, long enough to be recognised."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + machine.to_bytes(2, "little") + bytes(44)


class Mistakes(Case):
    """A group of mistakes: `self.mistake(words…)` each, `self.check(NAME)` at the end."""

    own_store = True

    def setUp(self):
        super().setUp()
        self.told = []
        build = os.path.dirname(os.path.dirname(self.binary))
        self.places = [(self.top, "TOP"), (Images.busybox(), "BUSYBOX"), (build, "BUILD")]
        if os.environ.get("AGENA_STAGE1_DIR"):
            self.places.append((os.environ["AGENA_STAGE1_DIR"], "STAGE1"))

    def path(self, name, content=None) -> str:
        place = os.path.join(self.top, name)
        if content is not None:
            with open(place, "wb" if isinstance(content, bytes) else "w") as stream:
                stream.write(content)
        return place

    def normalised(self, text: str) -> str:
        for place, name in self.places:
            text = text.replace(place, name)
        text = re.sub(UUID, "UUID", text)
        text = re.sub(r"sha512-[0-9a-f]{12,}", "sha512-ID", text)
        text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:DIGEST", text)
        text = re.sub(r"\[ *\d+\.\d{6}\] ", "[TIME] ", text)
        text = re.sub(r"openSSL/[0-9.]+: error:[0-9A-F]+", "openSSL: error", text)
        # What the name service of the host has to say.
        text = re.sub(r"(discovery found no image for '[^']*'): .*", r"\1: …", text)
        text = re.sub(r"after \d+ ms", "after N ms", text)
        text = re.sub(r"(127\.0\.0\.1[: ](?:port )?)\d{4,5}", r"\1PORT", text)
        return text

    def mistake(self, *words, env=None, shown=None, **more):
        """Runs the command and writes down what it said. stdout stays empty but for what apps print."""
        done = self.agena(*words, check=None, env=env, **more)
        self.assertNotEqual(0, done.code, f"no mistake: {done}")
        told = done.err.splitlines()
        hints = [line for line in told if re.match(r"^\S+: hint: ", line)]
        self.assertLessEqual(len(hints), 1, str(done))
        self.assertLessEqual(len(told), 3, f"too much is said: {done}")
        self.assertTrue(told, f"nothing is said: {done}")
        line = " ".join(map(str, shown or words))
        self.told.append(self.normalised(f"$ agena {line}\n{done.err}-> {done.code}\n"))
        return done

    def check(self, name: str):
        place = os.path.join(GOLDEN, name + ".txt")
        text = "\n".join(self.told)
        if os.environ.get("UPDATE_GOLDEN"):
            os.makedirs(GOLDEN, exist_ok=True)
            with open(place, "w", encoding="utf-8") as stream:
                stream.write(text)
        self.assertEqual(read(place), text, f"{place} (UPDATE_GOLDEN=1 writes it anew)")

    def fetch(self, form="oci") -> str:
        return self.agena("fetch", Images.busybox(form)).out.strip()


class LineTest(Mistakes):
    """What is seen without looking at anything: words and flags."""

    needs_root = False

    def test_commands(self):
        for line in ("lsit", "satus x", "image lst", "image frobnicate", "app lst x", "st", "help rnu", "render x y", ""):
            self.mistake(*line.split())
        self.check("commands")

    def test_words_of_other_programs(self):
        for line in ("ps", "images", "rmi debian", "pull debian", "push x", "exec web sh", "kill web", "inspect web",
                     "tag a b", "build .", "commit web x", "cp web:/a b", "login quay.io", "network ls", "volume ls",
                     "system df", "top", "stats", "wait web", "restart web", "create debian", "load", "save x",
                     "image ls", "image pull debian", "image prune", "app ls x", "--version"):
            self.mistake(*line.split())
        self.check("other-programs-commands")

    def test_flags_of_other_programs(self):
        for line in ("run -it debian sh", "run -v /a:/b debian", "run -p 80:80 debian", "run -p80:80 debian", "run -d debian",
                     "run --rm debian", "run -e A=B debian", "run --env=A=B debian", "run --network=host debian",
                     "run --entrypoint=/bin/sh debian", "run --cap-add=NET_ADMIN debian", "run --privileged debian",
                     "run -w /x debian", "run -u 1 debian", "run --add-host=a:1.2.3.4 debian", "run --pull=always debian",
                     "run --pull-policy=always debian", "run --ipc=host debian", "run debian --restart=onfailure",
                     "rm -f web", "rm --all", "stop -f web", "list -a", "list -q", "logs -n 5 web", "enter -it web sh",
                     "gc --all", "image rm -f debian", "list --format=yaml"):
            self.mistake(*line.split())
        self.check("other-programs-flags")

    def test_flags(self):
        for line in ("run --volme=x debian", "run --memroy=1G debian", "run debian --environ=A=B", "run -net=none debian",
                     "list --ful", "list --tail=3", "stop --grace-period=1s x", "logs --folow web", "status --wiat x",
                     "run --net", "run --volume", "--dir", "list --full=perhaps", "status --wait=soon x",
                     "list --format=jsn", "image list --sort=colour", "image list --fields=id,nmae", "run --name=x debian",
                     "run --exec=/bin/sh debian", "run --insecure-options=imag debian", "run --pull-policy=nevr debian",
                     "run debian --readonly-rootfs=maybe", "completion fsh"):
            self.mistake(*line.split())
        self.check("flags")

    def test_arguments(self):
        for line in ("run", "run -- true", "run a -- b --- -- c", "list web", "stop", "status", "status a b", "rm --uuid-file=f a",
                     "image rm", "image push x", "image push x quay.io/y", "export web", "app start", "fetch", "trust",
                     "stop --uuid-file=/nonexistent", "completion"):
            self.mistake(*line.split())
        self.check("arguments")

    def test_values(self):
        for flag in ("--volume=/srv:/data", "--volume=/srv:/data:ro", "--volume=data", "--volume=data,kind=host",
                     "--volume=data,kind=hosst,source=/x", "--volume=data,kind=host,source=x", "--volume=data,kind=host,sorce=/x",
                     "--volume=data,kind=empty,mode=rwx", "--mount=volume=data", "--mount=/data", "--port=80", "--port=8080:80:tcp",
                     "--port=http:99999", "--net=none,default", "--net=host --port=http:80", "--set-env=A", "--set-env=A=1 --set-env=A=2",
                     "--set-env-file=/nonexistent", "--dns=nameserver", "--hosts-entry=1.2.3.4", "--timeout=5x",
                     "--stage1-name=a --stage1-path=b", "--interactive a b", "--platform=amd64",
                     "--memory=64", "--memory=64Mb", "--cpu=many", "--cpu-shares=-1", "--pids-limit=0",
                     "--caps-retain=NET_ADMIN", "--caps-remove=CAP_CHWON", "--caps-retain=CAP_CHOWN --caps-remove=CAP_KILL",
                     "--seccomp=ptrace", "--seccomp=mode=allow,ptrace", "--rlimit=nofile", "--oom-score-adj=5000",
                     "--restart=sometimes", "--stop-signal=SIGTREM", "--health-interval=often", "--environment=A",
                     "--user=", "--supplementary-gids=wheel", "--device=/dev/null:/x:q", "--tmpfs=tmp", "--log-driver=syslog"):
            self.mistake("run", "--net=none" if "--net" not in flag and "--port" not in flag else "--debug=false",
                         *flag.split(), Images.busybox(), shown=["run", flag, "IMAGE"])
        self.check("values")


class ImageTest(Mistakes):
    def test_naming_images(self):
        """The store has busybox-oci:latest only."""
        self.fetch()
        layout = Images.busybox("oci").removeprefix("oci:").removesuffix(":latest")
        archive = Images.busybox("docker-archive").removeprefix("docker-archive:")
        self.places += [(layout, "LAYOUT"), (archive, "ARCHIVE")]
        for words in (("run", "busybox"), ("run", "busybox-ocu:latest"), ("run", "busybox-oci:1"), ("run", "busybox-oci:latest", "sh"),
                      ("run", "busybox-oci:latest", "---", "true"), ("run", "--pull-policy=never", "nginx"), ("run", "nginx"),
                      ("run", "sha512-0000"), ("run", "sha512-xyz"), ("run", "./missing.aci"), ("run", "/missing/x.aci"),
                      ("run", "oci:/missing"), ("run", f"oci:{layout}:latst"), ("fetch", layout), ("fetch", archive),
                      ("image", "inspect", "busybox"), ("image", "rm", "busybox-oci:lates"),
                      ("image", "tag", "debian", "x"), ("image", "cat-manifest", "nosuch"), ("image", "export", "bsybox-oci", self.path("x.aci")),
                      ("export", "web", self.path("x.aci")), ("image", "tag", "busybox-oci:latest", "UPPER:x")):
            self.mistake(*words)
        self.check("naming-images")

    def test_broken_images(self):
        good = read(Images.busybox(), "rb")
        cut = self.path("cut.aci", good[:len(good) // 2])
        text = self.path("text.aci", "this is no image\n" * 100)
        empty = self.path("empty.aci", "")
        foreign = self.path("foreign.aci")
        manifest = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/foreign",
                    "labels": [{"name": "os", "value": "freebsd"}, {"name": "arch", "value": "amd64"}]}
        aci.build(foreign, manifest, [file("bin/x", b"x", mode=0o755)])
        for words in (("fetch", cut), ("fetch", text), ("fetch", empty), ("run", foreign), ("fetch", f"docker-archive:{text}"),
                      ("fetch", f"oci:{text}")):
            self.mistake(*words)
        self.check("broken-images")

    def test_registries(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
            port = taken.getsockname()[1]
            for words in (("fetch", f"docker://127.0.0.1:{port}/x:1"), ("fetch", f"http://127.0.0.1:{port}/x.aci"),
                          ("image", "tags", f"docker://127.0.0.1:{port}/x")):
                self.mistake(*words)
        self.check("registries")

    def test_answers_of_registries(self):
        class Answer(http.server.BaseHTTPRequestHandler):
            """Paths begin with the status that they get."""

            def do_GET(self):
                status = next((int(word) for word in self.path.split("/") if word.isdigit() and len(word) == 3), 404)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                for status in (401, 403, 404, 500):
                    self.mistake("fetch", f"docker://127.0.0.1:{server.server_port}/{status}/x:1")
                self.mistake("fetch", "--insecure-options=image", f"http://127.0.0.1:{server.server_port}/404/x.aci")
                self.mistake("fetch", f"https://127.0.0.1:{server.server_port}/x.aci", shown=["fetch", "https://127.0.0.1:PORT/x.aci"])
            finally:
                server.shutdown()
                thread.join()
        self.check("answers-of-registries")

    def test_signatures(self):
        self.mistake("fetch", f"--signature={self.path('none.asc')}", Images.busybox(), shown=["fetch", "--signature=none.asc", "IMAGE"])
        self.mistake("fetch", Images.busybox(), f"--signature={self.path('none.asc')}", shown=["fetch", "IMAGE", "--signature=none.asc"])
        bad = self.path("bad.asc", "no signature")
        self.mistake("fetch", Images.busybox(), f"--signature={bad}", shown=["fetch", "IMAGE", "--signature=bad.asc"])
        key = self.path("key.asc", "no key")
        self.mistake("trust", "--root", "--skip-fingerprint-review", key)
        self.mistake("trust", "--root", self.path("missing.asc"))
        self.mistake("trust", key)
        self.check("signatures")


class PodTest(Mistakes):
    def setUp(self):
        super().setUp()
        self.image = self.fetch("aci")
        self.places.insert(0, (self.image, "IMAGE"))

    def run_line(self, *words, **more):
        return self.mistake("run", *words, **more)

    def test_programs(self):
        """What the app is told to run, and as whom."""
        busybox = self.image
        for words in (("--exec=nosuch",), ("--exec=/nosuch",), ("--exec=/etc",), ("--user=nosuch",), ("--group=nosuch",),
                      ("--working-dir=/nosuch", "--exec=/bin/true"), ("--user=/nosuch", "--exec=/bin/true")):
            self.run_line(busybox, *words)
        self.check("programs")

    def test_programs_of_images(self):
        script, alien = self.path("script.aci"), self.path("alien.aci")
        manifest = {"acKind": "ImageManifest", "acVersion": "0.8.11", "labels": OS_LABELS}
        app = {"exec": ["/run-me"], "user": "0", "group": "0"}
        aci.build(script, {**manifest, "name": "example.com/script", "app": app},
                  [file("run-me", b"#!/usr/bin/python9\nprint()\n", mode=0o755)])
        aci.build(alien, {**manifest, "name": "example.com/alien", "app": app}, [file("run-me", elf_for(183), mode=0o755)])
        bare = self.path("bare.aci")
        aci.build(bare, {**manifest, "name": "example.com/bare"}, [file("x", b"x")])
        for place in (script, alien, bare):
            self.run_line(place)
        self.check("programs-of-images")

    def test_volumes_and_networks(self):
        for words in (("--volume=data,kind=host,source=/nonexistent", self.image), (self.image, "--mount=volume=data,target=/data"),
                      ("--net=nonne", self.image), ("--net=host,default", self.image), ("--stage1-name=fly", self.image),
                      ("--stage1-name=agena.dev/stage1-flyy", self.image), ("--stage1-path=/nonexistent.aci", self.image),
                      ("--stage1-from-dir=stage1-fly", self.image), (f"--stage1-path={Images.busybox()}", self.image),
                      (self.image, "--name=a", "--", "true", "---", self.image, "--name=a"), (self.image, self.image),
                      ("--net=none", "--mds-register", self.image), ("--pod-name=Web", self.image), (self.image, "--name=Web"),
                      ("--pod-manifest=/nonexistent",), (f"--pod-manifest={self.path('pod.json', '{')}",),
                      (f"--pod-manifest={self.path('list.json', '[]')}",),
                      ("--private-users", "--volume=v,kind=host,source=/tmp,propagation=shared", self.image)):
            self.run_line(*words)
        self.check("volumes-and-networks")

    def test_plugins(self):
        os.makedirs(os.path.join(self.local, "net.d"))
        net = os.path.join(self.local, "net.d", "10-x.conf")
        for content in ('{"name": "lab", "type": "no-such-plugin"}', '{"name": "lab",}', '{"type": "bridge"}'):
            with open(net, "w", encoding="utf-8") as stream:
                stream.write(content)
            self.run_line("--net=lab", self.image, "--exec=/bin/true", shown=["run", "--net=lab", "IMAGE", "#", content])
        self.check("plugins")

    def test_configuration(self):
        os.makedirs(os.path.join(self.local, "auth.d"))
        for content in ("{", "{}", '{"rktKind": "dockerAuth", "rktVersion": "v1"}', '{"rktKind": "dockerauth", "rktVersion": "v1"}',
                        '{"rktKind": "dockerAuth", "rktVersion": "v1", "registries": ["x"], "credentials": {"user": "me"}}'):
            with open(os.path.join(self.local, "auth.d", "x.json"), "w", encoding="utf-8") as stream:
                stream.write(content)
            self.mistake("config", shown=["config", "#", content])
        self.check("configuration")

    def test_pods(self):
        pod = self.agena("prepare", "--pod-name=web", self.image, "--name=server", "--exec=/bin/true").out.strip()
        for words in (("status", "wbe"), ("status", "server"), ("stop", "nosuch"), ("rm", "nosuch"), ("logs", "00000000"),
                      ("enter", "web", "ls"), ("enter", "server", "ls"), ("logs", "--app=servr", "web"), ("attach", "web"),
                      ("run-prepared", "wbe"), ("run", "--pod-name=web", self.image), ("status", ""),
                      ("stop", "web"), ("app", "list", "wbe"), ("app", "add", "web", self.image), ("app", "start", "web", "server"),
                      ("export", "web", self.path("x.tar")), ("image", "diff", "--app=servr", "web"), ("cat-manifest", "wbe"),
                      ("logs", "--since=yesterday", "web"), ("app", "start", "web"), ("app", "stop", "web", "--app=a", "b")):
            self.mistake(*words)
        self.agena("run-prepared", pod)
        for words in (("enter", "web", "ls"), ("enter", "web"), ("attach", "web"), ("export", "web", "/nonexistent/x.aci"),
                      ("export", "--app=srver", "web", self.path("x.aci")), ("app", "exec", "web", "ls")):
            self.mistake(*words)
        self.assertEqual(0, self.agena("stop", "web").code, "stopping what has ended is no mistake")
        self.check("pods")

    def test_running_pods(self):
        process, uuid = self.start_pod("--pod-name=web", self.image, "--name=server", "--exec=/bin/sleep", "--", "1000",
                                       "---", self.image, "--name=client", "--exec=/bin/sleep", "--", "1000")
        self.agena("status", "--wait-ready=60s", "web")
        for words in (("rm", "web"), ("start", "web"), ("status", "--wait=100ms", "web"), ("enter", "web", "ls"), ("enter", "--app=servr", "web", "ls"),
                      ("enter", "--app=server", "web", "nosuch"), ("attach", "--app=server", "web"), ("app", "add", "web", self.image),
                      ("app", "rm", "web", "servr"), ("run", "--pod-name=web", self.image)):
            self.mistake(*words)
        self.agena("stop", "--force", uuid)
        self.finish(process, check=None)
        self.check("running-pods")

    def test_mutable_pods(self):
        self.agena("app", "sandbox", "--detach", "--pod-name=work", timeout=120)
        self.agena("app", "add", "work", self.image, "--name=job", "--exec=/bin/nosuch")
        for words in (("app", "add", "work", self.image, "--name=job"), ("app", "start", "work", "jbo"), ("app", "start", "work"),
                      ("app", "start", "work", "job"), ("app", "exec", "--app=job", "work", "ls"), ("app", "update", "work", "job"),
                      ("app", "add", "work", "nosuch"), ("app", "add", "work"), ("app", "status", "work", "jobb")):
            self.mistake(*words)
        self.agena("stop", "--force", "work")
        wait_until(lambda: self.state(os.path.basename(self.pod_directories()[0])) != "running", "the pod has ended")
        self.mistake("app", "add", "work", self.image)
        self.check("mutable-pods")


class HostTest(Mistakes):
    """What the host lacks."""

    def in_namespace(self, before: str, *words, shown):
        """Runs the command in a mount namespace of its own, after shell commands."""
        line = ["unshare", "-m", "sh", "-c", before + '\nexec "$@"', "sh", *self.argv(*words)]
        done = self.run_argv(line, check=None)
        self.assertNotEqual(0, done.code, str(done))
        self.told.append(self.normalised(f"$ agena {' '.join(shown)}\n{done.err}-> {done.code}\n"))
        return done

    def test_full_disk(self):
        os.mkdir(self.data)
        self.in_namespace(f"mount -t tmpfs -o size=256k t {self.data}", "fetch", Images.busybox(), shown=["fetch", "IMAGE", "#", "disk of 256 KiB"])
        self.check("full-disk")

    def test_read_only_disk(self):
        os.mkdir(self.data)
        self.in_namespace(f"mount -t tmpfs -o ro t {self.data}", "run", Images.busybox(), shown=["run", "IMAGE", "#", "read-only disk"])
        self.check("read-only-disk")

    def test_no_overlays(self):
        """A data directory on an overlay, which cannot carry another: pods get copied roots, and it is said. No failure."""
        os.mkdir(self.data)
        mount = (f"cd {self.top} && mkdir low && mount -t tmpfs t low && mkdir low/a low/b low/c && "
                 f"mount -t overlay -o lowerdir=low/a,upperdir=low/b,workdir=low/c o {self.data}")
        line = ["unshare", "-m", "sh", "-c", mount + ' && exec "$@"', "sh",
                *self.argv("run", Images.busybox(), "--exec=/bin/true")]
        done = self.run_argv(line)
        self.told.append(self.normalised(f"$ agena run IMAGE # overlays cannot be mounted\n{done.err}-> {done.code}\n"))
        self.check("no-overlays")

    def test_data_directory(self):
        self.mistake("--dir=", "list")
        self.mistake(f"--dir={self.path('a-file', 'x')}", "list")
        self.mistake(f"--dir={self.path('a-file', 'x')}", "fetch", Images.busybox(), shown=["--dir=TOP/a-file", "fetch", "IMAGE"])
        self.check("data-directory")

    def test_port_taken(self):
        """In a network namespace where somebody listens on the port."""
        listen = ("import os, socket, sys; s = socket.socket(); s.setsockopt(1, 2, 0); s.bind(('0.0.0.0', 8080)); s.listen(); "
                  "s.set_inheritable(True); os.execvp(sys.argv[1], sys.argv[1:])")
        before = f"mount -t tmpfs t /var/lib/cni 2>/dev/null; ip link set lo up; exec unshare -m {sys.executable} -c \"{listen}\" \"$@\""
        line = ["unshare", "-n", "-m", "sh", "-c", before, "sh",
                *self.argv("run", "--net=default", "--port=80-tcp:8080", Images.busybox(), "--exec=/bin/true")]
        done = self.run_argv(line, check=254)
        self.told.append(self.normalised(f"$ agena run --port=80-tcp:8080 IMAGE\n{done.err}-> {done.code}\n"))
        self.check("port-taken")

    def test_time_is_up(self):
        image = self.fetch("aci")
        self.places.insert(0, (image, "IMAGE"))
        done = self.mistake("run", "--timeout=1s", image, "--exec=/bin/sleep", "--", "1000")
        self.assertEqual(124, done.code)
        self.check("time-is-up")

    def test_ambiguous_uuids(self):
        places = [os.path.join(self.data, "pods", "prepared", f"aaaaaaaa-0000-4000-8000-00000000000{last}") for last in "12"]
        for place in places:
            os.makedirs(place)
        self.mistake("status", "aaaa")
        self.mistake("rm", "aaaa")
        for place in places:
            os.rmdir(place)
        self.check("ambiguous-uuids")

    def test_no_root(self):
        for words in (("run", "x"), ("gc",), ("enter", "x"), ("app", "add", "x", "y"), ("rm", "x"), ("export", "x", "y")):
            self.mistake(*words, user="nobody", group="nogroup")
        self.check("no-root")


if __name__ == "__main__":
    unittest.main()
