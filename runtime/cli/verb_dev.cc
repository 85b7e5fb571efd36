#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "runtime/base/process.h"
#include "runtime/cli/deployment.h"
#include "runtime/cli/own_daemon.h"
#include "runtime/cli/rebuild_watch.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/verbs.h"

namespace hearth::cli {
namespace {

// A stat() each time: two of them at rest, and the deploy, are far within the 300 ms from a build to its first answer.
constexpr milliseconds kLook{10};

int64_t WallNs() {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int64_t MsSince(int64_t wall_ns) { return (WallNs() - wall_ns) / 1'000'000; }

// ^C and SIGTERM, read instead of suffered, so that what was made is undone.
class Stop final {
 public:
  Stop() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    fd_.Reset(::signalfd(-1, &set, SFD_CLOEXEC));
  }
  bool AskedWithin(milliseconds time) const {
    pollfd asked{fd_.get(), POLLIN, 0};
    return ::poll(&asked, 1, static_cast<int>(time.count())) > 0;
  }

 private:
  UniqueFd fd_;
};

class Development final {
 public:
  Development(Session& session, const Arguments& arguments)
      : session_(session), arguments_(arguments), path_(arguments.Word(0)) {}
  // Removes what it has created.
  ~Development() {
    if (created_) (void)session_.Ask("DELETE", FunctionPath(name_));
  }

  Status Begin() {
    const FileStamp stamp = StampOf(path_);
    HEARTH_ASSIGN(const Deployed deployed, Deploy());
    watch_.emplace(stamp);
    created_ = deployed.created;
    name_ = TextOf(deployed.configuration, "FunctionName");
    session_.PrintLine(deployed.summary);
    Invoke();
    return Ok();
  }
  void Look() {
    const FileStamp now = StampOf(path_);
    if (!watch_->Look(now)) return;
    const auto deployed = Deploy();
    if (!deployed.ok()) {
      session_.PrintLine("not taken, what was there goes on: " + deployed.error().message);
      return Flush();
    }
    session_.PrintLine(deployed->summary + ", " + std::to_string(MsSince(now.mtime_ns)) +
                       " ms after it was written");
    Invoke(now.mtime_ns);
  }
  const std::string& name() const { return name_; }
  bool created() const { return created_; }

 private:
  Result<Deployed> Deploy() const {
    HEARTH_ASSIGN(const Package package, ReadPackage(path_));
    return DeployFunction(session_, package, FunctionWish{.name = arguments_.Text("--name")});
  }
  void Invoke(std::optional<int64_t> written_ns = std::nullopt) {
    if (arguments_.Has("--invoke")) {
      HttpRequest request{.method = "POST", .target = FunctionPath(name_) + "/invocations"};
      request.body = arguments_.Text("--invoke");
      const auto answer = session_.client().Ask(request);
      std::string line = answer.ok() ? answer->body : answer.error().message;
      if (written_ns)
        line += "   (first answer " + std::to_string(MsSince(*written_ns)) + " ms after it was written)";
      session_.PrintLine(line);
    }
    Flush();
  }
  void Flush() { session_.out().flush(); }

  Session& session_;
  const Arguments& arguments_;
  const std::string path_;
  std::string name_;
  bool created_ = false;
  std::optional<RebuildWatch> watch_;
};

// `hearth logs -f` beside us, on our output; it ends with us.
Result<ChildProcess> FollowLogs(const Session& session, const Arguments& arguments, const std::string& name) {
  SpawnOptions options;
  options.executable = "/proc/self/exe";
  options.arguments = {
      "logs", name, "-f", "--since", "0s", "--endpoint", "http://" + session.client().endpoint().Authority()};
  if (arguments.Has("--token-file")) {
    options.arguments.push_back("--token-file");
    options.arguments.push_back(arguments.Text("--token-file"));
  }
  for (char** entry = environ; *entry != nullptr; ++entry) options.environment.emplace_back(*entry);
  return Spawn(options);
}

Result<ExitCode> Develop(Session& session, const Arguments& arguments) {
  Development work(session, arguments);
  HEARTH_TRY(work.Begin());
  HEARTH_ASSIGN(const ChildProcess logs, FollowLogs(session, arguments, work.name()));
  const Stop stop;  // after what was spawned, which would inherit that it is not to be stopped
  session.Note("watching " + arguments.Word(0) + "; ^C ends it" +
               (work.created() ? ", and removes " + work.name() : ""));
  while (!stop.AskedWithin(kLook)) work.Look();
  return ExitCode::kOk;
}

// Nobody said which daemon, and there is none where one would be: then one of its own.
bool WantsOwn(const Session& session, const Arguments& arguments) {
  if (arguments.Has("--own")) return true;
  if (arguments.Has("--endpoint") || std::getenv("HEARTH_URL") != nullptr) return false;
  const auto answer = session.client().Ask({.target = "/livez"});
  return !answer.ok() && answer.error().code == ErrorCode::kUnavailable;
}

Result<ExitCode> Dev(Session& session, const Arguments& arguments) {
  if (!WantsOwn(session, arguments)) return Develop(session, arguments);
  HEARTH_ASSIGN(const OwnDaemon daemon, OwnDaemon::Start());
  session.Note("a hearthd of its own: HEARTH_URL=" + daemon.url());
  HEARTH_ASSIGN(Endpoint endpoint, Endpoint::Parse(daemon.url()));
  Session own(HttpClient(std::move(endpoint), ""), OutputForm::kHuman, session.out(), session.err());
  return Develop(own, arguments);
}

}  // namespace

std::vector<Command> DevCommands() {
  return {{
      .name = "dev",
      .positionals = {"WHAT"},
      .summary = "Deploy a function, and again at each build; print its logs",
      .details =
          "WHAT is what hearth deploy takes: a shared object or NAME.function.json's library. It is looked "
          "at 100\n"
          "times a second; a build that cannot be loaded, or whose init fails, is told and changes nothing. "
          "Uses\n"
          "the daemon that runs; where none does, and none was named, one of its own on free ports, with a\n"
          "folder that goes with it. On ^C a function that it created is removed; one that was there before\n"
          "keeps the last code.\n",
      .flags = {{"--name", "NAME", "the function's name (default: as built, or from the file's name)"},
                {"--invoke", "PAYLOAD", "call it with this after each build, and print the answer"},
                {"--own", "", "a daemon of its own in any case"}},
      .examples = {{"hearth dev build/libgreet.so", ""},
                   {"hearth dev build/libgreet.so --invoke '{\"name\": \"Ada\"}'", ""}},
      .run = Dev,
  }};
}

}  // namespace hearth::cli
