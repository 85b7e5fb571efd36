#include "runtime/model/trace_context.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* kRoot = "Root=1-5759e988-bd862e3fe1be46a994272793";

TEST_CASE("trace parents as the recommendation has them", "[trace]") {
  CHECK(IsTraceParent(kParent));
  CHECK(IsTraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff"));
  CHECK(IsTraceParent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  CHECK(IsTraceParent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"));
}

TEST_CASE("trace parents that are none", "[trace]") {
  const std::string bad =
      GENERATE(as<std::string>(), "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
               "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
               "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
               "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
               "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
               "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
               "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
               "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
               "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\x01");
  INFO(bad);
  CHECK_FALSE(IsTraceParent(bad));
  const TraceContext read = ReadTraceContext("", {bad}, {"a=1"});
  CHECK(read.traceparent.empty());
  CHECK(read.tracestate.empty());
}

TEST_CASE("trace headers at their limits and one past them", "[trace]") {
  const std::string parent = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-";
  CHECK(IsTraceParent(parent + std::string(kTraceHeaderBytesMax - parent.size(), 'x')));
  CHECK_FALSE(IsTraceParent(parent + std::string(kTraceHeaderBytesMax - parent.size() + 1, 'x')));
  const std::string root = std::string(kRoot) + ";Self=";
  CHECK(IsTraceId(root + std::string(kTraceHeaderBytesMax - root.size(), 'x')));
  CHECK_FALSE(IsTraceId(root + std::string(kTraceHeaderBytesMax - root.size() + 1, 'x')));
  std::string members;
  for (size_t i = 0; i < kTraceStateMembersMax; ++i) members += "k" + std::to_string(i) + "=v,";
  CHECK(IsTraceState(members));
  CHECK_FALSE(IsTraceState(members + "one=more"));
  CHECK(IsTraceState("k=" + std::string(256, 'v')));
  CHECK_FALSE(IsTraceState("k=" + std::string(257, 'v')));
}

TEST_CASE("trace states", "[trace]") {
  for (const char* good : {"", "a=1", "a=1,b=2", "a=1 , b=2", "a=1,,b=2", "tenant@system=x y", "0a-_*/z=~"})
    CHECK(IsTraceState(good));
  for (const char* bad :
       {"a", "a=", "=1", "A=1", "a=1=2", "a=1,a=2", "a@b@c=1", "a@=1", "@b=1", "a@0b=1", "-a=1", "a=\x7f"})
    CHECK_FALSE(IsTraceState(bad));
}

TEST_CASE("X-Ray's header", "[trace]") {
  CHECK(IsTraceId(kRoot));
  CHECK(IsTraceId(std::string("Self=1-2;") + kRoot + ";Parent=53995c3f42cd8ad8;Sampled=1"));
  for (const char* bad :
       {"", "Root=1-2-3", "Sampled=1", "Root=2-5759e988-bd862e3fe1be46a994272793",
        "Root=1-5759e988-bd862e3fe1be46a99427279", "Root=1-5759e988-bd862e3fe1be46a99427279g",
        "Root=1-5759e988-bd862e3fe1be46a994272793;a b", "x\r\nRoot=1"})
    CHECK_FALSE(IsTraceId(bad));
}

TEST_CASE("what a request's headers come to", "[trace]") {
  SECTION("both as they came") {
    const TraceContext read = ReadTraceContext(kRoot, {kParent}, {"a=1", "b=2"});
    CHECK(read.trace_id == kRoot);
    CHECK(read.traceparent == kParent);
    CHECK(read.tracestate == "a=1,b=2");
  }
  SECTION("X-Ray's is made of W3C's") {
    CHECK(ReadTraceContext("Root=nonsense", {kParent}, {}).trace_id ==
          "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1");
    CHECK(ReadTraceContext("", {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe"}, {}).trace_id ==
          "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=0");
  }
  SECTION("two parents are none, and a state alone is nothing") {
    CHECK(ReadTraceContext("", {kParent, kParent}, {"a=1"}).traceparent.empty());
    CHECK(ReadTraceContext(kRoot, {}, {"a=1"}).tracestate.empty());
  }
  SECTION("a bad state takes no parent with it") {
    const TraceContext read = ReadTraceContext("", {kParent}, {"a=1", "a=2"});
    CHECK(read.traceparent == kParent);
    CHECK(read.tracestate.empty());
  }
}

TEST_CASE("a trace id for a request without", "[trace]") {
  const RequestId id("8476a536-e9f4-41e3-8d4f-5f9a2d1c0b7e");
  const WallTime at{std::chrono::seconds(0x5759e988)};
  CHECK(MakeTraceId(id, at) == "Root=1-5759e988-8476a536e9f441e38d4f5f9a");
  CHECK(IsTraceId(MakeTraceId(id, at)));
}

}  // namespace
}  // namespace hearth
