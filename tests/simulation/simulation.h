#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/agent_node.h"
#include "tests/simulation/client_node.h"
#include "tests/simulation/controller_node.h"
#include "tests/simulation/faults.h"

namespace escape::simulation {

/// What came of one run.
struct Outcome {
  std::optional<std::string> failure;
  std::string broken_rule;
  std::uint64_t trace_hash = 0;
  std::uint64_t jobs = 0;  ///< that have settled
  int scripts = 0;
  std::uint64_t packets = 0;
  std::vector<std::string> trace;   ///< when asked for
  std::map<std::string, int> seen;  ///< what happened at all: outcomes, faults
};

struct Plan {
  std::uint64_t seed = 1;
  std::vector<Fault> faults;
  bool keeps_trace = false;
};
Plan plan_of(std::uint64_t seed);

/// A controller, agents and people for a minute or two of simulated time with the plan's faults; then the faults stop
/// and everything must settle.
Outcome simulate(const Plan& plan);

}  // namespace escape::simulation
