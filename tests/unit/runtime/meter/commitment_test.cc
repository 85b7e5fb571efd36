#include "runtime/meter/commitment.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

Commitment Reserved() {
  Commitment commitment;
  commitment.kind = CommitmentKind::kReservedStandard;
  commitment.function = "resize";
  commitment.version = "$LATEST";
  commitment.workers = 2;
  commitment.memory_mib = 512;
  commitment.term_hours = 720;
  return commitment;
}

Commitment SavingsPlan(Money committed) {
  Commitment commitment;
  commitment.kind = CommitmentKind::kSavingsPlan;
  commitment.term_hours = 8'760;
  commitment.committed_per_hour = committed;
  return commitment;
}

}  // namespace

TEST_CASE("reservation at its limits and one past them", "[meter]") {
  Commitment commitment = Reserved();
  CHECK(ValidateCommitment(commitment).ok());
  commitment.workers = kCommitmentWorkersMax;
  CHECK(ValidateCommitment(commitment).ok());
  commitment.workers = kCommitmentWorkersMax + 1;
  CHECK_FALSE(ValidateCommitment(commitment).ok());
  commitment = Reserved();
  commitment.workers = 0;
  CHECK_FALSE(ValidateCommitment(commitment).ok());
  commitment = Reserved();
  commitment.term_hours = kTermHoursMax;
  CHECK(ValidateCommitment(commitment).ok());
  commitment.term_hours = kTermHoursMax + 1;
  CHECK_FALSE(ValidateCommitment(commitment).ok());
  commitment = Reserved();
  commitment.memory_mib = 10'240;
  CHECK(ValidateCommitment(commitment).ok());
  commitment.memory_mib = 10'241;
  CHECK_FALSE(ValidateCommitment(commitment).ok());
}

TEST_CASE("savings plan is $0.001 to $5000 an hour", "[meter]") {
  CHECK(ValidateCommitment(SavingsPlan(ParseMoney("0.001").value())).ok());
  CHECK_FALSE(ValidateCommitment(SavingsPlan(ParseMoney("0.0009999999").value())).ok());
  CHECK(ValidateCommitment(SavingsPlan(ParseMoney("5000").value())).ok());
  CHECK_FALSE(ValidateCommitment(SavingsPlan(ParseMoney("5000.0000000001").value())).ok());
}

TEST_CASE("what has no term is not paid upfront, and a convertible one needs a term", "[meter]") {
  Commitment commitment = Reserved();
  commitment.term_hours = 0;
  CHECK(ValidateCommitment(commitment).ok());
  commitment.payment = Payment::kAllUpfront;
  CHECK_FALSE(ValidateCommitment(commitment).ok());
  commitment.payment = Payment::kNoUpfront;
  commitment.kind = CommitmentKind::kReservedConvertible;
  CHECK_FALSE(ValidateCommitment(commitment).ok());
}

TEST_CASE("names of kinds and payments are read back, near misses are named", "[meter]") {
  for (const auto kind : {CommitmentKind::kReservedStandard, CommitmentKind::kReservedConvertible,
                          CommitmentKind::kSavingsPlan, CommitmentKind::kDedicated})
    CHECK(ParseCommitmentKind(NameOf(kind)).value() == kind);
  CHECK(ParseCommitmentKind("savings-plam").error().message.find("savings-plan") != std::string::npos);
  for (const auto payment : {Payment::kNoUpfront, Payment::kPartialUpfront, Payment::kAllUpfront})
    CHECK(ParsePayment(NameOf(payment)).value() == payment);
}

}  // namespace hearth
