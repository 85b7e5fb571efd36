#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <stdexcept>
#include <string>

#include <hearth/hearth.h>

// Reads the object that it finds open, tries to do more with it than it may, and logs both in one line: {"key",
// "content", "attempt", "hops", "fd", "attacks": {what was tried: errno, 0 if it worked}}. Needs no bucket mounted.
// Keys: "fail-once..." throws at the first attempt, after reading; "close..." closes the descriptor itself.

namespace {

using hearth::Context;
using hearth::json;

int ErrnoOf(const std::function<long()>& call) {
  errno = 0;
  return call() < 0 ? errno : 0;
}

json AttacksOn(int fd) {
  const auto map = [fd](int protection, int flags) {
    return reinterpret_cast<long>(::mmap(nullptr, 1, protection, flags, fd, 0)) == -1 ? -1L : 0L;
  };
  return {{"write", ErrnoOf([&] { return ::write(fd, "x", 1); })},
          {"ftruncate", ErrnoOf([&] { return ::ftruncate(fd, 0); })},
          {"fallocate", ErrnoOf([&] { return ::fallocate(fd, 0, 0, 100); })},
          {"fchmod", ErrnoOf([&] { return ::fchmod(fd, 0777); })},
          {"fchown", ErrnoOf([&] { return ::fchown(fd, ::getuid(), ::getgid()); })},
          {"futimens", ErrnoOf([&] { return ::futimens(fd, nullptr); })},
          {"utimensat_empty", ErrnoOf([&] { return ::utimensat(fd, "", nullptr, AT_EMPTY_PATH); })},
          {"map_shared_writable", ErrnoOf([&] { return map(PROT_READ | PROT_WRITE, MAP_SHARED); })},
          {"openat_itself", ErrnoOf([&] { return ::openat(fd, ".", O_RDONLY); })},
          {"openat_parent", ErrnoOf([&] { return ::openat(fd, "..", O_RDONLY); })},
          {"link", ErrnoOf([&] { return ::linkat(fd, "", AT_FDCWD, "/tmp/link", AT_EMPTY_PATH); })},
          {"lease", ErrnoOf([&] { return ::fcntl(fd, F_SETLEASE, F_RDLCK); })},
          {"write_lock", ErrnoOf([&] {
             struct flock lock = {};
             lock.l_type = F_WRLCK;
             return static_cast<long>(::fcntl(fd, F_SETLK, &lock));
           })}};
}

void Open(const hearth::S3Event& event, Context& context) {
  const hearth::S3Record& record = event.records.at(0);
  if (record.event_name.starts_with("ObjectRemoved")) return context.Info("removed");
  const int fd = record.fd();
  std::string content(record.content.size(), '\0');
  content.resize(static_cast<std::size_t>(::read(fd, content.data(), content.size())));  // moves the offset
  const std::string key = record.key();
  context.Info(json{{"key", key},
                    {"content", content},
                    {"attempt", context.attempt()},
                    {"hops", context.hops()},
                    {"fd", fd},
                    {"attacks", AttacksOn(fd)}}
                   .dump());
  if (key.starts_with("fail-once") && context.attempt() == 1) throw std::runtime_error("told to fail once");
  if (key.starts_with("close")) ::close(fd);
}

}  // namespace

HEARTH_HANDLER(Open);
