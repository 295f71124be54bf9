"""What the suites of the machine have in common: pods in units of systemd, and looking at cgroup v2."""

import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "functional"))

from harness import Case, Images, children_of, read, shell, wait_until  # noqa: E402, F401

CGROUPS = "/sys/fs/cgroup"
STATE = "/var/lib/agena-vm"


def systemctl(*words) -> str:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False).stdout.strip()


def pod_cgroups() -> list:
    """Cgroups of pods, wherever they stand."""
    return sorted(path for path, _, _ in os.walk(CGROUPS) if os.path.basename(path).startswith("agena-")
                  and path.endswith(".scope"))


class MachineCase(Case):
    """A test that may have pods in units; no unit, pod or cgroup of a pod is left behind."""

    def setUp(self):
        super().setUp()
        self.units = []

    def tearDown(self):
        for unit in self.units:
            systemctl("stop", unit)
            systemctl("reset-failed", unit)
        super().tearDown()

    def end_checks(self) -> list:
        return super().end_checks() + [f"cgroup left: {path}" for path in pod_cgroups()]

    def unit_argv(self, *words, properties=(), options=()) -> list:
        unit = f"agena-test-{os.getpid()}-{self.id().rpartition('.')[2]}-{len(self.units)}.service"
        self.units.append(unit)
        flags = [f"--property={one}" for one in properties]
        return ["systemd-run", "--quiet", f"--unit={unit}", *flags, *options, *words]

    def in_unit(self, *words, properties=(), options=(), check=0):
        """`agena …` as a service, to its end; gives its output and code."""
        argv = self.unit_argv(*self.argv(*words), properties=properties, options=("--pipe", "--wait", *options))
        return self.run_argv(argv, check=check)

    def start_unit(self, *words, properties=(), options=()) -> str:
        """Starts `agena …` as a service; the name of the unit. With Type=notify returns when it is ready."""
        self.run_argv(self.unit_argv(*self.argv(*words), properties=properties, options=options))
        return self.units[-1]

    def start_pod_unit(self, *words, properties=(), options=()) -> tuple:
        """`agena run` as a service of Type=notify; (unit, UUID) of the running pod."""
        uuid_file = os.path.join(self.top, f"uuid-unit{len(self.units)}")
        unit = self.start_unit("run", f"--uuid-file-save={uuid_file}", *words, options=options,
                               properties=("Type=notify", *properties))
        return unit, read(uuid_file)

    def show(self, unit: str, name: str) -> str:
        return systemctl("show", "--value", f"--property={name}", unit)

    def cgroup_of_unit(self, unit: str) -> str:
        return CGROUPS + self.show(unit, "ControlGroup")

    def processes_in(self, cgroup: str) -> list:
        """pids in a cgroup and below it."""
        found = []
        for path in glob.glob(glob.escape(cgroup) + "/**/cgroup.procs", recursive=True):
            try:
                found += read(path).split()
            except OSError:
                pass  # it is threaded, or has just gone
        return found


def cgroup_of(pid) -> str:
    """Directory of a process's cgroup."""
    return CGROUPS + next(line[3:] for line in read(f"/proc/{pid}/cgroup").splitlines() if line.startswith("0::"))
