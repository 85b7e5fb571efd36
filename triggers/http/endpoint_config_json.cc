#include <nlohmann/json.hpp>

#include "runtime/base/digest.h"
#include "runtime/model/function.h"
#include "triggers/http/endpoint_config.h"

namespace hearth {
namespace {

using nlohmann::json;

// As function URLs have it: a day.
constexpr uint32_t kCorsMaxAgeMax = 86'400;
// A shorter one can be guessed over a network.
constexpr size_t kTokenBytesMin = 16;
constexpr size_t kSha256HexDigits = 64;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<std::string> OptionalString(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return Invalid(std::string(name) + " must be a string");
  return found->get<std::string>();
}

Result<std::vector<std::string>> OptionalStrings(const json& object, const char* name) {
  std::vector<std::string> strings;
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return strings;
  if (!found->is_array()) return Invalid(std::string("Cors.") + name + " must be an array of strings");
  for (const json& one : *found) {
    if (!one.is_string()) return Invalid(std::string("Cors.") + name + " must be an array of strings");
    const auto& text = one.get_ref<const std::string&>();
    if (text.empty() || text.find_first_of(std::string_view("\r\n\0,", 4)) != text.npos) {
      return Invalid(std::string("Cors.") + name +
                     " has an entry that is empty or contains a comma or line break");
    }
    strings.push_back(text);
  }
  return strings;
}

Result<CorsRules> DecodeCors(const json& cors) {
  if (!cors.is_object()) return Invalid("Cors must be an object");
  CorsRules rules;
  HEARTH_ASSIGN(rules.allow_origins, OptionalStrings(cors, "AllowOrigins"));
  HEARTH_ASSIGN(rules.allow_methods, OptionalStrings(cors, "AllowMethods"));
  HEARTH_ASSIGN(rules.allow_headers, OptionalStrings(cors, "AllowHeaders"));
  HEARTH_ASSIGN(rules.expose_headers, OptionalStrings(cors, "ExposeHeaders"));
  if (const auto age = cors.find("MaxAge"); age != cors.end() && !age->is_null()) {
    if (!age->is_number_integer() || *age < 0 || *age > kCorsMaxAgeMax) {
      return Invalid("Cors.MaxAge must be a number from 0 to " + std::to_string(kCorsMaxAgeMax));
    }
    rules.max_age_s = age->get<uint32_t>();
  }
  if (const auto with = cors.find("AllowCredentials"); with != cors.end() && !with->is_null()) {
    if (!with->is_boolean()) return Invalid("Cors.AllowCredentials must be true or false");
    rules.allow_credentials = with->get<bool>();
  }
  return rules;
}

json EncodeCors(const CorsRules& rules) {
  json cors = {{"AllowCredentials", rules.allow_credentials}, {"MaxAge", rules.max_age_s}};
  if (!rules.allow_origins.empty()) cors["AllowOrigins"] = rules.allow_origins;
  if (!rules.allow_methods.empty()) cors["AllowMethods"] = rules.allow_methods;
  if (!rules.allow_headers.empty()) cors["AllowHeaders"] = rules.allow_headers;
  if (!rules.expose_headers.empty()) cors["ExposeHeaders"] = rules.expose_headers;
  return cors;
}

std::string HexSha256(std::string_view text) {
  const Sha256Digest digest = Sha256(text);
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Status DecodeToken(const json& object, EndpointConfig& config) {
  HEARTH_ASSIGN(const std::string token, OptionalString(object, "Token"));
  HEARTH_ASSIGN(config.token_sha256, OptionalString(object, "TokenSha256"));
  if (!token.empty()) {
    if (token.size() < kTokenBytesMin) {
      return Invalid("Token has " + std::to_string(token.size()) + " characters; it must have " +
                     std::to_string(kTokenBytesMin) + " or more, so that it cannot be guessed");
    }
    config.token_sha256 = HexSha256(token);
  }
  if (config.auth != AuthType::kToken) {
    if (!config.token_sha256.empty()) return Invalid("Token is given, but AuthType is not TOKEN");
    return Ok();
  }
  if (config.token_sha256.size() != kSha256HexDigits ||
      config.token_sha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Invalid("AuthType TOKEN needs a Token, or TokenSha256 of 64 lower-case hexadecimal digits");
  }
  return Ok();
}

Status DecodeAuth(const json& object, EndpointConfig& config) {
  HEARTH_ASSIGN(const std::string auth, OptionalString(object, "AuthType"));
  if (auth == "AWS_IAM") {
    return Invalid("AuthType AWS_IAM is not supported: no signature would be checked; use NONE or TOKEN");
  }
  if (!auth.empty() && auth != "NONE" && auth != "TOKEN") {
    return Invalid("AuthType \"" + auth + "\" is neither NONE nor TOKEN");
  }
  config.auth = auth == "TOKEN" ? AuthType::kToken : AuthType::kNone;
  return DecodeToken(object, config);
}

Status DecodeInvokeMode(const json& object, EndpointConfig& config) {
  HEARTH_ASSIGN(const std::string mode, OptionalString(object, "InvokeMode"));
  if (!mode.empty() && mode != "BUFFERED" && mode != "RESPONSE_STREAM")
    return Invalid("InvokeMode \"" + mode + "\" is neither BUFFERED nor RESPONSE_STREAM");
  config.invoke_mode = mode == "RESPONSE_STREAM" ? InvokeMode::kResponseStream : InvokeMode::kBuffered;
  return Ok();
}

Status DecodeOnClientGone(const json& object, EndpointConfig& config) {
  HEARTH_ASSIGN(const std::string gone, OptionalString(object, "OnClientGone"));
  if (!gone.empty() && gone != "FINISH" && gone != "CANCEL")
    return Invalid("OnClientGone \"" + gone + "\" is neither FINISH nor CANCEL");
  config.on_client_gone = gone == "CANCEL" ? OnClientGone::kCancel : OnClientGone::kFinish;
  return Ok();
}

}  // namespace

Result<EndpointConfig> DecodeEndpointConfig(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Invalid("the configuration is not a JSON object");
  EndpointConfig config;
  HEARTH_ASSIGN(const std::string reference, OptionalString(object, "FunctionName"));
  if (reference.empty()) return Invalid("FunctionName is missing");
  HEARTH_ASSIGN(const FunctionReference function, ParseFunctionReference(reference));
  config.function = function.name;
  HEARTH_ASSIGN(config.qualifier, OptionalString(object, "Qualifier"));
  if (config.qualifier.empty()) config.qualifier = function.qualifier;
  HEARTH_TRY(DecodeAuth(object, config));
  HEARTH_TRY(DecodeInvokeMode(object, config));
  HEARTH_TRY(DecodeOnClientGone(object, config));
  if (const auto cors = object.find("Cors"); cors != object.end() && !cors->is_null() && !cors->empty()) {
    HEARTH_ASSIGN(config.cors, DecodeCors(*cors));
  }
  HEARTH_ASSIGN(config.route, OptionalString(object, "Route"));
  HEARTH_ASSIGN(config.url_id, OptionalString(object, "UrlId"));
  HEARTH_ASSIGN(config.created, OptionalString(object, "CreationTime"));
  return config;
}

std::string EncodeEndpointConfig(const EndpointConfig& config) {
  json object = {{"FunctionName", config.function},
                 {"AuthType", config.auth == AuthType::kToken ? "TOKEN" : "NONE"}};
  if (!config.qualifier.empty()) object["Qualifier"] = config.qualifier;
  if (!config.token_sha256.empty()) object["TokenSha256"] = config.token_sha256;
  if (config.cors) object["Cors"] = EncodeCors(*config.cors);
  if (config.invoke_mode == InvokeMode::kResponseStream) object["InvokeMode"] = "RESPONSE_STREAM";
  if (config.on_client_gone == OnClientGone::kCancel) object["OnClientGone"] = "CANCEL";
  if (!config.route.empty()) object["Route"] = config.route;
  if (!config.url_id.empty()) object["UrlId"] = config.url_id;
  if (!config.created.empty()) object["CreationTime"] = config.created;
  return object.dump();
}

}  // namespace hearth
