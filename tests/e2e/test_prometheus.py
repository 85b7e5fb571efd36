"""A real Prometheus scrapes the daemon, with the alert rules and the dashboard's queries that we ship: it sees what the ledger has.

Needs `prometheus` and `promtool` (apt-get install --no-install-recommends prometheus); `./dev test --long` installs them.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

from hearth_e2e import ROOT, DaemonTest, handler_path, metric_sum, wait_until

sys.path.insert(0, str(ROOT / "tests/observability"))
import make_dashboard  # noqa: E402

RULES = ROOT / "docs/observability/hearth-rules.yml"
DASHBOARD = ROOT / "docs/observability/hearth-dashboard.json"
LONG = bool(os.environ.get("HEARTH_LONG"))
EVENTS = 2000 if LONG else 60
INSTALLED = shutil.which("prometheus") and shutil.which("promtool")
WHY_NOT = "prometheus is not installed: apt-get install --no-install-recommends prometheus"


def promtool(*arguments, stdin=None):
    return subprocess.run(["promtool", *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False, timeout=120)


def defined_metrics():
    """Every name that the code defines, with those that a histogram makes of it."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text(encoding="utf-8"), re.M)
    names = {name for name, _ in rows}
    for name, kind in rows:
        if kind == "histogram":
            names |= {name + suffix for suffix in ("_bucket", "_sum", "_count")}
    return names


def queries_of_dashboard(dashboard):
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


class Files(unittest.TestCase):
    def test_dashboard_is_what_its_script_prints(self):
        self.assertEqual(make_dashboard.dashboard(), json.loads(DASHBOARD.read_text(encoding="utf-8")),
                         "make it again: tests/observability/make_dashboard.py > docs/observability/hearth-dashboard.json")

    def test_rules_and_dashboard_name_only_metrics_that_exist(self):
        texts = RULES.read_text(encoding="utf-8") + "\n".join(queries_of_dashboard(make_dashboard.dashboard()))
        named = set(re.findall(r"(?<![:\w])(?:hearth|process)_\w+", texts))
        self.assertGreater(len(named), 30)
        self.assertEqual(set(), named - defined_metrics())

    def test_each_alert_has_a_severity_a_summary_and_a_runbook(self):
        blocks = re.split(r"\n      - (?=alert: )", RULES.read_text(encoding="utf-8"))[1:]
        self.assertGreater(len(blocks), 15)
        for block in blocks:
            name = block.split()[1]
            for part in ("severity: ", "summary: ", "runbook: "):
                self.assertIn(part, block, name)

    @unittest.skipUnless(INSTALLED, WHY_NOT)
    def test_promtool_accepts_rules_and_configuration_and_their_unit_tests_pass(self):
        for arguments in (("check", "rules", RULES), ("check", "config", ROOT / "docs/observability/prometheus.yml"),
                          ("test", "rules", ROOT / "tests/observability/rules_test.yml")):
            done = promtool(*arguments)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)


class Prometheus:
    """A server of its own on a free loopback port, scraping one daemon five times a second into a folder that goes with it."""

    def __init__(self, daemon):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-prometheus-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
rule_files: ["{RULES}"]
scrape_configs: [{{job_name: hearth, static_configs: [{{targets: ["127.0.0.1:{daemon.control_port}"]}}]}}]
""")
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)

    def get(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def ready(self):
        try:
            return self.get("/api/v1/query", query="up")["data"]["result"]
        except OSError:
            return None

    def query(self, text):
        """{labels without the target's: value}"""
        result = self.get("/api/v1/query", query=text)["data"]["result"]
        return {frozenset((name, value) for name, value in one["metric"].items() if name not in ("instance", "job", "__name__")):
                float(one["value"][1]) for one in result}

    def value(self, text):
        return sum(self.query(text).values())

    def remove(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class LedgerIsMetrics(DaemonTest):
    """The counters of a scrape against the ledger's sums."""

    @classmethod
    def set_up_functions(cls):
        for name in ("steady", "broken", "late"):
            cls.daemon.create_function(name, handler_path("victim"), memory=256, timeout=1)

    def usage(self):
        """Of each function, from the ledger: (records, errors, billed ms, MB ms, cold starts)."""
        return {row["function"]: (row["invocations"], row["errors"], row["billed_ms"], row["memory_mb_ms"], row["cold_starts"])
                for row in self.daemon.bill()["rows"]}

    @staticmethod
    def counted(samples, function):
        def total(name):
            return metric_sum(samples, name, function=function)
        return (total("hearth_invocations_total"), total("hearth_errors_total"),
                round(total("hearth_billed_duration_seconds_total") * 1000),
                round(total("hearth_billed_gb_seconds_total") * 1024 * 1000), total("hearth_cold_starts_total"))

    def load(self, events):
        deeds = [("steady", {"do": "count"}), ("steady", {"do": "spin", "ms": 2}), ("broken", {"do": "throw"}),
                 ("steady", {"do": "count"}), ("broken", {"do": "abort"}), ("steady", {"do": "echo"})]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for i in range(events):
                pool.submit(self.daemon.invoke, *deeds[i % len(deeds)], False)
            pool.submit(self.daemon.invoke, "late", {"do": "spin_forever"}, False)
            for _ in range(10):
                samples = self.daemon.metrics()  # first the counters, then the ledger: it may only have more
                for function, ledger in self.usage().items():
                    for counter, kept in zip(self.counted(samples, function), ledger):
                        self.assertLessEqual(counter, kept, function)

    def test_counters_never_pass_the_ledger_and_equal_it_when_nothing_is_under_way(self):
        self.load(EVENTS)
        for i in range(5):
            self.daemon.invoke("steady", {"do": "count"}, invocation_type="Event")
        wait_until(lambda: metric_sum(self.daemon.metrics(), "hearth_async_events_total", function="steady", result="succeeded") == 5)
        samples, ledger = self.daemon.metrics(), self.usage()
        self.assertEqual({"steady", "broken", "late"}, set(ledger))
        self.assertEqual(ledger, {function: self.counted(samples, function) for function in ledger})
        self.assertGreater(ledger["broken"][1], EVENTS // 4)
        self.assertEqual(1, metric_sum(samples, "hearth_timeouts_total", function="late"))
        self.assertEqual(0, metric_sum(samples, "hearth_ledger_conflicts_total"))
        self.assertEqual(sum(function[0] for function in ledger.values()), metric_sum(samples, "hearth_invocations_total"))
        crashes = metric_sum(samples, "hearth_invocations_total", outcome="crash")
        self.assertEqual(crashes, metric_sum(samples, "hearth_crashes_total", cause="signal"))
        self.assertGreater(crashes, 0)
        if "cgroups: v" in self.daemon.stderr():  # where usage is measured each attempt of theirs has one
            self.assertGreater(metric_sum(samples, "hearth_cpu_usage_seconds_count", function="steady"), 0)
            self.assertGreater(metric_sum(samples, "hearth_memory_usage_bytes_count", function="steady"), 0)

    @unittest.skipUnless(INSTALLED, WHY_NOT)
    def test_prometheus_sees_what_the_ledger_has_and_an_alert_fires(self):
        prometheus = Prometheus(self.daemon)
        self.addCleanup(prometheus.remove)
        wait_until(prometheus.ready, 30, "Prometheus has scraped")
        self.assertEqual({}, prometheus.query('ALERTS{alertname="HearthCrashes"}'))
        self.daemon.invoke("broken", {"do": "abort"})
        wait_until(lambda: prometheus.value('hearth_crashes_total{function="broken"}') > 0, what="the first crash is seen")
        for _ in range(12):
            self.daemon.invoke("broken", {"do": "abort"})
        for _ in range(20):
            self.daemon.invoke("steady", {"do": "count"})
        ledger = self.usage()
        wait_until(lambda: prometheus.value("sum(hearth_invocations_total)") == sum(one[0] for one in ledger.values()),
                   what="Prometheus has scraped the last invocation")
        for function, (records, errors, billed_ms, mb_ms, cold) in ledger.items():
            self.assertEqual(records, prometheus.value(f'sum(hearth_invocations_total{{function="{function}"}})'))
            self.assertEqual(errors, prometheus.value(f'hearth_errors_total{{function="{function}"}}'))
            self.assertEqual(billed_ms, round(1000 * prometheus.value(f'hearth_billed_duration_seconds_total{{function="{function}"}}')))
            self.assertEqual(mb_ms, round(1_024_000 * prometheus.value(f'hearth_billed_gb_seconds_total{{function="{function}"}}')))
            self.assertEqual(cold, prometheus.value(f'hearth_cold_starts_total{{function="{function}"}}'))
        groups = prometheus.get("/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        self.assertEqual(RULES.read_text(encoding="utf-8").count("\n      - alert: ") + RULES.read_text(encoding="utf-8").count("\n      - record: "), len(rules))
        wait_until(lambda: prometheus.query('ALERTS{alertname="HearthCrashes", alertstate="firing"}'), what="HearthCrashes fires")
        fired = {dict(labels)["function"] for labels in prometheus.query('ALERTS{alertname="HearthCrashes", alertstate="firing"}')}
        self.assertEqual({"broken"}, fired)
        rules = [rule for group in prometheus.get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]
        self.assertEqual([], [rule["name"] for rule in rules if rule["health"] == "err"])
        self.check_dashboard(prometheus)

    def check_dashboard(self, prometheus):
        """Every query of the dashboard is taken by Prometheus; those of what has happened here have an answer."""
        empty = []
        for query in queries_of_dashboard(make_dashboard.dashboard()):
            for variable, value in (("$instance", ".*"), ("$function", ".*"), ("$__rate_interval", "1m"), ("$gb_second", "0.0000166667"),
                                    ("$request", "0.0000002")):
                query = query.replace(variable, value)
            answer = prometheus.get("/api/v1/query", query=query)
            self.assertEqual("success", answer["status"], query)
            if not answer["data"]["result"]:
                empty.append(query)
        self.assertEqual([], [query for query in empty if not re.search("bucket_|async_|throttles|timeouts|usage_", query)])

    @unittest.skipUnless(INSTALLED, WHY_NOT)
    def test_promtool_has_nothing_to_say_of_a_scrape(self):
        self.daemon.invoke("steady", {"do": "count"})
        done = promtool("check", "metrics", stdin=self.daemon.control("GET", "/metrics").body.decode())
        # GB-seconds are what is billed, here as in Lambda's price list.
        said = [line for line in done.stderr.splitlines() if not line.startswith("hearth_billed_gb_seconds_total ")]
        self.assertEqual(("", []), (done.stdout, said))

    def test_series_of_a_deleted_function_go_even_when_it_runs(self):
        self.daemon.create_function("gone", handler_path("victim"), timeout=2)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.daemon.invoke, "gone", {"do": "spin", "ms": 1500})
            wait_until(lambda: metric_sum(self.daemon.metrics(), "hearth_workers", function="gone", state="busy") == 1)
            self.daemon.delete_function("gone")
            running.result()
        wait_until(lambda: not self.daemon.workers("gone", "busy"))
        self.assertNotIn('function="gone"', self.daemon.control("GET", "/metrics").body.decode())


if __name__ == "__main__":
    unittest.main()
