#include "runtime/control/hearth_secrets.h"

#include "runtime/control/lambda_function_json.h"

namespace hearth {

Json HearthSecrets::SecretJson(const SecretInfo& secret) const {
  return {{"Name", secret.name},
          {"Bytes", secret.bytes},
          {"SetAt", ToLambdaTimestamp(secret.set_at)},
          {"UsedBy", registry_.UsersOfSecret(secret.name)}};
}

void HearthSecrets::List(const ApiCallPtr& call) const {
  Json secrets = Json::array();
  for (const SecretInfo& secret : registry_.secrets()->List()) secrets.push_back(SecretJson(secret));
  call->AnswerJson(200, {{"Secrets", std::move(secrets)}});
}

void HearthSecrets::Put(const ApiCallPtr& call) {
  const std::string name = call->parameter("name");
  registry_.SetSecret(
      name, call->TakeBody(), [this, call, name](Result<FunctionRegistry::SecretChange> change) {
        if (!change.ok()) return call->Fail(change.error());
        const SecretInfo* const secret = registry_.secrets()->Find(name);
        if (secret == nullptr)
          return call->Fail(Error{ErrorCode::kConflict, "secret " + name + " was removed meanwhile"});
        Json answer = SecretJson(*secret);
        answer["Renewed"] = change->renewed;
        if (!change->not_warm.empty()) answer["NotWarm"] = change->not_warm;
        call->AnswerJson(200, answer);
      });
}

void HearthSecrets::Delete(const ApiCallPtr& call) {
  registry_.RemoveSecret(call->parameter("name"), [call](const Status& removed) {
    if (!removed.ok()) return call->Fail(removed.error());
    call->AnswerEmpty(204);
  });
}

}  // namespace hearth
