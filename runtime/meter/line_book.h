#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/meter/bill_line.h"
#include "runtime/meter/utc_hour.h"

namespace hearth {

// Collects quantities of a bill and makes its lines: one for each day and whatever tells prices and receivers
// apart. Nothing is rounded before Finish().
//
// Owned by the rater, for one bill. Thread: one.
class LineBook final {
 public:
  // Lines are of one day (UTC) at most, and end at each of `cuts`.
  explicit LineBook(std::vector<WallTime> cuts);

  // Whose a line is. Small numbers, so that hours with many rows are cheap.
  using Entity = uint32_t;
  using TagSet = uint32_t;
  Entity EntityOf(const std::string& function, const std::string& version, Plan plan,
                  const std::string& commitment);
  Entity WithCommitment(Entity entity, const std::string& commitment) {
    const Whose whose = entities_[entity];
    return EntityOf(whose.function, whose.version, whose.plan, commitment);
  }
  Entity Account() { return EntityOf("", "", Plan::kOnDemand, ""); }
  TagSet TagsOf(const Tags& tags);

  struct Place {
    UtcHour hour{};    // used in
    UtcHour booked{};  // billed in: another for what came late
    Entity entity = 0;
    TagSet tags = 0;
  };
  struct Price {
    Money list;
    uint32_t spot_off = 0;
    uint32_t contract_off = 0;
  };
  void Add(LineKind kind, const Place& place, const Price& price, Int128 quantity);
  // A savings plan paid for it: `cost` in 1/kCostScale of Money's units.
  void AddCovered(LineKind kind, const Place& place, const Price& price, Int128 quantity, Int128 cost);
  static constexpr uint64_t kCostScale = 128'000'000;  // of MB x ms and of millionths of a request

  // What an hour of a commitment is worth, and how much can be used of it: MB x ms of a reservation.
  void AddCommitted(const Place& place, const Price& capacity_price, Money worth, Int128 capacity);
  // The same of a savings plan.
  void AddPlan(const Place& place, Money committed);
  // One of its own: a credit, an exchange.
  void AddSingle(LineKind kind, const Place& place, Money billed, Int128 quantity, std::string note);

  std::vector<BillLine> Finish() &&;

 private:
  struct Whose {
    std::string function;
    std::string version;
    Plan plan = Plan::kOnDemand;
    std::string commitment;
  };
  struct Key {
    WallTime from{};
    WallTime to{};
    UtcDay booked{};
    bool late = false;
    LineKind kind = LineKind::kRequests;
    Entity entity = 0;
    TagSet tags = 0;
    Int128 list = 0;
    uint32_t spot_off = 0;
    uint32_t contract_off = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Hasher {
    size_t operator()(const Key& key) const;
  };
  struct Sum {
    Int128 quantity = 0;
    Int128 cost = 0;
  };
  // What a commitment gives in a line's period.
  struct Given {
    Entity entity = 0;
    TagSet tags = 0;
    Price price;
    Money worth;
    Int128 capacity = 0;
    bool plan = false;
    std::vector<size_t> users;  // indices of lines
  };
  using GivenKey = std::tuple<WallTime, UtcDay, std::string>;

  Period PeriodOf(UtcHour hour) const;
  Key KeyOf(LineKind kind, const Place& place, const Price& price) const;
  BillLine LineOf(const Key& key, Int128 quantity) const;
  Given& GivenAt(const Place& place, const Price& price);
  void Share(const Given& given, std::vector<BillLine>& lines) const;

  const std::vector<WallTime> cuts_;
  std::vector<Whose> entities_;
  std::unordered_map<std::string, Entity> entity_by_name_;
  std::vector<Tags> tag_sets_;
  std::map<Tags, TagSet> tag_set_by_value_;
  std::unordered_map<Key, Sum, Hasher> sums_;
  std::map<GivenKey, Given> given_;
  std::vector<BillLine> singles_;
};

}  // namespace hearth
