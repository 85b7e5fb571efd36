"""SQS's real clients against the daemon: AWS's command line and boto3 as Debian has them, AWS's SDK for JavaScript and sqs-consumer
from npm, of the versions in clients/package-lock.json."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from hearth_e2e import DaemonTest, wait_until

AWS = pathlib.Path("/usr/bin/aws")  # Debian's own, not a shim of a Python version manager
PYTHON = pathlib.Path("/usr/bin/python3")  # Debian's, which sees Debian's boto3
CLIENTS = pathlib.Path(__file__).with_name("clients")
MODULES = pathlib.Path(os.environ.get("HEARTH_BUILD_DIR", "build/test")) / "clients/node_modules"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
               "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "LC_ALL": "C.UTF-8",
               "NO_PROXY": "127.0.0.1"}


def has_boto3():
    return PYTHON.exists() and subprocess.run([str(PYTHON), "-c", "import boto3"], capture_output=True, check=False).returncode == 0


class Client(DaemonTest):
    def environment(self, **more):
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(self.daemon.folder), **CREDENTIALS, **more}

    def run_client(self, *command, timeout=120, **environment):
        done = subprocess.run([str(part) for part in command], env=self.environment(**environment), cwd=self.daemon.folder,
                              capture_output=True, text=True, timeout=timeout, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout


@unittest.skipUnless(AWS.exists(), "needs the aws command line: apt-get install awscli")
class AwsCommandLine(Client):
    """Debian's 2.9.19 speaks the query protocol: forms, and XML back."""

    def sqs(self, *arguments):
        return json.loads(self.run_client(AWS, "--endpoint-url", self.daemon.endpoint, "--output", "json", "sqs", *arguments) or "null")

    def test_message_goes_round(self):
        url = self.sqs("create-queue", "--queue-name", "cli", "--attributes", "VisibilityTimeout=41", "--tags", "team=shop")["QueueUrl"]
        sent = self.sqs("send-message", "--queue-url", url, "--message-body", "a <b> & c", "--message-attributes",
                        '{"k": {"DataType": "String", "StringValue": "v"}}')
        self.assertEqual("0a77b0642718c3d9dd47090567d11e0d", sent["MD5OfMessageAttributes"])
        message = self.sqs("receive-message", "--queue-url", url, "--attribute-names", "All", "--message-attribute-names", "All",
                           "--wait-time-seconds", "2")["Messages"][0]
        self.assertEqual(("a <b> & c", "1", "v"), (message["Body"], message["Attributes"]["ApproximateReceiveCount"],
                                                   message["MessageAttributes"]["k"]["StringValue"]))
        self.assertIsNone(self.sqs("delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"]))
        attributes = self.sqs("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
        self.assertEqual(("41", "0"), (attributes["VisibilityTimeout"], attributes["ApproximateNumberOfMessagesNotVisible"]))
        self.assertEqual({"team": "shop"}, self.sqs("list-queue-tags", "--queue-url", url)["Tags"])


@unittest.skipUnless(has_boto3(), "needs boto3 for Debian's python3: apt-get install python3-boto3")
class Boto3(Client):
    """Every operation that Debian's boto3 (1.26, the query protocol) knows."""

    def test_every_operation(self):
        self.assertIn("20 operations over query", self.run_client(PYTHON, CLIENTS / "sqs_boto3.py", self.daemon.endpoint, "operations"))

    def test_fifo(self):
        self.run_client(PYTHON, CLIENTS / "sqs_boto3.py", self.daemon.endpoint, "fifo")


@unittest.skipUnless(shutil.which("node") and MODULES.exists(),
                     "needs node, npm and the modules of tests/e2e/clients: ./dev test installs them")
class JavaScript(Client):
    def node(self, script, *arguments):
        return self.run_client("node", CLIENTS / script, self.daemon.endpoint, *arguments, NODE_PATH=str(MODULES.resolve()))

    MOVES = {"StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask"}

    def sdk(self, *parts):
        return json.loads(self.node("sqs_sdk.cjs", *parts))

    def test_queues_and_messages_with_every_operation_but_moves(self):
        said = self.sdk("queues", "messages")
        self.assertEqual(23, len(said["known"]))
        self.assertEqual(self.MOVES | {"ListDeadLetterSourceQueues"}, set(said["known"]) - set(said["used"]))

    def test_fifo(self):
        self.sdk("fifo")

    def test_moves(self):
        self.assertLessEqual(self.MOVES | {"ListDeadLetterSourceQueues"}, set(self.sdk("moves")["used"]))

    def test_sqs_consumer_empties_a_queue(self):
        url = self.daemon.create_queue("consumer", VisibilityTimeout="30")
        bodies = [f"message-{n:03d}" for n in range(60)] + ["fails-once"]
        for start in range(0, len(bodies), 10):
            self.daemon.sqs("SendMessageBatch", QueueUrl=url, Entries=[
                {"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start:start + 10])])
        said = json.loads(self.node("sqs_consumer.cjs", url, len(bodies)))
        self.assertEqual({"handled": sorted(bodies), "failed": True}, said)
        wait_until(lambda: self.daemon.queue_depth(url) == (0, 0), what="everything deleted")


if __name__ == "__main__":
    unittest.main()
