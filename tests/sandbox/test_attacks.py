"""The attack table, row by row: as root, as an ordinary user, without any layer, and without one layer at a time."""
import os
import pathlib
import re
import unittest

import rows
from suite import BUILD, MARKER, NOBODY, Suite

from hearth_e2e import metric_sum


def needs_root(test):
    return unittest.skipUnless(os.geteuid() == 0, "needs root: to become another user, and to be root")(test)


class Attacks(unittest.TestCase):
    """Every row, with every layer."""

    def run_all(self, suite, expectation):
        self.addCleanup(suite.stop)
        suite.start()
        for probe in rows.PROBES + rows.OBSERVED:
            if suite.isolation == "strict" and probe.order == {"observe": "namespaces of zygote"}:
                continue  # there is none
            with self.subTest(probe.name()):
                expected = expectation(probe)
                self.assertEqual(expected, suite.run(probe), getattr(expected, "text", expected))

    @needs_root
    def test_as_root(self):
        self.run_all(Suite(), lambda probe: probe.expected)

    @needs_root
    def test_as_an_ordinary_user(self):
        self.run_all(Suite(user=NOBODY), lambda probe: probe.expected if probe.user is None else probe.user)

    @needs_root
    def test_as_root_with_a_sandbox_each(self):
        suite = Suite(isolation="strict")
        self.run_all(suite, lambda probe: probe.expected)
        from_blanks = metric_sum(suite.daemon.metrics(), "hearth_own_sandbox_starts_total", **{"from": "blank"})
        self.assertGreater(from_blanks, 0, "none of them came from a blank one")

    @needs_root
    def test_as_an_ordinary_user_with_a_sandbox_each(self):
        self.run_all(Suite(user=NOBODY, isolation="strict"), lambda probe: probe.expected if probe.user is None else probe.user)


class Control(unittest.TestCase):
    """The attempts are real: without layers the harmless ones succeed."""

    @needs_root
    def test_without_layers(self):
        suite = Suite(without=rows.layers())
        self.addCleanup(suite.stop)
        suite.start()
        harmless = [probe for probe in rows.PROBES if probe.control is not None]
        self.assertGreater(len(harmless), 30)
        for probe in harmless:
            with self.subTest(probe.name()):
                if probe.row == 3:
                    suite.daemon.invoke("attacker", {"calls": [rows.call("openat", rows.AT_FDCWD, "/tmp/secret", 0o101, 0o600)]})
                self.assertEqual(probe.control, suite.run_invoke(probe))
                if probe.spoils:
                    suite.daemon.invoke(probe.function, {"deed": "exit", "code": 0})


class Removals(unittest.TestCase):
    """Each layer does something that no other does: without it, these rows come out otherwise."""

    PROBES = {probe.name(): probe for probe in rows.PROBES + rows.OBSERVED}

    @needs_root
    def test_one_layer_at_a_time(self):
        self.assertEqual(sorted(rows.layers()), sorted([*rows.REMOVALS, *rows.FAILS_CLOSED]))
        for layer, names in rows.REMOVALS.items():
            with self.subTest(layer):
                suite = Suite(without=[layer])
                try:
                    suite.start()
                    for name in names:
                        probe = self.PROBES[name]
                        # With another uid the sibling could not write to its bucket.
                        run = suite.run_alone if layer == "kUid" else suite.run
                        self.assertNotEqual(probe.expected, run(probe), f"{name}: as if {layer} were there")
                finally:
                    suite.stop()

    @needs_root
    def test_limits_of_resources_hold_an_ordinary_user_who_has_no_cgroups(self):
        suite = Suite(user=NOBODY, without=["kResourceLimits"])
        self.addCleanup(suite.stop)
        suite.start()
        for name in ("12: thread bomb", "13: memory bomb"):
            probe = self.PROBES[name]
            self.assertEqual(rows.all_of(probe.order["most"]), suite.run(probe), name)

    @needs_root
    def test_without_no_new_privs_nothing_starts(self):
        for layer in rows.FAILS_CLOSED:
            suite = Suite(without=[layer])
            self.addCleanup(suite.stop)
            with self.assertRaisesRegex(AssertionError, "seccomp"):
                suite.start()


class Installed(unittest.TestCase):
    def test_what_is_installed_cannot_be_weakened(self):
        """No switch: the executables of the tests are other ones."""
        for executable in ("bin/hearthd", "libexec/hearth/hearth-launcher", "libexec/hearth/hearth-worker"):
            self.assertNotIn(MARKER.strip(), (BUILD / executable).read_bytes(), executable)
        self.assertIn(MARKER, (BUILD / "tests/weakened/weakened-launcher").read_bytes())

    def test_every_row_is_there(self):
        told = {each.row for each in rows.PROBES + rows.ELSEWHERE}
        self.assertEqual(set(), set(range(1, 69)) - told)

    def test_the_page_is_what_the_rows_say(self):
        page = pathlib.Path(__file__).parents[2] / "docs/attacks.md"
        self.assertEqual(rows.page(), page.read_text(), "run: python3 tests/sandbox/rows.py > docs/attacks.md")

    def test_tests_elsewhere_are_there(self):
        for each in rows.ELSEWHERE:
            for name in re.findall(r"tests/\S+", each.test):
                self.assertTrue((pathlib.Path(__file__).parents[2] / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
