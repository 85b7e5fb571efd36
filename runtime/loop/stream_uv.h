#pragma once

#include <uv.h>

#include "runtime/loop/stream.h"

namespace hearth {

// The part of a stream that libuv knows: outlives it by a turn of the loop, so that a callback may destroy
// its stream. For stream.cc and listener.cc.
struct Stream::Uv {
  uv_tcp_t tcp;
  Stream* owner = nullptr;  // null: the stream is destroyed
  bool in_callback = false;
  Callbacks callbacks;  // stay where they are while one runs

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }
  int fd() const {
    uv_os_fd_t fd = -1;
    uv_fileno(reinterpret_cast<const uv_handle_t*>(&tcp), &fd);
    return fd;
  }
  template <class Call>
  void Guarded(Call call);
  static void Close(Uv* uv);
};

}  // namespace hearth
