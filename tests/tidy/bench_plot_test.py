#!/usr/bin/env python3
"""What benchmarks draw and note (tests/bench/plot.py, report.py): whole XML, points where they belong, targets told right."""
import json
import os
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import plot  # noqa: E402
import report  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
AREA = {"left": 72.0, "right": 624.0, "top": 44.0, "bottom": 312.0}


def circles(root):
    return [(float(one.get("cx")), float(one.get("cy"))) for one in root.iter(f"{SVG}circle")]


def words(root):
    return [one.text for one in root.iter(f"{SVG}text")]


class Plots(unittest.TestCase):
    def test_points_of_a_linear_axis(self):
        lines = plot.Lines("t", "x", "y")
        lines.add("a", [(100, 50), (0, 100), (50, 0)])
        root = xml.fromstring(lines.svg())
        middle = (AREA["left"] + AREA["right"]) / 2
        self.assertEqual([(AREA["left"], AREA["top"]), (middle, AREA["bottom"]), (AREA["right"], (AREA["top"] + AREA["bottom"]) / 2)],
                         circles(root))

    def test_powers_stand_at_equal_distances_and_each_has_a_tick(self):
        lines = plot.Lines("t", "connections", "y", log_x=True)
        lines.add("a", [(1, 1), (16, 1), (256, 1)])
        root = xml.fromstring(lines.svg())
        self.assertEqual([AREA["left"], (AREA["left"] + AREA["right"]) / 2, AREA["right"]], [x for x, _ in circles(root)])
        for tick in ("1", "16", "256", "connections"):
            self.assertIn(tick, words(root))

    def test_every_line_is_in_the_legend_and_has_its_colour(self):
        lines = plot.Lines("t", "x", "y")
        lines.add("first", [(0, 1), (1, 1)])
        lines.add("second", [(0, 2), (1, 2)])
        root = xml.fromstring(lines.svg())
        self.assertEqual(["c0", "c1"], [group.get("class") for group in root.iter(f"{SVG}g")])
        self.assertTrue({"first", "second"} <= set(words(root)))

    def test_names_are_escaped(self):
        for drawn in (plot.Lines("<a> & b", "x < y", "&"), plot.Bars("<a> & b", "&")):
            drawn.add("1 < 2 & 3", [(0, 1), (1, 1)]) if isinstance(drawn, plot.Lines) else drawn.add("1 < 2 & 3", 4)
            root = xml.fromstring(drawn.svg())
            self.assertIn("1 < 2 & 3", words(root))
            self.assertEqual("<a> & b", root.find(f"{SVG}title").text)

    def test_one_point_alone_and_zeros_are_drawn(self):
        lines = plot.Lines("t", "x", "y", log_x=True)
        lines.add("a", [(4, 0)])
        self.assertEqual(1, len(circles(xml.fromstring(lines.svg()))))
        bars = plot.Bars("t", "ms")
        bars.add("none", 0)
        xml.fromstring(bars.svg())

    def test_bars_are_as_long_as_their_figures(self):
        bars = plot.Bars("t", "ms")
        for name, value in (("a", 1), ("b", 4)):
            bars.add(name, value)
        widths = [float(bar.get("width")) for bar in xml.fromstring(bars.svg()).iter(f"{SVG}rect")]
        self.assertEqual([85, 340], widths)  # room for the names before and the figure behind

    def test_ticks_are_round_and_reach_the_most(self):
        for most, expected in ((1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (5, [0, 1, 2, 3, 4, 5]), (23_000, [0, 5_000, 10_000, 15_000, 20_000, 25_000]),
                               (0, [0, 1])):
            for tick, wanted in zip(plot.nice_ticks(most), expected, strict=True):
                self.assertAlmostEqual(wanted, tick)


class Rows(unittest.TestCase):
    def noted(self, *calls):
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.dict(os.environ, {"HEARTH_BENCH_ROWS": f"{folder}/rows"}):
                said = [call() for call in calls]
            return said, [json.loads(line) for line in pathlib.Path(folder, "rows").read_text().splitlines()]

    def test_at_the_target_is_reached_and_past_it_missed(self):
        said, rows = self.noted(lambda: report.promised("rate", 0.52, at_least=0.52), lambda: report.promised("rate", 0.519, at_least=0.52),
                                lambda: report.promised("late", 150, at_most=150, unit="ms"), lambda: report.promised("late", 150.1, at_most=150))
        self.assertEqual(["reached", "missed", "reached", "missed"], said)
        self.assertEqual([True, False, True, False], [row["reached"] for row in rows])
        self.assertEqual(("≤ 150 ms", "150.00 ms"), (rows[2]["target"], rows[2]["measured"]))

    def test_a_missing_program_is_told_with_its_package(self):
        with self.assertRaises(SystemExit) as ended, mock.patch("sys.stderr") as said:
            report.need("sh", "no-such-program", packages={"no-such-program": "its-package"})
        self.assertEqual(report.CANNOT_RUN, ended.exception.code)
        self.assertIn("apt-get install its-package", "".join(call.args[0] for call in said.write.call_args_list))


if __name__ == "__main__":
    unittest.main()
