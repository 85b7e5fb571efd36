#!/usr/bin/env python3
"""What metering costs: ./dev bench ledger

append: the log alone. record: Meter::Record as a whole (check, encode, identity, append, sums). attempt: the open slot before it
too, which is what a request pays. open: a start over so many records, raw and with sums of full segments. The promise: record at
most 1 us.

There is no way to turn metering off in the product, so the ratio of the HTTP path with and without it is worked out: wrk, hearthd
and workers share one core, whose time each request takes a part of (1 / rate). Of that an attempt's metering is what the in-process
figure says, plus what the threads that sync and sum up used of the core meanwhile (their schedstat). Promised: at most 1.03.
Rounds are interleaved; medians count.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build/release"))
PROGRAM = BUILD / "tests/bench/bench_ledger"
PROMISED_RECORD_NS, PROMISED_RATIO = 1_000, 1.03
THREADS = ("ledger-sync", "ledger-upkeep")
os.environ.setdefault("HEARTH_BUILD_DIR", str(BUILD))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import Daemon, handler_path, wait_until  # noqa: E402


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"invalid run: {arguments}: {done.stderr}")
    return json.loads(done.stdout)


def thread_ns(pid):
    """What the ledger's own threads have used of a processor."""
    used = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() in THREADS:
            used += int((task / "schedstat").read_text().split()[0])
    return used


def http_path(arguments, attempt_ns):
    daemon = Daemon()
    try:
        os.sched_setaffinity(0, {0})  # inherited by hearthd, launcher, workers and wrk
        daemon.start()
        daemon.create_function("hello", handler_path("hello_c"), memory=1769)
        daemon.create_url("hello")
        url = f"http://127.0.0.1:{daemon.data_port}/_url/hello/"
        wait_until(lambda: daemon.get_url(("127.0.0.1", "/_url/hello")).status == 200, 10, "the function's first answer")
        print("\n| connections | requests a second | ns a request | of them metering: loop + threads | with / without |\n"
              "| --- | --- | --- | --- | --- |")
        for connections in (1, 16, 64):
            rates, threads = [], []
            for _ in range(arguments.rounds):
                before = thread_ns(daemon.process.pid)
                out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{arguments.seconds}s", url], capture_output=True, text=True,
                                     check=True).stdout
                if "Non-2xx" in out or "Socket errors" in out:
                    sys.exit(f"invalid run:\n{out}")
                requests = int(re.search(r"(\d+) requests in", out)[1])
                rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]))
                threads.append((thread_ns(daemon.process.pid) - before) / requests)
            request, thread = 1e9 / statistics.median(rates), statistics.median(threads)
            ratio = request / (request - attempt_ns - thread)
            print(f"| {connections} | {1e9 / request:,.0f} | {request:,.0f} | {attempt_ns:.0f} + {thread:.0f} | {ratio:.3f} |")
            report.promised(f"metering, {connections} connections: with / without", ratio, at_most=PROMISED_RATIO, digits=3)
    finally:
        daemon.stop()
        daemon.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=2_000_000)
    parser.add_argument("--seconds", type=int, default=4, help="of each run of wrk; 0: no HTTP path")
    parser.add_argument("--folder", help="where ledgers are written (default: a temporary folder)")
    arguments = parser.parse_args()
    if arguments.seconds > 0:
        report.need("wrk")
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_ledger"], check=True, stdout=subprocess.DEVNULL)
    each = {"append": [], "record": [], "attempt": []}
    opened = {"raw": [], "with sums": []}
    for _ in range(arguments.rounds):
        for what, found in each.items():
            with tempfile.TemporaryDirectory(prefix="hearth-bench-", dir=arguments.folder) as folder:
                found.append(run(what, folder, arguments.count)["ns_each"])
                if what == "record":
                    opened["raw"].append(run("open", folder)["ns_each"])
                    run("rollup", folder)
                    opened["with sums"].append(run("open", folder)["ns_each"])
    print(f"{arguments.count} records a round, {arguments.rounds} rounds, medians; {os.cpu_count()} cores")
    print("| what | ns each | a second |\n| --- | --- | --- |")
    for what, found in each.items():
        ns = statistics.median(found)
        print(f"| {what} | {ns:.0f} | {1e9 / ns:,.0f} |")
    for what, found in opened.items():
        print(f"| opening, {what} | {statistics.median(found):.0f} | {statistics.median(found):.0f} ms a million records |")
    report.promised("a record in the ledger", statistics.median(each["record"]), at_most=PROMISED_RECORD_NS, unit="ns", digits=0)
    if arguments.seconds > 0:
        http_path(arguments, statistics.median(each["attempt"]))


if __name__ == "__main__":
    main()
