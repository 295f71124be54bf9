"""OpenPGP keys and signatures for tests, made by gpg in a directory of the test's own."""

import os
import re
import subprocess

# A time in the past that gpg can be made to believe in.
PAST = "20200101T000000!"
LATER_THEN = "20200301T000000!"


class Keys:
    """A gpg home. `close()` ends the agent that gpg has started."""

    def __init__(self, directory: str):
        self.home = os.path.join(directory, "gnupg")
        os.mkdir(self.home, 0o700)

    def gpg(self, *words, time=None, **more) -> subprocess.CompletedProcess:
        argv = ["gpg", "--homedir", self.home, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback",
                "--passphrase", ""]
        if time:
            argv += ["--faked-system-time", time]
        done = subprocess.run([*argv, *words], capture_output=True, check=False, **more)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.stderr.decode(errors='replace')}")
        return done

    def make(self, name: str, expire="never", time=None) -> str:
        """A key that can sign; its fingerprint in lower case."""
        done = self.gpg("--status-fd", "1", "--quick-generate-key", f"{name} <{name}@example.com>", "ed25519", "sign",
                        expire, time=time)
        return re.search(rb"KEY_CREATED . ([0-9A-F]+)", done.stdout)[1].decode().lower()

    def add_subkey(self, fingerprint: str):
        """From now on signatures are made by the subkey."""
        self.gpg("--quick-add-key", fingerprint, "ed25519", "sign", "never")

    def revoke(self, fingerprint: str):
        path = os.path.join(self.home, "openpgp-revocs.d", fingerprint.upper() + ".rev")
        with open(path, encoding="utf-8") as stream:
            self.gpg("--import", input=stream.read().replace(":-----BEGIN", "-----BEGIN").encode())

    def export(self, *fingerprints, armor=True) -> bytes:
        return self.gpg("--export", *(["--armor"] if armor else []), *fingerprints).stdout

    def write(self, path: str, *fingerprints, armor=True) -> str:
        with open(path, "wb") as stream:
            stream.write(self.export(*fingerprints, armor=armor))
        return path

    def sign(self, path: str, *fingerprints, out=None, armor=True, time=None, expire=None, detached=True) -> str:
        """Signs a file; the path of the signature, PATH.asc unless told otherwise."""
        out = out or path + ".asc"
        words = ["--output", out]
        for fingerprint in fingerprints:
            words += ["--local-user", fingerprint]
        if armor:
            words += ["--armor"]
        if expire:
            words += ["--default-sig-expire", expire]
        self.gpg(*words, "--detach-sign" if detached else "--sign", path, time=time)
        return out

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], capture_output=True, check=False)
