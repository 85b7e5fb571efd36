"""What benchmarks share: rows of what was promised and what came, and how one says that it cannot run here.

Each works alone; `./dev bench all` (all.py) names a file in HEARTH_BENCH_ROWS, into which every row goes as a line of JSON too.
"""
import json
import os
import shutil
import sys

CANNOT_RUN = 77  # as automake's skipped tests: something is missing here; the run was not invalid
SEARCHED = os.environ.get("PATH", os.defpath) + ":/usr/sbin"


def need(*tools, packages=None):
    """Ends the script when one of these programs is not here. `packages`: of those whose package has another name."""
    for tool in tools:
        if shutil.which(tool, path=SEARCHED) is None:
            print(f"{tool} is missing: apt-get install {(packages or {}).get(tool, tool)}", file=sys.stderr)
            sys.exit(CANNOT_RUN)


def promised(what, measured, at_least=None, at_most=None, unit="", digits=2):
    """One target: noted, and said as "reached" or "missed"."""
    reached = (at_least is None or measured >= at_least) and (at_most is None or measured <= at_most)
    target = f"≥ {at_least:g}" if at_least is not None else f"≤ {at_most:g}"
    note({"what": what, "target": f"{target} {unit}".strip(), "measured": f"{measured:,.{digits}f} {unit}".strip(), "reached": reached})
    return "reached" if reached else "missed"


def held(what, truth, holds):
    """A target that is no figure: it holds or it does not. `truth`: what was seen."""
    note({"what": what, "target": "holds", "measured": truth, "reached": bool(holds)})
    return "reached" if holds else "missed"


def note(row):
    rows = os.environ.get("HEARTH_BENCH_ROWS")
    if rows:
        with open(rows, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
