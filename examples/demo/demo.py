#!/usr/bin/env python3
"""The main job of Hearth, start to end: deploy, drop pictures, get thumbnails, call, queue, read the bill.

Usage: ./dev demo [FOLDER]. Starts a daemon of its own on free ports, in a scratch folder, and stops it at the end.
"""
import argparse
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pictures
from hearth_client import Client, Refused

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LONG_EDGE = 320
START_DEADLINE_S, STOP_DEADLINE_S, WORK_DEADLINE_S = 20, 20, 60
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


class DemoFailed(Exception):
    """What the demo says instead of a traceback."""


def heading(text):
    print(f"\n{BOLD}{text}{PLAIN}")


def report_line(line):
    """A REPORT line without its request id, dimmed."""
    print(f"    {DIM}{re.sub(r'RequestId: [0-9a-f-]+', '', line).replace(chr(9), '  ').strip()}{PLAIN}")


def wait_until(predicate, what, deadline_s=WORK_DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not (value := predicate()):
        if time.monotonic() > end:
            raise DemoFailed(f"waited {deadline_s} s for {what}")
        time.sleep(0.01)
    return value


def built(build_dir, name):
    found = [path for path in pathlib.Path(build_dir).rglob(name) if path.is_file()]
    if not found:
        raise DemoFailed(f"{name} is not in {build_dir}; ./dev build --release makes it")
    return found[0]


class Hearthd:
    """The daemon, as long as the demo runs."""

    def __init__(self, build_dir, folder):
        self.folder = folder
        self.log_path = folder / "hearthd.log"
        ready_file = folder / "ready.json"
        started = time.monotonic()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [built(build_dir, "hearthd"), "--data-dir", folder / "data", "--data-listen", "127.0.0.1:0",
                 "--control-listen", "127.0.0.1:0", "--ready-file", ready_file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            ready = wait_until(lambda: self.read_ready(ready_file), "hearthd to be ready", START_DEADLINE_S)
        except BaseException:
            self.stop()
            raise
        self.took_s = time.monotonic() - started
        self.data_port, self.control_port = ready["data_port"], ready["control_port"]

    def read_ready(self, ready_file):
        if self.process.poll() is not None:
            raise DemoFailed(f"hearthd ended at once, with {self.process.returncode}:\n{self.log_tail()}")
        try:
            return json.loads(ready_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def log_tail(self):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])

    def stop(self):
        """SIGTERM; it drains and exits with 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Demo:
    def __init__(self, build_dir, source, folder):
        self.build_dir, self.source = build_dir, source
        self.photos, self.thumbnails, self.scratch = folder / "photos", folder / "thumbnails", folder / "scratch"
        for path in (self.photos, self.thumbnails, self.scratch):
            path.mkdir()
        self.thumbnails.chmod(0o777)  # the function's workers run as a user of their own
        self.client = None

    def run(self, daemon):
        self.client = Client(daemon.control_port, daemon.data_port)
        print(f"hearthd is ready after {daemon.took_s:.2f} s: functions on http://127.0.0.1:{daemon.data_port}, "
              f"control on http://127.0.0.1:{daemon.control_port}")
        self.deploy()
        self.drop_pictures()
        self.call_http()
        self.send_orders()
        self.show_bill()
        self.scrape_metrics()

    def library(self, name):
        return built(self.build_dir, f"lib{name}.so")

    def deploy(self):
        heading("Deploy three functions")
        self.client.put_bucket("photos", self.photos)
        self.client.put_bucket("thumbnails", self.thumbnails)
        for name, env, buckets in (
                ("image_resize", {"OUTPUT_BUCKET": "thumbnails", "LONG_EDGE": str(LONG_EDGE)},
                 [("photos", False), ("thumbnails", True)]),
                ("hello_http", {}, []), ("queue_orders", {}, [])):
            started = time.monotonic()
            made = self.client.deploy(self.library(name), env, buckets)
            print(f"  {name:<13} {made['CodeSize'] // 1024:>5} KiB  {made['MemorySize']:>4} MB  "
                  f"checked, loaded on trial and ready in {1000 * (time.monotonic() - started):.0f} ms")
        self.client.put_bucket("photos", self.photos, function="image_resize")

    # --- pictures ---

    def pictures_to_drop(self):
        if not self.source:
            return pictures.make_pictures(self.scratch)
        found = sorted(path for path in self.source.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
        if not found:
            raise DemoFailed(f"no picture in {self.source} (looked for {', '.join(sorted(PICTURE_SUFFIXES))})")
        return found

    def drop_pictures(self):
        heading(f"Drop pictures into {self.photos}")
        taken = set()
        for picture in self.pictures_to_drop():
            stem = picture.stem
            while stem in taken:  # cat.jpg and cat.png would have the same thumbnail
                stem += "-2"
            taken.add(stem)
            self.drop(picture, self.photos / (stem + picture.suffix.lower()))

    def drop(self, picture, target):
        known = self.reports("image_resize")
        thumbnail = self.thumbnails / (target.stem + ".jpg")
        started = time.monotonic()
        shutil.copyfile(picture, target)
        fresh = wait_until(lambda: self.reports("image_resize")[len(known):] or thumbnail.exists() and self.fresh_report(known),
                           f"the thumbnail of {target.name}")
        took_ms = 1000 * (time.monotonic() - started)
        if thumbnail.exists():
            print(f"  {target.name:<14} {size_of(target):>11}  ->  {thumbnail.name:<14} {size_of(thumbnail):>9}  {took_ms:6.0f} ms")
        else:
            print(f"  {target.name:<14} {'':>11}  ->  no thumbnail: {self.last_error('image_resize')}")
        report_line(fresh[-1])

    def fresh_report(self, known):
        return wait_until(lambda: self.reports("image_resize")[len(known):], "its REPORT line")

    def reports(self, function):
        return [line for line in self.client.logs(function).splitlines() if "REPORT RequestId: " in line]

    def last_error(self, function):
        platform = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
        lines = [line.strip() for line in self.client.logs(function).splitlines() if not line.startswith(platform)]
        said = [line for line in lines if line]
        return f"a function error ({said[-1][:90]})" if said else "a function error"

    # --- HTTP and queue ---

    def call_http(self):
        url = self.client.create_url("hello_http")
        host = url.split("/")[2]
        heading(f"Call the HTTP function: {url}")
        for name in ("newcomer", "again"):
            started = time.monotonic()
            status, body = self.client.call("GET", f"/?name={name}", headers={"Host": host}, port=self.client.data_port)
            print(f"  GET /?name={name:<9} {status}  {body.decode().strip()}  {1000 * (time.monotonic() - started):.2f} ms")
        report_line(wait_until(lambda: self.reports("hello_http"), "its REPORT line")[-1])

    def send_orders(self):
        heading("Send orders to a queue")
        queue = self.client.sqs("CreateQueue", QueueName="orders")["QueueUrl"]
        orders = [("A-1", "teapot", 2), ("A-2", "cup", 1), ("A-3", "teapot", 1)]
        for order, item, quantity in orders:
            body = json.dumps({"order": order, "item": item, "quantity": quantity})
            self.client.sqs("SendMessage", QueueUrl=queue, MessageBody=body)
            print(f"  {body}")
        self.client.map_queue("orders", "queue_orders")
        wait_until(lambda: self.depth(queue) == 0, "the queue to be empty")
        print("  all handled and deleted")
        report_line(wait_until(lambda: self.reports("queue_orders"), "its REPORT line")[-1])

    def depth(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client.sqs("GetQueueAttributes", QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    # --- money and numbers ---

    def show_bill(self):
        heading("The bill")
        subprocess.run([built(self.build_dir, "hearth"), "bill"], check=True,
                       env={"HEARTH_URL": f"http://127.0.0.1:{self.client.control_port}", "HOME": str(self.scratch)})

    def scrape_metrics(self):
        heading("Some of /metrics")
        wanted = ("hearth_invocations_total", "hearth_cold_starts_total", "hearth_billed")
        text = self.client.call("GET", "/metrics")[1].decode()
        for line in text.splitlines():
            if line.startswith(wanted):
                print(f"  {line}")


def size_of(picture):
    seen = subprocess.run(["vipsheader", picture], capture_output=True, text=True, check=False).stdout
    found = re.search(r": (\d+x\d+) ", seen)
    return found[1] if found else f"{picture.stat().st_size} B"


def main():
    parser = argparse.ArgumentParser(description="thumbnails, a greeting, some orders and the bill, with a daemon of its own")
    parser.add_argument("folder", nargs="?", type=pathlib.Path, help="folder of pictures (default: some are made)")
    parser.add_argument("--build-dir", default="build/release", help="where hearthd and the examples were built")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # what the hearth command prints comes in its place
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-demo-"))
    folder.chmod(0o755)
    daemon = None
    try:
        demo = Demo(arguments.build_dir, arguments.folder, folder)
        daemon = Hearthd(arguments.build_dir, demo.scratch)
        demo.run(daemon)
    except (DemoFailed, Refused, OSError, subprocess.SubprocessError) as problem:
        print(f"\nThe demo failed: {problem}", file=sys.stderr)
        if daemon:
            print(f"hearthd's last words:\n{daemon.log_tail()}", file=sys.stderr)
            daemon.stop()
        return 1
    except KeyboardInterrupt:
        print("\nStopping.", file=sys.stderr)
        if daemon:
            daemon.stop()
        return 130
    code = daemon.stop()
    heading("Done")
    print(f"  hearthd drained and exited with {code}. Thumbnails: {demo.thumbnails}")
    shutil.rmtree(demo.scratch, ignore_errors=True)
    return 0 if code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
