"""Workers without an event stand still: their threads use no processor, whatever the handler left running, and nothing that they did
after their answer is billed."""
import os
import pathlib
import shutil
import tempfile
import unittest

from hearth_e2e import BUILD, Daemon, DaemonTest, handler_path, metric_sum, wait_until
from processes import Sandbox, alive, cgroups_of

NOBODY = 65534
IDLE_CPU = "hearth_worker_idle_cpu_seconds_total"


def cpu_ns(pid):
    """What all threads of a process have used of the processor."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class Freezing(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        # A processor's worth of memory: what spins is not held back by its own limit.
        cls.daemon.create_function("intruder", handler_path("intruder"), timeout=1, memory=1769)

    def setUp(self):
        # A change of settings replaces the workers: each test has a fresh one.
        self.daemon.update_configuration("intruder", Description=self.id())
        self.daemon.wait_active("intruder")

    def order(self, **order):
        return self.daemon.invoke("intruder", order)

    def worker(self):
        def the_one():
            workers = Sandbox(self.daemon).workers
            return workers if len(workers) == 1 and self.daemon.workers("intruder", "idle") == 1 else None
        return wait_until(the_one, what="one worker")[0]

    def wait_frozen(self):
        wait_until(lambda: self.daemon.workers("intruder", "frozen") == 1, what="the worker frozen")

    def test_threads_left_running_use_nothing_and_the_next_event_is_answered(self):
        self.assertEqual("spinning", self.order(do="background").json())
        worker = self.worker()
        self.wait_frozen()
        stopped_at = wait_until(lambda: self.unchanged(worker), what="no more processor time")
        for _ in range(20):  # time passes, and the daemon works
            self.daemon.control("GET", "/_hearth/v1/workers")
        self.assertEqual(stopped_at, cpu_ns(worker))
        self.assertEqual("at your service", self.order().json())
        self.assertEqual(worker, self.worker())
        self.wait_frozen()

    def unchanged(self, worker):
        before = cpu_ns(worker)
        self.daemon.control("GET", "/_hearth/v1/workers")
        return cpu_ns(worker) == before and before

    def test_the_linger_is_counted_flagged_and_not_billed(self):
        before = metric_sum(self.daemon.metrics(), IDLE_CPU, function="intruder")
        billed = self.daemon.bill_of("intruder").billed_ms
        answer = self.order(do="early")
        self.assertEqual("early", answer.json())
        # It spins for ever after that answer: what it is billed is the time up to the answer.
        self.assertLess(self.daemon.bill_of("intruder").billed_ms - billed, 1000)
        self.wait_frozen()
        # The next event finds the handler still at it.
        self.assert_function_error(self.order(), "Sandbox.Timedout", "timed out")
        used = metric_sum(self.daemon.metrics(), IDLE_CPU, function="intruder") - before
        self.assertGreater(used, 0.001)
        self.assertRegex(self.daemon.logs("intruder"), r"a worker used \d+ us of the processor after its answer")

    def test_a_frozen_worker_ends_with_its_function(self):
        self.order(do="background")
        worker = self.worker()
        self.wait_frozen()
        self.daemon.update_configuration("intruder", Description="replaced")
        wait_until(lambda: not alive([worker]), what="the frozen worker gone")


class Endings(unittest.TestCase):
    def frozen_worker(self, daemon):
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.create_function("intruder", handler_path("intruder"), timeout=5)
        daemon.invoke("intruder", {"do": "background"})
        wait_until(lambda: daemon.workers("intruder", "frozen") == 1, what="the worker frozen")
        (worker,) = Sandbox(daemon).workers
        return worker

    def test_sigterm_ends_frozen_workers(self):
        daemon = Daemon()
        worker = self.frozen_worker(daemon)
        pid = daemon.process.pid
        daemon.stop()
        wait_until(lambda: not alive([worker]), what="the frozen worker gone")
        self.assertEqual([], cgroups_of(pid))

    def test_kill_9_leaves_no_frozen_worker(self):
        daemon = Daemon()
        worker = self.frozen_worker(daemon)
        daemon.kill9()
        wait_until(lambda: not alive([worker]), what="the frozen worker gone")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user")
    def test_an_ordinary_user_is_told_what_is_missing(self):
        tree = pathlib.Path(tempfile.mkdtemp(prefix="hearth-user-"))
        self.addCleanup(shutil.rmtree, tree, ignore_errors=True)
        tree.chmod(0o755)
        for part in ("bin/hearthd", "libexec/hearth/hearth-launcher", "libexec/hearth/hearth-worker"):
            (tree / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / part, tree / part)
        daemon = Daemon(executable=tree / "bin/hearthd", uid=NOBODY)
        worker = self.frozen_worker(daemon)
        wait_until(lambda: state(worker) == "T", what="the worker stopped")
        self.assertEqual("at your service", daemon.invoke("intruder", {}).json())
        missing = daemon.control("GET", "/_hearth/v1/info").json()["isolation_missing"]
        self.assertTrue(any("freezer: missing" in line for line in missing), missing)
        self.assertRegex(daemon.stderr(), "freezer: missing .*SIGSTOP")
        daemon.stop()
        self.assertEqual([], alive([worker]))


if __name__ == "__main__":
    unittest.main()
