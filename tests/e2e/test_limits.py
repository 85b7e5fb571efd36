"""At the edges: too large, malformed, unknown. Always an answer that says what happened, and the daemon stays."""
import base64
import json
import unittest

from hearth_e2e import DaemonTest, handler_path, http_call, metric_sum, raw_call

SYNC_PAYLOAD_MAX = 6 * 1024 * 1024
ASYNC_PAYLOAD_MAX = 1024 * 1024


class Limits(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"), timeout=10, memory=512)
        cls.url = cls.daemon.create_url("victim")

    def tearDown(self):
        self.assertEqual(200, self.daemon.invoke("victim", {"do": "echo"}).status, "the daemon serves on")

    @staticmethod
    def payload_of(size):
        return b'"' + b"x" * (size - 2) + b'"'

    def test_payload_at_the_limit_and_one_past_it(self):
        at = self.daemon.invoke("victim", self.payload_of(SYNC_PAYLOAD_MAX))
        self.assertEqual((200, SYNC_PAYLOAD_MAX), (at.status, len(at.body)), at)
        past = self.daemon.invoke("victim", self.payload_of(SYNC_PAYLOAD_MAX + 1))
        self.assert_refused(past, 413, "RequestTooLargeException")

    def test_event_payload_has_a_limit_of_its_own(self):
        past = self.daemon.invoke("victim", self.payload_of(ASYNC_PAYLOAD_MAX + 1), invocation_type="Event")
        self.assert_refused(past, 413, "RequestTooLargeException")

    def test_answer_over_the_limit_is_a_function_error(self):
        answer = self.daemon.invoke("victim", {"do": "bytes", "bytes": 7 * 1024 * 1024})
        body = self.assert_function_error(answer, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum")
        self.assertIn("6291556 bytes", body["errorMessage"])

    def test_payload_that_is_not_json(self):
        self.assert_refused(self.daemon.invoke("victim", b"{not json"), 400, "InvalidRequestContentException",
                            "could not parse request body into json")

    def test_unknown_function(self):
        for answer in (self.daemon.invoke("nobody", {}), self.daemon.get_function("nobody"), self.daemon.delete_function("nobody")):
            self.assert_refused(answer, 404, "ResourceNotFoundException",
                                "function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody")

    def test_name_that_cannot_be_one(self):
        self.assertIn(self.daemon.invoke("no%20name", {}).status, (400, 404))

    def test_unknown_operation(self):
        answer = self.daemon.control("GET", "/2015-03-31/nothing")
        self.assertIn(answer.status, (403, 404), answer)
        answer.json()

    def test_create_with_a_body_that_is_not_json(self):
        self.assertEqual(400, self.daemon.control("POST", "/2015-03-31/functions", "{not json").status)

    def assert_answers(self, port, sent, *statuses):
        """Raw bytes get one of these statuses, with a JSON body."""
        received = raw_call(port, sent)
        head, _, body = received.partition(b"\r\n\r\n")
        self.assertRegex(head, rb"^HTTP/1\.1 \d{3} ", f"{sent[:80]!r} got {received[:200]!r}")
        self.assertIn(int(head.split()[1]), statuses, received[:400])
        json.loads(body)

    def test_malformed_http(self):
        for port in (self.daemon.data_port, self.daemon.control_port):
            for sent in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                         b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
                         b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                         b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
                         b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
                with self.subTest(sent=sent, port="data" if port == self.daemon.data_port else "control"):
                    self.assert_answers(port, sent + b"\r\n\r\n", 400, 403, 501)

    def test_url_that_is_too_long(self):
        self.assert_answers(self.daemon.data_port, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, 431)

    def test_headers_that_are_too_large(self):
        self.assert_answers(self.daemon.data_port, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Long: " + b"a" * 200_000 + b"\r\n\r\n", 431)

    def test_body_that_is_too_large_for_a_url(self):
        answer = self.daemon.get_url(self.url, method="POST", body=b"x" * (7 * 1024 * 1024))
        self.assertEqual(413, answer.status, answer)
        answer.json()

    def test_body_announced_too_large_is_refused_before_it_is_sent(self):
        host, prefix = self.url
        self.assert_answers(self.daemon.data_port, f"POST {prefix}/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999\r\n"
                            "Expect: 100-continue\r\n\r\n".encode(), 413)

    def test_foreign_host_is_refused_on_the_control_port(self):
        answer = http_call(self.daemon.control_port, "GET", "/2015-03-31/functions", host="evil.example")
        self.assertEqual(403, answer.status, answer)

    def test_foreign_origin_is_refused_on_the_control_port(self):
        answer = self.daemon.control("GET", "/2015-03-31/functions", headers={"Origin": "https://evil.example"})
        self.assertEqual(403, answer.status, answer)

    def test_client_context_reaches_the_handler(self):
        context = base64.b64encode(b'{"client":1}').decode()
        answer = self.daemon.control("POST", "/2015-03-31/functions/victim/invocations", {"do": "context"},
                                     {"X-Amz-Client-Context": context})
        self.assertIn(answer.json()["client_context"], (context, '{"client":1}'))


class Health(DaemonTest):
    def test_liveness_readiness_and_metrics(self):
        self.assertEqual(200, self.daemon.control("GET", "/livez").status)
        self.assertEqual(200, self.daemon.control("GET", "/readyz").status)
        self.daemon.create_function("victim", handler_path("victim"))
        self.daemon.invoke("victim", {})
        samples = self.daemon.metrics()
        self.assertEqual(1, metric_sum(samples, "hearth_invocations_total", function="victim"), samples)


if __name__ == "__main__":
    unittest.main()
