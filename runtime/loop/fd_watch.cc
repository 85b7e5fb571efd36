#include "runtime/loop/fd_watch.h"

#include <uv.h>

namespace hearth {

// Outlives the watch by a turn of the loop, so that a callback may destroy its watch.
struct FdWatch::Uv {
  uv_poll_t poll;
  bool in_callback = false;
  bool closed = false;
  FdEvents events = FdEvents::kReadable;
  Loop* loop = nullptr;
  std::function<void(FdEvents)> on_ready;

  static void OnEvents(uv_poll_t* poll, int status, int events) {
    Uv* uv = static_cast<Uv*>(poll->data);
    const FdEvents ready = status < 0 || events == 0
                               ? uv->events
                               : static_cast<FdEvents>(events & static_cast<int>(FdEvents::kBoth));
    uv->loop->BeginTurn();
    uv->in_callback = true;
    uv->on_ready(ready);
    uv->in_callback = false;
    if (uv->closed) uv->on_ready = nullptr;
  }
};

static_assert(static_cast<int>(FdEvents::kReadable) == UV_READABLE);
static_assert(static_cast<int>(FdEvents::kWritable) == UV_WRITABLE);

Result<std::unique_ptr<FdWatch>> FdWatch::Create(Loop& loop, int fd, FdEvents events,
                                                 std::function<void(FdEvents ready)> on_ready) {
  DCHECK_TRUE(loop.OnLoopThread());
  auto uv = std::make_unique<Uv>();
  if (const int failed = uv_poll_init(loop.raw(), &uv->poll, fd); failed < 0) {
    return ErrnoError("watch descriptor " + std::to_string(fd), -failed);
  }
  uv->poll.data = uv.get();
  uv->loop = &loop;
  uv->on_ready = std::move(on_ready);
  std::unique_ptr<FdWatch> watch(new FdWatch);
  watch->uv_ = uv.release();
  HEARTH_TRY(watch->Change(events));
  return watch;
}

FdWatch::~FdWatch() {
  uv_->closed = true;
  if (!uv_->in_callback) uv_->on_ready = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&uv_->poll),
           [](uv_handle_t* closed) { delete static_cast<Uv*>(closed->data); });
}

Status FdWatch::Change(FdEvents events) {
  uv_->events = events;
  if (const int failed = uv_poll_start(&uv_->poll, static_cast<int>(events), &Uv::OnEvents); failed < 0) {
    return ErrnoError("watch a descriptor", -failed);
  }
  return Ok();
}

}  // namespace hearth
