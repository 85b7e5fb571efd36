"""kill -9 of the daemon under concurrent senders and consumers that speak SQS, and under functions that eat queues:

* every acknowledged send is delivered at least once, to whoever receives or to the function,
* nothing whose delete was acknowledged comes back; a function gets no message twice with the same receive count,
* the order of each message group of a FIFO queue holds,
* nothing is delivered before its delay.

HEARTH_LONG=1: 200 kills.
"""
import collections
import http.client
import json
import threading
import time
import unittest

from chaos import ChaosTest, short_or_long
from hearth_e2e import handler_path, wait_until
from records import Records

KILLS = short_or_long(6, 200)
SENDERS, CONSUMERS, GROUPS = 2, 3, 4
VISIBILITY_S = 2  # what was leased when the daemon died comes back soon
DELAY_S = 2
DELAYED_EVERY = 5  # the fifth message of five is delayed
SLOW_EVERY = 10  # the function takes 50 ms for it, so that a kill finds batches under way
FIFO_RECEIVE = 3  # fewer than a group has, so that consumers meet in groups
# How long the daemon lives between two kills: from right after it is ready to well into its work.
LIFE_S = (0.01, 0.8)
CLOCK_SLACK_S = 0.05  # the store's milliseconds, and two processes that read one clock
# Senders wait for consumers beyond it, so that the end does not have to drain what minutes of sending left.
OUTSTANDING_MAX = 3000
DRAIN_DEADLINE_S = 240
BREATH_S = 0.005

QUEUES = ("kill", "kill.fifo", "eaten", "eaten.fifo")


class Link:
    """A connection of SQS's JSON protocol, made anew when the daemon is another one; an operation that has no answer is None."""

    def __init__(self, daemon):
        self.daemon, self.port, self.connection = daemon, None, None

    def ask(self, operation, **fields):
        if self.daemon.control_port != self.port:
            self.close()
            self.port = self.daemon.control_port
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            self.connection.request("POST", "/", json.dumps(fields), {"Content-Type": "application/x-amz-json-1.0",
                                                                      "X-Amz-Target": f"AmazonSQS.{operation}"})
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            breathe()
            return None
        if answer.status == 503:  # starting
            breathe()
            return None
        if answer.status != 200:
            raise AssertionError(f"{operation}: {answer.status} {body[:300]}")
        return json.loads(body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.port = self.connection = None


def breathe():
    """A moment before something is tried again, so that the loops do not take the processor from the daemon's start."""
    threading.Event().wait(BREATH_S)


def body_of(queue, stem, number):
    """What the function makes of a body is in its words."""
    return f"{queue} {stem}-{number}" + (" slow" if queue.startswith("eaten") and number % SLOW_EVERY == 0 else "")


def first_turns(numbers):
    return list(dict.fromkeys(numbers))


class Walked:
    """What the function `walker` has written down so far: (body, receive count), in order."""

    def __init__(self, path):
        self.path, self.offset, self.rest, self.lines, self.lock = path, 0, "", [], threading.Lock()

    def read(self):
        with self.lock:
            if self.path.exists():
                with open(self.path, encoding="utf-8") as log:
                    log.seek(self.offset)
                    fresh = self.rest + log.read()
                    self.offset = log.tell()
                *whole, self.rest = fresh.split("\n")
                self.lines += [(body, int(count)) for body, count in (line.rsplit(" ", 1) for line in whole)]
            return self.lines


class KilledUnderLoad(ChaosTest):
    @classmethod
    def set_up_functions(cls):
        cls.records = Records(cls.daemon)
        cls.daemon.create_function("walker", handler_path("walker"), timeout=20, hearth=cls.records.mount())
        for queue in QUEUES:
            fifo = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
            cls.daemon.create_queue(queue, VisibilityTimeout=str(VISIBILITY_S), **fifo)
        for queue in QUEUES[2:]:
            cls.daemon.map_queue(queue, "walker")

    def setUp(self):
        super().setUp()
        self.lock = threading.Lock()
        self.walked = Walked(self.records.folder / "walk.log")
        self.tried = {}  # body -> (when its first request was begun, its delay)
        self.acknowledged = collections.defaultdict(set)  # queue -> bodies
        self.delivered = collections.Counter()  # body -> times, of those who receive
        self.deleted = {}  # acknowledged: body -> when
        self.deleting = set()  # asked for, answered or not
        self.order = []  # bodies of kill.fifo, each time that they were delivered
        self.faults = []
        self.sending, self.consuming = threading.Event(), threading.Event()
        self.sending.set()
        self.consuming.set()

    # --- who sends ---

    def outstanding(self, queue):
        through = len(self.walked.read()) if queue.startswith("eaten") else len(self.deleted)
        with self.lock:
            alike = [name for name in QUEUES if name.startswith("eaten") == queue.startswith("eaten")]
            return sum(len(self.acknowledged[name]) for name in alike) - through

    def send_standard(self, link, queue, number):
        count = 0
        while self.sending.is_set():
            if self.outstanding(queue) > OUTSTANDING_MAX:
                breathe()
                continue
            entries = {}
            for _ in range(10):
                count += 1
                entries[f"e{count}"] = {"Id": f"e{count}", "MessageBody": body_of(queue, number, count),
                                        "DelaySeconds": 0 if count % DELAYED_EVERY else DELAY_S}
            with self.lock:
                for entry in entries.values():
                    self.tried[entry["MessageBody"]] = (time.time(), entry["DelaySeconds"])
            answer = link.ask("SendMessageBatch", QueueUrl=queue, Entries=list(entries.values()))
            if answer is None:
                continue
            with self.lock:
                self.acknowledged[queue].update(entries[done["Id"]]["MessageBody"] for done in answer["Successful"])
                self.faults += [f"refused: {one}" for one in answer.get("Failed", [])]

    def send_fifo(self, link, queue):
        """One sender a queue, so that a group has one order; what was not answered is sent again with its deduplication ids."""
        for batch in range(1_000_000):
            group, numbers = batch % GROUPS, range(batch // GROUPS * 10 + 1, batch // GROUPS * 10 + 11)
            entries = [{"Id": str(number), "MessageBody": body_of(queue, group, number), "MessageGroupId": f"g{group}",
                        "MessageDeduplicationId": f"{group}-{number}"} for number in numbers]
            with self.lock:
                self.tried.update({entry["MessageBody"]: (time.time(), 0) for entry in entries})
            answer = None
            while answer is None:
                if not self.sending.is_set():
                    return
                if self.outstanding(queue) > OUTSTANDING_MAX:
                    breathe()
                else:
                    answer = link.ask("SendMessageBatch", QueueUrl=queue, Entries=entries)
            with self.lock:
                self.acknowledged[queue].update(entry["MessageBody"] for entry in entries)
                self.faults += [f"refused: {one}" for one in answer.get("Failed", [])]

    # --- who receives ---

    def take(self, body, asked):
        """`asked`: when the receive that brought it was begun."""
        now = time.time()
        with self.lock:
            self.delivered[body] += 1
            if self.deleted.get(body, asked) < asked:
                self.faults.append(f"{body} came back after its delete was acknowledged")
            if body.startswith("kill.fifo"):
                self.order.append(body)
            begun, delay = self.tried[body]
            if now < begun + delay - CLOCK_SLACK_S:
                self.faults.append(f"{body} came {begun + delay - now:.3f} s too early")

    def consume(self, link, queue):
        while self.consuming.is_set():
            asked = time.time()
            answer = link.ask("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=FIFO_RECEIVE if queue.endswith(".fifo") else 10,
                              WaitTimeSeconds=1)
            messages = (answer or {}).get("Messages", [])
            for message in messages:
                self.take(message["Body"], asked)
            if not messages:
                continue
            if queue.endswith(".fifo"):
                self.take_turns(messages)
            with self.lock:
                self.deleting.update(message["Body"] for message in messages)
            entries = [{"Id": f"e{n}", "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
            answer = link.ask("DeleteMessageBatch", QueueUrl=queue, Entries=entries)
            with self.lock:
                for done in (answer or {}).get("Successful", []):
                    self.deleted.setdefault(messages[int(done["Id"][1:])]["Body"], time.time())

    def take_turns(self, messages):
        """A group gives nothing while one of its messages is in other hands."""
        numbers = collections.defaultdict(list)
        for message in messages:
            group, number = message["Body"].split()[1].split("-")
            numbers[group].append(int(number))
        with self.lock:
            for group, came in numbers.items():
                held = [number for number in range(1, max(came)) if number not in came
                        and body_of("kill.fifo", group, number) not in self.deleting]
                if held:
                    self.faults.append(f"kill.fifo: group {group} gave {came} while {held} were in flight")

    def guarded(self, work, *arguments):
        try:
            with Link(self.daemon) as link:
                work(link, *arguments)
        except Exception as error:  # a thread's failure is the test's
            with self.lock:
                self.faults.append(f"{work.__name__}: {error!r}")

    # --- the test ---

    def left(self):
        """{queue: its messages, whatever their state}, of those that have any."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        counts = {}
        for queue in QUEUES:
            attributes = self.daemon.sqs("GetQueueAttributes", QueueUrl=queue, AttributeNames=names)["Attributes"]
            counts[queue] = sum(int(value) for value in attributes.values())
        return {queue: count for queue, count in counts.items() if count}

    def works(self):
        works = [(self.send_standard, queue, number) for queue in ("kill", "eaten") for number in range(SENDERS)]
        works += [(self.send_fifo, "kill.fifo"), (self.send_fifo, "eaten.fifo")]
        return works + [(self.consume, "kill")] * CONSUMERS + [(self.consume, "kill.fifo")] * 2

    def test_what_was_acknowledged_holds(self):
        threads = [threading.Thread(target=self.guarded, args=work, daemon=True) for work in self.works()]
        for thread in threads:
            thread.start()
        try:
            for kill in range(KILLS):
                threading.Event().wait(self.random.uniform(*LIFE_S))
                self.daemon.kill9()
                self.daemon.start()
                self.assertEqual([], self.faults, f"after {kill + 1} kills")
            self.sending.clear()
            wait_until(lambda: not self.left(), DRAIN_DEADLINE_S, "all queues empty")
        finally:
            self.sending.clear()
            self.consuming.clear()
            for thread in threads:
                thread.join(30)
        self.check_end()

    def check_order(self, queue, bodies):
        for group in range(GROUPS):
            prefix = f"{queue} {group}-"
            numbers = [int(body[len(prefix):].split()[0]) for body in bodies if body.startswith(prefix)]
            self.assertEqual(sorted(set(numbers)), first_turns(numbers), f"{queue}: order of group {group}")

    def check_end(self):
        self.assertEqual([], self.faults)
        walked = self.walked.read()
        ran = collections.Counter(body for body, _ in walked)
        for queue in QUEUES:
            came = ran if queue.startswith("eaten") else self.delivered
            self.assertEqual(set(), self.acknowledged[queue] - came.keys(), f"{queue}: acknowledged and never delivered")
            self.assertGreater(len(self.acknowledged[queue]), KILLS, f"{queue}: too little was sent for the kills to mean anything")
        self.check_order("kill.fifo", self.order)
        self.check_order("eaten.fifo", [body for body, _ in walked])
        twice = [turn for turn, times in collections.Counter(walked).items() if times > 1]
        self.assertEqual([], twice, "run twice with one receive count")
        again = {"receivers": sum(self.delivered.values()) - len(self.delivered), "the function": len(walked) - len(ran)}
        print(f"{KILLS} kills; acknowledged: {({queue: len(bodies) for queue, bodies in self.acknowledged.items()})}; "
              f"acknowledged deletes: {len(self.deleted)}; delivered again: {again}", flush=True)


if __name__ == "__main__":
    unittest.main()
