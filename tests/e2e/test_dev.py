"""hearth dev: each build is taken by itself, a bad one changes nothing, ^C leaves what was there before."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import unittest

import processes
from chaos import ChaosTest
from hearth_e2e import built, handler_path, wait_until


class Dev:
    """A running `hearth dev`, and what it said."""

    def __init__(self, test, *arguments, url=None):
        environment = {"PATH": os.environ["PATH"], **({"HEARTH_URL": url} if url else {})}
        self.process = subprocess.Popen([str(built("hearth")), "dev", *map(str, arguments)], env=environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        test.addCleanup(self.end)

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def said(self, pattern):
        return re.search(pattern, "".join(self.lines))

    def wait_said(self, pattern):
        return wait_until(lambda: self.said(pattern), what=f"{pattern!r} said; so far:\n{''.join(self.lines)}")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        self.reader.join(20)
        return code

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(20)
        self.process.stdout.close()


class Developing(ChaosTest):
    def setUp(self):
        super().setUp()
        self.library = self.daemon.folder / self.id().rpartition(".")[2] / "libgreet.so"
        self.library.parent.mkdir()
        self.library.write_bytes(pathlib.Path(handler_path("victim")).read_bytes())

    def rebuild(self, content):
        """As a linker does: beside it, and renamed over."""
        built_now = self.library.with_suffix(".new")
        built_now.write_bytes(content)
        built_now.rename(self.library)

    def functions(self):
        return [one["FunctionName"] for one in self.daemon.control("GET", "/2015-03-31/functions").json()["Functions"]]

    def test_builds_are_taken_bad_ones_are_not_and_what_it_made_goes_with_it(self):
        dev = Dev(self, self.library, "--name", "greet", "--invoke", '{"do": "log", "text": "a line of the log"}', url=self.daemon.endpoint)
        dev.wait_said("watching .*; \\^C ends it, and removes greet")
        first = self.daemon.get_function("greet").json()["Configuration"]["CodeSha256"]
        self.rebuild(self.library.read_bytes() + b"\0")
        dev.wait_said(r"updated greet: code.*, \d+ ms after it was written")
        dev.wait_said(r"first answer \d+ ms after it was written")
        print(dev.said(r"first answer \d+ ms after it was written")[0], flush=True)
        second = self.daemon.get_function("greet").json()["Configuration"]["CodeSha256"]
        self.assertNotEqual(first, second)
        self.rebuild(b"\x7fELF and no more")
        dev.wait_said("not taken, what was there goes on: ")
        self.assertEqual(second, self.daemon.get_function("greet").json()["Configuration"]["CodeSha256"])
        self.assertEqual(200, self.daemon.invoke("greet", {}).status)
        dev.wait_said("REPORT RequestId|a line of the log")
        self.assertEqual(0, dev.interrupt(), dev.lines)
        self.assertNotIn("greet", self.functions())

    def test_a_function_that_was_there_keeps_the_last_code(self):
        self.daemon.create_function("kept", self.library, handler="libgreet.so")
        dev = Dev(self, self.library, "--name", "kept", url=self.daemon.endpoint)
        dev.wait_said("watching .*; \\^C ends it$|watching .*; \\^C ends it\n")
        before = self.daemon.get_function("kept").json()["Configuration"]["CodeSha256"]
        self.rebuild(self.library.read_bytes() + b"\0")
        dev.wait_said("updated kept: code")
        self.assertEqual(0, dev.interrupt())
        self.assertNotEqual(before, self.daemon.get_function("kept").json()["Configuration"]["CodeSha256"])

    def test_a_daemon_of_its_own_comes_and_goes_with_it(self):
        dev = Dev(self, self.library, "--name", "greet", "--own", "--invoke", "{}")
        url = dev.wait_said(r"HEARTH_URL=http://127\.0\.0\.1:(\d+)")[1]
        dev.wait_said("watching")
        below = processes.descendants(dev.process.pid)
        self.assertTrue(below)
        folders = {path for path in pathlib.Path("/tmp").glob("hearth-dev-*")
                   if str(url) in (path / "ready.json").read_text()}
        self.assertEqual(1, len(folders))
        self.assertEqual(0, dev.interrupt())
        self.assertEqual([], processes.alive(below))
        self.assertFalse(folders.pop().exists())

    def test_what_cannot_begin_is_said_and_leaves_nothing(self):
        self.library.write_bytes(b"\x7fELF and no more")
        dev = Dev(self, self.library, "--name", "never", url=self.daemon.endpoint)
        self.assertNotEqual(0, dev.process.wait(20))
        self.assertNotIn("never", self.functions())
        missing = Dev(self, self.library.with_name("libnone.so"), url=self.daemon.endpoint)
        self.assertNotEqual(0, missing.process.wait(20))


if __name__ == "__main__":
    unittest.main()
