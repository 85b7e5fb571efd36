#include "runtime/pool/worker_log.h"

namespace hearth {

void WorkerLog::BeginAttempt(std::string_view request_id) {
  TellCut();
  budget_.Begin();
  request_id_ = request_id;
}

void WorkerLog::TellCut() {
  if (budget_.lines_cut() == 0) return;
  observers_.pool.OnOutputCut(*version_, budget_.bytes_cut());
  Emit(LogSource::kPlatform, kWarning, request_id_,
       "[" + std::to_string(budget_.lines_cut()) + " lines of " + std::to_string(budget_.bytes_cut()) +
           " bytes were cut]",
       {});
  budget_.EndCut();
}

void WorkerLog::Print(LogSource stream, std::string_view text) {
  if (MayKeep(text.size())) Emit(stream, kInfo, request_id_, text, {});
}

void WorkerLog::Keep(uint8_t level, std::string_view message, std::string_view fields_json) {
  if (MayKeep(message.size() + fields_json.size()))
    Emit(LogSource::kHandler, level, request_id_, message, fields_json);
}

void WorkerLog::PrintCrash(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) Emit(LogSource::kStderr, kInfo, request_id_, "crash: " + line, {});
}

bool WorkerLog::MayKeep(size_t bytes) {
  const OutputBudget::Verdict verdict = budget_.Take(bytes);
  if (verdict == OutputBudget::Verdict::kFirstCut) {
    Emit(LogSource::kPlatform, kWarning, request_id_,
         "[output is cut here: an attempt has logged and printed " +
             std::to_string(attempt_bytes_max_ >> 10) +
             " KiB, which is what is kept of one (log_invocation_kib)]",
         {});
  }
  return verdict == OutputBudget::Verdict::kKeep;
}

void WorkerLog::Emit(LogSource source, uint8_t level, std::string_view request_id, std::string_view message,
                     std::string_view fields_json) {
  HandlerLogLine line;
  line.function = version_->function;
  line.version = version_->version;
  line.request_id = request_id;
  line.time = clock_.WallNow();
  line.source = source;
  line.level = level;
  line.message = message;
  line.fields_json = fields_json;
  observers_.lines.OnHandlerLog(line);
}

}  // namespace hearth
