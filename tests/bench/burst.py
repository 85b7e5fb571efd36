#!/usr/bin/env python3
"""A crowd for a function that has no worker: ./dev bench burst

200 clients, connected before, ask at the same moment for a function of 16 MiB that takes 20 ms (`pause.c`) and has no worker yet:
each answer is the first of its client. Promised: 99 of 100 within 150 ms, the function's own 20 included. Each round is a function
of its own, so that sandbox and zygote are made too. Unpinned. Beside it what 200 clients get of the same function when all its
workers are there. Exits non-zero only when a run was invalid.
"""
import argparse
import math
import os
import pathlib
import select
import socket
import statistics
import sys
import time

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import Daemon, handler_path, wait_until  # noqa: E402

CLIENTS, PROMISED_P99_MS = 200, 150


def at(took, share):
    return took[math.ceil(len(took) * share) - 1]


def connect(daemon):
    peers = [socket.create_connection(("127.0.0.1", daemon.data_port)) for _ in range(CLIENTS)]
    for peer in peers:
        peer.setblocking(False)
    return peers


def crowd(peers, name):
    """Milliseconds from the first request of all to each client's answer."""
    request = f"GET /_url/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    ready = select.epoll()
    by_number = {peer.fileno(): peer for peer in peers}
    for number in by_number:
        ready.register(number, select.EPOLLIN)
    began = time.perf_counter()
    for peer in peers:
        peer.send(request)
    took = []
    while by_number:
        events = ready.poll(10)
        if not events:
            sys.exit(f"invalid run: {len(by_number)} clients had no answer in 10 s")
        for number, _ in events:
            answer = by_number[number].recv(65536)
            if b" 200 " not in answer.split(b"\r\n", 1)[0]:
                sys.exit(f"invalid run: {answer!r}")
            took.append((time.perf_counter() - began) * 1e3)
            ready.unregister(number)
            del by_number[number]
    return sorted(took)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    daemon = Daemon(arguments=["--memory-mib", str(2 * CLIENTS * 16 * (rounds + 1))])
    try:
        daemon.start()
        peers = connect(daemon)
        cold, warm, made = [], [], []
        for number in range(rounds):
            name = f"crowd-{number}"
            daemon.create_function(name, handler_path("pause"), memory=16)
            daemon.create_url(name)
            cold.append(crowd(peers, name))
            made.append(sum(daemon.workers(name, state) for state in ("starting", "idle", "busy")))
            wait_until(lambda: daemon.workers(name, "starting") == 0, what="its workers")
            warm.append(crowd(peers, name))
        print("| | p50 ms | p99 ms | last ms | promised |\n|---|---|---|---|---|")
        for text, took in (("no worker", cold), ("all there", warm)):
            figures = [statistics.median(column) for column in zip(*((at(one, 0.5), at(one, 0.99), one[-1]) for one in took))]
            promised = ""
            if took is cold:
                what = f"{CLIENTS} clients at once, no worker yet: p99 of first answers"
                promised = f"{PROMISED_P99_MS} at the 99th: {report.promised(what, figures[1], at_most=PROMISED_P99_MS, unit='ms', digits=1)}"
            print(f"| {text} | " + " | ".join(f"{figure:.1f}" for figure in figures) + f" | {promised} |")
        print(f"workers made, of {CLIENTS} that could be used: {min(made)} to {max(made)}")
    finally:
        daemon.remove()


if __name__ == "__main__":
    main()
