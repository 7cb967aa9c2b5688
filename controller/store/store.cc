#include "controller/store/store.h"

namespace escape::store {

Result<> Database::checkpoint(const std::string& folder) const {
  return fail(ErrorKind::internal, "This database cannot be copied to '" + folder + "'");
}

std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

}  // namespace escape::store
