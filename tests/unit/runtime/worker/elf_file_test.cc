#include "runtime/worker/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <random>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth {
namespace {

std::string ARealLibrary() {
  auto bytes = ReadFile(std::string(HEARTH_PROBE_DIR) + "/libprobe.so");
  REQUIRE(bytes.ok());
  return std::move(bytes).value();
}

std::string WithMachine(std::string bytes, uint16_t machine) {
  std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
  return bytes;
}

std::string RefusalOf(const std::string& bytes) {
  const auto file = ReadElfFile(bytes);
  REQUIRE_FALSE(file.ok());
  CHECK(file.error().code == ErrorCode::kBadArtefact);
  return file.error().message;
}

TEST_CASE("a real library says what it needs", "[elf]") {
  const auto file = ReadElfFile(ARealLibrary());
  REQUIRE(file.ok());
  CHECK(std::count(file->needed.begin(), file->needed.end(), "libc.so.6") == 1);
  const auto libc = std::find_if(file->version_needs.begin(), file->version_needs.end(),
                                 [](const auto& need) { return need.library == "libc.so.6"; });
  REQUIRE(libc != file->version_needs.end());
  CHECK_FALSE(libc->versions.empty());
}

TEST_CASE("what is no shared object for this machine is refused by name", "[elf]") {
  const std::string real = ARealLibrary();
  CHECK(RefusalOf("") == "not an ELF shared object");
  CHECK(RefusalOf("#!/bin/sh\n") == "not an ELF shared object");
  CHECK_THAT(RefusalOf(WithMachine(real, EM_RISCV)), Catch::Contains("built for RISC-V; this machine is "));
  std::string narrow = real;
  narrow[EI_CLASS] = ELFCLASS32;
  CHECK_THAT(RefusalOf(narrow), Catch::Contains("32-bit"));
  std::string swapped = real;
  swapped[EI_DATA] = ELFDATA2MSB;
  CHECK_THAT(RefusalOf(swapped), Catch::Contains("big-endian"));
  std::string object = real;
  object[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
  CHECK_THAT(RefusalOf(object), Catch::Contains("-shared"));
}

// Where it is cut the reader stops; in the last part are the section headers, which loading does not need.
TEST_CASE("a library cut anywhere before its last segment ends is refused", "[elf]") {
  const std::string real = ARealLibrary();
  Elf64_Ehdr header;
  std::memcpy(&header, real.data(), sizeof header);
  uint64_t loaded_end = 0;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, real.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD) loaded_end = std::max(loaded_end, segment.p_offset + segment.p_filesz);
  }
  for (size_t size = 0; size < real.size(); ++size) {
    // A copy of exactly that size, so that reading past it is seen.
    const std::string cut(real.data(), size);
    const bool refused = !ReadElfFile(cut).ok();
    if (refused != (size < loaded_end)) FAIL("cut to " << size << " of " << loaded_end);
  }
}

TEST_CASE("changed bytes are refused or read, never followed out of the file", "[elf]") {
  const std::string real = ARealLibrary();
  constexpr uint32_t kSeed = 20261123;
  std::mt19937 random(kSeed);
  INFO("seed " << kSeed);
  size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = real;
    // Headers and dynamic section are where the offsets are; they lie in the first pages and at the end of
    // the data.
    for (int i = 0; i < 4; ++i) {
      const size_t within = random() % 2 == 0 ? std::min<size_t>(bytes.size(), 4096) : bytes.size();
      bytes[random() % within] = static_cast<char>(random());
    }
    refused += ReadElfFile(bytes).ok() ? 0 : 1;
  }
  CHECK(refused > 0);
}

}  // namespace
}  // namespace hearth
