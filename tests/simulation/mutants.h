#pragma once

namespace escape::simulation {

/// Switches each deliberate bug on, one after the other, and runs seeds until a checker finds it. Prints a table.
/// False when one of them survived the time that is given to each.
bool hunt_mutants(double minutes);

}  // namespace escape::simulation
