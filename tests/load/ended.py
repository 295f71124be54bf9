"""1000 pods that have ended: what the everyday commands cost beside them, against 10."""

from concurrent.futures import ThreadPoolExecutor

from engine import used
from report import ms

FEW = 10


def fill(engine, count: int):
    """Short pods of the fly flavour, four at a time."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: engine.run("run", *engine.pods("fly"), "--exec=/bin/true"), range(count)))


def commands(engine) -> dict:
    uuid = engine.run("list", "--full", "--no-legend").stdout.split()[0]
    return {
        "list": ["list"],
        "list --format=json": ["list", "--format=json"],
        "status": ["status", uuid],
        "status by the UUID's first digits": ["status", uuid[:13]],
        "gc that finds nothing to delete": ["gc", "--grace-period=24h"],
        "image list": ["image", "list"],
        "image gc --dry-run": ["image", "gc", "--dry-run"],
        "run of fly": ["run", *engine.pods("fly"), "--exec=/bin/true"],
        "run of systemd": ["run", *engine.pods("systemd"), "--exec=/bin/true"],
    }


def measure(engine) -> dict:
    return {name: engine.median(*words) for name, words in commands(engine).items()}


def run(engine, report, count: int):
    engine.new_store()
    engine.warm_up()
    fill(engine, FEW - 2)
    few = measure(engine)
    present = len(engine.run("list", "--no-legend").stdout.splitlines())
    fill(engine, count - present)
    many = measure(engine)
    rows = []
    for name, (wall, cpu) in many.items():
        rows.append((name, ms(few[name][0]), ms(wall), f"{wall / few[name][0]:.2f}", ms(cpu)))
    before = used()
    told = engine.run("gc", "--grace-period=0s")
    all_gone = used() - before
    left = engine.run("list", "--no-legend").stdout.split()
    report.check(not left, f"gc leaves {left}, and says {told.stdout[-500:]}{told.stderr[-500:]}")
    report.table("ended", f"{count} pods that have ended", ["command", f"beside {FEW}", f"beside {count}", "ratio", "CPU"], rows)
    report.say(f"`gc --grace-period=0s` of all of them: {all_gone:.2f} s of processor time.\n")
