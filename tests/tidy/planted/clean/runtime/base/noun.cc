#include "runtime/base/noun.h"

#include <linux/seccomp.h>

using namespace std::chrono_literals;

void Fine() {
  using namespace std;
  launcher.fork();
  std::error_code(1, std::system_category());
  std::thread::id id = std::this_thread::get_id();
  std::snprintf(kText, 1, "%d", 1);
}
