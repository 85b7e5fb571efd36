"""Several loops in one daemon (`loops`): each answers HTTP requests by itself, and all of them are one account, one set of workers and
one set of functions.

The kernel gives a connection to one of the listeners; which one a test cannot choose. CONNECTIONS are enough that each loop has some: that
one of three has none of 48 comes once in 10^8.
"""
import collections
import http.client
import json
import os
import random
import socket
import threading
import time
import unittest

from hearth_e2e import DaemonTest, handler_path, metric_sum, wait_until
from ledger_reader import read_ledger

LONG = os.environ.get("HEARTH_LONG") == "1"
SEED = int(os.environ.get("CHAOS_SEED", random.randrange(1 << 32)))
LOOPS, CONNECTIONS = 3, 48


class LoopsTest(DaemonTest):
    CONFIG = {"loops": LOOPS, "memory_mib": 4096}

    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", "-")[:60]

    def deploy(self, handler="turner", name=None, workers=None, **settings):
        name = name or self.name
        self.daemon.create_function(name, handler_path(handler), timeout=20, **settings)
        if workers is not None:
            self.limit(workers, name)
        return self.daemon.create_url(name)

    def limit(self, workers, name=None):
        answer = self.daemon.control("PUT", f"/2017-10-31/functions/{name or self.name}/concurrency",
                                     {"ReservedConcurrentExecutions": workers})
        self.assertEqual(200, answer.status, answer)

    def connections(self, count=CONNECTIONS):
        peers = [http.client.HTTPConnection("127.0.0.1", self.daemon.data_port, timeout=60) for _ in range(count)]
        for peer in peers:
            self.addCleanup(peer.close)
        return peers

    def ask(self, peer, path, method="GET", body=None, headers=None):
        peer.request(method, path, body, headers or {})
        answer = peer.getresponse()
        return answer.status, answer.read(), answer.getheader("x-amzn-requestid")

    def turn(self, peer, query="plain-0", name=None):
        return self.ask(peer, f"/_url/{name or self.name}/?{query}")

    def of_each_loop(self):
        metrics = self.daemon.metrics()
        return [metrics[("hearth_loop_requests_total", frozenset({("loop", str(loop))}))] for loop in range(LOOPS)]

    def records(self, name=None):
        self.daemon.bill()  # whoever asks finds that all loops have told
        return [record for record in read_ledger(self.daemon.data_dir / "ledger") if record.function == (name or self.name)]


class Serving(LoopsTest):
    def test_each_loop_answers_and_each_answer_is_billed_once(self):
        self.deploy()
        before = self.of_each_loop()
        peers = self.connections()
        ids = []
        for turn in range(5):
            for n, peer in enumerate(peers):
                status, body, request = self.turn(peer, f"plain-{turn}-{n}")
                self.assertEqual((200, {"query": f"plain-{turn}-{n}"}), (status, json.loads(body)))
                ids.append(request)
            # Whoever asks after an answer sees it, whichever loop gave it.
            self.assertEqual(len(ids), self.daemon.bill_of(self.name).requests)
        for loop, (now, then) in enumerate(zip(self.of_each_loop(), before)):
            self.assertGreater(now, then, f"loop {loop}")
        log = self.daemon.logs(self.name)
        for request in ids:
            self.assertEqual(1, log.count(f"START RequestId: {request}"))
            self.assertEqual(1, log.count(f"REPORT RequestId: {request}"))
        self.assertEqual(sorted(ids), sorted(record.request_id for record in self.records()))

    def test_whoever_asks_after_an_answer_sees_it(self):
        """At once, on a connection that is there already: a loop that tells others late would be found out."""
        self.deploy()
        control = http.client.HTTPConnection("127.0.0.1", self.daemon.control_port, timeout=60)
        self.addCleanup(control.close)
        for n, peer in enumerate(self.connections()):
            self.assertEqual(200, self.turn(peer)[0])
            control.request("GET", f"/_hearth/v1/logs/{self.name}")
            log = control.getresponse().read().decode()
            self.assertEqual(n + 1, log.count("REPORT RequestId: "))

    def test_what_a_handler_prints_is_behind_its_start_and_before_its_end(self):
        self.deploy()
        ids = [self.turn(peer, f"print-{n}")[2] for n, peer in enumerate(self.connections())]
        lines = self.daemon.logs(self.name).splitlines()
        for n, request in enumerate(ids):
            start, end = (next(at for at, line in enumerate(lines) if line.startswith(f"{word} RequestId: {request}"))
                          for word in ("START", "END"))
            self.assertEqual(1, lines.count(f"print-{n}"))
            self.assertIn(f"print-{n}", lines[start + 1:end])

    def test_a_function_may_call_another_from_each_loop(self):
        self.deploy()
        for n, peer in enumerate(self.connections(24)):
            status, body, _ = self.turn(peer, f"call-{n}")
            self.assertEqual((200, f"call-{n}"), (status, json.loads(body)["query"]), body)
        self.assertEqual(48, self.daemon.bill_of(self.name).requests)

    def test_a_worker_that_dies_is_its_own_events_trouble_alone(self):
        self.deploy()
        peers = self.connections()
        statuses = collections.Counter()
        for n, peer in enumerate(peers):
            statuses[self.turn(peer, f"die-{n}" if n % 4 == 0 else f"plain-{n}")[0]] += 1
        self.assertEqual({502: CONNECTIONS // 4, 200: CONNECTIONS - CONNECTIONS // 4}, dict(statuses))
        outcomes = collections.Counter(record.outcome for record in self.records())
        self.assertEqual({"crash": CONNECTIONS // 4, "success": CONNECTIONS - CONNECTIONS // 4}, dict(outcomes))
        crashes = metric_sum(self.daemon.metrics(), "hearth_crashes_total", function=self.name)
        self.assertEqual(CONNECTIONS // 4, crashes)

    def open_bucket(self, name, folder):
        answer = self.daemon.control("PUT", f"/_hearth/v1/buckets/{name}", {"Path": str(folder), "Http": {"Read": True, "Write": True}})
        self.assertIn(answer.status, (200, 201), answer)

    def test_objects_of_buckets_are_served_whichever_loop_has_the_connection(self):
        folder = self.daemon.folder / "objects"
        folder.mkdir()
        self.open_bucket("objects", folder)
        self.deploy()
        content = os.urandom(300_000)
        for n, peer in enumerate(self.connections(24)):
            if n % 2:  # something of a function before it, and after
                self.assertEqual(200, self.turn(peer)[0])
            status, body, _ = self.ask(peer, f"/_buckets/objects/{n}", "PUT", content)
            self.assertEqual(200, status, body)
            self.assertEqual((200, content), self.ask(peer, f"/_buckets/objects/{n}")[:2])
            self.assertEqual(200, self.turn(peer)[0])

    def test_requests_behind_one_another_are_answered_in_turn_although_one_goes_to_another_loop(self):
        folder = self.daemon.folder / "small"
        folder.mkdir()
        self.open_bucket("small", folder)
        (folder / "one").write_text("content of one")
        self.deploy()
        ours = f"GET /_url/{self.name}/?sleep-1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        object_ = b"GET /_buckets/small/one HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = f"GET /_url/{self.name}/?plain-2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        peers = []
        for _ in range(12):
            peer = socket.create_connection(("127.0.0.1", self.daemon.data_port), timeout=60)
            self.addCleanup(peer.close)
            peer.sendall(ours + object_ + last)
            peers.append(peer)
        for peer in peers:
            said = b""
            while chunk := peer.recv(65536):
                said += chunk
            places = [said.index(word) for word in (b"sleep-1", b"content of one", b"plain-2")]
            self.assertEqual(sorted(places), places, said)
            self.assertEqual(3, said.count(b"HTTP/1.1 200"), said)


class OneSetOfWorkers(LoopsTest):
    def ask_from_all(self, peers, queries, name=None):
        """Each connection asks them one after the other, all connections at once; the statuses."""
        statuses = collections.Counter()

        def run(peer):
            for query in queries:
                statuses[self.turn(peer, query, name)[0]] += 1
        threads = [threading.Thread(target=run, args=(peer,)) for peer in peers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return dict(statuses)

    def test_reserved_concurrency_holds_over_all_loops(self):
        self.deploy("stopwatch", workers=2)
        peers, stop, most = self.connections(24), threading.Event(), []

        def watch():
            while not stop.is_set():
                versions = self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]
                most.append(sum(version[state] for version in versions if version["function"] == self.name
                                for state in ("starting", "idle", "busy")))
        watcher = threading.Thread(target=watch)
        watcher.start()
        self.assertEqual({200: 24 * 5}, self.ask_from_all(peers, [f"n-{n}" for n in range(5)]))
        stop.set()
        watcher.join()
        self.assertLessEqual(max(most), 2)
        # The handler is given no order, so that it takes no time; a worker runs one at a time all the same.
        self.assertLessEqual(len({record.worker for record in self.records()}), 2)

    def test_one_worker_goes_round_among_the_loops(self):
        self.deploy(workers=1)
        self.assertEqual({200: CONNECTIONS * 20}, self.ask_from_all(self.connections(), [f"plain-{n}" for n in range(20)]))
        self.assertEqual(CONNECTIONS * 20, self.daemon.bill_of(self.name).requests)
        self.assertEqual(1, len({record.worker for record in self.records()}))

    def test_a_switched_off_function_is_off_on_each_loop(self):
        self.deploy(workers=0)
        self.assertEqual({429: 24}, self.ask_from_all(self.connections(24), ["plain-0"]))
        self.limit(5)
        self.assertEqual({200: 24}, self.ask_from_all(self.connections(24), ["plain-0"]))

    def test_events_that_wait_are_told_whichever_loop_has_them(self):
        self.deploy(workers=1)
        peers = self.connections(4)

        def waiting():
            versions = self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]
            return next(version["waiting"] for version in versions if version["function"] == self.name)
        self.assertEqual({200: 4}, self.ask_from_all(peers, ["plain-0"]))
        threads = [threading.Thread(target=self.turn, args=(peer, "sleep-1")) for peer in peers[:3]]
        for thread in threads:
            thread.start()
        wait_until(lambda: waiting() == 2, what="two wait")
        for thread in threads:
            thread.join()
        wait_until(lambda: waiting() == 0, what="none waits")

    def test_workers_come_back_when_nobody_asks(self):
        self.deploy()
        self.ask_from_all(self.connections(24), ["plain-0"])
        wait_until(lambda: metric_sum(self.daemon.metrics(), "hearth_workers_lent") == 0, what="nothing lent")
        self.assertEqual(0, self.daemon.workers(self.name, "busy"))

    def test_idle_workers_of_another_loop_make_room(self):
        """Memory for one worker: whoever asks next has it, though another loop has just used it for another function."""
        for name in ("room-a", "room-b"):
            self.deploy(name=name, memory=3072)
        peers = self.connections(24)
        for n, peer in enumerate(peers):
            self.assertEqual(200, self.turn(peer, name=("room-a", "room-b")[n % 2])[0])


class Refusals(LoopsTest):
    def of_all(self, peers):
        return {self.turn(peer)[0] for peer in peers}

    def test_a_budget_that_is_spent_throttles_on_each_loop_until_it_is_raised(self):
        self.deploy()
        peers = self.connections(24)
        self.assertEqual({200}, self.of_all(peers))
        for amount, answers in (("0.0000000001", 429), ("1000", 200)):
            shown = self.daemon.hearth("budget", "set", "spent", amount, "--function", self.name, "--at", "100:throttle")
            self.assertEqual(0, shown.returncode, shown)
            wait_until(lambda: self.of_all(peers) == {answers}, what=f"{answers} on each loop")

    def test_a_disk_without_room_refuses_on_each_loop(self):
        self.deploy()
        kept, self.daemon.config = self.daemon.config, {**self.daemon.config, "disk_reserve_mib": 1_048_576}
        self.daemon.restart()
        peers = self.connections(24)
        wait_until(lambda: self.of_all(peers) == {503}, what="503 on each loop")
        self.daemon.config = kept
        self.daemon.restart()
        self.assertEqual({200}, self.of_all(self.connections(24)))


class Changes(LoopsTest):
    def test_a_new_version_serves_on_each_loop_and_the_old_one_goes(self):
        self.deploy()
        peers = self.connections(24)
        for peer in peers:
            self.assertEqual(200, self.turn(peer)[0])
        answer = self.daemon.update_configuration(self.name, MemorySize=256)
        self.assertEqual(200, answer.status, answer)
        self.daemon.wait_active(self.name)
        for peer in peers:
            self.assertEqual(200, self.turn(peer)[0])
        last = sorted(self.records(), key=lambda record: record.number)[-24:]
        self.assertEqual({256}, {record.memory_mib for record in last})
        wait_until(lambda: len([version for version in self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]
                                if version["function"] == self.name]) == 1, what="the old version's workers gone")

    def test_deploys_under_load_fail_no_request(self):
        self.deploy()
        stop, statuses = threading.Event(), collections.Counter()

        def load(peer):
            while not stop.is_set():
                statuses[self.turn(peer)[0]] += 1
        threads = [threading.Thread(target=load, args=(peer,)) for peer in self.connections(12)]
        for thread in threads:
            thread.start()
        for memory in (256, 128) * (20 if LONG else 3):
            self.assertEqual(200, self.daemon.update_configuration(self.name, MemorySize=memory).status)
            self.daemon.wait_active(self.name)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual({200}, set(statuses), statuses)

    def test_a_function_whose_secret_has_a_new_value_serves_on_each_loop(self):
        def put(value):
            answer = self.daemon.control("PUT", "/_hearth/v1/secrets/word", value.encode())
            self.assertEqual(200, answer.status, answer)
        put("first")
        self.deploy(hearth={"Secrets": ["word"]})
        peers = self.connections(24)
        for value in ("second", "third"):
            self.assertEqual({200}, {self.turn(peer)[0] for peer in peers})
            put(value)
        self.assertEqual({200}, {self.turn(peer)[0] for peer in peers})

    def test_a_deleted_function_is_gone_on_each_loop(self):
        self.deploy()
        peers = self.connections(24)
        for peer in peers:
            self.assertEqual(200, self.turn(peer)[0])
        self.assertEqual(204, self.daemon.delete_function(self.name).status)
        for peer in peers:
            self.assertIn(self.turn(peer)[0], (403, 404))  # no URL, or one of nothing

    def test_routes_and_aliases_are_those_of_now_on_each_loop(self):
        self.daemon.create_function(self.name, handler_path("turner"), timeout=20)
        self.daemon.control("POST", f"/2015-03-31/functions/{self.name}/versions", {})
        self.daemon.control("POST", f"/2015-03-31/functions/{self.name}/aliases", {"Name": "live", "FunctionVersion": "1"})
        self.daemon.put_route("turn", "GET /turn/{n}", self.name, Qualifier="live")
        peers = self.connections(24)
        for peer in peers:
            self.assertEqual(200, self.ask(peer, "/turn/5?plain-5")[0])
        self.assertEqual({"1"}, {record.version for record in self.records()})
        self.daemon.control("PUT", f"/2015-03-31/functions/{self.name}/aliases/live", {"FunctionVersion": "$LATEST"})
        for peer in peers:
            self.assertEqual(200, self.ask(peer, "/turn/5?plain-5")[0])
        self.assertEqual({"1": 24, "$LATEST": 24}, dict(collections.Counter(record.version for record in self.records())))
        self.assertIn(self.daemon.control("DELETE", "/_hearth/v1/routes/turn").status, (200, 204))
        for peer in peers:
            self.assertEqual(404, self.ask(peer, "/turn/5?plain-5")[0])


class Ends(LoopsTest):
    def setUp(self):
        super().setUp()
        if not self.daemon.running():
            self.daemon.start()

    def hammer(self, answered):
        """Asks until the daemon goes; keeps the request ids of answers."""
        peer = http.client.HTTPConnection("127.0.0.1", self.daemon.data_port, timeout=60)
        try:
            while True:
                status, _, request = self.turn(peer)
                if status == 200:
                    answered.append(request)
        except (OSError, http.client.HTTPException):
            peer.close()

    def test_kill_9_loses_no_answer(self):
        print(f"CHAOS_SEED={SEED}", flush=True)
        moments = random.Random(SEED)
        self.deploy()
        answered = []
        for _ in range(100 if LONG else 4):
            threads = [threading.Thread(target=self.hammer, args=(answered,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(moments.uniform(0.1, 0.6))  # the moment is what is random
            self.daemon.kill9()
            for thread in threads:
                thread.join()
            self.daemon.start()
            recorded = collections.Counter(record.request_id for record in self.records() if record.outcome == "success")
            self.assertEqual([], [request for request in answered if recorded[request] != 1])
        self.assertGreater(len(answered), 100)
        outcomes = collections.Counter(record.outcome for record in self.records())
        print(f"{len(answered)} answers, {dict(outcomes)}", flush=True)
        self.assertLessEqual(set(outcomes), {"success", "interrupted"})

    def test_a_daemon_with_fewer_loops_takes_up_what_was_on_its_way(self):
        self.deploy()
        answered = []
        threads = [threading.Thread(target=self.hammer, args=(answered,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answered) > 200, what="answers")
        self.daemon.kill9()
        for thread in threads:
            thread.join()
        kept, self.daemon.config = self.daemon.config, {**self.daemon.config, "loops": 1}
        self.daemon.start()
        self.daemon.config = kept
        recorded = collections.Counter(record.request_id for record in self.records() if record.outcome == "success")
        self.assertEqual([], [request for request in answered if recorded[request] != 1])
        self.assertEqual([], list((self.daemon.data_dir / "ledger").glob("*.[0-9].slots")))
        self.daemon.restart()

    def test_sigterm_ends_what_is_under_way_first(self):
        self.deploy()
        answers = []

        def ask(peer):
            answers.append(self.turn(peer, "sleep-1")[0])
        peers = self.connections(12)
        for peer in peers:
            peer.connect()
        threads = [threading.Thread(target=ask, args=(peer,)) for peer in peers]
        for thread in threads:
            thread.start()
        wait_until(lambda: metric_sum(self.daemon.metrics(), "hearth_events_under_way") >= 12, what="all under way")
        self.daemon.stop()
        for thread in threads:
            thread.join()
        self.assertEqual([200] * 12, answers)
        self.daemon.start()
        self.assertEqual(12, self.daemon.bill_of(self.name).requests)

    def test_nobody_else_can_listen_on_the_port(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with self.assertRaises(OSError):
                other.bind(("127.0.0.1", self.daemon.data_port))


if __name__ == "__main__":
    unittest.main()
