#include "runtime/meter/advisor.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "runtime/meter/bill_line.h"
#include "runtime/meter/drawdown.h"

namespace hearth {
namespace {

using std::chrono::hours;

constexpr Int128 kMsPerHour = 3'600'000;
constexpr Int128 kPermille = 1'000;

// On-demand duration of an hour, MB x ms.
using HourlyUsage = std::map<UtcHour, Int128>;

struct FunctionUsage {
  std::string function;
  std::string version;
  uint32_t memory_mib = 0;
  HourlyUsage hours;
  Int128 total = 0;
};

Money DurationCost(Int128 mb_ms, Money per_gb_second) {
  return AmountOf(mb_ms, per_gb_second, PriceUnit::kGbSecond, 0, 0);
}

uint32_t Permille(Int128 part, Int128 whole) {
  return whole == 0 ? 0 : static_cast<uint32_t>(part * kPermille / whole);
}

// Amounts worth trying: the costs change their slope only where an hour's usage is just covered, so those;
// when there are too many, evenly taken.
std::vector<Int128> Levels(const HourlyUsage& usage) {
  std::vector<Int128> levels;
  for (const auto& [hour, quantity] : usage) levels.push_back(quantity);
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  std::erase(levels, Int128{0});
  if (levels.size() <= kAdviceLevelsMax) return levels;
  std::vector<Int128> some;
  for (size_t i = 1; i <= kAdviceLevelsMax; ++i)
    some.push_back(levels[i * levels.size() / kAdviceLevelsMax - 1]);
  return some;
}

Int128 CoveredBelow(const HourlyUsage& usage, Int128 level) {
  Int128 covered = 0;
  for (const auto& [hour, quantity] : usage) covered += std::min(quantity, level);
  return covered;
}

class Replay final {
 public:
  Replay(const AccountState& account, const std::vector<UsageRow>& usage, Period period)
      : prices_(account.PricesAt(HourOf(period.to))),
        now_(period.from),
        hours_(std::chrono::floor<hours>(period.to - period.from).count()) {
    Collect(usage);
    SpendRunningPlans(account);
    advice_.on_demand = DurationCost(total_, prices_.list_per_gb_second());
  }

  Advice Take() && {
    for (const SavingsPlanPrices& offer : prices_.savings_plans) TrySavingsPlan(offer);
    for (const ReservedPrices& offer : prices_.reserved) {
      for (const FunctionUsage* function : Costliest()) TryReserved(offer, *function);
    }
    std::stable_sort(advice_.candidates.begin(), advice_.candidates.end(),
                     [](const AdviceCandidate& a, const AdviceCandidate& b) { return a.cost < b.cost; });
    return std::move(advice_);
  }

 private:
  void Collect(const std::vector<UsageRow>& usage) {
    for (const UsageRow& row : usage) {
      if (row.key.plan != Plan::kOnDemand) continue;
      FunctionUsage& function = functions_[{row.key.function, row.key.version, row.key.memory_mib}];
      function.function = row.key.function;
      function.version = row.key.version;
      function.memory_mib = row.key.memory_mib;
      function.hours[row.key.hour] += Int128{row.usage.memory_mb_ms};
      function.total += Int128{row.usage.memory_mb_ms};
      all_[row.key.hour] += Int128{row.usage.memory_mb_ms};
      total_ += Int128{row.usage.memory_mb_ms};
    }
  }
  void SpendRunningPlans(const AccountState& account) {
    for (const auto& [id, plan] : account.commitments()) {
      if (plan.kind != CommitmentKind::kSavingsPlan) continue;
      for (auto& [hour, quantity] : all_) {
        if (!plan.Runs(hour)) continue;
        const PlanCover cover = CoverByPlan(
            plan.committed_per_hour,
            {{quantity, prices_.list_per_gb_second(), plan.duration_per_gb_second, kMbMsPerGbSecond}});
        quantity -= cover.covered[0];
        total_ -= cover.covered[0];
      }
    }
  }
  std::vector<const FunctionUsage*> Costliest() const {
    std::vector<const FunctionUsage*> found;
    for (const auto& [key, function] : functions_) found.push_back(&function);
    std::stable_sort(found.begin(), found.end(),
                     [](const FunctionUsage* a, const FunctionUsage* b) { return a->total > b->total; });
    if (found.size() > kAdviceFunctionsMax) found.resize(kAdviceFunctionsMax);
    return found;
  }

  void TrySavingsPlan(const SavingsPlanPrices& offer) {
    const Money rate = offer.duration_per_gb_second, list = prices_.list_per_gb_second();
    AdviceCandidate best;
    bool found = false;
    for (const Int128 level : Levels(all_)) {
      // Rounded up: just enough for that hour.
      const Money committed{(level * rate.units + Int128{kMbMsPerGbSecond} - 1) / Int128{kMbMsPerGbSecond}};
      if (committed < kSavingsPlanHourlyMin || committed > kSavingsPlanHourlyMax) continue;
      const Int128 covered = CoveredBelow(all_, level);
      AdviceCandidate candidate;
      candidate.order.kind = CommitmentKind::kSavingsPlan;
      candidate.order.term_hours = offer.term_hours;
      candidate.order.payment = offer.payment;
      candidate.order.committed_per_hour = committed;
      candidate.cost = Money{committed.units * hours_} + DurationCost(total_ - covered, list);
      candidate.utilisation_permille = Permille(covered, level * hours_);
      candidate.break_even_permille = Permille(rate.units, list.units);
      if (!found || candidate.cost < best.cost) best = candidate;
      found = true;
    }
    if (found) advice_.candidates.push_back(best);
  }

  void TryReserved(const ReservedPrices& offer, const FunctionUsage& function) {
    const Int128 unit = Int128{function.memory_mib} * kMsPerHour;
    if (unit == 0) return;
    AdviceCandidate best;
    bool found = false;
    std::vector<Int128> tried;
    for (const Int128 level : Levels(function.hours)) {
      for (const Int128 workers : {level / unit, level / unit + 1}) {
        if (workers < 1 || workers > kCommitmentWorkersMax) continue;
        if (std::find(tried.begin(), tried.end(), workers) != tried.end()) continue;
        tried.push_back(workers);
        const auto candidate = Reserve(offer, function, static_cast<uint32_t>(workers), unit);
        if (!candidate.ok()) continue;
        if (!found || candidate->cost < best.cost) best = *candidate;
        found = true;
      }
    }
    if (found) advice_.candidates.push_back(best);
  }

  Result<AdviceCandidate> Reserve(const ReservedPrices& offer, const FunctionUsage& function,
                                  uint32_t workers, Int128 unit) const {
    AdviceCandidate candidate;
    candidate.order.kind =
        offer.convertible ? CommitmentKind::kReservedConvertible : CommitmentKind::kReservedStandard;
    candidate.order.function = function.function;
    candidate.order.version = function.version;
    candidate.order.workers = workers;
    candidate.order.memory_mib = function.memory_mib;
    candidate.order.term_hours = offer.term_hours;
    candidate.order.payment = offer.payment;
    HEARTH_ASSIGN(const Commitment commitment, QuoteCommitment(prices_, candidate.order, now_));
    const Int128 capacity = unit * Int128{workers};
    const Int128 covered = CoveredBelow(function.hours, capacity);
    const Int128 term{std::max<uint64_t>(commitment.term_hours, 1)};
    const Money term_price = commitment.term_hours == 0 ? commitment.hourly : TermPrice(commitment);
    const Money fee{DivideHalfEven(term_price.units * hours_, term)};
    const Money list = prices_.list_per_gb_second(), rate = commitment.duration_per_gb_second;
    candidate.cost =
        fee + DurationCost(covered, rate) + DurationCost(std::max<Int128>(0, total_ - covered), list);
    candidate.utilisation_permille = Permille(covered, capacity * hours_);
    const Int128 saved_when_full = capacity * hours_ * (list.units - rate.units) / Int128{kMbMsPerGbSecond};
    candidate.break_even_permille = Permille(fee.units, saved_when_full);
    return candidate;
  }

  const PriceEdition& prices_;
  const WallTime now_;
  const Int128 hours_;
  std::map<std::tuple<std::string, std::string, uint32_t>, FunctionUsage> functions_;
  HourlyUsage all_;
  Int128 total_ = 0;
  Advice advice_;
};

}  // namespace

Advice Advise(const AccountState& account, const std::vector<UsageRow>& usage, Period period) {
  return Replay(account, usage, period).Take();
}

}  // namespace hearth
