#include "runtime/loop/stream.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <uv.h>

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

// What the socket did not take at once; lives until uv has sent it.
struct Stream::PendingWrite {
  uv_write_t request;
  std::string first;
  std::string second;
};

void Stream::Uv::Close(Uv* uv) {
  uv->owner = nullptr;
  if (!uv->in_callback) uv->callbacks = {};
  uv_close(reinterpret_cast<uv_handle_t*>(&uv->tcp),
           [](uv_handle_t* closed) { delete static_cast<Uv*>(closed->data); });
}

template <class Call>
void Stream::Uv::Guarded(Call call) {
  in_callback = true;
  call();
  in_callback = false;
  if (!owner) callbacks = {};
}

Stream::Stream(Loop& loop) : loop_(loop), uv_(new Uv) {
  uv_tcp_init(loop.raw(), &uv_->tcp);
  uv_->tcp.data = uv_;
  uv_->owner = this;
}

Result<std::unique_ptr<Stream>> Stream::Adopt(Loop& loop, UniqueFd socket) {
  DCHECK_TRUE(loop.OnLoopThread());
  std::unique_ptr<Stream> stream(new Stream(loop));
  if (const int failed = uv_tcp_open(&stream->uv_->tcp, socket.get()); failed < 0) {
    return ErrnoError("adopt a socket", -failed);
  }
  socket.Release();
  uv_tcp_nodelay(&stream->uv_->tcp, 1);
  return stream;
}

Result<UniqueFd> Stream::Release(std::unique_ptr<Stream> stream) {
  DCHECK_TRUE(stream->bytes_unsent() == 0);
  UniqueFd socket(::fcntl(stream->uv_->fd(), F_DUPFD_CLOEXEC, 0));
  if (!socket.valid()) return ErrnoError("hand over a connection");
  return socket;
}

Stream::~Stream() { Uv::Close(uv_); }

void Stream::Start(Callbacks callbacks) {
  DCHECK_TRUE(loop_.OnLoopThread());
  uv_->callbacks = std::move(callbacks);
  ResumeReading();
}

void Stream::PauseReading() { uv_read_stop(uv_->stream()); }

void Stream::ResumeReading() {
  if (failed_ || end_of_file_) return;
  uv_read_start(
      uv_->stream(),
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        buffer->base = static_cast<Uv*>(handle->data)->owner->loop_.read_buffer();
        buffer->len = Loop::kReadBufferBytes;
      },
      [](uv_stream_t* handle, ssize_t bytes, const uv_buf_t* buffer) {
        static_cast<Uv*>(handle->data)->owner->OnRead(bytes, buffer->base);
      });
}

void Stream::OnRead(long bytes, const char* data) {
  loop_.BeginTurn();
  if (bytes == 0) return;  // would have blocked
  if (bytes > 0) {
    if (finishing_) return;
    Uv* uv = uv_;
    return uv->Guarded([&] { uv->callbacks.on_bytes(std::string_view(data, static_cast<size_t>(bytes))); });
  }
  end_of_file_ = true;
  if (bytes == UV_EOF) return Closed({ErrorCode::kCancelled, "the peer closed the connection"});
  Closed(ErrnoError("read from a connection", static_cast<int>(-bytes)));
}

void Stream::Closed(Error reason) {
  PauseReading();
  if (finishing_) {
    if (bytes_unsent() > 0 && reason.code == ErrorCode::kCancelled) return;  // it may still read
    return loop_.Forget(this);
  }
  if (failed_) return;
  failed_ = reason.code != ErrorCode::kCancelled;
  Uv* uv = uv_;
  if (uv->callbacks.on_closed) uv->Guarded([&] { uv->callbacks.on_closed(reason); });
}

void Stream::Write(std::string bytes) { Write(std::move(bytes), std::string()); }

void Stream::Write(std::string head, std::string body) {
  DCHECK_TRUE(loop_.OnLoopThread() && !finishing_);
  uv_buf_t buffers[2] = {uv_buf_init(head.data(), static_cast<unsigned>(head.size())),
                         uv_buf_init(body.data(), static_cast<unsigned>(body.size()))};
  const unsigned count = body.empty() ? 1 : 2;
  // An error shows again in uv_write(), whose callback comes later: never inside this call.
  const int tried = uv_try_write(uv_->stream(), buffers, count);
  const size_t sent = tried > 0 ? static_cast<size_t>(tried) : 0;
  if (sent == head.size() + body.size()) return;

  auto* write = new PendingWrite{{}, std::move(head), std::move(body)};
  const size_t from_head = std::min(sent, write->first.size());
  const size_t from_body = sent - from_head;
  buffers[0] =
      uv_buf_init(write->first.data() + from_head, static_cast<unsigned>(write->first.size() - from_head));
  buffers[1] =
      uv_buf_init(write->second.data() + from_body, static_cast<unsigned>(write->second.size() - from_body));
  write->request.data = write;
  const int refused =
      uv_write(&write->request, uv_->stream(), buffers, count, [](uv_write_t* request, int status) {
        Uv* uv = static_cast<Uv*>(request->handle->data);
        delete static_cast<PendingWrite*>(request->data);
        if (uv->owner && status != UV_ECANCELED) uv->owner->OnWritten(status);
      });
  if (refused < 0) delete write;  // a socket that never connected: cannot be, and the reader sees it too
}

void Stream::OnWritten(int status) {
  if (status < 0) return Closed(ErrnoError("write to a connection", -status));
  if (bytes_unsent() > 0) return;
  if (finishing_) return WaitForPeer();
  Uv* uv = uv_;
  if (!failed_ && uv->callbacks.on_drained) uv->Guarded([&] { uv->callbacks.on_drained(); });
}

uint64_t Stream::bytes_unsent() const { return uv_stream_get_write_queue_size(uv_->stream()); }

void Stream::FinishAndClose(std::unique_ptr<Stream> stream) {
  Stream* self = stream.get();
  self->finishing_ = true;
  if (!self->uv_->in_callback) self->uv_->callbacks = {};
  self->loop_.Keep(std::shared_ptr<Stream>(std::move(stream)));
  self->ResumeReading();
  self->WaitForPeer();
}

// Runs when FinishAndClose() begins, when everything is sent, and on each tick of its timer.
void Stream::WaitForPeer() {
  const uint64_t unsent = bytes_unsent();
  if (unsent > 0) {
    finish_timer_ = loop_.After(kFinishStallMax, [this, unsent] {
      if (bytes_unsent() == unsent) return loop_.Forget(this);
      WaitForPeer();
    });
    return;
  }
  if (end_of_file_) return loop_.Forget(this);
  ::shutdown(uv_->fd(), SHUT_WR);
  finish_timer_ = loop_.After(kLingerMax, [this] { loop_.Forget(this); });
}

std::string Stream::PeerAddress() const {
  sockaddr_storage address{};
  int size = sizeof(address);
  char text[INET6_ADDRSTRLEN] = "";
  if (uv_tcp_getpeername(&uv_->tcp, reinterpret_cast<sockaddr*>(&address), &size) < 0) return "";
  if (uv_ip_name(reinterpret_cast<sockaddr*>(&address), text, sizeof(text)) < 0) return "";
  return text;
}

}  // namespace hearth
