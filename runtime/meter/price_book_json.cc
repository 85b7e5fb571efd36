#include <algorithm>
#include <initializer_list>

#include <nlohmann/json.hpp>

#include "runtime/base/nearest.h"
#include "runtime/meter/price_book.h"
#include "runtime/meter/shipped_prices.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kFormat = 2;

Error Wrong(const std::string& what) { return {ErrorCode::kInvalidArgument, "price book: " + what}; }

Status CheckKeys(const Json& object, const std::string& where, std::initializer_list<const char*> known) {
  if (!object.is_object()) return Wrong(where + " is to be an object");
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& item : object.items()) {
    if (std::find(names.begin(), names.end(), item.key()) != names.end()) continue;
    const std::string nearest = Nearest(item.key(), names);
    return Wrong("unknown key \"" + item.key() + "\" in " + where +
                 (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
  }
  return Ok();
}

Result<std::string> Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    return Wrong(std::string("\"") + key + "\" is to be a string");
  return found->get<std::string>();
}

Result<uint64_t> Count(const Json& object, const char* key, uint64_t most = UINT64_MAX / 1'024'000) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) {
    return Wrong(std::string("\"") + key + "\" is to be a whole number");
  }
  const auto value = found->get<uint64_t>();
  if (value <= most) return value;
  return Wrong(std::string("\"") + key + "\" is " + std::to_string(value) + ", at most " +
               std::to_string(most) + " is possible");
}

// Prices are strings: a JSON number would go through a double.
Result<Money> Price(const Json& object, const char* key) {
  auto text = Text(object, key);
  if (!text.ok()) return Wrong(std::string("\"") + key + "\" is to be a string such as \"0.0000166667\"");
  auto price = ParseMoney(*text);
  if (!price.ok()) return price.error().WithContext(std::string("price book: \"") + key + "\"");
  if (price->units < 0) return Wrong(std::string("\"") + key + "\" is negative");
  return price;
}

// "70" or "12.5": hundredths of a per cent.
Result<uint32_t> BasisPoints(const Json& object, const char* key, uint32_t most) {
  HEARTH_ASSIGN(const Money percent, Price(object, key));
  const Int128 hundredth = 100'000'000;  // of one, in Money's units
  if (percent.units % hundredth != 0 || percent.units / hundredth > Int128{most}) {
    return Wrong(std::string("\"") + key + "\" is to be 0 to " + std::to_string(most / 100) +
                 " per cent with at most two decimals");
  }
  return static_cast<uint32_t>(percent.units / hundredth);
}

Result<Payment> ReadPayment(const Json& object) {
  if (!object.contains("payment")) return Payment::kNoUpfront;
  HEARTH_ASSIGN(const std::string text, Text(object, "payment"));
  auto payment = ParsePayment(text);
  if (!payment.ok()) return payment.error().WithContext("price book");
  return payment;
}

// Calls `read` for each of a list; an absent list is empty.
template <class T>
Result<std::vector<T>> ReadList(const Json& object, const char* key, Result<T> (*read)(const Json&)) {
  std::vector<T> list;
  const auto found = object.find(key);
  if (found == object.end()) return list;
  if (!found->is_array()) return Wrong(std::string("\"") + key + "\" is to be a list");
  for (const Json& one : *found) {
    HEARTH_ASSIGN(T item, read(one));
    list.push_back(std::move(item));
  }
  return list;
}

Result<std::vector<PriceTier>> ReadTiers(const Json& book) {
  const auto found = book.find("duration_tiers");
  if (found == book.end() || !found->is_array() || found->empty()) {
    return Wrong("\"duration_tiers\" is to be a list of at least one tier");
  }
  std::vector<PriceTier> tiers;
  for (const Json& tier : *found) {
    HEARTH_TRY(CheckKeys(tier, "duration_tiers", {"up_to_gb_seconds", "per_gb_second"}));
    const bool last = tiers.size() + 1 == found->size();
    PriceTier read;
    HEARTH_ASSIGN(read.per_gb_second, Price(tier, "per_gb_second"));
    if (last != !tier.contains("up_to_gb_seconds"))
      return Wrong("the last tier, and only it, has no \"up_to_gb_seconds\"");
    if (!last) {
      HEARTH_ASSIGN(read.up_to_gb_seconds, Count(tier, "up_to_gb_seconds"));
      const uint64_t before = tiers.empty() ? 0 : tiers.back().up_to_gb_seconds;
      if (read.up_to_gb_seconds <= before) return Wrong("\"up_to_gb_seconds\" is to rise from tier to tier");
    }
    // A discount of volume: the account's line for it never adds to a bill.
    if (!tiers.empty() && tiers.front().per_gb_second < read.per_gb_second)
      return Wrong("no tier is to be dearer than the first");
    tiers.push_back(read);
  }
  return tiers;
}

Result<FreeAllowance> ReadFreeAllowance(const Json& book) {
  FreeAllowance allowance;
  const auto found = book.find("free_allowance");
  if (found == book.end()) return allowance;
  HEARTH_TRY(CheckKeys(*found, "free_allowance", {"applies", "requests", "gb_seconds"}));
  const auto applies = found->find("applies");
  if (applies == found->end() || !applies->is_boolean()) return Wrong("\"applies\" is to be true or false");
  allowance.applies = applies->get<bool>();
  HEARTH_ASSIGN(allowance.requests, Count(*found, "requests"));
  HEARTH_ASSIGN(allowance.gb_seconds, Count(*found, "gb_seconds"));
  return allowance;
}

Status ReadEphemeral(const Json& edition, PriceEdition& read) {
  const auto found = edition.find("ephemeral_storage");
  if (found == edition.end()) return Ok();
  HEARTH_TRY(CheckKeys(*found, "ephemeral_storage", {"per_gb_second", "free_mib"}));
  HEARTH_ASSIGN(read.ephemeral_per_gb_second, Price(*found, "per_gb_second"));
  HEARTH_ASSIGN(const uint64_t free_mib, Count(*found, "free_mib", 10'240));
  read.ephemeral_free_mib = static_cast<uint32_t>(free_mib);
  return Ok();
}

Result<ReservedPrices> ReadReserved(const Json& offer) {
  HEARTH_TRY(CheckKeys(
      offer, "reserved",
      {"term_hours", "payment", "convertible", "capacity_per_gb_second", "duration_per_gb_second"}));
  ReservedPrices read;
  HEARTH_ASSIGN(read.term_hours, Count(offer, "term_hours", kTermHoursMax));
  HEARTH_ASSIGN(read.payment, ReadPayment(offer));
  if (const auto found = offer.find("convertible"); found != offer.end()) {
    if (!found->is_boolean()) return Wrong("\"convertible\" is to be true or false");
    read.convertible = found->get<bool>();
  }
  HEARTH_ASSIGN(read.capacity_per_gb_second, Price(offer, "capacity_per_gb_second"));
  HEARTH_ASSIGN(read.duration_per_gb_second, Price(offer, "duration_per_gb_second"));
  if (read.term_hours == 0 && (read.convertible || read.payment != Payment::kNoUpfront))
    return Wrong("in reserved, what has no term is neither convertible nor paid upfront");
  return read;
}

Result<SavingsPlanPrices> ReadSavingsPlan(const Json& offer) {
  HEARTH_TRY(
      CheckKeys(offer, "savings_plans",
                {"term_hours", "payment", "duration_per_gb_second", "reserved_duration_per_gb_second"}));
  SavingsPlanPrices read;
  HEARTH_ASSIGN(read.term_hours, Count(offer, "term_hours", kTermHoursMax));
  if (read.term_hours == 0) return Wrong("in savings_plans, \"term_hours\" is to be over 0");
  HEARTH_ASSIGN(read.payment, ReadPayment(offer));
  HEARTH_ASSIGN(read.duration_per_gb_second, Price(offer, "duration_per_gb_second"));
  HEARTH_ASSIGN(read.reserved_duration_per_gb_second, Price(offer, "reserved_duration_per_gb_second"));
  return read;
}

Result<SpotStep> ReadSpotStep(const Json& step) {
  HEARTH_TRY(CheckKeys(step, "spot", {"up_to_utilisation_percent", "discount_percent"}));
  SpotStep read;
  if (step.contains("up_to_utilisation_percent")) {
    HEARTH_ASSIGN(const uint64_t percent, Count(step, "up_to_utilisation_percent", 100));
    read.utilisation_percent = static_cast<uint32_t>(percent);
  }
  HEARTH_ASSIGN(read.basis_points, BasisPoints(step, "discount_percent", kSpotBasisPointsMax));
  return read;
}

Status CheckSpot(const std::vector<SpotStep>& steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    if (i > 0 && steps[i].utilisation_percent <= steps[i - 1].utilisation_percent)
      return Wrong("\"up_to_utilisation_percent\" is to rise from step to step");
  }
  if (!steps.empty() && steps.back().utilisation_percent != 100)
    return Wrong("the last step of spot is to be up to 100 per cent");
  return Ok();
}

Result<PriceEdition> ReadEdition(const Json& edition) {
  HEARTH_TRY(CheckKeys(edition, "an edition",
                       {"effective_from", "per_million_requests", "duration_tiers", "free_allowance",
                        "ephemeral_storage", "reserved", "savings_plans", "spot", "dedicated"}));
  PriceEdition read;
  HEARTH_ASSIGN(const std::string date, Text(edition, "effective_from"));
  const auto from = date.size() == 10 ? ParseUtcText(date) : Result<WallTime>(Wrong("no date"));
  if (!from.ok()) return Wrong("\"effective_from\" is to be a date such as 2025-08-01, not \"" + date + "\"");
  read.effective_from = DayOf(*from);
  HEARTH_ASSIGN(read.per_million_requests, Price(edition, "per_million_requests"));
  HEARTH_ASSIGN(read.duration_tiers, ReadTiers(edition));
  HEARTH_ASSIGN(read.free_allowance, ReadFreeAllowance(edition));
  HEARTH_TRY(ReadEphemeral(edition, read));
  HEARTH_ASSIGN(read.reserved, ReadList(edition, "reserved", ReadReserved));
  HEARTH_ASSIGN(read.savings_plans, ReadList(edition, "savings_plans", ReadSavingsPlan));
  HEARTH_ASSIGN(read.spot, ReadList(edition, "spot", ReadSpotStep));
  HEARTH_TRY(CheckSpot(read.spot));
  if (const auto found = edition.find("dedicated"); found != edition.end()) {
    HEARTH_TRY(CheckKeys(*found, "dedicated", {"per_cpu_hour"}));
    HEARTH_ASSIGN(read.dedicated_per_cpu_hour, Price(*found, "per_cpu_hour"));
    read.dedicated_offered = true;
  }
  return read;
}

}  // namespace

Result<PriceBook> ParsePriceBookJson(std::string_view json) {
  if (json.size() > kPriceBookBytesMax) {
    return Error{ErrorCode::kTooLarge, "price book: it has " + std::to_string(json.size()) +
                                           " bytes; the limit is " + std::to_string(kPriceBookBytesMax)};
  }
  const Json book = Json::parse(json, nullptr, false, true);
  if (book.is_discarded()) return Wrong("not JSON");
  HEARTH_TRY(CheckKeys(book, "the book", {"format", "name", "version", "source", "currency", "editions"}));
  HEARTH_ASSIGN(const uint64_t format, Count(book, "format"));
  if (format != kFormat)
    return Wrong("\"format\" is " + std::to_string(format) + "; this release reads " +
                 std::to_string(kFormat));
  PriceBook read;
  HEARTH_ASSIGN(read.name, Text(book, "name"));
  HEARTH_ASSIGN(read.version, Text(book, "version"));
  HEARTH_ASSIGN(read.currency, Text(book, "currency"));
  if (read.currency.size() != 3) return Wrong("\"currency\" is to be an ISO 4217 code such as USD");
  HEARTH_ASSIGN(read.editions, ReadList(book, "editions", ReadEdition));
  if (read.editions.empty() || read.editions.size() > kPriceEditionsMax)
    return Wrong("\"editions\" is to have 1 to " + std::to_string(kPriceEditionsMax));
  for (size_t i = 1; i < read.editions.size(); ++i) {
    if (read.editions[i].effective_from <= read.editions[i - 1].effective_from)
      return Wrong("\"effective_from\" is to rise from edition to edition");
  }
  return read;
}

Result<PriceBook> ShippedPriceBook() { return ParsePriceBookJson(kShippedPrices); }
std::string_view ShippedPriceBookJson() { return kShippedPrices; }

}  // namespace hearth
