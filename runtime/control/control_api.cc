#include "runtime/control/control_api.h"

#include "runtime/control/lambda_reference.h"
#include "runtime/model/function.h"

namespace hearth {
namespace {

// Lambda's limit on a whole CreateFunction request: a package of 50 MiB in base64, and the rest.
constexpr Bytes kDeployBodyMax{70'167'211};
// A message of 1 MiB, each byte of it an escape of six in JSON (of three in a form), and attributes.
constexpr Bytes kSqsBodyMax = 8_MiB;
// So much more than a secret may have that who sends too much is told the limit of secrets.
constexpr Bytes kSecretBodyMax{2 * kSecretBytesMax};

AccessGuard::Asked AskedBy(const http::Request& request) {
  return {request.path,
          request.headers.Get("host"),
          request.headers.Get("origin"),
          request.headers.Get("authorization"),
          request.headers.Get("x-amz-security-token"),
          request.headers.Get("sec-fetch-site")};
}

LambdaError UnknownOperation(const http::Request& request) {
  return {404, "UnknownOperationException", "no operation answers " + request.method + " " + request.path,
          ""};
}

}  // namespace

ControlApi::ControlApi(ControlParts parts, Options options)
    : concurrency_max_(options.concurrency_max),
      new_work_(options.new_work),
      guard_(std::make_shared<const AccessGuard>(std::move(options.access))),
      registry_(parts.registry),
      metrics_(parts.metrics),
      random_(parts.random),
      triggers_(std::move(parts.triggers)),
      functions_(parts.registry, triggers_, parts.account, parts.destinations, parts.executor.clock(),
                 concurrency_max_),
      tags_(parts.registry, parts.account),
      provisioned_(parts.registry, parts.account, parts.executor.clock()),
      invoke_(parts.registry, parts.sink, parts.events, parts.logs),
      event_invoke_(parts.registry, parts.invoke_configs, parts.destinations, parts.executor.clock()),
      aliases_(parts.registry, parts.invoke_configs),
      layers_(parts.registry),
      urls_(parts.registry, *triggers_.at("url")),
      mappings_(parts.registry, *triggers_.at("queue"), parts.queues, parts.random),
      sqs_(parts.queues, parts.keys, parts.executor, {options.info.account, options.info.region},
           options.new_work),
      bill_(parts.bills, parts.executor.clock(), {options.info.account, options.info.region}),
      commitments_(parts.account, parts.executor.clock()),
      budgets_(parts.account, parts.budgets),
      ledger_(parts.meter.ledger()),
      backup_(options.backups),
      invocations_(parts.invocations, parts.events, parts.executor),
      logs_(parts.logs, parts.history, parts.registry, parts.executor.clock()),
      scaling_(parts.registry),
      secrets_(parts.registry),
      status_(std::move(options.info), parts.pool, std::move(options.readiness)),
      queues_(parts.queues, parts.executor, {status_.info().account, status_.info().region}),
      buckets_(parts.registry, *triggers_.at("bucket")),
      routes_(parts.registry, *triggers_.at("route")) {}

Result<std::unique_ptr<ControlApi>> ControlApi::Mount(http::RouteTable& routes, ControlParts parts,
                                                      Options options) {
  for (const char* kind : {"url", "queue", "bucket", "route"}) CHECK_TRUE(parts.triggers.contains(kind));
  std::unique_ptr<ControlApi> api(new ControlApi(std::move(parts), std::move(options)));
  HEARTH_TRY(api->MountAll(routes));
  return api;
}

http::RequestFilter ControlApi::Filter() const {
  return [guard = guard_](const http::Request& head) -> std::optional<http::Response> {
    const Status allowed = guard->Check(AskedBy(head));
    if (allowed.ok()) return std::nullopt;
    http::Response response = http::Response::Json(403, LambdaErrorJson(ToLambdaError(allowed.error())));
    response.headers.Set("x-amzn-ErrorType", "AccessDeniedException");
    return response;
  };
}

http::Handler ControlApi::Guarded(Handle handle) {
  return [weak = weak_.Get(), handle = std::move(handle)](http::Request request, http::Responder responder) {
    if (!weak) return;
    auto call =
        std::make_shared<ApiCall>(std::move(request), std::move(responder), RequestId::Make(weak->random_));
    if (const Status allowed = weak->guard_->Check(AskedBy(call->request())); !allowed.ok())
      return call->Fail(allowed.error());
    try {
      handle(call);
    } catch (const Json::exception& e) {
      // A member of a type that no check of ours expected: our bug, yet one request's and not the daemon's.
      call->Fail(Error{ErrorCode::kInternal, std::string("the request could not be handled: ") + e.what()});
    }
  };
}

// What needs room on the disk.
ControlApi::Handle ControlApi::NewWork(Handle handle) const {
  return [this, handle = std::move(handle)](const ApiCallPtr& call) {
    const Status taken = new_work_ ? new_work_() : Ok();
    taken.ok() ? handle(call) : call->Fail(taken.error());
  };
}

Status ControlApi::Add(http::RouteTable& routes, std::string_view route, Handle handle,
                       http::RouteOptions options) {
  HEARTH_ASSIGN(http::RouteLease lease, routes.Add(route, Guarded(std::move(handle)), options));
  leases_.push_back(std::move(lease));
  return Ok();
}

Status ControlApi::MountAll(http::RouteTable& routes) {
  HEARTH_TRY(MountFunctions(routes));
  HEARTH_TRY(MountFunctionParts(routes));
  HEARTH_TRY(MountFiles(routes));
  HEARTH_TRY(MountEvents(routes));
  HEARTH_TRY(MountMappings(routes));
  HEARTH_TRY(MountAccount(routes));
  HEARTH_TRY(MountHearth(routes));
  HEARTH_TRY(MountSqs(routes));
  routes.SetFallback(Guarded([](const ApiCallPtr& call) { call->Fail(UnknownOperation(call->request())); }));
  return Ok();
}

// At the root and at each queue's own URL, "/ACCOUNT/QUEUE"; whatever else has two segments is in the table
// with names of its own, which win.
Status ControlApi::MountSqs(http::RouteTable& routes) {
  const auto serve = [this](const ApiCallPtr& call) {
    SqsApi::IsFor(call->request()) ? sqs_.Serve(call) : call->Fail(UnknownOperation(call->request()));
  };
  for (const char* route : {"GET /", "POST /{account}/{queue}", "GET /{account}/{queue}"})
    HEARTH_TRY(Add(routes, route, serve, {kSqsBodyMax}));
  // Nothing else is posted here, so what is wrong is wrong in SQS's words.
  return Add(routes, "POST /", [this](const ApiCallPtr& call) { sqs_.Serve(call); }, {kSqsBodyMax});
}

Status ControlApi::MountFunctions(http::RouteTable& routes) {
  const std::string all = "/2015-03-31/functions";
  const std::string one = all + "/{name}";
  HEARTH_TRY(Add(routes, "POST " + all, NewWork([this](const ApiCallPtr& call) { functions_.Create(call); }),
                 {kDeployBodyMax}));
  // Clients send lists with and without the last slash.
  for (const std::string& list : {all, all + "/"}) {
    HEARTH_TRY(Add(routes, "GET " + list, [this](const ApiCallPtr& call) { functions_.List(call); }));
  }
  HEARTH_TRY(Add(routes, "GET " + one, [this](const ApiCallPtr& call) { functions_.Get(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + one, [this](const ApiCallPtr& call) { functions_.Delete(call); }));
  HEARTH_TRY(Add(routes, "GET " + one + "/configuration",
                 [this](const ApiCallPtr& call) { functions_.GetConfiguration(call); }));
  HEARTH_TRY(Add(routes, "PUT " + one + "/configuration",
                 NewWork([this](const ApiCallPtr& call) { functions_.UpdateConfiguration(call); })));
  HEARTH_TRY(Add(routes, "PUT " + one + "/code",
                 NewWork([this](const ApiCallPtr& call) { functions_.UpdateCode(call); }), {kDeployBodyMax}));
  HEARTH_TRY(
      Add(routes, "POST " + one + "/versions", [this](const ApiCallPtr& call) { functions_.Publish(call); }));
  const std::string aliases = one + "/aliases", alias = aliases + "/{alias}";
  HEARTH_TRY(Add(routes, "POST " + aliases, [this](const ApiCallPtr& call) { aliases_.Create(call); }));
  HEARTH_TRY(Add(routes, "GET " + aliases, [this](const ApiCallPtr& call) { aliases_.List(call); }));
  HEARTH_TRY(Add(routes, "GET " + alias, [this](const ApiCallPtr& call) { aliases_.Get(call); }));
  HEARTH_TRY(Add(routes, "PUT " + alias, [this](const ApiCallPtr& call) { aliases_.Update(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + alias, [this](const ApiCallPtr& call) { aliases_.Delete(call); }));
  HEARTH_TRY(Add(routes, "GET " + one + "/versions",
                 [this](const ApiCallPtr& call) { functions_.ListVersions(call); }));
  HEARTH_TRY(Add(routes, "POST /2021-11-15/functions/{name}/response-streaming-invocations",
                 [this](const ApiCallPtr& call) { invoke_.InvokeWithResponseStream(call); }));
  return Add(routes, "POST " + one + "/invocations",
             [this](const ApiCallPtr& call) { invoke_.Invoke(call); });
}

Status ControlApi::MountFunctionParts(http::RouteTable& routes) {
  const std::string url = "/2021-10-31/functions/{name}/url";
  HEARTH_TRY(Add(routes, "POST " + url, [this](const ApiCallPtr& call) { urls_.Create(call); }));
  HEARTH_TRY(Add(routes, "GET " + url, [this](const ApiCallPtr& call) { urls_.Get(call); }));
  HEARTH_TRY(Add(routes, "PUT " + url, [this](const ApiCallPtr& call) { urls_.Update(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + url, [this](const ApiCallPtr& call) { urls_.Delete(call); }));
  HEARTH_TRY(Add(routes, "GET /2021-10-31/functions/{name}/urls",
                 [this](const ApiCallPtr& call) { urls_.List(call); }));
  const std::string provisioned = "/2019-09-30/functions/{name}/provisioned-concurrency";
  HEARTH_TRY(Add(routes, "PUT " + provisioned, [this](const ApiCallPtr& call) { provisioned_.Put(call); }));
  HEARTH_TRY(Add(routes, "GET " + provisioned, [this](const ApiCallPtr& call) { provisioned_.Get(call); }));
  HEARTH_TRY(
      Add(routes, "DELETE " + provisioned, [this](const ApiCallPtr& call) { provisioned_.Delete(call); }));
  // The dates differ between writing and reading, as in AWS's model.
  const std::string concurrency = "/functions/{name}/concurrency";
  HEARTH_TRY(Add(routes, "PUT /2017-10-31" + concurrency,
                 [this](const ApiCallPtr& call) { functions_.PutConcurrency(call); }));
  HEARTH_TRY(Add(routes, "DELETE /2017-10-31" + concurrency,
                 [this](const ApiCallPtr& call) { functions_.DeleteConcurrency(call); }));
  return Add(routes, "GET /2019-09-30" + concurrency,
             [this](const ApiCallPtr& call) { functions_.GetConcurrency(call); });
}

Status ControlApi::MountFiles(http::RouteTable& routes) {
  const std::string layers = "/2018-10-31/layers", versions = layers + "/{name}/versions";
  const std::string version = versions + "/{number}";
  for (const std::string& list : {layers, layers + "/"})
    HEARTH_TRY(Add(routes, "GET " + list, [this](const ApiCallPtr& call) { layers_.List(call); }));
  HEARTH_TRY(Add(routes, "POST " + versions,
                 NewWork([this](const ApiCallPtr& call) { layers_.Publish(call); }), {kDeployBodyMax}));
  HEARTH_TRY(Add(routes, "GET " + versions, [this](const ApiCallPtr& call) { layers_.ListVersions(call); }));
  HEARTH_TRY(Add(routes, "GET " + version, [this](const ApiCallPtr& call) { layers_.Get(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + version, [this](const ApiCallPtr& call) { layers_.Delete(call); }));
  const std::string secrets = "/_hearth/v1/secrets", secret = secrets + "/{name}";
  HEARTH_TRY(Add(routes, "GET " + secrets, [this](const ApiCallPtr& call) { secrets_.List(call); }));
  HEARTH_TRY(Add(routes, "PUT " + secret, NewWork([this](const ApiCallPtr& call) { secrets_.Put(call); }),
                 {kSecretBodyMax}));
  return Add(routes, "DELETE " + secret, [this](const ApiCallPtr& call) { secrets_.Delete(call); });
}

Status ControlApi::MountEvents(http::RouteTable& routes) {
  const std::string config = "/2019-09-25/functions/{name}/event-invoke-config";
  HEARTH_TRY(Add(routes, "PUT " + config, [this](const ApiCallPtr& call) { event_invoke_.Put(call); }));
  HEARTH_TRY(Add(routes, "POST " + config, [this](const ApiCallPtr& call) { event_invoke_.Update(call); }));
  HEARTH_TRY(Add(routes, "GET " + config, [this](const ApiCallPtr& call) { event_invoke_.Get(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + config, [this](const ApiCallPtr& call) { event_invoke_.Delete(call); }));
  HEARTH_TRY(
      Add(routes, "GET " + config + "/list", [this](const ApiCallPtr& call) { event_invoke_.List(call); }));
  const std::string all = "/_hearth/v1/invocations", one = all + "/{id}";
  HEARTH_TRY(Add(routes, "GET " + all, [this](const ApiCallPtr& call) { invocations_.List(call); }));
  HEARTH_TRY(Add(routes, "GET " + one, [this](const ApiCallPtr& call) { invocations_.Get(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + one, [this](const ApiCallPtr& call) { invocations_.Cancel(call); }));
  return Add(routes, "POST " + one + "/retry", [this](const ApiCallPtr& call) { invocations_.Retry(call); });
}

Status ControlApi::MountMappings(http::RouteTable& routes) {
  const std::string all = "/2015-03-31/event-source-mappings";
  for (const std::string& list : {all, all + "/"}) {
    HEARTH_TRY(Add(routes, "POST " + list, [this](const ApiCallPtr& call) { mappings_.Create(call); }));
    HEARTH_TRY(Add(routes, "GET " + list, [this](const ApiCallPtr& call) { mappings_.List(call); }));
  }
  HEARTH_TRY(Add(routes, "GET " + all + "/{uuid}", [this](const ApiCallPtr& call) { mappings_.Get(call); }));
  HEARTH_TRY(
      Add(routes, "PUT " + all + "/{uuid}", [this](const ApiCallPtr& call) { mappings_.Update(call); }));
  return Add(routes, "DELETE " + all + "/{uuid}", [this](const ApiCallPtr& call) { mappings_.Delete(call); });
}

Status ControlApi::MountAccount(http::RouteTable& routes) {
  for (const char* settings : {"GET /2016-08-19/account-settings", "GET /2016-08-19/account-settings/"}) {
    HEARTH_TRY(Add(routes, settings, [this](const ApiCallPtr& call) { AccountSettings(call); }));
  }
  const std::string tags = "/2017-03-31/tags/{name}";
  HEARTH_TRY(Add(routes, "GET " + tags, [this](const ApiCallPtr& call) { tags_.List(call); }));
  HEARTH_TRY(Add(routes, "POST " + tags, [this](const ApiCallPtr& call) { tags_.Tag(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + tags, [this](const ApiCallPtr& call) { tags_.Untag(call); }));
  return Add(routes, "GET /2020-06-30/functions/{name}/code-signing-config",
             [this](const ApiCallPtr& call) { CodeSigningConfig(call); });
}

Status ControlApi::MountDocuments(http::RouteTable& routes, const std::string& path,
                                  HearthDocuments& documents) {
  HEARTH_TRY(Add(routes, "GET " + path, [&documents](const ApiCallPtr& call) { documents.List(call); }));
  HEARTH_TRY(
      Add(routes, "GET " + path + "/{name}", [&documents](const ApiCallPtr& call) { documents.Get(call); }));
  HEARTH_TRY(
      Add(routes, "PUT " + path + "/{name}", [&documents](const ApiCallPtr& call) { documents.Put(call); }));
  return Add(routes, "DELETE " + path + "/{name}",
             [&documents](const ApiCallPtr& call) { documents.Delete(call); });
}

Status ControlApi::MountHearth(http::RouteTable& routes) {
  HEARTH_TRY(MountDocuments(routes, "/_hearth/v1/buckets", buckets_));
  HEARTH_TRY(MountDocuments(routes, "/_hearth/v1/routes", routes_));
  HEARTH_TRY(Add(routes, "POST /_hearth/v1/buckets/{name}/replay",
                 [this](const ApiCallPtr& call) { buckets_.Command(call, "replay"); }));
  HEARTH_TRY(Add(routes, "POST /_hearth/v1/buckets/{name}/outcomes",
                 [this](const ApiCallPtr& call) { buckets_.Command(call, "outcomes"); }));
  HEARTH_TRY(MountBilling(routes));
  HEARTH_TRY(Add(routes, "POST /_hearth/v1/backup", [this](const ApiCallPtr& call) { backup_.Make(call); }));
  HEARTH_TRY(
      Add(routes, "GET /_hearth/v1/ledger/check", [this](const ApiCallPtr& call) { ledger_.Check(call); }));
  HEARTH_TRY(
      Add(routes, "GET /_hearth/v1/workers", [this](const ApiCallPtr& call) { status_.Workers(call); }));
  HEARTH_TRY(Add(routes, "GET /_hearth/v1/queues", [this](const ApiCallPtr& call) { queues_.List(call); }));
  HEARTH_TRY(Add(routes, "GET /_hearth/v1/queues/{name}/messages",
                 [this](const ApiCallPtr& call) { queues_.Peek(call); }));
  HEARTH_TRY(Add(routes, "GET /_hearth/v1/info", [this](const ApiCallPtr& call) { status_.Info(call); }));
  HEARTH_TRY(Add(routes, "GET /_hearth/v1/logs/{name}", [this](const ApiCallPtr& call) { logs_.Get(call); }));
  HEARTH_TRY(Add(routes, "GET /metrics", [this](const ApiCallPtr& call) {
    metrics_.Scrape([call](Result<std::string> text) {
      if (!text.ok()) return call->Fail(text.error());
      call->Answer(200, {{"content-type", Metrics::kContentType}}, std::move(text).value());
    });
  }));
  HEARTH_TRY(Add(routes, "GET /livez", [this](const ApiCallPtr& call) { status_.Live(call); }));
  return Add(routes, "GET /readyz", [this](const ApiCallPtr& call) { status_.Ready(call); });
}

Status ControlApi::MountBilling(http::RouteTable& routes) {
  const std::string bill = "/_hearth/v1/bill", promised = "/_hearth/v1/commitments";
  const std::string budget = "/_hearth/v1/budgets/{name}";
  HEARTH_TRY(Add(routes, "GET " + bill, [this](const ApiCallPtr& call) { bill_.Get(call); }));
  HEARTH_TRY(
      Add(routes, "GET " + bill + "/lines/{id}", [this](const ApiCallPtr& call) { bill_.Explain(call); }));
  HEARTH_TRY(
      Add(routes, "POST " + bill + "/re-rate", [this](const ApiCallPtr& call) { bill_.Rerate(call); }));
  HEARTH_TRY(Add(routes, "GET " + bill + "/advice", [this](const ApiCallPtr& call) { bill_.Advise(call); }));
  const std::string scaling = "/_hearth/v1/functions/{name}/scaling";
  HEARTH_TRY(Add(routes, "GET " + scaling, [this](const ApiCallPtr& call) { scaling_.Get(call); }));
  HEARTH_TRY(Add(routes, "PUT " + scaling, [this](const ApiCallPtr& call) { scaling_.Put(call); }));
  HEARTH_TRY(Add(routes, "GET " + promised, [this](const ApiCallPtr& call) { commitments_.List(call); }));
  HEARTH_TRY(
      Add(routes, "GET " + promised + "/{id}", [this](const ApiCallPtr& call) { commitments_.Get(call); }));
  HEARTH_TRY(Add(routes, "POST " + promised, [this](const ApiCallPtr& call) { commitments_.Buy(call); }));
  HEARTH_TRY(Add(routes, "POST " + promised + "/{id}/exchange",
                 [this](const ApiCallPtr& call) { commitments_.Exchange(call); }));
  HEARTH_TRY(Add(routes, "DELETE " + promised + "/{id}",
                 [this](const ApiCallPtr& call) { commitments_.End(call); }));
  HEARTH_TRY(
      Add(routes, "GET /_hearth/v1/offers", [this](const ApiCallPtr& call) { commitments_.Offers(call); }));
  HEARTH_TRY(Add(routes, "POST /_hearth/v1/credits",
                 [this](const ApiCallPtr& call) { commitments_.GrantCredit(call); }));
  HEARTH_TRY(Add(routes, "PUT /_hearth/v1/discount",
                 [this](const ApiCallPtr& call) { commitments_.SetDiscount(call); }));
  HEARTH_TRY(Add(routes, "GET /_hearth/v1/budgets", [this](const ApiCallPtr& call) { budgets_.List(call); }));
  HEARTH_TRY(Add(routes, "PUT " + budget, [this](const ApiCallPtr& call) { budgets_.Set(call); }));
  return Add(routes, "DELETE " + budget, [this](const ApiCallPtr& call) { budgets_.Remove(call); });
}

// Lambda's numbers where we have its limits; the account's concurrency is what the machine gives.
void ControlApi::AccountSettings(const ApiCallPtr& call) {
  uint64_t code_bytes = 0;
  const auto functions = registry_.List();
  for (const FunctionVersionPtr& function : functions) code_bytes += function->code.size_bytes;
  call->AnswerJson(200,
                   {{"AccountLimit",
                     {{"CodeSizeUnzipped", kUnpackedBytesMax},
                      {"CodeSizeZipped", kPackageBytesMax},
                      {"ConcurrentExecutions", concurrency_max_},
                      {"TotalCodeSize", 80'530'636'800},
                      {"UnreservedConcurrentExecutions",
                       concurrency_max_ - std::min(concurrency_max_, functions_.reserved_concurrency())}}},
                    {"AccountUsage", {{"FunctionCount", functions.size()}, {"TotalCodeSize", code_bytes}}}});
}

void ControlApi::CodeSigningConfig(const ApiCallPtr& call) {
  const auto reference = ParseFunctionReference(call->parameter("name"));
  if (!reference.ok()) return call->Fail(reference.error());
  if (const auto version = ResolveFunction(registry_, *reference); !version.ok())
    return call->Fail(version.error());
  call->AnswerJson(200, Json::object());
}

}  // namespace hearth
