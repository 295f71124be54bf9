"""What differs between Debian's kernel and newer ones: layers of an overlay by path, the limits that follow from it."""

import os

from machine_case import Images, MachineCase, shell


class Overlay(MachineCase):
    def layered(self, count: int) -> str:
        """An image of so many layers, each with a file in /d and a /top of its own (vmtest/payload.py)."""
        return f"oci:{Images.place()}/layers{count}:latest"

    def check(self, count: int, *flags):
        done = self.agena("run", "--net=none", *flags, self.layered(count), *shell("cat /top; ls /d | /bin/busybox wc -l"))
        self.assertEqual([f"{count - 1}", f"{count - 1}"], [text.strip() for text in done.texts], str(done))

    def test_few_layers(self):
        self.check(3)

    def test_as_many_as_docker_allows(self):
        self.check(127)

    def test_more_than_paths_have_room_for(self):
        """mount(2) takes one page of options."""
        self.check(300)

    def test_fly(self):
        done = self.agena("run", "--stage1-name=agena.dev/stage1-fly", self.layered(127), *shell("cat /top"))
        self.assertEqual("126\n", done.out)

    def test_upper_layer_is_written(self):
        process, uuid = self.start_pod("--net=none", Images.busybox(),
                                       *shell("echo x > /new; rm -r /var && mkdir /var && echo ok; sleep 1000"))
        self.wait_output(process, "ok")
        upper = os.path.join(self.pod_path(uuid), "overlay", "app-busybox", "upper")
        self.assertIn("new", os.listdir(upper))
        self.assertEqual(b"y", os.getxattr(upper + "/var", "trusted.overlay.opaque"))
        self.agena("stop", uuid)
        self.finish(process, check=None)
