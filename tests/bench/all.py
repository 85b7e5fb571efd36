#!/usr/bin/env python3
"""Every benchmark, one after the other, and one table at the end: ./dev bench all [--quick] [--only http_noop,cold] [--keep]

Each runs with its defaults as if it had been called alone. One that cannot run here (a program is missing: it says which package has
it) is noted and left out. What they print goes into one Markdown file with host, date and commands, before it every target with what was
measured, reached or missed; plots (SVG) stand beside it. `--keep` puts the plots into docs/plots instead. Exits non-zero only when a
run was invalid.
"""
import argparse
import itertools
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import report

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Enough to see that all of it works; the figures mean nothing.
QUICK = {
    "bucket": ["--latency-files", "20", "--files", "500", "--pictures", "8", "--rounds", "1"],
    "burst": ["--rounds", "1"],
    "chain": ["--rounds", "1", "--calls", "2000"],
    "cold": ["--rounds", "10", "--functions", "5"],
    "http_noop": ["--rounds", "1", "--seconds", "1"],
    "killed_run": ["--kills", "20"],
    "ledger": ["--rounds", "1", "--seconds", "1", "--count", "100000"],
    "loops": ["--rounds", "1", "--seconds", "1"],
    "metrics": ["--rounds", "1"],
    "observers": ["--rounds", "1", "--seconds", "1"],
    "overload": ["--seconds", "2"],
    "payload": ["--rounds", "1", "--seconds", "1"],
    "queue_e2e": ["--rounds", "1", "--messages", "5000"],
    "queue_store": ["--rounds", "1", "--seconds", "0.5", "--large", "20000", "--depth-rounds", "3"],
    "rating": ["--rounds", "1"],
    "scale": ["--rounds", "1", "--seconds", "1", "--idle-seconds", "2", "--functions", "50,100"],
    "truth": ["--calls", "400"],
}


def benchmarks(only):
    found = [path for path in sorted(HERE.glob("*.py")) if os.access(path, os.X_OK) and path != pathlib.Path(__file__).resolve()]
    unknown = set(only) - {path.stem for path in found}
    if unknown:
        sys.exit(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(path.stem for path in found)}")
    return [path for path in found if not only or path.stem in only]


def run(script, arguments, environment):
    """What it printed, as it prints it here too; how it ended; what it said of its trouble."""
    with tempfile.TemporaryFile("w+") as trouble:
        with subprocess.Popen([script, *arguments], stdout=subprocess.PIPE, stderr=trouble, text=True, env=environment) as running:
            printed = ""
            for line in running.stdout:
                print(line, end="", flush=True)
                printed += line
        trouble.seek(0)
        said = trouble.read().strip()
        if said:
            print(said, flush=True)
        return printed, running.returncode, said


def as_markdown(printed):
    """Tables as they are, all else as it stood."""
    parts = []
    for is_table, lines in itertools.groupby(printed.splitlines(), lambda line: line.startswith("|")):
        text = "\n".join(lines).strip("\n")
        if text:
            parts.append(text if is_table else f"```\n{text}\n```")
    return "\n\n".join(parts)


def verdict_of(script, code, said):
    if code == report.CANNOT_RUN:
        return "not run", said.splitlines()[-1] if said else "something is missing"
    if script == "guard" and said.startswith("dearer"):
        return "ran", ""  # it says so by its exit code, for CI; here it is a target that was missed
    return ("ran", "") if code == 0 else ("INVALID", said.splitlines()[-1] if said else f"ended with {code}")


def summary(rows, ended):
    lines = ["| benchmark | | target | measured | |", "| --- | --- | --- | --- | --- |"]
    for script, (verdict, why) in ended.items():
        lines += [f"| {script} | {row['what']} | {row['target']} | {row['measured']} | {'reached' if row['reached'] else '**missed**'} |"
                  for row in rows.get(script, [])]
        if verdict != "ran":
            lines.append(f"| {script} | {why} | | | **{verdict}** |")
        elif script not in rows:
            lines.append(f"| {script} | no target; see its figures | | | ran |")
    return "\n".join(lines)


def host():
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    return (f"{os.cpu_count()} processors ({model}), kernel {platform.release()}, {time.strftime('%Y-%m-%d')}, commit {commit or 'unknown'}, "
            f"load at the start {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="does it all work? The figures mean nothing")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/bench/report.md")
    parser.add_argument("--keep", action="store_true", help="plots into docs/plots")
    arguments = parser.parse_args()
    scripts = benchmarks([name for name in arguments.only.split(",") if name])
    plots = ROOT / "docs/plots" if arguments.keep else arguments.output.parent
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    about, sections, rows, ended = host(), [], {}, {}
    for script in scripts:
        more = QUICK.get(script.stem, []) if arguments.quick else []
        print(f"\n== {script.stem} {' '.join(more)}", flush=True)
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as noted:
            environment = {**os.environ, "HEARTH_BENCH_ROWS": noted.name, "HEARTH_BENCH_PLOTS": str(plots), "PYTHONUNBUFFERED": "1"}
            printed, code, said = run(script, more, environment)
            found = [json.loads(line) for line in noted]
        ended[script.stem] = verdict_of(script.stem, code, said)
        if script.stem == "guard" and ended["guard"][0] == "ran":
            found.append({"what": "instructions of an invocation, by scenario", "target": "≤ 3 % over what is kept",
                          "measured": "dearer" if code else "as kept", "reached": code == 0})
        if found:
            rows[script.stem] = found
        sections.append(f"## {script.stem}\n\n`{script.relative_to(ROOT)}{''.join(f' {word}' for word in more)}`\n\n{as_markdown(printed)}\n"
                        + (f"\n{ended[script.stem][0]}: {said}\n" if ended[script.stem][0] != "ran" else ""))
    table = summary(rows, ended)
    quick = "\n\n**--quick: these figures mean nothing.**" if arguments.quick else ""
    arguments.output.write_text(f"# Benchmarks of one run\n\n{about}{quick}\n\n{table}\n\n" + "\n".join(sections), encoding="utf-8")
    print(f"\n{about}{quick}\n\n{table}\n\nAll of it: {arguments.output}; plots: {plots}")
    if any(verdict == "INVALID" for verdict, _ in ended.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
