#include "runtime/http/error_response.h"

#include <catch2/catch.hpp>

namespace hearth::http {

TEST_CASE("an error is JSON whatever the text", "[http]") {
  const Response response =
      ErrorResponse(400, "bad_request", "quote \" backslash \\ line\n del\x7f \xC3\xBC \xF0\x9F\x94\xA5");
  CHECK(response.status == 400);
  CHECK(response.headers.Get("content-type") == "application/json");
  CHECK(response.body ==
        "{\"error\":\"bad_request\",\"message\":\"quote \\\" backslash \\\\ line\\n del\x7f \xC3\xBC "
        "\xF0\x9F\x94\xA5\"}");
}

TEST_CASE("bytes that are not UTF-8 are replaced", "[http]") {
  const std::string replaced = "\xEF\xBF\xBD";
  for (const char* text : {"\x80", "\xFF", "\xC0", "\xED", "\xF5"}) {
    CHECK(ErrorResponse(400, "e", text).body == "{\"error\":\"e\",\"message\":\"" + replaced + "\"}");
  }
  CHECK(ErrorResponse(400, "e", "\xC3(").body == "{\"error\":\"e\",\"message\":\"" + replaced + "(\"}");
  CHECK(ErrorResponse(400, "e", "\xED\xA0\x80").body ==
        "{\"error\":\"e\",\"message\":\"" + replaced + replaced + replaced + "\"}");
}

}  // namespace hearth::http
