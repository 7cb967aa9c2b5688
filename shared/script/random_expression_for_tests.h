#pragma once

#include <random>
#include <string>

#include "shared/script/builtin.h"
#include "shared/script/script.h"
#include "shared/script/syntax.h"

namespace escape::script::testing {

/// Arbitrary trees that the grammar can write, and texts that it may not.
class RandomExpression {
 public:
  explicit RandomExpression(std::uint64_t seed) : random_(seed) {}

  Expression expression() {
    syntax::Node root = node(0);
    using namespace syntax;
    // Only within another expression can these stand for themselves.
    while (std::holds_alternative<Text>(root.primary) || std::holds_alternative<Integer>(root.primary) ||
           std::holds_alternative<Boolean>(root.primary)) {
      root = node(0);
    }
    return Expression(std::make_shared<const Node>(std::move(root)));
  }

  /// The text of an expression with some bytes changed.
  std::string damaged(std::string text) {
    static constexpr std::string_view bytes = "$_()[]{}\".,:\\ -a0\n\xC3\xA9\xFF";
    for (std::size_t i = below(4) + 1; i > 0; --i) {
      const std::size_t at = below(text.size() + 1);
      const std::size_t action = below(3);
      if (action == 0) text.insert(at, 1, bytes[below(bytes.size())]);
      if (action == 1 && at < text.size()) text[at] = bytes[below(bytes.size())];
      if (action == 2) text.erase(at, below(4));
    }
    return text;
  }

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

 private:
  syntax::Node node(int depth) {
    syntax::Node result{primary(depth), {}};
    while (below(3) == 0) result.suffixes.push_back(suffix(depth));
    return result;
  }

  syntax::Primary primary(int depth) {
    switch (below(depth > 4 ? 4 : 9)) {
      case 0:
        return syntax::Lookup{below(4) == 0 ? text() : identifier()};
      case 1:
        return syntax::Text{text()};
      case 2:
        return syntax::Integer{integer()};
      case 3:
        return syntax::Boolean{below(2) == 0};
      case 4: {
        const std::string name = function();
        return syntax::Call{name, find_builtin(name), nodes(depth)};
      }
      case 5:
        return lambda(depth);
      case 6:
        return syntax::List{nodes(depth)};
      case 7:
        return map(depth);
      default:
        return text_template(depth);
    }
  }

  syntax::Suffix suffix(int depth) {
    switch (below(4)) {
      case 0:
        return syntax::Field{identifier()};
      case 1: {
        const std::string name = function();
        return syntax::Method{name, find_builtin(name), depth > 4 ? std::vector<syntax::Node>{} : nodes(depth)};
      }
      case 2:
        return syntax::Index{below(4) == 0 ? integer() : static_cast<std::int64_t>(below(4))};
      default: {
        syntax::Slice slice{static_cast<std::int64_t>(below(3)), std::nullopt};
        if (below(2) == 0) slice.to = static_cast<std::int64_t>(below(5)) - 2;
        return slice;
      }
    }
  }

  syntax::Lambda lambda(int depth) {
    syntax::Lambda result;
    for (std::size_t i = below(3); i > 0; --i) result.parameters.push_back(identifier());
    result.body.push_back(node(depth + 1));
    if (below(3) > 0) {
      result.arguments.emplace();
      for (std::size_t i = 0; i < result.parameters.size(); ++i) result.arguments->push_back(node(depth + 1));
    }
    return result;
  }

  syntax::Map map(int depth) {
    syntax::Map result;
    for (std::size_t i = below(3); i > 0; --i) {
      result.keys.push_back(std::to_string(i) + text());
      result.values.push_back(node(depth + 1));
    }
    return result;
  }

  syntax::Template text_template(int depth) {
    syntax::Template result{{text()}, {}};
    for (std::size_t i = below(3); i > 0; --i) {
      result.holes.push_back(node(depth + 1));
      result.texts.push_back(text());
    }
    return result;
  }

  std::vector<syntax::Node> nodes(int depth) {
    std::vector<syntax::Node> result;
    for (std::size_t i = below(4); i > 0; --i) result.push_back(node(depth + 1));
    return result;
  }

  std::string identifier() {
    static constexpr const char* names[] = {"str", "lst", "n", "t", "d",    "key",  "l",    "nested",
                                            "v",   "a",   "b", "x", "z-_9", "true", "func", "file"};
    return names[below(std::size(names))];
  }
  std::string function() { return below(20) == 0 ? "unknown" : builtin_names()[below(builtin_names().size())]; }
  std::int64_t integer() {
    static constexpr std::int64_t edges[] = {0, -1, 1, INT64_MAX, INT64_MIN};
    return below(2) == 0 ? edges[below(std::size(edges))] : static_cast<std::int64_t>(random_()) >> below(64);
  }
  std::string text() {
    static constexpr const char* pieces[] = {"a",  "1.2", "{",    "{{", "}}", "\"", "\\", "\n", "\t",
                                             "\r", "é",   "\xFF", "$x", "/",  "_",  " ",  "😀", ""};
    std::string all;
    for (std::size_t i = below(5); i > 0; --i) all += pieces[below(std::size(pieces))];
    return all;
  }

  std::mt19937_64 random_;
};

}  // namespace escape::script::testing
