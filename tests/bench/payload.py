#!/usr/bin/env python3
"""What bodies cost: ./dev bench payload

POST of 1, 16 and 256 KiB over 16 connections, answered as they came: by a function (`echo_body.c`), and beside it, interleaved, by our
own HTTP server without a function (`inline_echo.cc`). Every process and wrk share cpu 0; medians and ratios count. Everything of
Hearth is on. Exits non-zero only when a run was invalid.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import http_noop  # noqa: E402  (puts tests/e2e into the path)
import plot
import report
from hearth_e2e import BUILD, Daemon

PROMISED = {1: 0.45, 16: 0.5, 256: 0.7}
OF_THE_PLOT = [1, 4, 16, 64, 256, 1024]


def wrk(url, script, seconds):
    out = subprocess.run([*http_noop.PIN, "wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", "-s", script, url],
                         capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"invalid run of {url}:\n{out}")
    return http_noop.figures_of(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    plot.add_argument(parser)
    arguments = parser.parse_args()
    report.need("wrk", "taskset", packages={"taskset": "util-linux"})
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_inline_echo"], check=True, stdout=subprocess.DEVNULL)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bench-"))
    os.sched_setaffinity(0, {0})
    floor = subprocess.Popen([BUILD / "tests/bench/bench_inline_echo"], stdout=subprocess.PIPE, text=True)
    daemon = Daemon()
    try:
        port = int(floor.stdout.readline())
        daemon.start()
        urls = {"inline": f"http://127.0.0.1:{port}/", "function": http_noop.add_function(daemon, "echo", "echo_body", warm=b"x")}
        print("| KiB | | requests/s | of inline | promised | p99 ms |\n|---|---|---|---|---|---|")
        of_inline = {}
        for kib in OF_THE_PLOT if arguments.plot else PROMISED:
            script = folder / f"{kib}.lua"
            script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {kib << 10})\n'
                              'wrk.headers["content-type"] = "text/plain"\n')
            figures = {name: [] for name in urls}
            for number in range(arguments.rounds):
                for name in list(urls) if number % 2 == 0 else list(urls)[::-1]:
                    figures[name].append(wrk(urls[name], script, arguments.seconds))
            medians = {name: [statistics.median(column) for column in zip(*rounds)] for name, rounds in figures.items()}
            for name, (rate, late) in medians.items():
                promised = PROMISED.get(kib, "") if name == "function" else ""
                print(f"| {kib} | {name} | {rate:.0f} | {rate / medians['inline'][0]:.2f} | {promised} | {late:.2f} |", flush=True)
            of_inline[kib] = medians["function"][0] / medians["inline"][0]
        for kib, promised in PROMISED.items():
            report.promised(f"echo of {kib} KiB: requests/s, of our HTTP server alone", of_inline[kib], at_least=promised)
        if arguments.plot:
            lines = plot.Lines("Bodies: requests a second of our HTTP server alone", "KiB", "of inline", log_x=True)
            lines.add("function", of_inline.items())
            lines.write(arguments.plot, "payload")
    finally:
        daemon.remove()
        floor.terminate()
        floor.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
