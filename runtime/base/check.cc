#include "runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hearth {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: bug in hearth: this must hold and does not: %s\n", file, line, condition);
  std::abort();
}

}  // namespace hearth
