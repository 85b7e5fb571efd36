#include "runtime/model/trace_context.h"

#include <algorithm>

#include "runtime/base/units.h"

namespace hearth {
namespace {

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// The next piece of a list, and `rest` set to what follows it.
std::string_view NextPiece(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view piece = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return piece;
}

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "1-TIME-ID" of 8 and 24 digits; X-Ray writes them small.
bool IsRoot(std::string_view root) {
  return root.size() == 35 && root.starts_with("1-") && root[10] == '-' && IsHex(root.substr(2, 8)) &&
         IsHex(root.substr(11));
}

bool IsStateKey(std::string_view key) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@";
  if (key.empty() || key.size() > 256 || key.find_first_not_of(kAllowed) != std::string_view::npos)
    return false;
  if (std::string_view("_-*/@").find(key[0]) != std::string_view::npos) return false;
  const size_t at = key.find('@');
  if (at == std::string_view::npos) return true;
  const std::string_view system = key.substr(at + 1);
  return at <= 241 && !system.empty() && system.size() <= 14 && system[0] >= 'a' && system[0] <= 'z' &&
         system.find('@') == std::string_view::npos;
}

bool IsStateValue(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~' && c != '='; });
}

std::string TraceIdOf(std::string_view traceparent) {
  const std::string_view trace = traceparent.substr(3, 32), parent = traceparent.substr(36, 16);
  const char last = traceparent[54];
  const int flags = last <= '9' ? last - '0' : last - 'a' + 10;
  std::string id = "Root=1-";
  id.append(trace.substr(0, 8)).append("-").append(trace.substr(8)).append(";Parent=").append(parent);
  return id + ((flags & 1) != 0 ? ";Sampled=1" : ";Sampled=0");
}

}  // namespace

bool IsTraceId(std::string_view header) {
  if (header.size() > kTraceHeaderBytesMax) return false;
  if (!std::all_of(header.begin(), header.end(), [](char c) { return c > ' ' && c <= '~'; })) return false;
  for (std::string_view rest = header; !rest.empty();) {
    const std::string_view field = NextPiece(rest, ';');
    if (field.starts_with("Root=")) return IsRoot(field.substr(5));
  }
  return false;
}

bool IsSampled(std::string_view trace_id) {
  while (!trace_id.empty()) {
    if (NextPiece(trace_id, ';') == "Sampled=1") return true;
  }
  return false;
}

bool IsTraceParent(std::string_view header) {
  if (header.size() < 55 || header.size() > kTraceHeaderBytesMax) return false;
  const std::string_view version = header.substr(0, 2), trace = header.substr(3, 32),
                         parent = header.substr(36, 16), flags = header.substr(53, 2);
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return false;
  if (!IsHex(version) || version == "ff" || !IsHex(flags)) return false;
  if (!IsHex(trace) || IsZero(trace) || !IsHex(parent) || IsZero(parent)) return false;
  if (header.size() == 55) return true;
  const bool one_line = std::all_of(header.begin(), header.end(), [](char c) { return c > ' ' && c <= '~'; });
  return version != "00" && header[55] == '-' && one_line;
}

bool IsTraceState(std::string_view header) {
  if (header.size() > kTraceHeaderBytesMax) return false;
  std::vector<std::string_view> keys;
  for (std::string_view rest = header; !rest.empty();) {
    const std::string_view member = Trimmed(NextPiece(rest, ','));
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view key = member.substr(0, equals);
    if (!IsStateKey(key) || !IsStateValue(member.substr(equals + 1))) return false;
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return false;
    keys.push_back(key);
  }
  return keys.size() <= kTraceStateMembersMax;
}

TraceContext ReadTraceContext(std::string_view trace_id, const std::vector<std::string_view>& traceparents,
                              const std::vector<std::string_view>& tracestates) {
  TraceContext context;
  if (IsTraceId(trace_id)) context.trace_id = trace_id;
  if (traceparents.size() != 1 || !IsTraceParent(traceparents[0])) return context;
  context.traceparent = traceparents[0];
  if (context.trace_id.empty()) context.trace_id = TraceIdOf(context.traceparent);
  for (const std::string_view line : tracestates) {
    if (!context.tracestate.empty()) context.tracestate += ',';
    context.tracestate += line;
  }
  if (!IsTraceState(context.tracestate)) context.tracestate.clear();
  return context;
}

// Of the request id's 122 random bits, 24 digits.
std::string MakeTraceId(const RequestId& request_id, WallTime accepted) {
  constexpr std::string_view kBegin = "Root=1-", kDigits = "0123456789abcdef";
  constexpr size_t kBytes = 40;
  const auto now = static_cast<uint32_t>(std::chrono::floor<seconds>(accepted).time_since_epoch().count());
  char id[kBytes];
  char* to = std::copy(kBegin.begin(), kBegin.end(), id);
  for (int shift = 28; shift >= 0; shift -= 4) *to++ = kDigits[now >> shift & 15];
  *to++ = '-';
  for (const char c : request_id.text()) {
    if (to == std::end(id)) break;
    if (c != '-') *to++ = c;
  }
  return {id, to};
}

}  // namespace hearth
