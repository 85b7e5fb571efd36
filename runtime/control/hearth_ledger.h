#pragma once

#include "runtime/base/weak_ptr.h"
#include "runtime/control/api_call.h"
#include "runtime/store/ledger_log.h"

namespace hearth {

// GET /_hearth/v1/ledger/check: everything in the ledger is read and held against its CRCs and its chain.
//
// Borrows: the ledger, which outlives it.
// Thread:  loop thread; the check runs on one of the ledger's own.
// Limits:  one at a time; another meanwhile is 429.
class HearthLedger final {
 public:
  explicit HearthLedger(const LedgerLog& ledger) : ledger_(ledger) {}
  void Check(const ApiCallPtr& call);

 private:
  const LedgerLog& ledger_;
  bool checking_ = false;
  WeakPtrFactory<HearthLedger> weak_{this};
};

}  // namespace hearth
