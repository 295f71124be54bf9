"""ACIs from the web: by URL and by name through discovery, with their signatures, keys and dependencies. One server on
the loopback plays all hosts."""

import concurrent.futures
import json
import os
import resource
import shutil
import signal
import threading
import time

from harness import FLY, Case, Images, Terminal, read, shell
from image_server import Answer, ImageServer
from imagekit import aci
from imagekit.entries import file
from openpgp import Keys

UNKNOWN = "openpgp: signature made by unknown entity"
TEMPLATE = "https://images.example.net/{name}-{version}-{os}-{arch}.{ext}"


class Web(Case):
    """What the tests here use: a server, and a key that is trusted for example.com."""

    def setUp(self):
        super().setUp()
        self.server = ImageServer(self.top)
        self.server.__enter__()
        self.keys = Keys(self.top)
        self.key = self.keys.make("alice")
        self.key_file = self.keys.write(os.path.join(self.top, "alice.asc"), self.key)
        self.made = 0

    def tearDown(self):
        self.keys.close()
        self.server.__exit__()
        super().tearDown()

    def agena(self, *words, env=None, **more):
        return super().agena(*words, env={**self.server.environment(), "AGENA_HTTP_RETRIES": "2", **(env or {})}, **more)

    def trust(self, prefix="example.com"):
        self.agena("trust", "--skip-fingerprint-review", "--prefix=" + prefix, self.key_file)

    def image(self, name="example.com/app", version="1.0.0", text="hello", **more) -> str:
        self.made += 1
        path = os.path.join(self.top, f"image{self.made}.aci")
        return aci.build(path, aci.image_manifest(name, version, exec_=["/bin/true"], **more),
                         [file(f"etc/{name.replace('/', '-')}", text)])

    def publish(self, url: str, path: str, sign=True, **more):
        self.server.put_file(url, path, **more)
        if sign:
            self.server.put_file(url + ".asc", self.keys.sign(path, self.key, out=os.path.join(self.top, os.path.basename(path) + ".asc")))

    @staticmethod
    def url_of(name: str, version="1.0.0", host="images.example.net", scheme="https") -> str:
        return f"{scheme}://{host}/{name}-{version}-linux-{aci.native_arch()}.aci"

    def publish_name(self, name: str, version="1.0.0", **more):
        path = self.image(name, version, **more)
        self.publish(self.url_of(name, version), path)
        self.server.put_page("https://" + name, ("ac-discovery", f"{name} {TEMPLATE}"))
        return path

    def fetch(self, *words) -> str:
        """The id."""
        return self.agena("fetch", "--full", *words).out.strip()

    def images(self) -> list:
        return sorted(one["name"] for one in json.loads(self.agena("image", "list", "--format=json").out))

    def partials(self) -> list:
        path = os.path.join(self.data, "cas", "partial")
        return os.listdir(path) if os.path.isdir(path) else []


class Url(Web):
    URL = "https://www.example.com/app.aci"

    def test_signed(self):
        self.trust()
        self.publish(self.URL, self.image())
        done = self.agena("--debug", "fetch", self.URL)
        self.assertRegex(done.out, "^sha512-[0-9a-f]{32}\n$")
        self.assertIn(f'remote fetching from URL "{self.URL}"', done.err)
        self.assertEqual(["example.com/app:1.0.0"], self.images())
        self.assertEqual([], self.partials())
        # The signature comes first.
        self.assertEqual([self.URL + ".asc", self.URL], self.server.asked())

    def test_runs(self):
        path = Images.busybox()
        self.publish(self.URL, path, sign=False)
        argv = ["--insecure-options=image", "run", "--net=host", "--stage1-name=" + FLY, self.URL, *shell("echo hello")]
        self.assertEqual("hello\n", self.agena(*argv).out)
        self.server.forget_requests()
        self.assertEqual("hello\n", self.agena(*argv).out)
        self.assertEqual([], self.server.asked())

    def test_pull_policies(self):
        self.trust()
        self.publish(self.URL, self.image())
        self.fails("fetch", "--pull-policy=never", self.URL, message="is not in the store")
        self.assertEqual([], self.server.asked())
        first = self.fetch("--pull-policy=new", self.URL)
        self.server.forget_requests()
        for policy in ("new", "never"):
            self.assertEqual(first, self.fetch("--pull-policy=" + policy, self.URL))
        self.assertEqual([], self.server.asked())
        # Unchanged: one request, no body.
        self.assertEqual(first, self.fetch("--pull-policy=update", self.URL))
        self.assertEqual([self.URL], self.server.asked())
        self.assertIn("if-none-match", self.server.requests[-1].headers)
        self.publish(self.URL, self.image(version="2.0.0"))
        second = self.fetch("--pull-policy=update", self.URL)
        self.assertNotEqual(first, second)
        self.assertEqual(second, self.fetch("--pull-policy=new", self.URL))

    def test_max_age(self):
        self.trust()
        self.publish(self.URL, self.image(), headers={"Cache-Control": "public, max-age=3600"})
        first = self.fetch(self.URL)
        self.server.forget_requests()
        self.assertEqual(first, self.fetch("--pull-policy=update", self.URL))
        self.assertEqual([], self.server.asked())
        # What is known of URLs is a cache: without it all goes on.
        for name in os.listdir(os.path.join(self.data, "cas", "remotes")):
            os.unlink(os.path.join(self.data, "cas", "remotes", name))
        self.assertEqual(first, self.fetch("--pull-policy=update", self.URL))
        self.assertEqual([self.URL + ".asc", self.URL], self.server.asked())

    def lose_layer(self, id_):
        for layer in json.loads(self.agena("image", "inspect", "--format=json", id_).out)[0]["layers"]:
            shutil.rmtree(os.path.join(self.data, "cas", "layers", layer["key"]))

    def test_a_lost_layer_is_fetched_again(self):
        self.trust()
        self.publish(self.URL, self.image(), headers={"Cache-Control": "public, max-age=3600"})
        id_ = self.fetch(self.URL)
        for policy in ("update", "new"):
            self.lose_layer(id_)
            self.agena("image", "verify", id_, check=254)
            self.assertEqual(id_, self.fetch("--pull-policy=" + policy, self.URL))
            self.agena("image", "verify", id_)
        self.lose_layer(id_)
        self.server.forget_requests()
        self.assertEqual(id_, self.fetch("--pull-policy=never", self.URL))
        self.assertEqual([], self.server.asked())
        done = self.agena("image", "verify", "--repair", "--format=json", id_)
        self.assertEqual(("repaired", self.URL), tuple(json.loads(done.out)[0][key] for key in ("state", "repaired_from")))

    def test_last_modified(self):
        self.trust()
        self.publish(self.URL, self.image())
        body, date = self.server.answers[self.URL].body, "Wed, 21 Oct 2015 07:28:00 GMT"
        self.server.put(self.URL, lambda request: Answer(status=304) if request.headers.get("if-modified-since") == date
                        else Answer(body, headers={"Last-Modified": date, "ETag": ""}))
        first = self.fetch(self.URL)
        self.server.forget_requests()
        self.assertEqual(first, self.fetch("--pull-policy=update", self.URL))
        self.assertEqual([self.URL], self.server.asked())

    def test_resumes(self):
        self.trust()
        path = self.image(text=os.urandom(400_000).hex())
        self.publish(self.URL, path, cut=100_000)
        self.agena("fetch", self.URL, check=254, env={"AGENA_HTTP_RETRIES": "0"})
        self.assertNotEqual([], self.partials())
        self.publish(self.URL, path)
        self.server.forget_requests()
        self.fetch(self.URL)
        ranges = [one.headers.get("range") for one in self.server.requests if one.url == self.URL]
        self.assertEqual(["bytes=100000-"], [one[:13] for one in ranges])
        self.assertEqual([], self.partials())

    def test_a_full_disk_does_not_stay_full(self):
        self.trust()
        self.publish(self.URL, self.image(text=os.urandom(400_000).hex()))
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
        self.fails("fetch", self.URL, message="file too large", preexec_fn=small_files)
        partial = os.path.join(self.data, "cas", "partial")
        self.assertEqual(0, sum(os.path.getsize(os.path.join(partial, name)) for name in self.partials()))
        self.fetch(self.URL)

    def test_a_changed_image_is_not_resumed(self):
        self.trust()
        self.publish(self.URL, self.image(text=os.urandom(200_000).hex()), cut=50_000)
        self.agena("fetch", self.URL, check=254, env={"AGENA_HTTP_RETRIES": "0"})
        self.publish(self.URL, self.image(version="2", text=os.urandom(200_000).hex()))
        self.fetch(self.URL)
        self.assertEqual(["example.com/app:2"], self.images())

    def test_signs_that_names_have_mean_nothing_in_urls(self):
        self.trust()
        for url in ("https://example.com/@scope/app.aci", "https://example.com/app@1.0.aci", "https://example.com/a,b.aci"):
            self.publish(url, self.image(text=url))
            id_ = self.fetch("--pull-policy=new", url)
            self.server.forget_requests()
            self.assertEqual(id_, self.fetch("--pull-policy=new", url))
            self.assertEqual([], self.server.asked())
            self.assertEqual(id_, json.loads(self.agena("image", "inspect", "--format=json", url).out)[0]["id"])

    def test_two_at_once_fetch_once(self):
        self.trust()
        self.publish(self.URL, self.image(text=os.urandom(400_000).hex()))
        answer = self.server.answers[self.URL]
        def slow(_):
            time.sleep(0.5)
            return answer
        self.server.put(self.URL, slow)
        both = [self.start("fetch", "--pull-policy=new", self.URL, env=self.server.environment()) for _ in range(2)]
        ids = {self.finish(one).out for one in both}
        self.assertEqual(1, len(ids))
        self.assertEqual(1, self.server.asked().count(self.URL))

    def test_a_query_is_kept_out_of_sight(self):
        url = self.URL + "?token=s3cret.aci"
        self.publish(url, self.image(), sign=False)
        done = self.agena("--debug", "--insecure-options=image", "fetch", "--pull-policy=new", url)
        self.server.forget_requests()
        again = self.agena("--debug", "--insecure-options=image", "fetch", "--pull-policy=new", url)
        self.assertEqual([], self.server.asked())
        self.assertNotIn("s3cret", done.err + again.err)
        for path, _, names in os.walk(os.path.join(self.data, "cas")):
            for name in names:
                if os.path.islink(os.path.join(path, name)):
                    continue
                self.assertNotIn(b"s3cret", read(os.path.join(path, name), "rb"), os.path.join(path, name))

    def test_signature_that_comes_later(self):
        self.trust()
        self.publish(self.URL, self.image())
        signature, asked = self.server.answers[self.URL + ".asc"], []
        def later(request):
            asked.append(request)
            return Answer(b"wait", 202) if len(asked) == 1 else signature
        self.server.put(self.URL + ".asc", later)
        self.fetch(self.URL)
        self.assertEqual([self.URL + ".asc", self.URL, self.URL + ".asc"], self.server.asked())
        self.server.put(self.URL + ".asc", Answer(b"wait", 202).body, status=202)
        self.agena("image", "rm", "example.com/app")
        self.fails("fetch", self.URL, message="the server has put it off")

    def test_without_signature(self):
        self.trust()
        self.publish(self.URL, self.image(), sign=False)
        self.fails("fetch", self.URL, message=f"no signature at '{self.URL}.asc'")
        self.assertIn("bad HTTP status code: 404", self.agena("fetch", self.URL, check=254).err)
        self.assertEqual([self.URL + ".asc"] * 2, self.server.asked(), "the image was fetched in vain")
        given = self.keys.sign(os.path.join(self.top, "image1.aci"), self.key, out=self.top + "/given")
        self.fetch(self.URL, "--signature=" + given)

    def test_unverified_images_are_verified_when_it_counts(self):
        self.publish(self.URL, self.image())
        self.agena("--insecure-options=image", "fetch", self.URL)
        self.fails("fetch", self.URL, message=UNKNOWN)
        self.trust()
        self.fetch(self.URL)

    def test_a_key_that_is_removed_takes_its_images_along(self):
        self.trust()
        self.publish(self.URL, self.image(), headers={"Cache-Control": "max-age=3600"})
        self.fetch(self.URL)
        self.agena("trust", "--remove=" + self.key, "--prefix=example.com")
        self.server.forget_requests()
        self.fails("fetch", self.URL, message=UNKNOWN)
        self.assertIn(self.URL, self.server.asked())

    def test_bad_signature_leaves_nothing(self):
        self.trust()
        self.publish(self.URL, self.image())
        self.server.put_file(self.URL, self.image(version="2"))
        self.fails("fetch", self.URL, message="bad signature")
        self.assertEqual([], self.images())
        self.assertEqual([], self.partials())

    def test_given_signature_counts_whatever_is_known(self):
        self.trust()
        path = self.image()
        self.publish(self.URL, path, headers={"Cache-Control": "max-age=3600"})
        good = path + ".asc"
        identity = self.fetch(self.URL)
        self.server.forget_requests()
        self.fetch("--pull-policy=new", self.URL, "--signature=" + good)
        self.assertEqual([self.URL], self.server.asked())
        self.assertNotIn("if-none-match", self.server.requests[-1].headers)
        bad = self.keys.sign(self.image(version="2"), self.key, out=self.top + "/bad")
        for policy in ("new", "update"):
            self.fails("fetch", "--pull-policy=" + policy, self.URL, "--signature=" + bad, message="bad signature")
        self.fails("fetch", "--pull-policy=never", self.URL, "--signature=" + good, message="--signature needs the image")
        for command, image in (("run", identity), ("fetch", "docker://localhost:1/app")):
            self.fails(command, image, "--signature=" + good, message="--signature is for ACIs")

    def test_a_late_signature_of_a_newer_image(self):
        self.trust()
        self.publish(self.URL, self.image())
        self.fetch(self.URL)
        path = self.image(version="2", text=os.urandom(100_000).hex())
        self.publish(self.URL, path)
        signature = self.server.answers[self.URL + ".asc"].body
        self.server.put(self.URL + ".asc", b"wait", status=202)
        self.fails("fetch", self.URL, message="the server has put it off")
        self.assertNotEqual([], self.partials(), "the download was thrown away")
        self.server.put(self.URL + ".asc", signature)
        self.fetch(self.URL)
        self.assertEqual(["example.com/app:1.0.0", "example.com/app:2"], self.images())

    def test_unchanged_what_nobody_has(self):
        self.server.put(self.URL, status=304)
        self.fails("--insecure-options=image", "fetch", self.URL, message="bad HTTP status code: 304")

    def test_size_limit_holds_for_the_download(self):
        self.publish(self.URL, self.image(text=os.urandom(3 << 20).hex()), sign=False)
        self.fails("--insecure-options=image", "fetch", "--max-image-size=1M", self.URL, message="larger than the limit of")
        self.assertEqual([], [one for one in self.partials() if not one.endswith(".note") and
                              os.path.getsize(os.path.join(self.data, "cas/partial", one))])

    def test_secrets_in_queries(self):
        self.trust()
        url, path = self.URL + "?token=s3cret", self.image()
        self.server.put_file(url, path)
        self.server.put_file(self.URL + ".asc?token=s3cret", self.keys.sign(path, self.key, out=os.path.join(self.top, os.path.basename(path) + ".asc")))
        identity = self.fetch(url)
        self.assertEqual([self.URL + ".asc?token=s3cret", url], self.server.asked())
        for text in (self.agena("image", "list", "--format=json").out, read(os.path.join(self.data, "cas/images", identity))):
            self.assertNotIn("s3cret", text)
        # It is known all the same, and not mistaken for another.
        self.assertEqual(identity, self.fetch("--pull-policy=never", url))
        self.fails("fetch", "--pull-policy=never", self.URL + "?token=other", message="is not in the store")

    def test_no_such_image(self):
        self.fails("--insecure-options=image", "fetch", self.URL, message="bad HTTP status code: 404")

    def test_plain_http(self):
        url = "http://www.example.com/app.aci"
        self.publish(url, self.image())
        self.fails("--insecure-options=image", "fetch", url, message="plain http")
        self.assertEqual([], self.server.asked())
        self.agena("--insecure-options=image,http", "fetch", url)

    def test_certificates(self):
        self.publish(self.URL, self.image())
        stranger = {"SSL_CERT_FILE": "/dev/null", "AGENA_HTTP_RETRIES": "0"}
        done = self.agena("--insecure-options=image", "fetch", self.URL, check=254, env=stranger)
        self.assertIn("certificate", done.err)
        self.assertEqual([], self.server.asked())
        self.agena("--insecure-options=image,tls", "fetch", self.URL, env=stranger)


class Credentials(Web):
    """auth.d."""

    URL = "https://www.example.com/app.aci"

    def configure(self, host: str, kind="basic", **credentials):
        os.makedirs(os.path.join(self.local, "auth.d"), exist_ok=True)
        with open(os.path.join(self.local, "auth.d", kind + ".json"), "w", encoding="utf-8") as stream:
            json.dump({"rktKind": "auth", "rktVersion": "v1", "domains": [host], "type": kind,
                       "credentials": credentials}, stream)

    def guard(self, url: str, value: str):
        answer = self.server.answers[url]
        self.server.put(url, lambda request: answer if request.headers.get("authorization") == value
                        else Answer(b"who are you?", 401))

    def test_basic_and_oauth(self):
        self.publish(self.URL, self.image(), sign=False)
        self.guard(self.URL, "Basic dXNlcjpzM2NyZXQ=")
        self.fails("--insecure-options=image", "fetch", self.URL, message="bad HTTP status code: 401")
        self.configure("www.example.com", user="user", password="s3cret")
        self.agena("--insecure-options=image", "fetch", self.URL)
        self.publish(self.URL, self.image(version="2"), sign=False)
        self.guard(self.URL, "Bearer t0ken")
        done = self.agena("--debug", "--insecure-options=image", "fetch", self.URL, check=254)
        self.assertIn("401", done.err)
        for secret in ("s3cret", "dXNlcjpzM2NyZXQ="):
            self.assertNotIn(secret, done.err)
        os.unlink(os.path.join(self.local, "auth.d", "basic.json"))
        self.configure("www.example.com", "oauth", token="t0ken")
        self.agena("--insecure-options=image", "fetch", self.URL)

    def test_aws_is_told(self):
        self.configure("www.example.com", "aws", accessKeyID="a", secretAccessKey="b")
        self.fails("--insecure-options=image", "fetch", self.URL, message="type aws for 'www.example.com'")

    def test_only_for_their_host_and_only_over_tls(self):
        self.configure("www.example.com", user="user", password="s3cret")
        self.server.put(self.URL, b"", status=302, headers={"Location": "https://example.org/there.aci"})
        self.publish("https://example.org/there.aci", self.image(), sign=False)
        self.agena("--insecure-options=image", "fetch", self.URL)
        sent = {one.url: "authorization" in one.headers for one in self.server.requests}
        self.assertEqual({self.URL: True, "https://example.org/there.aci": False}, sent)

    def test_not_in_urls(self):
        done = self.agena("--insecure-options=image", "fetch", "https://user:s3cret@www.example.com/app.aci", check=254)
        self.assertIn("credentials do not belong into a URL", done.err)
        self.assertNotIn("s3cret", done.err)
        self.assertEqual([], self.server.asked())


class Names(Web):
    """Discovery of images."""

    def test_found_at_the_host(self):
        self.trust()
        path = self.image("example.com/part/app")
        self.publish(self.url_of("example.com/part/app"), path)
        self.server.put_page("https://example.com", ("ac-discovery", "example.com " + TEMPLATE))
        self.fetch("example.com/part/app:1.0.0")
        self.assertEqual(["https://example.com/part/app?ac-discovery=1", "https://example.com/part?ac-discovery=1",
                          "https://example.com/?ac-discovery=1", self.url_of("example.com/part/app") + ".asc",
                          self.url_of("example.com/part/app")], self.server.asked())
        self.server.forget_requests()
        self.agena("run", "--net=host", "--stage1-name=" + FLY, "example.com/part/app", check=None)
        self.assertEqual([], self.server.asked())

    def test_version_and_labels(self):
        self.trust()
        self.publish_name("example.com/app", "latest")
        self.publish(self.url_of("example.com/app", "2.0.0"), self.image(version="2.0.0"))
        self.fetch("example.com/app")
        self.fetch("example.com/app:2.0.0")
        self.assertEqual(["example.com/app:2.0.0", "example.com/app:latest"], self.images())

    def test_another_name_or_label_than_asked_for(self):
        self.trust()
        self.publish_name("example.com/app")
        self.publish(self.url_of("example.com/app"), self.image("example.com/other"))
        self.fails("fetch", "example.com/app:1.0.0", message="the image is 'example.com/other', not 'example.com/app'")
        self.publish(self.url_of("example.com/app"), self.image(version="1.0.1"))
        self.fails("fetch", "example.com/app:1.0.0", message="the label version=1.0.1, but version=1.0.0 was asked for")
        self.publish(self.url_of("example.com/app"), self.image())
        self.fails("fetch", "example.com/app:1.0.0,colour=red", message="no label 'colour'")
        self.assertEqual([], self.images())

    def test_not_found(self):
        done = self.agena("--insecure-options=image", "fetch", "example.com/app", check=254)
        self.assertIn("discovery found no image for 'example.com/app'", done.err)
        self.assertIn("'https://example.com'", done.err)
        self.assertIn("404", done.err)
        self.fails("--insecure-options=image", "fetch", "busybox", message="'busybox' is not the name of a host")
        self.fails("--insecure-options=image", "fetch", "example.com/app", "--pull-policy=never",
                   message="is not in the store")

    def test_plain_http_only_if_waived(self):
        path = self.image()
        url = self.url_of("example.com/app", host="example.com", scheme="http")
        self.publish(url, path)
        self.server.put_page("http://example.com/app", ("ac-discovery", "example.com http://example.com/{name}-{version}-"
                                                                        "{os}-{arch}.{ext}"))
        self.agena("--insecure-options=image", "fetch", "example.com/app:1.0.0", check=254)
        self.assertTrue(all(one.startswith("https://") for one in self.server.asked()), self.server.asked())
        self.agena("--insecure-options=image,http", "fetch", "example.com/app:1.0.0")

    def test_huge_page(self):
        self.server.put("https://example.com?ac-discovery=1", b" " * (2 << 20))
        done = self.agena("--insecure-options=image", "fetch", "example.com/app", check=254)
        self.assertIn("discovery found no image", done.err)

    def test_a_stage1_by_name_and_by_url(self):
        path = os.path.join(os.environ["AGENA_STAGE1_DIR"], "stage1-fly.aci")
        url = "https://www.example.com/fly.aci"
        self.publish(url, path)
        app = self.fetch(Images.busybox())
        argv = ["run", "--net=host", "--stage1-url=" + url, app, *shell("echo hello")]
        self.assertIn(UNKNOWN, self.agena(*argv, check=254).err)
        # That it is in the store, unverified, is not enough.
        self.agena("--insecure-options=image", "fetch", url)
        self.assertIn(UNKNOWN, self.agena(*argv, check=254).err)
        self.trust("agena.dev")
        self.assertEqual("hello\n", self.agena(*argv).out)
        self.fails("run", "--stage1-hash=" + FLY, app, message="is not an image id")
        # The same by the configuration.
        os.makedirs(os.path.join(self.local, "stage1.d"))
        with open(os.path.join(self.local, "stage1.d", "fly.json"), "w", encoding="utf-8") as stream:
            json.dump({"rktKind": "stage1", "rktVersion": "v1", "location": url}, stream)
        self.assertEqual("hello\n", self.agena("run", "--net=host", app, *shell("echo hello")).out)


class KeysFromTheWeb(Web):
    PUBKEYS = ("ac-discovery-pubkeys", "example.com https://example.com/keys.gpg")

    def setUp(self):
        super().setUp()
        self.server.put_file("https://example.com/keys.gpg", self.key_file)
        self.path = os.path.join(self.local, "trustedkeys/prefix.d/example.com/app", self.key)

    def test_trust_a_url(self):
        self.agena("trust", "--prefix=example.com/app", "--skip-fingerprint-review", "https://example.com/keys.gpg")
        self.assertTrue(os.path.exists(self.path))
        self.server.put_file("http://example.com/keys.gpg", self.key_file)
        plain = ["trust", "--root", "--skip-fingerprint-review", "http://example.com/keys.gpg"]
        self.fails(*plain, message="plain http")
        self.agena("trust", "--insecure-allow-http", *plain[1:])
        self.agena("--insecure-options=pubkey", *plain)
        self.fails("trust", "--root", "https://example.com/none", message="bad HTTP status code: 404")

    def test_trust_what_discovery_finds(self):
        self.fails("trust", "--prefix=example.com/app", message="discovery found no keys for 'example.com/app'")
        self.server.put_page("https://example.com", self.PUBKEYS)
        self.fails("trust", "--prefix=example.com/app", message="there is no terminal to ask on")
        self.agena("--trust-keys-from-https", "trust", "--prefix=example.com/app")
        self.assertTrue(os.path.exists(self.path))
        self.fails("trust", "--root", message="which key?")

    def test_keys_of_plain_http_are_reviewed(self):
        self.server.put_page("http://example.com", ("ac-discovery-pubkeys", "example.com https://example.com/keys.gpg"))
        self.fails("--trust-keys-from-https", "trust", "--prefix=example.com/app", "--insecure-allow-http",
                   message="there is no terminal to ask on")

    def test_keys_of_redirects_to_plain_http_are_reviewed(self):
        self.server.put("https://example.com?ac-discovery=1", status=302,
                        headers={"Location": "http://example.com/page?ac-discovery=1"})
        self.server.put_page("http://example.com/page", self.PUBKEYS)
        self.fails("--trust-keys-from-https", "trust", "--prefix=example.com/app", "--insecure-allow-http",
                   message="there is no terminal to ask on")
        # There and back again.
        self.server.put_page("https://example.com", self.PUBKEYS)
        self.server.put("https://example.com/keys.gpg", status=302, headers={"Location": "http://example.com/keys.gpg"})
        self.server.put("http://example.com/keys.gpg", status=302, headers={"Location": "https://example.org/keys.gpg"})
        self.server.put_file("https://example.org/keys.gpg", self.key_file)
        self.fails("--trust-keys-from-https", "trust", "--prefix=example.com/app", "--insecure-allow-http",
                   message="there is no terminal to ask on")

    def publish_app(self):
        self.publish(self.url_of("example.com/app"), self.image())
        self.server.put_page("https://example.com", ("ac-discovery", "example.com " + TEMPLATE), self.PUBKEYS)

    def test_fetching_a_name_offers_its_keys(self):
        self.publish_app()
        self.fails("fetch", "example.com/app:1.0.0", message="there is no terminal to ask on")
        argv = self.argv("fetch", "example.com/app:1.0.0")
        terminal = Terminal(argv, env=self.server.environment())
        terminal.expect(b"(yes/no)?")
        terminal.send(b"no\n")
        self.assertEqual(254, terminal.finish())
        self.assertIn(UNKNOWN.encode(), terminal.text)
        self.assertFalse(os.path.exists(self.path))
        terminal = Terminal(argv, env=self.server.environment())
        terminal.expect(b"(yes/no)?")
        terminal.send(b"yes\n")
        self.assertEqual(0, terminal.finish())
        self.assertTrue(os.path.exists(self.path))

    def test_fetching_a_name_may_trust_https(self):
        self.publish_app()
        self.agena("--trust-keys-from-https", "fetch", "example.com/app:1.0.0")
        self.assertTrue(os.path.exists(self.path))


class Dependencies(Web):
    def depends(self, *names, **more):
        return [{"imageName": name, "labels": [{"name": "version", "value": "1.0.0"}], **more} for name in names]

    def setUp(self):
        super().setUp()
        self.trust()

    def test_fetched_once_each(self):
        self.publish_name("example.com/base")
        self.publish_name("example.com/left", dependencies=self.depends("example.com/base"))
        self.publish_name("example.com/right", dependencies=self.depends("example.com/base"))
        self.publish_name("example.com/top", dependencies=self.depends("example.com/left", "example.com/right"))
        for policy in ("update", "new"):
            self.fetch("--pull-policy=" + policy, "example.com/top:1.0.0")
            self.assertEqual([f"example.com/{one}:1.0.0" for one in ("base", "left", "right", "top")], self.images())
            urls = self.server.asked()
            for one in ("base", "left", "right", "top"):
                self.assertEqual(1, urls.count(self.url_of(f"example.com/{one}")), urls)
            self.agena("image", "rm", *self.images())
            self.server.forget_requests()

    def test_a_download_is_not_in_vain_for_want_of_one(self):
        self.publish_name("example.com/app", dependencies=self.depends("example.com/base"))
        self.agena("fetch", "example.com/app:1.0.0", check=254)
        self.assertNotEqual([], self.partials())
        self.publish_name("example.com/base")
        self.server.forget_requests()
        self.fetch("example.com/app:1.0.0")
        asked = [one.headers for one in self.server.requests if one.url == self.url_of("example.com/app")]
        self.assertEqual([True], ["if-none-match" in headers and "range" not in headers for headers in asked])
        self.assertEqual([], self.partials())

    def test_a_complete_download_of_what_has_changed(self):
        self.publish_name("example.com/top", dependencies=self.depends("example.com/none"))
        self.agena("fetch", "example.com/top:1.0.0", check=254)
        self.publish_name("example.com/top", text="another")
        self.agena("image", "verify", self.fetch("example.com/top:1.0.0"))
        self.assertEqual([], self.partials())

    def test_a_lost_layer_of_a_dependency(self):
        self.publish_name("example.com/base")
        base = self.fetch("example.com/base:1.0.0")
        layer = json.loads(self.agena("image", "inspect", "--format=json", base).out)[0]["layers"][0]["key"]
        shutil.rmtree(os.path.join(self.data, "cas", "layers", layer))
        path = self.image("example.com/top", dependencies=self.depends("example.com/base"))
        self.agena("--insecure-options=image", "fetch", path)
        self.agena("image", "verify", "--all")

    def test_of_a_local_file(self):
        self.publish_name("example.com/base")
        path = self.image("example.com/top", dependencies=self.depends("example.com/base"))
        self.fetch(path)
        self.server.forget_requests()
        self.fetch(path)
        self.assertEqual([], self.server.asked())

    def test_each_needs_its_signature(self):
        self.publish_name("example.com/base")
        url = self.url_of("example.com/base")
        self.server.put_file(url + ".asc", self.keys.sign(self.image(), self.key, out=self.top + "/other"))
        self.publish_name("example.com/top", dependencies=self.depends("example.com/base"))
        done = self.agena("fetch", "example.com/top:1.0.0", check=254)
        self.assertIn("bad signature", done.err)
        self.assertIn("dependency 'example.com/base,version=1.0.0' of 'example.com/top:1.0.0'", done.err)
        self.assertEqual([], self.images())

    def test_unverified_ones_are_not_for_verified_images(self):
        self.publish_name("example.com/base", text="good")
        self.publish_name("example.com/top", dependencies=self.depends("example.com/base"))
        self.fetch("example.com/base:1.0.0")
        # Of the same name, newer, and by nobody knows whom.
        bad = self.fetch(self.image("example.com/base", text="bad"))
        identity = self.fetch("example.com/top:1.0.0")
        self.assertEqual("good", self.rendered(identity, "etc/example.com-base"))
        # A file without signature is nobody's, and takes what there is.
        other = self.fetch(self.image("example.com/other", dependencies=self.depends("example.com/base")))
        self.assertEqual("bad", self.rendered(other, "etc/example.com-base"))
        # The unsigned one alone: the signed one is fetched again.
        self.agena("image", "rm", *[one["id"] for one in json.loads(self.agena("image", "list", "--format=json").out)
                                    if one["id"] != bad])
        identity = self.fetch("example.com/top:1.0.0")
        self.assertEqual("good", self.rendered(identity, "etc/example.com-base"))

    def rendered(self, identity: str, path: str) -> str:
        record = json.loads(read(os.path.join(self.data, "cas/images", identity)).splitlines()[0])
        return read(os.path.join(self.data, "cas/layers", record["layers"][0]["key"], "fs", path))

    def test_image_id(self):
        self.publish_name("example.com/base")
        identity = self.fetch("example.com/base:1.0.0")
        self.agena("image", "rm", identity)
        self.publish_name("example.com/top", dependencies=self.depends("example.com/base", imageID=identity))
        self.fetch("example.com/top:1.0.0")
        self.agena("image", "rm", *self.images())
        wrong = "sha512-" + "0" * 128
        self.publish_name("example.com/top", dependencies=self.depends("example.com/base", imageID=wrong))
        self.fails("fetch", "example.com/top:1.0.0", message=f"but {wrong[:71]} was asked for")
        self.assertEqual([], self.images())

    def test_circles(self):
        self.publish_name("example.com/a", dependencies=self.depends("example.com/b"))
        self.publish_name("example.com/b", dependencies=self.depends("example.com/c"))
        self.publish_name("example.com/c", dependencies=self.depends("example.com/a"))
        self.publish_name("example.com/self", dependencies=self.depends("example.com/self"))
        self.fails("fetch", "example.com/a:1.0.0", message="the dependencies lead in a circle: example.com/a:1.0.0 -> "
                   "example.com/b:1.0.0 -> example.com/c:1.0.0 -> example.com/a")
        self.fails("fetch", "example.com/self:1.0.0",
                   message="lead in a circle: example.com/self:1.0.0 -> example.com/self")
        self.assertEqual([], self.images())

    def test_two_names_at_one_url(self):
        url = "https://images.example.net/one.aci"
        self.publish(url, self.image("example.com/a", dependencies=self.depends("example.com/b")))
        self.server.put_page("https://example.com", ("ac-discovery", "example.com " + url))
        self.fails("fetch", "example.com/a:1.0.0",
                   message=f"the dependencies lead in a circle: example.com/a:1.0.0 -> '{url}'")
        self.assertEqual([], self.images())

    def test_two_processes_whose_images_need_each_other(self):
        names, both = ("example.com/a", "example.com/b"), threading.Barrier(2)
        for name, other in zip(names, reversed(names)):
            self.publish_name(name, dependencies=self.depends(other))
            asked, answer = [], self.server.answers[self.url_of(name)]
            def first_together(request, asked=asked, answer=answer):
                asked.append(request)
                if len(asked) == 1:
                    both.wait(60)
                return answer
            self.server.put(self.url_of(name), first_together)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in pool.map(lambda name: self.agena("fetch", name + ":1.0.0", check=254), names):
                self.assertIn("the dependencies lead in a circle", done.err)
        self.assertEqual([], self.images())

    def test_too_deep(self):
        for n in range(40):
            self.publish_name(f"example.com/d{n}", dependencies=self.depends(f"example.com/d{n + 1}"))
        self.fails("fetch", "example.com/d0:1.0.0", message="the dependencies are more than 32 deep: example.com/d0:1.0.0 ->")
        self.assertEqual([], self.images())

    def test_a_newer_one_is_rendered(self):
        base = [{"imageName": "example.com/base"}]
        self.publish_name("example.com/top", dependencies=base)
        self.publish_name("example.com/base", "latest", text="old")
        self.fetch("example.com/top:1.0.0")
        self.publish(self.url_of("example.com/base", "latest"), self.image("example.com/base", "latest", text="new"))
        identity = self.fetch("example.com/top:1.0.0")  # update
        record = json.loads(read(os.path.join(self.data, "cas/images", identity)).splitlines()[0])
        layer = record["layers"][0]["key"] if isinstance(record["layers"][0], dict) else record["layers"][0]
        self.assertEqual("new", read(os.path.join(self.data, "cas/layers", layer, "fs/etc/example.com-base")))


del Web
