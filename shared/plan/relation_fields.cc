#include <algorithm>

#include "shared/base/text.h"
#include "shared/plan/fields.h"

namespace escape::plan::fields {
namespace {

using release::Consumer;
using release::Dependency;
using yaml::Node;

const std::vector<std::string> consumer_fields{"name", "scopes", "skip_activate", "skip_deactivate"};
const std::vector<std::string> dependency_fields{"release_id",      "mapping",  "build_mapping",
                                                 "deploy_mapping",  "consumes", "variable",
                                                 "deployment_name", "scopes",   "propagate"};

Result<Consumer> parse_consumer_at(const Node& node, const std::string& text, const std::string& suffix) {
  Result<Consumer> consumer = release::parse_consumer(text);
  if (consumer) return consumer;
  Error error = placed(node, "", consumer.error());
  error.message += suffix;
  return fail(std::move(error));
}

Result<Consumer> read_consumer_map(const Node& map, const std::string& suffix) {
  const Node* name = yaml::find(map, "name");
  if (!name) return fail(yaml::error_at(map, "Missing 'name' in consumer" + suffix));
  TRY(const auto text, read_text(*name, "Expecting string for consumer 'name'" + suffix + ". It"));
  TRY(auto consumer, parse_consumer_at(*name, text, suffix));
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const std::string& key = map.keys[i].text;
    if (key == "scopes") {
      TRY(consumer.scopes, read_scopes(map.items[i], suffix));
    } else if (key == "skip_activate") {
      TRY(consumer.skip_activate, read_bool(map.items[i], "Expecting bool for consumer field 'skip_activate'. It"));
    } else if (key == "skip_deactivate") {
      TRY(consumer.skip_deactivate, read_bool(map.items[i], "Expecting bool for consumer field 'skip_deactivate'. It"));
    } else if (key != "name") {
      return fail(unknown_key(map.keys[i], "field of a consumer", consumer_fields));
    }
  }
  return consumer;
}

Result<Consumer> read_consumer(const Node& node, const std::string& suffix) {
  if (node.kind == Node::Kind::scalar) return parse_consumer_at(node, node.text, suffix);
  if (node.kind == Node::Kind::map) return read_consumer_map(node, suffix);
  return fail(wrong_kind(node, "Expecting dict or string type" + suffix + ". It", "an interface or a map"));
}

Result<release::Reference> read_reference(const Node& node, std::string_view field) {
  TRY(const auto text, read_text(node, field));
  Result<release::Reference> reference = release::parse_reference(text);
  if (!reference) return fail(placed(node, "", reference.error()));
  return reference;
}

/// Values of a dependency's inputs: texts may be expressions, everything else stands for itself.
Result<Value::Object> read_mapping(const Node& node, const std::string& name) {
  Value::Object mapping;
  if (node.kind == Node::Kind::null) return mapping;
  if (node.kind != Node::Kind::map) {
    return fail(wrong_kind(node, "Expecting dict for dependency '" + name + "'. It", "a map of inputs to values"));
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    Value value = yaml::to_written_value(node.items[i]);
    TRYV(check_expressions(node.items[i], value, "dependency '" + name + "' of '" + node.keys[i].text + "'"));
    mapping.append(node.keys[i].text, std::move(value));
  }
  return mapping;
}

Result<std::map<std::string, std::string>> read_providers(const Node& node) {
  std::map<std::string, std::string> providers;
  if (node.kind == Node::Kind::null) return providers;
  if (node.kind != Node::Kind::map) {
    return fail(wrong_kind(node, "Expecting dict for dependency 'consumes'. It", "a map of consumers to deployments"));
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (node.items[i].kind != Node::Kind::scalar) {
      return fail(wrong_kind(node.items[i], "Expecting string value in dependency consumer mapping. It", "text"));
    }
    TRYV(check_expression(node.items[i], node.items[i].text, "dependency consumer mapping"));
    providers.emplace(node.keys[i].text, node.items[i].text);
  }
  return providers;
}

Result<> read_dependency_field(const Node& key, const Node& value, PlannedDependency& dependency, Value::Object& both) {
  const std::string& name = key.text;
  if (name == "mapping") {
    TRY(both, read_mapping(value, name));
  } else if (name == "build_mapping") {
    TRY(dependency.written.build_mapping, read_mapping(value, name));
  } else if (name == "deploy_mapping") {
    TRY(dependency.written.deploy_mapping, read_mapping(value, name));
  } else if (name == "consumes") {
    TRY(dependency.written.consumes, read_providers(value));
  } else if (name == "variable") {
    TRY(dependency.written.variable, read_text(value, "dependency 'variable'"));
    if (Result<> valid = release::check_variable_id(dependency.written.variable); !valid) {
      return fail(placed(value, "", valid.error()));
    }
  } else if (name == "deployment_name") {
    TRY(dependency.written.deployment_name, read_text(value, "dependency 'deployment_name'"));
    if (Result<> valid = release::check_deployment_name(dependency.written.deployment_name); !valid) {
      return fail(placed(value, "", valid.error()));
    }
  } else if (name == "scopes") {
    TRY(dependency.written.scopes, read_scopes(value, ""));
  } else if (name == "propagate") {
    TRY(dependency.propagates, read_bool(value, "dependency 'propagate'"));
  } else if (name != "release_id") {
    return fail(unknown_key(key, "field of a dependency", dependency_fields));
  }
  return ok();
}

Result<PlannedDependency> read_dependency(const Node& node) {
  PlannedDependency dependency{.reference = {{{}, release::Latest{}}, {}}};
  if (node.kind == Node::Kind::scalar && yaml::resolve(node).as_string()) {
    TRY(dependency.reference, read_reference(node, "a dependency"));
    return dependency;
  }
  if (node.kind != Node::Kind::map) {
    return fail(yaml::error_at(
        node, "Invalid dependency format" + (node.kind == Node::Kind::scalar ? " '" + node.text + "'" : std::string()) +
                  " (expecting dict or string, got '" + std::string(yaml::to_value(node).type_name()) + "')"));
  }
  const Node* id = yaml::find(node, "release_id");
  if (!id) return fail(yaml::error_at(node, "Missing 'release_id' in dependency"));
  TRY(dependency.reference, read_reference(*id, "Expecting string for dependency 'release_id'. It"));
  Value::Object both;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    TRYV(read_dependency_field(node.keys[i], node.items[i], dependency, both));
  }
  for (const auto& [name, value] : both) {  // what is said of one scope alone wins
    for (Value::Object* mapping : {&dependency.written.build_mapping, &dependency.written.deploy_mapping}) {
      if (!mapping->contains(name)) mapping->append(name, value);
    }
  }
  return dependency;
}

}  // namespace

void add_consumer(Consumer consumer, std::vector<Consumer>& consumers) {
  const auto same = [&](const Consumer& other) {
    return other.name == consumer.name && other.variable == consumer.variable;
  };
  const auto known = std::ranges::find_if(consumers, same);
  if (known == consumers.end()) {
    consumers.push_back(std::move(consumer));
    return;
  }
  add_scopes(consumer.scopes, known->scopes);
}

Result<> add_consumers(const Node& list, std::string_view field, std::string_view scope,
                       std::vector<Consumer>& consumers) {
  if (list.kind == Node::Kind::null) return ok();
  if (list.kind != Node::Kind::list) return fail(wrong_kind(list, field, "a list of interfaces"));
  for (const Node& item : list.items) {
    TRY(auto consumer, read_consumer(item, " in '" + std::string(field) + "' field"));
    if (!scope.empty()) consumer.scopes = {std::string(scope)};
    add_consumer(std::move(consumer), consumers);
  }
  return ok();
}

Result<std::vector<release::Reference>> read_extends(const Node& list) {
  std::vector<release::Reference> extends;
  if (list.kind == Node::Kind::null) return extends;
  if (list.kind != Node::Kind::list) return fail(wrong_kind(list, "extends", "a list of releases"));
  for (const Node& item : list.items) {
    TRY(auto reference, read_reference(item, "an element of extends"));
    extends.push_back(std::move(reference));
  }
  return extends;
}

Result<std::vector<PlannedDependency>> read_depends(const Node& list) {
  std::vector<PlannedDependency> depends;
  if (list.kind == Node::Kind::null) return depends;
  if (list.kind != Node::Kind::list) return fail(wrong_kind(list, "depends", "a list of releases"));
  for (const Node& item : list.items) {
    TRY(auto dependency, read_dependency(item));
    depends.push_back(std::move(dependency));
  }
  return depends;
}

}  // namespace escape::plan::fields
