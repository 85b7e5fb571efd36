#include <initializer_list>
#include <set>

#include <nlohmann/json.hpp>

#include "runtime/meter/price_book.h"
#include "runtime/meter/shipped_prices.h"

namespace hearth {
namespace {

using Json = nlohmann::json;

Error Wrong(const std::string& what) { return {ErrorCode::kInvalidArgument, "price book: " + what}; }

Status CheckKeys(const Json& object, const std::string& where, std::initializer_list<const char*> known) {
  if (!object.is_object()) return Wrong(where + " is to be an object");
  const std::set<std::string> names(known.begin(), known.end());
  for (const auto& item : object.items()) {
    if (!names.contains(item.key())) return Wrong("unknown key \"" + item.key() + "\" in " + where);
  }
  return Ok();
}

Result<std::string> Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string())
    return Wrong(std::string("\"") + key + "\" is to be a string");
  return found->get<std::string>();
}

Result<uint64_t> Count(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) {
    return Wrong(std::string("\"") + key + "\" is to be a whole number");
  }
  return found->get<uint64_t>();
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
      if (read.up_to_gb_seconds <= before || read.up_to_gb_seconds > UINT64_MAX / 1'024'000) {
        return Wrong("\"up_to_gb_seconds\" is to rise from tier to tier");
      }
    }
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

}  // namespace

Result<PriceBook> ParsePriceBookJson(std::string_view json) {
  const Json book = Json::parse(json, nullptr, false, true);
  if (book.is_discarded()) return Wrong("not JSON");
  HEARTH_TRY(CheckKeys(book, "the book",
                       {"name", "source", "effective_from", "currency", "per_million_requests",
                        "duration_tiers", "free_allowance"}));
  PriceBook read;
  HEARTH_ASSIGN(read.name, Text(book, "name"));
  HEARTH_ASSIGN(read.effective_from, Text(book, "effective_from"));
  HEARTH_ASSIGN(read.currency, Text(book, "currency"));
  HEARTH_ASSIGN(read.per_million_requests, Price(book, "per_million_requests"));
  HEARTH_ASSIGN(read.duration_tiers, ReadTiers(book));
  HEARTH_ASSIGN(read.free_allowance, ReadFreeAllowance(book));
  return read;
}

Result<PriceBook> ShippedPriceBook() { return ParsePriceBookJson(kShippedPrices); }

}  // namespace hearth
