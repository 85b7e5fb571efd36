"""Events that a busy worker is given before their turn: answered in turn, each in its own name, and nobody's but their own trouble.

Requests are pipelined on one connection, so that they are there at once. Events are only handed ahead once the function's are known
to be short, which on a busy machine may take some rounds.
"""
import json
import pathlib
import socket

from hearth_e2e import DaemonTest, handler_path, wait_until


class Prefetch(DaemonTest):
    CONFIG = {"memory_mib": 4096}
    AHEAD = True

    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", "-")

    def deploy(self, workers, **settings):
        self.daemon.create_function(self.name, handler_path("turner"), timeout=20, **settings)
        self.limit(workers)
        self.daemon.create_url(self.name)

    def limit(self, workers):
        answer = self.daemon.control("PUT", f"/2017-10-31/functions/{self.name}/concurrency",
                                     {"ReservedConcurrentExecutions": workers})
        self.assertEqual(200, answer.status, answer)

    def connect(self):
        peer = socket.create_connection(("127.0.0.1", self.daemon.data_port), timeout=30)
        self.addCleanup(peer.close)
        return peer, peer.makefile("rb")

    def ask(self, connection, *queries):
        connection[0].sendall(b"".join(f"GET /_url/{self.name}/?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                                       for query in queries))

    def hear(self, connection, count):
        """Status, request id and answer of each."""
        answers = []
        for _ in range(count):
            status = int(connection[1].readline().split()[1])
            headers = {}
            while (line := connection[1].readline().strip()):
                name, value = line.decode().split(": ", 1)
                headers[name.lower()] = value
            body = json.loads(connection[1].read(int(headers["content-length"])))
            answers.append((status, headers["x-amzn-requestid"], body))
        return answers

    def told(self, connection, *queries):
        self.ask(connection, *queries)
        return self.hear(connection, len(queries))

    def pool(self):
        versions = self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]
        return next(version for version in versions if version["function"] == self.name)

    def warm_up(self, connection):
        """Until events do stand behind others."""
        def stood():
            before = self.pool()["handed_ahead"]
            self.told(connection, *(f"plain-{n}" for n in range(8)))
            return self.pool()["handed_ahead"] >= before + 4
        self.told(connection, "first-0")
        wait_until(stood, what="events handed ahead")

    def lanes(self):
        return pathlib.Path(f"/proc/{self.daemon.process.pid}/maps").read_text().count("memfd:hearth-lane")

    def test_a_busy_worker_has_a_lane_and_an_idle_one_has_none(self):
        self.deploy(workers=1)
        connection = self.connect()
        self.warm_up(connection)
        seen = 0
        for turn in range(2000):
            queries = [f"plain-{turn}-{n}" for n in range(8)]
            answers = self.told(connection, *queries)
            self.assertEqual([(200, query) for query in queries], [(status, body["query"]) for status, _, body in answers])
            if turn % 20 == 19 and (seen := max(seen, self.lanes())):
                break
        self.assertEqual(1, seen)
        wait_until(lambda: self.lanes() == 0, what="an idle worker without shared memory")

    def test_short_and_long_events_that_come_together_are_answered_in_turn(self):
        """The long ones have more than a page of their lane."""
        self.deploy(workers=1)
        connection = self.connect()
        self.warm_up(connection)
        for turn in range(200):
            queries = [f"plain-{turn}-{n}" + "x" * (5000 if (turn + n) % 3 == 0 else 0) for n in range(8)]
            answers = self.told(connection, *queries)
            self.assertEqual([(200, query) for query in queries], [(status, body["query"]) for status, _, body in answers])

    def test_answers_are_in_turn_and_each_is_billed_once(self):
        self.deploy(workers=1)
        connection = self.connect()
        self.warm_up(connection)
        before, handed = self.daemon.bill_of(self.name).requests, self.pool()["handed_ahead"]
        for turn in range(50):
            queries = [f"plain-{turn}-{n}" for n in range(8)]
            answers = self.told(connection, *queries)
            self.assertEqual([(200, query) for query in queries], [(status, body["query"]) for status, _, body in answers])
            self.assertEqual(8, len({request for _, request, _ in answers}))
        wait_until(lambda: self.daemon.bill_of(self.name).requests == before + 400, what="each billed")
        self.assertGreater(self.pool()["handed_ahead"], handed)
        self.assertEqual(1, sum(self.pool()[state] for state in ("starting", "idle", "busy")))

    def test_worker_that_dies_fails_one_request(self):
        self.deploy(workers=1)
        connection = self.connect()
        self.warm_up(connection)
        for turn in range(10):
            answers = self.told(connection, "plain-1", "plain-2", "die-3", "plain-4", "plain-5")
            self.assertEqual([200, 200, 502, 200, 200], [status for status, _, _ in answers], answers)
            self.assertEqual("Runtime.ExitError", answers[2][2]["errorType"])
            self.assertEqual(["plain-4", "plain-5"], [body["query"] for _, _, body in answers[3:]])

    def test_slow_request_holds_up_nobody(self):
        self.deploy(workers=1)
        slow, quick = self.connect(), self.connect()
        self.warm_up(slow)
        before = self.pool()
        self.ask(slow, "sleep-1")
        wait_until(lambda: self.daemon.workers(self.name, "busy") == 1, what="it sleeps")
        self.ask(quick, *(f"plain-{n}" for n in range(4)))
        # They stand behind it, as there is no other worker, and not for long; then there is one.
        wait_until(lambda: self.pool()["waiting"] == 4, what="none stands behind it any more")
        after = self.pool()
        self.assertEqual(after["handed_ahead"] - before["handed_ahead"], after["taken_back"] - before["taken_back"])
        self.assertEqual(self.AHEAD, after["taken_back"] > before["taken_back"])
        self.limit(2)
        answers = self.hear(quick, 4)
        self.assertEqual([f"plain-{n}" for n in range(4)], [body["query"] for _, _, body in answers])
        self.assertEqual(1, self.daemon.workers(self.name, "busy"))  # the other still sleeps
        self.assertEqual(200, self.hear(slow, 1)[0][0])

    def test_lines_are_those_of_their_request(self):
        self.deploy(workers=1)
        connection = self.connect()
        self.warm_up(connection)
        expected = {}
        for turn in range(20):
            queries = [f"{'print' if n % 2 else 'plain'}-{turn}-{n}" for n in range(8)]
            for _, request, body in self.told(connection, *queries):
                if body["query"].startswith("print"):
                    expected[body["query"]] = request
        kept = self.daemon.control("GET", f"/_hearth/v1/logs/{self.name}").body.decode()
        lines = [json.loads(line) for line in kept.splitlines()]
        printed = {line["message"]: line["request_id"] for line in lines if line["message"].startswith("print-")}
        self.assertEqual(expected, printed)

    def test_calls_of_its_own_do_not_wait_for_themselves(self):
        self.deploy(workers=1)
        connection = self.connect()
        self.warm_up(connection)
        self.limit(8)
        for turn in range(10):
            answers = self.told(connection, "plain-1", "call-2", "plain-3", "call-4", "plain-5")
            self.assertEqual([200] * 5, [status for status, _, _ in answers], answers)
            self.assertEqual({"query": "called"}, answers[1][2]["called"])

    def test_one_process_an_invocation_takes_nothing_ahead(self):
        self.deploy(workers=1, hearth={"Isolation": "invocation"})
        connection = self.connect()
        for turn in range(8):
            self.told(connection, *(f"plain-{n}" for n in range(4)))
        self.assertEqual(0, self.pool()["handed_ahead"])


class Off(Prefetch):
    """`prefetch_max` 0: everything as it was."""
    CONFIG = {"memory_mib": 4096, "prefetch_max": 0}
    AHEAD = False

    def warm_up(self, connection):
        self.told(connection, *(f"plain-{n}" for n in range(32)))
        self.assertEqual(0, self.pool()["handed_ahead"])

    def test_answers_are_in_turn_and_each_is_billed_once(self):
        self.deploy(workers=1)
        connection = self.connect()
        for turn in range(10):
            self.warm_up(connection)
