#include "runtime/pool/worker_log.h"

#include "runtime/model/platform_event.h"

namespace hearth {

void WorkerLog::BeginAttempt(std::string_view request_id) {
  TellCut();
  budget_.Begin();
  request_id_ = request_id;
}

void WorkerLog::TellCut() {
  if (budget_.lines_cut() == 0) return;
  observers_.pool.OnOutputCut(*version_, budget_.bytes_cut());
  Emit(LogSource::kPlatform, kLogWarn, request_id_,
       "[" + std::to_string(budget_.lines_cut()) + " lines of " + std::to_string(budget_.bytes_cut()) +
           " bytes were cut]",
       LogsDroppedEvent("over what is kept of one attempt (log_invocation_kib)", budget_.lines_cut(),
                        budget_.bytes_cut()));
  budget_.EndCut();
}

void WorkerLog::Print(LogSource stream, std::string_view text) {
  const LogSettings& log = version_->settings.log;
  const uint8_t level = log.format == LogFormat::kJson ? LevelOfPrinted(text) : kLogInfo;
  if (level >= log.application_level && MayKeep(text.size())) Emit(stream, level, request_id_, text, {});
}

void WorkerLog::Keep(uint8_t level, std::string_view message, std::string_view fields_json) {
  if (level < version_->settings.log.application_level) return;
  if (MayKeep(message.size() + fields_json.size()))
    Emit(LogSource::kHandler, level, request_id_, message, fields_json);
}

void WorkerLog::PrintCrash(const std::vector<std::string>& lines) {
  for (const std::string& line : lines)
    Emit(LogSource::kStderr, kLogFatal, request_id_, "crash: " + line, {});
}

bool WorkerLog::MayKeep(size_t bytes) {
  const OutputBudget::Verdict verdict = budget_.Take(bytes);
  if (verdict == OutputBudget::Verdict::kFirstCut) {
    Emit(LogSource::kPlatform, kLogWarn, request_id_,
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
