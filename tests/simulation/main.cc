#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/log.h"
#include "shared/base/mutant.h"
#include "shared/base/text.h"
#include "tests/simulation/mutants.h"
#include "tests/simulation/report.h"

/// escape_simulate --seeds N --minutes M [--first SEED]      random runs; exit 0 when every seed held
///                 --replay SEED [--faults 1,4|none]         one run with its trace
///                 --mutants [--minutes M]                   whether each deliberate bug is found
///                 --mutant NAME                             switched on in any of the above
namespace {

using namespace escape::simulation;

struct Options {
  std::uint64_t seeds = 2'000, first = 1;
  double minutes = 60;
  bool hunts_mutants = false, is_verbose = false;
  std::optional<std::uint64_t> replay;
  std::optional<std::string> faults;
  std::string mutant;
};

[[noreturn]] void usage(std::string_view why) {
  fmt::print(stderr,
             "error: {}\nusage: escape_simulate [--seeds N] [--minutes M] [--first SEED] [--verbose]\n"
             "       escape_simulate --replay SEED [--faults N,N…|none]\n"
             "       escape_simulate --mutants [--minutes M]\n",
             why);
  std::exit(2);
}

template <class Number>
Number parse(std::string_view flag, std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    usage(fmt::format("{} needs a number, not '{}'", flag, text));
  return number;
}

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& flag = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == arguments.size()) usage(flag + " needs a value");
      return arguments[++i];
    };
    if (flag == "--seeds") {
      options.seeds = parse<std::uint64_t>(flag, value());
    } else if (flag == "--first") {
      options.first = parse<std::uint64_t>(flag, value());
    } else if (flag == "--minutes") {
      options.minutes = parse<double>(flag, value());
    } else if (flag == "--replay") {
      options.replay = parse<std::uint64_t>(flag, value());
    } else if (flag == "--faults") {
      options.faults = value();
    } else if (flag == "--mutant") {
      options.mutant = value();
    } else if (flag == "--mutants") {
      options.hunts_mutants = true;
    } else if (flag == "--verbose") {
      options.is_verbose = true;
    } else {
      usage("what is '" + flag + "'?");
    }
  }
  return options;
}

int replay(const Options& options) {
  Plan plan = plan_of(*options.replay);
  plan.keeps_trace = true;
  if (options.faults) {
    std::vector<std::size_t> kept;
    if (*options.faults != "none") {
      for (const std::string& number : escape::split(*options.faults, ','))
        kept.push_back(parse<std::size_t>("--faults", number));
    }
    std::erase_if(plan.faults, [&](const Fault& fault) { return std::ranges::find(kept, fault.number) == kept.end(); });
  }
  tell_seed(plan.seed);
  const Outcome outcome = simulate(plan);
  print_trace(plan, outcome);
  fmt::print("{} passed, {} failed\n", outcome.failure ? 0 : 1, outcome.failure ? 1 : 0);
  return outcome.failure ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options({argv + 1, argv + argc});
  escape::active_mutant = options.mutant;
  if (options.hunts_mutants) return hunt_mutants(options.minutes) ? 0 : 1;
  if (options.replay) return replay(options);
  const Tally tally = run_seeds(options.first, options.seeds, options.minutes);
  print_tally(tally, options.is_verbose);
  return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}
