"""The ledger of a real daemon, read from outside: kill -9 under mixed load, forgery, a full disk."""
import collections
import contextlib
import ctypes
import http.client
import json
import os
import shutil
import subprocess
import threading
import time
import unittest

from chaos import ChaosTest, short_or_long
from hearth_e2e import DaemonTest, built, handler_path, http_call, metric_sum, parse_metrics, wait_until
from ledger_reader import Follower, forge, read_ledger, segments_of, twice

KILLS = short_or_long(6, 200)
CALLERS = 4  # of each door that answers at once: no more of those can be in flight


class Asker(threading.Thread):
    """Calls one door until the daemon goes; keeps the request id of each answer that it saw whole."""

    def __init__(self, ask):
        super().__init__(daemon=True)
        self.ask, self.seen, self.odd = ask, [], []

    def run(self):
        while True:
            try:
                answer = self.ask()
            except (OSError, http.client.HTTPException):
                return
            request_id = answer.headers.get("x-amzn-requestid") or answer.headers.get("x-amzn-RequestId")
            (self.seen if answer.status == 200 else self.odd).append(request_id or answer)


class KilledUnderMixedLoad(ChaosTest):
    """kill -9 at a random moment, over and over: no answered attempt is lost, none is invented, the sums agree."""

    @classmethod
    def set_up_functions(cls):
        for name in ("by_url", "by_invoke", "by_event", "by_queue"):
            cls.daemon.create_function(name, handler_path("victim"), timeout=20)
        cls.url = cls.daemon.create_url("by_url")
        cls.queue = cls.daemon.create_queue("work", VisibilityTimeout="30")
        cls.daemon.map_queue("work", "by_queue", BatchSize=3)

    def ledger(self):
        return read_ledger(self.daemon.data_dir / "ledger")

    def scrape_until_it_breaks(self, kept):
        while True:
            try:
                kept["last"] = self.daemon.metrics()
            except (OSError, http.client.HTTPException, AssertionError):
                return

    def load_until_it_breaks(self, turn):
        n = 0
        while True:
            n += 1
            try:
                self.daemon.invoke("by_event", {"do": "echo", "n": n}, invocation_type="Event")
                self.daemon.try_sqs("SendMessage", QueueUrl=self.queue, MessageBody=f"{turn}-{n}")
            except (OSError, http.client.HTTPException, AssertionError):
                return

    def one_life(self, turn):
        port = self.daemon.control_port
        askers = [Asker(lambda: self.daemon.get_url(self.url)) for _ in range(CALLERS)]
        askers += [Asker(lambda: http_call(port, "POST", "/2015-03-31/functions/by_invoke/invocations", '{"do":"echo"}'))
                   for _ in range(CALLERS)]
        kept = {}
        others = [threading.Thread(target=self.load_until_it_breaks, args=(turn,), daemon=True),
                  threading.Thread(target=self.scrape_until_it_breaks, args=(kept,), daemon=True)]
        for thread in (*askers, *others):
            thread.start()
        time.sleep(self.random.uniform(0.1, 1.0))  # the moment is what is random
        self.daemon.kill9()
        for thread in (*askers, *others):
            thread.join()
        self.assertEqual([], [odd for asker in askers for odd in asker.odd], "an answer other than 200 under light load")
        return [request_id for asker in askers for request_id in asker.seen], kept.get("last", {})

    def check_life(self, seen, new, scraped):
        """After a kill, before the next start: what the dead daemon left."""
        own = [record for record in new if record.outcome != "interrupted"]
        ran = collections.Counter(record.request_id for record in own)
        self.assertEqual([], [one for one in seen if ran[one] != 1], "answered without exactly one record")
        synchronous = {record.request_id for record in own if record.function in ("by_url", "by_invoke")}
        self.assertLessEqual(len(synchronous - set(seen)), 2 * CALLERS, "records of answers that nobody saw")
        self.assertLessEqual(metric_sum(scraped, "hearth_invocations_total"), len(own), "the last scrape is ahead of the ledger")
        self.scraped += bool(scraped)

    def check_interrupted(self, records):
        """What a start adds for attempts that were under way: nothing of it is billed."""
        for record in records:
            self.assertEqual(("interrupted", False, 0, 0), (record.outcome, record.billable, record.billed_ms, record.duration_ns))

    def test_kills(self):
        follower = Follower(self.daemon.data_dir / "ledger")
        every = follower.more()
        answers = interrupted = self.scraped = 0
        for turn in range(KILLS):
            if not self.daemon.running():
                self.daemon.start()
            # New attempts may have begun already: of the queue.
            seen, scraped = self.one_life(turn)
            new = follower.more()
            boot = collections.Counter(record.boot_id for record in new if record.outcome != "interrupted")
            self.assertLessEqual(len(boot), 1, "records of one life")
            left = [record for record in new if record.outcome == "interrupted"]
            self.check_interrupted(left)
            self.check_life(seen, new, scraped)
            every += new
            answers, interrupted = answers + len(seen), interrupted + len(left)
        self.assertEqual([], twice(every))
        print(f"{KILLS} kills, {answers} answers seen, {len(every)} records, {interrupted} interrupted, {self.scraped} lives scraped",
              flush=True)
        self.daemon.start()
        self.daemon.invoke("by_invoke", {})  # the last kill may have left nothing to do
        wait_until(lambda: self.daemon.queue_depth(self.queue) == (0, 0), 90, "the queue drained")
        for name in ("by_event", "by_queue"):
            self.wait_quiet(name)
        self.assert_sums_agree()
        self.assertGreater(interrupted, 0, "no kill met an attempt under way")
        self.assertGreater(self.scraped, 0, "no life was scraped")

    def assert_sums_agree(self):
        def settled():
            first = len(self.ledger())
            samples = self.daemon.metrics()
            return (samples, self.ledger()) if len(self.ledger()) == first else None
        samples, records = wait_until(settled, 60, "a ledger that stands still")
        self.assertEqual([], twice(records))
        for name in ("by_url", "by_invoke", "by_event", "by_queue"):
            own = [record for record in records if record.function == name and record.billable]
            billed = self.daemon.bill_of(name)
            self.assertEqual((len(own), sum(record.billed_ms for record in own)), (billed.requests, billed.billed_ms), name)
        boot = records[-1].boot_id
        this_life = sum(record.boot_id == boot and record.outcome != "interrupted" for record in records)
        self.assertEqual(this_life, metric_sum(samples, "hearth_invocations_total"), "metrics and ledger of the quiet daemon")
        answer = self.daemon.control("GET", "/_hearth/v1/ledger/check").json()
        self.assertEqual((True, []), (answer["good"], answer["findings"]))
        self.assertEqual(len(records), answer["invocations"])


class Verified(DaemonTest):
    """`hearth ledger verify`, online and offline, on good and on forged ledgers."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))

    def verify(self, *arguments):
        return subprocess.run([built("hearth"), "ledger", "verify", *arguments], capture_output=True, text=True, check=False,
                              env={**os.environ, "HEARTH_URL": self.daemon.endpoint})

    def test_good_then_forged(self):
        for _ in range(3):
            self.daemon.invoke("victim", {"do": "echo"})
        online = self.verify()
        self.assertEqual(0, online.returncode, online)
        self.assertIn("good", online.stdout)
        folder = str(self.daemon.data_dir)
        refused = self.verify("--data-dir", folder)
        self.assertEqual(3, refused.returncode, refused)
        self.assertIn("ask it, without --data-dir", refused.stderr)
        self.daemon.stop()
        offline = self.verify("--data-dir", folder, "--json")
        self.assertEqual(0, offline.returncode, offline)
        self.assertEqual(3, json.loads(offline.stdout)["invocations"])
        self.assertEqual(0, json.loads(offline.stdout)["bytes_not_chained_yet"])
        forge(segments_of(self.daemon.data_dir / "ledger")[0])
        forged = self.verify("--data-dir", folder)
        self.assertEqual(4, forged.returncode, forged)
        self.assertRegex(forged.stdout, r"0000000000\.ledger: sync group \d+ does not have the hash that was chained")
        self.daemon.start()
        again = self.verify()
        self.assertEqual(4, again.returncode, again)
        self.assertIn("does not have the hash that was chained", again.stdout)


MOUNT_PRIVATE = 1 << 18


@unittest.skipUnless(os.geteuid() == 0, "mounting a small disk needs root")
class FullDisk(DaemonTest):
    """The ledger's disk is full: old work finishes, new work is refused with 503, and it recovers by itself."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=20)

    def test_full_then_freed(self):
        ledger = self.daemon.data_dir / "ledger"
        self.daemon.stop()
        libc = ctypes.CDLL(None, use_errno=True)
        # Room for two segments of 1 MiB, the slots and the chains.
        if libc.mount(b"none", os.fsencode(ledger), b"tmpfs", 0, b"size=4m") != 0:
            self.skipTest(f"no tmpfs may be mounted here: {os.strerror(ctypes.get_errno())}")
        self.addCleanup(libc.umount2, os.fsencode(ledger), 2)
        self.daemon.arguments += ["--ledger-segment-mib", "1"]
        self.daemon.start()
        self.assertEqual(200, self.daemon.invoke("victim", {"do": "echo"}).status)
        slow = []
        running = threading.Thread(target=lambda: slow.append(self.daemon.invoke("victim", {"do": "sleep", "ms": 3000})))
        running.start()
        wait_until(lambda: self.daemon.workers("victim", "busy") == 1, what="a busy worker")
        ballast = ledger / "ballast"
        with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        self.fill_with_credits(until=503)
        refused = self.daemon.invoke("victim", {"do": "echo"})
        self.assertEqual(503, refused.status, refused)
        self.assertIn("disk full", refused.message)
        self.assertEqual(503, self.daemon.control("GET", "/readyz").status)
        running.join()
        self.assertEqual(200, slow[0].status, slow[0])
        before = read_ledger(ledger)
        self.assertEqual([], twice(before))
        ballast.unlink()
        wait_until(lambda: self.daemon.invoke("victim", {"do": "echo"}).status == 200, what="new work is taken again")
        self.assertEqual(200, self.daemon.control("GET", "/readyz").status)
        after = read_ledger(ledger)
        self.assertEqual(before, after[:len(before)])
        billed = self.daemon.bill_of("victim")
        self.assertEqual(len(after), billed.requests)
        self.assertEqual(sum(record.billed_ms for record in after), billed.billed_ms)
        self.daemon.stop()

    def fill_with_credits(self, until):
        """The largest entries that can be had from outside: about a kilobyte each."""
        for _ in range(3_000):
            answer = credit(self.daemon)
            if answer.status == until:
                return
            self.assertEqual(201, answer.status, answer)
        self.fail("a segment of 1 MiB that does not fill")


def credit(daemon):
    return daemon.control("POST", "/_hearth/v1/credits", {"Amount": "0.0000000001", "Reason": "x" * 1000})


class SummedUp(DaemonTest):
    """A full segment is summed up by the running daemon, and its bill stays what it was; also over kill -9 right then."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))

    def check(self):
        return self.daemon.control("GET", "/_hearth/v1/ledger/check").json()

    def bill(self):
        self.assertTrue(self.daemon.control("POST", f"/_hearth/v1/bill/re-rate?month={time.strftime('%Y-%m', time.gmtime())}").json()["same"])
        return self.daemon.bill()

    def restart(self):
        self.daemon.kill9()
        self.daemon.start()

    def test_summed_up(self):
        self.daemon.stop()
        shutil.rmtree(self.daemon.data_dir / "ledger")  # its first segment is of the usual size
        self.daemon.arguments += ["--ledger-segment-mib", "1"]
        self.daemon.start()
        for _ in range(20):
            self.daemon.invoke("victim", {"do": "echo"})
        while self.check()["segments"] < 2:
            for _ in range(100):
                self.assertEqual(201, credit(self.daemon).status)
        for _ in range(20):
            self.daemon.invoke("victim", {"do": "echo"})
        before = self.bill()
        for _ in range(3):
            self.restart()  # wherever the summing up is
        wait_until(lambda: self.check()["segments_rolled_up"] >= 1 and self.check()["roll_ups_not_anchored_yet"] == 0,
                   what="a segment summed up")
        self.restart()  # from the sums
        after, checked = self.bill(), self.check()
        self.assertEqual(before["lines"], after["lines"])
        self.assertEqual(before["rows"], after["rows"])
        self.assertEqual(([], 40), (checked["findings"], checked["invocations"]))


if __name__ == "__main__":
    unittest.main()
