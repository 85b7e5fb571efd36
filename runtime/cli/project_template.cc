#include "runtime/cli/project_template.h"

#include <algorithm>

#include "runtime/cli/arguments.h"
#include "runtime/cli/exit_code.h"

// In the texts below @NAME@ is the function, @BUCKET@ a name for buckets made from it.

namespace hearth::cli {
namespace {

constexpr size_t kNameBytesMax = 40;

constexpr const char* kCMake = R"file(cmake_minimum_required(VERSION 3.25)
project(@NAME@ LANGUAGES CXX)
include(CTest)
find_package(Hearth REQUIRED)

hearth_add_function(@NAME@ SOURCES @NAME@.cc MEMORY 128 TIMEOUT 3)

add_executable(@NAME@_test @NAME@.cc @NAME@_test.cc)
target_link_libraries(@NAME@_test PRIVATE Hearth::sdk)
add_test(NAME @NAME@_test COMMAND @NAME@_test)
)file";

constexpr const char* kCMakeForC = R"file(cmake_minimum_required(VERSION 3.25)
project(@NAME@ LANGUAGES C)
include(CTest)
find_package(Hearth REQUIRED)

hearth_add_function(@NAME@ SOURCES @NAME@.c MEMORY 128 TIMEOUT 3)

# The test is C++, for <hearth/testing.h>; the function stays C.
enable_language(CXX)
find_package(nlohmann_json REQUIRED)
add_executable(@NAME@_test @NAME@.c @NAME@_test.cc)
target_link_libraries(@NAME@_test PRIVATE Hearth::sdk)
add_test(NAME @NAME@_test COMMAND @NAME@_test)
)file";

// What all tests begin with.
constexpr const char* kTestHead = R"file(#include <cstdio>

#include <hearth/hearth.h>
#include <hearth/testing.h>

// No daemon, no sandbox, plain function calls.

extern "C" const struct hearth_function* hearth_function(void);  // what the handler's source exports

static int failed = 0;
static void Expect(bool holds, const char* what) {
  std::printf("%s: %s\n", holds ? "ok" : "FAILED", what);
  failed += holds ? 0 : 1;
}

)file";

constexpr const char* kJsonHandler = R"file(#include <hearth/hearth.h>

using hearth::Context, hearth::json;

// {"name": "Ada"} -> {"greeting": "hello Ada"}
static json Greet(const json& event, Context& context) {
  const std::string name = event.value("name", "world");
  context.Info("greeting", {{"name", name}});
  return {{"greeting", "hello " + name}};
}

HEARTH_HANDLER(Greet);
)file";

constexpr const char* kJsonTest = R"file(int main() {
  hearth::testing::Runner worker(hearth_function());
  Expect(worker.Invoke(R"({"name":"Ada"})").response_json().at("greeting") == "hello Ada", "Ada is greeted");
  Expect(worker.Invoke("{}").response_json().at("greeting") == "hello world", "without a name, the world is");
  return failed;
}
)file";

constexpr const char* kJsonTry = R"file(hearth invoke @NAME@ '{"name":"Ada"}'
)file";

constexpr const char* kHttpHandler = R"file(#include <hearth/hearth.h>

using hearth::Context, hearth::HttpEvent, hearth::HttpResponse;

// GET ...?name=Ada -> {"greeting": "hello Ada"}
static HttpResponse Greet(const HttpEvent& event, Context& context) {
  const std::string name = event.query("name").value_or("world");
  context.Info("greeting", {{"name", name}});
  return HttpResponse::Json({{"greeting", "hello " + name}});
}

HEARTH_HANDLER(Greet);
)file";

constexpr const char* kHttpTest = R"file(using hearth::testing::SampleHttpEvent;

int main() {
  hearth::testing::Runner worker(hearth_function());
  const auto answer = worker.Invoke(SampleHttpEvent("GET", "/", {{"name", "Ada"}}).dump()).response_json();
  Expect(answer.at("statusCode") == 200, "it is answered");
  Expect(answer.at("body").get<std::string>().find("hello Ada") != std::string::npos, "Ada is greeted");
  return failed;
}
)file";

constexpr const char* kHttpTry = R"file(curl "$(hearth url @NAME@)?name=Ada"
)file";

constexpr const char* kQueueHandler = R"file(#include <hearth/hearth.h>

using hearth::Context, hearth::json, hearth::SqsBatchResponse, hearth::SqsEvent;

// Messages such as {"order": "A-17"}. One that cannot be read comes back alone; the others are done and
// deleted.
static SqsBatchResponse Take(const SqsEvent& event, Context& context) {
  SqsBatchResponse response;
  for (const auto& message : event.records) {
    const json order = json::parse(message.body, nullptr, /*allow_exceptions=*/false);
    if (order.is_object() && order.contains("order")) {
      context.Info("order taken", {{"order", order["order"]}});
    } else {
      context.Warn("no order", {{"body", message.body}});
      response.Fail(message);
    }
  }
  return response;
}

HEARTH_HANDLER(Take);
)file";

constexpr const char* kQueueTest = R"file(using hearth::testing::SampleSqsEvent;

int main() {
  hearth::testing::Runner worker(hearth_function());
  const auto answer = worker.Invoke(SampleSqsEvent({R"({"order":"A-1"})", "scribble"}).dump()).response_json();
  Expect(answer.at("batchItemFailures").size() == 1, "the message that is no order fails alone");
  return failed;
}
)file";

constexpr const char* kQueueTry = R"file(hearth queue send @BUCKET@-queue '{"order":"A-17"}'
hearth logs @NAME@
)file";

constexpr const char* kBucketHandler = R"file(#include <fstream>

#include <hearth/hearth.h>

using hearth::Context, hearth::S3Event;

// Counts the lines of each file that is dropped, and writes the number to the other bucket.
static void Count(const S3Event& event, Context& context) {
  for (const auto& record : event.records) {
    std::ifstream file(record.path());
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    hearth::OutputFile out(hearth::BucketPath("@BUCKET@-out", record.key() + ".lines"));
    out.Write(std::to_string(lines) + "\n");
    out.Commit();
    context.Info("counted", {{"key", record.key()}, {"lines", lines}});
  }
}

HEARTH_HANDLER(Count);
)file";

constexpr const char* kBucketTest = R"file(#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

int main() {
  const fs::path root = fs::temp_directory_path() / "@NAME@-test";
  fs::remove_all(root);
  fs::create_directories(root / "@BUCKET@-in");
  fs::create_directories(root / "@BUCKET@-out");
  setenv("BUCKETS_ROOT", root.c_str(), 1);  // stands for /mnt/buckets
  std::ofstream(root / "@BUCKET@-in" / "poem.txt") << "one\ntwo\n";

  hearth::testing::Runner worker(hearth_function());
  Expect(worker.Invoke(hearth::testing::SampleS3Event("@BUCKET@-in", "poem.txt", 8).dump()).ok(), "it runs");
  std::size_t lines = 0;
  std::ifstream(root / "@BUCKET@-out" / "poem.txt.lines") >> lines;
  Expect(lines == 2, "the lines are counted");
  fs::remove_all(root);
  return failed;
}
)file";

constexpr const char* kBucketTry = R"file(cp README.md in/
hearth bucket status @BUCKET@-in && cat out/README.md.lines
)file";

constexpr const char* kCHandler = R"file(#include <hearth/abi.h>
#include <string.h>

/* Echoes its payload, in C99. hearth/abi.h says who frees what: nobody does. */

static struct hearth_bytes text(const char* zero_terminated) {
  struct hearth_bytes bytes;
  bytes.data = zero_terminated;
  bytes.size = strlen(zero_terminated);
  return bytes;
}

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)state;
  if (request->payload.size == 0) {
    host->fail(host, text("EmptyPayload"), text("send some JSON"), text(""));
    return 1;
  }
  host->log(host, HEARTH_LOG_INFO, text("echoing"), text(""));
  host->response_write(host, text("{\"echo\":"));
  host->response_write(host, request->payload);
  host->response_write(host, text("}"));
  return 0;
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), NULL, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
)file";

constexpr const char* kCTest = R"file(int main() {
  hearth::testing::Runner worker(hearth_function());
  Expect(worker.Invoke(R"({"n":1})").response == R"({"echo":{"n":1}})", "the payload comes back");
  Expect(!worker.Invoke("").ok(), "an empty one is an error");
  return failed;
}
)file";

constexpr const char* kReadmeHead = R"file(# @NAME@

```sh
hearth up                                   # build, deploy, set up what hearth-project.json says
)file";

constexpr const char* kReadmeTail = R"file(hearth logs @NAME@ -f
ctest --test-dir build                      # the unit test, with no daemon
hearth invoke --local build/lib@NAME@.so    # the handler in one process, for gdb or valgrind
```
)file";

struct Template {
  const char* name;
  const char* cmake;
  const char* extension;
  const char* handler;
  const char* test;
  const char* to_try;   // lines of the README
  const char* project;  // hearth-project.json
};

constexpr Template kTemplates[] = {
    {"json", kCMake, "cc", kJsonHandler, kJsonTest, kJsonTry, R"file({
  "functions": {"@NAME@": {"environment": {}}}
}
)file"},
    {"http", kCMake, "cc", kHttpHandler, kHttpTest, kHttpTry, R"file({
  "functions": {"@NAME@": {"url": true}},
  "routes": {"GET /@NAME@": "@NAME@"}
}
)file"},
    {"queue", kCMake, "cc", kQueueHandler, kQueueTest, kQueueTry, R"file({
  "queues": {"@BUCKET@-queue": {"function": "@NAME@", "batch_size": 10}}
}
)file"},
    {"bucket", kCMake, "cc", kBucketHandler, kBucketTest, kBucketTry, R"file({
  "functions": {"@NAME@": {"buckets": ["@BUCKET@-in", "@BUCKET@-out:rw"]}},
  "buckets": {
    "@BUCKET@-in": {"path": "in", "notify": [{"function": "@NAME@"}]},
    "@BUCKET@-out": {"path": "out"}
  }
}
)file"},
    {"c", kCMakeForC, "c", kCHandler, kCTest, kJsonTry, R"file({
  "functions": {"@NAME@": {"environment": {}}}
}
)file"},
};

void ReplaceAll(std::string& text, const std::string& mark, const std::string& with) {
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + with.size())) {
    text.replace(at, mark.size(), with);
  }
}

// Buckets may hold a-z, 0-9, '-' and '.' only, and begin with a letter or digit.
std::string BucketNameOf(std::string function) {
  for (char& c : function) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return function;
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Status CheckName(const std::string& name) {
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return IsLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (allowed && !name.empty() && IsLetter(name.front()) && name != "test") {
    if (name.size() <= kNameBytesMax) return Ok();
    return UsageError("\"" + name + "\" is longer than " + std::to_string(kNameBytesMax) + " characters");
  }
  return UsageError("\"" + name +
                    "\" cannot be a function's name here: a letter, then letters, digits, _ and -, and "
                    "not \"test\"; say --name NAME");
}

}  // namespace

const std::vector<std::string>& TemplateNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Template& one : kTemplates) all.emplace_back(one.name);
    return all;
  }();
  return names;
}

Result<std::vector<ProjectFile>> MakeProject(const std::string& template_name, const std::string& function) {
  const auto* found = std::find_if(std::begin(kTemplates), std::end(kTemplates),
                                   [&](const Template& one) { return one.name == template_name; });
  if (found == std::end(kTemplates)) {
    return UsageError("there is no template \"" + template_name +
                      "\": there are json, http, queue, bucket and c" +
                      Suggestion(template_name, TemplateNames()));
  }
  HEARTH_TRY(CheckName(function));
  std::vector<ProjectFile> files = {
      {"CMakeLists.txt", found->cmake},
      {function + "." + found->extension, found->handler},
      {function + "_test.cc", std::string(kTestHead) + found->test},
      {"hearth-project.json", found->project},
      {"README.md", std::string(kReadmeHead) + found->to_try + kReadmeTail},
      {".gitignore", "build/\n"},
  };
  for (ProjectFile& file : files) {
    ReplaceAll(file.text, "@NAME@", function);
    ReplaceAll(file.text, "@BUCKET@", BucketNameOf(function));
  }
  return files;
}

}  // namespace hearth::cli
