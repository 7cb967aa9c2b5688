#include "shared/script/memory.h"

#include <fmt/core.h>

#include <cstring>

namespace escape::script {

Evaluated<Operand> Memory::text(std::string_view text) {
  if (text.empty()) return Operand(std::string_view());
  char* const bytes = characters(text.size());
  if (!bytes) return fail(no_room(text.size()));
  std::memcpy(bytes, text.data(), text.size());
  return Operand(std::string_view(bytes, text.size()));
}

void* Memory::beyond_block(std::size_t bytes, std::size_t alignment) {
  if (!beyond_) beyond_.emplace();
  return beyond_->allocate(bytes, alignment);
}

Error Memory::too_much() {
  return Error{ErrorKind::bad_data,
               fmt::format("The expression makes more than {} bytes of values", limits::total_bytes)};
}

Error Memory::too_large() {
  return Error{ErrorKind::bad_data, fmt::format("A result is larger than {} bytes", limits::result_bytes)};
}

Error Memory::too_many_steps() {
  return Error{ErrorKind::bad_data, fmt::format("The expression takes more than {} steps", limits::steps),
               "Does a function call itself?"};
}

}  // namespace escape::script
