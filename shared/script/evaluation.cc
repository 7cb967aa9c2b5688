#include "shared/script/evaluation.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "shared/base/overloaded.h"
#include "shared/script/builtins.h"
#include "shared/script/unicode.h"

namespace escape::script {
namespace {

constexpr std::size_t quoted_bytes = 60;
// Maps are searched key by key.
constexpr std::size_t searched_key_bytes = 16;
/// Hardly any call has more arguments, or text more holes.
constexpr std::size_t few = 3;  // 72 bytes: to clear more, compilers make a slow loop
/// What `plain` does not take.
constexpr std::size_t another_case = static_cast<std::size_t>(-1);

/// One more while it lives.
class Counted {
 public:
  explicit Counted(int& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  int& count_;
};

const syntax::Method* as_default(const syntax::Suffix& suffix) {
  const auto* method = std::get_if<syntax::Method>(&suffix);
  return method && method->builtin && method->builtin->form == Form::fallback ? method : nullptr;
}

bool is_missing(const Evaluated<Operand>& result) { return !result && result.error().is_missing(); }

}  // namespace

Evaluated<Operand> Evaluation::value_of(const syntax::Node& node) {
  Operand value;
  const std::size_t followed = plain(node, value);
  if (followed == node.suffixes.size()) return value;
  return rest_of(node, followed, value);
}

/// What most nodes are: a literal, or a lookup and the fields behind it, all of them there. Nothing in here fails, so
/// nothing makes an Evaluated. Gives how many suffixes were followed, or
/// `another_case`, which is for `rest_of`. (Not an optional: written in two parts and read as one, it stalls.)
std::size_t Evaluation::plain(const syntax::Node& node, Operand& value) {
  if (const auto* text = std::get_if<syntax::Text>(&node.primary)) {
    value = std::string_view(text->text);
    return memory_.spend() ? 0 : another_case;
  }
  const auto* lookup = std::get_if<syntax::Lookup>(&node.primary);
  if (!lookup) return another_case;
  std::size_t keys = scope_.size();
  if (const Operand* parameter = scope_.find_parameter(lookup->name)) {
    value = *parameter;
    return memory_.spend(keys * searched_key_bytes, 2) ? 0 : another_case;
  }
  const Value* at = scope_.find_global(lookup->name);
  if (!at) return another_case;
  std::size_t followed = 0;
  for (; followed < node.suffixes.size(); ++followed) {
    const auto* field = std::get_if<syntax::Field>(&node.suffixes[followed]);
    const Value::Object* map = at->as_object();
    if (!field || !map) break;
    keys += map->size();
    const Value* member = map->find(field->name);
    if (!member) break;  // `rest_of` says so
    at = member;
  }
  const auto steps = static_cast<std::int64_t>(2 + 2 * followed);
  if (!lift_plain(*at, value) || !memory_.spend(keys * searched_key_bytes, steps)) return another_case;
  return followed;
}

/// The value of a node of which `followed` suffixes have led to `value`; `another_case`: not even its primary is known.
Evaluated<Operand> Evaluation::rest_of(const syntax::Node& node, std::size_t followed, Operand& value) {
  if (depth_ == limits::evaluation_depth) {
    return fail(ErrorKind::bad_data,
                fmt::format("The expression is evaluated more than {} levels deep", limits::evaluation_depth),
                "Does a function call itself?");
  }
  if (!memory_.spend()) return fail(Memory::too_many_steps());
  const Counted level(depth_);
  const auto& suffixes = node.suffixes;
  const auto last_default = std::find_if(suffixes.rbegin(), suffixes.rend(), as_default);
  auto next = static_cast<std::size_t>(suffixes.rend() - last_default);  // behind it; 0 without one
  // An Operand in the loop, not an Evaluated: to assign one is to copy three words.
  if (next > 0) {
    TRY(value, or_default(guarded(node, next - 1, followed, value), *as_default(suffixes[next - 1])));
  } else if (followed != another_case) {
    next = followed;
  } else {
    TRY(value, value_of(node.primary));
  }
  for (; next < suffixes.size(); ++next) {
    TRY(value, apply(suffixes[next], value));
  }
  return value;
}

/// The first `count` suffixes of a chain, behind which a `default` stands. Each `default` among them catches what is
/// missing anywhere before it.
Evaluated<Operand> Evaluation::guarded(const syntax::Node& node, std::size_t count, std::size_t followed,
                                       Operand known) {
  const Counted guard(guards_);
  const bool is_known = followed != another_case;
  Evaluated<Operand> value = is_known ? known : value_of(node.primary);
  for (std::size_t i = is_known ? followed : 0; i < count; ++i) {
    if (const syntax::Method* method = as_default(node.suffixes[i])) {
      value = or_default(std::move(value), *method);
    } else if (value) {
      value = apply(node.suffixes[i], value.value());
    }
  }
  return value;
}

Evaluated<Operand> Evaluation::or_default(Evaluated<Operand> value, const syntax::Method& method) {
  if (!value && !is_missing(value)) return value;
  TRYV(check_count(*method.builtin, method.arguments.size() + 1));
  return value ? std::move(value) : value_of(method.arguments[0]);
}

Evaluated<Operand> Evaluation::value_of(const syntax::Primary& primary) {
  return std::visit(overloaded{
                        [&](const syntax::Lookup& one) { return lookup(one.name); },
                        [&](const syntax::Call& one) { return call(one); },
                        [&](const syntax::Lambda& lambda) { return call(lambda); },
                        [](const syntax::Text& text) -> Evaluated<Operand> { return std::string_view(text.text); },
                        [](const syntax::Integer& integer) -> Evaluated<Operand> { return integer.number; },
                        [](const syntax::Boolean& boolean) -> Evaluated<Operand> { return boolean.truth; },
                        [&](const syntax::List& list) { return list_of(list); },
                        [&](const syntax::Map& map) { return map_of(map); },
                        [&](const syntax::Template& parts) { return text_of(parts); },
                    },
                    primary);
}

Evaluated<Operand> Evaluation::lookup(std::string_view name) {
  TRYV(memory_.pay(scope_.size() * searched_key_bytes));
  return scope_.find(name, detail());
}

Evaluated<Operand> Evaluation::list_of(const syntax::List& list) {
  TRY(const std::span<Operand> elements, memory_.operands(list.elements.size()));
  TRYV(values_into(elements, list.elements));
  return Operand(MadeList{elements.data(), elements.size()});
}

Evaluated<Operand> Evaluation::map_of(const syntax::Map& map) {
  TRY(const std::span<Entry> entries, memory_.entries(map.keys.size()));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].key = map.keys[i];
    TRY(entries[i].value, value_of(map.values[i]));
  }
  return Operand(MadeMap{entries.data(), entries.size()});
}

Evaluated<Operand> Evaluation::text_of(const syntax::Template& parts) {
  std::array<Operand, few> some;
  TRY(const std::span<Operand> values, room_for(parts.holes.size(), some));
  // 1. How long it becomes at most, so that it is written once, where it stays.
  std::size_t longest = 0;
  for (const std::string& text : parts.texts) longest += text.size();
  for (std::size_t i = 0; i < values.size() && longest <= limits::result_bytes; ++i) {
    TRYV(value_into(values[i], parts.holes[i]));
    const std::size_t room = text_room(values[i]);
    if (room == no_text) {
      return fail(ErrorKind::bad_data, fmt::format("Can't put a value of type {} into text", type_name(values[i])));
    }
    longest += room;
    if (!memory_.spend(room)) return fail(Memory::too_many_steps());
  }
  // 2. All of it.
  char* const begin = memory_.characters(longest);
  if (!begin) return fail(Memory::no_room(longest));
  char* end = std::ranges::copy(parts.texts[0], begin).out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    end = std::ranges::copy(parts.texts[i + 1], write_text(values[i], end)).out;
  }
  return Operand(std::string_view(begin, end));
}

/// No call keeps its arguments, so a few need no memory that stays.
Evaluated<std::span<Operand>> Evaluation::room_for(std::size_t count, std::span<Operand> some) {
  if (count > some.size()) return memory_.operands(count);
  return some.first(count);
}

Evaluated<> Evaluation::values_into(std::span<Operand> values, const std::vector<syntax::Node>& nodes) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    TRYV(value_into(values[i], nodes[i]));
  }
  return ok();
}

Evaluated<> Evaluation::value_into(Operand& value, const syntax::Node& node) {
  const std::size_t followed = plain(node, value);
  if (followed == node.suffixes.size()) return ok();
  TRY(value, rest_of(node, followed, value));
  return ok();
}

Evaluated<Operand> Evaluation::call(const syntax::Call& call) {
  if (!call.builtin) return fail(unknown_function(call.function));
  const Builtin& builtin = *call.builtin;
  switch (builtin.form) {
    case Form::eager:
      return run(builtin, nullptr, call.arguments);
    case Form::condition: {
      TRYV(check_count(builtin, call.arguments.size()));
      TRY(const Operand condition, value_of(call.arguments[0]));
      return branch(condition, call.arguments);
    }
    case Form::fallback:
      break;
  }
  TRYV(check_count(builtin, call.arguments.size()));
  {
    const Counted guard(guards_);
    Evaluated<Operand> value = value_of(call.arguments[0]);
    if (!is_missing(value)) return value;
  }
  return value_of(call.arguments[1]);
}

Evaluated<Operand> Evaluation::branch(const Operand& condition, const std::vector<syntax::Node>& arguments) {
  const bool* truth = condition.as_bool();
  if (!truth) {
    return fail(ErrorKind::bad_data,
                fmt::format("Expecting bool argument in if call, but got '{}'", type_name(condition)));
  }
  return value_of(*truth ? arguments[arguments.size() - 2] : arguments.back());
}

Evaluated<Operand> Evaluation::run(const Builtin& builtin, const Operand* receiver,
                                   const std::vector<syntax::Node>& nodes) {
  std::array<Operand, few> some;
  const std::size_t count = nodes.size() + (receiver ? 1 : 0);
  TRY(const std::span<Operand> arguments, room_for(count, some));
  if (receiver) arguments[0] = *receiver;
  TRYV(values_into(arguments.last(nodes.size()), nodes));
  if (!builtin.takes(count)) {
    TRYV(check_count(builtin, count));
  }
  return builtin.run(Invocation(builtin, arguments, memory_, scope_, context_));
}

Evaluated<Operand> Evaluation::call(const syntax::Lambda& lambda) {
  if (!lambda.arguments) return Operand(&lambda);
  std::array<Operand, few> some;
  TRY(const std::span<Operand> arguments, room_for(lambda.arguments->size(), some));
  TRYV(values_into(arguments, *lambda.arguments));
  return call_with(lambda, arguments);
}

Evaluated<Operand> Evaluation::call_with(const syntax::Lambda& lambda, std::span<const Operand> arguments) {
  if (arguments.size() != lambda.parameters.size()) {
    return fail(ErrorKind::bad_data, fmt::format("Argument arity mismatch. Expecting {} arguments, got {}.",
                                                 lambda.parameters.size(), arguments.size()));
  }
  const Scope::Call bound(scope_, lambda.parameters, arguments);
  return value_of(lambda.body.front());
}

Evaluated<Operand> Evaluation::apply(const syntax::Suffix& suffix, const Operand& receiver) {
  if (!memory_.spend()) return fail(Memory::too_many_steps());
  return std::visit(overloaded{
                        [&](const syntax::Field& one) { return field(receiver, one.name); },
                        [&](const syntax::Method& one) { return method(one, receiver); },
                        [&](const syntax::Index& index) { return builtins::index_of(receiver, index.index); },
                        [&](const syntax::Slice& slice) {
                          const Operand to = slice.to.value_or(0);
                          return builtins::slice_of(receiver, slice.from, slice.to ? &to : nullptr);
                        },
                    },
                    suffix);
}

Evaluated<Operand> Evaluation::field(const Operand& receiver, std::string_view name) {
  if (const auto map = MapView::of(receiver)) {
    TRYV(memory_.pay(map->size() * searched_key_bytes));
    return field_of(*map, name, detail());
  }
  if (const auto* text = receiver.as_text()) {
    if (name == "file") return builtins::file_with(*text, memory_, context_);
    return fail(ErrorKind::bad_data,
                fmt::format("Calling unknown function '{}' on string", excerpt(name, quoted_bytes)),
                find_builtin(name) ? fmt::format("A call has parentheses: '{}(…)'.", name) : "");
  }
  if (const auto* lambda = receiver.as_lambda()) {
    const Operand argument = name;
    return call_with(*lambda, {&argument, 1});
  }
  return fail(ErrorKind::bad_data,
              fmt::format("Expecting function, map or string for apply, but got '{}'", type_name(receiver)));
}

Evaluated<Operand> Evaluation::method(const syntax::Method& method, const Operand& receiver) {
  if (!method.builtin) return fail(unknown_function(method.function));
  const Builtin& builtin = *method.builtin;
  if (builtin.form == Form::condition) {
    TRYV(check_count(builtin, method.arguments.size() + 1));
    return branch(receiver, method.arguments);
  }
  return run(builtin, &receiver, method.arguments);
}

}  // namespace escape::script
