#!/usr/bin/env python3
"""What the pages point to is there: files, anchors, functions, tests by name; and every page is in the index."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# A path of this tree between backticks, with a folder and an ending.
PATH = re.compile(r"`((?:sdk|runtime|sandbox|triggers|examples|tests|docs)/[\w./-]+\.(?:h|cc|c|py|md|cmake))`")
HELD_BY = re.compile(r'`(tests/[\w./-]+)` "([^"]+)"')


def text_of(path):
    return path.read_text(encoding="utf-8")


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


class Pages(unittest.TestCase):
    def assert_all(self, pattern, holds, least=1):
        """Every find of the pattern in a page holds; fails with the list of those that do not."""
        finds = [(page, found) for page in PAGES for found in pattern.finditer(text_of(page))]
        self.assertGreaterEqual(len(finds), least)
        self.assertEqual([], [f"{page.relative_to(ROOT)}: {found[0]}" for page, found in finds if not holds(page, found)])

    def test_links_lead_somewhere(self):
        def leads_somewhere(page, link):
            target, _, anchor = link[1].partition("#")
            path = page.parent / target if target else page
            return "://" in target or path.is_file() and (not anchor or anchor in anchors(path))
        self.assert_all(LINK, leads_somewhere, least=20)

    def test_files_that_are_named_exist(self):
        self.assert_all(PATH, lambda _, named: (ROOT / named[1]).is_file(), least=50)

    def test_tests_that_hold_a_limit_exist_by_name(self):
        self.assert_all(HELD_BY, lambda _, held: (ROOT / held[1]).is_file() and held[2] in text_of(ROOT / held[1]), least=30)

    def test_functions_of_the_walk_exist(self):
        code = "".join(text_of(path) for folder in ("runtime", "triggers") for path in (ROOT / folder).rglob("*.cc"))
        names = set(re.findall(r"`(?:\w+::)?([A-Z]\w+)`", text_of(ROOT / "docs/life-of-an-event.md")))
        self.assertGreater(len(names), 40)
        self.assertEqual([], sorted(name for name in names if not re.search(rf"\b{name}\b", code)))

    def test_every_page_is_in_the_index(self):
        index = ROOT / "docs/README.md"
        linked = {(index.parent / link).resolve() for link in LINK.findall(text_of(index))}
        for page in sorted((ROOT / "docs").rglob("*.md")):
            if page != index:
                self.assertIn(page.resolve(), linked)


if __name__ == "__main__":
    unittest.main()
