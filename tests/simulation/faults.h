#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/time.h"

namespace escape::simulation {

enum class FaultKind {
  drop_packets,
  repeat_packets,
  swap_packets,
  slow_link,
  partition,
  partition_to_controller,
  partition_from_controller,
  cut_connections,
  unruly_agent,
  unruly_controller,
  kill_controller,
  power_loss_controller,
  freeze_controller,
  kill_agent,
  stop_agent,
  reboot_host,
  kill_supervisor,
  freeze_agent,
  lose_disk,
  kill_client,
  clock_jump,
  slow_disk,
  full_disk,
  broken_inventory,
  old_controller,
  cloned_agent,
};
inline constexpr int fault_kinds = 26;
std::string_view name_of(FaultKind kind);

/// One thing that goes wrong, for some time, somewhere.
struct Fault {
  FaultKind kind = FaultKind::drop_packets;
  std::size_t number = 0;  ///< its place in the seed's plan
  Micros at{0};
  Micros duration{0};
  std::uint64_t target = 0;   ///< which machine, modulo how many there are
  std::uint64_t variant = 0;  ///< what else there is to choose
};
std::string to_string(const Fault& fault);

/// The faults of a seed: some kinds, some times, within `length`.
std::vector<Fault> plan_faults(std::uint64_t seed, Micros length);

}  // namespace escape::simulation
