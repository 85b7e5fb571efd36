#include "runtime/cli/local_invoke.h"

#include <exception>

#include <hearth/testing.h>

#include "runtime/cli/session.h"

namespace hearth::cli {
namespace {

const char* NameOfLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG ";
    case LogLevel::kInfo:
      return "INFO ";
    case LogLevel::kWarn:
      return "WARN ";
    default:
      return "ERROR ";
  }
}

std::string ErrorBody(const testing::Failure& failure) {
  return DumpJson({{"errorType", failure.type}, {"errorMessage", failure.message}});
}

LocalAnswer AnswerOf(const testing::InvokeResult& result) {
  LocalAnswer answer{result.ok(), result.ok() ? result.response : ErrorBody(*result.failure), {}};
  for (const testing::LogRecord& record : result.logs) {
    const std::string fields = record.fields.is_null() ? "" : " " + record.fields.dump();
    answer.logs.push_back(NameOfLevel(record.level) + record.message + fields);
  }
  return answer;
}

}  // namespace

Result<LocalAnswer> InvokeUnsandboxedForDevelopment(const std::string& library, const std::string& function,
                                                    const std::string& payload) {
  const size_t colon = library.rfind(':');
  std::string path = library.substr(0, colon);
  const std::string symbol = colon == std::string::npos ? HEARTH_DEFAULT_SYMBOL : library.substr(colon + 1);
  if (path.find('/') == std::string::npos)
    path = "./" + path;  // or dlopen() would search the system's folders
  try {
    testing::Runner runner(testing::LoadLibrary(path, symbol.c_str()));
    testing::InvokeOptions options;
    options.function_name = function;
    return AnswerOf(runner.Invoke(payload, options));
  } catch (const std::exception& e) {
    return Error{ErrorCode::kBadArtefact, e.what()};
  }
}

}  // namespace hearth::cli
