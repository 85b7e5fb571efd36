#include "runtime/base/pipe.h"

#include <fcntl.h>
#include <unistd.h>

namespace hearth {

Result<Pipe> MakePipe(PipeEnd kept) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ErrnoError("pipe");
  Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  const UniqueFd& ours = kept == PipeEnd::kRead ? pipe.read : pipe.write;
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoError("set O_NONBLOCK");
  return pipe;
}

}  // namespace hearth
