"""hearthd started by an ordinary user: fewer layers, said plainly, and the same functions run."""
import base64
import os
import pathlib
import shutil
import tempfile
import unittest

from hearth_e2e import BUILD, Daemon, handler_path, wait_until, zip_of

NOBODY = 65534


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user")
class OrdinaryUser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The build tree may lie where nobody else may look.
        cls.tree = pathlib.Path(tempfile.mkdtemp(prefix="hearth-user-"))
        cls.addClassCleanup(shutil.rmtree, cls.tree, ignore_errors=True)
        cls.tree.chmod(0o755)
        for part in ("bin/hearthd", "libexec/hearth/hearth-launcher", "libexec/hearth/hearth-worker"):
            (cls.tree / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / part, cls.tree / part)

    def daemon(self, *arguments):
        daemon = Daemon(executable=self.tree / "bin/hearthd", uid=NOBODY, arguments=arguments)
        self.addCleanup(daemon.remove)
        return daemon

    def test_functions_run_confined_and_crash_alone(self):
        daemon = self.daemon().start()
        self.assertIn("isolation level 2", daemon.stderr())
        daemon.create_function("victim", handler_path("victim"))
        self.assertEqual(1, daemon.invoke("victim", {"do": "count"}).json())
        self.assertIn("segmentation fault", daemon.invoke("victim", {"do": "segfault"}).json()["errorMessage"])
        self.assertEqual("Unhandled", daemon.invoke("victim", {"do": "exhaust_memory"}).function_error)
        self.assertEqual(200, daemon.invoke("victim", {"do": "echo"}).status)
        daemon.stop()

    def test_files_of_a_bucket_are_seen(self):
        daemon = self.daemon().start()
        daemon.create_function("victim", handler_path("victim"))
        photos = daemon.folder / "photos"
        photos.mkdir()
        os.chown(photos, NOBODY, NOBODY)
        daemon.put_bucket("photos", photos, {"FunctionName": "victim"})
        (photos / "cat.txt").write_bytes(b"cat")
        wait_until(lambda: daemon.bill_of("victim").requests == 1, 20, "the event of the file")

    def test_layers_and_secrets(self):
        daemon = self.daemon().start()
        self.assertEqual(200, daemon.control("PUT", "/_hearth/v1/secrets/word", "xyzzy").status)
        arns = [daemon.control("POST", f"/2018-10-31/layers/{name}/versions", {
            "Content": {"ZipFile": base64.b64encode(zip_of(both=name)).decode()}}).json()["LayerVersionArn"] for name in ("a", "b")]
        daemon.create_function("reader", handler_path("reader"), Layers=arns, hearth={"Secrets": ["word"]})
        secret = daemon.invoke("reader", {"path": "/run/secrets/word"}).json()
        self.assertEqual(("xyzzy", "0400", True), (secret["text"], secret["mode"], secret["mine"]))
        self.assertEqual("b", daemon.invoke("reader", {"path": "/opt/both"}).json()["text"])
        for path in ("/run/secrets/word", "/opt/both", "/opt/new"):
            self.assertNotEqual(0, daemon.invoke("reader", {"path": path, "do": "write"}).json()["errno"], path)
        self.assertIn("errno", daemon.invoke("reader", {"path": f"{daemon.data_dir}/secrets/word.secret"}).json())

    def test_more_isolation_than_there_is_is_refused_with_the_reason(self):
        daemon = self.daemon("--min-isolation", "4")
        with self.assertRaises(AssertionError):
            daemon.start()
        self.assertIn("this host gives isolation level 2, but --min-isolation is 4", daemon.stderr())
        self.assertNotEqual(0, daemon.process.returncode)


if __name__ == "__main__":
    unittest.main()
