"""Every operation of SQS that the installed boto3 knows, in whatever protocol it speaks.

Usage: sqs_boto3.py ENDPOINT PART     parts: operations, fifo; prints how many operations over which protocol; any fault is an
exception.
"""
import json
import sys

import boto3
from botocore.exceptions import ClientError

endpoint = sys.argv[1]
client = boto3.client("sqs", endpoint_url=endpoint, region_name="us-east-1")
used = set()


def call(operation, **arguments):
    used.add(operation)
    answer = getattr(client, operation)(**arguments)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    return answer


def refused(code, operation, **arguments):
    try:
        call(operation, **arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"{operation} was not refused with {code}")


def arn(queue):
    return f"arn:aws:sqs:us-east-1:000000000000:{queue}"


def queues():
    url = call("create_queue", QueueName="py", Attributes={"VisibilityTimeout": "41"}, tags={"team": "shop"})["QueueUrl"]
    assert call("get_queue_url", QueueName="py")["QueueUrl"] == url
    refused("AWS.SimpleQueueService.NonExistentQueue", "get_queue_url", QueueName="py-nowhere")
    refused("QueueAlreadyExists", "create_queue", QueueName="py", Attributes={"VisibilityTimeout": "5"})
    assert call("list_queues", QueueNamePrefix="py")["QueueUrls"] == [url]
    call("set_queue_attributes", QueueUrl=url, Attributes={"DelaySeconds": "0", "MaximumMessageSize": "2048"})
    attributes = call("get_queue_attributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["VisibilityTimeout"], attributes["MaximumMessageSize"], attributes["QueueArn"]) == ("41", "2048", arn("py"))
    call("tag_queue", QueueUrl=url, Tags={"env": "test", "owner": "<ops>"})
    call("untag_queue", QueueUrl=url, TagKeys=["team"])
    assert call("list_queue_tags", QueueUrl=url)["Tags"] == {"env": "test", "owner": "<ops>"}
    call("add_permission", QueueUrl=url, Label="peer", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    policy = call("get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert json.loads(policy)["Statement"][0]["Sid"] == "peer"
    call("remove_permission", QueueUrl=url, Label="peer")
    assert "Attributes" not in call("get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"])
    call("create_queue", QueueName="py-source",
         Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("py"), "maxReceiveCount": "3"})})
    assert call("list_dead_letter_source_queues", QueueUrl=url)["queueUrls"] == [url + "-source"]
    call("delete_queue", QueueUrl=url + "-source")
    return url


def messages(url):
    body = "grüße \U0001F525 <&>\r\n\tend"
    attributes = {"text": {"DataType": "String", "StringValue": "v & w"}, "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sent = call("send_message", QueueUrl=url, MessageBody=body, MessageAttributes=attributes,
                MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}})
    message = call("receive_message", QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"], WaitTimeSeconds=2)["Messages"][0]
    assert message["Body"] == body, message
    assert message["MessageAttributes"]["bytes"]["BinaryValue"] == b"\x00\xff"
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1"
    call("change_message_visibility", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    message = call("receive_message", QueueUrl=url, WaitTimeSeconds=2)["Messages"][0]
    call("delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    refused("ReceiptHandleIsInvalid", "delete_message", QueueUrl=url, ReceiptHandle="garbage")
    assert "Messages" not in call("receive_message", QueueUrl=url)

    batch = call("send_message_batch", QueueUrl=url, Entries=[
        {"Id": "a", "MessageBody": "one", "MessageAttributes": {"k": {"DataType": "Number", "StringValue": "1"}}},
        {"Id": "b", "MessageBody": "x" * 2049}, {"Id": "c", "MessageBody": "three", "DelaySeconds": 0}])
    assert [entry["Id"] for entry in batch["Successful"]] == ["a", "c"]
    assert [(entry["Id"], entry["SenderFault"]) for entry in batch["Failed"]] == [("b", True)]
    refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "send_message_batch", QueueUrl=url,
            Entries=[{"Id": str(n), "MessageBody": "m"} for n in range(11)])
    two = call("receive_message", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)["Messages"]
    assert len(two) == 2
    handles = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(two)]
    changed = call("change_message_visibility_batch", QueueUrl=url, Entries=[{**handle, "VisibilityTimeout": 50} for handle in handles])
    assert len(changed["Successful"]) == 2
    assert len(call("delete_message_batch", QueueUrl=url, Entries=handles)["Successful"]) == 2
    call("send_message", QueueUrl=url, MessageBody="m")
    call("purge_queue", QueueUrl=url)
    assert "Messages" not in call("receive_message", QueueUrl=url)


def fifo():
    url = call("create_queue", QueueName="py.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    first = call("send_message", QueueUrl=url, MessageBody="one", MessageGroupId="g")
    assert call("send_message", QueueUrl=url, MessageBody="one", MessageGroupId="g")["SequenceNumber"] == first["SequenceNumber"]
    call("send_message", QueueUrl=url, MessageBody="two", MessageGroupId="g")
    message = call("receive_message", QueueUrl=url, AttributeNames=["All"], ReceiveRequestAttemptId="once")["Messages"][0]
    assert (message["Body"], message["Attributes"]["MessageGroupId"]) == ("one", "g")
    assert message["Attributes"]["SequenceNumber"] == first["SequenceNumber"]
    assert "Messages" not in call("receive_message", QueueUrl=url)


def operations():
    messages(queues())
    known = {name for name in client.meta.method_to_api_mapping if name not in ("can_paginate", "close")}
    assert known <= used, f"operations that no test used: {sorted(known - used)}"


{"operations": operations, "fifo": fifo}[sys.argv[2]]()
print(f"{len(used)} operations over {client.meta.service_model.metadata['protocol']}")
