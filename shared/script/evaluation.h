#pragma once

#include <optional>

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
  std::optional<std::size_t> plain(const syntax::Node& node, Operand& value);
  Result<Operand> rest_of(const syntax::Node& node, std::optional<std::size_t> followed, Operand value);
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

  Result<> values_into(std::span<Operand> values, const std::vector<syntax::Node>& nodes);
  /// Behind a receiver if there is one.
  Result<Operand> run(const Builtin& builtin, const Operand* receiver, const std::vector<syntax::Node>& nodes);
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
