#include "runtime/model/function.h"

#include <algorithm>
#include <array>

#include "runtime/model/layer.h"
#include "runtime/model/secret.h"

namespace hearth {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

bool IsSymbol(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsNameCharacter(c) && c != '-'; });
}

// What steers the dynamic loader or libc before an author's code runs would be a way round the checks at
// deploy.
Status ValidateEnvironment(const std::map<std::string, std::string>& environment) {
  size_t bytes = 0;
  for (const auto& [name, value] : environment) {
    bytes += name.size() + value.size();
    if (!IsSymbol(name)) {
      return Invalid("environment variable \"" + name +
                     "\": a name is letters, digits and '_', not starting with a digit");
    }
    if (name.starts_with("LD_") || name == "GLIBC_TUNABLES") {
      return Invalid("environment variable \"" + name +
                     "\" steers the dynamic loader and is refused; put libraries in lib/");
    }
    if (value.find('\0') != std::string::npos)
      return Invalid("environment variable \"" + name + "\" contains a NUL");
  }
  if (bytes > kEnvironmentBytesMax) {
    return Invalid("the environment has " + std::to_string(bytes) + " bytes; the limit is " +
                   std::to_string(kEnvironmentBytesMax));
  }
  return Ok();
}

}  // namespace

bool StartsFromSnapshot(const FunctionVersion& version) {
  return version.settings.snap_start == SnapStart::kPublishedVersions && version.version != "$LATEST";
}

Status ValidateFunctionName(std::string_view name) {
  if (name.empty() || name.size() > kFunctionNameBytesMax) {
    return Invalid("function name \"" + std::string(name) + "\" has " + std::to_string(name.size()) +
                   " characters; it must have 1 to " + std::to_string(kFunctionNameBytesMax));
  }
  if (!std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return Invalid("function name \"" + std::string(name) + "\" may have only letters, digits, '-' and '_'");
  }
  return Ok();
}

Status ValidateSettings(const FunctionSettings& settings) {
  HEARTH_TRY(ParseHandler(settings.handler));
  if (settings.timeout < kTimeoutMin || settings.timeout > kTimeoutMax) {
    return Invalid("timeout is " + std::to_string(settings.timeout.count()) + " s; it must be " +
                   std::to_string(kTimeoutMin.count()) + " to " + std::to_string(kTimeoutMax.count()) + " s");
  }
  if (settings.memory < kMemoryMin || settings.memory > kMemoryMax) {
    return Invalid("memory is " + std::to_string(settings.memory.mib()) + " MB; it must be " +
                   std::to_string(kMemoryMin.mib()) + " to " + std::to_string(kMemoryMax.mib()) + " MB");
  }
  if (settings.snap_start == SnapStart::kPublishedVersions && settings.isolation == Isolation::kStrict) {
    return Invalid(
        "SnapStart makes all workers copies of one process, and Hearth.Isolation \"strict\" lets them share "
        "nothing: set SnapStart.ApplyOn to \"None\", or Isolation to \"instance\" or \"invocation\"");
  }
  HEARTH_TRY(ValidateLayerUses(settings.layers));
  HEARTH_TRY(ValidateSecretUses(settings.secrets));
  return ValidateEnvironment(settings.environment);
}

Result<HandlerName> ParseHandler(std::string_view handler) {
  HandlerName name;
  const size_t colon = handler.find(':');
  name.library = handler.substr(0, colon);
  if (colon != std::string_view::npos) name.symbol = handler.substr(colon + 1);
  const bool plain = !name.library.empty() && name.library[0] != '.' && name.library.size() <= 128 &&
                     std::all_of(name.library.begin(), name.library.end(),
                                 [](char c) { return IsNameCharacter(c) || c == '.' || c == '+'; });
  if (!plain || !name.library.ends_with(".so")) {
    return Invalid("handler \"" + std::string(handler) +
                   "\" must name a shared object at the top of the package, such as \"libresize.so\" or "
                   "\"libresize.so:symbol\"");
  }
  if (!IsSymbol(name.symbol)) {
    return Invalid("handler \"" + std::string(handler) + "\": \"" + name.symbol + "\" is not a C identifier");
  }
  return name;
}

Result<FunctionReference> ParseFunctionReference(std::string_view text) {
  std::vector<std::string> parts;
  for (std::string_view rest = text;;) {
    const size_t colon = rest.find(':');
    parts.emplace_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  // arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER] and ACCOUNT:function:NAME[:QUALIFIER] end like
  // the short form.
  size_t first = 0;
  if (parts[0] == "arn" && parts.size() > 2) {  // a function may be called arn
    if (parts.size() < 7 || parts[2] != "lambda" || parts[5] != "function") {
      return Invalid("\"" + std::string(text) + "\" is not the ARN of a function");
    }
    first = 6;
  } else if (parts.size() >= 3 && parts[1] == "function") {
    first = 2;
  }
  if (parts.size() - first > 2)
    return Invalid("\"" + std::string(text) + "\" is not a function's name or ARN");
  if (parts.size() - first == 2 && parts[first + 1].empty())
    return Invalid("\"" + std::string(text) + "\" ends with ':' but names no version or alias");
  FunctionReference reference{parts[first], parts.size() - first == 2 ? parts[first + 1] : ""};
  HEARTH_TRY(ValidateFunctionName(reference.name));
  return reference;
}

}  // namespace hearth
