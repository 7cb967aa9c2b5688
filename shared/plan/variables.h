#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/release/variable.h"
#include "shared/script/script.h"

/// What the declared type of an input or output makes of a given value (spec/variables.md §3 and §4). Pure; no YAML in
/// here, so that the controller's core can use it.
namespace escape::plan {

/// The given value (a person's, a script's, a default) as the type wants it, checked against options and items:
///
///     string    text; boolean "1"/"0"; number its whole part as text; list its JSON text     min, max: characters
///     integer   integer; number cut to its whole part; text that is a signed decimal          min, max: the value
///     bool      boolean; integer (1 and above is true); true/yes/on/yay/1, false/no/off/nay/0, letter case free
///     list      list of strings; its JSON text; "" is the empty list                          min, max: elements;
///     type=integer
///
/// version, project, environment and deployment are text. `items` are read as the variable's type (and are no
/// expressions any more); of a list every element must be among them. Error: bad_data naming the variable and never the
/// value of a sensitive one.
Result<Value> convert(const release::Variable& variable, const Value& given);

/// The value of a variable (spec/variables.md §5): for version, project, environment and deployment that of
/// `$this.<type>`; else the given one, if any; else the default, evaluated; converted. `hint`: what to do when a value
/// is missing. Errors: bad_data "Missing value for variable 'foo'", "Couldn't run expression in default field of
/// variable 'foo': …", "In items field of variable 'foo': …", and those of `convert`.
Result<Value> value_of(const release::Variable& variable, const Value* given, const script::Context& context,
                       std::string hint = {});

/// Text that is an expression, or a list with one.
bool has_expression(const Value& value);

/// The declaration itself: a known type, options that the type has, items that some value can meet, scopes that exist,
/// a default that converts. Expressions in default and items are left for `value_of`. The id is not looked at.
Result<> check_declaration(const release::Variable& variable);

/// `string[min=1,max=20]` → "string" and {"min":1,"max":20}; an option without a value is `true`.
struct TypeText {
  std::string type;
  Value::Object options{};
};
Result<TypeText> parse_type(std::string_view text);

/// What a script sees of a value in its environment: text as it is, "1"/"0", decimal, compact JSON for a list.
std::string to_environment_text(const Value& value);

}  // namespace escape::plan
