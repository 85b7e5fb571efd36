"""hearthd needs no more memory after a million requests than after the first few thousand, and no more descriptors.

Short events, pipelined over several connections, so that busy workers are given events ahead; among them handlers that die in mid-call,
bodies that end before they are whole, and clients that go away without their answers. What is there after a warm-up (the log of the
function is full then, tables have their size) is held against what is there at the end.

The anonymous part of the resident memory counts: ledger segments are files, mapped. With sanitizers the quarantine of what was freed is
small here, so that it is full after the warm-up.
"""
import os
import pathlib
import socket
import unittest

from hearth_e2e import DaemonTest, handler_path, metric_sum, wait_until

LONG = bool(os.environ.get("HEARTH_LONG"))
REQUESTS = 1_000_000 if LONG else 20_000
# The ledger's window of 262,144 identities is what is full last. The short form's is not: 24 bytes a request, 0.5 MiB.
WARM_UP = 300_000 if LONG else 30_000
CONNECTIONS, PIPELINED = 8, 25
# Heaps and sanitizers round up and hold back: a million requests were 5.2 MiB with them, and 12 KiB in a release build. A leak of 100
# bytes a request would be 95 MiB in the long form, 2 in the short one, more with a sanitizer's redzones.
GROWTH_KIB_MAX = 8 * 1024 if LONG else 1536
DIES_EVERY = 10  # rounds
WORKERS = 2


class FlatMemory(DaemonTest):
    CONFIG = {"memory_mib": 4096}

    @classmethod
    def setUpClass(cls):
        kept = os.environ.get("ASAN_OPTIONS")
        os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [kept, "quarantine_size_mb=1", "thread_local_quarantine_size_kb=64"]))
        try:
            super().setUpClass()
        finally:
            del os.environ["ASAN_OPTIONS"]
            if kept is not None:
                os.environ["ASAN_OPTIONS"] = kept

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("turner", handler_path("turner"), timeout=20, memory=1024)
        cls.daemon.control("PUT", "/2017-10-31/functions/turner/concurrency", {"ReservedConcurrentExecutions": WORKERS})
        cls.daemon.create_url("turner")

    def connect(self):
        peer = socket.create_connection(("127.0.0.1", self.daemon.data_port), timeout=60)
        self.addCleanup(peer.close)
        return peer

    @staticmethod
    def requests(words):
        return b"".join(f"GET /_url/turner/?{word}-{n} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for n, word in enumerate(words))

    @staticmethod
    def statuses(peer, count):
        """Of so many answers, in turn."""
        found, received = [], b""
        while len(found) < count:
            chunk = peer.recv(262144)
            if not chunk:
                raise AssertionError(f"{len(found)} of {count} answers, then the end: {received[-400:]!r}")
            received += chunk
            while (end := received.find(b"\r\n\r\n")) >= 0:
                head = received[:end].lower()
                whole = end + 4 + int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                if len(received) < whole:
                    break
                found.append(int(head[9:12]))
                received = received[whole:]
        return found

    def abort_body(self):
        with self.connect() as peer:
            peer.sendall(b"POST /_url/turner/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n" + b"x" * 10_000)

    def leave_unanswered(self):
        with self.connect() as peer:
            peer.sendall(self.requests(["plain"] * 5))

    def load(self, count):
        """At least so many requests; every answer is looked at."""
        peers = [self.connect() for _ in range(CONNECTIONS)]
        plain = ["plain"] * PIPELINED
        quiet, deadly = self.requests(plain), self.requests([*plain[1:], "die"])
        for turn in range(-(-count // (CONNECTIONS * PIPELINED))):
            dies = turn % DIES_EVERY == DIES_EVERY - 1
            for peer in peers:
                peer.sendall(deadly if dies and peer is peers[0] else quiet)
            if turn % 5 == 0:
                self.abort_body()
                self.leave_unanswered()
            for peer in peers:
                expected = [200] * PIPELINED
                if dies and peer is peers[0]:
                    expected[-1] = 502
                self.assertEqual(expected, self.statuses(peer, PIPELINED), f"round {turn}")
        for peer in peers:
            peer.close()
        self.doCleanups()

    def at_rest(self):
        """Anonymous resident KiB and descriptors, once nobody is connected and nothing runs."""
        def idle():
            version = next(one for one in self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"] if one["function"] == "turner")
            return version["busy"] == version["starting"] == version["waiting"] == 0
        wait_until(idle, 60, "all ended")
        folder = pathlib.Path(f"/proc/{self.daemon.process.pid}")
        line = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]), len(list((folder / "fd").iterdir()))

    def test_what_it_needs_after_the_warm_up_is_enough(self):
        self.load(WARM_UP)
        before_kib, before_fds = self.at_rest()
        self.load(REQUESTS)
        after_kib, after_fds = self.at_rest()
        print(f"{REQUESTS} requests: {before_kib} KiB and {before_fds} descriptors, then {after_kib} and {after_fds}")
        self.assertLess(after_kib - before_kib, GROWTH_KIB_MAX)
        self.assertLessEqual(after_fds, before_fds + WORKERS * 20)
        metrics = self.daemon.metrics()
        self.assertGreaterEqual(metric_sum(metrics, "hearth_invocations_total", function="turner"), WARM_UP + REQUESTS)
        self.assertGreater(metric_sum(metrics, "hearth_invocations_total", function="turner", outcome="crash"), 0)
        version = next(one for one in self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"] if one["function"] == "turner")
        self.assertGreater(version["handed_ahead"], 0)


if __name__ == "__main__":
    unittest.main()
