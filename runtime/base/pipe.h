#pragma once

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace hearth {

// Two open descriptions: what one end's holder does to its own (O_NONBLOCK, say) does not reach the other.
struct Pipe {
  UniqueFd read, write;
};
enum class PipeEnd { kRead, kWrite };
// Closed on exec, both; the end that is kept here never blocks.
Result<Pipe> MakePipe(PipeEnd kept);

}  // namespace hearth
