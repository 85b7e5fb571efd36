#pragma once

#include <nlohmann/json.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"
#include "tests/unit/triggers/fake_event_sink.h"
#include "tests/unit/triggers/http/recorded_answer.h"
#include "triggers/http/route_trigger.h"
#include "triggers/http/url_trigger.h"

namespace hearth {

// Both triggers on one data plane, with a function that answers what the test says.
struct HttpTriggerFixture {
  ManualExecutor executor;
  MemoryKeyStore keys{executor};
  FakeEventSink sink{executor};
  SeededRandom random{7};
  http::RouteTable routes;
  std::unique_ptr<UrlTrigger> urls;
  std::unique_ptr<RouteTrigger> declared;

  HttpTriggerFixture() { Start(); }

  // As after a start of the daemon on the same store.
  void Start() {
    declared.reset();
    urls.reset();
    urls = std::move(UrlTrigger::Create({}, routes, keys, sink, executor, random)).value();
    declared = std::make_unique<RouteTrigger>(RouteTrigger::Options{}, routes, urls->endpoints(), keys, sink,
                                              executor, random);
    for (Trigger* trigger : {static_cast<Trigger*>(urls.get()), static_cast<Trigger*>(declared.get())}) {
      Status started = Error{ErrorCode::kInternal, "not yet"};
      trigger->Start([&](Status status) { started = std::move(status); });
      executor.RunPosted();
      REQUIRE(started.ok());
    }
  }
  Result<Trigger::Document> Put(Trigger& trigger, const std::string& name, const nlohmann::json& document) {
    Result<Trigger::Document> put = Error{ErrorCode::kInternal, "not answered"};
    trigger.Put(name, document.dump(), [&](Result<Trigger::Document> reply) { put = std::move(reply); });
    executor.RunPosted();
    return put;
  }
  nlohmann::json GiveUrl(const std::string& function, nlohmann::json more = nlohmann::json::object()) {
    more["FunctionName"] = function;
    const auto put = Put(*urls, function, more);
    REQUIRE(put.ok());
    return nlohmann::json::parse(put->json);
  }
  void Declare(const std::string& name, const std::string& route, const std::string& function) {
    REQUIRE(Put(*declared, name, {{"Route", route}, {"FunctionName", function}}).ok());
  }
  void FunctionAnswers(Result<Outcome> outcome) {
    sink.AnswerAtOnce([outcome](const Event&) { return outcome; });
  }
  RecordedAnswerPtr Get(std::string target, http::Headers headers = {}) {
    return Send(Request("GET", std::move(target), std::move(headers)));
  }
  RecordedAnswerPtr Send(http::Request request) {
    http::RouteMatch match = routes.Find(request.method, request.raw_path);
    auto answer = match.route ? Ask(routes, std::move(request)) : nullptr;
    executor.RunPosted();
    return answer;
  }
  nlohmann::json LastEvent() const { return nlohmann::json::parse(sink.delivered().back().payload); }
};

}  // namespace hearth
