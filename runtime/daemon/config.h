#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/loop/listener.h"
#include "runtime/pool/blank_keeper.h"
#include "runtime/pool/idle_freezer.h"
#include "sandbox/egress_options.h"

namespace hearth {

inline constexpr uint32_t kLoopsMax = 64;

// Everything an operator can set: in a file (hearth.json, comments allowed), by flags, which win, or not at
// all. The names in the file and the flags come from one table (config.cc), so that they cannot differ:
// "data_dir" and --data-dir.
struct Config {
  std::string data_dir;
  ListenAddress data_listen{"127.0.0.1", 8080};
  ListenAddress control_listen{"127.0.0.1", 4566};
  std::string auth_token_file;  // bearer token of the control plane
  std::vector<std::string>
      allowed_hosts;       // names besides loopback that the control plane may be asked for under
  std::string ready_file;  // gets {"pid", "data_port", "control_port"} once everything works
  std::string account = "000000000000";
  std::string region = "us-east-1";
  uint32_t isolation_least = 4;  // --min-isolation; 2 when not root
  uint64_t memory_mib = 0;       // configured memory of all workers together; 0: four fifths of the machine's
  uint64_t concurrency_max = 1000;
  uint64_t waiters_max = 1000;
  uint32_t loops = 1;  // threads that answer HTTP requests of the data plane; 0: one a processor
  seconds idle_time_out{600};
  bool spare_when_hot = true;
  uint32_t prefetch_max = 15;
  seconds init_time_out{10};
  milliseconds idle_linger = kIdleLingerMax;
  uint64_t zygote_forks_max = 10'000;
  uint32_t blanks_max = 4;
  uint32_t reserved_headroom_percent = 20;
  uint64_t payload_bytes_max = 6'291'456;
  uint64_t response_bytes_max = 6'291'556;
  milliseconds ledger_sync{20};
  std::string price_book;  // "": Lambda's prices, compiled in
  bool fsync_before_reply = false;
  std::chrono::days ledger_keep{400};
  std::chrono::days log_keep{30};
  uint64_t log_function_mib = 64;
  uint64_t log_invocation_kib = 1024;
  uint64_t log_total_mib = 1024;
  uint64_t ledger_segment_mib = 64;
  uint64_t disk_reserve_mib = 16;  // with less room than this no new work is taken; 0: never refused for that
  seconds async_retry_delay{60};
  uint64_t async_events_max = 100'000;  // accepted and not ended, of all functions
  uint64_t invocations_kept = 10'000;   // asynchronous ones that have ended
  std::chrono::hours invocations_kept_hours{24};
  EgressOptions egress;
  LogLevel log_level = LogLevel::kInfo;
};

enum class ConfigAction { kRun, kShowHelp, kShowVersion };

struct ParsedConfig {
  Config config;
  ConfigAction action = ConfigAction::kRun;
};

// What holds without file and flags: as root or not.
Config DefaultConfig();
// `arguments` without argv[0]. An unknown name is an error with the nearest known one.
Result<ParsedConfig> ParseCommandLine(const std::vector<std::string>& arguments);
// Applies a file's text over `config`; `path` is for messages.
Status ApplyConfigText(std::string_view text, const std::string& path, Config& config);
// What must hold between settings: a control plane off loopback needs a token.
Status ValidateConfig(const Config& config);
std::string ConfigHelp();

}  // namespace hearth
