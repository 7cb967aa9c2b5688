#include "controller/cli/lock_wait.h"

#include <thread>

#include "shared/base/text.h"

namespace escape::cli {
namespace {

// flock(2) itself waits without a limit.
constexpr Millis look_again{50};

}  // namespace

Result<io::FileLock> wait_for_lock(const std::string& path, std::optional<Millis> limit) {
  if (!limit) return io::FileLock::exclusive(path);
  const Instant end = read_clocks().steady + *limit;
  while (true) {
    Result<io::FileLock> lock = io::FileLock::try_exclusive(path);
    if (lock || lock.error().kind != ErrorKind::conflict) return lock;
    const Instant now = read_clocks().steady;
    if (now >= end) {
      const std::string holder = io::FileLock::holder(path);
      return fail(ErrorKind::timed_out,
                  "Another command worked in this workspace for longer than " + to_short_text(*limit) +
                      (holder.empty() ? "." : " (" + holder + ")."),
                  "Nothing was done. Wait for it, or give this one a longer --timeout.");
    }
    std::this_thread::sleep_for(std::min<Micros>(look_again, end - now));
  }
}

}  // namespace escape::cli
