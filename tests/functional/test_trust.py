"""Trust: the store of keys, the command `trust`, and signatures of images in local files. Keys and signatures are gpg's."""

import gzip
import json
import os
import shutil
import stat

from harness import FLY, Case, Images, Terminal, read, shell
from imagekit import aci
from imagekit.entries import file
from openpgp import LATER_THEN, PAST, Keys

UNKNOWN = "openpgp: signature made by unknown entity"


class Signed(Case):
    """What the tests here use: an image, and keys."""

    def setUp(self):
        super().setUp()
        self.keys = Keys(self.top)
        self.home = os.path.join(self.top, "home")
        os.mkdir(self.home)
        self.aci = self.image("example.com/app")

    def tearDown(self):
        self.keys.close()
        self.assertEqual([], os.listdir(self.home), "something came into the user's home directory")
        super().tearDown()

    def image(self, name: str, version="1.0.0") -> str:
        path = os.path.join(self.top, name.replace("/", "-") + ".aci")
        return aci.build(path, aci.image_manifest(name, version, exec_=["/bin/true"]), [file("etc/name", name)])

    def agena(self, *words, env=None, **more):
        # Not the user's keyring, whatever it is called.
        home = {"HOME": self.home, "GNUPGHOME": os.path.join(self.home, "none")}
        return super().agena(*words, env={**home, **(env or {})}, **more)

    def key_file(self, *fingerprints, armor=True) -> str:
        return self.keys.write(os.path.join(self.top, "key"), *fingerprints, armor=armor)

    def trust(self, fingerprint: str, prefix="example.com"):
        where = f"--prefix={prefix}" if prefix else "--root"
        return self.agena("trust", "--skip-fingerprint-review", where, self.key_file(fingerprint))

    def key_path(self, fingerprint, prefix="example.com", base=None) -> str:
        where = os.path.join("prefix.d", prefix) if prefix else "root.d"
        return os.path.join(base or self.local, "trustedkeys", where, fingerprint)

    def refuses(self, message: str, *flags, aci_path=None):
        """The image is not taken, for this reason, and nothing stays of it."""
        self.fails(*[flag for flag in flags if not flag.startswith("--sig")], "fetch", aci_path or self.aci,
                   *[flag for flag in flags if flag.startswith("--sig")], message=message)
        self.assertEqual([], json.loads(self.agena("image", "list", "--format=json").out))

    def takes(self, *flags, aci_path=None):
        done = self.agena("fetch", aci_path or self.aci, *flags)
        self.assertRegex(done.out, "^sha512-[0-9a-f]{32}\n$")


class Command(Signed):
    """`agena trust`."""

    def test_prefix_and_root(self):
        alice = self.keys.make("alice")
        done = self.trust(alice, "example.com/app")
        path = self.key_path(alice, "example.com/app")
        self.assertEqual(f'Added key for prefix "example.com/app" at "{path}"\n', done.out)
        self.assertIn(" ".join(alice.upper()[n:n + 4] for n in range(0, 40, 4)), done.err)
        self.assertIn("alice <alice@example.com>", done.err)
        self.assertIn("BEGIN PGP PUBLIC KEY BLOCK", read(path))
        self.assertEqual(0o644, stat.S_IMODE(os.stat(path).st_mode))
        self.trust(alice, None)
        self.assertTrue(os.path.exists(self.key_path(alice, None)))

    def test_binary_keys_and_several_in_a_file(self):
        alice, bob = self.keys.make("alice"), self.keys.make("bob")
        done = self.agena("trust", "--root", "--skip-fingerprint-review", self.key_file(alice, bob, armor=False))
        self.assertEqual(2, done.out.count("Added key for all images"))
        for one in (alice, bob):
            self.assertIn("BEGIN PGP PUBLIC KEY BLOCK", read(self.key_path(one, None)))

    def test_a_secret_key_leaves_only_its_public_half(self):
        alice = self.keys.make("alice")
        path = os.path.join(self.top, "secret")
        with open(path, "wb") as stream:
            stream.write(self.keys.gpg("--armor", "--export-secret-keys", alice).stdout)
        self.agena("trust", "--root", "--skip-fingerprint-review", path)
        self.assertNotIn("PRIVATE", read(self.key_path(alice, None)))

    def test_review(self):
        alice = self.keys.make("alice")
        argv = self.argv("trust", "--prefix=example.com", self.key_file(alice))
        for answer, code in (("no", 254), ("maybe\nyes", 0)):
            terminal = Terminal(argv)
            terminal.expect(b"(yes/no)?")
            terminal.send(answer.encode() + b"\n")
            self.assertEqual(code, terminal.finish(), terminal.text)
            self.assertEqual(code == 0, os.path.exists(self.key_path(alice)))
        self.fails("trust", "--root", self.key_file(alice), message="there is no terminal to ask on")
        self.assertFalse(os.path.exists(self.key_path(alice, None)))

    def test_list_and_remove(self):
        alice = self.keys.make("alice")
        self.trust(alice)
        self.trust(alice, None)
        self.assertEqual(["", "example.com"], [one["prefix"] for one in
                                               json.loads(self.agena("trust", "--list", "--format=json").out)])
        self.assertIn("alice <alice@example.com>", self.agena("trust", "--list").out)
        self.agena("trust", "--remove=" + alice.upper(), "--root")
        self.assertEqual(["example.com"], [one["prefix"] for one in
                                           json.loads(self.agena("trust", "--list", "--format=json").out)])
        self.fails("trust", "--remove=" + alice, "--root", message="is not trusted for all images")

    def test_what_goes_wrong_hides_nothing(self):
        alice = self.keys.make("alice")
        done = self.agena("trust", "--root", "--skip-fingerprint-review", self.key_file(alice), self.top + "/none",
                          check=254)
        self.assertIn(f'Added key for all images at "{self.key_path(alice, None)}"', done.out)
        self.assertIn("no such file", done.err)
        with open(self.key_path("a" * 40, None), "wb") as stream:
            stream.truncate(2 << 20)
        rows = self.agena("trust", "--list").out
        self.assertIn("alice <alice@example.com>", rows)
        self.assertRegex(rows, r"a{40}\s.*larger than")

    def test_usage(self):
        path = self.key_file(self.keys.make("alice"))
        self.fails("trust", path, message="--prefix=NAME, or --root")
        self.fails("trust", "--root", "--prefix=example.com", path, message="exclude each other")
        self.fails("trust", "--prefix=../etc", path, message="prefix '../etc'")
        self.fails("trust", "--root", self.top + "/none", message="no such file")
        with open(path, "w", encoding="ascii") as stream:
            stream.write("garbage")
        self.fails("trust", "--root", "--skip-fingerprint-review", path, message="there is no OpenPGP public key in it")


class LocalSignatures(Signed):
    """Signatures beside images, and given by --signature: each way to be wrong has its own error."""

    def test_good(self):
        alice = self.keys.make("alice")
        self.trust(alice)
        self.keys.sign(self.aci, alice)
        self.takes()
        self.takes()  # known by now, and verified again
        other = self.keys.sign(self.aci, alice, out=self.top + "/binary.sig", armor=False)
        os.unlink(self.aci + ".asc")
        self.takes("--signature=" + other)

    def test_root_key_and_exact_name(self):
        for prefix in (None, "example.com/app", "example.com"):
            key = self.keys.make(f"key-{prefix or 'root'}".replace("/", "-"))
            self.trust(key, prefix)
            self.takes("--signature=" + self.keys.sign(self.aci, key, out=self.top + "/sig"))

    def test_subkey(self):
        alice = self.keys.make("alice")
        self.keys.add_subkey(alice)
        self.trust(alice)
        self.keys.sign(self.aci)
        self.takes()

    def test_unknown_key(self):
        alice, bob = self.keys.make("alice"), self.keys.make("bob")
        self.keys.sign(self.aci, bob)
        self.refuses("no keys are trusted at all")
        self.trust(alice)
        self.refuses(f"{UNKNOWN}: key {bob} is not trusted")
        self.assertIn("hint: the command 'trust", self.agena("fetch", self.aci, check=254).err)

    def test_key_of_another_prefix(self):
        alice = self.keys.make("alice")
        self.keys.sign(self.aci, alice)
        self.trust(alice, "example.com/application")
        self.trust(alice, "example.org")
        self.refuses(f"the signature's key {alice} (alice <alice@example.com>) is not trusted for 'example.com/app', only "
                     "for 'example.com/application', 'example.org'")

    def test_expired_key(self):
        alice = self.keys.make("alice", expire="1y", time=PAST)
        self.trust(alice)
        self.keys.sign(self.aci, alice, time=LATER_THEN)
        self.refuses(f"the signature's key {alice} (alice <alice@example.com>) has expired on 2020-12-31")

    def test_revoked_key(self):
        alice = self.keys.make("alice")
        self.keys.sign(self.aci, alice)
        self.keys.revoke(alice)
        self.trust(alice)
        self.refuses(f"the signature's key {alice} (alice <alice@example.com>) has been revoked")

    def test_expired_signature(self):
        alice = self.keys.make("alice", time=PAST)
        self.trust(alice)
        self.keys.sign(self.aci, alice, time=LATER_THEN, expire="10d")
        self.refuses("has expired on 2020-03-11")

    def test_bad_signature(self):
        alice = self.keys.make("alice")
        self.trust(alice)
        self.keys.sign(self.aci, alice)
        with gzip.open(self.aci, "rb") as stream:
            content = stream.read()
        with gzip.open(self.aci, "wb") as stream:
            stream.write(content)
        self.refuses(f"bad signature: key {alice} (alice <alice@example.com>) did not sign these bytes")

    def test_no_signature_in_it(self):
        self.trust(self.keys.make("alice"))
        for content, message in ((b"", "the signature is empty"), (b"garbage", "there is no OpenPGP signature in it"),
                                 (b"-----BEGIN PGP SIGNATURE-----\n\n", "there is no OpenPGP signature in it"),
                                 (b"x" * (2 << 20), "larger than")):
            with open(self.aci + ".asc", "wb") as stream:
                stream.write(content)
            self.refuses(message)

    def test_a_signed_message_is_no_detached_signature(self):
        alice = self.keys.make("alice")
        self.trust(alice)
        self.keys.sign(self.image("example.com/other"), alice, out=self.aci + ".asc", detached=False)
        self.refuses("signature")

    def test_a_key_is_no_signature(self):
        alice = self.keys.make("alice")
        self.trust(alice)
        shutil.copy(self.key_file(alice), self.aci + ".asc")
        self.refuses("there is no OpenPGP signature in it")

    def test_several_signatures(self):
        alice, bob = self.keys.make("alice"), self.keys.make("bob")
        self.trust(bob)
        self.keys.sign(self.aci, alice, bob)
        self.takes()

    def test_masked_key(self):
        alice = self.keys.make("alice")
        path = self.key_path(alice, base=self.system)
        os.makedirs(os.path.dirname(path))
        shutil.copy(self.key_file(alice), path)
        self.keys.sign(self.aci, alice)
        mask = self.key_path(alice)
        os.makedirs(os.path.dirname(mask))
        with open(mask, "wb"):
            pass
        self.refuses(UNKNOWN)
        os.unlink(mask)
        self.takes()
        # `trust --remove` masks, too.
        self.agena("trust", "--remove=" + alice, "--prefix=example.com")
        self.assertEqual(0, os.path.getsize(mask))
        self.fails("fetch", self.aci, message=UNKNOWN)

    def test_a_file_with_another_key(self):
        alice, bob = self.keys.make("alice"), self.keys.make("bob")
        self.trust(alice)
        shutil.copy(self.key_file(bob), self.key_path(alice))
        for signer in (alice, bob):
            self.keys.sign(self.aci, signer)
            self.refuses(f"trusted key '{self.key_path(alice)}': fingerprint mismatch: the key in it is {bob}"
                         if signer == bob else UNKNOWN)

    def test_waived(self):
        self.keys.sign(self.aci, self.keys.make("alice"))
        self.refuses(UNKNOWN)
        self.agena("--insecure-options=image", "fetch", self.aci, f"--signature={self.top}/none")
        # What was taken without a signature does not do without one later.
        self.fails("fetch", self.aci, message=UNKNOWN)

    def test_unsigned_files(self):
        self.takes()
        self.fails("fetch", self.aci, f"--signature={self.top}/none", message="error opening signature file")
        self.fails("fetch", Images.busybox("oci"), "--signature=" + self.aci, message="detached signatures are for ACIs")

    def test_rkt_wants_signatures(self):
        rkt = os.path.join(os.path.dirname(self.binary), "rkt")
        done = self.run_argv(self.argv("fetch", self.aci, binary=rkt), check=254)
        self.assertIn("error opening signature file", done.err)
        self.run_argv(self.argv("--insecure-options=image", "fetch", self.aci, binary=rkt))
        alice = self.keys.make("alice")
        self.trust(alice)
        self.keys.sign(self.aci, alice)
        self.run_argv(self.argv("fetch", self.aci, binary=rkt))

    def test_stage1_images_without_a_signature(self):
        path = shutil.copy(os.path.join(os.environ["AGENA_STAGE1_DIR"], "stage1-fly.aci"), self.top + "/fly.aci")
        empty = os.path.join(self.top, "empty")
        os.mkdir(empty)
        os.mkdir(os.path.join(self.local, "paths.d"))
        with open(os.path.join(self.local, "paths.d", "paths.json"), "w", encoding="utf-8") as stream:
            json.dump({"rktKind": "paths", "rktVersion": "v1", "stage1-images": empty}, stream)
        app = self.agena("fetch", "--full", Images.busybox()).out.strip()
        name = json.loads(self.agena("image", "cat-manifest", self.agena("fetch", path).out.strip()).out)["name"]
        words = ["run", "--net=host", "--stage1-name=" + name, app, *shell("echo hello")]
        # A file that the user brought in serves agena, and not rkt.
        self.assertEqual("hello\n", self.agena(*words).out)
        rkt = os.path.join(os.path.dirname(self.binary), "rkt")
        self.run_argv(self.argv(*words, binary=rkt), check=254)
        done = self.run_argv(self.argv("--insecure-options=image", *words, binary=rkt))
        self.assertEqual("hello\n", done.out)
        alice = self.keys.make("alice")
        self.trust(alice, "agena.dev")
        self.keys.sign(path, alice)
        self.agena("fetch", path)
        self.assertEqual("hello\n", self.run_argv(self.argv(*words, binary=rkt)).out)
        self.agena("trust", "--remove=" + alice, "--prefix=agena.dev")
        self.run_argv(self.argv(*words, binary=rkt), check=254)

    def test_time_stamps_that_are_set_back(self):
        alice = self.keys.make("alice")
        self.trust(alice)
        self.keys.sign(self.aci, alice)
        self.takes()
        first = json.loads(self.agena("image", "list", "--format=json").out)[0]["id"]
        before = os.stat(self.aci)
        other = self.image("example.com/app", version="2.0.0")
        self.keys.sign(other, alice)
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertNotEqual(first, self.agena("fetch", "--full", other).out.strip())

    def test_a_link_into_the_installation(self):
        rkt = os.path.join(os.path.dirname(self.binary), "rkt")
        link, copy = os.path.join(self.top, "link.aci"), os.path.join(self.top, "copy.aci")
        os.symlink(os.path.join(os.environ["AGENA_STAGE1_DIR"], "stage1-fly.aci"), link)
        shutil.copy(link, copy)
        app = self.agena("fetch", "--full", Images.busybox()).out.strip()
        def words(path):
            return self.argv("run", "--net=host", "--stage1-path=" + path, app, *shell("echo hello"), binary=rkt)
        self.assertIn("error opening signature file", self.run_argv(words(copy), check=254).err)
        self.assertEqual("hello\n", self.run_argv(words(link)).out)

    def test_run(self):
        alice = self.keys.make("alice")
        path = shutil.copy(Images.busybox(), self.top + "/busybox.aci")
        name = json.loads(self.agena("image", "cat-manifest", self.agena("fetch", path).out.strip()).out)["name"]
        signature = self.keys.sign(path, alice, out=self.top + "/sig")
        argv = ["run", "--net=host", "--stage1-name=" + FLY, path, "--signature=" + signature, *shell("echo hello")]
        self.assertIn(UNKNOWN, self.agena(*argv, check=254).err)
        self.trust(alice, name)
        self.assertEqual("hello\n", self.agena(*argv).out)

    def test_nothing_is_left(self):
        scratch = os.path.join(self.top, "tmp")
        os.mkdir(scratch)
        alice = self.keys.make("alice")
        self.trust(alice)
        self.keys.sign(self.aci, alice)
        self.agena("fetch", self.aci, env={"TMPDIR": scratch})
        self.assertEqual([], os.listdir(scratch))
        # What a killed process left goes with the next one.
        os.mkdir(os.path.join(scratch, "agena-gnupg-killed"))
        self.agena("trust", "--list", env={"TMPDIR": scratch})
        self.assertEqual([], os.listdir(scratch))


del Signed
