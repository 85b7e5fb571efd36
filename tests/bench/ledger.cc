// What metering costs in-process; ledger.py drives it. One JSON object on stdout.
//
//   append FOLDER COUNT       records of 120 B into the log alone
//   record FOLDER COUNT       Meter::Record as a whole: check, encode, identity, append, sums
//   attempt FOLDER COUNT      Meter::Begin (the open slot), then Meter::Record that frees it
//   open FOLDER               opens log and meter as a start does
//   rollup FOLDER             sums up all full segments, then opens again
//
// The loop runs between batches of 1,000, so that the sync thread works beside it as in the daemon.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/loop/loop.h"
#include "runtime/meter/billed_duration.h"
#include "runtime/meter/ledger_upkeep.h"
#include "runtime/meter/meter.h"
#include "runtime/meter/record_codec.h"

namespace hearth {
namespace {

constexpr uint64_t kBatch = 1'000;

class Bench {
 public:
  explicit Bench(std::string folder)
      : folder_(std::move(folder)), loop_(std::move(Loop::Create(clock_)).value()) {}
  ~Bench() {
    upkeep_.reset();
    meter_.reset();
    log_.reset();
  }

  void OpenLog() { log_ = std::move(LedgerLog::Open({.folder = folder_}, *loop_)->log); }
  void OpenMeter() {
    auto slots = OpenSlots::Open(folder_ + "/open.slots", 1'000).value();
    meter_ = std::move(Meter::Open(*log_, {.boot_id = random_.Next64()}, std::move(slots))->meter);
  }

  // Batches of `one`, timed without what the loop does between them; the median batch, so that it does not
  // count who else was given the processor meanwhile.
  double NanosecondsEach(uint64_t count, const std::function<void()>& one) {
    std::vector<double> batches;
    uint64_t done = 0;
    std::function<void()> batch = [&] {
      const MonotonicTime began = clock_.Now();
      for (uint64_t i = 0; i < kBatch; ++i) one();
      batches.push_back(static_cast<double>((clock_.Now() - began).count()) / static_cast<double>(kBatch));
      if ((done += kBatch) >= count) return loop_->Stop();
      loop_->Post(batch);
    };
    loop_->Post(batch);
    loop_->Run();
    std::nth_element(batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2),
                     batches.end());
    return batches[batches.size() / 2];
  }

  InvocationRecord Next() {
    InvocationRecord record;
    record.request_id = MakeUuid(random_);
    record.function = "resize";
    record.version = "$LATEST";
    record.trigger = TriggerKind::kHttp;
    record.started = clock_.WallNow();
    record.duration_ns = 1'234'567;
    record.billed_ms = BilledMs(nanoseconds(0), nanoseconds(1'234'567));
    record.memory_mib = 128;
    record.memory_peak_kib = 5'000;
    record.cpu_us = 900;
    record.bytes_in = 700;
    record.bytes_out = 40;
    record.worker = 17;
    record.tmp_mib = 512;
    record.usage_source = UsageSource::kCgroup;
    record.boot_id = meter_ ? meter_->boot_id() : 1;
    return record;
  }
  LedgerLog& log() { return *log_; }
  Meter& meter() { return *meter_; }
  SystemClock& clock() { return clock_; }
  Loop& loop() { return *loop_; }

  size_t SumUpAll() {
    NullLog quiet;
    upkeep_ = std::make_unique<LedgerUpkeep>(LedgerUpkeep::Options{}, *log_, *meter_, *loop_, quiet);
    upkeep_->Look();
    const auto full = [this] {
      for (const LedgerLog::Part& part : log_->parts()) {
        if (part.full && !part.rolled_up) return false;
      }
      return true;
    };
    Timer timer;
    std::function<void()> look = [&] {
      if (full()) return loop_->Stop();
      timer = loop_->After(milliseconds(5), look);
    };
    loop_->Post(look);
    loop_->Run();
    upkeep_.reset();
    return log_->parts().size();
  }

 private:
  const std::string folder_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<LedgerLog> log_;
  std::unique_ptr<Meter> meter_;
  std::unique_ptr<LedgerUpkeep> upkeep_;
};

void Print(const char* what, double ns_each, uint64_t count) {
  std::printf("{\"what\": \"%s\", \"ns_each\": %.1f, \"count\": %llu}\n", what, ns_each,
              static_cast<unsigned long long>(count));
}

// Ids are made before the clock runs: a request has its own already. So few that they stay in the processor's cache, as
// the record of a request is, which has just been filled in.
std::vector<InvocationRecord> Prepared(Bench& bench) {
  std::vector<InvocationRecord> records;
  for (size_t i = 0; i < (size_t{1} << 10); ++i) records.push_back(bench.Next());
  return records;
}

void Append(Bench& bench, uint64_t count) {
  bench.OpenLog();
  const std::string bytes = EncodeRecord(bench.Next()).value();
  Print("append", bench.NanosecondsEach(count, [&] { CHECK_TRUE(bench.log().Append(bytes).ok()); }), count);
}

void Record(Bench& bench, uint64_t count, bool with_slot) {
  bench.OpenLog();
  bench.OpenMeter();
  std::vector<InvocationRecord> records = Prepared(bench);
  uint64_t n = 0;
  const auto next = [&]() -> const InvocationRecord& {
    InvocationRecord& record = records[n % records.size()];
    record.attempt = static_cast<uint32_t>(1 + n++ / records.size());  // each is another attempt
    return record;
  };
  const auto record = [&] { CHECK_TRUE(bench.meter().Record(next()).ok()); };
  const auto attempt = [&] {
    const InvocationRecord& one = next();
    const auto open = bench.meter().Begin(one);
    CHECK_TRUE(open.ok());
    CHECK_TRUE(bench.meter().Record(one, *open).ok());
  };
  Print(with_slot ? "attempt" : "record",
        with_slot ? bench.NanosecondsEach(count, attempt) : bench.NanosecondsEach(count, record), count);
}

void Open(Bench& bench) {
  const MonotonicTime began = bench.clock().Now();
  bench.OpenLog();
  bench.OpenMeter();
  const auto took = static_cast<double>((bench.clock().Now() - began).count());
  const uint64_t records = std::max<uint64_t>(bench.log().size(), 1);
  Print("open", took / static_cast<double>(records), records);
}

void RollUp(Bench& bench) {
  bench.OpenLog();
  bench.OpenMeter();
  // What is full counts as synced once a sync has said so.
  bench.log().Sync([&](const Status&) { bench.loop().Stop(); });
  bench.loop().Run();
  const MonotonicTime began = bench.clock().Now();
  const size_t segments = bench.SumUpAll();
  Print("rollup",
        static_cast<double>((bench.clock().Now() - began).count()) / static_cast<double>(bench.log().size()),
        segments);
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  const uint64_t count = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if (what.empty()) return 2;
  hearth::Bench bench(argv[2]);
  if (what == "append") {
    hearth::Append(bench, count);
  } else if (what == "record" || what == "attempt") {
    hearth::Record(bench, count, what == "attempt");
  } else if (what == "open") {
    hearth::Open(bench);
  } else if (what == "rollup") {
    hearth::RollUp(bench);
  } else {
    return 2;
  }
}
