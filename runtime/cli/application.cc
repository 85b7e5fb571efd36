#include "runtime/cli/application.h"

#include <algorithm>

#include "runtime/base/files.h"
#include "runtime/cli/command_table.h"
#include "runtime/cli/help.h"

namespace hearth::cli {
namespace {

constexpr const char* kDefaultEndpoint = "http://127.0.0.1:4566";

// A command line, taken apart: which command, and the words that are left for it.
struct Asked {
  const Command* command = nullptr;
  std::string verb;  // of a family, when no command of it was named
  std::vector<std::string> words;
};

bool IsHelp(const std::string& word) { return word == "--help" || word == "-h"; }

// Where the next word of the command's name stands; common flags may come before it. words.size(): nowhere.
size_t NextName(const std::vector<std::string>& words, size_t from) {
  for (size_t i = from; i < words.size(); ++i) {
    if (!words[i].starts_with('-')) return i;
    if (words[i] == "--endpoint" || words[i] == "--token-file") ++i;
  }
  return words.size();
}

std::vector<std::string> Without(std::vector<std::string> words, size_t index) {
  words.erase(words.begin() + static_cast<std::ptrdiff_t>(index));
  return words;
}

const Command* FindCommand(const std::string& name) {
  const auto found = std::find_if(Commands().begin(), Commands().end(),
                                  [&](const Command& command) { return command.name == name; });
  return found == Commands().end() ? nullptr : &*found;
}

std::vector<std::string> SecondWords(const std::string& verb) {
  std::vector<std::string> names;
  for (const Command& command : Commands()) {
    if (command.Verb() == verb && command.name != verb) names.push_back(command.name.substr(verb.size() + 1));
  }
  return names;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Error UnknownVerb(const std::string& verb) {
  std::vector<std::string> known{"help"};
  for (const Command& command : Commands()) known.push_back(command.Verb());
  return UsageError("unknown verb \"" + verb + "\"" + Suggestion(verb, known));
}

Result<Asked> FindAsked(const std::vector<std::string>& words, size_t verb_at) {
  const std::string& verb = words[verb_at];
  Asked asked{FindCommand(verb), verb, Without(words, verb_at)};
  const std::vector<std::string> seconds = SecondWords(verb);
  if (!asked.command && seconds.empty()) return UnknownVerb(verb);
  const size_t second_at = NextName(asked.words, verb_at);
  if (second_at == asked.words.size()) return asked;
  // "bill" is a command, and "bill explain" another.
  if (asked.command && std::find(seconds.begin(), seconds.end(), asked.words[second_at]) == seconds.end())
    return asked;
  const std::string second = asked.words[second_at];
  asked.command = FindCommand(verb + " " + second);
  if (!asked.command) {
    return UsageError("\"" + second + "\" is no command of hearth " + verb + ": there are " +
                      Joined(seconds) + Suggestion(second, seconds));
  }
  asked.words = Without(asked.words, second_at);
  return asked;
}

Result<std::string> ReadToken(const Arguments& arguments, const Environment& environment) {
  if (!arguments.Has("--token-file")) return environment("HEARTH_TOKEN");
  auto token = ReadFile(arguments.Text("--token-file"));
  if (!token.ok()) return UsageError("--token-file: " + token.error().message);
  token->erase(token->find_last_not_of(" \r\n") + 1);
  return token;
}

Result<ExitCode> RunCommand(const Command& command, const std::vector<std::string>& words,
                            const Environment& environment, std::ostream& out, std::ostream& err) {
  std::vector<Flag> flags = command.flags;
  flags.insert(flags.end(), CommonFlags().begin(), CommonFlags().end());
  HEARTH_ASSIGN(const Arguments arguments, Arguments::Parse(words, flags, command.positionals));
  const std::string from_environment = environment("HEARTH_URL");
  HEARTH_ASSIGN(Endpoint endpoint,
                Endpoint::Parse(arguments.Text(
                    "--endpoint", from_environment.empty() ? kDefaultEndpoint : from_environment)));
  HEARTH_ASSIGN(std::string token, ReadToken(arguments, environment));
  if (token.find_first_of("\r\n") != std::string::npos)
    return UsageError("the control token has more than one line");
  Session session(HttpClient(std::move(endpoint), std::move(token)),
                  arguments.Has("--json") ? OutputForm::kJson : OutputForm::kHuman, out, err);
  try {
    return command.run(session, arguments);
  } catch (const Json::exception& e) {
    // A member of another type than the API promises: another daemon's answer, or another program's.
    return Error{ErrorCode::kCorrupt, "the daemon's answer cannot be read: " + std::string(e.what())};
  }
}

// Help of a verb, a command, or all of it.
Result<ExitCode> ShowHelp(const Asked& asked, std::ostream& out) {
  out << (asked.command ? HelpOf(*asked.command) : HelpOfFamily(asked.verb, Commands()));
  return ExitCode::kOk;
}

Result<ExitCode> Dispatch(const std::vector<std::string>& words, const Environment& environment,
                          std::ostream& out, std::ostream& err) {
  const size_t verb_at = NextName(words, 0);
  const bool nothing = verb_at == words.size();
  if (nothing && std::find(words.begin(), words.end(), "--version") != words.end()) {
    out << "hearth " HEARTH_VERSION "\n";
    return ExitCode::kOk;
  }
  if (nothing && !words.empty() && !std::any_of(words.begin(), words.end(), IsHelp)) {
    return UsageError("no verb is given");
  }
  if (nothing || words[verb_at] == "help") {
    const bool manual = std::find(words.begin(), words.end(), "--markdown") != words.end();
    if (nothing || manual || verb_at + 1 == words.size()) {
      out << (manual ? Manual(Commands()) : Overview(Commands()));
      return ExitCode::kOk;
    }
    const std::vector<std::string> about = Without(words, verb_at);
    HEARTH_ASSIGN(const Asked asked, FindAsked(about, NextName(about, 0)));
    return ShowHelp(asked, out);
  }
  HEARTH_ASSIGN(const Asked asked, FindAsked(words, verb_at));
  const auto only_words = std::find(asked.words.begin(), asked.words.end(), "--");
  if (std::any_of(asked.words.begin(), only_words, IsHelp)) return ShowHelp(asked, out);
  if (!asked.command) {
    return UsageError("hearth " + asked.verb + " needs a command: " + Joined(SecondWords(asked.verb)));
  }
  auto done = RunCommand(*asked.command, asked.words, environment, out, err);
  return done.ok() ? done : done.error().WithContext(asked.command->name);
}

std::string HelpHint(const std::vector<std::string>& words) {
  const size_t verb_at = NextName(words, 0);
  const bool known =
      verb_at < words.size() && (FindCommand(words[verb_at]) || !SecondWords(words[verb_at]).empty());
  return known ? "hearth " + words[verb_at] + " --help" : "hearth --help";
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& words, const Environment& environment, std::ostream& out,
                   std::ostream& err) {
  const Result<ExitCode> done = Dispatch(words, environment, out, err);
  out.flush();
  if (done.ok()) return static_cast<int>(*done);
  const ExitCode code = ExitCodeOf(done.error());
  err << "hearth: " << done.error().message << '\n';
  if (code == ExitCode::kUsage) err << "Try: " << HelpHint(words) << '\n';
  return static_cast<int>(code);
}

}  // namespace hearth::cli
