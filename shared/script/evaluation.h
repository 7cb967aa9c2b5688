#pragma once

#include "shared/script/memory.h"
#include "shared/script/operand.h"
#include "shared/script/scope.h"
#include "shared/script/script.h"
#include "shared/script/syntax.h"

namespace escape::script {

/// One run of an expression. Its operands live as long as it does.
class Evaluation {
 public:
  explicit Evaluation(const Context& context) : context_(context), scope_(context.globals) {}

  Result<Operand> value_of(const syntax::Node& node);

 private:
  Result<Operand> value_of(const syntax::Primary& primary);
  Result<Operand> chain_of(const syntax::Node& node);
  Result<Operand> guarded(const syntax::Node& node, std::size_t count);
  Result<Operand> or_default(Result<Operand> value, const syntax::Method& method);

  Result<Operand> lookup(std::string_view name);
  Result<Operand> list_of(const syntax::List& list);
  Result<Operand> map_of(const syntax::Map& map);
  Result<Operand> text_of(const syntax::Template& parts);
  Result<Operand> call(const syntax::Call& call);
  Result<Operand> call(const syntax::Lambda& lambda);
  Result<Operand> call_with(const syntax::Lambda& lambda, std::span<const Operand> arguments);
  Result<Operand> apply(const syntax::Suffix& suffix, const Operand& receiver);
  Result<Operand> field(const Operand& receiver, std::string_view name);
  Result<Operand> method(const syntax::Method& method, const Operand& receiver);

  /// Evaluates into a new list, behind a receiver if there is one.
  Result<std::span<Operand>> values_of(const std::vector<syntax::Node>& nodes, const Operand* receiver = nullptr);
  Result<Operand> run(const Builtin& builtin, std::span<const Operand> arguments);
  /// `if` with a known condition; the two branches are the last two arguments.
  Result<Operand> branch(const Operand& condition, const std::vector<syntax::Node>& arguments);
  Detail detail() const { return guards_ == 0 ? Detail::full : Detail::none; }

  const Context& context_;
  Memory memory_;
  Scope scope_;
  int depth_ = 0;
  int guards_ = 0;  ///< how many receivers of a `default` are being evaluated
};

}  // namespace escape::script
