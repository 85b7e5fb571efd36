#include "runtime/worker/elf_symbols.h"

#include <elf.h>

#include <cstring>

namespace hearth {
namespace {

using Bytes = std::span<const std::byte>;

// The part of the file that a header names; empty when it is not all there.
Bytes Part(Bytes file, uint64_t offset, uint64_t size) {
  if (offset > file.size() || size > file.size() - offset) return {};
  return file.subspan(offset, size);
}

template <class T>
bool Read(Bytes bytes, size_t index, T& out) {
  const Bytes part = index > bytes.size() / sizeof(T) ? Bytes() : Part(bytes, index * sizeof(T), sizeof(T));
  if (part.size() != sizeof(T)) return false;
  std::memcpy(&out, part.data(), sizeof(T));
  return true;
}

struct Sections {
  Bytes headers;
  size_t count = 0;
};

Sections SectionsOf(Bytes file) {
  Elf64_Ehdr elf;
  if (!Read(file, 0, elf) || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
      elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_shentsize != sizeof(Elf64_Shdr)) {
    return {};
  }
  return {Part(file, elf.e_shoff, uint64_t{elf.e_shnum} * sizeof(Elf64_Shdr)), elf.e_shnum};
}

bool FindSection(Bytes file, uint32_t type, Elf64_Shdr& out) {
  const Sections sections = SectionsOf(file);
  for (size_t i = 0; i < sections.count; ++i) {
    if (Read(sections.headers, i, out) && out.sh_type == type) return true;
  }
  return false;
}

std::string_view StringAt(Bytes strings, uint32_t offset) {
  constexpr size_t kNameBytesMax = 4096;
  if (offset >= strings.size()) return {};
  const char* text = reinterpret_cast<const char*>(strings.data()) + offset;
  const size_t most = strings.size() - offset < kNameBytesMax ? strings.size() - offset : kNameBytesMax;
  return {text, strnlen(text, most)};
}

NamedPlace FindIn(Bytes file, uint32_t table_type, uint64_t address) {
  Elf64_Shdr table, names;
  if (!FindSection(file, table_type, table) || !Read(SectionsOf(file).headers, table.sh_link, names))
    return {};
  const Bytes symbols = Part(file, table.sh_offset, table.sh_size);
  const Bytes strings = Part(file, names.sh_offset, names.sh_size);
  Elf64_Sym symbol;
  for (size_t i = 0; Read(symbols, i, symbol); ++i) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
    if (address < symbol.st_value || address - symbol.st_value >= symbol.st_size) continue;
    return {StringAt(strings, symbol.st_name), address - symbol.st_value};
  }
  return {};
}

}  // namespace

NamedPlace FindFunction(Bytes file, uint64_t address) {
  const NamedPlace place = FindIn(file, SHT_SYMTAB, address);
  return place.name.empty() ? FindIn(file, SHT_DYNSYM, address) : place;
}

Bytes FindBuildId(Bytes file) {
  constexpr size_t kIdBytesMax = 64;
  const Sections sections = SectionsOf(file);
  for (size_t i = 0; i < sections.count; ++i) {
    Elf64_Shdr section;
    if (!Read(sections.headers, i, section) || section.sh_type != SHT_NOTE) continue;
    const Bytes note = Part(file, section.sh_offset, section.sh_size);
    Elf64_Nhdr head;
    if (!Read(note, 0, head) || head.n_type != NT_GNU_BUILD_ID || head.n_namesz != 4) continue;
    if (head.n_descsz <= kIdBytesMax) return Part(note, sizeof head + 4, head.n_descsz);
  }
  return {};
}

}  // namespace hearth
