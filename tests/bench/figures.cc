#include "tests/bench/figures.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace escape::testing {

using Clock = std::chrono::steady_clock;

Figures measure(int times, const std::function<void()>& run, const std::function<void()>& after) {
  std::vector<double> millis;
  for (int i = 0; i < times; ++i) {
    const auto begin = Clock::now();
    run();
    millis.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    if (after) after();
  }
  std::ranges::sort(millis);
  const auto at = [&](double share) {
    return millis[static_cast<std::size_t>(share * static_cast<double>(millis.size() - 1))];
  };
  return {at(0.5), at(0.99)};
}

void print(const char* what, const Figures& figures) {
  std::printf("%-64s %8.2f ms %8.2f ms\n", what, figures.median, figures.p99);
  std::fflush(stdout);
}

Memory memory_of(pid_t pid) {
  const std::string rollup = read_text("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const auto mib = [&](const char* field) {
    const auto at = rollup.find(std::string("\n") + field + ":");
    if (at == std::string::npos) return 0.0;
    return std::strtod(rollup.c_str() + rollup.find(':', at) + 1, nullptr) / 1024;
  };
  return {mib("Rss"), mib("Pss"), mib("Private_Dirty")};
}

void print(const char* what, const Memory& memory) {
  std::printf("%-48s resident %6.1f MiB, proportional %6.1f MiB, own %6.1f MiB\n", what, memory.resident,
              memory.proportional, memory.own);
  std::fflush(stdout);
}

}  // namespace escape::testing
