#!/usr/bin/env python3
"""What metering, metrics and logs cost an HTTP request together: ./dev bench observers

None of them can be turned off in the product, so what a request would cost without them is worked out, as tests/bench/ledger.py does for
metering: wrk, hearthd and workers share one core, of whose time each request takes a part (1 / rate). Of that the observers' part is

  metering   an attempt's slot and record in-process (bench_ledger), the ledger's threads meanwhile, and two readings of the worker's
             cgroup, which are made once in a millisecond for each worker at most: how often is counted, by what hearthd reads (syscr of
             /proc/PID/io) less one read for each request, and no more than a worker can have (it reads its bells, too)
  metrics    all that they hear of it, in-process (bench_observers)
  logs       START, END and REPORT kept in a log that is full, and the question whether the worker has printed anything: the worker
             asks itself each time, hearthd no more often than it reads the cgroup (else the worker's word is enough)

with / without is request / (request - that). Promised: at most 1.05 together. Medians count. Exits non-zero only when a run was invalid.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import http_noop  # noqa: E402  (puts tests/e2e into the path)
import ledger
import processes
import report
from hearth_e2e import BUILD, Daemon

PROMISED = 1.05


def ns_each(program, *arguments):
    done = subprocess.run([BUILD / "tests/bench" / program, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"invalid run: {program} {arguments}: {done.stderr}")
    return json.loads(done.stdout)["ns_each"]


def cgroup_files(daemon):
    """The two files of a worker's own cgroup that are read after an invocation, whatever the version of cgroups."""
    found = {}
    for pid in processes.descendants(daemon.process.pid):
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller, mount, name in (("cpuacct", "cpuacct", "cpuacct.usage"), ("memory", "memory", "memory.max_usage_in_bytes"),
                                            ("", "", "cpu.stat"), ("", "", "memory.peak")):
                file = pathlib.Path("/sys/fs/cgroup", mount, path.lstrip("/"), name)
                if controller in controllers.split(",") and file.exists():
                    found[name] = file  # the deepest process comes last: a worker
    first = found.get("cpuacct.usage") or found.get("cpu.stat")
    second = found.get("memory.max_usage_in_bytes") or found.get("memory.peak")
    return [file for file in (first, second) if file]


def reads_of(daemon):
    """System calls of hearthd's until now that read a file or a connection."""
    return int(pathlib.Path(f"/proc/{daemon.process.pid}/io").read_text().split("syscr:")[1].split()[0])


def workers_of(daemon):
    return sum(pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("hearth-worker") for pid in processes.descendants(daemon.process.pid))


def costs(daemon, rounds, count):
    """Nanoseconds of each part, medians of the rounds."""
    files = cgroup_files(daemon)
    if len(files) < 2:
        print("metering here has no cgroup to read: its part is without that")
    parts = {"attempt": [], "cgroup": [], "metrics": [], "logs": [], "line": [], "poll": [], "unread": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
            parts["attempt"].append(ns_each("bench_ledger", "attempt", folder, count))
        parts["cgroup"].append(sum(ns_each("bench_observers", "pread", file, count // 4) for file in files))
        for what in ("metrics", "logs", "line", "poll", "unread"):
            parts[what].append(ns_each("bench_observers", what, count))
    return {what: statistics.median(found) for what, found in parts.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each run of wrk")
    parser.add_argument("--count", type=int, default=400_000, help="invocations in-process")
    arguments = parser.parse_args()
    report.need("wrk", "taskset", packages={"taskset": "util-linux"})
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_ledger", "bench_observers"], check=True, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(0, {0})  # inherited by hearthd, launcher, workers and wrk
    daemon = Daemon()
    try:
        daemon.start()
        url = http_noop.add_function(daemon, "noop", "noop")
        cost = costs(daemon, arguments.rounds, arguments.count)
        print("| in-process, ns an invocation | |\n| --- | --- |")
        for text, what in (("metering: slot and record", "attempt"), ("metering: the cgroup, read twice", "cgroup"), ("metrics", "metrics"),
                           ("logs: START, END, REPORT", "logs"), ("... and a line of the handler's", "line"),
                           ("logs: printed anything? hearthd", "poll"), ("logs: printed anything? the worker", "unread")):
            print(f"| {text} | {cost[what]:,.0f} |")
        print("\n| connections | requests/s | ns a request | cgroup readings a request | metering | metrics | logs | with / without | promised |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for connections in (1, 16, 64):
            rates, threads, readings = [], [], []
            for _ in range(arguments.rounds):
                before, reads = ledger.thread_ns(daemon.process.pid), reads_of(daemon)
                rates.append(http_noop.wrk(url, connections, arguments.seconds)[0])
                threads.append((ledger.thread_ns(daemon.process.pid) - before) / (rates[-1] * arguments.seconds))
                requests = rates[-1] * arguments.seconds
                most = workers_of(daemon) * arguments.seconds * 1_000
                readings.append(min(max((reads_of(daemon) - reads) / requests - 1, 0) / 2, most / requests, 1))
            request, reading = 1e9 / statistics.median(rates), statistics.median(readings)
            metering = cost["attempt"] + reading * cost["cgroup"] + statistics.median(threads)
            logs = cost["logs"] + reading * cost["poll"] + cost["unread"]
            ratio = request / (request - metering - cost["metrics"] - logs)
            verdict = report.promised(f"metering, metrics and logs, {connections} connections: with / without", ratio, at_most=PROMISED, digits=3)
            print(f"| {connections} | {1e9 / request:,.0f} | {request:,.0f} | {reading:.2f} | {metering:,.0f} | {cost['metrics']:,.0f} | {logs:,.0f} | "
                  f"{ratio:.3f} | {PROMISED}: {verdict} |", flush=True)
    finally:
        daemon.remove()


if __name__ == "__main__":
    main()
