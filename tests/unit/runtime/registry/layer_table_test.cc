#include "runtime/registry/layer_table.h"

#include "tests/unit/runtime/registry/registry_fixture.h"

namespace hearth {
namespace {

class LayerFixture : public CodeFixture {
 protected:
  LayerFixture() { RestartTable(); }
  void RestartTable() {
    table_.reset();
    Restart();
    table_.emplace(keys_, *code_, checker_, executor_.clock());
    std::optional<Status> loaded;
    table_->Load([&](Status status) { loaded = std::move(status); });
    executor_.RunUntil([&] { return loaded.has_value(); });
    REQUIRE(loaded->ok());
  }
  Result<LayerVersion> Publish(LayerVersion layer, const std::string& zip) {
    std::optional<Result<LayerVersion>> result;
    table_->Publish(std::move(layer), "arn:x", zip, [&](Result<LayerVersion> made) { result.emplace(made); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }
  static LayerVersion Named(const std::string& name) {
    LayerVersion layer;
    layer.name = name;
    return layer;
  }
  Status Delete(const std::string& name, uint64_t number) {
    std::optional<Status> result;
    table_->Delete(name, number, [&](Status status) { result = std::move(status); });
    executor_.RunUntil([&] { return result.has_value(); });
    return *result;
  }

  MemoryKeyStore keys_{executor_};
  std::optional<LayerTable> table_;
};

TEST_CASE_METHOD(LayerFixture, "versions count up, over removals and restarts", "[layers]") {
  const auto first = Publish(Named("fonts"), ZipOf("one"));
  REQUIRE(first.ok());
  CHECK(first->number == 1);
  CHECK(first->arn == "arn:x:1");
  CHECK(first->content.size_bytes == 7);
  CHECK(Publish(Named("fonts"), ZipOf("two"))->number == 2);
  CHECK(Publish(Named("other"), ZipOf("two"))->number == 1);
  CHECK(table_->List("fonts").front().number == 2);
  REQUIRE(Delete("fonts", 2).ok());
  REQUIRE(Delete("fonts", 2).ok());
  RestartTable();
  CHECK(table_->Find("fonts", 2) == nullptr);
  REQUIRE(table_->Find("fonts", 1) != nullptr);
  CHECK(ContentOf(table_->Find("fonts", 1)->content) == ZipOf("one"));
  CHECK(table_->Names() == std::vector<std::string>{"fonts", "other"});
  CHECK(Publish(Named("fonts"), ZipOf("three"))->number == 3);
}

TEST_CASE_METHOD(LayerFixture, "a layer that cannot be unpacked or stored is not there", "[layers]") {
  checker_.unpack_verdict = Error{ErrorCode::kBadArtefact, "entry ../x"};
  const auto bad = Publish(Named("fonts"), ZipOf("one"));
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().message == "layer fonts: entry ../x");
  checker_.unpack_verdict = Ok();
  const auto elf = Publish(Named("fonts"), kBareObject);
  REQUIRE_FALSE(elf.ok());
  CHECK(elf.error().message.find("put it into lib/ of a zip") != std::string::npos);
  CHECK_FALSE(table_->publishing());
  keys_.FailNext({ErrorCode::kIo, "full"});
  CHECK_FALSE(Publish(Named("fonts"), ZipOf("one")).ok());
  CHECK(table_->Names().empty());
  CHECK_FALSE(table_->publishing());
}

TEST_CASE_METHOD(LayerFixture, "texts of a layer at their limits and one past them", "[layers]") {
  LayerVersion layer = Named("fonts");
  layer.description = std::string(kLayerDescriptionBytesMax, 'd');
  layer.license = std::string(kLayerLicenseBytesMax, 'l');
  layer.runtimes = std::vector<std::string>(kLayerRuntimesMax, "provided");
  CHECK(Publish(layer, ZipOf("one")).ok());
  for (int which = 0; which < 3; ++which) {
    LayerVersion over = layer;
    if (which == 0) over.description += "d";
    if (which == 1) over.license += "l";
    if (which == 2) over.runtimes.push_back("provided");
    const auto refused = Publish(over, ZipOf("one"));
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE_METHOD(LayerFixture, "a stored layer that cannot be read is named", "[layers]") {
  std::optional<Status> done;
  keys_.Apply({{"layer/fonts/1", "{"}}, [&](Status status) { done = std::move(status); });
  executor_.RunUntil([&] { return done.has_value(); });
  LayerTable second(keys_, *code_, checker_, executor_.clock());
  std::optional<Status> loaded;
  second.Load([&](Status status) { loaded = std::move(status); });
  executor_.RunUntil([&] { return loaded.has_value(); });
  CHECK(loaded->error().code == ErrorCode::kCorrupt);
  CHECK(loaded->error().message.find("layer/fonts/1") != std::string::npos);
}

}  // namespace
}  // namespace hearth
