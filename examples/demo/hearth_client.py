"""The little of Hearth's control API that the demo needs. Python's own library is enough for it."""
import base64
import http.client
import json
import pathlib


class Refused(Exception):
    """The daemon said no; the text says why."""


class Client:
    def __init__(self, control_port, data_port):
        self.control_port, self.data_port = control_port, data_port

    def call(self, method, path, document=None, headers=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.control_port, timeout=60)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400 and port is None:
            raise Refused(f"{method} {path}: {answer.status} {content.decode(errors='replace')}")
        return answer.status, content

    def json(self, *arguments, **options):
        return json.loads(self.call(*arguments, **options)[1] or b"null")

    def put_bucket(self, name, folder, function=None):
        document = {"Path": str(folder), "Notifications": [{"FunctionName": function}] if function else []}
        self.call("PUT", f"/_hearth/v1/buckets/{name}", document)

    def deploy(self, library, env=None, buckets=()):
        """Creates the function of lib<NAME>.so with the settings that its build wrote beside it."""
        library = pathlib.Path(library)
        settings = json.loads(library.with_name(library.stem.removeprefix("lib") + ".function.json").read_text())
        document = {"FunctionName": settings["name"], "Runtime": "provided.al2023", "Handler": settings["handler"],
                    "Role": "arn:aws:iam::000000000000:role/any", "MemorySize": settings["memory_mib"],
                    "Timeout": settings["timeout_s"], "Code": {"ZipFile": base64.b64encode(library.read_bytes()).decode()},
                    "Environment": {"Variables": env or {}}}
        if buckets:
            document["Hearth"] = {"Buckets": [{"Bucket": name, "Writable": writable} for name, writable in buckets]}
        return self.json("POST", "/2015-03-31/functions", document)

    def create_url(self, function):
        return self.json("POST", f"/2021-10-31/functions/{function}/url", {"AuthType": "NONE"})["FunctionUrl"]

    def sqs(self, operation, **fields):
        return self.json("POST", "/", fields, {"Content-Type": "application/x-amz-json-1.0",
                                               "X-Amz-Target": f"AmazonSQS.{operation}"})

    def map_queue(self, queue, function):
        self.json("POST", "/2015-03-31/event-source-mappings", {
            "EventSourceArn": f"arn:aws:sqs:us-east-1:000000000000:{queue}", "FunctionName": function,
            "FunctionResponseTypes": ["ReportBatchItemFailures"]})

    def logs(self, function):
        """Its log as text, a message a line; the daemon answers with a JSON object a line."""
        kept = self.call("GET", f"/_hearth/v1/logs/{function}")[1].decode(errors="replace")
        return "\n".join(json.loads(line)["message"] for line in kept.splitlines())
