"""kill -9 of the daemon at random moments under asynchronous load:

* nothing that was accepted is lost: each event ends, with success,
* no success is run again after its record,
* each run of an event has an attempt number of its own,
* each event's destination hears of it, once.

HEARTH_LONG=1: 100 kills.
"""
import collections
import http.client
import json
import threading
import unittest
import uuid

from chaos import ChaosTest, short_or_long
from hearth_e2e import ACCOUNT, REGION, handler_path, wait_until
from ledger_reader import read_ledger

KILLS = short_or_long(5, 100)
SENDERS = 3
LIFE_S = (0.01, 0.8)  # of the daemon between two kills
OUTSTANDING_MAX = 150
END_DEADLINE_S = 240
BREATH_S = 0.005
# Some fail the first time, so that kills find events that wait for their retry.
DEEDS = ({"do": "count"}, {"do": "sleep", "ms": 40}, {"do": "count"}, {"do": "throw"})


class KilledUnderLoad(ChaosTest):
    CONFIG = {"async_retry_delay_s": 1, "invocations_kept": 1_000_000}

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=20, memory=32)
        cls.daemon.create_queue("told")
        destination = {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"}
        cls.daemon.control("PUT", "/2019-09-25/functions/victim/event-invoke-config",
                           {"DestinationConfig": {"OnSuccess": destination, "OnFailure": destination}})

    def setUp(self):
        super().setUp()
        self.lock = threading.Lock()
        self.accepted = {}  # request id -> deed
        self.told = collections.Counter()
        self.faults = []
        self.sending = threading.Event()
        self.sending.set()

    def send(self, number):
        """With a key, so that what was not answered can be sent again and is still one event."""
        connection, port = None, None
        for count in range(1_000_000):
            deed = DEEDS[(count + number) % len(DEEDS)]
            key = uuid.uuid4().hex
            while self.sending.is_set():
                if len(self.accepted) - len(self.told) > OUTSTANDING_MAX:
                    threading.Event().wait(BREATH_S)
                    continue
                if self.daemon.control_port != port or connection is None:
                    port = self.daemon.control_port
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                try:
                    headers = {"X-Amz-Invocation-Type": "Event"}
                    if count % 2:
                        headers["X-Hearth-Idempotency-Key"] = key
                    connection.request("POST", "/2015-03-31/functions/victim/invocations", json.dumps(deed), headers)
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    connection = None
                    threading.Event().wait(BREATH_S)
                    continue
                if answer.status == 202:
                    with self.lock:
                        first = answer.headers.get("X-Hearth-Request-Id") or answer.headers["x-amzn-RequestId"]
                        self.accepted[first] = deed["do"]
                    break
                if answer.status not in (429, 503):
                    self.faults.append(f"{answer.status} {answer.headers}")
                threading.Event().wait(BREATH_S)
            if not self.sending.is_set():
                return

    def listen(self):
        """Takes what the destination was told."""
        while not self.heard_enough.is_set():
            try:
                answer = self.daemon.try_sqs("ReceiveMessage", QueueUrl="told", MaxNumberOfMessages=10, WaitTimeSeconds=1)
                messages = answer.json().get("Messages", []) if answer.status == 200 else []
                for message in messages:
                    with self.lock:
                        self.told[(json.loads(message["Body"])["requestContext"]["requestId"], message["MessageId"])] += 1
                if messages:
                    entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
                    self.daemon.try_sqs("DeleteMessageBatch", QueueUrl="told", Entries=entries)
            except (OSError, http.client.HTTPException, AssertionError):
                threading.Event().wait(BREATH_S)

    def states(self):
        """{state: how many} of what was accepted."""
        listed = self.daemon.control("GET", "/_hearth/v1/invocations?limit=1000").json()["invocations"]
        return collections.Counter(one["state"] for one in listed)

    def open_events(self):
        """Of what was accepted: an answer that a kill cut off may have left others."""
        listed = self.daemon.control("GET", "/_hearth/v1/invocations?limit=1000").json()["invocations"]
        return sum(one["request_id"] in self.accepted and one["state"] not in ("succeeded", "failed") for one in listed)

    def test_what_was_accepted_has_one_end(self):
        self.heard_enough = threading.Event()
        threads = [threading.Thread(target=self.send, args=(number,), daemon=True) for number in range(SENDERS)]
        threads.append(threading.Thread(target=self.listen, daemon=True))
        for thread in threads:
            thread.start()
        try:
            for kill in range(KILLS):
                threading.Event().wait(self.random.uniform(*LIFE_S))
                self.daemon.kill9()
                self.daemon.start()
                self.assertEqual([], self.faults, f"after {kill + 1} kills")
            self.sending.clear()
            try:
                wait_until(lambda: self.all_told() and self.open_events() == 0, END_DEADLINE_S, "each event told")
            except AssertionError as late:
                raise AssertionError(f"{late}: of {len(self.accepted)} untold {self.untold()}, in all {self.states()}") from None
        finally:
            self.sending.clear()
            self.heard_enough.set()
            for thread in threads:
                thread.join(60)
        self.check_ledger()
        self.check_told()

    def untold(self):
        with self.lock:
            heard = {request_id for request_id, _ in self.told}
            return [request_id for request_id in self.accepted if request_id not in heard]

    def all_told(self):
        return not self.untold()

    def check_told(self):
        """One message each: the same one may be received again, since a kill may come before its delete."""
        messages = collections.Counter(request_id for request_id, _ in self.told)
        self.assertEqual([], [request_id for request_id in self.accepted if messages[request_id] != 1])

    def check_ledger(self):
        self.daemon.stop()
        attempts = collections.defaultdict(list)
        for record in read_ledger(self.daemon.data_dir / "ledger"):
            attempts[record.request_id].append((record.attempt, record.outcome))
        faults, reruns = [], 0
        for request_id, deed in self.accepted.items():
            runs = attempts[request_id]
            numbers = [number for number, _ in runs]
            outcomes = [outcome for _, outcome in sorted(runs)]
            reruns += len(runs) - 1
            if len(set(numbers)) != len(numbers):
                faults.append(f"{request_id}: the same number twice: {runs}")
            if deed != "throw" and (outcomes.count("success") != 1 or outcomes[-1] != "success"):
                faults.append(f"{request_id}: not one success at its end: {runs}")
            # What a crash interrupted may or may not have failed; three that failed are all that there may be.
            if deed == "throw" and outcomes.count("function_error") not in (3, 4):
                faults.append(f"{request_id}: not three failures: {runs}")
        self.assertEqual([], faults)
        print(f"{len(self.accepted)} events, {reruns} runs again, {KILLS} kills", flush=True)


if __name__ == "__main__":
    unittest.main()
