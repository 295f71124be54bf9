"""Many `run`s of one image at once, when the store has neither the image nor the stage1 image yet."""

import os
import time

from report import ms


def at_once(engine, flavour: str, count: int) -> tuple:
    """(seconds until all have ended, outputs of those that failed)."""
    logs = [os.path.join(engine.work, f"cold{number}") for number in range(count)]
    began = time.perf_counter()
    running = [engine.start("run", *engine.pods(flavour), "--exec=/bin/true", log=log) for log in logs]
    codes = [process.wait() for process in running]
    took = time.perf_counter() - began
    failed = [f"exit code {code}: {open(log, encoding='utf-8').read()[-500:]}" for code, log in zip(codes, logs) if code != 0]
    for log in logs:
        os.unlink(log)
    return took, failed


def run(engine, report, count: int):
    rows = []
    for flavour in ("fly", "systemd"):
        engine.new_store()
        alone, failed_alone = at_once(engine, flavour, 1)
        engine.new_store()
        cold, failed = at_once(engine, flavour, count)
        layers = os.listdir(os.path.join(engine.data, "cas", "layers"))
        staged = os.listdir(os.path.join(engine.data, "cas", "staging"))
        warm, failed_warm = at_once(engine, flavour, count)
        for text in failed_alone + failed + failed_warm:
            report.check(False, f"cold store, {flavour}: {text}")
        report.check(len(layers) == 2, f"cold store, {flavour}: {len(layers)} layers instead of one of the image and one of stage1")
        report.check(not staged, f"cold store, {flavour}: left in staging: {staged}")
        engine.run("image", "verify", "--all")
        rows.append((flavour, ms(alone), ms(cold), ms(warm), f"{cold / warm:.2f}", f"{(cold - warm) / alone:.2f}"))
    report.table("cold", f"{count} `run`s of one image at once", [
        "flavour", "one, cold store", f"{count}, cold store", f"{count}, warm store", "cold ÷ warm", "(cold − warm) ÷ one cold"], rows)
