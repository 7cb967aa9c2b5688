#include "agent/runner/process_limits.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "shared/base/text.h"

namespace escape::runner {
namespace {

/// Kernel constants (MAX_ARG_STRLEN in pages, ARG_MAX, three quarters of _STK_LIM).
constexpr std::size_t pages_of_one = 32;
constexpr std::size_t least_for_all = 128 << 10;
constexpr std::size_t most_for_all = 6 << 20;
/// For what we do not count: the program's path, and what a "#!" line adds.
constexpr std::size_t reserve = 8 << 10;

constexpr std::string_view previous_prefix = "INPUT_PREVIOUS_";
constexpr std::string_view input_prefix = "INPUT_";
constexpr std::size_t most_names = 5;

using Variable = std::pair<const std::string, std::string>;

std::size_t size_of(const Variable& variable) {
  constexpr std::size_t equals_and_end = 2;
  return variable.first.size() + variable.second.size() + equals_and_end;
}
bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }
bool is_previous(const std::string& name) { return name.starts_with(previous_prefix); }

/// The file that holds the very value, or empty.
std::string file_with(const std::string& value, const std::vector<protocol::FileToWrite>& files) {
  for (const protocol::FileToWrite& file : files) {
    if (file.path.starts_with(protocol::value_files_folder) && file.text == value) return file.path;
  }
  return {};
}

/// One request on its way to being one that fits.
class Fitting {
 public:
  Fitting(RunRequest& request, const std::vector<protocol::FileToWrite>& files, const ProcessLimits& limits)
      : request_(request), files_(files), limits_(limits) {}

  Result<std::vector<std::string>> run() {
    TRYV(check_arguments());
    TRYV(leave_out_what_no_variable_holds());
    TRYV(leave_out_what_is_too_much());
    return std::move(lines_);
  }

 private:
  Result<> check_arguments() const {
    for (std::size_t i = 0; i < request_.argv.size(); ++i) {
      const std::string& argument = request_.argv[i];
      if (has_nul(argument)) return fail(ErrorKind::bad_data, fmt::format("Argument {} of its command holds a NUL", i));
      if (argument.size() < limits_.one) continue;
      return fail(ErrorKind::bad_data,
                  fmt::format("Argument {} of its command has {} bytes, and one can have {}", i, argument.size(),
                              limits_.one - 1),
                  "Give it a file: `$this.inputs.NAME.file` is the path of one with the value.");
    }
    return ok();
  }

  Result<> leave_out_what_no_variable_holds() {
    std::vector<std::string> wrong;
    std::string first;
    for (const Variable& variable : request_.variables) {
      const std::string why = why_not_passed(variable);
      if (why.empty() || leave_out(variable, why)) continue;
      wrong.push_back(variable.first);
      first += fmt::format("{}{} {}", first.empty() ? "" : "; ", variable.first, why);
    }
    if (wrong.empty()) return ok();
    return fail(ErrorKind::bad_data, std::move(first), what_to_do(wrong.front()));
  }

  std::string why_not_passed(const Variable& variable) const {
    if (has_nul(variable.second)) return "holds a NUL, which no variable can";
    if (size_of(variable) <= limits_.one) return {};
    const std::size_t most = limits_.one - (size_of(variable) - variable.second.size());
    return fmt::format("has {} bytes, and its value can have {}", variable.second.size(), most);
  }

  /// The largest first, and what the script can do without before what it has as a file.
  Result<> leave_out_what_is_too_much() {
    std::vector<const Variable*> largest;
    for (const Variable& variable : request_.variables) largest.push_back(&variable);
    std::stable_sort(largest.begin(), largest.end(),
                     [](const Variable* a, const Variable* b) { return size_of(*a) > size_of(*b); });
    std::stable_partition(largest.begin(), largest.end(), [](const Variable* v) { return is_previous(v->first); });
    const std::string why = fmt::format("is too much: all variables together can have {} bytes", limits_.all);
    for (const Variable* variable : largest) {
      if (size_of_all() <= limits_.all) return ok();
      if (!is_left_out(variable->first)) (void)leave_out(*variable, why);
    }
    if (size_of_all() <= limits_.all) return ok();
    std::vector<std::string> names;
    std::string input;
    for (const Variable* variable : largest) {
      if (is_left_out(variable->first) || names.size() == most_names) continue;
      names.push_back(fmt::format("{} ({})", variable->first, variable->second.size()));
      if (input.empty() && variable->first.starts_with(input_prefix)) input = variable->first;
    }
    return fail(ErrorKind::bad_data,
                fmt::format("Its variables and arguments have {} bytes together, and a script can have {}. "
                            "The largest: {}",
                            size_of_all(), limits_.all, join(names, ", ")),
                what_to_do(input));
  }

  std::size_t size_of_all() const {
    std::size_t all = 2 * sizeof(char*);
    for (const std::string& argument : request_.argv) all += argument.size() + 1 + sizeof(char*);
    for (const Variable& variable : request_.variables) {
      if (!is_left_out(variable.first)) all += size_of(variable) + sizeof(char*);
    }
    return all;
  }

  bool is_left_out(const std::string& name) const {
    return std::find(request_.not_passed.begin(), request_.not_passed.end(), name) != request_.not_passed.end();
  }

  /// False when the script needs it and has it nowhere else.
  bool leave_out(const Variable& variable, const std::string& why) {
    const std::string file = file_with(variable.second, files_);
    if (file.empty() && !is_previous(variable.first)) return false;
    request_.not_passed.push_back(variable.first);
    lines_.push_back(fmt::format("{} is not set for the script: it {}{}.\n", variable.first, why,
                                 file.empty() ? "" : ". Its value is in the file " + file));
    return true;
  }

  static std::string what_to_do(const std::string& variable) {
    const bool is_input = variable.starts_with(input_prefix);
    const std::string id = is_input ? variable.substr(input_prefix.size()) : std::string("NAME");
    return fmt::format(
        "Let the script read it from a file: with an input {{id: {0}_file, default: $this.inputs.{0}.file}} it finds "
        "the path of one in $INPUT_{0}_file.",
        id);
  }

  RunRequest& request_;
  const std::vector<protocol::FileToWrite>& files_;
  const ProcessLimits& limits_;
  std::vector<std::string> lines_;
};

}  // namespace

ProcessLimits process_limits() {
  const long page = ::sysconf(_SC_PAGESIZE);
  rlimit stack{};
  std::size_t all = most_for_all;
  if (::getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur != RLIM_INFINITY) {
    all = std::clamp<std::size_t>(stack.rlim_cur / 4, least_for_all, most_for_all);
  }
  return {pages_of_one * static_cast<std::size_t>(page > 0 ? page : 4096), all - reserve};
}

Result<std::vector<std::string>> fit_into_process(RunRequest& request, const std::vector<protocol::FileToWrite>& files,
                                                  const ProcessLimits& limits) {
  return Fitting(request, files, limits).run();
}

}  // namespace escape::runner
