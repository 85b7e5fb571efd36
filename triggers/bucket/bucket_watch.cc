#include "triggers/bucket/bucket_watch.h"

#include "triggers/bucket/bucket_settings.h"

namespace hearth {
namespace {

bool IsTemporaryFolder(const std::string& key) {
  return key.starts_with('.') || key.find("/.") != std::string::npos;
}

milliseconds Jittered(milliseconds mean, Random& random) {
  const int64_t quarter = mean.count() / 4;
  return mean - milliseconds(quarter) +
         milliseconds(random.Next64() % static_cast<uint64_t>(2 * quarter + 1));
}

}  // namespace

BucketWatch::BucketWatch(Services& services, InotifyTree::RootId id, std::string path, Observer& observer)
    : services_(services), id_(id), path_(std::move(path)), observer_(observer) {}

BucketWatch::~BucketWatch() { Stop(); }

void BucketWatch::Start() {
  stopped_ = false;
  Attach();
}

void BucketWatch::Stop() {
  stopped_ = true;
  timer_.Cancel();
  busy_.clear();
  hints_.clear();
  hinted_.clear();
  folders_.clear();
  if (tree()) tree()->Forget(id_, "");
}

void BucketWatch::Attach() {
  services_.disk.Run<Result<BucketRoot>>([path = path_] { return AttachRoot(path); },
                                         [weak = weak_.Get()](Result<BucketRoot> root) {
                                           if (weak) weak->OnAttached(std::move(root));
                                         });
}

void BucketWatch::OnAttached(Result<BucketRoot> root) {
  if (stopped_) return;
  if (!root.ok()) return OnRootLost(root.error().message);
  root_ = std::move(*root);
  state_ = State::kWatching;
  last_error_.clear();
  RequestScan();
}

void BucketWatch::OnRootLost(std::string why) {
  if (stopped_) return;
  if (tree()) tree()->Forget(id_, "");
  state_ = State::kMissing;
  last_error_ = why.empty() ? "bucket folder " + path_ + " was moved, deleted or unmounted" : std::move(why);
  root_.reset();
  folders_.clear();
  hints_.clear();
  hinted_.clear();
  busy_.clear();
  scan_complete_ = false;
  timer_ = services_.executor.After(services_.settings.attach_again_every, [this] { Attach(); });
}

void BucketWatch::Resume() { Pump(); }

void BucketWatch::RequestScan() {
  scan_wanted_ = true;
  Pump();
}

void BucketWatch::OnKey(std::string key, bool only_created) {
  if (!IsTemporaryKey(key)) Hint({std::move(key), only_created, false});
}

void BucketWatch::OnFolder(std::string key) {
  if (IsTemporaryFolder(key) || !root_) return;
  folders_.push_back(std::move(key));
  Pump();
}

// Which keys were in it only the receipts know, by their hashes: a scan sweeps them.
void BucketWatch::OnFolderMovedOut() { RequestScan(); }

void BucketWatch::OnOverflow() {
  ++overflows_;
  RequestScan();
}

void BucketWatch::Hint(KeyHint hint) {
  if (stopped_ || !root_) return;
  if (hints_.size() >= kHintsMax) {
    scan_wanted_ = true;
    scan_complete_ = false;
    return;
  }
  if (!hint.appeared && !hinted_.insert(hint.key).second) return;
  hints_.push_back(std::move(hint));
  Pump();
}

void BucketWatch::Pump() {
  if (stopped_ || !root_) return;
  if (!hints_.empty() && !examining_ && observer_.HasRoom()) ExamineSome();
  if (reading_) return;
  // A scan waits while much is under way: what it found would only be found again.
  if (hints_.size() > kHintsMax / 2) return;
  if (!folders_.empty()) return WatchSome();
  if (scanning_all_) return EndScan();
  if (scan_wanted_ && hints_.empty() && observer_.HasRoom()) BeginScan();
}

void BucketWatch::ExamineSome() {
  std::vector<KeyHint> some;
  while (!hints_.empty() && some.size() < kExaminedAtOnce) {
    hinted_.erase(hints_.front().key);
    some.push_back(std::move(hints_.front()));
    hints_.pop_front();
  }
  examining_ = true;
  const size_t asked = some.size();
  services_.disk.Run<std::vector<ExaminedKey>>(
      [root = *root_, some = std::move(some)] { return ExamineKeys(root, some); },
      [weak = weak_.Get(), root = *root_, asked](std::vector<ExaminedKey> examined) {
        if (weak) weak->OnExamined(root, std::move(examined), asked);
      });
}

void BucketWatch::OnExamined(const BucketRoot& root, std::vector<ExaminedKey> examined, size_t asked) {
  examining_ = false;
  if (stopped_ || !root_ || *root_ != root) return Pump();
  if (examined.size() != asked) return OnRootLost("");
  for (ExaminedKey& one : examined) {
    if (one.state == ExaminedKey::State::kBusy) {
      LookAgainLater(std::move(one.hint));
      continue;
    }
    busy_.erase(one.hint.key);
    if (one.state == ExaminedKey::State::kGone) observer_.OnGone(one.hint.key);
    if (one.state != ExaminedKey::State::kFinished) continue;
    ++(one.hint.from_scan ? found_by_scan_ : found_by_hint_);
    observer_.OnObject(one.hint.key, one.identity);
  }
  Pump();
}

// Its writer's close will tell - but the kernel tells of a close before the writer has quite let go, and a
// mapping is let go without a word.
void BucketWatch::LookAgainLater(KeyHint hint) {
  if (busy_.size() >= kHintsMax) {
    scan_wanted_ = true;
    return;
  }
  const std::string key = hint.key;
  const WatchSettings& settings = services_.settings;
  const auto found =
      busy_
          .try_emplace(key, BusyKey{std::move(hint), BackOff(settings.busy_first, settings.busy_longest), {}})
          .first;
  found->second.again = services_.executor.After(found->second.back_off.Next(services_.random), [this, key] {
    if (const auto busy = busy_.find(key); busy != busy_.end()) Hint(busy->second.hint);
  });
}

void BucketWatch::BeginScan() {
  scan_wanted_ = false;
  scanning_all_ = true;
  scan_complete_ = true;
  state_ = State::kScanning;
  polled_ = tree() == nullptr;
  timer_.Cancel();
  observer_.OnScanStarted();
  folders_.push_back("");
  WatchSome();
}

void BucketWatch::WatchSome() {
  if (!reader_) reader_ = std::make_shared<FolderReader>(*root_);
  auto root_fd = OpenRoot(*root_);
  if (!root_fd.ok()) {
    reader_.reset();
    scanning_all_ = false;
    return OnRootLost(root_fd.error().message);
  }
  for (size_t i = 0; i < kFoldersAtOnce && !folders_.empty(); ++i) {
    WatchFolder(root_fd->get(), folders_.front());
    reader_->Add(std::move(folders_.front()));
    folders_.pop_front();
  }
  ReadSome();
}

void BucketWatch::WatchFolder(int root_fd, const std::string& key) {
  if (!tree()) return;
  auto folder = OpenFolder(root_fd, key);
  if (!folder.ok()) return;  // the reader meets the same error, and tells
  if (auto watched = tree()->Watch(id_, key, folder->get()); !watched.ok()) {
    polled_ = true;
    last_error_ = watched.error().message;
  }
}

void BucketWatch::ReadSome() {
  reading_ = true;
  services_.disk.Run<FolderReader::Step>([reader = reader_] { return reader->Read(kEntriesAtOnce); },
                                         [weak = weak_.Get(), reader = reader_](FolderReader::Step step) {
                                           if (weak) weak->OnRead(reader, std::move(step));
                                         });
}

void BucketWatch::OnRead(const std::shared_ptr<FolderReader>& reader, FolderReader::Step step) {
  if (stopped_) return;
  if (!root_) {  // lost meanwhile; what was read is of the past
    reader_.reset();
    reading_ = false;
    if (std::exchange(scanning_all_, false)) observer_.OnScanFinished(/*complete=*/false);
    return;
  }
  for (std::string& folder : step.folders) folders_.push_back(std::move(folder));
  for (std::string& error : step.errors) {
    scan_complete_ = false;
    last_error_ = std::move(error);
  }
  for (FolderReader::File& file : step.files) {
    if (!observer_.IsSettled(file.key, file.identity)) Hint({std::move(file.key), false, true});
  }
  if (!step.at_end && reader == reader_) return ReadSome();
  reader_.reset();
  reading_ = false;  // not before: a hint pumps
  Pump();
}

void BucketWatch::EndScan() {
  scanning_all_ = false;
  state_ = State::kWatching;
  observer_.OnScanFinished(scan_complete_);
  ArmReconcile();
}

void BucketWatch::ArmReconcile() {
  const milliseconds mean = polled_ ? services_.settings.polled_every : services_.settings.reconcile_every;
  timer_ = services_.executor.After(Jittered(mean, services_.random), [this] { RequestScan(); });
}

std::string_view NameOf(BucketWatch::State state) {
  switch (state) {
    case BucketWatch::State::kMissing:
      return "Missing";
    case BucketWatch::State::kScanning:
      return "Scanning";
    case BucketWatch::State::kWatching:
      return "Watching";
  }
  return "Unknown";
}

}  // namespace hearth
