#include "runtime/control/hearth_backup.h"

#include "runtime/control/json_members.h"

namespace hearth {

void HearthBackup::Make(const ApiCallPtr& call) const {
  if (maker_ == nullptr) return call->Fail(Error{ErrorCode::kUnavailable, "backups are off"});
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  const JsonMembers in(*request);
  BackupRequest wanted;
  for (const Status& read :
       {in.Require("Folder"), in.Read("Folder", wanted.folder), in.Read("Logs", wanted.logs)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  maker_->Make(wanted, [call, folder = wanted.folder](const Result<BackupMade>& made) {
    if (!made.ok()) return call->Fail(made.error());
    call->AnswerJson(200, {{"Folder", folder},
                           {"Files", made->files},
                           {"Bytes", made->bytes},
                           {"LedgerRecords", made->ledger_records}});
  });
}

}  // namespace hearth
