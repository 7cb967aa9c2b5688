#include "controller/cli/program.h"

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <exception>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/completion.h"
#include "controller/cli/invocation.h"
#include "controller/cli/plan_view.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::cli {
namespace {

constexpr int usage_exit = 64;
constexpr int output_exit = 74;  // EX_IOERR

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

Result<int> print_version(Words words, Invocation& invocation) {
  Syntax syntax("version", "Print the version");
  add_global_flags(syntax, invocation.globals());
  if (!words.verb.empty()) words.rest.insert(words.rest.begin(), words.verb);
  if (words.wants_help) words.rest.emplace_back("--help");
  TRY(const Syntax::Parsed parsed, syntax.parse(words.rest));
  invocation.console().out(parsed.help.empty() ? "Escape v" ESCAPE_VERSION "\n" : parsed.help);
  return 0;
}

Result<int> dispatch(const std::vector<std::string>& arguments, Invocation& invocation) {
  TRY(Words words, find_words(arguments));
  Console& console = invocation.console();
  if (words.noun.empty()) {
    console.out(root_help());
    return 0;
  }
  if (words.noun == "version") return print_version(std::move(words), invocation);
  if (is_group(words.noun) && words.verb.empty()) {
    console.out(group_help(words.noun));
    return 0;
  }
  const Command* command = find_command(words.noun, words.verb);
  if (!command) return fail(unknown_command(words.noun, words.verb));
  return run_found(*command, std::move(words), invocation);
}

/// "-c FILE __complete -- WORDS…": the words, when it is that.
std::optional<std::vector<std::string>> words_to_complete(const std::vector<std::string>& arguments,
                                                          GlobalFlags& globals) {
  std::size_t at = 0;
  if (arguments.size() > 2 && arguments[0] == "-c") {
    globals.config_file = arguments[1];
    at = 2;
  }
  if (at >= arguments.size() || arguments[at] != complete_command) return std::nullopt;
  ++at;
  if (at < arguments.size() && arguments[at] == "--") ++at;
  return std::vector<std::string>(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
}

/// Nobody waits for a name longer than they would type it. The timer goes on in the full program.
void end_within_budget() {
  const char* given = std::getenv("ESCAPE_COMPLETION_TIMEOUT");
  const Result<Millis> budget = parse_duration(given ? given : "");
  const Millis limit = budget ? budget.value() : Millis{300};
  struct sigaction action{};
  action.sa_handler = [](int) { ::_exit(0); };
  ::sigaction(SIGALRM, &action, nullptr);
  itimerval timer{};
  ::getitimer(ITIMER_REAL, &timer);
  if (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0) return;
  timer.it_value = {limit.count() / 1000, (limit.count() % 1000) * 1000};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
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

namespace {

/// Also where the command line can't be read: whoever asked for JSON parses what comes.
bool wants_json(const std::vector<std::string>& arguments, const Invocation& invocation) {
  if (invocation.globals().logger == "json") return true;
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    if (arguments[i] == "--logger=json") return true;
    if (arguments[i] == "--logger" && i + 1 < arguments.size() && arguments[i + 1] == "json") return true;
  }
  return false;
}

int run_to_end(const std::vector<std::string>& arguments, Invocation& invocation) {
  Console& console = invocation.console();
  if (const auto words = words_to_complete(arguments, invocation.globals())) {
    for (const std::string& line : completions(invocation, *words)) console.out(line + "\n");
    return 0;
  }
  Result<int> code = dispatch(arguments, invocation);
  if (code) return code.value();
  print_error(console, code.error(), wants_json(arguments, invocation));
  return code.error().kind == ErrorKind::usage ? usage_exit : exit_code(code.error().kind);
}

}  // namespace

int run_command(const std::vector<std::string>& arguments, const Wiring& wiring, Console& console, char** argv) {
  Invocation invocation(wiring, console, argv);
  const int code = run_to_end(arguments, invocation);
  if (!console.output_error) return code;
  print_error(console, *console.output_error, wants_json(arguments, invocation));
  // How the work ended says more; what only printed has failed.
  return code == 0 || code == changes_exit ? output_exit : code;
}

int run(int argc, char** argv, const Wiring& wiring) {
  RealConsole console;
  try {
    if (argc > 1 && argv[1] == complete_command) end_within_budget();
    return run_command(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), wiring, console, argv);
  } catch (const std::exception& error) {
    print_error(console, {ErrorKind::internal, std::string("Escape itself failed: ") + error.what(), {}, {}}, false);
    return exit_code(ErrorKind::internal);
  }
}

}  // namespace escape::cli
