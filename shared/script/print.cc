#include <algorithm>
#include <iterator>

#include "shared/base/overloaded.h"
#include "shared/script/script.h"
#include "shared/script/syntax.h"

namespace escape::script {
namespace {

using namespace syntax;

class Printer {
 public:
  /// The outermost expression: its literals need the dollar.
  std::string whole(const Node& root) && {
    if (const auto* list = std::get_if<List>(&root.primary)) {
      text_ += '$';
      sequence("[", list->elements, is_name(*list) ? ",]" : "]");
    } else {
      if (std::holds_alternative<Map>(root.primary)) text_ += '$';
      primary(root.primary);
    }
    for (const Suffix& one : root.suffixes) suffix(one);
    return std::move(text_);
  }

 private:
  void node(const Node& node) {
    primary(node.primary);
    for (const Suffix& one : node.suffixes) suffix(one);
  }

  void primary(const Primary& primary) {
    std::visit(overloaded{
                   [&](const Lookup& lookup) { name(lookup.name); },
                   [&](const Call& call) {
                     text_ += "$__" + call.function;
                     sequence("(", call.arguments, ")");
                   },
                   [&](const Lambda& one) { lambda(one); },
                   [&](const Text& text) { quoted(text.text); },
                   [&](const Integer& integer) { text_ += std::to_string(integer.number); },
                   [&](const Boolean& boolean) { text_ += boolean.truth ? "true" : "false"; },
                   [&](const List& list) { sequence("[", list.elements, "]"); },
                   [&](const Map& one) { map(one); },
                   [&](const Template& one) { text_template(one); },
               },
               primary);
  }

  void suffix(const Suffix& suffix) {
    std::visit(overloaded{
                   [&](const Field& field) { text_ += '.' + field.name; },
                   [&](const Method& method) {
                     text_ += '.' + method.function;
                     sequence("(", method.arguments, ")");
                   },
                   [&](const Index& index) { text_ += '[' + std::to_string(index.index) + ']'; },
                   [&](const Slice& slice) {
                     text_ += '[' + std::to_string(slice.from) + ':';
                     if (slice.to) text_ += std::to_string(*slice.to);
                     text_ += ']';
                   },
               },
               suffix);
  }

  void name(const std::string& name) {
    text_ += '$';
    if (!name.empty() && is_letter(name[0]) && std::ranges::all_of(name, is_word)) {
      text_ += name;
    } else {
      text_ += '[';
      quoted(name);
      text_ += ']';
    }
  }

  void lambda(const Lambda& lambda) {
    text_ += "$func(";
    for (std::size_t i = 0; i < lambda.parameters.size(); ++i) {
      if (i > 0) text_ += ", ";
      text_ += lambda.parameters[i];
    }
    text_ += ") { ";
    node(lambda.body.front());
    text_ += " }";
    if (lambda.arguments) sequence("(", *lambda.arguments, ")");
  }

  void map(const Map& map) {
    text_ += '{';
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
      if (i > 0) text_ += ", ";
      quoted(map.keys[i]);
      text_ += ": ";
      node(map.values[i]);
    }
    text_ += '}';
  }

  void text_template(const Template& parts) {
    text_ += "$\"";
    for (std::size_t i = 0; i < parts.texts.size(); ++i) {
      template_text(parts.texts[i]);
      if (i == parts.holes.size()) break;
      text_ += "{{ ";
      node(parts.holes[i]);
      text_ += " }}";
    }
    text_ += '"';
  }

  void template_text(const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool opens_hole = text[i] == '{' && (i + 1 == text.size() || text[i + 1] == '{');
      if (opens_hole) text_ += '\\';
      character(text[i]);
    }
  }

  void quoted(const std::string& text) {
    text_ += '"';
    std::ranges::for_each(text, [&](char c) { character(c); });
    text_ += '"';
  }
  void character(char c) {
    if (c == '\n') {
      text_ += "\\n";
    } else if (c == '\t') {
      text_ += "\\t";
    } else {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
  }

  void sequence(const char* open, const std::vector<Node>& nodes, const char* close) {
    text_ += open;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (i > 0) text_ += ", ";
      node(nodes[i]);
    }
    text_ += close;
  }

  static bool is_name(const List& list) {
    return list.elements.size() == 1 && list.elements[0].suffixes.empty() &&
           std::holds_alternative<Text>(list.elements[0].primary);
  }

  std::string text_;
};

}  // namespace

std::string print(const Expression& expression) { return Printer().whole(expression.root()); }

}  // namespace escape::script
