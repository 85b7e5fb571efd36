#include "runtime/telemetry/process_source.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <string>

#include "runtime/base/files.h"

namespace hearth {
namespace {

// Since Linux 6.2 the folder's size is the number; before, the entries are counted: 1 ms for 10,000.
std::optional<double> OpenFds() {
  struct stat status {};
  if (::stat("/proc/self/fd", &status) == 0 && status.st_size > 0) return static_cast<double>(status.st_size);
  DIR* folder = ::opendir("/proc/self/fd");
  if (!folder) return std::nullopt;
  double count = -1;  // the folder itself
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.';
  ::closedir(folder);
  return count;
}

void WriteMemory(MetricWriter& out) {
  const auto text = ReadFile("/proc/self/statm");
  if (!text.ok()) return;
  uint64_t total = 0, resident = 0;
  const char* const end = text->data() + text->size();
  const auto first = std::from_chars(text->data(), end, total);
  if (first.ec != std::errc() || first.ptr == end) return;
  if (std::from_chars(first.ptr + 1, end, resident).ec != std::errc()) return;
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  out.Write("process_virtual_memory_bytes", {}, static_cast<double>(total) * page);
  out.Write("process_resident_memory_bytes", {}, static_cast<double>(resident) * page);
}

double Seconds(timeval time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

void ProcessSource::Collect(MetricWriter& out) const {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0)
    out.Write("process_cpu_seconds_total", {}, Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  WriteMemory(out);
  if (const auto open = OpenFds()) out.Write("process_open_fds", {}, *open);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.Write("process_max_fds", {}, static_cast<double>(limit.rlim_cur));
  out.Write("process_start_time_seconds", {},
            std::chrono::duration<double>(started_.time_since_epoch()).count());
}

}  // namespace hearth
