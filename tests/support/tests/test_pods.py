import os
import socket
import subprocess
import sys
import unittest

import context

PODS = os.path.join(context.SUPPORT, "pods")


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def start(program, *words, **more):
    command = [sys.executable, os.path.join(PODS, program), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


class Demo(unittest.TestCase):
    def start(self, *words, **more):
        process = start(*words, **more)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_three_programs_together(self):
        port = free_port()
        client = self.start("client.py", "4", "0.01", port)  # before the server: it has to wait
        job = self.start("job.py", "4", "3", port)
        server = self.start("server.py", port, env={**os.environ, "AC_APP_NAME": "web"})
        self.assertEqual(client.wait(30), 0)
        self.assertEqual(client.stdout.read().splitlines(),
                         [f"got: hello number {n} from web" for n in range(1, 5)] + ["done after 4 answers"])
        self.assertEqual(job.wait(30), 3)
        server.terminate()
        self.assertEqual(server.wait(30), 0)
        lines = server.stdout.read().splitlines()
        self.assertEqual(lines[0], f"listening on 127.0.0.1:{port}")
        self.assertEqual(lines.count("GET / -> 200 OK"), 4)

    def test_job_without_server(self):
        self.assertEqual(self.start("job.py", "0", "7").wait(30), 7)

    def test_server_survives_nonsense(self):
        port = free_port()
        server = self.start("server.py", port)
        self.assertEqual(server.stdout.readline(), f"listening on 127.0.0.1:{port}\n")
        for request, status in ((b"\r\n\r\n", b"400"), (b"PUT / HTTP/1.1\r\n\r\n", b"405"), (b"", None),
                                (b"GET /none HTTP/1.1\r\n\r\n", b"404"), (b"GET /stop HTTP/1.1\r\n\r\n", b"200")):
            with socket.create_connection(("127.0.0.1", int(port)), 5) as connection:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(4096)
                self.assertEqual(answer[9:12] or None, status)
        self.assertEqual(server.wait(30), 0)

    def test_programs_need_only_modules_of_python3_minimal(self):
        used = set()
        for name in os.listdir(PODS):
            if name.endswith(".py"):
                with open(os.path.join(PODS, name), encoding="utf-8") as stream:
                    used |= {line.split()[1] for line in stream if line.startswith(("import ", "from "))}
        self.assertLessEqual(used, {"os", "signal", "socket", "sys", "time", "demo_http"})


if __name__ == "__main__":
    unittest.main()
