#pragma once

// CHECK is for bugs of ours, on in release: it prints the place and aborts. What a caller, an operator or the
// host can cause is a Result (result.h); what user code did is a value (model/outcome.h).

namespace hearth {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace hearth

#define CHECK_TRUE(condition) \
  (static_cast<bool>(condition) ? (void)0 : ::hearth::CheckFailed(__FILE__, __LINE__, #condition))

// Costs that only a debug build should pay, such as "am I on the loop's thread?".
#ifdef NDEBUG
#define DCHECK_TRUE(condition) ((void)0)
#else
#define DCHECK_TRUE(condition) CHECK_TRUE(condition)
#endif
