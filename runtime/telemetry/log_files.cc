#include "runtime/telemetry/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <optional>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/base/files.h"
#include "runtime/model/platform_event.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// Before a line's texts. Little-endian, as all hosts of ours are.
struct LineHead {
  uint8_t format = 1;
  uint8_t source = 0;
  uint8_t level = 0;
  uint8_t zero = 0;
  uint32_t version_bytes = 0;
  uint64_t number = 0;
  int64_t time_us = 0;
  uint32_t request_id_bytes = 0;
  uint32_t message_bytes = 0;
};
static_assert(sizeof(LineHead) == 32);
struct FrameHead {
  uint32_t bytes = 0;  // that follow
  uint32_t crc = 0;    // of them
};
// Longer ones are none: a line and its fields have 256 KiB, four times that when escaped.
constexpr uint32_t kFrameBytesMax = 4 << 20;
// More lines than a segment can have: numbers of a new life begin past them.
constexpr uint64_t kSegmentLinesMax = uint64_t{1} << 20;
// What goes at once when all functions together are over the limit.
constexpr uint64_t kTotalShare = 16;

void AppendFrame(std::string& frames, uint64_t number, const HandlerLogLine& line) {
  LineHead head;
  head.source = static_cast<uint8_t>(line.source);
  head.level = line.level;
  head.version_bytes = static_cast<uint32_t>(line.version.size());
  head.number = number;
  head.time_us = line.time.time_since_epoch().count();
  head.request_id_bytes = static_cast<uint32_t>(line.request_id.size());
  head.message_bytes = static_cast<uint32_t>(line.message.size());
  FrameHead frame;
  const size_t begin = frames.size() + sizeof frame;
  frames.append(sizeof frame, '\0').append(reinterpret_cast<const char*>(&head), sizeof head);
  frames.append(line.version).append(line.request_id).append(line.message).append(line.fields_json);
  const std::string_view payload = std::string_view(frames).substr(begin);
  frame.bytes = static_cast<uint32_t>(payload.size());
  frame.crc = Crc32(payload);
  std::memcpy(&frames[begin - sizeof frame], &frame, sizeof frame);
}

// The line at `at`, which moves on; nothing at the end, or where none can be read.
std::optional<StoredLogLine> TakeFrame(std::string_view bytes, size_t& at) {
  FrameHead frame;
  LineHead head;
  if (bytes.size() - at < sizeof frame + sizeof head) return std::nullopt;
  std::memcpy(&frame, &bytes[at], sizeof frame);
  const size_t begin = at + sizeof frame;
  if (frame.bytes < sizeof head || frame.bytes > kFrameBytesMax || frame.bytes > bytes.size() - begin)
    return std::nullopt;
  std::string_view payload = bytes.substr(begin, frame.bytes);
  if (Crc32(payload) != frame.crc) return std::nullopt;
  std::memcpy(&head, payload.data(), sizeof head);
  payload.remove_prefix(sizeof head);
  const uint64_t texts = uint64_t{head.version_bytes} + head.request_id_bytes + head.message_bytes;
  if (head.format != 1 || texts > payload.size()) return std::nullopt;
  const auto take = [&](size_t size) {
    const std::string_view text = payload.substr(0, size);
    payload.remove_prefix(size);
    return std::string(text);
  };
  StoredLogLine line{.number = head.number, .time = WallTime(microseconds(head.time_us))};
  line.source = static_cast<LogSource>(head.source);
  line.level = head.level;
  line.version = take(head.version_bytes);
  line.request_id = take(head.request_id_bytes);
  line.message = take(head.message_bytes);
  line.fields_json = payload;
  at = begin + frame.bytes;
  return line;
}

std::string SegmentName(uint64_t first_number) {
  char name[32];
  std::snprintf(name, sizeof name, "%016llx.log", static_cast<unsigned long long>(first_number));
  return name;
}

std::optional<uint64_t> NumberOfSegment(const std::string& name) {
  uint64_t number = 0;
  if (name.size() != 20 || !name.ends_with(".log")) return std::nullopt;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + 16, number, 16);
  if (failed != std::errc() || end != name.data() + 16) return std::nullopt;
  return number;
}

uint64_t ReadCount(const std::string& path) {
  const auto text = ReadFile(path);
  uint64_t count = 0;
  if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), count);
  return count;
}

std::string LostText(uint64_t lines) {
  return "[" + std::to_string(lines) + " lines are missing here: the disk did not take them]";
}

}  // namespace

// The segments of all functions. The thread's alone, once it is open.
class LogFiles::Shelf {
 public:
  explicit Shelf(const Options& options) : options_(options) {}

  Status Load() {
    HEARTH_TRY(MakeFolders(options_.folder, 0750));
    std::error_code failure;
    for (fs::directory_iterator entry(options_.folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      if (entry->is_directory(failure)) LoadFunction(entry->path());
    }
    if (failure) return ErrnoError("read the folder of logs " + options_.folder, failure.value());
    return Ok();
  }
  uint64_t first_free_number() const { return last_segment_ == 0 ? 1 : last_segment_ + kSegmentLinesMax; }

  // The lines of the batch that the disk did not take.
  uint64_t Write(const std::string& name, const Batch& batch, WallTime now) {
    Function& function = functions_[name];
    if (!function.open || function.segments.back().bytes + batch.frames.size() > options_.segment.count) {
      if (!MakeFolders(FolderOf(name), 0750).ok()) return batch.lines;
      function.segments.push_back({.first = batch.first_number, .bytes = 0, .newest = now});
      function.open = true;
    }
    Segment& segment = function.segments.back();
    const std::string path = FolderOf(name) + "/" + SegmentName(segment.first);
    const auto file = OpenFile(path, O_WRONLY | O_CREAT, 0640);
    if (!file.ok() || !WriteAt(file->get(), batch.frames, segment.bytes)) {
      if (file.ok()) (void)::ftruncate(file->get(), static_cast<off_t>(segment.bytes));
      return batch.lines;
    }
    segment.bytes += batch.frames.size();
    segment.newest = now;
    function.bytes += batch.frames.size();
    bytes_ += batch.frames.size();
    MakeRoom(name, function, now);
    return 0;
  }

  Page Read(const Query& query) const {
    Page page;
    if (const uint64_t forgotten = ReadCount(ForgottenPath(query.function)))
      page.forgotten = WallTime(microseconds(forgotten));
    const auto found = functions_.find(query.function);
    if (found == functions_.end()) return page;
    const Function& function = found->second;
    std::deque<StoredLogLine> newest;
    uint64_t bytes = 0;
    auto segment = function.segments.rbegin();
    for (; segment != function.segments.rend() && !page.more; ++segment) {
      if (segment->first >= query.before) continue;
      if (segment->newest < query.since) break;
      std::vector<StoredLogLine> lines = LinesOf(query, *segment);
      for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
        bytes += sizeof(StoredLogLine) + line->message.size() + line->fields_json.size();
        page.more = newest.size() == query.lines_max || bytes > query.bytes_max.count;
        if (page.more) break;
        newest.push_front(std::move(*line));
      }
    }
    if (!page.more && segment == function.segments.rend())
      page.dropped = ReadCount(DroppedPath(query.function));
    page.lines.assign(std::make_move_iterator(newest.begin()), std::make_move_iterator(newest.end()));
    return page;
  }

  void Forget(const std::string& name, WallTime now) {
    if (const auto found = functions_.find(name); found != functions_.end()) {
      bytes_ -= found->second.bytes;
      functions_.erase(found);
    }
    (void)RemoveTree(FolderOf(name));
    if (MakeFolders(FolderOf(name), 0750).ok())
      (void)WriteFileAtomically(ForgottenPath(name), std::to_string(now.time_since_epoch().count()), 0640);
  }

  void DropAged(WallTime now) {
    for (auto& [name, function] : functions_) DropAged(name, function, now);
  }

 private:
  struct Segment {
    uint64_t first = 0;
    uint64_t bytes = 0;
    WallTime newest{};  // when it was last written
  };
  struct Function {
    std::deque<Segment> segments;  // oldest first
    uint64_t bytes = 0;
    bool open = false;  // the newest segment is of this life
  };
  using Functions = std::map<std::string, Function, std::less<>>;

  std::string FolderOf(std::string_view name) const { return options_.folder + "/" + std::string(name); }
  std::string ForgottenPath(std::string_view name) const { return FolderOf(name) + "/forgotten"; }
  std::string DroppedPath(std::string_view name) const { return FolderOf(name) + "/dropped"; }

  static bool WriteAt(int fd, std::string_view bytes, uint64_t offset) {
    return ::lseek(fd, static_cast<off_t>(offset), SEEK_SET) >= 0 && WriteAll(fd, bytes).ok();
  }

  void LoadFunction(const fs::path& folder) {
    Function function;
    std::error_code failure;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      const auto first = NumberOfSegment(entry->path().filename().string());
      struct stat st {};
      if (!first || ::stat(entry->path().c_str(), &st) != 0) continue;
      function.segments.push_back(
          {*first, static_cast<uint64_t>(st.st_size), WallTime(seconds(st.st_mtim.tv_sec + 1))});
      function.bytes += static_cast<uint64_t>(st.st_size);
    }
    std::sort(function.segments.begin(), function.segments.end(),
              [](const Segment& a, const Segment& b) { return a.first < b.first; });
    if (function.segments.empty()) return;
    last_segment_ = std::max(last_segment_, function.segments.back().first);
    bytes_ += function.bytes;
    functions_.emplace(folder.filename().string(), std::move(function));
  }

  std::string BytesOf(std::string_view name, const Segment& segment) const {
    auto bytes = ReadFile(FolderOf(name) + "/" + SegmentName(segment.first));
    return bytes.ok() ? std::move(bytes).value() : std::string();
  }
  std::vector<StoredLogLine> LinesOf(const Query& query, const Segment& segment) const {
    const std::string bytes = BytesOf(query.function, segment);
    std::vector<StoredLogLine> lines;
    for (size_t at = 0; auto line = TakeFrame(bytes, at);) {
      if (line->number >= query.before) break;
      if (line->time < query.since) continue;
      if (!query.request_id.empty() && line->request_id != query.request_id) continue;
      lines.push_back(std::move(*line));
    }
    return lines;
  }

  void DropOldest(std::string_view name, Function& function) {
    const Segment oldest = function.segments.front();
    const std::string bytes = BytesOf(name, oldest);
    uint64_t lines = 0;
    for (size_t at = 0; TakeFrame(bytes, at);) ++lines;
    (void)WriteFileAtomically(DroppedPath(name), std::to_string(ReadCount(DroppedPath(name)) + lines), 0640);
    ::unlink((FolderOf(name) + "/" + SegmentName(oldest.first)).c_str());
    function.bytes -= oldest.bytes;
    bytes_ -= oldest.bytes;
    function.segments.pop_front();
    if (function.segments.empty()) function.open = false;
  }
  void DropAged(std::string_view name, Function& function, WallTime now) {
    while (!function.segments.empty() && function.segments.front().newest < now - options_.age_max)
      DropOldest(name, function);
  }
  void MakeRoom(std::string_view name, Function& function, WallTime now) {
    DropAged(name, function, now);
    while (function.segments.size() > 1 &&
           (function.bytes > options_.function_max.count || function.segments.size() > kSegmentsMax))
      DropOldest(name, function);
    if (bytes_ <= options_.total_max.count) return;
    while (bytes_ > options_.total_max.count - options_.total_max.count / kTotalShare && DropOldestOfAll()) {
    }
  }
  bool DropOldestOfAll() {
    auto oldest = functions_.end();
    for (auto at = functions_.begin(); at != functions_.end(); ++at) {
      if (at->second.segments.empty()) continue;
      if (oldest == functions_.end() ||
          at->second.segments.front().first < oldest->second.segments.front().first)
        oldest = at;
    }
    if (oldest == functions_.end()) return false;
    DropOldest(oldest->first, oldest->second);
    return true;
  }

  const Options& options_;
  Functions functions_;
  uint64_t bytes_ = 0;
  uint64_t last_segment_ = 0;  // of all, by its first number; as it was loaded
};

Result<std::unique_ptr<LogFiles>> LogFiles::Open(Options options, Executor& executor) {
  auto files = std::unique_ptr<LogFiles>(new LogFiles(std::move(options), executor));
  HEARTH_TRY(files->shelf_->Load());
  const auto now = static_cast<uint64_t>(executor.clock().WallNow().time_since_epoch().count());
  files->first_free_number_ = std::max(now, files->shelf_->first_free_number());
  files->SweepLater();
  return files;
}

LogFiles::LogFiles(Options options, Executor& executor)
    : options_(std::move(options)),
      executor_(executor),
      shelf_(std::make_unique<Shelf>(options_)),
      thread_(executor, "logs") {}

LogFiles::~LogFiles() { WritePending(); }

void LogFiles::Append(uint64_t number, const HandlerLogLine& line) {
  auto found = pending_.find(line.function);
  if (found == pending_.end()) found = pending_.try_emplace(std::string(line.function)).first;
  Batch& batch = found->second;
  if (pending_bytes_ + writing_bytes_ >= options_.pending_max.count) return Lose(batch, 1);
  const size_t before = batch.frames.size();
  if (batch.lines == 0) batch.first_number = number;
  if (batch.lost > 0) {
    const std::string text = LostText(batch.lost);
    const std::string event = LogsDroppedEvent(text, std::exchange(batch.lost, 0), 0);
    HandlerLogLine missing;
    missing.time = line.time;
    missing.source = LogSource::kPlatform;
    missing.message = text;
    missing.level = kLogWarn;
    missing.fields_json = event;
    AppendFrame(batch.frames, number, missing);
  }
  AppendFrame(batch.frames, number, line);
  ++batch.lines;
  pending_bytes_ += batch.frames.size() - before;
  if (batch.frames.size() >= options_.segment.count) return WritePending();
  if (!flush_.armed()) flush_ = executor_.After(kFlushEvery, [this] { WritePending(); });
}

void LogFiles::Lose(Batch& batch, uint64_t lines) {
  batch.lost += lines;
  lost_ += lines;
}

void LogFiles::WritePending() {
  flush_.Cancel();
  if (pending_bytes_ == 0) return;
  auto batches = std::make_shared<Pending>();
  for (auto at = pending_.begin(); at != pending_.end();) {
    // What was lost behind these lines is told before the next one that is written.
    const uint64_t lost = std::exchange(at->second.lost, 0);
    if (at->second.lines > 0) batches->emplace(at->first, std::exchange(at->second, {}));
    at->second.lost = lost;
    at = lost > 0 ? std::next(at) : pending_.erase(at);
  }
  const uint64_t bytes = std::exchange(pending_bytes_, 0);
  writing_bytes_ += bytes;
  using Lost = std::vector<std::pair<std::string, uint64_t>>;
  thread_.Run<Lost>(
      [this, batches, now = executor_.clock().WallNow()] {
        Lost lost;
        for (const auto& [name, batch] : *batches) {
          if (const uint64_t lines = shelf_->Write(name, batch, now)) lost.emplace_back(name, lines);
        }
        return lost;
      },
      [weak = weak_.Get(), bytes](const Lost& lost) {
        if (!weak) return;
        weak->writing_bytes_ -= bytes;
        for (const auto& [name, lines] : lost) weak->Lose(weak->pending_[name], lines);
      });
}

void LogFiles::Read(Query query, std::function<void(Page)> done) {
  WritePending();
  thread_.Run<Page>([this, query = std::move(query)] { return shelf_->Read(query); },
                    [weak = weak_.Get(), done = std::move(done)](Page page) {
                      if (weak) done(std::move(page));
                    });
}

void LogFiles::Forget(std::string_view function) {
  if (const auto found = pending_.find(function); found != pending_.end()) {
    pending_bytes_ -= found->second.frames.size();
    pending_.erase(found);
  }
  thread_.Submit(
      [this, name = std::string(function), now = executor_.clock().WallNow()] { shelf_->Forget(name, now); });
}

void LogFiles::SweepLater() {
  sweep_ = executor_.After(kSweepEvery, [this] {
    thread_.Submit([this, now = executor_.clock().WallNow()] { shelf_->DropAged(now); });
    SweepLater();
  });
}

}  // namespace hearth
