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
  Hour& hour = HourFor(SeriesFor(record.function, record.version), started);
  hour.range.Widen(number, number);
  if (started >= closed_through_) {
    SliceFor(hour, record.plan, record.commitment, record.memory_mib, record.tmp_mib).Add(record);
    return;
  }
  late_[{started, closed_through_, record.function, record.version, record.plan, record.commitment,
         record.memory_mib, record.tmp_mib}]
      .Add(record);
}

void UsageTable::Add(const UsageRow& row, Range range) { TotalsFor(row.key, range) += row.usage; }

UsageTotals& UsageTable::TotalsFor(const UsageKey& key, Range range) {
  Hour& hour = HourFor(SeriesFor(key.function, key.version), key.hour);
  if (!range.empty()) hour.range.Widen(range.first, range.last);
  if (key.late()) return late_[key];
  return SliceFor(hour, key.plan, key.commitment, key.memory_mib, key.tmp_mib);
}

void UsageTable::CloseThrough(UtcHour through) { closed_through_ = std::max(closed_through_, through); }

UsageTable::Series& UsageTable::SeriesFor(const std::string& function, const std::string& version) {
  return FindOrMake(FindOrMake(functions_, function), version);
}

UsageTable::Hour& UsageTable::HourFor(Series& series, UtcHour hour) {
  if (!series.newest || series.newest_hour != hour) {
    series.newest = &series.hours[hour];
    series.newest_hour = hour;
  }
  return *series.newest;
}

UsageTotals& UsageTable::SliceFor(Hour& hour, Plan plan, const std::string& commitment, uint32_t memory_mib,
                                  uint32_t tmp_mib) {
  const auto same = [&](const Slice& slice) {
    return slice.plan == plan && slice.memory_mib == memory_mib && slice.tmp_mib == tmp_mib &&
           slice.commitment == commitment;
  };
  auto found = std::find_if(hour.slices.begin(), hour.slices.end(), same);
  if (found == hour.slices.end()) {
    hour.slices.push_back({plan, memory_mib, tmp_mib, commitment, {}});
    found = hour.slices.end() - 1;
  }
  if (found != hour.slices.begin()) std::swap(*found, hour.slices.front());
  return hour.slices.front().usage;
}

void UsageTable::Collect(UtcHour from, UtcHour to, StatementBuilder& into) const {
  for (const auto& [function, versions] : functions_) {
    for (const auto& [version, series] : versions) {
      for (auto hour = series.hours.lower_bound(from); hour != series.hours.end() && hour->first < to;
           ++hour) {
        for (const Slice& slice : hour->second.slices) into.Add(function, version, slice.usage);
      }
    }
  }
  for (const auto& [key, usage] : late_) {
    if (from <= key.hour && key.hour < to) into.Add(key.function, key.version, usage);
  }
}

std::vector<UsageRow> UsageTable::RowsBookedIn(UtcHour from, UtcHour to) const {
  std::vector<UsageRow> rows;
  for (const auto& [function, versions] : functions_) {
    for (const auto& [version, series] : versions) {
      for (auto hour = series.hours.lower_bound(from); hour != series.hours.end() && hour->first < to;
           ++hour) {
        for (const Slice& slice : hour->second.slices) {
          rows.push_back({{hour->first, hour->first, function, version, slice.plan, slice.commitment,
                           slice.memory_mib, slice.tmp_mib},
                          slice.usage});
        }
      }
    }
  }
  for (const auto& [key, usage] : late_) {
    if (from <= key.booked && key.booked < to) rows.push_back({key, usage});
  }
  std::sort(rows.begin(), rows.end(), [](const UsageRow& a, const UsageRow& b) { return a.key < b.key; });
  return rows;
}

UsageTable::Range UsageTable::RangeOf(UtcHour from, UtcHour to) const {
  Range range;
  for (const auto& [function, versions] : functions_) {
    for (const auto& [version, series] : versions) {
      for (auto hour = series.hours.lower_bound(from); hour != series.hours.end() && hour->first < to;
           ++hour) {
        range.Widen(hour->second.range.first, hour->second.range.last);
      }
    }
  }
  return range;
}

}  // namespace hearth
