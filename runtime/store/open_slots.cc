#include "runtime/store/open_slots.h"

#include <cstring>
#include <utility>

#include "runtime/base/files.h"

namespace hearth {
namespace {

// The frame of a record, numbered by the slot: a slot that turns up in another place is not believed.
std::string EncodeSlot(uint64_t index, std::string_view payload) {
  std::string frame(FrameBytes(payload.size()), '\0');
  std::memcpy(&frame[kFrameHeaderBytes], payload.data(), payload.size());
  const auto length = static_cast<uint32_t>(payload.size());
  StoreNumber(&frame[0], length);
  StoreNumber(&frame[4], FrameCrc(index, length, std::string_view(frame).substr(kFrameHeaderBytes)));
  return frame;
}

// The header has the first slot's place.
constexpr size_t OffsetOf(uint64_t index) { return (1 + index) * OpenSlots::kSlotBytes; }

void ReadSlots(std::string_view bytes, std::vector<std::string>& payloads, uint64_t& damaged) {
  for (uint64_t index = 0; OffsetOf(index + 1) <= bytes.size(); ++index) {
    const std::string_view slot = bytes.substr(OffsetOf(index), OpenSlots::kSlotBytes);
    if (LoadNumber<uint32_t>(slot.data()) == 0) continue;  // free
    const auto payload = ReadFrame(slot, 0, index);
    if (payload) {
      payloads.emplace_back(*payload);
    } else {
      ++damaged;
    }
  }
}

}  // namespace

OpenSlots::OpenSlots(std::unique_ptr<LedgerSegment> file, size_t capacity, size_t taken)
    : file_(std::move(file)), capacity_(capacity) {
  for (size_t index = capacity; index > taken; --index) free_.push_back(static_cast<uint32_t>(index - 1));
}

Result<OpenSlots::Opened> OpenSlots::Open(const std::string& path, size_t slots) {
  Opened opened;
  std::vector<std::string> payloads;
  const auto old = ReadFile(path);
  if (!old.ok() && old.error().code != ErrorCode::kNotFound) return old.error();
  if (old.ok()) {
    switch (CheckHeader(*old, kSlotsMagic)) {
      case BlockState::kOtherVersion:
        return Error{ErrorCode::kUnsupported, "open slots " + path + " have another format version than " +
                                                  std::to_string(kLedgerVersion) +
                                                  ": start the release that wrote them"};
      case BlockState::kValid:
        ReadSlots(*old, payloads, opened.damaged);
        if (opened.damaged > 0)
          opened.detail = std::to_string(opened.damaged) + " slots of " + path + " are damaged";
        break;
      case BlockState::kEmpty:
      case BlockState::kDamaged:
        ++opened.damaged;
        opened.detail = "the header of " + path + " is damaged: what was under way is not known";
    }
  }
  // Written in full and synced, so that every block is there: a hole on a full disk would be SIGBUS.
  const size_t capacity = slots + payloads.size();
  std::string bytes(OffsetOf(capacity), '\0');
  const LedgerBlock header = EncodeSlotsHeader(kSlotBytes, capacity);
  std::memcpy(bytes.data(), header.data(), header.size());
  for (size_t index = 0; index < payloads.size(); ++index) {
    const std::string slot = EncodeSlot(index, payloads[index]);
    std::memcpy(&bytes[OffsetOf(index)], slot.data(), slot.size());
    opened.left.push_back({Id(index), std::move(payloads[index])});
  }
  HEARTH_TRY(WriteFileAtomically(path, bytes, 0640));
  HEARTH_ASSIGN(auto file, LedgerSegment::Map(path, LedgerSegment::Access::kWrite));
  opened.slots.reset(new OpenSlots(std::move(file), capacity, opened.left.size()));
  return opened;
}

Result<OpenSlots::Id> OpenSlots::Put(std::string_view payload) {
  if (payload.empty() || payload.size() > kPayloadBytesMax) {
    return Error{ErrorCode::kTooLarge, "open slot: " + std::to_string(payload.size()) + " bytes, 1 to " +
                                           std::to_string(kPayloadBytesMax) + " are possible"};
  }
  if (free_.empty()) {
    return Error{ErrorCode::kUnavailable,
                 "open slot: all " + std::to_string(capacity_) + " are taken by work under way"};
  }
  const Id slot(free_.back());
  free_.pop_back();
  file_->SetEnd(OffsetOf(slot.value()));
  file_->Append(slot.value(), payload);  // length last: killed half-way, the slot is free
  return slot;
}

void OpenSlots::Free(Id slot) {
  file_->ClearLength(OffsetOf(slot.value()));
  free_.push_back(static_cast<uint32_t>(slot.value()));
}

}  // namespace hearth
