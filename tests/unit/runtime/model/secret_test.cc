#include "runtime/model/secret.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

std::vector<SecretUse> Secrets(size_t count) {
  std::vector<SecretUse> secrets;
  for (size_t i = 0; i < count; ++i) secrets.push_back({"s" + std::to_string(i), "f" + std::to_string(i)});
  return secrets;
}

TEST_CASE("a secret is seen under its own name or another", "[model]") {
  const auto plain = ParseSecretUse("db-password");
  REQUIRE(plain.ok());
  CHECK(*plain == SecretUse{"db-password", "db-password"});
  CHECK(TextOf(*plain) == "db-password");
  const auto renamed = ParseSecretUse("db-password:password");
  REQUIRE(renamed.ok());
  CHECK(*renamed == SecretUse{"db-password", "password"});
  CHECK(TextOf(*renamed) == "db-password:password");
}

TEST_CASE("no name of a secret or of its file leads out of its folder", "[model]") {
  const std::string text = GENERATE(as<std::string>{}, "", ":", "a:", ":a", ".", "..", ".hidden", "a/b",
                                    "a:b/c", "a:../b", "a b", "a:b:c", std::string("a\0b", 3), "a\n");
  CAPTURE(text);
  CHECK(!ParseSecretUse(text).ok());
}

TEST_CASE("a secret's name has up to 64 characters", "[model]") {
  CHECK(ValidateSecretName(std::string(kSecretNameBytesMax, 'a')).ok());
  CHECK(!ValidateSecretName(std::string(kSecretNameBytesMax + 1, 'a')).ok());
}

TEST_CASE("a function has up to 16 secrets, no two of them as one file", "[model]") {
  CHECK(ValidateSecretUses(Secrets(kSecretsOfFunctionMax)).ok());
  const Status many = ValidateSecretUses(Secrets(kSecretsOfFunctionMax + 1));
  REQUIRE(!many.ok());
  CHECK(many.error().message == "the function names 17 secrets; the limit is 16");
  const Status clash = ValidateSecretUses({{"a", "key"}, {"b", "key"}});
  REQUIRE(!clash.ok());
  CHECK(clash.error().message.find("secrets a and b would both be the file /run/secrets/key") !=
        std::string::npos);
  CHECK(ValidateSecretUses({{"a", "one"}, {"a", "two"}}).ok());
}

}  // namespace
}  // namespace hearth
