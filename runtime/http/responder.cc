#include "runtime/http/responder.h"

#include <utility>

namespace hearth::http {

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Drop();
    sink_ = std::move(other.sink_);
  }
  return *this;
}

void Responder::Drop() {
  if (const auto sink = std::exchange(sink_, nullptr)) sink->Abandon();
}

void Responder::Send(Response response) {
  if (const auto sink = std::exchange(sink_, nullptr)) sink->Send(std::move(response));
}

void Responder::Begin(Response head) {
  if (sink_) sink_->Begin(std::move(head), std::nullopt);
}

void Responder::BeginSized(Response head, uint64_t length) {
  if (sink_) sink_->Begin(std::move(head), length);
}

void Responder::OnRoom(std::function<void()> callback) {
  if (sink_) sink_->OnRoom(std::move(callback));
}

void Responder::Write(std::string bytes) {
  if (sink_) sink_->Write(std::move(bytes));
}

void Responder::End() {
  if (const auto sink = std::exchange(sink_, nullptr)) sink->End();
}

void Responder::OnClientGone(std::function<void()> callback) {
  if (sink_) sink_->OnClientGone(std::move(callback));
}

}  // namespace hearth::http
