#!/usr/bin/env python3
"""More than one loop: what a second gains where there are processors for it: ./dev bench loops

The no-op of `./dev bench http` in a daemon with one loop, in one with two, and so on, beside nginx with as many workers; nothing is
pinned, so that all of it shares what the machine has, wrk and the workers of functions too. On two processors those are the limit: the
figures say what hearthd costs a request and that nothing is lost by a second loop, not how far it scales. Rounds are interleaved; medians
and ratios count. Exits non-zero only when a run was invalid.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

import report
from http_noop import Daemon, add_function, figures_of, processor_us

NGINX_PORT = 18199


def start_nginx(folder, workers):
    folder.mkdir()
    (folder / "nginx.conf").write_text(f"""
worker_processes {workers}; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{ access_log off; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{NGINX_PORT + workers} reuseport; location / {{ return 200 "hello"; }} }} }}
""")
    return subprocess.Popen(["nginx", "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.DEVNULL)


def wrk(url, connections, seconds):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url], capture_output=True, text=True,
                         check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"invalid run of {url}:\n{out}")
    return figures_of(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--loops", default="1,2", help="how many loops, of each daemon (1,2)")
    parser.add_argument("--connections", default="16,64,256")
    arguments = parser.parse_args()
    report.need("nginx", "wrk", packages={"nginx": "nginx-light"})
    os.environ["PATH"] += ":/usr/sbin"
    loops = [int(number) for number in arguments.loops.split(",")]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bench-"))
    daemons = {number: Daemon(config={"loops": number}) for number in loops}
    servers = [start_nginx(folder / str(number), number) for number in loops]
    try:
        peers = {f"nginx, {number}": (f"http://127.0.0.1:{NGINX_PORT + number}/", None) for number in loops}
        for number, daemon in daemons.items():
            daemon.start()
            peers[f"noop, {number}"] = (add_function(daemon, "noop", "noop"), daemon)
        print(f"{len(os.sched_getaffinity(0))} processors\n")
        print("| connections | | requests/s | least | most | of one loop | p99 ms | hearthd, us a request |\n|---|---|---|---|---|---|---|---|")
        for connections in map(int, arguments.connections.split(",")):
            figures = {name: [] for name in peers}
            for turn in range(arguments.rounds):
                for name in list(peers) if turn % 2 == 0 else list(peers)[::-1]:
                    url, daemon = peers[name]
                    used = processor_us(daemon.process.pid) if daemon else 0
                    rate, late = wrk(url, connections, arguments.seconds)
                    own = (processor_us(daemon.process.pid) - used) / (rate * arguments.seconds) if daemon else 0
                    figures[name].append((rate, late, own))
            medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
            for name, (rate, late, own) in medians.items():
                one = medians[name.split(",")[0] + f", {loops[0]}"][0]
                rates = [row[0] for row in figures[name]]
                print(f"| {connections} | {name} | {rate:.0f} | {min(rates):.0f} | {max(rates):.0f} | {rate / one:.2f} | {late:.2f} | "
                      f"{f'{own:.1f}' if own else ''} |", flush=True)
    finally:
        for daemon in daemons.values():
            daemon.remove()
        for server in servers:
            server.terminate()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
