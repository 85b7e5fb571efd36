#include "runtime/loop/signal_watch.h"

#include <uv.h>

namespace hearth {

struct SignalWatch::Uv {
  uv_signal_t signal;
  bool in_callback = false;
  bool closed = false;
  std::function<void()> on_signal;

  static void OnSignal(uv_signal_t* signal, int) {
    Uv* uv = static_cast<Uv*>(signal->data);
    uv->in_callback = true;
    uv->on_signal();
    uv->in_callback = false;
    if (uv->closed) uv->on_signal = nullptr;
  }
};

Result<std::unique_ptr<SignalWatch>> SignalWatch::Create(Loop& loop, int signal_number,
                                                         std::function<void()> on_signal) {
  DCHECK_TRUE(loop.OnLoopThread());
  const std::string what = "watch signal " + std::to_string(signal_number);
  auto uv = std::make_unique<Uv>();
  if (const int failed = uv_signal_init(loop.raw(), &uv->signal); failed < 0)
    return ErrnoError(what, -failed);
  uv->signal.data = uv.get();
  uv->on_signal = std::move(on_signal);
  std::unique_ptr<SignalWatch> watch(new SignalWatch);
  watch->uv_ = uv.release();
  const int failed = uv_signal_start(&watch->uv_->signal, &Uv::OnSignal, signal_number);
  if (failed < 0) return ErrnoError(what, -failed);
  return watch;
}

SignalWatch::~SignalWatch() {
  uv_->closed = true;
  if (!uv_->in_callback) uv_->on_signal = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&uv_->signal),
           [](uv_handle_t* closed) { delete static_cast<Uv*>(closed->data); });
}

}  // namespace hearth
