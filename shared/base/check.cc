#include "shared/base/check.h"

#include <cstdlib>

#include "shared/base/log.h"

namespace escape {

void check_failed(const char* condition, const char* file, int line) {
  log_error("bug: '{}' does not hold at {}:{}", condition, file, line);
  std::abort();
}

}  // namespace escape
