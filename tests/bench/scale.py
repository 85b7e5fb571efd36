#!/usr/bin/env python3
"""What is there and does nothing: ./dev bench scale

hearthd's resident memory at its start; its processor time with 100 warm workers and nobody who asks; what an open, idle connection
needs and what 9,900 of them (the limit is 10,000) cost a client that does ask; the same for 10,000 functions. The client is wrk over
16 connections, every process on cpu 0; rounds with and without are two daemons, interleaved. Promised: 25 MiB; 0.1 % of a processor;
4 KiB a connection; 8 KiB a function; requests within 10 %. Exits non-zero only when a run was invalid.
"""
import argparse
import os
import pathlib
import resource
import socket
import statistics
import time

import http_noop  # noqa: E402  (puts tests/e2e into the path)
from hearth_e2e import Daemon, handler_path, wait_until

IDLE_CONNECTIONS = 9_900


def resident_kib(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def show(what, value, promised):
    print(f"| {what} | {value} | {promised} |", flush=True)


def idle_processor_share(daemon, workers, seconds):
    """Of one processor, of hearthd with so many initialised workers."""
    daemon.create_function("warm", handler_path("noop"), memory=16)
    daemon.hearth("concurrency", "warm", "--min", workers)
    wait_until(lambda: daemon.workers("warm", "idle") == workers, 60, "workers ready")
    time.sleep(2)  # what there was to do about them is done
    before = http_noop.processor_us(daemon.process.pid)
    time.sleep(seconds)
    return (http_noop.processor_us(daemon.process.pid) - before) / (seconds * 1e6)


def compare(daemons, seconds, rounds):
    """Requests a second of each daemon, medians of interleaved rounds."""
    urls = [http_noop.add_function(daemon, "asked", "noop") for daemon in daemons]
    rates = [[] for _ in daemons]
    for number in range(rounds):
        order = range(len(daemons)) if number % 2 == 0 else reversed(range(len(daemons)))
        for which in order:
            rates[which].append(http_noop.wrk(urls[which], 16, seconds)[0])
    return [statistics.median(rate) for rate in rates]


def connect(daemon, count):
    return [socket.create_connection(("127.0.0.1", daemon.data_port)) for _ in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--idle-seconds", type=int, default=20)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {0})
    plain, full = Daemon(), Daemon()
    try:
        print("| | | promised |\n|---|---|---|")
        for daemon in (plain, full):
            daemon.start()
        show("resident at the start, MiB", f"{resident_kib(plain) / 1024:.1f}", 25)
        share = idle_processor_share(plain, 100, arguments.idle_seconds)
        show("of a processor, 100 warm workers, nobody asks", f"{share:.3%}", "0.1 %")

        compare((plain, full), 1, 1)  # both have answered before anything is counted
        before = resident_kib(full)
        idle = connect(full, IDLE_CONNECTIONS)
        time.sleep(2)
        show("an idle connection, KiB", f"{(resident_kib(full) - before) / IDLE_CONNECTIONS:.2f}", 4)
        rates = compare((plain, full), arguments.seconds, arguments.rounds)
        show(f"requests/s beside {IDLE_CONNECTIONS} idle connections, of those without", f"{rates[1] / rates[0]:.3f}", 0.9)
        for peer in idle:
            peer.close()

        before = resident_kib(full)
        for number in range(arguments.functions):
            full.create_function(f"idle-{number}", handler_path("noop"), memory=16)
        show(f"a function without events, KiB, of {arguments.functions}",
             f"{(resident_kib(full) - before) / arguments.functions:.2f}", 8)
        rates = compare((plain, full), arguments.seconds, arguments.rounds)
        show(f"requests/s beside {arguments.functions} functions, of those without", f"{rates[1] / rates[0]:.3f}", 0.9)
    finally:
        plain.remove()
        full.remove()


if __name__ == "__main__":
    main()
