"""The manual pages and completions as they are installed: for every command, with what --help says, and without a word of
warning from groff."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "functional"))

from harness import Case, read  # noqa: E402

# Less deep than the texts of options, which may begin with the name of another.
OPTION = re.compile(r"^ {2,7}(?:-\w, )?--([a-z0-9-]+)")
REFERENCE = re.compile(r"\b((?:agena|rkt)(?:-[a-z0-9-]+)?)\((\d)\)")
PERSONALITIES = ("agena", "rkt")


class Manual(Case):
    needs_root = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tree = os.path.dirname(os.path.dirname(os.environ["AGENA_BIN"]))
        # By personality and section: what is installed as share/man/man1 and so on.
        man = os.path.join(tree, "docs", "man")
        cls.pages = {name: os.path.join(man, directory, name) for directory in (*PERSONALITIES, "docs")
                     for name in os.listdir(os.path.join(man, directory))}

    def commands(self, program: str) -> list:
        """Names of all commands that help shows, members of groups as "image list"."""
        def members(words):
            text = self.run_argv([os.path.join(os.path.dirname(self.binary), program), "help", *words]).out
            block = text.partition("COMMANDS:\n")[2].partition("\n\n")[0]
            return [line.split()[0] for line in block.splitlines() if re.match(r"^  \S", line)]

        found = []
        for name in members([]):
            found.append(name)
            found += [f"{name} {member}" for member in members([name])]
        return found

    def rendered(self, path: str) -> str:
        """As a terminal shows it."""
        env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MAN_KEEP_FORMATTING": "", "PAGER": "cat", "TERM": "dumb"}
        env.pop("MAN_KEEP_FORMATTING")
        done = subprocess.run(["man", "-P", "cat", "-l", path], capture_output=True, text=True, env=env, check=True)
        return re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)

    @staticmethod
    def options(text: str, heading: str, end: str) -> list:
        block = re.split(end, text.partition(heading)[2], maxsplit=1)[0]
        return [match[1] for match in map(OPTION.match, block.splitlines()) if match]

    def test_every_command_has_a_page(self):
        for program in PERSONALITIES:
            wanted = {f"{program}.1"} | {f"{program}-{name.replace(' ', '-')}.1" for name in self.commands(program)}
            self.assertEqual(wanted, {name for name in self.pages if name.startswith(program) and name.endswith(".1")})

    def test_options_are_those_of_help(self):
        checked = 0
        for name in self.commands("agena"):
            with self.subTest(name):
                text = self.run_argv([self.binary, "help", *name.split()]).out
                wanted = self.options(text, "\nUSAGE:\n", r"\nGLOBAL OPTIONS:\n")
                page = self.rendered(self.pages[f"agena-{name.replace(' ', '-')}.1"])
                self.assertEqual(wanted, self.options(page, "\nOPTIONS\n", r"\n(EXAMPLES|EXIT STATUS|SEE ALSO)\n"))
                checked += len(wanted)
        self.assertGreater(checked, 100)
        text = self.run_argv([self.binary, "help"]).out
        self.assertEqual(self.options(text, "\nOPTIONS:\n", r"\n\n[A-Z]"),
                         self.options(self.rendered(self.pages["agena.1"]), "\nGLOBAL OPTIONS\n", r"\n[A-Z]"))

    def test_references_lead_to_pages(self):
        for name, path in self.pages.items():
            for page, section in REFERENCE.findall(read(path).replace("\\-", "-").replace("\\fR", "")):
                self.assertIn(f"{page}.{section}", self.pages, name)

    def test_groff_has_nothing_to_say(self):
        env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANROFFSEQ": ""}
        for name, path in self.pages.items():
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path], capture_output=True,
                                  text=True, env=env, check=False)
            self.assertEqual((0, ""), (done.returncode, done.stderr), name)

    def test_names(self):
        """What apropos finds: each page's NAME is a line of its own name and a summary."""
        for name, path in self.pages.items():
            stem = name.rpartition(".")[0]
            self.assertRegex(self.rendered(path), rf"\nNAME\n +{stem} - \S", name)
