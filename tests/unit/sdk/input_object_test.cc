#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

namespace fs = std::filesystem;
using hearth::Context;
using hearth::InputObject;
using hearth::S3Event;
using hearth::testing::Invoke;
using hearth::testing::SampleS3Event;

namespace {

struct ScratchFile {
  ScratchFile() {
    char name[] = "/tmp/input_object_test_XXXXXX";
    const int fd = ::mkstemp(name);
    REQUIRE(fd >= 0);
    ::close(fd);
    path = name;
    std::ofstream(path) << "meow";
  }
  ~ScratchFile() { fs::remove(path); }
  std::string path;
};

struct hearth_request Request(std::uint32_t state, const char* problem) {
  struct hearth_request request = {};
  request.struct_size = sizeof request;
  request.object_state = state;
  request.object_fd = -1;
  request.object_problem = {problem, std::strlen(problem)};
  return request;
}

}  // namespace

TEST_CASE("a record has its file open", "[sdk][object]") {
  ScratchFile file;
  const auto read = [](const S3Event& event) { return event.records.at(0).content.Read(100); };
  const auto result = Invoke(read, SampleS3Event("photos", "cat").dump(), {.object_path = file.path});
  CHECK(result.response == "meow");
  const auto by_context = [](Context& context) { return context.object().Read(100); };
  CHECK(Invoke(by_context, "{}", {.object_path = file.path}).response == "meow");
  const auto by_descriptor = [](const S3Event& event, Context&) {
    char text[10];
    return std::string(text, static_cast<std::size_t>(::read(event.records.at(0).fd(), text, sizeof text)));
  };
  CHECK(Invoke(by_descriptor, SampleS3Event("photos", "cat").dump(), {.object_path = file.path}).response ==
        "meow");
}

TEST_CASE("an object at the limit is read, one past it is refused with both sizes", "[sdk][object]") {
  ScratchFile file;
  const auto at = [](Context& context) { return context.object().Read(4); };
  CHECK(Invoke(at, "{}", {.object_path = file.path}).response == "meow");
  const auto past = [](Context& context) { return context.object().Read(3); };
  const auto refused = Invoke(past, "{}", {.object_path = file.path});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure->message == "the object has 4 bytes; at most 3 are read");
}

TEST_CASE("what is not open says why", "[sdk][object]") {
  const auto request = Request(HEARTH_OBJECT_CHANGED, "the object was changed after its event was made");
  const InputObject object(&request);
  CHECK_FALSE(object.is_open());
  CHECK_THROWS_WITH(object.fd(), "the object was changed after its event was made");
  CHECK_THROWS_WITH(object.Read(10), "the object was changed after its event was made");
  const auto unknown = Request(77, "");
  CHECK_THROWS_WITH(InputObject(&unknown).fd(), "the object is not open");
}

TEST_CASE("an invocation without an object, and a host of before, have none", "[sdk][object]") {
  const auto read = [](Context& context) { return context.object().Read(100); };
  const auto none = Invoke(read, "{}");
  REQUIRE_FALSE(none.ok());
  CHECK(none.failure->type == "hearth::EventError");
  CHECK_THAT(none.failure->message, Catch::Contains("no open object"));
  auto old = Request(HEARTH_OBJECT_OPEN, "");
  old.struct_size = offsetof(struct hearth_request, object_state);
  CHECK(InputObject(&old).state() == HEARTH_OBJECT_NONE);
  CHECK_FALSE(InputObject(&old).is_open());
}

TEST_CASE("a result says in its temporary name how many functions led to it", "[sdk][object]") {
  char folder[] = "/tmp/input_object_test_XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const auto name = [&](Context& context) {
    const hearth::OutputFile file(fs::path(folder) / "out");
    REQUIRE(context.hops() == 3);
    return fs::directory_iterator(folder)->path().filename().string();
  };
  CHECK(Invoke(name, "{}", {.hops = 3}).response.starts_with(".part-h4-"));
  const hearth::OutputFile outside(fs::path(folder) / "out");
  CHECK_FALSE(fs::directory_iterator(folder)->path().filename().string().starts_with(".part-h"));
  fs::remove_all(folder);
}
