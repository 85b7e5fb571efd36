"""The example that grew up: several sizes of each picture, and a page that shows them."""
import os
import sys
import unittest
import zlib

from hearth_e2e import DaemonTest, ROOT, handler_path, http_call, wait_until

sys.path.insert(0, str(ROOT / "examples/demo"))
import pictures  # noqa: E402 - the demo paints its own


class ImageExample(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.photos, cls.thumbs = cls.daemon.folder / "photos", cls.daemon.folder / "thumbs"
        cls.photos.mkdir(mode=0o700)  # nobody but us may look; the handler gets its pictures open
        cls.thumbs.mkdir()
        cls.thumbs.chmod(0o777)
        cls.daemon.put_bucket("thumbs", cls.thumbs)
        cls.daemon.create_function("image_resize", handler_path("image_resize"), timeout=30, memory=512,
                                   env={"OUTPUT_BUCKET": "thumbs", "SIZES": "32,96"},
                                   hearth={"Buckets": [{"Bucket": "thumbs", "Writable": True}]})
        cls.daemon.create_function("contact_sheet", handler_path("contact_sheet"), timeout=10, env={"BUCKET": "thumbs"},
                                   hearth={"Buckets": [{"Bucket": "thumbs"}]})
        cls.daemon.create_url("contact_sheet")
        cls.daemon.put_bucket("photos", cls.photos, {"FunctionName": "image_resize"})
        cls.painting = pictures.png_of(pictures.WIDTH, pictures.HEIGHT, pictures.landscape())

    def drop(self, key, content):
        half = self.daemon.folder / "half"
        half.write_bytes(content)
        half.chmod(0o600)
        (self.photos / key).parent.mkdir(parents=True, exist_ok=True)
        os.rename(half, self.photos / key)

    def sheet(self, query=""):
        return http_call(self.daemon.data_port, "GET", f"/_url/contact_sheet/{query}")

    def failed(self):
        status = self.daemon.control("GET", "/_hearth/v1/buckets/photos").json()["Status"]
        return {one["Key"]: one["Error"] for one in status["FailedObjects"]}

    def test_sizes_of_a_picture_are_on_the_page(self):
        self.drop("2026/my lake.png", self.painting)
        wait_until((self.thumbs / "32/2026/my lake.jpg").exists, what="the smallest thumbnail, which is made last")
        self.assertTrue((self.thumbs / "96/2026/my lake.jpg").read_bytes().startswith(b"\xff\xd8\xff"))
        self.assertEqual(self.painting, (self.photos / "2026/my lake.png").read_bytes(), "the original is as it was")
        page = self.sheet()
        self.assertEqual((200, "text/html; charset=utf-8"), (page.status, page.headers["content-type"]), page)
        self.assertIn(b'src="?picture=96/2026/my%20lake.jpg"', page.body)
        picture = self.sheet("?picture=96/2026/my%20lake.jpg")
        self.assertEqual((200, "image/jpeg"), (picture.status, picture.headers["content-type"]))
        self.assertEqual((self.thumbs / "96/2026/my lake.jpg").read_bytes(), picture.body)
        self.assertEqual(404, self.sheet("?picture=../photos/2026/my%20lake.png").status)

    def test_what_is_no_picture_is_told_with_its_name_and_leaves_nothing(self):
        self.drop("page.jpg", b"<script>alert(1)</script>")
        # A PNG's header that promises 60,000 x 60,000 pixels; its checksum is right.
        self.drop("bomb.png", bytes.fromhex("89504e470d0a1a0a0000000d494844520000ea600000ea600802000000") + self.bomb_crc())
        failed = wait_until(lambda: self.failed() if len(self.failed()) == 2 else None, 60, "both to fail for good")
        self.assertIn("UnsupportedImage", failed["page.jpg"])
        self.assertRegex(failed["bomb.png"], "ImageTooLarge: 60000x60000 pixels; at most 100000000 are unpacked|BadImage")
        self.assertEqual([], [path.name for path in self.thumbs.rglob("*") if path.stem in ("page", "bomb")])

    @staticmethod
    def bomb_crc():
        return zlib.crc32(bytes.fromhex("494844520000ea600000ea600802000000")).to_bytes(4, "big")


if __name__ == "__main__":
    unittest.main()
