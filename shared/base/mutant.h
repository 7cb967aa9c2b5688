#pragma once

#include <string_view>

/// Deliberate bugs, one switched on at a time, that show that the simulator's checkers bite (tests/simulation/README.md
/// lists them). Only the simulator's own build of the cores knows them; in every other build this is `false` at compile
/// time.
namespace escape {

#ifdef ESCAPE_MUTANTS
inline std::string_view active_mutant;
inline bool is_mutant(std::string_view name) { return active_mutant == name; }
#else
consteval bool is_mutant(std::string_view) { return false; }
#endif

}  // namespace escape
