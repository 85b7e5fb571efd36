#include "runtime/control/lambda_layers.h"

#include <algorithm>
#include <charconv>

#include "runtime/control/lambda_function_json.h"
#include "runtime/control/lambda_page.h"
#include "runtime/model/arn.h"

namespace hearth {
namespace {

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<uint64_t> NumberIn(const std::string& text) {
  uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size() && number > 0) return number;
  return Invalid("\"" + text + "\" is no number of a layer's version: they count from 1");
}

Status ReadLayer(const Json& request, LayerVersion& layer) {
  const JsonMembers in(request);
  HEARTH_TRY(in.Read("Description", layer.description));
  HEARTH_TRY(in.Read("LicenseInfo", layer.license));
  HEARTH_TRY(in.Read("CompatibleRuntimes", layer.runtimes));
  return in.Read("CompatibleArchitectures", layer.architectures);
}

// What nothing was said of suits all, as at AWS.
bool Suits(const ApiCall& call, const LayerVersion& version) {
  const auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return one.empty() || std::find(all.begin(), all.end(), one) != all.end();
  };
  return has(version.runtimes, call.query("CompatibleRuntime")) &&
         has(version.architectures, call.query("CompatibleArchitecture"));
}

}  // namespace

Result<std::string> LambdaLayers::NameOf(const ApiCall& call) const {
  std::string name = call.parameter("name");
  const std::string prefix = registry_.LayerArnOf("");
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  HEARTH_TRY(ValidateLayerName(name));
  return name;
}

Json LambdaLayers::VersionJson(const LayerVersion& version) const {
  Json json = {{"LayerVersionArn", version.arn},
               {"Version", version.number},
               {"Description", version.description},
               {"CreatedDate", ToLambdaTimestamp(version.created)}};
  if (!version.runtimes.empty()) json["CompatibleRuntimes"] = version.runtimes;
  if (!version.architectures.empty()) json["CompatibleArchitectures"] = version.architectures;
  if (!version.license.empty()) json["LicenseInfo"] = version.license;
  return json;
}

Json LambdaLayers::WholeJson(const LayerVersion& version) const {
  Json json = VersionJson(version);
  json["LayerArn"] = registry_.LayerArnOf(version.name);
  json["Content"] = {{"Location", "file://" + version.content.folder},
                     {"CodeSha256", version.content.sha256_base64},
                     {"CodeSize", version.content.size_bytes}};
  return json;
}

void LambdaLayers::Publish(const ApiCallPtr& call) {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  LayerVersion layer;
  layer.name = *name;
  const JsonMembers in(*request);
  for (const Status& read : {ReadLayer(*request, layer), in.Require("Content")}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  const auto content = in.Object("Content");
  if (!content.ok()) return call->Fail(content.error());
  auto zip = ReadPackage(**content);
  if (!zip.ok()) return call->Fail(zip.error());
  registry_.PublishLayer(std::move(layer), std::move(zip).value(),
                         [this, call](const Result<LayerVersion>& published) {
                           if (!published.ok()) return call->Fail(published.error());
                           call->AnswerJson(201, WholeJson(*published));
                         });
}

void LambdaLayers::List(const ApiCallPtr& call) const {
  if (call->query("find") == "LayerVersion") return GetByArn(call);
  std::vector<LayerVersion> newest;
  for (const std::string& name : registry_.layers().Names()) {
    for (const LayerVersion& version : registry_.layers().List(name)) {
      if (!Suits(*call, version)) continue;
      newest.push_back(version);
      break;
    }
  }
  AnswerPage(*call, "Layers", newest.size(), [&](size_t index) -> Json {
    return {{"LayerName", newest[index].name},
            {"LayerArn", registry_.LayerArnOf(newest[index].name)},
            {"LatestMatchingVersion", VersionJson(newest[index])}};
  });
}

void LambdaLayers::ListVersions(const ApiCallPtr& call) const {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  std::vector<LayerVersion> versions = registry_.layers().List(*name);
  std::erase_if(versions, [&](const LayerVersion& version) { return !Suits(*call, version); });
  AnswerPage(*call, "LayerVersions", versions.size(),
             [&](size_t index) { return VersionJson(versions[index]); });
}

void LambdaLayers::AnswerVersion(const ApiCallPtr& call, const std::string& name, uint64_t number) const {
  const LayerVersion* const version = registry_.layers().Find(name, number);
  if (version != nullptr) return call->AnswerJson(200, WholeJson(*version));
  call->Fail(Error{ErrorCode::kNotFound, "Layer version " + registry_.LayerArnOf(name) + ":" +
                                             std::to_string(number) + " does not exist."});
}

void LambdaLayers::Get(const ApiCallPtr& call) const {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  const auto number = NumberIn(call->parameter("number"));
  if (!number.ok()) return call->Fail(number.error());
  AnswerVersion(call, *name, *number);
}

void LambdaLayers::GetByArn(const ApiCallPtr& call) const {
  const std::string arn = call->query("Arn");
  const auto layer = ParseLayerArn(arn);
  if (!layer.ok()) return call->Fail(layer.error());
  if (!arn.starts_with(registry_.LayerArnOf(""))) {
    return call->Fail(Error{ErrorCode::kNotFound, "Layer version " + arn +
                                                      " does not exist: layers here are " +
                                                      registry_.LayerArnOf("NAME") + ":NUMBER"});
  }
  AnswerVersion(call, layer->name, layer->number);
}

void LambdaLayers::Delete(const ApiCallPtr& call) {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  const auto number = NumberIn(call->parameter("number"));
  if (!number.ok()) return call->Fail(number.error());
  registry_.DeleteLayer(*name, *number, [call](const Status& gone) {
    if (!gone.ok()) return call->Fail(gone.error());
    call->AnswerEmpty(204);
  });
}

}  // namespace hearth
