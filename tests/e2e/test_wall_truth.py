"""What is billed is what ran: durations cover the handler's own interval, and the bill is exactly their ceiling."""
import unittest

import wall_truth
from hearth_e2e import DaemonTest

KINDS = [{"do": kind, "us": us} for us in (0, 200, 1_000, 3_000, 20_000) for kind in ("sleep", "spin")]


class WallTruth(DaemonTest):
    """No limit of time here: how small the difference is, is shown by ./dev bench truth."""

    @classmethod
    def set_up_functions(cls):
        cls.url = wall_truth.deploy(cls.daemon)

    def check(self, calls, at_once):
        measured = wall_truth.measure(self.daemon, self.url, KINDS, calls, at_once)
        self.assertGreaterEqual(wall_truth.overhead_ns(measured)[0], 0, "billed for less than it ran")
        for record, _ in measured:
            self.assertTrue(wall_truth.is_ceiling(record), record)
            self.assertEqual("success", record.outcome)
        self.assertTrue(any(record.billed_ms == 1 for record, _ in measured) or at_once > 1)
        self.assertTrue(all(record.billed_ms >= 20 for record, own_ns in measured if own_ns >= 20_000_000))

    def test_alone(self):
        self.check(60, 1)

    def test_under_load(self):
        self.check(200, 8)


if __name__ == "__main__":
    unittest.main()
