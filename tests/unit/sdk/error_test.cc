#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

using hearth::testing::Failure;
using hearth::testing::Invoke;

namespace shop {

class OutOfStock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace shop

namespace {

template <class Body>
Failure FailureOf(Body body) {
  const auto result = Invoke([&] { body(); }, "");
  REQUIRE_FALSE(result.ok());
  CHECK(result.response.empty());
  return *result.failure;
}

}  // namespace

TEST_CASE("an exception becomes its dynamic type and its text", "[sdk][error]") {
  const Failure failure = FailureOf([] {
    try {
      throw shop::OutOfStock("no teapots");
    } catch (const std::exception&) {
      throw;  // static type std::exception, dynamic type OutOfStock
    }
  });
  CHECK(failure.type == "shop::OutOfStock");
  CHECK(failure.message == "no teapots");
  CHECK(failure.stack.empty());
}

TEST_CASE("a function may choose its error type", "[sdk][error]") {
  const Failure failure = FailureOf([] { throw hearth::FunctionError("Teapot.Short", "and stout"); });
  CHECK(failure.type == "Teapot.Short");
  CHECK(failure.message == "and stout");
}

TEST_CASE("nested exceptions are told one a line", "[sdk][error]") {
  const Failure failure = FailureOf([] {
    try {
      try {
        throw std::out_of_range("shelf 9");
      } catch (...) {
        std::throw_with_nested(shop::OutOfStock("no cups"));
      }
    } catch (...) {
      std::throw_with_nested(std::runtime_error("order A-17"));
    }
  });
  CHECK(failure.message == "order A-17");
  CHECK(failure.stack.find("no cups\ncaused by std::out_of_range: shelf 9") != std::string::npos);
}

TEST_CASE("things that are no exceptions are thrown", "[sdk][error]") {
  CHECK(FailureOf([] { throw 42; }).type == "int");
  CHECK_FALSE(FailureOf([] { throw 42; }).message.empty());
  CHECK(FailureOf([] { throw "text"; }).message == "text");
  CHECK(FailureOf([] { throw std::string("string"); }).message == "string");
  CHECK(FailureOf([] { throw std::bad_alloc(); }).type == "std::bad_alloc");
}

TEST_CASE("an exception's text that is not UTF-8 is made so", "[sdk][error]") {
  CHECK(FailureOf([] { throw std::runtime_error("caf\xe9 \xE2\x82\xAC"); }).message ==
        "caf\xEF\xBF\xBD \xE2\x82\xAC");
}
