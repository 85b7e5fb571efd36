#include "runtime/meter/usage_view.h"

#include <algorithm>
#include <tuple>

namespace hearth {
namespace {

// Places of versions in the order of their names, by id. One sort of names stands for one in each hour.
class NameOrder final {
 public:
  explicit NameOrder(const std::vector<std::shared_ptr<const UsageHour>>& hours) {
    std::vector<const UsageHour::Version*> versions;
    for (const auto& hour : hours) {
      for (const UsageHour::Of& of : hour->versions) {
        const UsageHour::Version& version = *of.version;
        if (version.id >= places_.size()) places_.resize(version.id + 1, kUnknown);
        if (places_[version.id] != kUnknown) continue;
        places_[version.id] = 0;
        versions.push_back(&version);
      }
    }
    std::sort(versions.begin(), versions.end(), [](const auto* a, const auto* b) {
      return std::tie(a->function, a->version) < std::tie(b->function, b->version);
    });
    for (uint32_t place = 0; place < versions.size(); ++place) places_[versions[place]->id] = place;
  }
  uint32_t of(const UsageHour::Of& one) const { return places_[one.version->id]; }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  std::vector<uint32_t> places_;
};

bool Before(const UsageHour::Slice* a, const UsageHour::Slice* b) {
  return std::tie(a->plan, a->commitment, a->memory_mib, a->tmp_mib) <
         std::tie(b->plan, b->commitment, b->memory_mib, b->tmp_mib);
}

void AppendRows(const UsageHour& hour, const UsageHour::Of& of, std::vector<UsageRow>& rows) {
  std::vector<const UsageHour::Slice*> slices;
  for (const UsageHour::Slice& slice : of.slices) slices.push_back(&slice);
  std::sort(slices.begin(), slices.end(), Before);
  for (const UsageHour::Slice* slice : slices) {
    rows.push_back({{hour.hour, hour.hour, of.version->function, of.version->version, slice->plan,
                     slice->commitment, slice->memory_mib, slice->tmp_mib},
                    slice->usage});
  }
}

}  // namespace

UsageView::Hours::const_iterator UsageView::At(UtcHour hour) const {
  return std::lower_bound(hours_.begin(), hours_.end(), hour,
                          [](const auto& one, UtcHour wanted) { return one->hour < wanted; });
}

std::vector<std::pair<UtcHour, RecordRange>> UsageView::HoursOf(std::string_view function) const {
  std::vector<std::pair<UtcHour, RecordRange>> ran;
  for (auto hour = hours_.rbegin(); hour != hours_.rend(); ++hour) {
    RecordRange range;
    for (const UsageHour::Of& of : (*hour)->versions) {
      if (of.version->function == function && !of.range.empty()) range.Widen(of.range.first, of.range.last);
    }
    if (!range.empty()) ran.emplace_back((*hour)->hour, range);
  }
  return ran;
}

void UsageView::Collect(UtcHour from, UtcHour to, StatementBuilder& into) const {
  for (auto hour = At(from); hour != hours_.end() && (*hour)->hour < to; ++hour) {
    for (const UsageHour::Of& of : (*hour)->versions) {
      for (const UsageHour::Slice& slice : of.slices)
        into.Add(of.version->function, of.version->version, slice.usage);
    }
  }
  for (const auto& [key, usage] : *late_) {
    if (from <= key.hour && key.hour < to) into.Add(key.function, key.version, usage);
  }
}

std::vector<UsageRow> UsageView::RowsBookedIn(UtcHour from, UtcHour to) const {
  const Hours wanted(At(from), std::max(At(from), At(to)));
  const NameOrder order(wanted);
  std::vector<UsageRow> rows;
  size_t count = 0;
  for (const auto& hour : wanted) count += hour->versions.size();
  rows.reserve(count);
  std::vector<const UsageHour::Of*> versions;
  for (const auto& hour : wanted) {
    versions.clear();
    for (const UsageHour::Of& of : hour->versions) versions.push_back(&of);
    std::sort(versions.begin(), versions.end(),
              [&](const auto* a, const auto* b) { return order.of(*a) < order.of(*b); });
    for (const UsageHour::Of* of : versions) AppendRows(*hour, *of, rows);
  }
  const auto by_key = [](const UsageRow& a, const UsageRow& b) { return a.key < b.key; };
  const auto on_time = static_cast<std::ptrdiff_t>(rows.size());
  for (const auto& [key, usage] : *late_) {
    if (from <= key.booked && key.booked < to) rows.push_back({key, usage});
  }
  std::inplace_merge(rows.begin(), rows.begin() + on_time, rows.end(), by_key);
  return rows;
}

RecordRange UsageView::RangeOf(UtcHour from, UtcHour to) const {
  RecordRange range;
  for (auto hour = At(from); hour != hours_.end() && (*hour)->hour < to; ++hour) {
    for (const UsageHour::Of& of : (*hour)->versions) range.Widen(of.range.first, of.range.last);
  }
  return range;
}

}  // namespace hearth
