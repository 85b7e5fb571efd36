#include "runtime/control/hearth_scaling.h"

#include <algorithm>

#include "runtime/control/json_members.h"
#include "runtime/control/lambda_reference.h"

namespace hearth {
namespace {

Status ReadScaling(const Json& request, FunctionScaling& scaling) {
  for (const auto& item : request.items()) {
    if (item.key() != "IdleTimeoutS" && item.key() != "WorkersMin" && item.key() != "WorkersSpare") {
      return Error{ErrorCode::kInvalidArgument,
                   "unknown member \"" + item.key() + "\"; there are IdleTimeoutS, WorkersMin, WorkersSpare"};
    }
  }
  const JsonMembers in(request);
  const auto is_null = [&](const char* name) { return request.contains(name) && request[name].is_null(); };
  int64_t idle = scaling.idle_time_out ? scaling.idle_time_out->count() : -1;
  int64_t least = scaling.workers_min, spare = scaling.workers_spare;
  if (is_null("IdleTimeoutS")) {
    idle = -1;
  } else {
    HEARTH_TRY(in.Read("IdleTimeoutS", idle, 0, kIdleTimeOutMax.count()));
  }
  if (is_null("WorkersMin")) {
    least = 0;
  } else {
    HEARTH_TRY(in.Read("WorkersMin", least, 0, kWorkersMinMax));
  }
  if (is_null("WorkersSpare")) {
    spare = 0;
  } else {
    HEARTH_TRY(in.Read("WorkersSpare", spare, 0, kWorkersSpareMax));
  }
  scaling.idle_time_out = idle < 0 ? std::nullopt : std::optional(seconds(idle));
  scaling.workers_min = static_cast<uint32_t>(least);
  scaling.workers_spare = static_cast<uint32_t>(spare);
  return Ok();
}

}  // namespace

void HearthScaling::Answer(const ApiCallPtr& call, const std::string& function) const {
  const FunctionScaling scaling = registry_.ScalingOf(function);
  call->AnswerJson(200,
                   {{"IdleTimeoutS", scaling.idle_time_out ? Json(scaling.idle_time_out->count()) : Json()},
                    {"WorkersMin", scaling.workers_min},
                    {"WorkersSpare", scaling.workers_spare}});
}

void HearthScaling::Get(const ApiCallPtr& call) const {
  const auto version = registry_.Resolve(call->parameter("name"), "");
  if (!version.ok()) return call->Fail(version.error());
  Answer(call, (*version)->function);
}

void HearthScaling::Put(const ApiCallPtr& call) {
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  const std::string function = call->parameter("name");
  registry_.UpdateScaling(
      function, [&](FunctionScaling& scaling) { return ReadScaling(*request, scaling); },
      [this, call, function](const Status& changed) {
        if (!changed.ok()) return call->Fail(changed.error());
        Answer(call, function);
      });
}

}  // namespace hearth
