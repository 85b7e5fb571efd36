"""Answers that reach the client piece by piece: function URLs with InvokeMode RESPONSE_STREAM, and what may go wrong."""
import http.client
import json
import re
import socket
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until
from ledger_reader import read_ledger


class Streaming(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("streamer", handler_path("streamer"), timeout=30)
        cls.url = cls.daemon.create_url("streamer", InvokeMode="RESPONSE_STREAM")

    def ask(self, url=None, **order):
        """The answer's head; its body is still to be read."""
        host, prefix = url or self.url
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.data_port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", f"{prefix}/", json.dumps(order), {"Host": host, "Content-Type": "application/json"})
        return connection.getresponse()

    def reports(self, function="streamer"):
        return [line for line in self.daemon.logs(function).splitlines() if line.startswith("REPORT")]

    def test_the_mode_is_kept_and_shown(self):
        path = "/2021-10-31/functions/streamer/url"
        self.assertEqual("RESPONSE_STREAM", self.daemon.control("GET", path).json()["InvokeMode"])
        answer = self.daemon.control("PUT", path, {"InvokeMode": "SOMETIMES"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", "InvokeMode", "RESPONSE_STREAM")

    def test_first_piece_comes_before_the_handler_ends(self):
        self.daemon.create_function("slow", handler_path("streamer"), timeout=60)
        url = self.daemon.create_url("slow", InvokeMode="RESPONSE_STREAM", OnClientGone="CANCEL")
        answer = self.ask(url, pieces=2, sleep_ms=50_000)
        self.assertEqual((200, "text/plain", "chunked"),
                         (answer.status, answer.headers["content-type"], answer.headers["transfer-encoding"]))
        self.assertEqual(b"a" * 10, answer.read(10))
        self.assertEqual(1, self.daemon.workers("slow", "busy"))
        answer.close()  # which ends the handler too
        self.doCleanups()
        wait_until(lambda: self.reports("slow"), 20, "its end")
        self.assertIn("Hearth.ClientGone", self.reports("slow")[0])

    def test_all_pieces_in_order_however_many(self):
        body = self.ask(pieces=1000, bytes=1000).read()
        self.assertEqual(1_000_000, len(body))
        self.assertEqual([chr(ord("a") + i % 26) * 1000 for i in range(1000)],
                         [body[i:i + 1000].decode() for i in range(0, len(body), 1000)])

    def test_status_headers_and_cookies_of_its_own(self):
        answer = self.ask(status=202, pieces=3)
        self.assertEqual((202, "yes", "a=1"), (answer.status, answer.headers["x-streamed"], answer.headers["set-cookie"]))
        self.assertRegex(answer.headers["x-amzn-requestid"], "^[0-9a-f-]{36}$")
        self.assertEqual(b"a" * 10 + b"b" * 10 + b"c" * 10, answer.read())

    def test_a_handler_that_streams_is_served_buffered_too(self):
        self.daemon.create_function("buffered", handler_path("streamer"))
        answer = self.ask(self.daemon.create_url("buffered"), status=202, pieces=3)
        self.assertEqual((202, "no", "30"), (answer.status, answer.headers["x-streamed"], answer.headers["content-length"]))
        self.assertEqual(30, len(answer.read()))

    def test_a_handler_that_does_not_stream_is_answered_whole(self):
        answer = self.ask(plain=True)
        self.assertEqual((200, b"null"), (answer.status, answer.read()))

    def test_who_dies_in_mid_stream_is_seen_by_the_client(self):
        for end in ("throw", "exit", "crash"):
            with self.subTest(end):
                answer = self.ask(pieces=3, then=end)
                self.assertEqual(200, answer.status)
                with self.assertRaises((http.client.IncompleteRead, ConnectionResetError)):
                    answer.read()
                    raise AssertionError("the answer looks whole")
        self.assertEqual(b"a" * 10, self.ask(pieces=1).read())

    def test_who_fails_before_the_first_piece_is_answered_as_ever(self):
        answer = self.ask(pieces=0, then="throw")
        self.assertEqual(502, answer.status)
        self.assertIn("message", json.loads(answer.read()))

    def resident_kib(self):
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def stalled(self, name, **order):
        """A client that reads nothing of what that function streams, once nothing moves any more."""
        self.daemon.create_function(name, handler_path("streamer"), timeout=120, memory=1769)
        host, prefix = self.daemon.create_url(name, InvokeMode="RESPONSE_STREAM")
        self.assertEqual(10, len(self.ask((host, prefix)).read()))
        before = self.resident_kib()
        body = json.dumps(order)
        peer = socket.create_connection(("127.0.0.1", self.daemon.data_port), timeout=60)
        self.addCleanup(peer.close)
        peer.sendall(f"POST {prefix}/ HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        unsent = []

        def nothing_moves():
            unsent.append(self.unsent_bytes(peer.getsockname()[1]))
            return len(unsent) > 5 and unsent[-1] > 0 and len(set(unsent[-5:])) == 1
        wait_until(nothing_moves, 60, "sockets full")
        self.assertEqual(1, self.daemon.workers(name, "busy"))
        return peer, self.resident_kib() - before

    def test_a_slow_client_does_not_fill_the_daemon(self):
        peer, grown_kib = self.stalled("much", pieces=1500, bytes=100_000)  # 150 MB
        self.assertLess(grown_kib, 75_000)
        received = 0
        while piece := peer.recv(1 << 20):
            received += len(piece)
        self.assertGreater(received, 150_000_000)
        wait_until(lambda: len(self.reports("much")) == 2, what="its end")

    def test_a_slow_client_that_goes_away_holds_up_nobody(self):
        peer, _ = self.stalled("left", pieces=1500, bytes=100_000)
        peer.close()
        wait_until(lambda: len(self.reports("left")) == 2, 60, "its end")
        self.assertNotIn("Status", self.reports("left")[1])

    def unsent_bytes(self, client_port):
        """That the kernel holds for this client."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table.read().splitlines()[1:]:
                fields = line.split()
                if (fields[1].endswith(f":{self.daemon.data_port:04X}") and fields[2].endswith(f":{client_port:04X}")):
                    return int(fields[4].split(":")[0], 16)
        return 0

    def test_bytes_of_a_stream_are_in_the_record(self):
        self.daemon.create_function("metered", handler_path("streamer"))
        url = self.daemon.create_url("metered", InvokeMode="RESPONSE_STREAM")
        self.assertEqual(30_000, len(self.ask(url, pieces=30, bytes=1000).read()))
        wait_until(lambda: self.reports("metered"), what="its record")
        records = [record for record in read_ledger(self.daemon.data_dir / "ledger") if record.function == "metered"]
        self.assertEqual([30_000], [record.bytes_out for record in records])


if __name__ == "__main__":
    unittest.main()
