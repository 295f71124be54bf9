"""A small OCI registry in memory whose answers can be made wrong, slow or hostile, request by request.

    with FaultRegistry() as registry:
        image = registry.add("team/app", [[file("a", "alpha\\n")]])          # imagekit entries per layer
        registry.on(image.layers[0], cut(100), times=1)                      # the first GET of that blob ends early
        ... registry.reference(image) ...                                    # docker://127.0.0.1:PORT/team/app:latest
        assert [one.status for one in registry.requests("blobs/")] == [200, 206]

Rules and the log are those of `fault_http`, the faults are in `faults`; this module has the names of both.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import tempfile
import urllib.parse
from dataclasses import dataclass

from fault_http import *  # noqa: F401,F403
from fault_http import Answer, Server, ranged
from faults import *  # noqa: F401,F403
from imagekit import oci

DOCKER_TYPES = {
    oci.INDEX: "application/vnd.docker.distribution.manifest.list.v2+json",
    oci.MANIFEST: "application/vnd.docker.distribution.manifest.v2+json",
    oci.CONFIG: "application/vnd.docker.container.image.v1+json",
    oci.LAYER: "application/vnd.docker.image.rootfs.diff.tar",
    oci.LAYER + "+gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    oci.LAYER + "+zstd": "application/vnd.docker.image.rootfs.diff.tar.zstd",
}


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Image:
    """What was added: names, and digests as patterns for rules."""

    name: str
    tag: str
    digest: str
    config: str
    layers: list
    diff_ids: list


class Basic:
    """Asks for a user and a password."""

    def __init__(self, user="user", password="pass word", challenge='Basic realm="agena"'):
        self.challenge = challenge
        self.expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def allows(self, request) -> bool:
        return request.authorization == self.expected


class Bearer:
    """Asks for a token, of the server `tokens`. `challenge` replaces the whole header; {realm} and {scope} in it are
    filled in. `never`: no token is good enough."""

    def __init__(self, tokens, challenge=None, never=False):
        self.tokens, self.never = tokens, never
        self.challenge = challenge or 'Bearer realm="{realm}",service="fault registry",scope="{scope}"'
        if never and challenge is None:
            self.challenge += ',error="insufficient_scope"'

    def allows(self, request) -> bool:
        return not self.never and (request.authorization or "").removeprefix("Bearer ") in self.tokens.given


class Tokens(Server):
    """A token server. login: (user, password) that it asks for, None to give tokens to anybody; field: `token` or
    `access_token`; token: the text of tokens (by default each is another one)."""

    def __init__(self, login=None, field="token", token=None, expires=None, **more):
        self.login, self.field, self.token, self.expires, self.given = login, field, token, expires, set()
        super().__init__(**more)

    def answer_for(self, request) -> Answer:
        if self.login and request.authorization != Basic(*self.login).expected:
            return Answer.error(401, "UNAUTHORIZED", "incorrect username or password")
        token = self.token if self.token is not None else f"token-{self.turn()}-{os.urandom(8).hex()}"
        self.given.add(token)
        return Answer.json(200, {self.field: token, **({"expires_in": self.expires} if self.expires else {})})


class FaultRegistry(Server):
    """The registry. `auth`: None, Basic(…) or Bearer(Tokens(…))."""

    def __init__(self, auth=None, **more):
        self.auth = auth
        self.blobs = {}  # digest -> bytes
        self.manifests = {}  # (name, tag or digest) -> (bytes, media type)
        self.tags = {}  # name -> list
        self.uploads = {}
        super().__init__(**more)

    # What it holds

    def add(self, name: str, layers, tag="latest", compression="gzip", docker=False, config=None, manifest=None) -> Image:
        """An image of imagekit layers (lists of entries)."""
        scratch = tempfile.mkdtemp(prefix="fault-registry-")
        try:
            layout = oci.Layout(scratch)
            stored = [layout.layer(items, compression) for items in layers]
            described = layout.image(stored, config=config, manifest=manifest)
            body = self._read(layout.blob_path(described["digest"]))
            document = json.loads(body)
            digests = [document["config"]["digest"], *(layer.descriptor["digest"] for layer in stored)]
            for digest in digests:
                self.blobs[digest] = self._read(layout.blob_path(digest))
        finally:
            shutil.rmtree(scratch)
        if docker:
            for old, new in sorted(DOCKER_TYPES.items(), key=lambda pair: -len(pair[0])):
                body = body.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
        media_type = json.loads(body).get("mediaType", oci.MANIFEST)
        digest = self.put_manifest(name, body, media_type, tag)
        return Image(name, tag, digest, digests[0], digests[1:], [layer.diff_id for layer in stored])

    def add_layout(self, name: str, path) -> list:
        """All of an OCI layout directory; tags are its names. Returns the tags."""
        for algorithm in os.listdir(os.path.join(path, "blobs")):
            for encoded in os.listdir(os.path.join(path, "blobs", algorithm)):
                self.blobs[f"{algorithm}:{encoded}"] = self._read(os.path.join(path, "blobs", algorithm, encoded))
        with open(os.path.join(path, "index.json"), "rb") as stream:
            entries = json.load(stream)["manifests"]
        tags = []
        for entry in entries:
            tags.append(entry.get("annotations", {}).get(oci.REF_NAME, "latest"))
            self._put_tree(name, entry, tags[-1])
        return tags

    def _put_tree(self, name, entry, tag=None):
        data = self.blobs.get(entry["digest"])
        if data is None:
            return
        self.put_manifest(name, data, entry["mediaType"], tag)
        for inner in json.loads(data).get("manifests", []):
            self._put_tree(name, inner)

    def put_blob(self, data: bytes) -> str:
        """Stores a blob and returns its digest."""
        self.blobs[sha256(data)] = data
        return sha256(data)

    def put_manifest(self, name: str, document, media_type: str = oci.MANIFEST, tag: str = None) -> str:
        """Stores a manifest or index (JSON value or bytes) and returns its digest."""
        data = oci.canonical(document)
        for reference in filter(None, (sha256(data), tag)):
            self.manifests[name, reference] = (data, media_type)
        if tag and tag not in self.tags.setdefault(name, []):
            self.tags[name].append(tag)
        return sha256(data)

    def describe(self, name: str, reference: str, **more) -> dict:
        """The descriptor of a manifest, for an index."""
        data, media_type = self.manifests[name, reference]
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}

    def reference(self, image, digest=False) -> str:
        """docker://HOST/NAME:TAG, or with the digest."""
        return f"docker://{self.host}/{image.name}" + (f"@{image.digest}" if digest else f":{image.tag}")

    @staticmethod
    def _read(path) -> bytes:
        with open(path, "rb") as stream:
            return stream.read()

    # The protocol

    def answer_for(self, request) -> Answer:
        path, _, query = request.path.partition("?")
        if self.auth and not self.auth.allows(request):
            return self._challenge(path, request)
        if path in ("/v2/", "/v2"):
            return Answer.json(200, {})
        found = re.fullmatch(r"/v2/(.+?)/(manifests|blobs|tags|referrers)/(.+)", path)
        if not found:
            return Answer.error(404, "NOT_FOUND", "no such page")
        name, kind, reference = found.groups()
        if request.method in ("POST", "PUT", "PATCH"):
            return self._store(request, name, kind, reference, urllib.parse.parse_qs(query))
        if kind == "manifests":
            return self._manifest(name, reference)
        if kind == "tags":
            return self._tags(name, urllib.parse.parse_qs(query))
        if kind == "blobs" and reference in self.blobs:
            headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": reference}
            return ranged(request, self.blobs[reference], headers)
        return Answer.error(404, "BLOB_UNKNOWN", f"blob {reference} unknown to registry")

    def _challenge(self, path, request) -> Answer:
        name = re.match(r"/v2/(.+?)/(?:manifests|blobs|tags)/", path)
        actions = "pull" if request.method in ("GET", "HEAD") else "pull,push"
        fill = {"{scope}": f"repository:{name[1]}:{actions}" if name else "",
                "{realm}": self.auth.tokens.url + "/token" if hasattr(self.auth, "tokens") else ""}
        challenges = self.auth.challenge if isinstance(self.auth.challenge, list) else [self.auth.challenge]
        for key, value in fill.items():
            challenges = [one.replace(key, value) for one in challenges]
        return Answer.error(401, "UNAUTHORIZED", "authentication required", **{"WWW-Authenticate": challenges})

    def _manifest(self, name, reference) -> Answer:
        if (name, reference) not in self.manifests:
            return Answer.error(404, "MANIFEST_UNKNOWN", f"manifest {reference} unknown")
        data, media_type = self.manifests[name, reference]
        return Answer(200, {"Content-Type": media_type, "Docker-Content-Digest": sha256(data)}, data)

    def _tags(self, name, query) -> Answer:
        if name not in self.tags:
            return Answer.error(404, "NAME_UNKNOWN", f"repository {name} not known to registry")
        tags = [one for one in sorted(self.tags[name]) if one > query.get("last", [""])[0]]
        size = int(query.get("n", [str(len(tags) or 1)])[0])
        headers = {"Link": f'</v2/{name}/tags/list?n={size}&last={tags[size - 1]}>; rel="next"'} if size < len(tags) else {}
        return Answer.json(200, {"name": name, "tags": tags[:size]}, **headers)

    def _store(self, request, name, kind, reference, query) -> Answer:
        if kind == "manifests":
            tag = None if ":" in reference else reference
            digest = self.put_manifest(name, request.body, request.headers.get("content-type", oci.MANIFEST), tag)
            return Answer(201, {"Docker-Content-Digest": digest, "Location": f"/v2/{name}/manifests/{digest}"})
        digest = query.get("digest", query.get("mount", [""]))[0]
        if request.method == "POST" and "mount" in query and digest in self.blobs:
            return Answer(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})
        upload = str(self.turn()) if request.method == "POST" else reference.rpartition("/")[2]
        data = self.uploads.get(upload, b"") + request.body
        if request.method == "PATCH" or not digest or "mount" in query:
            self.uploads[upload] = data
            return Answer(202, {"Location": f"/v2/{name}/blobs/uploads/{upload}", "Range": f"0-{max(0, len(data) - 1)}"})
        if sha256(data) != digest:
            return Answer.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self.put_blob(data)
        return Answer(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})
