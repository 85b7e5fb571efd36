#include "runtime/pool/cpu_placement.h"

#include <algorithm>

#include "runtime/base/files.h"

namespace hearth {
namespace {

CpuList Joined(const std::vector<CpuCore>& cores) {
  CpuList cpus;
  for (const CpuCore& core : cores) cpus.insert(cpus.end(), core.begin(), core.end());
  std::sort(cpus.begin(), cpus.end());
  return cpus;
}

// The cores of `had` leave `free`; false, and nothing leaves, when they are not all there.
bool TakeBack(const CpuWish& wish, std::vector<CpuCore>& free) {
  if (wish.had.empty() || wish.had.size() != wish.cpus) return false;
  std::vector<CpuCore> kept, others;
  for (const CpuCore& core : free) {
    const bool its = std::includes(wish.had.begin(), wish.had.end(), core.begin(), core.end());
    (its ? kept : others).push_back(core);
  }
  if (Joined(kept) != wish.had || others.empty()) return false;
  free = std::move(others);
  return true;
}

Error DoesNotFit(const std::vector<CpuCore>& cores, const std::vector<CpuWish>& wanted) {
  size_t asked = 0;
  for (const CpuWish& each : wanted) asked += each.cpus;
  return {ErrorCode::kPrecondition,
          std::to_string(asked) + " dedicated processors in all do not fit: this node has " +
              std::to_string(Joined(cores).size()) + " in " + std::to_string(cores.size()) +
              " whole cores, and one core stays everybody's"};
}

}  // namespace

std::vector<CpuCore> CoresOf(const CpuList& cpus, const std::string& sys) {
  std::vector<CpuCore> cores;
  for (const int cpu : cpus) {
    const auto text = ReadFile(sys + "/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    auto siblings = text.ok() ? ParseCpus(*text) : Result<CpuList>(CpuList{cpu});
    if (!siblings.ok() || siblings->empty()) siblings = CpuList{cpu};
    const bool all_ours = std::includes(cpus.begin(), cpus.end(), siblings->begin(), siblings->end());
    if (all_ours && siblings->front() == cpu) cores.push_back(std::move(siblings).value());
  }
  return cores;
}

Result<CpuPlacement> PlaceCpus(const std::vector<CpuCore>& cores, const std::vector<CpuWish>& wanted) {
  CpuPlacement placement;
  std::vector<CpuCore> free = cores;
  for (const CpuWish& wish : wanted) placement.hosts.push_back(TakeBack(wish, free) ? wish.had : CpuList());
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!placement.hosts[i].empty()) continue;
    std::vector<CpuCore> host;
    while (Joined(host).size() < wanted[i].cpus) {
      if (free.size() <= 1) return DoesNotFit(cores, wanted);
      host.push_back(free.back());
      free.pop_back();
    }
    placement.hosts[i] = Joined(host);
    if (placement.hosts[i].size() != wanted[i].cpus) {
      return Error{
          ErrorCode::kPrecondition,
          std::to_string(wanted[i].cpus) + " dedicated processors are no whole cores here: a core has " +
              std::to_string(host.back().size()) + "; ask for " + std::to_string(placement.hosts[i].size())};
    }
  }
  placement.shared = Joined(free);
  return placement;
}

}  // namespace hearth
