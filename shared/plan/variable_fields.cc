#include <algorithm>

#include "shared/base/text.h"
#include "shared/plan/fields.h"
#include "shared/plan/variables.h"

namespace escape::plan::fields {
namespace {

using release::Variable;
using yaml::Node;

const std::vector<std::string> known_fields{
    "id",      "type",    "default",   "description", "friendly",
    "visible", "options", "sensitive", "items",       "eval_before_dependencies",
    "scopes"};
const std::vector<std::string> type_names{"string",  "integer", "bool",        "list",      "secret",
                                          "version", "project", "environment", "deployment"};

/// A plain scalar where the type wants text stays the text that was written, so `1.10`, `007` and `no` keep their look.
/// Booleans and plain decimals become values all the same: scripts rely on `true` reaching them as "1".
Value scalar_for_text(const Node& node) { return yaml::to_written_value(node); }

Result<Value> read_element(const Node& node, const Variable& variable, std::string_view field) {
  if (node.kind != Node::Kind::scalar)
    return fail(wrong_kind(node, "an element of " + std::string(field), "text or a number"));
  const Value* element = variable.options.find("type");
  const bool has_texts =
      variable.type == "list" && !(element && element->as_string() && *element->as_string() == "integer");
  if (has_texts) return Value(node.text);
  return variable.type == "string" ? scalar_for_text(node) : yaml::resolve(node);
}

/// `default` or `items`, as the variable's type wants it where YAML leaves a choice.
Result<Value> read_value(const Node& node, const Variable& variable, std::string_view name) {
  const std::string field = std::string(name) + " field of variable '" + variable.id + "'";
  if (node.kind == Node::Kind::null) return Value();
  if (node.kind == Node::Kind::map) {
    return fail(
        yaml::error_at(node, "Unexpected type 'map' for " + field + ", expected text, a number, a boolean or a list"));
  }
  if (node.kind == Node::Kind::list) {
    Value::List list;
    for (const Node& item : node.items) {
      TRY(auto element, read_element(item, variable, field));
      list.push_back(std::move(element));
    }
    return Value(std::move(list));
  }
  if (variable.type == "string" || variable.type == "list") return scalar_for_text(node);
  return yaml::resolve(node);
}

/// The parts whose meaning does not depend on the type.
Result<> read_plain_field(const Node& key, const Node& value, Variable& variable) {
  const std::string& name = key.text;
  if (name == "description") {
    TRY(variable.description, read_text(value, name));
  } else if (name == "friendly") {
    TRY(variable.friendly, read_text(value, name));
  } else if (name == "visible") {
    TRY(variable.visible, read_bool(value, name));
  } else if (name == "sensitive") {
    TRY(const bool is_sensitive, read_bool(value, name));
    variable.sensitive = variable.sensitive || is_sensitive;
  } else if (name == "eval_before_dependencies") {
    TRY(variable.eval_before_dependencies, read_bool(value, name));
  } else if (name == "scopes") {
    TRY(auto scopes, read_text_or_texts(value, name));
    if (!scopes.empty()) variable.scopes = std::move(scopes);
  } else if (std::ranges::find(known_fields, name) == known_fields.end()) {
    return fail(unknown_key(key, "field of a variable", known_fields));
  }
  return ok();
}

Result<> read_id_and_type(const Node& map, Variable& variable) {
  const Node* id = yaml::find(map, "id");
  if (!id) return fail(yaml::error_at(map, "Missing 'id' field in variable, expected a name"));
  TRY(auto written, read_text(*id, "id"));
  variable.id = trimmed(written);
  const Node* type = yaml::find(map, "type");
  if (type && type->kind != Node::Kind::null) {
    TRY(auto text, read_text(*type, "type"));
    Result<TypeText> parsed = parse_type(text);
    if (!parsed) return fail(yaml::error_at(*type, parsed.error().message + ", expected such as string[min=1]"));
    variable.type = std::move(parsed.value().type);
    variable.options = std::move(parsed.value().options);
  } else if (std::ranges::find(type_names, variable.id) != type_names.end()) {
    variable.type = variable.id;
  }
  // The format of releases knows no secrets: to every reader it is a sensitive text.
  if (variable.type == "secret") {
    variable.type = "string";
    variable.sensitive = true;
  }
  return ok();
}

Result<Variable> read_map(const Node& map) {
  Variable variable;
  TRYV(read_id_and_type(map, variable));
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    TRYV(read_plain_field(map.keys[i], map.items[i], variable));
  }
  if (const Node* items = yaml::find(map, "items")) {
    TRY(variable.items, read_value(*items, variable, "items"));
    TRYV(check_expressions(*items, variable.items, "items field of variable '" + variable.id + "'"));
  }
  const Node* fallback = yaml::find(map, "default");
  if (fallback && fallback->kind != Node::Kind::null) {
    TRY(variable.fallback, read_value(*fallback, variable, "default"));
    TRYV(check_expressions(*fallback, *variable.fallback, "default field of variable '" + variable.id + "'"));
  }
  return variable;
}

/// "Error compiling input variable: ", "Error compiling 'build_inputs' variable: ".
std::string error_prefix(std::string_view field, std::string_view place) {
  if (!place.empty()) return "Error" + std::string(place) + ": ";
  if (field == "inputs" || field == "outputs") {
    return "Error compiling " + std::string(field.substr(0, field.size() - 1)) + " variable: ";
  }
  return "Error compiling '" + std::string(field) + "' variable: ";
}

Result<> check(const Variable& variable) {
  TRYV(release::check_variable_id(variable.id));
  return check_declaration(variable);
}

Result<Variable> read_variable(const Node& node, const std::string& before) {
  Variable variable;
  if (node.kind == Node::Kind::scalar) {
    variable.id = trimmed(node.text);
  } else if (node.kind == Node::Kind::map) {
    Result<Variable> read = read_map(node);
    if (!read) return fail(yaml::with_prefix(std::move(read).error(), before));
    variable = std::move(read).value();
  } else {
    return fail(wrong_kind(node, before + "Expecting dict or string type. It", "a name or a map"));
  }
  if (Result<> checked = check(variable); !checked) return fail(placed(node, before, checked.error()));
  // `on` as the default of a boolean is kept as the boolean: the original reads that word, as text, as false.
  if (variable.type == "bool" && variable.fallback && !has_expression(*variable.fallback)) {
    TRY(variable.fallback, convert(variable, *variable.fallback));
  }
  return variable;
}

std::set<std::string> written_fields(const Node& node) {
  std::set<std::string> names{"id"};
  for (const Node& key : node.keys) names.insert(key.text);
  return names;
}

}  // namespace

void add_scopes(const std::vector<std::string>& from, std::vector<std::string>& to) {
  const auto has = [](const std::vector<std::string>& scopes, const std::string& one) {
    return std::ranges::find(scopes, one) != scopes.end();
  };
  const auto covers = [&](const std::vector<std::string>& all, const std::vector<std::string>& some) {
    return std::ranges::all_of(some, [&](const std::string& one) { return has(all, one); });
  };
  if (covers(to, from)) return;
  if (covers(from, to)) {
    to = from;
    return;
  }
  std::vector<std::string> both;
  for (const char* scope : {"build", "deploy"}) {
    if (has(from, scope) || has(to, scope)) both.emplace_back(scope);
  }
  to = std::move(both);
}

Result<> add_variables(const Node& list, std::string_view field, std::string_view scope, Declarations& declarations,
                       std::string_view place) {
  if (list.kind == Node::Kind::null) return ok();
  if (list.kind != Node::Kind::list) {
    return fail(wrong_kind(list, std::string(field) + std::string(place), "a list of variables"));
  }
  const std::string before = error_prefix(field, place);
  std::vector<Variable>& variables = declarations.variables;
  const std::size_t of_other_lists = variables.size();
  for (const Node& item : list.items) {
    TRY(auto variable, read_variable(item, before));
    if (!scope.empty()) variable.scopes = {std::string(scope)};
    declarations.written[variable.id].merge(written_fields(item));
    const auto known = std::ranges::find(variables, variable.id, &Variable::id);
    if (known == variables.end()) {
      variables.push_back(std::move(variable));
      continue;
    }
    if (static_cast<std::size_t>(known - variables.begin()) >= of_other_lists) {
      return fail(yaml::error_at(item, before + "'" + variable.id + "' is there already, expected each id once"));
    }
    if (known->type != variable.type || known->options != variable.options) {
      return fail(yaml::error_at(
          item, before + "'" + variable.id + "' has another type here, expected '" + known->type + "' as before"));
    }
    if (variable.fallback) known->fallback = std::move(variable.fallback);
    known->sensitive = known->sensitive || variable.sensitive;
    add_scopes(variable.scopes, known->scopes);
  }
  return ok();
}

}  // namespace escape::plan::fields
