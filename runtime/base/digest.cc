#include "runtime/base/digest.h"

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

uint32_t Crc32(std::string_view data, uint32_t seed) {
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
