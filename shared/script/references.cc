#include <algorithm>
#include <set>

#include "shared/base/overloaded.h"
#include "shared/script/builtin.h"
#include "shared/script/script.h"
#include "shared/script/syntax.h"

namespace escape::script {
namespace {

using namespace syntax;

constexpr std::string_view file_readers[] = {"read_file", "path_exists", "file_exists", "dir_exists"};

/// Keeps each of what it is given once, in the order of the text.
template <class T>
class Found {
 public:
  void add(T one) {
    if (seen_.insert(one).second) all_.push_back(std::move(one));
  }
  std::vector<T> take() { return std::move(all_); }

 private:
  std::set<T> seen_;
  std::vector<T> all_;
};

/// The text of a string literal.
const std::string* literal(const Primary& primary) {
  if (const auto* text = std::get_if<Text>(&primary)) return &text->text;
  const auto* parts = std::get_if<Template>(&primary);
  return parts && parts->holes.empty() ? &parts->texts[0] : nullptr;
}
const std::string* first_literal(const std::vector<Node>& arguments) {
  return arguments.empty() || !arguments[0].suffixes.empty() ? nullptr : literal(arguments[0].primary);
}

class Walk {
 public:
  Found<std::vector<std::string>> lookups;
  Found<std::string> files;

  void visit(const Node& node) {
    std::visit(overloaded{
                   [&](const Lookup& lookup) { path(lookup, node.suffixes); },
                   [&](const Call& call) {
                     file(call.function, first_literal(call.arguments));
                     visit(call.arguments);
                   },
                   [&](const Lambda& one) { lambda(one); },
                   [&](const List& list) { visit(list.elements); },
                   [&](const Map& map) { visit(map.values); },
                   [&](const Template& parts) { visit(parts.holes); },
                   [](const Text&) {},
                   [](const Integer&) {},
                   [](const Boolean&) {},
               },
               node.primary);
    for (std::size_t i = 0; i < node.suffixes.size(); ++i) {
      const auto* method = std::get_if<Method>(&node.suffixes[i]);
      if (!method) continue;
      if (i == 0) file(method->function, literal(node.primary));
      visit(method->arguments);
    }
  }

 private:
  void visit(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) visit(node);
  }

  void path(const Lookup& lookup, const std::vector<Suffix>& suffixes) {
    if (std::ranges::find(parameters_, lookup.name) != parameters_.end()) return;
    std::vector<std::string> path{lookup.name};
    for (const Suffix& suffix : suffixes) {
      const auto* field = std::get_if<Field>(&suffix);
      if (!field) break;
      path.push_back(field->name);
    }
    lookups.add(std::move(path));
  }

  void lambda(const Lambda& lambda) {
    if (lambda.arguments) visit(*lambda.arguments);
    const std::size_t outside = parameters_.size();
    parameters_.insert(parameters_.end(), lambda.parameters.begin(), lambda.parameters.end());
    visit(lambda.body);
    parameters_.resize(outside);
  }

  void file(const std::string& function, const std::string* path) {
    if (path && std::ranges::find(file_readers, function) != std::end(file_readers)) files.add(*path);
  }

  std::vector<std::string> parameters_;
};

}  // namespace

std::vector<std::vector<std::string>> references(const Expression& expression) {
  Walk walk;
  walk.visit(expression.root());
  return walk.lookups.take();
}

std::vector<std::string> files_read(const Expression& expression) {
  Walk walk;
  walk.visit(expression.root());
  return walk.files.take();
}

}  // namespace escape::script
