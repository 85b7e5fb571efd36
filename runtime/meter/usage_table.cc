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
  Hour& hour = HourFor(record);
  hour.usage.Add(record);
  hour.range.first = std::min(hour.range.first, number);
  hour.range.last = std::max(hour.range.last, number);
}

UsageTable::Hour& UsageTable::HourFor(const InvocationRecord& record) {
  Series& series = FindOrMake(FindOrMake(functions_, record.function), record.version);
  const UtcHour hour = HourOf(record.started);
  if (!series.newest || series.newest_hour != hour) {
    series.newest = &series.hours[hour];
    series.newest_hour = hour;
  }
  return *series.newest;
}

void UsageTable::Collect(UtcHour from, UtcHour to, StatementBuilder& into) const {
  for (const auto& [function, versions] : functions_) {
    for (const auto& [version, series] : versions) {
      for (auto hour = series.hours.lower_bound(from); hour != series.hours.end() && hour->first < to;
           ++hour) {
        into.Add(function, version, hour->second.usage);
      }
    }
  }
}

UsageTable::Range UsageTable::RangeOf(UtcHour from, UtcHour to) const {
  Range range;
  for (const auto& [function, versions] : functions_) {
    for (const auto& [version, series] : versions) {
      for (auto hour = series.hours.lower_bound(from); hour != series.hours.end() && hour->first < to;
           ++hour) {
        range.first = std::min(range.first, hour->second.range.first);
        range.last = std::max(range.last, hour->second.range.last);
      }
    }
  }
  return range;
}

}  // namespace hearth
