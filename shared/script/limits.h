#pragma once

#include <cstddef>
#include <cstdint>

/// What one expression may cost, so that a hostile plan ends in an error. People write far below all of these.
namespace escape::script::limits {

/// Longer plans than this are packages of text, not expressions; a parsed byte takes up to a hundred.
constexpr std::size_t text_bytes = std::size_t{256} * 1024;
/// Expressions within expressions: the parser, printer and evaluator recurse once for each.
constexpr int nesting = 100;
/// Evaluations within evaluations, lambda calls included: at most this many native stack frames of each kind.
constexpr int evaluation_depth = 200;
/// Lists within lists that are compared or given back.
constexpr int value_depth = 200;
/// About 50 ms: every node counts one, every 256 bytes that are looked at another.
constexpr std::int64_t steps = 1'000'000;
constexpr std::size_t bytes_per_step = 256;
/// One text or list that is made. Inputs may be larger as long as they are only passed on.
constexpr std::size_t result_bytes = std::size_t{1024} * 1024;
/// All that one evaluation makes.
constexpr std::size_t total_bytes = std::size_t{16} * 1024 * 1024;

}  // namespace escape::script::limits
