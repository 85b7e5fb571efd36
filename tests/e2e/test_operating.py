"""What an operator stands on: probes, the lock, the format, a disk that fills, the service manager, what is tidied up."""
import json
import os
import pathlib
import socket
import subprocess
import threading
import unittest
import unittest.mock

from chaos import ChaosTest
from hearth_e2e import BUILD, Daemon, built, handler_path, http_call, metric_sum, wait_until
from small_disk import daemon_on_small_disk, fill, mount_small_disk, needs_root


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Probes(ChaosTest):
    def ready(self):
        answer = self.daemon.control("GET", "/readyz")
        return answer.status, answer.json()

    def check(self, name):
        checks = {check["check"]: check for check in self.ready()[1]["checks"]}
        return checks[name]["ok"], checks[name]["detail"]

    def test_ready_names_what_it_looked_at(self):
        status, body = self.ready()
        self.assertEqual((200, "ready"), (status, body["status"]), body)
        self.assertEqual(["started", "ledger", "disk", "launcher", "buckets", "provisioned"],
                         [check["check"] for check in body["checks"]])

    @staticmethod
    def removed(folder):
        try:
            folder.rmdir()
        except OSError:
            return False
        return True

    def test_bucket_without_its_folder(self):
        folder = self.daemon.folder / "photos"
        folder.mkdir()
        self.daemon.put_bucket("photos", folder)
        wait_until(lambda: self.ready()[0] == 200, what="ready with the bucket")
        wait_until(lambda: self.removed(folder), what="an empty folder: hearthd looks for a moment whether it may write there")
        wait_until(lambda: self.ready()[0] == 503, what="not ready without its folder")
        self.assertIn("photos: Missing", self.ready()[1]["reason"])
        folder.mkdir()
        wait_until(lambda: self.ready()[0] == 200, what="ready again")

    def test_stopping_is_said_while_the_last_call_runs(self):
        self.daemon.create_function("slow", handler_path("victim"), timeout=8, env={"DO": "sleep"})
        url = self.daemon.create_url("slow")
        answers = []
        call = threading.Thread(target=lambda: answers.append(
            self.daemon.get_url(url, method="POST", body=json.dumps({"do": "sleep", "ms": 1500}))))
        call.start()
        wait_until(lambda: self.daemon.workers("slow", "busy") == 1, what="a busy worker")
        self.daemon.terminate()
        wait_until(lambda: self.ready()[1].get("reason") == "hearthd is stopping", what="it said so")
        self.assertEqual(503, self.ready()[0])
        self.assertEqual(200, self.daemon.control("GET", "/livez").status)
        self.assertEqual(0, self.daemon.wait_exit())
        call.join()
        self.assertEqual(200, answers[0].status, answers[0])

    def test_live_but_not_ready_while_provisioned_workers_are_initialised(self):
        self.daemon.arguments += ["--init-time-out-s", "3"]
        self.daemon.restart()
        self.daemon.create_function("slow_init", handler_path("badinit"), env={"INIT": "sleep"})
        version = self.daemon.control("POST", "/2015-03-31/functions/slow_init/versions", {}).json()["Version"]
        provisioned = self.daemon.control("PUT", f"/2019-09-30/functions/slow_init/provisioned-concurrency?Qualifier={version}",
                                          {"ProvisionedConcurrentExecutions": 1})
        self.assertEqual(202, provisioned.status, provisioned)
        self.daemon.stop()
        port = free_port()
        self.daemon.arguments += ["--control-listen", f"127.0.0.1:{port}"]  # the last one given holds
        starting = threading.Thread(target=self.daemon.start)
        starting.start()
        self.addCleanup(starting.join)

        def probe(path):
            try:
                return http_call(port, "GET", path)
            except OSError:
                return None
        seen = wait_until(lambda: (probe("/readyz") or None) and probe("/readyz").json().get("reason", "").startswith(
            "starting: provisioned") and probe("/readyz"), what="it said what it waits for")
        self.assertEqual(503, seen.status)
        self.assertEqual(200, probe("/livez").status)
        self.assertEqual(503, probe("/2015-03-31/functions").status)
        starting.join()
        self.assertEqual(200, self.ready()[0])
        wait_until(lambda: "slow_init: 0 of 1 ready: " in self.check("provisioned")[1], what="what failed is told")
        self.assertTrue(self.check("provisioned")[0], "and holds up nobody")


class Trouble(ChaosTest):
    """A function that cannot be well, and a stop in the middle of work, harm nobody else."""

    def test_an_init_that_fails_again_and_again_is_left_alone_and_says_so(self):
        self.daemon.create_function("broken", handler_path("badinit"), env={"INIT": "throw"})
        self.daemon.create_function("well", handler_path("victim"))
        for _ in range(5):
            self.assert_function_error(self.daemon.invoke("broken", {}), "std::runtime_error", "init was told to throw")
        refused = self.daemon.invoke("broken", {})
        self.assert_refused(refused, 429, "TooManyRequestsException", "InitBackOff", "has failed 5 times in a row", "init was told to throw")
        self.assertIn("Retry-After", refused.headers)
        self.assertEqual(200, self.daemon.invoke("well", {}).status)
        self.assertEqual(200, self.daemon.control("GET", "/readyz").status)
        wait_until(lambda: self.daemon.invoke("broken", {}).function_error, what="one is let through after a while")
        self.assertEqual(429, self.daemon.invoke("broken", {}).status)
        self.assertGreaterEqual(metric_sum(self.daemon.metrics(), "hearth_throttles_total", function="broken", reason="InitBackOff"), 2)
        answer = self.daemon.update_configuration("broken", Environment={"Variables": {}})
        self.assertEqual(200, answer.status, answer)
        self.assertEqual("init went well", self.daemon.invoke("broken", {}).json())

    def test_a_stop_finishes_the_message_that_runs_and_gives_the_others_back(self):
        self.daemon.create_function("worker", handler_path("victim"), timeout=10, env={"DO": "sleep"})
        queue = self.daemon.create_queue("work", VisibilityTimeout="60")
        self.daemon.map_queue("work", "worker", BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        for n in range(6):
            self.daemon.sqs("SendMessage", QueueUrl=queue, MessageBody=json.dumps({"do": "sleep", "ms": 1500, "n": n}))
        wait_until(lambda: self.daemon.workers("worker", "busy") == 2, what="two messages under way")
        self.daemon.stop()
        self.daemon.start()
        queue = self.daemon.sqs("GetQueueUrl", QueueName="work")["QueueUrl"]
        # Nothing waits for a lease of 60 s to end: what had not begun was given back.
        wait_until(lambda: self.daemon.queue_depth(queue) == (0, 0), 20, "all of them done")
        self.assertEqual(6, self.daemon.bill_of("worker").requests, "each once")


class DataFolder(ChaosTest):
    def start_refused(self):
        second = Daemon()
        self.addCleanup(second.remove)
        second.data_dir = self.daemon.data_dir
        with self.assertRaises(AssertionError):
            second.start()
        self.assertEqual(1, second.process.returncode)
        return second.stderr()

    def test_folder_in_use_names_who_has_it(self):
        self.assertIn(f"another hearthd (pid {self.daemon.process.pid}) works in {self.daemon.data_dir}", self.start_refused())

    def test_data_of_a_newer_hearthd_is_left_alone(self):
        self.daemon.stop()
        format_file = self.daemon.data_dir / "format"
        written = format_file.read_text()
        self.assertRegex(written, r"^hearth-data 1, written by hearthd \d+\.\d+\.\d+\n$")
        format_file.write_text("hearth-data 2, written by hearthd 9.1.0\n")
        before = {path: path.read_bytes() for path in self.daemon.data_dir.glob("*.db")}
        said = self.start_refused()
        self.assertIn("has data of format 2, written by hearthd 9.1.0; this is hearthd", said)
        self.assertEqual(before, {path: path.read_bytes() for path in self.daemon.data_dir.glob("*.db")})
        format_file.write_text(written)
        self.daemon.start()

    def test_code_of_a_version_that_was_replaced_goes_with_its_last_worker(self):
        library = pathlib.Path(handler_path("victim")).read_bytes()
        self.daemon.create_function("victim", library, handler="libvictim.so", timeout=20)
        old, = (self.daemon.data_dir / "code").iterdir()
        answers = []
        call = threading.Thread(target=lambda: answers.append(self.daemon.invoke("victim", {"do": "sleep", "ms": 6000})))
        call.start()
        wait_until(lambda: self.daemon.workers("victim", "busy") == 1, what="a busy worker")
        self.assertEqual(200, self.daemon.update_code("victim", library + b"\0").status)
        self.assertTrue(old.exists(), "its worker needs it")
        call.join()
        self.assertEqual(200, answers[0].status)
        wait_until(lambda: not old.exists(), what="old code removed, without another deploy")
        self.daemon.control("POST", "/2015-03-31/functions/victim/versions", {})
        published, = (self.daemon.data_dir / "code").iterdir()
        self.assertEqual(200, self.daemon.update_code("victim", library + b"\0\0").status)
        (self.daemon.data_dir / "code" / "stray.1.new").mkdir()
        self.daemon.restart()
        kept = wait_until(lambda: len(list((self.daemon.data_dir / "code").iterdir())) == 2, what="what is not referenced removed")
        self.assertTrue(kept and published.exists(), "a published version's code stays")


@needs_root
class DiskReserve(unittest.TestCase):
    RESERVE_MIB = 16

    def setUp(self):
        self.daemon = daemon_on_small_disk(self.addCleanup, 128, "--disk-reserve-mib", str(self.RESERVE_MIB),
                                           "--ledger-segment-mib", "8").start()
        self.daemon.create_function("victim", handler_path("victim"), timeout=20)

    def open_bucket(self, **document):
        answer = self.daemon.control("PUT", "/_hearth/v1/buckets/drops", {"Http": {"Read": True, "Write": True}, **document})
        self.assertEqual(200, answer.status, answer)

    def put(self, key, body):
        return http_call(self.daemon.data_port, "PUT", f"/_buckets/drops/{key}", body)

    def test_an_object_does_not_take_the_reserve_with_it(self):
        """Its body is on its way when there is still room."""
        self.open_bucket()
        fill(self.daemon.data_dir, (self.RESERVE_MIB + 12) << 20)
        refused = self.put("large", b"x" * (16 << 20))
        self.assertEqual(507, refused.status, refused)
        self.assertRegex(refused.body.decode(), r"is full: \d+ MiB are left, and objects are taken while they leave 16 MiB")
        self.assertEqual(404, http_call(self.daemon.data_port, "GET", "/_buckets/drops/large").status)
        disk = os.statvfs(self.daemon.data_dir)
        self.assertGreater(disk.f_bavail * disk.f_frsize, self.RESERVE_MIB << 20, "nothing of it was kept")
        wait_until(lambda: self.put("small", b"x" * (1 << 20)).status == 200, what="what there is room for")
        # A disk of somebody else's is theirs to fill.
        other = self.daemon.folder / "other"
        other.mkdir()
        mount_small_disk(self.addCleanup, other, 4)
        self.open_bucket(Path=str(other))
        self.assertEqual(200, self.put("large", b"x" * (2 << 20)).status)
        self.assertEqual(507, self.put("larger", b"x" * (3 << 20)).status)

    def test_new_work_is_refused_old_work_finished_and_room_is_noticed(self):
        self.open_bucket()
        self.assertEqual(200, self.put("early", b"x").status)
        queue = self.daemon.create_queue("work")
        self.daemon.sqs("SendMessage", QueueUrl=queue, MessageBody="before")
        answers = []
        call = threading.Thread(target=lambda: answers.append(self.daemon.invoke("victim", {"do": "sleep", "ms": 2500})))
        call.start()
        wait_until(lambda: self.daemon.workers("victim", "busy") == 1, what="a busy worker")
        ballast = fill(self.daemon.data_dir, (self.RESERVE_MIB - 4) << 20)
        wait_until(lambda: self.daemon.control("GET", "/readyz").status == 503, what="not ready")
        self.assertIn("disk", self.daemon.control("GET", "/readyz").json()["reason"])
        library = pathlib.Path(handler_path("victim")).read_bytes()
        for what, answer in {
                "invoke": self.daemon.invoke("victim", {}),
                "event": self.daemon.invoke("victim", {}, invocation_type="Event"),
                "deploy": self.daemon.update_code("victim", library + b"\0"),
                "create": self.daemon.try_create_function("other", library),
                "put": self.put("late", b"x"),
                "send": self.daemon.try_sqs("SendMessage", QueueUrl=queue, MessageBody="x")}.items():
            with self.subTest(what=what):
                self.assertEqual(503, answer.status, answer)
                self.assertRegex(answer.body.decode(), r"is full: \d+ MiB are left, and new work is taken from 16 MiB on")
        call.join()
        self.assertEqual((200, {"slept": True}), (answers[0].status, answers[0].json()), "what ran is finished")
        message, = self.daemon.sqs("ReceiveMessage", QueueUrl=queue)["Messages"]
        self.daemon.sqs("DeleteMessage", QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        ballast.unlink()
        wait_until(lambda: self.daemon.control("GET", "/readyz").status == 200, what="ready by itself")
        self.assertEqual(200, self.daemon.invoke("victim", {}).status)
        self.assertEqual(200, self.daemon.update_code("victim", library + b"\0").status)
        self.assertEqual(2, self.daemon.bill_of("victim").requests)
        self.daemon.stop()


class ServiceManager(unittest.TestCase):
    def test_it_is_told_of_ready_and_stopping(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(daemon.folder / "notify"))
            manager.settimeout(30)
            with unittest.mock.patch.dict(os.environ, {"NOTIFY_SOCKET": str(daemon.folder / "notify")}):
                daemon.start()
            self.assertEqual(b"READY=1", manager.recv(100))
            daemon.stop()
            self.assertEqual(b"STOPPING=1", manager.recv(100))

    def test_unit_is_one_that_systemd_takes(self):
        unit = (BUILD / "runtime/daemon/hearthd.service").read_text()
        self.assertIn("Delegate=yes", unit)
        if not pathlib.Path("/usr/bin/systemd-analyze").exists():
            self.skipTest("no systemd-analyze here: install systemd")
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        copy = daemon.folder / "hearthd.service"
        lines = [f"ExecStart={built('hearthd')} --data-dir ${{STATE_DIRECTORY}}" if line.startswith("ExecStart=") else line
                 for line in unit.splitlines() if not line.startswith("Documentation=")]
        copy.write_text("\n".join(lines) + "\n")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
        about_us = [line for line in (done.stdout + done.stderr).splitlines() if "hearthd.service" in line]
        self.assertEqual([], about_us)


if __name__ == "__main__":
    unittest.main()
