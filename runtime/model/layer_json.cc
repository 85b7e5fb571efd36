#include <nlohmann/json.hpp>

#include "runtime/model/layer.h"

namespace hearth {

using nlohmann::json;

std::string EncodeLayerJson(const LayerVersion& layer) {
  const json document = {{"name", layer.name},
                         {"number", layer.number},
                         {"arn", layer.arn},
                         {"description", layer.description},
                         {"license", layer.license},
                         {"runtimes", layer.runtimes},
                         {"architectures", layer.architectures},
                         {"created_us", layer.created.time_since_epoch().count()},
                         {"content",
                          {{"sha256", layer.content.sha256_base64},
                           {"size", layer.content.size_bytes},
                           {"folder", layer.content.folder}}}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<LayerVersion> DecodeLayerJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    LayerVersion layer;
    layer.name = document.at("name");
    layer.number = document.at("number");
    layer.arn = document.at("arn");
    layer.description = document.value("description", "");
    layer.license = document.value("license", "");
    layer.runtimes = document.value("runtimes", layer.runtimes);
    layer.architectures = document.value("architectures", layer.architectures);
    layer.created = WallTime(microseconds(document.at("created_us").get<int64_t>()));
    const json& content = document.at("content");
    layer.content = {content.at("sha256"), content.at("size"), content.at("folder")};
    return layer;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("stored layer: ") + e.what()};
  }
}

}  // namespace hearth
