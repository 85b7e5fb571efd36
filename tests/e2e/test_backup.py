"""Backups of a daemon at work, and what comes of them: nothing torn, the ledger good, a restored daemon that goes on."""
import pathlib
import shutil
import threading
import unittest

from chaos import Caller, ChaosTest
from hearth_e2e import Daemon, handler_path, wait_until


class Backups(ChaosTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=10, env={"KEPT": "yes"})
        cls.queue = cls.daemon.create_queue("work")

    def setUp(self):
        super().setUp()
        self.folder = self.daemon.folder / self.id().rpartition(".")[2]
        self.backup = self.folder / "backup"
        self.folder.mkdir()

    def restored(self):
        """A daemon on what was restored."""
        second = Daemon()
        self.addCleanup(second.remove)
        done = self.daemon.hearth("restore", self.backup, "--data-dir", second.data_dir)
        self.assertEqual(0, done.returncode, done)
        self.assertRegex(done.stdout, r"restored \d+ files to .*: good")
        return second.start()

    def test_a_backup_under_load_is_good_and_a_daemon_goes_on_from_it(self):
        large = "x" * 100_000  # a file of its own beside the database
        for n in range(5):
            self.daemon.sqs("SendMessage", QueueUrl=self.queue, MessageBody=f"{n} {large}")
        self.daemon.invoke("victim", {"do": "count"}, invocation_type="Event")
        wait_until(lambda: self.daemon.bill_of("victim").requests >= 1, what="the event run")
        callers = [Caller(self.daemon, "victim", {"do": "sleep", "ms": 3}) for _ in range(3)]
        for caller in callers:
            caller.start()
        wait_until(lambda: all(caller.answers for caller in callers), what="load")
        answered = sum(len(caller.answers) for caller in callers)
        done = self.daemon.hearth("backup", self.backup)
        self.assertEqual(0, done.returncode, done)
        self.assertIn("which was checked", done.stdout)
        for caller in callers:
            caller.stop()
            self.assertEqual({200}, set(caller.statuses()))
        second = self.restored()
        self.assertGreaterEqual(second.bill_of("victim").requests, answered + 1, "all that was told before it began")
        self.assertLessEqual(second.bill_of("victim").requests, self.daemon.bill_of("victim").requests)
        self.assertEqual("yes", second.invoke("victim", {"do": "env", "name": "KEPT"}).json())
        url = second.sqs("GetQueueUrl", QueueName="work")["QueueUrl"]
        bodies = {message["Body"] for message in second.sqs("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)["Messages"]}
        self.assertEqual({f"{n} {large}" for n in range(5)}, bodies)
        audit = second.hearth("ledger", "verify")
        self.assertEqual(0, audit.returncode, audit)
        second.stop()

    def test_what_was_settled_is_not_run_again(self):
        before = self.daemon.bill_of("victim").requests
        for _ in range(5):
            self.daemon.invoke("victim", {"do": "count"}, invocation_type="Event")
        wait_until(lambda: self.daemon.bill_of("victim").requests == before + 5, what="events run")
        self.daemon.invoke("victim", {"do": "log", "text": "to be kept"})
        logs = self.daemon.data_dir / "logs"
        wait_until(lambda: any(path.is_file() and path.stat().st_size for path in logs.rglob("*")), what="a log on the disk")
        self.assertEqual(0, self.daemon.hearth("backup", self.backup, "--logs").returncode)
        self.assertTrue(list((self.backup / "logs").rglob("*")), "logs asked for")
        second = self.restored()
        self.assertIn("to be kept", second.logs("victim"))
        second.invoke("victim", {})
        self.assertEqual(before + 7, second.bill_of("victim").requests)

    def test_one_at_a_time_and_only_where_it_may_be(self):
        def make(folder):
            return self.daemon.control("POST", "/_hearth/v1/backup", {"Folder": str(folder)})
        self.assert_refused(make("relative"), 400, "InvalidParameterValueException", "no absolute path")
        self.assert_refused(make(self.daemon.data_dir / "x"), 400, "InvalidParameterValueException", "in the data folder itself")
        self.assert_refused(make(f"{self.daemon.data_dir}/../data/x"), 400, "InvalidParameterValueException", "in the data folder itself")
        (self.folder / "full").mkdir()
        (self.folder / "full/file").write_text("kept")
        self.assertIn("is not empty", make(self.folder / "full").body.decode())
        self.assertEqual(["file"], [path.name for path in (self.folder / "full").iterdir()])
        answers = []
        both = [threading.Thread(target=lambda n=n: answers.append(make(self.folder / f"b{n}"))) for n in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        statuses = sorted(answer.status for answer in answers)
        self.assertIn(statuses, ([200, 409], [200, 200]), answers)  # the second may have come when the first was done
        self.assertEqual(200, make(self.folder / "after").status)

    def test_restore_refuses_what_is_not_whole_or_not_empty(self):
        self.assertEqual(0, self.daemon.hearth("backup", self.backup).returncode)
        target = self.folder / "target"

        def refused(*words):
            done = self.daemon.hearth("restore", self.backup, "--data-dir", target)
            self.assertNotEqual(0, done.returncode, done)
            for word in words:
                self.assertIn(word, done.stderr)
        target.mkdir()
        (target / "kept").write_text("kept")
        refused("not empty")
        self.assertEqual("kept", (target / "kept").read_text())
        shutil.rmtree(target)
        database = self.backup / "registry.db"
        whole = database.read_bytes()
        database.write_bytes(whole[:-1] + b"x")
        refused("registry.db is not what was backed up")
        self.assertEqual([], list(target.iterdir()))
        database.write_bytes(whole)
        written = (self.backup / "format").read_text()
        (self.backup / "format").write_text("hearth-data 2, written by hearthd 9.1.0\n")
        refused("written by hearthd 9.1.0")
        (self.backup / "format").write_text(written)
        (self.backup / "hearth-backup").unlink()
        refused("no whole backup")

    def test_code_stays_while_it_is_copied(self):
        library = pathlib.Path(handler_path("victim")).read_bytes()
        self.daemon.create_function("moving", library, handler="libvictim.so")
        ended = threading.Event()

        def deploy():
            for n in range(1, 1000):
                if ended.is_set():
                    return
                self.daemon.update_code("moving", library + b"\0" * n)
        deployer = threading.Thread(target=deploy)
        deployer.start()
        self.addCleanup(deployer.join)
        self.addCleanup(ended.set)
        done = self.daemon.hearth("backup", self.backup)
        ended.set()
        deployer.join()
        self.assertEqual(0, done.returncode, done)
        self.assertEqual(200, self.restored().invoke("moving", {}).status)


if __name__ == "__main__":
    unittest.main()
