#include "runtime/loop/loop_thread.h"

#include <future>

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("what is posted to a loop with a thread of its own runs there, in order", "[loop][loops]") {
  SystemClock clock;
  const auto loop = std::move(LoopThread::Create(clock)).value();
  std::promise<std::thread::id> ran_on;
  std::string order;
  loop->loop().Post([&order] { order += "a"; });  // before it runs
  loop->Start();
  loop->loop().Post([&] {
    order += "b";
    ran_on.set_value(std::this_thread::get_id());
  });
  CHECK(ran_on.get_future().get() != std::this_thread::get_id());
  loop->Stop();
  CHECK(order == "ab");
  CHECK(loop->loop().OnLoopThread());  // nobody runs it
  loop->Stop();
}

TEST_CASE("a loop that was never started is destroyed with what waits in it", "[loop][loops]") {
  SystemClock clock;
  auto held = std::make_shared<int>(1);
  {
    const auto loop = std::move(LoopThread::Create(clock)).value();
    loop->loop().Post([held] {});
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("there is a processor", "[loop][loops]") { CHECK(LoopThread::Processors() >= 1); }

}  // namespace hearth
