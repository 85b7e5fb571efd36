#pragma once

#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"

namespace hearth {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

struct LogField {
  std::string_view name;
  std::string value;
};

// What hearthd says about itself (what handlers say goes to telemetry). Given by reference; thread-safe.
class Log {
 public:
  virtual ~Log() = default;
  virtual void Write(LogLevel level, std::string_view message,
                     std::initializer_list<LogField> fields = {}) = 0;

  void Debug(std::string_view m, std::initializer_list<LogField> f = {}) { Write(LogLevel::kDebug, m, f); }
  void Info(std::string_view m, std::initializer_list<LogField> f = {}) { Write(LogLevel::kInfo, m, f); }
  void Warn(std::string_view m, std::initializer_list<LogField> f = {}) { Write(LogLevel::kWarn, m, f); }
  void Error(std::string_view m, std::initializer_list<LogField> f = {}) { Write(LogLevel::kError, m, f); }
};

// "2026-11-23T09:11:50.911Z info message name=value", one write(2) a line; control characters are escaped.
class TextLog final : public Log {
 public:
  TextLog(int fd, const Clock& clock, LogLevel least) : fd_(fd), clock_(clock), least_(least) {}
  void Write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override;

 private:
  const int fd_;
  const Clock& clock_;
  const LogLevel least_;
};

class NullLog final : public Log {
 public:
  void Write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace hearth
