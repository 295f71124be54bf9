"""What runs in the machine. Suites of tests/functional run there too: the same tests on the kind of host that users have."""

VM, FUNCTIONAL, CONTRACT = "vm", "functional", "contract"


def suites(directory: str, *names: str, seconds=900) -> dict:
    return {"name": " ".join(names), "directory": directory, "suites": list(names), "seconds": seconds}


RESET = [suites(VM, "test_before_reset"), {"reset": "hard"}, suites(VM, "test_after_reset")]
QUICK = [
    suites(VM, "test_basics"),
    suites(VM, "test_kernel"),
    suites(VM, "test_units"),
    suites(VM, "test_systemd.Scope.test_scope", "test_systemd.Machine.test_stays_in_the_unit",
           "test_systemd.Units.test_socket_unit_starts_the_pod"),
    *RESET,
]
WHOLE = [
    *QUICK,
    suites(VM, "test_systemd", seconds=3600),
    suites(FUNCTIONAL, "test_run", seconds=3600),
    suites(FUNCTIONAL, "test_pods", seconds=3600),
    suites(FUNCTIONAL, "test_crash", seconds=3600),
    suites(FUNCTIONAL, "test_resources", seconds=3600),
    suites(FUNCTIONAL, "test_host", seconds=3600),
    suites(CONTRACT, "test_contract", seconds=3600),
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
