#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/control/json_members.h"
#include "runtime/model/function.h"

namespace hearth {

// How a function's life is shown. Here a function is ready once the call that made it answers; AWS's answer
// to that very call still says Pending or InProgress, and what follows asks until it is Active.
enum class ShownState { kActive, kJustCreated, kJustUpdated };
enum class ShownArn { kPlain, kQualified };

// Lambda's FunctionConfiguration: the members that AWS sends and no others. What AWS has no name for stands
// under "Hearth", when it is not the default.
Json FunctionConfigurationJson(const FunctionVersion& version, ShownState state, ShownArn arn);

// Reads what CreateFunction and UpdateFunctionConfiguration share into `settings`; members that are absent
// change nothing. What would silently not work (images, VPCs with subnets) is refused by name.
Status ReadFunctionSettings(const Json& request, const std::string& function, FunctionSettings& settings);

// What may come along with new code, since each alone would be judged against the other's old half: Handler, Layers and
// Hearth. AWS has none of them there, and looks for the library at the first call only.
Status ReadCodeCompanions(const Json& request, FunctionSettings& settings);

// The bytes of `ZipFile`; kInvalidArgument for S3 and image sources, kTooLarge over Lambda's limit.
Result<std::string> ReadPackage(const Json& code);

// Without the version at its end.
std::string PlainArn(const FunctionVersion& version);

}  // namespace hearth
