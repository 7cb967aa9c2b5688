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
        if (document.members.back().second.line == 0) document.members.back().second.line = node.keys[i].line;
      }
      break;
  }
  return document;
}

}  // namespace

const Document* Document::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Value Document::to_value() const {
  if (kind == Kind::scalar) return value;
  if (kind == Kind::list) {
    Value::List list;
    for (const Document& item : items) list.push_back(item.to_value());
    return list;
  }
  Value::Object object;
  for (const auto& [name, member] : members) object.append(name, member.to_value());
  return object;
}

Result<Document> parse_document(std::string_view text) {
  TRY(yaml::Node root, yaml::read(text, yaml::Aliases::refused));
  return document_of(root);
}

}  // namespace escape::plan
