#!/usr/bin/env python3
"""Unpacks the image kit's cases with the layer unpacker, mounts their layers as an overlay and checks the facts.

    kit_test.py UNPACK_TOOL [CASE...]

Cases whose fault lies outside of a layer (manifests, indexes, media types, dependencies) are left to the tests of the
image formats. Needs root in a mount namespace of its own, which it makes. Exit code 77: it cannot do that here.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))

from imagekit import cases_aci, cases_layers, cases_tar, facts  # noqa: E402
from imagekit.case import EITHER, ERROR, OK  # noqa: E402

COMPRESSIONS = {"": "none", "+gzip": "gzip", "+zstd": "zstd"}
LAYER = re.compile(r"application/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar\.gzip)(\+\w+)?$")
# About other things than a layer's bytes.
ELSEWHERE = {"43-unknown-layer-type", "43b-encrypted-layer", "85c-directory", "85d-fifo", "85e-missing"}
ROWS = [row for row in cases_tar.ROWS + cases_layers.ROWS + cases_aci.FORMS + cases_aci.LAYOUT + cases_aci.STREAMS + cases_aci.BOMBS
        if row.name not in ELSEWHERE]


class Unsound(Exception):
    """The unpacker refused the image; carries its message."""


def read_json(*parts):
    with open(os.path.join(*parts), "rb") as stream:
        return json.load(stream)


def oci_items(reference: str) -> list:
    """Arguments of unpack_tool for the layers of `oci:PATH:TAG`."""
    _, path, tag = reference.split(":")
    for entry in read_json(path, "index.json")["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == tag:
            manifest = read_json(path, "blobs", *entry["digest"].split(":"))
    config = read_json(path, "blobs", *manifest["config"]["digest"].split(":"))
    items = []
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        form = COMPRESSIONS[LAYER.match(layer["mediaType"]).group(1) or ""]
        hexes = [text.split(":")[1] for text in (layer["digest"], diff_id)]
        blob = os.path.join(path, "blobs", *layer["digest"].split(":"))
        items.append(f"{blob}:{form}:{hexes[0]}:{layer['size']}:{hexes[1]}")
    return items


def unpack(tool: str, reference: str, out: str) -> list:
    """Unpacks the image; returns its layers, topmost first."""
    os.mkdir(out)
    kind, items = ("layers", oci_items(reference)) if reference.startswith("oci:") else ("aci", [reference])
    done = subprocess.run([tool, kind, out, *items], capture_output=True, text=True, errors="backslashreplace",
                          timeout=300)
    if done.returncode == 2:
        raise Unsound(done.stderr)
    if done.returncode != 0:
        raise RuntimeError(f"unpack_tool: exit code {done.returncode}: {done.stderr}")
    return done.stdout.split("\n")[:-1]


def mount(layers: list, out: str) -> str:
    """The layers as an overlay with a writable directory on top, as a pod has them."""
    for name in ("upper", "work", "root"):
        os.mkdir(os.path.join(out, name))
    # What the writable directory shows of the root is its own; a pod copies it from the layer.
    info = os.stat(layers[0])
    upper = os.path.join(out, "upper")
    os.chown(upper, info.st_uid, info.st_gid)
    os.chmod(upper, info.st_mode & 0o7777)
    os.utime(upper, ns=(info.st_mtime_ns, info.st_mtime_ns))
    options = f"lowerdir={':'.join(layers)},upperdir={upper},workdir={out}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, out + "/root"], check=True)
    return out + "/root"


def judge(tool: str, case, directory: str) -> list:
    """What is wrong with the way the case was handled."""
    references = case.make(os.path.join(directory, "image"))
    try:
        for number, reference in enumerate(references):
            out = os.path.join(directory, f"out{number}")
            layers = unpack(tool, reference, out)
    except Unsound as error:
        text = str(error)
        if case.expect == OK:
            return [f"refused: {text}"]
        return [] if re.search(case.message, text, re.IGNORECASE) else [f"another message: {text}"]
    if case.expect == ERROR:
        return ["accepted"]
    assert case.expect in (OK, EITHER)
    root = mount(layers, out) if layers else out
    wrong = facts.check(root, case.facts)
    wrong += [f"'{name}' is listed, but cannot be read" for name in unreadable(root)]
    if layers:
        subprocess.run(["umount", root], check=True)
    return wrong


def unreadable(root) -> list:
    """Names that a directory lists and that cannot be looked up, as whiteouts in a directory that is not merged."""
    found = []
    for parent, directories, files in os.walk(os.fsencode(root)):
        for name in directories + files:
            if not os.path.lexists(os.path.join(parent, name)):
                found.append(os.path.join(parent, name))
    return found


def main() -> int:
    tool, names = os.path.abspath(sys.argv[1]), sys.argv[2:]
    if os.environ.get("KIT_TEST_NAMESPACE") != "1":
        if os.geteuid() != 0:
            print("kit_test: needs root")
            return 77
        os.environ["KIT_TEST_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    chosen = [row for row in ROWS if not names or row.name in names]
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        # Overlay layers need a file system with trusted xattrs, and the cases fit into memory.
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", scratch], check=True)
        for case in chosen:
            directory = os.path.join(scratch, "case")
            os.mkdir(directory)
            wrong = judge(tool, case, directory)
            for text in wrong:
                print(f"{case.name}: {text.rstrip()}".encode("utf-8", "backslashreplace").decode())
            failed += bool(wrong)
            subprocess.run(["rm", "-rf", directory], check=True)
        subprocess.run(["umount", scratch], check=True)
    print(f"{len(chosen)} cases, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
