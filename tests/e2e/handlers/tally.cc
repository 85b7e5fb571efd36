#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include <hearth/hearth.h>

// Writes down which objects it was given: a line "EVENT KEY CONTENT" each, appended in one write to the file
// `tally` of the bucket `records`. Lines outlive the daemon and this worker, whenever they are killed. What has more than
// kShownMax bytes is read to its end, and written down as "NUMBER-bytes".

namespace {

constexpr std::size_t kShownMax = 64 << 10;

std::string ContentOf(const hearth::S3Record& record) {
  if (record.event_name.starts_with("ObjectRemoved")) return "-";
  if (record.content.size() <= kShownMax) return record.content.Read(kShownMax);
  std::string block(1 << 20, '\0');
  std::size_t bytes = 0;
  for (;;) {
    const ssize_t n = ::read(record.fd(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::runtime_error("cannot read " + record.key());
    if (n == 0) return std::to_string(bytes) + "-bytes";
    bytes += static_cast<std::size_t>(n);
  }
}

void Tally(const hearth::S3Event& event, hearth::Context&) {
  std::string lines;
  for (const hearth::S3Record& record : event.records)
    lines += record.event_name + ' ' + record.object.key + ' ' + ContentOf(record) + '\n';
  const std::string path = hearth::BucketPath("records", "tally").string();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) throw std::runtime_error("cannot open " + path);
  const ssize_t written = ::write(fd, lines.data(), lines.size());
  ::close(fd);
  if (written != static_cast<ssize_t>(lines.size())) throw std::runtime_error("cannot write " + path);
}

}  // namespace

HEARTH_HANDLER(Tally);
