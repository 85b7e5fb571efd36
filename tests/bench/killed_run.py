#!/usr/bin/env python3
"""From the kill of a worker in mid-run to its caller's 502: ./dev bench killed_run

A function is called all the time (bench_open_loop, 200 a second, 2 ms each). Again and again one call more is begun, its worker is
found by the name that it has while it is at that call, and is killed: by SIGKILL, of which the worker hears nothing, and by SIGSEGV,
of which it makes a crash report with a backtrace. Time counts from before the signal is sent until the whole answer is there, which
one thread does, so that no other's turn is in it. Promised: each is a 502 within 100 ms, as many as were killed, and nobody else's
call fails.

A duration has in it what the kernel takes to end the process, what init takes to tell how it ended, and what hearthd takes to record
it; and of the second kind the report, whose names have 50 ms.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
import processes  # noqa: E402
from hearth_e2e import BUILD, Daemon, handler_path, metric_sum, wait_until  # noqa: E402

RATE, LOAD_MS, CONNECTIONS, BOUND_MS = 200, 2, 16, 100


def name_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def killed_call(daemon, number, kill):
    """Status, and the ms from the kill to the answer."""
    with socket.create_connection(("127.0.0.1", daemon.data_port), timeout=30) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        caller.sendall(f"GET /_url/in_run/?id={number}&ms=20000 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
        pid, = wait_until(lambda: [pid for pid in processes.descendants(daemon.process.pid) if name_of(pid) == f"r{number}"], 10, "it runs")
        killed = time.monotonic_ns()
        os.kill(pid, kill)
        answer = b""
        while piece := caller.recv(65536):
            answer += piece
        return int(answer.split()[1]), (time.monotonic_ns() - killed) / 1e6


def row(daemon, name, kill, kills, first):
    chance = random.Random(7)
    took = []
    for number in range(first, first + kills):
        status, took_ms = killed_call(daemon, number, kill)
        if status != 502:
            sys.exit(f"{name}: call {number} was answered {status}, not 502")
        took.append(took_ms)
        time.sleep(chance.uniform(0, 0.03))
    took.sort()
    share = lambda p: took[min(len(took) - 1, int(len(took) * p))]  # noqa: E731
    print(f"| {name} | {kills} | {share(0.5):.2f} | {share(0.99):.2f} | {took[-1]:.2f} |", flush=True)
    return took[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    kills = parser.parse_args().kills
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_open_loop"], check=True, stdout=subprocess.DEVNULL)
    daemon = Daemon()
    try:
        daemon.start()
        daemon.create_function("in_run", handler_path("in_run"), timeout=30)
        daemon.create_url("in_run")
        wait_until(lambda: daemon.get_url(("127.0.0.1", "/_url/in_run")).status == 200, 10, "the first answer")
        seconds = kills * 2 // 4 + 10
        with subprocess.Popen([BUILD / "tests/bench/bench_open_loop", str(daemon.data_port), f"/_url/in_run/?id=0&ms={LOAD_MS}", str(RATE),
                               str(seconds), str(CONNECTIONS)], stdout=subprocess.PIPE, text=True) as load:
            print(f"cores: {os.cpu_count()}; from the kill to the 502, in ms, under {RATE} calls a second\n")
            print("| killed by | kills | p50 | p99 | longest |\n|---|---|---|---|---|", flush=True)
            longest = max(row(daemon, "SIGKILL", signal.SIGKILL, kills, 1), row(daemon, "SIGSEGV", signal.SIGSEGV, kills, kills + 1))
            if load.poll() is not None:
                sys.exit("the load ended before the last kill: ask for fewer kills; a busy machine takes long for each")
            others = json.loads(load.communicate()[0])
        crashed = metric_sum(daemon.metrics(), "hearth_crashes_total")
        verdict = report.promised("a worker killed in mid-run: the longest until its 502", longest, at_most=BOUND_MS, unit="ms")
        print(f"\n{verdict}: longest {longest:.1f} ms, promised {BOUND_MS} ms")
        checks = {
            f"{crashed:.0f} workers crashed, {2 * kills} were killed": crashed == 2 * kills,
            f"the load's answers: { {status: one['count'] for status, one in others['by_status'].items()} }, {others['broken']} broken":
                set(others["by_status"]) == {"200"} and others["broken"] == 0,
        }
        for what, holds in checks.items():
            print(("ok  " if holds else "MISS") + " " + what)
        if not all(checks.values()):
            sys.exit(1)
    finally:
        daemon.stop()
        daemon.remove()


if __name__ == "__main__":
    main()
