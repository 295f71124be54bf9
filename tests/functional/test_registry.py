"""Images from a real registry (Debian's docker-registry on the loopback): plain and TLS, with users, by digest and platform,
from mirrors, after cuts and kills, by two processes at once."""

import base64
import json
import os
import random
import resource
import signal
import subprocess

from harness import FLY, Case, Images, read, shell, wait_until  # its import lets the next ones be found
from imagekit import oci
from imagekit.entries import directory, file
from registry import Proxy, Registry, make_certificate


def noise(size, seed=1) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


class RegistryCase(Case):
    """A home directory of its own for all that containers-common and docker keep there."""

    own_store = True

    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.top, "home")
        self.config = os.path.join(self.home, ".config", "containers")
        os.makedirs(self.config)
        self.servers = []
        self.env = {"HOME": self.home, "XDG_RUNTIME_DIR": os.path.join(self.top, "run"), "AGENA_HTTP_RETRIES": "2",
                    "XDG_CONFIG_HOME": "", "REGISTRY_AUTH_FILE": "", "DOCKER_CONFIG": "", "http_proxy": "", "https_proxy": "",
                    "CONTAINERS_REGISTRIES_CONF": "", "CONTAINERS_REGISTRIES_CONF_DIR": ""}

    def end_checks(self):
        for server in self.servers:
            server.__exit__()
        return super().end_checks()

    def run_argv(self, argv, env=None, **more):
        return super().run_argv(argv, env={**self.env, **(env or {})}, **more)

    def start(self, *words, env=None, **more):
        return super().start(*words, env={**self.env, **(env or {})}, **more)

    def registry(self, **more) -> Registry:
        registry = Registry(os.path.join(self.top, f"registry{len(self.servers)}"), **more)
        self.servers.append(registry)
        return registry

    def proxy(self, registry) -> Proxy:
        proxy = Proxy(registry.port)
        self.servers.append(proxy)
        return proxy

    def image(self, name="image", layers=None, compression="gzip", **more) -> str:
        """An OCI layout as skopeo and the command name it; by default two layers, of which one is not small."""
        layers = layers or [[directory("etc"), file("etc/one", "1\n")], [file("noise", noise(300_000))]]
        return oci.build(os.path.join(self.top, name), layers, compression, **more)

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text if isinstance(text, str) else json.dumps(text))
        return path

    def fetch(self, reference, *flags, **more) -> str:
        return self.agena("fetch", "--full", *flags, reference, **more).out.strip()

    def records(self) -> list:
        return json.loads(self.agena("image", "list", "--format=json").out)

    def partials(self) -> list:
        path = os.path.join(self.data, "cas", "partial")
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def nothing_came(self):
        self.assertEqual([], self.records())
        for name in ("layers", "staging"):
            self.assertEqual([], os.listdir(os.path.join(self.data, "cas", name)), name)


class Plain(RegistryCase):
    """A registry that anybody may use."""

    def test_fetch_and_run(self):
        registry = self.registry()
        registry.push(Images.busybox("oci"), "team/busybox:1")
        image = self.fetch(f"docker://{registry.host}/team/busybox:1")
        self.assertEqual(self.fetch(Images.busybox("oci")), image)
        done = self.agena("run", "--net=host", "--stage1-name=" + FLY, f"docker://{registry.host}/team/busybox:1",
                          *shell("echo hello"))
        self.assertEqual("hello\n", done.out)
        self.agena("image", "verify", image)
        self.assertEqual([], self.partials())

    def test_present_images_cost_one_request(self):
        registry = self.registry()
        registry.push(self.image(), "app:1")
        first = self.fetch(f"docker://{registry.host}/app:1")
        before = len(registry.requests)
        self.assertEqual(first, self.fetch(f"docker://{registry.host}/app:1"))
        after = registry.requests[before:]
        self.assertEqual([("GET", "/v2/app/manifests/1", 200)], after)

    def test_shared_layers_are_fetched_once(self):
        registry = self.registry()
        shared = [directory("opt"), file("opt/shared", noise(200_000, 2))]
        registry.push(self.image("a", [shared, [file("a", "a")]]), "a:1")
        registry.push(self.image("b", [shared, [file("b", "b")]]), "b:1")
        self.fetch(f"docker://{registry.host}/a:1")
        before = len(registry.got("/blobs/"))
        self.fetch(f"docker://{registry.host}/b:1")
        self.assertEqual(2, len(registry.got("/blobs/")) - before, registry.requests)  # config, and what is new

    def test_many_layers_and_few_files_at_a_time(self):
        registry = self.registry()
        registry.push(self.image(layers=[[file(f"noise{n}", noise(70_000, n))] for n in range(20)], compression="none"), "app:1")
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self.agena("image", "verify", self.fetch(f"docker://{registry.host}/app:1", preexec_fn=few))

    def test_pull_policies(self):
        registry = self.registry()
        registry.push(self.image("old"), "app:1")
        reference = f"docker://{registry.host}/app:1"
        self.fails("prepare", "--pull-policy=never", reference, message="not in the store")
        old = self.fetch(reference)
        registry.push(self.image("new", [[file("new", "new")]]), "app:1")
        before = len(registry.requests)
        self.assertEqual(old, self.fetch(reference, "--pull-policy=new"))
        self.assertEqual(before, len(registry.requests))
        new = self.fetch(reference, "--pull-policy=update")
        self.assertNotEqual(old, new)
        self.assertEqual(new, self.fetch(reference, "--pull-policy=never"))

    def test_digests(self):
        registry = self.registry()
        registry.push(self.image(), "app:1")
        digest = "sha256:" + os.path.basename(os.path.realpath(
            f"{registry.directory}/storage/docker/registry/v2/repositories/app/_manifests/revisions/sha256/"
            + os.listdir(f"{registry.directory}/storage/docker/registry/v2/repositories/app/_manifests/revisions/sha256")[0]))
        by_tag = self.fetch(f"docker://{registry.host}/app:1")
        # A digest wins over a tag beside it, and what is in the store under it is not asked for.
        self.assertEqual(by_tag, self.fetch(f"docker://{registry.host}/app:other@{digest}", "--pull-policy=never"))
        self.assertEqual(by_tag, self.fetch(f"docker://{registry.host}/app@{digest}"))
        other = "sha256:" + "0" * 64
        self.fails("fetch", f"docker://{registry.host}/app@{other}", message="bad HTTP status code: 404")

    def test_unknown_images(self):
        registry = self.registry()
        registry.push(self.image(), "app:1")
        self.fails("fetch", f"docker://{registry.host}/app:2", message="404 (manifest unknown)")
        self.fails("fetch", f"docker://{registry.host}/none:1", message="404")
        registry.stop()
        self.fails("fetch", f"docker://{registry.host}/app:1", message="connect")
        self.nothing_came()

    def test_platforms(self):
        registry = self.registry()
        layout = oci.Layout(os.path.join(self.top, "many"))
        wanted = {}
        entries = []
        for arch, variant in (("amd64", None), ("arm64", "v8"), ("riscv64", None)):
            platform = {"os": "linux", "architecture": arch, **({"variant": variant} if variant else {})}
            layer = layout.layer([file("arch", arch)], "gzip")
            entries.append({**layout.image([layer], platform=platform), "platform": platform})
            wanted[arch] = entries[-1]["digest"]
        index = layout.blob({"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": entries}, oci.INDEX)
        layout.tag(index, "latest")
        layout.finish()
        registry.push(f"oci:{layout.path}:latest", "many:1", "--all")
        reference = f"docker://{registry.host}/many:1"
        for arch in wanted:
            image = self.fetch(f"--platform=linux/{arch}", reference)
            out = os.path.join(self.top, "out-" + arch)
            self.agena("image", "cat-manifest", image)
            self.assertEqual(image, self.fetch(f"docker://{registry.host}/many@{wanted[arch]}"), out)
        self.assertEqual(3, len(self.records()))
        # The store is asked first: what it has for another platform is not what was asked for.
        pinned = f"docker://{registry.host}/many@{index['digest']}"
        images = {arch: self.fetch(f"docker://{registry.host}/many@{wanted[arch]}") for arch in wanted}
        for arch in wanted:
            platform = f"--platform=linux/{arch}"
            self.assertEqual(images[arch], self.fetch("--pull-policy=new", platform, reference))
            self.assertEqual(images[arch], self.fetch("--pull-policy=never", platform, reference))
        for arch in wanted:
            self.assertEqual(images[arch], self.fetch("--pull-policy=never", f"--platform=linux/{arch}", pinned))
            self.assertEqual(images[arch], self.fetch("--pull-policy=never", "--platform=linux/amd64",
                                                      f"docker://{registry.host}/many@{wanted[arch]}"))
        self.fails("fetch", "--pull-policy=never", "--platform=linux/s390x", reference,
                   message="is not in the store for linux/s390x")
        self.fails("fetch", "--platform=linux/s390x", reference, message="no image for linux/s390x; there is")

    def test_a_fetch_is_a_use(self):
        """Also one that finds the image in the store: image gc must not take it away before its pod is there."""
        registry = self.registry()
        registry.push(self.image(), "app:1")
        reference = f"docker://{registry.host}/app:1"
        image = self.fetch(reference)
        record = os.path.join(self.data, "cas", "images", image)
        for policy in ("new", "update", "never"):
            os.utime(record, (1_000_000_000, 1_000_000_000))
            self.assertEqual(image, self.fetch("--pull-policy=" + policy, reference))
            self.assertGreater(os.stat(record).st_mtime, 1_500_000_000, policy)
            self.agena("image", "gc")
            self.assertEqual(1, len(self.records()), policy)

    def test_forms_and_compressions(self):
        registry = self.registry()
        for compression in ("none", "gzip", "zstd"):
            source = self.image(compression, compression=compression)
            registry.push(source, f"{compression}:1", "--preserve-digests")
            self.assertEqual(self.fetch(source), self.fetch(f"oci://{registry.host}/{compression}:1"))
            self.agena("image", "rm", self.records()[0]["id"])
        registry.push(self.image("docker"), "docker:1", "--format=v2s2")
        self.agena("image", "verify", self.fetch(f"docker://{registry.host}/docker:1"))

    def test_tags(self):
        registry = self.registry()
        source = self.image()
        for tag in ("1", "2.0", "latest"):
            registry.push(source, f"team/app:{tag}")
        listed = self.agena("image", "tags", f"docker://{registry.host}/team/app").out
        self.assertEqual(["1", "2.0", "latest"], sorted(listed.split()))
        self.assertEqual(listed, self.agena("image", "tags", f"{registry.host}/team/app").out)
        document = json.loads(self.agena("image", "tags", "--format=json", f"docker://{registry.host}/team/app").out)
        self.assertEqual(["1", "2.0", "latest"], sorted(document["tags"]))
        self.assertEqual(f"{registry.host}/team/app", document["name"])
        self.fails("image", "tags", f"docker://{registry.host}/none", message="404")


class Cuts(RegistryCase):
    """Connections that end, processes that die, and others that want the same."""

    def big(self, registry, size=3_000_000):
        registry.push(self.image(layers=[[file("noise", noise(size))], [file("small", "s")]], compression="none"), "big:1")

    def test_a_cut_is_gone_on_from(self):
        registry = self.registry()
        self.big(registry)
        proxy = self.proxy(registry)
        proxy.cut_after = 1_000_000
        image = self.fetch(f"docker://{proxy.host}/big:1")
        self.agena("image", "verify", image)
        partial = [path for method, path, status in registry.requests if status == 206]
        self.assertEqual(3, len(partial), registry.requests)
        self.assertLess(proxy.passed, 3_400_000)  # nothing came twice
        self.assertEqual([], self.partials())

    def test_a_failed_attempt_is_not_in_vain(self):
        registry = self.registry()
        self.big(registry)
        proxy = self.proxy(registry)
        proxy.cut_after = 2_000_000
        self.fails("fetch", f"docker://{proxy.host}/big:1", message="", env={"AGENA_HTTP_RETRIES": "0"})
        self.nothing_came()
        self.assertEqual(1, len(self.partials()))
        passed = proxy.passed
        proxy.cut_after = None
        self.agena("image", "verify", self.fetch(f"docker://{proxy.host}/big:1"))
        self.assertLess(proxy.passed - passed, 1_300_000)
        self.assertEqual([], self.partials())

    def test_a_cut_of_one_layer_loses_nothing_of_another(self):
        registry = self.registry()
        layers = [[file(f"noise{n}", noise(1_500_000, n))] for n in range(2)]
        registry.push(self.image(layers=layers, compression="none"), "two:1")
        proxy = self.proxy(registry)
        proxy.cut_after = 1_000_000
        self.fails("fetch", f"docker://{proxy.host}/two:1", message="", env={"AGENA_HTTP_RETRIES": "0"})
        self.assertEqual(2, len(self.partials()))
        kept = sum(os.path.getsize(os.path.join(self.data, "cas", "partial", name)) for name in self.partials())
        self.assertGreater(kept, 900_000)
        passed, proxy.cut_after = proxy.passed, None
        self.agena("image", "verify", self.fetch(f"docker://{proxy.host}/two:1"))
        self.assertLess(proxy.passed - passed, 3_100_000 - kept)
        self.assertEqual([], self.partials())

    def test_gc_removes_what_was_left(self):
        registry = self.registry()
        self.big(registry)
        proxy = self.proxy(registry)
        proxy.cut_after = 1_000_000
        self.fails("fetch", f"docker://{proxy.host}/big:1", message="", env={"AGENA_HTTP_RETRIES": "0"})
        self.agena("image", "gc")
        self.assertEqual(1, len(self.partials()))  # it is young
        self.agena("image", "gc", "--grace-period=0s")
        self.assertEqual([], self.partials())

    def test_a_killed_process_leaves_what_it_had(self):
        registry = self.registry()
        self.big(registry)
        proxy = self.proxy(registry)
        proxy.cut_after, proxy.hold = 2_000_000, True
        process = self.start("fetch", f"docker://{proxy.host}/big:1")
        wait_until(lambda: any(os.path.getsize(os.path.join(self.data, "cas", "partial", name)) > 1_500_000
                               for name in self.partials()), "most of the layer is there")
        process.send_signal(signal.SIGKILL)
        process.wait()
        proxy.released.set()
        proxy.cut_after, passed = None, proxy.passed
        self.agena("image", "verify", self.fetch(f"docker://{proxy.host}/big:1"))
        self.assertLess(proxy.passed - passed, 1_600_000)
        self.assertEqual([], self.partials())

    def test_a_spoilt_partial_file_is_dropped(self):
        registry = self.registry()
        self.big(registry)
        proxy = self.proxy(registry)
        proxy.cut_after = 2_000_000
        self.fails("fetch", f"docker://{proxy.host}/big:1", message="", env={"AGENA_HTTP_RETRIES": "0"})
        path = os.path.join(self.data, "cas", "partial", self.partials()[0])
        with open(path, "r+b") as stream:
            stream.seek(100_000)
            stream.write(b"spoilt")
        proxy.cut_after = None
        self.agena("image", "verify", self.fetch(f"docker://{proxy.host}/big:1"))
        self.assertEqual([], self.partials())

    def test_two_processes_download_once(self):
        registry = self.registry()
        self.big(registry)
        proxy = self.proxy(registry)
        proxy.cut_after, proxy.hold = 2_000_000, True
        first = self.start("fetch", f"docker://{proxy.host}/big:1")
        wait_until(lambda: any(os.path.getsize(os.path.join(self.data, "cas", "partial", name)) > 1_500_000
                               for name in self.partials()), "the first has most of it")
        second = self.start("fetch", f"docker://{registry.host}/big:1")
        wait_until(lambda: "waiting for another process" in self.errors(second), "the second waits")
        proxy.cut_after = None
        proxy.released.set()
        one, two = self.finish(first).out, self.finish(second).out
        self.assertEqual(one, two)
        whole = [path for path in registry.got("/blobs/") if path.endswith(self.biggest(registry))]
        self.assertEqual(2, len(whole), registry.requests)  # the first one's two parts

    @staticmethod
    def biggest(registry) -> str:
        base = f"{registry.directory}/storage/docker/registry/v2/blobs/sha256"
        blobs = [(os.path.getsize(os.path.join(path, "data")), os.path.basename(path))
                 for path, _, files in os.walk(base) if "data" in files]
        return max(blobs)[1]


class Tls(RegistryCase):
    """Certificates."""

    def test_unknown_authorities_are_refused(self):
        registry = self.registry(tls=True)
        registry.push(self.image(), "app:1")
        reference = f"docker://{registry.host}/app:1"
        self.fails("fetch", reference, message="certificate")
        self.nothing_came()
        self.fetch(reference, "--insecure-options=tls")

    def test_certs_d(self):
        registry = self.registry(tls=True)
        registry.push(self.image(), "app:1")
        place = f"{self.config}/certs.d/{registry.host}/ca.crt"
        self.write(place, read(registry.authority + "/ca.crt"))
        self.fetch(f"docker://{registry.host}/app:1")
        # Of another host it does not count.
        os.rename(os.path.dirname(place), f"{self.config}/certs.d/127.0.0.1:1")
        self.fails("fetch", f"docker://{registry.host}/app:1", message="certificate")

    def test_client_certificates(self):
        probe = self.registry(tls=True)
        registry = self.registry(tls=True, client_ca=probe.authority + "/ca.crt")
        place = f"{self.config}/certs.d/{registry.host}"
        self.write(place + "/ca.crt", read(registry.authority + "/ca.crt"))
        self.fails("fetch", f"docker://{registry.host}/app:1", message="")
        base = make_certificate(probe.authority, os.path.join(self.top, "client"), "client", client=True)
        self.write(place + "/client.cert", read(base + ".crt"))
        self.fails("fetch", f"docker://{registry.host}/app:1", message="'client.key'")
        self.write(place + "/client.key", read(base + ".key"))
        self.fails("fetch", f"docker://{registry.host}/app:1", message="404")

    def test_insecure_in_registries_conf(self):
        registry = self.registry(tls=True)
        registry.push(self.image(), "app:1")
        self.write(self.config + "/registries.conf", f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
        self.fetch(f"docker://{registry.host}/app:1")


class Users(RegistryCase):
    """Registries that want to know who asks. All with TLS, but where it is said."""

    def setUp(self):
        super().setUp()
        self.server = self.registry(tls=True, users={"user": "pass:word"})
        self.server.push(self.image(), "team/app:1")
        self.write(f"{self.config}/certs.d/{self.server.host}/ca.crt", read(self.server.authority + "/ca.crt"))
        self.reference = f"docker://{self.server.host}/team/app:1"

    def auths(self, key=None, password="pass:word") -> dict:
        auth = base64.b64encode(f"user:{password}".encode()).decode()
        return {"auths": {key or self.server.host: {"auth": auth}}}

    def test_without(self):
        done = self.fails("fetch", self.reference, message="wants a user and a password")
        self.assertIn("401", done.err)
        self.nothing_came()

    def test_auth_json(self):
        self.write(self.config + "/auth.json", self.auths())
        self.fetch(self.reference)

    def test_runtime_auth_json_by_repository(self):
        self.write(self.config + "/auth.json", self.auths(password="wrong"))
        self.write(self.env["XDG_RUNTIME_DIR"] + "/containers/auth.json", self.auths(self.server.host + "/team"))
        self.fetch(self.reference)

    def test_named_auth_file(self):
        path = self.write(self.top + "/mine.json", self.auths())
        self.fetch(self.reference, env={"REGISTRY_AUTH_FILE": path})
        self.fails("fetch", self.reference, message="no such file", env={"REGISTRY_AUTH_FILE": path + "x"})

    def test_docker_config(self):
        self.write(self.home + "/.docker/config.json", self.auths(f"https://{self.server.host}/v1/"))
        self.fetch(self.reference)

    def test_rkt_config(self):
        self.write(self.local + "/auth.d/mine.json",
                   {"rktKind": "dockerAuth", "rktVersion": "v1", "registries": [self.server.host],
                    "credentials": {"user": "user", "password": "pass:word"}})
        self.fetch(self.reference)

    def helper(self, name, script):
        path = self.write(f"{self.top}/bin/docker-credential-{name}", "#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        return {"PATH": f"{self.top}/bin:{os.environ['PATH']}", "SECRET_OF_OURS": "leaked"}

    def test_helpers(self):
        env = self.helper("good", f'''read server
[ "$1 $server" = "get {self.server.host}" ] && [ -z "$SECRET_OF_OURS" ] || exit 1
echo '{{"ServerURL": "", "Username": "user", "Secret": "pass:word"}}'
''')
        self.write(self.home + "/.docker/config.json", {"credHelpers": {self.server.host: "good"}})
        self.fetch(self.reference, env=env)
        self.agena("image", "rm", self.records()[0]["id"])
        self.write(self.home + "/.docker/config.json", {"auths": {self.server.host: {}}, "credsStore": "good"})
        self.fetch(self.reference, env=env)

    def test_bad_helpers(self):
        self.write(self.home + "/.docker/config.json", {"credHelpers": {self.server.host: "bad"}})
        self.fails("fetch", self.reference, message="no program 'docker-credential-bad'")
        env = self.helper("bad", "echo secret-text; exit 3\n")
        done = self.fails("fetch", self.reference, message="credential helper 'bad'", env=env)
        self.assertNotIn("secret-text", done.err)
        self.helper("bad", "echo credentials not found in native keychain; exit 1\n")
        self.fails("fetch", self.reference, message="wants a user and a password", env=env)
        self.write(self.home + "/.docker/config.json", {"credHelpers": {self.server.host: "../evil"}})
        self.fails("fetch", self.reference, message="not the name of a credential helper", env=env)

    def test_wrong_password_is_told_without_it(self):
        self.write(self.config + "/auth.json", self.auths(password="wrong-secret"))
        done = self.fails("--debug", "fetch", self.reference, message="401")
        self.assertNotIn("wrong-secret", done.err)
        self.assertNotIn(base64.b64encode(b"user:wrong-secret").decode(), done.err)

    def test_not_over_plain_http(self):
        plain = self.registry(users={"user": "pass:word"})
        plain.push(self.image("plain"), "app:1")
        reference = f"docker://{plain.host}/app:1"
        self.write(self.config + "/auth.json", self.auths(plain.host))
        self.fails("fetch", reference, message="are not sent to")
        self.fetch(reference, "--insecure-options=http")
        self.agena("image", "rm", self.records()[0]["id"])
        self.write(self.config + "/registries.conf", f'[[registry]]\nlocation = "{plain.host}"\ninsecure = true\n')
        self.fetch(reference)


class Configured(RegistryCase):
    """registries.conf and policy.json."""

    def test_mirror_of_a_public_name(self):
        registry = self.registry()
        registry.push(self.image(), "hub/library/busybox:1")
        self.write(self.config + "/registries.conf", f"""
unqualified-search-registries = ["example.com"]
[[registry]]
prefix = "docker.io"
location = "registry.invalid"
[[registry.mirror]]
location = "127.0.0.1:1"
[[registry.mirror]]
location = "{registry.host}/hub"
""")
        image = self.fetch("docker://busybox:1")
        self.assertEqual("registry-1.docker.io/library/busybox:1", self.records()[0]["name"])  # rkt's name for it
        self.assertEqual(image, self.fetch("docker://docker.io/library/busybox:1", "--pull-policy=never"))

    def test_mirror_without_the_layers(self):
        registry, mirror = self.registry(), self.registry()
        for server in (registry, mirror):
            server.push(self.image(f"image{server.port}"), "hub/app:1")
        blobs = os.path.join(mirror.directory, "storage/docker/registry/v2/blobs/sha256")
        for where, _, files in os.walk(blobs):
            if "data" in files and os.path.getsize(os.path.join(where, "data")) > 100_000:
                os.unlink(os.path.join(where, "data"))
        self.write(self.config + "/registries.conf", f"""
[[registry]]
prefix = "example.com"
location = "{registry.host}/hub"
[[registry.mirror]]
location = "{mirror.host}/hub"
""")
        self.agena("image", "verify", self.fetch("docker://example.com/app:1"))
        self.assertTrue(mirror.got("/manifests/"))
        self.assertEqual(1, len([path for path in registry.got("/manifests/") if "sha256:" in path]))

    def test_drop_ins_and_blocked(self):
        self.write(self.config + "/registries.conf.d/50-mine.conf", '[[registry]]\nprefix = "*.example.com"\nblocked = true\n')
        self.fails("fetch", "docker://a.example.com/app", message="blocked by registries.conf (prefix '*.example.com')")

    def test_bad_files_are_told(self):
        self.write(self.config + "/registries.conf", '[[registry]]\nlocation = "a"\ninsecure = "yes"\n')
        self.fails("fetch", "docker://example.com/app", message="line 3: 'insecure' must be true or false")
        self.write(self.config + "/registries.conf", "[[registry\n")
        self.fails("fetch", "docker://example.com/app", message="registries.conf', line 1")

    def test_policy(self):
        registry = self.registry()
        for name in ("good/app:1", "bad/app:1", "signed/app:1"):
            registry.push(self.image(name.split("/")[0]), name)
        self.write(self.config + "/policy.json", {
            "default": [{"type": "reject"}],
            "transports": {"docker": {
                f"{registry.host}/good": [{"type": "insecureAcceptAnything"}],
                f"{registry.host}/signed/app": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/none"}]}}})
        self.fetch(f"docker://{registry.host}/good/app:1")
        self.fails("fetch", f"docker://{registry.host}/bad/app:1", message="rejected by the policy")
        self.fails("fetch", f"docker://{registry.host}/signed/app:1", message="wants a signature")
        self.fetch(f"docker://{registry.host}/signed/app:1", "--insecure-options=image")
        # It holds for what is in the store, too.
        self.fails("fetch", "--pull-policy=never", f"docker://{registry.host}/signed/app:1", message="wants a signature")
        self.write(self.config + "/policy.json", {"default": [{"type": "reject"}]})
        self.fails("fetch", "--pull-policy=never", f"docker://{registry.host}/good/app:1", message="rejected by the policy")
