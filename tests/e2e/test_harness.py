"""The harness itself: what would let a broken runtime pass if it were wrong."""
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import hearth_e2e
from hearth_e2e import Answer, Daemon, Report, metric_sum, parse_metrics, wait_until

# Plays hearthd: ready at once, unless its config says otherwise; ends with the code that it says.
FAKE = f"""#!{sys.executable}
import json, os, signal, sys
def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None
play = json.load(open(option("--config"))) if option("--config") else {{}}
print("fake daemon says", play.get("says", "nothing"), file=sys.stderr, flush=True)
if "dies" in play:
    sys.exit(play["dies"])
signal.signal(signal.SIGTERM, lambda *_: os._exit(play.get("exits", 0)))
if not play.get("hangs"):
    with open(option("--ready-file"), "w") as ready:
        json.dump({{"data_port": 1, "control_port": 2, "pid": os.getpid()}}, ready)
while True:
    signal.pause()
"""

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


class DaemonLife(unittest.TestCase):
    def daemon(self, **play):
        build = tempfile.TemporaryDirectory()
        self.addCleanup(build.cleanup)
        fake = pathlib.Path(build.name) / "hearthd"
        fake.write_text(FAKE)
        fake.chmod(0o755)
        patch = mock.patch.object(hearth_e2e, "BUILD", pathlib.Path(build.name))
        patch.start()
        self.addCleanup(patch.stop)
        daemon = Daemon(config=play)
        self.addCleanup(daemon.remove)
        return daemon

    def test_ports_are_those_of_the_ready_file(self):
        daemon = self.daemon().start()
        self.assertEqual((1, 2), (daemon.data_port, daemon.control_port))
        self.assertTrue(daemon.running())
        daemon.stop()
        self.assertFalse(daemon.running())

    def test_death_before_ready_fails_with_its_words_and_not_at_the_deadline(self):
        with self.assertRaisesRegex(AssertionError, "(?s)exited with 7 .*fake daemon says ouch"):
            self.daemon(dies=7, says="ouch").start()

    def test_never_ready_fails_at_the_deadline(self):
        with mock.patch.object(hearth_e2e, "START_DEADLINE_S", 0.3), self.assertRaisesRegex(AssertionError, "hearthd ready"):
            self.daemon(hangs=True).start()

    def test_exit_code_of_a_stop_must_be_0(self):
        with self.assertRaisesRegex(AssertionError, "exited with 9 on SIGTERM"):
            self.daemon(exits=9).start().stop()

    def test_restart_after_kill_9_is_another_process_on_the_same_data(self):
        daemon = self.daemon().start()
        first, data = daemon.process.pid, daemon.data_dir
        daemon.kill9()
        daemon.restart()
        self.assertNotEqual(first, daemon.process.pid)
        self.assertEqual(data, daemon.data_dir)

    def test_nothing_is_left_after_remove(self):
        daemon = self.daemon().start()
        daemon.remove()
        self.assertFalse(daemon.running() or daemon.folder.exists())


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
