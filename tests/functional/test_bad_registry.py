"""Registries whose answers are wrong, slow, endless or hostile: each gives one clear error in bounded time and leaves the
store as it was, or is put up with, and then the image is right. Credentials go to their registry and to nobody else.
"""

import json
import os
import re
import socket
import time

from bad_case import BadCase  # its import lets the next ones be found
import fault_registry as fr
from harness import FLY
from imagekit import oci
from imagekit.case import Tar
from imagekit.entries import file
from imagekit.facts import is_file
from imagekit.sources import Noise, Zeros

HASTE = {"AGENA_HTTP_TIMEOUT": "1", "AGENA_HTTP_RETRIES": "1"}
PATIENCE = 40  # seconds, many times what anything here takes
SIZE = 300 << 10
FACTS = (is_file("a", "alpha\n"), is_file("b", size=SIZE))
USER, PASSWORD = "somebody", "pass, word=\"1\""
MANIFEST, LAYER, CONFIG = "MANIFEST", "LAYER", "CONFIG"


class RegistryCase(BadCase):
    """A registry with one image of two layers."""

    def setUp(self):
        super().setUp()
        self.prepare_store()
        self.registry = self.serve(fr.FaultRegistry())
        self.image = self.registry.add("team/app", [[file("a", "alpha\n")], [file("b", Noise(SIZE))]])
        self.reference = self.registry.reference(self.image)

    def serve(self, server):
        self.addCleanup(server.close)
        return server

    def pattern(self, what: str) -> str:
        """The path of the manifest, of the large layer or of the config, or the pattern that is given."""
        return {MANIFEST: "/manifests/", LAYER: self.image.layers[1], CONFIG: self.image.config}.get(what, what)

    def partials(self) -> list:
        path = os.path.join(self.cas(), "partial")
        return os.listdir(path) if os.path.isdir(path) else []

    def refuse_image(self, message: str, *flags, reference=None, **more):
        """The fetch fails with the message, soon."""
        began = time.monotonic()
        done = self.refuse("fetch", *flags, reference or self.reference, message=message, env=HASTE, **more)
        self.assertLess(time.monotonic() - began, PATIENCE)
        return done

    def accept_image(self, *flags, reference=None, facts=FACTS, env=None) -> str:
        image = self.agena("fetch", "--full", *flags, reference or self.reference, env={**HASTE, **(env or {})}).out.strip()
        self.assertIn("successfully verified", self.agena("image", "verify", image).out)
        self.assertEqual([], self.partials())
        self.check_facts(image, facts)
        return image

    def log_in(self, host: str):
        """Credentials in rkt's form."""
        os.makedirs(os.path.join(self.local, "auth.d"), exist_ok=True)
        with open(os.path.join(self.local, "auth.d", "registry.json"), "w", encoding="utf-8") as stream:
            json.dump({"rktKind": "dockerAuth", "rktVersion": "v1", "registries": [host],
                       "credentials": {"user": USER, "password": PASSWORD}}, stream)

    def statuses(self, what: str) -> list:
        return [one.status for one in self.registry.requests(self.pattern(what))]


def bad_answers(cls, rows):
    """rows: (name, what, fault or function that makes one of the case, message)."""
    for name, what, fault, message in rows:
        def test(self, what=what, fault=fault, message=message):
            self.registry.on(self.pattern(what), fault)
            self.refuse_image(message)
            self.registry.clear()
            self.accept_image()
        setattr(cls, "test_" + name, test)


def document(**changes):
    """The manifest with fields changed (None removes one), its digest header left out."""

    def fault(exchange):
        value = json.loads(exchange.answer.body)
        for key, new in changes.items():
            value.pop(key) if new is None else value.update({key: new(value.get(key)) if callable(new) else new})
        fr.changed(body=oci.canonical(value), docker_content_digest=None)(exchange)

    return fault


def first_layer(**changes):
    return document(layers=lambda layers: [{**layers[0], **changes}, *layers[1:]])


def manifest_text(text: bytes):
    return fr.changed(body=text, docker_content_digest=None)


NETWORK = "too slow|nothing has come|timed out|time-?out|no answer|closed|reset|cut|ends? |empty reply|recv|transfer|broke"
SIZES = "size|length|larger|bytes|longer|expected"


class Manifests(RegistryCase):
    """What comes instead of a manifest."""

    def test_endless_body(self):
        self.registry.on(self.pattern(MANIFEST), fr.endless())
        self.refuse_image("larger|limit|more than|bytes")
        self.assertLess(sum(one.sent for one in self.registry.log), 256 << 20)

    def test_endless_error(self):
        """The message of a status is read only so far."""
        def fault(exchange):
            exchange.answer.status = 403
            fr.endless(b"no " * 1000)(exchange)
        self.registry.on(self.pattern(MANIFEST), fault)
        done = self.refuse_image("403")
        self.assertLess(len(done.err), 2000)
        self.assertLess(sum(one.sent for one in self.registry.log), 64 << 20)

    def test_wrong_bytes_for_a_digest(self):
        self.registry.on(self.pattern(MANIFEST), fr.changed(body=lambda body: body + b" ", docker_content_digest=None))
        self.refuse_image("digest", reference=self.registry.reference(self.image, digest=True))

    def test_unknown_tag(self):
        self.refuse_image("manifest unknown|MANIFEST_UNKNOWN|not found|404", reference=self.reference.replace(":latest", ":absent"))

    def test_message_of_the_registry_is_one_line(self):
        self.registry.on(self.pattern(MANIFEST), fr.error(403, "DENIED", "no\n\x1b[31mentry\r\n" + "x" * 100_000))
        done = self.refuse_image("403.*no|no.*403")
        self.assertLess(len(done.err), 3000)

    def test_closed_port(self):
        self.registry.close()
        self.refuse_image("connect|refused")

    def test_query_of_the_url_is_not_shown(self):
        self.registry.on(self.pattern(LAYER), fr.redirect("/gone?signature=SECRET123"))
        done = self.refuse_image("404|not found|no such page")
        self.assertNotIn("SECRET123", done.err)

    def index(self, entries, tag="index") -> str:
        self.registry.put_manifest("team/app", {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": entries}, oci.INDEX, tag)
        return f"docker://{self.registry.host}/team/app:{tag}"

    def test_index_without_our_platform(self):
        other = {"os": "linux", "architecture": "s390x"}
        image = self.registry.add("team/app", [[file("a", "alpha\n")]], tag="other", config=other)
        entry = self.registry.describe("team/app", image.digest, platform=other)
        self.refuse_image("s390x", reference=self.index([entry, {**entry, "digest": fr.sha256(b"another")}]))

    def test_image_for_another_platform(self):
        """It may be fetched, but not run."""
        image = self.registry.add("team/app", [[file("a", "alpha\n")]], tag="other", config={"os": "linux", "architecture": "s390x"})
        done = self.agena("prepare", "--stage1-name=" + FLY, self.registry.reference(image), "--exec=/x", check=254, env=HASTE)
        self.assertIn("s390x", done.err)

    def test_index_with_our_platform(self):
        other = self.registry.describe("team/app", "latest", platform={"os": "windows", "architecture": "amd64"})
        other["digest"] = fr.sha256(b"other")
        ours = self.registry.describe("team/app", "latest", platform=oci.native_platform())
        self.accept_image(reference=self.index([other, ours]))

    def test_index_of_nothing(self):
        self.refuse_image("no image|empty|platform", reference=self.index([]))

    def test_index_nested_too_deep(self):
        entry = self.registry.describe("team/app", "latest", platform=oci.native_platform())
        for level in range(12):
            self.index([entry], f"level{level}")
            entry = self.registry.describe("team/app", f"level{level}", platform=oci.native_platform())
        self.refuse_image("nest|deep|index", reference=self.index([entry]))

    def test_index_that_names_itself(self):
        """A digest that holds cannot do that, so the digest does not hold."""
        entry = self.registry.describe("team/app", "latest", platform=oci.native_platform())
        reference = self.index([entry])
        data, media_type = self.registry.manifests["team/app", "index"]
        self.registry.manifests["team/app", entry["digest"]] = (data, media_type)
        self.refuse_image("digest|size|bytes", reference=reference)

    def test_index_entry_with_wrong_size(self):
        entry = self.registry.describe("team/app", "latest", platform=oci.native_platform())
        self.refuse_image(SIZES, reference=self.index([{**entry, "size": entry["size"] + 1}]))


bad_answers(Manifests, [
    ("server_error", MANIFEST, fr.error(500), r"500.*not well|not well.*500"),
    ("forbidden", MANIFEST, fr.error(403, "DENIED", "requested access is denied"), "access is denied"),
    ("gone", MANIFEST, fr.answer(410), "410"),
    ("status_999", MANIFEST, fr.answer(999), "999"),
    ("too_many_requests", MANIFEST, fr.retry_after(0), "429|slow down"),
    ("too_many_requests_nonsense", MANIFEST, fr.retry_after("tomorrow"), "429|slow down"),
    ("not_json", MANIFEST, manifest_text(b"{ this is no JSON"), "json|manifest"),
    ("empty", MANIFEST, manifest_text(b""), "json|manifest|empty"),
    ("array", MANIFEST, manifest_text(b"[]"), "object|manifest"),
    ("deep", MANIFEST, manifest_text(b"[" * 100_000), "deep|nest|json"),
    ("duplicate_key", MANIFEST, manifest_text(b'{"schemaVersion":2,"schemaVersion":2}'), "duplicate"),
    ("not_utf8", MANIFEST, manifest_text(b'{"a":"\xff\xfe"}'), "utf-?8|json"),
    ("five_megabytes", MANIFEST, fr.changed(body=lambda body: body + b" " * (5 << 20), docker_content_digest=None), "limit|large|more than"),
    ("html", MANIFEST, fr.answer(200, b"<html>log in here</html>", content_type="text/html"), "html|json|media type|manifest"),
    ("schema1", MANIFEST, fr.answer(200, b'{"schemaVersion":1,"name":"x","tag":"y","fsLayers":[]}',
                                    content_type="application/vnd.docker.distribution.manifest.v1+prettyjws"), "schema|version"),
    ("wrong_content_digest", MANIFEST, fr.changed(docker_content_digest="sha256:" + "0" * 64), "digest"),
    ("malformed_content_digest", MANIFEST, fr.changed(docker_content_digest="sha256:../../etc"), "digest"),
    ("layers_and_manifests", MANIFEST, document(manifests=[]), "manifests|layers|both"),
    ("type_of_an_index", MANIFEST, document(mediaType=oci.INDEX), "index|manifests|media type"),
    ("no_config", MANIFEST, document(config=None), "config"),
    ("artifact", MANIFEST, document(config=lambda config: {**config, "mediaType": "application/vnd.example.chart+json"}),
     "chart|artifact|config"),
    ("negative_layer_size", MANIFEST, first_layer(size=-1), "size|negative|number"),
    ("huge_layer_size", MANIFEST, first_layer(size=1 << 70), "size|number|range"),
    ("layer_digest_upwards", MANIFEST, first_layer(digest="sha256:../../../../etc/passwd"), "digest"),
    ("layer_of_unknown_type", MANIFEST, first_layer(mediaType="application/octet-stream"), "media type|octet-stream"),
    ("encrypted_layer", MANIFEST, first_layer(mediaType=oci.LAYER + "+gzip+encrypted"), "encrypted"),
    ("one_layer_missing", MANIFEST, document(layers=lambda layers: layers[:1]), "layers|diff"),
    ("content_encoding", MANIFEST, fr.encoded(), "encod|gzip|json|digest"),
    ("redirect_loop", MANIFEST, fr.redirect_loop(), "redirect"),
    ("redirect_to_nowhere", MANIFEST, fr.redirect(None), "redirect|location|307"),
    ("redirect_to_a_file", MANIFEST, fr.redirect("file:///etc/passwd"), "redirect|file|protocol|scheme|url"),
    ("redirect_to_gopher", MANIFEST, fr.redirect("gopher://127.0.0.1:70/x"), "redirect|gopher|protocol|scheme|url"),
    ("redirect_to_nonsense", MANIFEST, fr.redirect("http://[::bad"), "redirect|url|location"),
    ("endless_headers", MANIFEST, fr.endless_headers(), "header"),
    ("one_endless_header", MANIFEST, fr.endless_headers(b"x" * (1 << 20)), "header"),
    ("no_http", MANIFEST, fr.noise(), "http|" + NETWORK),
    ("hang_up", MANIFEST, fr.hang_up(), NETWORK),
    ("silence", MANIFEST, fr.stall(headers=False), NETWORK),
    ("silence_in_the_body", MANIFEST, fr.stall(10), NETWORK),
    ("byte_by_byte", MANIFEST, fr.drip(), NETWORK),
    ("chunks_without_end", MANIFEST, fr.chunked(end=False), NETWORK),
    ("chunks_of_nonsense", MANIFEST, fr.chunked(bad=True), "chunk|" + NETWORK),
    ("length_too_long", MANIFEST, fr.length(100_000), NETWORK),
])


class Blobs(RegistryCase):
    """What comes instead of a layer or a config."""

    def test_endless_layer(self):
        def sound_at_first(exchange):
            exchange.head(200, exchange.answer.headers)
            exchange.part(exchange.answer.body)
            while True:
                exchange.part(bytes(65536))
        self.registry.on(self.pattern(LAYER), sound_at_first)
        self.refuse_image(SIZES)
        self.assertLess(sum(one.sent for one in self.registry.requests(self.pattern(LAYER))), 64 << 20)

    def test_endless_layer_of_nothing_at_a_trickle(self):
        self.registry.on(self.pattern(LAYER), fr.drip(16, 0.2))
        self.refuse_image("too slow|" + NETWORK)

    def test_bomb(self):
        bomb = self.registry.add("team/bomb", [[file("zeros", Zeros(48 << 20))]])
        self.refuse_image("larger than the limit", "--max-image-size=16m", reference=self.registry.reference(bomb))

    def test_nothing_is_kept_of_a_layer_that_is_wrong(self):
        self.registry.on(self.pattern(LAYER), fr.wrong_bytes())
        self.refuse_image("digest|damaged")
        self.assertEqual([], self.partials())

    def test_wrong_diff_id(self):
        layers = [[file("a", "alpha\n")]]
        wrong = self.registry.add("team/wrong", layers, config={"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]}})
        self.refuse_image("digest|diff", reference=self.registry.reference(wrong))

    def test_truncated_archive(self):
        tar = b"".join(Tar(file("a", "alpha\n" * 1000), cut=1024).chunks())
        digest = self.registry.put_blob(tar)
        config = self.registry.put_blob(oci.canonical(oci.image_config([digest])))
        layer = {"mediaType": oci.LAYER, "digest": digest, "size": len(tar)}
        manifest = oci.image_manifest({"mediaType": oci.CONFIG, "digest": config, "size": len(self.registry.blobs[config])}, [layer])
        self.registry.put_manifest("team/short", manifest, tag="latest")
        self.refuse_image("truncat|ends|cut|short", reference=f"docker://{self.registry.host}/team/short")

    def test_range_answer_is_another_range(self):
        def other_range(exchange):
            exchange.answer.headers["Content-Range"] = f"bytes 0-99/{SIZE}"
            exchange.send()
        self.registry.on(self.pattern(LAYER), fr.in_turn(fr.cut(100_000), other_range))
        self.refuse_image("range")

    def test_always_cut_at_the_same_byte(self):
        """No progress: it ends after a few tries."""
        self.registry.on(self.pattern(LAYER), lambda exchange: fr.cut(max(0, 100_000 - int(
            (re.search(r"=(\d+)", exchange.request.headers.get("range", "")) or [0, 0])[1])))(exchange))
        self.refuse_image(NETWORK)
        self.assertLess(len(self.registry.requests(self.pattern(LAYER))), 10)

    def test_mirror_of_another_image(self):
        """Another sound layer in place of the one that was asked for."""
        other = self.registry.add("team/other", [[file("b", Noise(SIZE, b"other"))]])
        self.registry.on(self.pattern(LAYER), lambda exchange: fr.changed(body=self.registry.blobs[other.layers[0]])(exchange))
        self.refuse_image("digest|" + SIZES)


bad_answers(Blobs, [
    ("layer_wrong_bytes", LAYER, fr.wrong_bytes(), "digest|damaged"),
    ("layer_missing", LAYER, fr.error(404, "BLOB_UNKNOWN", "blob unknown to registry"), "404|blob unknown"),
    ("layer_forbidden", LAYER, fr.error(403, "DENIED", "not for you"), "not for you"),
    ("layer_server_error", LAYER, fr.error(500), "500"),
    ("layer_unavailable", LAYER, fr.retry_after(0, 503), "503|slow down"),
    ("layer_no_such_range", LAYER, fr.unsatisfiable(), "416|range"),
    ("layer_empty", LAYER, fr.changed(body=b""), SIZES + "|empty|ends"),
    ("layer_cut", LAYER, fr.cut(1000), NETWORK),
    ("layer_reset", LAYER, fr.cut(1000, rst=True), NETWORK),
    ("layer_never_begins", LAYER, fr.cut(0), NETWORK),
    ("layer_one_byte_less", LAYER, fr.changed(body=lambda body: body[:-1]), SIZES),
    ("layer_one_byte_more", LAYER, fr.changed(body=lambda body: body + b"\0"), SIZES),
    ("layer_length_too_short", LAYER, fr.length(10), SIZES),
    ("layer_length_too_long", LAYER, fr.length(SIZE * 2), SIZES),
    ("layer_length_negative", LAYER, fr.length(-5), "length|" + NETWORK),
    ("layer_silence", LAYER, fr.stall(5000), NETWORK),
    ("layer_byte_by_byte", LAYER, fr.drip(), NETWORK),
    ("layer_chunks_of_nonsense", LAYER, fr.chunked(bad=True), "chunk|" + NETWORK),
    ("layer_of_zeros_without_end", LAYER, fr.endless(), "media type|" + SIZES),
    ("layer_content_encoding", LAYER, fr.encoded(), "encod|digest|" + SIZES),
    ("layer_redirect_loop", LAYER, fr.redirect_loop(), "redirect"),
    ("layer_redirect_to_a_file", LAYER, fr.redirect("file:///etc/passwd"), "redirect|file|protocol|scheme|url"),
    ("layer_endless_headers", LAYER, fr.endless_headers(), "header"),
    ("layer_is_a_page", LAYER, fr.answer(200, b"<html>please log in</html>", content_type="text/html"), SIZES + "|digest"),
    ("config_wrong_bytes", CONFIG, fr.wrong_bytes(), "digest"),
    ("config_missing", CONFIG, fr.error(404, "BLOB_UNKNOWN", "blob unknown to registry"), "404|blob unknown"),
    ("config_endless", CONFIG, fr.endless(), SIZES),
    ("config_cut", CONFIG, fr.cut(10), NETWORK),
])


class PutUpWith(RegistryCase):
    """Faults that pass, and oddities that do no harm."""

    def test_cut_once(self):
        self.registry.on(self.pattern(LAYER), fr.cut(100_000), times=1)
        self.accept_image()
        self.assertEqual([200, 206], self.statuses(LAYER))
        self.assertRegex(self.registry.requests(self.pattern(LAYER))[1].headers["range"], r"^bytes=\d+-\d+$")

    def test_cut_again_and_again(self):
        """With progress in between, as often as it takes."""
        self.registry.on(self.pattern(LAYER), fr.cut(80_000))
        self.accept_image()
        self.assertEqual([200, 206, 206, 206], self.statuses(LAYER))

    def test_reset_once(self):
        self.registry.on(self.pattern(LAYER), fr.cut(100_000, rst=True), times=1)
        self.accept_image()

    def test_whole_blob_for_a_range(self):
        self.registry.on(self.pattern(LAYER), fr.in_turn(fr.cut(100_000), fr.ignore_range()))
        self.accept_image()
        self.assertEqual([200, 200], self.statuses(LAYER))

    def test_ranges_are_not_supported(self):
        self.registry.on(self.pattern(LAYER), fr.in_turn(fr.cut(100_000), fr.unsatisfiable()))
        self.accept_image()
        self.assertEqual([200, 416, 200], self.statuses(LAYER))

    def test_unavailable_once(self):
        for pattern in (MANIFEST, LAYER, CONFIG):
            self.registry.on(self.pattern(pattern), fr.retry_after(1, 503), times=1)
        self.accept_image()

    def test_retry_after_a_date(self):
        self.registry.on(self.pattern(MANIFEST), fr.retry_after(1.0), times=1)
        self.accept_image()

    def test_hang_up_once(self):
        self.registry.on(self.pattern(MANIFEST), fr.hang_up(), times=1)
        self.accept_image()

    def test_no_content_digest(self):
        self.registry.on("", fr.changed(docker_content_digest=None))
        self.accept_image()

    def test_content_types_of_blobs_do_not_count(self):
        self.registry.on("/blobs/", fr.changed(content_type="text/html"))
        self.accept_image()

    def test_chunks(self):
        self.registry.on("", fr.chunked(777))
        self.accept_image()

    def test_chunks_of_a_layer_without_end(self):
        """All bytes are there, and the digest says so."""
        self.registry.on(self.pattern(LAYER), fr.chunked(end=False))
        self.accept_image()

    def test_length_of_a_layer_beyond_numbers(self):
        self.registry.on(self.pattern(LAYER), fr.length("9" * 40))
        self.accept_image()

    def test_no_length(self):
        self.registry.on("/blobs/", fr.length(None))
        self.accept_image()

    def test_slow_but_not_too_slow(self):
        self.registry.on(self.pattern(LAYER), fr.drip(20_000, 0.05))
        self.accept_image()

    def test_forms(self):
        for number, more in enumerate(({"docker": True}, {"compression": "zstd"}, {"compression": "none"},
                                       {"docker": True, "compression": "none"})):
            with self.subTest(**more):
                image = self.registry.add(f"team/form{number}", [[file("a", "alpha\n")], [file("b", Noise(SIZE, bytes([number])))]], **more)
                self.accept_image(reference=self.registry.reference(image))

    def test_layers_by_redirect(self):
        blobs = {"/cdn/" + digest: data for digest, data in self.registry.blobs.items()}
        other = self.serve(fr.Files(blobs))
        self.registry.on("/blobs/", fr.redirect(lambda exchange: other.url + "/cdn/" + exchange.request.path.rpartition("/")[2] + "?x=1"))
        other.on(self.image.layers[1], fr.cut(100_000), times=1)
        self.accept_image()

    def test_killed_and_resumed(self):
        """What had come is not asked for again."""
        self.registry.on(self.pattern(LAYER), fr.stall(250_000), times=1)
        process = self.start("fetch", self.reference)
        end = time.monotonic() + PATIENCE
        while not any(os.path.getsize(os.path.join(self.cas(), "partial", name)) > 200_000 for name in self.partials()):
            self.assertLess(time.monotonic(), end, "no partial file")
            time.sleep(0.02)
        process.kill()
        self.finish(process, check=None)
        self.accept_image()
        self.assertEqual([200, 206], self.statuses(LAYER))
        self.assertLess(self.registry.requests(self.pattern(LAYER))[1].sent, 120_000)

    def test_present_image_costs_one_request(self):
        self.accept_image()
        self.registry.clear()
        self.agena("fetch", self.reference)
        self.assertEqual(1, len(self.registry.log), [one.path for one in self.registry.log])
        self.assertIn("/manifests/latest", self.registry.log[0].path)

    def test_shared_layers_are_not_fetched_again(self):
        self.accept_image()
        other = self.registry.add("team/other", [[file("a", "alpha\n")], [file("b", Noise(SIZE))], [file("c", "x")]])
        self.registry.clear()
        self.accept_image(reference=self.registry.reference(other))
        asked = {one.path.rpartition("/")[2] for one in self.registry.requests("/blobs/")}
        self.assertEqual({other.config, other.layers[2]}, asked)


class Credentials(RegistryCase):
    """Who asks, and who gets to know."""

    def setUp(self):
        super().setUp()
        self.tokens = self.serve(fr.Tokens())

    def everything_sent(self, server) -> str:
        return "\n".join(f"{one.path} {one.headers} {one.body}" for one in server.log)

    def check_secret(self, done):
        for text in (PASSWORD, fr.Basic(USER, PASSWORD).expected.split()[1]):
            self.assertNotIn(text, done.err)

    def test_anonymous_token(self):
        for field in ("token", "access_token"):
            self.registry.auth = fr.Bearer(self.tokens)
            self.tokens.field = field
            self.accept_image()
        asked = self.tokens.requests("/token")[0].path
        self.assertIn("scope=repository%3Ateam%2Fapp%3Apull", asked)
        self.assertIn("service=fault%20registry", asked.replace("+", "%20"))

    def test_commas_and_quotes(self):
        self.registry.auth = fr.Bearer(self.tokens, 'Bearer realm="{realm}",service="a, \\"b\\"",scope="{scope}"')
        self.accept_image()
        self.assertRegex(self.tokens.requests("/token")[0].path, "service=a%2C(%20|\\+)%22b%22")

    def test_several_challenges(self):
        self.registry.auth = fr.Bearer(self.tokens, ['Negotiate', 'Basic realm="x"', 'Bearer realm="{realm}",scope="{scope}"'])
        self.accept_image()

    def test_token_is_refused_once(self):
        """It expired sooner than it said."""
        self.registry.auth = fr.Bearer(self.tokens)
        self.registry.on(self.pattern(LAYER), fr.error(401, www_authenticate=f'Bearer realm="{self.tokens.url}/token"'), times=1)
        self.accept_image()

    def test_basic(self):
        self.registry.auth = fr.Basic(USER, PASSWORD)
        self.refuse_image("401|user|credentials|unauthorized")
        self.log_in(self.registry.host)
        self.accept_image("--insecure-options=http")

    def test_wrong_password(self):
        self.registry.auth = fr.Basic(USER, "other")
        self.log_in(self.registry.host)
        self.check_secret(self.refuse_image("401|credentials|unauthorized", "--insecure-options=http"))

    def test_login_for_another_host_is_not_used(self):
        self.registry.auth = fr.Basic(USER, PASSWORD)
        self.log_in("127.0.0.1:1")
        self.refuse_image("401|user|credentials|unauthorized", "--insecure-options=http")
        self.assertEqual([], [one for one in self.registry.log if one.authorization])

    def test_debug_output_has_no_secrets(self):
        self.tokens.login = (USER, PASSWORD)
        self.tokens.token = "token-that-nobody-may-see"
        self.registry.auth = fr.Bearer(self.tokens)
        self.log_in(self.registry.host)
        done = self.agena("--debug", "--insecure-options=http", "fetch", self.reference, env=HASTE)
        self.check_secret(done)
        self.assertNotIn("token-that-nobody-may-see", done.err)

    def redirected(self, where: str):
        """A redirect of blobs to another host while credentials are in use; that host gets to see none."""
        other = self.serve(fr.Files({"/cdn/" + digest: data for digest, data in self.registry.blobs.items()}))
        self.registry.on(where, fr.redirect(lambda exchange: other.url + "/cdn/" + exchange.request.path.rpartition("/")[2]))
        return other

    def test_redirect_to_another_host_with_a_password(self):
        self.registry.auth = fr.Basic(USER, PASSWORD)
        self.log_in(self.registry.host)
        other = self.redirected("/blobs/")
        self.accept_image("--insecure-options=http")
        self.assertTrue(other.log)
        self.assertNotIn("authorization", self.everything_sent(other))

    def test_redirect_to_another_host_with_a_token(self):
        self.registry.auth = fr.Bearer(self.tokens)
        other = self.redirected("/blobs/")
        self.accept_image()
        self.assertTrue(other.log)
        self.assertNotIn("authorization", self.everything_sent(other))
        self.assertNotIn("token-", self.everything_sent(other))

    def test_host_of_a_redirect_asks_for_the_password(self):
        """Only the registry itself may ask for who we are."""
        self.registry.auth = fr.Basic(USER, PASSWORD)
        self.log_in(self.registry.host)
        other = self.redirected("/blobs/")
        other.on("/cdn/", fr.error(401, www_authenticate='Basic realm="give it to me"'))
        self.refuse_image("401", "--insecure-options=http")
        self.assertNotIn("authorization", self.everything_sent(other))

    def test_back_and_forth(self):
        """To another host and back to the registry: the password does not come back by way of somebody else's word."""
        self.registry.auth = fr.Basic(USER, PASSWORD)
        self.log_in(self.registry.host)
        other = self.serve(fr.Files())
        other.on("", fr.redirect(lambda exchange: self.registry.url + exchange.request.path + "?turn=back"))
        self.registry.on("/blobs/[^?]*$", fr.redirect(lambda exchange: other.url + exchange.request.path))
        self.agena("fetch", self.reference, "--insecure-options=http", check=None, env=HASTE)
        self.assertTrue(other.log)
        self.assertNotIn("authorization", self.everything_sent(other))

    def test_insufficient_scope_for_ever(self):
        self.registry.auth = fr.Bearer(self.tokens, never=True)
        self.refuse_image("401|denied|refuse|unauthorized|scope")
        self.assertLess(len(self.tokens.log), 10)
        self.assertLess(len(self.registry.log), 10)

    def test_token_server_refuses(self):
        self.tokens.login = (USER, PASSWORD)
        self.registry.auth = fr.Bearer(self.tokens)
        self.refuse_image("401.*(incorrect username or password)|token")


def bad_challenges(rows):
    for name, challenge, message in rows:
        def test(self, challenge=challenge, message=message):
            self.registry.auth = fr.Bearer(self.tokens, challenge)
            self.refuse_image(message)
            self.assertEqual([], self.tokens.log)
        setattr(Credentials, "test_challenge_" + name, test)


def bad_tokens(rows):
    for name, fault, message in rows:
        def test(self, fault=fault, message=message):
            self.registry.auth = fr.Bearer(self.tokens)
            self.tokens.on("/token", fault)
            self.refuse_image(message)
        setattr(Credentials, "test_token_" + name, test)


bad_challenges([
    ("without_realm", 'Bearer service="x",scope="y"', "token server|realm|401"),
    ("of_an_unknown_scheme", 'Digest realm="x",nonce="y"', "401|supported|who asks"),
    ("of_nonsense", '=,="\\,,,Bearer', "401|supported|who asks|realm|token server"),
    ("of_a_file", 'Bearer realm="file:///etc/passwd"', "file|token server|url|protocol|scheme"),
    ("that_is_endless", 'Bearer ' + 'a="b",' * 20_000 + 'realm="x"', "401|header|token server|realm|supported"),
])
bad_tokens([
    ("is_no_json", fr.answer(200, b"here you are", content_type="application/json"), "token"),
    ("is_missing", fr.answer(200, b"{}"), "token"),
    ("is_a_number", fr.answer(200, b'{"token": 17}'), "token"),
    ("injects_a_header", fr.answer(200, json.dumps({"token": "x\r\nX-Evil: yes"}).encode()), "token"),
    ("is_giant", fr.answer(200, json.dumps({"token": "x" * (900 << 10)}).encode()), "token"),
    ("is_endless", fr.endless(b" " * 65536), "token|limit|larger|more than"),
    ("does_not_come", fr.stall(headers=False), NETWORK),
    ("comes_byte_by_byte", fr.drip(), NETWORK),
    ("is_an_error", fr.error(500), "500|not well"),
    ("redirects_for_ever", fr.redirect_loop(), "redirect|307"),
])

class Tls(RegistryCase):
    """A registry that speaks TLS, with a certificate of its own."""

    def setUp(self):
        super().setUp()
        certificate, key = fr.make_certificate(self.top)
        self.secure = self.serve(fr.FaultRegistry(certificate=certificate, key=key))
        self.secure.blobs, self.secure.manifests = self.registry.blobs, self.registry.manifests
        self.reference = self.secure.reference(self.image)

    def test_unknown_certificate(self):
        self.refuse_image("certificate")
        self.assertEqual([], self.secure.log)
        self.accept_image("--insecure-options=tls")

    def test_redirect_to_plain_http(self):
        self.secure.on("/blobs/", fr.redirect(lambda exchange: self.registry.url + exchange.request.path))
        self.refuse_image("redirect.*plain http|plain http", "--insecure-options=tls")
        self.assertEqual([], self.registry.log)

    def test_redirect_to_a_file(self):
        self.secure.on("/blobs/", fr.redirect("file:///etc/passwd"))
        self.refuse_image("redirect|file|protocol|scheme|url", "--insecure-options=tls")

    def test_password_over_tls(self):
        self.secure.auth = fr.Basic(USER, PASSWORD)
        self.log_in(self.secure.host)
        self.accept_image("--insecure-options=tls")

    def test_password_is_not_sent_to_an_unknown_certificate(self):
        self.secure.auth = fr.Basic(USER, PASSWORD)
        self.log_in(self.secure.host)
        self.refuse_image("certificate")
        self.assertEqual([], self.secure.log)

    def test_token_server_without_tls(self):
        """Who we are is not told over plain http because a registry names such a server."""
        tokens = self.serve(fr.Tokens(login=(USER, PASSWORD)))
        self.secure.auth = fr.Bearer(tokens)
        self.log_in(self.secure.host)
        self.refuse_image("plain http", "--insecure-options=tls")
        self.assertEqual([], [one for one in tokens.log if one.authorization])

    def test_silence_instead_of_a_handshake(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            reference = f"docker://127.0.0.1:{server.getsockname()[1]}/team/app"
            self.refuse_image(NETWORK, reference=reference)


del RegistryCase
