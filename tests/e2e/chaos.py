"""What the attacks on a running daemon share.

Random choices come from CHAOS_SEED, which is printed; HEARTH_LONG=1 runs the long counts.
"""
import collections
import http.client
import json
import os
import random
import threading

from hearth_e2e import DaemonTest, http_call, wait_until

LONG = os.environ.get("HEARTH_LONG") == "1"
SEED = int(os.environ.get("CHAOS_SEED", random.randrange(1 << 32)))
SANITIZER_WORDS = ("AddressSanitizer", "runtime error:", "LeakSanitizer", "CHECK failed")


def short_or_long(short, long):
    return long if LONG else short


class ChaosTest(DaemonTest):
    """After each test: the daemon lives, and no sanitizer had anything to say."""

    @classmethod
    def setUpClass(cls):
        print(f"CHAOS_SEED={SEED}", flush=True)
        cls.random = random.Random(SEED)
        super().setUpClass()

    def setUp(self):
        if not self.daemon.running():
            self.daemon.start()

    def tearDown(self):
        if self.daemon.running():
            self.assertEqual(200, self.daemon.control("GET", "/livez").status)
        said = self.daemon.stderr(bytes_max=1 << 24)
        for word in SANITIZER_WORDS:
            self.assertNotIn(word, said)

    def pool_of(self, function):
        """Its workers' counts, all its versions together."""
        counts = collections.Counter()
        for version in self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]:
            if version["function"] == function:
                counts.update({state: version[state] for state in ("starting", "idle", "busy", "waiting")})
        return {state: counts[state] for state in ("starting", "idle", "busy", "waiting")}

    def wait_quiet(self, function):
        """Nothing is starting, busy or waiting: what was lent came back."""
        def quiet():
            counts = self.pool_of(function)
            return counts["starting"] + counts["busy"] + counts["waiting"] == 0
        wait_until(quiet, what=f"no leaked count of {function}")


class Caller(threading.Thread):
    """Invokes until it is told to stop, or the daemon goes; remembers what was answered."""

    def __init__(self, daemon, function, payload=None):
        super().__init__(daemon=True)
        self.port, self.function, self.payload = daemon.control_port, function, json.dumps(payload or {})
        self.answers, self.broken, self.ended = [], 0, threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                self.answers.append(http_call(self.port, "POST", f"/2015-03-31/functions/{self.function}/invocations", self.payload))
            except (OSError, http.client.HTTPException):
                self.broken += 1
                return

    def stop(self):
        self.ended.set()
        self.join()

    def statuses(self):
        return collections.Counter(answer.status for answer in self.answers)
