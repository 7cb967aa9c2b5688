#include "shared/script/invocation.h"

#include <fmt/core.h>

namespace escape::script {

Evaluated<std::string_view> Invocation::no_text(std::size_t i) const {
  if (!arguments_[i].as_text()) return fail(wrong_type("string", i));
  return fail(Memory::too_many_steps());
}

Evaluated<std::int64_t> Invocation::integer(std::size_t i) const {
  const auto* number = arguments_[i].as_integer();
  if (!number) return fail(wrong_type("integer", i));
  return *number;
}

Evaluated<ListView> Invocation::list(std::size_t i) const {
  const auto list = ListView::of(arguments_[i]);
  if (!list) return fail(wrong_type("list", i));
  return *list;
}

Error Invocation::wrong_type(std::string_view expected, std::size_t i) const {
  return Error{ErrorKind::bad_data, fmt::format("Expecting {} argument in call to {}, but got {}", expected, name(),
                                                type_name(arguments_[i]))};
}

}  // namespace escape::script
