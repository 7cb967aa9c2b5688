#include "shared/plan/plan_fields.h"

#include <algorithm>
#include <array>

#include "shared/base/text.h"
#include "shared/plan/fields.h"

namespace escape::plan {
namespace {

using yaml::Node;

constexpr std::string_view text = "\"\"";
constexpr std::string_view list = "[]";
constexpr std::string_view map = "{}";

constexpr std::array all_fields{
    PlanField{"name", text},
    PlanField{"version", text},
    PlanField{"description", text},
    PlanField{"license", text},
    PlanField{"logo", text},
    PlanField{"extends", list},
    PlanField{"depends", list},
    PlanField{"consumes", list},
    PlanField{"build_consumes", list},
    PlanField{"deploy_consumes", list},
    PlanField{"provides", list},
    PlanField{"inputs", list},
    PlanField{"build_inputs", list},
    PlanField{"deploy_inputs", list},
    PlanField{"outputs", list},
    PlanField{"build_outputs", list},
    PlanField{"deploy_outputs", list},
    PlanField{"metadata", map},
    PlanField{"includes", list},
    PlanField{"generates", list},
    PlanField{"errands", map},
    PlanField{"downloads", list},
    PlanField{"templates", list},
    PlanField{"build_templates", list},
    PlanField{"deploy_templates", list},
    PlanField{"idempotent", "false", true},
    PlanField{"skip_unchanged", "false", true},
    PlanField{"pre_build", text},
    PlanField{"build", text},
    PlanField{"post_build", text},
    PlanField{"test", text},
    PlanField{"pre_deploy", text},
    PlanField{"deploy", text},
    PlanField{"post_deploy", text},
    PlanField{"smoke", text},
    PlanField{"pre_destroy", text},
    PlanField{"destroy", text},
    PlanField{"post_destroy", text},
    PlanField{"activate_provider", text},
    PlanField{"deactivate_provider", text},
};

Value empty_value(const PlanField& field) {
  if (field.empty == list) return Value::List{};
  if (field.empty == map) return Value::Object{};
  return field.empty == text ? Value("") : Value(field.empty);
}

Result<Node> read_known(std::string_view source) {
  TRY(Node root, yaml::read(source));
  if (root.kind == Node::Kind::null) return root;
  if (root.kind != Node::Kind::map) return fail(fields::wrong_kind(root, "the plan", "fields such as 'name: my-app'"));
  for (const Node& key : root.keys) {
    if (std::ranges::find(all_fields, key.text, &PlanField::name) == all_fields.end()) {
      return fail(fields::unknown_key(key, "field", field_names()));
    }
  }
  return root;
}

}  // namespace

std::span<const PlanField> plan_fields() { return all_fields; }

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const PlanField& field : all_fields) names.emplace_back(field.name);
  return names;
}

bool says_nothing(const Node& value) {
  return value.kind == Node::Kind::scalar ? value.text.empty() : value.items.empty();
}

Result<Node> read_fields(std::string_view source, std::string_view file_name) {
  Result<Node> root = read_known(source);
  if (root) return root;
  Error error = std::move(root).error();
  error.message = "Couldn't parse Escape plan '" + std::string(file_name) + "': " + error.message;
  return fail(std::move(error));
}

Result<Value> read_field(std::string_view source, std::string_view file_name, std::string_view field) {
  TRY(const Node root, read_fields(source, file_name));
  const auto known = std::ranges::find(all_fields, field, &PlanField::name);
  if (known == all_fields.end()) {
    const std::string near = nearest(field, field_names());
    return fail(
        ErrorKind::usage, "The plan has no field '" + std::string(field) + "'.",
        (near.empty() ? "" : "Did you mean '" + near + "'? ") + "The fields are " + join(field_names(), ", ") + ".");
  }
  const auto key = std::ranges::find(root.keys, field, &Node::text);
  if (key == root.keys.end()) return empty_value(*known);
  const Node& value = root.items[static_cast<std::size_t>(key - root.keys.begin())];
  if (says_nothing(value)) return empty_value(*known);
  if (value.kind == Node::Kind::scalar) return Value(trimmed(value.text));
  return yaml::to_written_value(value);
}

}  // namespace escape::plan
