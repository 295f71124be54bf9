import shutil
import subprocess
import unittest

import context  # noqa: F401  (sets the path)
from vmtest import initramfs

MODULES_DEP = """kernel/drivers/virtio/virtio.ko:
kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/virtio/virtio-pci.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko
kernel/net/unrelated.ko:
"""


class Order(unittest.TestCase):
    def names(self, *wanted):
        return [path.rpartition("/")[2] for path in initramfs.dependencies(MODULES_DEP, wanted)]

    def test_needs_come_first(self):
        self.assertEqual(["virtio.ko", "virtio_ring.ko", "virtio-pci.ko", "virtio_blk.ko"],
                         self.names("virtio_pci", "virtio_blk"))

    def test_built_in(self):
        self.assertEqual([], self.names("ext4"))


class Archive(unittest.TestCase):
    MEMBERS = [("dir", 0o040755, b""), ("dir/file", 0o100644, b"12345"), ("empty", 0o100755, b"")]

    def test_layout(self):
        data = initramfs.archive(self.MEMBERS)
        self.assertEqual(0, len(data) % 4)
        self.assertEqual(4, data.count(b"070701"))
        self.assertIn(b"TRAILER!!!\0", data)

    @unittest.skipUnless(shutil.which("bsdtar"), "no bsdtar")
    def test_another_program_reads_it(self):
        data = initramfs.archive(self.MEMBERS)
        listing = subprocess.run(["bsdtar", "-tf", "-"], input=data, capture_output=True, check=True).stdout
        self.assertEqual(b"dir\ndir/file\nempty\n", listing)
        content = subprocess.run(["bsdtar", "-xOf", "-", "dir/file"], input=data, capture_output=True, check=True).stdout
        self.assertEqual(b"12345", content)


if __name__ == "__main__":
    unittest.main()
