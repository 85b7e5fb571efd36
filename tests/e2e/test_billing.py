"""Bills over a running daemon: every form, explain, re-rate, plans, budgets, another price book, a restart."""
import csv
import datetime
import decimal
import io
import json
import unittest

from hearth_e2e import DaemonTest, handler_path

OK, USAGE, PLATFORM = 0, 2, 3
Decimal = decimal.Decimal
BOOK = {"format": 2, "name": "house", "version": "1", "currency": "EUR", "editions": [
    {"effective_from": "2026-01-01", "per_million_requests": "1000000", "duration_tiers": [{"per_gb_second": "0"}],
     "savings_plans": [{"term_hours": 1, "duration_per_gb_second": "0", "reserved_duration_per_gb_second": "0"}]}]}


class Bills(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=1)

    def hearth(self, *arguments, exits=OK):
        done = self.daemon.hearth(*arguments)
        self.assertEqual(exits, done.returncode, f"hearth {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def hearth_json(self, *arguments, **options):
        return json.loads(self.hearth(*arguments, "--json", **options))

    def month(self):
        return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")

    def lines(self):
        return self.hearth_json("bill", "--month", self.month())["lines"]


class Forms(Bills):
    def test_lines_make_the_invoice_to_the_cent(self):
        self.daemon.invoke("victim", {"do": "echo"})
        bill = self.hearth_json("bill", "--month", self.month())
        total = sum(Decimal(line["amount"]) for line in bill["lines"])
        self.assertEqual(Decimal(bill["invoices"][0]["total"]), total)
        self.assertEqual(Decimal(bill["total"]["amount"]), total)

    def test_csv_and_focus_have_a_row_a_line(self):
        self.daemon.invoke("victim", {"do": "echo"})
        lines = self.lines()
        rows = list(csv.DictReader(io.StringIO(self.hearth("bill", "--csv", "--month", self.month()))))
        self.assertEqual([line["id"] for line in lines], [row["id"] for row in rows])
        focus = list(csv.DictReader(io.StringIO(self.hearth("bill", "--focus", "--month", self.month()))))
        self.assertEqual(len(lines), len(focus))
        self.assertEqual(sum(Decimal(line["amount"]) for line in lines), sum(Decimal(row["BilledCost"]) for row in focus))

    def test_a_line_is_explained_by_its_invocations_page_by_page(self):
        for _ in range(5):
            self.daemon.invoke("victim", {"do": "echo"})
        line = next(line for line in self.lines() if line["kind"] == "requests")
        behind, number = [], None
        while True:
            page = self.hearth_json("bill", "explain", line["id"], "--limit", "2",
                                    *(["--from-number", str(number)] if number is not None else []))
            behind += page["invocations"]
            number = page.get("next_number")
            if number is None:
                break
        self.assertEqual(Decimal(line["quantity"]) * 1_000_000, len(behind))
        self.assertEqual(len(behind), len({one["request_id"] for one in behind}))
        self.assertIn("success", self.hearth("bill", "explain", line["id"]))
        self.hearth("bill", "explain", "2026-11-000000000000", exits=PLATFORM)

    def test_made_again_from_the_ledger_it_is_the_same_also_after_a_restart(self):
        self.daemon.invoke("victim", {"do": "echo"})
        first = self.hearth("bill", "re-rate", "--month", self.month())
        self.assertIn("the same, byte for byte", first)
        self.daemon.restart()
        self.assertEqual(first, self.hearth("bill", "re-rate", "--month", self.month()))
        self.assertTrue(self.hearth_json("bill", "re-rate", "--month", self.month())["same"])
        self.hearth("bill", "re-rate", "--month", "November", exits=USAGE)

    def test_exports(self):
        events = json.loads(self.hearth("bill", "export", "--format", "cloudevents"))
        self.assertIsInstance(events, list)
        self.assertIn("events", json.loads(self.hearth("bill", "export", "--format", "lago")))
        self.hearth("bill", "export", "--format", "xml", exits=USAGE)

    def test_by_plan_and_by_tag(self):
        self.daemon.invoke("victim", {"do": "echo"})
        self.assertIn("on-demand", self.hearth("bill", "--by", "plan"))
        self.assertIn("(untagged)", self.hearth("bill", "--by", "tag:team"))
        self.hearth("bill", "--by", "moon", exits=USAGE)

    def test_advice_is_given_or_said_to_be_none(self):
        self.assertIn("on_demand", self.hearth_json("bill", "advise"))
        self.assertIn("Duration on demand", self.hearth("bill", "advise", "--days", "1"))

    def test_credit_is_on_the_bill(self):
        credit = self.hearth_json("bill", "credit", "0.5", "--reason", "an outage", "--function", "victim")
        noted = [line for line in self.lines() if line["kind"] == "credit"]
        self.assertEqual("-0.5000000000", noted[0]["amount"])
        self.assertIn(credit["id"], noted[0]["note"])
        self.hearth("bill", "credit", "0", "--reason", "nothing", exits=PLATFORM)


class Plans(Bills):
    def test_savings_plan_is_quoted_bought_listed_and_billed(self):
        self.assertIn("savings-plan", self.hearth("plan", "quote"))
        quote = self.hearth_json("plan", "quote", "savings-plan", "--per-hour", "0.01", "--term", "30d", "--upfront", "all")
        self.assertEqual("7.2000000000", quote["upfront"])
        self.assertEqual([], [one for one in self.hearth_json("plan", "ls")["commitments"] if one["upfront"] == quote["upfront"]])
        bought = self.hearth_json("plan", "buy", "savings-plan", "--per-hour", "0.01", "--term", "30d", "--upfront", "all")
        self.assertIn(bought["id"], self.hearth("plan", "ls"))
        mine = [line for line in self.lines() if line["commitment"] == bought["id"]]
        self.assertEqual({"upfront fee", "savings plan, unused"} - {line["kind"] for line in mine}, set())
        self.hearth("plan", "end", bought["id"], exits=PLATFORM)

    def test_what_is_no_commitment_is_refused(self):
        self.hearth("plan", "buy", "savings-plam", "--per-hour", "1", "--term", "1y", exits=PLATFORM)
        self.hearth("plan", "buy", "savings-plan", "--per-hour", "0.0001", "--term", "1y", exits=PLATFORM)
        self.hearth("plan", "buy", "reserved", "--term", "soon", exits=USAGE)
        self.hearth("plan", "end", "rsv-none", exits=PLATFORM)


class Budgets(Bills):
    def test_budget_warns_in_the_log(self):
        self.hearth("bill", "credit", "0.01", "--reason", "so that there is a line")
        shown = self.hearth("budget", "set", "tiny", "0.0000000001", "--function", "victim", "--at", "1:warn")
        self.assertIn("tiny", shown)
        self.daemon.invoke("victim", {"do": "echo"})
        shown = self.hearth_json("budget", "set", "tiny", "0.0000000001", "--function", "victim", "--at", "1:warn")
        self.assertTrue(shown["budgets"][0]["steps"][0]["reached"], shown)
        self.assertIn("budget step reached", self.daemon.stderr())
        self.hearth("budget", "rm", "tiny")
        self.assertEqual([], self.hearth_json("budget", "ls")["budgets"])
        self.hearth("budget", "rm", "tiny", exits=PLATFORM)
        self.hearth("budget", "set", "x", "1", "--at", "80", exits=USAGE)

    def test_budget_that_is_spent_throttles_its_function_until_it_is_raised(self):
        self.daemon.create_function("thrifty", handler_path("victim"))
        self.assertEqual(200, self.daemon.invoke("thrifty", {"do": "echo"}).status)
        self.hearth("budget", "set", "spent", "0.0000000001", "--function", "thrifty", "--at", "100:throttle")
        for invocation_type in ("RequestResponse", "Event"):
            refused = self.daemon.invoke("thrifty", {"do": "echo"}, invocation_type=invocation_type)
            self.assertEqual(429, refused.status, refused)
            self.assertIn("spent", refused.message)
        self.assertEqual(200, self.daemon.invoke("victim", {"do": "echo"}).status, "another function's budget")
        self.hearth("budget", "rm", "spent")
        self.assertEqual(200, self.daemon.invoke("thrifty", {"do": "echo"}).status)


class OtherPrices(Bills):
    def test_price_book_of_the_house_and_what_is_wrong_in_one(self):
        book = self.daemon.folder / "book.json"
        book.write_text(json.dumps(BOOK))
        self.daemon.stop()
        self.daemon.arguments = ["--price-book", str(book)]
        self.daemon.start()
        # In force from the next hour on: this hour's prices were known before.
        self.assertIn("lambda-us-east-1", self.hearth_json("bill")["price_book"])
        self.assertTrue(self.hearth_json("bill", "re-rate", "--month", self.month())["same"])
        self.daemon.stop()
        book.write_text(json.dumps({**BOOK, "currencey": "EUR"}))
        with self.assertRaises(AssertionError) as refused:
            self.daemon.start()
        self.assertIn("did you mean", str(refused.exception))
        book.write_text(json.dumps(BOOK))
        self.daemon.start()


if __name__ == "__main__":
    unittest.main()
