"""Leaves work unfinished, for the reset that follows; test_after_reset.py looks at what it became. All in units of
their own, which nobody stops."""

import json
import os
import shutil
import subprocess

from machine_case import STATE, Images, MachineCase, read, shell, wait_until

TOP = STATE + "/reset"
DATA = TOP + "/data"
NET_CONF = TOP + "/etc/net.d/10-bridged.conflist"
BRIDGED = {"cniVersion": "0.4.0", "name": "bridged", "plugins": [
    {"type": "bridge", "bridge": "br-reset", "isGateway": True, "ipMasq": True, "ipam": {
        "type": "host-local", "ranges": [[{"subnet": "10.5.0.0/24"}], [{"subnet": "fd00:5::/64"}]]}},
    {"type": "firewall", "backend": "iptables"}, {"type": "portmap", "capabilities": {"portMappings": True}}]}


class BeforeReset(MachineCase):
    def end_checks(self):
        return []  # all that it leaves is meant

    def agena_there(self, *words):
        return self.run_argv([self.binary, f"--dir={DATA}", *words])

    def test_leave_work_unfinished(self):
        shutil.rmtree(TOP, ignore_errors=True)
        os.makedirs(os.path.dirname(NET_CONF))
        with open(NET_CONF, "w", encoding="ascii") as stream:
            json.dump(BRIDGED, stream)
        prepared = self.agena_there("prepare", Images.busybox(), *shell("echo prepared before")).out.strip()
        for name, flags in (("running", ("--net=none",)), ("fly", ("--stage1-name=agena.dev/stage1-fly",)),
                            ("networked", ("--net=default,bridged", "--port=8080-tcp:8081"))):
            command = [self.binary, f"--dir={DATA}", f"--local-config={TOP}/etc", "run", f"--uuid-file-save={TOP}/{name}",
                       *flags, Images.busybox(), *shell("echo x > /written; while :; do sleep 1; done")]
            subprocess.run(["systemd-run", "--quiet", f"--unit=agena-reset-{name}", *command], check=True)
            uuid = wait_until(lambda name=name: os.path.exists(f"{TOP}/{name}") and read(f"{TOP}/{name}"), f"{name} has a UUID")
            wait_until(lambda uuid=uuid: "state=running" in self.agena_there("status", uuid).out, f"{name} runs")
        # Of all that were started, this one has been given addresses, and its app has begun.
        wait_until(lambda: os.path.exists(f"{DATA}/pods/run/{uuid}/net-info.json"), "the networks are there")
        with open(f"{TOP}/prepared", "w", encoding="ascii") as stream:
            stream.write(prepared)
        # Imports and removals without end, in the middle of which the machine goes down.
        oci = Images.busybox("oci")
        loop = (f'while :; do "$1" --dir={DATA} fetch {oci} && "$1" --dir={DATA} image rm '
                f'$("$1" --dir={DATA} image list --no-legend --fields=id --full | tail -n1); done')
        subprocess.run(["systemd-run", "--quiet", "--unit=agena-reset-imports", "sh", "-c", loop, "sh", self.binary],
                       check=True)
        # With what plugins have written, which do not ask for it.
        os.sync()
