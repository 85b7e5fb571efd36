#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/model/event.h"
#include "runtime/model/outcome.h"

namespace hearth {

// One attempt, as the ledger keeps it: immutable; (request_id, attempt) is its identity. Bills come from
// these alone.
struct InvocationRecord {
  std::string request_id;  // 36 characters
  uint32_t attempt = 1;
  std::string function;
  std::string version;
  TriggerKind trigger = TriggerKind::kDirect;
  OutcomeKind outcome = OutcomeKind::kSuccess;
  bool billable = true;
  bool cold = false;
  WallTime started{};  // shown and used for the period it is billed in; never for a duration
  uint64_t init_ns = 0;
  uint64_t duration_ns = 0;
  uint64_t queued_ns = 0;
  uint64_t billed_ms = 0;
  uint32_t memory_mib = 0;  // configured
  uint64_t memory_peak_kib = 0;
  uint64_t cpu_us = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t worker = 0;

  friend bool operator==(const InvocationRecord&, const InvocationRecord&) = default;
};

}  // namespace hearth
