#include <algorithm>
#include <array>

#include "shared/base/text.h"
#include "shared/plan/fields.h"
#include "shared/plan/plan.h"
#include "shared/plan/plan_fields.h"
#include "shared/plan/yaml.h"

namespace escape::plan {
namespace {

using yaml::Node;

/// Lists of variables in the order in which they are added to each other.
struct VariableList {
  std::string_view field;
  std::string_view scope;
  Declarations Plan::* to;
};
constexpr std::array variable_lists{
    VariableList{"inputs", "", &Plan::inputs},
    VariableList{"build_inputs", "build", &Plan::inputs},
    VariableList{"deploy_inputs", "deploy", &Plan::inputs},
    VariableList{"outputs", "", &Plan::outputs},
    VariableList{"build_outputs", "build", &Plan::outputs},
    VariableList{"deploy_outputs", "deploy", &Plan::outputs},
};

struct TextField {
  std::string_view field;
  std::string Plan::* to;
  bool is_trimmed = true;
};
constexpr std::array text_fields{
    TextField{"name", &Plan::name},
    TextField{"version", &Plan::version},
    TextField{"description", &Plan::description},
    TextField{"license", &Plan::license, false},
    TextField{"logo", &Plan::logo},
};

/// What is one field or, with a prefix that forces the scope, three.
struct ScopedField {
  std::string_view field;
  std::string_view base;
  std::string_view scope;
};
constexpr std::array scoped_fields{
    ScopedField{"consumes", "consumes", ""},
    ScopedField{"build_consumes", "consumes", "build"},
    ScopedField{"deploy_consumes", "consumes", "deploy"},
    ScopedField{"templates", "templates", ""},
    ScopedField{"build_templates", "templates", "build"},
    ScopedField{"deploy_templates", "templates", "deploy"},
};

template <class Rows>
const typename Rows::value_type* find_row(const Rows& rows, std::string_view field) {
  const auto row = std::ranges::find(rows, field, &Rows::value_type::field);
  return row == rows.end() ? nullptr : &*row;
}

Result<> read_field(const Node& key, const Node& value, Plan& plan) {
  const std::string& name = key.text;
  if (const TextField* text = find_row(text_fields, name)) {
    TRY(auto written, fields::read_text(value, name));
    plan.*(text->to) = text->is_trimmed ? std::string(trimmed(written)) : written;
  } else if (name == "extends") {
    TRY(plan.extends, fields::read_extends(value));
  } else if (name == "depends") {
    TRY(plan.depends, fields::read_depends(value));
  } else if (name == "provides") {
    TRY(const auto provides, fields::read_texts(value, name));
    for (const std::string& one : provides) {
      if (std::ranges::find(plan.provides, one) == plan.provides.end()) plan.provides.push_back(one);
    }
  } else if (name == "errands") {
    TRY(plan.errands, fields::read_errands(value));
  } else if (name == "downloads") {
    TRY(plan.downloads, fields::read_downloads(value));
  } else if (name == "includes") {
    TRY(plan.includes, fields::read_texts(value, name));
  } else if (name == "generates") {
    TRY(plan.generates, fields::read_texts(value, name));
  } else if (name == "metadata") {
    TRY(plan.metadata, fields::read_metadata(value));
  } else if (name == "idempotent") {
    if (value.kind != Node::Kind::null) {
      TRY(plan.idempotent, fields::read_bool(value, name));
    }
  } else if (name == "skip_unchanged") {
    if (value.kind != Node::Kind::null) {
      TRY(plan.skip_unchanged, fields::read_bool(value, name));
    }
  } else if (std::ranges::find(stage_names(), name) != stage_names().end()) {
    TRY(plan.stages[name], fields::read_stage(value, name));
  } else if (!find_row(variable_lists, name) && !find_row(scoped_fields, name)) {
    return fail(fields::unknown_key(key, "field", field_names()));
  }
  return ok();
}

/// Apart from the other fields: the lists meet in the order of the tables, whatever their order in the file.
Result<> read_lists(const Node& root, Plan& plan) {
  for (const VariableList& list : variable_lists) {
    if (const Node* node = yaml::find(root, list.field)) {
      TRYV(fields::add_variables(*node, list.field, list.scope, plan.*(list.to)));
    }
  }
  for (const ScopedField& list : scoped_fields) {
    const Node* node = yaml::find(root, list.field);
    if (!node) continue;
    if (list.base == "consumes") {
      TRYV(fields::add_consumers(*node, list.field, list.scope, plan.consumes));
    } else {
      TRYV(fields::add_templates(*node, list.field, list.scope, plan.templates));
    }
  }
  return ok();
}

Result<Plan> read_plan(std::string_view text, std::string_view file_name) {
  TRY(auto root, yaml::read(text));
  Plan plan;
  plan.file = file_name;
  if (root.kind == Node::Kind::null) return plan;
  if (root.kind != Node::Kind::map) return fail(fields::wrong_kind(root, "the plan", "fields such as 'name: my-app'"));
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    TRYV(read_field(root.keys[i], root.items[i], plan));
  }
  TRYV(read_lists(root, plan));
  return plan;
}

}  // namespace

const std::vector<std::string>& stage_names() {
  static const std::vector<std::string> names{"pre_build",          "build",   "post_build",   "test",
                                              "pre_deploy",         "deploy",  "post_deploy",  "smoke",
                                              "pre_destroy",        "destroy", "post_destroy", "activate_provider",
                                              "deactivate_provider"};
  return names;
}

Result<Plan> parse_plan(std::string_view text, std::string_view file_name) {
  Result<Plan> plan = read_plan(text, file_name);
  if (plan) return plan;
  Error error = std::move(plan).error();
  const std::string file = "Escape plan '" + std::string(file_name) + "': ";
  error.message = (error.kind == ErrorKind::bad_data ? "Couldn't parse " + file : file) + error.message;
  return fail(std::move(error));
}

std::string initial_plan(std::string_view name, bool minify) {
  // Allowed names that YAML, in one version or another, takes for something else than text.
  constexpr std::array<std::string_view, 7> words{"null", "true", "false", "yes", "no", "on", "off"};
  const bool is_word = std::ranges::find(words, name) != words.end();
  const std::string head =
      "name: " + (is_word ? '"' + std::string(name) + '"' : std::string(name)) + "\nversion: 0.0.@\n";
  if (minify) return head;
  return head + "description: \nlogo: \n\nincludes:\n- README.md\n\nbuild: \ndeploy:\n";
}

}  // namespace escape::plan
