import http.client
import json
import unittest

import context  # noqa: F401
import fault_registry as fr
from imagekit.entries import file


def get(server, path, method="GET", **headers):
    """(status, headers, body) of a request; names of headers with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


class Registry(unittest.TestCase):
    def setUp(self):
        self.registry = fr.FaultRegistry()
        self.addCleanup(self.registry.close)
        self.image = self.registry.add("team/app", [[file("a", "alpha\n")], [file("b", bytes(5000))]], tag="one")

    def blob(self, index=0) -> str:
        return "/v2/team/app/blobs/" + self.image.layers[index]

    def test_sound_answers(self):
        status, headers, body = get(self.registry, "/v2/team/app/manifests/one")
        self.assertEqual((200, self.image.digest), (status, headers["Docker-Content-Digest"]))
        manifest = json.loads(body)
        self.assertEqual(self.image.layers, [layer["digest"] for layer in manifest["layers"]])
        for layer in manifest["layers"]:
            status, _, blob = get(self.registry, "/v2/team/app/blobs/" + layer["digest"])
            self.assertEqual((200, layer["digest"]), (status, fr.sha256(blob)))
        self.assertEqual(404, get(self.registry, "/v2/team/app/manifests/two")[0])
        status, headers, body = get(self.registry, "/v2/team/app/manifests/one", "HEAD")
        self.assertEqual((200, b""), (status, body))

    def test_ranges(self):
        whole = get(self.registry, self.blob())[2]
        status, headers, part = get(self.registry, self.blob(), Range="bytes=10-19")
        self.assertEqual((206, whole[10:20]), (status, part))
        self.assertEqual(whole[10:], get(self.registry, self.blob(), Range="bytes=10-")[2])
        self.assertEqual(416, get(self.registry, self.blob(), Range="bytes=100000-")[0])
        self.registry.on("blobs/", fr.ignore_range())
        self.assertEqual((200, whole), get(self.registry, self.blob(), Range="bytes=10-19")[::2])

    def test_rules_are_counted(self):
        self.registry.on("blobs/", fr.error(500), first=2, times=1)
        self.assertEqual([200, 500, 200], [get(self.registry, self.blob())[0] for _ in range(3)])
        self.assertEqual([200, 500, 200], [one.status for one in self.registry.requests("blobs/")])

    def test_cut(self):
        self.registry.on("blobs/", fr.cut(7))
        with self.assertRaises(http.client.IncompleteRead) as raised:
            get(self.registry, self.blob())
        self.assertEqual(7, len(raised.exception.partial))
        self.registry.on("blobs/", fr.cut(7, rst=True))
        with self.assertRaises(ConnectionResetError):
            get(self.registry, self.blob())

    def test_what_is_wrong_is_wrong(self):
        whole = get(self.registry, self.blob())[2]
        self.registry.on("blobs/", fr.in_turn(fr.wrong_bytes(), fr.length(3), fr.chunked(5), fr.encoded(),
                                              fr.changed(content_type="text/html"), fr.retry_after(7)))
        body = get(self.registry, self.blob())[2]
        self.assertEqual((len(whole), False), (len(body), body == whole))
        self.assertEqual(whole[:3], get(self.registry, self.blob())[2])
        self.assertEqual(whole, get(self.registry, self.blob())[2])
        self.assertEqual("gzip", get(self.registry, self.blob())[1]["Content-Encoding"])
        self.assertEqual("text/html", get(self.registry, self.blob())[1]["Content-Type"])
        self.assertEqual("7", get(self.registry, self.blob())[1]["Retry-After"])
        self.assertEqual(whole, get(self.registry, self.blob())[2])

    def test_redirects_are_recorded(self):
        with fr.Files({"/cdn/" + self.image.layers[0]: b"moved"}) as other:
            self.registry.on("blobs/", fr.redirect(other.url + "/cdn/" + self.image.layers[0]))
            status, headers, _ = get(self.registry, self.blob())
            self.assertEqual(307, status)
            self.assertEqual(b"moved", get(other, headers["Location"].removeprefix(other.url), Authorization="x")[2])
            self.assertEqual(["x"], [one.authorization for one in other.log])
        self.registry.on("blobs/", fr.redirect_loop())
        places = {get(self.registry, self.blob())[1]["Location"] for _ in range(3)}
        self.assertEqual(3, len(places))

    def test_tokens(self):
        with fr.Tokens(login=("user", "secret"), field="access_token") as tokens:
            self.registry.auth = fr.Bearer(tokens)
            status, headers, _ = get(self.registry, self.blob())
            self.assertEqual(401, status)
            self.assertEqual(f'Bearer realm="{tokens.url}/token",service="fault registry",'
                             'scope="repository:team/app:pull"', headers["WWW-Authenticate"])
            self.assertEqual(401, get(tokens, "/token")[0])
            basic = fr.Basic("user", "secret").expected
            token = json.loads(get(tokens, "/token", Authorization=basic)[2])["access_token"]
            self.assertEqual(200, get(self.registry, self.blob(), Authorization="Bearer " + token)[0])
            self.registry.auth = fr.Bearer(tokens, never=True)
            self.assertEqual(401, get(self.registry, self.blob(), Authorization="Bearer " + token)[0])

    def test_slow_ones_end_with_the_server(self):
        self.registry.on("blobs/", fr.drip(1, 0.01, at=10))
        self.assertEqual(200, get(self.registry, self.blob())[0])
        self.registry.on("blobs/", fr.stall(3))
        connection = http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=0.2)
        self.addCleanup(connection.close)
        connection.request("GET", self.blob())
        answer = connection.getresponse()
        with self.assertRaises(TimeoutError):
            answer.read()

    def test_push(self):
        data = b"new blob"
        connection = http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=5)
        self.addCleanup(connection.close)
        connection.request("POST", "/v2/team/new/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        self.assertEqual(202, answer.status)
        connection.request("PUT", f"{answer.headers['Location']}?digest={fr.sha256(data)}", data)
        answer = connection.getresponse()
        answer.read()
        self.assertEqual(201, answer.status)
        self.assertEqual(data, self.registry.blobs[fr.sha256(data)])


if __name__ == "__main__":
    unittest.main()
