#!/usr/bin/env python3
"""Ten times more than there are workers for: ./dev bench overload

A function takes 20 ms and has 4 workers: 200 answers a second, whatever the machine. An open-loop generator (bench_open_loop: each
request has its moment, latency counts from there) asks at nine tenths of that, at ten times as much, and at half. At most 40
events may wait. Promised: whoever is taken waits no longer than the queue is long (40 x 20 ms / 4 = 200 ms, and 20 %); whoever is
not hears 429 within 10 ms at the 99th percentile; nobody hears anything else; what was refused makes hearthd grow by 5 % at most
(what was taken leaves its log lines, which are kept up to a limit: they are there under the first load too); and when the load
falls latencies are at once what they were.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import BUILD, Daemon, handler_path, wait_until  # noqa: E402

WORKERS, WAITERS, SERVICE_MS, CONNECTIONS = 4, 40, 20, 2_000
CAPACITY = WORKERS * 1000 / SERVICE_MS


def ask(daemon, rate, seconds):
    out = subprocess.run([BUILD / "tests/bench/bench_open_loop", str(daemon.data_port), "/_url/pause/", str(rate), str(seconds),
                          str(CONNECTIONS)], capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def resident_kib(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def show(name, load):
    for status, figures in sorted(load["by_status"].items()):
        print(f"| {name} | {status} | {figures['count']} | {figures['p50_ms']:.1f} | {figures['p99_ms']:.1f} | {figures['max_ms']:.1f} |",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10)
    seconds = parser.parse_args().seconds
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_open_loop"], check=True, stdout=subprocess.DEVNULL)
    daemon = Daemon(arguments=["--waiters-max", str(WAITERS)])
    try:
        daemon.start()
        daemon.create_function("pause", handler_path("pause"), memory=1769 // WORKERS)
        daemon.create_url("pause")
        daemon.hearth("concurrency", "pause", "--reserved", WORKERS)
        wait_until(lambda: daemon.get_url(("127.0.0.1", "/_url/pause")).status == 200, 10, "the first answer")
        # Every connection once, so that what they need is there before.
        ask(daemon, 10 * CAPACITY, 2)
        print("| load | status | answers | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|---|")
        sizes = [resident_kib(daemon)]
        before = ask(daemon, 0.9 * CAPACITY, seconds)
        show("nine tenths of capacity", before)
        sizes.append(resident_kib(daemon))
        over = ask(daemon, 10 * CAPACITY, seconds)
        show("ten times capacity", over)
        sizes.append(resident_kib(daemon))
        grown = ((sizes[2] - sizes[1]) - (sizes[1] - sizes[0])) / sizes[1]
        after = ask(daemon, CAPACITY / 2, 1)
        show("half of capacity, at once after", after)
        taken, refused = over["by_status"]["200"], over["by_status"]["429"]
        bound = WAITERS * SERVICE_MS / WORKERS * 1.2 + SERVICE_MS
        checks = {
            f"p99 of the taken {taken['p99_ms']:.0f} ms <= {bound:.0f} ms": taken["p99_ms"] <= bound,
            f"p99 of 429 {refused['p99_ms']:.1f} ms <= 10 ms": refused["p99_ms"] <= 10,
            f"answers a second of the taken {taken['count'] / seconds:.0f} of {CAPACITY:.0f} (>= 95 %)":
                taken["count"] / seconds >= 0.95 * CAPACITY,
            f"nothing but 200 and 429, none broken ({over['broken']}), none unsent ({over['unsent']})":
                set(over["by_status"]) == {"200", "429"} and over["broken"] == 0 and over["unsent"] == 0,
            f"hearthd has {sizes} KiB, what was refused took {100 * grown:.1f} % <= 5 %": grown <= 0.05,
            f"after it p99 {after['by_status']['200']['p99_ms']:.1f} ms, all 200": set(after["by_status"]) == {"200"} and
                after["by_status"]["200"]["p99_ms"] <= 2 * before["by_status"]["200"]["p99_ms"] + 5,
        }
        for text, held in checks.items():
            print(f"{report.held('overload', text, held)}: {text}")
    finally:
        daemon.remove()


if __name__ == "__main__":
    main()
