"""What the README tells a newcomer to type works, in its order, in one shell, in a home folder that was empty.

The text of its ```sh blocks is run as it stands, but for the replacements below: the build tree that is tested stands for a new
release build, free ports stand for 4566 and 8080, and the shell waits where a person would have seen the next prompt.
"""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from hearth_e2e import BUILD, ROOT, find_built

README = ROOT / "README.md"
AWS = pathlib.Path("/usr/bin/aws")  # Debian's: a shim in PATH may have nothing behind it
RUN_DEADLINE_S = 540
BLOCK = re.compile(r"<!-- tested-by: tests/e2e/test_readme\.py::\S+ -->\n```sh\n(.*?)```", re.S)

START = "hearthd --data-dir ~/hearth-data &"
# (what stands in the README, what is run instead)
REPLACED = [
    ("./dev demo ", f"python3 examples/demo/demo.py --build-dir {BUILD} "),
    ("./dev install ~/hearth\n", f"cmake --install {BUILD} --prefix ~/hearth >/dev/null\n"),
    (START, """hearthd --data-dir ~/hearth-data --data-listen 127.0.0.1:0 --control-listen 127.0.0.1:0 --ready-file ~/ready &
daemon=$!
wait_for 'test -s ~/ready'
export HEARTH_URL=http://localhost:$(sed 's/.*"control_port":\\([0-9]*\\).*/\\1/' ~/ready)"""),
    ("build/release/", f"{BUILD}/"),
    ("http://localhost:4566", "$HEARTH_URL"),
    ("hearth logs image_resize\n", "wait_for 'test -s ~/thumbs/lake.jpg'\nhearth logs image_resize\n"),
    ("hearth logs queue_orders\n", "wait_for 'hearth logs queue_orders | grep REPORT'\nhearth logs queue_orders\n"),
]
HEAD = """set -euo pipefail
wait_for() { for _ in $(seq 300); do if eval "$1" >/dev/null 2>&1; then return; fi; sleep 0.1; done; echo "not in time: $1" >&2; exit 9; }
trap 'kill -9 ${daemon-} 2>/dev/null || true' EXIT
"""
TAIL = """
kill "$daemon"
wait "$daemon" && echo 'hearthd exited with 0'
daemon=
"""


def blocks():
    return BLOCK.findall(README.read_text(encoding="utf-8"))


def script_of(parts):
    """One script: each block under a line that names it, so that its output can be found."""
    text = "".join(f"echo '--- block {number}'\n{part}" for number, part in enumerate(parts))
    for written, run in REPLACED:
        if written not in text:
            raise AssertionError(f"the README no longer says {written!r}: mend REPLACED in {__file__}")
        text = text.replace(written, run)
    return HEAD + text + TAIL


@unittest.skipUnless(find_built(BUILD, "hearth"), "needs the hearth command in the build tree")
@unittest.skipUnless(shutil.which("vips"), "needs a photo, drawn by vips: apt-get install libvips-tools")
class Readme(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="hearth-readme-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        for folder in ("Pictures", "tmp"):
            (self.home / folder).mkdir()
        subprocess.run(["vips", "gaussnoise", self.home / "Pictures/lake.jpg", "1600", "1200"], check=True, capture_output=True)

    def run_all(self):
        parts = blocks()
        if not AWS.exists():
            parts[-1] = re.sub(r"^aws .*\n", "", parts[-1], flags=re.M)
            print("the aws line was left out: apt-get install awscli")
        environment = {"HOME": str(self.home), "TMPDIR": str(self.home / "tmp"), "PATH": "/usr/bin:/bin", "AWS_PAGER": "",
                       "AWS_EC2_METADATA_DISABLED": "true"}
        done = subprocess.run(["bash", "-c", script_of(parts)], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=RUN_DEADLINE_S, check=False)
        self.assertEqual(0, done.returncode, f"{done.stdout}\n--- stderr\n{done.stderr}")
        return re.split(r"--- block \d+\n", done.stdout)[1:]

    def test_commands_of_the_readme_work_in_order(self):
        demo, start, first, photos, queue, aws = self.run_all()
        self.assertIn("Thumbnails: ", demo)
        self.assertRegex(start, r"(?i)isolation")
        self.assertIn('{"greeting":"hello Ada"}', first)
        self.assertIn("REPORT RequestId: ", first)
        self.assertIn('"hello world"', first, "the function URL")
        self.assertRegex(first, r"greet .*\n(.*\n)*.*(?i:total)", "the bill")
        self.assertIn("lake.jpg", photos)
        self.assertIn("src=\"?picture=lake.jpg\"", photos, "the contact sheet")
        self.assertIn("REPORT RequestId: ", queue)
        self.assertRegex(queue, r"orders +0")
        self.assertIn("hearth_invocations_total{", aws)
        self.assertIn("hearthd exited with 0", aws)
        if AWS.exists():
            self.assertEqual('{"greeting":"hello Ada"}', (self.home / "answer.json").read_text())


if __name__ == "__main__":
    unittest.main()
