#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/script/memory.h"
#include "shared/script/operand.h"
#include "shared/script/script.h"

namespace escape::script {

/// Whether the error for what is missing lists what there is. Not where `default` is going to catch it: that is slow.
enum class Detail { full, none };

/// What `$name` finds: parameters of all lambdas that are being called, the newest first, then the globals. Scoping is
/// dynamic: a lambda sees the parameters of whoever calls it, and captures nothing.
class Scope {
 public:
  explicit Scope(const Value::Object* globals) : globals_(globals) {}

  std::size_t depth() const { return parameters_.size(); }
  void bind(std::string_view name, const Operand& value) { parameters_.push_back({name, value}); }
  /// Forgets what was bound above that depth.
  void unwind(std::size_t depth) { parameters_.resize(depth); }

  Result<Operand> find(std::string_view name, Detail detail) const;
  /// What was bound to it, or nothing; a global of that name, or nothing.
  const Operand* find_parameter(std::string_view name) const;
  const Value* find_global(std::string_view name) const { return globals_ ? globals_->find(name) : nullptr; }
  std::size_t size() const { return parameters_.size() + (globals_ ? globals_->size() : 0); }
  /// All of it as a map.
  Result<Operand> as_map(Memory& memory) const;

 private:
  const Value::Object* globals_;
  std::vector<Entry> parameters_;
};

/// The field of a map, or a missing error.
Result<Operand> field_of(const MapView& map, std::string_view name, Detail detail);

/// Within an evaluation this kind says that a field, an index or a global is not there: the one error that `default`
/// catches. `evaluate` gives it out as bad_data.
constexpr ErrorKind missing = ErrorKind::not_found;
/// "Field 'x' was not found (a, b)", with what may have been meant as its hint.
Error missing_field(std::string_view name, const std::vector<std::string>& known);

}  // namespace escape::script
