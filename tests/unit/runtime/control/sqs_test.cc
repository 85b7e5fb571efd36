#include "runtime/store/attributes_md5.h"
#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

struct SqsFixture : ControlFixture {
  std::string orders = MakeQueue("orders");

  json Receive(json more = json::object()) {
    more["QueueUrl"] = orders;
    if (!more.contains("WaitTimeSeconds")) more["WaitTimeSeconds"] = 0;
    return Body(Sqs("ReceiveMessage", more));
  }
  json SendOrder(const std::string& body) {
    return Body(Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", body}}));
  }
  RecordedAnswerPtr Poll(int wait_s, int count = 1) {
    const auto answer = Start(
        SqsRequest("ReceiveMessage",
                   {{"QueueUrl", orders}, {"WaitTimeSeconds", wait_s}, {"MaxNumberOfMessages", count}}));
    RunPosted();
    return answer;
  }
  static std::string ErrorOf(const RecordedAnswerPtr& answer) {
    return std::to_string(answer->answer->status) + " " + answer->header("x-amzn-query-error");
  }
};

}  // namespace

TEST_CASE("MD5 of attributes as SDKs check it", "[control][sqs]") {
  CHECK(Md5OfAttributes({{"k", {"String", "v"}}}) == "0a77b0642718c3d9dd47090567d11e0d");
  CHECK(Md5OfAttributes({{"k", {"Binary", "v"}}}) == "e664503cb6e726d4ab52325b3efcd23f");
  CHECK(Md5OfAttributes({{"k", {"String", "v"}}, {"a", {"Number.int", "12"}}}) ==
        "61fd87dc93e7c23024ae4934f68d1f23");
}

TEST_CASE_METHOD(SqsFixture, "message goes round", "[control][sqs]") {
  const json sent = SendOrder("hello world");
  CHECK(sent["MD5OfMessageBody"] == "5eb63bbbe01eeed093cb22bb8f5acdc3");
  CHECK_FALSE(sent.contains("MD5OfMessageAttributes"));
  const json received = Receive({{"AttributeNames", {"All"}}})["Messages"];
  REQUIRE(received.size() == 1);
  CHECK(received[0]["MessageId"] == sent["MessageId"]);
  CHECK(received[0]["Body"] == "hello world");
  CHECK(received[0]["MD5OfBody"] == "5eb63bbbe01eeed093cb22bb8f5acdc3");
  CHECK(received[0]["Attributes"]["ApproximateReceiveCount"] == "1");
  CHECK(received[0]["Attributes"]["SentTimestamp"] == "1795392000000");
  CHECK(Receive() == json::object());
  const json handle = received[0]["ReceiptHandle"];
  CHECK(Sqs("DeleteMessage", {{"QueueUrl", orders}, {"ReceiptHandle", handle}})->answer->body == "{}");
  Advance(std::chrono::minutes(2));
  CHECK(Receive() == json::object());
}

TEST_CASE_METHOD(SqsFixture, "message attributes", "[control][sqs]") {
  const json attributes = {{"k", {{"DataType", "String"}, {"StringValue", "v"}}},
                           {"bin", {{"DataType", "Binary"}, {"BinaryValue", "/wA="}}}};
  const json sent = Body(
      Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", "m"}, {"MessageAttributes", attributes}}));
  CHECK(sent["MD5OfMessageAttributes"] ==
        Md5OfAttributes({{"k", {"String", "v"}}, {"bin", {"Binary", std::string("\xff\x00", 2)}}}));
  const json message = Receive({{"MessageAttributeNames", {"k*", "k"}}})["Messages"][0];
  CHECK(message["MessageAttributes"] == json{{"k", attributes["k"]}});
  CHECK(message["MD5OfMessageAttributes"] == "0a77b0642718c3d9dd47090567d11e0d");
  CHECK_FALSE(message.contains("Attributes"));
}

TEST_CASE_METHOD(SqsFixture, "queues are made, found, listed and removed", "[control][sqs]") {
  CHECK(orders == "http://localhost:4566/000000000000/orders");
  CHECK(MakeQueue("orders") == orders);
  CHECK(ErrorOf(Sqs("CreateQueue", {{"QueueName", "orders"}, {"Attributes", {{"DelaySeconds", "5"}}}})) ==
        "400 QueueAlreadyExists;Sender");
  MakeQueue("other");
  CHECK(Body(Sqs("GetQueueUrl", {{"QueueName", "orders"}}))["QueueUrl"] == orders);
  CHECK(Body(Sqs("ListQueues", json::object()))["QueueUrls"].size() == 2);
  CHECK(Body(Sqs("ListQueues", {{"QueueNamePrefix", "or"}}))["QueueUrls"] == json::array({orders}));
  const json page = Body(Sqs("ListQueues", {{"MaxResults", 1}}));
  CHECK(Body(Sqs("ListQueues", {{"MaxResults", 1}, {"NextToken", page["NextToken"]}}))["QueueUrls"].size() ==
        1);
  CHECK(Sqs("DeleteQueue", {{"QueueUrl", orders}})->answer->status == 200);
  const auto gone = Sqs("GetQueueUrl", {{"QueueName", "orders"}});
  CHECK(ErrorOf(gone) == "400 AWS.SimpleQueueService.NonExistentQueue;Sender");
  CHECK(Body(gone)["__type"] == "com.amazonaws.sqs#QueueDoesNotExist");
  CHECK(gone->header("content-type") == "application/x-amz-json-1.0");
  CHECK(ErrorOf(Sqs("CreateQueue", {{"QueueName", "a b"}})) == "400 InvalidParameterValue;Sender");
}

TEST_CASE_METHOD(SqsFixture, "queue attributes", "[control][sqs]") {
  MakeQueue("dead");
  const json policy = {{"deadLetterTargetArn", "arn:aws:sqs:us-east-1:000000000000:dead"},
                       {"maxReceiveCount", "3"}};
  CHECK(Sqs("SetQueueAttributes",
            {{"QueueUrl", orders},
             {"Attributes", {{"VisibilityTimeout", "7"}, {"RedrivePolicy", policy.dump()}}}})
            ->answer->status == 200);
  SendOrder("m");
  const json all =
      Body(Sqs("GetQueueAttributes", {{"QueueUrl", orders}, {"AttributeNames", {"All"}}}))["Attributes"];
  CHECK(all["VisibilityTimeout"] == "7");
  CHECK(all["ApproximateNumberOfMessages"] == "1");
  CHECK(all["QueueArn"] == "arn:aws:sqs:us-east-1:000000000000:orders");
  CHECK(json::parse(all["RedrivePolicy"].get<std::string>())["maxReceiveCount"] == 3);
  const json one = Body(Sqs("GetQueueAttributes", {{"QueueUrl", orders}, {"AttributeNames", {"QueueArn"}}}));
  CHECK(one["Attributes"] == json{{"QueueArn", "arn:aws:sqs:us-east-1:000000000000:orders"}});
  for (const json& wrong : std::vector<json>{{{"VisibilityTimeout", "43201"}},
                                             {{"VisibilityTimeout", "x"}},
                                             {{"RedrivePolicy", "{}"}},
                                             {{"FifoQueue", "true"}}}) {
    INFO(wrong);
    CHECK(ErrorOf(Sqs("SetQueueAttributes", {{"QueueUrl", orders}, {"Attributes", wrong}})) ==
          "400 InvalidAttributeValue;Sender");
  }
  CHECK(ErrorOf(Sqs("SetQueueAttributes", {{"QueueUrl", orders}, {"Attributes", {{"Nonsense", "1"}}}})) ==
        "400 InvalidAttributeName;Sender");
}

TEST_CASE_METHOD(SqsFixture, "message that SQS refuses", "[control][sqs]") {
  const auto send = [&](const std::string& body) {
    return Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", body}});
  };
  CHECK(ErrorOf(send("")) == "400 MissingParameter;Sender");
  CHECK(ErrorOf(send("a\x01")) == "400 InvalidMessageContents;Sender");
  CHECK(send("tab\tline\n")->answer->status == 200);
  CHECK(send(std::string(1 << 20, 'a'))->answer->status == 200);
  const auto over = send(std::string((1 << 20) + 1, 'a'));
  CHECK(ErrorOf(over) == "400 InvalidParameterValue;Sender");
  CHECK(Body(over)["message"] ==
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.");
  CHECK(ErrorOf(Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", "m"}, {"DelaySeconds", 901}})) ==
        "400 InvalidParameterValue;Sender");
  CHECK(ErrorOf(Sqs("SendMessage", {{"QueueUrl", "http://x/1/nowhere"}, {"MessageBody", "m"}})) ==
        "400 AWS.SimpleQueueService.NonExistentQueue;Sender");
}

TEST_CASE_METHOD(SqsFixture, "batch with one bad entry", "[control][sqs]") {
  const json answer = Body(Sqs("SendMessageBatch", {{"QueueUrl", orders},
                                                    {"Entries",
                                                     {{{"Id", "a"}, {"MessageBody", "one"}},
                                                      {{"Id", "b"}, {"MessageBody", "\x02"}},
                                                      {{"Id", "c"}, {"MessageBody", "three"}}}}}));
  REQUIRE(answer["Successful"].size() == 2);
  CHECK(answer["Successful"][1]["Id"] == "c");
  CHECK(answer["Successful"][1]["MD5OfMessageBody"] == Md5Hex("three"));
  REQUIRE(answer["Failed"].size() == 1);
  CHECK(answer["Failed"][0]["Id"] == "b");
  CHECK(answer["Failed"][0]["Code"] == "InvalidMessageContents");
  CHECK(answer["Failed"][0]["SenderFault"] == true);

  const json received = Receive({{"MaxNumberOfMessages", 10}})["Messages"];
  REQUIRE(received.size() == 2);
  const json deleted =
      Body(Sqs("DeleteMessageBatch", {{"QueueUrl", orders},
                                      {"Entries",
                                       {{{"Id", "x"}, {"ReceiptHandle", received[0]["ReceiptHandle"]}},
                                        {{"Id", "y"}, {"ReceiptHandle", "garbage"}}}}}));
  CHECK(deleted["Successful"] == json::array({{{"Id", "x"}}}));
  CHECK(deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid");
}

TEST_CASE_METHOD(SqsFixture, "batch that is no batch", "[control][sqs]") {
  const auto batch = [&](json entries) {
    return ErrorOf(Sqs("SendMessageBatch", {{"QueueUrl", orders}, {"Entries", std::move(entries)}}));
  };
  const std::string prefix = "400 AWS.SimpleQueueService.";
  CHECK(batch(json::array()) == prefix + "EmptyBatchRequest;Sender");
  json eleven = json::array();
  for (int i = 0; i < 11; ++i) eleven.push_back({{"Id", std::to_string(i)}, {"MessageBody", "m"}});
  CHECK(batch(eleven) == prefix + "TooManyEntriesInBatchRequest;Sender");
  CHECK(batch({{{"Id", "a"}, {"MessageBody", "m"}}, {{"Id", "a"}, {"MessageBody", "m"}}}) ==
        prefix + "BatchEntryIdsNotDistinct;Sender");
  CHECK(batch({{{"Id", "a b"}, {"MessageBody", "m"}}}) == prefix + "InvalidBatchEntryId;Sender");
  CHECK(batch({{{"MessageBody", "m"}}}) == prefix + "InvalidBatchEntryId;Sender");
  const std::string half((1 << 19) + 1, 'a');
  CHECK(batch({{{"Id", "a"}, {"MessageBody", half}}, {{"Id", "b"}, {"MessageBody", half}}}) ==
        prefix + "BatchRequestTooLong;Sender");
}

TEST_CASE_METHOD(SqsFixture, "visibility is changed", "[control][sqs]") {
  SendOrder("m");
  const json handle = Receive()["Messages"][0]["ReceiptHandle"];
  CHECK(Sqs("ChangeMessageVisibility",
            {{"QueueUrl", orders}, {"ReceiptHandle", handle}, {"VisibilityTimeout", 0}})
            ->answer->status == 200);
  RunPosted();
  CHECK(Receive()["Messages"].size() == 1);
  CHECK(ErrorOf(Sqs("ChangeMessageVisibility",
                    {{"QueueUrl", orders}, {"ReceiptHandle", handle}, {"VisibilityTimeout", 5}})) ==
        "400 AWS.SimpleQueueService.MessageNotInflight;Sender");
  CHECK(ErrorOf(Sqs("ChangeMessageVisibility",
                    {{"QueueUrl", orders}, {"ReceiptHandle", "x"}, {"VisibilityTimeout", 5}})) ==
        "400 ReceiptHandleIsInvalid;Sender");
}

TEST_CASE_METHOD(SqsFixture, "visibility of a batch, each its own", "[control][sqs]") {
  SendOrder("one");
  SendOrder("two");
  const json got = Receive({{"MaxNumberOfMessages", 2}})["Messages"];
  const json answer = Body(
      Sqs("ChangeMessageVisibilityBatch",
          {{"QueueUrl", orders},
           {"Entries",
            {{{"Id", "a"}, {"ReceiptHandle", got[0]["ReceiptHandle"]}, {"VisibilityTimeout", 0}},
             {{"Id", "b"}, {"ReceiptHandle", "x"}, {"VisibilityTimeout", 1}},
             {{"Id", "c"}, {"ReceiptHandle", got[1]["ReceiptHandle"]}, {"VisibilityTimeout", 99'999}}}}}));
  CHECK(answer["Successful"] == json::array({{{"Id", "a"}}}));
  REQUIRE(answer["Failed"].size() == 2);
  CHECK(answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid");
}

TEST_CASE_METHOD(SqsFixture, "receive with numbers out of range", "[control][sqs]") {
  const auto answer = Sqs("ReceiveMessage", {{"QueueUrl", orders}, {"MaxNumberOfMessages", 11}});
  CHECK(ErrorOf(answer) == "400 InvalidParameterValue;Sender");
  CHECK(Body(answer)["message"] ==
        "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if "
        "provided.");
  CHECK(ErrorOf(Sqs("ReceiveMessage", {{"QueueUrl", orders}, {"WaitTimeSeconds", 21}})) ==
        "400 InvalidParameterValue;Sender");
}

TEST_CASE_METHOD(SqsFixture, "long poll wakes on arrival", "[control][sqs]") {
  const auto poll = Poll(20);
  CHECK_FALSE(poll->answer);
  SendOrder("late");
  RunPosted();
  REQUIRE(poll->answer);
  CHECK(Body(poll)["Messages"][0]["Body"] == "late");
}

TEST_CASE_METHOD(SqsFixture, "long poll ends empty when its time is up", "[control][sqs]") {
  const auto poll = Poll(20);
  Advance(std::chrono::milliseconds(19'999));
  CHECK_FALSE(poll->answer);
  Advance(std::chrono::milliseconds(1));
  REQUIRE(poll->answer);
  CHECK(Body(poll) == json::object());
}

TEST_CASE_METHOD(SqsFixture, "long polls are served in their order", "[control][sqs]") {
  const auto first = Poll(20);
  const auto second = Poll(20);
  SendOrder("one");
  RunPosted();
  CHECK(first->answer);
  CHECK_FALSE(second->answer);
  SendOrder("two");
  RunPosted();
  REQUIRE(second->answer);
  CHECK(Body(second)["Messages"][0]["Body"] == "two");
}

TEST_CASE_METHOD(SqsFixture, "one batch of messages serves several polls", "[control][sqs]") {
  const auto first = Poll(20);
  const auto second = Poll(20);
  Sqs("SendMessageBatch",
      {{"QueueUrl", orders},
       {"Entries", {{{"Id", "a"}, {"MessageBody", "1"}}, {{"Id", "b"}, {"MessageBody", "2"}}}}});
  RunPosted();
  CHECK(first->answer);
  CHECK(second->answer);
}

// Goal: a message is never leased to somebody who has gone.
TEST_CASE_METHOD(SqsFixture, "client goes during its long poll", "[control][sqs]") {
  const auto poll = Poll(20);
  poll->ClientGoes();
  SendOrder("m");
  RunPosted();
  CHECK_FALSE(poll->answer);
  CHECK(Receive()["Messages"].size() == 1);
}

TEST_CASE_METHOD(SqsFixture, "client goes while a message is on its way to it", "[control][sqs]") {
  const auto poll = Poll(20);
  const auto sending = Start(SqsRequest("SendMessage", {{"QueueUrl", orders}, {"MessageBody", "m"}}));
  // The hook has run and the receive for the poll is under way, not answered.
  queues.SetOnVisible([&](std::string_view name) {
    api->OnQueueVisible(name);
    poll->ClientGoes();
  });
  RunPosted();
  CHECK_FALSE(poll->answer);
  CHECK(Receive()["Messages"].size() == 1);
}

TEST_CASE_METHOD(SqsFixture, "queue's own wait makes a receive a long poll", "[control][sqs]") {
  Sqs("SetQueueAttributes", {{"QueueUrl", orders}, {"Attributes", {{"ReceiveMessageWaitTimeSeconds", "5"}}}});
  const auto poll = Start(SqsRequest("ReceiveMessage", {{"QueueUrl", orders}}));
  RunPosted();
  CHECK_FALSE(poll->answer);
  Advance(seconds(5));
  CHECK(poll->answer);
}

TEST_CASE_METHOD(SqsFixture, "queue is removed under a long poll", "[control][sqs]") {
  const auto poll = Poll(20);
  Sqs("DeleteQueue", {{"QueueUrl", orders}});
  Advance(seconds(20));
  CHECK(poll->answer);
}

TEST_CASE_METHOD(SqsFixture, "purge empties a queue", "[control][sqs]") {
  SendOrder("m");
  CHECK(Sqs("PurgeQueue", {{"QueueUrl", orders}})->answer->body == "{}");
  CHECK(Receive() == json::object());
}

TEST_CASE_METHOD(SqsFixture, "request that is no operation", "[control][sqs]") {
  CHECK(ErrorOf(Sqs("AddPermission", json::object())) ==
        "400 AWS.SimpleQueueService.UnsupportedOperation;Sender");
  CHECK(Call(Request("POST", "/", {}, "Action=ListQueues&Version=2012-11-05"))->answer->status == 400);
  http::Request broken = SqsRequest("ListQueues", json::object());
  broken.body = "{\"a\":";
  const auto answer = Call(std::move(broken));
  CHECK(ErrorOf(answer) == "400 SerializationException;Sender");
  CHECK(Body(answer)["message"].get<std::string>().find("byte 6") != std::string::npos);
}

}  // namespace hearth
