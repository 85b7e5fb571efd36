"""End-to-end harness: a real hearthd from the build tree, driven over its own doors.

    class Greets(DaemonTest):
        def test_first_call(self):
            self.daemon.create_function("victim", handler_path("victim"))
            answer = self.daemon.invoke("victim", {"do": "count"})
            self.assertEqual(1, answer.json())

HEARTH_BUILD_DIR names the build tree (default build/test). HEARTH_LOOPS=3 runs every daemon with three loops. Nothing sleeps for a fixed time: wait_until() polls to a deadline.
What the daemon wrote to stderr is printed when a test of it fails.
"""
import base64
import collections
import functools
import http.client
import io
import json
import math
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOOPS = ["--loops", os.environ["HEARTH_LOOPS"]] if "HEARTH_LOOPS" in os.environ else []
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build/test")).resolve()

START_DEADLINE_S = 30  # an instrumented daemon on a busy two-core machine; a release build takes well under a second
STOP_DEADLINE_S = 20
WAIT_DEADLINE_S = 20
REQUEST_DEADLINE_S = 60
POLL_S = 0.01

ACCOUNT, REGION = "000000000000", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


def wait_until(predicate, deadline_s=WAIT_DEADLINE_S, what="condition"):
    """Polls until predicate() is true and returns its value; fails by name at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(POLL_S)


def built(name):
    """Path of an executable or library of the build tree, by its name."""
    found = find_built(BUILD, name)
    if not found:
        raise AssertionError(f"{name} is not in {BUILD}: run ./dev build, or set HEARTH_BUILD_DIR")
    return found


@functools.lru_cache
def find_built(build, name):
    return next((path for path in sorted(build.rglob(name)) if path.is_file() and os.access(path, os.X_OK)), None)


def handler_path(name):
    """A function's shared object, as hearth_add_function() built it."""
    return built(f"lib{name}.so")


def zip_of(*paths, **texts):
    """A package: files by their own names, texts by keyword."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for path in paths:
            package.write(path, pathlib.Path(path).name)
        for name, text in texts.items():
            package.writestr(name, text)
    return packed.getvalue()


class Answer:
    """What came back: status, headers (case-blind), body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as problem:
            raise AssertionError(f"answer {self.status} is not JSON ({problem}): {self.body[:400]!r}") from None

    @property
    def function_error(self):
        return self.headers.get("X-Amz-Function-Error")

    @property
    def error_type(self):
        """The error's code, where a refusal carries it."""
        named = self.headers.get("x-amzn-ErrorType") or ""
        return named.split(":")[0]

    @property
    def message(self):
        body = self.json()
        return body.get("Message") or body.get("message") or ""

    @property
    def log(self):
        return base64.b64decode(self.headers.get("X-Amz-Log-Result") or "").decode(errors="replace")

    def report(self):
        return Report(self.log)

    def __repr__(self):
        return f"Answer({self.status}, {dict(self.headers)}, {self.body[:600]!r})"


class Report:
    """A REPORT line, parsed as the tools out there do."""

    LINE = re.compile(r"^REPORT RequestId: (?P<id>[0-9a-f-]{36})\tDuration: (?P<duration>[0-9.]+) ms\t"
                      r"Billed Duration: (?P<billed>\d+) ms\tMemory Size: (?P<memory>\d+) MB\t"
                      r"Max Memory Used: (?P<used>\d+) MB\t(?:(?P<kind>Init|Restore) Duration: (?P<init>[0-9.]+) ms\t)?(?P<rest>.*)$", re.M)

    def __init__(self, log):
        found = self.LINE.search(log)
        if not found:
            raise AssertionError(f"no REPORT line in the log: {log!r}")
        self.request_id = found["id"]
        self.duration_ms = float(found["duration"])
        self.billed_ms = int(found["billed"])
        self.memory_mb = int(found["memory"])
        self.init_ms = float(found["init"]) if found["init"] else None  # or of a restore
        self.restored = found["kind"] == "Restore"
        self.rest = found["rest"]

    def billed_as_printed(self):
        """ceil(init + duration) to 1 ms, at least 1; the line prints 10 us steps, so both sides of a step are right."""
        total = self.duration_ms + (self.init_ms or 0.0)
        return max(1, math.ceil(total - 0.011)) <= self.billed_ms <= max(1, math.ceil(total + 0.011))


def http_call(port, method, path, body=None, headers=None, host=None):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_DEADLINE_S)
    try:
        connection.putrequest(method, path, skip_host=host is not None, skip_accept_encoding=True)
        if host is not None:
            connection.putheader("Host", host)
        payload = body.encode() if isinstance(body, str) else body
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if payload is not None:
            connection.putheader("Content-Length", str(len(payload)))
        connection.endheaders(payload)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def raw_call(port, sent, deadline_s=10.0):
    """Sends bytes as they are, and returns all that came until the peer closed or was quiet to the deadline."""
    with socket.create_connection(("127.0.0.1", port), timeout=deadline_s) as peer:
        peer.sendall(sent)
        received = b""
        try:
            while chunk := peer.recv(65536):
                received += chunk
        except TimeoutError:
            pass
        except ConnectionResetError:
            pass  # a refused body may be answered and then cut off; what arrived before counts
        return received


Billed = collections.namedtuple("Billed", "requests billed_ms")


class Daemon:
    """A hearthd with a data folder of its own, on free loopback ports."""

    def __init__(self, config=None, arguments=(), executable=None, uid=None, wrapper=()):
        """`uid`: run as this user instead of ours; only root can ask for that. `wrapper`: what executes it in its own place."""
        self.executable = executable
        self.wrapper = list(wrapper)
        self.uid = uid
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-e2e-"))
        if uid is not None:
            os.chown(self.folder, uid, uid)
        self.data_dir = self.folder / "data"
        self.arguments = list(arguments)
        self.config = config
        self.process = None
        self.data_port = self.control_port = 0

    # --- life ---

    def start(self):
        ready_file = self.folder / "ready.json"
        ready_file.unlink(missing_ok=True)
        command = [*self.wrapper, self.executable or built("hearthd"), "--data-dir", self.data_dir, "--data-listen", "127.0.0.1:0",
                   "--control-listen", "127.0.0.1:0", "--ready-file", ready_file, *LOOPS, *self.arguments]
        if self.config is not None:
            (self.folder / "hearth.json").write_text(json.dumps(self.config))
            command += ["--config", self.folder / "hearth.json"]
        with open(self.folder / "stderr", "ab") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            user=self.uid, group=self.uid,
                                            extra_groups=None if self.uid is None else [])
        ready = wait_until(lambda: self._ready(ready_file), START_DEADLINE_S, f"hearthd ready (log: {self.folder}/stderr)")
        self.data_port, self.control_port = ready["data_port"], ready["control_port"]
        return self

    def _ready(self, ready_file):
        if self.process.poll() is not None:
            raise AssertionError(f"hearthd exited with {self.process.returncode} before it was ready:\n{self.stderr()}")
        try:
            return json.loads(ready_file.read_text())
        except (FileNotFoundError, ValueError):  # not there, or half-written
            return None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def terminate(self):
        """SIGTERM, and no wait: see wait_exit()."""
        self.process.send_signal(signal.SIGTERM)

    def wait_exit(self):
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"hearthd was still there {STOP_DEADLINE_S} s after SIGTERM") from None

    def stop(self):
        """SIGTERM: drains, and exits with 0."""
        self.terminate()
        code = self.wait_exit()
        if code != 0:
            raise AssertionError(f"hearthd exited with {code} on SIGTERM, not 0:\n{self.stderr()}")

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        """Stops it if it runs, and starts it again on the same data."""
        if self.running():
            self.stop()
        return self.start()

    def remove(self):
        """Ends whatever is left, and the folder with it."""
        if self.running():
            self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stderr(self, bytes_max=20000):
        try:
            return (self.folder / "stderr").read_bytes()[-bytes_max:].decode(errors="replace")
        except FileNotFoundError:
            return ""

    # --- control: Lambda's REST API ---

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.control_port}"

    def control(self, method, path, document=None, headers=None):
        body = None if document is None else document if isinstance(document, (bytes, str)) else json.dumps(document)
        return http_call(self.control_port, method, path, body, {"Content-Type": "application/json", **(headers or {})})

    def try_create_function(self, name, code, handler=None, memory=128, timeout=3, env=None, hearth=None, **fields):
        """CreateFunction as it answers. `code` is bytes (zip or .so) or the path of a .so; `hearth` are our own settings."""
        library = pathlib.Path(code).name if not isinstance(code, bytes) else None
        package = code if isinstance(code, bytes) else pathlib.Path(code).read_bytes()
        document = {"FunctionName": name, "Runtime": "provided.al2023", "Role": ROLE,
                    "Handler": handler or library, "Code": {"ZipFile": base64.b64encode(package).decode()},
                    "MemorySize": memory, "Timeout": timeout, **fields}
        if env:
            document["Environment"] = {"Variables": env}
        if hearth:
            document["Hearth"] = hearth
        return self.control("POST", "/2015-03-31/functions", document)

    def create_function(self, name, code, **settings):
        """Creates it and waits until it can be called."""
        answer = self.try_create_function(name, code, **settings)
        if answer.status != 201:
            raise AssertionError(f"CreateFunction {name}: {answer}")
        self.wait_active(name)
        return answer.json()

    def get_function(self, name):
        return self.control("GET", f"/2015-03-31/functions/{name}")

    def wait_active(self, name):
        def settled():
            configuration = self.get_function(name).json().get("Configuration", {})
            return configuration.get("State") == "Active" and configuration.get("LastUpdateStatus") != "InProgress"
        wait_until(settled, what=f"function {name} active")

    def update_code(self, name, package):
        package = package if isinstance(package, bytes) else pathlib.Path(package).read_bytes()
        return self.control("PUT", f"/2015-03-31/functions/{name}/code",
                            {"ZipFile": base64.b64encode(package).decode()})

    def update_configuration(self, name, **fields):
        return self.control("PUT", f"/2015-03-31/functions/{name}/configuration", fields)

    def delete_function(self, name):
        return self.control("DELETE", f"/2015-03-31/functions/{name}")

    def invoke(self, name, payload=None, log_tail=True, invocation_type=None):
        """Invoke; a dict or list is sent as JSON, bytes and text as they are."""
        body = payload if isinstance(payload, (bytes, str)) or payload is None else json.dumps(payload)
        headers = {"X-Amz-Log-Type": "Tail"} if log_tail and invocation_type in (None, "RequestResponse") else {}
        if invocation_type:
            headers["X-Amz-Invocation-Type"] = invocation_type
        return self.control("POST", f"/2015-03-31/functions/{name}/invocations", body or "", headers)

    def create_url(self, name, **fields):
        """Gives the function a public URL; returns (host, path) to ask the data port for."""
        answer = self.control("POST", f"/2021-10-31/functions/{name}/url", {"AuthType": "NONE", **fields})
        if answer.status != 201:
            raise AssertionError(f"CreateFunctionUrlConfig {name}: {answer}")
        url = urllib.parse.urlsplit(answer.json()["FunctionUrl"])
        return url.netloc, url.path.rstrip("/")

    # --- data plane ---

    def get_url(self, url, path="/", method="GET", body=None, headers=None):
        host, prefix = url
        return http_call(self.data_port, method, prefix + path, body, headers, host=host)

    # --- queues: SQS, JSON 1.0 ---

    def try_sqs(self, operation, **fields):
        return self.control("POST", "/", fields, {"Content-Type": "application/x-amz-json-1.0",
                                                  "X-Amz-Target": f"AmazonSQS.{operation}"})

    def sqs(self, operation, **fields):
        answer = self.try_sqs(operation, **fields)
        if answer.status != 200:
            raise AssertionError(f"SQS {operation} {fields}: {answer}")
        return answer.json()

    def create_queue(self, name, **attributes):
        return self.sqs("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]

    def queue_depth(self, url):
        """(visible, in flight)"""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=names)["Attributes"]
        return tuple(int(attributes[name]) for name in names)

    def map_queue(self, queue, function, **fields):
        """Event source mapping, waited for until it is enabled; returns its UUID."""
        answer = self.control("POST", "/2015-03-31/event-source-mappings", {
            "EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}", "FunctionName": function, **fields})
        if answer.status != 202:
            raise AssertionError(f"CreateEventSourceMapping {queue} -> {function}: {answer}")
        uuid = answer.json()["UUID"]
        path = f"/2015-03-31/event-source-mappings/{uuid}"
        wait_until(lambda: self.control("GET", path).json().get("State") == "Enabled", what=f"mapping {uuid} enabled")
        return uuid

    # --- what is ours alone ---

    def put_bucket(self, name, folder, *notifications):
        """A folder of this machine as a bucket; notifications are {"FunctionName", "Prefix", "Suffix"}."""
        document = {"Path": str(folder), "Notifications": notifications}
        answer = self.control("PUT", f"/_hearth/v1/buckets/{name}", document)
        if answer.status not in (200, 201):
            raise AssertionError(f"bucket {name}: {answer}")
        return answer.json()

    def put_route(self, name, route, function, **fields):
        answer = self.control("PUT", f"/_hearth/v1/routes/{name}", {"Route": route, "FunctionName": function, **fields})
        if answer.status != 200:
            raise AssertionError(f"route {route}: {answer}")

    def workers(self, function, state):
        """How many workers of that function are "starting", "idle" or "busy"."""
        versions = self.control("GET", "/_hearth/v1/workers").json()["versions"]
        return sum(version[state] for version in versions if version["function"] == function)

    def bill(self):
        answer = self.control("GET", "/_hearth/v1/bill")
        if answer.status != 200:
            raise AssertionError(f"bill: {answer}")
        return answer.json()

    def bill_of(self, function):
        """The function's totals; zeros when the bill has no line for it."""
        for row in self.bill()["rows"]:
            if row["function"] == function:
                return Billed(row["requests"], row["billed_ms"])
        return Billed(0, 0)

    def logs(self, function):
        """Its log as text, a message a line."""
        kept = self.control("GET", f"/_hearth/v1/logs/{function}").body.decode(errors="replace")
        return "".join(json.loads(line)["message"] + "\n" for line in kept.splitlines())

    def metrics(self):
        """Samples of /metrics: {(name, frozenset of label pairs): value}."""
        return parse_metrics(self.control("GET", "/metrics").body.decode())

    def hearth(self, *arguments, stdin=None, env=None):
        """Runs the command line against this daemon."""
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "HEARTH_URL": self.endpoint, **(env or {})}
        return subprocess.run([str(built("hearth")), *map(str, arguments)], input=stdin, env=environment, cwd=self.folder,
                              capture_output=True, text=True, timeout=REQUEST_DEADLINE_S, check=False)


SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')


def parse_metrics(text):
    found = (SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#"))
    return {(sample[1], frozenset(LABEL.findall(sample[2] or ""))): float(sample[3]) for sample in found if sample}


def metric_sum(samples, name, **labels):
    """Sum over the samples of that name that have these labels."""
    wanted = set(labels.items())
    return sum(value for (sample, pairs), value in samples.items() if sample == name and wanted <= pairs)


class DaemonTest(unittest.TestCase):
    """One daemon a class. A failed test prints what the daemon said."""

    CONFIG = None
    ARGUMENTS = ()

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(cls.CONFIG, cls.ARGUMENTS)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        cls.set_up_functions()

    @classmethod
    def set_up_functions(cls):
        """What every test of the class needs deployed."""

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"--- hearthd, during {self.id()}:\n{self.daemon.stderr()}\n---", file=sys.stderr)
        return result

    def assert_refused(self, answer, status, error_type, *words):
        """A refusal in Lambda's shape: status, error code in the header, words in the message."""
        self.assertEqual(status, answer.status, answer)
        self.assertEqual(error_type, answer.error_type, answer)
        for word in words:
            self.assertIn(word.lower(), answer.message.lower(), answer)
        self.assertRegex(answer.headers.get("x-amzn-RequestId") or "", r"^[0-9a-f-]{36}$", answer)

    def assert_function_error(self, answer, error_type, message=""):
        """Invoke's answer when the function failed: 200, the header, Lambda's error body."""
        self.assertEqual(200, answer.status, answer)
        self.assertEqual("Unhandled", answer.function_error, answer)
        body = answer.json()
        self.assertEqual(error_type, body["errorType"], answer)
        self.assertRegex(body["errorMessage"], message, answer)
        return body
