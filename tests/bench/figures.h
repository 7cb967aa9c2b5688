#pragma once

#include <sys/types.h>

#include <functional>

namespace escape::testing {

struct Figures {
  double median = 0;
  double p99 = 0;
};

/// Milliseconds of `times` runs; what `after` takes is not counted.
Figures measure(int times, const std::function<void()>& run, const std::function<void()>& after = {});
void print(const char* what, const Figures& figures);

/// What /proc/PID/smaps_rollup says, in MiB.
struct Memory {
  double resident = 0;
  double proportional = 0;  ///< shared pages divided among those who share them
  double own = 0;           ///< written by this process alone
};
Memory memory_of(pid_t pid);
void print(const char* what, const Memory& memory);

/// A script under its supervisor beside the same one under nobody, and a supervisor's memory.
void measure_scripts(int times);

}  // namespace escape::testing
