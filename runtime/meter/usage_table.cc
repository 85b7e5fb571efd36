#include "runtime/meter/usage_table.h"

#include <algorithm>

namespace hearth {
namespace {

template <class Map>
typename Map::mapped_type& FindOrMake(Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found != map.end() ? found->second : map[key];
}

}  // namespace

void UsageTable::Add(uint64_t number, const InvocationRecord& record) {
  const UtcHour started = HourOf(record.started);
  UsageHour::Of& hour = HourFor(SeriesFor(record.function, record.version), started);
  hour.range.Widen(number, number);
  if (started >= closed_through_) {
    SliceFor(hour, record.plan, record.commitment, record.memory_mib, record.tmp_mib).Add(record);
    return;
  }
  WritableLate()[{started, closed_through_, record.function, record.version, record.plan, record.commitment,
                  record.memory_mib, record.tmp_mib}]
      .Add(record);
}

void UsageTable::Add(const UsageRow& row, Range range) { TotalsFor(row.key, range) += row.usage; }

UsageTotals& UsageTable::TotalsFor(const UsageKey& key, Range range) {
  UsageHour::Of& hour = HourFor(SeriesFor(key.function, key.version), key.hour);
  if (!range.empty()) hour.range.Widen(range.first, range.last);
  if (key.late()) return WritableLate()[key];
  return SliceFor(hour, key.plan, key.commitment, key.memory_mib, key.tmp_mib);
}

void UsageTable::CloseThrough(UtcHour through) { closed_through_ = std::max(closed_through_, through); }

UsageView UsageTable::View() const {
  ++generation_;
  return Peek();
}

UsageView UsageTable::Peek() const {
  std::vector<std::shared_ptr<const UsageHour>> hours;
  hours.reserve(hours_.size());
  for (const Hour& hour : hours_) hours.push_back(hour.of);
  return {std::move(hours), late_};
}

UsageTable::Series& UsageTable::SeriesFor(const std::string& function, const std::string& version) {
  Series& series = FindOrMake(FindOrMake(functions_, function), version);
  if (!series.version)
    series.version = std::make_shared<UsageHour::Version>(UsageHour::Version{versions_++, function, version});
  return series;
}

UsageHour& UsageTable::WritableHour(UtcHour hour) {
  auto found = hours_.end();
  if (hours_.empty() || hours_.back().of->hour < hour) {
    found = hours_.end();
  } else {
    found = std::lower_bound(hours_.begin(), hours_.end(), hour,
                             [](const Hour& one, UtcHour wanted) { return one.of->hour < wanted; });
  }
  if (found == hours_.end() || found->of->hour != hour) {
    auto made = std::make_shared<UsageHour>();
    made->hour = hour;
    found = hours_.insert(found, {std::move(made), generation_});
  } else if (found->generation != generation_) {
    *found = {std::make_shared<UsageHour>(*found->of), generation_};
    ++place_generation_;
  }
  return *found->of;
}

UsageHour::Of& UsageTable::HourFor(Series& series, UtcHour hour) {
  const bool known = series.newest && series.newest_hour == hour &&
                     series.place_generation == place_generation_ + generation_;
  if (known) return *series.newest;
  std::vector<UsageHour::Of>& versions = WritableHour(hour).versions;
  auto found =
      std::lower_bound(versions.begin(), versions.end(), series.version->id,
                       [](const UsageHour::Of& of, uint32_t wanted) { return of.version->id < wanted; });
  if (found == versions.end() || found->version->id != series.version->id) {
    found = versions.insert(found, {series.version, {}, {}});
    ++place_generation_;
  }
  series.newest = &*found;
  series.newest_hour = hour;
  series.place_generation = place_generation_ + generation_;
  return *found;
}

UsageView::Late& UsageTable::WritableLate() {
  if (late_generation_ != generation_) {
    late_ = std::make_shared<UsageView::Late>(*late_);
    late_generation_ = generation_;
  }
  return *late_;
}

UsageTotals& UsageTable::SliceFor(UsageHour::Of& of, Plan plan, const std::string& commitment,
                                  uint32_t memory_mib, uint32_t tmp_mib) {
  const auto same = [&](const UsageHour::Slice& slice) {
    return slice.plan == plan && slice.memory_mib == memory_mib && slice.tmp_mib == tmp_mib &&
           slice.commitment == commitment;
  };
  auto found = std::find_if(of.slices.begin(), of.slices.end(), same);
  if (found == of.slices.end()) {
    of.slices.push_back({plan, memory_mib, tmp_mib, commitment, {}});
    found = of.slices.end() - 1;
  }
  if (found != of.slices.begin()) std::swap(*found, of.slices.front());
  return of.slices.front().usage;
}

}  // namespace hearth
