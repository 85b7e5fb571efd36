#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/model/event.h"
#include "runtime/model/outcome.h"
#include "runtime/model/plan.h"

namespace hearth {

// What the time was for that an attempt has as its init.
// kSnapshot: there was no attempt. A version was published, and its init has run in the process that its workers are
// copied from: no request, but time that is billed, once.
enum class InitKind : uint8_t { kInit = 0, kRestore = 1, kSnapshot = 2 };

std::string_view NameOf(InitKind kind);  // "init", "restore", "snapshot"

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
  InitKind init = InitKind::kInit;
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
  // Since version 2 of the record; older ones have these defaults.
  Plan plan = Plan::kOnDemand;
  std::string commitment;    // id of the reservation or dedicated host it ran on; "" for none
  uint32_t tmp_mib = 0;      // configured size of /tmp; 0: not known
  uint64_t idle_cpu_us = 0;  // cpu the worker used when it should have been idle, since its answer before
  UsageSource usage_source = UsageSource::kNone;  // of cpu_us and memory_peak_kib
  uint64_t boot_id = 0;                           // life of the daemon that wrote it; 0: not known

  friend bool operator==(const InvocationRecord&, const InvocationRecord&) = default;
};

}  // namespace hearth
