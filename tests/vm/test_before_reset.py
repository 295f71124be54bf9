"""Leaves work unfinished, for the reset that follows; test_after_reset.py looks at what it became. All in units of
their own, which nobody stops."""

import os
import shutil
import subprocess

from machine_case import STATE, Images, MachineCase, read, shell, wait_until

TOP = STATE + "/reset"
DATA = TOP + "/data"


class BeforeReset(MachineCase):
    def end_checks(self):
        return []  # all that it leaves is meant

    def agena_there(self, *words):
        return self.run_argv([self.binary, f"--dir={DATA}", *words])

    def test_leave_work_unfinished(self):
        shutil.rmtree(TOP, ignore_errors=True)
        os.makedirs(TOP)
        prepared = self.agena_there("prepare", Images.busybox(), *shell("echo prepared before")).out.strip()
        for name, flags in (("running", ()), ("fly", ("--stage1-name=agena.dev/stage1-fly",))):
            command = [self.binary, f"--dir={DATA}", "run", f"--uuid-file-save={TOP}/{name}", *flags, Images.busybox(),
                       *shell("echo x > /written; while :; do sleep 1; done")]
            subprocess.run(["systemd-run", "--quiet", f"--unit=agena-reset-{name}", *command], check=True)
            wait_until(lambda name=name: os.path.exists(f"{TOP}/{name}"), f"{name} has a UUID")
            uuid = read(f"{TOP}/{name}")
            wait_until(lambda uuid=uuid: "state=running" in self.agena_there("status", uuid).out, f"{name} runs")
        with open(f"{TOP}/prepared", "w", encoding="ascii") as stream:
            stream.write(prepared)
        # Imports and removals without end, in the middle of which the machine goes down.
        oci = Images.busybox("oci")
        loop = (f'while :; do "$1" --dir={DATA} fetch {oci} && "$1" --dir={DATA} image rm '
                f'$("$1" --dir={DATA} image list --no-legend --fields=id --full | tail -n1); done')
        subprocess.run(["systemd-run", "--quiet", "--unit=agena-reset-imports", "sh", "-c", loop, "sh", self.binary],
                       check=True)
        for name in ("prepared", "running", "fly"):
            with open(f"{TOP}/{name}", encoding="ascii") as stream:
                os.fsync(stream.fileno())
