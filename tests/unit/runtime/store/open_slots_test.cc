#include "runtime/store/open_slots.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {
namespace {

class SlotsFixture {
 public:
  void Open(size_t capacity = 4) {
    auto result = TryOpen(capacity);
    REQUIRE(result.ok());
    opened = std::move(result).value();
  }
  Result<OpenSlots::Opened> TryOpen(size_t capacity = 4) {
    opened = {};
    return OpenSlots::Open(path(), capacity);
  }
  std::string path() const { return folder.path() + "/open.slots"; }
  std::string Bytes() const { return ReadFile(path()).value(); }
  void SetBytes(const std::string& bytes) {
    opened = {};
    REQUIRE(WriteFileAtomically(path(), bytes).ok());
  }
  std::multiset<std::string> Left() const {
    std::multiset<std::string> payloads;
    for (const auto& left : opened.left) payloads.insert(left.payload);
    return payloads;
  }
  OpenSlots& slots() { return *opened.slots; }

  TemporaryFolder folder;
  OpenSlots::Opened opened;
};

using Payloads = std::multiset<std::string>;

}  // namespace

TEST_CASE_METHOD(SlotsFixture, "what was put and not freed is there at the next start, until it is freed",
                 "[ledger]") {
  Open();
  CHECK(opened.left.empty());
  const auto a = slots().Put("a").value();
  REQUIRE(slots().Put("b").ok());
  slots().Free(a);
  REQUIRE(slots().Put("c").ok());
  CHECK(slots().taken() == 2);
  Open();
  CHECK(Left() == Payloads{"b", "c"});
  Open();  // nobody freed them
  CHECK(Left() == Payloads{"b", "c"});
  for (const auto& left : opened.left) slots().Free(left.slot);
  Open();
  CHECK(opened.left.empty());
  CHECK(opened.damaged == 0);
}

TEST_CASE_METHOD(SlotsFixture, "slots at the limit, one past it, and what is left over does not count",
                 "[ledger]") {
  Open(2);
  REQUIRE(slots().Put("a").ok());
  const auto b = slots().Put("b").value();
  CHECK(slots().Put("c").error().code == ErrorCode::kUnavailable);
  slots().Free(b);
  CHECK(slots().Put("c").ok());
  Open(2);
  REQUIRE(slots().Put("d").ok());
  REQUIRE(slots().Put("e").ok());
  CHECK(slots().Put("f").error().message == "open slot: all 4 are taken by work under way");
  Open(1);  // fewer than before
  CHECK(Left() == Payloads{"a", "c", "d", "e"});
  CHECK(slots().Put("f").ok());
}

TEST_CASE_METHOD(SlotsFixture, "payload at the limit, one past it", "[ledger]") {
  Open();
  const std::string longest(OpenSlots::kPayloadBytesMax, 'x');
  REQUIRE(slots().Put(longest).ok());
  CHECK(slots().Put(longest + "x").error().code == ErrorCode::kTooLarge);
  CHECK(slots().Put("").error().code == ErrorCode::kTooLarge);
  Open();
  CHECK(Left() == Payloads{longest});
}

TEST_CASE_METHOD(SlotsFixture, "every byte in use flipped: the other slots stand, the damage is counted",
                 "[ledger]") {
  Open(2);
  REQUIRE(slots().Put("first").ok());
  REQUIRE(slots().Put("second").ok());
  const std::string good = Bytes();
  for (size_t at = 0; at < good.size(); ++at) {
    const bool in_use = at < kLedgerBlockBytes || (at > 500 && at % OpenSlots::kSlotBytes < 16);
    if (!in_use && at % 101 != 0) continue;  // of the rest some
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    SetBytes(bad);
    auto result = TryOpen(2);
    INFO("byte " << at);
    REQUIRE(result.ok());
    opened = std::move(result).value();
    const size_t in_header = at < kLedgerBlockBytes, slot = at / OpenSlots::kSlotBytes;
    const bool in_frame = slot > 0 && at % OpenSlots::kSlotBytes < FrameBytes(slot == 1 ? 5 : 6);
    CHECK(opened.damaged == (in_header || in_frame ? 1 : 0));
    CHECK(opened.left.size() == (in_header ? 0 : in_frame ? 1 : 2));
    CHECK(opened.detail.empty() == (opened.damaged == 0));
  }
}

TEST_CASE_METHOD(SlotsFixture, "slot torn: length of one, bytes of another", "[ledger]") {
  Open(2);
  REQUIRE(slots().Put("a payload of some length").ok());
  std::string bytes = Bytes();
  bytes.replace(OpenSlots::kSlotBytes + 12, 8, "XXXXXXXX");
  SetBytes(bytes);
  Open(2);
  CHECK(opened.left.empty());
  CHECK(opened.damaged == 1);
}

TEST_CASE_METHOD(SlotsFixture, "slot in another's place is not believed", "[ledger]") {
  Open(2);
  REQUIRE(slots().Put("a").ok());
  std::string bytes = Bytes();
  bytes.replace(2 * OpenSlots::kSlotBytes, OpenSlots::kSlotBytes,
                bytes.substr(OpenSlots::kSlotBytes, OpenSlots::kSlotBytes));
  SetBytes(bytes);
  Open(2);
  CHECK(Left() == Payloads{"a"});
  CHECK(opened.damaged == 1);
}

TEST_CASE_METHOD(SlotsFixture, "slots of another format version are refused by name", "[ledger]") {
  const uint32_t version = GENERATE(0U, 2U);
  Open();
  std::string bytes = Bytes();
  StoreNumber(&bytes[8], version);
  StoreNumber(&bytes[12], Crc32(std::string_view(bytes).substr(0, 12)));
  SetBytes(bytes);
  const auto result = TryOpen();
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == ErrorCode::kUnsupported);
  CHECK(result.error().message.find("open.slots have another format version than 1") != std::string::npos);
}

// docs/ledger-format.md holds exactly these bytes.
TEST_CASE_METHOD(SlotsFixture, "bytes of a slot file are what the page says", "[ledger]") {
  Open(1);
  REQUIRE(slots().Put("hello").ok());
  const std::string bytes = Bytes();
  REQUIRE(bytes.size() == 2 * OpenSlots::kSlotBytes);
  CHECK(ToHex(bytes.substr(0, 64)) ==
        "4845415254484f5301000000471bf05800020000000000000100000000000000"
        "0000000000000000000000000000000000000000000000000000000"
        "0f68adfe9");
  CHECK(ToHex(bytes.substr(OpenSlots::kSlotBytes, 16)) == "05000000e986470d68656c6c6f000000");
}

// Goal: power loss leaves of each slot what it was or what it is, never a mixture that is believed.
TEST_CASE_METHOD(SlotsFixture, "power loss: any subset of pages is there, each slot is old or new",
                 "[ledger]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Open(40);
  std::vector<OpenSlots::Id> taken;
  for (int i = 0; i < 30; ++i) taken.push_back(slots().Put("old " + std::to_string(i)).value());
  const std::string before = Bytes();
  for (int i = 0; i < 30; i += 2) slots().Free(taken[i]);
  for (int i = 0; i < 20; ++i) REQUIRE(slots().Put("new " + std::to_string(i)).ok());
  const std::string after = Bytes();
  for (int round = 0; round < 50; ++round) {
    std::string mixed = after;
    for (size_t at = 0; at < mixed.size(); at += 4096) {
      if (random() % 2) mixed.replace(at, std::min<size_t>(4096, mixed.size() - at), before, at, 4096);
    }
    SetBytes(mixed);
    Open(40);
    CHECK(opened.damaged == 0);
    for (const auto& payload : Left()) CHECK((payload.starts_with("old ") || payload.starts_with("new ")));
  }
}

// Goal: kill -9 at any instant; what was put and not freed before the pipe was told is left, and nothing is
// torn.
TEST_CASE_METHOD(SlotsFixture, "kill -9 while slots are written and freed", "[ledger]") {
  const bool is_long = ::getenv("HEARTH_LONG") != nullptr;
  for (int round = 0; round < (is_long ? 200 : 6); ++round) {
    Open(8);
    for (const auto& left : opened.left) slots().Free(left.slot);
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto kept = slots().Put("kept");
      if (kept.ok() && ::write(pipe_ends[1], "x", 1) != 1) ::_exit(1);
      for (uint64_t i = 0;; ++i) {
        const auto slot = slots().Put("passing " + std::to_string(i) + std::string(i % 400, 'p'));
        if (slot.ok()) slots().Free(*slot);
        if (i % 16 == 15 && ::write(pipe_ends[1], "x", 1) != 1) ::_exit(1);
      }
    }
    char told = 0;
    for (int heard = 0; heard <= round % 50; ++heard) REQUIRE(::read(pipe_ends[0], &told, 1) == 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    Open(8);
    CHECK(opened.damaged == 0);
    CHECK(Left().count("kept") == 1);
    CHECK(opened.left.size() <= 2);
  }
}

}  // namespace hearth
