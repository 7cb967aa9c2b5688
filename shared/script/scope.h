#pragma once

#include <span>
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
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// The parameters of one call, bound while it lives. As many values as names.
  class Call {
   public:
    Call(Scope& scope, std::span<const std::string> names, std::span<const Operand> values)
        : scope_(scope), names_(names), values_(values), outside_(scope.newest_) {
      scope_.newest_ = this;
      scope_.bound_ += names_.size();
    }
    ~Call() {
      scope_.newest_ = outside_;
      scope_.bound_ -= names_.size();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    friend class Scope;
    Scope& scope_;
    std::span<const std::string> names_;
    std::span<const Operand> values_;
    const Call* outside_;
  };

  Evaluated<Operand> find(std::string_view name, Detail detail) const;
  /// What was bound to it, or nothing; a global of that name, or nothing.
  const Operand* find_parameter(std::string_view name) const;
  const Value* find_global(std::string_view name) const { return globals_ ? globals_->find(name) : nullptr; }
  std::size_t size() const { return bound_ + (globals_ ? globals_->size() : 0); }
  /// All of it as a map.
  Evaluated<Operand> as_map(Memory& memory) const;

 private:
  const Value::Object* globals_;
  const Call* newest_ = nullptr;
  std::size_t bound_ = 0;
};

/// The field of a map, or a missing error.
Evaluated<Operand> field_of(const MapView& map, std::string_view name, Detail detail);

/// "Field 'x' was not found (a, b)", with what may have been meant as its hint.
Error missing_field(std::string_view name, const std::vector<std::string>& known);

}  // namespace escape::script
