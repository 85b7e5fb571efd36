#!/usr/bin/env python3
"""The script ./dev: its verbs, its refusals, and which packages it installs when. apt and the tools are stand-ins."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERBS = ["demo", "build", "test", "bench", "format", "tidy", "install", "help"]

# Says that every package asked for is installed, but those in $MISSING.
DPKG_QUERY = '''#!/bin/bash
for word; do
  case $word in -*) ;; *) [[ " $MISSING " == *" $word "* ]] && echo -n "not-installed/$word " || echo -n "installed/$word ";; esac
done
'''
LOGS_ITSELF = '#!/bin/bash\necho "$(basename "$0") $*" >>"$CALLS"\nexit ${FAILS:-0}\n'


class DevScript(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bin = pathlib.Path(folder.name)
        self.calls = self.bin / "calls"
        self.put("dpkg-query", DPKG_QUERY)
        for tool in ("apt-get", "clang-format", "sudo"):
            self.put(tool, LOGS_ITSELF)
        # sudo asks nobody here: it does what it is told, so that the calls are the same for root and others.
        self.put("sudo", '#!/bin/bash\nexec "$@"\n')

    def put(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def dev(self, *arguments, missing="", **env):
        environment = {**os.environ, "PATH": f"{self.bin}:/usr/bin:/bin", "MISSING": missing, "CALLS": str(self.calls), **env}
        return subprocess.run([ROOT / "dev", *arguments], env=environment, cwd="/", capture_output=True, text=True, check=False)

    def apt_calls(self):
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.startswith("apt-get")]

    def test_help_names_every_verb(self):
        done = self.dev("help")
        self.assertEqual(0, done.returncode)
        for verb in VERBS:
            self.assertRegex(done.stdout, rf"(?m)^  {verb}\b")

    def test_no_verb_shows_help(self):
        self.assertEqual(self.dev("help").stdout, self.dev().stdout)

    def test_unknown_words_are_usage_errors(self):
        for words in (["frobnicate"], ["build", "--fast"], ["format", "--fast"], ["tidy", "--fast"], ["bench", "nothing-like-it"],
                      ["demo", "/no/such/folder"], ["install", "--fast"]):
            with self.subTest(words):
                done = self.dev(*words)
                self.assertEqual(2, done.returncode, done.stderr)
                self.assertIn("Try: ./dev help", done.stderr)
        self.assertEqual([], self.apt_calls())

    def test_nothing_missing_means_no_apt(self):
        self.assertEqual(0, self.dev("format", "--check").returncode)
        self.assertEqual([], self.apt_calls())

    def test_missing_package_is_installed_and_no_other(self):
        done = self.dev("format", "--check", missing="clang-format cmake")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("installing clang-format", done.stderr)
        update, install = self.apt_calls()
        self.assertTrue(update.startswith("apt-get update"), update)
        self.assertRegex(install, r"^apt-get install -y .* clang-format$")

    def test_archive_out_of_reach_is_said(self):
        done = self.dev("format", "--check", missing="clang-format", FAILS="1")
        self.assertEqual(3, done.returncode)
        self.assertIn("is the Debian archive in reach?", done.stderr)

    def test_format_check_fails_when_a_file_would_change(self):
        self.put("clang-format", "#!/bin/bash\nexit 1\n")
        self.assertNotEqual(0, self.dev("format", "--check").returncode)

    def test_planted_sources_are_not_formatted(self):
        self.dev("format", "--check")
        self.assertNotIn("planted", self.calls.read_text())
        self.assertIn("runtime/base/result.cc", self.calls.read_text())


if __name__ == "__main__":
    unittest.main()
