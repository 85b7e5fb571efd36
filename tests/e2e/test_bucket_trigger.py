"""Files dropped in a bucket's directory: which become events, when, and what the handler can read."""
import json
import os
import sys
import unittest
import urllib.parse

from hearth_e2e import DaemonTest, ROOT, Report, handler_path, wait_until
from records import Records

sys.path.insert(0, str(ROOT / "examples/demo"))
import pictures  # noqa: E402 - the demo paints its own


class BucketTrigger(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.records = Records(cls.daemon)
        cls.drops = cls.daemon.folder / "drops"
        cls.drops.mkdir()
        cls.before = cls.drops / "there-before.txt"
        cls.before.write_text("written before anything watched")
        cls.daemon.put_bucket("drops", cls.drops)
        cls.daemon.create_function("recorder", handler_path("recorder"), timeout=5,
                                   hearth=cls.records.mount({"Bucket": "drops", "Writable": False}))
        cls.daemon.put_bucket("drops", cls.drops, {"FunctionName": "recorder", "Suffix": ".txt"})

    def records_of(self, key):
        """S3 records for that object, in all events so far, with its content as the handler read it."""
        return [(record["event"]["Records"][0], record["objects"].get(key)) for record in self.records.read()
                if key in record["objects"]]

    def wait_record(self, key):
        wait_until(lambda: self.records_of(key), what=f"event of {key}")
        return self.records_of(key)[0]

    def test_closed_file_becomes_an_object_created_event(self):
        (self.drops / "note.txt").write_text("seven words written into a small file")
        event, content = self.wait_record("note.txt")
        self.assertEqual("seven words written into a small file", content)
        self.assertEqual(("aws:s3", "ObjectCreated:Put"), (event["eventSource"], event["eventName"]))
        self.assertEqual("drops", event["s3"]["bucket"]["name"])
        self.assertEqual(len(content), event["s3"]["object"]["size"])

    def test_file_renamed_in_is_seen(self):
        outside = self.daemon.folder / "half.part"
        outside.write_text("whole")
        os.rename(outside, self.drops / "renamed.txt")
        self.assertEqual("whole", self.wait_record("renamed.txt")[1])

    def test_file_from_before_the_daemon_watched_is_not_missed(self):
        self.assertEqual(self.before.read_text(), self.wait_record("there-before.txt")[1])

    def test_name_is_percent_encoded_in_the_event(self):
        (self.drops / "my cat é+1.txt").write_text("meow")
        event, _ = self.wait_record("my cat é+1.txt")
        self.assertEqual("my cat é+1.txt", urllib.parse.unquote_plus(event["s3"]["object"]["key"]))

    def test_file_in_a_new_folder_is_seen(self):
        (self.drops / "2026/11").mkdir(parents=True)
        (self.drops / "2026/11/deep.txt").write_text("deep")
        self.assertEqual("deep", self.wait_record("2026/11/deep.txt")[1])

    def test_suffix_filter_holds_back_the_rest(self):
        (self.drops / "picture.png").write_text("no")
        (self.drops / "after-picture.txt").write_text("yes")
        self.wait_record("after-picture.txt")
        self.assertEqual([], self.records_of("picture.png"))

    def test_temporary_names_are_no_events_until_they_have_their_own(self):
        (self.drops / ".hidden.txt").write_text("no")
        (self.drops / "download.txt.part").write_text("complete")
        os.rename(self.drops / "download.txt.part", self.drops / "download.txt")
        self.assertEqual("complete", self.wait_record("download.txt")[1])
        self.assertEqual([], self.records_of(".hidden.txt") + self.records_of("download.txt.part"))

    def test_open_file_is_no_event_until_it_is_closed(self):
        with open(self.drops / "slow.txt", "w", encoding="utf-8") as slow:
            slow.write("half")
            slow.flush()
            (self.drops / "meanwhile.txt").write_text("done")
            self.wait_record("meanwhile.txt")
            self.assertEqual([], self.records_of("slow.txt"))
            slow.write(" and half")
        self.assertEqual("half and half", self.wait_record("slow.txt")[1])

    def test_each_file_is_one_event(self):
        for n in range(20):
            (self.drops / f"many-{n}.txt").write_text(str(n))
        for n in range(20):
            self.wait_record(f"many-{n}.txt")
        self.assertEqual([1] * 20, [len(self.records_of(f"many-{n}.txt")) for n in range(20)])


class Thumbnails(DaemonTest):
    """The main job: a picture dropped in becomes a thumbnail in another bucket."""

    @classmethod
    def set_up_functions(cls):
        cls.photos, cls.thumbnails = cls.daemon.folder / "photos", cls.daemon.folder / "thumbnails"
        for folder, mode in ((cls.photos, 0o755), (cls.thumbnails, 0o777)):
            folder.mkdir()
            folder.chmod(mode)
            cls.daemon.put_bucket(folder.name, folder)
        cls.daemon.create_function("image_resize", handler_path("image_resize"), timeout=30, memory=512,
                                   env={"OUTPUT_BUCKET": "thumbnails", "LONG_EDGE": "64"},
                                   hearth={"Buckets": [{"Bucket": "photos"}, {"Bucket": "thumbnails", "Writable": True}]})
        cls.daemon.put_bucket("photos", cls.photos, {"FunctionName": "image_resize"})
        cls.painting = pictures.png_of(pictures.WIDTH, pictures.HEIGHT, pictures.landscape())

    def log_with(self, words):
        log = self.daemon.logs("image_resize")
        return log if words in log else None

    def thumbnail_of(self, name):
        path = self.thumbnails / name
        wait_until(path.exists, what=f"thumbnail {name}")
        return path.read_bytes()

    def test_picture_becomes_a_thumbnail(self):
        (self.photos / "lake.png").write_bytes(self.painting)
        jpeg = self.thumbnail_of("lake.jpg")
        self.assertTrue(jpeg.startswith(b"\xff\xd8\xff"), jpeg[:16])
        self.assertTrue(jpeg.endswith(b"\xff\xd9"), "it is there whole")
        log = wait_until(lambda: self.log_with("REPORT RequestId: "), what="REPORT line in the log")
        report = Report(log)
        self.assertTrue(report.billed_as_printed(), vars(report))

    def test_broken_picture_is_a_function_error_and_the_next_is_fine(self):
        (self.photos / "broken.png").write_bytes(self.painting[:400])
        (self.photos / "whole.png").write_bytes(self.painting)
        self.thumbnail_of("whole.jpg")
        self.assertFalse((self.thumbnails / "broken.jpg").exists())


class Failures(DaemonTest):
    """What fails for good is told to a queue, before its receipt."""

    @classmethod
    def set_up_functions(cls):
        cls.drops = cls.daemon.folder / "drops"
        cls.drops.mkdir()
        cls.daemon.create_function("failing", handler_path("victim"), env={"DO": "throw"})

    def told_of(self, queue):
        received = self.daemon.sqs("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]

    def test_queue_gets_the_event_and_the_error(self):
        queue = self.daemon.create_queue("failed")
        done = self.daemon.hearth("bucket", "add", "drops", self.drops, "--notify", "failing", "--retries", "0", "--on-failure", "queue:failed")
        self.assertEqual(0, done.returncode, done.stderr)
        (self.drops / "bad file.txt").write_text("x")
        told = wait_until(lambda: self.told_of(queue), what="word of the failed object")
        self.assertEqual(1, len(told))
        self.assertEqual("bad+file.txt", told[0]["requestPayload"]["Records"][0]["s3"]["object"]["key"])
        self.assertEqual("RetriesExhausted", told[0]["requestContext"]["condition"])
        self.assertTrue(told[0]["requestContext"]["functionArn"].endswith(":function:failing"))
        self.assertTrue(told[0]["responsePayload"]["errorType"])
        status = wait_until(lambda: (s := self.daemon.control("GET", "/_hearth/v1/buckets/drops").json()["Status"])["Failed"] and s,
                            what="the receipt")
        self.assertEqual(1, len(status["FailedObjects"]))

    def test_destination_that_is_not_there_is_refused(self):
        for where, word in (("queue:nowhere", "nowhere"), ("arn:aws:sns:us-east-1:000000000000:topic", "sns"), ("elsewhere", "neither")):
            done = self.daemon.hearth("bucket", "add", "others", "--notify", "failing", "--on-failure", where)
            self.assertNotEqual(0, done.returncode)
            self.assertIn(word, done.stderr)
        self.assertEqual(404, self.daemon.control("GET", "/_hearth/v1/buckets/others").status)


class FilesWhileTheDaemonIsAway(DaemonTest):
    def test_file_dropped_meanwhile_is_handled_at_the_next_start_and_old_ones_are_not_again(self):
        records = Records(self.daemon)
        drops = self.daemon.folder / "drops"
        drops.mkdir()
        self.daemon.put_bucket("drops", drops)
        self.daemon.create_function("recorder", handler_path("recorder"), timeout=5,
                                    hearth=records.mount({"Bucket": "drops", "Writable": False}))
        self.daemon.put_bucket("drops", drops, {"FunctionName": "recorder"})
        (drops / "first").write_text("1")
        wait_until(lambda: len(records.read()) == 1, what="event of the first file")
        self.daemon.stop()
        (drops / "second").write_text("2")
        self.daemon.start()
        wait_until(lambda: any("second" in record["objects"] for record in records.read()), what="event of the second file")
        self.assertEqual([["first"], ["second"]], sorted(list(record["objects"]) for record in records.read()))


if __name__ == "__main__":
    unittest.main()
