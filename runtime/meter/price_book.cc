#include "runtime/meter/price_book.h"

#include "runtime/base/check.h"

namespace hearth {

const ReservedPrices* PriceEdition::Reserved(uint64_t term_hours, Payment payment, bool convertible) const {
  const ReservedPrices* best = nullptr;
  for (const ReservedPrices& offer : reserved) {
    const bool fits = offer.payment == payment && offer.convertible == convertible &&
                      offer.term_hours <= term_hours && (offer.term_hours == 0) == (term_hours == 0);
    if (fits && (!best || offer.term_hours > best->term_hours)) best = &offer;
  }
  return best;
}

const SavingsPlanPrices* PriceEdition::SavingsPlan(uint64_t term_hours, Payment payment) const {
  const SavingsPlanPrices* best = nullptr;
  for (const SavingsPlanPrices& offer : savings_plans) {
    if (offer.payment != payment || offer.term_hours > term_hours) continue;
    if (!best || offer.term_hours > best->term_hours) best = &offer;
  }
  return best;
}

uint32_t PriceEdition::SpotBasisPoints(uint32_t utilisation_percent) const {
  for (const SpotStep& step : spot) {
    if (utilisation_percent <= step.utilisation_percent) return step.basis_points;
  }
  return spot.empty() ? 0 : spot.back().basis_points;
}

const PriceEdition& PriceBook::At(UtcHour hour) const {
  CHECK_TRUE(!editions.empty());
  const PriceEdition* in_force = &editions.front();
  for (const PriceEdition& edition : editions) {
    if (edition.effective_from <= hour) in_force = &edition;
  }
  return *in_force;
}

}  // namespace hearth
