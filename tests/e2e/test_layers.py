"""Layers: published once, seen at /opt in their order, there as long as a function has them; and what is refused."""
import base64
import errno
import io
import shutil
import unittest
import urllib.parse
import zipfile

from hearth_e2e import ACCOUNT, BUILD, REGION, DaemonTest, handler_path, wait_until, zip_of

PATH = "/2018-10-31/layers"


def arn_of(name, version, region=REGION, account=ACCOUNT):
    return f"arn:aws:lambda:{region}:{account}:layer:{name}:{version}"


def shelf(number):
    """libshelf.so, whose function answers with that number."""
    return (BUILD / f"shelf/{number}/libshelf.so").read_bytes()


class Layers(DaemonTest):
    def publish(self, name, content, **fields):
        zip_file = content if isinstance(content, bytes) else zip_of(**content)
        return self.daemon.control("POST", f"{PATH}/{name}/versions", {
            "Content": {"ZipFile": base64.b64encode(zip_file).decode()}, **fields})

    def published(self, name, content, **fields):
        answer = self.publish(name, content, **fields)
        self.assertEqual(201, answer.status, answer)
        return answer.json()["LayerVersionArn"]

    def reader(self, name, *layers, **fields):
        self.daemon.create_function(name, handler_path("reader"), Layers=list(layers), **fields)

    def see(self, name, path, **order):
        answer = self.daemon.invoke(name, {"path": path, **order}, log_tail=False)
        self.assertEqual((200, None), (answer.status, answer.function_error), answer)
        return answer.json()

    def folders(self):
        return {path.name for path in (self.daemon.data_dir / "code").iterdir()}

    def test_published_listed_described_removed(self):
        first = self.publish("pens", {"a": "1"}, Description="d", LicenseInfo="MIT", CompatibleRuntimes=["provided.al2023"],
                             CompatibleArchitectures=["x86_64"])
        self.assertEqual(201, first.status, first)
        made = first.json()
        self.assertEqual((arn_of("pens", 1), arn_of("pens", 1).rpartition(":")[0], 1, "d", "MIT", ["provided.al2023"]),
                         (made["LayerVersionArn"], made["LayerArn"], made["Version"], made["Description"], made["LicenseInfo"],
                          made["CompatibleRuntimes"]))
        self.assertEqual(44, len(made["Content"]["CodeSha256"]))
        self.assertEqual(arn_of("pens", 2), self.published("pens", {"a": "2"}))
        versions = self.daemon.control("GET", f"{PATH}/pens/versions").json()["LayerVersions"]
        self.assertEqual([2, 1], [version["Version"] for version in versions])
        [newest] = [layer for layer in self.daemon.control("GET", PATH).json()["Layers"] if layer["LayerName"] == "pens"]
        self.assertEqual(2, newest["LatestMatchingVersion"]["Version"])
        suited = self.daemon.control("GET", f"{PATH}?CompatibleRuntime=provided.al2023").json()["Layers"]
        self.assertEqual([1], [layer["LatestMatchingVersion"]["Version"] for layer in suited if layer["LayerName"] == "pens"])
        got = self.daemon.control("GET", f"{PATH}/pens/versions/1")
        self.assertEqual(made, got.json())
        by_arn = self.daemon.control("GET", f"{PATH}?find=LayerVersion&Arn={urllib.parse.quote(arn_of('pens', 1))}")
        self.assertEqual(made, by_arn.json())
        self.assertEqual(204, self.daemon.control("DELETE", f"{PATH}/pens/versions/2").status)
        self.assertEqual(204, self.daemon.control("DELETE", f"{PATH}/pens/versions/2").status, "as Lambda: removed is removed")
        self.assert_refused(self.daemon.control("GET", f"{PATH}/pens/versions/2"), 404, "ResourceNotFoundException",
                            arn_of("pens", 2), "does not exist")
        self.assertEqual(arn_of("pens", 3), self.published("pens", {"a": "3"}), "a number is never used again")
        self.daemon.restart()
        self.assertEqual(made, self.daemon.control("GET", f"{PATH}/pens/versions/1").json())
        self.daemon.control("DELETE", f"{PATH}/pens/versions/3")
        self.daemon.restart()
        self.assertEqual(arn_of("pens", 4), self.published("pens", {"a": "4"}), "nor after a restart")

    def test_a_handler_reads_what_is_in_a_layer_and_cannot_change_it(self):
        layer = self.published("books", {"shelf/book.txt": "once upon"})
        self.reader("books", layer)
        configuration = self.daemon.get_function("books").json()["Configuration"]
        self.assertEqual([layer], [one["Arn"] for one in configuration["Layers"]])
        self.assertGreater(configuration["Layers"][0]["CodeSize"], 0)
        book = self.see("books", "/opt/shelf/book.txt")
        self.assertEqual(("once upon", "0644"), (book["text"], book["mode"]))
        self.assertEqual(["ro", "nosuid", "nodev"], book["flags"])
        self.assertEqual(self.see("books", "/var/task")["flags"], book["flags"])
        for path, what in [("/opt/shelf/book.txt", "write"), ("/opt/shelf/book.txt", "chmod"), ("/opt/shelf/book.txt", "remove"),
                           ("/opt/new", "write")]:
            self.assertIn(self.see("books", path, do=what)["errno"], (errno.EROFS, errno.EACCES, errno.EPERM), (path, what))
        self.daemon.create_function("bookless", handler_path("reader"))
        self.assertEqual({"errno": errno.ENOENT}, self.see("bookless", "/opt/shelf/book.txt"))

    def test_of_two_layers_the_later_wins(self):
        low = self.published("low", {"both": "low", "low": "low", "way": "a file", "gone/inside": "x"})
        high = self.published("high", {"both": "high", "high": "high", "way/in": "a folder", "gone": "a file"})
        for name, order, both in [("lowfirst", (low, high), "high"), ("highfirst", (high, low), "low")]:
            self.reader(name, *order)
            self.assertEqual(both, self.see(name, "/opt/both")["text"])
            self.assertEqual(("low", "high"), (self.see(name, "/opt/low")["text"], self.see(name, "/opt/high")["text"]))
        self.assertEqual("a folder", self.see("lowfirst", "/opt/way/in")["text"])
        self.assertEqual("a file", self.see("lowfirst", "/opt/gone")["text"])
        self.assertEqual("a file", self.see("highfirst", "/opt/way")["text"])
        self.assertEqual("x", self.see("highfirst", "/opt/gone/inside")["text"])

    def test_a_handler_links_a_library_out_of_a_layer(self):
        bare = self.daemon.try_create_function("shelved", handler_path("shelved"))
        self.assert_refused(bare, 400, "InvalidParameterValueException", "libshelf.so", "not found", "lib/ of the package or of a layer")
        one, two = (self.published(f"shelf{n}", {"lib/libshelf.so": shelf(n), f"only{n}": "x"}) for n in (1, 2))
        self.daemon.create_function("shelved", handler_path("shelved"), Layers=[one])
        self.assertEqual({"shelf": 1}, self.daemon.invoke("shelved", {}).json())
        self.daemon.update_configuration("shelved", Layers=[one, two])
        self.assertEqual({"shelf": 2}, self.daemon.invoke("shelved", {}).json(), "the later layer's")
        self.assert_refused(self.daemon.update_configuration("shelved", Layers=[]), 400, "InvalidParameterValueException", "libshelf.so")
        self.assertEqual({"shelf": 2}, self.daemon.invoke("shelved", {}).json(), "the old one goes on")
        own = io.BytesIO()
        with zipfile.ZipFile(own, "w") as package:
            package.write(handler_path("shelved"), "libshelved.so")
            package.writestr("lib/libshelf.so", shelf(1))
        self.assertEqual(200, self.daemon.update_code("shelved", own.getvalue()).status)
        self.assertEqual({"shelf": 1}, self.daemon.invoke("shelved", {}).json(), "its own before a layer's")

    def test_what_is_searched_at_run_time(self):
        layer = self.published("plugins", {"lib/libshelf.so": shelf(1)})
        self.reader("plugins", layer)
        self.assertEqual({"loaded": False}, self.see("plugins", "libshelf.so", do="open"), "a bare name is not looked for")
        self.assertEqual({"loaded": True}, self.see("plugins", "/opt/lib/libshelf.so", do="open"))

    def test_a_removed_layer_goes_on_where_it_is_used_and_goes_when_it_is_not(self):
        before = self.folders()
        low, high = self.published("gonelow", {"f": "low"}), self.published("gonehigh", {"g": "high"})
        self.reader("keeper", low, high)
        self.daemon.control("POST", "/2015-03-31/functions/keeper/versions", {})
        for name in ("gonelow", "gonehigh"):
            self.assertEqual(204, self.daemon.control("DELETE", f"{PATH}/{name}/versions/1").status)
        for _ in range(2):
            self.assertEqual("low", self.see("keeper", "/opt/f")["text"])
            self.assertEqual("high", self.see("keeper:1", "/opt/g")["text"])
            self.daemon.restart()
        self.assertEqual(200, self.daemon.update_configuration("keeper", MemorySize=256).status, "it keeps what it has")
        self.assertEqual("low", self.see("keeper", "/opt/f")["text"])
        self.assert_refused(self.daemon.update_configuration("keeper", Layers=[low]), 400, "InvalidParameterValueException", low,
                            "does not exist")
        self.assertEqual(200, self.daemon.update_configuration("keeper", Layers=[]).status)
        self.assertEqual(errno.ENOENT, self.see("keeper", "/opt/f")["errno"])
        self.assertEqual("low", self.see("keeper:1", "/opt/f")["text"], "a version is what it was")
        self.assertEqual(204, self.daemon.delete_function("keeper").status)
        wait_until(lambda: self.folders() <= before, what=f"the layers' folders removed: {self.folders() - before}")

    def test_refusals(self):
        layer = self.published("right", {"f": "1"})
        self.published("right", {"f": "2"})
        deploy = lambda *layers: self.daemon.try_create_function("refused", handler_path("reader"), Layers=list(layers))
        for arn, words in [(arn_of("right", 9), ("right:9", "does not exist")),
                           (arn_of("right", 1, region="eu-west-1"), ("same region", REGION, "eu-west-1")),
                           (arn_of("right", 1, account="111122223333"), ("does not exist",)),
                           ("right:1", ("is not the ARN of a layer's version",)),
                           (layer.rpartition(":")[0], ("is not the ARN of a layer's version",))]:
            self.assert_refused(deploy(arn), 400, "InvalidParameterValueException", *words)
        self.assert_refused(deploy(layer, arn_of("right", 2)), 400, "InvalidParameterValueException", "versions of the same layer")
        six = [self.published(f"six{n}", {f"f{n}": str(n)}) for n in range(6)]
        self.assert_refused(deploy(*six), 400, "InvalidParameterValueException", "6 layers", "limit is 5")
        self.assertEqual(404, self.daemon.get_function("refused").status)
        self.reader("five", *six[:5])
        self.assertEqual(["0", "4"], [self.see("five", f"/opt/f{n}")["text"] for n in (0, 4)])

    def test_a_bad_zip_is_refused_and_no_number_is_used(self):
        for content, word in [(b"not a zip", "zip"), (handler_path("reader").read_bytes(), "ELF"),
                              (zip_of(f="x" * 5000)[:100], "zip"), (zip_of(**{"../out": "x"}), "../out"), (b"", "empty")]:
            self.assert_refused(self.publish("bad", content), 400, "InvalidParameterValueException", word)
        self.assert_refused(self.publish("b.ad", {"f": "x"}), 400, "InvalidParameterValueException", "layer name")
        self.assert_refused(self.publish("bad", {"f": "x"}, Description="d" * 257), 400, "InvalidParameterValueException", "256")
        self.assert_refused(self.daemon.control("POST", f"{PATH}/bad/versions", {}), 400, "InvalidParameterValueException", "Content")
        self.assertEqual(arn_of("bad", 1), self.published("bad", {"f": "x"}, Description="d" * 256))

    def test_the_command_line(self):
        def hearth(*arguments, code=0):
            done = self.daemon.hearth(*arguments)
            self.assertEqual(code, done.returncode, done)
            return done.stdout + done.stderr
        folder = self.daemon.folder / "layer"
        (folder / "lib").mkdir(parents=True)
        (folder / "lib/libshelf.so").write_bytes(shelf(2))
        self.assertIn("published tools:1", hearth("layer", "publish", "tools", folder, "--description", "for shelves"))
        (self.daemon.folder / "layer.zip").write_bytes(zip_of(**{"lib/libshelf.so": shelf(1)}))
        self.assertIn("published tools:2", hearth("layer", "publish", "tools", self.daemon.folder / "layer.zip"))
        self.assertIn("tools:2", hearth("layer", "ls"))
        self.assertRegex(hearth("layer", "ls", "tools"), r"tools:2 [\s\S]*tools:1 .*for shelves")
        deploy = ("deploy", handler_path("shelved"), "--name", "tooled")
        self.assertIn("created tooled", hearth(*deploy, "--layer", "tools:1"))
        self.assertEqual({"shelf": 2}, self.daemon.invoke("tooled", {}).json())
        self.assertIn("layers tools:2", hearth(*deploy, "--layer", "tools"))
        self.assertEqual({"shelf": 1}, self.daemon.invoke("tooled", {}).json())
        self.assertIn("up to date", hearth(*deploy))
        self.assertIn("tools:2", hearth("describe", "tooled"))
        self.assertIn("does not exist", hearth(*deploy, "--layer", "tools:7", code=3))
        self.assertIn("removed tools:1", hearth("layer", "rm", "tools:1"))
        self.assertIn("does not exist", hearth("layer", "rm", "tools:1", code=3))
        (self.daemon.folder / "shelved").mkdir()
        shutil.copy(handler_path("shelved"), self.daemon.folder / "shelved")
        (self.daemon.folder / "shelved/lib").mkdir()
        (self.daemon.folder / "shelved/lib/libshelf.so").write_bytes(shelf(2))
        self.assertIn("no layers", hearth("deploy", self.daemon.folder / "shelved", "--name", "tooled", "--layer", "none"),
                      "code and layers together")
        self.assertEqual({"shelf": 2}, self.daemon.invoke("tooled", {}).json())


if __name__ == "__main__":
    unittest.main()
