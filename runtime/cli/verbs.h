#pragma once

#include <vector>

#include "runtime/cli/command.h"

namespace hearth::cli {

// Each in a file of its own, verb_NAME.cc: how the verb is called, and what it does.
std::vector<Command> InitCommands();
std::vector<Command> UpCommands();
std::vector<Command> DeployCommands();
std::vector<Command> DevCommands();
std::vector<Command> LayerCommands();   // layer publish, ls, rm
std::vector<Command> SecretCommands();  // secret set, ls, rm
std::vector<Command> InvokeCommands();
std::vector<Command> FunctionCommands();  // ls, describe, rm
std::vector<Command> TagCommands();
std::vector<Command> ConcurrencyCommands();
std::vector<Command> AliasCommands();  // alias ls, set, rm; promote, rollback
std::vector<Command> AsyncCommands();
std::vector<Command> InvocationsCommands();  // ls, get, cancel, retry
std::vector<Command> LogsCommands();
std::vector<Command> BillCommands();
std::vector<Command> PlanCommands();
std::vector<Command> BudgetCommands();
std::vector<Command> LedgerCommands();
std::vector<Command> QueueCommands();
std::vector<Command> QueueLookCommands();     // queue ls, describe, peek
std::vector<Command> QueueRedriveCommands();  // queue redrive
std::vector<Command> QueueMappingCommands();  // queue mappings, pause, resume
std::vector<Command> BucketCommands();
std::vector<Command> BucketObjectCommands();
std::vector<Command> BucketWatchCommands();
std::vector<Command> EndpointCommands();  // url, route
std::vector<Command> StatusCommands();    // ps, info
std::vector<Command> BackupCommands();    // backup, restore
std::vector<Command> DoctorCommands();

}  // namespace hearth::cli
