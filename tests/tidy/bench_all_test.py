#!/usr/bin/env python3
"""./dev bench all (tests/bench/all.py), over benchmarks that are stand-ins: nothing stops it, and its table says what became of each."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
REACHED = 'report.promised("speed", 0.6, at_least=0.5)\nprint("| a | b |\\n| --- | --- |\\n| 1 | 2 |\\nand words")'
MISSED = 'report.promised("delay", 7, at_most=5, unit="ms", digits=1)'
MISSING = 'report.need("no-such-program", packages={"no-such-program": "its-package"})'
INVALID = 'sys.exit("invalid run: an answer was 502")'


class All(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.bench = self.root / "tests/bench"
        self.bench.mkdir(parents=True)
        for name in ("all.py", "report.py"):
            shutil.copy(BENCH / name, self.bench)
        (self.bench / "module.py").write_text("raise SystemExit('a module is no benchmark')\n")

    def put(self, name, code):
        script = self.bench / f"{name}.py"
        script.write_text(f"#!/usr/bin/env python3\nimport sys\n\nimport report\n{code}\n")
        script.chmod(0o755)

    def all(self, *arguments):
        done = subprocess.run([sys.executable, self.bench / "all.py", *arguments], capture_output=True, text=True, check=False)
        report = self.root / "build/bench/report.md"
        return done, report.read_text(encoding="utf-8") if report.exists() else ""

    def test_missed_and_missing_do_not_fail(self):
        for name, code in (("one", REACHED), ("two", MISSED), ("three", MISSING), ("four", 'print("words alone")')):
            self.put(name, code)
        done, written = self.all()
        self.assertEqual(0, done.returncode, done.stderr)
        for row in ("| one | speed | ≥ 0.5 | 0.60 | reached |", "| two | delay | ≤ 5 ms | 7.0 ms | **missed** |",
                    "| three | no-such-program is missing: apt-get install its-package | | | **not run** |",
                    "| four | no target; see its figures | | | ran |"):
            self.assertIn(row, done.stdout)
            self.assertIn(row, written)
        self.assertIn("\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```\nand words\n```\n", written)

    def test_an_invalid_run_fails_once_all_have_run(self):
        self.put("one", INVALID)
        self.put("two", REACHED)
        done, written = self.all()
        self.assertEqual(1, done.returncode)
        self.assertIn("| one | invalid run: an answer was 502 | | | **INVALID** |", written)
        self.assertIn("| two | speed |", written)

    def test_the_guard_that_says_dearer_has_missed_its_target(self):
        self.put("guard", 'sys.exit("dearer than what is kept by more than 3 %")')
        done, written = self.all()
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("| ≤ 3 % over what is kept | dearer | **missed** |", written)

    def test_some_of_them_by_name(self):
        self.put("one", REACHED)
        self.put("two", INVALID)
        self.assertEqual(0, self.all("--only", "one")[0].returncode)
        done = self.all("--only", "nothing")[0]
        self.assertEqual(1, done.returncode)
        self.assertIn("no benchmark is called nothing; there are one, two", done.stderr)


if __name__ == "__main__":
    unittest.main()
