#pragma once

#include "shared/script/memory.h"
#include "shared/script/operand.h"

namespace escape::script {

/// The same type and deeply the same content; maps in any order of keys, functions never. Pays for what it looks at.
Evaluated<bool> are_equal(const Operand& a, const Operand& b, Memory& memory);
/// A value of its own. What the globals hold is copied whatever its size; what the expression made is at most
/// limits::result_bytes of text. Error: a function in it.
Result<Value> to_value(const Operand& operand);

}  // namespace escape::script
