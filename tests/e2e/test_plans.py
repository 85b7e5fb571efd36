"""The scheduling half of plans, with real workers: what was bought is there, and what is somebody's is nobody else's."""
import decimal
import json
import os
import pathlib
import threading
import time
import unittest

from hearth_e2e import Daemon, DaemonTest, handler_path, metric_sum, wait_until
from processes import Sandbox, alive, children, descendants

Decimal = decimal.Decimal
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


def put_provisioned(daemon, function, version, executions):
    return daemon.control("PUT", f"/2019-09-30/functions/{function}/provisioned-concurrency?Qualifier={version}",
                          {"ProvisionedConcurrentExecutions": executions})


def provisioned(daemon, function, version):
    return daemon.control("GET", f"/2019-09-30/functions/{function}/provisioned-concurrency?Qualifier={version}").json()


def publish(daemon, function):
    return daemon.control("POST", f"/2015-03-31/functions/{function}/versions", {}).json()["Version"]


class Provisioned(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()

    def test_ready_warm_and_ready_again_after_kill_9(self):
        self.daemon.create_function("victim", handler_path("victim"))
        version = publish(self.daemon, "victim")
        self.assertEqual(202, put_provisioned(self.daemon, "victim", version, 2).status)
        wait_until(lambda: provisioned(self.daemon, "victim", version)["Status"] == "READY", what="provisioned workers ready")
        cold = metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim")
        self.assertEqual(200, self.daemon.invoke(f"victim:{version}", {"do": "echo"}).status)
        self.assertEqual(cold, metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim"))
        self.daemon.kill9()
        self.daemon.start()
        shown = provisioned(self.daemon, "victim", version)
        self.assertEqual(("READY", 2), (shown["Status"], shown["AvailableProvisionedConcurrentExecutions"]))
        self.assertEqual(400, put_provisioned(self.daemon, "victim", version, 9_999).status, "more than the node has")
        self.assertIn("2 of 2 ready, READY", self.daemon.hearth("concurrency", f"victim:{version}").stdout)
        done = self.daemon.hearth("concurrency", f"victim:{version}", "--provisioned", "none")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(404, self.daemon.control("GET", f"/2019-09-30/functions/victim/provisioned-concurrency?Qualifier={version}").status)

    def test_init_that_fails_is_told(self):
        self.daemon.create_function("broken", handler_path("badinit"), env={"INIT": "throw"})
        version = publish(self.daemon, "broken")
        self.assertEqual(202, put_provisioned(self.daemon, "broken", version, 1).status)
        wait_until(lambda: provisioned(self.daemon, "broken", version)["Status"] == "FAILED", what="the failure shown")
        self.assertIn("init failed", provisioned(self.daemon, "broken", version)["StatusReason"])
        self.assertIn("init failed", self.daemon.hearth("plan", "ls").stdout)
        self.daemon.kill9()
        self.daemon.start()  # it holds up no node


class Concurrency(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))
        cls.queue = cls.daemon.create_queue("work")
        cls.daemon.map_queue("work", "victim")

    def reserve(self, reserved):
        done = self.daemon.hearth("concurrency", "victim", "--reserved", reserved)
        self.assertEqual(0, done.returncode, done.stderr)

    def invocations(self):
        return metric_sum(self.daemon.metrics(), "hearth_invocations_total", function="victim")

    def test_switched_off_and_on_again(self):
        self.assertEqual(200, self.daemon.invoke("victim", {"do": "echo"}).status)
        self.reserve(0)
        refused = self.daemon.invoke("victim", {"do": "echo"})
        self.assertEqual(429, refused.status)
        self.assertEqual("ReservedFunctionConcurrentInvocationLimitExceeded", refused.json()["Reason"])
        self.assertIn("switched off", self.daemon.hearth("concurrency", "victim").stdout)
        self.assertEqual(0, self.daemon.workers("victim", "idle"))
        event = self.daemon.invoke("victim", {"do": "echo"}, invocation_type="Event")
        self.assertEqual(202, event.status)
        self.daemon.sqs("SendMessage", QueueUrl=self.queue, MessageBody="{}")
        self.daemon.restart()
        self.assertEqual(429, self.daemon.invoke("victim", {"do": "echo"}).status, "kept over a restart")
        self.assertEqual(0, self.invocations())
        self.reserve("none")
        wait_until(lambda: self.invocations() == 1, what="the message that lay in the queue has run")
        ended = self.daemon.control("GET", f"/_hearth/v1/invocations/{event.headers['x-amzn-requestid']}").json()
        self.assertEqual("failed", ended["state"], "an asynchronous event does not wait for a function that is off")
        self.assertEqual(200, self.daemon.invoke("victim", {"do": "echo"}).status)

    def test_a_change_replaces_no_worker(self):
        self.daemon.invoke("victim", {"do": "echo"})
        before = Sandbox(self.daemon).workers
        self.reserve(5)
        self.daemon.invoke("victim", {"do": "echo"})
        self.assertEqual(before, Sandbox(self.daemon).workers)
        self.reserve("none")


class Kept(DaemonTest):
    """Workers of a function that no plan pays for."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))

    def keep(self, *flags):
        done = self.daemon.hearth("concurrency", "victim", *flags)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_the_least_number_is_there_and_stays_over_a_restart(self):
        self.assertIn("at least", self.keep("--min", "2", "--idle-time-out", "0"))
        wait_until(lambda: self.daemon.workers("victim", "idle") == 2, what="two workers kept")
        cold = metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim")
        self.assertEqual(200, self.daemon.invoke("victim", {"do": "echo"}).status)
        self.assertEqual(cold, metric_sum(self.daemon.metrics(), "hearth_cold_starts_total", function="victim"))
        self.daemon.kill9()
        self.daemon.start()
        wait_until(lambda: self.daemon.workers("victim", "idle") == 2, what="two workers kept after a restart")
        self.keep("--min", "none")
        wait_until(lambda: self.daemon.workers("victim", "idle") == 0, what="none kept: idle at once is gone")
        self.keep("--idle-time-out", "none")

    def test_a_spare_one_stands_beside_a_busy_one(self):
        self.keep("--spare", "1")
        self.daemon.invoke("victim", {"do": "sleep", "ms": 1500}, invocation_type="Event")
        wait_until(lambda: self.daemon.workers("victim", "busy") == 1 and self.daemon.workers("victim", "idle") >= 1, what="a spare worker")
        shown = self.daemon.hearth("ps", "--each").stdout
        self.assertRegex(shown, r"victim +\$LATEST +\d+ +busy +\d+ ms +an event")
        self.assertRegex(shown, r"victim +\$LATEST +\d+ +(idle|frozen) +\d+ m?s +")
        self.keep("--spare", "none")


class PlanBills(DaemonTest):
    """What ran where is what the bill has: each plan with a real workload."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))

    def hearth_json(self, *arguments):
        done = self.daemon.hearth(*arguments, "--json")
        self.assertEqual(0, done.returncode, f"{arguments}: {done.stderr}")
        return json.loads(done.stdout)

    def bill(self):
        return self.hearth_json("bill", "--by", "plan")

    def lines(self, **wanted):
        """By kind; the lines of those members."""
        return {line["kind"]: line for line in self.bill()["lines"] if all(line[key] == value for key, value in wanted.items())}

    def gb_seconds(self, *billed_ms):
        return Decimal(sum(billed_ms)) * 128 / 1024 / 1000

    def run_for(self, ms):
        return self.daemon.invoke("victim", {"do": "sleep", "ms": ms}).report().billed_ms


class BillsOfPlans(PlanBills):
    def test_reserved_workers_their_reduced_rate_and_what_spills_over(self):
        on_demand = Decimal(self.lines(commitment="").get("duration", {"quantity": 0})["quantity"])
        bought = self.hearth_json("plan", "buy", "reserved", "--function", "victim", "--workers", "1")
        self.addCleanup(self.daemon.hearth, "plan", "end", bought["id"])
        self.assertEqual(128, bought["memory_mib"], "the function's own")
        wait_until(lambda: self.hearth_json("plan", "describe", bought["id"])["workers_ready"] == 1, what="the worker ready")
        self.assertIn("1 of 1 warm", self.daemon.hearth("plan", "ls").stdout)
        reserved = [self.run_for(20) for _ in range(5)]
        slow = threading.Thread(target=lambda: reserved.append(self.run_for(1500)))
        slow.start()
        wait_until(lambda: pool(self.daemon, "victim")["reserved_busy"] == 1, what="the reserved worker busy")
        spilled = self.run_for(10)
        slow.join()
        mine = self.lines(commitment=bought["id"])
        self.assertEqual({"reserved, used", "reserved, unused", "reserved duration", "requests"}, set(mine))
        self.assertEqual(self.gb_seconds(*reserved), Decimal(mine["reserved duration"]["quantity"]))
        self.assertEqual(self.gb_seconds(*reserved), Decimal(mine["reserved, used"]["quantity"]))
        self.assertEqual("0.0000097222", mine["reserved duration"]["price"])
        self.assertEqual(Decimal(6) / 1_000_000, Decimal(mine["requests"]["quantity"]))
        rest = self.lines(commitment="")["duration"]
        self.assertEqual(on_demand + self.gb_seconds(spilled), Decimal(rest["quantity"]))
        self.assertEqual(("on-demand", "0.0000166667"), (rest["plan"], rest["price"]))
        self.assertTrue({"reserved", "on-demand"} <= {row["plan"] for row in self.bill()["rows"]}, self.bill()["rows"])

    @unittest.skipUnless(os.geteuid() == 0 and len(os.sched_getaffinity(0)) >= 2, "needs root and two processors")
    def test_dedicated_host_is_paid_by_the_second_and_what_runs_there_is_not(self):
        left_of_hour = 3600 - time.time() % 3600
        bought = self.hearth_json("plan", "buy", "dedicated", "--function", "victim", "--cpus", "1")
        self.assertRegex(self.daemon.hearth("plan", "describe", bought["id"]).stdout, r"held +cpus \d+")
        billed = self.run_for(20)
        self.assertEqual(0, self.daemon.hearth("plan", "end", bought["id"]).returncode)
        mine = self.lines(commitment=bought["id"])
        self.assertEqual(self.gb_seconds(billed), Decimal(mine["dedicated duration"]["quantity"]))
        self.assertEqual(Decimal(0), Decimal(mine["dedicated duration"]["amount"]))
        host = [line for line in mine.values() if line["unit"] == "cpu-hours"]
        # What of the minute falls into the next hour is on the bill once that has begun.
        at_least = 60 if left_of_hour > 65 else max(0, int(left_of_hour) - 5)
        self.assertGreaterEqual(sum(Decimal(line["quantity"]) for line in host), Decimal(at_least) / 3600 - Decimal("0.000001"),
                                "a minute at least")
        self.assertGreater(sum(Decimal(line["amount"]) for line in host), 0)

    def test_exchanged_the_capacity_is_the_other_functions(self):
        self.daemon.create_function("other", handler_path("victim"), memory=256)
        old = self.hearth_json("plan", "buy", "convertible", "--function", "victim", "--workers", "2", "--term", "1y")
        wait_warm(self.daemon, "victim", 2)
        new = self.hearth_json("plan", "exchange", old["id"], "--function", "other", "--workers", "2", "--term", "1y")
        wait_warm(self.daemon, "other", 2)
        wait_until(lambda: pool(self.daemon, "victim")["reserved"] == 0, what="the old one's workers gone")
        self.assertEqual("ended", self.hearth_json("plan", "describe", old["id"])["state"])
        self.assertIn("2 of 2 warm", self.daemon.hearth("plan", "describe", new["id"]).stdout)
        self.assertNotEqual(0, self.daemon.hearth("plan", "end", new["id"]).returncode, "it has a term")

    def test_tags_are_on_the_bill_and_kept(self):
        self.daemon.create_function("tagged", handler_path("victim"))
        done = self.daemon.hearth("tag", "tagged", "--set", "cost-center=vision", "--set", "env=prod")
        self.assertEqual(0, done.returncode, done.stderr)
        self.daemon.invoke("tagged", {"do": "echo"})
        self.daemon.kill9()
        self.daemon.start()
        self.assertIn("vision", self.daemon.hearth("bill", "--by", "tag:cost-center").stdout)
        self.assertEqual({"cost-center": "vision", "env": "prod"}, self.hearth_json("tag", "tagged", "--remove", "nothing")["Tags"])
        self.assertEqual({"cost-center": "vision"}, self.hearth_json("tag", "tagged", "--remove", "env")["Tags"])


class SavingsPlan(PlanBills):
    def test_it_covers_what_runs_on_demand(self):
        bought = self.hearth_json("plan", "buy", "savings-plan", "--per-hour", "1", "--term", "30d")
        billed = self.run_for(20)
        mine = self.lines(commitment=bought["id"])
        self.assertEqual(self.gb_seconds(billed), Decimal(mine["covered duration"]["quantity"]))
        self.assertEqual(Decimal(0), Decimal(mine["covered duration"]["amount"]))
        used = sum(Decimal(line["effective"]) for kind, line in mine.items() if kind.startswith("covered"))
        self.assertEqual(Decimal(mine["hourly fee"]["amount"]), used + Decimal(mine["savings plan, unused"]["effective"]))


if __name__ == "__main__":
    unittest.main()
