#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/loop/manual_executor.h"
#include "runtime/store/ledger_format.h"
#include "runtime/store/ledger_log.h"

namespace hearth {

// A manual executor that other threads may post to. Time moves when the test says so; WaitFor() sleeps until
// posts come.
class PostingExecutor final : public Executor {
 public:
  void Post(std::function<void()> task) override {
    {
      const std::lock_guard lock(mutex_);
      posted_.push_back(std::move(task));
    }
    wake_.notify_one();
  }
  Timer After(std::chrono::nanoseconds delay, std::function<void()> task) override {
    return timers_.After(delay, std::move(task));
  }
  const Clock& clock() const override { return timers_.clock(); }

  void Advance(std::chrono::nanoseconds by) { timers_.Advance(by); }
  ManualClock& manual_clock() { return timers_.manual_clock(); }
  size_t timers_armed() const { return timers_.timers_armed(); }
  void WaitFor(const std::function<bool()>& reached) {
    while (!reached()) Next()();
  }

 private:
  std::function<void()> Next() {
    std::unique_lock lock(mutex_);
    REQUIRE(wake_.wait_for(lock, std::chrono::seconds(30), [this] { return !posted_.empty(); }));
    auto task = std::move(posted_.front());
    posted_.pop_front();
    return task;
  }

  ManualExecutor timers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;  // guarded by mutex_
};

class TemporaryFolder final {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/hearth-ledger-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { (void)RemoveTree(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// While it lives no file of this process may grow past `bytes`.
class FileSizeLimit final {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  sighandler_t before_handler_ = SIG_DFL;
};

// A ledger with small segments in a folder that goes with it.
class LedgerFixture {
 public:
  void Open() {
    auto opened = TryOpen();
    REQUIRE(opened.ok());
    log = std::move(opened->log);
    report = opened->report;
  }
  Result<LedgerLog::Opened> TryOpen() {
    Close();
    return LedgerLog::Open({.folder = folder.path(), .segment_bytes = kSegmentBytesMin}, executor);
  }
  void Close() { log.reset(); }

  // Until the log has heard that no segment could be made, then past its pause. Its other timer is the
  // linger.
  void LetItTryAgain() {
    executor.WaitFor([&] { return executor.timers_armed() == 2; });
    executor.Advance(milliseconds(250));
  }

  uint64_t Append(const std::string& record) {
    auto number = log->Append(record);
    REQUIRE(number.ok());
    return *number;
  }
  // Records 0.., each with its number in it and about `bytes` long.
  void AppendMany(uint64_t count, size_t bytes = 200) {
    for (uint64_t i = 0; i < count; ++i) Append(RecordText(log->size(), bytes));
  }
  static std::string RecordText(uint64_t number, size_t bytes = 200) {
    std::string text = "record " + std::to_string(number) + " ";
    while (text.size() < bytes + number % 7) text += static_cast<char>('a' + (number + text.size()) % 26);
    return text;
  }
  void Sync() {
    bool synced = false;
    log->Sync([&](Status status) {
      CHECK(status.ok());
      synced = true;
    });
    executor.WaitFor([&] { return synced; });
  }
  std::vector<std::string> ReadFrom(uint64_t from) const {
    std::vector<std::string> records;
    const Status read = log->Read(from, [&](uint64_t, std::string_view record) {
      records.emplace_back(record);
      return true;
    });
    CHECK(read.ok());
    return records;
  }
  std::string SegmentPath(uint64_t sequence) const { return folder.path() + "/" + SegmentName(sequence); }

  TemporaryFolder folder;
  PostingExecutor executor;
  std::unique_ptr<LedgerLog> log;
  LedgerLog::OpenReport report;
};

}  // namespace hearth
