#include "runtime/router/destinations.h"

#include <utility>

#include "runtime/model/arn.h"

namespace hearth {

Result<Destination*> Destinations::KindOf(const std::string& arn) const {
  HEARTH_ASSIGN(const Arn parsed, ParseArn(arn));
  if (const auto found = kinds_.find(parsed.service); found != kinds_.end()) return found->second;
  std::string known;
  for (const auto& [service, kind] : kinds_) known += (known.empty() ? "" : ", ") + service;
  return Error{ErrorCode::kInvalidArgument,
               arn + ": nothing here takes events of service \"" + parsed.service + "\"; there are " + known};
}

void Destinations::Check(std::string arn, OnDone checked) {
  const auto kind = KindOf(arn);
  if (kind.ok()) return (*kind)->Check(std::move(arn), std::move(checked));
  executor_.Post([checked = std::move(checked), error = kind.error()] { checked(error); });
}

void Destinations::Send(std::string arn, Message message, OnDone stored) {
  const auto kind = KindOf(arn);
  if (kind.ok()) return (*kind)->Send(std::move(arn), std::move(message), std::move(stored));
  executor_.Post([stored = std::move(stored), error = kind.error()] { stored(error); });
}

}  // namespace hearth
