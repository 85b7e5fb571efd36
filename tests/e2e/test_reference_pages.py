"""Pages that list what the daemon has: settings and metrics, no more and no less."""
import re
import subprocess
import unittest

from hearth_e2e import DaemonTest, ROOT, built, handler_path


def table_column(page, column, pattern):
    """What stands between backticks in that column of the page's tables, where it looks like `pattern`."""
    rows = [line.split("|")[1:-1] for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [row[column].strip() for row in rows if len(row) > column]
    return [match[1] for match in (re.fullmatch(f"`({pattern})`", cell) for cell in cells) if match]


class Settings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        help_text = subprocess.run([built("hearthd"), "--help"], capture_output=True, text=True, check=True).stdout
        cls.flags = re.findall(r"^  (--[a-z-]+)  +\S", help_text, re.M)

    def test_page_lists_the_flags_that_help_prints_in_their_order(self):
        self.assertGreater(len(self.flags), 10)
        self.assertEqual(self.flags, table_column("configuration.md", 1, "--[a-z-]+"))

    def test_each_name_is_its_flag(self):
        names = table_column("configuration.md", 0, "[a-z_]+")
        self.assertEqual(self.flags, ["--" + name.replace("_", "-") for name in names if "--" + name.replace("_", "-") in self.flags])


class Metrics(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))

    def test_page_lists_every_metric_that_a_scrape_shows_with_its_type_and_labels(self):
        self.daemon.invoke("victim", {})
        text = self.daemon.control("GET", "/metrics").body.decode()
        shown = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        self.assertGreater(len(shown), 5)
        page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\|", page, re.M)
        self.assertEqual(shown, {name: kind for name, kind, _ in rows if name in shown})
        labels = {name: set(re.findall(r"`(\w+)`", cell)) for name, _, cell in rows}
        for name, pairs in self.daemon.metrics():
            family = name if name in shown else re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertEqual(labels[family], {label for label, _ in pairs} - {"le"}, name)


if __name__ == "__main__":
    unittest.main()
