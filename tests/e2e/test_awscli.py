"""The aws command line, as Debian packages it, against the control port."""
import json
import os
import pathlib
import subprocess
import unittest

from hearth_e2e import DaemonTest, ROLE, handler_path, zip_of

# Debian's own: a shim of a Python version manager in PATH may have no aws behind it.
AWS = pathlib.Path("/usr/bin/aws")


@unittest.skipUnless(AWS.exists(), "needs the aws command line: apt-get install awscli")
class AwsCommandLine(DaemonTest):
    def aws(self, *arguments, fails=False):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.daemon.folder), "AWS_ACCESS_KEY_ID": "test",
                       "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
                       "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "LC_ALL": "C.UTF-8",
                       "NO_PROXY": "127.0.0.1", "TZ": os.environ.get("TZ", "UTC")}
        done = subprocess.run([str(AWS), "--endpoint-url", self.daemon.endpoint, "--output", "json", *map(str, arguments)],
                              env=environment, cwd=self.daemon.folder, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(fails, done.returncode != 0, done.stdout + done.stderr)
        return done.stderr if fails else json.loads(done.stdout or "null")

    def create(self, name):
        package = self.daemon.folder / f"{name}.zip"
        package.write_bytes(zip_of(handler_path("victim")))
        return self.aws("lambda", "create-function", "--function-name", name, "--runtime", "provided.al2023", "--role", ROLE,
                        "--handler", "libvictim.so", "--zip-file", f"fileb://{package}", "--timeout", "5")

    def invoke(self, name, payload, *options):
        out = self.daemon.folder / "out.json"
        answer = self.aws("lambda", "invoke", "--function-name", name, "--payload", json.dumps(payload),
                          "--cli-binary-format", "raw-in-base64-out", *options, out)
        return answer, out.read_text()

    def test_create_wait_invoke_update_list_delete(self):
        created = self.create("lifecycle")
        self.assertEqual("Pending", created["State"])
        self.aws("lambda", "wait", "function-active-v2", "--function-name", "lifecycle")
        answer, body = self.invoke("lifecycle", {"do": "count"}, "--log-type", "Tail")
        self.assertEqual((200, "$LATEST", "1"), (answer["StatusCode"], answer["ExecutedVersion"], body))
        self.assertIn("LogResult", answer)
        updated = self.aws("lambda", "update-function-configuration", "--function-name", "lifecycle", "--memory-size", "256")
        self.assertEqual(256, updated["MemorySize"])
        self.aws("lambda", "wait", "function-updated-v2", "--function-name", "lifecycle")
        listed = self.aws("lambda", "list-functions")["Functions"]
        self.assertIn("lifecycle", [function["FunctionName"] for function in listed])
        self.aws("lambda", "delete-function", "--function-name", "lifecycle")
        self.assertIn("ResourceNotFoundException", self.aws("lambda", "get-function", "--function-name", "lifecycle", fails=True))

    def test_function_error_is_named(self):
        self.create("throws")
        answer, body = self.invoke("throws", {"do": "throw"})
        self.assertEqual("Unhandled", answer["FunctionError"])
        self.assertEqual("std::runtime_error", json.loads(body)["errorType"])

    def test_bad_package_is_refused_with_the_reason(self):
        package = self.daemon.folder / "bad.zip"
        package.write_bytes(zip_of(**{"readme.txt": "no library"}))
        said = self.aws("lambda", "create-function", "--function-name", "bad", "--runtime", "provided.al2023", "--role", ROLE,
                        "--handler", "libvictim.so", "--zip-file", f"fileb://{package}", fails=True)
        self.assertIn("InvalidParameterValueException", said)
        self.assertIn("libvictim.so", said)

    def test_queue_feeds_a_function(self):
        # Debian's aws speaks SQS in the old query protocol; the mapping is Lambda's.
        self.daemon.create_queue("for-aws")
        self.create("consumer")
        mapping = self.aws("lambda", "create-event-source-mapping", "--function-name", "consumer", "--event-source-arn",
                           "arn:aws:sqs:us-east-1:000000000000:for-aws")
        self.assertEqual(10, mapping["BatchSize"])
        listed = self.aws("lambda", "list-event-source-mappings", "--function-name", "consumer")["EventSourceMappings"]
        self.assertEqual([mapping["UUID"]], [one["UUID"] for one in listed])


if __name__ == "__main__":
    unittest.main()
