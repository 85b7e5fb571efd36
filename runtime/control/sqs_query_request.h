#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/control/form_fields.h"
#include "runtime/control/json_members.h"

namespace hearth {

// A request of SQS's older protocol, "Action=SendMessage&MessageAttribute.1.Name=k&...".
struct SqsQueryRequest {
  std::string action;   // "": none was given
  std::string version;  // "2012-11-05"; often left out
  Json request;         // as the JSON protocol would have sent it: {"MessageAttributes": {"k": {...}}}
};

// Parameters that no operation of SQS has are ignored, as at SQS: signatures travel among them.
// kInvalidArgument: a number that is none, a list whose index is none, a value where a list belongs.
Result<SqsQueryRequest> ReadSqsQuery(const std::vector<FormField>& fields);

}  // namespace hearth
