#include "runtime/daemon/loop_slots.h"

#include <utility>

#include "runtime/base/files.h"

namespace hearth {

Result<LoopSlots> LoopSlots::Open(const std::string& folder, size_t loops, size_t open_slots) {
  LoopSlots slots;
  slots.loops_ = loops;
  for (size_t number = 1;; ++number) {
    const std::string name = "." + std::to_string(number) + ".slots";
    Files files{folder + "/open" + name, folder + "/settled" + name, {}, {}};
    const bool lives = number <= loops;
    if (!lives && !PathExists(files.open_path) && !PathExists(files.settled_path)) return slots;
    HEARTH_ASSIGN(files.open, OpenSlots::Open(files.open_path, lives ? open_slots : 0));
    HEARTH_ASSIGN(files.settled, OpenSlots::Open(files.settled_path, lives ? kSettledSlots : 0));
    slots.files_.push_back(std::move(files));
  }
}

std::vector<OpenSlots::Opened*> LoopSlots::all() {
  std::vector<OpenSlots::Opened*> all;
  for (Files& files : files_) {
    all.push_back(&files.settled);
    all.push_back(&files.open);
  }
  return all;
}

Status LoopSlots::RemoveSpent() {
  while (files_.size() > loops_) {
    const Files& last = files_.back();
    if (last.open.slots->taken() + last.settled.slots->taken() > 0) return Ok();
    HEARTH_TRY(RemoveTree(last.open_path));
    HEARTH_TRY(RemoveTree(last.settled_path));
    files_.pop_back();
  }
  return Ok();
}

}  // namespace hearth
