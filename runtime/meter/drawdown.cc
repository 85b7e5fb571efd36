#include "runtime/meter/drawdown.h"

#include <algorithm>
#include <numeric>

namespace hearth {
namespace {

// a saves more than b; exact, by cross-multiplying rate / list.
bool SavesMore(const PlanUsage& a, const PlanUsage& b) {
  const Int128 left = a.rate.units * b.list.units;
  const Int128 right = b.rate.units * a.list.units;
  if (left != right) return left < right;
  return a.rate < b.rate;
}

template <class T, class Before>
std::vector<size_t> Order(const std::vector<T>& items, Before before) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return before(items[a], items[b]); });
  return order;
}

Int128 ScaleOf(const std::vector<PlanUsage>& usage) {
  uint64_t scale = 1;
  for (const PlanUsage& item : usage) scale = std::lcm(scale, item.per);
  return Int128{scale};
}

}  // namespace

PlanCover CoverByPlan(Money committed, const std::vector<PlanUsage>& usage) {
  PlanCover cover;
  cover.covered.resize(usage.size());
  cover.cost.resize(usage.size());
  cover.scale = ScaleOf(usage);
  Int128 left = committed.units * cover.scale;
  for (const size_t at : Order(usage, SavesMore)) {
    const PlanUsage& item = usage[at];
    const Int128 unit_cost = item.rate.units * (cover.scale / Int128{item.per});
    if (item.quantity <= 0 || item.list < item.rate) continue;
    const Int128 covered = unit_cost == 0 ? item.quantity : std::min(item.quantity, left / unit_cost);
    cover.covered[at] = covered;
    cover.cost[at] = covered * unit_cost;
    cover.spent += cover.cost[at];
    left -= cover.cost[at];
    if (covered < item.quantity) break;  // spent, but for less than one more of it costs
  }
  return cover;
}

std::vector<uint64_t> CoverByReservation(uint64_t capacity_mb_ms, const std::vector<ReservedUsage>& usage) {
  std::vector<uint64_t> covered(usage.size());
  const auto smaller = [](const ReservedUsage& a, const ReservedUsage& b) {
    return a.memory_mib < b.memory_mib;
  };
  for (const size_t at : Order(usage, smaller)) {
    covered[at] = std::min(capacity_mb_ms, usage[at].mb_ms);
    capacity_mb_ms -= covered[at];
  }
  return covered;
}

}  // namespace hearth
