#include "runtime/model/arn.h"

namespace hearth {
namespace {

Error NoArn(std::string_view text) {
  return {ErrorCode::kInvalidArgument,
          "\"" + std::string(text.substr(0, kArnBytesMax)) +
              "\" is no ARN: it should be arn:aws:SERVICE:REGION:ACCOUNT:NAME, as "
              "arn:aws:sqs:us-east-1:000000000000:orders"};
}

}  // namespace

Result<Arn> ParseArn(std::string_view text) {
  if (text.size() > kArnBytesMax) return NoArn(text);
  Arn arn;
  std::string_view rest = text;
  std::string scheme;
  for (std::string* part : {&scheme, &arn.partition, &arn.service, &arn.region, &arn.account}) {
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return NoArn(text);
    *part = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  arn.resource = rest;
  if (scheme != "arn" || arn.partition.empty() || arn.service.empty() || arn.resource.empty())
    return NoArn(text);
  return arn;
}

}  // namespace hearth
