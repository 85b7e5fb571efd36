#include "runtime/meter/rating.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "runtime/meter/commitment_order.h"
#include "runtime/meter/drawdown.h"
#include "runtime/meter/line_book.h"

namespace hearth {
namespace {

using std::chrono::hours;
using Entity = LineBook::Entity;

constexpr std::chrono::minutes kReservedStep{5};  // as Lambda's provisioned concurrency
constexpr seconds kDedicatedLeast{60};
constexpr uint64_t kUsPerMs = 1'000;

uint64_t OverlapMs(Period a, Period b) {
  const WallTime from = std::max(a.from, b.from);
  const WallTime to = std::min(a.to, b.to);
  return from < to ? static_cast<uint64_t>(std::chrono::floor<milliseconds>(to - from).count()) : 0;
}

// How much of [start, start + quantity) lies in [from, to).
Int128 Overlap(Int128 start, Int128 quantity, Int128 from, Int128 to) {
  return std::max<Int128>(0, std::min(start + quantity, to) - std::max(start, from));
}

// Usage that an allowance, a savings plan or the list price pays for, in one hour.
struct Demand {
  LineKind kind = LineKind::kDuration;
  LineKind covered_kind = LineKind::kCoveredDuration;
  LineBook::Place place;
  Money list;
  Int128 quantity = 0;
  Int128 free = 0;     // by the allowance
  Int128 covered = 0;  // by savings plans
};

// Rates the hours of one month, in their order.
class MonthRater final {
 public:
  MonthRater(const AccountState& account, WallTime until, LineBook& lines)
      : account_(account), until_(until), lines_(lines) {}

  // `rows` are booked in that hour; `before` are on-time rows of the hour before it.
  void RateHour(UtcHour hour, const std::vector<const UsageRow*>& rows,
                const std::vector<const UsageRow*>& before) {
    hour_ = hour;
    prices_ = &account_.PricesAt(hour);
    contract_off_ = account_.DiscountAt(hour);
    demands_.clear();
    RateCommitments(rows, before);
    for (const UsageRow* row : rows) {
      if (row->key.late()) {
        RateLate(*row);
      } else {
        RateRow(*row);
      }
    }
    TakeAllowance();
    TakeSavingsPlans();
    ChargeDemands();
  }

  void AddCreditsAndExchanges(WallTime month) {
    for (const AccountState::Credit& credit : account_.credits()) {
      if (credit.at < month || credit.at >= until_) continue;
      const CreditGranted& granted = credit.granted;
      lines_.AddSingle(LineKind::kCredit, At(HourOf(credit.at), granted.function, "", Plan::kOnDemand, ""),
                       Money{} - granted.amount, 1, granted.id + ": " + granted.reason);
    }
    for (const AccountState::Exchange& exchange : account_.exchanges()) {
      if (exchange.at < month || exchange.at >= until_ || exchange.credit == Money{}) continue;
      const Commitment* old = account_.Find(exchange.old_id);
      lines_.AddSingle(LineKind::kExchange, PlaceOf(*old, HourOf(exchange.at)), Money{} - exchange.credit, -1,
                       "for " + exchange.new_id);
    }
  }

 private:
  LineBook::Place At(UtcHour hour, const std::string& function, const std::string& version, Plan plan,
                     const std::string& commitment) {
    return {hour, hour, lines_.EntityOf(function, version, plan, commitment),
            lines_.TagsOf(account_.TagsAt(function, hour))};
  }
  LineBook::Place PlaceOf(const UsageKey& key, Plan plan, const std::string& commitment) {
    LineBook::Place place = At(key.hour, key.function, key.version, plan, commitment);
    place.booked = key.booked;
    return place;
  }
  LineBook::Place PlaceOf(const Commitment& commitment, UtcHour hour) {
    LineBook::Place place =
        At(hour, commitment.function, commitment.version, commitment.plan(), commitment.id);
    Tags tags = account_.TagsAt(commitment.function, hour);
    for (const auto& [key, value] : commitment.tags) tags[key] = value;
    place.tags = lines_.TagsOf(tags);
    return place;
  }
  Period HourPeriod() const { return {hour_, hour_ + hours(1)}; }
  LineBook::Price Listed(Money list) const { return {list, 0, contract_off_}; }

  // (1) dedicated hosts, (2) reserved capacity: what they cost, and what of them was used.
  void RateCommitments(const std::vector<const UsageRow*>& rows, const std::vector<const UsageRow*>& before) {
    const auto used = UseOf(rows, before);
    static const Use kNone;
    for (const auto& [id, commitment] : account_.commitments()) {
      if (commitment.from >= hour_ && commitment.from < hour_ + hours(1)) Buy(commitment);
      const uint64_t paid_ms = OverlapMs(PaidPeriod(commitment, until_), HourPeriod());
      const auto found = used.find(id);
      const Use& use = found == used.end() ? kNone : found->second;
      if (commitment.kind == CommitmentKind::kDedicated) RateDedicated(commitment, paid_ms, use);
      if (commitment.reserved() && (paid_ms > 0 || !use.occupied.empty()))
        RateReserved(commitment, paid_ms, use);
      if (commitment.kind == CommitmentKind::kSavingsPlan && paid_ms > 0) PayHour(commitment);
    }
  }

  // What ran on a commitment in the hour.
  struct Occupied {
    const UsageRow* row = nullptr;
    Int128 mb_ms = 0;
  };
  struct Use {
    std::vector<Occupied> occupied;
    uint64_t cpu_us = 0;
  };
  // Of reservations only what lies within the hour: less what went over its end, more what came over from the
  // one before.
  std::map<std::string, Use, std::less<>> UseOf(const std::vector<const UsageRow*>& rows,
                                                const std::vector<const UsageRow*>& before) const {
    std::map<std::string, Use, std::less<>> used;
    for (const UsageRow* row : rows) {
      if (row->key.commitment.empty() || row->key.late()) continue;
      Use& use = used[row->key.commitment];
      use.cpu_us += row->usage.cpu_us;
      if (row->key.plan == Plan::kReserved) {
        use.occupied.push_back({row, Int128{row->usage.memory_mb_ms} - Int128{row->usage.next_hour_mb_ms}});
      }
    }
    for (const UsageRow* row : before) {
      const bool over =
          row->key.plan == Plan::kReserved && !row->key.late() && row->usage.next_hour_mb_ms > 0;
      if (over) used[row->key.commitment].occupied.push_back({row, Int128{row->usage.next_hour_mb_ms}});
    }
    return used;
  }
  void Buy(const Commitment& commitment) {
    lines_.Add(LineKind::kUpfrontFee, PlaceOf(commitment, hour_), {commitment.upfront, 0, 0},
               commitment.upfront == Money{} ? 0 : 1);
  }
  void PayHour(const Commitment& commitment) {
    lines_.Add(LineKind::kHourlyFee, PlaceOf(commitment, hour_), {commitment.hourly, 0, 0},
               commitment.hourly == Money{} ? 0 : 1);
  }

  void RateDedicated(const Commitment& host, uint64_t paid_ms, const Use& use) {
    const uint64_t given = paid_ms * host.cpus;
    const uint64_t used = std::min(given, use.cpu_us / kUsPerMs);
    // Its own price: what was quoted holds until it ends.
    const Money per_cpu{host.hourly.units / Int128{host.cpus}};
    lines_.Add(LineKind::kDedicatedUsed, PlaceOf(host, hour_), Listed(per_cpu), Int128{used});
    lines_.Add(LineKind::kDedicatedUnused, PlaceOf(host, hour_), Listed(per_cpu), Int128{given - used});
  }

  void RateReserved(const Commitment& commitment, uint64_t paid_ms, const Use& use) {
    const Int128 capacity = Int128{paid_ms} * Int128{commitment.reserved_mib()};
    const std::vector<Occupied>& occupied = use.occupied;
    std::vector<ReservedUsage> usage;
    for (const Occupied& one : occupied)
      usage.push_back({one.row->key.memory_mib, static_cast<uint64_t>(one.mb_ms)});
    const auto covered = CoverByReservation(static_cast<uint64_t>(capacity), usage);
    const bool term = commitment.term_hours > 0;
    const Money capacity_price = commitment.capacity_list_per_gb_second;
    Int128 used = 0;
    for (size_t i = 0; i < occupied.size(); ++i) {
      const UsageKey& key = occupied[i].row->key;
      const LineBook::Place place = At(hour_, key.function, key.version, Plan::kReserved, commitment.id);
      const Int128 cover{covered[i]};
      AddDemand(LineKind::kReservedDuration, place, commitment.duration_per_gb_second, cover);
      AddDemand(LineKind::kDuration, At(hour_, key.function, key.version, Plan::kOnDemand, ""),
                prices_->list_per_gb_second(), occupied[i].mb_ms - cover);
      lines_.Add(term ? LineKind::kCommittedUsed : LineKind::kReservedUsed, place,
                 term ? LineBook::Price{capacity_price, 0, 0} : Listed(capacity_price), cover);
      used += cover;
    }
    if (!term) {
      lines_.Add(LineKind::kReservedUnused, PlaceOf(commitment, hour_), Listed(capacity_price),
                 capacity - used);
    } else if (paid_ms > 0) {
      PayHour(commitment);
      lines_.AddCommitted(PlaceOf(commitment, hour_), {capacity_price, 0, 0},
                          commitment.hourly + AmortisedIn(commitment, hour_, hour_ + hours(1)), capacity);
    }
  }

  // (2) and (3) of what ran: requests, duration, /tmp.
  void RateRow(const UsageRow& row) {
    const UsageKey& key = row.key;
    const LineBook::Place place = PlaceOf(key, key.plan, key.commitment);
    if (key.plan == Plan::kDedicated && Host(key.commitment)) {
      lines_.Add(LineKind::kDedicatedDuration, place, {}, Int128{row.usage.memory_mb_ms});
      return;
    }
    AddDemand(LineKind::kRequests, place, prices_->per_million_requests, Int128{row.usage.requests});
    AddTmp(row, place, *prices_, contract_off_);
    const Int128 duration{row.usage.memory_mb_ms};
    switch (key.plan) {
      case Plan::kSpot:
        lines_.Add(LineKind::kSpotDuration, place,
                   {prices_->list_per_gb_second(), account_.SpotDiscountAt(hour_), contract_off_}, duration);
        break;
      case Plan::kReserved:
        if (Reservation(key.commitment)) break;  // by RateReserved()
        [[fallthrough]];
      case Plan::kDedicated:  // a host that nobody bought
      case Plan::kOnDemand:
        AddDemand(LineKind::kDuration, PlaceOf(key, Plan::kOnDemand, ""), prices_->list_per_gb_second(),
                  duration);
        break;
    }
  }
  const Commitment* Reservation(const std::string& id) const {
    const Commitment* found = account_.Find(id);
    return found && found->reserved() ? found : nullptr;
  }
  const Commitment* Host(const std::string& id) const {
    const Commitment* found = account_.Find(id);
    return found && found->kind == CommitmentKind::kDedicated ? found : nullptr;
  }

  void AddTmp(const UsageRow& row, const LineBook::Place& place, const PriceEdition& prices,
              uint32_t contract_off) {
    if (row.key.tmp_mib <= prices.ephemeral_free_mib || prices.ephemeral_per_gb_second == Money{}) return;
    const Int128 over{row.key.tmp_mib - prices.ephemeral_free_mib};
    lines_.Add(LineKind::kTmpStorage, place, {prices.ephemeral_per_gb_second, 0, contract_off},
               over * Int128{row.usage.billed_ms});
  }

  // Its hour is closed: nothing that was decided there is decided again, so it is at the prices of that hour
  // without allowance, tiers and savings plans.
  void RateLate(const UsageRow& row) {
    const UsageKey& key = row.key;
    const PriceEdition& prices = account_.PricesAt(key.hour);
    const uint32_t contract_off = account_.DiscountAt(key.hour);
    const LineBook::Place place = PlaceOf(key, key.plan, key.commitment);
    const Int128 duration{row.usage.memory_mb_ms};
    if (key.plan == Plan::kDedicated && Host(key.commitment)) {
      lines_.Add(LineKind::kDedicatedDuration, place, {}, duration);
      return;
    }
    lines_.Add(LineKind::kRequests, place, {prices.per_million_requests, 0, contract_off},
               Int128{row.usage.requests});
    AddTmp(row, place, prices, contract_off);
    const Commitment* reserved = key.plan == Plan::kReserved ? Reservation(key.commitment) : nullptr;
    if (reserved) {
      lines_.Add(LineKind::kReservedDuration, place, {reserved->duration_per_gb_second, 0, contract_off},
                 duration);
      return;
    }
    const bool spot = key.plan == Plan::kSpot;
    lines_.Add(spot ? LineKind::kSpotDuration : LineKind::kDuration, place,
               {prices.list_per_gb_second(), spot ? account_.SpotDiscountAt(key.hour) : 0, contract_off},
               duration);
  }

  void AddDemand(LineKind kind, const LineBook::Place& place, Money list, Int128 quantity) {
    if (quantity == 0) return;
    const LineKind covered = kind == LineKind::kRequests   ? LineKind::kCoveredRequests
                             : kind == LineKind::kDuration ? LineKind::kCoveredDuration
                                                           : LineKind::kCoveredReservedDuration;
    demands_.push_back({kind, covered, place, list, quantity});
  }

  // (4)
  void TakeAllowance() {
    const FreeAllowance& free = prices_->free_allowance;
    if (!free.applies) return;
    for (Demand& demand : demands_) {
      if (demand.kind == LineKind::kReservedDuration) continue;  // Lambda's is for what is on demand
      const bool requests = demand.kind == LineKind::kRequests;
      Int128& used = requests ? free_requests_ : free_mb_ms_;
      const Int128 all =
          requests ? Int128{free.requests} : Int128{free.gb_seconds} * Int128{kMbMsPerGbSecond};
      demand.free = std::max<Int128>(0, std::min(demand.quantity, all - used));
      used += demand.free;
    }
  }

  // (5): plans one after the other, the oldest first.
  void TakeSavingsPlans() {
    std::vector<const Commitment*> plans;
    for (const auto& [id, commitment] : account_.commitments()) {
      const bool runs = commitment.kind == CommitmentKind::kSavingsPlan && commitment.Runs(hour_);
      if (runs && hour_ < until_) plans.push_back(&commitment);
    }
    std::sort(plans.begin(), plans.end(), [](const Commitment* a, const Commitment* b) {
      return std::tie(a->from, a->id) < std::tie(b->from, b->id);
    });
    for (const Commitment* plan : plans) Cover(*plan);
  }
  void Cover(const Commitment& plan) {
    std::vector<PlanUsage> usage;
    for (const Demand& demand : demands_) {
      const Money rate = demand.kind == LineKind::kRequests   ? demand.list
                         : demand.kind == LineKind::kDuration ? plan.duration_per_gb_second
                                                              : plan.reserved_duration_per_gb_second;
      usage.push_back(
          {demand.quantity - demand.free - demand.covered, demand.list, rate, PerUnit(UnitOf(demand.kind))});
    }
    const PlanCover cover = CoverByPlan(plan.committed_per_hour, usage);
    for (size_t i = 0; i < demands_.size(); ++i) {
      Demand& demand = demands_[i];
      demand.covered += cover.covered[i];
      LineBook::Place place = demand.place;
      place.entity = lines_.WithCommitment(place.entity, plan.id);
      lines_.AddCovered(demand.covered_kind, place, {demand.list, 0, 0}, cover.covered[i],
                        cover.cost[i] * (Int128{LineBook::kCostScale} / cover.scale));
    }
    lines_.AddPlan(PlaceOf(plan, hour_), plan.committed_per_hour);
  }

  // (6) and (7): every function pays the first tier's price; what the account is owed for higher tiers and the
  // allowance are lines of its own, so that no function's line depends on what others ran.
  void ChargeDemands() {
    Int128 on_demand = 0, free_requests = 0, free_duration = 0;
    for (const Demand& demand : demands_) {
      lines_.Add(demand.kind, demand.place, Listed(demand.list), demand.quantity - demand.covered);
      if (demand.kind == LineKind::kRequests) free_requests += demand.free;
      if (demand.kind != LineKind::kDuration) continue;
      free_duration += demand.free;
      on_demand += demand.quantity - demand.covered;
    }
    const LineBook::Place account{hour_, hour_, lines_.Account(), lines_.TagsOf({})};
    lines_.Add(LineKind::kFreeRequests, account, Listed(prices_->per_million_requests), free_requests);
    lines_.Add(LineKind::kFreeDuration, account, Listed(prices_->list_per_gb_second()), free_duration);
    ChargeTiers(account, on_demand);
  }
  // Free usage counts towards the tiers; what savings plans cover does not. A unit is not paid for twice: one
  // that is free takes no discount, but the allowance ends long before the second tier begins, unless the book
  // says otherwise, and then the discount is only for what is not free.
  void ChargeTiers(const LineBook::Place& account, Int128 on_demand) {
    Int128 from = 0;
    const Money list = prices_->list_per_gb_second();
    const Int128 free_end = free_mb_ms_;
    for (const PriceTier& tier : prices_->duration_tiers) {
      const Int128 to = tier.up_to_gb_seconds == 0 ? Int128{INT64_MAX} * Int128{kMbMsPerGbSecond}
                                                   : Int128{tier.up_to_gb_seconds} * Int128{kMbMsPerGbSecond};
      if (tier.per_gb_second < list) {
        lines_.Add(LineKind::kVolumeDiscount, account, Listed(list - tier.per_gb_second),
                   Overlap(tier_mb_ms_, on_demand, std::max(from, free_end), std::max(to, free_end)));
      }
      from = to;
    }
    tier_mb_ms_ += on_demand;
  }

  const AccountState& account_;
  const WallTime until_;
  LineBook& lines_;
  // Of the month so far.
  Int128 free_requests_ = 0;
  Int128 free_mb_ms_ = 0;
  Int128 tier_mb_ms_ = 0;
  // Of the hour.
  UtcHour hour_{};
  const PriceEdition* prices_ = nullptr;
  uint32_t contract_off_ = 0;
  std::vector<Demand> demands_;
};

}  // namespace

Period PaidPeriod(const Commitment& commitment, WallTime until) {
  if (commitment.term_hours > 0) {
    return {commitment.from, std::min(commitment.to, WallTime(std::chrono::ceil<hours>(until)))};
  }
  const WallTime end = std::min(commitment.to, until);
  if (end < commitment.from) return {commitment.from, commitment.from};
  if (commitment.kind == CommitmentKind::kDedicated) {
    const WallTime from = std::chrono::floor<seconds>(commitment.from);
    return {from, from + std::max<seconds>(kDedicatedLeast, std::chrono::ceil<seconds>(end - from))};
  }
  using Steps =
      std::chrono::duration<int64_t, std::ratio_multiply<std::chrono::minutes::period, std::ratio<5>>>;
  static_assert(Steps(1) == kReservedStep);
  const WallTime from = std::chrono::floor<milliseconds>(commitment.from);
  return {from, from + std::chrono::ceil<Steps>(end - from)};
}

std::vector<BillLine> RateMonth(const AccountState& account, const std::vector<UsageRow>& usage,
                                WallTime month, WallTime until, const std::vector<WallTime>& cuts) {
  std::vector<const UsageRow*> ordered;
  ordered.reserve(usage.size());
  for (const UsageRow& row : usage) ordered.push_back(&row);
  const auto earlier = [](const UsageRow* a, const UsageRow* b) {
    return std::tie(a->key.booked, a->key) < std::tie(b->key.booked, b->key);
  };
  if (!std::is_sorted(ordered.begin(), ordered.end(), earlier))
    std::sort(ordered.begin(), ordered.end(), earlier);
  LineBook lines(cuts);
  MonthRater rater(account, until, lines);
  std::vector<const UsageRow*> before, rows;
  const UtcHour first = HourOf(month);
  auto next = ordered.begin();
  const auto take = [&](UtcHour hour) {
    rows.clear();
    while (next != ordered.end() && (*next)->key.booked < hour) ++next;
    for (; next != ordered.end() && (*next)->key.booked == hour; ++next) rows.push_back(*next);
  };
  take(first - hours(1));
  for (UtcHour hour = first; hour < until; hour += hours(1)) {
    before.swap(rows);
    take(hour);
    rater.RateHour(hour, rows, before);
  }
  rater.AddCreditsAndExchanges(month);
  std::vector<BillLine> made = std::move(lines).Finish();
  for (BillLine& line : made) line.final = line.booked + std::chrono::days(1) <= account.closed_through();
  return made;
}

}  // namespace hearth
