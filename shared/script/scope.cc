#include "shared/script/scope.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "shared/base/text.h"
#include "shared/script/unicode.h"

namespace escape::script {
namespace {

// What a message lists, and how much of each: a map may hold thousands of long keys.
constexpr std::size_t listed_names = 20;
constexpr std::size_t listed_bytes = 60;
// Among more keys than these no slip of the pen is looked for.
constexpr std::size_t compared_names = 1000;

std::string listing(std::vector<std::string> names) {
  if (names.empty()) return "target collection was empty";
  const std::size_t count = std::min(names.size(), listed_names);
  std::partial_sort(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(count), names.end());
  std::string list;
  for (std::size_t i = 0; i < count; ++i) list += (i > 0 ? ", " : "") + excerpt(names[i], listed_bytes);
  if (names.size() > count) list += fmt::format(" and {} more", names.size() - count);
  return list;
}

}  // namespace

Error missing_field(std::string_view name, const std::vector<std::string>& known) {
  Error error{missing, fmt::format("Field '{}' was not found ({})", excerpt(name, listed_bytes), listing(known))};
  const std::string near = known.size() > compared_names ? "" : nearest(name, known);
  if (!near.empty()) error.hint = fmt::format("Did you mean '{}'?", excerpt(near, listed_bytes));
  return error;
}

Evaluated<Operand> field_of(const MapView& map, std::string_view name, Detail detail) {
  return map.find(name, [&]() -> Evaluated<Operand> {
    if (detail == Detail::none) return outcome::failure(Failure());
    std::vector<std::string> known;
    for (std::size_t i = 0; i < map.size(); ++i) known.emplace_back(map.key(i));
    return fail(missing_field(name, known));
  });
}

const Operand* Scope::find_parameter(std::string_view name) const {
  for (const Call* call = newest_; call; call = call->outside_) {
    for (std::size_t i = call->names_.size(); i > 0; --i) {
      if (call->names_[i - 1] == name) return &call->values_[i - 1];
    }
  }
  return nullptr;
}

Evaluated<Operand> Scope::find(std::string_view name, Detail detail) const {
  if (const Operand* parameter = find_parameter(name)) return *parameter;
  if (const Value* global = find_global(name)) return lift(*global);
  if (detail == Detail::none) return outcome::failure(Failure());
  std::set<std::string> known;
  for (const Call* call = newest_; call; call = call->outside_) known.insert(call->names_.begin(), call->names_.end());
  if (globals_) {
    for (const auto& [key, value] : *globals_) known.insert(key);
  }
  return fail(missing_field(name, {known.begin(), known.end()}));
}

Evaluated<Operand> Scope::as_map(Memory& memory) const {
  static const Value::Object nothing;
  const Value::Object& globals = globals_ ? *globals_ : nothing;
  if (!newest_) return Operand(&globals);
  std::map<std::string_view, Operand> all;
  for (const auto& [key, value] : globals) {
    TRYV(memory.pay());
    TRY(all[key], lift(value));
  }
  std::set<std::string_view> seen;  // of two calls that bind the same name, the newer one's counts
  for (const Call* call = newest_; call; call = call->outside_) {
    for (std::size_t i = call->names_.size(); i > 0; --i) {
      TRYV(memory.pay());
      const std::string_view name = call->names_[i - 1];
      if (seen.insert(name).second) all[name] = call->values_[i - 1];
    }
  }
  TRY(const std::span<Entry> entries, memory.entries(all.size()));
  std::ranges::transform(all, entries.begin(), [](const auto& one) { return Entry{one.first, one.second}; });
  return Operand(MadeMap{entries.data(), entries.size()});
}

}  // namespace escape::script
