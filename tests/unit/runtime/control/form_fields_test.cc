#include "runtime/control/form_fields.h"

#include <cstdlib>
#include <random>

#include <catch2/catch.hpp>

#include "runtime/control/sqs_query_request.h"

namespace hearth {
namespace {

std::string Flat(std::string_view form) {
  const auto fields = ParseForm(form);
  if (!fields.ok()) return "error: " + fields.error().message;
  std::string out;
  for (const FormField& field : *fields) out += field.name + "=" + field.value + ";";
  return out;
}

Json Request(std::string_view form) {
  auto query = ReadSqsQuery(*ParseForm(form));
  return query.ok() ? query->request : Json("error: " + query.error().message);
}

const std::string kCorpus[] = {
    "Action=ListQueues&Version=2012-11-05&QueueNamePrefix=a%20b+c",
    "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=k&Tag.1."
    "Value=v",
    "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody="
    "m&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1."
    "MessageAttribute.1.Value.DataType=String&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value."
    "StringValue=%F0%9F%94%A5",
    "Action=ReceiveMessage&AttributeName.1=All&MessageAttributeName.member.1=.*&WaitTimeSeconds=20",
};
const std::string kTokens[] = {"&",         "=",
                               "%",         ".",
                               "+",         "%zz",
                               "%00",       "%ff",
                               ".1",        ".0",
                               ".-1",       ".999999999999",
                               "Attribute", "Entry",
                               "=&=",       std::string(1, '\0'),
                               "\xc3",      "\xed\xa0\x80",
                               ".member"};

class Fuzzer {
 public:
  explicit Fuzzer(uint64_t seed) : engine_(seed) {}
  size_t Below(size_t bound) { return bound == 0 ? 0 : engine_() % bound; }
  std::string Input() {
    std::string form = kCorpus[Below(std::size(kCorpus))];
    for (size_t left = Below(8); left > 0; --left) {
      const size_t at = Below(form.size() + 1);
      if (Below(3) == 0) {
        form.erase(at, Below(12));
      } else if (Below(2) == 0) {
        form.insert(at, kTokens[Below(std::size(kTokens))]);
      } else if (at < form.size()) {
        form[at] = static_cast<char>(Below(256));
      }
    }
    return form;
  }

 private:
  std::mt19937_64 engine_;
};

// What a client would write for these fields.
std::string Encode(const std::vector<FormField>& fields) {
  std::string out;
  const auto add = [&](const std::string& text) {
    for (const char c : text) {
      char escape[4];
      std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned char>(c));
      out += escape;
    }
  };
  for (const FormField& field : fields) {
    if (!out.empty()) out += '&';
    add(field.name);
    out += '=';
    add(field.value);
  }
  return out;
}

}  // namespace

TEST_CASE("form is decoded", "[control][form]") {
  CHECK(Flat("") == "");
  CHECK(Flat("a=1&b=two+words&c=%C3%BC%26") == "a=1;b=two words;c=\xC3\xBC&;");
  CHECK(Flat("a&b=&&c==") == "a=;b=;c==;");
  CHECK(Flat("a%2Eb=1") == "a.b=1;");
}

TEST_CASE("form that is none", "[control][form]") {
  CHECK(Flat("a=%") ==
        "error: the parameter at byte 0 has a '%' that is not followed by two hexadecimal digits");
  CHECK(Flat("a=1&b=%4") ==
        "error: the parameter at byte 4 has a '%' that is not followed by two hexadecimal digits");
  CHECK(Flat("a=%gg").starts_with("error"));
  CHECK(Flat("=1") == "error: the parameter at byte 0 has no name");
  CHECK(Flat("a=%FF") == "error: the parameter at byte 0 is not UTF-8");
  CHECK(Flat("%ED%A0%80=x").starts_with("error"));
}

TEST_CASE("parameters of a form at the limit and one past it", "[control][form]") {
  std::string form;
  for (size_t i = 0; i < kFormFieldsMax; ++i) form += "a=1&";
  CHECK(ParseForm(form)->size() == kFormFieldsMax);
  CHECK(Flat(form + "a=1") == "error: the form has over 4096 parameters");
}

TEST_CASE("query as the JSON protocol would have it", "[control][form][sqs]") {
  CHECK(Request("QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=k&Tag.1.Value=v") ==
        Json{{"QueueName", "q"}, {"Attributes", {{"DelaySeconds", "5"}}}, {"Tags", {{"k", "v"}}}});
  CHECK(Request("AttributeName.2=B&AttributeName.10=C&AttributeName.1=A&DelaySeconds=-3")["AttributeNames"] ==
        Json{"A", "B", "C"});
  CHECK(Request("AttributeName=All")["AttributeNames"] == Json::array({"All"}));
  CHECK(Request("AttributeNames.member.1=All")["AttributeNames"] == Json::array({"All"}));
  const std::string entry = "SendMessageBatchRequestEntry.1.";
  CHECK(Request(entry + "Id=a&" + entry + "DelaySeconds=2&" + entry + "MessageAttribute.1.Name=n&" + entry +
                "MessageAttribute.1.Value.DataType=Binary&" + entry +
                "MessageAttribute.1.Value.BinaryValue=AA==") ==
        Json{{"Entries",
              {{{"Id", "a"},
                {"DelaySeconds", 2},
                {"MessageAttributes", {{"n", {{"DataType", "Binary"}, {"BinaryValue", "AA=="}}}}}}}}});
  CHECK(Request("Entry.1.Id=a&Entry.1.ReceiptHandle=h")["Entries"].size() == 1);
  // Signatures and the like travel along.
  CHECK(Request("AWSAccessKeyId=x&Signature=y&Timestamp=z&SignatureVersion=2") == Json::object());
}

TEST_CASE("query that is malformed", "[control][form][sqs]") {
  CHECK(Request("DelaySeconds=soon") ==
        "error: Value soon for parameter DelaySeconds is invalid. Reason: it must be a whole number.");
  CHECK(Request("DelaySeconds=99999999999999999999").is_string());
  CHECK(Request("QueueUrl.1=x") == "error: QueueUrl must be one value");
  for (const char* form :
       {"AttributeName.0=x", "AttributeName.a=x", "AttributeName.-1=x", "AttributeName.1000000=x",
        "AttributeName.1.2=x", "AttributeName.1=x&AttributeName=y", "Attribute.1.Name=x", "Attribute.1=x",
        "MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType.1=x", "a.b.c.d.e.f.g.h.i.j.k=1"}) {
    INFO(form);
    CHECK(Request(form).is_string());
  }
}

// Goal: whatever bytes come, an answer or a clear error; and what was read is what a client would write again.
TEST_CASE("forms of chance", "[control][form][fuzz]") {
  const bool is_long = std::getenv("HEARTH_LONG") != nullptr;
  const uint64_t seed = is_long ? std::random_device()() : 20'261'125;
  INFO("seed " << seed);
  Fuzzer fuzzer(seed);
  int read = 0;
  for (int round = 0; round < (is_long ? 2'000'000 : 20'000); ++round) {
    const std::string form = fuzzer.Input();
    const auto fields = ParseForm(form);
    if (!fields.ok()) {
      REQUIRE_FALSE(fields.error().message.empty());
      continue;
    }
    const auto again = ParseForm(Encode(*fields));
    const bool same =
        again.ok() && again->size() == fields->size() &&
        std::equal(fields->begin(), fields->end(), again->begin(),
                   [](const auto& a, const auto& b) { return a.name == b.name && a.value == b.value; });
    const auto query = ReadSqsQuery(*fields);
    const bool usable = query.ok() ? !query->request.dump().empty() : !query.error().message.empty();
    if (query.ok()) ++read;
    if (!same || !usable) {
      INFO("form " << form);
      REQUIRE(same);
      REQUIRE(usable);
    }
  }
  CHECK(read > 0);
}

}  // namespace hearth
