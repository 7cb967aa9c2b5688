#include "shared/script/memory.h"

#include <fmt/core.h>

#include <cstring>

namespace escape::script {

Result<Operand> Memory::text(std::string_view text) {
  if (text.empty()) return Operand(std::string_view());
  if (text.size() > limits::result_bytes) return fail(too_large());
  TRY(void* bytes, allocate(text.size(), 1));
  std::memcpy(bytes, text.data(), text.size());
  return Operand(std::string_view(static_cast<const char*>(bytes), text.size()));
}

Result<void*> Memory::allocate(std::size_t bytes, std::size_t alignment) {
  if (bytes > bytes_left_) {
    return fail(ErrorKind::bad_data,
                fmt::format("The expression makes more than {} bytes of values", limits::total_bytes));
  }
  bytes_left_ -= bytes;
  return resource_.allocate(bytes, alignment);
}

Error Memory::too_large() {
  return Error{ErrorKind::bad_data, fmt::format("A result is larger than {} bytes", limits::result_bytes)};
}

Result<> Memory::too_many_steps() {
  return fail(ErrorKind::bad_data, fmt::format("The expression takes more than {} steps", limits::steps),
              "Does a function call itself?");
}

}  // namespace escape::script
