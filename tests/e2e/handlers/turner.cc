#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include <hearth/hearth.h>

// Does what the query of its HTTP request says, "WORD-NUMBER", and answers the query: `die` ends the process, `sleep` takes
// two seconds, `print` writes the query to stdout past libc, `call` has another worker of its own answer. Else nothing.

namespace {

using hearth::Context;
using hearth::json;

json Turn(const json& event, const Context& context) {
  const std::string query = event.value("rawQueryString", "");
  const std::string word = query.substr(0, query.find('-'));
  if (word == "die") _exit(9);
  if (word == "sleep") std::this_thread::sleep_for(std::chrono::seconds(2));
  if (word == "call") {
    const json called = {{"rawQueryString", "called"}};
    return {{"query", query},
            {"called", context.invoke(std::string(context.function_name()), called).payload_json()}};
  }
  const std::string line = query + "\n";
  if (word == "print" && write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(8);
  return {{"query", query}};
}

}  // namespace

HEARTH_HANDLER(Turn);
