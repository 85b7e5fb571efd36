#!/usr/bin/env python3
"""What metrics cost an invocation, and what a scrape costs, in-process, with 1 and with 1,000 functions: ./dev bench metrics

`settled` is everything that metrics hear of one warm invocation: its record, its overhead, two changes of its worker's state. A scrape
holds the loop up while figures are copied; its text is made on a thread. Medians of --rounds. Exits non-zero only when a run was invalid.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build/release"))
PROGRAM = BUILD / "tests/bench/bench_metrics"


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"invalid run: {arguments}: {done.stderr}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_metrics"], check=True, stdout=subprocess.DEVNULL)
    print(f"{platform.node()}: {os.cpu_count()} processors, kernel {platform.release()}, {time.strftime('%Y-%m-%d')}")
    print(f"{'functions':>10} {'ns a settled':>13} {'allocations':>12} {'scrape: loop ms':>16} {'thread ms':>10} {'samples':>9} {'bytes':>11}")
    for functions in (1, 1000):
        settled, scrape = run("settle", functions, arguments.rounds), run("scrape", functions, arguments.rounds)
        print(f"{functions:>10,} {settled['ns']:>13.0f} {settled['allocations']:>12.2f} {scrape['loop_ms']:>16.2f} "
              f"{scrape['render_ms']:>10.2f} {scrape['samples']:>9,} {scrape['bytes']:>11,}")


if __name__ == "__main__":
    main()
