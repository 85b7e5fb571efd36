#include <catch2/catch.hpp>

#include "runtime/cli/bill_table.h"
#include "runtime/cli/log_line.h"
#include "runtime/cli/text_table.h"

namespace hearth::cli {
namespace {

using Catch::Matchers::Contains;

// Runs of blanks as one.
std::string Squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  return out;
}

TEST_CASE("columns are as wide as their widest cell", "[cli]") {
  TextTable table({{"NAME"}, {"N", Align::kRight}, {"LAST"}});
  table.Add({"é", "1,000"});
  table.Add({"longer", "2", "x"});
  CHECK(table.Text() ==
        "NAME        N  LAST\n"
        "é       1,000\n"
        "longer      2  x\n");
  CHECK(TextTable({{"NAME"}}).Text().empty());
}

TEST_CASE("numbers as people read them", "[cli]") {
  CHECK(WithThousands(0) == "0");
  CHECK(WithThousands(999) == "999");
  CHECK(WithThousands(1234567) == "1,234,567");
  CHECK(SizeText(1023) == "1023 B");
  CHECK(SizeText(1024) == "1.0 KiB");
  CHECK(SizeText(5 << 20) == "5.0 MiB");
}

TEST_CASE("what a function wrote cannot steer the terminal", "[cli]") {
  CHECK(Printable("a\tb\n\x1b[31m\x7f") == "a\tb\n\\x1b[31m\\x7f");
}

TEST_CASE("a log line is cut from pieces and shown", "[cli]") {
  std::vector<std::string> lines;
  LineCutter cutter([&](const std::string& line) { lines.push_back(line); });
  for (const char* piece : {"o", "ne\ntwo\nth", "ree", "\nrest"}) cutter.Add(piece);
  CHECK(lines == std::vector<std::string>{"one", "two", "three"});
  CHECK(
      LogLineText(
          R"({"time":"T","request_id":"0123456789","level":"info","message":"hi","fields":{"n":1,"s":"x"}})") ==
      "T 01234567 info     hi n=1 s=x");
  CHECK(LogLineText(R"({"time":"T","source":"platform","message":"REPORT RequestId: a\tb"})") ==
        "T          platform REPORT RequestId: a\tb");
  CHECK(LogLineText(R"({"time":"T","source":"stdout","entry":{"z":1,"a":"\u001b"}})") ==
        R"({"z":1,"a":"\u001b"})");
  CHECK(LogLineText(R"({"source":"stdout","entry":{"a":"\u2028\u007f","n":1e400}})") ==
        R"({"a":"\u2028\u007f","n":1e400})");
  CHECK(LogLineText(R"({"fields":{"a":1,"entry":2},"message":"m","source":"handler"})") ==
        "          handler  m a=1 entry=2");
  CHECK(LogLineText("no json") == "no json");
}

TEST_CASE("a bill adds its lines exactly", "[cli]") {
  const Json bill = Json::parse(R"({"from":"A","to":"B","by":"function","currency":"USD","price_book":"p",
    "rows":[{"function":"f","invocations":3,"errors":1,"billed_ms":1234,"gb_seconds":0.125,"amount":"0.0000006001",
             "requests_amount":"0.0000006000","duration_amount":"0.0000000001","other_amount":"0"}],
    "account":[{"kind":"free requests","amount":"-0.0000006000"}],
    "invoices":[{"id":"hearth-2026-11","total":"0.00","final":true}],
    "total":{"invocations":3,"errors":1,"billed_ms":1234,"gb_seconds":0.125,"amount":"0.0000000001"}})");
  const std::string text = Squeezed(BillText(bill));
  CHECK_THAT(text, Contains("f 3 1 1,234 0.125000 0.0000006000 0.0000000001 0.0000000000 0.0000006001\n"));
  CHECK_THAT(text, Contains("(free requests) -0.0000006000\n"));
  CHECK_THAT(text,
             Contains("TOTAL 3 1 1,234 0.125000 0.0000006000 0.0000000001 0.0000000000 0.0000000001\n"));
  CHECK_THAT(text, Contains("Invoice hearth-2026-11: USD 0.00, final\n"));
}

}  // namespace
}  // namespace hearth::cli
