"""Secrets: files of the function's own in memory, told to nobody; a new value reaches new workers; what is refused."""
import errno
import os
import stat
import threading
import unittest

from chaos import Caller
from hearth_e2e import Daemon, DaemonTest, handler_path, wait_until

PATH = "/_hearth/v1/secrets"
BYTES_MAX, OF_FUNCTION_MAX = 64 * 1024, 16
VALUE = "correct horse battery staple 7391"


class Secrets(DaemonTest):
    def put(self, name, value):
        return self.daemon.control("PUT", f"{PATH}/{name}", value, {"Content-Type": "application/octet-stream"})

    def set(self, name, value):
        answer = self.put(name, value)
        self.assertEqual(200, answer.status, answer)
        return answer.json()

    def reader(self, name, *secrets, **fields):
        self.daemon.create_function(name, handler_path("reader"), hearth={"Secrets": list(secrets)}, **fields)

    def see(self, function, path, daemon=None, **order):
        answer = (daemon or self.daemon).invoke(function, {"path": path, **order}, log_tail=False)
        self.assertEqual((200, None), (answer.status, answer.function_error), answer)
        return answer.json()

    def listed(self, name):
        [one] = [secret for secret in self.daemon.control("GET", PATH).json()["Secrets"] if secret["Name"] == name]
        return one

    def test_a_handler_reads_its_secrets_and_cannot_change_them(self):
        binary = bytes(range(256)).decode("latin-1").encode()
        self.set("db-password", VALUE)
        self.set("key.pem", binary)
        self.reader("vault", "db-password", "key.pem:tls.key")
        seen = self.see("vault", "/run/secrets/db-password")
        self.assertEqual((VALUE, "0400", True, ["ro", "nosuid", "nodev", "noexec"]),
                         (seen["text"], seen["mode"], seen["mine"], seen["flags"]))
        folder = self.see("vault", "/run/secrets")
        self.assertEqual((["db-password", "tls.key"], "0500", True), (sorted(folder["list"]), folder["mode"], folder["mine"]))
        self.assertEqual(binary.decode(), self.see("vault", "/run/secrets/tls.key")["text"])
        for path, what in [("/run/secrets/db-password", "write"), ("/run/secrets/db-password", "chmod"),
                           ("/run/secrets/db-password", "remove"), ("/run/secrets/new", "write")]:
            self.assertIn(self.see("vault", path, do=what)["errno"], (errno.EROFS, errno.EACCES, errno.EPERM), (path, what))
        self.daemon.create_function("stranger", handler_path("reader"))
        for path in ("/run/secrets/db-password", "/run/secrets", f"{self.daemon.data_dir}/secrets/db-password.secret"):
            self.assertIn("errno", self.see("stranger", path), path)
        self.assertIn("errno", self.see("vault", f"{self.daemon.data_dir}/secrets/db-password.secret"))

    def test_nobody_is_told_a_value(self):
        """The value is a word that is nowhere else; it is looked for in all that the daemon says and keeps."""
        word = "xyzzy-8264-plugh"
        self.set("told", word)
        self.reader("teller", "told", env={"OTHER": "thing"})
        self.daemon.create_function("crasher", handler_path("crasher"), hearth={"Secrets": ["told"]})
        self.daemon.control("POST", "/2015-03-31/functions/teller/versions", {})
        self.daemon.invoke("teller", {"path": "/nowhere"})
        crashed = self.daemon.invoke("crasher", {"do": "null"})
        self.put("told", "x" * (BYTES_MAX + 1))
        self.daemon.try_create_function("refused", handler_path("reader"), hearth={"Secrets": ["told", "told-not"]})
        for path in ("/2015-03-31/functions/teller", "/2015-03-31/functions/teller/configuration", "/2015-03-31/functions", PATH,
                     "/_hearth/v1/info", "/_hearth/v1/workers", "/_hearth/v1/logs/teller", "/_hearth/v1/logs/crasher", "/metrics"):
            answer = self.daemon.control("GET", path)
            self.assertEqual(200, answer.status, path)
            self.assertNotIn(word, answer.body.decode(), path)
        for verb in (("describe", "teller"), ("secret", "ls"), ("ps",), ("describe", "teller", "--json")):
            done = self.daemon.hearth(*verb)
            self.assertEqual(0, done.returncode, done)
            self.assertNotIn(word, done.stdout + done.stderr, verb)
        self.assertNotIn(word, crashed.body.decode() + crashed.log + self.daemon.stderr(1 << 20))
        self.assertIn("told", self.daemon.hearth("describe", "teller").stdout)
        self.daemon.stop()
        kept = [path for path in self.daemon.data_dir.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]
        self.daemon.start()
        file = self.daemon.data_dir / "secrets/told.secret"
        self.assertEqual([file], kept)
        self.assertEqual((0o600, 0o700), tuple(stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)))
        self.assertEqual(word, self.see("teller", "/run/secrets/told")["text"], "after a restart")

    def test_a_new_value_reaches_new_workers_and_no_request_is_dropped(self):
        self.set("turning", "value 0")
        self.reader("turner", "turning")
        self.daemon.control("POST", "/2015-03-31/functions/turner/versions", {})
        self.assertEqual("value 0", self.see("turner:1", "/run/secrets/turning")["text"])
        callers = [Caller(self.daemon, "turner", {"path": "/run/secrets/turning"}) for _ in range(2)]
        for caller in callers:
            caller.start()
        wait_until(lambda: all(caller.answers for caller in callers), what="load")
        for n in range(1, 6):
            self.assertEqual(["turner:$LATEST", "turner:1"], self.set("turning", f"value {n}")["Renewed"])
            for function in ("turner", "turner:1"):
                self.assertEqual(f"value {n}", self.see(function, "/run/secrets/turning")["text"], "what comes after sees it")
        for caller in callers:
            caller.stop()
            self.assertEqual({200}, set(caller.statuses()))
        self.assertEqual([], self.set("unused", "x")["Renewed"])

    def test_a_value_that_changes_while_a_function_is_deployed_is_not_missed(self):
        self.set("racing", "0")
        self.reader("racer", "racing")
        stop = threading.Event()

        def deploy():
            while not stop.is_set():
                for memory in (128, 144):
                    self.daemon.update_configuration("racer", MemorySize=memory)
        deployer = threading.Thread(target=deploy)
        deployer.start()
        try:
            for n in range(1, 15):
                self.set("racing", str(n))
        finally:
            stop.set()
            deployer.join()
        wait_until(lambda: self.see("racer", "/run/secrets/racing")["text"] == "14", what="the last value")
        self.daemon.wait_active("racer")

    def test_a_value_that_is_lost_on_the_disk(self):
        self.set("lost", "good")
        self.reader("loser", "lost")
        self.assertEqual("good", self.see("loser", "/run/secrets/lost")["text"])
        (self.daemon.data_dir / "secrets/lost.secret").unlink()
        self.assertEqual("good", self.see("loser", "/run/secrets/lost")["text"], "workers have what they were given")
        changed = self.daemon.update_configuration("loser", MemorySize=256)
        self.assert_refused(changed, 503, "ServiceUnavailableException", "secret lost cannot be read, set it again")
        self.set("lost", "better")
        self.assertEqual("better", self.see("loser", "/run/secrets/lost")["text"])

    def test_limits(self):
        self.assertEqual(BYTES_MAX, self.set("largest", "x" * BYTES_MAX)["Bytes"])
        self.assert_refused(self.put("largest", "y" * (BYTES_MAX + 1)), 413, "RequestTooLargeException", "65537", "65536")
        self.assert_refused(self.put("largest", ""), 400, "InvalidParameterValueException", "empty")
        names = [f"many{n}" for n in range(OF_FUNCTION_MAX + 1)]
        for name in names:
            self.set(name, name * 10)
        self.set("many0", "z" * BYTES_MAX)
        refused = self.daemon.try_create_function("toomany", handler_path("reader"), hearth={"Secrets": names})
        self.assert_refused(refused, 400, "InvalidParameterValueException", "17 secrets", "limit is 16")
        self.reader("many", *names[1:], memory=128)
        self.assertEqual(16, len(self.see("many", "/run/secrets")["list"]))
        self.reader("large", "largest")
        self.assertEqual("x" * BYTES_MAX, self.see("large", "/run/secrets/largest")["text"])
        for name in ("a" * 65, ".hidden", "a%2Fb", "a%20b"):
            self.assert_refused(self.put(name, "x"), 400, "InvalidParameterValueException", "secret name")
        self.set("a" * 64, "x")

    def test_what_is_missing_or_used_is_refused_by_name(self):
        self.assert_refused(self.daemon.try_create_function("needy", handler_path("reader"), hearth={"Secrets": ["not-there"]}),
                            400, "InvalidParameterValueException", "secret not-there does not exist", "hearth secret set not-there")
        self.assertEqual(404, self.daemon.get_function("needy").status)
        self.set("needed", "x")
        self.reader("needy", "needed")
        self.daemon.control("POST", "/2015-03-31/functions/needy/versions", {})
        self.daemon.update_configuration("needy", Hearth={"Secrets": []})
        self.assertEqual(["needy:1"], self.listed("needed")["UsedBy"])
        self.assert_refused(self.daemon.control("DELETE", f"{PATH}/needed"), 409, "ResourceConflictException", "needed is used by needy:1")
        self.daemon.delete_function("needy")
        self.assertEqual(204, self.daemon.control("DELETE", f"{PATH}/needed").status)
        self.assert_refused(self.daemon.control("DELETE", f"{PATH}/needed"), 404, "ResourceNotFoundException", "needed does not exist")
        self.assertFalse((self.daemon.data_dir / "secrets/needed.secret").exists())
        for uses, word in [(["a:b", "c:b"], "both be the file"), (["../a"], "secret name"), ([3], "Secrets")]:
            answer = self.daemon.try_create_function("odd", handler_path("reader"), hearth={"Secrets": uses})
            self.assert_refused(answer, 400, "InvalidParameterValueException", word)

    def test_the_command_line(self):
        def hearth(*arguments, stdin=None, code=0):
            done = self.daemon.hearth(*arguments, stdin=stdin)
            self.assertEqual(code, done.returncode, done)
            return done.stdout + done.stderr
        self.assertIn("secret token: 6 bytes", hearth("secret", "set", "token", stdin="hunter"))
        said = hearth("deploy", handler_path("reader"), "--name", "teller2", "--secret", "token:api-token")
        self.assertIn("created teller2", said)
        self.assertEqual("hunter", self.see("teller2", "/run/secrets/api-token")["text"])
        self.assertRegex(hearth("secret", "ls"), r"token +6 +20\S+ +teller2:\$LATEST")
        self.assertIn("new workers for teller2:$LATEST", hearth("secret", "set", "token", stdin="hunter2"))
        self.assertEqual("hunter2", self.see("teller2", "/run/secrets/api-token")["text"])
        self.assertIn("used by teller2:$LATEST", hearth("secret", "rm", "token", code=3))
        self.assertIn("removed secret token", hearth("deploy", handler_path("reader"), "--name", "teller2", "--unset-secret", "token"))
        self.assertIn("errno", self.see("teller2", "/run/secrets/api-token"))
        self.assertIn("removed token", hearth("secret", "rm", "token"))
        self.assertIn("missing", hearth("secret", "set", code=2))
        self.assertIn("empty", hearth("secret", "set", "token", stdin="", code=3))

    def test_in_a_backup_and_out_of_it_at_another_place(self):
        self.set("kept", VALUE)
        self.reader("keeper", "kept")
        backup = self.daemon.folder / "backup"
        self.assertEqual(0, self.daemon.hearth("backup", backup).returncode)
        self.assertEqual(0o600, stat.S_IMODE((backup / "secrets/kept.secret").stat().st_mode))
        second = Daemon()
        self.addCleanup(second.remove)
        done = self.daemon.hearth("restore", backup, "--data-dir", second.data_dir)
        self.assertEqual(0, done.returncode, done)
        self.daemon.stop()
        os.rename(self.daemon.data_dir, self.daemon.folder / "elsewhere")
        try:
            second.start()
            self.assertEqual(VALUE, self.see("keeper", "/run/secrets/kept", daemon=second)["text"])
        finally:
            os.rename(self.daemon.folder / "elsewhere", self.daemon.data_dir)
            self.daemon.start()
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (second.data_dir / "secrets", second.data_dir / "secrets/kept.secret")]
        self.assertEqual([0o700, 0o600], modes)


if __name__ == "__main__":
    unittest.main()
