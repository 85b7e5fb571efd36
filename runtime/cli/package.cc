#include "runtime/cli/package.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "runtime/base/files.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/programs.h"
#include "runtime/cli/session.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSettingsEnding = ".function.json";

// Removed with all that is in it when this goes.
class ScratchFolder final {
 public:
  static Result<std::unique_ptr<ScratchFolder>> Create() {
    std::string name = (fs::temp_directory_path() / "hearth-XXXXXX").string();
    if (!::mkdtemp(name.data())) return ErrnoError("make a folder " + name);
    return std::unique_ptr<ScratchFolder>(new ScratchFolder(name));
  }
  ~ScratchFolder() { (void)RemoveTree(path_).ok(); }
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// "libgreet.so" -> "greet"
std::string NameOfLibrary(const fs::path& library) {
  std::string name = library.stem().string();
  return name.starts_with("lib") ? name.substr(3) : name;
}

Result<int64_t> WholeNumber(const Json& settings, const char* member, const std::string& path) {
  if (settings[member].is_number_integer()) return settings[member].get<int64_t>();
  return UsageError(path + ": " + member + " must be a whole number");
}

// All of a NAME.function.json but the library's bytes; `library` is its path.
Status ReadSettings(const std::string& path, Package& package, fs::path& library) {
  HEARTH_ASSIGN(const std::string text, ReadFile(path));
  const auto settings = ParseJson(text, path);
  if (!settings.ok() || !settings->is_object()) {
    return UsageError(path + " is not what hearth_add_function writes: " +
                      (settings.ok() ? "no JSON object" : settings.error().message));
  }
  package.name = TextOf(*settings, "name");
  package.handler = TextOf(*settings, "handler");
  if (package.name.empty() || TextOf(*settings, "library").empty()) {
    return UsageError(path + " is not what hearth_add_function writes: name or library is missing");
  }
  library = fs::path(path).parent_path() / TextOf(*settings, "library");
  package.settings_file = path;
  if (settings->contains("memory_mib")) {
    HEARTH_ASSIGN(package.memory_mib, WholeNumber(*settings, "memory_mib", path));
  }
  if (settings->contains("timeout_s")) {
    HEARTH_ASSIGN(package.timeout_s, WholeNumber(*settings, "timeout_s", path));
  }
  return Ok();
}

Result<Package> FromSettings(const std::string& path) {
  Package package;
  fs::path library;
  HEARTH_TRY(ReadSettings(path, package, library));
  auto bytes = ReadFile(library.string());
  if (!bytes.ok()) {
    return UsageError(path + " names " + library.string() + ", which cannot be read (" +
                      bytes.error().message + "); build it first");
  }
  package.bytes = std::move(bytes).value();
  return package;
}

Result<Package> FromLibrary(const fs::path& library) {
  const std::string beside =
      (library.parent_path() / (NameOfLibrary(library) + std::string(kSettingsEnding))).string();
  Package package;
  fs::path named;
  if (PathExists(beside) && ReadSettings(beside, package, named).ok() &&
      named.filename() == library.filename()) {
    // What the build says of this very library.
  } else {
    package = {};
    package.name = NameOfLibrary(library);
    package.handler = library.filename().string();
  }
  HEARTH_ASSIGN(package.bytes, ReadFile(library.string()));
  return package;
}

// A folder's only library is its handler.
std::string OnlyLibrary(const fs::path& folder) {
  std::string found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".so") continue;
    if (!found.empty()) return "";
    found = entry.path().filename().string();
  }
  return found;
}

Result<Package> FromFolder(const fs::path& folder) {
  if (PathExists((folder / "CMakeCache.txt").string())) {
    return UsageError(
        folder.string() +
        " is a build folder: deploy a NAME.function.json in it, or run hearth up in the project");
  }
  HEARTH_ASSIGN(const auto scratch, ScratchFolder::Create());
  const std::string zip = scratch->path() + "/package.zip";
  const auto ended = RunProgram({"env", "--chdir=" + folder.string(), "zip", "-q", "-r", "-X", zip, "."});
  if (!ended.ok()) return ended.error();
  if (*ended == kProgramMissing) {
    return Error{
        ErrorCode::kMisconfigured,
        "to deploy the folder " + folder.string() +
            " it must become a zip, and the program zip is not installed: install it (Debian: apt install "
            "zip), or give a .zip or a .so"};
  }
  if (*ended != 0) {
    return Error{ErrorCode::kIo, "zip ended with " + std::to_string(*ended) + " on " + folder.string()};
  }
  Package package;
  package.name =
      fs::path(fs::absolute(folder).lexically_normal().string() + "/").parent_path().filename().string();
  package.handler = OnlyLibrary(folder);
  HEARTH_ASSIGN(package.bytes, ReadFile(zip));
  return package;
}

Result<Package> FromZip(const fs::path& path) {
  Package package;
  package.name = path.stem().string();
  HEARTH_ASSIGN(package.bytes, ReadFile(path.string()));
  return package;
}

}  // namespace

Result<Package> ReadPackage(const std::string& given) {
  const fs::path path(given);
  std::error_code failure;
  if (!fs::exists(path, failure)) return UsageError("there is no " + given + " to deploy");
  if (fs::is_directory(path, failure)) return FromFolder(path);
  if (given.ends_with(kSettingsEnding)) return FromSettings(given);
  if (given.ends_with(".zip")) return FromZip(path);
  if (given.ends_with(".so")) return FromLibrary(path);
  return UsageError(given + " is none of NAME.function.json, a .so, a .zip and a folder");
}

}  // namespace hearth::cli
