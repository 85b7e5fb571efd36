#include "triggers/bucket/start_points.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr char kBegun[] = "begun";

}  // namespace

StartPoints::StartPoints(KeyStore& keys, std::string bucket) : keys_(keys), prefix_(PrefixOf(bucket)) {}

std::string StartPoints::PrefixOf(std::string_view bucket) { return "start/" + std::string(bucket) + "/"; }

std::vector<KeyStore::Write> StartPoints::WritesFor(const BucketSettings& settings) const {
  std::map<std::string, StartFrom> news;
  for (const BucketNotification& n : settings.notifications) {
    if (!points_.contains(n.Target())) news.emplace(n.Target(), n.start_from);
  }
  std::vector<KeyStore::Write> writes;
  for (const auto& [target, start_from] : news) {
    const std::string value(start_from == StartFrom::kBeginning ? kBegun : NameOf(start_from));
    writes.push_back({prefix_ + target, value});
  }
  return writes;
}

void StartPoints::Load(Done done) {
  keys_.List(prefix_, [weak = weak_.Get(),
                       done = std::move(done)](const Result<std::vector<KeyStore::Entry>>& entries) {
    if (!weak) return;
    if (!entries.ok()) return done(entries.error());
    for (const KeyStore::Entry& entry : *entries) {
      const auto parsed = ParseStartFrom(entry.value);
      Point point;
      if (parsed.ok() && *parsed != StartFrom::kBeginning) point.pending = *parsed;
      weak->points_[entry.key.substr(weak->prefix_.size())] = point;
    }
    done(Ok());
  });
}

void StartPoints::Use(const BucketSettings& settings) {
  for (const BucketNotification& n : settings.notifications) {
    const auto [point, is_new] = points_.try_emplace(n.Target());
    if (is_new && n.start_from != StartFrom::kBeginning) point->second.pending = n.start_from;
  }
}

void StartPoints::OnScanStarted() {
  for (auto& [target, point] : points_) point.scan_begun = true;
}

void StartPoints::OnScanFinished(const BucketSettings& settings, Done done) {
  std::vector<KeyStore::Write> writes;
  for (auto& [target, point] : points_) {
    if (!point.pending || !point.scan_begun) continue;
    point.pending.reset();
    writes.push_back({prefix_ + target, kBegun});
  }
  const bool may_forget = !any_pending();
  std::erase_if(points_, [&](const auto& entry) {
    const auto names_it = [&](const BucketNotification& n) { return n.Target() == entry.first; };
    const bool used = std::any_of(settings.notifications.begin(), settings.notifications.end(), names_it);
    if (used || !may_forget) return false;
    writes.push_back({prefix_ + entry.first, std::nullopt});
    return true;
  });
  if (writes.empty()) return done(Ok());
  keys_.Apply(std::move(writes), [weak = weak_.Get(), done = std::move(done)](const Status& stored) {
    if (weak) done(stored);
  });
}

std::optional<StartFrom> StartPoints::Pending(const std::string& target) const {
  const auto found = points_.find(target);
  return found == points_.end() ? std::nullopt : found->second.pending;
}

std::vector<std::string> StartPoints::PendingTargets() const {
  std::vector<std::string> targets;
  for (const auto& [target, point] : points_) {
    if (point.pending) targets.push_back(target);
  }
  return targets;
}

bool StartPoints::any_pending() const {
  return std::any_of(points_.begin(), points_.end(), [](const auto& entry) { return entry.second.pending; });
}

}  // namespace hearth
