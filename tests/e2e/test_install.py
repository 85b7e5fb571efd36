"""cmake --install gives a tree that works wherever it is moved to."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from hearth_e2e import BUILD, Daemon, handler_path


class InstalledTree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-install-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", folder / "first"], check=True, capture_output=True)
        cls.tree = folder / "moved"
        (folder / "first").rename(cls.tree)

    def test_everything_is_there(self):
        for path in ("bin/hearthd", "bin/hearth", "libexec/hearth/hearth-worker", "libexec/hearth/hearth-launcher", "libexec/hearth/libhearth-doctor.so",
                     "include/hearth/abi.h", "include/hearth/hearth.h"):
            self.assertTrue((self.tree / path).is_file(), path)
        self.assertTrue(list(self.tree.rglob("HearthConfig.cmake")))

    def test_moved_daemon_runs_a_function(self):
        daemon = Daemon(executable=self.tree / "bin/hearthd")
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.create_function("victim", handler_path("victim"))
        self.assertEqual(1, daemon.invoke("victim", {"do": "count"}).json())
        listed = subprocess.run([self.tree / "bin/hearth", "ls"], env={"HEARTH_URL": daemon.endpoint}, capture_output=True,
                                text=True, check=True)
        self.assertIn("victim", listed.stdout)
        daemon.stop()


if __name__ == "__main__":
    unittest.main()
