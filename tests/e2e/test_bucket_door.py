"""Buckets over plain HTTP: what a client gets, and what lands in the folder."""
import os
import socket
import subprocess
import unittest

from hearth_e2e import DaemonTest, handler_path, http_call, raw_call, wait_until
from records import Records

TOKEN = "a token of many characters"


class BucketDoor(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.records = Records(cls.daemon)
        cls.drops = cls.daemon.folder / "drops"
        cls.drops.mkdir()
        os.chown(cls.drops, 1234, 1234)
        cls.put_document("drops", Path=str(cls.drops), Http={"Read": True, "Write": True, "PutBytesMax": 1 << 20})
        cls.daemon.create_function("recorder", handler_path("recorder"), timeout=5,
                                   hearth=cls.records.mount({"Bucket": "drops", "Writable": False}))
        cls.put_document("drops", Path=str(cls.drops), Http={"Read": True, "Write": True, "PutBytesMax": 1 << 20},
                         Notifications=[{"FunctionName": "recorder", "Suffix": ".txt"}])

    @classmethod
    def put_document(cls, name, **document):
        answer = cls.daemon.control("PUT", f"/_hearth/v1/buckets/{name}", document)
        assert answer.status == 200, answer
        return answer.json()

    def ask(self, method, path, body=None, headers=None):
        return http_call(self.daemon.data_port, method, "/_buckets/" + path, body, headers)

    def keys_recorded(self):
        return [key for record in self.records.read() for key in record["objects"]]

    def test_put_is_one_event_and_belongs_to_the_folders_owner(self):
        answer = self.ask("PUT", "drops/a/b%20c.txt", "hello")
        self.assertEqual(200, answer.status, answer)
        path = self.drops / "a/b c.txt"
        self.assertEqual("hello", path.read_text())
        if os.geteuid() == 0:
            self.assertEqual((1234, 1234), (path.stat().st_uid, path.parent.stat().st_uid))
        wait_until(lambda: "a/b c.txt" in self.keys_recorded(), what="event of the put")
        self.daemon.control("POST", "/_hearth/v1/buckets/drops/replay", {"DryRun": True})
        self.assertEqual(1, self.keys_recorded().count("a/b c.txt"))
        self.assertEqual(answer.headers["etag"], self.ask("HEAD", "drops/a/b%20c.txt").headers["etag"])

    def test_curl_uploads_by_length_and_by_chunks_and_reads_back(self):
        large = os.urandom(1 << 20)
        file = self.daemon.folder / "large.bin"
        file.write_bytes(large)
        url = f"http://127.0.0.1:{self.daemon.data_port}/_buckets/drops/"
        for name, source in (("by-length", [str(file)]), ("by-chunks", ["-"])):
            subprocess.run(["curl", "-sSf", "-T", *source, url + name], check=True, input=large, timeout=30)
            got = subprocess.run(["curl", "-sSf", url + name], check=True, capture_output=True, timeout=30).stdout
            self.assertEqual(large, got)

    def test_size_at_the_limit_and_one_past_it(self):
        self.assertEqual(200, self.ask("PUT", "drops/at", b"x" * (1 << 20)).status)
        self.assertEqual(413, self.ask("PUT", "drops/over", b"x" * ((1 << 20) + 1)).status)
        chunked = b"PUT /_buckets/drops/over HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" + b"x" * 0x100001
        self.assertTrue(raw_call(self.daemon.data_port, chunked + b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 413"))
        self.assertFalse((self.drops / "over").exists())
        wait_until(lambda: not list((self.drops / ".hearth-puts").iterdir()), what="what was refused is gone")

    def test_a_body_that_breaks_off_leaves_nothing(self):
        with socket.create_connection(("127.0.0.1", self.daemon.data_port)) as peer:
            peer.sendall(b"PUT /_buckets/drops/half.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf")
            wait_until(lambda: list((self.drops / ".hearth-puts").glob("*")), what="the body's file")
        wait_until(lambda: not list((self.drops / ".hearth-puts").glob("*")), what="the body's file to go")
        self.assertFalse((self.drops / "half.txt").exists())

    def test_ranges(self):
        self.ask("PUT", "drops/digits", "0123456789")
        for asked, status, body in (("bytes=2-4", 206, b"234"), ("bytes=7-", 206, b"789"), ("bytes=-3", 206, b"789"),
                                    ("bytes=0-99", 206, b"0123456789"), ("bytes=9-9", 206, b"9"), ("bytes=4-2", 200, b"0123456789"),
                                    ("bytes=0-1,3-4", 200, b"0123456789"), ("lines=1-2", 200, b"0123456789")):
            answer = self.ask("GET", "drops/digits", headers={"Range": asked})
            self.assertEqual((status, body), (answer.status, answer.body), asked)
        self.assertEqual("bytes 2-4/10", self.ask("GET", "drops/digits", headers={"Range": "bytes=2-4"}).headers["content-range"])
        for asked in ("bytes=10-", "bytes=-0"):
            answer = self.ask("GET", "drops/digits", headers={"Range": asked})
            self.assertEqual((416, "bytes */10"), (answer.status, answer.headers["content-range"]), asked)

    def test_conditions(self):
        first = self.ask("PUT", "drops/c", "1", {"If-None-Match": "*"})
        self.assertEqual(200, first.status)
        etag = first.headers["etag"]
        self.assertEqual(412, self.ask("PUT", "drops/c", "2", {"If-None-Match": "*"}).status)
        self.assertEqual(412, self.ask("PUT", "drops/c", "2", {"If-Match": '"other"'}).status)
        self.assertEqual("1", (self.drops / "c").read_text())
        self.assertEqual(304, self.ask("GET", "drops/c", headers={"If-None-Match": etag}).status)
        self.assertEqual(412, self.ask("GET", "drops/c", headers={"If-Match": '"other"'}).status)
        self.assertEqual(200, self.ask("PUT", "drops/c", "2", {"If-Match": etag}).status)
        self.assertEqual(412, self.ask("DELETE", "drops/c", headers={"If-Match": etag}).status)
        self.assertEqual(204, self.ask("DELETE", "drops/c").status)
        self.assertEqual(204, self.ask("DELETE", "drops/c").status, "gone already")
        self.assertEqual(404, self.ask("GET", "drops/c").status)

    def test_list_in_pages(self):
        for key in ("list/b", "list/a", "list/c/d", "list/e%20f"):
            self.ask("PUT", f"drops/{key}", "x")
        page = self.ask("GET", "drops?prefix=list/&max-keys=3").json()
        self.assertEqual(["list/a", "list/b", "list/c/d"], [one["Key"] for one in page["Contents"]])
        self.assertTrue(page["IsTruncated"])
        rest = self.ask("GET", f"drops?prefix=list/&start-after={page['NextStartAfter']}").json()
        self.assertEqual((["list/e f"], False), ([one["Key"] for one in rest["Contents"]], rest["IsTruncated"]))
        self.assertEqual(400, self.ask("GET", "drops?max-keys=1001").status)

    def test_keys_that_lead_elsewhere_are_refused(self):
        (self.drops / "out").symlink_to(self.daemon.folder)
        for key in ("..%2Fx", "a/../../x", "a//b", "./x", "%2Fetc/passwd", ".hidden", "x.part", "k" * 256, "a%00b"):
            self.assertEqual(400, self.ask("PUT", f"drops/{key}", "x").status, key)
        self.assertNotEqual(200, self.ask("PUT", "drops/out/x", "x").status)
        self.assertEqual(404, self.ask("GET", "drops/out/stderr").status)
        self.assertFalse((self.daemon.folder / "x").exists())

    def test_command_line_puts_lists_and_gets(self):
        made = self.daemon.hearth("bucket", "add", "mine", "--http", "read,write", "--bucket-token", TOKEN)
        self.assertEqual(0, made.returncode, made.stderr)
        note = self.daemon.folder / "note.txt"
        note.write_text("some words")
        env = {"HEARTH_BUCKET_TOKEN": TOKEN}
        put = self.daemon.hearth("bucket", "put", "mine", note, "a/b c.txt", env=env)
        self.assertEqual((0, "put 10 bytes as a/b c.txt\n"), (put.returncode, put.stdout), put.stderr)
        self.assertIn("a/b c.txt", self.daemon.hearth("bucket", "objects", "mine", "a/", env=env).stdout)
        self.assertEqual("some words", self.daemon.hearth("bucket", "get", "mine", "a/b c.txt", env=env).stdout)
        self.assertNotEqual(0, self.daemon.hearth("bucket", "get", "mine", "a/b c.txt").returncode, "without the token")

    def test_closed_unless_the_bucket_says_so(self):
        shut = self.daemon.folder / "shut"
        shut.mkdir()
        (shut / "secret").write_text("s")
        self.put_document("shut", Path=str(shut))
        self.assertEqual(404, self.ask("GET", "shut/secret").status)
        self.put_document("shut", Path=str(shut), Http={"Read": True})
        self.assertEqual(b"s", self.ask("GET", "shut/secret").body)
        self.assertEqual(405, self.ask("PUT", "shut/new", "x").status)
        self.put_document("shut", Path=str(shut), Http={"Read": True, "Write": True, "Token": TOKEN})
        self.assertEqual(401, self.ask("GET", "shut/secret").status)
        self.assertEqual(401, self.ask("PUT", "shut/new", "x", {"Authorization": "Bearer wrong"}).status)
        self.assertEqual(200, self.ask("PUT", "shut/new", "x", {"Authorization": f"Bearer {TOKEN}"}).status)
        kept = self.daemon.control("GET", "/_hearth/v1/buckets/shut").json()
        self.assertNotIn(TOKEN, str(kept))
        self.assertEqual(200, self.daemon.control("PUT", "/_hearth/v1/buckets/shut", kept).status)
        self.assertEqual(401, self.ask("GET", "shut/secret").status, "what was read may be put back, with its token")


if __name__ == "__main__":
    unittest.main()
