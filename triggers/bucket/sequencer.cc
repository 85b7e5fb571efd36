#include "triggers/bucket/sequencer.h"

#include <algorithm>
#include <charconv>

namespace hearth {

Sequencer::Sequencer(KeyStore& keys, const Clock& clock, const std::string& bucket)
    : keys_(keys), clock_(clock), key_("sequencer/" + bucket) {}

void Sequencer::Load(KeyStore::Done done) {
  keys_.Get(key_,
            [weak = weak_.Get(), done = std::move(done)](const Result<std::optional<std::string>>& text) {
              if (!weak) return;
              if (!text.ok()) return done(text.error());
              uint64_t mark = 0;
              if (*text) std::from_chars((*text)->data(), (*text)->data() + (*text)->size(), mark);
              weak->last_ = std::max(weak->last_, mark);
              weak->StoreMark([done](const Status&) { done(Ok()); });
            });
}

uint64_t Sequencer::Next() {
  const auto now = static_cast<uint64_t>(clock_.WallNow().time_since_epoch().count());
  last_ = std::max(last_ + 1, now);
  if (last_ + kAhead / 2 > mark_ && !storing_) StoreMark([](const Status&) {});
  return last_;
}

void Sequencer::StoreMark(KeyStore::Done done) {
  const auto now = static_cast<uint64_t>(clock_.WallNow().time_since_epoch().count());
  const uint64_t mark = std::max(last_, now) + kAhead;
  storing_ = true;
  keys_.Apply({{key_, std::to_string(mark)}},
              [weak = weak_.Get(), mark, done = std::move(done)](const Status& stored) {
                if (!weak) return;
                weak->storing_ = false;
                if (stored.ok()) weak->mark_ = mark;
                done(stored);
              });
}

}  // namespace hearth
