"""Aliases as an operator uses them: a canary gets its share, promote and rollback, over a restart, and no request is dropped."""
import collections
import unittest

from chaos import Caller, short_or_long
from hearth_e2e import DaemonTest, handler_path

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
