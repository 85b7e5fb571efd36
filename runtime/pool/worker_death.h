#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/process.h"
#include "runtime/wire/worker_frames.h"

namespace hearth {

// How the process of a worker ended, by init's word.
struct WorkerDeath {
  ExitStatus status;
  std::string violation;  // the system call that it was killed for; empty: none
};

// The worker's SIGABRT handler exits so: as pid 1 of its namespace it would die of abort() as if by SIGSEGV.
inline constexpr int kAbortExitCode = 134;

// Is the process's own report about this death? Only then is anything of it passed on.
bool Explains(const CrashFrame& crash, const WorkerDeath& death);

// It was ended by a signal that a wrong guess at an address ends a process with, or by abort().
bool IsCrash(const WorkerDeath& death);

// "Runtime exited with error: signal: segmentation fault at address 0x10". `crash` may be null.
std::string TextOf(const WorkerDeath& death, const CrashFrame* crash);

// A backtrace's lines, without what a terminal or a log reader would obey. At most 32, of 512 bytes.
std::vector<std::string> LinesOf(const CrashFrame& crash);
std::string AsJsonArray(const std::vector<std::string>& lines);

}  // namespace hearth
