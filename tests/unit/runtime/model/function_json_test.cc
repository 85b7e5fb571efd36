#include <catch2/catch.hpp>

#include "runtime/model/function.h"

namespace hearth {
namespace {

FunctionVersion Full() {
  FunctionVersion v;
  v.function = "resize";
  v.version = "7";
  v.generation = 99;
  v.arn = "arn:aws:lambda:us-east-1:000000000000:function:resize:7";
  v.revision_id = "c0ffee00-0000-4000-8000-000000000000";
  v.last_modified = WallTime(microseconds(1'795'000'000'123'456));
  v.settings.description = "\"quotes\" and \xc3\xa9";
  v.settings.runtime = "provided";
  v.settings.role = "arn:aws:iam::000000000000:role/r";
  v.settings.handler = "lib.so:make";
  v.settings.timeout = seconds(900);
  v.settings.memory = 10240_MiB;
  v.settings.tmp = 1024_MiB;
  v.settings.isolation = Isolation::kInvocation;
  v.settings.network = Network::kEgress;
  v.settings.network_ports = {1, 443, 65535};
  v.settings.environment = {{"A", "1"}, {"B", ""}};
  v.settings.snap_start = SnapStart::kPublishedVersions;
  v.settings.buckets = {{"photos", false}, {"thumbs", true}};
  v.settings.log = {LogFormat::kJson, kLogTrace, kLogWarn};
  v.code = {"c2hh", UINT64_MAX, "/var/lib/hearth/code/abc"};
  v.host_uid = 100'001;
  v.settings.layers = {{"arn:aws:lambda:us-east-1:000000000000:layer:fonts:1", UINT64_MAX}};
  v.settings.secrets = {{"db-password", "password"}};
  v.layers_folder = "/var/lib/hearth/code/def";
  v.secrets_revision = 7;
  return v;
}

TEST_CASE("a version comes back from its stored form whole, but for its generation", "[model]") {
  const FunctionVersion v = Full();
  const auto back = DecodeFunctionJson(EncodeFunctionJson(v));
  REQUIRE(back.ok());
  CHECK(back->function == v.function);
  CHECK(back->version == v.version);
  CHECK(back->generation == 0);
  CHECK(back->arn == v.arn);
  CHECK(back->revision_id == v.revision_id);
  CHECK(back->last_modified == v.last_modified);
  CHECK(back->settings.description == v.settings.description);
  CHECK(back->settings.runtime == v.settings.runtime);
  CHECK(back->settings.role == v.settings.role);
  CHECK(back->settings.handler == v.settings.handler);
  CHECK(back->settings.timeout == v.settings.timeout);
  CHECK(back->settings.memory == v.settings.memory);
  CHECK(back->settings.tmp == v.settings.tmp);
  CHECK(back->settings.isolation == v.settings.isolation);
  CHECK(back->settings.network == v.settings.network);
  CHECK(back->settings.network_ports == v.settings.network_ports);
  CHECK(back->settings.environment == v.settings.environment);
  CHECK(back->settings.snap_start == v.settings.snap_start);
  CHECK(back->settings.buckets == v.settings.buckets);
  CHECK(back->settings.log == v.settings.log);
  CHECK(back->code.sha256_base64 == v.code.sha256_base64);
  CHECK(back->code.size_bytes == v.code.size_bytes);
  CHECK(back->code.folder == v.code.folder);
  CHECK(back->host_uid == v.host_uid);
  CHECK(back->settings.layers == v.settings.layers);
  CHECK(back->settings.secrets == v.settings.secrets);
  CHECK(back->layers_folder == v.layers_folder);
  CHECK(back->secrets_revision == 0);
}

TEST_CASE("an older form without some settings gets their defaults; unknown ones are let by", "[model]") {
  const auto old =
      DecodeFunctionJson(R"({"function":"f","version":"1","arn":"a","revision_id":"r","last_modified_us":1,
    "settings":{"handler":"lib.so","from_the_future":[1]},"code":{"sha256":"s","size":3,"folder":"/f"},"more":{}})");
  REQUIRE(old.ok());
  CHECK(old->settings.timeout == kTimeoutDefault);
  CHECK(old->settings.memory == kMemoryDefault);
  CHECK(old->settings.tmp == kTmpDefault);
  CHECK(old->settings.isolation == Isolation::kInstance);
  CHECK(old->settings.snap_start == SnapStart::kNone);
  CHECK(old->settings.log == LogSettings{});
  CHECK(old->settings.network == Network::kNone);
  CHECK(old->settings.network_ports.empty());
  CHECK(old->host_uid == 0);
}

TEST_CASE("a stored form that is cut or of wrong types is corrupt, at every length", "[model]") {
  const std::string whole = EncodeFunctionJson(Full());
  for (size_t n = 0; n < whole.size(); n += 7) {
    const auto cut = DecodeFunctionJson(whole.substr(0, n));
    REQUIRE_FALSE(cut.ok());
    CHECK(cut.error().code == ErrorCode::kCorrupt);
  }
  CHECK_FALSE(DecodeFunctionJson("[]").ok());
  CHECK_FALSE(DecodeFunctionJson("{}").ok());
  std::string wrong = whole;
  wrong.replace(wrong.find("\"resize\""), 8, "42");
  CHECK_FALSE(DecodeFunctionJson(wrong).ok());
}

}  // namespace
}  // namespace hearth
