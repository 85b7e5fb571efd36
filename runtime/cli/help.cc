#include "runtime/cli/help.h"

#include <algorithm>
#include <set>

namespace hearth::cli {
namespace {

constexpr const char* kExitCodes =
    "  0  ok\n"
    "  1  the function ran and failed\n"
    "  2  wrong usage: the command line, or a file that it names\n"
    "  3  the daemon refused, could not be reached, or this machine failed\n"
    "  4  what was checked is not what was written\n"
    " 75  throttled: try again later\n"
    "124  timed out: the function's timeout, or no word from the daemon\n";

constexpr const char* kEnvironment =
    "  HEARTH_URL    the daemon's control address, as --endpoint (http://127.0.0.1:4566)\n"
    "  HEARTH_TOKEN  the control token, where hearthd runs with --auth-token-file\n";

std::string Usage(const Command& command) {
  std::string usage = "hearth " + command.name;
  for (const std::string& positional : command.positionals) usage += " " + positional;
  return command.flags.empty() ? usage : usage + " [FLAG...]";
}

std::string FlagText(const Flag& flag) {
  std::string text = flag.letter.empty() ? flag.name : flag.letter + ", " + flag.name;
  if (!flag.value.empty()) text += " " + flag.value;
  return text;
}

std::string FlagLines(const std::vector<Flag>& flags) {
  size_t width = 0;
  for (const Flag& flag : flags) width = std::max(width, FlagText(flag).size());
  std::string lines;
  for (const Flag& flag : flags) {
    std::string text = FlagText(flag);
    text.resize(width, ' ');
    lines +=
        "  " + text + "  " + flag.help + (flag.repeat == Repeat::kMany ? " (may be given again)" : "") + "\n";
  }
  return lines;
}

std::string ExampleLines(const std::vector<Example>& examples) {
  std::string lines;
  for (const Example& example : examples) {
    lines += "  " + example.command + (example.meaning.empty() ? "" : "    # " + example.meaning) + "\n";
  }
  return lines;
}

// Usage, details, flags and examples: what help and manual share.
std::string Body(const Command& command) {
  std::string text = "Usage: " + Usage(command) + "\n";
  if (!command.details.empty()) text += "\n" + command.details;
  if (!command.flags.empty()) text += "\nFlags:\n" + FlagLines(command.flags);
  const char* title = command.examples.size() == 1 ? "Example" : "Examples";
  return text + "\n" + title + ":\n" + ExampleLines(command.examples);
}

std::vector<std::string> Verbs(const std::vector<Command>& commands) {
  std::vector<std::string> verbs;
  for (const Command& command : commands) {
    if (verbs.empty() || verbs.back() != command.Verb()) verbs.push_back(command.Verb());
  }
  return verbs;
}

std::string CommandLines(const std::vector<Command>& commands) {
  size_t width = 0;
  for (const Command& command : commands) width = std::max(width, command.name.size());
  std::string lines;
  for (const Command& command : commands) {
    std::string name = command.name;
    name.resize(width, ' ');
    lines += "  " + name + "  " + command.summary + "\n";
  }
  return lines;
}

std::vector<Command> Family(const std::string& verb, const std::vector<Command>& commands) {
  std::vector<Command> family;
  std::copy_if(commands.begin(), commands.end(), std::back_inserter(family),
               [&](const Command& command) { return command.Verb() == verb; });
  return family;
}

std::string Fenced(const std::string& text) { return "```\n" + text + "```\n"; }

}  // namespace

const std::vector<Flag>& CommonFlags() {
  static const std::vector<Flag> flags = {
      {"--endpoint", "URL", "the daemon's control address (HEARTH_URL, else http://127.0.0.1:4566)"},
      {"--token-file", "FILE", "file with the control token (else HEARTH_TOKEN)"},
      {"--json", "", "print the API's own JSON"},
      {"--help", "", "say how it is used", Repeat::kMany, "-h"},
  };
  return flags;
}

std::string HelpOf(const Command& command) {
  return command.summary + ".\n\n" + Body(command) + "\nEvery command has:\n" + FlagLines(CommonFlags());
}

std::string HelpOfFamily(const std::string& verb, const std::vector<Command>& commands) {
  const std::vector<Command> family = Family(verb, commands);
  std::string text =
      "Usage: hearth " + verb + " COMMAND [FLAG...]\n\n" + CommandLines(family) + "\nExamples:\n";
  for (const Command& command : family) text += ExampleLines(command.examples);
  return text + "\nhearth " + verb + " COMMAND --help says more of each.\n";
}

std::string Overview(const std::vector<Command>& commands) {
  return "hearth: deploys, calls and watches the functions of a hearthd.\n\nUsage: hearth VERB "
         "[FLAG...]\n\n" +
         CommandLines(commands) + "\nEvery command has:\n" + FlagLines(CommonFlags()) + "\nEnvironment:\n" +
         kEnvironment + "\nExit codes:\n" + kExitCodes +
         "\nExample: a first function, from nothing to its answer\n"
         "  hearth init greet && cd greet && hearth up\n"
         "  hearth invoke greet '{\"name\":\"Ada\"}'\n"
         "\nhearth VERB --help says more of each.\n";
}

std::string Manual(const std::vector<Command>& commands) {
  std::string text =
      "# The command line\n\n<!-- Printed by `hearth help --markdown`; a test holds it to be so. -->\n\n"
      "`hearth` talks to a running `hearthd` over HTTP and to nothing else: what it does, any HTTP client "
      "can do\n"
      "(see [control-api.md](control-api.md)). It prints for people; with `--json` it prints the API's own "
      "JSON.\n"
      "The result goes to stdout; remarks, logs and errors go to stderr.\n\n" +
      Fenced(Overview(commands)) +
      "\nA value of the form `@FILE` is read from that file, `-` from stdin, wherever a payload or a message "
      "is "
      "asked for.\n";
  for (const std::string& verb : Verbs(commands)) {
    text += "\n## " + verb + "\n";
    for (const Command& command : Family(verb, commands)) {
      if (command.name != verb) text += "\n### " + command.name + "\n";
      text += "\n" + command.summary + ".\n\n" + Fenced(Body(command));
    }
  }
  return text;
}

}  // namespace hearth::cli
