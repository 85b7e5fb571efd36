"""Logs outlive the daemon: what handlers said from files; START, END and REPORT from the ledger."""
import json
import subprocess
import unittest

from hearth_e2e import Daemon, built, handler_path, wait_until


class Logs(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.daemon.start()
        self.daemon.create_function("victim", handler_path("victim"))
        self.addCleanup(self.daemon.remove)
        self.addCleanup(lambda: self.daemon.running() and self.daemon.stop())

    def lines(self, *flags):
        done = self.daemon.hearth("logs", "victim", "--json", *flags)
        self.assertEqual(0, done.returncode, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def messages(self, *flags):
        return [line["message"].split(" ")[0] if line["source"] == "platform" else line["message"] for line in self.lines(*flags)]

    def log(self, text):
        answer = self.daemon.invoke("victim", {"do": "log", "text": text})
        self.assertEqual(200, answer.status, answer)
        return answer.headers["x-amzn-requestid"]

    def on_disk(self, text):
        wait_until(lambda: any(text.encode() in path.read_bytes() for path in (self.daemon.data_dir / "logs" / "victim").glob("*.log")),
                   what=f"{text} in the log's files")

    def test_after_a_stop_the_log_is_what_it_was(self):
        ids = [self.log(f"words {n}") for n in range(5)]
        before = self.lines()
        self.assertEqual(["START", "words 0", "END", "REPORT"], self.messages()[:4])
        self.assertEqual(["[there", "words 4", "END", "REPORT"], self.messages("--lines", "3"))
        self.daemon.restart()
        after = self.lines()
        self.assertEqual([line["message"] for line in before], [line["message"] for line in after])
        self.assertEqual(["START", "words 3", "END", "REPORT"], self.messages("--request-id", ids[3]))
        self.assertEqual(["[there", "END", "REPORT"], self.messages("--lines", "2"))
        self.log("new words")
        self.assertEqual(["words 4", "END", "REPORT", "START", "new words", "END", "REPORT"], self.messages()[-7:])

    def test_after_a_kill_what_was_written_is_there(self):
        lives = 3
        for life in range(lives):
            self.log(f"words of life {life}")
            self.on_disk(f"words of life {life}")
            self.daemon.kill9()
            self.daemon.start()
        expected = []
        for life in range(lives):
            expected += ["START", f"words of life {life}", "END", "REPORT"]
        self.assertEqual(expected, self.messages())

    def test_who_follows_sees_what_was_and_what_comes(self):
        self.log("old words")
        self.daemon.restart()
        follower = subprocess.Popen([str(built("hearth")), "logs", "victim", "-f"], env={"HEARTH_URL": self.daemon.endpoint, "HOME": "/"},
                                    stdout=subprocess.PIPE, text=True)
        try:
            seen = [follower.stdout.readline() for _ in range(4)]
            self.assertIn("old words", "".join(seen))
            self.log("new words")
            seen = [follower.stdout.readline() for _ in range(4)]
            self.assertIn("new words", "".join(seen))
            self.assertIn("REPORT", seen[3])
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()

    def test_a_function_that_was_deleted_takes_its_log_along(self):
        self.log("words of the old one")
        self.daemon.delete_function("victim")
        self.daemon.create_function("victim", handler_path("victim"))
        self.assertEqual([], self.lines())
        self.daemon.restart()
        self.assertEqual([], self.lines())

    def test_wrong_number_of_lines_is_refused(self):
        for number in ("0", "10001", "many"):
            done = self.daemon.hearth("logs", "victim", "--lines", number)
            self.assertNotEqual(0, done.returncode)
            self.assertIn("10000", done.stderr, number)
        self.assertEqual([], self.lines("--lines", "10000"))


if __name__ == "__main__":
    unittest.main()
