#include "runtime/model/layer.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

const std::string kArn = "arn:aws:lambda:us-east-1:000000000000:layer:fonts:12";

std::vector<LayerUse> Layers(size_t count) {
  std::vector<LayerUse> layers;
  for (size_t i = 0; i < count; ++i)
    layers.push_back({"arn:aws:lambda:us-east-1:000000000000:layer:l" + std::to_string(i) + ":1", 0});
  return layers;
}

TEST_CASE("the ARN of a layer's version", "[model]") {
  const auto layer = ParseLayerArn(kArn);
  REQUIRE(layer.ok());
  CHECK(layer->region == "us-east-1");
  CHECK(layer->account == "000000000000");
  CHECK(layer->name == "fonts");
  CHECK(layer->number == 12);
}

TEST_CASE("what is no ARN of a layer's version is told so", "[model]") {
  const std::string text = GENERATE(as<std::string>{}, "", "fonts", "fonts:12",
                                    "arn:aws:lambda:us-east-1:000000000000:layer:fonts",
                                    "arn:aws:lambda:us-east-1:000000000000:layer:fonts:",
                                    "arn:aws:lambda:us-east-1:000000000000:layer:fonts:0",
                                    "arn:aws:lambda:us-east-1:000000000000:layer:fonts:01",
                                    "arn:aws:lambda:us-east-1:000000000000:layer:fonts:1x",
                                    "arn:aws:lambda:us-east-1:000000000000:layer:fo/nts:1",
                                    "arn:aws:lambda:us-east-1:000000000000:function:fonts:1",
                                    "arn:aws:sqs:us-east-1:000000000000:layer:fonts:1");
  CAPTURE(text);
  const auto layer = ParseLayerArn(text);
  REQUIRE(!layer.ok());
  CHECK(layer.error().code == ErrorCode::kInvalidArgument);
  CHECK(layer.error().message.find("is not the ARN of a layer's version") != std::string::npos);
}

TEST_CASE("a layer's name has up to 140 characters", "[model]") {
  CHECK(ValidateLayerName(std::string(kLayerNameBytesMax, 'a')).ok());
  CHECK(!ValidateLayerName(std::string(kLayerNameBytesMax + 1, 'a')).ok());
  CHECK(!ValidateLayerName("").ok());
  CHECK(!ValidateLayerName("a.b").ok());
  CHECK(!ValidateLayerName("..").ok());
}

TEST_CASE("a function has up to five layers, and none of them twice", "[model]") {
  CHECK(ValidateLayerUses(Layers(kLayersMax)).ok());
  const Status many = ValidateLayerUses(Layers(kLayersMax + 1));
  REQUIRE(!many.ok());
  CHECK(many.error().message == "the function names 6 layers; the limit is 5");
  std::vector<LayerUse> twice = Layers(1);
  twice.push_back({"arn:aws:lambda:us-east-1:000000000000:layer:l0:2", 0});
  const Status refused = ValidateLayerUses(twice);
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find("are versions of the same layer") != std::string::npos);
}

TEST_CASE("a layer comes back from its stored form whole", "[model]") {
  LayerVersion layer;
  layer.name = "fonts";
  layer.number = 12;
  layer.arn = kArn;
  layer.description = "\"d\"";
  layer.license = "MIT";
  layer.runtimes = {"provided", "provided.al2023"};
  layer.architectures = {"x86_64"};
  layer.created = WallTime(microseconds(1'795'000'000'123'456));
  layer.content = {"c2hh", UINT64_MAX, "/data/code/abc"};
  const auto back = DecodeLayerJson(EncodeLayerJson(layer));
  REQUIRE(back.ok());
  CHECK(back->name == layer.name);
  CHECK(back->number == layer.number);
  CHECK(back->arn == layer.arn);
  CHECK(back->description == layer.description);
  CHECK(back->license == layer.license);
  CHECK(back->runtimes == layer.runtimes);
  CHECK(back->architectures == layer.architectures);
  CHECK(back->created == layer.created);
  CHECK(back->content.sha256_base64 == "c2hh");
  CHECK(back->content.size_bytes == UINT64_MAX);
  CHECK(back->content.folder == "/data/code/abc");
  CHECK(DecodeLayerJson("{}").error().code == ErrorCode::kCorrupt);
  CHECK(DecodeLayerJson("nonsense").error().code == ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace hearth
