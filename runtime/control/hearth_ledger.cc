#include "runtime/control/hearth_ledger.h"

#include "runtime/meter/ledger_audit.h"

namespace hearth {

void HearthLedger::Check(const ApiCallPtr& call) {
  if (checking_) {
    return call->Fail(LambdaError{429, "TooManyRequestsException",
                                  "check the ledger: another check is under way; ask again when it is done",
                                  ""});
  }
  checking_ = true;
  AuditLedger(ledger_, [weak = weak_.Get(), call](const LedgerAudit& audit) {
    if (weak) weak->checking_ = false;
    call->Answer(200, {{"content-type", "application/json"}}, LedgerAuditJson(audit));
  });
}

}  // namespace hearth
