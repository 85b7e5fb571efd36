#include "runtime/worker/elf_symbols.h"

#include <dlfcn.h>
#include <link.h>

#include <memory>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth {
namespace {

const std::string kLibrary = std::string(HEARTH_PROBE_DIR) + "/libprobe.so";

std::span<const std::byte> Bytes(const std::string& file) {
  return std::as_bytes(std::span(file.data(), file.size()));
}

// Of an exported function, as the loader has it.
uint64_t AddressOf(const char* symbol) {
  void* const library = dlopen(kLibrary.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  link_map* map = nullptr;
  REQUIRE(dlinfo(library, RTLD_DI_LINKMAP, &map) == 0);
  const auto address = reinterpret_cast<uint64_t>(dlsym(library, symbol)) - map->l_addr;
  dlclose(library);
  return address;
}

TEST_CASE("an address is found in its function, exported or not", "[crash]") {
  const std::string file = ReadFile(kLibrary).value();
  const uint64_t begin = AddressOf("hearth_function");
  CHECK(FindFunction(Bytes(file), begin).name == "hearth_function");
  CHECK(FindFunction(Bytes(file), begin).offset == 0);
  CHECK(FindFunction(Bytes(file), begin + 2).offset == 2);
  CHECK(FindFunction(Bytes(file), 0).name.empty());
  CHECK(FindFunction(Bytes(file), ~0ULL).name.empty());
  // "invoke" is static: in the symbol table, not among what is exported.
  bool found_static = false;
  for (uint64_t address = 0; address < file.size(); ++address)
    found_static = found_static || FindFunction(Bytes(file), address).name == "kill_all";
  CHECK(found_static);
}

TEST_CASE("the build id is the linker's", "[crash]") {
  const std::string file = ReadFile(kLibrary).value();
  CHECK(FindBuildId(Bytes(file)).size() == 20);
  CHECK(FindBuildId({}).empty());
  CHECK(FindBuildId(Bytes("no library")).empty());
}

TEST_CASE("whatever a file says, only it is read", "[crash]") {
  const std::string real = ReadFile(kLibrary).value();
  const uint64_t address = AddressOf("hearth_function");
  const auto read_all = [&](const std::string& bytes) {
    // A copy of exactly that size, so that reading past it is seen.
    const std::unique_ptr<std::byte[]> copy(new std::byte[bytes.size()]);
    std::copy_n(Bytes(bytes).data(), bytes.size(), copy.get());
    const std::span<const std::byte> file(copy.get(), bytes.size());
    size_t read = FindBuildId(file).size();
    for (const char c : FindFunction(file, address).name) read += static_cast<unsigned char>(c);
    return read;
  };
  for (size_t size = 0; size < real.size(); size += 37) (void)read_all(real.substr(0, size));
  const unsigned seed = 20261129;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int turn = 0; turn < 2000; ++turn) {
    std::string damaged = real;
    const size_t tail = turn % 2 == 0 ? 64 : 2048;  // the header, or the section headers
    for (int change = 0; change < 6; ++change) {
      const size_t at = turn % 2 == 0 ? random() % tail : real.size() - 1 - random() % tail;
      damaged[at] = static_cast<char>(random());
    }
    (void)read_all(damaged);
  }
  SUCCEED("nothing read beyond");
}

}  // namespace
}  // namespace hearth
