"""One case: the steps of a scenario with a fault, and everything that must be true afterwards."""

import os
import re
import signal
import subprocess
import time

import harness
import tracer
from scenarios import SCENARIOS, Scenario
from world import Broken, Session, World, json_of, normal

# What the dynamic loader says if it cannot load a program's libraries: there is no program of ours yet that could say it better.
LOADER = re.compile(r"error while loading shared libraries: |cannot allocate TLS data structures|: cannot apply additional memory protection|^Fatal glibc error: |"
                    r"^Inconsistency detected by ld\.so")
# Words of libraries for an error that was met in them.
WORDS = re.compile(r"failed to connect to |index database: |starting a thread: |is needed for this \(Debian package|the pod ended meanwhile|before it could say why|systemd ended unexpectedly")
# What may follow the message of an error.
MORE = re.compile(r"[\w-]+: (hint: |failed to \w+ (\d+|one or more) |.*entrypoint of stage1 (failed|was killed))")
# What gc tells on stderr.
CLEANING = re.compile(r"gc: moving pod|gc: \d+ (image|layer)")


class Worker:
    """Carries out cases, one after the other, in a world of its own."""

    def __init__(self, binary: str, images: str):
        self.world = World(binary, images)
        self.scenario = None
        self.clean = False
        self.usual = {}  # scenario -> lines that its steps write to stderr without any fault

    def prepare(self, scenario: Scenario):
        if self.scenario is not scenario or not self.clean or scenario.always_reset:
            scenario.reset(self.world)
        self.scenario, self.clean = scenario, False

    def record(self, name: str) -> list:
        """Calls of the run without a fault. It goes twice: the first makes what later cases find there."""
        scenario = SCENARIOS[name]
        for _ in range(2):
            result, session = self.attempt(scenario, None)
            if result["problems"]:
                raise Broken(f"{name} without any fault: {result}")
        return session.calls

    def case(self, name: str, fault: tracer.Fault) -> dict:
        if name not in self.usual:
            self.prepare(SCENARIOS[name])
            self.attempt(SCENARIOS[name], None)
        return self.attempt(SCENARIOS[name], fault)[0]

    def attempt(self, scenario, fault) -> tuple:
        began, self.stopped = time.monotonic(), False
        self.prepare(scenario)
        before = self.world.look(scenario.network)
        session = Session(self.world, fault)
        problems = []
        try:
            scenario.set_up(session)
            scenario.steps(session)
        except tracer.Stuck as stuck:
            problems.append(f"hangs: {stuck}")
            self.end(session)
        steps = list(session.processes)
        session.deadline = time.monotonic() + 20
        try:
            # Before anything cleans up.
            for step in steps:
                if step.code == 0:
                    problems += [f"{step.name} ended with 0, but {what}" for what in scenario.effect(session, step.name)]
            problems += self.aftermath(scenario, session, before)
            if fault is None:
                self.usual[scenario.name] = {normal(line) for step in steps for line in step.err.splitlines()}
            first = next((step for step in steps if step.code), None)
            for step in steps:
                problems += self.judge(scenario, session, fault, step, step is first)
        except tracer.Stuck as stuck:
            problems.append(f"afterwards hangs: {stuck}")
            self.end(session)
        problems += self.remains(scenario, before)
        self.clean = not problems
        result = {"scenario": scenario.name, "fault": str(fault), "hit": session.hit, "at": session.hit_text, "program": session.hit_program,
                  "codes": {step.name: step.code for step in steps}, "errors": {step.name: step.err[-2000:] for step in steps if step.err},
                  "problems": problems, "ms": round(1000 * (time.monotonic() - began))}
        return result, session

    @staticmethod
    def end(session):
        """remains() tells of what does not go."""
        try:
            session.kill_all()
        except tracer.Stuck:
            pass

    # What the commands said

    def judge(self, scenario, session, fault, step, is_first) -> list:
        code, name = step.code, step.name
        if code is None:
            return [f"{name} has not ended"]
        own = fault is not None and fault.call.address.partition("/")[0].partition("~")[0] == name
        if code < 0:
            if self.stopped and code == -signal.SIGKILL:
                return []
            # The dynamic loader's first allocation, which it takes for granted.
            if str(fault).rstrip("+").endswith(":mmap:1:ENOMEM"):
                return []
            wanted = own and not fault.error and "/" not in fault.call.address
            return [] if wanted and code == -signal.SIGKILL else [f"{name} died of {signal.Signals(-code).name}"]
        lines = [line for line in step.err.splitlines() if line.strip() and normal(line) not in self.usual.get(scenario.name, ())]
        if code == 0:
            return []
        if fault is None:
            return [f"{name} failed: {code} {step.err}"]
        if any(LOADER.search(line) for line in lines):
            return []
        problems = []
        if code not in scenario.codes:
            problems.append(f"{name} ended with {code}")
        if code == 128 + signal.SIGKILL and not fault.error:
            return []  # an app that was killed
        if not lines and session.hit_program not in scenario.programs_spared:
            problems.append(f"{name} ended with {code} and said nothing")
        # What lasts meets every pod that is to be removed, and what is done after them.
        many = fault.lasting and scenario.name in ("rm", "gc")
        if len([line for line in lines if not MORE.match(line)]) > 1 and not many:
            problems.append(f"{name} said {len(lines)} things: {lines}")
        # What fails in consequence of it says something else.
        if fault.error and is_first and lines and os.strerror(fault.error).lower() not in step.err.lower() and not WORDS.search(step.err):
            problems.append(f"{name} does not say why: {lines}")
        if any("uccess" in line or "errno" in line.lower() for line in lines):
            problems.append(f"{name} said {lines}")
        return problems

    # What is left

    def aftermath(self, scenario, session, before) -> list:
        """The next commands: they work, and clean up. Pods that still run, because nobody has stopped them, are stopped."""
        problems = []

        def aside(*words):
            done = session.aside(*words)
            if done.code != 0 or any(line for line in done.err.splitlines() if not CLEANING.match(line)):
                problems.append(f"afterwards {' '.join(words)}: {done.code} {done.err.strip()}")
            return done
        if scenario.ends_by_itself:
            problems += self.stop_pods(scenario, aside)
            session.drain()
        while not self.drained(session):
            # Who only waited for a pod in the background may be dead; it becomes a pod, and is stopped then.
            problems += self.stop_pods(scenario, aside)
        if os.path.isdir(os.path.join(self.world.data, "pods")):
            problems += self.embryos()
            aside("gc", "--grace-period=0s", "--expire-prepared=0s")
            if self.world.pods():
                problems.append(f"gc left {self.world.pods()}")
        if os.path.isdir(os.path.join(self.world.data, "cas", "images")):
            aside("image", "verify", "--all")
        if not scenario.pods:
            problems += self.store_after(scenario, session, aside)
        return problems

    def stop_pods(self, scenario, aside) -> list:
        problems = []
        there = os.path.isdir(os.path.join(self.world.data, "pods"))
        for pod in (json_of(aside("list", "--format=json").out) or []) if there else []:
            if pod["state"] in ("deleting", "preparing", "running") and scenario.ends_by_itself:
                problems.append(f"a pod is {pod['state']}")
            if pod["state"] == "running":
                aside("stop", "--force", pod["name"])
                self.stopped = True
        return problems

    @staticmethod
    def drained(session) -> bool:
        """Whether all processes end within a moment; Stuck when the time of the case is over."""
        last, session.deadline = session.deadline, min(session.deadline, time.monotonic() + 0.3)
        try:
            session.drain()
        except tracer.Stuck:
            if time.monotonic() >= last:
                raise
            return False
        finally:
            session.deadline = last
        return True

    def embryos(self) -> list:
        """gc leaves embryos alone for a minute by the clock of the file system, which nobody can turn: they are looked at instead.
        Nobody may hold one, and there is nothing in it yet."""
        place, problems = os.path.join(self.world.data, "pods", "embryo"), []
        for name in os.listdir(place) if os.path.isdir(place) else ():
            if os.listdir(os.path.join(place, name)):
                problems.append(f"an embryo has {os.listdir(os.path.join(place, name))}")
            subprocess.run(["rm", "-rf", os.path.join(place, name)], check=True)
        return problems

    def store_after(self, scenario, session, aside) -> list:
        """What was begun can be done, and of what was begun before nothing is left."""
        aside("image", "list")
        session.processes = [one for one in session.processes if one.ended]
        words = (["image", "gc", "--grace-period=0s"] if scenario.name == "image-gc" else
                 ["fetch", *scenario.flags(), scenario.reference(self.world)])
        aside_ok = session.aside(*words)
        problems = [] if aside_ok.code == 0 else [f"again: {aside_ok.code} {aside_ok.err.strip()}"]
        if os.path.isdir(os.path.join(self.world.data, "cas", "images")):
            aside("image", "verify", "--all")
        aside("image", "gc", "--grace-period=0s")
        for place in ("staging", "trash", "layers", "partial", "images"):
            path = os.path.join(self.world.data, "cas", place)
            if os.path.isdir(path) and os.listdir(path):
                problems.append(f"in cas/{place} is left {sorted(os.listdir(path))}")
        return problems

    def remains(self, scenario, before) -> list:
        end = time.monotonic() + 3
        while True:
            running = [(pid, command) for pid, command in harness.descendants() if harness.state_of(pid) not in (None, "Z")]
            harness.Host.reap()
            now = self.world.look(scenario.network)
            left = [(kind, item) for kind in now for item in sorted(now[kind] - before[kind])]
            gone = [(kind, item) for kind in now for item in sorted(before[kind] - now[kind])]
            if not (running or left or gone) or time.monotonic() > end:
                break
            time.sleep(0.005)
        for pid, _ in running:
            os.kill(pid, signal.SIGKILL)
        return ([f"process left: {pid} {command}" for pid, command in running] + [f"{kind} left: {item}" for kind, item in left] +
                [f"{kind} gone: {item}" for kind, item in gone])
