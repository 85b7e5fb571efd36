"""What goes wrong with watched folders on real machines, one case a test, with real files.

Those that need no daemon are unit tests: tests/unit/triggers/bucket (a file system without events, by a shim; clocks set
back; rename storms; overwriting while the function runs; trees moved in; folders made deep at once).
"""
import os
import pathlib
import signal
import stat
import subprocess
import time
import unittest

from chaos import short_or_long
from hearth_e2e import Daemon, DaemonTest, built, handler_path, http_call, wait_until
from records import Records


class PitfallTest(DaemonTest):
    """A bucket `drops` whose files end in the tally."""

    @classmethod
    def set_up_functions(cls):
        Records(cls.daemon)
        cls.drops = cls.daemon.folder / "drops"
        cls.drops.mkdir()
        cls.daemon.put_bucket("drops", cls.drops)
        cls.daemon.create_function("tally", handler_path("tally"), timeout=20,
                                   hearth=Records.mount({"Bucket": "drops", "Writable": False}))
        cls.put_drops()

    @classmethod
    def put_drops(cls, **fields):
        document = {"Path": str(cls.drops), "Notifications": [{"FunctionName": "tally"}], **fields}
        answer = cls.daemon.control("PUT", "/_hearth/v1/buckets/drops", document)
        assert answer.status == 200, answer

    def status(self):
        return self.daemon.control("GET", "/_hearth/v1/buckets/drops").json()["Status"]

    def tallied(self):
        """Keys of created objects, in order, with the content that was read."""
        try:
            lines = (self.daemon.folder / "records/tally").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [tuple(line.split(" ")[1:]) for line in lines]

    def wait_tallied(self, *keys, deadline_s=60):
        wait_until(lambda: set(keys) <= {key for key, _ in self.tallied()}, deadline_s, f"{len(keys)} objects to be processed")


class Bursts(PitfallTest):
    def test_more_events_than_the_kernel_queues(self):
        """The daemon stands still while the kernel's own queue overflows; temporary names fill it, the files come last."""
        queued_max = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        if queued_max > 200_000:
            self.skipTest(f"fs.inotify.max_queued_events is {queued_max}: over the 200000 that this test fills")
        files = short_or_long(100, 100_000)
        wait_until(lambda: self.status()["State"] == "Watching", what="the watch")
        os.kill(self.daemon.process.pid, signal.SIGSTOP)
        try:
            for n in range(queued_max + 10):  # closed: an event each; another name than before, or the kernel merges them
                (self.drops / f"{n % 50}.tmp").write_text("x")
            for n in range(files):
                (self.drops / f"burst-{n}").write_text(f"burst-{n}")
        finally:
            os.kill(self.daemon.process.pid, signal.SIGCONT)
        keys = [f"burst-{n}" for n in range(files)]
        self.wait_tallied(*keys, deadline_s=short_or_long(60, 600))
        status = self.status()
        self.assertGreaterEqual(status["WatchOverflows"], 1)
        self.assertGreaterEqual(status["FoundByScan"], files)
        found = [key for key, content in self.tallied() if key.startswith("burst-") and key == content]
        self.assertEqual(sorted(keys), sorted(found), "each once, and whole")

    def test_slow_copy_is_one_event_of_the_whole(self):
        pieces, piece = short_or_long(20, 2000), short_or_long("1234567890" * 10_000, "1234567890" * 100_000)
        with open(self.drops / "slow", "w", encoding="ascii") as slow:
            for _ in range(pieces):
                slow.write(piece)
                slow.flush()
                os.fsync(slow.fileno())
        self.wait_tallied("slow", deadline_s=short_or_long(60, 300))
        self.assertEqual([f"{pieces * len(piece)}-bytes"], [content for key, content in self.tallied() if key == "slow"])


@unittest.skipUnless(os.geteuid() == 0 and os.environ.get("HEARTH_LONG"),
                     "lowers a setting of the whole machine for a moment: only as root, and in the long form, which runs alone")
class ShortQueue(PitfallTest):
    """The kernel queues 128 events, while the daemon runs and works: an overflow may come at any moment of it."""

    @classmethod
    def setUpClass(cls):
        setting = pathlib.Path("/proc/sys/fs/inotify/max_queued_events")
        before = setting.read_text()
        setting.write_text("128")
        try:  # a watch keeps what was said when it was made
            super().setUpClass()
            wait_until(lambda: cls.bucket_status()["State"] == "Watching", what="the watch")
        finally:
            setting.write_text(before)

    @classmethod
    def bucket_status(cls):
        return cls.daemon.control("GET", "/_hearth/v1/buckets/drops").json()["Status"]

    def test_burst_over_a_short_queue(self):
        files = 100_000
        for n in range(files):
            (self.drops / f"burst-{n}").write_text(f"burst-{n}")
        keys = [f"burst-{n}" for n in range(files)]
        self.wait_tallied(*keys, deadline_s=900)
        status = self.bucket_status()
        self.assertGreaterEqual(status["WatchOverflows"], 1)
        seen = [key for key, content in self.tallied() if key == content]
        print(f"{files} files over a queue of 128: {status['WatchOverflows']} overflows, {status['FoundByScan']} found by the "
              f"scan alone, {len(self.tallied()) - files} ran again", flush=True)
        self.assertEqual(set(keys), set(seen))


class LargeFolder(PitfallTest):
    def test_a_large_folder_at_the_start(self):
        """Nothing of it runs (StartFrom Now), all of it is looked at: what that costs is printed."""
        files = short_or_long(5_000, 1_000_000)
        large = self.daemon.folder / "large"
        for folder in range(100):
            (large / str(folder)).mkdir(parents=True)
        for n in range(files):
            os.close(os.open(large / str(n % 100) / str(n), os.O_CREAT | os.O_WRONLY, 0o644))
        self.daemon.put_bucket("large", large)
        self.daemon.create_function("late", handler_path("tally"), timeout=20,
                                    hearth=Records.mount({"Bucket": "large", "Writable": False}))
        began = time.monotonic()
        answer = self.daemon.control("PUT", "/_hearth/v1/buckets/large", {
            "Path": str(large), "Notifications": [{"FunctionName": "late", "StartFrom": "Now"}]})
        self.assertEqual(200, answer.status, answer)
        wait_until(lambda: self.large_status()["Receipts"] == files and not self.large_status()["Starting"],
                   short_or_long(60, 900), "every file to have its receipt")
        first = time.monotonic() - began
        began = time.monotonic()
        self.daemon.restart()
        wait_until(lambda: self.large_status()["State"] == "Watching", short_or_long(60, 300), "the scan after the start")
        again = time.monotonic() - began
        self.assertEqual(files, self.large_status()["Receipts"])
        peak = next(line.split()[1] for line in pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text().splitlines()
                    if line.startswith("VmHWM"))
        print(f"{files} files: first look {first:.1f} s, restart to watching {again:.1f} s, peak memory after it "
              f"{int(peak) // 1024} MiB", flush=True)
        (large / "0/new").write_text("0/new")
        self.wait_tallied("0/new")
        self.assertEqual(["0/new"], [key for key, _ in self.tallied()])

    def large_status(self):
        return self.daemon.control("GET", "/_hearth/v1/buckets/large").json()["Status"]


@unittest.skipUnless(os.geteuid() == 0, "mounts want root")
class Mounts(PitfallTest):
    """The daemon lives in a mount namespace of its own, where a tmpfs comes and goes at the bucket's folder."""

    @classmethod
    def setUpClass(cls):
        wrapper = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"hearthd-{os.getpid()}"
        wrapper.write_text(f'#!/bin/sh\nexec unshare --mount --propagation private {built("hearthd")} "$@"\n')
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        cls.addClassCleanup(wrapper.unlink)
        cls.daemon = Daemon(executable=wrapper)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        cls.set_up_functions()

    def inside(self, *command):
        subprocess.run(["nsenter", "-t", str(self.daemon.process.pid), "-m", *map(str, command)], check=True, timeout=30)

    def mount(self, size="8m"):
        self.inside("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.drops)

    def drop(self, key):
        self.inside("sh", "-c", f"printf %s {key} > {self.drops}/{key}")

    def test_unmounted_and_mounted_again(self):
        # The function sees what its sandbox bound at its start: the tally is of removals and names, so the daemon alone counts.
        self.put_drops(Notifications=[])
        self.mount()
        wait_until(lambda: self.status()["State"] == "Watching", what="the watch")
        self.put_drops(Notifications=[{"FunctionName": "tally", "Events": ["s3:ObjectRemoved:*"]}])
        self.drop("a")
        wait_until(lambda: self.status()["Receipts"] == 1, 100, "the file on the mount to be known")
        self.inside("umount", self.drops)
        wait_until(lambda: "mount" in self.status()["LastError"], 30, "the missing mount to be noticed")
        self.assertEqual(1, self.status()["Receipts"], "an unmount deletes nothing")
        self.mount()
        self.drop("a")
        self.drop("b")
        wait_until(lambda: self.status()["Receipts"] == 2 and self.status()["State"] == "Watching", 30, "the mount to be watched again")
        self.assertEqual("", self.status()["LastError"])
        self.inside("umount", self.drops)

    def test_disk_full_under_a_put(self):
        self.put_drops(Http={"Read": True, "Write": True})
        self.mount(size="1m")
        answer = http_call(self.daemon.data_port, "PUT", "/_buckets/drops/large", b"x" * (2 << 20))
        self.assertEqual(507, answer.status, answer)
        self.inside("sh", "-c", f"test ! -e {self.drops}/large && test -z \"$(ls {self.drops}/.hearth-puts)\"")
        self.assertEqual(200, http_call(self.daemon.data_port, "PUT", "/_buckets/drops/small", b"x").status)
        self.inside("umount", self.drops)


@unittest.skipUnless(os.geteuid() == 0, "mounts want root")
class WithoutIdMap(Mounts):
    """A file system that takes no ID map: the function has a uid of its own, and the folder another owner."""

    test_unmounted_and_mounted_again = None
    test_disk_full_under_a_put = None

    def test_a_bucket_that_the_function_cannot_read_is_warned_of(self):
        private = self.daemon.folder / "private"
        private.mkdir()
        self.inside("mount", "-t", "ramfs", "-o", "mode=0700", "ramfs", private)
        self.addCleanup(self.inside, "umount", "-l", private)
        self.daemon.put_bucket("private", private)
        deploy = self.daemon.hearth("deploy", handler_path("opener"), "--name", "opener", "--bucket", "private")
        self.assertEqual(0, deploy.returncode, deploy.stderr)
        described = self.daemon.hearth("describe", "opener").stdout
        for told in (deploy.stderr, described):
            self.assertIn("cannot read /mnt/buckets/private (Permission denied)", told)
            self.assertIn(f"the file system of {private} takes no ID map", told)
        # Its objects can be read all the same.
        self.daemon.put_bucket("private", private, {"FunctionName": "opener"})
        self.inside("sh", "-c", f"umask 077; printf secret > {private}/a")
        wait_until(lambda: '"content":"secret"' in self.daemon.hearth("logs", "opener").stdout, what="the object to be read")
        # Given to others, the folder can be read; its files not all.
        self.inside("chmod", "755", private)
        again = self.daemon.hearth("deploy", handler_path("opener"), "--name", "opener", "--timeout", "7")
        self.assertIn("not as their owner", again.stderr)
        self.assertNotIn("cannot read", self.daemon.hearth("describe", "opener").stdout)
        # Without the bucket there is nothing to warn of.
        self.daemon.hearth("deploy", handler_path("opener"), "--name", "opener", "--bucket", "private:off")
        self.assertNotIn("warning", self.daemon.hearth("describe", "opener").stdout)


@unittest.skipUnless(os.geteuid() == 0, "needs root, to be another user")
class Permissions(PitfallTest):
    """The daemon is an ordinary user; the folder's owner takes its right to read away and gives it back."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(uid=12345)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.folder.chmod(0o755)
        cls.daemon.start()
        cls.set_up_functions()

    def test_lost_and_given_back(self):
        secret = self.drops / "secret"
        secret.mkdir(mode=0o755)
        (secret / "before").write_text("secret/before")
        self.wait_tallied("secret/before")
        secret.chmod(0o700)  # it is root's
        (secret / "meanwhile").write_text("secret/meanwhile")
        self.daemon.control("POST", "/_hearth/v1/buckets/drops/replay", {"DryRun": True})  # looks at everything
        self.assertIn("secret", self.status()["LastError"])
        self.assertIn("secret/before", {key for key, _ in self.tallied()})
        secret.chmod(0o755)
        self.daemon.control("POST", "/_hearth/v1/buckets/drops/replay", {"DryRun": True})
        self.wait_tallied("secret/meanwhile")
        self.assertEqual("", self.status()["LastError"])
        self.assertEqual(1, [key for key, _ in self.tallied()].count("secret/before"), "its receipt was kept")


if __name__ == "__main__":
    unittest.main()
