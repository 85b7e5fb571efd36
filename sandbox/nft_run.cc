#include "sandbox/nft_run.h"

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr const char* kPlaces[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"};
constexpr size_t kWordsMax = 500;

// Its first complaint, in one line and with nothing that a terminal obeys: nft quotes the script.
std::string WordsOf(const NftRun& run) {
  char text[kWordsMax];
  const ssize_t size = pread(run.words.get(), text, sizeof text, 0);
  std::string words(text, size > 0 ? static_cast<size_t>(size) : 0);
  words.resize(std::min(words.size(), words.find('\n')));
  for (char& c : words) c = c < 0x20 || c == 0x7f ? ' ' : c;
  return words;
}

}  // namespace

Result<std::string> FindNft(const std::string& chosen) {
  std::string tried;
  for (const std::string place : kPlaces) {
    const std::string& path = chosen.empty() ? place : chosen;
    if (access(path.c_str(), X_OK) == 0) return path;
    tried += (tried.empty() ? "" : ", ") + path;
    if (!chosen.empty()) break;
  }
  return Error{ErrorCode::kNotFound, "the program nft is not there (looked for " + tried +
                                         "): install Debian's package nftables and restart hearthd"};
}

Result<NftRun> StartNft(const std::string& program, const std::string& script) {
  HEARTH_ASSIGN(const UniqueFd input, MakeSealedMemfd("nft script", script));
  NftRun run;
  run.words.Reset(memfd_create("nft words", MFD_CLOEXEC));
  if (!run.words) return ErrnoError("memfd_create");
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, input.get(), 0);
  posix_spawn_file_actions_adddup2(&files, run.words.get(), 1);
  posix_spawn_file_actions_adddup2(&files, run.words.get(), 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  char* const arguments[] = {const_cast<char*>("nft"), const_cast<char*>("-f"), const_cast<char*>("-"),
                             nullptr};
  char* const environment[] = {nullptr};
  lseek(input.get(), 0, SEEK_SET);
  const int error = posix_spawn(&run.pid, program.c_str(), &files, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return ErrnoError("start " + program, error);
  return run;
}

Status NftVerdict(const NftRun& run, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Ok();
  const std::string words = WordsOf(run);
  return Error{ErrorCode::kIo, "nft took none of the rules: " +
                                   (words.empty() ? "wait status " + std::to_string(status) : words)};
}

Status RunNft(const std::string& program, const std::string& script) {
  HEARTH_ASSIGN(const NftRun run, StartNft(program, script));
  int status = 0;
  while (waitpid(run.pid, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoError("wait for nft");
  }
  return NftVerdict(run, status);
}

}  // namespace hearth
