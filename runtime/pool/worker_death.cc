#include "runtime/pool/worker_death.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>

#include "runtime/base/json_text.h"

namespace hearth {
namespace {

constexpr size_t kLinesMax = 32;
constexpr size_t kLineBytesMax = 512;
constexpr int kExitOfSignals = 128;  // what a worker adds a signal to that would not end it by itself

std::string SignalText(int signal_number) {
  switch (signal_number) {
    case SIGSEGV:
      return "segmentation fault";
    case SIGABRT:
      return "aborted";
    case SIGKILL:
      return "killed";
    case SIGBUS:
      return "bus error";
    case SIGFPE:
      return "floating point exception";
    case SIGILL:
      return "illegal instruction";
    case SIGSYS:
      return "bad system call";
    default:
      return std::string("signal ") + std::to_string(signal_number);
  }
}

bool IsFault(const CrashFrame& crash) { return crash.signal != SIGABRT && crash.code > 0; }

std::string SignalledText(int signal_number, const WorkerDeath& death, const CrashFrame* crash) {
  std::string text = "Runtime exited with error: signal: " + SignalText(signal_number);
  if (!death.violation.empty()) return text + ": " + death.violation + ", which no function may make";
  if (signal_number == SIGSYS) return text + ": one of another architecture, or one that only confines";
  if (crash == nullptr || !IsFault(*crash)) return text;
  char address[40];
  std::snprintf(address, sizeof address, " at address 0x%llx",
                static_cast<unsigned long long>(crash->address));
  return text + address;
}

}  // namespace

bool Explains(const CrashFrame& crash, const WorkerDeath& death) {
  const ExitStatus& status = death.status;
  if (status.exit_code < 0) return status.signal == crash.signal;
  return status.exit_code == kExitOfSignals + crash.signal;
}

bool IsCrash(const WorkerDeath& death) {
  const ExitStatus& status = death.status;
  const int signal_number = status.exit_code < 0 ? status.signal : status.exit_code - kExitOfSignals;
  return signal_number == SIGSEGV || signal_number == SIGBUS || signal_number == SIGILL ||
         signal_number == SIGFPE || signal_number == SIGABRT || signal_number == SIGSYS;
}

std::string TextOf(const WorkerDeath& death, const CrashFrame* crash) {
  const ExitStatus& status = death.status;
  if (status.exit_code < 0) return SignalledText(status.signal, death, crash);
  if (status.exit_code == kAbortExitCode) return SignalledText(SIGABRT, death, crash);
  if (crash != nullptr) return SignalledText(crash->signal, death, crash);
  if (status.exit_code == 0) return "Runtime exited without providing a reason";
  return "Runtime exited with error: exit status " + std::to_string(status.exit_code);
}

std::vector<std::string> LinesOf(const CrashFrame& crash) {
  std::vector<std::string> lines;
  for (std::string_view rest = crash.text; !rest.empty() && lines.size() < kLinesMax;) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string line(rest.substr(0, std::min(end, kLineBytesMax)));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    lines.push_back(std::move(line));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

std::string AsJsonArray(const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string out = "[";
  for (const std::string& line : lines) {
    if (out.size() > 1) out += ',';
    AppendJsonString(out, line);
  }
  return out + "]";
}

}  // namespace hearth
