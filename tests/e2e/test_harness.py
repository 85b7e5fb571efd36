"""The harness itself: what would let a broken runtime pass if it were wrong."""
import unittest

from hearth_e2e import Answer, Report, metric_sum, parse_metrics, wait_until

COLD = ("START RequestId: 8f507cfc-8b8f-4d9e-9c2a-1b2c3d4e5f60 Version: $LATEST\n"
        "END RequestId: 8f507cfc-8b8f-4d9e-9c2a-1b2c3d4e5f60\n"
        "REPORT RequestId: 8f507cfc-8b8f-4d9e-9c2a-1b2c3d4e5f60\tDuration: 238.83 ms\tBilled Duration: {} ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 54 MB\tInit Duration: 22.09 ms\t\n")


class ReportLine(unittest.TestCase):
    def test_cold_line_is_billed_by_one_ceiling_of_the_sum(self):
        self.assertTrue(Report(COLD.format(261)).billed_as_printed())
        self.assertFalse(Report(COLD.format(262)).billed_as_printed())
        self.assertEqual(22.09, Report(COLD.format(261)).init_ms)

    def test_warm_line_has_no_init(self):
        warm = Report(COLD.format(239).replace("Init Duration: 22.09 ms\t", ""))
        self.assertIsNone(warm.init_ms)
        self.assertTrue(warm.billed_as_printed())

    def test_spaces_for_tabs_are_no_report(self):
        with self.assertRaises(AssertionError):
            Report(COLD.format(261).replace("\t", " "))


class Metrics(unittest.TestCase):
    SAMPLES = parse_metrics('# HELP hearth_a help\n# TYPE hearth_a counter\nhearth_a{function="x",outcome="ok"} 2\n'
                            'hearth_a{function="x",outcome="er\\"r"} 1\nhearth_a{function="y"} 4\nhearth_b 1.5e3\n')

    def test_labels_choose_samples(self):
        self.assertEqual(3, metric_sum(self.SAMPLES, "hearth_a", function="x"))
        self.assertEqual(2, metric_sum(self.SAMPLES, "hearth_a", outcome="ok"))
        self.assertEqual(1500, metric_sum(self.SAMPLES, "hearth_b"))
        self.assertEqual(0, metric_sum(self.SAMPLES, "hearth_c"))


class Waiting(unittest.TestCase):
    def test_deadline_names_what_was_waited_for(self):
        with self.assertRaisesRegex(AssertionError, "the moon"):
            wait_until(lambda: False, 0.05, "the moon")

    def test_value_is_returned(self):
        values = iter([None, 0, "ready"])
        self.assertEqual("ready", wait_until(lambda: next(values)))


class Answers(unittest.TestCase):
    def test_a_body_that_is_not_json_fails_with_the_body(self):
        with self.assertRaisesRegex(AssertionError, "oops"):
            Answer(200, {}, b"oops").json()
        self.assertEqual("", Answer(404, {}, b"{}").error_type)


if __name__ == "__main__":
    unittest.main()
