#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"

/// The `$` language of plans: `$this.inputs.who.upper()`. README.md has its grammar.
///
/// Everything here is total: any text, any values end in a result or an error, within bounded depth, steps and memory
/// (limits.h). Thread: any; an Expression may be evaluated by many at once. Errors are `bad_data`.
namespace escape::script {

namespace syntax {
struct Node;
}

/// Begins with `$` but not with `$$`. Everything else is literal text (`$$text` stays `$$text`).
bool is_expression(std::string_view text);

/// A parsed expression; cheap to copy (shared, immutable).
class Expression {
 public:
  explicit Expression(std::shared_ptr<const syntax::Node> root) : root_(std::move(root)) {}
  const syntax::Node& root() const { return *root_; }

 private:
  std::shared_ptr<const syntax::Node> root_;
};

/// Error: "Couldn't parse expression '<text>': <reason>"; its hint is the line of the text and a caret below the place.
Result<Expression> parse(std::string_view text);
/// The one canonical text of an expression: parse(print(e)) == e, unless that text is above limits::text_bytes.
std::string print(const Expression& expression);
bool operator==(const Expression& a, const Expression& b);

/// What an evaluation may ask of the world beside its globals.
class Host {
 public:
  virtual ~Host() = default;
  virtual Result<std::string> read_file(const std::string& path) = 0;
  enum class PathKind { absent, file, folder };
  /// For path_exists, file_exists and dir_exists.
  virtual Result<PathKind> look_at(const std::string& path) = 0;
  /// For `string.file`: a new file that holds the text; gives its path.
  virtual Result<std::string> write_temporary(const std::string& text) = 0;
};

/// Where an expression is evaluated. What the pointers point to outlives the call.
struct Context {
  /// What `$name` finds: `this`, dependencies, consumers. Nothing here shadows a built-in; a lambda's parameter shadows
  /// these. Null reads as "", a number as its integer part.
  const Value::Object* globals = nullptr;
  Host* host = nullptr;          ///< without one, read_file and its like are an error
  std::int64_t now_seconds = 0;  ///< what timestamp() says, Unix time
};

/// Any value but a function. The error's message is the bare reason.
Result<Value> evaluate(const Expression& expression, const Context& context);
/// Text of a plan: literal text is itself, an expression its value. Errors: as `parse`, or
/// "Failed to evaluate '<text>': <reason>".
Result<Value> evaluate_text(std::string_view text, const Context& context);
/// The same where only text will do: a string, or an integer in decimal. Else
/// "Expression '<text>' did not return a string value".
Result<std::string> evaluate_to_text(std::string_view text, const Context& context);
/// Texts, also those inside lists, are evaluated one by one; other values pass through.
Result<Value> evaluate_value(const Value& text_or_list, const Context& context);

/// The lookups that begin at a global, as far as they are plain field accesses, each once: {"this", "inputs", "who"}.
/// Parameters of the lambdas around a place are not globals; fields of a list's element are not followed. May name more
/// than an evaluation reads (both branches of `if`), never less, save through `__env_lookup("$")`.
std::vector<std::vector<std::string>> references(const Expression& expression);
/// Paths that read_file, path_exists, file_exists and dir_exists are given as string literals, each once.
std::vector<std::string> files_read(const Expression& expression);
/// Names of all built-ins, without their underscores, sorted.
const std::vector<std::string>& builtin_names();

}  // namespace escape::script
