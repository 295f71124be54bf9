"""Makes the modules of tests/support importable from its unit tests."""

import os
import shutil
import sys
import unittest

SUPPORT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.dirname(os.path.dirname(SUPPORT))
sys.path.insert(0, SUPPORT)
sys.dont_write_bytecode = True


def needs(*tools):
    """Skips a test where one of the programs is not installed."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return unittest.skipIf(missing, f"needs {', '.join(missing)}")


needs_root = unittest.skipIf(os.geteuid() != 0, "needs root")
