#include <random>
#include <string>

#include <catch2/catch.hpp>
#include <hearth/text_coding.h>

using hearth::internal::DecodeBase64;
using hearth::internal::DecodeFormText;
using hearth::internal::EncodeBase64;
using hearth::internal::EncodeFormText;
using hearth::internal::IsUtf8;

TEST_CASE("base64 of known texts", "[sdk][coding]") {
  CHECK(EncodeBase64("") == "");
  CHECK(EncodeBase64("f") == "Zg==");
  CHECK(EncodeBase64("fo") == "Zm8=");
  CHECK(EncodeBase64("foo") == "Zm9v");
  CHECK(EncodeBase64("foobar") == "Zm9vYmFy");
  CHECK(EncodeBase64("\xfb\xff") == "+/8=");
}

TEST_CASE("bytes survive base64 and percent-encoding", "[sdk][coding]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    CHECK(DecodeBase64(EncodeBase64(bytes)) == bytes);
    CHECK(DecodeFormText(EncodeFormText(bytes)) == bytes);
  }
}

TEST_CASE("text that is not base64", "[sdk][coding]") {
  const std::string text =
      GENERATE(std::string("Zg="), "Zg", "Z===", "====", "Zm9v\n", "Zm 9", "Zg==Zg==", "-_8=");
  INFO(text);
  CHECK(DecodeBase64(text) == std::nullopt);
}

TEST_CASE("what is UTF-8 and what is not", "[sdk][coding]") {
  CHECK(IsUtf8(""));
  CHECK(IsUtf8("a\u00e4\u20ac\U0001F600"));
  CHECK(IsUtf8("\xf4\x8f\xbf\xbf"));        // U+10FFFF
  CHECK_FALSE(IsUtf8("\xf4\x90\x80\x80"));  // one past
  CHECK_FALSE(IsUtf8("\xc0\x80"));          // overlong
  CHECK_FALSE(IsUtf8("\xe0\x9f\xbf"));      // overlong
  CHECK_FALSE(IsUtf8("\xf0\x8f\xbf\xbf"));  // overlong
  CHECK_FALSE(IsUtf8("\xed\xa0\x80"));      // surrogate
  CHECK_FALSE(IsUtf8("\xe2\x82"));          // cut off
  CHECK_FALSE(IsUtf8("\x80"));
}
