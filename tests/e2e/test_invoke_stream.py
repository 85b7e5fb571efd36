"""InvokeWithResponseStream: the handler's pieces as events of AWS's framing, read by hand and by boto3."""
import base64
import binascii
import http.client
import json
import struct
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until

try:
    import boto3
except ImportError:
    boto3 = None


def read_message(answer):
    """(headers, payload) of the next message, its sums checked; None at the end."""
    prelude = answer.read(12)
    if not prelude:
        return None
    total, header_bytes, crc = struct.unpack(">III", prelude)
    assert binascii.crc32(prelude[:8]) == crc, prelude
    rest = answer.read(total - 12)
    assert binascii.crc32(prelude + rest[:-4]) == struct.unpack(">I", rest[-4:])[0]
    headers, at = {}, 0
    while at < header_bytes:
        name = rest[at + 1:at + 1 + rest[at]].decode()
        at += 1 + rest[at]
        assert rest[at] == 7, "a string"
        size = struct.unpack(">H", rest[at + 1:at + 3])[0]
        headers[name] = rest[at + 3:at + 3 + size].decode()
        at += 3 + size
    return headers, rest[header_bytes:-4]


class InvokeStream(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("streamer", handler_path("streamer"), timeout=60)
        cls.daemon.create_function("victim", handler_path("victim"), timeout=60)

    def ask(self, name="streamer", headers=None, **order):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.control_port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("POST", f"/2021-11-15/functions/{name}/response-streaming-invocations", json.dumps(order), headers or {})
        return connection.getresponse()

    def events(self, answer):
        self.assertEqual((200, "application/vnd.amazon.eventstream"), (answer.status, answer.headers["content-type"]))
        messages = []
        while message := read_message(answer):
            self.assertEqual("event", message[0][":message-type"])
            messages.append((message[0][":event-type"], message[1]))
        return messages

    def test_each_piece_is_an_event_and_the_last_says_how_it_ended(self):
        answer = self.ask(headers={"X-Amz-Log-Type": "Tail"}, pieces=3)
        self.assertEqual("$LATEST", answer.headers["X-Amz-Executed-Version"])
        self.assertRegex(answer.headers["x-amzn-RequestId"], "^[0-9a-f-]{36}$")
        *pieces, (last, end) = self.events(answer)
        self.assertEqual({"PayloadChunk"}, {kind for kind, _ in pieces})
        self.assertEqual([b"a" * 10, b"b" * 10, b"c" * 10], [piece for _, piece in pieces if piece])
        self.assertEqual("InvokeComplete", last)
        self.assertEqual(["LogResult"], list(json.loads(end)))
        self.assertIn("REPORT RequestId:", base64.b64decode(json.loads(end)["LogResult"]).decode())

    def test_the_first_piece_comes_before_the_handler_ends(self):
        self.daemon.create_function("slow", handler_path("streamer"), timeout=60)
        answer = self.ask("slow", pieces=2, sleep_ms=3_000)
        self.assertEqual(b"a" * 10, read_message(answer)[1])
        self.assertEqual(1, self.daemon.workers("slow", "busy"))
        self.assertEqual(["PayloadChunk", "InvokeComplete"], [kind for kind, _ in self.events(answer)])

    def test_a_handler_that_does_not_stream_is_one_piece(self):
        self.assertEqual([("PayloadChunk", b'{"do":"echo"}'), ("InvokeComplete", b"{}")],
                         [(kind, piece.replace(b" ", b"")) for kind, piece in self.events(self.ask("victim", do="echo"))])

    def test_a_long_answer_is_in_pieces_that_sdks_take(self):
        *pieces, (last, _) = self.events(self.ask(pieces=40, bytes=200_000))
        self.assertEqual(8_000_000, sum(len(piece) for _, piece in pieces))
        self.assertEqual("InvokeComplete", last)
        *pieces, (last, _) = self.events(self.ask("victim", do="echo", text="x" * 3_000_000))  # whole, of a handler that does not stream
        self.assertGreater(sum(len(piece) for _, piece in pieces), 3_000_000)
        self.assertEqual(1 << 20, max(len(piece) for _, piece in pieces))
        self.assertEqual("InvokeComplete", last)

    def test_errors_before_and_after_the_first_piece(self):
        for pieces, then, code in [(0, "throw", "std::runtime_error"), (2, "throw", "std::runtime_error"), (2, "exit", "Runtime.ExitError")]:
            with self.subTest(f"{then} after {pieces}"):
                *sent, (last, end) = self.events(self.ask(pieces=pieces, then=then))
                self.assertEqual(("InvokeComplete", pieces), (last, len(sent)))
                self.assertEqual(code, json.loads(end)["ErrorCode"])
                self.assertEqual(code, json.loads(json.loads(end)["ErrorDetails"])["errorType"])

    def test_what_never_ran_is_refused_as_any_call(self):
        path = "/2021-11-15/functions/{}/response-streaming-invocations"
        self.assert_refused(self.daemon.control("POST", path.format("nobody"), {}), 404, "ResourceNotFoundException", "nobody")
        self.assert_refused(self.daemon.control("POST", path.format("victim"), "{"), 400, "InvalidRequestContentException", "json")
        event = {"X-Amz-Invocation-Type": "Event"}
        self.assert_refused(self.daemon.control("POST", path.format("victim"), {}, event), 400, "InvalidParameterValueException", "Event")
        dry = self.daemon.control("POST", path.format("victim"), {}, {"X-Amz-Invocation-Type": "DryRun"})
        self.assertEqual(204, dry.status)
        self.daemon.create_function("off", handler_path("victim"))
        self.daemon.control("PUT", "/2017-10-31/functions/off/concurrency", {"ReservedConcurrentExecutions": 0})
        self.assert_refused(self.daemon.control("POST", path.format("off"), {}), 429, "TooManyRequestsException")

    def test_a_client_that_goes_away_harms_nobody(self):
        self.daemon.create_function("left", handler_path("streamer"), timeout=60)
        answer = self.ask("left", pieces=200, bytes=50_000)
        read_message(answer)
        answer.close()
        self.doCleanups()
        wait_until(lambda: self.daemon.workers("left", "busy") == 0, 30, "its end")
        self.assertEqual("InvokeComplete", self.events(self.ask("left"))[-1][0])

    @unittest.skipIf(boto3 is None, "needs boto3 (Debian: python3-boto3)")
    def test_boto3_reads_it(self):
        client = boto3.client("lambda", region_name="us-east-1", endpoint_url=self.daemon.endpoint,
                              aws_access_key_id="any", aws_secret_access_key="any")
        if not hasattr(client, "invoke_with_response_stream"):
            self.skipTest("this boto3 does not know InvokeWithResponseStream; 1.26.85 does")
        answer = client.invoke_with_response_stream(FunctionName="streamer", Payload=b'{"pieces": 2}', LogType="Tail")
        self.assertEqual(200, answer["StatusCode"])
        *pieces, end = answer["EventStream"]
        self.assertEqual(b"a" * 10 + b"b" * 10, b"".join(piece["PayloadChunk"]["Payload"] for piece in pieces))
        self.assertIn("REPORT", base64.b64decode(end["InvokeComplete"]["LogResult"]).decode())


if __name__ == "__main__":
    unittest.main()
