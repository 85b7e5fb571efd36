#include "runtime/model/secret.h"

#include <algorithm>
#include <map>

namespace hearth {
namespace {

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

}  // namespace

Status ValidateSecretName(std::string_view name) {
  if (!name.empty() && name.size() <= kSecretNameBytesMax && name[0] != '.' &&
      std::all_of(name.begin(), name.end(), IsNameCharacter))
    return Ok();
  return Invalid("secret name \"" + std::string(name.substr(0, kSecretNameBytesMax)) + "\" must be 1 to " +
                 std::to_string(kSecretNameBytesMax) +
                 " letters, digits, '-', '_' and '.', and not begin with '.'");
}

Result<SecretUse> ParseSecretUse(std::string_view text) {
  const size_t colon = text.find(':');
  SecretUse use{std::string(text.substr(0, colon)), {}};
  use.file = colon == std::string_view::npos ? use.secret : std::string(text.substr(colon + 1));
  HEARTH_TRY(ValidateSecretName(use.secret));
  if (const Status file = ValidateSecretName(use.file); !file.ok())
    return file.error().WithContext("the file of secret " + use.secret);
  return use;
}

std::string TextOf(const SecretUse& use) {
  return use.file == use.secret ? use.secret : use.secret + ":" + use.file;
}

Status ValidateSecretUses(const std::vector<SecretUse>& secrets) {
  if (secrets.size() > kSecretsOfFunctionMax) {
    return Invalid("the function names " + std::to_string(secrets.size()) + " secrets; the limit is " +
                   std::to_string(kSecretsOfFunctionMax));
  }
  std::map<std::string, std::string> seen;
  for (const SecretUse& use : secrets) {
    HEARTH_TRY(ParseSecretUse(TextOf(use)));
    const auto [other, first] = seen.emplace(use.file, use.secret);
    if (!first) {
      return Invalid("secrets " + other->second + " and " + use.secret + " would both be the file " +
                     kSecretsFolder + "/" + use.file + "; name another for one of them (NAME:FILE)");
    }
  }
  return Ok();
}

}  // namespace hearth
