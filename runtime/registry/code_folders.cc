#include "runtime/registry/code_folders.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/base/files.h"
#include "runtime/registry/merged_layers.h"

namespace hearth {
namespace {

constexpr std::string_view kElfMagic(
    "\x7f"
    "ELF",
    4);
constexpr std::string_view kZipMagic("PK\x03\x04", 4);

std::string_view AsText(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Beside the final folder until it is whole, so that a crash never leaves half a package under its real name.
struct Staging {
  std::string folder;  // being filled
  std::string zip;     // path of the stored zip; "" for a bare object
  std::string final_folder;
  bool already_there = false;
};

Result<Staging> Stage(const std::string& root, const std::string& hash, uint64_t number,
                      const std::string& package, const std::string& library_name) {
  Staging staging;
  staging.final_folder = root + "/" + hash;
  staging.folder = staging.final_folder + "." + std::to_string(number) + ".new";
  if (PathExists(staging.final_folder)) {
    staging.already_there = true;
    return staging;
  }
  HEARTH_TRY(RemoveTree(staging.folder));
  HEARTH_TRY(MakeFolders(staging.folder));
  if (package.starts_with(kElfMagic)) {
    HEARTH_TRY(WriteFileAtomically(staging.folder + "/" + library_name, package, 0755));
    return staging;
  }
  staging.zip = staging.folder + ".zip";
  HEARTH_TRY(WriteFileAtomically(staging.zip, package));
  return staging;
}

void Discard(const Staging& staging) {
  (void)RemoveTree(staging.folder);
  if (!staging.zip.empty()) (void)RemoveTree(staging.zip);
}

// The unpacker does not sync what it writes; a folder under its real name is taken for whole ever after.
Status SyncEverythingBelow(const std::string& folder) {
  HEARTH_ASSIGN(const UniqueFd fd, OpenFile(folder, O_RDONLY | O_DIRECTORY));
  if (::syncfs(fd.get()) != 0) return ErrnoError("sync " + folder);
  return Ok();
}

Status MoveIntoPlace(const Staging& staging) {
  HEARTH_TRY(SyncEverythingBelow(staging.folder));
  std::error_code failure;
  std::filesystem::rename(staging.folder, staging.final_folder, failure);
  if (failure) return ErrnoError("rename " + staging.folder, failure.value());
  return SyncFolder(std::filesystem::path(staging.final_folder).parent_path().string());
}

// The same package may have come into its place meanwhile: then that one serves.
Status Publish(const Staging& staging) {
  Status published = PathExists(staging.final_folder) ? Ok() : MoveIntoPlace(staging);
  Discard(staging);
  return published;
}

Status CheckPackage(const std::string& package) {
  if (package.size() > kPackageBytesMax) {
    return Error{ErrorCode::kTooLarge, "the package has " + std::to_string(package.size()) +
                                           " bytes; the limit is " + std::to_string(kPackageBytesMax)};
  }
  if (!package.starts_with(kElfMagic) && !package.starts_with(kZipMagic)) {
    return Error{ErrorCode::kBadArtefact,
                 "the package is neither a zip file nor an ELF shared object (its first bytes are those of "
                 "neither); upload "
                 "the .so itself or a zip with the .so at its top"};
  }
  return Ok();
}

}  // namespace

CodeFolders::CodeFolders(std::string root, Executor& executor)
    : root_(std::move(root)), disk_(executor, "hearth-code") {}

void CodeFolders::Store(std::string package, std::string library_name, ArtefactChecker& checker,
                        std::function<void(Result<CodeArtefact>)> reply) {
  using Reply = std::function<void(Result<CodeArtefact>)>;
  auto shared_reply = std::make_shared<Reply>(std::move(reply));
  auto artefact = std::make_shared<CodeArtefact>();
  artefact->size_bytes = package.size();

  const auto work = [root = root_, number = next_staging_++, package = std::move(package),
                     library_name = std::move(library_name), artefact]() -> Result<Staging> {
    HEARTH_TRY(CheckPackage(package));
    const Sha256Digest digest = Sha256(package);
    artefact->sha256_base64 = Base64Encode(AsText(digest));
    // A bare object is named by its handler: the same bytes under two names are two packages.
    const std::string suffix = package.starts_with(kElfMagic) ? "-" + library_name : "";
    const std::string hash = ToHex(AsText(digest)) + suffix;
    artefact->folder = root + "/" + hash;
    return Stage(root, hash, number, package, library_name);
  };
  const auto finish = [weak = weak_.Get(), artefact, shared_reply](const Staging& staging) {
    weak->disk_.Run<Status>([staging] { return Publish(staging); },
                            [weak, artefact, shared_reply](Status published) {
                              if (!weak) return;
                              if (!published.ok()) return (*shared_reply)(published.error());
                              (*shared_reply)(*artefact);
                            });
  };
  disk_.Run<Result<Staging>>(
      work, [weak = weak_.Get(), &checker, artefact, shared_reply, finish](Result<Staging> staged) {
        if (!weak) return;
        if (!staged.ok()) return (*shared_reply)(std::move(staged).error());
        Staging staging = std::move(staged).value();
        if (staging.already_there) return (*shared_reply)(*artefact);
        if (staging.zip.empty()) return finish(std::move(staging));
        const std::string zip = staging.zip, folder = staging.folder;
        checker.Unpack(zip, folder, [weak, staging, shared_reply, finish](Status unpacked) {
          if (!weak) return;
          if (unpacked.ok()) return finish(staging);
          weak->disk_.Submit([staging] { Discard(staging); });
          (*shared_reply)(unpacked.error());
        });
      });
}

void CodeFolders::StoreLayer(std::string zip, ArtefactChecker& checker,
                             std::function<void(Result<CodeArtefact>)> reply) {
  if (zip.starts_with(kElfMagic)) {
    disk_.Run<Status>(
        [] { return Ok(); },
        [reply = std::move(reply)](Status) {
          reply(Error{ErrorCode::kBadArtefact,
                      "the content of a layer is a zip, and this is an ELF file; put it into lib/ of a zip"});
        });
    return;
  }
  Store(std::move(zip), "", checker, std::move(reply));
}

void CodeFolders::MergeLayers(std::vector<std::string> layers, std::string code_folder,
                              std::function<void(Result<std::string>)> reply) {
  const auto work = [root = root_, number = next_staging_++, layers = std::move(layers),
                     code_folder = std::move(code_folder)]() -> Result<std::string> {
    std::string merged = layers.front();
    if (layers.size() > 1) {
      std::string names;
      for (const std::string& layer : layers) names += layer.substr(layer.rfind('/') + 1) + "\n";
      merged = root + "/layers-" + ToHex(AsText(Sha256(names)));
      const Staging staging{merged + "." + std::to_string(number) + ".new", "", merged, PathExists(merged)};
      Status made = staging.already_there ? Ok() : MergeFolders(layers, staging.folder);
      if (made.ok() && !staging.already_there) made = Publish(staging);
      if (!made.ok()) {
        Discard(staging);
        return made.error().WithContext("put the layers together");
      }
    }
    HEARTH_TRY(CheckUnpackedSize({code_folder, merged}));
    return merged;
  };
  disk_.Run<Result<std::string>>(work,
                                 [weak = weak_.Get(), reply = std::move(reply)](Result<std::string> merged) {
                                   if (weak) reply(std::move(merged));
                                 });
}

std::string CodeFolders::PathNow(const std::string& folder) const {
  return folder.empty() ? folder : root_ + folder.substr(folder.rfind('/'));
}

void CodeFolders::Collect(std::vector<std::string> kept) {
  if (held_) return;
  disk_.Submit([root = root_, kept = std::move(kept)]() mutable {
    std::sort(kept.begin(), kept.end());
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(root, failure)) {
      const std::string path = entry.path().string();
      if (!std::binary_search(kept.begin(), kept.end(), path)) (void)RemoveTree(path);
    }
  });
}

}  // namespace hearth
