#include "tests/simulation/simulation.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>

#include "shared/base/check.h"
#include "tests/simulation/cluster.h"

namespace escape::simulation {

Plan plan_of(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.faults = plan_faults(seed, Cluster::work_time);
  return plan;
}

Outcome simulate(const Plan& plan) {
  World world(plan.seed, plan.keeps_trace);
  Cluster cluster(world);
  try {
    cluster.run(plan.faults);
  } catch (const std::exception& thrown) {  // of the standard library: a core asked for what is not there
    world.fail("nothing throws", thrown.what());
  }
  Outcome outcome;
  outcome.failure = world.failure();
  outcome.broken_rule = world.broken_rule();
  outcome.trace_hash = world.trace_hash();
  outcome.trace = world.trace();
  cluster.count(outcome);
  return outcome;
}

}  // namespace escape::simulation
