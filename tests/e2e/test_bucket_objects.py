"""The object of an event as the handler finds it: open, read-only, right or not at all; and circles of functions."""
import errno
import json
import os
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until
from test_unprivileged import NOBODY, OrdinaryUser as OrdinaryUserDaemon


class Opened:
    """What `opener` logged, of one daemon."""

    def __init__(self, daemon):
        self.daemon = daemon

    def all(self):
        return [json.loads(line) for line in self.daemon.logs("opener").splitlines() if line.startswith('{"attacks"')]

    def of(self, key):
        return [opened for opened in self.all() if opened["key"] == key]

    def wait(self, key, count=1):
        wait_until(lambda: len(self.of(key)) >= count, what=f"{count} invocations for {key}")
        return self.of(key)


def identity(path):
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mode, now.st_uid, now.st_mtime_ns, now.st_ctime_ns, now.st_nlink


class Objects(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.drops = cls.daemon.folder / "drops"
        cls.drops.mkdir(mode=0o700)
        cls.daemon.create_function("opener", handler_path("opener"), timeout=5)  # no bucket mounted
        cls.daemon.put_bucket("drops", cls.drops, {"FunctionName": "opener"})
        cls.opened = Opened(cls.daemon)

    def drop(self, key, text, mode=0o600):
        path = self.drops / key
        path.parent.mkdir(parents=True, exist_ok=True)
        half = self.daemon.folder / key.replace("/", "_")
        half.write_text(text)
        half.chmod(mode)
        os.rename(half, path)
        return path

    def status(self):
        return self.daemon.control("GET", "/_hearth/v1/buckets/drops").json()["Status"]

    def test_file_that_only_its_owner_may_read_is_read_without_a_mount(self):
        self.drop("deep/private.txt", "secret")
        opened = self.opened.wait("deep/private.txt")[0]
        self.assertEqual(("secret", 1, 0), (opened["content"], opened["attempt"], opened["hops"]))

    def test_nothing_but_reading_works(self):
        path = self.drop("attacked.txt", "as it was", 0o666)
        before = identity(path)
        attacks = self.opened.wait("attacked.txt")[0]["attacks"]
        self.assertEqual({}, {what: number for what, number in attacks.items() if number == 0}, "worked")
        self.assertEqual((before, "as it was"), (identity(path), path.read_text()))

    def test_retry_has_it_afresh_from_its_beginning(self):
        self.drop("fail-once.txt", "twice the same")
        first, second = self.opened.wait("fail-once.txt", 2)
        self.assertEqual([("twice the same", 1), ("twice the same", 2)],
                         [(opened["content"], opened["attempt"]) for opened in (first, second)])

    def test_file_replaced_before_the_retry_is_a_new_event_and_the_old_content_is_not_run(self):
        self.drop("fail-once-replaced.txt", "old")
        self.opened.wait("fail-once-replaced.txt")
        self.drop("fail-once-replaced.txt", "new")
        wait_until(lambda: any(o["content"] == "new" and o["attempt"] == 2 for o in self.opened.of("fail-once-replaced.txt")),
                   what="both attempts with the new content")
        self.assertEqual([("old", 1), ("new", 1), ("new", 2)],
                         [(o["content"], o["attempt"]) for o in self.opened.of("fail-once-replaced.txt")])

    def test_descriptor_is_closed_whether_the_handler_does_or_not(self):
        # The numbers would grow: 128 descriptors and more are a handler's limit.
        for n in range(200):
            self.drop(f"{'close' if n % 2 else 'leave'}-{n}.txt", str(n))
        wait_until(lambda: len([o for o in self.opened.all() if o["key"].startswith(("close-", "leave-"))]) == 200,
                   what="200 invocations")
        self.assertLessEqual(max(o["fd"] for o in self.opened.all()), 16)
        self.assertEqual(0, self.status()["Failed"])

    def test_daemon_keeps_no_file_open(self):
        path = self.drop("kept.txt", "x")
        self.opened.wait("kept.txt")
        wait_until(lambda: self.status()["UnderWay"] == 0, what="nothing under way")
        held = [os.readlink(f"/proc/{self.daemon.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{self.daemon.process.pid}/fd")
                if os.path.lexists(f"/proc/{self.daemon.process.pid}/fd/{fd}")]
        self.assertFalse([link for link in held if link.endswith(path.name)], held)


class ObjectsOfAnOrdinaryUser(OrdinaryUserDaemon):
    """The worker is of the same user as the file, which could change mode and times through a descriptor for reading."""

    def test_owner_gets_no_further_than_reading(self):
        daemon = self.daemon().start()
        daemon.create_function("opener", handler_path("opener"))
        drops = daemon.folder / "drops"
        drops.mkdir()
        os.chown(drops, NOBODY, NOBODY)
        daemon.put_bucket("drops", drops, {"FunctionName": "opener"})
        half = daemon.folder / "half"
        half.write_text("mine")
        half.chmod(0o600)
        os.chown(half, NOBODY, NOBODY)
        os.rename(half, drops / "own.txt")
        before = identity(drops / "own.txt")
        opened = Opened(daemon).wait("own.txt")[0]
        self.assertEqual("mine", opened["content"])
        self.assertEqual({}, {what: number for what, number in opened["attacks"].items() if number == 0}, "worked")
        self.assertEqual(errno.EPERM, opened["attacks"]["fchmod"])
        self.assertEqual(before, identity(drops / "own.txt"))
        daemon.stop()

    # Those of the base run where they stand.
    test_functions_run_confined_and_crash_alone = None
    test_files_of_a_bucket_are_seen = None
    test_more_isolation_than_there_is_is_refused_with_the_reason = None


class Touched(DaemonTest):
    """ContentHash: the same bytes are not run again, whatever happened to the file."""

    def test_file_that_is_only_touched_runs_once_also_over_a_restart(self):
        drops = self.daemon.folder / "hashed"
        drops.mkdir()
        self.daemon.put_bucket("hashed", drops)
        self.daemon.create_function("opener", handler_path("opener"))
        self.assertEqual(0, self.daemon.hearth("bucket", "add", "hashed", "--content-hash", "on", "--notify", "opener").returncode)
        path = drops / "report.txt"
        path.write_text("the same")
        status = lambda: self.daemon.control("GET", "/_hearth/v1/buckets/hashed").json()["Status"]  # noqa: E731
        wait_until(lambda: status()["Receipts"] == 1 and status()["UnderWay"] == 0, what="the receipt")
        path.write_text("the same")
        wait_until(lambda: status()["Unchanged"] == 1, what="the second look")
        self.assertEqual(["the same"], [o["content"] for o in Opened(self.daemon).of("report.txt")])
        self.daemon.restart()
        path.chmod(0o600)
        os.utime(path)
        path.write_text("the same")
        wait_until(lambda: status()["Unchanged"] >= 1, what="the look after the restart")
        path.write_text("not same")
        opened = Opened(self.daemon)
        wait_until(lambda: "not same" in [o["content"] for o in opened.of("report.txt")], what="the new content")
        # The log is that of both lives.
        self.assertEqual(["the same", "not same"], [o["content"] for o in opened.of("report.txt")])


class Circles(DaemonTest):
    """Functions that start each other by what they write, with the loop acknowledged."""

    def bucket(self, name):
        folder = self.daemon.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        self.daemon.put_bucket(name, folder)
        return folder

    def bouncer(self, function, bucket, output, **env):
        """Reads from one bucket's events, writes to the other."""
        self.daemon.create_function(function, handler_path("bouncer"), timeout=5, env={"OUTPUT_BUCKET": output, **env},
                                    hearth={"Buckets": [{"Bucket": output, "Writable": True}]})
        self.daemon.put_bucket(bucket, self.daemon.folder / bucket, {"FunctionName": function, "AcknowledgeLoop": True})

    def status(self, bucket):
        return self.daemon.control("GET", f"/_hearth/v1/buckets/{bucket}").json()["Status"]

    def test_circle_of_two_functions_ends_at_the_limit_and_says_so(self):
        left, right = self.bucket("left"), self.bucket("right")
        self.bouncer("ping", "left", "right")
        self.bouncer("pong", "right", "left")
        (left / "0-ball").write_text("o")
        failed = wait_until(lambda: self.status("left")["FailedObjects"], what="the end of the circle")
        self.assertEqual("16-ball", failed[0]["Key"])
        self.assertIn("Hearth.HopLimit: 16 functions", failed[0]["Error"])
        self.assertIn("replay", failed[0]["Error"])
        self.assertEqual((8, 8), (self.status("left")["Succeeded"], self.status("right")["Succeeded"]))
        self.assertFalse((right / "17-ball").exists())

    def test_what_comes_from_outside_while_a_circle_turns_is_at_its_beginning(self):
        inbox = self.bucket("inbox")
        (inbox / "done").mkdir()  # the first file of a new folder is found by a scan, which does not see where it is from
        (inbox / "done").chmod(0o777)
        self.bouncer("sort", "inbox", "inbox", OUTPUT_FOLDER="done")
        for n in range(10):
            (inbox / f"0-in{n}").write_text("x")
        wait_until(lambda: self.status("inbox")["Failed"] == 10, what="each circle to end")
        self.assertEqual(10 * 16, self.status("inbox")["Succeeded"])
        log = self.daemon.logs("sort")
        for n in range(10):
            self.assertIn(f"bounced 0-in{n} at hop 0\n", log)
            self.assertIn(f"bounced done/15-in{n} at hop 15\n", log)


if __name__ == "__main__":
    unittest.main()
