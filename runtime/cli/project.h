#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/cli/deployment.h"
#include "runtime/cli/resources.h"

namespace hearth::cli {

// hearth-project.json: what stands around the functions of a project, for `hearth up`. Comments are allowed.
//   {"functions": {"thumbs": {"environment": {"LONG_EDGE": "320"}, "buckets": ["photos", "small:rw"],
//                             "isolation": "instance", "network": "egress:443", "url": true}},
//    "buckets": {"photos": {"path": "photos", "notify": [{"function": "thumbs", "suffix": ".jpg"}]}, "small": {}},
//    "queues": {"orders": {"function": "take_orders", "batch_size": 10, "window_s": 0, "whole_batch": false}},
//    "routes": {"GET /thumbs/{name}": "thumbs"}}
// Relative paths of buckets count from the project's folder.
struct Project {
  struct Function {
    FunctionWish wish;
    bool url = false;
  };
  std::map<std::string, Function> functions;
  std::vector<BucketChange> buckets;
  std::vector<std::string> queues;
  std::vector<QueueConnection> connections;
  std::map<std::string, std::string> routes;  // route -> function
};

inline constexpr const char* kProjectFile = "hearth-project.json";

// kInvalidArgument names the place ("functions.thumbs.bukets") and the nearest member that there is.
Result<Project> ParseProject(const std::string& text, const std::string& folder);

}  // namespace hearth::cli
