#pragma once

#include <span>

#include "shared/script/builtin.h"
#include "shared/script/memory.h"
#include "shared/script/scope.h"

namespace escape::script {

/// One call of a built-in with evaluated arguments, of the right number. An error names the function.
class Invocation {
 public:
  Invocation(const Builtin& builtin, std::span<const Operand> arguments, Memory& memory, const Scope& scope,
             const Context& context)
      : builtin_(builtin), arguments_(arguments), memory_(memory), scope_(scope), context_(context) {}

  std::string_view name() const { return builtin_.name; }
  std::size_t count() const { return arguments_.size(); }
  const Operand& operator[](std::size_t i) const { return arguments_[i]; }
  /// "Expecting string argument in call to upper, but got integer". Pays for looking at the text.
  Evaluated<std::string_view> text(std::size_t i) const {
    const auto* text = arguments_[i].as_text();
    return text && memory_.spend(text->size()) ? Evaluated<std::string_view>(*text) : no_text(i);
  }
  Evaluated<std::int64_t> integer(std::size_t i) const;
  Evaluated<ListView> list(std::size_t i) const;

  Memory& memory() const { return memory_; }
  const Scope& scope() const { return scope_; }
  const Context& context() const { return context_; }

 private:
  Evaluated<std::string_view> no_text(std::size_t i) const;
  Error wrong_type(std::string_view expected, std::size_t i) const;

  const Builtin& builtin_;
  std::span<const Operand> arguments_;
  Memory& memory_;
  const Scope& scope_;
  const Context& context_;
};

}  // namespace escape::script
