"""A log as text or as JSON, for each function: what is kept, how it is shown everywhere, and in the daemon's next life."""
import base64
import json
import subprocess
import unittest

from hearth_e2e import Daemon, built, handler_path, wait_until

ROOT_ID = "1-5e1b4151-5ac6c58f3a2f5a7e4d2b1c0d"
SAMPLED = f"Root={ROOT_ID};Parent=0efbd19962d95b05;Sampled=1"
TRACE, DEBUG, INFO, WARN, ERROR = range(5)


class LogFormat(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(lambda: self.daemon.running() and self.daemon.stop())

    def deploy(self, *flags):
        return self.daemon.hearth("deploy", handler_path("victim"), "--name", "victim", *flags)

    def as_json(self, *flags):
        done = self.deploy("--log-format", "json", *flags)
        self.assertEqual(0, done.returncode, done.stderr)

    def do(self, deed, qualifier="", headers=None, **order):
        answer = self.daemon.control("POST", f"/2015-03-31/functions/victim{qualifier}/invocations", json.dumps({"do": deed, **order}),
                                     {"X-Amz-Log-Type": "Tail", **(headers or {})})
        self.assertEqual(200, answer.status, answer)
        return answer

    @staticmethod
    def tail(answer):
        return base64.b64decode(answer.headers["x-amz-log-result"]).decode().splitlines()

    def entries(self, *flags):
        """What `hearth logs` prints, one object a line; the API's lines have the same."""
        shown = self.daemon.hearth("logs", "victim", *flags)
        self.assertEqual(0, shown.returncode, shown.stderr)
        entries = [json.loads(line) for line in shown.stdout.splitlines()]
        raw = [json.loads(line) for line in self.daemon.hearth("logs", "victim", "--json", *flags).stdout.splitlines()]
        self.assertEqual(entries, [line["entry"] for line in raw])
        return entries

    def test_lines_are_objects_everywhere_and_in_the_next_life(self):
        self.as_json("--log-level", "trace", "--system-log-level", "debug")
        answer = self.do("log", text="said \"so\"", level=WARN)
        request = answer.headers["x-amzn-requestid"]
        entries = self.entries()
        start, logged, done, report = entries
        self.assertEqual({"requestId": request, "version": "$LATEST"}, start["record"])
        self.assertEqual({"timestamp", "level", "requestId", "message", "line"}, set(logged))
        self.assertEqual(["WARN", request, "said \"so\"", 0], [logged[name] for name in ("level", "requestId", "message", "line")])
        self.assertEqual(["platform.start", "platform.runtimeDone", "platform.report"], [each["type"] for each in (start, done, report)])
        self.assertEqual("success", done["record"]["status"])
        metrics = report["record"]["metrics"]
        self.assertEqual({"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"}, set(metrics))
        self.assertGreaterEqual(metrics["billedDurationMs"], metrics["durationMs"] + metrics["initDurationMs"])
        self.assertEqual(entries, [json.loads(line) for line in self.tail(answer)])
        self.daemon.restart()
        again = self.entries()
        for entry in again + entries:  # of a START the ledger has the attempt's own time, a moment later
            entry.pop("time", None)
        self.assertEqual(entries, again)
        self.assertEqual(["WARN"], [each["level"] for each in self.entries("--request-id", request) if "level" in each])

    def test_levels_leave_lines_out(self):
        self.as_json("--log-level", "error", "--system-log-level", "warn")
        self.assertEqual({"LogFormat": "JSON", "ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN", "LogGroup": "/aws/lambda/victim"},
                         self.daemon.get_function("victim").json()["Configuration"]["LoggingConfig"])
        self.assertEqual(["JSON", "ERROR"], [self.do("env", name=f"AWS_LAMBDA_LOG_{what}").json() for what in ("FORMAT", "LEVEL")])
        self.do("log", text="below", level=WARN)
        self.do("log", text="at", level=ERROR)
        self.do("stdout", text="plain output is INFO")
        self.do("stdout", text=json.dumps({"level": "error", "msg": "an object's own word"}))
        self.do("stderr", text=json.dumps({"level": "debug", "msg": "below"}))
        # A flood that is left out takes no room from what is not: 2 MiB, twice what is kept of an attempt.
        self.do("stdout", text="x" * 1000, lines=2100)
        seen = self.entries()
        self.assertEqual(["at", None], [each.get("message") for each in seen])
        self.assertEqual({"level": "error", "msg": "an object's own word"}, seen[1])
        self.as_json("--log-level", "INFO")
        self.do("log", text="now kept", level=INFO)
        self.assertEqual("now kept", self.entries()[-1]["message"])

    def test_a_version_keeps_its_format(self):
        self.assertEqual(0, self.deploy().returncode)
        self.daemon.control("POST", "/2015-03-31/functions/victim/versions", {})
        self.as_json()
        self.assertTrue(self.tail(self.do("log", qualifier=":1"))[0].startswith("START RequestId: "))
        tail = [json.loads(line) for line in self.tail(self.do("log", level=DEBUG))]
        self.assertEqual(["platform.start", "platform.report"], [each["type"] for each in tail])
        self.daemon.restart()
        lines = [json.loads(line) for line in self.daemon.hearth("logs", "victim", "--json").stdout.splitlines()]
        self.assertEqual({"1": {"message"}, "$LATEST": {"entry"}},
                         {version: {name for line in lines if line["version"] == version for name in ("message", "entry") if name in line}
                          for version in ("1", "$LATEST")})

    def test_who_follows_sees_objects(self):
        self.as_json()
        follower = subprocess.Popen([str(built("hearth")), "logs", "victim", "-f"], env={"HEARTH_URL": self.daemon.endpoint, "HOME": "/"},
                                    stdout=subprocess.PIPE, text=True)
        try:
            self.do("log", text="old words")
            while json.loads(follower.stdout.readline()).get("type") != "platform.report":
                pass
            self.do("log", text="new words")
            seen = [json.loads(follower.stdout.readline()) for _ in range(3)]
            self.assertEqual([None, "new words", None], [each.get("message") for each in seen])
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()

    def test_a_crash_and_what_was_cut_are_told(self):
        self.as_json("--system-log-level", "warn", "--memory", "1769")
        self.do("segfault")
        wait_until(lambda: any(each.get("type") == "platform.report" for each in self.entries()), what="its report")
        crashed = self.entries()
        words = [each for each in crashed if each.get("message", "").startswith("crash: ")]
        self.assertTrue(words)
        self.assertEqual({"FATAL"}, {each["level"] for each in words})
        self.assertIn("hearth.notice", [each.get("type") for each in crashed])
        report, = [each["record"] for each in crashed if each.get("type") == "platform.report"]
        self.assertEqual(["error", "Runtime.ExitError"], [report["status"], report["errorType"]])
        self.do("stdout", text="x" * 1000, lines=1100)
        dropped, = [each["record"] for each in self.entries() if each.get("type") == "platform.logsDropped"]
        self.assertGreater(dropped["droppedRecords"], 50)
        self.assertGreater(dropped["droppedBytes"], 50_000)

    def test_a_sampled_request_has_its_trace_in_the_log(self):
        self.as_json("--system-log-level", "debug")
        self.daemon.control("POST", "/2015-03-31/functions/victim/versions", {})
        self.assertEqual(0, self.deploy("--log-format", "text").returncode)
        for headers in ({}, {"X-Amzn-Trace-Id": SAMPLED.replace("Sampled=1", "Sampled=0")}):
            self.assertNotIn("XRAY", "".join(self.tail(self.do("count", headers=headers))))
            self.assertNotIn("tracing", "".join(self.tail(self.do("count", qualifier=":1", headers=headers))))
        w3c = {"traceparent": "00-5e1b41515ac6c58f3a2f5a7e4d2b1c0d-0efbd19962d95b05-01"}
        plain = self.do("count", headers=w3c)
        self.assertIn(f"\tXRAY TraceId: {ROOT_ID}\tSampled: true\t", self.tail(plain)[-1])
        traced = self.do("count", qualifier=":1", headers={"X-Amzn-Trace-Id": SAMPLED})
        tracing = {"type": "X-Amzn-Trace-Id", "value": SAMPLED}
        self.assertEqual([tracing] * 3, [json.loads(line)["record"]["tracing"] for line in self.tail(traced)])
        wait_until(lambda: SAMPLED.encode() in b"".join(path.read_bytes() for path in (self.daemon.data_dir / "logs").rglob("*.log")),
                   what="the trace in the log's files")
        self.daemon.restart()
        lines = [json.loads(line) for line in self.daemon.hearth("logs", "victim", "--json").stdout.splitlines()]
        of = lambda answer: [line for line in lines if line["request_id"] == answer.headers["x-amzn-requestid"]]  # noqa: E731
        self.assertEqual([tracing] * 3, [line["entry"]["record"]["tracing"] for line in of(traced)])
        self.assertEqual([False, False, True], ["XRAY TraceId: " + ROOT_ID in line["message"] for line in of(plain)])
        self.assertEqual([1, 3], [sum(word in json.dumps(line) for line in lines) for word in ("XRAY", "tracing")])

    def test_what_cannot_be_is_refused(self):
        done = self.deploy("--log-level", "info")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("can be set only together with LogFormat", done.stderr)
        for flags, why in ((("--log-format", "xml"), "neither text nor json"), (("--log-level", "loud"), "is none of TRACE"),
                           (("--system-log-level", "error"), "is none of DEBUG, INFO, WARN")):
            done = self.deploy(*flags)
            self.assertEqual(2, done.returncode, done)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    unittest.main()
