#include "runtime/control/sqs_xml.h"
#include "runtime/store/attributes_md5.h"
#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

constexpr const char* kForm = "application/x-www-form-urlencoded; charset=utf-8";

struct QueryFixture : ControlFixture {
  std::string orders = MakeQueue("orders");

  // Its body; the status is held against `status`.
  std::string Query(const std::string& form, int status = 200, const std::string& path = "/") {
    const auto answer = Call(Request("POST", path, {{"content-type", kForm}}, form));
    INFO(form << " -> " << answer->answer->body);
    CHECK(answer->answer->status == status);
    CHECK(answer->header("content-type") == "text/xml");
    CHECK(answer->answer->body.find("<RequestId>" + answer->header("x-amzn-RequestId") + "</RequestId>") !=
          std::string::npos);
    return answer->answer->body;
  }
  // The text of the first element of that name.
  static std::string Of(const std::string& xml, const std::string& element) {
    const size_t begin = xml.find("<" + element + ">");
    if (begin == xml.npos) return "(none)";
    const size_t from = begin + element.size() + 2;
    return xml.substr(from, xml.find("</" + element + ">", from) - from);
  }
  static bool Has(const std::string& xml, const std::string& part) { return xml.find(part) != xml.npos; }
};

}  // namespace

TEST_CASE_METHOD(QueryFixture, "message goes round in XML", "[control][sqs][query]") {
  const std::string sent = Query(
      "Action=SendMessage&MessageBody=a%3Cb%26%0D%0Ac&MessageAttribute.1.Name=k&MessageAttribute.1.Value."
      "DataType="
      "String&MessageAttribute.1.Value.StringValue=v&Version=2012-11-05",
      200, "/000000000000/orders");
  CHECK(
      sent.starts_with("<?xml version=\"1.0\"?><SendMessageResponse "
                       "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><SendMessageResult>"));
  CHECK(Of(sent, "MD5OfMessageBody") == Md5Hex("a<b&\r\nc"));
  CHECK(Of(sent, "MD5OfMessageAttributes") == "0a77b0642718c3d9dd47090567d11e0d");
  const std::string received =
      Query("Action=ReceiveMessage&QueueUrl=" + orders + "&AttributeName.1=All&MessageAttributeName.1=.*");
  CHECK(Of(received, "Body") == "a&lt;b&amp;&#xD;\nc");
  CHECK(Of(received, "MessageId") == Of(sent, "MessageId"));
  CHECK(Has(received, "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>"));
  CHECK(Has(received,
            "<MessageAttribute><Name>k</Name><Value><DataType>String</DataType><StringValue>v</"
            "StringValue></Value></MessageAttribute>"));
  const std::string empty = Query("Action=ReceiveMessage&QueueUrl=" + orders);
  CHECK(Has(empty, "<ReceiveMessageResult></ReceiveMessageResult>"));
  const std::string deleted =
      Query("Action=DeleteMessage&QueueUrl=" + orders + "&ReceiptHandle=" + Of(received, "ReceiptHandle"));
  CHECK_FALSE(Has(deleted, "DeleteMessageResult"));
}

TEST_CASE_METHOD(QueryFixture, "operation by GET", "[control][sqs][query]") {
  const auto answer = Call(Request("GET", "/000000000000/orders?Action=SendMessage&MessageBody=hello+you"));
  CHECK(answer->answer->status == 200);
  CHECK(Of(answer->answer->body, "MD5OfMessageBody") == Md5Hex("hello you"));
  CHECK(
      Call(Request("GET", "/?Action=ListQueues"))->answer->body.find("<QueueUrl>" + orders + "</QueueUrl>") !=
      std::string::npos);
  // HEAD is routed as GET is, and must not do what it asks.
  CHECK(Call(Request("HEAD", "/000000000000/orders?Action=PurgeQueue"))->answer->status == 404);
  CHECK(Call(Request("GET", "/000000000000/orders"))->answer->status == 404);
  CHECK(Call(Request("GET", "/"))->answer->status == 404);
  CHECK(Has(Query("Action=GetQueueAttributes&AttributeName.1=ApproximateNumberOfMessages", 200,
                  "/000000000000/orders"),
            "<Attribute><Name>ApproximateNumberOfMessages</Name><Value>1</Value></Attribute>"));
}

TEST_CASE_METHOD(QueryFixture, "page of another site cannot cause an operation", "[control][sqs][query]") {
  const auto ask = [&](http::Headers headers) {
    return Call(Request("GET", "/000000000000/orders?Action=PurgeQueue", std::move(headers)))->answer->status;
  };
  CHECK(ask({{"sec-fetch-site", "cross-site"}}) == 403);
  CHECK(ask({{"origin", "http://evil.example"}}) == 403);
  CHECK(ask({{"origin", "http://localhost:3000"}, {"sec-fetch-site", "cross-site"}}) == 200);
  CHECK(ask({{"sec-fetch-site", "none"}}) == 200);
}

TEST_CASE_METHOD(QueryFixture, "batch in XML", "[control][sqs][query]") {
  const std::string entry = "SendMessageBatchRequestEntry.";
  const std::string sent =
      Query("Action=SendMessageBatch&QueueUrl=" + orders + "&" + entry + "1.Id=a&" + entry +
            "1.MessageBody=one&" + entry + "2.Id=b&" + entry + "2.MessageBody=%02");
  CHECK(Has(sent, "<SendMessageBatchResultEntry><Id>a</Id><MD5OfMessageBody>" + Md5Hex("one")));
  CHECK(Of(sent, "BatchResultErrorEntry").starts_with("<Code>InvalidMessageContents</Code><Id>b</Id>"));
  CHECK(Of(sent, "SenderFault") == "true");
  const std::string handle = Of(Query("Action=ReceiveMessage&QueueUrl=" + orders), "ReceiptHandle");
  const std::string changed = Query("Action=ChangeMessageVisibilityBatch&QueueUrl=" + orders +
                                    "&ChangeMessageVisibilityBatchRequestEntry.1.Id=x&"
                                    "ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout="
                                    "9&ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=" +
                                    handle);
  CHECK(Has(changed,
            "<ChangeMessageVisibilityBatchResultEntry><Id>x</Id></ChangeMessageVisibilityBatchResultEntry>"));
  CHECK(Has(Query("Action=DeleteMessageBatch&QueueUrl=" + orders +
                  "&DeleteMessageBatchRequestEntry.1.Id=x&DeleteMessageBatchRequestEntry.1.ReceiptHandle=" +
                  handle),
            "<DeleteMessageBatchResultEntry><Id>x</Id></DeleteMessageBatchResultEntry>"));
}

TEST_CASE_METHOD(QueryFixture, "queue is made, tagged, listed and removed in XML", "[control][sqs][query]") {
  const std::string made = Query(
      "Action=CreateQueue&QueueName=pay&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=7&Tag.1.Key="
      "team&Tag."
      "1.Value=shop");
  CHECK(Of(made, "QueueUrl") == "http://localhost:4566/000000000000/pay");
  CHECK(
      Has(Query("Action=GetQueueAttributes&QueueUrl=pay&AttributeName.1=VisibilityTimeout"),
          "<GetQueueAttributesResult><Attribute><Name>VisibilityTimeout</Name><Value>7</Value></Attribute></"
          "GetQueueAttributesResult>"));
  CHECK(Has(Query("Action=ListQueueTags&QueueUrl=pay"), "<Tag><Key>team</Key><Value>shop</Value></Tag>"));
  Query("Action=TagQueue&QueueUrl=pay&Tag.1.Key=a&Tag.1.Value=b");
  Query("Action=UntagQueue&QueueUrl=pay&TagKey.1=team");
  CHECK_FALSE(Has(Query("Action=ListQueueTags&QueueUrl=pay"), "team"));
  CHECK(Has(
      Query("Action=ListQueues&QueueNamePrefix=p"),
      "<ListQueuesResult><QueueUrl>http://localhost:4566/000000000000/pay</QueueUrl></ListQueuesResult>"));
  Query("Action=SetQueueAttributes&QueueUrl=pay&Attribute.1.Name=DelaySeconds&Attribute.1.Value=3");
  Query("Action=AddPermission&QueueUrl=pay&Label=l&AWSAccountId.1=111111111111&ActionName.1=SendMessage");
  CHECK(Has(Query("Action=GetQueueAttributes&QueueUrl=pay&AttributeName.1=Policy"), "SQS:SendMessage"));
  Query("Action=RemovePermission&QueueUrl=pay&Label=l");
  Query("Action=DeleteQueue&QueueUrl=pay");
  const std::string gone = Query("Action=GetQueueUrl&QueueName=pay", 400);
  CHECK(
      gone.starts_with("<?xml version=\"1.0\"?><ErrorResponse "
                       "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type><Code>"
                       "AWS.SimpleQueueService.NonExistentQueue</Code>"));
}

TEST_CASE_METHOD(QueryFixture, "query that is no operation", "[control][sqs][query]") {
  CHECK(Of(Query("Action=Nonsense", 400), "Code") == "InvalidAction");
  CHECK(Of(Query("Version=2012-11-05", 400), "Code") == "MissingAction");
  CHECK(Of(Query("", 400), "Code") == "MissingAction");
  CHECK(Of(Query("Action=Publish&Version=2010-03-31", 400), "Code") == "NoSuchVersion");
  CHECK(Of(Query("Action=%zz", 400), "Code") == "MalformedQueryString");
  CHECK(Of(Query("Action=SendMessage&QueueUrl=orders&DelaySeconds=x", 400), "Code") ==
        "InvalidParameterValue");
  CHECK(Of(Query("Action=SendMessage&MessageBody=m", 400), "Code") == "MissingParameter");
  CHECK(Of(Query("Action=SendMessage&QueueUrl=orders&MessageBody=%FF", 400), "Code") ==
        "MalformedQueryString");
}

TEST_CASE("what XML cannot hold is replaced", "[control][sqs][query]") {
  CHECK(XmlEscape("a\x01 \"<>&\t\n\r") == "a\xEF\xBF\xBD &quot;&lt;&gt;&amp;\t\n&#xD;");
}

}  // namespace hearth
