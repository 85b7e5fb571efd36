"""Event source mappings at their edges, on a real daemon: filters, windows, order, bisection, throttling, fairness."""
import json
import os
import random
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until
from records import Records

LONG = bool(os.environ.get("HEARTH_LONG"))
MAPPINGS = "/2015-03-31/event-source-mappings/"


class QueueMappings(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.records = Records(cls.daemon)
        cls.log = cls.daemon.folder / "records" / "walk.log"
        for name in ("walker", "strider", "rambler"):
            cls.daemon.create_function(name, handler_path("walker"), timeout=5, hearth=cls.records.mount())

    def setUp(self):
        super().setUp()
        self.log.unlink(missing_ok=True)

    def walked(self, word=""):
        """[(body, how often received)] in the order in which the function was through with them."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        pairs = [line.rsplit(" ", 1) for line in lines]
        return [(body, int(count)) for body, count in pairs if word in body]

    def send(self, url, *bodies, **fields):
        for body in bodies:
            self.daemon.sqs("SendMessage", QueueUrl=url, MessageBody=body, **fields)

    def send_steps(self, url, *bodies):
        """"a 7 ..." is a message of group a."""
        for body in bodies:
            self.send(url, body, MessageGroupId=body[0], MessageDeduplicationId=body.replace(" ", "-"))

    def status_of(self, uuid):
        return self.daemon.control("GET", MAPPINGS + uuid).json()["HearthStatus"]

    def wait_empty(self, url, deadline_s=40):
        wait_until(lambda: self.daemon.queue_depth(url) == (0, 0), deadline_s, what="queue empty, nothing in flight")

    def disable(self, uuid):
        self.daemon.control("PUT", MAPPINGS + uuid, {"Enabled": False})

    def test_filter_deletes_what_is_not_wanted_and_runs_the_rest(self):
        url = self.daemon.create_queue("filtered", VisibilityTimeout="30")
        uuid = self.daemon.map_queue("filtered", "walker", FilterCriteria={"Filters": [
            {"Pattern": json.dumps({"body": {"price": [{"numeric": [">", 100]}]}})},
            {"Pattern": json.dumps({"messageAttributes": {"kind": {"stringValue": ["urgent"]}}})}]})
        self.send(url, '{"price":99}', "plain", '{"price":101}')
        self.send(url, "urgent and plain", MessageAttributes={"kind": {"DataType": "String", "StringValue": "urgent"}})
        self.wait_empty(url)
        self.assertEqual({('{"price":101}', 1), ("urgent and plain", 1)}, set(self.walked()))
        self.assertEqual(2, self.status_of(uuid)["Filtered"])

    def test_window_gathers_a_batch(self):
        url = self.daemon.create_queue("windowed", VisibilityTimeout="30")
        self.daemon.map_queue("windowed", "walker", BatchSize=100, MaximumBatchingWindowInSeconds=1)
        before = self.daemon.bill_of("walker").requests
        self.send(url, *(f"windowed {n}" for n in range(20)))
        self.wait_empty(url)
        self.assertEqual(20, len(self.walked("windowed")))
        self.assertLessEqual(self.daemon.bill_of("walker").requests - before, 4)

    def test_bisection_isolates_a_poison_message(self):
        self.daemon.create_queue("dead", VisibilityTimeout="30")
        redrive = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": "1"})
        url = self.daemon.create_queue("poisoned", VisibilityTimeout="1", RedrivePolicy=redrive)
        self.send(url, *("poison" if n == 6 else f"good {n}" for n in range(10)))
        uuid = self.daemon.map_queue("poisoned", "walker", BisectBatchOnFunctionError=True)
        self.wait_empty(url)
        dead = self.daemon.create_queue("dead", VisibilityTimeout="30")
        wait_until(lambda: self.daemon.queue_depth(dead) == (1, 0), what="the poison message among the dead letters")
        status = self.status_of(uuid)
        self.assertEqual((9, 1, 1), (status["MessagesDeleted"], status["MessagesFailed"], status["Exhausted"]))
        # Before the failure some were done and run again: at least once, as documented.
        self.assertEqual({f"good {n}" for n in range(10) if n != 6}, {body for body, _ in self.walked("good")})

    def test_throttling_burns_no_receive(self):
        """A slow function of one worker, a backlog, and one receive is all that a message has."""
        self.daemon.create_queue("unrun", VisibilityTimeout="30")
        redrive = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:unrun", "maxReceiveCount": "1"})
        url = self.daemon.create_queue("slow", VisibilityTimeout="1", RedrivePolicy=redrive)
        self.daemon.create_function("single", handler_path("walker"), timeout=5, hearth=self.records.mount())
        answer = self.daemon.control("PUT", "/2017-10-31/functions/single/concurrency", {"ReservedConcurrentExecutions": 1})
        self.assertEqual(200, answer.status, answer)
        self.daemon.map_queue("slow", "single", BatchSize=2)
        self.send(url, *(f"slow {n}" for n in range(30)))
        self.wait_empty(url)
        self.assertEqual({(f"slow {n}", 1) for n in range(30)}, set(self.walked("slow")))
        self.assertEqual(30, len(self.walked("slow")), "a message ran twice")
        self.assertEqual((0, 0), self.daemon.queue_depth(self.daemon.create_queue("unrun", VisibilityTimeout="30")))

    @unittest.skipUnless(LONG, "takes 12 s: HEARTH_LONG=1")
    def test_job_longer_than_every_lease_runs_once(self):
        """A lease is 10 s at least, and renewed at each third."""
        url = self.daemon.create_queue("sleeper", VisibilityTimeout="1")
        self.daemon.create_function("sleeper", handler_path("walker"), timeout=30, env={"SLOW_MS": "12000"},
                                    hearth=self.records.mount())
        uuid = self.daemon.map_queue("sleeper", "sleeper")
        self.send(url, "slow job")
        self.wait_empty(url)
        self.assertEqual([("slow job", 1)], self.walked("slow job"))
        self.assertEqual(0, self.status_of(uuid)["LeasesLost"])

    def test_three_backlogs_all_move(self):
        sizes = {"strider": 60, "rambler": 20, "walker": 5}
        urls = {function: self.daemon.create_queue(f"backlog-{function}", VisibilityTimeout="30") for function in sizes}
        for function, count in sizes.items():
            self.send(urls[function], *(f"slow {function} {n}" for n in range(count)))
        for function in sizes:
            self.daemon.map_queue(f"backlog-{function}", function, BatchSize=1,
                                  ScalingConfig={"MaximumConcurrency": 2})
        for url in urls.values():
            self.wait_empty(url)
        order = [body.split()[1] for body, _ in self.walked("slow")]
        self.assertEqual(sum(sizes.values()), len(order))
        self.assertLess(len(order) - 1 - order[::-1].index("walker"), len(order) - 10, "the small backlog came last")

    def test_paused_and_resumed(self):
        url = self.daemon.create_queue("paused", VisibilityTimeout="30")
        uuid = self.daemon.map_queue("paused", "walker")
        answer = self.daemon.control("PUT", MAPPINGS + uuid, {"Enabled": False})
        self.assertEqual("Disabling", answer.json()["State"])
        wait_until(lambda: self.daemon.control("GET", MAPPINGS + uuid).json()["State"] == "Disabled", what="it is paused")
        self.send(url, "later")
        self.send(self.sentinel(), "sentinel")
        wait_until(lambda: self.walked("sentinel"), what="the message of another mapping")
        self.assertEqual((1, 0), self.daemon.queue_depth(url))
        self.assertEqual("Enabling", self.daemon.control("PUT", MAPPINGS + uuid, {"Enabled": True}).json()["State"])
        self.wait_empty(url)
        self.assertEqual([("later", 1)], self.walked("later"))

    def sentinel(self):
        url = self.daemon.create_queue("sentinel", VisibilityTimeout="30")
        self.daemon.map_queue("sentinel", "rambler")
        return url

    def test_every_setting_survives_a_restart(self):
        self.daemon.create_queue("kept", VisibilityTimeout="30")
        settings = {"BatchSize": 50, "MaximumBatchingWindowInSeconds": 7, "ScalingConfig": {"MaximumConcurrency": 3},
                    "FunctionResponseTypes": ["ReportBatchItemFailures"], "BisectBatchOnFunctionError": True,
                    "FilterCriteria": {"Filters": [{"Pattern": '{"body":["x"]}'}]}}
        uuid = self.daemon.map_queue("kept", "walker", **settings)
        before = self.daemon.control("GET", MAPPINGS + uuid).json()
        self.daemon.restart()
        after = wait_until(lambda: self.daemon.control("GET", MAPPINGS + uuid).json(), what="the mapping")
        for document in (before, after):
            document.pop("HearthStatus")
        self.assertEqual(before, after)
        self.assertEqual(settings, {name: after[name] for name in settings})
        self.assertEqual((150, "Enabled"), (self.status_of(uuid)["MaxInFlight"], after["State"]))

    def test_fifo_order_under_failures_and_deaths_of_the_worker(self):
        url = self.daemon.create_queue("steps.fifo", FifoQueue="true", VisibilityTimeout="1")
        chance = random.Random(20261125)
        groups, steps = "abc", 60 if LONG else 14
        for n in range(steps):
            for group in groups:
                words = chance.choice(["", "", "", "", "fail once", "throw once", "crash once"])
                self.send_steps(url, f"{group} {n:03} {words}".strip())
        uuid = self.daemon.map_queue("steps.fifo", "walker", FunctionResponseTypes=["ReportBatchItemFailures"])
        self.wait_empty(url, 900 if LONG else 90)
        self.assert_in_order(groups, steps, uuid)

    def assert_in_order(self, groups, steps, uuid):
        walked = [body for body, _ in self.walked()]
        for group in groups:
            numbers = [int(body.split()[1]) for body in walked if body.startswith(group + " ")]
            # A batch that throws or crashes has done its beginning, which runs again: each step's last turn counts.
            last_turns = list(dict.fromkeys(reversed(numbers)))[::-1]
            self.assertEqual(list(range(steps)), last_turns, f"group {group}: {numbers}")
            first_turns = list(dict.fromkeys(numbers))
            self.assertEqual(list(range(steps)), first_turns, f"group {group}: {numbers}")
        self.assertEqual(0, self.status_of(uuid)["LeasesLost"])

    def test_fifo_order_over_deaths_of_the_daemon(self):
        url = self.daemon.create_queue("walk.fifo", FifoQueue="true", VisibilityTimeout="1")
        groups, steps = "abc", 40 if LONG else 8
        for n in range(steps):
            self.send_steps(url, *(f"{group} {n:03} slow" for group in groups))
        uuid = self.daemon.map_queue("walk.fifo", "walker", BatchSize=3)
        for _ in range(10 if LONG else 1):
            seen = len(self.walked())
            if self.daemon.queue_depth(url) == (0, 0):
                break
            wait_until(lambda: len(self.walked()) > seen, 40, what="some steps")
            self.daemon.kill9()
            self.daemon.start()
        self.wait_empty(url, 600 if LONG else 60)
        self.assert_in_order(groups, steps, uuid)


if __name__ == "__main__":
    unittest.main()
