#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hearth::cli {

// One line of the daemon's log stream (a JSON object) as people read it: "TIME REQUEST LEVEL MESSAGE
// name=value"; of a function whose log is JSON, the log's own object.
// What is not such an object comes out as it is.
std::string LogLineText(const std::string& json);

// Cuts what arrives in pieces into lines.
class LineCutter final {
 public:
  explicit LineCutter(std::function<void(const std::string&)> take) : take_(std::move(take)) {}
  void Add(std::string_view piece);

 private:
  const std::function<void(const std::string&)> take_;
  std::string begun_;
};

}  // namespace hearth::cli
