#include <nlohmann/json.hpp>

#include "runtime/model/outcome.h"

namespace hearth {
namespace {

// Lambda's form, an array of strings, whatever the worker sent: values nested a thousandfold would overflow
// the stack of whoever writes them.
nlohmann::ordered_json StackTraceOf(const std::string& stack_json) {
  auto frames = nlohmann::ordered_json::array();
  const auto sent = nlohmann::ordered_json::parse(stack_json, nullptr, /*allow_exceptions=*/false);
  if (!sent.is_array()) return frames;
  for (const auto& frame : sent) {
    if (frame.is_string()) frames.push_back(frame);
  }
  return frames;
}

}  // namespace

std::string FunctionErrorJson(const Outcome& outcome, const RequestId& request_id) {
  // A handler's bytes may be anything: what is not UTF-8 is replaced, not thrown upon.
  nlohmann::ordered_json body;
  body["errorType"] = outcome.error.type;
  body["errorMessage"] = outcome.error.message;
  body["requestId"] = request_id.text();
  body["stackTrace"] = StackTraceOf(outcome.error.stack_json);
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace hearth
