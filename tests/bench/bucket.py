#!/usr/bin/env python3
"""Files dropped in a bucket -> function, and thumbnails beside a plain loop and a shell pipeline: ./dev bench bucket

Three parts, each with everything of Hearth on (receipts durable, metering, logs, default isolation):
  latency     a file is renamed in, one at a time; until the first instruction of the handler (both by CLOCK_MONOTONIC)
  throughput  files of 100 bytes are renamed in as fast as one thread can; until each has its durable receipt
  thumbnails  pictures are renamed in; until the last thumbnail is there. Beside it, interleaved: `thumbnail_loop`, the same libvips
              calls and the same way of writing in one process a core without anything around them; and
              inotifywait | xargs vipsthumbnail, as many at a time as there are cores
Exits non-zero only when a run was invalid (an event lost, failed or found late by a scan).
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARTH_BUILD_DIR", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from hearth_e2e import BUILD, Daemon, find_built, handler_path, wait_until  # noqa: E402

LATENCY_TARGET_MS, FILES_TARGET, LOOP_TARGET = 1.0, 5_000, 0.95
LONG_EDGE = 320
CORES = len(os.sched_getaffinity(0))


def bucket(daemon, name, *notifications):
    folder = daemon.folder / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    daemon.put_bucket(name, folder, *notifications)
    return folder


def status(daemon, name):
    return daemon.control("GET", f"/_hearth/v1/buckets/{name}").json()["Status"]


def await_succeeded(daemon, name, count, deadline_s):
    """Polled rarely: the answer is work for the loop that is measured."""
    end = time.monotonic() + deadline_s
    while True:
        now = status(daemon, name)
        if now["Succeeded"] >= count and now["UnderWay"] == 0:
            break
        if time.monotonic() > end:
            sys.exit(f"invalid run: {count} files were expected: {now}")
        time.sleep(0.01)
    if now["Failed"] or now["Retried"] or now["Succeeded"] != count:
        sys.exit(f"invalid run: {now}")
    return now


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- latency ---

def measure_latency(daemon, files, pause_s):
    records, drops = bucket(daemon, "records"), bucket(daemon, "latency")
    # A whole processor: a smaller function is held to its share of one, and the bench would measure that.
    daemon.create_function("landing", handler_path("landing"), memory=1769,
                           hearth={"Buckets": [{"Bucket": "records", "Writable": True}]})
    bucket(daemon, "latency", {"FunctionName": "landing"})
    landed = records / "landed"
    late = []
    for number in range(files + 20):  # the first of them warm it up
        half = daemon.folder / "half"
        half.write_bytes(b"x" * 100)
        size = landed.stat().st_size if landed.exists() else 0
        begun = time.monotonic_ns()
        os.rename(half, drops / f"file-{number}")
        wait_until(lambda seen=size: landed.exists() and landed.stat().st_size > seen, 10, f"file {number} to land")
        key, at = landed.read_text().splitlines()[-1].split(" ")
        if key != f"file-{number}":
            sys.exit(f"invalid run: {key} landed, not file-{number}")
        late.append((int(at) - begun) / 1e6)
        time.sleep(pause_s)
    await_succeeded(daemon, "latency", files + 20, 30)
    late = sorted(late[20:])
    verdict = report.promised("a file renamed in, its handler begun: p50", late[len(late) // 2], at_most=LATENCY_TARGET_MS, unit="ms", digits=3)
    print(f"rename-in -> handler's first instruction, {files} files, one at a time, {pause_s * 1000:.0f} ms apart: "
          f"p50 {late[len(late) // 2]:.3f} ms, p90 {late[len(late) * 9 // 10]:.3f}, p99 {late[len(late) * 99 // 100]:.3f}, "
          f"most {late[-1]:.3f} ({verdict}: {LATENCY_TARGET_MS:.0f} ms)")


# --- throughput ---

def measure_throughput(daemon, files, rounds):
    drops = bucket(daemon, "burst")
    daemon.create_function("noop", handler_path("noop"), memory=1769)
    bucket(daemon, "burst", {"FunctionName": "noop"})
    outside = daemon.folder / "outside"
    outside.mkdir()
    rates, done, cpu = [], 0, 0.0
    for number in range(rounds + 1):  # the first warms it up
        count = files if number else files // 10
        for n in range(count):
            (outside / f"r{number}-{n}").write_bytes(b"x" * 100)
        used, begun = cpu_seconds(daemon.process.pid), time.monotonic()
        for n in range(count):
            os.rename(outside / f"r{number}-{n}", drops / f"r{number}-{n}")
        done += count
        now = await_succeeded(daemon, "burst", done, 300)
        if number:
            rates.append(count / (time.monotonic() - begun))
            cpu += (cpu_seconds(daemon.process.pid) - used) / rounds
    verdict = report.promised("files to durable receipts", statistics.median(rates), at_least=FILES_TARGET, unit="a second", digits=0)
    print(f"small files to durable receipts, {rounds} rounds of {files}: {statistics.median(rates):.0f} files/s, "
          f"least {min(rates):.0f}, most {max(rates):.0f}; hearthd's own cpu a file {cpu / files * 1e6:.0f} us; "
          f"{now['FoundByScan']} found by a scan, {now['WatchOverflows']} overflows "
          f"({verdict}: {FILES_TARGET})")


# --- thumbnails ---

class Peer:
    """Makes a thumbnail of each picture of a folder, once, and says how long it took."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.number = 0

    def folders(self):
        self.number += 1
        made = [self.scratch / f"{type(self).__name__}-{self.number}-{end}" for end in ("in", "out")]
        for folder in made:
            folder.mkdir()
        return made

    @staticmethod
    def await_all(out, count):
        wait_until(lambda: len(list(out.glob("*.jpg"))) >= count, 600, "the last thumbnail")


class Hearth(Peer):
    def __init__(self, scratch, daemon):
        super().__init__(scratch)
        self.daemon, self.done = daemon, 0
        self.thumbs, self.photos = bucket(daemon, "thumbs"), bucket(daemon, "photos")
        daemon.create_function("image_resize", handler_path("image_resize"), memory=1769, timeout=30,
                               env={"OUTPUT_BUCKET": "thumbs", "LONG_EDGE": str(LONG_EDGE)},
                               hearth={"Buckets": [{"Bucket": "thumbs", "Writable": True}]})
        bucket(daemon, "photos", {"FunctionName": "image_resize"})

    def round(self, pictures):
        self.number += 1
        staged = [(picture, self.scratch / f"staged-{self.number}-{picture.name}") for picture in pictures]
        for picture, path in staged:
            shutil.copyfile(picture, path)
        begun = time.monotonic()
        for picture, path in staged:
            os.rename(path, self.photos / f"{self.number}-{picture.name}")
        self.done += len(pictures)
        # Its own notice, not the receipt: the others have none either.
        wait_until(lambda: len(os.listdir(self.thumbs)) >= self.done, 600, "the last thumbnail")
        took = time.monotonic() - begun
        await_succeeded(self.daemon, "photos", self.done, 60)
        return took


class Loop(Peer):
    def round(self, pictures):
        source, out = self.folders()
        for picture in pictures:
            shutil.copyfile(picture, source / picture.name)
        program = find_built(BUILD, "thumbnail_loop")
        begun = time.monotonic()
        parts = [subprocess.Popen([program, str(LONG_EDGE), source, out, str(part), str(CORES)]) for part in range(CORES)]
        if any(part.wait() for part in parts) or len(list(out.glob("*.jpg"))) != len(pictures):
            sys.exit("invalid run: the loop failed")
        return time.monotonic() - begun


class Pipeline(Peer):
    """What one writes in an afternoon; nothing is retried, nothing remembered."""

    def round(self, pictures):
        source, out = self.folders()
        staged = [(picture, self.scratch / f"piped-{self.number}-{picture.name}") for picture in pictures]
        for picture, path in staged:
            shutil.copyfile(picture, path)
        watch = subprocess.Popen(["inotifywait", "-q", "-m", "-e", "moved_to", "--format", "%f", str(source)],
                                 stdout=subprocess.PIPE)
        work = subprocess.Popen(["xargs", "-P", str(CORES), "-I{}", "vipsthumbnail", f"{source}/{{}}", "-s", str(LONG_EDGE),
                                 "-o", f"{out}/%s.jpg[Q=82,strip]"], stdin=watch.stdout,
                                env={**os.environ, "VIPS_CONCURRENCY": "1"})
        time.sleep(0.5)  # until it watches; it does not say so to a pipe
        begun = time.monotonic()
        for picture, path in staged:
            os.rename(path, source / picture.name)
        self.await_all(out, len(pictures))
        took = time.monotonic() - begun
        watch.terminate()
        watch.wait()
        watch.stdout.close()
        work.wait()
        return took


def make_pictures(folder, count, width, height):
    """Photographs in what matters: noise that does not compress away."""
    made = []
    for number in range(min(count, 8)):
        path = folder / f"picture-{number}.jpg"
        subprocess.run(["vips", "gaussnoise", f"{path}[Q=85]", str(width), str(height), "--mean", str(90 + 10 * number)],
                       check=True, capture_output=True)
        made.append(path)
    for number in range(len(made), count):
        path = folder / f"picture-{number}.jpg"
        shutil.copyfile(made[number % len(made)], path)
        made.append(path)
    return made


def measure_thumbnails(daemon, count, rounds, size):
    scratch = daemon.folder / "thumbnails-scratch"  # on the file system of the buckets: renames
    (scratch / "originals").mkdir(parents=True)
    pictures = make_pictures(scratch / "originals", count, *size)
    peers = {"hearth": Hearth(scratch, daemon), "loop": Loop(scratch)}
    if shutil.which("inotifywait") and shutil.which("vipsthumbnail"):
        peers["pipeline"] = Pipeline(scratch)
    else:
        print("inotifywait or vipsthumbnail is missing, so there is no comparison with them: apt-get install inotify-tools libvips-tools")
    peers["hearth"].round(pictures[:4])
    rates = {name: [] for name in peers}
    for number in range(rounds):
        for name in list(peers) if number % 2 == 0 else list(peers)[::-1]:
            rates[name].append(count / peers[name].round(pictures))
    print(f"thumbnails/s of {size[0]}x{size[1]} to {LONG_EDGE}, {rounds} rounds of {count}, {CORES} cores, interleaved:")
    for name, values in rates.items():
        print(f"  {name:<10} median {statistics.median(values):>7.1f}  least {min(values):>7.1f}  most {max(values):>7.1f}")
    for name in list(peers)[1:]:
        # By rounds: what else the machine did then was the same for both.
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["hearth"], rates[name]))
        verdict = report.promised("thumbnails, of a plain loop", ratio, at_least=LOOP_TARGET, digits=3) if name == "loop" else None
        print(f"  hearth / {name}: {ratio:.3f}{f' ({verdict}: {LOOP_TARGET})' if verdict else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency-files", type=int, default=500)
    parser.add_argument("--pause-ms", type=float, default=2.0, help="between two files of the latency part")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--size", default="1600x1200", help="of the pictures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("latency", "throughput", "thumbnails"))
    arguments = parser.parse_args()
    wanted = [arguments.only] if arguments.only else ["latency", "throughput", "thumbnails"]
    if "thumbnails" in wanted:
        subprocess.run(["cmake", "--build", str(BUILD), "--target", "thumbnail_loop"], check=True, stdout=subprocess.DEVNULL)
    print(f"load of the last minute: {os.getloadavg()[0]:.1f}; {CORES} cores")
    for part in wanted:
        daemon = Daemon()
        try:
            daemon.start()
            if part == "latency":
                measure_latency(daemon, arguments.latency_files, arguments.pause_ms / 1000)
            elif part == "throughput":
                measure_throughput(daemon, arguments.files, arguments.rounds)
            else:
                measure_thumbnails(daemon, arguments.pictures, arguments.rounds, tuple(map(int, arguments.size.split("x"))))
        finally:
            daemon.remove()


if __name__ == "__main__":
    main()
