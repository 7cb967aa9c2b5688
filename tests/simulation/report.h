#pragma once

#include "tests/simulation/seeds.h"

namespace escape::simulation {

/// The seed that runs now: named when a CHECK of a core ends the process.
void tell_seed(std::uint64_t seed);
void report_failure(const Plan& plan, const Outcome& outcome);
void print_trace(const Plan& plan, const Outcome& outcome);
void print_tally(const Tally& tally, bool with_details);

}  // namespace escape::simulation
