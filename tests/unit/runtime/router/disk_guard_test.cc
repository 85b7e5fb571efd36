#include "runtime/router/disk_guard.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

TEST_CASE("full below the reserve, not at it; room again from a quarter more on", "[router][disk]") {
  CHECK_FALSE(IsDiskFull(false, 16_MiB, 16_MiB));
  CHECK(IsDiskFull(false, Bytes{(16_MiB).count - 1}, 16_MiB));
  CHECK(IsDiskFull(true, 16_MiB, 16_MiB));
  CHECK(IsDiskFull(true, Bytes{(20_MiB).count - 1}, 16_MiB));
  CHECK_FALSE(IsDiskFull(true, 20_MiB, 16_MiB));
}

class DiskFixture : public RouterFixture {
 protected:
  DiskFixture() { router_->SetDisk(&disk_); }
  void Have(Result<Bytes> room) {
    room_ = std::move(room);
    executor_.Advance(DiskGuard::kInterval);
  }
  Result<Bytes> room_ = 100_MiB;
  DiskGuard disk_{"/data", 16_MiB, [this] { return room_; }, executor_, log_};
};

TEST_CASE_METHOD(DiskFixture,
                 "on a full disk nothing new is taken, what runs is finished, then all is as before",
                 "[router][disk]") {
  Deploy("resize");
  const auto running = Fire("resize");
  StartWorkers();
  Have(15_MiB);
  const Error refused = ErrorOf(Fire("resize"));
  CHECK(refused.code == ErrorCode::kUnavailable);
  CHECK(refused.message.find("/data is full: 15 MiB are left") != std::string::npos);
  std::optional<ErrorCode> slot;
  const auto wait = router_->ReserveSlot("resize", "", [&](Result<std::unique_ptr<EventSink::Slot>> got) {
    slot = got.ok() ? ErrorCode::kInternal : got.error().code;
  });
  executor_.RunPosted();
  CHECK(slot == ErrorCode::kUnavailable);
  Complete(0);
  CHECK(OutcomeOf(running).ok());
  Have(100_MiB);
  const auto after = Fire("resize");
  Complete(0);
  CHECK(OutcomeOf(after).ok());
}

TEST_CASE_METHOD(DiskFixture, "a disk that cannot be asked is not taken for full", "[router][disk]") {
  Have(Error{ErrorCode::kIo, "gone"});
  CHECK(disk_.Check().ok());
}

TEST_CASE_METHOD(DiskFixture, "without a reserve the disk is never full", "[router][disk]") {
  const DiskGuard none(
      "/data", Bytes{0}, [] { return Result<Bytes>(Bytes{0}); }, executor_, log_);
  executor_.Advance(DiskGuard::kInterval);
  CHECK(none.Check().ok());
}

}  // namespace
}  // namespace hearth
