#pragma once

#include <set>

#include <nlohmann/json.hpp>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/control/control_api.h"
#include "runtime/control/platform_log.h"
#include "runtime/loop/work_thread.h"
#include "runtime/router/destinations.h"
#include "runtime/router/function_destination.h"
#include "runtime/router/queue_destination.h"
#include "runtime/store/memory_key_store.h"
#include "runtime/store/memory_queue_store.h"
#include "tests/unit/runtime/meter/meter_fixture.h"
#include "tests/unit/runtime/store/ledger_fixture.h"
#include "tests/unit/triggers/fake_event_sink.h"
#include "tests/unit/triggers/http/recorded_answer.h"

namespace hearth {

using nlohmann::json;

// Bytes that the registry takes for a shared object.
inline const std::string kSharedObject = std::string("\x7f", 1) + "ELF of a handler";

// Likes every artefact until told otherwise.
class FakeChecker final : public ArtefactChecker {
 public:
  explicit FakeChecker(Executor& executor) : executor_(executor) {}
  void Unpack(std::string, std::string, Done done) override { Answer(std::move(done)); }
  void TrialLoad(const FunctionVersion&, Done done) override { Answer(std::move(done)); }
  void TakeSnapshot(const std::shared_ptr<const FunctionVersion>&, OnSnapshot done) override {
    Answer([done = std::move(done)](const Status& status) {
      done(status.ok() ? Result<nanoseconds>(nanoseconds(200'000'000)) : status.error());
    });
  }
  Status verdict = Ok();

 private:
  void Answer(Done done) {
    executor_.Post([this, done = std::move(done)] { done(verdict); });
  }
  Executor& executor_;
};

// Keeps documents as they come, with a status of the test's choice.
class FakeTrigger final : public Trigger {
 public:
  FakeTrigger(std::string kind, Executor& executor) : kind_(std::move(kind)), executor_(executor) {}

  std::string_view kind() const override { return kind_; }
  void Put(std::string name, std::string document, Reply reply) override {
    Result<Document> put = Error{refusal, "refused by the trigger"};
    if (!refuses) put = documents[name] = Document{name, document, status};
    executor_.Post([put, reply = std::move(reply)] { reply(put); });
  }
  void Remove(std::string name, Done done) override {
    const bool known = documents.erase(name) > 0;
    executor_.Post([known, done = std::move(done)] {
      done(known ? Ok() : Status(Error{ErrorCode::kNotFound, "no"}));
    });
  }
  Result<Document> Get(std::string_view name) const override {
    const auto found = documents.find(std::string(name));
    if (found == documents.end()) return Error{ErrorCode::kNotFound, "there is no such " + kind_};
    return found->second;
  }
  std::vector<Document> List() const override {
    std::vector<Document> all;
    for (const auto& [name, document] : documents) all.push_back(document);
    return all;
  }
  void Command(std::string name, std::string verb, std::string,
               std::function<void(Result<std::string>)> reply) override {
    executor_.Post(
        [text = json{{"did", verb}, {"to", name}}.dump(), reply = std::move(reply)] { reply(text); });
  }
  void ForgetFunction(std::string_view function) override { forgotten.emplace_back(function); }
  void Start(Done) override {}
  void Drain(std::function<void()>) override {}

  std::map<std::string, Document> documents;
  std::string status = "{}";
  bool refuses = false;
  ErrorCode refusal = ErrorCode::kInvalidArgument;
  std::vector<std::string> forgotten;

 private:
  const std::string kind_;
  Executor& executor_;
};

// Delivers as FakeEventSink does, and keeps what is submitted.
class ControlSink final : public EventSink {
 public:
  explicit ControlSink(Executor& executor) : executor_(executor), fake(executor) {}
  DeliveryId Deliver(Event&& event, OnOutcome done) override {
    return fake.Deliver(std::move(event), std::move(done));
  }
  void Withdraw(DeliveryId delivery, Withdrawal how) override { fake.Withdraw(delivery, how); }
  void DeliverOn(std::unique_ptr<Slot> slot, Event event, OnOutcome done) override {
    fake.DeliverOn(std::move(slot), std::move(event), std::move(done));
  }
  std::unique_ptr<SlotWait> ReserveSlot(const std::string& function, const std::string& qualifier,
                                        OnSlot done) override {
    return fake.ReserveSlot(function, qualifier, std::move(done));
  }
  void Submit(Event event, OnAccepted accepted) override {
    submitted.push_back(std::move(event));
    executor_.Post([this, accepted = std::move(accepted)] { accepted(acceptance); });
  }

 private:
  Executor& executor_;

 public:
  FakeEventSink fake;
  std::vector<Event> submitted;
  Status acceptance = Ok();
};

struct FakePool final : PoolStatusSource {
  std::vector<PoolStatus> Status() const override { return status; }
  std::vector<UnusableMount> UnusableMounts() const override { return mounts; }
  std::vector<ChosenIsolation> ChosenIsolations() const override { return isolations; }
  BlankSandboxes Blanks() const override { return blanks; }
  std::vector<PoolStatus> status;
  std::vector<UnusableMount> mounts;
  std::vector<ChosenIsolation> isolations;
  BlankSandboxes blanks;
};

// Another thread for work, which is held as long as the test says.
class HeldOffload final : public Offload {
 public:
  explicit HeldOffload(Executor& executor) : thread_(executor, "held") {}
  void Submit(std::function<void()> work) override {
    if (holds_) {
      held_.push_back(std::move(work));
    } else {
      thread_.Submit(std::move(work));
    }
  }
  void Hold() { holds_ = true; }
  size_t held() const { return held_.size(); }
  void Release() {
    holds_ = false;
    for (auto& work : std::exchange(held_, {})) thread_.Submit(std::move(work));
  }

 private:
  bool holds_ = false;
  std::vector<std::function<void()>> held_;
  WorkThread thread_;
};

// The whole control API over memory; verbs are those of its clients.
struct ControlFixture {
  PostingExecutor executor;
  TemporaryFolder folder;
  SeededRandom random{11};
  MemoryKeyStore keys{executor};
  MemoryQueueStore queues{executor};
  FakeChecker checker{executor};
  CodeFolders code{folder.path(), executor};
  FunctionRegistry registry{{}, keys, code, checker, executor.clock(), random};
  ControlSink sink{executor};
  FakeLedger ledger;
  Meter::Opened opened = std::move(Meter::Open(ledger)).value();
  std::unique_ptr<Account> account =
      std::move(Account::Open(*opened.meter, executor.clock(), random)).value();
  HeldOffload rating{executor};
  BillMaker bills{*opened.meter, *account, executor, rating};
  BudgetWatch budgets{*account, bills, executor, nullptr};
  NullLog log;
  MemoryQueueStore event_queues{executor};
  MemoryKeyStore invocations{executor};
  EventInvokeConfigs invoke_configs{keys};
  QueueDestination queue_destination{{}, queues, executor};
  FunctionDestination function_destination{registry, sink, random, executor};
  Destinations destinations{executor};
  InvocationBook book{{}, invocations, executor, log};
  AsyncEvents events{{},
                     {event_queues, sink, *opened.meter, registry, invoke_configs, book, destinations, random,
                      log, executor}};
  LogStore logs{
      PlatformLog::WithPlatformLines({.settings_of = [this](std::string_view name, std::string_view version) {
        return registry.LogSettingsOf(std::string(name), std::string(version));
      }})};
  Metrics metrics{executor};
  FakePool pool;
  FakeTrigger url{"url", executor}, queue{"queue", executor}, bucket{"bucket", executor},
      route{"route", executor};
  http::RouteTable routes;
  std::vector<HearthStatus::Check> readiness;
  Status new_work = Ok();
  std::unique_ptr<ControlApi> api;

  ControlFixture() {
    destinations.Add("sqs", queue_destination);
    destinations.Add("lambda", function_destination);
    Mount({});
  }

  void Mount(AccessGuard::Options access) {
    api.reset();
    const TriggersByKind triggers = {
        {"url", &url}, {"queue", &queue}, {"bucket", &bucket}, {"route", &route}};
    ControlInfo info;
    info.version = "0.1.0";
    api = std::move(ControlApi::Mount(routes,
                                      {registry, sink, queues, keys, *opened.meter, *account, bills, budgets,
                                       logs, nullptr, metrics, pool, events, book, invoke_configs,
                                       destinations, triggers, executor, random},
                                      {std::move(access), info, [this] { return readiness; }, 1000, nullptr,
                                       [this] { return new_work; }}))
              .value();
    queues.SetOnVisible([this](std::string_view name) {
      if (api) api->OnQueueVisible(name);
    });
  }

  // Sends; the answer may come later.
  RecordedAnswerPtr Start(http::Request request) {
    request.headers.Set("host", "localhost:4566");
    return Ask(routes, std::move(request));
  }
  RecordedAnswerPtr Call(http::Request request) {
    auto answer = Start(std::move(request));
    executor.WaitFor([&] { return answer->answer.has_value() || answer->abandoned; });
    REQUIRE(answer->answer);
    return answer;
  }
  RecordedAnswerPtr Call(std::string method, std::string target, const json& body = nullptr,
                         http::Headers headers = {}) {
    return Call(
        Request(std::move(method), std::move(target), std::move(headers), body.is_null() ? "" : body.dump()));
  }
  // Everything that is posted now, and what that posts, has run.
  void RunPosted() {
    for (int round = 0; round < 8; ++round) {
      bool ran = false;
      executor.Post([&] { ran = true; });
      executor.WaitFor([&] { return ran; });
    }
  }
  void Advance(std::chrono::nanoseconds by) {
    executor.Advance(by);
    RunPosted();
  }

  RecordedAnswerPtr Create(const std::string& name, json more = json::object()) {
    more["FunctionName"] = name;
    if (!more.contains("Handler")) more["Handler"] = "libresize.so";
    if (!more.contains("Role")) more["Role"] = "arn:aws:iam::000000000000:role/any";
    if (!more.contains("Runtime")) more["Runtime"] = "provided.al2023";
    if (!more.contains("Code")) more["Code"] = {{"ZipFile", Base64Encode(kSharedObject)}};
    return Call("POST", "/2015-03-31/functions", more);
  }
  void Deploy(const std::string& name) { REQUIRE(Create(name)->answer->status == 201); }
  RecordedAnswerPtr Invoke(const std::string& name, std::string body, http::Headers headers = {}) {
    return Call(Request("POST", "/2015-03-31/functions/" + name + "/invocations", std::move(headers),
                        std::move(body)));
  }
  http::Request SqsRequest(const std::string& operation, const json& body) {
    return Request(
        "POST", "/",
        {{"x-amz-target", "AmazonSQS." + operation}, {"content-type", "application/x-amz-json-1.0"}},
        body.dump());
  }
  RecordedAnswerPtr Sqs(const std::string& operation, const json& body) {
    return Call(SqsRequest(operation, body));
  }
  std::string MakeQueue(const std::string& name, json attributes = json::object()) {
    const auto made = Sqs("CreateQueue", {{"QueueName", name}, {"Attributes", attributes}});
    REQUIRE(made->answer->status == 200);
    return Body(made)["QueueUrl"];
  }
  static json Body(const RecordedAnswerPtr& answer) { return json::parse(answer->answer->body); }
  static std::set<std::string> Members(const json& object) {
    std::set<std::string> names;
    for (const auto& [name, value] : object.items()) names.insert(name);
    return names;
  }
};

}  // namespace hearth
