#include "sandbox/egress_network.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/base/files.h"
#include "sandbox/links.h"

namespace hearth {
namespace {

constexpr const char* kInside = "eth0";
constexpr const char* kForwarding = "/proc/sys/net/ipv4/ip_forward";
constexpr const char* kForwardingNote = "net.ipv4.ip_forward was 0\n";
constexpr unsigned kPlacePrefix = 30;
// A route that covers so much is a default route, or half of one, as VPNs make them.
constexpr unsigned kDefaultLikePrefix = 7;
constexpr const char* kResolvConfs[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

Status WriteSetting(const std::string& path, std::string_view value) {
  HEARTH_ASSIGN(const UniqueFd file, OpenFile(path, O_WRONLY));
  const Status written = WriteAll(file.get(), value);
  return written.ok() ? written : Status(written.error().WithContext(path));
}

bool IsForwarding() {
  const auto value = ReadFile(kForwarding);
  return value.ok() && !value->starts_with("0");
}

// One for each network namespace: what it stands for is of that, and gone with it.
std::string ClaimPath() {
  struct stat space {};
  stat("/proc/self/ns/net", &space);
  return "/run/hearth-egress." + std::to_string(space.st_ino);
}

// Whoever holds it has the table. Nobody's file that vanishes under us is taken for it.
Result<UniqueFd> LockClaim(const std::string& path) {
  for (;;) {
    HEARTH_ASSIGN(UniqueFd file, OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      return Error{ErrorCode::kConflict, "another hearthd of this host has the table inet hearth (" + path +
                                             " is locked): one at a time gives functions a way out"};
    }
    struct stat held {
    }, there{};
    if (fstat(file.get(), &held) == 0 && stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino)
      return file;
  }
}

}  // namespace

EgressNetwork::EgressNetwork(EgressOptions options, std::function<void()> lost)
    : options_(std::move(options)),
      places_(PlacesOf(options_.plan.pool)),
      lost_(std::move(lost)),
      plan_(options_.plan),
      claim_path_(ClaimPath()) {}

EgressNetwork::~EgressNetwork() = default;

void EgressNetwork::Sweep() {
  const auto note = ReadFile(claim_path_);
  if (!note.ok()) return;
  const auto claim = LockClaim(claim_path_);
  const auto nft = FindNft(options_.nft);
  if (!claim.ok() || !nft.ok()) return;
  for (const std::string& link : LinksNamed(kEgressPrefix)) (void)DeleteLink(link);
  // Before the rules, as in Close(): without them the host would forward what others send it.
  if (*note == kForwardingNote) (void)WriteSetting(kForwarding, "0");
  if (!RunNft(*nft, EgressRulesetGone()).ok()) return;
  unlink(claim_path_.c_str());
}

Status EgressNetwork::CheckPool() const {
  const std::string remedy = "; choose another with --egress-pool";
  const auto text = ReadFile("/proc/net/route");
  if (!text.ok()) return text.error();
  for (const Ipv4Route& route : ParseRoutes(*text)) {
    if (route.interface.starts_with(kEgressPrefix) || route.to.prefix <= kDefaultLikePrefix) continue;
    if (!route.to.Overlaps(plan_.pool)) continue;
    return Error{ErrorCode::kMisconfigured, "this host has a route to " + ToString(route.to) + " by " +
                                                route.interface + ", within which, or in which, the pool " +
                                                ToString(plan_.pool) + " is" + remedy};
  }
  // Without a route of its own, as 10.213.0.1/32.
  for (const Ipv4Address& address : LocalAddresses(kEgressPrefix)) {
    if (!plan_.pool.Contains(address)) continue;
    return Error{ErrorCode::kMisconfigured, "this host's address " + ToString(address) + " is in the pool " +
                                                ToString(plan_.pool) + remedy};
  }
  return Ok();
}

void EgressNetwork::FindResolvers() {
  std::vector<std::string> texts;
  for (const char* path : kResolvConfs) {
    if (auto text = ReadFile(path); text.ok()) texts.push_back(std::move(text).value());
  }
  std::vector<Ipv4Address> found = ResolversFrom(options_.resolvers, texts, LocalAddresses(kEgressPrefix));
  if (found == plan_.resolvers) return;
  plan_.resolvers = std::move(found);
  table_is_there_ = false;
}

Status EgressNetwork::Claim() {
  if (claimed()) return Ok();
  HEARTH_ASSIGN(UniqueFd claim, LockClaim(claim_path_));
  HEARTH_ASSIGN(const std::string note, ReadFile(claim_path_));
  // One that was killed may have turned it on.
  const bool ours = note == kForwardingNote || !IsForwarding();
  forwarding_ = ours ? Forwarding::kTurnedOn : Forwarding::kWasOn;
  if (ours && note.empty()) HEARTH_TRY(WriteAll(claim.get(), kForwardingNote));
  HEARTH_ASSIGN(NftWatch watch, NftWatch::Create("hearth"));
  watch_ = std::move(watch);
  claim_ = std::move(claim);
  return Ok();
}

std::string EgressNetwork::InterfaceOf(unsigned number) const {
  return kEgressPrefix + std::to_string(number);
}

Result<EgressPlace> EgressNetwork::Take() {
  HEARTH_TRY(CheckPool());
  HEARTH_TRY(Claim());
  FindResolvers();
  if (is_full()) {
    return Error{ErrorCode::kUnavailable, "each of the " + std::to_string(places_) + " places of the pool " +
                                              ToString(plan_.pool) +
                                              " is in use by a sandbox; give it more with --egress-pool"};
  }
  // One after the other, so that an address rests before it is another's.
  while (uses_.contains(next_)) next_ = (next_ + 1) % places_;
  const unsigned number = std::exchange(next_, (next_ + 1) % places_);
  uses_[number];
  const uint32_t first = plan_.pool.first.bits + number * kAddressesOfPlace;
  return EgressPlace{number, InterfaceOf(number), {first + 1}, {first + 2}, plan_.resolvers};
}

bool EgressNetwork::is_ending() const {
  return std::any_of(uses_.begin(), uses_.end(), [](const auto& each) { return each.second.given_back; });
}

Status EgressNetwork::Lay(const EgressPlace& place, pid_t process) const {
  Status made = MakeVethPair(place.interface, kInside, process);
  const auto links = made.ok() ? std::vector<std::string>() : LinksNamed(place.interface);
  if (std::find(links.begin(), links.end(), place.interface) != links.end()) {
    // Of the sandbox before it, whose namespace the kernel has not yet taken down.
    HEARTH_TRY(DeleteLink(place.interface));
    made = MakeVethPair(place.interface, kInside, process);
  }
  HEARTH_TRY(made);
  HEARTH_TRY(DisableIpv6(place.interface));
  HEARTH_TRY(WriteSetting("/proc/sys/net/ipv4/conf/" + place.interface + "/forwarding", "1"));
  HEARTH_TRY(SetAddress(place.interface, place.host, kPlacePrefix));
  return BringUp(place.interface);
}

Status EgressNetwork::Connect(const EgressPlace& place, pid_t process, std::span<const uint32_t> ports,
                              Opened opened) {
  HEARTH_TRY(Lay(place, process));
  Use& use = uses_[place.number];
  use.ports.assign(ports.begin(), ports.end());
  use.opened = std::move(opened);
  waiting_.push_back(place.number);
  if (running_.pid < 0) RunNext();
  return Ok();
}

void EgressNetwork::GiveBack(unsigned number) {
  const auto found = uses_.find(number);
  if (found == uses_.end()) return;
  found->second.opened = nullptr;
  std::erase(waiting_, number);
  if (running_.pid >= 0 && running_place_ == number) {
    found->second.given_back = true;  // Finish() does it
    return;
  }
  if (found->second.is_open) closing_ += CloseInterface(InterfaceOf(number), found->second.ports);
  uses_.erase(found);
}

std::string EgressNetwork::ScriptFor(std::optional<unsigned> number) {
  std::string script = std::exchange(closing_, "");
  if (!table_is_there_) {
    script = EgressRuleset(plan_, forwarding_);
    for (const auto& [other, use] : uses_) {
      if (use.is_open && other != number) script += OpenInterface(InterfaceOf(other), use.ports);
    }
  }
  return number ? script + OpenInterface(InterfaceOf(*number), uses_[*number].ports) : script;
}

void EgressNetwork::RunNext() {
  while (!waiting_.empty()) {
    running_place_ = waiting_.front();
    waiting_.pop_front();
    const auto nft = FindNft(options_.nft);
    auto run = nft.ok() ? StartNft(*nft, ScriptFor(running_place_)) : nft.error();
    if (run.ok()) {
      running_ = std::move(run).value();
      return;
    }
    table_is_there_ = false;  // what was to be closed is lost: all anew next time
    Finish(running_place_, run.error());
  }
}

Status EgressNetwork::Forward() {
  if (forwarding_ == Forwarding::kWasOn || IsForwarding()) return Ok();
  return WriteSetting(kForwarding, "1");
}

bool EgressNetwork::OnExit(pid_t pid, int status) {
  if (running_.pid < 0 || pid != running_.pid) return false;
  const NftRun run = std::exchange(running_, NftRun());
  Status taken = NftVerdict(run, status);
  const bool anew = !taken.ok() && table_is_there_;
  table_is_there_ = taken.ok();
  if (taken.ok()) table_is_gone_ = false;
  if (anew) {
    // Somebody has flushed the host's rules, ours too.
    waiting_.push_front(running_place_);
  } else {
    if (taken.ok()) taken = Forward();
    Finish(running_place_, taken);
  }
  RunNext();
  return true;
}

void EgressNetwork::Finish(std::optional<unsigned> number, const Status& status) {
  if (!status.ok() && table_is_gone_) lost_();
  if (!number) return;
  Use& use = uses_[*number];
  use.is_open = status.ok();
  if (use.given_back) return GiveBack(*number);
  if (auto opened = std::exchange(use.opened, nullptr)) opened(status);
}

void EgressNetwork::OnRules() {
  // Our own transactions take the table away and make it: the last word counts.
  const std::optional<bool> is_there = watch_->IsThere();
  if (is_there) table_is_gone_ = !*is_there;
  if (!table_is_gone_ || !table_is_there_) return;
  table_is_there_ = false;
  waiting_.push_front(std::nullopt);
  if (running_.pid < 0) RunNext();
}

void EgressNetwork::Close() {
  if (!claimed()) return;
  if (running_.pid >= 0) waitpid(running_.pid, nullptr, 0);
  running_ = NftRun();
  waiting_.clear();
  const auto nft = FindNft(options_.nft);
  // Whoever killed hearthd kills us at any of these steps.
  if (forwarding_ == Forwarding::kTurnedOn) (void)WriteSetting(kForwarding, "0");
  // Else the file stays, and the next start tries again.
  if (!nft.ok() || !RunNft(*nft, EgressRulesetGone()).ok()) return claim_.Reset();
  table_is_there_ = false;
  unlink(claim_path_.c_str());
  // They go with their namespaces, later, unless somebody else looks into one.
  for (const std::string& link : LinksNamed(kEgressPrefix)) (void)DeleteLink(link);
  uses_.clear();
  watch_.reset();
  claim_.Reset();
}

bool ConfigureInside(const EgressPlace& place, Steps& steps) {
  // 127.0.0.1 is its own, and not asked of whoever is at the other end.
  return steps.At("turn IPv6 off").Ok(DisableIpv6("all")) && steps.Ok(DisableIpv6("default")) &&
         steps.At("set network address").Ok(SetAddress(kInside, place.inside, kPlacePrefix)) &&
         steps.At("bring network up").Ok(BringUp("lo")) && steps.Ok(BringUp(kInside)) &&
         steps.At("set default route").Ok(AddDefaultRoute(place.host));
}

}  // namespace hearth
