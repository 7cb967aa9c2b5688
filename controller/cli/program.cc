#include "controller/cli/program.h"

#include <algorithm>
#include <array>
#include <exception>

#include "controller/cli/commands.h"
#include "controller/cli/invocation.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::cli {
namespace {

constexpr int usage_exit = 64;

/// Flags that may stand before the command's words.
constexpr std::array<std::string_view, 7> with_value{"-c",      "--config", "--profile", "-l",
                                                     "--level", "--logger", "--timeout"};

bool is_global(std::string_view argument) {
  const std::string_view name = argument.substr(0, argument.find('='));
  const bool is_attached =
      name.size() > 2 && (name.starts_with("-c") || name.starts_with("-l")) && !name.starts_with("--");
  return is_attached || name == "--collapse-logs" || std::ranges::find(with_value, name) != with_value.end();
}

/// What was typed: the words that name the command, and everything else in its order.
struct Words {
  std::string noun;
  std::string verb;
  std::vector<std::string> rest;
  bool wants_help = false;
};

Result<Words> find_words(const std::vector<std::string>& arguments) {
  Words words;
  bool is_complete = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (is_complete) {
      words.rest.push_back(argument);
    } else if (argument == "-h" || argument == "--help") {
      words.wants_help = true;
    } else if (is_global(argument)) {
      words.rest.push_back(argument);
      const bool has_value = std::ranges::find(with_value, argument) != with_value.end();
      if (has_value && i + 1 < arguments.size()) words.rest.push_back(arguments[++i]);
    } else if (words.noun.empty() && argument == "--version") {
      words.noun = "version";
    } else if (argument.starts_with("-") && argument.size() > 1) {
      const std::string after = words.noun.empty() ? "`escape`" : "`escape " + words.noun + "`";
      return fail(ErrorKind::usage, "Unknown flag '" + argument + "' for " + after + ".",
                  "Flags of a command stand behind it; `escape help` lists the commands.");
    } else if (words.noun.empty()) {
      words.noun = argument;
      is_complete = !is_group(argument) && argument != "help";
    } else {
      words.verb = argument;
      is_complete = words.noun != "help";
      if (words.noun == "help") {
        words.noun = argument;
        words.verb.clear();
        words.wants_help = true;
      }
    }
  }
  if (words.noun == "help") words.noun.clear();
  return words;
}

void add_global_flags(Syntax& syntax, GlobalFlags& globals) {
  syntax.option("-c,--config", globals.config_file, "FILE", "Configuration file");
  syntax.option("--profile", globals.profile, "NAME", "Use this profile for this command");
  syntax.option("-l,--level", globals.level, "LEVEL", "debug, success, info, warn or error");
  syntax.option("--logger", globals.logger, "FORMAT", "default, or json: one object per line on stderr");
  syntax.flag("--collapse-logs", globals.collapse_logs, "On a terminal, overwrite lines that are done with");
  syntax.option("--timeout", globals.timeout, "DURATION", "Give up waiting after this long; a job goes on");
}

Result<int> run_found(const Command& command, Words words, Invocation& invocation) {
  std::string path(command.noun);
  if (!command.verb.empty()) path += " " + std::string(command.verb);
  Syntax syntax(path, std::string(command.summary));
  command.describe(syntax);
  add_global_flags(syntax, invocation.globals());
  if (words.wants_help) words.rest.emplace_back("--help");
  TRY(const Syntax::Parsed parsed, syntax.parse(words.rest));
  if (!parsed.help.empty()) {
    invocation.console().out(parsed.help);
    return 0;
  }
  TRYV(invocation.check_globals());
  return parsed.action(invocation);
}

Result<int> dispatch(const std::vector<std::string>& arguments, Invocation& invocation) {
  TRY(Words words, find_words(arguments));
  Console& console = invocation.console();
  if (words.noun.empty()) {
    console.out(root_help());
    return 0;
  }
  if (words.noun == "version") {
    console.out("Escape v" ESCAPE_VERSION "\n");
    return 0;
  }
  if (is_group(words.noun) && words.verb.empty()) {
    console.out(group_help(words.noun));
    return 0;
  }
  const Command* command = find_command(words.noun, words.verb);
  if (!command) return fail(unknown_command(words.noun, words.verb));
  return run_found(*command, std::move(words), invocation);
}

}  // namespace

void print_error(Console& console, const Error& error, bool as_json) {
  if (as_json) {
    Value::Object object{{"timestamp", to_rfc3339(read_clocks().wall)},
                         {"level", "error"},
                         {"message", describe(error)},
                         {"kind", kind_name(error.kind)}};
    if (!error.hint.empty()) object.set("hint", error.hint);
    console.err(codec::to_json(object) + "\n");
    return;
  }
  const bool coloured = console.has_error_terminal;
  console.err((coloured ? "\x1b[31mError: " : "Error: ") + describe(error) + (coloured ? "\x1b[0m\n" : "\n"));
  if (!error.hint.empty()) console.err(error.hint + "\n");
}

int run_command(const std::vector<std::string>& arguments, const Wiring& wiring, Console& console, char** argv) {
  Invocation invocation(wiring, console, argv);
  Result<int> code = dispatch(arguments, invocation);
  if (code) return code.value();
  print_error(console, code.error(), invocation.globals().logger == "json");
  return code.error().kind == ErrorKind::usage ? usage_exit : exit_code(code.error().kind);
}

int run(int argc, char** argv, const Wiring& wiring) {
  RealConsole console;
  try {
    return run_command(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), wiring, console, argv);
  } catch (const std::exception& error) {
    print_error(console, {ErrorKind::internal, std::string("Escape itself failed: ") + error.what(), {}, {}}, false);
    return exit_code(ErrorKind::internal);
  }
}

}  // namespace escape::cli
