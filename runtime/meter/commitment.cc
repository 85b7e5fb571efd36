#include "runtime/meter/commitment.h"

#include <array>
#include <utility>

#include "runtime/base/nearest.h"
#include "runtime/model/function.h"

namespace hearth {
namespace {

constexpr std::array<std::pair<CommitmentKind, std::string_view>, 4> kKinds = {{
    {CommitmentKind::kReservedStandard, "reserved"},
    {CommitmentKind::kReservedConvertible, "convertible"},
    {CommitmentKind::kSavingsPlan, "savings-plan"},
    {CommitmentKind::kDedicated, "dedicated"},
}};
constexpr std::array<std::pair<Payment, std::string_view>, 3> kPayments = {{
    {Payment::kNoUpfront, "none"},
    {Payment::kPartialUpfront, "partial"},
    {Payment::kAllUpfront, "all"},
}};

template <class Table>
auto Parse(const Table& table, std::string_view name, std::string_view what)
    -> Result<decltype(table[0].first)> {
  std::vector<std::string> known;
  std::string listed;
  for (const auto& [value, text] : table) {
    if (text == name) return value;
    known.emplace_back(text);
    listed += (listed.empty() ? "" : ", ") + std::string(text);
  }
  const std::string nearest = Nearest(name, known);
  return Error{ErrorCode::kInvalidArgument,
               std::string(what) + " \"" + std::string(name) + "\" is none of " + listed +
                   (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?")};
}

template <class Table, class Value>
std::string_view NameIn(const Table& table, Value value) {
  for (const auto& [known, text] : table) {
    if (known == value) return text;
  }
  return "";
}

Error Invalid(const Commitment& commitment, const std::string& what) {
  return {ErrorCode::kInvalidArgument,
          "commitment of kind " + std::string(NameOf(commitment.kind)) + ": " + what};
}

Status CheckRange(const Commitment& commitment, const char* what, uint64_t value, uint64_t least,
                  uint64_t most) {
  if (least <= value && value <= most) return Ok();
  return Invalid(commitment, std::string(what) + " is " + std::to_string(value) + ", possible are " +
                                 std::to_string(least) + " to " + std::to_string(most));
}

Status CheckSavingsPlan(const Commitment& plan) {
  if (plan.term_hours == 0) return Invalid(plan, "it needs a term of at least one hour");
  if (plan.committed_per_hour < kSavingsPlanHourlyMin || plan.committed_per_hour > kSavingsPlanHourlyMax) {
    return Invalid(plan, ToString(plan.committed_per_hour) + " an hour, possible are " +
                             ToStringRounded(kSavingsPlanHourlyMin, 3) + " to " +
                             ToStringRounded(kSavingsPlanHourlyMax, 3));
  }
  return Ok();
}

}  // namespace

std::string_view NameOf(CommitmentKind kind) { return NameIn(kKinds, kind); }
std::string_view NameOf(Payment payment) { return NameIn(kPayments, payment); }
Result<CommitmentKind> ParseCommitmentKind(std::string_view name) {
  return Parse(kKinds, name, "commitment kind");
}
Result<Payment> ParsePayment(std::string_view name) { return Parse(kPayments, name, "payment"); }

Status ValidateCommitment(const Commitment& commitment) {
  HEARTH_TRY(CheckRange(commitment, "its term in hours", commitment.term_hours, 0, kTermHoursMax));
  if (commitment.term_hours == 0 && commitment.payment != Payment::kNoUpfront)
    return Invalid(commitment, "without a term nothing can be paid upfront");
  if (commitment.kind == CommitmentKind::kSavingsPlan) return CheckSavingsPlan(commitment);
  HEARTH_TRY(ValidateFunctionName(commitment.function));
  if (commitment.kind == CommitmentKind::kDedicated) {
    if (commitment.term_hours != 0)
      return Invalid(commitment, "it has no term: it is paid until it is ended");
    return CheckRange(commitment, "its number of cpus", commitment.cpus, 1, kCommitmentCpusMax);
  }
  if (commitment.kind == CommitmentKind::kReservedConvertible && commitment.term_hours == 0)
    return Invalid(commitment, "it needs a term: without one, end it and reserve anew");
  HEARTH_TRY(CheckRange(commitment, "its number of workers", commitment.workers, 1, kCommitmentWorkersMax));
  HEARTH_TRY(CheckRange(commitment, "its memory of a worker in MiB", commitment.memory_mib, kMemoryMin.mib(),
                        kMemoryMax.mib()));
  if (commitment.version.empty()) return Invalid(commitment, "it needs a version, such as $LATEST");
  return Ok();
}

}  // namespace hearth
