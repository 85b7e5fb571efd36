"""The scheduling half of plans, with real workers: what was bought is there, and what is somebody's is nobody else's."""
import os
import pathlib
import unittest

from hearth_e2e import Daemon, DaemonTest, handler_path, metric_sum, wait_until
from processes import Sandbox, alive, children, descendants

SPILLOVER = "hearth_reserved_spillover_total"


def cpus_allowed(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return line.split(":")[1].strip()
    raise AssertionError(f"no Cpus_allowed_list of {pid}")


def try_buy(daemon, kind, function, **fields):
    return daemon.control("POST", "/_hearth/v1/commitments", {"Kind": kind, "FunctionName": function, **fields})


def buy(daemon, kind, function, **fields):
    answer = try_buy(daemon, kind, function, **fields)
    if answer.status != 201:
        raise AssertionError(f"buy {kind} for {function}: {answer}")
    return answer.json()["id"]


def reserve(daemon, function, workers, memory=128):
    return buy(daemon, "reserved", function, Workers=workers, MemorySize=memory)


def end(daemon, commitment):
    answer = daemon.control("DELETE", f"/_hearth/v1/commitments/{commitment}")
    if answer.status != 200:
        raise AssertionError(f"end {commitment}: {answer}")


def pool(daemon, function):
    """Of the version that serves."""
    for version in daemon.control("GET", "/_hearth/v1/workers").json()["versions"]:
        if version["function"] == function and not version["draining"]:
            return version
    return {"reserved": 0, "reserved_idle": 0, "commitments": [], "plan": "on-demand", "cpus": ""}


def wait_warm(daemon, function, workers):
    wait_until(lambda: pool(daemon, function)["reserved_idle"] == workers, what=f"{workers} reserved workers of {function} warm")


class Reserved(DaemonTest):
    ARGUMENTS = ("--memory-mib", "1280", "--reserved-headroom-percent", "50", "--idle-time-out-s", "0")

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))
        cls.commitment = reserve(cls.daemon, "victim", 2)
        wait_warm(cls.daemon, "victim", 2)

    def test_the_first_event_is_warm_and_its_record_names_the_commitment(self):
        cold = metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim")
        self.assertEqual(200, self.daemon.invoke("victim", {"do": "echo"}).status)
        self.assertEqual(cold, metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim"))
        self.assertEqual([self.commitment], pool(self.daemon, "victim")["commitments"])
        # Longer idle than others may be: they stay.
        self.assertEqual(2, pool(self.daemon, "victim")["idle"])

    def test_one_that_is_killed_is_replaced(self):
        before = Sandbox(self.daemon).workers
        os.kill(before[0], 9)
        wait_until(lambda: not alive(before[:1]), what="the worker dead")
        wait_warm(self.daemon, "victim", 2)
        self.assertNotEqual(before, Sandbox(self.daemon).workers)
        self.daemon.invoke("victim", {"do": "segfault"})
        wait_warm(self.daemon, "victim", 2)

    def test_new_code_takes_the_reserved_workers_over(self):
        self.daemon.update_configuration("victim", Environment={"Variables": {"NEW": "1"}})
        self.daemon.wait_active("victim")
        wait_warm(self.daemon, "victim", 2)
        cold = metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim")
        self.daemon.invoke("victim", {"do": "echo"})
        self.assertEqual(cold, metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim"))

    def test_more_than_the_node_can_keep_is_refused_with_the_figures(self):
        self.assert_refused(try_buy(self.daemon, "reserved", "victim", Workers=4, MemorySize=128), 412, "PreconditionFailedException",
                            "need 512 MiB", "of the node's 1280 MiB at most 640 MiB", "256 MiB are already", "384 MiB are left")

    def test_others_do_not_get_their_memory(self):
        self.daemon.create_function("big", handler_path("victim"), memory=1280, timeout=1)
        answer = self.daemon.invoke("big", {"do": "echo"})
        self.assertEqual(429, answer.status, answer)
        self.assertEqual(2, pool(self.daemon, "victim")["reserved_idle"])
        self.daemon.delete_function("big")


class Life(unittest.TestCase):
    def test_warm_again_before_a_restarted_node_is_ready(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.create_function("victim", handler_path("victim"))
        commitment = reserve(daemon, "victim", 3)
        wait_warm(daemon, "victim", 3)
        daemon.kill9()
        daemon.start()
        self.assertEqual(3, pool(daemon, "victim")["reserved_idle"])
        end(daemon, commitment)
        wait_until(lambda: pool(daemon, "victim")["reserved"] == 0, what="the reservation ended")
        wait_until(lambda: daemon.workers("victim", "idle") == 0, what="its workers gone")
        daemon.stop()

    def test_what_they_do_not_manage_spills_over_and_is_counted(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.create_function("victim", handler_path("victim"))
        reserve(daemon, "victim", 1)
        wait_warm(daemon, "victim", 1)
        daemon.invoke("victim", {"do": "sleep", "ms": 1500}, invocation_type="Event")
        wait_until(lambda: pool(daemon, "victim")["busy"] == 1, what="the reserved worker busy")
        self.assertEqual(200, daemon.invoke("victim", {"do": "echo"}).status)
        self.assertEqual(1, metric_sum(daemon.metrics(), SPILLOVER, function="victim"))


@unittest.skipUnless(os.geteuid() == 0 and len(os.sched_getaffinity(0)) >= 2, "needs root and two processors")
class Dedicated(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        for function in ("tenant", "other"):
            self.daemon.create_function(function, handler_path("victim"))

    def sandboxes(self):
        launcher = children(self.daemon.process.pid)[0]
        return {init: descendants(init) for init in children(launcher)}

    def test_no_foreign_worker_is_ever_on_the_hosts_processors(self):
        self.daemon.invoke("other", {"do": "echo"})
        (others,) = self.sandboxes().values()
        self.assertIn(",", cpus_allowed(others[0]).replace("-", ","))
        host = buy(self.daemon, "dedicated", "tenant", Cpus=1)
        self.daemon.invoke("tenant", {"do": "echo"})
        shown = pool(self.daemon, "tenant")
        self.assertEqual(("dedicated", [host]), (shown["plan"], shown["commitments"]))
        its = shown["cpus"]
        self.assertRegex(its, r"^\d+$")
        # Those that were there before, and those that come: none has the processor.
        self.daemon.update_configuration("other", Description="new workers")
        self.daemon.wait_active("other")
        self.daemon.invoke("other", {"do": "echo"})
        tenants, foreign = [], []
        for pids in self.sandboxes().values():
            for pid in pids:
                (tenants if cpus_allowed(pid) == its else foreign).append(pid)
        self.assertEqual(2, len(tenants))  # zygote and worker
        self.assertGreaterEqual(len(foreign), 2)
        for pid in foreign:
            self.assertNotEqual(its, cpus_allowed(pid))
            self.assertNotIn(int(its), self.expand(cpus_allowed(pid)), f"worker {pid}")
        for task in pathlib.Path(f"/proc/{self.daemon.process.pid}/task").iterdir():
            self.assertNotIn(int(its), self.expand(cpus_allowed(task.name)), "a thread of hearthd")
        end(self.daemon, host)
        wait_until(lambda: all(int(its) in self.expand(cpus_allowed(pid)) for pid in alive(foreign)), what="the processor everybody's")
        self.assertEqual(200, self.daemon.invoke("tenant", {"do": "echo"}).status)
        self.assertEqual("on-demand", pool(self.daemon, "tenant")["plan"])

    @staticmethod
    def expand(text):
        found = set()
        for part in text.split(","):
            first, _, last = part.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
        return found

    def test_kept_over_a_restart_and_refused_where_it_cannot_be_had(self):
        host = buy(self.daemon, "dedicated", "tenant", Cpus=1)
        self.daemon.kill9()
        self.daemon.start()
        self.daemon.invoke("tenant", {"do": "echo"})
        self.assertEqual([host], pool(self.daemon, "tenant")["commitments"])
        answer = try_buy(self.daemon, "dedicated", "other", Cpus=len(os.sched_getaffinity(0)))
        self.assertEqual(412, answer.status, answer)
        self.assertIn("one core stays everybody's", answer.message)


if __name__ == "__main__":
    unittest.main()
