"""Aliases as an operator uses them: a canary gets its share, promote and rollback, over a restart, and no request is dropped."""
import collections
import unittest

from chaos import Caller, short_or_long
from hearth_e2e import DaemonTest, handler_path, wait_until

CALLS = short_or_long(200, 2000)
SHIFTS = short_or_long(20, 300)


class Aliases(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))
        for memory in (128, 144):
            cls.daemon.update_configuration("victim", MemorySize=memory)
            cls.daemon.wait_active("victim")
            cls.daemon.control("POST", "/2015-03-31/functions/victim/versions", {})

    def hearth(self, *arguments):
        done = self.daemon.hearth(*arguments)
        self.assertEqual(0, done.returncode, done)
        return done.stdout

    def versions(self, calls=CALLS):
        """Which versions answered."""
        answers = [self.daemon.invoke("victim:live", {"do": "context"}, log_tail=False) for _ in range(calls)]
        self.assertEqual({200}, {answer.status for answer in answers})
        return collections.Counter(answer.headers["X-Amz-Executed-Version"] for answer in answers)

    def test_canary_promote_rollback(self):
        self.assertIn("live is version 1", self.hearth("alias", "set", "victim:live", "1"))
        self.assertEqual({"1": 20}, self.versions(20))
        self.assertIn("2 gets 30.0 %", self.hearth("promote", "victim:live", "2", "--weight", "30%"))
        shares = self.versions()
        self.assertTrue(0.15 < shares["2"] / CALLS < 0.45, shares)
        self.daemon.restart()
        self.assertTrue(0.15 < self.versions()["2"] / CALLS < 0.45)
        self.assertIn("live is version 1", self.hearth("rollback", "victim:live"))
        self.assertEqual({"1": 20}, self.versions(20))
        self.hearth("promote", "victim:live", "2")
        self.assertEqual({"2": 20}, self.versions(20))
        self.assertIn("BEFORE", self.hearth("alias", "ls", "victim"))
        self.hearth("rollback", "victim:live")
        self.assertEqual({"1": 20}, self.versions(20))
        refused = self.daemon.control("DELETE", "/2015-03-31/functions/victim?Qualifier=1")
        self.assert_refused(refused, 409, "ResourceConflictException", "alias")
        self.hearth("alias", "rm", "victim:live")
        self.assert_refused(self.daemon.invoke("victim:live", {}), 404, "ResourceNotFoundException")

    def test_a_canary_that_fails_is_taken_back(self):
        self.hearth("alias", "set", "victim:trial", "1")
        said = self.hearth("promote", "victim:trial", "2", "--weight", "50%", "--rollback-on-errors", "30%", "--min-requests", "10")
        self.assertIn("on trial: 2 unless 30.0 % of 10 or more fail", said)
        self.assertIn("2 unless 30.0 %", self.hearth("alias", "ls", "victim"))

        def path(alias):
            return self.daemon.control("GET", f"/2015-03-31/functions/victim/aliases/{alias}").json()
        for _ in range(20):  # of the version that stays: nobody's trial
            self.daemon.invoke("victim:1", {"do": "throw"}, log_tail=False)
        self.assertIn("RoutingConfig", path("trial"))
        for n in range(10):
            self.daemon.invoke("victim:2", {"do": "throw"} if n % 2 else {}, log_tail=False)
        wait_until(lambda: "RoutingConfig" not in path("trial"), what="the canary taken back")
        trial = path("trial")
        self.assertEqual("1", trial["FunctionVersion"])
        self.assertRegex(trial["Hearth"]["RolledBack"], r"^version 2: 5 of 10 attempts failed \(50.0 %, the limit is 30.0 %\)$")
        self.assertIn("rolled back from version 2", self.hearth("alias", "ls", "victim"))
        self.assertRegex(self.daemon.stderr(), "an alias was rolled back.*victim:trial.*5 of 10 attempts failed")
        self.daemon.restart()
        self.assertIn("RolledBack", path("trial")["Hearth"])

    def test_a_whole_version_that_fails_is_taken_back_to_the_one_before(self):
        self.hearth("alias", "set", "victim:whole", "1")
        self.hearth("promote", "victim:whole", "2", "--rollback-on-errors", "100%", "--min-requests", "3")
        for _ in range(3):
            answer = self.daemon.invoke("victim:whole", {"do": "throw"}, log_tail=False)
            self.assertEqual(200, answer.status)
        wait_until(lambda: self.daemon.invoke("victim:whole", {}, log_tail=False).headers["X-Amz-Executed-Version"] == "1",
                   what="version 1 again")

    def test_trials_that_cannot_be(self):
        self.hearth("alias", "set", "victim:odd", "1")
        for arguments in (("--rollback-on-errors", "101%"), ("--rollback-on-errors", "x"), ("--min-requests", "5"),
                          ("--rollback-on-errors", "5%", "--min-requests", "0")):
            self.assertEqual(2, self.daemon.hearth("promote", "victim:odd", "2", *arguments).returncode, arguments)
        for ours in ({"RollbackOnErrors": 1.01}, {"RollbackOnErrors": "x"}, {"RollbackMinRequests": 1_000_001}, {"RollbackMinRequests": 0}):
            answer = self.daemon.control("PUT", "/2015-03-31/functions/victim/aliases/odd", {"FunctionVersion": "2", "Hearth": ours})
            self.assert_refused(answer, 400, "InvalidParameterValueException")

    def test_nothing_is_dropped_while_the_weight_shifts(self):
        self.hearth("alias", "set", "victim:shift", "1")
        callers = [Caller(self.daemon, "victim:shift", {"do": "sleep", "ms": 5}) for _ in range(3)]
        for caller in callers:
            caller.start()
        path = "/2015-03-31/functions/victim/aliases/shift"
        for shift in range(SHIFTS):
            weights = {"2": shift % 11 / 10}
            answer = self.daemon.control("PUT", path, {"RoutingConfig": {"AdditionalVersionWeights": weights}})
            self.assertEqual(200, answer.status, answer)
        for caller in callers:
            caller.stop()
        statuses = sum((caller.statuses() for caller in callers), collections.Counter())
        self.assertEqual({200}, set(statuses), statuses)


if __name__ == "__main__":
    unittest.main()
