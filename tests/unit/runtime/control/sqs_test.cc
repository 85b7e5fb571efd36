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

TEST_CASE_METHOD(SqsFixture, "redrive policy that SQS refuses", "[control][sqs]") {
  const auto reason = [&](const std::string& policy) {
    const auto answer =
        Sqs("SetQueueAttributes", {{"QueueUrl", orders}, {"Attributes", {{"RedrivePolicy", policy}}}});
    CHECK(ErrorOf(answer) == "400 InvalidParameterValue;Sender");
    const std::string message = Body(answer)["message"];
    return message.substr(std::min(message.size(), message.find("Reason: ")));
  };
  const std::string arn = "arn:aws:sqs:us-east-1:000000000000:";
  CHECK(reason("{}") == "Reason: Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  CHECK(reason("[1") == "Reason: Redrive policy is not a valid JSON map.");
  CHECK(reason(R"({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42})") ==
        "Reason: Invalid value for deadLetterTargetArn.");
  CHECK(reason(R"({"deadLetterTargetArn": ")" + arn + R"(d", "maxReceiveCount": 0})") ==
        "Reason: Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.");
  CHECK(reason(R"({"deadLetterTargetArn": ")" + arn + R"(d", "maxReceiveCount": "1001"})") ==
        "Reason: Invalid value for maxReceiveCount: \"1001\", valid values are from 1 to 1000 both "
        "inclusive.");
  reason(R"({"deadLetterTargetArn": ")" + arn + R"(nowhere", "maxReceiveCount": 3})");
}

TEST_CASE_METHOD(SqsFixture, "queue that exists is compared in what was given", "[control][sqs]") {
  MakeQueue("slow", {{"DelaySeconds", "7"}, {"Policy", R"({"a":1})"}});
  CHECK(Sqs("CreateQueue", {{"QueueName", "slow"}})->answer->status == 200);
  CHECK(
      Sqs("CreateQueue", {{"QueueName", "slow"}, {"Attributes", {{"DelaySeconds", "7"}}}})->answer->status ==
      200);
  const auto differs =
      Sqs("CreateQueue", {{"QueueName", "slow"}, {"Attributes", {{"Policy", R"({"a":2})"}}}});
  CHECK(ErrorOf(differs) == "400 QueueAlreadyExists;Sender");
  CHECK(Body(differs)["message"] ==
        "A queue already exists with the same name and a different value for attribute Policy");
}

TEST_CASE_METHOD(SqsFixture, "attributes without effect are read back", "[control][sqs]") {
  const auto get = [&](const std::string& name) {
    return Body(Sqs("GetQueueAttributes", {{"QueueUrl", orders}, {"AttributeNames", {name}}}))
        .value("Attributes", json::object());
  };
  CHECK(get("Policy") == json::object());
  Sqs("SetQueueAttributes",
      {{"QueueUrl", orders}, {"Attributes", {{"Policy", R"({"a":1})"}, {"KmsMasterKeyId", "alias/x"}}}});
  CHECK(get("Policy") == json{{"Policy", R"({"a":1})"}});
  CHECK(get("KmsMasterKeyId")["KmsMasterKeyId"] == "alias/x");
  Sqs("SetQueueAttributes", {{"QueueUrl", orders}, {"Attributes", {{"Policy", ""}}}});
  CHECK(get("Policy") == json::object());
  // Another queue of that name starts without.
  Sqs("DeleteQueue", {{"QueueUrl", orders}});
  Advance(seconds(1));
  MakeQueue("orders");
  CHECK(get("KmsMasterKeyId") == json::object());
}

TEST_CASE_METHOD(SqsFixture, "permissions are kept in the policy", "[control][sqs]") {
  const auto add = [&](json more) {
    json request = {{"QueueUrl", orders},
                    {"Label", "peer"},
                    {"AWSAccountIds", {"111111111111"}},
                    {"Actions", {"ReceiveMessage"}}};
    request.update(more);
    return Sqs("AddPermission", request);
  };
  CHECK(add(json::object())->answer->status == 200);
  const json policy = json::parse(Body(Sqs(
      "GetQueueAttributes", {{"QueueUrl", orders}, {"AttributeNames", {"Policy"}}}))["Attributes"]["Policy"]
                                      .get<std::string>());
  CHECK(policy["Version"] == "2008-10-17");
  CHECK(policy["Statement"] == json::array({{{"Sid", "peer"},
                                             {"Effect", "Allow"},
                                             {"Principal", {{"AWS", "arn:aws:iam::111111111111:root"}}},
                                             {"Action", "SQS:ReceiveMessage"},
                                             {"Resource", "arn:aws:sqs:us-east-1:000000000000:orders"}}}));
  CHECK(Body(add(json::object()))["message"] ==
        "Value peer for parameter Label is invalid. Reason: Already exists.");
  CHECK(ErrorOf(add({{"Label", "b"}, {"AWSAccountIds", {"1"}}})) == "400 InvalidParameterValue;Sender");
  CHECK(ErrorOf(add({{"Label", "b"}, {"Actions", {"DeleteQueue"}}})) == "400 InvalidParameterValue;Sender");
  const json remove = {{"QueueUrl", orders}, {"Label", "peer"}};
  CHECK(Sqs("RemovePermission", remove)->answer->status == 200);
  CHECK(Body(Sqs("RemovePermission", remove))["message"] ==
        "Value peer for parameter Label is invalid. Reason: can't find label.");
  CHECK(Body(Sqs("GetQueueAttributes", {{"QueueUrl", orders}, {"AttributeNames", {"Policy"}}})) ==
        json::object());
}

TEST_CASE_METHOD(SqsFixture, "tags", "[control][sqs]") {
  CHECK(Body(Sqs("ListQueueTags", {{"QueueUrl", orders}})) == json::object());
  Sqs("TagQueue", {{"QueueUrl", orders}, {"Tags", {{"team", "shop"}, {"env", "test"}}}});
  Sqs("UntagQueue", {{"QueueUrl", orders}, {"TagKeys", {"env"}}});
  CHECK(Body(Sqs("ListQueueTags", {{"QueueUrl", orders}})) == json{{"Tags", {{"team", "shop"}}}});
  CHECK(Sqs("CreateQueue", {{"QueueName", "tagged"}, {"tags", {{"a", "b"}}}})->answer->status == 200);
  CHECK(Body(Sqs("ListQueueTags", {{"QueueUrl", "tagged"}}))["Tags"] == json{{"a", "b"}});
  CHECK(ErrorOf(Sqs("TagQueue", {{"QueueUrl", orders}, {"Tags", {{"aws:x", "y"}}}})) ==
        "400 InvalidParameterValue;Sender");
  CHECK(ErrorOf(Sqs("TagQueue", {{"QueueUrl", orders}, {"Tags", {{std::string(129, 'k'), "y"}}}})) ==
        "400 InvalidParameterValue;Sender");
  json fifty_one;
  for (int i = 0; i < 50; ++i) fifty_one["k" + std::to_string(i)] = "v";
  CHECK(ErrorOf(Sqs("TagQueue", {{"QueueUrl", orders}, {"Tags", fifty_one}})) ==
        "400 InvalidParameterValue;Sender");  // with "team" they are 51
}

TEST_CASE_METHOD(SqsFixture, "sources of a dead-letter queue are listed in pages", "[control][sqs]") {
  MakeQueue("dead");
  const json policy = {{"deadLetterTargetArn", "arn:aws:sqs:us-east-1:000000000000:dead"},
                       {"maxReceiveCount", 3}};
  for (const char* name : {"a", "b", "c"}) MakeQueue(name, {{"RedrivePolicy", policy.dump()}});
  const json all = Body(Sqs("ListDeadLetterSourceQueues", {{"QueueUrl", "dead"}}));
  CHECK(all["queueUrls"].size() == 3);
  const json page = Body(Sqs("ListDeadLetterSourceQueues", {{"QueueUrl", "dead"}, {"MaxResults", 2}}));
  CHECK(page["queueUrls"].size() == 2);
  const json rest = Body(Sqs("ListDeadLetterSourceQueues",
                             {{"QueueUrl", "dead"}, {"MaxResults", 2}, {"NextToken", page["NextToken"]}}));
  CHECK(rest["queueUrls"].size() == 1);
  CHECK_FALSE(rest.contains("NextToken"));
  CHECK(ErrorOf(Sqs("ListDeadLetterSourceQueues", {{"QueueUrl", "nowhere"}})) ==
        "400 AWS.SimpleQueueService.NonExistentQueue;Sender");
}

TEST_CASE_METHOD(SqsFixture, "who may redrive into a queue", "[control][sqs]") {
  const auto set = [&](const std::string& policy) {
    return Sqs("SetQueueAttributes",
               {{"QueueUrl", orders}, {"Attributes", {{"RedriveAllowPolicy", policy}}}});
  };
  const std::string by_queue =
      R"({"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:us-east-1:000000000000:a"]})";
  CHECK(set(by_queue)->answer->status == 200);
  CHECK(Body(Sqs("GetQueueAttributes",
                 {{"QueueUrl", orders},
                  {"AttributeNames", {"RedriveAllowPolicy"}}}))["Attributes"]["RedriveAllowPolicy"] ==
        by_queue);
  CHECK(set(R"({"redrivePermission":"denyAll"})")->answer->status == 200);
  for (const char* wrong :
       {"{}", "x", R"({"redrivePermission":"some"})", R"({"redrivePermission":"byQueue"})",
        R"({"redrivePermission":"denyAll","sourceQueueArns":[]})"}) {
    INFO(wrong);
    CHECK(ErrorOf(set(wrong)) == "400 InvalidParameterValue;Sender");
  }
}

TEST_CASE_METHOD(SqsFixture, "trace header goes round as a system attribute", "[control][sqs]") {
  const json header = {{"AWSTraceHeader", {{"DataType", "String"}, {"StringValue", "Root=1-2-3"}}}};
  const json sent = Body(
      Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", "m"}, {"MessageSystemAttributes", header}}));
  CHECK(sent["MD5OfMessageSystemAttributes"] ==
        Md5OfAttributes({{"AWSTraceHeader", {"String", "Root=1-2-3"}}}));
  CHECK_FALSE(sent.contains("MD5OfMessageAttributes"));
  const json message = Receive({{"MessageSystemAttributeNames", {"AWSTraceHeader"}},
                                {"MessageAttributeNames", {"All"}}})["Messages"][0];
  CHECK(message["Attributes"] == json{{"AWSTraceHeader", "Root=1-2-3"}});
  CHECK_FALSE(message.contains("MessageAttributes"));
  const json wrong = {{"Other", {{"DataType", "String"}, {"StringValue", "x"}}}};
  CHECK(ErrorOf(Sqs("SendMessage",
                    {{"QueueUrl", orders}, {"MessageBody", "m"}, {"MessageSystemAttributes", wrong}})) ==
        "400 InvalidParameterValue;Sender");
}

TEST_CASE_METHOD(SqsFixture, "message attribute that SQS refuses", "[control][sqs]") {
  const auto send = [&](const std::string& name, json value) {
    return ErrorOf(
        Sqs("SendMessage",
            {{"QueueUrl", orders}, {"MessageBody", "m"}, {"MessageAttributes", {{name, std::move(value)}}}}));
  };
  const json text = {{"DataType", "String"}, {"StringValue", "v"}};
  const std::string refused = "400 InvalidParameterValue;Sender";
  CHECK(send("a.b-c_D9", text) == "200 ");
  CHECK(send(std::string(256, 'n'), text) == "200 ");
  for (const std::string& name :
       {std::string(257, 'n'), std::string(".a"), std::string("a."), std::string("a..b"),
        std::string("AWS.x"), std::string("Amazon.y"), std::string("a b")}) {
    INFO(name);
    CHECK(send(name, text) == refused);
  }
  for (const json& value : std::vector<json>{json::object(),
                                             {{"DataType", "Text"}, {"StringValue", "v"}},
                                             {{"DataType", "String"}},
                                             {{"DataType", "String"}, {"StringValue", "\x01"}},
                                             {{"DataType", "Binary"}, {"BinaryValue", "no base64!"}},
                                             {{"DataType", "Number"}, {"StringValue", "0x10"}},
                                             {{"DataType", "Number"}, {"StringValue", "ten"}},
                                             {{"DataType", "String"}, {"StringListValues", {"a"}}}}) {
    INFO(value);
    CHECK(send("n", value) == refused);
  }
  CHECK(send("n", {{"DataType", "Number.float"}, {"StringValue", "-1.5e3"}}) == "200 ");
  json eleven;
  for (int i = 0; i < 11; ++i) eleven["k" + std::to_string(i)] = text;
  CHECK(ErrorOf(Sqs("SendMessage",
                    {{"QueueUrl", orders}, {"MessageBody", "m"}, {"MessageAttributes", eleven}})) == refused);
}

// The store takes all or none: the entry that is too large for this queue is found and the others are sent.
TEST_CASE_METHOD(SqsFixture, "entry larger than the queue's own maximum", "[control][sqs]") {
  Sqs("SetQueueAttributes", {{"QueueUrl", orders}, {"Attributes", {{"MaximumMessageSize", "1024"}}}});
  const std::string fits(1024, 'a');
  const std::string over(1025, 'a');
  const json answer = Body(Sqs("SendMessageBatch", {{"QueueUrl", orders},
                                                    {"Entries",
                                                     {{{"Id", "a"}, {"MessageBody", fits}},
                                                      {{"Id", "b"}, {"MessageBody", over}},
                                                      {{"Id", "c"}, {"MessageBody", "m"}}}}}));
  REQUIRE(answer["Successful"].size() == 2);
  CHECK(answer["Successful"][0]["Id"] == "a");
  CHECK(answer["Successful"][1]["Id"] == "c");
  REQUIRE(answer["Failed"].size() == 1);
  CHECK(answer["Failed"][0]["Id"] == "b");
  CHECK(answer["Failed"][0]["Message"] ==
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.");
  const auto single = Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", over}});
  CHECK(Body(single)["message"] ==
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.");
}

TEST_CASE_METHOD(SqsFixture, "operation at a queue's own URL", "[control][sqs]") {
  http::Request request = SqsRequest("SendMessage", {{"MessageBody", "m"}});
  request.target = request.path = request.raw_path = "/000000000000/orders";
  CHECK(Call(std::move(request))->answer->status == 200);
  CHECK(Receive()["Messages"].size() == 1);
  CHECK(ErrorOf(Sqs("SendMessage", {{"MessageBody", "m"}})) == "400 MissingParameter;Sender");
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
                                             {{"SqsManagedSseEnabled", "maybe"}},
                                             {{"Policy", "[]"}},
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
  CHECK(answer["Failed"][0]["Id"] == "c");
  CHECK(answer["Failed"][0]["Code"] == "InvalidParameterValue");
  CHECK(answer["Failed"][1]["Code"] == "ReceiptHandleIsInvalid");
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
  const auto first = Poll(20);
  const auto second = Poll(20);
  Sqs("DeleteQueue", {{"QueueUrl", orders}});
  RunPosted();
  for (const auto& poll : {first, second}) {
    REQUIRE(poll->answer);
    CHECK(ErrorOf(poll) == "400 AWS.SimpleQueueService.NonExistentQueue;Sender");
  }
}

TEST_CASE_METHOD(SqsFixture, "long polls at their limit and one past it", "[control][sqs]") {
  std::vector<RecordedAnswerPtr> polls(SqsReceive::kPollsMax);
  for (RecordedAnswerPtr& poll : polls) poll = Poll(20);
  const auto answered = [](const RecordedAnswerPtr& poll) { return poll->answer.has_value(); };
  CHECK(std::none_of(polls.begin(), polls.end(), answered));
  const auto one_more = Poll(20);
  REQUIRE(one_more->answer);
  CHECK(Body(one_more) == json::object());
  SendOrder("for the first");
  RunPosted();
  CHECK(std::count_if(polls.begin(), polls.end(), answered) == 1);
  CHECK(answered(polls.front()));
}

TEST_CASE_METHOD(SqsFixture, "purge empties a queue", "[control][sqs]") {
  SendOrder("m");
  CHECK(Sqs("PurgeQueue", {{"QueueUrl", orders}})->answer->body == "{}");
  CHECK(Receive() == json::object());
}

TEST_CASE_METHOD(SqsFixture, "request that is no operation", "[control][sqs]") {
  CHECK(ErrorOf(Sqs("Nonsense", json::object())) == "400 AWS.SimpleQueueService.UnsupportedOperation;Sender");
  http::Request broken = SqsRequest("ListQueues", json::object());
  broken.body = "{\"a\":";
  const auto answer = Call(std::move(broken));
  CHECK(ErrorOf(answer) == "400 SerializationException;Sender");
  CHECK(Body(answer)["message"].get<std::string>().find("byte 6") != std::string::npos);
}

}  // namespace hearth
