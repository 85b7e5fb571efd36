#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/control/sqs_error.h"

namespace hearth {

// What AddPermission asks to be written into a queue's Policy. Hearth keeps policies for tools that read them
// back; who may speak to the control port is its token's business alone.
struct SqsPermission {
  std::string label;
  std::string queue_arn;
  std::vector<std::string> accounts;
  std::vector<std::string> actions;
};

// `policy` is the document as text, "" for none; it is left alone when there is an error.
std::optional<SqsError> AddSqsPermission(const SqsPermission& permission, std::string& policy);
std::optional<SqsError> RemoveSqsPermission(const std::string& label, std::string& policy);

}  // namespace hearth
