#pragma once

#include <deque>
#include <filesystem>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "runtime/registry/function_registry.h"
#include "runtime/store/memory_key_store.h"
#include "tests/unit/runtime/store/temporary_folder.h"
#include "tests/unit/runtime/store/test_executor.h"

namespace hearth {

// Unpacks a zip into one file with the zip's bytes; judges as it is told, and when.
class FakeChecker final : public ArtefactChecker {
 public:
  explicit FakeChecker(Executor& executor) : executor_(executor) {}

  void Unpack(std::string zip_path, std::string folder, Done done) override {
    ++unpacked;
    std::filesystem::copy_file(zip_path, folder + "/lib.so");
    Later(unpack_verdict, std::move(done));
  }
  void TrialLoad(const FunctionVersion& version, Done done) override {
    tried.push_back(version.function);
    Later(load_verdict, std::move(done));
  }
  void TakeSnapshot(const std::shared_ptr<const FunctionVersion>& version, OnSnapshot done) override {
    snapshots.push_back(version->function + ":" + version->version);
    Later(snapshot_verdict, [took = snapshot_took, done = std::move(done)](const Status& verdict) {
      done(verdict.ok() ? Result<nanoseconds>(took) : verdict.error());
    });
  }
  // What was held back since `held` was set.
  void LetGo() {
    held = false;
    for (auto& done : std::exchange(waiting_, {})) executor_.Post(std::move(done));
  }
  size_t waiting() const { return waiting_.size(); }

  Status unpack_verdict, load_verdict, snapshot_verdict;
  nanoseconds snapshot_took{200'000'000};
  std::vector<std::string> snapshots;
  bool held = false;
  int unpacked = 0;
  std::vector<std::string> tried;

 private:
  void Later(const Status& verdict, Done done) {
    auto told = [verdict, done = std::move(done)] { done(verdict); };
    if (held) {
      waiting_.push_back(std::move(told));
    } else {
      executor_.Post(std::move(told));
    }
  }
  Executor& executor_;
  std::deque<std::function<void()>> waiting_;
};

struct ReplacedVersions final : RegistryObserver {
  void OnReplaced(const FunctionVersionPtr& old_version, const FunctionVersionPtr& new_version) override {
    told.push_back(old_version->function + ":" + old_version->version +
                   (new_version ? " replaced" : " gone"));
  }
  void OnSnapshot(const FunctionVersionPtr& version, nanoseconds init) override {
    snapshots.push_back(version->function + ":" + version->version + " " + std::to_string(init.count()));
  }
  void OnNotReplaced(const FunctionVersionPtr& next) override { forgone.push_back(next->version); }
  std::vector<std::string> snapshots, forgone;
  std::vector<std::string> told;
};

inline const std::string kBareObject =
    "\x7f"
    "ELF bare";
inline std::string ZipOf(const std::string& text) { return "PK\x03\x04" + text; }

class CodeFixture {
 protected:
  CodeFixture() { Restart(); }

  void Restart() {
    code_.reset();
    code_.emplace(folder_.path(), executor_);
  }
  Result<CodeArtefact> Store(std::string package, std::string library = "lib.so") {
    return Await<CodeArtefact>(executor_, [&](auto reply) {
      code_->Store(std::move(package), std::move(library), checker_, std::move(reply));
    });
  }
  // The disk's thread works in order: when it has refused this, everything before it is done.
  void FinishDiskWork() { (void)Store("neither"); }
  std::set<std::string> Entries() {
    FinishDiskWork();
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      names.insert(entry.path().filename().string());
    return names;
  }
  std::string ContentOf(const CodeArtefact& artefact) {
    return ReadFile(artefact.folder + "/lib.so").value();
  }

  TemporaryFolder folder_;
  TestExecutor executor_;
  FakeChecker checker_{executor_};
  std::optional<CodeFolders> code_;
};

}  // namespace hearth
