#include "runtime/control/sqs_xml.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::string_view kNamespace = "http://queue.amazonaws.com/doc/2012-11-05/";

// Clients read the result's element of the others even when it is empty, and expect none of these.
constexpr std::string_view kWithoutResult[] = {
    "AddPermission",    "ChangeMessageVisibility", "DeleteMessage", "DeleteQueue", "PurgeQueue",
    "RemovePermission", "SetQueueAttributes",      "TagQueue",      "UntagQueue"};

bool HasResult(std::string_view operation) {
  return std::find(std::begin(kWithoutResult), std::end(kWithoutResult), operation) ==
         std::end(kWithoutResult);
}

struct Repeated {
  std::string_view member;
  std::string_view element;
  std::string_view key = "";  // of a map; the value's element is <Value>
};
constexpr Repeated kRepeated[] = {
    {"QueueUrls", "QueueUrl"},
    {"queueUrls", "QueueUrl"},
    {"Messages", "Message"},
    {"Failed", "BatchResultErrorEntry"},
    {"Results", "ListMessageMoveTasksResultEntry"},
    {"Attributes", "Attribute", "Name"},
    {"MessageAttributes", "MessageAttribute", "Name"},
    {"Tags", "Tag", "Key"},
};

class Writer {
 public:
  explicit Writer(std::string_view operation) : successful_(std::string(operation) + "ResultEntry") {}

  void Open(std::string_view name, std::string_view more = "") {
    out_.append("<").append(name).append(more).append(">");
  }
  void Close(std::string_view name) { out_.append("</").append(name).append(">"); }
  void Element(std::string_view name, std::string_view text) {
    Open(name);
    out_ += XmlEscape(text);
    Close(name);
  }

  void Members(const Json& object) {
    for (const auto& [name, value] : object.items()) Member(name, value);
  }
  std::string Take() { return std::move(out_); }

 private:
  void Member(const std::string& name, const Json& value) {
    if (value.is_array() || (value.is_object() && RepeatedOf(name))) return Repeat(name, value);
    if (value.is_object()) {
      Open(name);
      Members(value);
      return Close(name);
    }
    Element(name, value.is_string() ? value.get_ref<const std::string&>() : DumpJson(value));
  }

  const Repeated* RepeatedOf(std::string_view name) const {
    for (const Repeated& repeated : kRepeated) {
      if (repeated.member == name) return &repeated;
    }
    return nullptr;
  }

  void Repeat(const std::string& name, const Json& values) {
    const Repeated* repeated = RepeatedOf(name);
    const std::string_view element = repeated ? repeated->element : std::string_view(successful_);
    for (const auto& [key, value] : values.items()) {
      Open(element);
      if (values.is_object()) {
        Element(repeated->key, key);
        Member("Value", value);
      } else if (value.is_object()) {
        Members(value);
      } else {
        out_ += XmlEscape(value.is_string() ? value.get_ref<const std::string&>() : DumpJson(value));
      }
      Close(element);
    }
  }

  const std::string successful_;
  std::string out_ = "<?xml version=\"1.0\"?>";
};

std::string Namespace() { return " xmlns=\"" + std::string(kNamespace) + "\""; }

}  // namespace

std::string XmlEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#xD;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') {
          out += "\xEF\xBF\xBD";
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string SqsAnswerXml(std::string_view operation, const Json& answer, std::string_view request_id) {
  const std::string response = std::string(operation) + "Response";
  const std::string result = std::string(operation) + "Result";
  Writer out(operation);
  out.Open(response, Namespace());
  if (HasResult(operation)) {
    out.Open(result);
    out.Members(answer);
    out.Close(result);
  }
  out.Open("ResponseMetadata");
  out.Element("RequestId", request_id);
  out.Close("ResponseMetadata");
  out.Close(response);
  return out.Take();
}

std::string SqsErrorXml(const SqsError& error, std::string_view request_id) {
  Writer out("");
  out.Open("ErrorResponse", Namespace());
  out.Open("Error");
  out.Element("Type", error.status >= 500 ? "Receiver" : "Sender");
  out.Element("Code", error.query_code);
  out.Element("Message", error.message);
  out.Element("Detail", "");
  out.Close("Error");
  out.Element("RequestId", request_id);
  out.Close("ErrorResponse");
  return out.Take();
}

}  // namespace hearth
