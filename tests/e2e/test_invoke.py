"""Invoke over the control API: cold then warm, and each way in which a handler can go wrong."""
import json
import time
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until

# After the fact (the crash, the timeout) the answer is due within 100 ms; an instrumented daemon on a busy machine gets more.
GENEROUS_S = 2.0


class VictimTest(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=5, memory=128)

    def call(self, deed, function="victim", **fields):
        return self.daemon.invoke(function, {"do": deed, **fields})

    def assert_works(self, function="victim"):
        answer = self.call("echo", function, word="fine")
        self.assertEqual((200, None), (answer.status, answer.function_error), answer)
        self.assertEqual("fine", answer.json()["word"])
        return answer


class ColdThenWarm(VictimTest):
    def test_first_call_is_cold_and_the_next_ones_are_warm(self):
        self.daemon.create_function("fresh", handler_path("victim"))
        cold, warm = self.call("count", "fresh"), self.call("count", "fresh")
        self.assertEqual((1, 2), (cold.json(), warm.json()), "one worker serves both")
        self.assertIsNotNone(cold.report().init_ms, cold.log)
        self.assertIsNone(warm.report().init_ms, warm.log)

    def test_billed_duration_is_one_ceiling_of_init_and_duration(self):
        self.daemon.create_function("billed", handler_path("victim"))
        for deed in ("count", "count", "sleep"):
            report = self.call(deed, "billed", ms=25).report()
            self.assertTrue(report.billed_as_printed(), vars(report))
        self.assertGreaterEqual(report.duration_ms, 25)

    def test_handler_is_told_about_its_invocation(self):
        answer = self.call("context")
        told = answer.json()
        self.assertEqual(answer.headers["x-amzn-RequestId"], told["request_id"])
        self.assertEqual("victim", told["function_name"])
        self.assertEqual("$LATEST", told["function_version"])
        self.assertTrue(0 < told["remaining_ms"] <= 5000, told)
        self.assertEqual("$LATEST", answer.headers["X-Amz-Executed-Version"])

    def test_log_tail_has_start_end_and_report_around_the_handlers_lines(self):
        log = self.call("log", text="a line of the handler").log
        order = [log.find(part) for part in ("START RequestId: ", "a line of the handler", "END RequestId: ", "REPORT RequestId: ")]
        self.assertNotIn(-1, order, log)
        self.assertEqual(sorted(order), order, log)

    def test_what_the_handler_prints_is_in_the_log(self):
        for stream in ("stdout", "stderr"):
            self.assertIn(f"words on {stream}", self.call(stream, text=f"words on {stream}").log)

    def test_environment_is_the_functions_own(self):
        self.daemon.create_function("has_env", handler_path("victim"), env={"COLOUR": "teal"})
        self.assertEqual("teal", self.call("env", "has_env", name="COLOUR").json())
        self.assertEqual("has_env", self.call("env", "has_env", name="AWS_LAMBDA_FUNCTION_NAME").json())
        self.assertIsNone(self.call("env", "has_env", name="HOME_OF_THE_DAEMON").json())

    def test_isolation_by_invocation_keeps_nothing(self):
        self.daemon.create_function("alone", handler_path("victim"), hearth={"Isolation": "invocation"})
        self.assertEqual([1, 1, 1], [self.call("count", "alone").json() for _ in range(3)])

    def test_payload_passes_byte_for_byte(self):
        payload = b'{ "b" : 1.0 ,"a":"\xc3\xa9\\u00e9" }'
        self.assertEqual(payload, self.daemon.invoke("victim", payload).body)


class InvocationTypes(VictimTest):
    def test_dry_run_answers_204_and_runs_nothing(self):
        before = self.daemon.bill_of("victim")
        self.assertEqual((204, b""), self.seen(self.daemon.invoke("victim", {}, invocation_type="DryRun")))
        self.assertEqual(before, self.daemon.bill_of("victim"))

    def test_event_answers_202_at_once_and_runs_later(self):
        before = self.daemon.bill_of("victim").requests
        self.assertEqual((202, b""), self.seen(self.daemon.invoke("victim", {"do": "echo"}, invocation_type="Event")))
        wait_until(lambda: self.daemon.bill_of("victim").requests == before + 1, what="the event's record in the ledger")

    @staticmethod
    def seen(answer):
        return answer.status, answer.body


class EventsThatFail(VictimTest):
    CONFIG = {"async_retry_delay_s": 1}

    def test_failed_event_is_tried_three_times_and_each_attempt_is_billed(self):
        self.assertEqual(202, self.call_later("throw").status)
        wait_until(lambda: self.daemon.bill_of("victim").requests == 3, what="three attempts in the ledger")
        wait_until(lambda: self.daemon.logs("victim").count("REPORT RequestId: ") == 3, what="their REPORT lines in the log")

    def call_later(self, deed):
        return self.daemon.invoke("victim", {"do": deed}, invocation_type="Event")


class Misbehaviour(VictimTest):
    def check_deed(self, deed, error_types, message="^", fact_after_s=0.0, dies=True, function="victim", **fields):
        """The right error in time, billed as it ran, one record; then a next call that works, on a new worker if it died."""
        self.call("count", function)  # a warm worker: what is measured is the deed
        before = self.daemon.bill_of(function)
        started = time.monotonic()
        answer = self.call(deed, function, **fields)
        took_s = time.monotonic() - started
        self.assertEqual(200, answer.status, answer)
        self.assertIn(answer.json().get("errorType"), error_types, answer)
        self.assert_function_error(answer, answer.json()["errorType"], message)
        self.assertLess(took_s, fact_after_s + GENEROUS_S)
        self.assertGreaterEqual(took_s, fact_after_s)
        report = answer.report()
        self.assertTrue(report.billed_as_printed(), vars(report))
        after = self.daemon.bill_of(function)
        self.assertEqual((1, report.billed_ms), (after.requests - before.requests, after.billed_ms - before.billed_ms))
        following = self.call("count", function)
        self.assertIsNone(following.function_error, following)
        self.assertEqual(dies, following.json() == 1, "whether the next call has a new worker")
        return answer, report

    def test_handler_throws(self):
        self.check_deed("throw", ["std::runtime_error"], "^thrown on request$", dies=False)

    def test_handler_throws_an_error_of_its_own(self):
        self.check_deed("throw_typed", ["OutOfStock"], "^no teapots left$", dies=False)

    def test_handler_throws_what_is_no_exception(self):
        self.check_deed("throw_int", ["int"], dies=False)

    def test_handler_returns_garbage(self):
        """A caller gets the bytes as they are; a trigger that must read them answers an error, and the worker lives."""
        self.daemon.create_function("garbage", handler_path("victim"), env={"DO": "garbage"})
        raw = self.call("garbage", "garbage")
        self.assertEqual((200, None), (raw.status, raw.function_error), raw)
        self.assertRaises(ValueError, json.loads, raw.body)
        answer = self.daemon.get_url(self.daemon.create_url("garbage"))
        self.assertEqual(502, answer.status, answer)
        self.assertIn("errorType", answer.json())
        self.assertEqual(1, self.call("count", "garbage").json())

    def test_handler_exits(self):
        self.check_deed("exit", ["Runtime.ExitError"], "Runtime exited with error: exit status 3", code=3)

    def test_handler_exits_quietly_with_0(self):
        self.check_deed("_exit", ["Runtime.ExitError"], "Runtime exited without providing a reason")

    def test_handler_segfaults(self):
        self.check_deed("segfault", ["Runtime.ExitError"], "signal: segmentation fault")

    def test_handler_overflows_its_stack(self):
        self.check_deed("stack_overflow", ["Runtime.ExitError"], "signal: segmentation fault")

    def test_handler_aborts(self):
        self.check_deed("abort", ["Runtime.ExitError"], "signal: aborted")

    def test_handler_exhausts_its_memory(self):
        answer = self.call("exhaust_memory")
        # What meets the limit first: the allocator (an exception that the SDK reports) or the kernel's killer.
        self.assertIn(answer.json()["errorType"], ["std::bad_alloc", "Runtime.OutOfMemory", "Runtime.ExitError"], answer)
        self.assertEqual("Unhandled", answer.function_error)
        self.assertTrue(answer.report().billed_as_printed())
        self.assert_works()

    def test_handler_sleeps_past_its_timeout(self):
        self.daemon.create_function("sleeper", handler_path("victim"), timeout=1)
        _, report = self.check_deed("sleep", ["Sandbox.Timedout"], r"^RequestId: [0-9a-f-]{36} Error: Task timed out after "
                                    r"1\.00 seconds$", fact_after_s=1.0, function="sleeper", ms=60_000)
        self.assertGreaterEqual(report.billed_ms, 1000)
        self.assertLess(report.billed_ms, 1100)

    def test_handler_spins_past_its_timeout(self):
        self.daemon.create_function("spinner", handler_path("victim"), timeout=1)
        self.check_deed("spin_forever", ["Sandbox.Timedout"], r"Task timed out after 1\.00 seconds", fact_after_s=1.0,
                        function="spinner")

    def test_exit_error_names_the_request(self):
        answer = self.call("exit")
        self.assertIn(f"RequestId: {answer.headers['x-amzn-RequestId']} Error: ", answer.json()["errorMessage"])

    def test_init_fails_on_every_call_and_the_daemon_stays(self):
        for how, words in (("throw", "init was told to throw"), ("exit", "exit status 3"), ("crash", "segmentation fault")):
            with self.subTest(how):
                # Deploy loads the library on trial without its init, so that a bad init is the invocations' error.
                name = f"init_{how}"
                self.daemon.create_function(name, handler_path("badinit"), env={"INIT": how})
                answer = self.daemon.invoke(name, {})
                self.assertEqual((200, "Unhandled"), (answer.status, answer.function_error), answer)
                self.assertIn(words, answer.json()["errorMessage"])
        self.assert_works()


if __name__ == "__main__":
    unittest.main()
