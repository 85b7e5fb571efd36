#!/usr/bin/env python3
"""HTTP -> no-op function -> HTTP, beside nginx's `return 200`, in one run: ./dev bench http

Every server process and wrk share cpu 0 (same-core mode), so that the figure is what a request costs, not how many cores there
are. Rounds are interleaved (A B, B A, ...); medians and ratios count. Everything of Hearth is on: default isolation, metering,
metrics, logs. Exits non-zero only when a run was invalid.
"""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import Daemon, handler_path, wait_until  # noqa: E402

PIN = ["taskset", "-c", "0"]
NGINX_PORT = 18099


def start_nginx(folder):
    (folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{NGINX_PORT}; location / {{ return 200 "hello"; }} }} }}
""")
    return subprocess.Popen([*PIN, "nginx", "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.DEVNULL)


def wrk(url, connections, seconds):
    """Requests per second and p99 in milliseconds; an answer that is not 2xx makes the run invalid."""
    out = subprocess.run([*PIN, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url], capture_output=True, text=True,
                         check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"invalid run of {url}:\n{out}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return rate, float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset"):
        if shutil.which(tool) is None and not pathlib.Path(f"/usr/sbin/{tool}").exists():
            sys.exit(f"{tool} is missing: apt-get install {tool}")
    os.environ["PATH"] += ":/usr/sbin"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bench-"))
    nginx = start_nginx(folder)
    daemon = Daemon()
    try:
        os.sched_setaffinity(0, {0})  # inherited by hearthd, launcher and workers
        daemon.start()
        # A whole processor: a smaller function is held to its share of one, and the bench would measure that.
        daemon.create_function("hello", handler_path("hello_c"), memory=1769)
        _, path = daemon.create_url("hello")
        hearth = f"http://127.0.0.1:{daemon.data_port}/_url/hello/"
        peers = {"nginx": f"http://127.0.0.1:{NGINX_PORT}/", "hearth": hearth}
        wait_until(lambda: daemon.get_url(("127.0.0.1", "/_url/hello")).status == 200, 10, "the function's first answer")
        print(f"{'connections':>12} {'nginx req/s':>12} {'hearth req/s':>13} {'ratio':>6} {'nginx p99 ms':>13} {'hearth p99 ms':>14}")
        for connections in (1, 16, 64):
            figures = {name: [] for name in peers}
            for number in range(arguments.rounds):
                for name in list(peers) if number % 2 == 0 else list(peers)[::-1]:
                    figures[name].append(wrk(peers[name], connections, arguments.seconds))
            rate = {name: statistics.median(f[0] for f in figures[name]) for name in peers}
            late = {name: statistics.median(f[1] for f in figures[name]) for name in peers}
            print(f"{connections:>12} {rate['nginx']:>12.0f} {rate['hearth']:>13.0f} {rate['hearth'] / rate['nginx']:>6.2f} "
                  f"{late['nginx']:>13.2f} {late['hearth']:>14.2f}")
    finally:
        daemon.remove()
        nginx.terminate()
        nginx.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
