#include <nlohmann/json.hpp>

#include "runtime/meter/ledger_audit.h"

namespace hearth {

std::string LedgerAuditJson(const LedgerAudit& audit) {
  const LedgerLog::Checked& checked = audit.checked;
  const nlohmann::ordered_json json = {{"good", audit.good()},
                                       {"segments", checked.segments},
                                       {"segments_rolled_up", checked.rolled_up},
                                       {"segments_removed", checked.removed},
                                       {"records", checked.records},
                                       {"records_removed", checked.records_removed},
                                       {"invocations", audit.invocations},
                                       {"account_events", audit.account_events},
                                       {"sync_groups", checked.groups},
                                       {"bytes_not_chained_yet", checked.unchained_bytes},
                                       {"roll_ups_not_anchored_yet", audit.not_anchored},
                                       {"bytes_dropped", checked.bytes_dropped},
                                       {"dropped_where", checked.dropped_where},
                                       {"findings", checked.findings}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace hearth
