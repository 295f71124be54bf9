"""The machine of scripts/vm-test: its disks, its run under QEMU, and what it reports. Standard library alone."""
