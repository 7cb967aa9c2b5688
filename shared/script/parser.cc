#include <fmt/core.h>

#include <set>

#include "shared/script/builtin.h"
#include "shared/script/reader.h"
#include "shared/script/script.h"
#include "shared/script/syntax.h"
#include "shared/script/unicode.h"

namespace escape::script {
namespace {

using namespace syntax;

constexpr std::size_t quoted_text_bytes = 200;
// Each level of nesting puts its own words before a reason; deep inside, more of them help nobody.
constexpr std::size_t longest_reason = 600;

/// Recursive descent, one function for each rule of the grammar in README.md.
class Parser {
 public:
  explicit Parser(std::string_view text) : in_(text) {}

  /// The whole text as one expression.
  Result<Node> script() {
    if (!in_.take("$")) return fail(in_.error(expecting_expression()));
    Node node;
    TRY(node.primary, after_dollar());
    TRY(node.suffixes, suffixes());
    if (!in_.at_end()) {
      return fail(in_.error(fmt::format("Invalid expression, unexpected '{}'", quoted_rest(in_.rest()))));
    }
    return node;
  }
  std::size_t error_position() const { return in_.error_position(); }

 private:
  /// An expression within another: there literals need no dollar.
  Result<Node> nested() {
    if (nesting_ == limits::nesting) {
      return fail(in_.error(fmt::format("Expression is nested deeper than {}", limits::nesting)));
    }
    ++nesting_;
    Result<Node> node = nested_unguarded();
    --nesting_;
    return node;
  }
  Result<Node> nested_unguarded() {
    Node node;
    TRY(node.primary, nested_primary());
    TRY(node.suffixes, suffixes());
    return node;
  }

  Result<Primary> nested_primary() {
    const char next = in_.peek();
    if (in_.take("$")) return after_dollar();
    if (in_.take("\"")) return text();
    if (next == '[') return list();
    if (next == '{') return map();
    if (in_.take_word("true")) return Boolean{true};
    if (in_.take_word("false")) return Boolean{false};
    if (next == '-' || is_digit(next)) {
      TRY(const std::int64_t number, in_.integer());
      return Integer{number};
    }
    return fail(in_.error(expecting_expression()));
  }

  Result<Primary> after_dollar() {
    if (in_.peek() == '[') return name_or_list();
    if (in_.peek() == '{') return map();
    if (in_.take("\"")) return text_template();
    if (in_.take("__")) return call();
    if (in_.take("func(")) return lambda();
    TRY(std::string name, in_.identifier());
    return Lookup{std::move(name)};
  }

  Result<Primary> text() {
    TRY(std::string text, in_.string_tail());
    return Text{std::move(text)};
  }

  Result<Primary> text_template() {
    Template result;
    for (;;) {
      TRY(std::string text, in_.template_text());
      result.texts.push_back(std::move(text));
      if (in_.take("\"")) return result;
      in_.take("{{");
      in_.skip_blanks();
      TRY(Node hole, nested());
      in_.skip_blanks();
      if (!in_.take("}}")) return fail(expecting("'}}'"));
      result.holes.push_back(std::move(hole));
    }
  }

  Result<Primary> call() {
    TRY(std::string name, in_.identifier());
    if (in_.peek() != '(') return fail(expecting("'('"));
    TRY(std::vector<Node> arguments, arguments_of("__" + name));
    const Builtin* builtin = find_builtin(name);
    return Call{std::move(name), builtin, std::move(arguments)};
  }

  Result<Primary> lambda() {
    Lambda result;
    TRY(result.parameters, parameters());
    in_.skip_blanks();
    if (!in_.take("{")) return fail(expecting("'{'"));
    in_.skip_blanks();
    Result<Node> body = nested();
    if (!body) return fail(within("Couldn't parse lambda body: ", std::move(body).error(), "."));
    result.body.push_back(std::move(body).value());
    in_.skip_blanks();
    if (!in_.take("}")) return fail(expecting("'}'"));
    in_.skip_blanks();
    if (in_.peek() == '(') {
      TRY(result.arguments, arguments_of("func"));
    }
    return result;
  }

  Result<std::vector<std::string>> parameters() {
    std::vector<std::string> names;
    in_.skip_blanks();
    if (in_.take(")")) return names;
    for (;;) {
      in_.skip_blanks();
      Result<std::string> name = in_.identifier();
      if (!name) {
        return fail(
            within(fmt::format("Couldn't parse lambda argument: {}) ", names.size() + 1), std::move(name).error()));
      }
      names.push_back(std::move(name).value());
      in_.skip_blanks();
      if (in_.take(")")) return names;
      if (!in_.take(",")) return fail(expecting("',' or ')'"));
    }
  }

  /// `$["name"]`, or a list. What tells a list of one text from a name is its comma.
  Result<Primary> name_or_list() {
    bool has_comma = false;
    TRY(std::vector<Node> elements, sequence('[', ']', "list element", &has_comma));
    if (elements.size() == 1 && !has_comma && elements[0].suffixes.empty()) {
      if (auto* name = std::get_if<Text>(&elements[0].primary)) return Lookup{std::move(name->text)};
    }
    return List{std::move(elements)};
  }
  Result<Primary> list() {
    TRY(std::vector<Node> elements, sequence('[', ']', "list element"));
    return List{std::move(elements)};
  }

  Result<Primary> map() {
    Map result;
    std::set<std::string> keys;
    in_.take("{");
    for (;;) {
      in_.skip_blanks();
      if (in_.take("}")) return result;
      const std::size_t place = in_.position();
      if (!in_.take("\"")) return fail(expecting("'\"' or '}'"));
      TRY(std::string key, in_.string_tail());
      if (!keys.insert(key).second) {
        return fail(in_.error_at(place, fmt::format("Key '{}' is given twice", quoted_rest(key))));
      }
      in_.skip_blanks();
      if (!in_.take(":")) return fail(expecting("':'"));
      in_.skip_blanks();
      TRY(Node value, nested());
      result.keys.push_back(std::move(key));
      result.values.push_back(std::move(value));
      in_.skip_blanks();
      if (!in_.take(",") && in_.peek() != '}') return fail(expecting("',' or '}'"));
    }
  }

  Result<std::vector<Suffix>> suffixes() {
    std::vector<Suffix> chain;
    for (;;) {
      if (in_.take(".")) {
        TRY(Suffix suffix, after_dot());
        chain.push_back(std::move(suffix));
      } else if (in_.peek() == '[') {
        TRY(Suffix suffix, index_or_slice());
        chain.push_back(std::move(suffix));
        in_.skip_blanks();
      } else {
        return chain;
      }
    }
  }

  Result<Suffix> after_dot() {
    TRY(std::string name, in_.identifier());
    if (in_.peek() != '(') return Field{std::move(name)};
    TRY(std::vector<Node> arguments, arguments_of("__" + name));
    const Builtin* builtin = find_builtin(name);
    return Method{std::move(name), builtin, std::move(arguments)};
  }

  Result<Suffix> index_or_slice() {
    const std::size_t begin = in_.position();
    in_.take("[");
    in_.skip_blanks();
    std::int64_t first = 0;
    if (in_.peek() != ':') {
      TRY(first, bound(begin));
      in_.skip_blanks();
      if (in_.take("]")) return Index{first};
    }
    if (!in_.take(":")) {
      return fail(in_.error(fmt::format("Expecting ']' or ':', got: '{}'", quoted_rest(in_.rest()))));
    }
    const bool begins_with_colon = in_.from(begin + 1).starts_with(':');
    in_.skip_blanks();
    if (in_.peek() == ']' && !begins_with_colon) {
      in_.take("]");
      return Slice{first, std::nullopt};
    }
    TRY(const std::int64_t last, bound(begin));
    in_.skip_blanks();
    if (!in_.take("]")) return fail(expecting("']'"));
    return Slice{first, last};
  }
  Result<std::int64_t> bound(std::size_t begin) {
    Result<std::int64_t> number = in_.integer();
    if (number) return number;
    return fail(within(fmt::format("Couldn't parse '{}': ", quoted_rest(in_.from(begin))), std::move(number).error()));
  }

  Result<std::vector<Node>> arguments_of(const std::string& function) {
    Result<std::vector<Node>> arguments = sequence('(', ')', "function argument");
    if (arguments) return arguments;
    return fail(within(fmt::format("Failed to parse function call to {}: ", function), std::move(arguments).error()));
  }

  /// Expressions between brackets; a comma may follow the last.
  Result<std::vector<Node>> sequence(char open, char close, std::string_view what, bool* has_comma = nullptr) {
    const std::size_t begin = in_.position();
    const std::string opener(1, open);
    const std::string closer(1, close);
    std::vector<Node> nodes;
    in_.take(opener);
    for (;;) {
      in_.skip_blanks();
      if (in_.take(closer)) return nodes;
      if (in_.at_end()) return fail(unclosed(closer, begin));
      Result<Node> node = nested();
      if (!node) return fail(within(fmt::format("Couldn't parse {}: ", what), std::move(node).error()));
      nodes.push_back(std::move(node).value());
      in_.skip_blanks();
      if (in_.take(closer)) return nodes;
      if (in_.at_end()) return fail(unclosed(closer, begin));
      if (!in_.take(",")) {
        return fail(in_.error(fmt::format("Expecting ',' or '{}', but got: \"{}\" in \"{}\"", closer,
                                          quoted_rest(in_.rest()), quoted_rest(in_.from(begin)))));
      }
      if (has_comma) *has_comma = true;
    }
  }

  Error unclosed(const std::string& closer, std::size_t begin) {
    return in_.error(fmt::format("Expecting '{}', got EOF in {}", closer, quoted_rest(in_.from(begin))));
  }
  Error expecting(std::string_view what) {
    return in_.error(fmt::format("Expecting {}, got '{}'", what, quoted_rest(in_.rest())));
  }
  std::string expecting_expression() {
    return fmt::format("Expecting expression starting with '$' or '\"' or '[0-9\\-]', got: '{}'",
                       quoted_rest(in_.rest()));
  }
  static Error within(std::string_view where, Error error, std::string_view end = {}) {
    if (error.message.size() >= longest_reason) return error;
    error.message.insert(0, where);
    error.message += end;
    return error;
  }

  Reader in_;
  int nesting_ = 0;
};

}  // namespace

Result<Expression> parse(std::string_view text) {
  const auto refused = [&](std::string_view reason, std::string hint) {
    return fail(ErrorKind::bad_data,
                fmt::format("Couldn't parse expression '{}': {}", excerpt(text, quoted_text_bytes), reason),
                std::move(hint));
  };
  if (text.size() > limits::text_bytes) {
    return refused(fmt::format("it is longer than {} bytes", limits::text_bytes), "Put long text into a file.");
  }
  Parser parser(text);
  Result<Node> root = parser.script();
  if (!root) return refused(root.error().message, pointed_at(text, parser.error_position()));
  return Expression(std::make_shared<const Node>(std::move(root).value()));
}

bool operator==(const Expression& a, const Expression& b) { return a.root() == b.root(); }

}  // namespace escape::script
