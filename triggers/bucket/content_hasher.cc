#include "triggers/bucket/content_hasher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace hearth {
namespace {

constexpr size_t kReadBytes = 256 << 10;

Error Changed() {
  return {ErrorCode::kPrecondition, "the object was changed while its content was to be hashed"};
}

}  // namespace

Result<std::unique_ptr<HashedFile>> HashedFile::Open(const BucketRoot& root, const std::string& key,
                                                     const ObjectIdentity& identity) {
  if (identity.size > kBytesMax) {
    return Error{ErrorCode::kTooLarge, "the object has " + std::to_string(identity.size) +
                                           " bytes; at most " + std::to_string(kBytesMax) + " are hashed"};
  }
  HEARTH_ASSIGN(const UniqueFd folder, OpenRoot(root));
  UniqueFd fd = OpenBeneath(folder.get(), key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd) return ErrnoError("open an object to hash it");
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return ErrnoError("stat an object to hash it");
  if (!S_ISREG(st.st_mode) || IdentityOf(st) != identity) return Changed();
  return std::unique_ptr<HashedFile>(new HashedFile(std::move(fd), identity));
}

Result<bool> HashedFile::Read(size_t bytes_max) {
  std::string block(std::min(bytes_max, kReadBytes), '\0');
  last_read_ = 0;
  while (last_read_ < bytes_max) {
    const ssize_t n = ::read(fd_.get(), block.data(), std::min(block.size(), bytes_max - last_read_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError("read an object to hash it");
    if (n == 0) {
      struct stat st {};
      if (::fstat(fd_.get(), &st) != 0 || IdentityOf(st) != identity_) return Changed();
      digest_ = stream_.Finish();
      return true;
    }
    stream_.Add(std::string_view(block).substr(0, static_cast<size_t>(n)));
    last_read_ += static_cast<size_t>(n);
  }
  return false;
}

void ContentHasher::Hash(const BucketRoot& root, const std::string& key, const ObjectIdentity& identity,
                         OnHashed hashed) {
  wanted_.push_back({root, key, identity, std::move(hashed)});
  if (wanted_.size() == 1) Begin();
}

void ContentHasher::Begin() {
  const Wanted& wanted = wanted_.front();
  using Opened = std::shared_ptr<Result<std::unique_ptr<HashedFile>>>;
  thread_.Run<Opened>(
      [root = wanted.root, key = wanted.key, identity = wanted.identity] {
        return std::make_shared<Result<std::unique_ptr<HashedFile>>>(HashedFile::Open(root, key, identity));
      },
      [weak = weak_.Get()](const Opened& opened) {
        if (!weak) return;
        if (!opened->ok()) return weak->Finish(opened->error());
        weak->ReadOn(std::move(**opened));
      });
}

void ContentHasher::ReadOn(std::shared_ptr<HashedFile> file) {
  thread_.Run<Step>(
      [file] {
        Result<bool> at_end = file->Read(kStepBytes);
        return Step{file, std::move(at_end), file->last_read()};
      },
      [weak = weak_.Get()](Step step) {
        if (weak) weak->OnStep(std::move(step));
      });
}

void ContentHasher::OnStep(Step step) {
  const auto cost = std::chrono::duration<double>(static_cast<double>(step.bytes) / kBytesPerS);
  allowed_at_ =
      std::max(allowed_at_, executor_.clock().Now()) + std::chrono::duration_cast<nanoseconds>(cost);
  if (!step.at_end.ok()) return Finish(step.at_end.error());
  if (*step.at_end) return Finish(step.file->hash());
  WhenAllowed([this, file = std::move(step.file)] { ReadOn(file); });
}

// What is owed for less than a timer can tell is paid with the next.
void ContentHasher::WhenAllowed(std::function<void()> next) {
  const nanoseconds owed = allowed_at_ - executor_.clock().Now();
  if (owed < milliseconds(1)) return next();
  next_ = executor_.After(owed, std::move(next));
}

void ContentHasher::Finish(Result<std::string> hash) {
  const OnHashed hashed = std::move(wanted_.front().hashed);
  wanted_.pop_front();
  if (!wanted_.empty()) WhenAllowed([this] { Begin(); });
  hashed(std::move(hash));
}

}  // namespace hearth
