#include "runtime/control/sqs_policy.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr size_t kLabelBytesMax = 80;
constexpr size_t kStatementsMax = 20;  // SQS's
constexpr size_t kActionsMax = 7;      // SQS's

constexpr const char* kActions[] = {
    "*",           "ChangeMessageVisibility",    "DeleteMessage", "GetQueueAttributes",
    "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue",    "ReceiveMessage",
    "SendMessage"};

bool IsLabel(const std::string& label) {
  return label.size() <= kLabelBytesMax && std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_';
         });
}

bool IsAccount(const std::string& account) {
  return account.size() == 12 && account.find_first_not_of("0123456789") == account.npos;
}

std::optional<SqsError> Check(const SqsPermission& permission) {
  if (!IsLabel(permission.label)) {
    return SqsInvalidValue(permission.label, "Label",
                           "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
                           "length");
  }
  if (permission.accounts.empty()) return SqsMissingParameter("AWSAccountIds");
  if (permission.actions.empty()) return SqsMissingParameter("Actions");
  for (const std::string& account : permission.accounts) {
    if (!IsAccount(account))
      return SqsInvalidValue(account, "PrincipalId", "Unable to verify. An account id has 12 digits.");
  }
  if (permission.actions.size() > kActionsMax) {
    return SqsPrefixedError(
        "OverLimit", std::to_string(permission.actions.size()) + " Actions were found, maximum allowed is 7.",
        403);
  }
  for (const std::string& action : permission.actions) {
    if (std::find(std::begin(kActions), std::end(kActions), action) == std::end(kActions))
      return SqsInvalidValue("SQS:" + action, "ActionName",
                             "Only the queue owner is allowed to invoke this action.");
  }
  return std::nullopt;
}

// One is a string, several are a list, as SQS writes them.
Json OneOrMany(const std::vector<std::string>& values, const std::string& before, const std::string& after) {
  Json many = Json::array();
  for (const std::string& value : values) many.push_back(before + value + after);
  return many.size() == 1 ? many[0] : many;
}

Json Parse(const std::string& policy) {
  Json document = Json::parse(policy.empty() ? "{}" : policy, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) document = Json::object();
  if (!document.contains("Statement") || !document["Statement"].is_array())
    document["Statement"] =
        document.contains("Statement") ? Json::array({document["Statement"]}) : Json::array();
  return document;
}

Json::iterator Find(Json& statements, const std::string& label) {
  return std::find_if(statements.begin(), statements.end(), [&](const Json& statement) {
    return statement.is_object() && statement.contains("Sid") && statement["Sid"] == label;
  });
}

}  // namespace

std::optional<SqsError> AddSqsPermission(const SqsPermission& permission, std::string& policy) {
  if (const auto refused = Check(permission)) return refused;
  Json document = Parse(policy);
  Json& statements = document["Statement"];
  if (Find(statements, permission.label) != statements.end())
    return SqsInvalidValue(permission.label, "Label", "Already exists.");
  if (statements.size() >= kStatementsMax) {
    return SqsPrefixedError("OverLimit", "Your request has exceeded the limit of 20 statements in a policy.",
                            403);
  }
  if (!document.contains("Version")) document["Version"] = "2008-10-17";
  if (!document.contains("Id")) document["Id"] = permission.queue_arn + "/SQSDefaultPolicy";
  statements.push_back({{"Sid", permission.label},
                        {"Effect", "Allow"},
                        {"Principal", {{"AWS", OneOrMany(permission.accounts, "arn:aws:iam::", ":root")}}},
                        {"Action", OneOrMany(permission.actions, "SQS:", "")},
                        {"Resource", permission.queue_arn}});
  policy = DumpJson(document);
  return std::nullopt;
}

std::optional<SqsError> RemoveSqsPermission(const std::string& label, std::string& policy) {
  Json document = Parse(policy);
  Json& statements = document["Statement"];
  const auto found = Find(statements, label);
  if (found == statements.end()) return SqsInvalidValue(label, "Label", "can't find label.");
  statements.erase(found);
  policy = statements.empty() ? "" : DumpJson(document);
  return std::nullopt;
}

}  // namespace hearth
