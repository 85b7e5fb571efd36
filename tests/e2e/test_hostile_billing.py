"""Handlers that want to pay less, or have others pay: what is billed is what hearthd's own clock saw, once an attempt, whatever a
worker says or does."""
import math
import time
import unittest

from hearth_e2e import DaemonTest, handler_path, http_call, wait_until
from ledger_reader import read_ledger, twice

BROKEN_FRAMES = ("started", "ready", "kind", "version", "empty", "garbage", "oversize", "lying", "unsealed", "no memfd")
SLEEP_MS = 40


class HostileBilling(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        # A processor's worth of memory: what spins is not held back by its own limit.
        cls.daemon.create_function("intruder", handler_path("intruder"), timeout=2, memory=1769)
        cls.daemon.create_function("neighbour", handler_path("victim"))

    def replace_workers(self, why):
        """As a change of settings does."""
        self.daemon.update_configuration("intruder", Description=why)
        self.daemon.wait_active("intruder")

    def setUp(self):
        self.replace_workers(self.id())
        self.before = self.ledger()
        self.calls = []  # request id and seconds by our own clock, of each call of this test

    def tearDown(self):
        self.assertTrue(self.daemon.running())
        check = self.daemon.control("GET", "/_hearth/v1/ledger/check").json()
        self.assertEqual((True, []), (check["good"], check["findings"]))

    def ledger(self):
        return read_ledger(self.daemon.data_dir / "ledger")

    def order(self, function="intruder", **order):
        began = time.monotonic()
        answer = self.daemon.invoke(function, order)
        request_id = answer.headers["x-amzn-requestid"]
        self.calls.append((request_id, time.monotonic() - began))
        return answer

    def records(self):
        """One for each call of this test, in their order; and nothing else was recorded, of anybody."""
        after = self.ledger()
        self.assertEqual(self.before, after[:len(self.before)], "records of earlier attempts are as they were")
        new = after[len(self.before):]
        self.assertEqual([], twice(after))
        self.assertEqual([request_id for request_id, _ in self.calls], [record.request_id for record in new])
        for record, (_, seen_s) in zip(new, self.calls):
            self.assertTrue(record.billable, record)
            self.assertEqual(max(1, math.ceil((record.init_ns + record.duration_ns) / 1e6)), record.billed_ms, record)
            self.assertLessEqual(record.duration_ns, seen_s * 1e9, "no longer than its caller waited")
        return new

    def test_frames_that_break_the_protocol_are_billed_to_their_sender_until_then(self):
        for frame in BROKEN_FRAMES:
            self.order(do="sleep, forge", ms=SLEEP_MS, frame=frame, then="hang")
        for record in self.records():
            self.assertEqual("crash", record.outcome)
            self.assertGreaterEqual(record.duration_ns, SLEEP_MS * 1_000_000)

    def test_answers_in_the_name_of_others_are_billed_to_their_sender(self):
        self.order("neighbour", do="echo")
        for off in (1, -1, 1 << 40):
            self.order(do="sleep, forge", ms=SLEEP_MS, frame="response", off=off)
        self.order("neighbour", do="echo")
        records = self.records()
        self.assertEqual(["neighbour"] + ["intruder"] * 3 + ["neighbour"], [record.function for record in records])
        for record in records[1:4]:
            self.assertEqual("crash", record.outcome)
            self.assertGreaterEqual(record.duration_ns, SLEEP_MS * 1_000_000)

    def test_one_record_however_often_it_answers(self):
        for turn in range(5):
            self.replace_workers(f"turn {turn}")  # else the end of the one before could come into this one's time
            self.assertEqual("forged", self.order(do="sleep, forge", ms=SLEEP_MS, frame="response", times=7).json())
        for record in self.records():
            self.assertEqual("success", record.outcome)
            self.assertGreaterEqual(record.duration_ns, SLEEP_MS * 1_000_000)

    def work_on_after_an_answer(self):
        """Record of the attempt after that, if the worker got a processor before it was frozen."""
        self.replace_workers(f"after {len(self.calls)} calls")
        self.assertEqual("early", self.order(do="early").json())
        wait_until(lambda: self.daemon.workers("intruder", "frozen") == 1, what="the worker frozen")
        self.assert_function_error(self.order(), "Sandbox.Timedout", "timed out")  # it still is at what it was at
        early, later = self.records()[-2:]
        self.assertEqual(("success", "timeout"), (early.outcome, later.outcome))
        # Its worker may have been a spare, which takes some microseconds to fall asleep once it is ready.
        self.assertLess(early.idle_cpu_us, 1_000, "less than is flagged")
        return later if later.idle_cpu_us >= 1_000 else None

    def test_work_after_an_early_answer_is_cut_off_and_flagged(self):
        later = wait_until(self.work_on_after_an_answer, 60, "what it used after its answer in the record of its next attempt")
        self.assertGreaterEqual(later.duration_ns, 2_000_000_000, "and to go on costs the whole of that")
        self.assertRegex(self.daemon.logs("intruder"), r"a worker used \d+ us of the processor after its answer")

    def test_background_threads_do_not_change_what_the_next_event_is_billed(self):
        self.assertEqual("spinning", self.order(do="background").json())
        wait_until(lambda: self.daemon.workers("intruder", "frozen") == 1, what="the worker frozen")
        self.assertEqual("at your service", self.order().json())
        first, second = self.records()
        self.assertEqual(("success", "success"), (first.outcome, second.outcome))
        self.assertEqual(first.worker, second.worker)
        self.assertGreater(second.idle_cpu_us, 0)

    def test_clocks_cannot_be_turned(self):
        began_us = time.time_ns() // 1000
        answers = self.order(do="clocks").json()
        ended_us = time.time_ns() // 1000
        self.assertNotIn("ok", answers.values(), answers)
        (record,) = self.records()
        self.assertTrue(began_us <= record.started_us <= ended_us, record)

    def test_beside_a_neighbour_each_pays_its_own(self):
        """Answers under other numbers, in turns with a neighbour that has the same numbers on its own channel."""
        url = self.daemon.create_url("neighbour")
        for n in range(20):
            self.order(do="frame", frame="response", off=(n % 5) - 2)
            host, prefix = url
            answer = http_call(self.daemon.data_port, "GET", prefix + "/", host=host)
            self.assertEqual(200, answer.status)
        new = self.ledger()[len(self.before):]
        own = [record for record in new if record.function == "intruder"]
        self.assertEqual([request_id for request_id, _ in self.calls], [record.request_id for record in own])
        self.assertEqual(["success" if n % 5 == 2 else "crash" for n in range(20)], [record.outcome for record in own])
        self.assertEqual(["success"] * 20, [record.outcome for record in new if record.function == "neighbour"])
        self.assertEqual([], twice(new))


if __name__ == "__main__":
    unittest.main()
