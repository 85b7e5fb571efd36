// sqs-consumer as its users run it: batches, a handler that fails once, everything deleted at the end.
// Usage: node sqs_consumer.cjs ENDPOINT QUEUE_URL COUNT     ends when COUNT different bodies were handled.
"use strict";
const {SQSClient} = require("@aws-sdk/client-sqs");
const {Consumer} = require("sqs-consumer");

const [endpoint, queueUrl, count] = process.argv.slice(2);
const handled = new Set();
let failed = false;

const consumer = Consumer.create({
  queueUrl, batchSize: 10, waitTimeSeconds: 2, visibilityTimeout: 30, terminateVisibilityTimeout: true,
  messageAttributeNames: ["All"],
  sqs: new SQSClient({endpoint, region: "us-east-1", credentials: {accessKeyId: "any", secretAccessKey: "any"}}),
  handleMessage: async (message) => {
    if (message.Body === "fails-once" && !failed) {
      failed = true;
      throw new Error("as asked");
    }
    handled.add(message.Body);
    return message;
  }});
consumer.on("message_processed", () => {
  if (handled.size >= Number(count)) consumer.stop();
});
consumer.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
consumer.on("stopped", () => {
  console.log(JSON.stringify({handled: [...handled].sort(), failed}));
});
consumer.start();
