"""Queue messages to a function: batches, deletion only after success, retries, what the record looks like."""
import hashlib
import json
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until
from records import Records


class QueueTrigger(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.records = Records(cls.daemon)
        cls.daemon.create_function("recorder", handler_path("recorder"), timeout=5, hearth=cls.records.mount())

    def queue_to_recorder(self, name, visibility_s=1, **fields):
        url = self.daemon.create_queue(name, VisibilityTimeout=str(visibility_s))
        self.daemon.map_queue(name, "recorder", **fields)
        return url

    def send(self, url, *bodies):
        for body in bodies:
            self.daemon.sqs("SendMessage", QueueUrl=url, MessageBody=body)

    def seen(self, word):
        """Messages with that word that the function was given, in all batches so far."""
        return [message for record in self.records.read() for message in record["event"].get("Records", [])
                if word in message.get("body", "")]

    def wait_empty(self, url):
        wait_until(lambda: self.daemon.queue_depth(url) == (0, 0), what="queue empty, nothing in flight")

    def test_message_reaches_the_function_and_is_deleted(self):
        url = self.queue_to_recorder("plain")
        self.send(url, "word-of-plain")
        wait_until(lambda: self.seen("word-of-plain"), what="the message at the function")
        self.wait_empty(url)
        message = self.seen("word-of-plain")[0]
        self.assertEqual("aws:sqs", message["eventSource"])
        self.assertEqual("arn:aws:sqs:us-east-1:000000000000:plain", message["eventSourceARN"])
        self.assertEqual(hashlib.md5(b"word-of-plain").hexdigest(), message["md5OfBody"])
        self.assertEqual("1", message["attributes"]["ApproximateReceiveCount"])

    def test_waiting_messages_come_in_batches(self):
        url = self.daemon.create_queue("batches", VisibilityTimeout="30")
        self.send(url, *(f"batch-{n}" for n in range(10)))
        self.daemon.map_queue("batches", "recorder", BatchSize=5)
        wait_until(lambda: len(self.seen("batch-")) >= 10, what="ten messages at the function")
        self.wait_empty(url)
        sizes = [len(record["event"]["Records"]) for record in self.records.read() if "batch-" in json.dumps(record["event"])]
        self.assertEqual(10, sum(sizes))
        self.assertLessEqual(max(sizes), 5)
        self.assertLess(len(sizes), 10, "no batch had two messages")

    def test_failed_batch_comes_back_after_its_visibility_timeout(self):
        url = self.queue_to_recorder("again", visibility_s=1, BatchSize=1)
        self.send(url, "please fail once, word-of-again")
        wait_until(lambda: len(self.seen("word-of-again")) == 2, what="the second receive")
        self.wait_empty(url)
        self.assertEqual(["1", "2"], sorted(m["attributes"]["ApproximateReceiveCount"] for m in self.seen("word-of-again")))

    def test_partial_batch_failures_leave_only_what_failed(self):
        url = self.daemon.create_queue("orders", VisibilityTimeout="60")
        self.daemon.create_function("queue_orders", handler_path("queue_orders"), timeout=10)
        good = json.dumps({"order": "A-1", "item": "teapot", "quantity": 1})
        bad = json.dumps({"order": "A-2", "item": "zeppelin", "quantity": 1})
        self.send(url, good, bad, good)
        self.daemon.map_queue("orders", "queue_orders", FunctionResponseTypes=["ReportBatchItemFailures"])
        wait_until(lambda: sum(self.daemon.queue_depth(url)) == 1, what="only the refused order left")
        self.assertIn("order refused", wait_until(lambda: self.daemon.logs("queue_orders"), what="its log"))

    def test_disabled_mapping_receives_nothing(self):
        url = self.daemon.create_queue("quiet", VisibilityTimeout="1")
        answer = self.daemon.control("POST", "/2015-03-31/event-source-mappings", {
            "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:quiet", "FunctionName": "recorder", "Enabled": False})
        self.assertEqual(202, answer.status, answer)
        self.send(url, "word-of-quiet")
        self.send(self.queue_to_recorder("loud"), "word-of-loud")
        wait_until(lambda: self.seen("word-of-loud"), what="the message of the enabled mapping")
        self.assertEqual((1, 0), self.daemon.queue_depth(url))
        self.assertEqual([], self.seen("word-of-quiet"))

    def test_mapping_of_a_queue_that_does_not_exist_is_refused(self):
        answer = self.daemon.control("POST", "/2015-03-31/event-source-mappings", {
            "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:gone", "FunctionName": "recorder"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", "queue does not exist")

    def test_error_of_sqs_has_its_shape(self):
        answer = self.daemon.try_sqs("GetQueueUrl", QueueName="gone")
        self.assertEqual(400, answer.status, answer)
        self.assertEqual("com.amazonaws.sqs#QueueDoesNotExist", answer.json()["__type"])
        self.assertEqual("AWS.SimpleQueueService.NonExistentQueue;Sender", answer.headers["x-amzn-query-error"])


if __name__ == "__main__":
    unittest.main()
