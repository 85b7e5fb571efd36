"""SIGTERM drains and exits with 0; kill -9 loses no function, no message and no charge."""
import threading
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until


class RestartTest(DaemonTest):
    def setUp(self):
        # A daemon a test: each ends its own.
        if not self.daemon.running():
            self.daemon.start()


class Terminate(RestartTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=10)

    def test_idle_daemon_exits_with_0(self):
        self.daemon.stop()

    def test_invocation_under_way_is_finished_first(self):
        answers = []
        caller = threading.Thread(target=lambda: answers.append(self.daemon.invoke("victim", {"do": "sleep", "ms": 1500})))
        caller.start()
        wait_until(lambda: self.daemon.workers("victim", "busy") == 1, what="a busy worker")
        self.daemon.stop()
        caller.join()
        self.assertEqual((200, {"slept": True}), (answers[0].status, answers[0].json()))

    def test_second_start_refuses_a_data_folder_in_use(self):
        from hearth_e2e import Daemon
        second = Daemon()
        self.addCleanup(second.remove)
        second.data_dir = self.daemon.data_dir
        with self.assertRaisesRegex(AssertionError, "before it was ready"):
            second.start()
        self.assertEqual(200, self.daemon.invoke("victim", {}).status)


class KeptOverRestarts(RestartTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=5, memory=192, env={"KEPT": "yes"})

    def check_kept(self, end):
        name = f"kept-{end.__name__}"
        url = self.daemon.create_queue(name)
        for n in range(5):
            self.daemon.sqs("SendMessage", QueueUrl=url, MessageBody=f"message {n}")
        for _ in range(3):
            self.daemon.invoke("victim", {"do": "count"})
        public = self.daemon.create_url("victim") if end is self.daemon.kill9 else None
        configuration = self.daemon.get_function("victim").json()["Configuration"]
        bill = self.daemon.bill_of("victim")
        end()
        self.daemon.start()
        after = self.daemon.get_function("victim").json()["Configuration"]
        self.assertEqual(configuration, after)
        self.assertEqual(bill, self.daemon.bill_of("victim"), "the ledger")
        url = self.daemon.sqs("GetQueueUrl", QueueName=name)["QueueUrl"]
        received = self.daemon.sqs("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        self.assertEqual({f"message {n}" for n in range(5)}, {message["Body"] for message in received})
        self.assertEqual("yes", self.daemon.invoke("victim", {"do": "env", "name": "KEPT"}).json())
        if public:
            self.assertEqual(200, self.daemon.get_url(public).status)

    def test_after_sigterm(self):
        self.check_kept(self.daemon.stop)

    def test_after_kill_9(self):
        self.check_kept(self.daemon.kill9)

    def test_charge_of_the_very_last_answer_survives_kill_9(self):
        before = self.daemon.bill_of("victim").requests
        self.daemon.invoke("victim", {"do": "count"})
        self.daemon.kill9()
        self.daemon.start()
        self.assertEqual(before + 1, self.daemon.bill_of("victim").requests)

    def test_accepted_event_survives_kill_9(self):
        before = self.daemon.bill_of("victim").requests
        self.assertEqual(202, self.daemon.invoke("victim", {"do": "count"}, invocation_type="Event").status)
        self.daemon.kill9()
        self.daemon.start()
        wait_until(lambda: self.daemon.bill_of("victim").requests == before + 1, what="the event run once")


if __name__ == "__main__":
    unittest.main()
