#pragma once

#include <string>
#include <string_view>

#include "runtime/control/json_members.h"
#include "runtime/control/sqs_error.h"

namespace hearth {

// Answers of SQS's older protocol. `answer` is what the JSON protocol would say; lists and maps become
// repeated elements under the names that SQS gives them ("Messages" is one <Message> each).
std::string SqsAnswerXml(std::string_view operation, const Json& answer, std::string_view request_id);
std::string SqsErrorXml(const SqsError& error, std::string_view request_id);

// As text or in an attribute. Carriage returns are kept from being read as line ends; what XML 1.0 cannot
// hold becomes U+FFFD.
std::string XmlEscape(std::string_view text);

}  // namespace hearth
