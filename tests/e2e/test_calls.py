"""Functions that call functions: answers, failures, circles, limits, traces, and callers that end before their calls do."""
import json
import threading
import unittest

from hearth_e2e import ACCOUNT, REGION, DaemonTest, handler_path, wait_until

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


class CallsTest(DaemonTest):
    CONFIG = {"memory_mib": 4096}

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("caller", handler_path("caller"), timeout=20)
        cls.daemon.create_function("other", handler_path("caller"), timeout=20)
        cls.daemon.create_function("victim", handler_path("victim"), timeout=20)

    def order(self, function="caller", headers=None, **order):
        answer = self.daemon.control("POST", f"/2015-03-31/functions/{function}/invocations", order, headers)
        self.assertEqual(200, answer.status, answer)
        return answer

    def told(self, **order):
        answer = self.order(**order)
        self.assertIsNone(answer.function_error, answer)
        return answer.json()

    def refusal(self, **order):
        return self.told(catch=True, **order)

    def records(self, function):
        return self.daemon.bill_of(function)


class Calls(CallsTest):
    def test_answer_comes_back_and_both_are_billed(self):
        before = {name: self.records(name).requests for name in ("caller", "other")}
        got = self.told(call="other", payload="who")
        self.assertEqual(("$LATEST", "application/json"), (got["version"], got["content_type"]))
        self.assertEqual(got["request_id"], got["answer"]["request_id"])
        self.assertEqual((1, 0), (got["answer"]["hops"], got["answer"]["trigger"]))
        wait_until(lambda: all(self.records(name).requests == before[name] + 1 for name in before), what="both billed")
        log = self.daemon.logs("other")
        for line in ("START", "END", "REPORT"):
            self.assertIn(f"{line} RequestId: {got['request_id']}", log)

    def test_callers_time_is_billed_while_it_waits(self):
        before = self.records("caller").billed_ms
        self.told(call="victim", payload={"do": "sleep", "ms": 300})
        wait_until(lambda: self.records("caller").billed_ms >= before + 300, what="the wait billed")

    def test_by_arn_version_and_alias(self):
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other"
        self.assertEqual("$LATEST", self.told(call=arn)["version"])
        self.assertEqual(201, self.daemon.control("POST", "/2015-03-31/functions/other/versions", {}).status)
        alias = self.daemon.control("POST", "/2015-03-31/functions/other/aliases", {"Name": "live", "FunctionVersion": "1"})
        self.assertEqual(201, alias.status, alias)
        for named in ({"call": "other:live"}, {"call": "other", "qualifier": "live"}, {"call": f"{arn}:1"}):
            self.assertEqual("1", self.told(payload="who", **named)["answer"]["version"], named)

    def test_failures_have_a_name(self):
        thrown = self.refusal(call="victim", payload={"do": "throw_typed"})
        self.assertEqual(("OutOfStock", True), (thrown["type"], thrown["ran"]))
        self.assertEqual({"errorType": "OutOfStock", "errorMessage": "no teapots left"},
                         {key: json.loads(thrown["payload"])[key] for key in ("errorType", "errorMessage")})
        crashed = self.refusal(call="victim", payload={"do": "segfault"})
        self.assertEqual(("Runtime.ExitError", True), (crashed["type"], crashed["ran"]))
        self.assertEqual("ResourceNotFoundException", self.refusal(call="nobody")["type"])
        self.assertEqual("ResourceNotFoundException", self.refusal(call="other:77")["type"])
        self.assertEqual("InvalidParameterValueException", self.refusal(call="../x")["type"])

    def test_an_escaped_failure_is_the_callers_own(self):
        answer = self.order(call="victim", payload={"do": "throw_typed"})
        self.assert_function_error(answer, "OutOfStock", "^victim: no teapots left$")

    def test_a_function_that_is_off_is_throttled(self):
        self.daemon.create_function("off", handler_path("caller"))
        path = "/2017-10-31/functions/off/concurrency"
        self.assertEqual(200, self.daemon.control("PUT", path, {"ReservedConcurrentExecutions": 0}).status)
        self.assertEqual("TooManyRequestsException", self.refusal(call="off")["type"])

    def test_payloads_at_the_limit_and_one_past_it(self):
        limit = 6_291_556 - 100  # of a request: 6,291,456
        self.assertEqual(limit, self.told(call="victim", bytes=limit - 2)["bytes"])
        refused = self.refusal(call="victim", bytes=limit - 1)
        self.assertEqual("RequestTooLargeException", refused["type"])
        self.assertIn(str(limit), refused["what"])
        self.assertIn(str(limit + 1), refused["what"])

    def test_large_payloads_both_ways(self):
        for size in (60_000, 66_000, 1_000_000):
            self.assertEqual(size + 2, self.told(call="victim", bytes=size)["bytes"])

    def test_recursion_stops_at_the_sixteenth(self):
        stopped = self.told(recurse=True)
        self.assertEqual((15, False), (stopped["stopped_at_hop"], stopped["ran"]))
        self.assertIn("Hearth.HopLimit: 16 functions", stopped["why"])

    def test_events_are_stored_and_known_by_their_id(self):
        request_id = self.told(call="other", payload="who", **{"async": True})["submitted"]
        answer = self.daemon.control("GET", f"/_hearth/v1/invocations/{request_id}?wait=30s").json()
        self.assertEqual("succeeded", answer["state"])
        self.assertEqual((request_id, 1), (answer["result"]["request_id"], answer["result"]["hops"]))

    def test_a_circle_of_events_ends(self):
        """Two functions that tell each other of their success: the sixteenth has nobody left to tell."""
        names = ("ping", "pong")
        for name in names:
            self.daemon.create_function(name, handler_path("caller"))
        for name, other in (names, names[::-1]):
            config = {"DestinationConfig": {"OnSuccess": {"Destination": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{other}"}}}
            answer = self.daemon.control("PUT", f"/2019-09-25/functions/{name}/event-invoke-config", config)
            self.assertEqual(200, answer.status, answer)
        self.assertEqual(202, self.daemon.invoke("ping", {}, invocation_type="Event").status)

        def ended():
            pages = [self.daemon.control("GET", f"/_hearth/v1/invocations?function={name}&limit=100").json() for name in names]
            return [one for page in pages for one in page["invocations"] if one["state"] == "succeeded"]
        wait_until(lambda: len(ended()) == 16, 60, "sixteen in a row")
        self.assertEqual([8, 8], [self.records(name).requests for name in names])
        failures = [told["failure"] for one in ended() for told in one["destinations"] if "failure" in told]
        self.assertEqual(1, len(failures), failures)
        self.assertIn("Hearth.HopLimit: 16 functions", failures[0])

    def test_trace_goes_along(self):
        headers = {"X-Amzn-Trace-Id": ROOT, "traceparent": PARENT, "tracestate": "vendor=1"}
        seen = self.order(headers=headers, call="other", payload="who").json()["answer"]
        self.assertEqual((ROOT, PARENT, "vendor=1"), (seen["trace_id"], seen["traceparent"], seen["tracestate"]))
        stored = self.order(headers=headers, call="other", payload="who", **{"async": True}).json()["submitted"]
        result = self.daemon.control("GET", f"/_hearth/v1/invocations/{stored}?wait=30s").json()["result"]
        self.assertEqual((ROOT, PARENT, "vendor=1"), (result["trace_id"], result["traceparent"], result["tracestate"]))

    def test_trace_that_is_none_is_replaced(self):
        seen = self.order(headers={"X-Amzn-Trace-Id": "Root=1", "traceparent": PARENT.upper(), "tracestate": "vendor=1"}).json()
        self.assertRegex(seen["trace_id"], r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$")
        self.assertEqual(("", ""), (seen["traceparent"], seen["tracestate"]))
        url = self.daemon.create_url("caller")
        answer = self.daemon.get_url(url, headers={"traceparent": PARENT})
        self.assertEqual("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
                         answer.json()["trace_id"])
        self.assertEqual(answer.json()["trace_id"], answer.headers["x-amzn-trace-id"])


class Endings(CallsTest):
    def test_call_with_a_timeout_of_its_own(self):
        late = self.refusal(call="victim", payload={"do": "sleep", "ms": 2000}, timeout_ms=100)
        self.assertEqual(("CallTimedOut", True, True), (late["type"], late["ran"], late["timed_out"]))
        wait_until(lambda: f"END RequestId: {late['request_id']}" in self.daemon.logs("victim"), what="it ran on to its end")

    def test_caller_that_times_out_while_it_waits(self):
        self.daemon.create_function("hasty", handler_path("caller"), timeout=1)
        self.daemon.create_function("slow", handler_path("victim"), timeout=20)
        answer = self.order("hasty", call="slow", payload={"do": "sleep", "ms": 1500})
        self.assert_function_error(answer, "Sandbox.Timedout", "Task timed out after 1.00 seconds")
        wait_until(lambda: self.daemon.bill_of("slow").requests == 1, what="the callee's end")
        self.assertGreaterEqual(self.daemon.bill_of("slow").billed_ms, 1500)
        self.assertEqual({"echo": 1}, self.daemon.invoke("slow", {"echo": 1}).json())

    def test_callee_that_is_killed_tells_its_caller(self):
        for deed, error in (("exit", "Runtime.ExitError"), ("abort", "Runtime.ExitError")):
            self.assertEqual(error, self.refusal(call="victim", payload={"do": deed})["type"])

    def test_callee_that_runs_too_long_tells_its_caller(self):
        self.daemon.create_function("short", handler_path("victim"), timeout=1)
        self.assertEqual("Sandbox.Timedout", self.refusal(call="short", payload={"do": "sleep", "ms": 5000})["type"])

    def test_no_worker_for_the_callee_is_told_while_the_caller_has_time(self):
        self.daemon.create_function("one", handler_path("caller"), timeout=5)
        path = "/2017-10-31/functions/one/concurrency"
        self.assertEqual(200, self.daemon.control("PUT", path, {"ReservedConcurrentExecutions": 1}).status)
        stuck = self.order("one", call="one", catch=True).json()  # waits for the worker that it has itself
        self.assertEqual(("TooManyRequestsException", False), (stuck["type"], stuck["ran"]))

    def test_many_at_once(self):
        answers = []
        def call(text):
            answers.append((text, self.told(call="victim", payload={"text": text})["answer"]["text"]))
        threads = [threading.Thread(target=call, args=(f"t{i}",)) for i in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(24, len(answers))
        self.assertTrue(all(sent == got for sent, got in answers), answers)


class Draining(CallsTest):
    def test_sigterm_lets_a_call_finish(self):
        answers = []
        def slow():
            answers.append(self.told(sleep_ms=1000, call="other", payload="who"))
        thread = threading.Thread(target=slow)
        thread.start()
        wait_until(lambda: self.daemon.workers("caller", "busy") == 1, what="the caller at work")
        self.daemon.stop()
        thread.join()
        self.assertEqual(1, answers[0]["answer"]["hops"])


if __name__ == "__main__":
    unittest.main()
