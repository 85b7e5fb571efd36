#include "runtime/registry/layer_table.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace hearth {
namespace {

constexpr std::string_view kPrefix = "layer/";
constexpr std::string_view kNumberPrefix = "layer-number/";

std::string KeyOf(const std::string& name, uint64_t number) {
  return std::string(kPrefix) + name + "/" + std::to_string(number);
}

Status CheckTexts(const LayerVersion& layer) {
  HEARTH_TRY(ValidateLayerName(layer.name));
  const auto check = [](const char* what, size_t size, size_t most) -> Status {
    if (size <= most) return Ok();
    return Error{ErrorCode::kInvalidArgument, std::string(what) + " of the layer has " +
                                                  std::to_string(size) + ", the limit is " +
                                                  std::to_string(most)};
  };
  HEARTH_TRY(check("Description (bytes)", layer.description.size(), kLayerDescriptionBytesMax));
  HEARTH_TRY(check("LicenseInfo (bytes)", layer.license.size(), kLayerLicenseBytesMax));
  return check("CompatibleRuntimes (number)", layer.runtimes.size(), kLayerRuntimesMax);
}

}  // namespace

void LayerTable::Load(Done done) {
  keys_.List(std::string(kPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok()) return done(entries.error().WithContext("load layers"));
               for (const KeyStore::Entry& entry : *entries) {
                 auto version = DecodeLayerJson(entry.value);
                 if (!version.ok()) return done(version.error().WithContext(entry.key));
                 version->content.folder = weak->code_.PathNow(version->content.folder);
                 Layer& layer = weak->layers_[version->name];
                 layer.number_last = std::max(layer.number_last, version->number);
                 layer.versions[version->number] = std::move(version).value();
               }
               weak->LoadNumbers(done);
             });
}

void LayerTable::LoadNumbers(Done done) {
  keys_.List(std::string(kNumberPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok()) return done(entries.error().WithContext("load layers"));
               for (const KeyStore::Entry& entry : *entries) {
                 uint64_t number = 0;
                 const char* const end = entry.value.data() + entry.value.size();
                 if (std::from_chars(entry.value.data(), end, number).ptr != end)
                   return done(Error{ErrorCode::kCorrupt, entry.key + ": not a number: " + entry.value});
                 Layer& layer = weak->layers_[entry.key.substr(kNumberPrefix.size())];
                 layer.number_last = std::max(layer.number_last, number);
               }
               done(Ok());
             });
}

void LayerTable::Publish(LayerVersion layer, const std::string& arn, std::string zip, Reply reply) {
  if (const Status fit = CheckTexts(layer); !fit.ok()) return reply(fit.error());
  ++publishing_;
  code_.StoreLayer(std::move(zip), checker_,
                   [weak = weak_.Get(), layer = std::move(layer), arn,
                    reply = std::move(reply)](Result<CodeArtefact> stored) mutable {
                     if (!weak) return;
                     if (!stored.ok())
                       return weak->Published(reply, stored.error().WithContext("layer " + layer.name));
                     layer.content = std::move(stored).value();
                     weak->Store(std::move(layer), arn, reply);
                   });
}

void LayerTable::Store(LayerVersion layer, const std::string& arn, const Reply& reply) {
  layer.number = ++layers_[layer.name].number_last;
  layer.arn = arn + ":" + std::to_string(layer.number);
  layer.created = clock_.WallNow();
  keys_.Apply({{KeyOf(layer.name, layer.number), EncodeLayerJson(layer)},
               {std::string(kNumberPrefix) + layer.name, std::to_string(layer.number)}},
              [weak = weak_.Get(), layer, reply](const Status& kept) {
                if (!weak) return;
                if (!kept.ok())
                  return weak->Published(reply, kept.error().WithContext("publish layer " + layer.name));
                weak->layers_[layer.name].versions[layer.number] = layer;
                weak->Published(reply, layer);
              });
}

void LayerTable::Published(const Reply& reply, Result<LayerVersion> layer) {
  --publishing_;
  if (on_changed_) on_changed_();
  reply(std::move(layer));
}

void LayerTable::Delete(const std::string& name, uint64_t number, Done done) {
  if (Find(name, number) == nullptr) return done(Ok());
  keys_.Apply({{KeyOf(name, number), std::nullopt}},
              [weak = weak_.Get(), name, number, done = std::move(done)](const Status& gone) {
                if (!weak) return;
                if (!gone.ok()) return done(gone.error().WithContext("delete layer " + name));
                weak->layers_[name].versions.erase(number);
                if (weak->on_changed_) weak->on_changed_();
                done(Ok());
              });
}

const LayerVersion* LayerTable::Find(const std::string& name, uint64_t number) const {
  const auto layer = layers_.find(name);
  if (layer == layers_.end()) return nullptr;
  const auto version = layer->second.versions.find(number);
  return version == layer->second.versions.end() ? nullptr : &version->second;
}

std::vector<LayerVersion> LayerTable::List(const std::string& name) const {
  std::vector<LayerVersion> all;
  const auto layer = layers_.find(name);
  if (layer == layers_.end()) return all;
  for (const auto& [number, version] : layer->second.versions) all.insert(all.begin(), version);
  return all;
}

std::vector<std::string> LayerTable::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, layer] : layers_) {
    if (!layer.versions.empty()) names.push_back(name);
  }
  return names;
}

std::vector<std::string> LayerTable::Folders() const {
  std::vector<std::string> folders;
  for (const auto& [name, layer] : layers_) {
    for (const auto& [number, version] : layer.versions) folders.push_back(version.content.folder);
  }
  return folders;
}

}  // namespace hearth
