"""The disk itself: files that are written and renamed by a program that syncs and one that does not, and the power cut."""

import os
import random
import re
import shutil

from machine import run

VARIANTS = (  # name, whether the program syncs, whether the disk does as it says, whether files are to be lost at some cuts
    ("no fsync", False, True, True),
    ("fsync of file and directory", True, True, False),
    ("fsync, a disk that ignores flushes", True, False, True),
)
LONGEST = 5.0  # seconds until the cut


def contents(cuts) -> dict:
    """Contents of the files by number; read without a mount, after the journal was replayed."""
    run_repair(cuts.disk)
    place = os.path.join(cuts.directory, "files")
    shutil.rmtree(place, ignore_errors=True)
    run("debugfs", "-R", f"rdump /files {cuts.directory}", cuts.disk)
    found = {}
    for name in os.listdir(place):
        if re.fullmatch(r"\d+", name):
            with open(os.path.join(place, name), "rb") as stream:
                found[int(name)] = stream.read()
    return found


def run_repair(disk: str):
    """Replays the journal. A file system that a cut has damaged is an error, except where the disk lied."""
    try:
        run("e2fsck", "-fy", disk)
    except RuntimeError as error:
        if "exit code 1:" not in str(error):  # 1: errors corrected, the replay counts as one (e2fsck(8))
            raise


def try_files(cuts) -> int:
    """Number of variants that were not as they have to be; says a table."""
    wrong = 0
    cuts.say("| files are made with | cuts | files that were reported | cuts that lost some | files lost | as it has to be |")
    cuts.say("|---|---|---|---|---|---|")
    for name, careful, honest, loses in VARIANTS:
        dice = random.Random(f"{cuts.arguments.seed} {name}")
        reported = lost = with_loss = 0
        for _ in range(cuts.arguments.cuts):
            heard, _ = cuts.cut_disk({"do": "files", "careful": careful}, dice.uniform(1.0, LONGEST), dice, honest)
            made = [one["number"] for one in heard if one["kind"] == "made"]
            found = contents(cuts)
            gone = [number for number in made if found.get(number) != b"%08d" % number * 1024]
            reported, lost, with_loss = reported + len(made), lost + len(gone), with_loss + bool(gone)
        right = bool(lost) == loses and reported > 0
        wrong += not right
        cuts.say(f"| {name} | {cuts.arguments.cuts} | {reported} | {with_loss} | {lost} | {'yes' if right else 'NO'} |")
    cuts.say("")
    return wrong
