#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <hearth/hearth.h>

// Writes down which objects it was given: a line "EVENT KEY CONTENT" each, appended in one write to the file
// `tally` of the bucket `records`. Lines outlive the daemon and this worker, whenever they are killed.

namespace {

std::string ContentOf(const hearth::S3Record& record) {
  if (record.event_name.starts_with("ObjectRemoved")) return "-";
  std::ifstream in(record.path(), std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + record.path().string());
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
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
