#include "runtime/worker/elf_file.h"

#include <elf.h>

#include <cstring>
#include <optional>

namespace hearth {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
#error "no sandbox for this architecture"
#endif

std::string NameOfMachine(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "AArch64";
    case EM_386:
      return "32-bit x86";
    case EM_ARM:
      return "32-bit Arm";
    case EM_RISCV:
      return "RISC-V";
    default:
      return "machine number " + std::to_string(machine);
  }
}

Error Bad(std::string message) { return {ErrorCode::kBadArtefact, std::move(message)}; }

// Copies a T out of the bytes if it lies within them.
template <class T>
std::optional<T> At(std::string_view bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

class Reader final {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Result<ElfFile> Read() {
    HEARTH_TRY(CheckHeader());
    HEARTH_TRY(ReadSegments());
    HEARTH_TRY(ReadDynamic());
    HEARTH_TRY(ReadVersionNeeds());
    HEARTH_TRY(ReadVersionDefinitions());
    return std::move(file_);
  }

 private:
  Status CheckHeader();
  Status ReadSegments();
  Status ReadDynamic();
  Status ReadVersionNeeds();
  Status ReadVersionDefinitions();
  // Where the file keeps what is loaded at `address`.
  std::optional<uint64_t> OffsetOf(uint64_t address) const;
  std::optional<std::string> StringAt(uint64_t offset) const;
  static Error Malformed(const char* what) { return Bad(std::string("malformed ELF file: ") + what); }

  const std::string_view bytes_;
  ElfFile file_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> loads_;
  std::optional<Elf64_Phdr> dynamic_;
  std::string_view strings_;
  uint64_t verneed_ = 0, verneed_count_ = 0, verdef_ = 0, verdef_count_ = 0;
};

Status Reader::CheckHeader() {
  if (bytes_.substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG)) return Bad("not an ELF shared object");
  if (bytes_.size() <= EI_DATA) return Malformed("cut off within its header");
  if (bytes_[EI_CLASS] != ELFCLASS64) return Bad("a 32-bit object; this machine runs 64-bit ones");
  if (bytes_[EI_DATA] != ELFDATA2LSB) return Bad("a big-endian object; this machine is little-endian");
  const auto header = At<Elf64_Ehdr>(bytes_, 0);
  if (!header) return Malformed("cut off within its header");
  header_ = *header;
  if (header_.e_machine != kMachine) {
    return Bad("built for " + NameOfMachine(header_.e_machine) + "; this machine is " +
               NameOfMachine(kMachine));
  }
  if (header_.e_type != ET_DYN) {
    return Bad("not a shared object (ELF type " + std::to_string(header_.e_type) + "); link it with -shared");
  }
  if (header_.e_phentsize != sizeof(Elf64_Phdr)) return Malformed("program headers of an unknown size");
  return Ok();
}

Status Reader::ReadSegments() {
  for (uint64_t i = 0; i < header_.e_phnum; ++i) {
    if (header_.e_phoff > bytes_.size()) return Malformed("program headers beyond its end");
    const auto segment = At<Elf64_Phdr>(bytes_, header_.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return Malformed("program headers beyond its end");
    if (segment->p_type == PT_DYNAMIC) dynamic_ = segment;
    if (segment->p_type != PT_LOAD) continue;
    if (segment->p_offset > bytes_.size() || segment->p_filesz > bytes_.size() - segment->p_offset) {
      return Malformed("a segment beyond its end (was the upload cut off?)");
    }
    loads_.push_back(*segment);
  }
  if (!dynamic_) return Bad("not a shared object: it has no dynamic section; link it with -shared");
  return Ok();
}

std::optional<uint64_t> Reader::OffsetOf(uint64_t address) const {
  for (const Elf64_Phdr& load : loads_) {
    if (address >= load.p_vaddr && address - load.p_vaddr < load.p_filesz) {
      return load.p_offset + (address - load.p_vaddr);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Reader::StringAt(uint64_t offset) const {
  if (offset >= strings_.size()) return std::nullopt;
  const size_t end = strings_.find('\0', offset);
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(strings_.substr(offset, end - offset));
}

Status Reader::ReadDynamic() {
  if (dynamic_->p_offset > bytes_.size()) return Malformed("a dynamic section beyond its end");
  std::vector<Elf64_Dyn> entries;
  const uint64_t count = dynamic_->p_filesz / sizeof(Elf64_Dyn);
  for (uint64_t i = 0; i < count; ++i) {
    const auto entry = At<Elf64_Dyn>(bytes_, dynamic_->p_offset + i * sizeof(Elf64_Dyn));
    if (!entry) return Malformed("a dynamic section beyond its end");
    if (entry->d_tag == DT_NULL) break;
    entries.push_back(*entry);
  }
  uint64_t strings_address = 0, strings_size = 0;
  for (const Elf64_Dyn& entry : entries) {
    switch (entry.d_tag) {
      case DT_STRTAB:
        strings_address = entry.d_un.d_ptr;
        break;
      case DT_STRSZ:
        strings_size = entry.d_un.d_val;
        break;
      case DT_VERNEED:
        verneed_ = entry.d_un.d_ptr;
        break;
      case DT_VERNEEDNUM:
        verneed_count_ = entry.d_un.d_val;
        break;
      case DT_VERDEF:
        verdef_ = entry.d_un.d_ptr;
        break;
      case DT_VERDEFNUM:
        verdef_count_ = entry.d_un.d_val;
        break;
      default:
        break;
    }
  }
  const auto strings_offset = OffsetOf(strings_address);
  if (!strings_offset || strings_size > bytes_.size() - *strings_offset) return Malformed("no string table");
  strings_ = bytes_.substr(*strings_offset, strings_size);
  for (const Elf64_Dyn& entry : entries) {
    std::string* target = entry.d_tag == DT_SONAME    ? &file_.soname
                          : entry.d_tag == DT_RUNPATH ? &file_.runpath
                          : entry.d_tag == DT_RPATH   ? &file_.rpath
                          : entry.d_tag == DT_NEEDED  ? &file_.needed.emplace_back()
                                                      : nullptr;
    if (target == nullptr) continue;
    const auto text = StringAt(entry.d_un.d_val);
    if (!text) return Malformed("a name beyond its string table");
    *target = *text;
  }
  return Ok();
}

Status Reader::ReadVersionNeeds() {
  if (verneed_ == 0) return Ok();
  auto offset = OffsetOf(verneed_);
  // Each record takes bytes, and offsets only grow: more of them than bytes is a lie.
  for (uint64_t i = 0; i < verneed_count_ && i < bytes_.size(); ++i) {
    const auto need = offset ? At<Elf64_Verneed>(bytes_, *offset) : std::nullopt;
    const auto library = need ? StringAt(need->vn_file) : std::nullopt;
    if (!library) return Malformed("a bad list of needed versions");
    ElfFile::VersionNeed& entry = file_.version_needs.emplace_back();
    entry.library = *library;
    uint64_t item = *offset + need->vn_aux;
    for (uint16_t k = 0; k < need->vn_cnt; ++k) {
      const auto version = At<Elf64_Vernaux>(bytes_, item);
      const auto name = version ? StringAt(version->vna_name) : std::nullopt;
      if (!name) return Malformed("a bad list of needed versions");
      if ((version->vna_flags & VER_FLG_WEAK) == 0) entry.versions.push_back(*name);
      if (version->vna_next == 0) break;
      item += version->vna_next;
    }
    if (need->vn_next == 0) break;
    *offset += need->vn_next;
  }
  return Ok();
}

Status Reader::ReadVersionDefinitions() {
  if (verdef_ == 0) return Ok();
  auto offset = OffsetOf(verdef_);
  for (uint64_t i = 0; i < verdef_count_ && i < bytes_.size(); ++i) {
    const auto definition = offset ? At<Elf64_Verdef>(bytes_, *offset) : std::nullopt;
    const auto first = definition ? At<Elf64_Verdaux>(bytes_, *offset + definition->vd_aux) : std::nullopt;
    const auto name = first ? StringAt(first->vda_name) : std::nullopt;
    if (!name) return Malformed("a bad list of version definitions");
    file_.version_definitions.push_back(*name);
    if (definition->vd_next == 0) break;
    *offset += definition->vd_next;
  }
  return Ok();
}

}  // namespace

Result<ElfFile> ReadElfFile(std::string_view bytes) { return Reader(bytes).Read(); }

}  // namespace hearth
