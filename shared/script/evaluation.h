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

  Evaluated<Operand> value_of(const syntax::Node& node);

 private:
  Evaluated<Operand> value_of(const syntax::Primary& primary);
  std::size_t plain(const syntax::Node& node, Operand& value);
  Evaluated<Operand> rest_of(const syntax::Node& node, std::size_t followed, Operand& value);
  Evaluated<Operand> guarded(const syntax::Node& node, std::size_t count, std::size_t followed, Operand known);
  Evaluated<Operand> or_default(Evaluated<Operand> value, const syntax::Method& method);

  Evaluated<Operand> lookup(std::string_view name);
  Evaluated<Operand> list_of(const syntax::List& list);
  Evaluated<Operand> map_of(const syntax::Map& map);
  Evaluated<Operand> text_of(const syntax::Template& parts);
  Evaluated<Operand> call(const syntax::Call& call);
  Evaluated<Operand> call(const syntax::Lambda& lambda);
  Evaluated<Operand> call_with(const syntax::Lambda& lambda, std::span<const Operand> arguments);
  Evaluated<Operand> apply(const syntax::Suffix& suffix, const Operand& receiver);
  Evaluated<Operand> field(const Operand& receiver, std::string_view name);
  Evaluated<Operand> method(const syntax::Method& method, const Operand& receiver);

  Evaluated<> value_into(Operand& value, const syntax::Node& node);
  Evaluated<> values_into(std::span<Operand> values, const std::vector<syntax::Node>& nodes);
  Evaluated<std::span<Operand>> room_for(std::size_t count, std::span<Operand> some);
  /// Behind a receiver if there is one.
  Evaluated<Operand> run(const Builtin& builtin, const Operand* receiver, const std::vector<syntax::Node>& nodes);
  /// `if` with a known condition; the two branches are the last two arguments.
  Evaluated<Operand> branch(const Operand& condition, const std::vector<syntax::Node>& arguments);
  Detail detail() const { return guards_ == 0 ? Detail::full : Detail::none; }

  const Context& context_;
  Memory memory_;
  Scope scope_;
  int depth_ = 0;
  int guards_ = 0;  ///< how many receivers of a `default` are being evaluated
};

}  // namespace escape::script
