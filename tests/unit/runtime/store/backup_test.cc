#include "runtime/store/backup.h"

#include <sys/stat.h>

#include <filesystem>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/store/sqlite_database.h"
#include "tests/unit/runtime/store/temporary_folder.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using Vanishing = BackupWriter::Vanishing;

class BackupFixture {
 protected:
  BackupFixture() {
    Write("format", "one");
    Write("code/ab/lib.so", std::string("\x7f") + "ELF", 0755);
    Write("ledger/0.ledger", "record" + std::string(3 << 20, '\0'));
  }
  void Write(const std::string& path, const std::string& text, unsigned mode = 0644) {
    REQUIRE(MakeFolders(fs::path(data_ + "/" + path).parent_path().string()).ok());
    REQUIRE(WriteFileAtomically(data_ + "/" + path, text, mode).ok());
  }
  void BackUp() {
    auto writer = BackupWriter::Begin(data_, backup_);
    REQUIRE(writer.ok());
    REQUIRE(writer->CopyFile("format").ok());
    REQUIRE(writer->CopyTree("code", Vanishing::kIsAnError).ok());
    REQUIRE(writer->CopyTree("ledger", Vanishing::kIsAnError).ok());
    REQUIRE(writer->CopyTree("not there", Vanishing::kIsAnError).ok());
    REQUIRE(writer->Finish("0.1.0", "2026-11-29T23:59:59Z").ok());
  }
  std::string TextOf(const std::string& path) { return ReadFile(path).value(); }

  TemporaryFolder root_;
  std::string data_ = root_.path() + "/data", backup_ = root_.path() + "/backup",
              restored_ = root_.path() + "/restored";
};

TEST_CASE_METHOD(BackupFixture, "backed up and restored: contents, modes, holes filled", "[store][backup]") {
  BackUp();
  struct stat info;
  REQUIRE(::stat((backup_ + "/ledger/0.ledger").c_str(), &info) == 0);
  CHECK(info.st_blocks * 512 < (2 << 20));  // zeros take no room
  const auto manifest = RestoreBackup(backup_, restored_);
  REQUIRE(manifest.ok());
  CHECK(manifest->made == "2026-11-29T23:59:59Z");
  CHECK(manifest->files.size() == 3);
  for (const char* path : {"format", "code/ab/lib.so", "ledger/0.ledger"})
    CHECK(TextOf(restored_ + "/" + path) == TextOf(data_ + "/" + path));
  REQUIRE(::stat((restored_ + "/ledger/0.ledger").c_str(), &info) == 0);
  CHECK(info.st_blocks * 512 >= (3 << 20));  // it will be mapped
  REQUIRE(::stat((restored_ + "/code/ab/lib.so").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
}

TEST_CASE_METHOD(BackupFixture, "folders that are not empty are left alone", "[store][backup]") {
  BackUp();
  CHECK(BackupWriter::Begin(data_, backup_).error().code == ErrorCode::kAlreadyExists);
  CHECK(RestoreBackup(backup_, data_).error().code == ErrorCode::kAlreadyExists);
  CHECK(TextOf(data_ + "/format") == "one");
}

TEST_CASE_METHOD(BackupFixture, "one that was not finished is no backup", "[store][backup]") {
  BackUp();
  REQUIRE(RemoveTree(backup_ + "/" + kBackupManifest).ok());
  CHECK(RestoreBackup(backup_, restored_).error().code == ErrorCode::kNotFound);
  CHECK_FALSE(PathExists(restored_ + "/format"));
}

TEST_CASE_METHOD(BackupFixture, "a file that changed since, or went: named, and nothing restored",
                 "[store][backup]") {
  BackUp();
  SECTION("changed") { REQUIRE(WriteFileAtomically(backup_ + "/ledger/0.ledger", "recorx").ok()); }
  SECTION("gone") { REQUIRE(RemoveTree(backup_ + "/ledger/0.ledger").ok()); }
  const auto restored = RestoreBackup(backup_, restored_);
  REQUIRE_FALSE(restored.ok());
  CHECK(restored.error().message.find("ledger/0.ledger") != std::string::npos);
  CHECK(fs::is_empty(restored_));
}

TEST_CASE_METHOD(BackupFixture, "a database is copied as it is while somebody writes",
                 "[store][backup][sqlite]") {
  const SqliteSchema schema{0x4854, {"CREATE TABLE t (n INTEGER)"}};
  auto database = SqliteDatabase::Open(data_ + "/a.db", schema, {});
  REQUIRE(database.ok());
  REQUIRE((*database)->Run("INSERT INTO t VALUES (1)").ok());
  auto writer = BackupWriter::Begin(data_, backup_);
  REQUIRE((*database)->Run("BEGIN").ok());
  REQUIRE((*database)->Run("INSERT INTO t VALUES (2)").ok());
  REQUIRE(writer->CopyDatabase("a.db").ok());
  REQUIRE((*database)->Run("COMMIT").ok());
  auto copy = SqliteDatabase::Open(backup_ + "/a.db", schema, {});
  REQUIRE(copy.ok());
  CHECK((*copy)->Number("SELECT count(*) FROM t").value() == 1);
}

TEST_CASE_METHOD(BackupFixture, "a manifest that leads out of the folder, or is none", "[store][backup]") {
  const std::string head = "hearth-backup 1, made by hearthd 0.1.0 at 2026-11-29T23:59:59Z\n";
  const std::string sum(64, 'a');
  REQUIRE(DecodeBackupManifest(head + sum + " 3 0644 code/a b\n").ok());
  CHECK(DecodeBackupManifest(head + sum + " 3 0644 code/a b\n")->files[0] ==
        BackupFile{"code/a b", 3, 0644, sum});
  for (const std::string& text :
       {std::string(), std::string("hearth-backup 2, made by x at y\n"), head + sum + " 3 0644 /etc/passwd\n",
        head + sum + " 3 0644 ../x\n", head + sum + " 3 0644 a/../../x\n", head + sum + " 3 0644 \n",
        head + sum + " x 0644 a\n", head + sum + " 3 0888 a\n", head + sum + " 3 77777 a\n",
        head + std::string(64, 'g') + " 3 0644 a\n", head + sum + " 3 0644 cut off"}) {
    INFO(text);
    CHECK(DecodeBackupManifest(text).error().code == ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace hearth
