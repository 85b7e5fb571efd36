"""HTTP requests on the data plane, to a function's URL and to declared routes."""
import base64
import json
import socket
import unittest

from hearth_e2e import DaemonTest, handler_path, http_call, raw_call


class FunctionUrl(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("hello_http", handler_path("hello_http"))
        cls.hello = cls.daemon.create_url("hello_http")
        cls.daemon.create_function("victim", handler_path("victim"), timeout=1)
        cls.victim = cls.daemon.create_url("victim")

    def event_of(self, path="/", **request):
        """The event that a request becomes: the victim echoes what it does not understand."""
        answer = self.daemon.get_url(self.victim, path, **request)
        self.assertEqual(200, answer.status, answer)
        return answer.json()

    def test_get_is_answered_by_the_function(self):
        answer = self.daemon.get_url(self.hello, "/?name=moon")
        self.assertEqual((200, "hello moon"), (answer.status, answer.json()["greeting"]))
        self.assertTrue(answer.headers["Content-Type"].startswith("application/json"))

    def test_status_of_the_function_is_the_status_of_the_answer(self):
        self.assertEqual(405, self.daemon.get_url(self.hello, method="DELETE").status)

    def test_head_has_the_headers_and_no_body(self):
        answer = self.daemon.get_url(self.hello, method="HEAD")
        self.assertEqual((200, b""), (answer.status, answer.body))
        self.assertGreater(int(answer.headers["Content-Length"]), 0)

    def test_event_is_payload_2_0(self):
        event = self.event_of("/a%20b/c?x=1&x=2&y=%C3%A9", headers={"X-Thing": "one", "Cookie": "a=1; b=2", "User-Agent": "e2e"})
        self.assertEqual("2.0", event["version"])
        self.assertEqual("$default", event["routeKey"])
        self.assertEqual("x=1&x=2&y=%C3%A9", event["rawQueryString"])
        self.assertEqual({"x": "1,2", "y": "é"}, event["queryStringParameters"])
        self.assertEqual("one", event["headers"]["x-thing"])
        self.assertEqual(["a=1", "b=2"], event["cookies"])
        http = event["requestContext"]["http"]
        self.assertEqual(("GET", "127.0.0.1", "e2e"), (http["method"], http["sourceIp"], http["userAgent"]))
        self.assertFalse(event["isBase64Encoded"])

    def test_text_body_arrives_as_text_and_bytes_as_base64(self):
        text = self.event_of(method="POST", body='{"n":1}', headers={"Content-Type": "application/json"})
        self.assertEqual(('{"n":1}', False), (text["body"], text["isBase64Encoded"]))
        sent = bytes(range(256))
        binary = self.event_of(method="POST", body=sent, headers={"Content-Type": "application/octet-stream"})
        self.assertEqual((sent, True), (base64.b64decode(binary["body"]), binary["isBase64Encoded"]))

    def raw_request(self, url, head, body=b""):
        host, prefix = url
        return raw_call(self.daemon.data_port, head.format(host=host, prefix=prefix).encode() + body)

    def test_chunked_request_body(self):
        received = self.raw_request(self.victim, "POST {prefix}/ HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\n"
                                    "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
                                    b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n")
        head, _, body = received.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200"), received[:300])
        self.assertEqual("hello world", json.loads(body)["body"])

    def test_pipelined_requests_are_answered_in_order(self):
        host, prefix = self.hello
        one = f"GET {prefix}/?name={{}} HTTP/1.1\r\nHost: {host}\r\n{{}}\r\n"
        received = raw_call(self.daemon.data_port, "".join(
            [one.format("a", ""), one.format("b", ""), one.format("c", "Connection: close\r\n")]).encode())
        places = [received.find(f"hello {name}".encode()) for name in "abc"]
        self.assertNotIn(-1, places, received)
        self.assertEqual(sorted(places), places)

    def test_expect_100_continue(self):
        host, prefix = self.victim
        with socket.create_connection(("127.0.0.1", self.daemon.data_port), timeout=10) as peer:
            peer.sendall(f"POST {prefix}/ HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
                         "Content-Type: text/plain\r\nConnection: close\r\n\r\n".encode())
            self.assertTrue(peer.recv(4096).startswith(b"HTTP/1.1 100 "), "asked before the body is sent")
            peer.sendall(b"ok")
            self.assertTrue(peer.recv(4096).startswith(b"HTTP/1.1 200 "))

    def test_function_error_is_502_and_timeout_is_a_gateway_error_both_with_json(self):
        self.daemon.create_function("thrower", handler_path("recorder"))  # has no bucket to write to, so it throws
        failed = self.daemon.get_url(self.daemon.create_url("thrower"))
        self.assertEqual(502, failed.status, failed)
        failed.json()

    def test_unknown_url_is_403_as_on_aws(self):
        answer = http_call(self.daemon.data_port, "GET", "/", host="nobody.lambda-url.us-east-1.localhost")
        self.assertIn(answer.status, (403, 404), answer)
        answer.json()

    def test_token_is_asked_for(self):
        self.daemon.create_function("private", handler_path("hello_http"))
        url = self.daemon.create_url("private", AuthType="TOKEN", Token="a-long-secret-of-the-test")
        without = self.daemon.get_url(url)
        self.assertIn(without.status, (401, 403), without)
        wrong = self.daemon.get_url(url, headers={"Authorization": "Bearer another-secret-of-the-test"})
        self.assertIn(wrong.status, (401, 403), wrong)
        right = self.daemon.get_url(url, headers={"Authorization": "Bearer a-long-secret-of-the-test"})
        self.assertEqual(200, right.status, right)

    def test_function_without_url_is_not_reachable(self):
        self.daemon.create_function("hidden", handler_path("hello_http"))
        for path in ("/hidden", "/function/hidden", "/2015-03-31/functions/hidden/invocations"):
            self.assertIn(http_call(self.daemon.data_port, "POST", path, "{}").status, (403, 404), path)

    def test_http_invocation_is_in_the_ledger(self):
        before = self.daemon.bill_of("hello_http").requests
        self.daemon.get_url(self.hello)
        self.assertEqual(before + 1, self.daemon.bill_of("hello_http").requests)

    def test_ipv4_client_that_hangs_up_early_harms_nobody(self):
        raw_call(self.daemon.data_port, b"GET / HT", deadline_s=0.1)
        self.assertEqual(200, self.daemon.get_url(self.hello).status)


class DeclaredRoutes(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))
        cls.daemon.put_route("thumbs", "GET /thumbs/{name}", "victim")

    def ask(self, method, path):
        return http_call(self.daemon.data_port, method, path)

    def test_path_parameter_is_in_the_event(self):
        event = self.ask("GET", "/thumbs/my%20cat.jpg").json()
        self.assertEqual({"name": "my cat.jpg"}, event["pathParameters"])
        self.assertEqual("GET /thumbs/{name}", event["routeKey"])

    def test_other_method_is_405_and_other_path_is_404(self):
        self.assertEqual(405, self.ask("DELETE", "/thumbs/x").status)
        self.assertEqual(404, self.ask("GET", "/elsewhere").status)

    def test_route_that_conflicts_is_refused(self):
        answer = self.daemon.control("PUT", "/_hearth/v1/routes/again", {"Route": "GET /thumbs/{other}", "FunctionName": "victim"})
        self.assertIn(answer.status, (400, 409), answer)
        self.assertIn("/thumbs/", answer.message)


if __name__ == "__main__":
    unittest.main()
