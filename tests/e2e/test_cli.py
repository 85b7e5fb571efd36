"""The hearth command: deploy to bill, exit codes, --json everywhere, --help with an example each."""
import json
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until

OK, FUNCTION_ERROR, USAGE, PLATFORM, THROTTLED, TIMED_OUT = 0, 1, 2, 3, 75, 124
VERBS = ["init", "deploy", "invoke", "ls", "describe", "rm", "logs", "bill", "queue", "bucket", "up", "url", "route",
         "ps", "info"]


class CommandLine(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.deployed = cls.daemon.hearth("deploy", handler_path("victim"), "--name", "victim", "--timeout", "1")

    def hearth(self, *arguments, exits=OK, **options):
        done = self.daemon.hearth(*arguments, **options)
        self.assertEqual(exits, done.returncode, f"hearth {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def hearth_json(self, *arguments, **options):
        return json.loads(self.hearth(*arguments, "--json", **options))

    def test_deploy_says_what_is_next(self):
        self.assertEqual(OK, self.deployed.returncode, self.deployed.stderr)
        self.assertIn("victim", self.deployed.stdout)

    def test_deployed_function_is_listed_and_described(self):
        self.assertIn("victim", self.hearth("ls"))
        self.assertIn("victim", json.dumps(self.hearth_json("ls")))
        self.assertIn("libvictim.so", self.hearth("describe", "victim"))
        self.assertIn("libvictim.so", json.dumps(self.hearth_json("describe", "victim")))

    def test_deploy_of_a_renamed_library_brings_code_and_name_together(self):
        self.hearth("deploy", str(handler_path("victim")), "--name", "renamed")
        said = self.hearth("deploy", str(handler_path("recorder")), "--name", "renamed")
        self.assertIn("handler libvictim.so -> librecorder.so", said)
        self.assertIn("librecorder.so", self.hearth("describe", "renamed"))

    def test_invoke_prints_the_answer(self):
        self.assertEqual({"do": "echo", "n": 1}, json.loads(self.hearth("invoke", "victim", '{"do":"echo","n":1}')))

    def test_invoke_reads_its_payload_from_stdin(self):
        self.assertEqual({"n": 2}, json.loads(self.hearth("invoke", "victim", "-", stdin='{"n":2}')))

    def test_exit_codes(self):
        self.hearth("invoke", "victim", '{"do":"throw"}', exits=FUNCTION_ERROR)
        self.hearth("invoke", "victim", '{"do":"sleep","ms":60000}', exits=TIMED_OUT)
        self.hearth("frobnicate", exits=USAGE)
        self.hearth("invoke", exits=USAGE)
        self.hearth("invoke", "nobody", "{}", exits=PLATFORM)
        self.hearth("ls", exits=PLATFORM, env={"HEARTH_URL": "http://127.0.0.1:1"})

    def test_refused_deploy_says_why(self):
        done = self.daemon.hearth("deploy", handler_path("wrongabi"), "--name", "bad")
        self.assertEqual(PLATFORM, done.returncode, done)
        self.assertIn("ABI", done.stderr)

    def test_logs_have_the_report(self):
        self.hearth("invoke", "victim", '{"do":"log","text":"a line for the log"}')
        self.assertIn("a line for the log", wait_until(lambda: self.hearth("logs", "victim"), what="the log"))
        self.assertIn("REPORT RequestId: ", self.hearth("logs", "victim"))

    def test_bill_has_a_line_for_the_function(self):
        self.hearth("invoke", "victim", "{}")
        self.assertIn("victim", self.hearth("bill"))
        self.assertIn("victim", json.dumps(self.hearth_json("bill")))

    def test_removed_function_is_gone(self):
        self.hearth("deploy", handler_path("victim"), "--name", "short")
        self.hearth("rm", "short")
        self.assertNotIn("short", self.hearth("ls"))

    def test_queue_is_made_sent_to_and_listed(self):
        self.hearth("queue", "create", "letters")
        self.hearth("queue", "send", "letters", "dear reader")
        self.assertIn("letters", self.hearth("queue", "ls"))

    def test_queue_feeds_a_function_once_connected(self):
        self.hearth("queue", "create", "orders")
        self.hearth("queue", "connect", "orders", "victim", "--batch", "5")
        changed = self.hearth_json("queue", "connect", "orders", "victim", "--batch", "7")
        self.assertEqual((7, ["ReportBatchItemFailures"]), (changed["BatchSize"], changed["FunctionResponseTypes"]))
        changed = self.hearth_json("queue", "connect", "orders", "victim", "--bisect", "--filter", '{"body":["a"]}', "--filter",
                                   '{"body":["b"]}')
        self.assertEqual(['{"body":["a"]}', '{"body":["b"]}'], [one["Pattern"] for one in changed["FilterCriteria"]["Filters"]])
        self.assertTrue(changed["BisectBatchOnFunctionError"])
        self.hearth("queue", "disconnect", "orders", "victim")
        self.hearth("queue", "disconnect", "orders", "victim", exits=PLATFORM)

    def test_queue_is_paused_and_resumed(self):
        def state():
            return self.hearth_json("queue", "mappings", "slow")["EventSourceMappings"][0]["State"]

        self.hearth("queue", "create", "slow")
        self.hearth("queue", "connect", "slow", "victim", "--whole-batch")
        self.hearth("queue", "pause", "slow", "victim")
        self.hearth("queue", "send", "slow", "kept")
        wait_until(lambda: state() == "Disabled", what="the mapping paused")
        self.assertEqual("kept\n", self.hearth("queue", "peek", "slow"))
        self.assertRegex(self.hearth("queue", "mappings"), r"slow +victim +Disabled +10 ")
        self.assertRegex(self.hearth("queue", "describe", "slow"), "feeds victim +Disabled, batches of 10, 0 of at most 160 ")
        self.hearth("queue", "resume", "slow", "victim")
        wait_until(lambda: self.hearth_json("queue", "mappings", "slow")["EventSourceMappings"][0]["HearthStatus"]["MessagesDeleted"] == 1,
                   what="the message taken once resumed")
        self.hearth("queue", "pause", "nobody", "victim", exits=PLATFORM)

    def test_bucket_is_watched(self):
        folder = self.daemon.folder / "watched"
        folder.mkdir()
        self.hearth("bucket", "add", "watched", folder, "--notify", "victim")
        (folder / "first").write_text("1")
        said = self.hearth("bucket", "watch", "watched", "--all", "--count", "1")
        self.assertRegex(said, r"^\S+Z  Succeeded +first -> victim  \d+ ms\n$")
        (folder / "second").write_text("2")
        told = [json.loads(line) for line in
                self.hearth("bucket", "watch", "watched", "--all", "--count", "2", "--json").splitlines()]
        self.assertEqual([("first", 1), ("second", 2)], [(one["Key"], one["Number"]) for one in told])
        self.hearth("bucket", "watch", "nowhere", exits=PLATFORM)
        self.hearth("bucket", "watch", "watched", "--count", "0", exits=USAGE)

    def test_bucket_keeps_its_notifications(self):
        folder = self.daemon.folder / "photos"
        folder.mkdir()
        self.hearth("bucket", "add", "photos", folder, "--notify", "victim", "--suffix", ".jpg")
        for _ in range(2):  # the second time changes nothing
            shown = self.hearth_json("bucket", "add", "photos", "--notify", "victim", "--suffix", ".png")
        self.assertEqual([".jpg", ".png"], sorted(one["Suffix"] for one in shown["Notifications"]))
        self.hearth("bucket", "rm", "photos")

    def test_second_deploy_changes_only_what_differs(self):
        self.hearth("deploy", handler_path("victim"), "--name", "twice", "--env", "A=1")
        self.assertIn("up to date", self.hearth("deploy", handler_path("victim"), "--name", "twice", "--env", "A=1"))
        self.assertIn("timeout", self.hearth("deploy", handler_path("victim"), "--name", "twice", "--timeout", "9"))
        self.assertEqual({"A": "1"}, self.hearth_json("describe", "twice")["Configuration"]["Environment"]["Variables"])

    def test_local_invoke_needs_no_daemon(self):
        answer = self.hearth("invoke", "--local", handler_path("victim"), "--payload", '{"do":"echo","n":3}',
                             env={"HEARTH_URL": "http://127.0.0.1:1"})
        self.assertEqual({"do": "echo", "n": 3}, json.loads(answer))

    def test_init_overwrites_nothing(self):
        self.hearth("init", "greet")
        self.assertTrue((self.daemon.folder / "greet" / "CMakeLists.txt").is_file())
        self.hearth("init", "greet", exits=USAGE)

    def test_every_verb_has_help_with_an_example(self):
        for verb in VERBS:
            with self.subTest(verb):
                self.assertRegex(self.hearth(verb, "--help"), r"(?i)example")
                self.assertIn(f"hearth {verb}", self.hearth(verb, "--help"))

    def test_misspelt_verb_gets_a_suggestion(self):
        done = self.daemon.hearth("deplyo")
        self.assertEqual(USAGE, done.returncode)
        self.assertIn("deploy", done.stderr)


if __name__ == "__main__":
    unittest.main()
