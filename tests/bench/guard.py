#!/usr/bin/env python3
"""Has an invocation become dearer? ./dev bench guard

Counts the instructions (valgrind's callgrind, which no other program on the machine disturbs) of what each invocation does in
hearthd, scenario by scenario (`guard.cc`): of 2,000 times less those of 1,000. Held against guard_counts.json: over 3 % more fails,
over 3 % less asks for the new figure to be kept. `--keep` writes what was counted. The counts are those of Debian 12's compiler and
libraries in the release build, with the C library's plain variants of memcpy() and its like, so that the processor's model does not
matter; hearthd as a whole cannot be run under valgrind (pidfds, clone3).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build/release")).resolve()
KEPT = pathlib.Path(__file__).with_name("guard_counts.json")
BAND = 0.03
TIMES = 1_000
PLAIN = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-BMI2,-ERMS,-SSE4_2,-SSE4_1"}


def instructions(program, scenario, times, folder):
    out = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program, scenario, str(times)],
                         capture_output=True, text=True, env=PLAIN)
    counted = re.search(r"Collected : (\d+)", out.stderr)
    if out.returncode != 0 or not counted:
        sys.exit(f"invalid run of {scenario}:\n{out.stderr}")
    return int(counted[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="write the counts that later runs are held against")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is missing: apt-get install valgrind")
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_guard"], check=True, stdout=subprocess.DEVNULL)
    program = BUILD / "tests/bench/bench_guard"
    scenarios = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    counts, failed = {}, False
    print("| scenario | instructions | kept | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in scenarios:
            each = (instructions(program, name, 2 * TIMES, folder) - instructions(program, name, TIMES, folder)) / TIMES
            counts[name] = round(each)
            ratio = each / kept[name] if name in kept else None
            verdict = "new" if ratio is None else "dearer" if ratio > 1 + BAND else "cheaper: keep it" if ratio < 1 - BAND else "as it was"
            failed = failed or verdict == "dearer"
            print(f"| {name} | {counts[name]} | {kept.get(name, '')} | {verdict}{'' if ratio is None else f' ({ratio:.3f})'} |",
                  flush=True)
    if arguments.keep:
        KEPT.write_text(json.dumps(counts, indent=2) + "\n")
    elif failed:
        sys.exit("dearer than what is kept by more than 3 %: find out why, or keep it with --keep and say why in the commit")


if __name__ == "__main__":
    main()
