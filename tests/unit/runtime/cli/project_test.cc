#include "runtime/cli/project.h"

#include <catch2/catch.hpp>

#include "runtime/cli/project_template.h"

namespace hearth::cli {
namespace {

std::string WhyNot(const std::string& text) {
  const auto project = ParseProject(text, "/p");
  REQUIRE_FALSE(project.ok());
  CHECK(project.error().code == ErrorCode::kInvalidArgument);
  return project.error().message;
}

TEST_CASE("a project file says what stands around functions", "[cli]") {
  const auto project = ParseProject(R"({
    // comments are allowed
    "functions": {"thumbs": {"environment": {"EDGE": "320"}, "buckets": ["photos", "small:rw"], "url": true,
                             "layers": ["fonts:1", "none"], "secrets": ["token:api"]}},
    "buckets": {"photos": {"path": "in", "notify": [{"function": "thumbs", "suffix": ".jpg"}]}, "small": {}},
    "queues": {"orders": {"function": "take", "batch_size": 5}, "dead": {}},
    "routes": {"GET /t/{name}": "thumbs"}})",
                                    "/p");
  REQUIRE(project.ok());
  const Project::Function& thumbs = project->functions.at("thumbs");
  CHECK(thumbs.url);
  CHECK(thumbs.wish.environment.at("EDGE") == "320");
  CHECK(thumbs.wish.layers == std::vector<std::string>{"fonts:1", "none"});
  CHECK(thumbs.wish.secrets == std::vector<std::string>{"token:api"});
  CHECK(thumbs.wish.buckets ==
        std::vector<std::pair<std::string, std::string>>{{"photos", "ro"}, {"small", "rw"}});
  REQUIRE(project->buckets.size() == 2);
  CHECK(project->buckets[0].path == "/p/in");
  CHECK(project->buckets[0].notify.at(0).suffix == ".jpg");
  CHECK(project->queues.size() == 2);
  REQUIRE(project->connections.size() == 1);
  CHECK(project->connections[0].batch_size == 5);
  CHECK(project->routes.at("GET /t/{name}") == "thumbs");
}

TEST_CASE("a member that is not known is named, with the nearest", "[cli]") {
  CHECK(WhyNot(R"({"functions":{"f":{"bukets":[]}}})") ==
        "functions.f.bukets is not known; did you mean buckets?");
  CHECK(WhyNot(R"({"queues":{"q":{"batch_size":"5"}}})") == "queues.q.batch_size must be a whole number");
  CHECK(WhyNot(R"({"functions":{"f":{"environment":{"A":1}}}})") ==
        "functions.f.environment.A must be a string");
  CHECK(WhyNot(R"({"buckets":{"b":{"notify":[{}]}}})") == "buckets.b.notify[] needs a \"function\"");
  CHECK(WhyNot(R"({"functions":[]})") == "functions must be an object");
  CHECK_FALSE(WhyNot("[]").empty());
  CHECK_FALSE(WhyNot("{").empty());
}

TEST_CASE("only what differs is changed", "[cli]") {
  const Json current = Json::parse(R"({"Handler":"a.so","MemorySize":128,"Timeout":3,
    "Environment":{"Variables":{"A":"1","B":"2"}},"Hearth":{"Buckets":[{"Bucket":"in","Writable":false}]}})");
  FunctionWish same{.handler = "a.so",
                    .memory_mib = 128,
                    .timeout_s = 3,
                    .environment = {{"A", "1"}},
                    .buckets = {{"in", "ro"}}};
  CHECK(ChangeOf(current, same).request.empty());
  CHECK(ChangeOf(current, same).changes.empty());

  FunctionWish other{.timeout_s = 5,
                     .environment = {{"A", "9"}},
                     .environment_removed = {"B"},
                     .buckets = {{"in", "off"}, {"out", "rw"}},
                     .isolation = "invocation"};
  const SettingsChange change = ChangeOf(current, other);
  CHECK(change.request == Json::parse(R"({"Timeout":5,"Environment":{"Variables":{"A":"9"}},
    "Hearth":{"Buckets":[{"Bucket":"out","Writable":true}],"Isolation":"invocation"}})"));
  CHECK(change.changes == std::vector<std::string>{"timeout 3 -> 5 s", "changed A", "removed B",
                                                   "bucket in off", "bucket out rw",
                                                   "isolation instance -> invocation"});
}

TEST_CASE("snap start is changed where it differs", "[cli]") {
  const Json off = Json::parse(R"({"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"}})");
  const Json on = Json::parse(R"({"SnapStart":{"ApplyOn":"PublishedVersions","OptimizationStatus":"Off"}})");
  CHECK(ChangeOf(off, FunctionWish{.snap_start = "none"}).request.empty());
  CHECK(ChangeOf(on, FunctionWish{.snap_start = "published"}).request.empty());
  CHECK(ChangeOf(on, FunctionWish{}).request.empty());
  const SettingsChange to_on = ChangeOf(off, FunctionWish{.snap_start = "published"});
  CHECK(to_on.request == Json::parse(R"({"SnapStart":{"ApplyOn":"PublishedVersions"}})"));
  CHECK(to_on.changes == std::vector<std::string>{"snap start none -> published"});
  CHECK(ChangeOf(on, FunctionWish{.snap_start = "none"}).changes ==
        std::vector<std::string>{"snap start published -> none"});
}

TEST_CASE("layers are said whole, secrets one by one", "[cli]") {
  const Json current = Json::parse(R"({"Layers":[{"Arn":"arn:aws:lambda:r:0:layer:a:1","CodeSize":3}],
    "Hearth":{"Isolation":"strict","Secrets":["db","tls:key"]}})");
  const std::string a = "arn:aws:lambda:r:0:layer:a:1", b = "arn:aws:lambda:r:0:layer:b:2";
  CHECK(ChangeOf(current, FunctionWish{.layers = {{a}}, .secrets = {"db", "tls:key"}}).changes.empty());
  CHECK(ChangeOf(current, FunctionWish{}).changes.empty());
  const SettingsChange more = ChangeOf(current, FunctionWish{.layers = {{a, b}}, .secrets = {"new:key"}});
  CHECK(more.request["Layers"] == Json({a, b}));
  CHECK(more.request["Hearth"] == Json::parse(R"({"Secrets":["db","new:key"]})"));
  CHECK(more.changes == std::vector<std::string>{"layers a:1, b:2", "secret new:key"});
  const SettingsChange less = ChangeOf(
      current, FunctionWish{.layers = std::vector<std::string>(), .secrets_removed = {"tls", "other"}});
  CHECK(less.request["Layers"] == Json::array());
  CHECK(less.request["Hearth"] == Json::parse(R"({"Secrets":["db"]})"));
  CHECK(less.changes == std::vector<std::string>{"no layers", "removed secret tls"});
}

TEST_CASE("a network is changed as a whole, its ports in order", "[cli]") {
  for (const char* wrong :
       {"", "host", "none:80", "egress:", "egress:0", "egress:65536", "egress:80,x", "egress:80,,81"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ParseNetwork(wrong).ok());
  }
  CHECK(*ParseNetwork("egress:5432,443,443") == "egress:443,5432");
  CHECK(*ParseNetwork("egress:65535") == "egress:65535");
  const Json none = Json::object(),
             some = Json::parse(R"({"Hearth":{"Network":"egress","NetworkPorts":[443]}})");
  CHECK(NetworkOf(none) == "none");
  CHECK(NetworkOf(some) == "egress:443");
  CHECK(ChangeOf(none, {.network = "none"}).request.empty());
  CHECK(ChangeOf(some, {.network = "egress:443"}).request.empty());
  CHECK(ChangeOf(some, {.network = "none"}).request == Json::parse(R"({"Hearth":{"Network":"none"}})"));
  const SettingsChange wider = ChangeOf(some, {.network = "egress"});
  CHECK(wider.request == Json::parse(R"({"Hearth":{"Network":"egress","NetworkPorts":[]}})"));
  CHECK(wider.changes == std::vector<std::string>{"network egress:443 -> egress"});
}

TEST_CASE("each template is a whole project with no mark left", "[cli]") {
  for (const std::string& name : TemplateNames()) {
    CAPTURE(name);
    const auto files = MakeProject(name, "My_fn");
    REQUIRE(files.ok());
    for (const ProjectFile& file : *files) {
      CAPTURE(file.path);
      CHECK(file.text.find('@') == std::string::npos);
      if (file.path == kProjectFile) CHECK(ParseProject(file.text, "/p").ok());
    }
  }
}

TEST_CASE("a name that cannot be a function's is refused", "[cli]") {
  for (const char* wrong : {"", "1a", "a b", "a.b", "test", "-x", "ünder"}) {
    CAPTURE(wrong);
    CHECK_FALSE(MakeProject("json", wrong).ok());
  }
  CHECK_FALSE(MakeProject("jason", "a").ok());
  CHECK(NameOfRoute("GET /thumbs/{name}") == "get-thumbs-name");
}

}  // namespace
}  // namespace hearth::cli
