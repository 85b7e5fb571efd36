#!/usr/bin/env python3
"""Each style rule catches what was planted for it, and nothing else.

tests/tidy/planted/<rule>/ is a small tree with faults; its expected.txt lists them as FILE:LINE (a line may end in words that
the message must have). A rule named planted/clean does not exist: that tree has near misses, and must have no fault.
"""
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PLANTED = HERE / "planted"
sys.path.insert(0, str(HERE))
import check_style  # noqa: E402


def found(name):
    return [(rule, f"{fault.path}:{fault.line}", fault.message) for rule, fault in check_style.check(PLANTED / name)]


class PlantedFaults(unittest.TestCase):
    def test_every_rule_has_a_planted_violation(self):
        planted = {path.parent.name for path in PLANTED.glob("*/expected.txt")}
        self.assertEqual(set(check_style.RULES), planted)

    def test_each_planted_violation_is_caught_and_nothing_else(self):
        for rule in check_style.RULES:
            with self.subTest(rule):
                expected = [line.split(" ", 1) for line in (PLANTED / rule / "expected.txt").read_text().splitlines()]
                faults = found(rule)
                self.assertEqual([(rule, place) for place, *_ in expected], [(name, place) for name, place, _ in faults])
                for (place, *words), (_, _, message) in zip(expected, faults):
                    self.assertIn(words[0] if words else "", message, place)

    def test_each_banned_call_and_each_door_is_planted(self):
        for rule, table in (("banned_call", [ban[3] for ban in check_style.BANNED]),
                            ("doors", [door[2] for door in check_style.DOORS])):
            messages = " ".join(message for _, _, message in found(rule))
            for text in table:
                with self.subTest(text):
                    self.assertIn(text, messages)

    def test_near_misses_are_let_pass(self):
        self.assertEqual([], found("clean"))


if __name__ == "__main__":
    unittest.main()
