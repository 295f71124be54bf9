"""Pods on networks whose plugins are scripts of the tests: which networks a pod gets, what each plugin is told, and what
becomes of every way in which a plugin can fail. Nothing here touches the host's network."""

import io
import json
import os
import shutil
import signal
import tarfile
import time
import unittest

from harness import UUID, Case, Images, read, shell, state_of, wait_until

# Logs what it is told, runs COMMAND.NAME.sh of its directory if that is there, makes an interface with the address of
# the result, unless it is there, and answers ADD with `result`.
PLUGIN = r"""#!/bin/sh
name=$(basename "$0"); dir={lab}
conf=$(cat)
echo "$CNI_COMMAND $name $CNI_IFNAME $CNI_ARGS" >> $dir/calls
printf '%s' "$conf" > "$dir/$CNI_COMMAND.$name.$CNI_IFNAME.json"
env | grep ^CNI_ > "$dir/$CNI_COMMAND.$name.$CNI_IFNAME.env"
if [ -e "$dir/$CNI_COMMAND.$name.sh" ]; then . "$dir/$CNI_COMMAND.$name.sh"; fi
in_pod() { nsenter --net="$CNI_NETNS" ip "$@"; }
case $CNI_COMMAND in
  ADD)
    if ! in_pod link show "$CNI_IFNAME" > /dev/null 2>&1; then
      in_pod link add "$CNI_IFNAME" type veth peer name "peer$CNI_IFNAME"
      in_pod address add 10.123.4.5/24 dev "$CNI_IFNAME"
    fi
    cat "$dir/result" ;;
  DEL) in_pod link delete "$CNI_IFNAME" > /dev/null 2>&1 ;;
esac
exit 0
"""
SETUP = "stage1: failed to setup network: "
RESULT = {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:07", "sandbox": "/pod"}],
          "ips": [{"address": "10.123.4.5/24", "gateway": "10.123.4.1", "interface": 0}],
          "dns": {"nameservers": ["10.123.4.1"], "search": ["lab.example"], "options": ["ndots:3"]}}


class CniCase(Case):
    def setUp(self):
        super().setUp()
        self.confs = os.path.join(self.local, "net.d")
        self.lab = os.path.join(self.top, "lab")
        os.mkdir(self.confs)
        os.mkdir(self.lab)
        self.result(RESULT)
        for name in ("fake-a", "fake-b", "fake-c"):
            self.write(os.path.join(self.confs, name), PLUGIN.replace("{lab}", self.lab), 0o755)

    @staticmethod
    def write(path, text, mode=0o644):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, mode)

    def result(self, value):
        self.write(os.path.join(self.lab, "result"), json.dumps(value))

    def conf(self, file, name, *types, version="1.0.0", **members):
        """A single configuration, or a list if there are several plugins."""
        value = {"cniVersion": version, "name": name}
        if len(types) == 1:
            value.update(type=types[0], **members)
        else:
            value["plugins"] = [{"type": one} for one in types]
        self.write(os.path.join(self.confs, file), json.dumps(value))

    def on(self, command, plugin, script):
        """What a plugin does besides."""
        self.write(os.path.join(self.lab, f"{command}.{plugin}.sh"), script)

    def never_mind(self, command, plugin):
        os.unlink(os.path.join(self.lab, f"{command}.{plugin}.sh"))

    def calls(self) -> list:
        path = os.path.join(self.lab, "calls")
        return [line.strip() for line in read(path).splitlines()] if os.path.exists(path) else []

    def told(self, call) -> dict:
        return json.loads(read(os.path.join(self.lab, call + ".json")))

    def environment(self, call) -> dict:
        return dict(line.split("=", 1) for line in read(os.path.join(self.lab, call + ".env")).splitlines())

    def run_pod(self, net, script="true", check=0):
        return self.agena("run", f"--net={net}" if net else "--net", Images.busybox(), *shell(script), check=check)

    def refused(self, net, *parts) -> str:
        done = self.run_pod(net, check=254)
        for part in parts:
            self.assertIn(part, done.err, str(done))
        return done.err

    def start_on(self, *flags):
        """A pod whose app runs; process and UUID."""
        process, uuid = self.start_pod(*flags, Images.busybox(), *shell("echo up; sleep 1000"))
        self.wait_output(process, "up")
        return process, uuid

    def stop(self, process, uuid):
        self.agena("stop", uuid)
        self.finish(process, check=None)

    def records(self) -> list:
        """Names of the networks' files in the only pod's directory."""
        path = os.path.join(self.pod_path(self.only_pod()), "net")
        return sorted(os.listdir(path)) if os.path.isdir(path) else []


class Choice(CniCase):
    def test_interfaces_are_in_the_order_of_file_names(self):
        self.conf("20-b.conf", "b", "fake-a")
        self.conf("10-c.conflist", "c", "fake-b", "fake-c")
        self.conf("30-a.json", "a", "fake-a")
        self.run_pod("a,b,c")
        adds = [call for call in self.calls() if call.startswith("ADD")]
        self.assertEqual(["ADD fake-b eth0", "ADD fake-c eth0", "ADD fake-a eth1", "ADD fake-a eth2"], adds)
        dels = [call for call in self.calls() if call.startswith("DEL")]
        self.assertEqual(["DEL fake-a eth2", "DEL fake-a eth1", "DEL fake-c eth0", "DEL fake-b eth0"], dels)

    def test_users_network_hides_the_built_in_one(self):
        self.conf("50-mine.conf", "default", "fake-a")
        self.run_pod(None)
        self.run_pod("default")
        self.assertEqual(["ADD fake-a eth0", "DEL fake-a eth0"] * 2, self.calls())

    def test_first_of_two_files_with_one_name_counts(self):
        self.conf("20-x.conf", "x", "fake-b")
        self.conf("10-x.conf", "x", "fake-a")
        done = self.run_pod("x")
        self.assertIn(f"'{self.confs}/20-x.conf' is passed over: '{self.confs}/10-x.conf' is also of network 'x'", done.err)
        self.assertEqual(["ADD fake-a eth0", "DEL fake-a eth0"], self.calls())

    def test_all_are_those_that_are_configured(self):
        self.conf("10-default.conf", "default", "fake-a")
        self.conf("20-restricted.conf", "default-restricted", "fake-b")
        self.conf("30-lab.conf", "lab", "fake-c")
        self.run_pod("all")
        self.assertEqual(["ADD fake-a eth0", "ADD fake-b eth1", "ADD fake-c eth2"], self.calls()[:3])

    def test_arguments_go_to_their_network_only(self):
        self.conf("10-a.conf", "a", "fake-a")
        self.conf("20-b.conf", "b", "fake-b")
        self.run_pod("a:IP=10.1.2.3;x=y,b")
        self.assertEqual(["ADD fake-a eth0 IP=10.1.2.3;x=y;IgnoreUnknown=1", "ADD fake-b eth1"], self.calls()[:2])

    def test_unknown_networks_are_named(self):
        self.conf("10-storage.conf", "storage", "fake-a")
        self.refused("nowhere", SETUP + "networks not found: nowhere")
        self.refused("storage,one,two", SETUP + "networks not found: one, two")
        self.refused("storge", "did you mean 'storage'?")
        self.assertEqual([], self.calls())

    def test_wrong_configurations_are_told_with_their_place(self):
        self.conf("10-good.conf", "good", "fake-a")
        for text, told in (("{", "10-bad.conf': JSON: "), ('{"name": "bad"}', "10-bad.conf': "),
                           ('{"name": "../x", "type": "fake-a"}', "10-bad.conf': /name: '../x' is no name for a network"),
                           ('{"name": "x", "type": "../../bin/sh"}', "/type: '../../bin/sh' is no name of a plugin"),
                           ('{"name": "x", "type": "fake-a", "cniVersion": "3.0.0"}', "/cniVersion: CNI version '3.0.0'"),
                           ('{"name": "x", "plugins": []}', "/plugins: a list of plugins has at least one")):
            self.write(os.path.join(self.confs, "10-bad.conf"), text)
            self.refused("good", SETUP + "network configuration '" + self.confs, told)
        self.assertEqual([], self.calls())
        self.run_pod("none")


class Plugins(CniCase):
    def test_are_told_what_the_specification_says(self):
        self.conf("10-lab.conf", "lab", "fake-a", "fake-b", version="0.4.0")
        self.result({**RESULT, "cniVersion": "0.4.0", "own": {"of": "the plugin"}})
        process, uuid = self.start_on("--net=lab")
        env = self.environment("ADD.fake-b.eth0")
        self.assertEqual(("ADD", uuid, "eth0", "0.4.0"),
                         (env["CNI_COMMAND"], env["CNI_CONTAINERID"], env["CNI_IFNAME"], env["CNI_VERSION"]))
        self.assertRegex(env["CNI_NETNS"], r"^/proc/\d+/fd/\d+$")
        dirs = env["CNI_PATH"].split(":")
        self.assertEqual(self.confs, dirs[0])
        self.assertTrue(dirs[1].endswith("/usr/lib/rkt/plugins/net"), dirs)
        self.assertEqual(["/usr/lib/rkt/plugins/net", "/usr/lib/cni", "/opt/cni/bin"], dirs[2:])
        self.assertEqual({"cniVersion": "0.4.0", "name": "lab", "type": "fake-a"}, self.told("ADD.fake-a.eth0"))
        self.assertEqual({"of": "the plugin"}, self.told("ADD.fake-b.eth0")["prevResult"]["own"])
        self.stop(process, uuid)
        self.assertEqual({"of": "the plugin"}, self.told("DEL.fake-a.eth0")["prevResult"]["own"])

    def test_result_of_each_version_is_shown(self):
        old = {"ip4": {"ip": "10.123.4.5/24", "gateway": "10.123.4.1", "routes": [{"dst": "0.0.0.0/0"}]}}
        with_version = {**RESULT, "ips": [{**RESULT["ips"][0], "version": "4"}]}
        for version, result in (("0.1.0", old), ("0.2.0", old), ("0.3.0", with_version), ("0.3.1", with_version),
                                ("0.4.0", with_version), ("1.0.0", RESULT)):
            with self.subTest(version=version):
                self.conf("10-lab.conf", "lab", "fake-a", version=version)
                self.result({**result, "cniVersion": version})
                process, uuid = self.start_on("--net=lab")
                self.assertEqual("lab:ip4=10.123.4.5", self.status(uuid)["networks"])
                info = json.loads(read(os.path.join(self.pod_path(uuid), "net-info.json")))
                self.assertEqual(1, len(info))
                facts = {key: info[0][key] for key in ("netName", "ifName", "ip", "mask")}
                self.assertEqual({"netName": "lab", "ifName": "eth0", "ip": "10.123.4.5", "mask": "255.255.255.0"}, facts)
                self.stop(process, uuid)

    def test_names_servers_for_the_pod(self):
        self.conf("10-lab.conf", "lab", "fake-a")
        done = self.run_pod("lab", "cat /etc/resolv.conf")
        text = "\n".join(done.texts)
        self.assertIn("# Generated from network lab", text)
        for line in ("search lab.example", "nameserver 10.123.4.1", "options ndots:3"):
            self.assertIn(line, text)
        done = self.agena("run", "--net=lab", "--dns=9.9.9.9", Images.busybox(), *shell("cat /etc/resolv.conf"))
        self.assertIn("nameserver 9.9.9.9", done.texts)
        self.assertNotIn("nameserver 10.123.4.1", done.texts)

    def test_are_told_values_of_the_capabilities_that_they_declare(self):
        names = ("portMappings", "dns", "ips", "mac")
        self.conf("10-lab.conf", "lab", "fake-a", capabilities={name: True for name in names})
        self.conf("20-plain.conf", "plain", "fake-b", capabilities={"mac": False})
        flags = ("--port=80/tcp:127.0.0.77:18423", "--dns=9.9.9.9", "--dns-search=lab.example", "--dns-opt=ndots:2")
        self.agena("run", "--net=lab:IP=10.1.2.3;MAC=02:00:00:00:00:09,plain", *flags, Images.busybox(), *shell("true"))
        expected = {"portMappings": [{"hostPort": 18423, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.77"}],
                    "dns": {"servers": ["9.9.9.9"], "searches": ["lab.example"], "options": ["ndots:2"]},
                    "ips": ["10.1.2.3"], "mac": "02:00:00:00:00:09"}
        for command in ("ADD", "DEL"):
            self.assertEqual(expected, self.told(f"{command}.fake-a.eth0")["runtimeConfig"])
            self.assertNotIn("runtimeConfig", self.told(f"{command}.fake-b.eth1"))

    def test_limit_of_bandwidth_is_a_plugins(self):
        image = self.agena("fetch", "--full", Images.busybox()).out.strip()
        manifest = os.path.join(self.top, "pod.json")
        self.write(manifest, json.dumps({
            "acKind": "PodManifest", "acVersion": "0.8.11",
            "apps": [{"name": "web", "image": {"id": image}, "app": {"exec": ["/bin/true"], "user": "0", "group": "0"}}],
            "isolators": [{"name": "resource/network-bandwidth", "value": {"default": True, "limit": "1M"}}]}))
        self.conf("10-lab.conf", "lab", "fake-a", capabilities={"bandwidth": True})
        self.agena("run", "--net=lab", f"--pod-manifest={manifest}")
        self.assertEqual({"ingressRate": 8000000, "ingressBurst": 1000000, "egressRate": 8000000, "egressBurst": 1000000},
                         self.told("ADD.fake-a.eth0")["runtimeConfig"]["bandwidth"])
        told = "network 'plain' has no plugin with the capability 'bandwidth'"
        self.conf("20-plain.conf", "plain", "fake-b")
        self.assertIn(told, self.agena("run", "--net=lab,plain", f"--pod-manifest={manifest}", check=254).err)
        done = self.agena("run", "--net=plain", "--insecure-options=limits", f"--pod-manifest={manifest}")
        self.assertIn(told, done.err)
        self.assertIn("no network to be shaped", self.agena("run", "--net=none", f"--pod-manifest={manifest}", check=254).err)

    def test_one_of_the_users_is_taken_for_the_networks_own(self):
        """A configuration that could be made without a program is not, when the user brings the program."""
        self.write(os.path.join(self.confs, "ptp"), PLUGIN.replace("{lab}", self.lab), 0o755)
        self.run_pod("default")
        self.assertEqual(["ADD ptp eth0", "DEL ptp eth0"], self.calls())

    def test_missing_one_is_named_with_the_places(self):
        self.conf("10-lab.conf", "lab", "fake-nowhere")
        self.refused("lab", SETUP + "network 'lab': there is no plugin 'fake-nowhere' in " + self.confs + ":", "/usr/lib/cni")


    def test_one_that_takes_no_order_does_not_keep_the_pod(self):
        """The configuration on record would be refused for ever."""
        self.conf("10-lab.conf", "lab", "fake-a")
        for command in ("ADD", "DEL"):
            self.on(command, "fake-a", """echo '{"code": 7, "msg": "subnet is no subnet"}'; exit 1""")
        done = self.run_pod("lab", check=254)
        self.assertEqual(1, done.err.count("subnet is no subnet"), str(done))
        self.assertEqual([], self.records())
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], self.pod_directories())


class Failures(CniCase):
    def setUp(self):
        super().setUp()
        self.conf("10-first.conf", "first", "fake-a")
        self.conf("20-second.conflist", "second", "fake-b", "fake-c")

    def plugin(self, name) -> str:
        return f"plugin '{self.confs}/{name}': "

    def test_failure_tells_network_plugin_message_and_details(self):
        self.on("ADD", "fake-c", """echo '{"code": 100, "msg": "no more room", "details": "shelf 7"}'; exit 1""")
        self.refused("first,second", SETUP + "network 'second': " + self.plugin("fake-c") + "no more room: shelf 7\n")

    def test_what_was_made_before_it_is_undone(self):
        self.on("ADD", "fake-c", "exit 1")
        self.refused("first,second", "it ended with status 1 and told no reason")
        self.assertEqual(["ADD fake-a eth0", "ADD fake-b eth1", "ADD fake-c eth1", "DEL fake-c eth1", "DEL fake-b eth1",
                          "DEL fake-a eth0"], self.calls())
        self.assertEqual([], self.records())

    def test_every_way_to_fail_is_told(self):
        for script, told in (("kill -9 $$", "it was killed by signal 9"),
                             ("echo 'cannot reach the fabric' >&2; exit 3", "it ended with status 3: cannot reach the fabric"),
                             ("echo 'panic: at the disco'; exit 2", "it ended with status 2: panic: at the disco"),
                             ("printf 'bad \\033[31mred' >&2; exit 1", "bad \\x1b[31mred"),
                             ("cat /dev/zero", "it printed more than 1048576 bytes")):
            with self.subTest(script=script):
                self.on("ADD", "fake-a", script)
                self.refused("first", SETUP + "network 'first': " + self.plugin("fake-a"), told)

    def test_result_that_is_none_is_told(self):
        for text, told in (("", "result: JSON: "), ("[]", "result: expected an object, found an array"),
                           ('{"cniVersion": "5.0.0"}', "result: CNI version '5.0.0' is not known here"),
                           ('{"ips": [{"address": "10.0.0.300/8"}]}', "result: /ips/0/address: ")):
            with self.subTest(text=text):
                self.write(os.path.join(self.lab, "result"), text)
                self.refused("first", SETUP + "network 'first': plugin 'fake-a': " + told)

    def test_failure_at_the_end_is_told_and_tried_again_by_gc(self):
        self.on("DEL", "fake-b", """echo '{"code": 100, "msg": "the switch is off"}'; exit 1""")
        done = self.run_pod("first,second", check=None)
        self.assertIn("network 'second': " + self.plugin("fake-b") + "the switch is off", done.err)
        uuid = self.only_pod()
        self.assertEqual(["01-second.json"], self.records())
        del_of_first = [call for call in self.calls() if call == "DEL fake-a eth0"]
        self.assertEqual(1, len(del_of_first))

        gc = self.agena("gc", "--grace-period=0s", check=None)
        self.assertIn("the switch is off", gc.err, str(gc))
        self.assertEqual(uuid, self.only_pod())
        self.assertEqual(["01-second.json"], self.records())

        self.never_mind("DEL", "fake-b")
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], self.pod_directories())
        self.assertEqual(1, len([call for call in self.calls() if call == "DEL fake-a eth0"]))

    def test_end_goes_by_the_record_and_not_by_the_configuration(self):
        process, uuid = self.start_on("--net=first:k=v")
        self.conf("10-first.conf", "first", "fake-c")
        os.unlink(os.path.join(self.confs, "20-second.conflist"))
        self.stop(process, uuid)
        self.assertEqual(["ADD fake-a eth0 k=v;IgnoreUnknown=1", "DEL fake-a eth0 k=v;IgnoreUnknown=1"], self.calls())

    def test_after_a_kill_the_plugin_finds_the_recorded_addresses(self):
        self.on("DEL", "fake-a", f"nsenter --net=$CNI_NETNS ip -o -4 address show dev $CNI_IFNAME > {self.lab}/seen")
        process, uuid = self.start_on("--net=first")
        process.kill()
        process.wait()
        wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
        self.assertEqual(["00-first.json"], self.records())
        os.unlink(os.path.join(self.confs, "10-first.conf"))
        self.agena("gc", "--grace-period=0s")
        self.assertIn("inet 10.123.4.5/24", read(os.path.join(self.lab, "seen")))
        self.assertEqual([], self.pod_directories())

    def test_kill_in_the_middle_of_making_is_undone_by_gc(self):
        self.on("ADD", "fake-c", f"touch {self.lab}/here; exec sleep 1000")
        process = self.start("run", "--net=first,second", Images.busybox(), *shell("true"))
        wait_until(lambda: os.path.exists(f"{self.lab}/here"), "the plugin works")
        process.kill()
        process.wait()
        uuid = self.only_pod()
        self.assertRegex(uuid, "^" + UUID + "$")
        self.assertEqual(["00-first.json", "01-second.json"], self.records())
        self.never_mind("ADD", "fake-c")
        wait_until(lambda: self.state(uuid) != "running", "the pod has ended")
        self.agena("gc", "--grace-period=0s")
        self.assertEqual(["DEL fake-c eth1", "DEL fake-b eth1", "DEL fake-a eth0"], self.calls()[3:])
        self.assertEqual([], self.pod_directories())


class Interrupted(CniCase):
    """Somebody does not want to wait for a plugin."""

    def setUp(self):
        super().setUp()
        self.conf("10-lab.conf", "lab", "fake-a", "fake-b")

    def hang(self, command, plugin="fake-b"):
        """The first call of this kind does not end, nor does a helper of it."""
        self.on(command, plugin, f"if ! [ -e {self.lab}/hangs ]; then touch {self.lab}/hangs; sleep 1000; fi")

    def start_hanging(self, script="true"):
        process, uuid = self.start_pod("--net=lab", Images.busybox(), *shell(script), ready=False)
        wait_until(lambda: os.path.exists(f"{self.lab}/hangs"), "the plugin works")
        return process, uuid

    def test_making_ends_at_the_first_signal_and_is_undone(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                self.hang("ADD")
                process, _ = self.start_hanging()
                process.send_signal(number)
                done = self.finish(process, check=254, timeout=30)
                self.assertIn("plugin '" + self.confs + "/fake-b': it was interrupted, because the pod is to end", done.err)
                self.assertEqual(["ADD fake-a eth0", "ADD fake-b eth0", "DEL fake-b eth0", "DEL fake-a eth0"], self.calls())
                self.agena("gc", "--grace-period=0s")
                self.assertEqual([], self.pod_directories())
                os.unlink(f"{self.lab}/hangs")
                os.unlink(f"{self.lab}/calls")

    def test_size_of_the_terminal_does_not_matter_to_plugins(self):
        self.on("ADD", "fake-b", f"touch {self.lab}/hangs; while [ -e {self.lab}/hangs ]; do sleep 0.01; done")
        process, _ = self.start_hanging()
        process.send_signal(signal.SIGWINCH)
        time.sleep(0.1)
        os.unlink(f"{self.lab}/hangs")
        self.finish(process)

    def test_pod_whose_networks_are_being_made_is_stopped(self):
        self.hang("ADD")
        process, uuid = self.start_hanging()
        self.agena("stop", uuid, timeout=30)
        self.finish(process, check=254)
        self.assertEqual([], self.records())

    def test_pod_whose_networks_are_taken_down_is_stopped(self):
        self.hang("DEL")
        process, uuid = self.start_hanging("sleep 1")
        self.fails("enter", uuid, "true", message="has ended", timeout=5)
        self.agena("stop", uuid, timeout=30)
        done = self.finish(process)
        self.assertIn("networks of the pod are left to gc", done.err)
        self.assertEqual(["00-lab.json"], self.records())
        self.agena("gc", "--grace-period=0s")
        self.assertEqual([], self.pod_directories())

    def test_pod_whose_networks_are_taken_down_is_killed(self):
        self.hang("DEL")
        process, uuid = self.start_hanging()
        self.agena("stop", "--force", uuid, timeout=30)
        self.finish(process, check=None)
        # What the kill has left was freed at once.
        self.assertEqual([], self.records())

    def with_helper(self):
        """ADD does not end, and has a helper in a session of its own."""
        self.on("ADD", "fake-b", f"setsid sh -c 'echo $$ > {self.lab}/helper; touch {self.lab}/hangs; exec sleep 1000' & sleep 1000")
        process, uuid = self.start_hanging()
        self.never_mind("ADD", "fake-b")
        os.unlink(f"{self.lab}/hangs")
        return process, uuid, int(read(f"{self.lab}/helper"))

    def test_helpers_of_plugins_end_with_a_pod_that_is_killed(self):
        process, uuid, helper = self.with_helper()
        self.agena("stop", "--force", uuid)
        self.assertIn(state_of(helper), (None, "Z"))
        self.finish(process, check=None)
        process, uuid, helper = self.with_helper()
        process.kill()
        process.wait()
        wait_until(lambda: self.state(uuid) != "running", "the pod has ended")
        self.agena("gc", "--grace-period=0s")
        self.assertIn(state_of(helper), (None, "Z"))
        self.assertEqual([], self.pod_directories())

    def test_daemon_that_a_plugin_leaves_is_spared(self):
        self.on("ADD", "fake-a", f"setsid sleep 1000 < /dev/null > /dev/null 2>&1 & echo $! > {self.lab}/daemon")
        self.run_pod("lab")
        daemon = int(read(f"{self.lab}/daemon"))
        self.assertEqual("S", state_of(daemon))
        os.kill(daemon, signal.SIGKILL)


class OfStage1(CniCase):
    """A plugin that the stage1 image brings, whose root is mounted only while the pod runs."""

    def setUp(self):
        super().setUp()
        original = os.environ.get("AGENA_STAGE1_DIR") or os.path.join(os.path.dirname(self.binary), "../lib/agena/stage1-images")
        self.stage1 = os.path.join(self.top, "stage1.aci")
        shutil.copy(os.path.join(original, "stage1-systemd.aci"), self.stage1)
        script = PLUGIN.replace("{lab}", self.lab).encode()
        with tarfile.open(self.stage1, "a") as image:
            there = set(image.getnames())
            for path in ("rkt", "rkt/plugins", "rkt/plugins/net", "rkt/plugins/net/own"):
                entry = tarfile.TarInfo("rootfs/usr/lib/" + path)
                entry.mode = 0o755
                if path.endswith("own"):
                    entry.size = len(script)
                    image.addfile(entry, io.BytesIO(script))
                elif entry.name not in there:
                    entry.type = tarfile.DIRTYPE
                    image.addfile(entry)
        self.conf("10-lab.conf", "lab", "own")

    def test_is_found_again_by_gc(self):
        process, uuid = self.start_on("--net=lab", f"--stage1-path={self.stage1}")
        process.kill()
        process.wait()
        wait_until(lambda: self.state(uuid) == "exited", "the pod has ended")
        self.agena("gc", "--grace-period=0s")
        self.assertEqual(["ADD own eth0", "DEL own eth0"], self.calls())
        self.assertEqual([], self.pod_directories())


if __name__ == "__main__":
    unittest.main()
