#include "runtime/loop/turn_end.h"

#include <uv.h>

namespace hearth {

// While `again` is active, uv does not wait for events.
struct TurnEnd::Uv {
  uv_prepare_t end;
  uv_idle_t again;
  std::function<Next()> task;
  Loop* loop;

  static void OnEnd(uv_prepare_t* end) {
    Uv& uv = *static_cast<Uv*>(end->data);
    const Next next = uv.task();
    uv.loop->EndTurn();
    if (next == Next::kAtOnce) {
      uv_idle_start(&uv.again, [](uv_idle_t*) {});
    } else {
      uv_idle_stop(&uv.again);
    }
  }
};

// Neither keeps a loop alive that has nothing else.
std::unique_ptr<TurnEnd> TurnEnd::Create(Loop& loop, std::function<Next()> task) {
  DCHECK_TRUE(loop.OnLoopThread());
  Uv* const uv = new Uv;
  uv->task = std::move(task);
  uv->loop = &loop;
  uv_prepare_init(loop.raw(), &uv->end);
  uv_idle_init(loop.raw(), &uv->again);
  uv->end.data = uv->again.data = uv;
  uv_unref(reinterpret_cast<uv_handle_t*>(&uv->again));
  uv_prepare_start(&uv->end, &Uv::OnEnd);
  uv_unref(reinterpret_cast<uv_handle_t*>(&uv->end));
  return std::unique_ptr<TurnEnd>(new TurnEnd(uv));
}

TurnEnd::~TurnEnd() {
  uv_->task = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&uv_->end), [](uv_handle_t* closed) {
    Uv* const uv = static_cast<Uv*>(closed->data);
    uv_close(reinterpret_cast<uv_handle_t*>(&uv->again),
             [](uv_handle_t* last) { delete static_cast<Uv*>(last->data); });
  });
  uv_idle_stop(&uv_->again);
}

}  // namespace hearth
