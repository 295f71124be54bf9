"""What runs in the machine. Suites of tests/functional run there too: the same tests on the kind of host that users have."""

import os

VM, FUNCTIONAL, CONTRACT, ESCAPE = "vm", "functional", "contract", "escape"
TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Of these suites only some classes run: the others need a package mirror or take very long under emulation.
PARTS = {"test_images": ["test_images.Fetch"]}
# Suites that are not for the machine; test_pages runs the part of it that is.
OMITTED = ("test_docs",)


def suites(directory: str, *names: str, seconds=900) -> dict:
    return {"name": " ".join(names), "directory": directory, "suites": list(names), "seconds": seconds,
            "may_skip": directory != VM, "packages": any(name.startswith("test_debian") for name in names)}


def all_of(directory: str) -> list:
    """A job for each suite of a directory."""
    names = sorted(name[:-3] for name in os.listdir(os.path.join(TESTS, directory))
                   if name.startswith("test_") and name.endswith(".py") and name[:-3] not in OMITTED)
    return [suites(directory, *PARTS.get(name, [name]), seconds=3600) for name in names]


RESET = [suites(VM, "test_before_reset"), {"reset": "hard"}, suites(VM, "test_after_reset")]
QUICK = [
    suites(VM, "test_basics"),
    suites(VM, "test_kernel"),
    suites(VM, "test_units"),
    suites(VM, "test_limits"),
    suites(VM, "test_installed"),
    suites(VM, "test_debian"),
    suites(VM, "test_systemd.Scope.test_scope", "test_systemd.Machine.test_stays_in_the_unit",
           "test_systemd.Units.test_socket_unit_starts_the_pod"),
    suites(FUNCTIONAL, "test_run.Systemd", "test_run.Volumes", "test_run.Apps"),
    suites(FUNCTIONAL, "test_sandbox.Apps", "test_app.Overlays"),
    suites(FUNCTIONAL, "test_networks.Default.test_traffic", "test_networks.Hosts.test_from_everywhere"),
    *RESET,
]
WHOLE = [
    *QUICK,
    suites(VM, "test_systemd", seconds=3600),
    suites(VM, "test_networks_in_vm", seconds=3600),
    suites(VM, "test_pages", seconds=3600),
    *all_of(FUNCTIONAL),
    suites(ESCAPE, "test_escape.Pod", "test_escape.Leaks", "test_escape.Races", seconds=3600),
    *all_of(CONTRACT),
]


def chosen(names) -> list:
    """Jobs for names as the user writes them: DIRECTORY/NAME, where `vm/` may be left out; or `reset:hard`,
    `reset:orderly`."""
    out = []
    for name in names:
        kind, _, how = name.partition(":")
        if kind == "reset":
            out.append({"reset": how})
            continue
        directory, _, suite = name.rpartition("/")
        out.append(suites(directory or VM, suite, seconds=3600))
    return out
