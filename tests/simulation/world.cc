#include "tests/simulation/world.h"

#include <fmt/core.h>

#include <algorithm>

namespace escape::simulation {

void World::after(Micros delay, Action action) {
  heap_.push_back({now_ + std::max(delay, Micros{0}), ++order_, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end());
}

void World::run_until(Instant end) {
  while (!failure_ && !heap_.empty() && heap_.front().at <= end) {
    std::pop_heap(heap_.begin(), heap_.end());
    const Scheduled next = std::move(heap_.back());
    heap_.pop_back();
    now_ = next.at;
    next.action();
  }
  if (!failure_) now_ = std::max(now_, end);
}

void World::fail(std::string_view checker, std::string what) {
  if (failure_) return;
  broken_rule_ = checker;
  failure_ = fmt::format("{}: {}", checker, what);
  if (keeps_trace_) write_line("checker", "FAILED", *failure_);
}

void World::mix(std::string_view who, std::string_view what, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  hash_.add(static_cast<std::uint64_t>(now_.micros));
  hash_.add(who);
  hash_.add(what);
  hash_.add(a);
  hash_.add(b);
  hash_.add(c);
}

void World::write_line(std::string_view who, std::string_view what, const std::string& details) {
  lines_.push_back(fmt::format("{:>12.6f}  {:<14} {:<22} {}", static_cast<double>(now_.micros - 1'000'000) / 1e6, who,
                               what, details));
}

std::string World::numbers(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  if (c != 0) return fmt::format("{} {} {}", a, b, c);
  if (b != 0) return fmt::format("{} {}", a, b);
  return a != 0 ? fmt::format("{}", a) : std::string();
}

}  // namespace escape::simulation
