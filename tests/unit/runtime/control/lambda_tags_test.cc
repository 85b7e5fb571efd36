#include "runtime/control/lambda_tags.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

constexpr const char* kTags =
    "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aresize";

json TagsIn(const RecordedAnswerPtr& answer) { return json::parse(answer->answer->body)["Tags"]; }

TEST_CASE_METHOD(ControlFixture, "tags are set, changed, removed, and are the account's", "[control][tags]") {
  CHECK(Create("resize", {{"Tags", {{"cost-center", "vision"}}}})->answer->status == 201);
  CHECK(TagsIn(Call("GET", kTags)) == json{{"cost-center", "vision"}});
  CHECK(Call("POST", kTags, {{"Tags", {{"env", "prod"}, {"cost-center", "labs"}}}})->answer->status == 204);
  CHECK(account->state().TagsOf("resize") == Tags{{"cost-center", "labs"}, {"env", "prod"}});
  const json function = json::parse(Call("GET", "/2015-03-31/functions/resize")->answer->body);
  CHECK(function["Tags"] == json{{"cost-center", "labs"}, {"env", "prod"}});
  CHECK(Call("DELETE", std::string(kTags) + "?tagKeys=env&tagKeys=cost-center")->answer->status == 204);
  CHECK(TagsIn(Call("GET", kTags)) == json::object());
  CHECK_FALSE(json::parse(Call("GET", "/2015-03-31/functions/resize")->answer->body).contains("Tags"));
}

TEST_CASE_METHOD(ControlFixture, "they go with their function", "[control][tags]") {
  CHECK(Create("resize", {{"Tags", {{"env", "prod"}}}})->answer->status == 201);
  CHECK(Call("DELETE", "/2015-03-31/functions/resize")->answer->status == 204);
  CHECK(account->state().TagsOf("resize").empty());
}

TEST_CASE_METHOD(ControlFixture, "fifty tags are taken, one more is not", "[control][tags]") {
  Deploy("resize");
  json tags;
  for (size_t i = 0; i < kTagsMax; ++i) tags["key" + std::to_string(i)] = "x";
  CHECK(Call("POST", kTags, {{"Tags", tags}})->answer->status == 204);
  CHECK(Call("POST", kTags, {{"Tags", {{"one", "more"}}}})->answer->status == 400);
  CHECK(account->state().TagsOf("resize").size() == kTagsMax);
}

TEST_CASE_METHOD(ControlFixture, "a key of 128 and a value of 256 characters are taken, one more is not",
                 "[control][tags]") {
  Deploy("resize");
  const auto many = [](size_t characters) {
    std::string text;
    for (size_t i = 0; i < characters; ++i) text += "\u00fc";
    return text;
  };
  const auto put = [this](const std::string& key, const std::string& value) {
    return Call("POST", kTags, {{"Tags", {{key, value}}}})->answer->status;
  };
  CHECK(put(many(128), many(256)) == 204);
  CHECK(put(many(129), "x") == 400);
  CHECK(put("key", many(257)) == 400);
  CHECK(put("aws:mine", "x") == 400);
  CHECK(account->state().TagsOf("resize") == Tags{{many(128), many(256)}});
}

TEST_CASE_METHOD(ControlFixture, "what is no function's tag is refused", "[control][tags]") {
  Deploy("resize");
  CHECK(Call("POST", std::string(kTags) + "%3A1", {{"Tags", {{"a", "b"}}}})->answer->status == 400);
  CHECK(Call("POST", kTags, json::object())->answer->status == 400);
  CHECK(Call("DELETE", kTags)->answer->status == 400);
  CHECK(Call("GET", "/2017-03-31/tags/nobody")->answer->status == 404);
  CHECK(Create("crop", {{"Tags", {{"", "empty"}}}})->answer->status == 400);
  CHECK(Call("GET", "/2015-03-31/functions/crop")->answer->status == 404);
}

}  // namespace
}  // namespace hearth
