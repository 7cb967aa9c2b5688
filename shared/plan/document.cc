#include "shared/plan/document.h"

#include "shared/plan/yaml.h"

namespace escape::plan {
namespace {

Document document_of(const yaml::Node& node) {
  Document document{.line = node.line};
  switch (node.kind) {
    case yaml::Node::Kind::null:
      break;
    case yaml::Node::Kind::scalar:
      document.text = node.text;
      document.value = node.is_plain ? yaml::resolve(node) : Value(node.text);
      break;
    case yaml::Node::Kind::list:
      document.kind = Document::Kind::list;
      for (const yaml::Node& item : node.items) document.items.push_back(document_of(item));
      break;
    case yaml::Node::Kind::map:
      document.kind = Document::Kind::map;
      for (std::size_t i = 0; i < node.keys.size(); ++i) {
        document.members.emplace_back(node.keys[i].text, document_of(node.items[i]));
        Document& member = document.members.back().second;
        member.key_line = node.keys[i].line;
        if (member.line == 0) member.line = member.key_line;
      }
      break;
  }
  return document;
}

template <class ScalarOf>
Value value_of(const Document& document, ScalarOf scalar_of) {
  if (document.kind == Document::Kind::scalar) return scalar_of(document);
  if (document.kind == Document::Kind::list) {
    Value::List list;
    for (const Document& item : document.items) list.push_back(value_of(item, scalar_of));
    return list;
  }
  Value::Object object;
  for (const auto& [name, member] : document.members) object.append(name, value_of(member, scalar_of));
  return object;
}

}  // namespace

const Document* Document::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Value Document::to_value() const {
  return value_of(*this, [](const Document& scalar) { return scalar.value; });
}

Value Document::to_written_value() const {
  return value_of(*this,
                  [](const Document& scalar) { return yaml::unless_it_looks_otherwise(scalar.value, scalar.text); });
}

Result<Document> parse_document(std::string_view text) {
  TRY(yaml::Node root, yaml::read(text, yaml::Aliases::refused));
  Document document = document_of(root);
  if (document.line == 0) document.line = 1;  // an empty text
  return document;
}

}  // namespace escape::plan
