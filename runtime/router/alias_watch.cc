#include "runtime/router/alias_watch.h"

#include <cstdio>

#include "runtime/router/event_fate.h"

namespace hearth {
namespace {

// What was throttled, cancelled or ours says nothing of a version, nor does a client that went away.
bool IsFailure(OutcomeKind kind) { return CountsAsFailure(kind) && kind != OutcomeKind::kAborted; }

std::string Percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", share * 100);
  return text;
}

}  // namespace

AliasWatch::AliasWatch(FunctionRegistry& registry, Executor& executor, Log& log)
    : registry_(registry), executor_(executor), log_(log) {
  registry_.SetOnAliasesChanged([this] { OnAliasesChanged(); });
  OnAliasesChanged();
}

AliasWatch::~AliasWatch() { registry_.SetOnAliasesChanged(nullptr); }

void AliasWatch::OnAliasesChanged() {
  std::map<Key, Watched> watched;
  for (const auto& [function, alias] : registry_.aliases().Watching()) {
    Key key{function, alias.watched_version, alias.name};
    const auto had = watched_.find(key);
    if (had != watched_.end() && had->second.revision_id == alias.revision_id) {
      watched.emplace(std::move(key), had->second);
    } else {
      watched[std::move(key)] = {alias.revision_id, alias.rollback_errors, alias.rollback_requests_min, {}};
    }
  }
  watched_ = std::move(watched);
}

void AliasWatch::Count(const InvocationRecord& record) {
  if (watched_.empty()) return;
  const bool failed = IsFailure(record.outcome);
  if (!failed && record.outcome != OutcomeKind::kSuccess) return;
  const MonotonicTime now = executor_.clock().Now();
  auto it = watched_.lower_bound({record.function, record.version, ""});
  for (; it != watched_.end() && it->first.function == record.function && it->first.version == record.version;
       ++it) {
    Watched& watched = it->second;
    watched.window.Add(now, failed);
    if (!failed) continue;
    const ErrorWindow::Totals totals = watched.window.TotalsAt(now);
    if (ShouldRollBack(totals, watched.errors_max, watched.requests_min))
      RollBack(it->first, watched, totals);
  }
}

// From inside an attempt's end: the table of aliases is changed in a turn of its own.
void AliasWatch::RollBack(const Key& key, const Watched& watched, const ErrorWindow::Totals& totals) {
  const double share = static_cast<double>(totals.errors) / static_cast<double>(totals.requests);
  const std::string why = std::to_string(totals.errors) + " of " + std::to_string(totals.requests) +
                          " attempts failed (" + Percent(share) + ", the limit is " +
                          Percent(watched.errors_max) + ")";
  executor_.Post([weak = weak_.Get(), key, revision = watched.revision_id, why] {
    if (!weak) return;
    const FunctionAlias* alias = weak->registry_.aliases().Find(key.function, key.alias);
    if (alias == nullptr || alias->revision_id != revision) return;  // changed, or rolled back, meanwhile
    const auto change = [&](FunctionAlias& back) -> Status {
      if (back.canary_version.empty()) back.version = back.previous_version;
      back.canary_version.clear();
      back.canary_weight = 0;
      back.rollback_errors = 0;
      back.rolled_back = "version " + key.version + ": " + why;
      return Ok();
    };
    weak->registry_.UpdateAlias(
        key.function, key.alias, revision, change, [weak, key, why](const Result<FunctionAlias>& changed) {
          if (!weak) return;
          if (!changed.ok() && changed.error().code == ErrorCode::kConflict) return;
          if (!changed.ok()) {
            weak->log_.Error("an alias could not be rolled back",
                             {{"alias", key.function + ":" + key.alias}, {"error", changed.error().message}});
            return;
          }
          weak->log_.Warn("an alias was rolled back", {{"alias", key.function + ":" + key.alias},
                                                       {"from_version", key.version},
                                                       {"to_version", changed->version},
                                                       {"why", why}});
        });
  });
}

}  // namespace hearth
