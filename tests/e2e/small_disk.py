"""A daemon whose data folder is a small disk of its own, a tmpfs: for tests that fill it. As root: @needs_root."""
import os
import subprocess
import unittest

from hearth_e2e import Daemon

needs_root = unittest.skipUnless(os.geteuid() == 0, "mounts a small tmpfs: needs root")


def daemon_on_small_disk(add_cleanup, mib, *arguments):
    """Not yet started. `add_cleanup` is a test's addCleanup or a class's addClassCleanup."""
    daemon = Daemon(arguments=arguments)
    add_cleanup(daemon.remove)
    daemon.data_dir.mkdir()
    mount_small_disk(add_cleanup, daemon.data_dir, mib)
    add_cleanup(lambda: daemon.running() and daemon.kill9())
    return daemon


def mount_small_disk(add_cleanup, folder, mib):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], check=True)
    add_cleanup(subprocess.run, ["umount", "-l", folder], check=True)


def fill(folder, but_bytes):
    """All room of its disk but so much, with a file; who removes that gives it back."""
    disk = os.statvfs(folder)
    ballast = folder / "ballast"
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - but_bytes)
    return ballast
