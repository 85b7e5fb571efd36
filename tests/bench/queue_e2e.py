#!/usr/bin/env python3
"""SendMessageBatch -> queue -> function -> deleted, end to end, with the client on the same processors: ./dev bench queue_e2e

The client is raw sockets with keep-alive and a request built once (10 messages of 512 B), so that it is not what is measured. A
round sends all messages as fast as they are acknowledged (each answer means: on disk) while the mapping consumes, and ends when the
queue is empty and the store has deleted as many as were sent. Beside it, in the same rounds: redis (appendfsync always) with a list,
RPUSH of ten, LPOP of ten, the same bodies; and the same request bytes to nginx's `return 200`, the client's own limit. Exits non-zero
only when a run was invalid (a lost or failed message, an answer that is not 200).
"""
import argparse
import json
import os
import pathlib
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import Daemon, handler_path  # noqa: E402

TARGET = 8_000
BATCH, BODY_BYTES = 10, 512
REDIS_PORT, NGINX_PORT = 18_097, 18_098


def free_of_proxy():
    for name in ("http_proxy", "HTTP_PROXY"):
        os.environ.pop(name, None)


class Pump:
    """Keeps one request under way on each of some connections; `finished` tells from the bytes whether an answer is whole."""

    def __init__(self, port, request, connections, finished):
        self.request, self.finished = request, finished
        self.poll = select.poll()
        self.peers, self.partial = {}, {}
        for _ in range(connections):
            peer = socket.create_connection(("127.0.0.1", port))
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers[peer.fileno()] = peer
            self.partial[peer.fileno()] = b""
            self.poll.register(peer, select.POLLIN)

    def run(self, requests):
        """Sends so many and waits for all answers; returns the last one."""
        to_send = requests - len(self.peers)
        to_come = requests
        for peer in self.peers.values():
            peer.sendall(self.request)
        answer = b""
        while to_come > 0:
            for fd, _ in self.poll.poll(30_000) or sys.exit("no answer within 30 s"):
                received = self.partial[fd] + self.peers[fd].recv(65536)
                if not self.finished(received):
                    self.partial[fd] = received
                    continue
                self.partial[fd], answer = b"", received
                to_come -= 1
                if to_send > 0:
                    to_send -= 1
                    self.peers[fd].sendall(self.request)
        return answer

    def close(self):
        for peer in self.peers.values():
            peer.close()


def http_finished(received):
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return False
    if not received.startswith(b"HTTP/1.1 200") or b'"Failed"' in received:
        sys.exit(f"invalid run: {received[:400]!r}")
    at = received.lower().find(b"content-length:")
    return len(received) >= head + 4 + int(received[at + 15:received.find(b"\r\n", at)])


def redis_finished(received):
    if received.startswith(b"-"):
        sys.exit(f"invalid run: {received[:200]!r}")
    if not received.startswith(b"*"):
        return received.endswith(b"\r\n")
    return received.count(b"\r\n") >= 1 + 2 * int(received[1:received.find(b"\r\n")])


def batch_request(path, target, bodies, queue_url):
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    body = json.dumps({"QueueUrl": queue_url, "Entries": entries}).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


class Hearth:
    def __init__(self, batch_size, window, connections, concurrency):
        self.daemon = Daemon()
        self.daemon.start()
        # A whole processor: a smaller function is held to its share of one, and the bench would measure that.
        self.daemon.create_function("consumer", handler_path("hello_c"), memory=1769)
        self.url = self.daemon.create_queue("bench", VisibilityTimeout="60")
        fields = {"ScalingConfig": {"MaximumConcurrency": concurrency}} if concurrency else {}
        self.daemon.map_queue("bench", "consumer", BatchSize=batch_size, MaximumBatchingWindowInSeconds=window, **fields)
        self.pump = Pump(self.daemon.control_port, batch_request("/", "AmazonSQS.SendMessageBatch", ["x" * BODY_BYTES] * BATCH, self.url),
                         connections, http_finished)
        self.deleted = 0

    def queue(self):
        queues = self.daemon.control("GET", "/_hearth/v1/queues").json()["queues"]
        return next(queue for queue in queues if queue["name"] == "bench")

    def round(self, messages):
        """Messages a second to the last acknowledgement, and to the last deletion."""
        begun = time.monotonic()
        self.pump.run(messages // BATCH)
        sent = time.monotonic()
        while True:
            queue = self.queue()
            if queue["deleted"] >= self.deleted + messages:
                break
            if time.monotonic() > sent + 60:
                sys.exit(f"invalid run: the queue is not empty after 60 s: {queue}")
            time.sleep(0.01)
        done = time.monotonic()
        if queue["deleted"] != self.deleted + messages or queue["visible"] + queue["in_flight"] + queue["delayed"]:
            sys.exit(f"invalid run: {queue}")
        self.deleted += messages
        return messages / (sent - begun), messages / (done - begun)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.pump.close()
        self.daemon.remove()


class Nginx:
    def __init__(self, folder, connections):
        (folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}; client_body_buffer_size 64k;
  proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{NGINX_PORT}; location / {{ return 200 "hello"; }} }} }}
""")
        self.process = subprocess.Popen(["nginx", "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
        wait_port(NGINX_PORT)
        self.pump = Pump(NGINX_PORT, batch_request("/", "AmazonSQS.SendMessageBatch", ["x" * BODY_BYTES] * BATCH, "bench"),
                         connections, http_finished)

    def round(self, messages):
        begun = time.monotonic()
        self.pump.run(messages // BATCH)
        return messages / (time.monotonic() - begun)

    def close(self):
        self.pump.close()
        self.process.terminate()
        self.process.wait()


class Redis:
    def __init__(self, folder, connections):
        self.process = subprocess.Popen(["redis-server", "--port", str(REDIS_PORT), "--bind", "127.0.0.1", "--dir", str(folder),
                                         "--appendonly", "yes", "--appendfsync", "always", "--save", ""], stdout=subprocess.DEVNULL)
        wait_port(REDIS_PORT)

        def command(*words):
            return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)
        bodies = ["x" * BODY_BYTES] * BATCH
        self.push = Pump(REDIS_PORT, command("RPUSH", "q", *bodies), connections, redis_finished)
        self.pop = Pump(REDIS_PORT, command("LPOP", "q", str(BATCH)), connections, redis_finished)

    def round(self, messages):
        begun = time.monotonic()
        self.push.run(messages // BATCH)
        self.pop.run(messages // BATCH)
        return messages / (time.monotonic() - begun)

    def close(self):
        self.push.close()
        self.pop.close()
        self.process.terminate()
        self.process.wait()


def wait_port(port):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    sys.exit(f"nobody listens on {port}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=10, help="of the event source mapping; over 10 with a window of 1 s")
    parser.add_argument("--concurrency", type=int, default=0, help="MaximumConcurrency of the mapping; 0: its default")
    parser.add_argument("--alone", action="store_true", help="no peers")
    arguments = parser.parse_args()
    free_of_proxy()
    os.environ["PATH"] += ":/usr/sbin"
    peers = {} if arguments.alone else {"nginx": ("nginx", Nginx), "redis": ("redis-server", Redis)}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bench-"))
    running = {}
    figures = {"send": [], "end to end": []}
    try:
        for name, (tool, kind) in peers.items():
            if shutil.which(tool) is None:
                print(f"{tool} is missing, so there is no comparison with it: apt-get install {tool}")
                continue
            (folder / name).mkdir()
            running[name] = kind(folder / name, arguments.connections)
            figures[name] = []
        hearth = running["hearth"] = Hearth(arguments.batch_size, 1 if arguments.batch_size > 10 else 0, arguments.connections,
                                            arguments.concurrency)
        hearth.round(arguments.messages // 4)  # warm
        before, cpu = sum(os.times()[:2]), hearth.cpu_seconds()
        for number in range(arguments.rounds):
            for name in list(running) if number % 2 == 0 else list(running)[::-1]:
                if name == "hearth":
                    send, whole = hearth.round(arguments.messages)
                    figures["send"].append(send)
                    figures["end to end"].append(whole)
                else:
                    figures[name].append(running[name].round(arguments.messages))
        client = (sum(os.times()[:2]) - before) / arguments.rounds
        cpu = (hearth.cpu_seconds() - cpu) / arguments.rounds
        median = {name: statistics.median(values) for name, values in figures.items()}
        print(f"{'messages/s, median of ' + str(arguments.rounds):<28} {'median':>9} {'least':>9} {'most':>9}")
        for name, values in figures.items():
            print(f"{name:<28} {median[name]:>9.0f} {min(values):>9.0f} {max(values):>9.0f}")
        for name in running:
            if name != "hearth":
                print(f"end to end / {name}: {median['end to end'] / median[name]:.3f}")
        print(f"hearthd's own cpu a message: {cpu / arguments.messages * 1e6:.1f} us; the client's (peers included): "
              f"{client / arguments.messages * 1e6:.1f} us")
        verdict = report.promised("queue: messages sent, run, deleted", median["end to end"], at_least=TARGET, unit="a second", digits=0)
        print(f"target {TARGET}: {verdict}")
    finally:
        for peer in running.values():
            peer.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
