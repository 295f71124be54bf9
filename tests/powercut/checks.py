"""What has to hold of a data directory after a power cut. Runs in the machine, on the disk as the cut left it."""

import json
import os
import time

import cases

EMBRYO_AGE = 120  # seconds; gc lets a pod be that was begun less than a minute ago


class Check:
    """`call(argv)` runs a command: a dict with code, out, err. `run` returns what is wrong and what was seen."""

    def __init__(self, call):
        self.call, self.problems, self.seen = call, [], {}

    def must(self, *argv, codes=(0,)) -> str:
        """Output of a command that has to work."""
        done = self.call(list(argv))
        if done["code"] not in codes:
            self.problems.append(f"{' '.join(argv)}: exit code {done['code']}: {done['out'][-500:]}{done['err'][-1500:]}")
        return done["out"]

    def agena(self, *words, **more) -> str:
        return self.must(*cases.agena(*words), **more)

    def json_of(self, *words) -> list:
        try:
            return json.loads(self.agena(*words, "--format=json"))
        except ValueError:
            return []

    def run(self, kind: str, done: list, ended: list, prepared: str, number: int) -> dict:
        """`done`: orders that were answered for before the cut, with their output; `ended`: pods that had ended long before."""
        self.must(*cases.MOUNT)
        try:
            self.pods(kind, done, ended, prepared)
            self.images(kind, done)
            self.goes_on(kind, done, prepared, number)
            self.cleans()
        finally:
            self.must(*cases.UNMOUNT)
        return {"problems": self.problems, "seen": self.seen}

    def pods(self, kind: str, done: list, ended: list, prepared: str):
        """Nothing runs; what was promised to be there is."""
        states = {pod["name"]: pod["state"] for pod in self.json_of("list")}
        self.seen["states"] = sorted(states.values())
        allowed = {"exited", "prepared", "aborted prepare", "embryo"}
        self.problems += [f"pod {name} is '{state}'" for name, state in states.items() if state not in allowed]
        self.problems += [f"pod {name} had ended, and is '{states.get(name)}'" for name in ended if states.get(name) != "exited"]
        promised = [prepared] if kind != "run" else []
        if kind == "prepare":
            promised += [one["out"].strip() for one in done]
        self.problems += [f"pod {name} was prepared, and is '{states.get(name)}'" for name in promised
                          if states.get(name) != "prepared"]
        if kind == "run" and prepared and states.get(prepared) not in ("prepared", "exited"):
            self.problems.append(f"pod {prepared} was prepared, and is '{states.get(prepared)}'")
        for name in promised:
            self.seen["ran"] = self.seen.get("ran", 0) + 1
            # The systemd flavour takes long in here; one of each flavour is enough.
            if self.seen["ran"] <= 2 and cases.GREETING not in self.agena("run-prepared", "--net=none", name):
                self.problems.append(f"pod {name} was prepared, and does not greet")

    def images(self, kind: str, done: list):
        names = [image["name"] + " " + " ".join(map(str, image["names"])) for image in self.json_of("image", "list")]
        self.seen["images"] = len(names)
        if kind == "fetch" and done and len(names) != 4:
            self.problems.append(f"the image had been fetched, and there are only {names}")
        if len(names) < 3:
            self.problems.append(f"images are missing: {names}")
        verified = self.call(cases.agena("image", "verify", "--all"))
        self.seen["repaired"] = verified["code"] != 0
        if verified["code"] != 0:
            self.seen["damage"] = verified["out"] + verified["err"]
            self.agena("image", "verify", "--all", "--repair")
            self.agena("image", "verify", "--all")

    def goes_on(self, kind: str, done: list, prepared: str, number: int):
        """The next commands work. The image is fetched again or for the first time, so that layers which the cut import may have
        left are used; and it is whole."""
        if kind == "fetch":
            self.agena("fetch", cases.NEW)
            self.agena("image", "verify", "--all")
        expected = "\n".join(map(str, range(1, cases.NEW_LAYERS)))
        if kind == "fetch":
            found = self.must(*cases.fly_run(cases.NEW, "cd /new; for i in ?; do echo $i; done; cat top"))
            if found != f"{expected}\n{cases.NEW_LAYERS - 1}":
                self.problems.append(f"the image shows {found!r}")
        runner = cases.systemd_run if number % 5 == 0 else cases.fly_run
        if cases.GREETING not in self.must(*runner(cases.BASE, f"echo {cases.GREETING}")):
            self.problems.append("a pod does not greet")
        uuid = self.agena("prepare", f"--stage1-name={cases.FLY}", cases.BASE, *cases.shell(f"echo {cases.GREETING}")).strip()
        if uuid and cases.GREETING not in self.agena("run-prepared", uuid):
            self.problems.append("a prepared pod does not greet")

    def cleans(self):
        """gc leaves no pod, and without pods and images there is nothing in the store."""
        time.clock_settime(time.CLOCK_REALTIME, time.time() + EMBRYO_AGE)
        self.agena("gc", "--grace-period=0s", "--expire-prepared=0s")
        left = [f"{place[len(cases.DATA):]}/{name}" for place, folders, _ in os.walk(cases.DATA + "/pods")
                if place.count("/") == cases.DATA.count("/") + 2 for name in folders]
        self.problems += [f"gc leaves {one}" for one in left]
        self.agena("image", "gc", "--grace-period=0s")
        for name in ("layers", "images", "staging", "trash", "partial", "blobs/sha256"):
            place = f"{cases.DATA}/cas/{name}"
            found = os.listdir(place) if os.path.isdir(place) else []
            if found:
                self.problems.append(f"image gc leaves in {name}: {found}")
