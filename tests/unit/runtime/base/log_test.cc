#include "runtime/base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth {

TEST_CASE("a line each, from its level up, with control characters escaped", "[base]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const ManualClock clock;
  TextLog log(in.get(), clock, LogLevel::kInfo);
  log.Debug("unseen");
  log.Info("started", {{"port", "8080"}});
  log.Error("forged\n2026 error", {{"name", "a\x1b[0m"}});
  in.Reset();
  CHECK(ReadAll(out.get(), 1000).value() ==
        "2026-11-23T00:00:00.000Z info started port=8080\n"
        "2026-11-23T00:00:00.000Z error forged\\x0a2026 error name=a\\x1b[0m\n");
}

}  // namespace hearth
