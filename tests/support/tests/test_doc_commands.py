"""Reading pages, and comparing what commands print."""

import glob
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from doc_commands import COMMAND_LANGUAGES, PageError, blocks_of, difference  # noqa: E402

PAGE = """# Page

<!-- test: setup
mkdir x
-->

```sh
a
b
```

<!-- test: skip: needs the internet -->
```console
$ agena run docker://x \\
    -- true
out
$ cat <<END
no prompt
END
no prompt
$ false
$ echo $?
1
```

<!-- test: file app.c -->
```c
int main;
```
"""


class Pages(unittest.TestCase):
    def test_blocks(self):
        setup, plain, session, source = blocks_of(PAGE)
        self.assertTrue(setup.hidden)
        self.assertEqual("mkdir x", setup.commands()[0].text)
        self.assertEqual("a\nb", plain.commands()[0].text)
        self.assertEqual("needs the internet", session.skip)
        self.assertEqual(("app.c", ["int main;"], True), (source.path, source.lines, source.runs))
        run, cat, fails, code = session.commands()
        self.assertEqual("agena run docker://x \\\n    -- true", run.text)
        self.assertEqual(["out"], run.expected)
        self.assertEqual("cat <<END\nno prompt\nEND", cat.text)
        self.assertEqual(["no prompt"], cat.expected)
        self.assertEqual([False, True, False], [cat.may_fail, fails.may_fail, code.may_fail])

    def test_what_is_wrong_with_a_page(self):
        for text in ("```\na\n```\n", "```sh\na\n", "<!-- test: setup\na\n", "<!-- test: skip: x -->\nText\n", "<!-- test: skip -->\n"):
            with self.assertRaises(PageError, msg=text):
                blocks_of(text)
        with self.assertRaises(PageError):
            blocks_of("```console\nout\n$ a\n```\n")[0].commands()


class Documentation(unittest.TestCase):
    def test_every_page_can_be_read(self):
        top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        for page in [os.path.join(top, "README.md"), *glob.glob(os.path.join(top, "docs", "*.md"))]:
            with self.subTest(page=os.path.relpath(page, top)), open(page, encoding="utf-8") as stream:
                for block in blocks_of(stream.read()):
                    if block.language in COMMAND_LANGUAGES:
                        self.assertTrue(block.commands(), block.line)


class Output(unittest.TestCase):
    def same(self, expected, printed):
        self.assertIsNone(difference(expected.split("\n"), printed.split("\n")))

    def differs(self, expected, printed):
        self.assertIsNotNone(difference(expected.split("\n"), printed.split("\n")))

    def test_what_differs_from_run_to_run(self):
        self.same("Garbage collecting pod \"44725450-a32c-4c6e-949e-10b78f217a1c\"",
                  "Garbage collecting pod \"00000000-a32c-4c6e-949e-10b78f217a1d\"")
        self.same("[ 7523.843905] hello[3]: hi", "[   23.000001] hello[17]: hi")
        self.same("sha512-386f412a4a72\tstage1:0.1.0\t23MiB\tnow", "sha512-386f412a4a99  stage1:0.1.0  1.5KiB  2 seconds ago")
        self.differs("count 1", "count 2")
        self.differs("state=running", "state=exited")

    def test_lines_of_apps_come_in_any_order(self):
        self.same("[ 1.000000] a[1]: x\n[ 1.000000] b[1]: y\nend", "[ 1.000000] b[1]: y\n[ 1.000000] a[1]: x\nend")
        self.differs("[ 1.000000] a[1]: x\n[ 1.000000] b[1]: y", "[ 1.000000] b[1]: y\n[ 1.000000] a[1]: z")
        self.differs("one\ntwo", "two\none")

    def test_left_out(self):
        self.same("one\n[…]\ntwo", "one\nx\ny\ntwo")
        self.same("created=…\nend", "created=some day\nend")
        self.differs("created=…\nend", "created=some day")
        self.differs("one", "one\ntwo")
        self.differs("one\ntwo", "one")


if __name__ == "__main__":
    unittest.main()
