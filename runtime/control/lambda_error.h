#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

// A refusal in Lambda's words: status, exception name, text, and the reason that throttles have.
struct LambdaError {
  int status = 500;
  std::string type;
  std::string message;
  std::string reason;
};

LambdaError ToLambdaError(const Error& error);

// {"Type":"User","Message":...}. AWS's model spells the member "Message" in some exceptions and "message" in
// the others.
std::string LambdaErrorJson(const LambdaError& error);

}  // namespace hearth
