#include "runtime/control/sqs_query_request.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>

namespace hearth {
namespace {

// "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue" has 6; some clients put ".member."
// between.
constexpr size_t kDepthMax = 10;
constexpr size_t kIndexDigitsMax = 6;

enum class Form { kText, kNumber, kTexts, kStructures, kTextMap, kValueMap };

// How the JSON protocol's members are called in forms. A member goes by its JSON name as well, as some old
// clients send it. Names mean the same in every operation, so that there is one table.
struct Parameter {
  const char* name;
  const char* member;
  Form form;
};
constexpr Parameter kParameters[] = {
    {"QueueUrl", "QueueUrl", Form::kText},
    {"QueueName", "QueueName", Form::kText},
    {"QueueNamePrefix", "QueueNamePrefix", Form::kText},
    {"QueueOwnerAWSAccountId", "QueueOwnerAWSAccountId", Form::kText},
    {"NextToken", "NextToken", Form::kText},
    {"MessageBody", "MessageBody", Form::kText},
    {"MessageGroupId", "MessageGroupId", Form::kText},
    {"MessageDeduplicationId", "MessageDeduplicationId", Form::kText},
    {"ReceiveRequestAttemptId", "ReceiveRequestAttemptId", Form::kText},
    {"ReceiptHandle", "ReceiptHandle", Form::kText},
    {"Label", "Label", Form::kText},
    {"SourceArn", "SourceArn", Form::kText},
    {"DestinationArn", "DestinationArn", Form::kText},
    {"TaskHandle", "TaskHandle", Form::kText},
    {"Id", "Id", Form::kText},
    {"DataType", "DataType", Form::kText},
    {"StringValue", "StringValue", Form::kText},
    {"BinaryValue", "BinaryValue", Form::kText},
    {"MaxResults", "MaxResults", Form::kNumber},
    {"DelaySeconds", "DelaySeconds", Form::kNumber},
    {"VisibilityTimeout", "VisibilityTimeout", Form::kNumber},
    {"MaxNumberOfMessages", "MaxNumberOfMessages", Form::kNumber},
    {"WaitTimeSeconds", "WaitTimeSeconds", Form::kNumber},
    {"MaxNumberOfMessagesPerSecond", "MaxNumberOfMessagesPerSecond", Form::kNumber},
    {"AttributeName", "AttributeNames", Form::kTexts},
    {"MessageSystemAttributeName", "MessageSystemAttributeNames", Form::kTexts},
    {"MessageAttributeName", "MessageAttributeNames", Form::kTexts},
    {"TagKey", "TagKeys", Form::kTexts},
    {"AWSAccountId", "AWSAccountIds", Form::kTexts},
    {"ActionName", "Actions", Form::kTexts},
    {"StringListValue", "StringListValues", Form::kTexts},
    {"BinaryListValue", "BinaryListValues", Form::kTexts},
    {"Entry", "Entries", Form::kStructures},
    {"SendMessageBatchRequestEntry", "Entries", Form::kStructures},
    {"DeleteMessageBatchRequestEntry", "Entries", Form::kStructures},
    {"ChangeMessageVisibilityBatchRequestEntry", "Entries", Form::kStructures},
    {"Attribute", "Attributes", Form::kTextMap},
    {"Tag", "Tags", Form::kTextMap},
    {"MessageAttribute", "MessageAttributes", Form::kValueMap},
    {"MessageSystemAttribute", "MessageSystemAttributes", Form::kValueMap},
};

const Parameter* FindParameter(std::string_view name) {
  for (const Parameter& parameter : kParameters) {
    if (name == parameter.name || name == parameter.member) return &parameter;
  }
  return nullptr;
}

Error Malformed(const std::string& message) { return {ErrorCode::kInvalidArgument, message}; }

// Parameters by the parts of their names.
struct Node {
  std::optional<std::string> value;
  std::map<std::string, Node, std::less<>> children;

  const Node* Child(std::string_view name) const {
    const auto found = children.find(name);
    return found == children.end() ? nullptr : &found->second;
  }
};

Status Insert(const FormField& field, Node& root) {
  Node* node = &root;
  size_t depth = 0;
  for (size_t begin = 0; begin <= field.name.size();) {
    const size_t end = std::min(field.name.find('.', begin), field.name.size());
    if (++depth > kDepthMax)
      return Malformed("the name of a parameter has over " + std::to_string(kDepthMax) + " parts");
    node = &node->children[field.name.substr(begin, end - begin)];
    begin = end + 1;
  }
  node->value = field.value;
  return Ok();
}

Result<std::string> Text(const Node& node, const std::string& path) {
  if (!node.value || !node.children.empty()) return Malformed(path + " must be one value");
  return *node.value;
}

Result<int64_t> Number(const Node& node, const std::string& path) {
  HEARTH_ASSIGN(const std::string text, Text(node, path));
  int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size())
    return Malformed("Value " + text + " for parameter " + path +
                     " is invalid. Reason: it must be a whole number.");
  return number;
}

struct Item {
  std::string path;
  const Node* node;
};

// "NAME.2" after "NAME.1", whatever the order they came in; a bare "NAME=value" is a list of one.
Result<std::vector<Item>> Items(const Node& node, const std::string& path) {
  const Node* list = &node;
  for (const char* wrapped : {"member", "entry"}) {
    if (const Node* inner = list->Child(wrapped); inner && list->children.size() == 1) list = inner;
  }
  if (list->value && list->children.empty()) return std::vector<Item>{{path, list}};
  std::map<int, Item> by_index;
  for (const auto& [text, child] : list->children) {
    int index = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (failed != std::errc() || end != text.data() + text.size() || index < 1 ||
        text.size() > kIndexDigitsMax || list->value)
      return Malformed(path + " is a list: " + path + ".1, " + path + ".2, ...; \"" + text +
                       "\" is no index");
    by_index[index] = {path + "." + text, &child};
  }
  std::vector<Item> items;
  for (auto& [index, item] : by_index) items.push_back(std::move(item));
  return items;
}

Result<Json> Structure(const Node& node, const std::string& path);

Result<Json> Map(const Node& node, const std::string& path, Form form) {
  HEARTH_ASSIGN(const std::vector<Item> items, Items(node, path));
  Json map = Json::object();
  for (const Item& item : items) {
    const Node* key = item.node->Child("Name") ? item.node->Child("Name") : item.node->Child("Key");
    const Node* value = item.node->Child("Value");
    if (!key || !value) return Malformed(item.path + " needs a Name (of a tag, a Key) and a Value");
    HEARTH_ASSIGN(const std::string name, Text(*key, item.path + ".Name"));
    if (form == Form::kTextMap) {
      HEARTH_ASSIGN(map[name], Text(*value, item.path + ".Value"));
    } else {
      HEARTH_ASSIGN(map[name], Structure(*value, item.path + ".Value."));
    }
  }
  return map;
}

Result<Json> List(const Node& node, const std::string& path, Form form) {
  HEARTH_ASSIGN(const std::vector<Item> items, Items(node, path));
  Json list = Json::array();
  for (const Item& item : items) {
    if (form == Form::kTexts) {
      HEARTH_ASSIGN(std::string text, Text(*item.node, item.path));
      list.push_back(std::move(text));
    } else {
      HEARTH_ASSIGN(Json structure, Structure(*item.node, item.path + "."));
      list.push_back(std::move(structure));
    }
  }
  return list;
}

Result<Json> Value(const Node& node, const std::string& path, Form form) {
  switch (form) {
    case Form::kText: {
      HEARTH_ASSIGN(std::string text, Text(node, path));
      return Json(std::move(text));
    }
    case Form::kNumber: {
      HEARTH_ASSIGN(const int64_t number, Number(node, path));
      return Json(number);
    }
    case Form::kTexts:
    case Form::kStructures:
      return List(node, path, form);
    default:
      return Map(node, path, form);
  }
}

// `path` is what stands before the names of its members.
Result<Json> Structure(const Node& node, const std::string& path) {
  Json structure = Json::object();
  for (const auto& [name, child] : node.children) {
    const Parameter* parameter = FindParameter(name);
    if (!parameter) continue;
    HEARTH_ASSIGN(structure[parameter->member], Value(child, path + name, parameter->form));
  }
  return structure;
}

}  // namespace

Result<SqsQueryRequest> ReadSqsQuery(const std::vector<FormField>& fields) {
  SqsQueryRequest read;
  Node root;
  for (const FormField& field : fields) {
    if (field.name == "Action") {
      read.action = field.value;
    } else if (field.name == "Version") {
      read.version = field.value;
    } else {
      HEARTH_TRY(Insert(field, root));
    }
  }
  HEARTH_ASSIGN(read.request, Structure(root, ""));
  return read;
}

}  // namespace hearth
