// Rates the roll-ups of a month: bench_rating RECORDS FUNCTIONS ROUNDS prints a JSON object. tests/bench/rating.py
// runs it.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "runtime/meter/bill.h"
#include "runtime/meter/commitment_order.h"
#include "runtime/meter/focus_csv.h"
#include "runtime/meter/usage_table.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

using std::chrono::hours;

constexpr int kHours = 720;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double MsOf(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

// Every function runs in every hour of the month; a tenth of them on reserved workers too, a tenth on spot.
struct Month {
  UsageTable usage;
  AccountState account;
  WallTime start = ParseMonthText("2026-11").value();
  uint64_t records = 0;

  Month(uint64_t wanted, int functions) {
    const PriceEdition& prices = account.PricesAt(HourOf(start));
    uint64_t number = 0;
    std::vector<std::string> reserved;
    const auto buy = [&](CommitmentOrder order, const std::string& id) {
      Commitment commitment = QuoteCommitment(prices, order, start).value();
      commitment.id = id;
      if (!account.Apply(number++, start, CommitmentBought{commitment}).ok()) std::abort();
    };
    for (int i = 0; i < functions / 10; ++i) {
      CommitmentOrder order;
      order.function = "function-" + std::to_string(i);
      order.version = "$LATEST";
      order.workers = 4;
      order.memory_mib = 512;
      order.term_hours = kHours;
      reserved.push_back("rsv-" + std::to_string(i));
      buy(order, reserved.back());
    }
    CommitmentOrder plan;
    plan.kind = CommitmentKind::kSavingsPlan;
    plan.committed_per_hour = ParseMoney("2").value();
    plan.term_hours = kHours;
    buy(plan, "sp-0");
    std::mt19937_64 random(1);
    const uint64_t each = std::max<uint64_t>(1, wanted / static_cast<uint64_t>(functions) / kHours);
    for (int hour = 0; hour < kHours; ++hour) {
      for (int i = 0; i < functions; ++i) {
        const UtcHour at = HourOf(start) + hours(hour);
        UsageRow row{{at, at, "function-" + std::to_string(i), "$LATEST", Plan::kOnDemand, "", 512, 512}, {}};
        if (static_cast<size_t>(i) < reserved.size()) {
          row.key.plan = Plan::kReserved;
          row.key.commitment = reserved[static_cast<size_t>(i)];
        } else if (i % 10 == 9) {
          row.key.plan = Plan::kSpot;
        }
        row.usage.records = row.usage.requests = each;
        row.usage.billed_ms = each * (20 + random() % 100);
        row.usage.memory_mb_ms = row.usage.billed_ms * 512;
        usage.Add(row, {});
        records += each;
      }
    }
  }
};

int Run(uint64_t wanted, int functions, int rounds) {
  const Month month(wanted, functions);
  const RowSource rows = [&](UtcHour from, UtcHour to) -> Result<std::vector<UsageRow>> {
    return month.usage.RowsBookedIn(from, to);
  };
  std::vector<double> collect, rate, focus;
  size_t row_count = 0, lines = 0, bytes = 0;
  for (int round = 0; round < rounds; ++round) {
    collect.push_back(MsOf([&] {
      row_count = month.usage.RowsBookedIn(HourOf(month.start), HourOf(month.start) + hours(kHours)).size();
    }));
    Bill bill;
    rate.push_back(MsOf([&] {
      bill = MakeBill(month.account, rows, MonthOf(month.start), month.start + hours(kHours)).value();
    }));
    lines = bill.lines.size();
    focus.push_back(MsOf([&] { bytes = FocusCsv(bill, month.account, {}).size(); }));
  }
  std::printf(
      "{\"records\": %llu, \"functions\": %d, \"rows\": %zu, \"lines\": %zu, \"collect_ms\": %.2f, "
      "\"bill_ms\": "
      "%.2f, \"focus_ms\": %.2f, \"focus_bytes\": %zu}\n",
      static_cast<unsigned long long>(month.records), functions, row_count, lines, Median(collect),
      Median(rate), Median(focus), bytes);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_rating RECORDS FUNCTIONS ROUNDS\n");
    return 2;
  }
  const auto number = [](const char* text) { return std::strtoull(text, nullptr, 10); };
  return hearth::Run(number(argv[1]), static_cast<int>(number(argv[2])), static_cast<int>(number(argv[3])));
}
