#include "tests/simulation/report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace escape::simulation {
namespace {

/// The end of a trace is where it broke; the whole of it comes with --replay.
constexpr std::size_t lines_shown = 40;

char abort_text[128];

void on_abort(int) {
  (void)!::write(STDERR_FILENO, abort_text, std::char_traits<char>::length(abort_text));
  std::_Exit(1);
}

}  // namespace

void tell_seed(std::uint64_t seed) {
  std::snprintf(abort_text, sizeof abort_text,
                "a CHECK failed; play it again: ops/simulate --replay %llu\n0 passed, 1 failed\n",
                static_cast<unsigned long long>(seed));
  std::signal(SIGABRT, on_abort);
}

void report_failure(const Plan& plan, const Outcome& outcome) {
  fmt::print("\nseed {} failed. {}\n", plan.seed, *outcome.failure);
  Plan small = shrink(plan, outcome);
  small.keeps_trace = true;
  const Outcome again = simulate(small);
  fmt::print("{} of {} faults are enough:\n", small.faults.size(), plan.faults.size());
  for (const Fault& fault : small.faults) fmt::print("  {:>2}  {}\n", fault.number, to_string(fault));
  if (again.failure) fmt::print("then: {}\n", *again.failure);
  fmt::print("the end of the trace:\n");
  const std::size_t from = again.trace.size() - std::min(again.trace.size(), lines_shown);
  for (std::size_t i = from; i < again.trace.size(); ++i) fmt::print("{}\n", again.trace[i]);
  fmt::print("play it again, with the whole trace:\n  {}\n\n", replay_command(small));
  std::fflush(stdout);
}

void print_trace(const Plan& plan, const Outcome& outcome) {
  for (const Fault& fault : plan.faults) fmt::print("fault {:>2}  {}\n", fault.number, to_string(fault));
  for (const std::string& line : outcome.trace) fmt::print("{}\n", line);
  fmt::print("seed {}: {} jobs, {} scripts, trace {:016x}\n", plan.seed, outcome.jobs, outcome.scripts,
             outcome.trace_hash);
  if (outcome.failure) fmt::print("failed. {}\n", *outcome.failure);
}

void print_tally(const Tally& tally, bool with_details) {
  if (with_details) {
    for (const auto& [what, count] : tally.seen) fmt::print("  {:<34} {}\n", what, count);
  }
  const auto per_second = [&](std::uint64_t count) {
    return tally.seconds > 0 ? static_cast<double>(count) / tally.seconds : 0.0;
  };
  fmt::print("each seed was run twice: {} jobs, {} scripts, {:.1f} s of one processor, {:.0f} jobs per second\n",
             tally.jobs, tally.scripts, tally.seconds, per_second(tally.jobs));
  fmt::print("{} passed, {} failed\n", tally.passed, tally.failed);
}

}  // namespace escape::simulation
