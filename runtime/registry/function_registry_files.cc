#include <algorithm>
#include <utility>

#include "runtime/registry/function_registry.h"

// What a version sees besides its own code: layers and secrets.

namespace hearth {
namespace {

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

bool SameLayers(const std::vector<LayerUse>& one, const std::vector<LayerUse>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const LayerUse& a, const LayerUse& b) { return a.arn == b.arn; });
}

bool UsesSecret(const FunctionVersion& version, const std::string& name) {
  const auto& secrets = version.settings.secrets;
  return std::any_of(secrets.begin(), secrets.end(),
                     [&](const SecretUse& use) { return use.secret == name; });
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string NameOf(const FunctionVersion& version) { return version.function + ":" + version.version; }

}  // namespace

std::string FunctionRegistry::LayerArnOf(const std::string& name) const {
  return "arn:aws:lambda:" + options_.region + ":" + options_.account + ":layer:" + name;
}

void FunctionRegistry::PublishLayer(LayerVersion layer, std::string zip, LayerTable::Reply reply) {
  const std::string arn = LayerArnOf(layer.name);
  layers_.Publish(std::move(layer), arn, std::move(zip), std::move(reply));
}

void FunctionRegistry::DeleteLayer(const std::string& name, uint64_t number, Done done) {
  layers_.Delete(name, number, std::move(done));
}

Result<LayerUse> FunctionRegistry::FindLayer(const std::string& arn) const {
  HEARTH_ASSIGN(const LayerReference layer, ParseLayerArn(arn));
  if (layer.region != options_.region) {
    return Invalid("Layers are not in the same region as the function. Layers are expected to be in region " +
                   options_.region + "; " + arn + " is in " + layer.region);
  }
  const LayerVersion* const version =
      layer.account == options_.account ? layers_.Find(layer.name, layer.number) : nullptr;
  if (version == nullptr) {
    return Invalid(
        "Layer version " + arn +
        " does not exist: `hearth layer ls` shows those that do, `hearth layer publish` makes one");
  }
  return LayerUse{version->arn, version->content.size_bytes};
}

Status FunctionRegistry::FindFiles(FunctionSettings& settings, const FunctionVersion* before) const {
  if (before != nullptr && SameLayers(settings.layers, before->settings.layers)) {
    settings.layers = before->settings.layers;
  } else {
    for (LayerUse& layer : settings.layers) {
      HEARTH_ASSIGN(layer, FindLayer(layer.arn));
    }
  }
  for (const SecretUse& use : settings.secrets) {
    if (secrets_ != nullptr && secrets_->Has(use.secret)) continue;
    return Invalid("secret " + use.secret + " does not exist; set it first: hearth secret set " + use.secret +
                   " < FILE");
  }
  return Ok();
}

// What it has now if it keeps them, as some may have been deleted since.
Result<std::vector<std::string>> FunctionRegistry::LayerFoldersOf(const FunctionVersion& version) const {
  const FunctionVersionPtr& latest = functions_.at(version.function).latest;
  if (latest && !latest->layers_folder.empty() && latest->settings.layers == version.settings.layers)
    return std::vector<std::string>{latest->layers_folder};
  std::vector<std::string> folders;
  for (const LayerUse& use : version.settings.layers) {
    HEARTH_TRY(FindLayer(use.arn));
    HEARTH_ASSIGN(const LayerReference layer, ParseLayerArn(use.arn));
    folders.push_back(layers_.Find(layer.name, layer.number)->content.folder);
  }
  return folders;
}

void FunctionRegistry::AttachLayers(std::shared_ptr<FunctionVersion> version, Reply reply) {
  if (version->settings.layers.empty()) {
    version->layers_folder.clear();
    return CheckAndStore(std::move(version), std::move(reply));
  }
  auto folders = LayerFoldersOf(*version);
  if (!folders.ok()) return Refuse(version->function, std::move(folders).error(), reply);
  code_.MergeLayers(std::move(folders).value(), version->code.folder,
                    [weak = weak_.Get(), version, reply = std::move(reply)](Result<std::string> merged) {
                      if (!weak) return;
                      if (!merged.ok())
                        return weak->Refuse(version->function, std::move(merged).error(), reply);
                      version->layers_folder = std::move(merged).value();
                      weak->CheckAndStore(version, reply);
                    });
}

void FunctionRegistry::SetSecret(std::string name, std::string value,
                                 std::function<void(Result<SecretChange>)> reply) {
  CHECK_TRUE(secrets_ != nullptr);
  secrets_->Set(name, std::move(value), [weak = weak_.Get(), name, reply = std::move(reply)](Status stored) {
    if (!weak) return;
    if (!stored.ok()) return reply(std::move(stored).error());
    weak->RenewAll(name, [reply](SecretChange change) { reply(std::move(change)); });
  });
}

void FunctionRegistry::RenewAll(const std::string& secret, std::function<void(SecretChange)> renewed) {
  struct Work {
    SecretChange change;
    size_t left = 1;
    std::function<void(SecretChange)> renewed;
    void End() {
      if (--left == 0) renewed(std::move(change));
    }
  };
  auto work = std::make_shared<Work>();
  work->renewed = std::move(renewed);
  std::vector<FunctionVersionPtr> users;
  for (const auto& [name, function] : functions_) {
    if (function.latest && UsesSecret(*function.latest, secret)) users.push_back(function.latest);
    for (const auto& [number, version] : function.published) {
      if (UsesSecret(*version, secret)) users.push_back(version);
    }
  }
  for (const FunctionVersionPtr& version : users) {
    ++work->left;
    work->change.renewed.push_back(NameOf(*version));
    Renew(version, [work, name = NameOf(*version)](const Status& warm) {
      if (!warm.ok()) work->change.not_warm.push_back(name + ": " + warm.error().message);
      work->End();
    });
  }
  work->End();
}

bool FunctionRegistry::IsPlaced(const FunctionVersionPtr& version) const {
  const auto now = Find(version->function, version->version);
  return now.ok() && *now == version;
}

// A secret's new value is taken up even where no worker can be made with it: the old one may have been taken back because
// somebody knows it.
void FunctionRegistry::Renew(const FunctionVersionPtr& old, Done renewed) {
  auto next = Own(*old);
  next->generation = next_generation_++;
  next->secrets_revision = secrets_->revision();
  const auto swap = [weak = weak_.Get(), old, next, renewed = std::move(renewed)](const Status& warm) {
    if (!weak) return;
    if (!weak->IsPlaced(old)) {  // a deploy was faster
      weak->Forgo(next);
      return renewed(Ok());
    }
    weak->Place(next);
    weak->retired_.push_back(old);
    if (weak->observer_ != nullptr) weak->observer_->OnReplaced(old, next);
    if (weak->secrets_->ChangedSince(*next)) return weak->Renew(next, renewed);
    renewed(warm);
  };
  if (observer_ == nullptr) return swap(Ok());
  observer_->OnReplacing(old, next, swap);
}

void FunctionRegistry::RemoveSecret(std::string name, Done done) {
  CHECK_TRUE(secrets_ != nullptr);
  if (const auto users = UsersOfSecret(name); !users.empty()) {
    return done(Error{ErrorCode::kConflict, "secret " + name + " is used by " + Joined(users) +
                                                "; deploy them without it, or delete them, first"});
  }
  for (const auto& [function, state] : functions_) {
    if (!state.changing) continue;
    return done(Error{ErrorCode::kConflict,
                      "function " + function + " is being deployed, and may name the secret; try again"});
  }
  secrets_->Remove(std::move(name), std::move(done));
}

std::vector<std::string> FunctionRegistry::UsersOfSecret(const std::string& name) const {
  std::vector<std::string> users;
  for (const auto& [function, state] : functions_) {
    if (state.latest && UsesSecret(*state.latest, name)) users.push_back(NameOf(*state.latest));
    for (const auto& [number, version] : state.published) {
      if (UsesSecret(*version, name)) users.push_back(NameOf(*version));
    }
  }
  return users;
}

}  // namespace hearth
