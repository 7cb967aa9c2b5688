#pragma once

#include <cstddef>
#include <string_view>

#include "shared/base/result.h"
#include "shared/script/operand.h"

namespace escape::script {

class Invocation;

/// How a call treats its arguments.
enum class Form {
  eager,      ///< all are evaluated, left to right
  fallback,   ///< `default(x, y)`: y only when x is missing
  condition,  ///< `if(c, x, y)`: one of x and y
};

constexpr std::size_t any_count = static_cast<std::size_t>(-1);

/// One row of the table in builtin_table.cc.
struct Builtin {
  std::string_view name;
  std::size_t least;  ///< number of arguments, the receiver of a method call included
  std::size_t most;
  Evaluated<Operand> (*run)(
      const Invocation& call);  ///< null of the lazy forms, which the evaluator itself carries out
  Form form = Form::eager;

  bool takes(std::size_t count) const { return count >= least && count <= most; }
};

/// nullptr when there is none of that name. Lives for ever.
const Builtin* find_builtin(std::string_view name);
/// "Expecting N argument(s) in call to 'name', got M".
Evaluated<> check_count(const Builtin& builtin, std::size_t given);
/// What a call of a function that does not exist ends in.
Error unknown_function(std::string_view name);

}  // namespace escape::script
