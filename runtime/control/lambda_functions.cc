#include "runtime/control/lambda_functions.h"

#include "runtime/control/lambda_event_invoke.h"
#include "runtime/control/lambda_function_json.h"
#include "runtime/control/lambda_page.h"
#include "runtime/control/lambda_reference.h"
#include "runtime/registry/reserved_concurrency.h"

namespace hearth {
namespace {

// Lambda's answer to both lists never has more.

ShownArn ArnFor(const FunctionReference& reference) {
  return reference.qualifier.empty() ? ShownArn::kPlain : ShownArn::kQualified;
}

Result<FunctionRegistry::Expected> ReadExpected(const Json& request) {
  const JsonMembers in(request);
  std::string revision_id;
  std::string code_sha256;
  HEARTH_TRY(in.Read("RevisionId", revision_id));
  HEARTH_TRY(in.Read("CodeSha256", code_sha256));
  FunctionRegistry::Expected expected;
  if (!revision_id.empty()) expected.revision_id = revision_id;
  if (!code_sha256.empty()) expected.code_sha256 = code_sha256;
  return expected;
}

struct NewFunction {
  std::string name;
  FunctionSettings settings;
  std::string package;
  Tags tags;
  bool publish = false;
};

Result<NewFunction> ReadNewFunction(std::string_view body) {
  HEARTH_ASSIGN(const Json request, ParseJsonObject(body));
  const JsonMembers in(request);
  NewFunction made;
  HEARTH_TRY(in.Require("FunctionName"));
  HEARTH_TRY(in.Read("FunctionName", made.name));
  HEARTH_ASSIGN(const FunctionReference reference, ParseFunctionReference(made.name));
  made.name = reference.name;
  HEARTH_TRY(ReadFunctionSettings(request, made.name, made.settings));
  HEARTH_TRY(in.Read("Publish", made.publish));
  HEARTH_TRY(in.Read("Tags", made.tags));
  HEARTH_TRY(ValidateTags(made.tags));
  HEARTH_TRY(in.Require("Code"));
  HEARTH_ASSIGN(const Json* code, in.Object("Code"));
  HEARTH_ASSIGN(made.package, ReadPackage(*code));
  return made;
}

Json ConcurrencyJson(const FunctionScaling& scaling) {
  Json out = Json::object();
  if (scaling.reserved_concurrency) out["ReservedConcurrentExecutions"] = *scaling.reserved_concurrency;
  return out;
}

// Puts the answer to a change where the caller waits for it.
FunctionRegistry::Reply AnswerWith(const ApiCallPtr& call, int status, ShownState state, ShownArn arn) {
  return [call, status, state, arn](Result<FunctionVersionPtr> version) {
    if (!version.ok()) return call->Fail(version.error());
    call->AnswerJson(status, FunctionConfigurationJson(**version, state, arn));
  };
}

}  // namespace

Result<FunctionReference> LambdaFunctions::ReferenceOf(const ApiCall& call) const {
  return ReadFunctionReference(call.parameter("name"), call.query("Qualifier"));
}

Result<FunctionVersionPtr> LambdaFunctions::VersionOf(const ApiCall& call) const {
  HEARTH_ASSIGN(const FunctionReference reference, ReferenceOf(call));
  return ResolveFunction(registry_, reference);
}

void LambdaFunctions::Create(const ApiCallPtr& call) {
  auto made = ReadNewFunction(call->body());
  if (!made.ok()) return call->Fail(made.error());
  const std::string dead_letters = made->settings.dead_letter_arn;
  auto whole = std::make_shared<NewFunction>(std::move(made).value());
  CheckDeadLetters(call, dead_letters, [this, call, whole] {
    registry_.Create(whole->name, std::move(whole->settings), std::move(whole->package),
                     [this, call, whole](Result<FunctionVersionPtr> version) {
                       OnCreated(call, std::move(version), whole->tags, whole->publish);
                     });
  });
}

void LambdaFunctions::CheckDeadLetters(const ApiCallPtr& call, const std::string& arn,
                                       std::function<void()> go_on) {
  if (arn.empty()) return go_on();
  if (arn.find(":sqs:") == std::string::npos) {
    return call->Fail(
        Error{ErrorCode::kInvalidArgument,
              "DeadLetterConfig.TargetArn \"" + arn +
                  "\" is not the ARN of a queue (arn:aws:sqs:REGION:ACCOUNT:NAME); functions can be "
                  "destinations: see PutFunctionEventInvokeConfig"});
  }
  CheckDestinations(destinations_, {arn}, [call, go_on = std::move(go_on)](const Status& there) {
    if (!there.ok()) return call->Fail(there.error().WithContext("DeadLetterConfig.TargetArn"));
    go_on();
  });
}

void LambdaFunctions::OnCreated(const ApiCallPtr& call, Result<FunctionVersionPtr> version, const Tags& tags,
                                bool publish) {
  if (!version.ok()) return call->Fail(version.error());
  const std::string name = (*version)->function;
  const Status tagged = account_.SetTags(name, tags);
  if (!tagged.ok()) return call->Fail(tagged.error().WithContext("the function is there, but has no tags"));
  if (publish) return PublishAndAnswer(call, name, 201);
  AnswerWith(call, 201, ShownState::kJustCreated, ShownArn::kPlain)(std::move(version));
}

void LambdaFunctions::PublishAndAnswer(const ApiCallPtr& call, const std::string& name, int status) {
  registry_.Publish(name, "", {}, AnswerWith(call, status, ShownState::kJustCreated, ShownArn::kQualified));
}

void LambdaFunctions::Get(const ApiCallPtr& call) {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  const auto version = ResolveFunction(registry_, *reference);
  if (!version.ok()) return call->Fail(version.error());
  Json answer = {
      {"Configuration", FunctionConfigurationJson(**version, ShownState::kActive, ArnFor(*reference))},
      {"Code", {{"Location", "file://" + (*version)->code.folder}, {"RepositoryType", "S3"}}}};
  if (const Tags& tags = account_.state().TagsOf(reference->name); !tags.empty()) answer["Tags"] = tags;
  if (Json concurrency = ConcurrencyJson(registry_.ScalingOf(reference->name)); !concurrency.empty())
    answer["Concurrency"] = std::move(concurrency);
  call->AnswerJson(200, answer);
}

void LambdaFunctions::GetConfiguration(const ApiCallPtr& call) {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  const auto version = ResolveFunction(registry_, *reference);
  if (!version.ok()) return call->Fail(version.error());
  call->AnswerJson(200, FunctionConfigurationJson(**version, ShownState::kActive, ArnFor(*reference)));
}

void LambdaFunctions::List(const ApiCallPtr& call) {
  const bool all_versions = call->query("FunctionVersion") == "ALL";
  std::vector<FunctionVersionPtr> versions;
  for (const FunctionVersionPtr& latest : registry_.List()) {
    auto of_function = registry_.ListVersions(latest->function);
    if (!all_versions || !of_function.ok()) {
      versions.push_back(latest);
      continue;
    }
    versions.insert(versions.end(), of_function->begin(), of_function->end());
  }
  AnswerPage(*call, "Functions", versions.size(), [&](size_t index) {
    return FunctionConfigurationJson(*versions[index], ShownState::kActive,
                                     all_versions ? ShownArn::kQualified : ShownArn::kPlain);
  });
}

void LambdaFunctions::ListVersions(const ApiCallPtr& call) {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  const auto versions = registry_.ListVersions(reference->name);
  if (!versions.ok()) return call->Fail(FunctionNotFound(registry_, *reference));
  AnswerPage(*call, "Versions", versions->size(), [&](size_t index) {
    return FunctionConfigurationJson(*(*versions)[index], ShownState::kActive, ShownArn::kQualified);
  });
}

void LambdaFunctions::UpdateCode(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  auto package = ReadPackage(*request);
  if (!package.ok()) return call->Fail(package.error());
  auto expected = ReadExpected(*request);
  if (!expected.ok()) return call->Fail(expected.error());
  bool dry_run = false;
  bool publish = false;
  const JsonMembers in(*request);
  for (const Status& read : {in.Read("DryRun", dry_run), in.Read("Publish", publish)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  if (dry_run)
    return call->AnswerJson(200, FunctionConfigurationJson(**version, ShownState::kActive, ShownArn::kPlain));
  const std::string name = (*version)->function;
  auto answer = AnswerWith(call, 200, ShownState::kJustUpdated, ShownArn::kPlain);
  FunctionSettings ignored;
  if (Status read = ReadCodeCompanions(*request, ignored); !read.ok()) return call->Fail(read.error());
  request->erase("ZipFile");
  const auto change = [request = *request](FunctionSettings& settings) {
    return ReadCodeCompanions(request, settings);
  };
  registry_.UpdateCode(
      name, std::move(package).value(), change, std::move(expected).value(),
      [this, call, name, publish, answer = std::move(answer)](Result<FunctionVersionPtr> updated) {
        if (!updated.ok() || !publish) return answer(std::move(updated));
        PublishAndAnswer(call, name, 200);
      });
}

void LambdaFunctions::UpdateConfiguration(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  auto expected = ReadExpected(*request);
  if (!expected.ok()) return call->Fail(expected.error());
  FunctionSettings asked = (*version)->settings;
  asked.dead_letter_arn.clear();  // looked for below if the request names one
  if (const Status read = ReadFunctionSettings(*request, (*version)->function, asked); !read.ok())
    return call->Fail(read.error());
  CheckDeadLetters(call, asked.dead_letter_arn,
                   [this, call, name = (*version)->function, request = std::move(request).value(),
                    expected = std::move(expected).value()] {
                     registry_.UpdateSettings(
                         name,
                         [request, name](FunctionSettings& settings) {
                           return ReadFunctionSettings(request, name, settings);
                         },
                         expected, AnswerWith(call, 200, ShownState::kJustUpdated, ShownArn::kPlain));
                   });
}

void LambdaFunctions::Delete(const ApiCallPtr& call) {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  if (const auto version = ResolveFunction(registry_, *reference); !version.ok())
    return call->Fail(version.error());
  if (reference->qualifier == "$LATEST") {
    return call->Fail(Error{ErrorCode::kInvalidArgument,
                            "$LATEST version cannot be deleted without deleting the function."});
  }
  registry_.Delete(
      reference->name, reference->qualifier, [this, call, reference = *reference](const Status& done) {
        if (!done.ok()) return call->Fail(done.error());
        if (const Status ended = account_.EndOpenOf(reference.name, reference.qualifier); !ended.ok())
          return call->Fail(ended.error().WithContext("it is gone; what is reserved for it is not"));
        if (reference.qualifier.empty()) {
          for (const auto& [kind, trigger] : triggers_) trigger->ForgetFunction(reference.name);
          if (const Status untagged = account_.SetTags(reference.name, {}); !untagged.ok())
            return call->Fail(untagged.error().WithContext("the function is gone; its tags are not"));
        }
        call->AnswerEmpty(204);
      });
}

void LambdaFunctions::Publish(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  auto expected = ReadExpected(*request);
  if (!expected.ok()) return call->Fail(expected.error());
  std::string description;
  if (const Status read = JsonMembers(*request).Read("Description", description); !read.ok())
    return call->Fail(read.error());
  registry_.Publish((*version)->function, description, std::move(expected).value(),
                    AnswerWith(call, 201, ShownState::kJustCreated, ShownArn::kQualified));
}

size_t LambdaFunctions::reserved_concurrency() const {
  size_t reserved = 0;
  for (const FunctionVersionPtr& function : registry_.List())
    reserved += registry_.ScalingOf(function->function).reserved_concurrency.value_or(0);
  return reserved;
}

Status LambdaFunctions::CheckConcurrency(const std::string& function, uint32_t reserved) const {
  const size_t own = registry_.ScalingOf(function).reserved_concurrency.value_or(0);
  HEARTH_TRY(CheckReservation(concurrency_max_, reserved_concurrency() - own, reserved));
  uint64_t always_ready = 0;
  for (const Commitment* one : account_.state().Running(clock_.WallNow())) {
    if (one->reserved() && one->function == function) always_ready += one->workers;
  }
  if (reserved >= always_ready) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               "Specified ReservedConcurrentExecutions for function should be greater than or equal to its "
               "provisioned concurrency: " +
                   std::to_string(always_ready) +
                   " workers are kept ready for it (hearth plan ls); end those first"};
}

void LambdaFunctions::PutConcurrency(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  const JsonMembers in(*request);
  int64_t reserved = 0;
  for (const Status& read : {in.Require("ReservedConcurrentExecutions"),
                             in.Read("ReservedConcurrentExecutions", reserved, 0, kReservedConcurrencyMax)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  const std::string name = (*version)->function;
  registry_.UpdateScaling(
      name,
      [this, name, reserved](FunctionScaling& scaling) {
        scaling.reserved_concurrency = static_cast<uint32_t>(reserved);
        return CheckConcurrency(name, *scaling.reserved_concurrency);
      },
      [this, call, name](const Status& changed) {
        if (!changed.ok()) return call->Fail(changed.error());
        call->AnswerJson(200, ConcurrencyJson(registry_.ScalingOf(name)));
      });
}

void LambdaFunctions::GetConcurrency(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  call->AnswerJson(200, ConcurrencyJson(registry_.ScalingOf((*version)->function)));
}

void LambdaFunctions::DeleteConcurrency(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  registry_.UpdateScaling((*version)->function,
                          [](FunctionScaling& scaling) {
                            scaling.reserved_concurrency.reset();
                            return Ok();
                          },
                          [call](const Status& changed) {
                            if (!changed.ok()) return call->Fail(changed.error());
                            call->AnswerEmpty(204);
                          });
}

}  // namespace hearth
