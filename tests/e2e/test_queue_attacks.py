"""A critic's attacks on queues over the wire: requests that are none, limits of text, thousands of queues, what is removed while it
is waited for or worked on, a full disk under a mapping.

Random choices come from CHAOS_SEED; HEARTH_LONG=1 runs the long counts.
"""
import concurrent.futures
import copy
import http.client
import json
import unittest
import urllib.parse

from chaos import SANITIZER_WORDS, ChaosTest, short_or_long
from hearth_e2e import ACCOUNT, REGION, handler_path, wait_until
from records import Records
from small_disk import daemon_on_small_disk, fill, needs_root

ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
MAPPINGS = "/2015-03-31/event-source-mappings/"
RANDOM_REQUESTS = short_or_long(1500, 60_000)
MANY_QUEUES = 5000
MIB = 1 << 20
ROOM = 8 * MIB

# A request of each operation that would do, so that what random changes make of it gets far.
HANDLE, ATTRIBUTE = "0123456789abcdef", {"a": {"DataType": "String", "StringValue": "x"}}
REQUESTS = {
    "CreateQueue": {"QueueName": "fuzzed", "Attributes": {"VisibilityTimeout": "5", "RedrivePolicy": "{}"}, "tags": {"a": "b"}},
    "GetQueueUrl": {"QueueName": "target", "QueueOwnerAWSAccountId": ACCOUNT},
    "ListQueues": {"QueueNamePrefix": "t", "MaxResults": 5, "NextToken": "x"},
    "GetQueueAttributes": {"QueueUrl": "target", "AttributeNames": ["All"]},
    "SetQueueAttributes": {"QueueUrl": "target", "Attributes": {"DelaySeconds": "0", "RedriveAllowPolicy": "{}", "Policy": "{}"}},
    "SendMessage": {"QueueUrl": "target", "MessageBody": "x", "DelaySeconds": 0, "MessageAttributes": ATTRIBUTE,
                    "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "x"}}},
    "SendMessageBatch": {"QueueUrl": "target.fifo", "Entries": [
        {"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d", "MessageAttributes": ATTRIBUTE},
        {"Id": "b", "MessageBody": "y", "MessageGroupId": "g", "MessageDeduplicationId": "e"}]},
    "ReceiveMessage": {"QueueUrl": "target.fifo", "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "WaitTimeSeconds": 0,
                       "AttributeNames": ["All"], "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["a.*"],
                       "ReceiveRequestAttemptId": "r"},
    "DeleteMessage": {"QueueUrl": "target", "ReceiptHandle": HANDLE},
    "DeleteMessageBatch": {"QueueUrl": "target", "Entries": [{"Id": "a", "ReceiptHandle": HANDLE}]},
    "ChangeMessageVisibility": {"QueueUrl": "target", "ReceiptHandle": HANDLE, "VisibilityTimeout": 1},
    "ChangeMessageVisibilityBatch": {"QueueUrl": "target", "Entries": [{"Id": "a", "ReceiptHandle": HANDLE, "VisibilityTimeout": 1}]},
    "PurgeQueue": {"QueueUrl": "spare"},
    "TagQueue": {"QueueUrl": "target", "Tags": {"k": "v"}},
    "UntagQueue": {"QueueUrl": "target", "TagKeys": ["k"]},
    "ListQueueTags": {"QueueUrl": "target"},
    "ListDeadLetterSourceQueues": {"QueueUrl": "target", "MaxResults": 5, "NextToken": "x"},
    "StartMessageMoveTask": {"SourceArn": ARN + "target", "DestinationArn": ARN + "spare", "MaxNumberOfMessagesPerSecond": 5},
    "ListMessageMoveTasks": {"SourceArn": ARN + "target", "MaxResults": 5},
    "CancelMessageMoveTask": {"TaskHandle": "x"},
    "AddPermission": {"QueueUrl": "target", "Label": "l", "AWSAccountIds": [ACCOUNT], "Actions": ["SendMessage"]},
    "RemovePermission": {"QueueUrl": "target", "Label": "l"},
}
NASTY = (None, True, 0, -1, 1 << 31, 1 << 63, -(1 << 63), 1e300, 0.5, "", "x" * 300, "\0", "\ud800", "💩" * 40, "٣", " 5", "5 ", "-0", "1e9",
         [], {}, [[]], [{}], [None], {"": ""}, {"a": {}}, [1] * 50, "arn:aws:sqs:::", "../../x", "https://x/y/", "%00", "<&>\"'")


def form_of(operation, request):
    """The query protocol's fields of a JSON request: lists and maps are numbered."""
    fields = {"Action": operation, "Version": "2012-11-05"}

    def add(path, value):
        if isinstance(value, dict):
            for number, (key, inner) in enumerate(value.items(), 1):
                add(f"{path}.{number}.Name", key)
                add(f"{path}.{number}.Value", inner)
                add(f"{path}.{key}", inner)
        elif isinstance(value, list):
            for number, inner in enumerate(value, 1):
                add(f"{path}.{number}", inner)
        else:
            fields[path] = value if isinstance(value, str) else json.dumps(value)
    for key, value in request.items():
        add(key, value)
    return urllib.parse.urlencode(fields, errors="surrogatepass")


class Requests(ChaosTest):
    """No request is answered with a fault of ours, and none ends the daemon."""

    @classmethod
    def set_up_functions(cls):
        cls.make_queues()

    @classmethod
    def make_queues(cls):
        for name in ("target", "spare"):
            cls.daemon.try_sqs("CreateQueue", QueueName=name)
        cls.daemon.try_sqs("CreateQueue", QueueName="target.fifo", Attributes={"FifoQueue": "true"})

    def places_in(self, value):
        """(container, key) of every value inside."""
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            if isinstance(value[key], (dict, list)):
                yield from self.places_in(value[key])

    def spoil(self, request):
        request = copy.deepcopy(request)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            places = list(self.places_in(request))
            if not places:
                break
            container, key = self.random.choice(places)
            if isinstance(container, dict) and self.random.random() < 0.15:
                del container[key]
            else:
                container[key] = copy.deepcopy(self.random.choice(NASTY))
        return request

    def spoil_bytes(self, body):
        body = bytearray(body)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(body) + 1)
            body[at:at + self.random.randrange(3)] = self.random.randbytes(self.random.randrange(4))
        return bytes(body)

    def test_spoilt_requests(self):
        link = http.client.HTTPConnection("127.0.0.1", self.daemon.control_port, timeout=30)
        for number in range(RANDOM_REQUESTS):
            operation = self.random.choice(list(REQUESTS))
            request = self.spoil(REQUESTS[operation])
            if number % 2:
                body, headers = json.dumps(request).encode(), {"Content-Type": "application/x-amz-json-1.0",
                                                               "X-Amz-Target": f"AmazonSQS.{operation}"}
            else:
                body, headers = form_of(operation, request).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
            if self.random.random() < 0.2:
                body = self.spoil_bytes(body)
            link.request("POST", "/", body, headers)
            answer = link.getresponse()
            said = answer.read()
            self.assertIn(answer.status, (200, 400, 403, 404), (operation, body, said))
            if answer.status != 200 and number % 2:
                self.assertIn("__type", json.loads(said), (operation, body))
        link.close()
        self.make_queues()
        self.assertEqual("still there", self.round_trip("still there"))

    def round_trip(self, body):
        """Sends it and takes it back from a queue of its own."""
        url = self.daemon.create_queue("round-trip", VisibilityTimeout="30")
        self.daemon.sqs("SendMessage", QueueUrl=url, MessageBody=body)
        message = self.daemon.sqs("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
        self.daemon.sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]

    def refused(self, code, operation, **fields):
        answer = self.daemon.try_sqs(operation, **fields)
        self.assertEqual(400, answer.status, answer)
        self.assertIn(code, answer.json()["__type"] + (answer.headers.get("x-amzn-query-error") or ""), answer)

    def test_text_at_the_edges_of_unicode(self):
        for body in ("💩", "\t\n\r", "\ud7ff\ue000\ufffd", "\U0010ffff", "é" * 1000, "e\u0301", "\u202e", " "):
            self.assertEqual(body, self.round_trip(body))
        for body in ("\0", "\x0b", "\x1f", "\ufffe", "\uffff", "a\x08"):
            self.refused("InvalidMessageContents", "SendMessage", QueueUrl="target", MessageBody=body)
        for name in ("é", "a b", "x" * 81, "a/b", ".fifo", "\u0000"):
            self.refused("Invalid", "CreateQueue", QueueName=name)

    def test_bytes_count_and_not_characters(self):
        most = "💩" * (MIB // 4)
        self.assertEqual(most, self.round_trip(most))
        self.refused("InvalidParameterValue", "SendMessage", QueueUrl="target", MessageBody=most + "x")
        self.refused("InvalidParameterValue", "SendMessage", QueueUrl="target", MessageBody=most, MessageAttributes=ATTRIBUTE)

    def test_batches_at_the_limit_and_one_past_it(self):
        def entries(count, size=1):
            return [{"Id": str(number), "MessageBody": "x" * size} for number in range(count)]
        sent = self.daemon.sqs("SendMessageBatch", QueueUrl="spare", Entries=entries(10))
        self.assertEqual(10, len(sent["Successful"]))
        self.refused("TooManyEntriesInBatchRequest", "SendMessageBatch", QueueUrl="spare", Entries=entries(11))
        self.refused("EmptyBatchRequest", "SendMessageBatch", QueueUrl="spare", Entries=[])
        self.refused("BatchEntryIdsNotDistinct", "SendMessageBatch", QueueUrl="spare", Entries=entries(1) * 2)
        self.assertEqual(8, len(self.daemon.sqs("SendMessageBatch", QueueUrl="spare", Entries=entries(8, MIB // 8))["Successful"]))
        self.refused("BatchRequestTooLong", "SendMessageBatch", QueueUrl="spare", Entries=entries(8, MIB // 8) + [
            {"Id": "more", "MessageBody": "x"}])
        self.daemon.sqs("PurgeQueue", QueueUrl="spare")

    def test_thousands_of_queues(self):
        def create(number):
            return self.daemon.try_sqs("CreateQueue", QueueName=f"many-{number:05}").status
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual({200}, set(pool.map(create, range(MANY_QUEUES))))
        self.daemon.restart()
        urls, token = [], {}
        while True:
            page = self.daemon.sqs("ListQueues", QueueNamePrefix="many-", MaxResults=1000, **token)
            urls += page["QueueUrls"]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        self.assertEqual([f"many-{number:05}" for number in range(MANY_QUEUES)], [url.rpartition("/")[2] for url in urls])
        self.assertEqual("among many", self.round_trip("among many"))
        self.assertEqual(MANY_QUEUES, self.daemon.hearth("queue", "ls").stdout.count("many-"))
        with_series = sum(name == "hearth_queue_sent_total" for name, _ in self.daemon.metrics())
        self.assertEqual(1001, with_series, "series of a thousand queues, and one for the rest")


class RemovedMeanwhile(ChaosTest):
    @classmethod
    def set_up_functions(cls):
        cls.records = Records(cls.daemon)
        cls.daemon.create_function("walker", handler_path("walker"), timeout=20, hearth=cls.records.mount())

    def walked(self):
        log = self.records.folder / "walk.log"
        return log.read_text().splitlines() if log.exists() else []

    def test_queue_under_long_polls(self):
        url = self.daemon.create_queue("polled")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            polls = [pool.submit(self.daemon.try_sqs, "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20) for _ in range(20)]
            self.daemon.sqs("DeleteQueue", QueueUrl=url)  # they are on their way, or wait already
            answers = [poll.result(30) for poll in polls]
        for answer in answers:  # one that had waited to its end would have an empty one
            self.assertEqual(400, answer.status, answer)
            self.assertIn("QueueDoesNotExist", answer.json()["__type"])

    def send(self, url, *bodies):
        for body in bodies:
            self.daemon.sqs("SendMessage", QueueUrl=url, MessageBody=body)

    def test_mapping_with_batches_in_flight(self):
        url = self.daemon.create_queue("left", VisibilityTimeout="1")
        self.send(url, *(f"left slow {number}" for number in range(40)))
        uuid = self.daemon.map_queue("left", "walker", BatchSize=10)
        wait_until(lambda: self.daemon.queue_depth(url)[1] > 0, what="a batch in flight")
        self.assertEqual(202, self.daemon.control("DELETE", MAPPINGS + uuid).status)
        wait_until(lambda: self.daemon.queue_depth(url)[1] == 0, what="what was in flight done")
        done = [line for line in self.walked() if line.startswith("left")]
        self.assertEqual(len(set(done)), len(done))
        self.assertEqual(40 - len(done), self.daemon.queue_depth(url)[0], "each message ran, or is still there")
        self.assertEqual(404, self.daemon.control("GET", MAPPINGS + uuid).status)
        self.daemon.map_queue("left", "walker")
        wait_until(lambda: self.daemon.queue_depth(url) == (0, 0), what="the rest taken by another mapping")
        self.assertEqual(sorted(f"left slow {number} 1" for number in range(40)),
                         sorted(line for line in self.walked() if line.startswith("left")))

    def test_queue_with_batches_in_flight_then_made_again(self):
        url = self.daemon.create_queue("phoenix", VisibilityTimeout="1")
        uuid = self.daemon.map_queue("phoenix", "walker", BatchSize=10)
        for turn in range(short_or_long(3, 30)):
            self.send(url, *(f"phoenix slow {turn}-{number}" for number in range(10)))
            wait_until(lambda: self.daemon.queue_depth(url)[1] > 0, what="a batch in flight")
            self.daemon.sqs("DeleteQueue", QueueUrl=url)
            self.assertEqual(url, self.daemon.create_queue("phoenix", VisibilityTimeout="1"))
        self.send(url, "phoenix last")
        wait_until(lambda: "phoenix last 1" in self.walked(), 60, "a message of the queue that was made again")
        wait_until(lambda: self.daemon.queue_depth(url) == (0, 0), what="it deleted")
        self.assertEqual("Enabled", self.daemon.control("GET", MAPPINGS + uuid).json()["State"])


@needs_root
class FullDisk(unittest.TestCase):
    """The disk of a daemon fills up under a sender and a mapping, and has room again: what was acknowledged runs. Without the
    reserve, which refuses new work before that (test_operating.py): here the stores themselves meet the end of the disk."""

    def setUp(self):
        self.daemon = daemon_on_small_disk(self.addCleanup, 200, "--disk-reserve-mib", "0").start()
        self.records = Records(self.daemon)
        self.daemon.create_function("walker", handler_path("walker"), timeout=20, hearth=self.records.mount())

    def test_what_was_acknowledged_runs_once_there_is_room(self):
        url = self.daemon.create_queue("work", VisibilityTimeout="2")
        self.daemon.map_queue("work", "walker")
        acknowledged, refused = [], 0
        ballast = fill(self.daemon.data_dir, ROOM)  # some hundred messages
        for number in range(3000):
            body = f"{number} slow " + "x" * 20_000
            if self.daemon.try_sqs("SendMessage", QueueUrl=url, MessageBody=body).status == 200:
                acknowledged.append(str(number))
            else:
                refused += 1
            if refused >= 5:
                break
        self.assertGreaterEqual(refused, 5, "the disk was never full")
        self.assertGreater(len(acknowledged), 50, "nothing was accepted before it was full")
        self.assertEqual(200, self.daemon.control("GET", "/livez").status)
        ballast.unlink()
        wait_until(lambda: self.daemon.queue_depth(url) == (0, 0), 90, "the queue drained")
        ran = {line.split()[0] for line in (self.records.folder / "walk.log").read_text().splitlines()}
        self.assertEqual(set(), set(acknowledged) - ran, "acknowledged and never run")
        for word in SANITIZER_WORDS:
            self.assertNotIn(word, self.daemon.stderr(1 << 24))


if __name__ == "__main__":
    unittest.main()
