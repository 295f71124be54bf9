"""The completion scripts of zsh and fish, tried out in these shells. bash's is tried by a unit test."""

import os
import pty
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "functional"))

from harness import Case, Images, read  # noqa: E402

# zsh completes in its line editor only: when that starts, this completes $LINE and writes down what was offered, and what
# has become of the line.
ZSHRC = r"""
autoload -Uz compinit
compinit -u -D
source $SCRIPT
zstyle ':completion:*' verbose no
compadd() {
  local -a found
  if [[ " $* " != *" -"[OAD]" "* ]]; then
    builtin compadd -O found "$@"
    print -rl -- $found >> $OUT
  fi
  builtin compadd "$@"
}
zle-line-init() {
  BUFFER=$LINE
  CURSOR=$#BUFFER
  zle complete-word
  print -r -- "=$BUFFER" >> $OUT
  exit
}
zle -N zle-line-init
"""


class Shells(Case):
    needs_root = False

    def setUp(self):
        super().setUp()
        self.env = {**os.environ, "PATH": f"{os.path.dirname(self.binary)}:{os.environ['PATH']}", "HOME": self.top,
                    "ZDOTDIR": self.top, "XDG_CONFIG_HOME": self.top, "XDG_DATA_HOME": self.top, "TERM": "dumb",
                    "LC_ALL": "C.UTF-8"}

    def script(self, shell: str) -> str:
        path = os.path.join(self.top, f"completion.{shell}")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(self.agena_alone("completion", shell))
        return path

    def agena_alone(self, *words: str) -> str:
        return self.run_argv([self.binary, *words]).out

    def check(self, offered):
        """What both shells offer for the same lines."""
        self.assertEqual(["start", "status", "stop"], offered("agena st"))
        self.assertEqual(["image"], offered("agena --debug im"))
        members = offered("agena image ")
        self.assertIn("import-rkt", members)
        self.assertNotIn("run", members)
        self.assertEqual(["json", "json-pretty"], offered("agena list --format "))
        self.assertEqual(["--memory"], offered("agena run --mem"))
        self.assertEqual(["--full"], offered("agena image list --ful"))
        self.assertEqual([], offered("agena list --mem"))
        self.assertEqual([], offered("agena run x --store"), "deprecated flags are not offered")
        os.makedirs(os.path.join(self.top, "here", "images"))
        self.assertEqual(["images"], [word.rstrip("/") for word in offered("agena --dir ima", os.path.join(self.top, "here"))])

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        script = self.script("fish")

        def offered(line: str, cwd=None) -> list:
            done = self.run_argv(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], env=self.env, cwd=cwd)
            self.assertEqual("", done.err)
            return sorted(row.partition("\t")[0] for row in done.out.splitlines())

        self.check(offered)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        script = self.script("zsh")
        with open(os.path.join(self.top, ".zshrc"), "w", encoding="utf-8") as stream:
            stream.write(ZSHRC)

        def offered(line: str, cwd=None) -> list:
            out = os.path.join(self.top, "offered")
            if os.path.exists(out):
                os.unlink(out)
            pid, terminal = pty.fork()
            if pid == 0:
                os.chdir(cwd or self.top)
                os.execvpe("zsh", ["zsh", "-i"], {**self.env, "LINE": line, "OUT": out, "SCRIPT": script})
            printed = b""
            try:
                while part := os.read(terminal, 4096):
                    printed += part
            except OSError:  # the terminal's other end is closed
                pass
            os.close(terminal)
            os.waitpid(pid, 0)
            rows = read(out).splitlines() if os.path.exists(out) else self.fail(printed.decode())
            words = [word for word in rows[:-1] if word]
            return sorted({word.removesuffix("=") for word in words})

        self.check(offered)
        # The file works as a part of $fpath too.
        folder = os.path.join(self.top, "functions")
        os.mkdir(folder)
        shutil.copy(script, folder + "/_agena")
        done = self.run_argv(["zsh", "-f", "-c", f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; "
                                                 "print -r -- ${_comps[agena]}"], env=self.env)
        self.assertEqual("_agena", done.out.strip())
