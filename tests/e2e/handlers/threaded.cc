#include <condition_variable>
#include <mutex>
#include <thread>

#include <hearth/hearth.h>

// A static object of its starts a thread, as a library with a pool of threads does; it does the work of each event.

namespace {

using hearth::Context;
using hearth::json;

class Background final {
 public:
  Background() : thread_([this] { Work(); }) { thread_.detach(); }
  int Ask() {
    std::unique_lock lock(mutex_);
    const int asked = ++asked_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return answered_ >= asked; });
    return answered_;
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return answered_ < asked_; });
      answered_ = asked_;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int asked_ = 0, answered_ = 0;
  std::thread thread_;
};

Background background;

json Answer(const json&, Context&) { return {{"answered", background.Ask()}}; }

}  // namespace

HEARTH_HANDLER(Answer);
