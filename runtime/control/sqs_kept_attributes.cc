#include "runtime/control/sqs_kept_attributes.h"

#include <optional>

#include "runtime/control/json_members.h"

namespace hearth {
namespace {

std::string KeyOf(const std::string& queue) { return "sqs/attributes/" + queue; }

int64_t CreatedOf(const QueueDescription& queue) {
  return std::chrono::floor<milliseconds>(queue.created).time_since_epoch().count();
}

SqsKeptAttributes::Attributes Decode(const std::string& text, const QueueDescription& queue) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  SqsKeptAttributes::Attributes attributes;
  const JsonMembers in(document);
  if (!document.is_object() || document.value("created_ms", int64_t{0}) != CreatedOf(queue))
    return attributes;
  (void)in.Read("attributes", attributes).ok();
  return attributes;
}

}  // namespace

void SqsKeptAttributes::Load(const QueueDescription& queue,
                             std::function<void(Result<Attributes>)> reply) const {
  keys_.Get(KeyOf(queue.name),
            [queue, reply = std::move(reply)](const Result<std::optional<std::string>>& value) {
              if (!value.ok()) return reply(value.error());
              reply(*value ? Decode(**value, queue) : Attributes());
            });
}

void SqsKeptAttributes::Save(const QueueDescription& queue, const Attributes& attributes, Done done) {
  if (attributes.empty()) return Forget(queue.name, std::move(done));
  keys_.Apply({{KeyOf(queue.name), DumpJson({{"created_ms", CreatedOf(queue)}, {"attributes", attributes}})}},
              std::move(done));
}

void SqsKeptAttributes::Forget(const std::string& queue, Done done) {
  keys_.Apply({{KeyOf(queue), std::nullopt}}, std::move(done));
}

}  // namespace hearth
