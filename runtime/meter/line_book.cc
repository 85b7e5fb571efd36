#include "runtime/meter/line_book.h"

#include <algorithm>
#include <tuple>

#include "runtime/base/digest.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

constexpr size_t kIdDigits = 12;

Money Negative(Money amount) { return Money{} - amount; }

// Amounts that follow from quantity and price; what a commitment pays for is shared out later.
void SetAmounts(BillLine& line) {
  line.list = AmountOf(line.quantity, line.list_price, line.unit(), 0, 0);
  line.contracted = AmountOf(line.quantity, line.list_price, line.unit(), line.spot_off, line.contract_off);
  switch (ClassOf(line.kind)) {
    case LineClass::kUsage:
      line.billed = line.effective = line.contracted;
      break;
    case LineClass::kCovered:
      break;  // billed 0
    case LineClass::kPurchase:
      line.billed = line.contracted;  // effective 0: what it covers is
      break;
    case LineClass::kReduction:
      line.billed = Negative(line.contracted);
      line.list = line.contracted = line.effective = line.billed;
      break;
  }
}

// All that makes it another line; not its quantity.
std::string IdOf(const BillLine& line) {
  std::string text(NameOf(line.kind));
  for (const std::string& part :
       {ToUtcText(line.period.from), ToUtcText(line.period.to), ToUtcText(line.booked),
        std::string(line.late ? "late" : ""), line.function, line.version, line.commitment,
        std::string(NameOf(line.plan)), ToString(line.list_price), std::to_string(line.spot_off),
        std::to_string(line.contract_off), line.note}) {
    text += '\n' + part;
  }
  for (const auto& [key, value] : line.tags) text += '\n' + key + '\t' + value;
  const Sha256Digest digest = Sha256(text);
  return ToMonthText(line.booked) + "-" +
         ToHex({reinterpret_cast<const char*>(digest.data()), kIdDigits / 2});
}

auto OrderOf(const BillLine& line) {
  return std::tie(line.booked, line.period.from, line.function, line.version, line.kind, line.commitment,
                  line.plan, line.id);
}

Int128 FloorDivide(Int128 a, Int128 b) { return a / b; }  // neither is negative here

}  // namespace

LineBook::LineBook(std::vector<WallTime> cuts) : cuts_(std::move(cuts)) {}

LineBook::Entity LineBook::EntityOf(const std::string& function, const std::string& version, Plan plan,
                                    const std::string& commitment) {
  std::string name;
  name.reserve(function.size() + version.size() + commitment.size() + 3);
  name += function;
  name += '\0';
  name += version;
  name += static_cast<char>(plan);
  name += commitment;
  const auto [found, made] = entity_by_name_.emplace(std::move(name), static_cast<Entity>(entities_.size()));
  if (made) entities_.push_back({function, version, plan, commitment});
  return found->second;
}

LineBook::TagSet LineBook::TagsOf(const Tags& tags) {
  const auto [found, made] = tag_set_by_value_.emplace(tags, static_cast<TagSet>(tag_sets_.size()));
  if (made) tag_sets_.push_back(tags);
  return found->second;
}

Period LineBook::PeriodOf(UtcHour hour) const {
  Period period{DayOf(hour), DayOf(hour) + std::chrono::days(1)};
  for (const WallTime cut : cuts_) {
    if (cut <= hour) period.from = std::max(period.from, cut);
    if (cut > hour) period.to = std::min(period.to, cut);
  }
  return period;
}

LineBook::Key LineBook::KeyOf(LineKind kind, const Place& place, const Price& price) const {
  const Period period = PeriodOf(place.hour);
  return {period.from, period.to,        DayOf(place.booked), place.booked != place.hour, kind, place.entity,
          place.tags,  price.list.units, price.spot_off,      price.contract_off};
}

// Lines of a bill differ in entity, kind and day, mostly; the rest is for the comparison.
size_t LineBook::Hasher::operator()(const Key& key) const {
  const auto day = static_cast<uint64_t>(key.booked.time_since_epoch().count());
  const auto from = static_cast<uint64_t>(key.from.time_since_epoch().count());
  uint64_t mixed = day * 0x9e3779b97f4a7c15 ^ from * 0xff51afd7ed558ccd;
  mixed = (mixed ^ key.entity) * 0xc4ceb9fe1a85ec53;
  mixed = (mixed ^ static_cast<uint64_t>(key.kind) ^ uint64_t{key.tags} << 8) * 0x9e3779b97f4a7c15;
  return mixed ^ mixed >> 32;
}

void LineBook::Add(LineKind kind, const Place& place, const Price& price, Int128 quantity) {
  if (quantity != 0) sums_[KeyOf(kind, place, price)].quantity += quantity;
}

void LineBook::AddCovered(LineKind kind, const Place& place, const Price& price, Int128 quantity,
                          Int128 cost) {
  if (quantity == 0) return;
  Sum& sum = sums_[KeyOf(kind, place, price)];
  sum.quantity += quantity;
  sum.cost += cost;
}

LineBook::Given& LineBook::GivenAt(const Place& place, const Price& price) {
  Given& given = given_[{PeriodOf(place.hour).from, DayOf(place.booked), entities_[place.entity].commitment}];
  given.entity = place.entity;
  given.tags = place.tags;
  given.price = price;
  return given;
}

void LineBook::AddCommitted(const Place& place, const Price& capacity_price, Money worth, Int128 capacity) {
  Given& given = GivenAt(place, capacity_price);
  given.worth += worth;
  given.capacity += capacity;
}

void LineBook::AddPlan(const Place& place, Money committed) {
  Given& given = GivenAt(place, {Money{10'000'000'000}, 0, 0});
  given.worth += committed;
  given.plan = true;
}

void LineBook::AddSingle(LineKind kind, const Place& place, Money billed, Int128 quantity, std::string note) {
  BillLine line = LineOf(KeyOf(kind, place, {}), quantity);
  line.note = std::move(note);
  line.billed = line.list = line.contracted = billed;
  line.effective = ClassOf(kind) == LineClass::kPurchase ? Money{} : billed;
  line.list_price = {billed.units < 0 ? -billed.units : billed.units};
  singles_.push_back(std::move(line));
}

BillLine LineBook::LineOf(const Key& key, Int128 quantity) const {
  const Whose& whose = entities_[key.entity];
  BillLine line;
  line.kind = key.kind;
  line.period = {key.from, key.to};
  line.booked = key.booked;
  line.late = key.late;
  line.function = whose.function;
  line.version = whose.version;
  line.plan = whose.plan;
  line.commitment = whose.commitment;
  line.tags = tag_sets_.empty() ? Tags() : tag_sets_[key.tags];
  line.quantity = quantity;
  line.list_price = {key.list};
  line.spot_off = key.spot_off;
  line.contract_off = key.contract_off;
  return line;
}

// Spreads what a commitment was worth over what used it, in whole units of money, so that nothing is lost and
// nothing is below zero: each user gets the difference of two floors of the running sum. What nobody used is a
// line of its own.
void LineBook::Share(const Given& given, std::vector<BillLine>& lines) const {
  Int128 used = 0, shared = 0;
  const Int128 scale{kCostScale};
  for (const size_t at : given.users) {
    BillLine& line = lines[at];
    // Of a savings plan the cost was put into `effective` by Finish(), still in its scale.
    used += given.plan ? line.effective.units : line.quantity;
    const Int128 upto = given.plan            ? FloorDivide(used, scale)
                        : given.capacity == 0 ? Int128{0}
                                              : FloorDivide(given.worth.units * used, given.capacity);
    line.effective = {upto - shared};
    shared = upto;
  }
  const Int128 rest = given.worth.units - shared;
  const Int128 quantity = given.plan ? rest : given.capacity - used;
  if (rest == 0 && quantity == 0) return;
  BillLine unused;
  unused.kind = given.plan ? LineKind::kPlanUnused : LineKind::kCommittedUnused;
  unused.quantity = quantity;
  unused.effective = {rest};
  unused.list_price = given.price.list;
  unused.tags = tag_sets_[given.tags];
  const Whose& whose = entities_[given.entity];
  unused.function = whose.function;
  unused.version = whose.version;
  unused.plan = whose.plan;
  unused.commitment = whose.commitment;
  lines.push_back(std::move(unused));
}

std::vector<BillLine> LineBook::Finish() && {
  std::vector<BillLine> lines;
  lines.reserve(sums_.size() + singles_.size() + given_.size());
  std::vector<std::pair<Key, Sum>> sums(sums_.begin(), sums_.end());
  std::sort(sums.begin(), sums.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [key, sum] : sums) {
    BillLine line = LineOf(key, sum.quantity);
    SetAmounts(line);
    if (ClassOf(line.kind) == LineClass::kCovered) {
      line.effective = {sum.cost};
      given_[{key.from, key.booked, line.commitment}].users.push_back(lines.size());
    }
    lines.push_back(std::move(line));
  }
  for (auto& [key, given] : given_) {
    // By name, since entities and tag sets are numbered as they were met.
    std::sort(given.users.begin(), given.users.end(), [&](size_t a, size_t b) {
      return std::tie(lines[a].function, lines[a].version, lines[a].kind, lines[a].list_price,
                      lines[a].tags) <
             std::tie(lines[b].function, lines[b].version, lines[b].kind, lines[b].list_price, lines[b].tags);
    });
    const size_t before = lines.size();
    Share(given, lines);
    for (size_t at = before; at < lines.size(); ++at) {
      BillLine& unused = lines[at];
      const WallTime from = std::get<0>(key);
      unused.period = PeriodOf(HourOf(from));
      unused.booked = std::get<1>(key);
      const Money effective = unused.effective;
      SetAmounts(unused);
      unused.effective = effective;
    }
  }
  std::move(singles_.begin(), singles_.end(), std::back_inserter(lines));
  for (BillLine& line : lines) line.id = IdOf(line);
  std::sort(lines.begin(), lines.end(),
            [](const BillLine& a, const BillLine& b) { return OrderOf(a) < OrderOf(b); });
  return lines;
}

}  // namespace hearth
