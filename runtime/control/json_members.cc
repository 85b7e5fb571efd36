#include "runtime/control/json_members.h"

namespace hearth {
namespace {

// What a person wrote stays readable; what a machine nested to break a parser is refused. AWS's own deepest
// shape is 6.
constexpr int kJsonDepthMax = 64;

}  // namespace

Result<Json> ParseJsonObject(std::string_view text) {
  if (text.empty()) return Json::object();
  bool too_deep = false;
  const auto limit_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kJsonDepthMax;
    return !too_deep;
  };
  try {
    Json value = Json::parse(text, limit_depth);
    if (too_deep) return Error{ErrorCode::kInvalidArgument, "the JSON body is nested over 64 levels deep"};
    if (!value.is_object()) return Error{ErrorCode::kInvalidArgument, "the JSON body is not an object"};
    return value;
  } catch (const Json::parse_error& e) {
    return Error{ErrorCode::kInvalidArgument,
                 "the body is not JSON: error at byte " + std::to_string(e.byte) + ": " + e.what()};
  } catch (const Json::exception& e) {
    return Error{ErrorCode::kInvalidArgument, std::string("the body is not usable JSON: ") + e.what()};
  }
}

std::string DumpJson(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* JsonMembers::Find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

Error JsonMembers::Wrong(const char* name, std::string_view wanted) const {
  return {ErrorCode::kInvalidArgument, path_ + name + " must be " + std::string(wanted)};
}

Status JsonMembers::Require(const char* name) const {
  if (Find(name)) return Ok();
  return Error{ErrorCode::kInvalidArgument, path_ + name + " is missing"};
}

Status JsonMembers::Read(const char* name, std::string& out) const {
  const Json* value = Find(name);
  if (!value) return Ok();
  if (!value->is_string()) return Wrong(name, "a string");
  out = value->get<std::string>();
  return Ok();
}

Status JsonMembers::Read(const char* name, bool& out) const {
  const Json* value = Find(name);
  if (!value) return Ok();
  if (!value->is_boolean()) return Wrong(name, "true or false");
  out = value->get<bool>();
  return Ok();
}

Status JsonMembers::Read(const char* name, int64_t& out, int64_t least, int64_t most) const {
  const Json* value = Find(name);
  if (!value) return Ok();
  if (!value->is_number_integer() || *value < least || *value > most) {
    return Wrong(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  out = value->get<int64_t>();
  return Ok();
}

Status JsonMembers::Read(const char* name, std::map<std::string, std::string>& out) const {
  HEARTH_ASSIGN(const Json* value, Object(name));
  if (!value) return Ok();
  std::map<std::string, std::string> read;
  for (const auto& [key, text] : value->items()) {
    if (!text.is_string()) return Wrong((std::string(name) + "." + key).c_str(), "a string");
    read[key] = text.get<std::string>();
  }
  out = std::move(read);
  return Ok();
}

Status JsonMembers::Read(const char* name, std::vector<std::string>& out) const {
  HEARTH_ASSIGN(const Json* value, Array(name));
  if (!value) return Ok();
  std::vector<std::string> read;
  for (const Json& text : *value) {
    if (!text.is_string()) return Wrong(name, "an array of strings");
    read.push_back(text.get<std::string>());
  }
  out = std::move(read);
  return Ok();
}

Result<const Json*> JsonMembers::Object(const char* name) const {
  const Json* value = Find(name);
  if (value && !value->is_object()) return Wrong(name, "an object");
  return value;
}

Result<const Json*> JsonMembers::Array(const char* name) const {
  const Json* value = Find(name);
  if (value && !value->is_array()) return Wrong(name, "an array");
  return value;
}

}  // namespace hearth
