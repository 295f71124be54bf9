"""Command line of the kit.

    python3 -m imagekit CASE OUT             build one case below OUT; prints the references to fetch, one per line
    python3 -m imagekit --all OUT            build all (or the selected) cases into OUT/NAME and write OUT/cases.json
    python3 -m imagekit --list [--json]      the table
    python3 -m imagekit --check CASE ROOT    check the facts of a case against an unpacked root; prints violations

`--tag T` and `--without T` select cases by tag.
"""

import argparse
import json
import os
import sys

if not __package__:  # started as a directory: python3 path/to/imagekit
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from imagekit import facts  # noqa: E402
from imagekit.cases import CASES, select  # noqa: E402


def print_table(cases, as_json: bool):
    if as_json:
        json.dump([case.describe() for case in cases], sys.stdout, indent=1)
        print()
        return
    for case in cases:
        print(f"{case.name:42} {case.expect:7} {' '.join(sorted(case.tags))}")


def build_all(cases, out) -> int:
    """Builds the cases into directories of their names; cases.json has the rows and their references."""
    rows = []
    for case in cases:
        rows.append({**case.describe(), "references": case.make(os.path.join(out, case.name))})
    with open(os.path.join(out, "cases.json"), "w", encoding="utf-8") as stream:
        json.dump(rows, stream, indent=1)
        stream.write("\n")
    print(f"{len(rows)} cases in {out}")
    return 0


def known(name: str):
    if name not in CASES:
        sys.exit(f"imagekit: no case '{name}' (see --list)")
    return CASES[name]


def main() -> int:
    parser = argparse.ArgumentParser(prog="imagekit", description="build test images")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tag", action="append", default=[])
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    chosen = select(arguments.tag, arguments.without)
    words = arguments.words
    if arguments.list and not words:
        print_table(chosen, arguments.json)
        return 0
    if arguments.all and len(words) == 1:
        return build_all(chosen, words[0])
    if len(words) != 2:
        parser.error("expected CASE OUT (or --all OUT, --list, --check CASE ROOT)")
    case = known(words[0])
    if arguments.check:
        wrong = facts.check(words[1], case.facts)
        for text in wrong:
            print(text.encode("utf-8", "backslashreplace").decode())
        return 1 if wrong else 0
    for reference in case.make(words[1]):
        print(reference)
    return 0


if __name__ == "__main__":
    sys.exit(main())
