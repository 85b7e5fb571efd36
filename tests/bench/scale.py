#!/usr/bin/env python3
"""What is there and does nothing: ./dev bench scale

hearthd's resident memory at its start; its processor time with 100 warm workers and nobody who asks; what an open, idle connection
needs and what 9,900 of them (the limit is 10,000) cost a client that does ask; the same for 10,000 functions, and how long each took
to create. The client is wrk over 16 connections, every process on cpu 0; rounds with and without are two daemons, interleaved, and the
first line of each kind has nothing in either: what is left there is noise. Promised: 25 MiB; 0.1 % of a processor; 4 KiB a connection;
8 KiB a function; requests within 10 %. Exits non-zero only when a run was invalid.
"""
import argparse
import os
import pathlib
import resource
import socket
import statistics
import sys
import time

import http_noop  # noqa: E402  (puts tests/e2e into the path)
import plot
import report
from hearth_e2e import Daemon, handler_path, wait_until

RESIDENT_MIB, IDLE_PERCENT, CONNECTION_KIB, FUNCTION_KIB, OF_ALONE = 25, 0.1, 4, 8, 0.9
WARM_WORKERS = 100
CLIENTS_OF_OURS = 16


def resident_kib(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def show(what, value, promised=""):
    print(f"| {what} | {value} | {promised} |", flush=True)


def idle_processor_percent(workers, seconds):
    """Of one processor, of a hearthd with so many initialised workers."""
    daemon = Daemon()
    try:
        daemon.start()
        daemon.create_function("warm", handler_path("noop"), memory=16)
        daemon.hearth("concurrency", "warm", "--min", workers)
        wait_until(lambda: daemon.workers("warm", "frozen") == workers, 60, "workers ready and at rest")
        before = http_noop.processor_us(daemon.process.pid)
        time.sleep(seconds)
        return (http_noop.processor_us(daemon.process.pid) - before) / (seconds * 1e4)
    finally:
        daemon.remove()


def compare(daemons, seconds, rounds):
    """Requests a second of the second daemon, of the first's: the median of interleaved rounds."""
    urls = [http_noop.add_function(daemon, "asked", "noop") for daemon in daemons]
    ratios = []
    for number in range(rounds):
        rates = {}
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            rates[which] = http_noop.wrk(urls[which], CLIENTS_OF_OURS, seconds)[0]
        ratios.append(rates[1] / rates[0])
    return statistics.median(ratios)


class Connections:
    """Open, and silent."""
    noun, each_promised_kib = "connection", CONNECTION_KIB

    def __init__(self, daemon):
        self.daemon, self.peers = daemon, []

    def add(self, up_to):
        while len(self.peers) < up_to:
            self.peers.append(socket.create_connection(("127.0.0.1", self.daemon.data_port)))
        # Who comes later is accepted later: all have been taken by then. One that was refused has been told so; the others are quiet.
        if self.daemon.get_url(("127.0.0.1", "/_url/asked")).status != 200:
            sys.exit("invalid run: no answer beside the idle connections")
        self.peers[-1].setblocking(False)
        try:
            sys.exit(f"invalid run: connection {up_to} was told {self.peers[-1].recv(200)!r}")
        except BlockingIOError:
            pass

    def end(self):
        for peer in self.peers:
            peer.close()


class Functions:
    """Deployed, and never asked for."""
    noun, each_promised_kib = "function", FUNCTION_KIB

    def __init__(self, daemon):
        self.daemon, self.count = daemon, 0

    def add(self, up_to):
        took = []
        for number in range(self.count, up_to):
            began = time.perf_counter()
            answer = self.daemon.try_create_function(f"idle-{number}", handler_path("noop"), memory=16)
            took.append((time.perf_counter() - began) * 1e3)
            if answer.status != 201:
                sys.exit(f"invalid run: function {number}: {answer}")
        self.daemon.wait_active(f"idle-{up_to - 1}")
        few = min(100, len(took))
        show(f"creating functions {self.count + 1:,} to {up_to:,}, ms each: all, the first and the last {few}",
             " · ".join(f"{statistics.median(part):.1f}" for part in (took, took[:few], took[-few:])))
        self.count = up_to

    def end(self):
        pass


def grow(kind, plain, full, steps, arguments):
    """Requests/s by what lies idle, of those without; and the memory of each."""
    idle, points = kind(full), [(0, compare((plain, full), arguments.seconds, arguments.rounds))]
    show(f"requests/s with no idle {idle.noun} more, of the other daemon's", f"{points[0][1]:.3f}", "1: noise")
    grown = 0  # only while they are added: requests leave log lines, up to their limit
    for step in steps:
        before = resident_kib(full)
        idle.add(step)
        grown += resident_kib(full) - before
        each = grown / step
        points.append((step, compare((plain, full), arguments.seconds, arguments.rounds)))
        show(f"an idle {idle.noun}, KiB, of {step:,}", f"{each:.2f}", idle.each_promised_kib)
        show(f"requests/s beside {step:,} idle {idle.noun}s, of those without", f"{points[-1][1]:.3f}", OF_ALONE)
    report.promised(f"an idle {idle.noun} ({steps[-1]:,} of them)", each, at_most=idle.each_promised_kib, unit="KiB")
    report.promised(f"requests/s beside {steps[-1]:,} idle {idle.noun}s, of those without", points[-1][1], at_least=OF_ALONE, digits=3)
    idle.end()
    if arguments.plot:
        lines = plot.Lines(f"Requests a second beside idle {idle.noun}s", f"idle {idle.noun}s", "of those without")
        lines.add("noop, 16 connections", points)
        lines.write(arguments.plot, f"idle_{idle.noun}s")


def steps_of(text):
    return sorted(map(int, text.split(",")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=steps_of, default="1000,5000,9900")
    parser.add_argument("--functions", type=steps_of, default="1000,5000,10000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--idle-seconds", type=int, default=20)
    plot.add_argument(parser)
    arguments = parser.parse_args()
    report.need("wrk", "taskset", packages={"taskset": "util-linux"})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < arguments.connections[-1] + 200:
        print(f"{arguments.connections[-1]} connections need more descriptors than the {hard} allowed here: raise ulimit -n", file=sys.stderr)
        sys.exit(report.CANNOT_RUN)
    os.sched_setaffinity(0, {0})  # inherited by all
    print("| | | promised |\n|---|---|---|")
    percent = idle_processor_percent(WARM_WORKERS, arguments.idle_seconds)
    show(f"of a processor, {WARM_WORKERS} warm workers, nobody asks", f"{percent:.3f} %", f"{IDLE_PERCENT} %")
    report.promised(f"hearthd idle with {WARM_WORKERS} warm workers, of a processor", percent, at_most=IDLE_PERCENT, unit="%", digits=3)
    plain, full = Daemon(), Daemon()
    try:
        for daemon in (plain, full):
            daemon.start()
        resident = resident_kib(plain) / 1024
        show("resident at the start, MiB", f"{resident:.1f}", RESIDENT_MIB)
        report.promised("hearthd resident at its start", resident, at_most=RESIDENT_MIB, unit="MiB", digits=1)
        compare((plain, full), 1, 1)  # both have answered before anything is counted
        grow(Connections, plain, full, arguments.connections, arguments)
        grow(Functions, plain, full, arguments.functions, arguments)
    finally:
        plain.remove()
        full.remove()


if __name__ == "__main__":
    main()
