#!/usr/bin/env python3
"""Durable sends a second in-process, beside SQLite alone, redis-server and nats-server; and what depth costs: ./dev bench queue

512 B messages, 256 under way. `hearth` is a single send each, acknowledged when it is on disk, with the whole schema; `sqlite alone`
is the same row inserted, 256 to a commit, at the same durability: the floor. redis-server runs with appendfsync always (as durable),
nats-server with JetStream's file store, which does not sync each message: weaker, shown for orientation. Both over one loopback
connection, pipelined. Rounds are interleaved, forwards and backwards; medians and ratios count. Peers that are not installed are left
out. Exits non-zero only when a run was invalid.

To repeat: ./dev bench queue, or tests/bench/queue_store.py --rounds 5 --seconds 3 --large 10000000
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build/release"))
PROGRAM = BUILD / "tests/bench/bench_queue_store"
IN_FLIGHT = "256"
# Milliseconds that a commit waits for company. Without, what arrives during one commit shares the next: two halves take turns, and the
# disk syncs twice as often.
LINGERS = {"hearth": 0, "hearth, linger 2 ms": 2}


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"invalid run: {arguments}: {done.stderr}")
    return json.loads(done.stdout)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A peer on a port of its own, its data in a folder of its own; ended by its process."""

    def __init__(self, folder, command):
        self.port = free_port()
        self.process = subprocess.Popen(command(self.port, folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not any(b"eady" in line for line in self.process.stdout):  # both say so: "Ready to accept", "Server is ready"
            sys.exit(f"invalid run: {command(self.port, folder)[0]} does not start")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def redis(port, folder):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes",
            "--appendfsync", "always", "--save", ""]


def nats(port, folder):
    return ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]


def one_rate(peer, seconds):
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
        if peer.startswith("hearth"):
            return run("send", folder, seconds, IN_FLIGHT, LINGERS[peer])["per_second"]
        if peer == "sqlite alone":
            return run("floor", folder, seconds, IN_FLIGHT)["per_second"]
        server = Server(folder, redis if peer == "redis" else nats)
        try:
            return run(peer, server.port, seconds, IN_FLIGHT)["per_second"]
        finally:
            server.stop()


def rates(arguments):
    peers = [*LINGERS, "sqlite alone"] + [name for name in ("redis", "nats") if shutil.which(f"{name}-server")]
    figures = {peer: [] for peer in peers}
    for number in range(arguments.rounds):
        for peer in peers if number % 2 == 0 else peers[::-1]:
            figures[peer].append(one_rate(peer, arguments.seconds))
    floor = statistics.median(figures["sqlite alone"])
    print(f"{'durable sends':>24} {'median/s':>10} {'best/s':>10} {'worst/s':>10} {'of the floor':>13}")
    for peer in peers:
        note = " (weaker)" if peer == "nats" else ""
        middle = statistics.median(figures[peer])
        print(f"{peer + note:>24} {middle:>10.0f} {max(figures[peer]):>10.0f} {min(figures[peer]):>10.0f} {middle / floor:>13.2f}")


def depth(arguments):
    with tempfile.TemporaryDirectory(prefix="hearth-bench-", dir=arguments.folder) as folder:
        result = run("depth", folder, arguments.small, arguments.large, arguments.depth_rounds)
    print(f"{'µs an operation':>24} {result['small']:>10,} {result['large']:>12,} {'ratio':>6}")
    total = [0.0, 0.0]
    for operation, (small, large) in result["operations"].items():
        total = [total[0] + small, total[1] + large]
        print(f"{operation:>24} {small:>10.2f} {large:>12.2f} {large / small:>6.2f}")
    print(f"{'all four':>24} {total[0]:>10.2f} {total[1]:>12.2f} {total[1] / total[0]:>6.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--depth-rounds", type=int, default=41)
    parser.add_argument("--folder", default="/tmp", help="where the large backlog is made: 7 GB for 10 million")
    parser.add_argument("--only", choices=["rates", "depth"])
    arguments = parser.parse_args()
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench_queue_store"], check=True, stdout=subprocess.DEVNULL)
    print(f"{platform.node()}: {os.cpu_count()} processors, kernel {platform.release()}, {time.strftime('%Y-%m-%d')}")
    if arguments.only != "depth":
        rates(arguments)
    if arguments.only != "rates":
        depth(arguments)


if __name__ == "__main__":
    main()
