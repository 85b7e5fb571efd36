#include "runtime/loop/work_thread.h"

#include <algorithm>

#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {

TEST_CASE_METHOD(LoopFixture, "work runs in order on the thread, completions on the loop", "[loop]") {
  std::vector<int> done;
  bool on_loop = true;
  bool off_loop = true;
  WorkThread thread(*loop, "test");
  for (int i = 0; i < 100; ++i) {
    thread.Run<int>(
        [&, i] {
          off_loop = off_loop && std::this_thread::get_id() != loop_thread;
          return i;
        },
        [&](int value) {
          on_loop = on_loop && std::this_thread::get_id() == loop_thread;
          done.push_back(value);
        });
  }
  RunUntil([&] { return done.size() == 100; });
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(on_loop);
  CHECK(off_loop);
}

TEST_CASE_METHOD(LoopFixture, "what was submitted has run when the thread is gone", "[loop]") {
  std::atomic<int> ran = 0;
  {
    WorkThread thread(*loop, "test");
    for (int i = 0; i < 50; ++i) thread.Submit([&] { ++ran; });
  }
  CHECK(ran == 50);
}

}  // namespace hearth
