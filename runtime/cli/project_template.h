#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace hearth::cli {

struct ProjectFile {
  std::string path;  // in the project's folder
  std::string text;
};

const std::vector<std::string>& TemplateNames();  // the first is the default

// The files of a project with one function: it builds with an installed Hearth, its test passes, and `hearth
// up` runs it. kInvalidArgument: unknown template, or a name that cannot be both a function's and a CMake
// target's.
Result<std::vector<ProjectFile>> MakeProject(const std::string& template_name, const std::string& function);

}  // namespace hearth::cli
