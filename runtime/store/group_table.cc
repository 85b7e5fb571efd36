#include "runtime/store/group_table.h"

namespace hearth {

Result<GroupTable::Joined> GroupTable::Join(int64_t heap, std::string_view name, int64_t message,
                                            bool delayed) {
  {
    auto row = database_.Query("SELECT id FROM message_group WHERE heap=?1 AND name=?2", heap, name);
    HEARTH_ASSIGN(const bool found, row.Step());
    if (found) return Joined{row.Int(0), false};
  }
  const GroupState state = delayed ? GroupState::kDelayed : GroupState::kReady;
  HEARTH_TRY(database_.Run("INSERT INTO message_group(heap,name,state,head,in_flight) VALUES(?1,?2,?3,?4,0)",
                           heap, name, static_cast<int64_t>(state), message));
  return Joined{database_.last_insert_id(), !delayed};
}

Result<std::optional<GroupTable::Group>> GroupTable::NextReady(int64_t heap, int64_t after) {
  auto row = database_.Query(
      "SELECT id,head FROM message_group INDEXED BY message_group_ready"
      " WHERE state=0 AND heap=?1 AND head>?2 ORDER BY head LIMIT 1",
      heap, after);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(Group{row.Int(0), row.Int(1)}) : std::nullopt;
}

Status GroupTable::Leased(int64_t group, int64_t messages) {
  return database_.Run("UPDATE message_group SET state=1,in_flight=in_flight+?2 WHERE id=?1", group,
                       messages);
}

Result<bool> GroupTable::LeaseEnded(int64_t group) {
  int64_t left = 0;
  {
    auto row = database_.Query(
        "UPDATE message_group SET in_flight=in_flight-1 WHERE id=?1 RETURNING in_flight", group);
    HEARTH_ASSIGN(const bool found, row.Step());
    if (!found) return false;
    left = row.Int(0);
    HEARTH_ASSIGN(const bool another, row.Step());  // an update is done when its rows have been read
    (void)another;
  }
  if (left > 0) return false;
  return Settle(group);
}

Result<bool> GroupTable::Settle(int64_t group) {
  int64_t head = 0;
  bool delayed = false;
  {
    auto row = database_.Query(
        "SELECT m.id,d.state FROM message m INDEXED BY message_member LEFT JOIN delivery d ON d.id=m.id"
        " WHERE m.member_of=?1 ORDER BY m.id LIMIT 1",
        group);
    HEARTH_ASSIGN(const bool found, row.Step());
    if (found) head = row.Int(0);
    delayed = found && static_cast<MessageState>(row.Int(1)) == MessageState::kDelayed;
  }
  if (head == 0) {
    HEARTH_TRY(database_.Run("DELETE FROM message_group WHERE id=?1", group));
    return false;
  }
  const GroupState idle = delayed ? GroupState::kDelayed : GroupState::kReady;
  auto row = database_.Query(
      "UPDATE message_group SET head=?2,state=iif(in_flight>0,1,?3) WHERE id=?1 RETURNING state", group, head,
      static_cast<int64_t>(idle));
  HEARTH_ASSIGN(const bool found, row.Step());
  const bool ready = found && static_cast<GroupState>(row.Int(0)) == GroupState::kReady;
  if (found) {
    HEARTH_ASSIGN(const bool another, row.Step());
    (void)another;
  }
  return ready;
}

Result<bool> GroupTable::Erase(int64_t heap, uint32_t count) {
  HEARTH_TRY(database_.Run(
      "DELETE FROM message_group WHERE id IN (SELECT id FROM message_group WHERE heap=?1 LIMIT ?2)", heap,
      count));
  return database_.rows_changed() == count;
}

}  // namespace hearth
