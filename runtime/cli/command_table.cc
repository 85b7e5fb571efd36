#include "runtime/cli/command_table.h"

#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

std::vector<Command> Listed() {
  std::vector<Command> all;
  for (const auto& commands :
       {InitCommands(),         UpCommands(),          DeployCommands(),      DevCommands(),
        InvokeCommands(),       FunctionCommands(),    TagCommands(),         ConcurrencyCommands(),
        AliasCommands(),        AsyncCommands(),       InvocationsCommands(), LogsCommands(),
        BillCommands(),         PlanCommands(),        BudgetCommands(),      LedgerCommands(),
        LayerCommands(),        SecretCommands(),      QueueCommands(),       BucketCommands(),
        BucketObjectCommands(), BucketWatchCommands(), EndpointCommands(),    StatusCommands(),
        BackupCommands(),       DoctorCommands()}) {
    all.insert(all.end(), commands.begin(), commands.end());
  }
  return all;
}

}  // namespace

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = Listed();
  return commands;
}

}  // namespace hearth::cli
