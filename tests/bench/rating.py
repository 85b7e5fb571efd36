#!/usr/bin/env python3
"""How long a month's bill takes to make from the roll-ups of 100 million records: ./dev bench rating

A roll-up is the sum of an hour, function, version, plan and size of memory. Every function runs in all 720 hours of the month, a tenth
of them on reserved workers, a tenth on spot, with a savings plan over what is on demand. `collect` gathers and sorts the roll-ups,
`bill` is that, rating and all lines with their ids, `focus` the FOCUS CSV of them. Medians.

To repeat: ./dev bench rating, or tests/bench/rating.py --rounds 7 --records 100000000
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build/release"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--records", type=int, default=100_000_000)
    options = parser.parse_args()
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_rating"], check=True, stdout=subprocess.DEVNULL)
    print(f"{platform.machine()}, {os.cpu_count()} processors, kernel {platform.release()}\n")
    print("| functions | roll-ups | lines | collect ms | bill ms | bill ns a roll-up | FOCUS ms | FOCUS MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for functions in (10, 100, 1000):
        done = subprocess.run([BUILD / "tests/bench/bench_rating", str(options.records), str(functions), str(options.rounds)],
                              check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        print(f"| {functions:,} | {found['rows']:,} | {found['lines']:,} | {found['collect_ms']:,.1f} | {found['bill_ms']:,.1f} | "
              f"{found['bill_ms'] * 1e6 / found['rows']:,.0f} | {found['focus_ms']:,.1f} | {found['focus_bytes'] / 1e6:,.1f} |")


if __name__ == "__main__":
    main()
