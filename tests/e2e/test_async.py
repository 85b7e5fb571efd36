"""Asynchronous invocations as a client sees them: state, destinations, dead letters, keys, cancel and retry."""
import base64
import json
import unittest

from hearth_e2e import ACCOUNT, REGION, DaemonTest, handler_path, wait_until


def queue_arn(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


class AsyncTest(DaemonTest):
    CONFIG = {"async_retry_delay_s": 1}

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=20)
        for queue in ("won", "lost", "dead"):
            cls.daemon.create_queue(queue)

    def submit(self, name="victim", key=None, **payload):
        headers = {"X-Amz-Invocation-Type": "Event", **({"X-Hearth-Idempotency-Key": key} if key else {})}
        answer = self.daemon.control("POST", f"/2015-03-31/functions/{name}/invocations", payload, headers)
        self.assertEqual(202, answer.status, answer)
        return answer

    def submitted(self, name="victim", **payload):
        return self.submit(name, **payload).headers["x-amzn-RequestId"]

    def invocation(self, request_id, wait="30s"):
        answer = self.daemon.control("GET", f"/_hearth/v1/invocations/{request_id}?wait={wait}")
        self.assertEqual(200, answer.status, answer)
        return answer.json()

    def configure(self, name="victim", **config):
        answer = self.daemon.control("PUT", f"/2019-09-25/functions/{name}/event-invoke-config", config)
        self.assertEqual(200, answer.status, answer)

    def messages(self, queue):
        answer = self.daemon.sqs("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5,
                                 MessageAttributeNames=["All"])
        return answer.get("Messages", [])


class Ends(AsyncTest):
    def test_a_result_is_waited_for_and_told(self):
        self.configure(DestinationConfig={"OnSuccess": {"Destination": queue_arn("won")}})
        request_id = self.submitted(do="echo", text="hello")
        one = self.invocation(request_id)
        self.assertEqual(("succeeded", "Success"), (one["state"], one["condition"]), one)
        self.assertEqual([1], [attempt["attempt"] for attempt in one["attempts"]])
        self.assertEqual("sent", one["destinations"][0]["state"])
        document = json.loads(self.messages("won")[0]["Body"])
        self.assertEqual(request_id, document["requestContext"]["requestId"])
        self.assertEqual({"do": "echo", "text": "hello"}, document["requestPayload"])
        self.assertEqual(one["result"], document["responsePayload"])

    def test_the_largest_event_is_stored_and_run(self):
        """1 MiB of payload, and the longest client context beside it."""
        context = base64.b64encode(b'{"a":"' + b"x" * 2_600 + b'"}').decode()
        largest = {"do": "echo", "text": "x" * ((1 << 20) - len('{"do":"echo","text":""}'))}
        body = json.dumps(largest, separators=(",", ":")).encode()
        self.assertEqual(1 << 20, len(body))
        headers = {"X-Amz-Invocation-Type": "Event", "X-Amz-Client-Context": context}
        path = "/2015-03-31/functions/victim/invocations"
        answer = self.daemon.control("POST", path, body, headers)
        self.assertEqual(202, answer.status, answer)
        self.assertEqual("succeeded", self.invocation(answer.headers["x-amzn-requestid"])["state"])
        self.assertEqual(413, self.daemon.control("POST", path, body + b" ", headers).status)

    def test_failures_are_tried_again_then_told_to_both(self):
        self.daemon.create_function("failing", handler_path("victim"), DeadLetterConfig={"TargetArn": queue_arn("dead")})
        self.configure("failing", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": queue_arn("lost")}})
        request_id = self.submitted("failing", do="throw")
        one = self.invocation(request_id)
        self.assertEqual(("failed", 2), (one["state"], one["failures"]), one)
        self.assertEqual("std::runtime_error", one["result"]["errorType"])
        document = json.loads(self.messages("lost")[0]["Body"])
        self.assertEqual(("RetriesExhausted", 2),
                         (document["requestContext"]["condition"], document["requestContext"]["approximateInvokeCount"]))
        letter = self.messages("dead")[0]
        self.assertEqual({"do": "throw"}, json.loads(letter["Body"]))
        self.assertEqual(request_id, letter["MessageAttributes"]["RequestID"]["StringValue"])
        self.assertEqual("200", letter["MessageAttributes"]["ErrorCode"]["StringValue"])

    def test_a_function_hears_of_another(self):
        self.daemon.create_function("audit", handler_path("victim"))
        self.daemon.create_function("told", handler_path("victim"))
        self.configure("told", DestinationConfig={"OnSuccess": {
            "Destination": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:audit"}})
        self.invocation(self.submitted("told", do="count"))
        wait_until(lambda: self.daemon.bill_of("audit").requests == 1, what="the destination's run")

    def test_off_means_dead_letters_not_waiting(self):
        self.daemon.create_function("off", handler_path("victim"), DeadLetterConfig={"TargetArn": queue_arn("dead")})
        self.daemon.control("PUT", "/2017-10-31/functions/off/concurrency", {"ReservedConcurrentExecutions": 0})
        one = self.invocation(self.submitted("off", do="count"))
        self.assertEqual("failed", one["state"], one)
        self.assertEqual("429", self.messages("dead")[0]["MessageAttributes"]["ErrorCode"]["StringValue"])
        self.assertEqual(0, self.daemon.bill_of("off").requests)


class KeysCancelRetry(AsyncTest):
    def test_the_same_key_runs_once_also_after_kill_9(self):
        first = self.submit(key="order-7", do="count")
        request_id = first.headers["X-Hearth-Request-Id"]
        self.assertEqual("new", first.headers["X-Hearth-Idempotent"])
        self.invocation(request_id)
        self.daemon.kill9()
        self.daemon.start()
        again = self.submit(key="order-7", do="count")
        self.assertEqual((request_id, "first"), (again.headers["X-Hearth-Request-Id"], again.headers["X-Hearth-Idempotent"]))
        self.assertEqual("succeeded", self.invocation(request_id)["state"])
        self.assertEqual(1, len(self.invocation(request_id)["attempts"]))

    def test_cancelled_between_attempts_and_retried(self):
        request_id = self.submitted(do="throw")
        path = f"/_hearth/v1/invocations/{request_id}"
        wait_until(lambda: self.daemon.control("DELETE", path).status == 200, what="cancelled while it waits for its retry")
        one = self.invocation(request_id)
        self.assertEqual("cancelled", one["state"], one)
        self.assertEqual(202, self.daemon.control("POST", path + "/retry").status)
        one = self.invocation(request_id)
        self.assertEqual("failed", one["state"], one)
        numbers = [attempt["attempt"] for attempt in one["attempts"]]
        self.assertEqual(sorted(set(numbers)), numbers, "each attempt has a number of its own")

    def test_the_command_line(self):
        made = self.daemon.hearth("async", "victim", "--retries", "0", "--on-failure", "queue:lost", "--dead-letters", "queue:dead")
        self.assertEqual(0, made.returncode, made)
        self.assertIn(queue_arn("lost"), made.stdout)
        self.assertIn(queue_arn("dead"), made.stdout)
        accepted = self.daemon.hearth("invoke", "victim", '{"do":"throw"}', "--async", "--key", "cli")
        request_id = accepted.stdout.split()[-1]
        shown = self.daemon.hearth("invocations", "get", request_id, "--wait", "30")
        self.assertEqual(1, shown.returncode, shown)
        self.assertIn("RetriesExhausted", shown.stdout)
        self.assertIn(request_id, self.daemon.hearth("invocations", "ls", "--state", "failed").stdout)
        self.assertEqual(0, self.daemon.hearth("invocations", "retry", request_id).returncode)
        self.daemon.hearth("invocations", "get", request_id, "--wait", "30")
        refused = self.daemon.hearth("invocations", "cancel", request_id)
        self.assertNotEqual(0, refused.returncode)
        self.assertIn("it has ended already", refused.stderr)
        reset = self.daemon.hearth("async", "victim", "--reset", "--dead-letters", "none")
        self.assertNotIn("arn:", reset.stdout)


if __name__ == "__main__":
    unittest.main()
