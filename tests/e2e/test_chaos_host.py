"""What the host does to a daemon: full disks, ill-timed signals, spoilt files, settings that cannot be."""
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import processes
from chaos import SANITIZER_WORDS, Caller, ChaosTest, short_or_long
from hearth_e2e import built, handler_path, wait_until
from small_disk import daemon_on_small_disk, needs_root


@needs_root
class FullDisk(ChaosTest):
    @classmethod
    def set_up_functions(cls):
        # The daemon of the class is not used up: the small disk gets a daemon of its own.
        cls.small = daemon_on_small_disk(cls.addClassCleanup, 160).start()
        cls.small.create_function("victim", handler_path("victim"), timeout=8)

    def setUp(self):
        super().setUp()
        if not self.small.running():
            self.small.start()

    def fill(self, but_bytes=0):
        ballast = self.small.data_dir / "ballast"
        self.addCleanup(ballast.unlink, missing_ok=True)
        with open(ballast, "wb", buffering=0) as file:
            while True:
                disk = os.statvfs(self.small.data_dir)
                room = disk.f_bavail * disk.f_frsize - but_bytes
                if room <= 0:
                    return
                try:
                    file.write(b"x" * min(room, 1 << 20))
                except OSError:  # the daemon took it first
                    return

    def test_full_disk_refuses_in_words_and_recovers(self):
        queue = self.small.create_queue("work")
        self.small.sqs("SendMessage", QueueUrl=queue, MessageBody="before")
        self.fill()
        payload = "x" * 60_000
        refused = None
        for _ in range(20_000):  # until SQLite has no page left, too
            refused = self.small.try_sqs("SendMessage", QueueUrl=queue, MessageBody=payload)
            if refused.status != 200:
                break
        self.assertGreaterEqual(refused.status, 400, refused)
        event = self.small.invoke("victim", {"text": payload}, invocation_type="Event")
        self.assertIn(event.status, (202, 500, 503), event)
        for _ in range(200):
            answer = self.small.invoke("victim", {})
            self.assertIn(answer.status, (200, 503), answer)
        self.assertEqual(200, self.small.control("GET", "/livez").status)
        (self.small.data_dir / "ballast").unlink()
        wait_until(lambda: self.small.try_sqs("SendMessage", QueueUrl=queue, MessageBody="after").status == 200,
                   what="a message accepted again")
        wait_until(lambda: self.small.invoke("victim", {}).status == 200, what="a call again")
        self.small.restart()
        self.assertEqual(200, self.small.invoke("victim", {}).status)
        for word in SANITIZER_WORDS:
            self.assertNotIn(word, self.small.stderr(1 << 24))

    def test_full_disk_at_start_is_said(self):
        self.small.stop()
        for path in (self.small.data_dir / "ledger").glob("*"):
            if path.is_file():
                path.unlink()
        self.fill(but_bytes=4 << 20)  # room for SQLite, none for a ledger segment
        self.small.start()
        refused = self.small.invoke("victim", {})
        self.assertEqual(503, refused.status, refused)
        self.assertIn("disk", refused.message)
        self.assertEqual(503, self.small.control("GET", "/readyz").status)
        (self.small.data_dir / "ballast").unlink()
        wait_until(lambda: self.small.invoke("victim", {}).status == 200, what="a call again")

    def test_disk_without_any_room_at_start_is_an_error_with_the_file(self):
        self.small.stop()
        self.fill()
        with self.assertRaisesRegex(AssertionError, "(?s)exited with 1 before.*cannot start: .*registry.db: "):
            self.small.start()
        (self.small.data_dir / "ballast").unlink()
        self.small.start()
        self.assertEqual(200, self.small.invoke("victim", {}).status)


class Terminated(ChaosTest):
    """SIGTERM: exits with 0 within the longest timeout and a little."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=5)

    def call_2_s(self):
        call = Caller(self.daemon, "victim", {"do": "sleep", "ms": 2000})
        call.start()
        wait_until(lambda: self.daemon.workers("victim", "busy") >= 1, what="a busy worker")
        return call

    def exit_within(self, seconds):
        begun = time.monotonic()
        self.assertEqual(0, self.daemon.wait_exit(), self.daemon.stderr())
        self.assertLess(time.monotonic() - begun, seconds)

    def test_while_a_call_runs_and_clients_are_idle(self):
        call = self.call_2_s()
        with socket.create_connection(("127.0.0.1", self.daemon.data_port)), \
                socket.create_connection(("127.0.0.1", self.daemon.control_port)) as half:
            half.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
            self.daemon.terminate()
            self.daemon.terminate()
            self.exit_within(8)
        call.stop()
        self.assertEqual({200: 1}, dict(call.statuses()))

    def test_while_logs_are_followed(self):
        self.daemon.invoke("victim", {})
        command = [built("hearth"), "logs", "-f", "victim"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={"HEARTH_URL": self.daemon.endpoint, "PATH": os.environ["PATH"]}) as follower:
            self.assertIn(b"START", follower.stdout.readline())
            self.daemon.terminate()
            self.exit_within(8)
            follower.wait(10)

    def test_while_the_launcher_is_stopped(self):
        self.daemon.invoke("victim", {})
        launcher, = processes.children(self.daemon.process.pid)
        os.kill(launcher, signal.SIGSTOP)
        self.daemon.terminate()
        self.exit_within(12)
        wait_until(lambda: not processes.alive([launcher]), what="the launcher gone")

    def test_while_the_launcher_is_stopped_and_a_sandbox_is_wanted(self):
        self.daemon.create_function("second", handler_path("victim"), timeout=2)
        launcher, = processes.children(self.daemon.process.pid)
        os.kill(launcher, signal.SIGSTOP)
        call = Caller(self.daemon, "second")
        call.start()
        wait_until(lambda: self.pool_of("second")["starting"], what="a sandbox wanted")
        self.daemon.terminate()
        self.exit_within(15)
        call.stop()
        self.daemon.start()
        self.assertEqual(204, self.daemon.delete_function("second").status)

    def test_during_the_start(self):
        for turn in range(short_or_long(10, 100)):
            if self.daemon.running():
                self.daemon.stop()
            with open(self.daemon.folder / "stderr", "ab") as log:
                self.daemon.process = subprocess.Popen(
                    [built("hearthd"), "--data-dir", self.daemon.data_dir, "--data-listen", "127.0.0.1:0",
                     "--control-listen", "127.0.0.1:0"], stderr=log)
            time.sleep(self.random.uniform(0, 0.4))
            self.daemon.terminate()
            code = self.daemon.wait_exit()
            # Before main() has a handler the signal ends it as it ends any program.
            self.assertIn(code, (0, -signal.SIGTERM), f"turn {turn}: {self.daemon.stderr()}")


class Garbage(ChaosTest):
    """What cannot be started with is said, with an exit code; it is never a crash."""

    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=5)
        cls.daemon.create_queue("work")
        cls.daemon.invoke("victim", {})

    def run_hearthd(self, *arguments):
        ended = subprocess.run([built("hearthd"), *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=30, check=False)
        for word in SANITIZER_WORDS:
            self.assertNotIn(word, ended.stderr)
        self.assertIn(ended.returncode, (1, 2), ended)
        return ended

    def fresh(self, *arguments):
        """A start that is to fail, in a new data folder."""
        return self.run_hearthd("--data-dir", self.daemon.folder / "fresh", "--data-listen", "127.0.0.1:0",
                                "--control-listen", "127.0.0.1:0", *arguments)

    def test_configuration_of_wrong_types(self):
        for text in ('{"memory_mib": []}', '{"memory_mib": -5}', '{"memory_mib": 1e99}', '[]', '{', '',
                     '{"data_listen": {"host": 1}}', '{"concurrency_max": "many"}', '{"log_level": null}', '\xff' * 9,
                     '[' * 100_000, '{"memory_mib": 99999999999999999999}'):
            with self.subTest(text=text[:40]):
                file = self.daemon.folder / "bad.json"
                file.write_text(text, encoding="latin-1")
                self.assertIn("bad.json", self.fresh("--config", file).stderr)

    def test_data_dir_that_cannot_be_one(self):
        (self.daemon.folder / "file").write_text("")
        for path in (self.daemon.folder / "file", "/proc/nowhere", "/dev/null/x", ""):
            with self.subTest(path=path):
                ended = self.run_hearthd("--data-dir", path, "--data-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0")
                self.assertIn(str(path), ended.stderr)

    def test_port_in_use(self):
        ended = self.fresh("--data-listen", f"127.0.0.1:{self.daemon.data_port}")
        self.assertIn(str(self.daemon.data_port), ended.stderr)

    def test_ready_file_that_cannot_be_written(self):
        self.assertIn("/nowhere", self.fresh("--ready-file", "/nowhere/ready.json").stderr)

    def test_spoilt_files_are_said_or_recovered_from(self):
        ways = {"zeros": lambda content: b"\0" * len(content),
                "noise": lambda content: self.random.randbytes(len(content)),
                "cut": lambda content: content[:len(content) // 2 + 7],
                "empty": lambda content: b"",
                "flips": lambda content: bytes(byte ^ (self.random.random() < 0.01) for byte in content[:65536]) + content[65536:]}
        self.daemon.stop()
        data, kept = self.daemon.data_dir, self.daemon.folder / "kept"
        for path in (data / "ledger").glob("*.ledger"):
            os.truncate(path, 1 << 20)  # nothing but zeros behind it; 64 MiB take long to copy
        shutil.copytree(data, kept)
        files = [name for name in ("registry.db", "queues.db", "receipts.db", "events.db") if (data / name).exists()]
        files += [f"ledger/{path.name}" for path in sorted((data / "ledger").iterdir()) if path.name != "lock"]
        for file in files:
            for way, how in ways.items():
                with self.subTest(file=file, way=way):
                    shutil.rmtree(data)
                    shutil.copytree(kept, data)
                    (data / file).write_bytes(how((data / file).read_bytes()))
                    self.start_on_spoilt_data()

    def start_on_spoilt_data(self):
        (self.daemon.folder / "stderr").unlink()
        try:
            self.daemon.start()
        except AssertionError as refused:
            self.assertIn("exited with 1 before it was ready", str(refused))
            self.assertIn("cannot start", self.daemon.stderr())
        else:
            self.daemon.control("GET", "/_hearth/v1/bill")
            self.daemon.control("GET", "/2015-03-31/functions")
            self.daemon.try_sqs("SendMessage", QueueUrl="http://localhost/000000000000/work", MessageBody="x")
            self.daemon.invoke("victim", {})
            self.daemon.stop()
        for word in SANITIZER_WORDS:
            self.assertNotIn(word, self.daemon.stderr(1 << 24))


if __name__ == "__main__":
    unittest.main()
