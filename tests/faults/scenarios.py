"""What is swept: commands, from which state of the data directory, and what must be true when they say that it worked.

A scenario is a class. `steps` runs commands in a session, each under a name; `aims` says which calls of the fault-free run
are meant (by address, program and step); `effect` what a step that ended with 0 must have done.
"""

import os

from world import FLY, Broken, Session, World, json_of

ENGINE_FAILURE = 254
# Codes of stage2 for what an app needs before its program (docs/stage1-contract.md), and of the dynamic loader.
APP_FAILURES = {126, 127, 200, 201, 202, 205, 206, 209, 210, 216, 217, 218, 227, 228, 229, 231}
LOOP = "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done"
FLAGS = {"systemd": ["--net=none"], "fly": ["--stage1-name=" + FLY]}


class Scenario:
    """What most have in common."""

    name = ""
    ends_by_itself = True  # the pods of it
    network = False  # whether networks of the host are looked at
    pods = True  # whether pods may come of it
    codes = {ENGINE_FAILURE}  # of failures
    steps_aimed = None  # only calls during these steps; None: all
    programs_spared = ()  # programs that are not ours: never aimed at by errors

    def reset(self, world: World):
        """The data directory before a case. Called when it is not as it was at the beginning."""
        world.base("store", lambda: self.fill(world))

    @staticmethod
    def fill(world: World):
        """A store with the image and both stage1 images."""
        for flavour in FLAGS.values():
            world.plain("run", *flavour, world.busybox, "--exec=/bin/true")
        world.plain("gc", "--grace-period=0s")

    always_reset = False

    def set_up(self, session: Session):
        """Before the faults."""

    def steps(self, session: Session):
        raise NotImplementedError

    def effect(self, session: Session, step: str) -> list:
        """What is missing of what the step's success means."""
        return []


# Images

class Fetch(Scenario):
    """Into an empty store."""

    pods = False
    always_reset = True

    def reset(self, world):
        world.clear()

    def reference(self, world) -> str:
        raise NotImplementedError

    def flags(self) -> list:
        return []

    def steps(self, session):
        session.agena("fetch", "fetch", "--full", *self.flags(), self.reference(session.world))

    def effect(self, session, step):
        fetched = session.step_named("fetch").out.strip()
        images = json_of(session.aside("image", "list", "--format=json").out)
        return [] if images and [one["id"] for one in images] == [fetched] else [f"said {fetched!r}, but the store has {images}"]


class FetchAci(Fetch):
    name = "fetch-aci"

    def flags(self):
        return ["--insecure-options=image"]

    def reference(self, world):
        return world.small_aci


class FetchOci(Fetch):
    name = "fetch-oci"

    def reference(self, world):
        return world.small_oci


class FetchRegistry(Fetch):
    name = "fetch-registry"

    def reference(self, world):
        return world.registry_reference()

    def flags(self):
        return ["--insecure-options=http"]


class ImageGc(Scenario):
    """Of two images that nobody uses."""

    name = "image-gc"
    pods = False
    always_reset = True

    def reset(self, world):
        def make():
            world.plain("--insecure-options=image", "fetch", world.small_aci)
            world.plain("fetch", world.small_oci)
        world.base("two-images", make)

    def steps(self, session):
        session.agena("gc", "image", "gc", "--grace-period=0s")

    def effect(self, session, step):
        images = json_of(session.aside("image", "list", "--format=json").out)
        layers = os.listdir(os.path.join(session.world.data, "cas", "layers"))
        return [] if images == [] and not layers else [f"left images {images}, layers {layers}"]


# Pods

class Run(Scenario):
    name = "run"
    flavour = FLAGS["systemd"]
    codes = {ENGINE_FAILURE} | APP_FAILURES
    programs_spared = ("systemd", "echo")

    def steps(self, session):
        session.agena("run", "run", *self.flavour, session.world.busybox, "--exec=/bin/echo", "--", "fine")

    def effect(self, session, step):
        return [] if "fine" in session.step_named("run").out else ["the app did not run"]


class RunFly(Run):
    name = "run-fly"
    flavour = FLAGS["fly"]


class RunNetwork(Run):
    """With the built-in network."""

    name = "run-network"
    flavour = []
    network = True


class Prepare(Scenario):
    name = "prepare"

    def steps(self, session):
        session.agena("prepare", "prepare", session.world.busybox, "--exec=/bin/true")

    def effect(self, session, step):
        uuid = session.step_named("prepare").out.strip()
        pods = json_of(session.aside("list", "--format=json").out) or []
        return [] if any(pod["name"] == uuid and pod["state"] == "prepared" for pod in pods) else [f"no pod {uuid!r} is prepared: {pods}"]


class RunPrepared(Run):
    name = "run-prepared"

    def set_up(self, session):
        self.uuid = session.aside("prepare", session.world.busybox, "--exec=/bin/echo", "--", "fine").out.strip()

    def steps(self, session):
        session.agena("run", "run-prepared", *self.flavour, self.uuid)


class WithEndedPod(Scenario):
    """Begins with a pod that has ended, and one that is prepared."""

    always_reset = True

    def reset(self, world):
        def make():
            self.fill(world)
            world.plain("run", "--net=none", world.busybox, "--exec=/bin/true")
            world.plain("prepare", world.busybox, "--exec=/bin/true")
        world.base("store-and-pods", make)
        self.uuids(world)

    def uuids(self, world):
        found = dict(one.split("/") for one in world.pods())
        if set(found) != {"run", "prepared"}:
            raise Broken(f"pods are {found}")
        self.ended, self.prepared = found["run"], found["prepared"]


class Rm(WithEndedPod):
    name = "rm"

    def steps(self, session):
        session.agena("rm", "rm", self.ended, self.prepared)

    def effect(self, session, step):
        return [f"left {session.world.pods()}"] if session.world.pods() else []


class Gc(WithEndedPod):
    name = "gc"

    def steps(self, session):
        session.agena("gc", "gc", "--grace-period=0s", "--expire-prepared=0s")

    def effect(self, session, step):
        return [f"left {session.world.pods()}"] if session.world.pods() else []


class Stop(Scenario):
    """Of a running pod, whose processes are swept too."""

    name = "stop"
    ends_by_itself = False
    codes = {ENGINE_FAILURE} | APP_FAILURES
    steps_aimed = ("stop",)
    programs_spared = ("systemd", "sh", "sleep")

    def steps(self, session):
        path = os.path.join(session.world.scratch, "uuid")
        if os.path.exists(path):
            os.unlink(path)
        pod = session.agena("run", "run", "--net=none", f"--uuid-file-save={path}", session.world.busybox, "--exec=/bin/sh", "--", "-c", LOOP,
                            wait=False)
        session.until(lambda: pod.ended or "up" in pod.out)
        if pod.ended:
            return
        with open(path, encoding="ascii") as stream:
            uuid = stream.read().strip()
        stop = session.agena("stop", "stop", uuid)
        if stop.code == 0:
            session.wait(pod)

    def effect(self, session, step):
        return []


class Apps(Scenario):
    """An app comes into a running pod, is started, stopped and removed."""

    name = "app"
    ends_by_itself = False
    codes = {1, ENGINE_FAILURE}
    steps_aimed = ("add", "start", "stop", "rm")
    programs_spared = ("systemd", "sh", "sleep")

    def steps(self, session):
        world = session.world
        self.found = {}
        sandbox = session.agena("sandbox", "app", "sandbox", "--net=none", "--detach")
        if sandbox.code != 0:
            return
        self.uuid = sandbox.out.strip()
        orders = {"add": [world.busybox, "--name=web", "--exec=/bin/sh", "--", "-c", LOOP], **{verb: ["--app=web"] for verb in ("start", "stop", "rm")}}
        for verb, words in orders.items():
            done = session.agena(verb, "app", verb, self.uuid, *words)
            if done.code == 0:
                self.found[verb] = self.listing(session)
        session.agena("end", "stop", self.uuid)

    def listing(self, session) -> dict:
        listing = session.aside("app", "list", "--no-legend", self.uuid).out
        return dict(line.split()[:2] for line in listing.splitlines() if line.strip())

    def effect(self, session, step):
        wanted = {"add": {"web": "created"}, "start": {"web": "running"}, "stop": {"web": "exited"}, "rm": {}}.get(step)
        # An app that was not started is stopped; one that was may have been killed since.
        fine = {"stop": {"web": "created"}, "start": {"web": "exited"}}.get(step)
        # Done, but not on record, because that could not be written; docs/reliability.md has it among what is open.
        if any(place in session.hit_text for place in ("rkt/life/", "rkt/status/")):
            return []
        return [] if wanted is None or self.found[step] in (wanted, fine) else [f"apps are {self.found[step]}"]


class Sandbox(Scenario):
    """A pod without apps, started in the background, and its end."""

    name = "app-sandbox"
    ends_by_itself = False
    codes = {1, ENGINE_FAILURE}
    programs_spared = ("systemd",)

    def steps(self, session):
        sandbox = session.agena("sandbox", "app", "sandbox", "--net=none", "--detach")
        if sandbox.code == 0:
            session.agena("stop", "stop", sandbox.out.strip())

    def effect(self, session, step):
        pods = {pod["name"]: pod["state"] for pod in json_of(session.aside("list", "--format=json").out) or []}
        uuid = session.step_named("sandbox").out.strip()
        return [f"pods are {pods}"] if pods.get(uuid) == "running" and step == "stop" or uuid not in pods else []


SCENARIOS = {one.name: one for one in (kind() for kind in (FetchAci, FetchOci, FetchRegistry, ImageGc, Run, RunFly, RunNetwork, Prepare, RunPrepared, Stop, Rm, Gc,
                                       Sandbox, Apps))}
