"""A critic's attacks on a running daemon: kill -9 of everything, redeploys under load, hostile clients, a crowd."""
import collections
import concurrent.futures
import http.client
import os
import pathlib
import signal
import socket
import threading
import time
import unittest
import unittest.mock

import processes
from chaos import Caller, ChaosTest, short_or_long
from hearth_e2e import handler_path, raw_call, wait_until
from records import Records


class KilledUnderLoad(ChaosTest):
    """kill -9 of hearthd at a random moment: what it had said yes to happens, what it answered is billed."""

    @classmethod
    def set_up_functions(cls):
        cls.records = Records(cls.daemon)
        cls.drops = cls.daemon.folder / "drops"
        cls.drops.mkdir()
        cls.daemon.put_bucket("drops", cls.drops)
        for name in ("of_queue", "of_bucket", "of_events"):
            cls.daemon.create_function(name, handler_path("recorder"), timeout=20,
                                       hearth=cls.records.mount({"Bucket": "drops", "Writable": False}))
        cls.daemon.create_function("victim", handler_path("victim"), timeout=20)
        cls.queue = cls.daemon.create_queue("work", VisibilityTimeout="5")
        cls.daemon.map_queue("work", "of_queue", BatchSize=5)
        cls.daemon.put_bucket("drops", cls.drops, {"FunctionName": "of_bucket"})

    def setUp(self):
        super().setUp()
        self.answered, self.sent, self.accepted, self.dropped = 0, [], [], []

    def send_until_it_breaks(self, stem):
        """Queue messages and events in turn, a file now and then; keeps what was acknowledged."""
        for n in range(1_000_000):
            name = f"{stem}-{n}"
            try:
                if self.daemon.try_sqs("SendMessage", QueueUrl=self.queue, MessageBody=f"message {name};").status == 200:
                    self.sent.append(f"message {name};")
                if self.daemon.invoke("of_events", {"event": f"event {name};"}, invocation_type="Event").status == 202:
                    self.accepted.append(f"event {name};")
            except (OSError, http.client.HTTPException, AssertionError):
                return
            (self.drops / name).write_text(name)
            self.dropped.append(name)

    def load_then_kill(self, turn):
        callers = [Caller(self.daemon, "victim") for _ in range(3)]
        sender = threading.Thread(target=self.send_until_it_breaks, args=(f"t{turn}",))
        for thread in (*callers, sender):
            thread.start()
        time.sleep(self.random.uniform(0.05, 1.5))  # the moment is what is random
        made, dead = processes.descendants(self.daemon.process.pid), self.daemon.process.pid
        self.daemon.kill9()
        for thread in (*callers, sender):
            thread.join()
        for caller in callers:
            self.assertEqual(set(), set(caller.statuses()) - {200}, "an answer other than 200 under light load")
            self.answered += len(caller.answers)
        self.daemon.start()
        wait_until(lambda: not processes.alive(made), what="no process of the dead daemon left")
        self.assertEqual([], processes.cgroups_of(dead), "cgroups of the dead daemon")
        self.assertGreaterEqual(self.daemon.bill_of("victim").requests, self.answered, "answered but not in the ledger")

    def test_nothing_acknowledged_is_lost_and_nothing_answered_is_free(self):
        for turn in range(short_or_long(5, 100)):
            self.load_then_kill(turn)
        wait_until(lambda: self.daemon.queue_depth(self.queue) == (0, 0), 60, "the queue drained")

        def missing():
            happened = "".join(path.read_text() for path in self.records.folder.glob("*.json"))
            wanted = self.sent + self.accepted + [f'"{name}"' for name in self.dropped]
            return [text for text in wanted if text not in happened]

        wait_until(lambda: not missing(), 60, "all that was acknowledged has run")
        self.assertGreater(min(len(self.sent), len(self.accepted), len(self.dropped), self.answered), 0)
        wait_until(self.every_file_has_a_receipt, 60, "receipts of all files")

    def every_file_has_a_receipt(self):
        before = self.daemon.bill_of("of_bucket").requests
        self.daemon.restart()  # scans: what has no receipt would run again
        self.wait_quiet("of_bucket")
        return self.daemon.bill_of("of_bucket").requests == before


class KilledParts(ChaosTest):
    """kill -9 of one process of a sandbox: that call fails in time and says why, the next one works."""

    BOUND_S = 10

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=8)

    def kill_while_busy(self, choose):
        """Kills what `choose` names while a call sleeps; returns that call's answer."""
        self.daemon.invoke("victim", {"do": "echo"})
        with concurrent.futures.ThreadPoolExecutor() as pool:
            call = pool.submit(self.daemon.invoke, "victim", {"do": "sleep", "ms": 5000})
            wait_until(lambda: self.daemon.workers("victim", "busy") == 1, what="a busy worker")
            for pid in choose(processes.Sandbox(self.daemon)):
                self.kill_with_all_below(pid)
            return call.result(self.BOUND_S)

    def kill_with_all_below(self, pid):
        """The zygote's workers are init's children, and live on."""
        below = processes.descendants(pid)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes.alive([pid, *below]), what="it gone, and what it had made")

    def assert_well_again(self):
        def works():
            answer = self.daemon.invoke("victim", {"do": "echo"})
            self.assertIn(answer.status, (200, 503), answer)
            return answer.status == 200 and not answer.function_error
        wait_until(works, self.BOUND_S, "a call that works")
        self.wait_quiet("victim")

    def test_busy_worker(self):
        before = self.daemon.bill_of("victim").requests
        answer = self.kill_while_busy(lambda sandbox: sandbox.workers)
        self.assert_function_error(answer, "Runtime.ExitError", "signal")
        self.assertEqual(200, self.daemon.invoke("victim", {}).status, "the very next call")
        self.assertEqual(before + 3, self.daemon.bill_of("victim").requests)
        self.assert_well_again()

    def test_idle_worker(self):
        self.daemon.invoke("victim", {})
        for pid in processes.Sandbox(self.daemon).workers:
            os.kill(pid, signal.SIGKILL)
        answer = self.daemon.invoke("victim", {"do": "echo"})  # at once: the daemon may not know yet
        self.assertEqual(200, answer.status, answer)
        self.assert_well_again()

    def test_zygote_harms_no_call_under_way(self):
        answer = self.kill_while_busy(lambda sandbox: [sandbox.zygote])
        self.assertEqual(200, answer.status, answer)
        self.assert_well_again()

    def test_zygote_while_idle_then_cold_starts(self):
        self.daemon.invoke("victim", {})
        os.kill(processes.Sandbox(self.daemon).zygote, signal.SIGKILL)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(self.daemon.invoke, "victim", {"do": "sleep", "ms": 200}) for _ in range(8)]
            statuses = {call.result(self.BOUND_S).status for call in calls}
        self.assertLessEqual(statuses, {200, 503})
        self.assert_well_again()

    def check_platform_fault(self, choose):
        before = self.daemon.bill_of("victim").requests
        answer = self.kill_while_busy(choose)
        self.assertIn(answer.status, (500, 502, 503), answer)
        self.assertIn("sandbox", answer.message)
        self.assertEqual(before + 1, self.daemon.bill_of("victim").requests, "only the call before it is billed")
        self.assert_well_again()

    def test_init(self):
        self.check_platform_fault(lambda sandbox: [sandbox.init])

    def test_launcher(self):
        old = processes.children(self.daemon.process.pid)
        self.check_platform_fault(lambda sandbox: [sandbox.launcher])
        self.assertNotEqual(old, processes.children(self.daemon.process.pid), "another launcher")
        self.assertEqual(1, len(processes.children(self.daemon.process.pid)))

    def test_launcher_again_and_again(self):
        for _ in range(short_or_long(4, 30)):
            for pid in processes.children(self.daemon.process.pid):
                self.kill_with_all_below(pid)
            self.assert_well_again()

    def test_event_whose_launcher_dies_is_run_again_once_and_settled(self):
        before = self.daemon.bill_of("victim").requests
        self.daemon.invoke("victim", {"do": "sleep", "ms": 1500}, invocation_type="Event")
        wait_until(lambda: self.daemon.workers("victim", "busy") == 1, what="the event on a worker")
        self.kill_with_all_below(processes.Sandbox(self.daemon).launcher)
        self.assertEqual(before, self.daemon.bill_of("victim").requests, "a fault of ours is not billed")
        wait_until(lambda: self.daemon.bill_of("victim").requests == before + 1, what="the event's second run in the ledger")
        self.wait_quiet("victim")
        self.daemon.restart()
        self.assertEqual(200, self.daemon.invoke("victim", {}).status)
        self.assertEqual(before + 2, self.daemon.bill_of("victim").requests, "the event ran once more")


class Redeployed(ChaosTest):
    """New code, deletion and re-creation under calls."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=8)

    def test_new_code_in_a_loop_fails_no_call(self):
        callers = [Caller(self.daemon, "victim", {"do": "sleep", "ms": 5}) for _ in range(4)]
        for caller in callers:
            caller.start()
        libraries = [pathlib.Path(handler_path("victim")).read_bytes() + b"\0" * pad for pad in range(1, 4)]
        for turn in range(short_or_long(12, 200)):
            answer = self.daemon.update_code("victim", libraries[turn % len(libraries)])
            self.assertIn(answer.status, (200, 409), answer)
        for caller in callers:
            caller.stop()
        bad = [answer for caller in callers for answer in caller.answers if answer.status != 200 or answer.function_error]
        self.assertEqual([], bad[:3])
        self.assertEqual(0, sum(caller.broken for caller in callers))
        self.wait_quiet("victim")
        wait_until(lambda: len([v for v in self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]
                                if v["function"] == "victim"]) == 1, what="pools of old versions gone")

    def test_deleted_and_made_again_under_calls_queue_and_bucket(self):
        drops = self.daemon.folder / "drops"
        drops.mkdir()
        queue = self.daemon.create_queue("work", VisibilityTimeout="1")
        for turn in range(short_or_long(6, 100)):
            self.daemon.create_function("brief", handler_path("victim"), timeout=8)
            self.daemon.map_queue("work", "brief", BatchSize=1)
            self.daemon.put_bucket("drops", drops, {"FunctionName": "brief"})
            callers = [Caller(self.daemon, "brief", {"do": "sleep", "ms": 20}) for _ in range(3)]
            for caller in callers:
                caller.start()
            for n in range(5):
                self.daemon.sqs("SendMessage", QueueUrl=queue, MessageBody=f"{turn} {n}")
                self.daemon.invoke("brief", {}, invocation_type="Event")
                (drops / f"{turn}-{n}").write_text("x")
            time.sleep(self.random.uniform(0, 0.1))
            self.assertEqual(204, self.daemon.delete_function("brief").status)
            for caller in callers:
                caller.stop()
                self.assertEqual(set(), set(caller.statuses()) - {200, 404, 503}, caller.answers[-1])
            for mapping in self.daemon.control("GET", "/2015-03-31/event-source-mappings").json()["EventSourceMappings"]:
                self.daemon.control("DELETE", f"/2015-03-31/event-source-mappings/{mapping['UUID']}")
        self.daemon.create_function("brief", handler_path("victim"), timeout=8)
        self.daemon.map_queue("work", "brief")
        wait_until(lambda: self.daemon.queue_depth(queue) == (0, 0), 30, "the queue drained by the last of them")
        self.assertEqual(200, self.daemon.invoke("brief", {}).status)
        self.wait_quiet("brief")


class HostileClients(ChaosTest):
    @classmethod
    def setUpClass(cls):
        # What an instrumented daemon frees is kept for a while: 256 MB of it, unless told otherwise.
        with unittest.mock.patch.dict(os.environ, {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}):
            super().setUpClass()

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=8)
        cls.daemon.create_function("hello_http", handler_path("hello_http"))
        cls.url = cls.daemon.create_url("hello_http")
        cls.daemon.create_function("sleepy", handler_path("victim"), timeout=8, env={"DO": "sleep"})
        cls.sleepy = cls.daemon.create_url("sleepy")

    def request(self, url, method="GET", length=None, close=False):
        host, prefix = url
        lines = [f"{method} {prefix}/ HTTP/1.1", f"Host: {host}"]
        lines += [f"Content-Length: {length}"] if length is not None else []
        lines += ["Connection: close"] if close else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def hang_up(self, sent):
        """Resets the connection, so that the daemon's next write fails."""
        with socket.create_connection(("127.0.0.1", self.daemon.data_port)) as peer:
            peer.sendall(sent)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def test_aborted_bodies_and_calls(self):
        for n in range(short_or_long(200, 5000)):
            whole = self.request(self.sleepy if n % 2 else self.url, "POST", 1000) + b"x" * 1000
            self.hang_up(whole[:self.random.randrange(1, len(whole) + 1)])
        self.wait_quiet("sleepy")
        self.assertEqual(200, self.daemon.get_url(self.url).status)

    def test_pipelined_requests_whose_client_leaves(self):
        for _ in range(20):
            self.hang_up(self.request(self.sleepy) * 3)
        self.wait_quiet("sleepy")

    def test_pipelined_requests_around_a_handler_that_dies(self):
        self.daemon.create_function("dies", handler_path("victim"), env={"DO": "abort"})
        dies = self.daemon.create_url("dies")
        received = raw_call(self.daemon.data_port, self.request(self.url) + self.request(dies) + self.request(self.url, close=True))
        statuses = [line.split()[1] for line in received.split(b"\r\n") if b"HTTP/1.1 " in line]
        self.assertEqual(3, received.count(b"HTTP/1.1 "), received)
        self.assertEqual([b"200", b"502", b"200"], [part.split()[0] for part in received.split(b"HTTP/1.1 ")[1:]], statuses)

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def many(self, requests):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.data_port, timeout=20)
        host, prefix = self.url
        for _ in range(requests):
            connection.request("GET", prefix + "/", headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(200, answer.status)
        connection.close()

    def test_memory_stays_flat(self):
        self.many(short_or_long(3000, 20_000))  # logs, indexes and the sanitizer's quarantine fill up
        before = self.resident_kib()
        self.many(short_or_long(3000, 20_000))
        grown = self.resident_kib() - before
        self.assertLess(grown, before * 0.1, f"{before} KiB before")


class Crowded(ChaosTest):
    """Memory for 20 workers."""

    ARGUMENTS = ("--memory-mib", str(20 * 128), "--waiters-max", "100")

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=20, memory=128)
        cls.daemon.create_function("other", handler_path("victim"), timeout=20, memory=128)

    def test_200_sleepers_wait_or_are_throttled_and_starve_nobody(self):
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            calls = [pool.submit(self.daemon.invoke, "victim", {"do": "sleep", "ms": 1000}) for _ in range(200)]
            wait_until(lambda: self.pool_of("victim")["busy"] >= 15, what="a full house")
            other = self.daemon.invoke("other", {"do": "echo"})
            answers = [call.result(40) for call in calls]
        self.assertEqual(200, other.status, other)
        statuses = collections.Counter(answer.status for answer in answers)
        self.assertEqual(set(), set(statuses) - {200, 429}, [a for a in answers if a.status not in (200, 429)][:3])
        self.assertGreaterEqual(statuses[200], 100)
        for answer in answers:
            if answer.status == 429:
                self.assertIn("Retry-After", answer.headers, answer)
                self.assertEqual("TooManyRequestsException", answer.error_type)
        self.wait_quiet("victim")
        self.assertLessEqual(self.pool_of("victim")["idle"] + self.pool_of("other")["idle"], 20)


if __name__ == "__main__":
    unittest.main()
