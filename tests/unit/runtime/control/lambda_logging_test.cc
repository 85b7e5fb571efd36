#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

struct LoggingFixture : ControlFixture {
  RecordedAnswerPtr Update(const json& logging, const std::string& name = "resize") {
    return Call("PUT", "/2015-03-31/functions/" + name + "/configuration", {{"LoggingConfig", logging}});
  }
  json LoggingOf(const std::string& name) {
    return Body(Call("GET", "/2015-03-31/functions/" + name + "/configuration"))["LoggingConfig"];
  }
  void IsRefused(const json& logging, const std::string& why) {
    INFO(logging.dump());
    const json before = LoggingOf("resize");
    const auto answer = Update(logging);
    CHECK(answer->answer->status == 400);
    CHECK(Body(answer).dump().find(why) != std::string::npos);
    CHECK(LoggingOf("resize") == before);
  }
};

const json kText = {{"LogFormat", "Text"}, {"LogGroup", "/aws/lambda/resize"}};

json JsonFormat(const std::string& application, const std::string& system) {
  return {{"LogFormat", "JSON"},
          {"LogGroup", "/aws/lambda/resize"},
          {"ApplicationLogLevel", application},
          {"SystemLogLevel", system}};
}

}  // namespace

TEST_CASE_METHOD(LoggingFixture, "a log is text unless it is asked for as JSON, then from INFO on",
                 "[control][lambda][logs]") {
  const auto made = Create("resize", {{"LoggingConfig", {{"LogFormat", "JSON"}}}});
  CHECK(Body(made)["LoggingConfig"] == JsonFormat("INFO", "INFO"));
  CHECK(LoggingOf("resize") == JsonFormat("INFO", "INFO"));
  Deploy("other");
  CHECK(LoggingOf("other") == json{{"LogFormat", "Text"}, {"LogGroup", "/aws/lambda/other"}});
}

TEST_CASE_METHOD(LoggingFixture, "each level is taken and kept by what does not name it",
                 "[control][lambda][logs]") {
  Deploy("resize");
  REQUIRE(Update({{"LogFormat", "JSON"}})->answer->status == 200);
  for (const char* level : {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}) {
    REQUIRE(Update({{"ApplicationLogLevel", level}})->answer->status == 200);
    CHECK(LoggingOf("resize") == JsonFormat(level, "INFO"));
  }
  for (const char* level : {"DEBUG", "INFO", "WARN"}) {
    REQUIRE(Update({{"SystemLogLevel", level}})->answer->status == 200);
    CHECK(LoggingOf("resize") == JsonFormat("FATAL", level));
  }
  REQUIRE(Update({{"LogFormat", "JSON"}, {"LogGroup", "/aws/lambda/resize"}})->answer->status == 200);
  CHECK(LoggingOf("resize") == JsonFormat("FATAL", "WARN"));
  REQUIRE(Update({{"LogFormat", "Text"}})->answer->status == 200);
  CHECK(LoggingOf("resize") == kText);
  REQUIRE(Update({{"LogFormat", "JSON"}})->answer->status == 200);
  CHECK(LoggingOf("resize") == JsonFormat("INFO", "INFO"));
}

TEST_CASE_METHOD(LoggingFixture, "what cannot be had is refused by name and changes nothing",
                 "[control][lambda][logs]") {
  Deploy("resize");
  const std::string only_json = "can be set only together with LogFormat";
  IsRefused({{"ApplicationLogLevel", "INFO"}}, "LoggingConfig.ApplicationLogLevel " + only_json);
  IsRefused({{"SystemLogLevel", "INFO"}}, "LoggingConfig.SystemLogLevel " + only_json);
  IsRefused({{"LogFormat", "Text"}, {"SystemLogLevel", "INFO"}}, only_json);
  IsRefused({{"LogFormat", "json"}}, "is neither");
  IsRefused({{"LogFormat", 1}}, "LoggingConfig.LogFormat must be");
  IsRefused({{"LogFormat", "JSON"}, {"ApplicationLogLevel", "info"}},
            "is none of TRACE, DEBUG, INFO, WARN, ERROR, FATAL");
  for (const char* level : {"TRACE", "ERROR", ""})
    IsRefused({{"LogFormat", "JSON"}, {"SystemLogLevel", level}}, "is none of DEBUG, INFO, WARN");
  IsRefused({{"LogGroup", "/aws/lambda/other"}}, "each function has a log of its own");
  CHECK(Call("PUT", "/2015-03-31/functions/resize/configuration", {{"LoggingConfig", "JSON"}})
            ->answer->status == 400);
  Update({{"LogFormat", "JSON"}});
  IsRefused({{"LogFormat", "Text"}, {"ApplicationLogLevel", "INFO"}}, only_json);
}

TEST_CASE_METHOD(LoggingFixture, "a format is a version's own: another one makes another version",
                 "[control][lambda][logs]") {
  Deploy("resize");
  const auto publish = [&] { return Body(Call("POST", "/2015-03-31/functions/resize/versions"))["Version"]; };
  CHECK(publish() == "1");
  Update({{"LogFormat", "JSON"}, {"ApplicationLogLevel", "ERROR"}});
  CHECK(publish() == "2");
  CHECK(publish() == "2");
  Update({{"ApplicationLogLevel", "WARN"}});
  CHECK(publish() == "3");
  CHECK(LoggingOf("resize:1") == kText);
  CHECK(LoggingOf("resize:2") == JsonFormat("ERROR", "INFO"));
  CHECK(registry.LogSettingsOf("resize", "2").application_level == kLogError);
  REQUIRE(Call("DELETE", "/2015-03-31/functions/resize:2")->answer->status == 204);
  CHECK(registry.LogSettingsOf("resize", "2").application_level == kLogWarn);  // as the function has it now
  CHECK(registry.LogSettingsOf("nobody", "1") == LogSettings{});
}

}  // namespace hearth
