#include "tests/simulation/faults.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "tests/simulation/random.h"

namespace escape::simulation {

using namespace std::chrono_literals;

std::string_view name_of(FaultKind kind) {
  constexpr std::array<std::string_view, fault_kinds> names{"drop packets",
                                                            "repeat packets",
                                                            "swap packets",
                                                            "slow link",
                                                            "partition",
                                                            "partition to controller",
                                                            "partition from controller",
                                                            "cut connections",
                                                            "unruly agent",
                                                            "unruly controller",
                                                            "kill controller",
                                                            "power loss of controller",
                                                            "freeze controller",
                                                            "kill agent",
                                                            "stop agent",
                                                            "reboot host",
                                                            "kill supervisor",
                                                            "freeze agent",
                                                            "lose disk",
                                                            "kill client",
                                                            "clock jump",
                                                            "slow disk",
                                                            "full disk",
                                                            "broken inventory",
                                                            "old controller",
                                                            "cloned agent"};
  return names[static_cast<std::size_t>(kind)];
}

std::string to_string(const Fault& fault) {
  return fmt::format("{} at {:.3f} s for {:.3f} s, target {}, variant {}", name_of(fault.kind),
                     static_cast<double>(fault.at.count()) / 1e6, static_cast<double>(fault.duration.count()) / 1e6,
                     fault.target, fault.variant);
}

/// Each seed knows only some kinds (swarm testing): a fault that is always there hides what another would show.
std::vector<Fault> plan_faults(std::uint64_t seed, Micros length) {
  Random random(hash_of("faults", seed));
  std::vector<FaultKind> kinds;
  for (int kind = 0; kind < fault_kinds; ++kind) {
    const auto one = static_cast<FaultKind>(kind);
    const bool is_rare = one == FaultKind::lose_disk || one == FaultKind::old_controller;
    if (random.once_in(is_rare ? 8 : 3)) kinds.push_back(one);
  }
  std::vector<Fault> faults;
  if (kinds.empty()) return faults;
  const std::uint64_t count = random.below(15);
  for (std::uint64_t i = 0; i < count; ++i) {
    Fault fault;
    fault.kind = kinds[random.below(kinds.size())];
    fault.at = random.between(200ms, length);
    fault.duration = random.once_in(3) ? random.between(10s, 70s) : random.between(100ms, 8s);
    fault.target = random.below(1'000);
    fault.variant = random.below(1'000);
    faults.push_back(fault);
  }
  std::ranges::sort(faults, {}, &Fault::at);
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i].number = i + 1;
  return faults;
}

}  // namespace escape::simulation
