#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include <hearth/hearth.h>

// Takes the messages of a batch one after the other and writes down each that it is through with: a line "BODY COUNT"
// in walk.log of the bucket `records`, COUNT being how often it was received. Words in a body:
//   "slow"        takes 50 ms, or SLOW_MS of the environment
//   "fail once"   is reported as failed the first time, with all that follow it
//   "throw once"  throws the first time, and the whole batch fails
//   "crash once"  ends the worker the first time
//   "poison"      throws every time
namespace {

using hearth::Context;
using hearth::SqsBatchResponse;
using hearth::SqsEvent;

constexpr int kSlowMs = 50;

int SlowMs() {
  const char* told = std::getenv("SLOW_MS");
  return told ? std::stoi(told) : kSlowMs;
}

void WriteDown(const std::string& line) {
  const std::string path = hearth::BucketPath("records", "walk.log").string();
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || ::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::runtime_error("cannot write " + path);
  ::close(fd);
}

SqsBatchResponse Walk(const SqsEvent& event, Context&) {
  SqsBatchResponse response;
  bool failed = false;
  for (const auto& message : event.records) {
    const std::string& body = message.body;
    const std::int64_t count = message.approximate_receive_count();
    const auto told = [&](const char* words) { return body.find(words) != std::string::npos && count == 1; };
    if (body.find("slow") != std::string::npos) ::poll(nullptr, 0, SlowMs());
    if (told("crash once")) std::abort();
    if (told("throw once") || body.find("poison") != std::string::npos)
      throw std::runtime_error("told to throw");
    failed = failed || told("fail once");
    if (failed) {
      response.Fail(message);
    } else {
      WriteDown(body + " " + std::to_string(count) + "\n");
    }
  }
  return response;
}

}  // namespace

HEARTH_HANDLER(Walk);
