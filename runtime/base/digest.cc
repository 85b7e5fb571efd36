#include "runtime/base/digest.h"

#include <bit>
#include <cstring>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <zlib.h>

#include "runtime/base/check.h"

namespace hearth {
namespace {

template <size_t N>
std::array<uint8_t, N> Digest(const EVP_MD* kind, std::string_view data) {
  std::array<uint8_t, N> out;
  unsigned size = 0;
  CHECK_TRUE(EVP_Digest(data.data(), data.size(), out.data(), &size, kind, nullptr) == 1 && size == N);
  return out;
}

// Eight bytes a step: table k says what a byte does to the sum when k others follow it.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;
constexpr CrcTables kCrcTables = [] {
  constexpr uint32_t kPolynomial = 0xEDB88320;
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = sum;
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    for (size_t k = 1; k < tables.size(); ++k)
      tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 255];
  }
  return tables;
}();

uint32_t ShortCrc32(std::string_view data, uint32_t seed) {
  static_assert(std::endian::native == std::endian::little);
  const CrcTables& t = kCrcTables;
  uint32_t sum = ~seed;
  for (uint64_t word; data.size() >= sizeof word; data.remove_prefix(sizeof word)) {
    std::memcpy(&word, data.data(), sizeof word);
    word ^= sum;
    sum = t[7][word & 255] ^ t[6][word >> 8 & 255] ^ t[5][word >> 16 & 255] ^ t[4][word >> 24 & 255] ^
          t[3][word >> 32 & 255] ^ t[2][word >> 40 & 255] ^ t[1][word >> 48 & 255] ^ t[0][word >> 56];
  }
  for (const char c : data) sum = (sum >> 8) ^ t[0][(sum ^ static_cast<unsigned char>(c)) & 255];
  return ~sum;
}

}  // namespace

Sha256Digest Sha256(std::string_view data) { return Digest<32>(EVP_sha256(), data); }

struct Sha256Stream::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  CHECK_TRUE(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Add(std::string_view data) {
  CHECK_TRUE(EVP_DigestUpdate(state_->context.get(), data.data(), data.size()) == 1);
}

Sha256Digest Sha256Stream::Finish() {
  Sha256Digest out;
  unsigned size = 0;
  CHECK_TRUE(EVP_DigestFinal_ex(state_->context.get(), out.data(), &size) == 1 && size == out.size());
  return out;
}

std::string Md5Hex(std::string_view data) {
  const auto raw = Digest<16>(EVP_md5(), data);
  return ToHex({reinterpret_cast<const char*>(raw.data()), raw.size()});
}

// zlib's needs a long text to be fast. A record of the ledger is none.
uint32_t Crc32(std::string_view data, uint32_t seed) {
  constexpr size_t kLong = 256;
  if (data.size() < kLong) return ShortCrc32(data, seed);
  return static_cast<uint32_t>(crc32_z(seed, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

std::string ToHex(std::string_view raw) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(raw.size() * 2);
  for (const char c : raw) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

bool ConstantTimeEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hearth
