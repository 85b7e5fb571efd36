#include "runtime/base/digest.h"

#include <span>

#include <catch2/catch.hpp>

#include "runtime/base/random.h"

namespace hearth {
namespace {

std::string Sha256Hex(std::string_view data) {
  const Sha256Digest digest = Sha256(data);
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

TEST_CASE("SHA-256 of FIPS 180's examples", "[base]") {
  CHECK(Sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256Hex(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("MD5 of RFC 1321's examples", "[base]") {
  CHECK(Md5Hex("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(Md5Hex("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST_CASE("CRC-32 of the check string, whole and continued", "[base]") {
  CHECK(Crc32("123456789") == 0xCBF43926U);
  CHECK(Crc32("") == 0U);
  CHECK(Crc32("6789", Crc32("12345")) == 0xCBF43926U);
}

TEST_CASE("CRC-32 of short and of long texts is one and the same", "[base]") {
  SeededRandom random(7);
  std::string text(600, '\0');
  random.Fill(std::as_writable_bytes(std::span(text)));
  for (const size_t bytes : {1, 7, 8, 9, 12, 64, 255, 256, 257, 600}) {
    uint32_t bit_by_bit = ~0U;
    for (const char c : std::string_view(text).substr(0, bytes)) {
      bit_by_bit ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit)
        bit_by_bit = (bit_by_bit >> 1) ^ ((bit_by_bit & 1) != 0 ? 0xEDB88320 : 0);
    }
    INFO(bytes);
    CHECK(Crc32(std::string_view(text).substr(0, bytes)) == ~bit_by_bit);
    CHECK(Crc32(std::string_view(text).substr(3, bytes - 1), Crc32(std::string_view(text).substr(0, 3))) ==
          Crc32(std::string_view(text).substr(0, bytes + 2)));
  }
}

TEST_CASE("hexadecimal of every kind of byte", "[base]") {
  CHECK(ToHex(std::string("\x00\x0f\xf0\xff", 4)) == "000ff0ff");
}

TEST_CASE("equality in constant time is equality", "[base]") {
  CHECK(ConstantTimeEqual("", ""));
  CHECK(ConstantTimeEqual("token", "token"));
  CHECK_FALSE(ConstantTimeEqual("token", "tokem"));
  CHECK_FALSE(ConstantTimeEqual("token", "toke"));
}

}  // namespace hearth
