#include <nlohmann/json.hpp>

#include "runtime/model/outcome.h"

namespace hearth {

std::string FunctionErrorJson(const Outcome& outcome, const RequestId& request_id) {
  // A handler's bytes may be anything: what is not UTF-8 is replaced, not thrown upon.
  nlohmann::ordered_json body;
  body["errorType"] = outcome.error.type;
  body["errorMessage"] = outcome.error.message;
  body["requestId"] = request_id.text();
  auto stack = nlohmann::ordered_json::parse(outcome.error.stack_json, nullptr, /*allow_exceptions=*/false);
  body["stackTrace"] = stack.is_array() ? std::move(stack) : nlohmann::ordered_json::array();
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace hearth
