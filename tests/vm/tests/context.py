"""Lets the tests import what they test."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VM = os.path.dirname(HERE)
sys.dont_write_bytecode = True
sys.path[:0] = [VM, os.path.join(os.path.dirname(VM), "support")]
