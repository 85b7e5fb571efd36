#!/usr/bin/env python3
"""HTTP -> function -> HTTP, beside nginx's `return 200`, in one run: ./dev bench http

`noop` answers "hello" as plain text; `echo` (examples/hello_c) logs a line and answers the whole event, as JSON.

Every server process and wrk share cpu 0 (same-core mode), so that the figure is what a request costs, not how many cores there
are. Rounds are interleaved (A B, B A, ...); medians and ratios count. Everything of Hearth is on: default isolation, metering,
metrics, logs. With --plot more numbers of connections are asked for. Exits non-zero only when a run was invalid.
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
import time

import plot
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import Daemon, handler_path, wait_until  # noqa: E402

PIN = ["taskset", "-c", "0"]
NGINX_PORT = 18099
PROMISED = {1: 0.52, 16: 0.55, 64: 0.55}  # noop's requests/s, of nginx's
PROMISED_P99 = {64: 2.5}  # times nginx's
OF_THE_PLOT = [1, 4, 16, 64, 256]


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
    return figures_of(out)


def figures_of(out):
    """Requests per second and p99 in milliseconds, of what wrk has printed."""
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return rate, float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def processor_us(pid):
    """What a process has used of the processor so far, all its threads."""
    return time.clock_gettime_ns(~pid << 3 | 2) / 1e3  # the process's clock, as clock_getcpuclockid() names it


def add_function(daemon, name, library, warm=None):
    """Its URL, once it has answered: a GET, or a POST of `warm`. Of a function that is there already, its URL alone."""
    url = f"http://127.0.0.1:{daemon.data_port}/_url/{name}/"
    if daemon.get_function(name).status == 200:
        return url
    # A whole processor: a smaller function is held to its share of one, and the bench would measure that.
    daemon.create_function(name, handler_path(library), memory=1769)
    daemon.create_url(name)
    method = "GET" if warm is None else "POST"
    wait_until(lambda: daemon.get_url(("127.0.0.1", f"/_url/{name}"), method=method, body=warm).status == 200, 10,
               f"the first answer of {name}")
    return url


def tell(of_nginx, of_late):
    for connections, least in PROMISED.items():
        if connections in of_nginx:
            verdict = report.promised(f"HTTP no-op, {connections} connections: requests/s, of nginx", of_nginx[connections], at_least=least)
            print(f"{connections} connections, promised {least}: {verdict}")
    for connections, most in PROMISED_P99.items():
        if connections in of_late:
            verdict = report.promised(f"HTTP no-op, {connections} connections: p99, of nginx's", of_late[connections], at_most=most)
            print(f"{connections} connections, p99 {of_late[connections]:.1f} times nginx's, promised {most}: {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", help="default: 1,16,64; more with --plot")
    plot.add_argument(parser)
    arguments = parser.parse_args()
    counts = list(map(int, arguments.connections.split(","))) if arguments.connections else OF_THE_PLOT if arguments.plot else list(PROMISED)
    report.need("nginx", "wrk", "taskset", packages={"nginx": "nginx-light", "taskset": "util-linux"})
    os.environ["PATH"] += ":/usr/sbin"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bench-"))
    nginx = start_nginx(folder)
    daemon = Daemon()
    try:
        os.sched_setaffinity(0, {0})  # inherited by hearthd, launcher and workers
        daemon.start()
        peers = {"nginx": f"http://127.0.0.1:{NGINX_PORT}/", "noop": add_function(daemon, "noop", "noop"),
                 "echo": add_function(daemon, "echo", "hello_c")}
        print(f"{'connections':>12} {'':>6} {'requests/s':>11} {'ratio':>6} {'p99 ms':>8} {'hearthd us a request':>21}")
        of_nginx, of_late = {name: [] for name in peers}, {}
        for connections in counts:
            figures = {name: [] for name in peers}
            for number in range(arguments.rounds):
                for name in list(peers) if number % 2 == 0 else list(peers)[::-1]:
                    used = processor_us(daemon.process.pid)
                    rate, late = wrk(peers[name], connections, arguments.seconds)
                    figures[name].append((rate, late, (processor_us(daemon.process.pid) - used) / (rate * arguments.seconds)))
            medians = {name: [statistics.median(column) for column in zip(*figures[name])] for name in peers}
            for name, (rate, late, own) in medians.items():
                print(f"{connections:>12} {name:>6} {rate:>11.0f} {rate / medians['nginx'][0]:>6.2f} {late:>8.2f} "
                      f"{'' if name == 'nginx' else f'{own:.1f}':>21}", flush=True)
                of_nginx[name].append((connections, rate / medians["nginx"][0]))
            of_late[connections] = medians["noop"][1] / medians["nginx"][1]
        tell(dict(of_nginx["noop"]), of_late)
        if arguments.plot:
            lines = plot.Lines("HTTP: requests a second of nginx's, one processor", "connections", "of nginx", log_x=True)
            for name in ("noop", "echo"):
                lines.add(name, of_nginx[name])
            lines.write(arguments.plot, "http")
    finally:
        daemon.remove()
        nginx.terminate()
        nginx.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
