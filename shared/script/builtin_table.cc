#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "shared/script/builtins.h"
#include "shared/script/script.h"

namespace escape::script {
namespace {

// Sorted by name.
constexpr Builtin table[] = {
    {"add", 2, 2, builtins::add},
    {"and", 2, 2, builtins::logical_and},
    {"base64_decode", 1, 1, builtins::base64_decode},
    {"base64_encode", 1, 1, builtins::base64_encode},
    {"concat", 0, any_count, builtins::concat},
    {"default", 2, 2, nullptr, Form::fallback},
    {"dir_exists", 1, 1, builtins::dir_exists},
    {"env_lookup", 1, 1, builtins::env_lookup},
    {"equals", 2, 2, builtins::equals},
    {"file_exists", 1, 1, builtins::file_exists},
    {"gt", 2, 2, builtins::gt},
    {"gte", 2, 2, builtins::gte},
    {"id", 1, 1, builtins::id},
    {"if", 3, 3, nullptr, Form::condition},
    {"join", 2, 2, builtins::join},
    {"length", 1, 1, builtins::length},
    {"list_index", 2, 2, builtins::list_index},
    {"list_slice", 2, 3, builtins::list_slice},
    {"lower", 1, 1, builtins::lower},
    {"lt", 2, 2, builtins::lt},
    {"lte", 2, 2, builtins::lte},
    {"not", 1, 1, builtins::logical_not},
    {"not_equals", 2, 2, builtins::not_equals},
    {"or", 2, 2, builtins::logical_or},
    {"path_exists", 1, 1, builtins::path_exists},
    {"read_file", 1, 1, builtins::read_file},
    {"replace", 4, 4, builtins::replace},
    {"split", 2, 2, builtins::split},
    {"timestamp", 0, 0, builtins::timestamp},
    {"title", 1, 1, builtins::title},
    {"track_major_version", 1, 1, builtins::track_major_version},
    {"track_minor_version", 1, 1, builtins::track_minor_version},
    {"track_patch_version", 1, 1, builtins::track_patch_version},
    {"track_version", 1, 1, builtins::track_version},
    {"trim", 1, 1, builtins::trim},
    {"upper", 1, 1, builtins::upper},
};
static_assert(std::ranges::is_sorted(table, {}, &Builtin::name));

}  // namespace

const Builtin* find_builtin(std::string_view name) {
  const auto* row = std::ranges::lower_bound(table, name, {}, &Builtin::name);
  return row != std::end(table) && row->name == name ? row : nullptr;
}

Evaluated<> check_count(const Builtin& builtin, std::size_t given) {
  if (builtin.takes(given)) return ok();
  const std::string expected =
      builtin.least == builtin.most
          ? fmt::format("{} argument(s)", builtin.least)
          : fmt::format("at least {} argument(s) (but not more than {})", builtin.least, builtin.most);
  return fail(ErrorKind::bad_data, fmt::format("Expecting {} in call to '{}', got {}", expected, builtin.name, given));
}

Error unknown_function(std::string_view name) {
  Error error = missing_field(name, builtin_names());
  error.kind = ErrorKind::bad_data;  // `default` is for data that is missing, not for a misspelled function
  error.message.insert(error.message.find('\'') + 1, "__");
  return error;
}

const std::vector<std::string>& builtin_names() {
  static const auto* names = [] {
    auto* all = new std::vector<std::string>;  // never destroyed: asked until the process ends
    for (const Builtin& builtin : table) all->emplace_back(builtin.name);
    return all;
  }();
  return *names;
}

}  // namespace escape::script
