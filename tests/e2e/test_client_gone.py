"""Clients of function URLs that go away before they have their answer."""
import socket
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until


class ClientGone(DaemonTest):
    def send(self, url, body):
        """A request whose answer is not read yet."""
        host, prefix = url
        peer = socket.create_connection(("127.0.0.1", self.daemon.data_port))
        peer.sendall(f"POST {prefix}/ HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                     .encode())
        return peer

    def report(self, function):
        return [line for line in self.daemon.logs(function).splitlines() if line.startswith("REPORT")]

    def test_it_runs_on_unless_told_otherwise(self):
        self.daemon.create_function("slow", handler_path("victim"), timeout=20, env={"DO": "sleep"})
        url = self.daemon.create_url("slow")
        peer = self.send(url, "x")
        wait_until(lambda: self.daemon.workers("slow", "busy") == 1 or self.report("slow"), what="the function at work")
        peer.close()
        wait_until(lambda: self.report("slow"), what="its end")
        self.assertNotIn("ClientGone", self.report("slow")[0])
        self.assertEqual(1, self.daemon.bill_of("slow").requests)

    def test_cancel_kills_the_worker_and_bills_what_ran(self):
        self.daemon.create_function("endless", handler_path("victim"), timeout=20, env={"DO": "spin_forever"})
        url = self.daemon.create_url("endless", OnClientGone="CANCEL")
        shown = self.daemon.control("GET", "/2021-10-31/functions/endless/url").json()
        self.assertEqual("CANCEL", shown["Hearth"]["OnClientGone"])
        peer = self.send(url, "x")
        wait_until(lambda: self.daemon.workers("endless", "busy") == 1, what="the function at work")
        peer.close()
        wait_until(lambda: self.report("endless"), 10, "its end, long before its timeout")
        self.assertRegex(self.report("endless")[0], "Status: error\tError Type: Hearth.ClientGone")
        bill = self.daemon.bill_of("endless")
        self.assertEqual(1, bill.requests)
        self.assertTrue(0 < bill.billed_ms < 20_000, bill)
        self.assertEqual(0, self.daemon.workers("endless", "busy"))
        self.assertIn("aborted", [dict(labels).get("outcome") for (name, labels), value in self.daemon.metrics().items()
                                  if name.startswith("hearth_invocations") and value])

    def test_an_answered_request_is_not_cancelled(self):
        self.daemon.create_function("quick", handler_path("caller"))
        url = self.daemon.create_url("quick", OnClientGone="CANCEL")
        for _ in range(3):
            self.assertEqual(200, self.daemon.get_url(url).status)
        self.assertEqual(3, self.daemon.bill_of("quick").requests)
        self.assertFalse(any("ClientGone" in line for line in self.report("quick")))

    def test_who_waits_for_a_worker_never_begins(self):
        self.daemon.create_function("single", handler_path("victim"), timeout=20, env={"DO": "sleep"})
        path = "/2017-10-31/functions/single/concurrency"
        self.assertEqual(200, self.daemon.control("PUT", path, {"ReservedConcurrentExecutions": 1}).status)
        url = self.daemon.create_url("single", OnClientGone="CANCEL")
        self.daemon.update_configuration("single", Environment={"Variables": {"DO": "spin_forever"}})
        self.daemon.wait_active("single")
        first = self.send(url, "x")
        wait_until(lambda: self.daemon.workers("single", "busy") == 1, what="the function at work")
        second = self.send(url, "x")
        def waiting():
            versions = self.daemon.control("GET", "/_hearth/v1/workers").json()["versions"]
            return sum(version["waiting"] for version in versions if version["function"] == "single")
        wait_until(lambda: waiting() == 1, what="the second one waits")
        second.close()
        wait_until(lambda: waiting() == 0, what="it waits no more")
        first.close()
        wait_until(lambda: self.report("single"), what="the end of the first")
        self.assertEqual(1, self.daemon.bill_of("single").requests)

    def test_another_word_is_refused(self):
        self.daemon.create_function("refused", handler_path("caller"))
        answer = self.daemon.control("POST", "/2021-10-31/functions/refused/url", {"AuthType": "NONE", "OnClientGone": "EXPLODE"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", "OnClientGone", "FINISH", "CANCEL")


if __name__ == "__main__":
    unittest.main()
