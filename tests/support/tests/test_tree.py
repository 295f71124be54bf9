import os
import tempfile
import unittest

import context
from apply_oracle import apply
from imagekit.oci import write_file
from imagekit.tarfmt import DIR, LINK, REG, tar_stream
from imagekit.tree import clamp_times, difference, prefixed, scan, snapshot
from tree_digest import listing


def write(root, name, data="x", mode=0o644, mtime=1_000_000):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as stream:
        stream.write(data)
    os.chmod(path, mode)
    os.utime(path, (mtime, mtime))
    return path


def fill(root):
    """A tree with one of everything that needs no special file system."""
    write(root, "bin/tool", "#!tool", 0o4755)
    os.link(os.path.join(root, "bin/tool"), os.path.join(root, "bin/link"))
    os.symlink("tool", os.path.join(root, "bin/sym"))
    write(root, "etc/passwd", "root")
    write(root, "etc/old/conf", "old")
    write(root, "var/cache/a", "a")
    write(root, "var/cache/b", "b")
    os.mkfifo(os.path.join(root, "var/pipe"))
    os.mknod(os.path.join(root, "var/null"), 0o20666, os.makedev(1, 3))
    os.setxattr(os.path.join(root, "etc/passwd"), "user.note", b"\0n")
    os.chown(os.path.join(root, "var"), 5, 6)
    os.chmod(os.path.join(root, "var"), 0o1777)


def change(root):
    """What a package installation may do to the tree of `fill`."""
    os.unlink(os.path.join(root, "bin/link"))
    os.unlink(os.path.join(root, "etc/old/conf"))
    os.rmdir(os.path.join(root, "etc/old"))
    write(root, "etc/old", "now a file")
    write(root, "etc/passwd", "root2")
    os.unlink(os.path.join(root, "bin/sym"))
    write(root, "bin/sym/inside", "now a directory")
    write(root, "new/deep/file", "n")
    os.link(os.path.join(root, "var/cache/a"), os.path.join(root, "var/cache/a2"))
    os.chmod(os.path.join(root, "var/null"), 0o600)


@context.needs_root
class Trees(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name
        self.root = os.path.join(self.scratch, "tree")
        os.mkdir(self.root)
        fill(self.root)

    def layer(self, name, items):
        return write_file(os.path.join(self.scratch, name), tar_stream(items))

    def assert_same_tree(self, one, other):
        self.maxDiff = None
        self.assertEqual(listing(one)[1:], listing(other)[1:])

    def test_scan_is_ordered_and_complete(self):
        entries = scan(self.root)
        names = [entry.name for entry in entries]
        self.assertEqual(names[:5], [b"bin/", b"bin/link", b"bin/sym", b"bin/tool", b"etc/"])
        kinds = {entry.name: entry.kind for entry in entries}
        self.assertEqual((kinds[b"bin/"], kinds[b"bin/link"], kinds[b"bin/tool"]), (DIR, REG, LINK))
        self.assertEqual([entry.linkname for entry in entries if entry.kind == LINK], [b"bin/link"])

    def test_owners_and_times_can_be_levelled(self):
        clamp_times(self.root, 500)
        entries = {entry.name: entry for entry in scan(self.root, ids=False)}
        self.assertEqual((entries[b"var/"].uid, entries[b"etc/passwd"].mtime), (0, 500))
        self.assertEqual({entry.mtime for entry in entries.values()}, {500})

    def test_layer_of_a_tree_gives_the_tree(self):
        target = os.path.join(self.scratch, "out")
        apply(target, [self.layer("l1", scan(self.root))])
        self.assert_same_tree(target, self.root)

    def test_difference_turns_one_tree_into_the_other(self):
        base = self.layer("l1", scan(self.root))
        before = snapshot(self.root)
        change(self.root)
        items = difference(before, self.root)
        target = os.path.join(self.scratch, "out")
        apply(target, [base, self.layer("l2", items)])
        self.assert_same_tree(target, self.root)
        names = [entry.name for entry in items]
        self.assertIn(b"bin/.wh.link", names)
        self.assertNotIn(b"var/cache/b", names)
        self.assertFalse([entry for entry in items if entry.kind == LINK and entry.linkname not in names])

    def test_nothing_changed_is_an_empty_layer(self):
        self.assertEqual(difference(snapshot(self.root), self.root), [])

    def test_prefix_moves_hard_links_but_not_symlinks(self):
        moved = {entry.name: entry for entry in prefixed(scan(self.root), b"rootfs/")}
        self.assertEqual(moved[b"rootfs/bin/tool"].linkname, b"rootfs/bin/link")
        self.assertEqual(moved[b"rootfs/bin/sym"].linkname, b"tool")


if __name__ == "__main__":
    unittest.main()
