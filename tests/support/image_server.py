"""Web servers for tests, all on one loopback port: a proxy that answers itself for every host that is asked for, over
plain http and over TLS. So a test can be https://example.com without any other host seeing a byte of it.

    with ImageServer(directory) as server:
        server.put("https://example.com/app.aci", content)
        run(..., env=server.environment())
"""

import hashlib
import http.server
import os
import re
import ssl
import subprocess
import threading

CA_DAYS = "3650"


def make_authority(directory: str, hosts) -> tuple:
    """Paths of a CA certificate, and of a server's certificate with its key behind it, for the hosts."""
    def path(name):
        return os.path.join(directory, name)

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", CA_DAYS,
            "-subj", "/CN=Test Authority", "-keyout", path("ca.key"), "-out", path("ca.pem"),
            "-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Test Server",
            "-keyout", path("server.key"), "-out", path("server.csr"))
    with open(path("server.ext"), "w", encoding="ascii") as stream:
        stream.write("subjectAltName=" + ",".join("DNS:" + host for host in hosts) + "\n")
    openssl("x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", CA_DAYS, "-extfile", path("server.ext"), "-out", path("server.crt"))
    with open(path("server.pem"), "wb") as whole:
        for name in ("server.crt", "server.key"):
            with open(path(name), "rb") as part:
                whole.write(part.read())
    return path("ca.pem"), path("server.pem")


class Answer:
    """What a URL is answered with. `cut`: the connection ends after so many bytes of the body."""

    def __init__(self, body=b"", status=200, headers=None, cut=None):
        self.body, self.status, self.headers, self.cut = body, status, dict(headers or {}), cut


class Request:
    def __init__(self, method, url, headers):
        self.method, self.url, self.headers = method, url, {name.lower(): value for name, value in headers.items()}

    def __repr__(self):
        return f"{self.method} {self.url}"


class ImageServer:
    HOSTS = ("example.com", "www.example.com", "example.org", "images.example.net")

    def __init__(self, directory: str):
        self.answers = {}   # by URL: an Answer, or a function that makes one of a Request
        self.requests = []  # all, in order
        self.lock = threading.Lock()
        self.ca, pem = make_authority(directory, self.HOSTS)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pem)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            secure_host = None

            def log_message(self, *_):
                pass

            def do_CONNECT(self):
                self.send_response(200)
                self.end_headers()
                try:
                    secure = outer.tls.wrap_socket(self.connection, server_side=True)
                except (ssl.SSLError, OSError):
                    self.close_connection = True
                    return
                self.secure_host = self.path.removesuffix(":443")
                self.connection = secure
                self.rfile, self.wfile = secure.makefile("rb"), secure.makefile("wb")

            def do_GET(self):
                url = f"https://{self.secure_host}{self.path}" if self.secure_host else self.path
                request = Request(self.command, url, dict(self.headers.items()))
                with outer.lock:
                    outer.requests.append(request)
                    answer = outer.answers.get(url, Answer(b"no such thing here\n", 404))
                if callable(answer):
                    answer = answer(request)
                self.send(request, answer)

            do_HEAD = do_GET

            def send(self, request, answer):
                status, body, headers = answer.status, answer.body, dict(answer.headers)
                if status == 200:
                    etag = headers.setdefault("ETag", '"' + hashlib.sha256(body).hexdigest()[:16] + '"')
                    if request.headers.get("if-none-match") == etag:
                        status, body = 304, b""
                    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
                    if status == 200 and found and request.headers.get("if-range", etag) == etag:
                        first, last = int(found[1]), min(int(found[2] or len(body)), len(body) - 1)
                        if first < len(body):
                            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
                            status, body = 206, body[first:last + 1]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if request.method != "HEAD" and status != 304:
                    self.wfile.write(body if answer.cut is None else body[:answer.cut])
                    self.wfile.flush()
                    if answer.cut is not None and answer.cut < len(body):
                        self.close_connection = True

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # clients may go away whenever they like

            def shutdown_request(self, request):
                # Without waiting for the client's part of the TLS farewell.
                try:
                    request.close()
                except OSError:
                    pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def environment(self) -> dict:
        """With which a client comes here for every host, and trusts who answers."""
        proxy = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {"http_proxy": proxy, "https_proxy": proxy, "HTTPS_PROXY": proxy, "no_proxy": "", "NO_PROXY": "",
                "all_proxy": proxy, "SSL_CERT_FILE": self.ca}

    def put(self, url: str, body=b"", **more):
        if isinstance(body, str):
            body = body.encode()
        # A URL without a path is asked for as "/".
        url = re.sub(r"^(https?://[^/?]+)(\?|$)", r"\1/\2", url)
        with self.lock:
            self.answers[url] = body if callable(body) else Answer(body, **more)

    def put_file(self, url: str, path: str, **more):
        with open(path, "rb") as stream:
            self.put(url, stream.read(), **more)

    def put_page(self, url: str, *tags, **more):
        """A discovery page; tags are (name, content)."""
        metas = "".join(f'<meta name="{name}" content="{content}">' for name, content in tags)
        self.put(url + "?ac-discovery=1", f"<!DOCTYPE html><html><head>{metas}</head><body>hello</body></html>", **more)

    def asked(self, method=None) -> list:
        """URLs of all requests, in order."""
        with self.lock:
            return [one.url for one in self.requests if method in (None, one.method)]

    def forget_requests(self):
        with self.lock:
            self.requests.clear()
