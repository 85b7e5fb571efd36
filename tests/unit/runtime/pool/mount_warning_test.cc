#include "runtime/pool/mount_warning.h"

#include <cerrno>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

const BindMount kPhotos{"/srv/photos", "/mnt/buckets/photos", 0};
const BindMount kThumbs{"/srv/thumbs", "/mnt/buckets/thumbs", 1};
constexpr MountAccess kOwned{1, 0, 0};
constexpr MountAccess kForeign{0, 0, 0};

std::string OnlyWarning(const BindMount& mount, const MountAccess& access, uint32_t host_uid) {
  const auto warnings = MountWarningsOf({mount}, {access}, host_uid);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].mount == mount.target);
  return warnings[0].text;
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("mount warning: nothing is said of folders that can be used") {
  CHECK(MountWarningsOf({kPhotos, kThumbs}, {kOwned, kOwned}, 200001).empty());
  CHECK(MountWarningsOf({kPhotos}, {kForeign}, 0).empty());  // readable by all, and nothing was promised
  CHECK(MountWarningsOf({kPhotos}, {{1, 0, EACCES}}, 200001).empty());  // is not to be written to
  CHECK(MountWarningsOf({}, {}, 200001).empty());
}

TEST_CASE("mount warning: without an ID map only what is open to others can be read") {
  const std::string text = OnlyWarning(kPhotos, kForeign, 200001);
  CHECK(Has(text, "as uid 200001, not as their owner"));
  CHECK(Has(text, "the file system of /srv/photos takes no ID map"));
  CHECK(Has(text, "descriptor"));
}

TEST_CASE("mount warning: a folder that cannot be read says why and what to do") {
  SECTION("no ID map") {
    const std::string text = OnlyWarning(kPhotos, {0, EACCES, EACCES}, 200001);
    CHECK(Has(text, "(uid 200001) cannot read /mnt/buckets/photos (Permission denied)"));
    CHECK(Has(text, "takes no ID map"));
    CHECK(Has(text, "chmod o+rx"));
    CHECK(Has(text, "ext4"));
  }
  SECTION("not as root") {
    const std::string text = OnlyWarning(kPhotos, {0, EACCES, 0}, 0);
    CHECK(Has(text, "the daemon's user cannot read"));
    CHECK(Has(text, "belongs to another user than the daemon's"));
    CHECK_FALSE(Has(text, "ID map"));
  }
  SECTION("its owner may not") {
    const std::string text = OnlyWarning(kPhotos, {1, EACCES, 0}, 200001);
    CHECK(Has(text, "refuse its own owner"));
    CHECK(Has(text, "chmod u+rx /srv/photos"));
  }
}

TEST_CASE("mount warning: a folder to write to that cannot be written to") {
  const std::string text = OnlyWarning(kThumbs, {0, 0, EROFS}, 200001);
  CHECK(Has(text, "cannot write to /mnt/buckets/thumbs (Read-only file system)"));
  CHECK_FALSE(Has(text, "descriptor"));
}

TEST_CASE("mount warning: each mount has its own") {
  const auto warnings = MountWarningsOf({kPhotos, kThumbs}, {{0, EACCES, 0}, {0, EACCES, EACCES}}, 7);
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[0].mount == kPhotos.target);
  CHECK(warnings[1].mount == kThumbs.target);
  CHECK(warnings[2].mount == kThumbs.target);
}

}  // namespace
}  // namespace hearth
