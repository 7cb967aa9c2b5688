#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/simulation/simulation.h"

namespace escape::simulation {

/// Runs a plan twice: a run that is not the same twice is a failure of the simulator itself ("the same seed is the same
/// run").
Outcome simulate_twice(const Plan& plan);

/// The plan with as few faults as still break the same rule.
Plan shrink(Plan plan, const Outcome& failed);
/// The one command that plays it again.
std::string replay_command(const Plan& plan);

struct Tally {
  std::uint64_t passed = 0, failed = 0;
  std::uint64_t jobs = 0, scripts = 0;
  double seconds = 0;  ///< of this process's own time on the processor
  std::map<std::string, int> seen;
};

/// Seeds from `first` on until so many have been run or the time is over. Failures are told as they come.
Tally run_seeds(std::uint64_t first, std::uint64_t seeds, double minutes);

}  // namespace escape::simulation
