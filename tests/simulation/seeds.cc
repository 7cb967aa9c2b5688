#include "tests/simulation/seeds.h"

#include <fmt/core.h>

#include <chrono>
#include <ctime>

#include "tests/simulation/report.h"

namespace escape::simulation {
namespace {

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

bool fails_alike(const Plan& plan, const Outcome& failed) {
  const Outcome outcome = simulate(plan);
  return outcome.failure && outcome.broken_rule == failed.broken_rule;
}

}  // namespace

Outcome simulate_twice(const Plan& plan) {
  Outcome first = simulate(plan);
  const Outcome second = simulate(plan);
  if (first.trace_hash != second.trace_hash && !first.failure) {
    first.broken_rule = "the same seed is the same run";
    first.failure =
        fmt::format("{}: trace {:016x} and then {:016x}", first.broken_rule, first.trace_hash, second.trace_hash);
  }
  return first;
}

/// Halves first, then one by one until none can go.
Plan shrink(Plan plan, const Outcome& failed) {
  plan.keeps_trace = false;
  for (std::size_t piece = std::max<std::size_t>(plan.faults.size() / 2, 1);; piece = piece / 2) {
    for (std::size_t at = 0; at < plan.faults.size();) {
      Plan smaller = plan;
      const auto from = smaller.faults.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = static_cast<std::ptrdiff_t>(std::min(piece, smaller.faults.size() - at));
      smaller.faults.erase(from, from + count);
      if (fails_alike(smaller, failed)) {
        plan = std::move(smaller);
      } else {
        at += piece;
      }
    }
    if (piece <= 1) return plan;
  }
}

std::string replay_command(const Plan& plan) {
  std::string kept;
  for (const Fault& fault : plan.faults) kept += (kept.empty() ? "" : ",") + std::to_string(fault.number);
  return fmt::format("ops/simulate --replay {} --faults {}", plan.seed, kept.empty() ? "none" : kept);
}

Tally run_seeds(std::uint64_t first, std::uint64_t seeds, double minutes) {
  Tally tally;
  const auto start = std::chrono::steady_clock::now();
  const double before = processor_seconds();
  for (std::uint64_t seed = first; seed - first < seeds; ++seed) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > minutes * 60) break;
    tell_seed(seed);
    const Plan plan = plan_of(seed);
    const Outcome outcome = simulate_twice(plan);
    tally.jobs += outcome.jobs * 2;
    tally.scripts += static_cast<std::uint64_t>(outcome.scripts) * 2;
    for (const auto& [what, count] : outcome.seen) tally.seen[what] += count;
    ++(outcome.failure ? tally.failed : tally.passed);
    if (outcome.failure) report_failure(plan, outcome);
  }
  tally.seconds = processor_seconds() - before;
  return tally;
}

}  // namespace escape::simulation
