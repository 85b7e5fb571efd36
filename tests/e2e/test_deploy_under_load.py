"""Zero failed requests while everything about a function is changed and killed: code, alias, idle workers, zygotes.

The one call that may fail is the one whose own worker was killed in mid-run, with a 502 that says so.
"""
import collections
import contextlib
import http.client
import itertools
import os
import pathlib
import signal
import threading
import time
import unittest

import processes
from chaos import ChaosTest, short_or_long
from hearth_e2e import handler_path, http_call, metric_sum, wait_until

SECONDS = short_or_long(6, 75)
CALLERS = 4  # half of them by way of the alias
ALIAS = "/2015-03-31/functions/steady/aliases/live"

Failed = collections.namedtuple("Failed", "id status error_type body")


def name_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def pid_spaces(pid):
    """How many pid namespaces it is in: a worker has one more than its zygote and its init."""
    with contextlib.suppress(OSError):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return len(status.partition("NSpid:")[2].partition("\n")[0].split())
    return 0


class Load(threading.Thread):
    """Calls one URL on one connection until it is told to stop. Each request has a number of its own."""

    numbers = itertools.count(1)

    def __init__(self, daemon, url):
        super().__init__(daemon=True)
        self.port, (self.host, self.prefix) = daemon.data_port, url
        self.answered, self.failed, self.ended = 0, [], threading.Event()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.ended.is_set():
            number = next(self.numbers)
            try:
                connection.request("GET", f"{self.prefix}/?id={number}&ms=2", headers={"Host": self.host})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as broken:
                self.failed.append(Failed(number, 0, type(broken).__name__, str(broken)))
                connection.close()
                continue
            self.answered += 1
            if answer.status != 200 or body != b'{"id":"%d"}' % number:
                self.failed.append(Failed(number, answer.status, answer.headers.get("x-amzn-errortype"), body[:300]))
        connection.close()


class NothingIsDropped(ChaosTest):
    ARGUMENTS = ("--zygote-forks-max", "12")

    @classmethod
    def set_up_functions(cls):
        cls.library = pathlib.Path(handler_path("named")).read_bytes()
        cls.daemon.create_function("steady", cls.library, handler="libnamed.so", timeout=10)
        for memory in (128, 144):
            cls.daemon.update_configuration("steady", MemorySize=memory)
            cls.daemon.wait_active("steady")
            cls.daemon.control("POST", "/2015-03-31/functions/steady/versions", {})
        cls.daemon.control("POST", "/2015-03-31/functions/steady/aliases", {"Name": "live", "FunctionVersion": "1"})
        cls.urls = [cls.daemon.create_url("steady"), cls.daemon.create_url("steady:live")]

    def setUp(self):
        super().setUp()
        self.turns, self.killed_idle, self.killed_runs, self.waited_ms = collections.Counter(), 0, {}, []

    # --- what is done to it ---

    def deploy(self):
        padding = b"\0" * (1 + self.turns["deploy"] % 5)
        answer = self.daemon.update_code("steady", self.library + padding)
        self.assertEqual(200, answer.status, answer)

    def shift(self):
        weights = {"2": self.random.randrange(11) / 10}
        answer = self.daemon.control("PUT", ALIAS, {"RoutingConfig": {"AdditionalVersionWeights": weights}})
        self.assertEqual(200, answer.status, answer)

    def below_launcher(self, spaces):
        return [pid for pid in processes.descendants(self.daemon.process.pid) if pid_spaces(pid) == spaces]

    def kill_idle(self):
        """It is stopped first: what has no name then gets none any more."""
        idle = [pid for pid in self.below_launcher(3) if name_of(pid) == "idle"]
        if not idle:
            return
        pid = self.random.choice(idle)
        self.signal(pid, signal.SIGSTOP)
        if name_of(pid) == "idle":
            self.signal(pid, signal.SIGKILL)
            self.killed_idle += 1
        self.signal(pid, signal.SIGCONT)

    def kill_zygote(self):
        """The first that an init has made; init itself has no name of ours."""
        zygotes = [pid for pid in self.below_launcher(2) if not processes.children(pid)]
        if zygotes:
            self.signal(self.random.choice(zygotes), signal.SIGKILL)

    def kill_run(self):
        """A call is known to be in mid-run when its worker has its name."""
        number = next(Load.numbers)
        host, prefix = self.random.choice(self.urls)
        answers = []

        def call():
            answers.append(http_call(self.daemon.data_port, "GET", f"{prefix}/?id={number}&ms=5000", host=host))
            self.waited_ms.append((time.monotonic() - killed) * 1e3)
        caller = threading.Thread(target=call)
        caller.start()
        pid, = wait_until(lambda: [pid for pid in self.below_launcher(3) if name_of(pid) == f"r{number}"], what="it runs")
        killed = time.monotonic()
        self.signal(pid, signal.SIGKILL)
        caller.join()
        self.killed_runs[number] = answers[0]

    @staticmethod
    def signal(pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def mischief(self, deed, pause_s, ended, problems):
        """Does it again and again, about so often."""
        while not ended.wait(pause_s * self.random.uniform(0.5, 1.5) if deed != self.deploy else pause_s):
            try:
                deed()
                self.turns[deed.__name__] += 1
            except Exception as problem:  # pylint: disable=broad-except
                problems.append((deed.__name__, problem))

    def test_deploys_shifts_and_deaths_drop_no_request(self):
        callers = [Load(self.daemon, self.urls[n % 2]) for n in range(CALLERS)]
        for caller in callers:
            caller.start()
        ended, problems = threading.Event(), []
        deeds = ((self.deploy, 1.0), (self.shift, 0.1), (self.kill_idle, 0.2), (self.kill_zygote, 0.6), (self.kill_run, 0.7))
        busy = [threading.Thread(target=self.mischief, args=(*deed, ended, problems)) for deed in deeds]
        for thread in busy:
            thread.start()
        ended.wait(SECONDS)
        ended.set()
        for thread in (*busy, *callers):
            if isinstance(thread, Load):
                thread.ended.set()
            thread.join()
        answered = sum(caller.answered for caller in callers)
        failed = [failed for caller in callers for failed in caller.failed]
        print(f"{answered} answers, {len(failed)} of them failed; {dict(self.turns)}; {self.killed_idle} idle workers killed; "
              f"502 after the kill: {max(self.waited_ms, default=0):.0f} ms at most", flush=True)
        self.assertEqual([], problems)
        self.assertTrue(all(self.turns[deed.__name__] for deed, _ in deeds), self.turns)
        # Killed for sure in mid-run: each a 502 that says so.
        for answer in self.killed_runs.values():
            self.assertEqual((502, "Runtime.ExitError"), (answer.status, answer.error_type), answer)
        # The others: only one whose worker was killed between reading the event and taking its name, or after laying it down.
        self.assertEqual([], [one for one in failed if (one.status, one.error_type) != (502, "Runtime.ExitError")][:5])
        self.assertLessEqual(len(failed), self.killed_idle)
        crashed = metric_sum(self.daemon.metrics(), "hearth_crashes_total", function="steady")
        self.assertEqual(len(failed) + len(self.killed_runs), crashed)
        self.wait_quiet("steady")


class Switched(ChaosTest):
    """One deploy, looked at closely."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=5)
        cls.library = pathlib.Path(handler_path("victim")).read_bytes()

    def versions(self, name):
        return [version for version in self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]
                if version["function"] == name]

    def test_new_code_is_warm_before_it_serves(self):
        self.daemon.create_function("fresh", handler_path("victim"))
        self.assertEqual(200, self.daemon.update_code("fresh", self.library + b"\0").status)
        self.assertEqual([], self.versions("fresh"), "nobody has asked for it: nothing is kept ready")
        self.assertEqual(200, self.daemon.invoke("fresh", {}).status)
        self.assertEqual(200, self.daemon.update_code("fresh", self.library + b"\0\0").status)
        wait_until(lambda: len(self.versions("fresh")) == 1, what="the old version gone")
        version, = self.versions("fresh")
        self.assertEqual((1, 0), (version["idle"], version["starting"]), version)

    def test_init_that_fails_leaves_the_old_code_serving(self):
        self.daemon.create_function("steadfast", handler_path("badinit"))
        self.assertEqual(200, self.daemon.invoke("steadfast", {}).status)
        refused = self.daemon.update_configuration("steadfast", Environment={"Variables": {"INIT": "throw"}})
        self.assert_refused(refused, 400, "InvalidParameterValueException", "init was told to throw", "the one before it goes on")
        answer = self.daemon.invoke("steadfast", {})
        self.assertEqual((200, "init went well", None), (answer.status, answer.json(), answer.function_error))
        wait_until(lambda: len(self.versions("steadfast")) == 1, what="the workers of what was refused gone")

    def test_old_code_has_its_timeout_and_is_killed_then(self):
        answers = []
        for text, ms in (("in time", 2500), ("too long", 60_000)):
            call = threading.Thread(target=lambda ms=ms, text=text: answers.append(
                (text, self.daemon.invoke("victim", {"do": "sleep", "ms": ms}))))
            call.start()
            self.addCleanup(call.join)
        wait_until(lambda: self.daemon.workers("victim", "busy") == 2, what="two busy workers")
        before = self.versions("victim")
        self.assertEqual(200, self.daemon.update_code("victim", self.library + b"\0\0\0").status)
        self.assertEqual(200, self.daemon.invoke("victim", {}).status)
        self.assertEqual(2, len(self.versions("victim")), "the old one drains")
        wait_until(lambda: len(answers) == 2, what="both calls answered")
        by_text = dict(answers)
        self.assertEqual((200, {"slept": True}), (by_text["in time"].status, by_text["in time"].json()))
        self.assert_function_error(by_text["too long"], "Sandbox.Timedout", "Task timed out after 5.00 seconds")
        wait_until(lambda: len(self.versions("victim")) == len(before), what="the old version gone")


if __name__ == "__main__":
    unittest.main()
