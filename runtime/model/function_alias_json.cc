#include <nlohmann/json.hpp>

#include "runtime/model/function_alias.h"

namespace hearth {

using nlohmann::json;

std::string EncodeAliasJson(const FunctionAlias& alias) {
  const json document = {{"name", alias.name},
                         {"version", alias.version},
                         {"description", alias.description},
                         {"revision_id", alias.revision_id},
                         {"canary_version", alias.canary_version},
                         {"canary_weight", alias.canary_weight},
                         {"previous_version", alias.previous_version},
                         {"rollback_errors", alias.rollback_errors},
                         {"rollback_requests_min", alias.rollback_requests_min},
                         {"watched_version", alias.watched_version},
                         {"rolled_back", alias.rolled_back}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<FunctionAlias> DecodeAliasJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    FunctionAlias alias;
    alias.name = document.at("name");
    alias.version = document.at("version");
    alias.description = document.value("description", "");
    alias.revision_id = document.value("revision_id", "");
    alias.canary_version = document.value("canary_version", "");
    alias.canary_weight = document.value("canary_weight", 0.0);
    alias.previous_version = document.value("previous_version", "");
    alias.rollback_errors = document.value("rollback_errors", 0.0);
    alias.rollback_requests_min = document.value("rollback_requests_min", kRollbackRequestsMinDefault);
    alias.watched_version = document.value("watched_version", "");
    alias.rolled_back = document.value("rolled_back", "");
    return alias;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("stored alias: ") + e.what()};
  }
}

}  // namespace hearth
