// Every operation of SQS through AWS's SDK for JavaScript, which checks the MD5s itself.
// Usage: node sqs_sdk.cjs ENDPOINT PART...     parts: queues messages fifo moves; prints the operations used as JSON; any fault is
// an exception.
"use strict";
const assert = require("node:assert/strict");
const sqs = require("@aws-sdk/client-sqs");

const [endpoint, ...parts] = process.argv.slice(2);
const client = new sqs.SQSClient({
  endpoint, region: "us-east-1", credentials: {accessKeyId: "any", secretAccessKey: "any"}, maxAttempts: 1});
const used = new Set();

async function call(operation, input) {
  used.add(operation);
  const {$metadata, ...answer} = await client.send(new sqs[operation + "Command"](input));
  assert.equal($metadata.httpStatusCode, 200);
  assert.match($metadata.requestId, /^[0-9a-f-]{36}$/);
  return answer;
}

async function refused(operation, input, name, status = 400) {
  await assert.rejects(call(operation, input), (error) => {
    assert.equal(error.name, name, `${operation}: ${error.name}: ${error.message}`);
    assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  });
}

const arn = (queue) => `arn:aws:sqs:us-east-1:000000000000:${queue}`;
const create = async (QueueName, Attributes = {}, tags) =>
  (await call("CreateQueue", {QueueName, Attributes, tags})).QueueUrl;

async function queues() {
  const url = await create("js-queues", {VisibilityTimeout: "41"}, {team: "shop"});
  assert.equal(url, `${endpoint}/000000000000/js-queues`);
  assert.equal(await create("js-queues", {VisibilityTimeout: "41"}), url);
  await refused("CreateQueue", {QueueName: "js-queues", Attributes: {VisibilityTimeout: "5"}}, "QueueNameExists");
  assert.equal((await call("GetQueueUrl", {QueueName: "js-queues"})).QueueUrl, url);
  await refused("GetQueueUrl", {QueueName: "js-nowhere"}, "QueueDoesNotExist");
  await create("js-queues-2");
  const first = await call("ListQueues", {QueueNamePrefix: "js-queues", MaxResults: 1});
  const second = await call("ListQueues", {QueueNamePrefix: "js-queues", MaxResults: 1, NextToken: first.NextToken});
  assert.deepEqual([...first.QueueUrls, ...second.QueueUrls], [url, url + "-2"]);

  await call("SetQueueAttributes", {QueueUrl: url, Attributes: {DelaySeconds: "1", ReceiveMessageWaitTimeSeconds: "2"}});
  const {Attributes} = await call("GetQueueAttributes", {QueueUrl: url, AttributeNames: ["All"]});
  assert.equal(Attributes.VisibilityTimeout, "41");
  assert.equal(Attributes.DelaySeconds, "1");
  assert.equal(Attributes.QueueArn, arn("js-queues"));
  await refused("SetQueueAttributes", {QueueUrl: url, Attributes: {DelaySeconds: "901"}}, "InvalidAttributeValue");
  await refused("GetQueueAttributes", {QueueUrl: url, AttributeNames: ["Nonsense"]}, "InvalidAttributeName");

  assert.deepEqual((await call("ListQueueTags", {QueueUrl: url})).Tags, {team: "shop"});
  await call("TagQueue", {QueueUrl: url, Tags: {env: "test"}});
  await call("UntagQueue", {QueueUrl: url, TagKeys: ["team"]});
  assert.deepEqual((await call("ListQueueTags", {QueueUrl: url})).Tags, {env: "test"});

  await call("AddPermission", {QueueUrl: url, Label: "peer", AWSAccountIds: ["111111111111"], Actions: ["SendMessage"]});
  const policy = (await call("GetQueueAttributes", {QueueUrl: url, AttributeNames: ["Policy"]})).Attributes.Policy;
  assert.equal(JSON.parse(policy).Statement[0].Sid, "peer");
  await call("RemovePermission", {QueueUrl: url, Label: "peer"});

  await call("DeleteQueue", {QueueUrl: url});
  await refused("DeleteQueue", {QueueUrl: url}, "QueueDoesNotExist");
}

async function messages() {
  const QueueUrl = await create("js-messages");
  const sent = await call("SendMessage", {
    QueueUrl, MessageBody: "grüße \u{1F525} <&>\r\n",
    MessageAttributes: {
      text: {DataType: "String", StringValue: "v"}, number: {DataType: "Number.int", StringValue: "12"},
      bytes: {DataType: "Binary", BinaryValue: new Uint8Array([0, 255, 7])}},
    MessageSystemAttributes: {AWSTraceHeader: {DataType: "String", StringValue: "Root=1-2-3"}}});
  assert.match(sent.MD5OfMessageSystemAttributes, /^[0-9a-f]{32}$/);
  const {Messages} = await call("ReceiveMessage", {
    QueueUrl, WaitTimeSeconds: 2, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"]});
  assert.equal(Messages[0].Body, "grüße \u{1F525} <&>\r\n");
  assert.equal(Messages[0].MessageId, sent.MessageId);
  assert.equal(Messages[0].MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.deepEqual([...Messages[0].MessageAttributes.bytes.BinaryValue], [0, 255, 7]);
  assert.equal(Messages[0].Attributes.AWSTraceHeader, "Root=1-2-3");
  assert.equal(Messages[0].Attributes.ApproximateReceiveCount, "1");
  const {ReceiptHandle} = Messages[0];
  await call("ChangeMessageVisibility", {QueueUrl, ReceiptHandle, VisibilityTimeout: 0});
  await refused("ChangeMessageVisibility", {QueueUrl, ReceiptHandle, VisibilityTimeout: 9}, "MessageNotInflight");
  const again = (await call("ReceiveMessage", {QueueUrl, WaitTimeSeconds: 2, AttributeNames: ["ApproximateReceiveCount"]})).Messages[0];
  assert.equal(again.Attributes.ApproximateReceiveCount, "2");
  await call("DeleteMessage", {QueueUrl, ReceiptHandle: again.ReceiptHandle});
  await refused("DeleteMessage", {QueueUrl, ReceiptHandle: "garbage"}, "ReceiptHandleIsInvalid");
  assert.equal((await call("ReceiveMessage", {QueueUrl})).Messages, undefined);
  await refused("SendMessage", {QueueUrl, MessageBody: "\u0001"}, "InvalidMessageContents");

  const Entries = ["a", "b", "c"].map((Id) => ({Id, MessageBody: Id === "b" ? "\u0002" : "body " + Id}));
  const batch = await call("SendMessageBatch", {QueueUrl, Entries});
  assert.deepEqual(batch.Successful.map((entry) => entry.Id), ["a", "c"]);
  assert.deepEqual(batch.Failed.map((entry) => [entry.Id, entry.SenderFault]), [["b", true]]);
  await refused("SendMessageBatch", {QueueUrl, Entries: []}, "EmptyBatchRequest");
  await refused("SendMessageBatch", {QueueUrl, Entries: [Entries[0], Entries[0]]}, "BatchEntryIdsNotDistinct");
  await refused("SendMessageBatch", {QueueUrl, Entries: Array.from({length: 11}, (_, i) => ({Id: `i${i}`, MessageBody: "m"}))},
                "TooManyEntriesInBatchRequest");
  await refused("SendMessageBatch", {QueueUrl, Entries: [{Id: "a b", MessageBody: "m"}]}, "InvalidBatchEntryId");
  const half = "x".repeat(600 * 1024);
  await refused("SendMessageBatch", {QueueUrl, Entries: [{Id: "a", MessageBody: half}, {Id: "b", MessageBody: half}]},
                "BatchRequestTooLong");
  const two = (await call("ReceiveMessage", {QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2})).Messages;
  assert.equal(two.length, 2);
  const handles = two.map((message, i) => ({Id: `m${i}`, ReceiptHandle: message.ReceiptHandle}));
  const changed = await call("ChangeMessageVisibilityBatch", {
    QueueUrl, Entries: [{...handles[0], VisibilityTimeout: 50}, {...handles[1], VisibilityTimeout: 60}, {Id: "x", ReceiptHandle: "y", VisibilityTimeout: 1}]});
  assert.equal(changed.Successful.length, 2);
  assert.equal(changed.Failed[0].Code, "ReceiptHandleIsInvalid");
  assert.equal((await call("DeleteMessageBatch", {QueueUrl, Entries: handles})).Successful.length, 2);
  await call("SendMessage", {QueueUrl, MessageBody: "m"});
  await call("PurgeQueue", {QueueUrl});
  assert.equal((await call("ReceiveMessage", {QueueUrl})).Messages, undefined);
}

async function fifo() {
  await refused("CreateQueue", {QueueName: "js-no-suffix", Attributes: {FifoQueue: "true"}}, "InvalidParameterValue");
  const QueueUrl = await create("js.fifo", {FifoQueue: "true"});
  const send = (MessageBody, MessageGroupId, MessageDeduplicationId) =>
    call("SendMessage", {QueueUrl, MessageBody, MessageGroupId, MessageDeduplicationId});
  const first = await send("one", "g", "1");
  assert.match(first.SequenceNumber, /^\d{20}$/);
  const duplicate = await send("one", "g", "1");
  assert.deepEqual([duplicate.MessageId, duplicate.SequenceNumber], [first.MessageId, first.SequenceNumber]);
  const second = await send("two", "g", "2");
  assert.ok(BigInt(second.SequenceNumber) > BigInt(first.SequenceNumber));
  await send("other", "h", "3");
  await refused("SendMessage", {QueueUrl, MessageBody: "m", MessageDeduplicationId: "4"}, "MissingParameter");
  await refused("SendMessage", {QueueUrl, MessageBody: "m", MessageGroupId: "g"}, "InvalidParameterValue");
  const input = {QueueUrl, MaxNumberOfMessages: 1, MessageSystemAttributeNames: ["All"], ReceiveRequestAttemptId: "attempt"};
  const [one] = (await call("ReceiveMessage", input)).Messages;
  assert.deepEqual([one.Body, one.Attributes.MessageGroupId, one.Attributes.MessageDeduplicationId, one.Attributes.SequenceNumber],
                   ["one", "g", "1", first.SequenceNumber]);
  assert.equal((await call("ReceiveMessage", input)).Messages[0].MessageId, one.MessageId);
  const others = (await call("ReceiveMessage", {QueueUrl, MaxNumberOfMessages: 10})).Messages;
  assert.deepEqual(others.map((message) => message.Body), ["other"]);  // the group of "two" is in flight
}

async function moves() {
  const dead = await create("js-dead");
  const policy = JSON.stringify({deadLetterTargetArn: arn("js-dead"), maxReceiveCount: 1});
  const source = await create("js-source", {VisibilityTimeout: "0", RedrivePolicy: policy});
  assert.deepEqual((await call("ListDeadLetterSourceQueues", {QueueUrl: dead})).queueUrls, [source]);
  await refused("StartMessageMoveTask", {SourceArn: arn("js-source")}, "InvalidParameterValue");
  await refused("StartMessageMoveTask", {SourceArn: arn("js-nowhere")}, "ResourceNotFoundException", 404);
  for (const MessageBody of ["a", "b"]) await call("SendMessage", {QueueUrl: source, MessageBody});
  const atDead = async () => Number((await call("GetQueueAttributes", {
    QueueUrl: dead, AttributeNames: ["ApproximateNumberOfMessages"]})).Attributes.ApproximateNumberOfMessages);
  const until = Date.now() + 20000;
  while (await atDead() < 2) {
    assert.ok(Date.now() < until, "no dead letters");
    await call("ReceiveMessage", {QueueUrl: source, MaxNumberOfMessages: 10, WaitTimeSeconds: 1});
  }
  await call("SetQueueAttributes", {QueueUrl: source, Attributes: {VisibilityTimeout: "30"}});
  const {TaskHandle} = await call("StartMessageMoveTask", {SourceArn: arn("js-dead"), MaxNumberOfMessagesPerSecond: 500});
  assert.ok(TaskHandle);
  let task;
  do {
    [task] = (await call("ListMessageMoveTasks", {SourceArn: arn("js-dead"), MaxResults: 10})).Results;
    assert.ok(Date.now() < until, `move task ${JSON.stringify(task)}`);
  } while (task.Status !== "COMPLETED");
  assert.equal(task.ApproximateNumberOfMessagesMoved, 2);
  const back = [];
  while (back.length < 2) {
    assert.ok(Date.now() < until, "messages did not come back");
    back.push(...((await call("ReceiveMessage", {QueueUrl: source, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})).Messages ?? []));
  }
  assert.deepEqual(back.map((message) => message.Body).sort(), ["a", "b"]);

  // One message a second leaves time to cancel.
  for (const MessageBody of ["c", "d", "e"]) await call("SendMessage", {QueueUrl: dead, MessageBody});
  const slow = await call("StartMessageMoveTask", {SourceArn: arn("js-dead"), DestinationArn: arn("js-source"), MaxNumberOfMessagesPerSecond: 1});
  await refused("StartMessageMoveTask", {SourceArn: arn("js-dead")}, "InvalidParameterValue");
  const cancelled = await call("CancelMessageMoveTask", {TaskHandle: slow.TaskHandle});
  assert.ok(cancelled.ApproximateNumberOfMessagesMoved <= 3);
  await refused("CancelMessageMoveTask", {TaskHandle: slow.TaskHandle}, "ResourceNotFoundException", 404);
}

const known = Object.keys(sqs).filter((name) => name.endsWith("Command") && name !== "$Command").map((name) => name.slice(0, -7));

async function main() {
  for (const part of parts) await {queues, messages, fifo, moves}[part]();
  console.log(JSON.stringify({used: [...used].sort(), known: known.sort()}));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
