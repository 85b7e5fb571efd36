#include "runtime/store/sqlite_backup.h"

#include <memory>

#include <sqlite3.h>

#include "runtime/base/units.h"

namespace hearth {
namespace {

constexpr milliseconds kBusyTimeout{10'000};

struct Closer {
  void operator()(sqlite3* database) const { ::sqlite3_close(database); }
};
using Connection = std::unique_ptr<sqlite3, Closer>;

Error Failure(const std::string& what, int code) {
  const bool no_room = (code & 0xff) == SQLITE_FULL;
  return {no_room ? ErrorCode::kUnavailable : ErrorCode::kIo, what + ": " + ::sqlite3_errstr(code)};
}

Result<Connection> Connect(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int code = ::sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(raw);
  if (code != SQLITE_OK) return Failure("open " + path, code);
  ::sqlite3_busy_timeout(raw, static_cast<int>(kBusyTimeout.count()));
  return connection;
}

}  // namespace

// All pages in one step, which is one read transaction: writers go on in the log meanwhile, and nothing of what they
// write is in the copy.
Status CopySqlite(const std::string& from, const std::string& to) {
  HEARTH_ASSIGN(const Connection source, Connect(from, SQLITE_OPEN_READWRITE));
  HEARTH_ASSIGN(const Connection target, Connect(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  sqlite3_backup* const backup = ::sqlite3_backup_init(target.get(), "main", source.get(), "main");
  if (backup == nullptr) return Failure("copy " + from, ::sqlite3_errcode(target.get()));
  const int stepped = ::sqlite3_backup_step(backup, -1);
  const int finished = ::sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE) return Failure("copy " + from + " to " + to, stepped);
  if (finished != SQLITE_OK) return Failure("copy " + from + " to " + to, finished);
  return Ok();
}

}  // namespace hearth
