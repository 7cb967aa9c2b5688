#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <iterator>
#include <set>

#include "controller/core/engine.h"
#include "shared/base/text.h"
#include "shared/plan/context.h"
#include "shared/plan/variables.h"
#include "shared/script/script.h"

namespace escape::controller {
namespace {

const Value* find_in(const Value::Object* values, const std::string& id) { return values ? values->find(id) : nullptr; }

Value::Object declared_only(const std::vector<release::Variable>& variables, release::Scope scope,
                            const Value::Object& values) {
  Value::Object declared;
  for (const release::Variable& variable : variables) {
    const Value* value = in_scope(variable, scope) ? values.find(variable.id) : nullptr;
    if (value) declared.set(variable.id, *value);
  }
  return declared;
}

/// What the default (of one that is not given) and the items of a variable look up.
std::vector<std::vector<std::string>> spoken_of(const release::Variable& variable, bool is_given) {
  std::vector<std::vector<std::string>> paths = references_in(variable.items);
  if (variable.fallback && !is_given) std::ranges::move(references_in(*variable.fallback), std::back_inserter(paths));
  return paths;
}

/// The values of one list of variables, each after those that its expressions name.
class Evaluation {
 public:
  using Find = std::function<const Value*(const std::string&)>;
  /// `member`: "inputs" or "outputs", under which `this` gets each value as soon as it is known.
  Evaluation(const std::vector<release::Variable>& variables, release::Scope scope, std::string member, Find given,
             Value::Object globals, const Surroundings& around)
      : variables_(variables),
        scope_(scope),
        member_(std::move(member)),
        given_(std::move(given)),
        globals_(std::move(globals)),
        files_(around.files),
        now_(around.now) {}

  using Hint = std::function<std::string(const std::string&)>;
  Result<Value::Object> all(const Hint& hint) {
    Value::Object values;
    for (const release::Variable& variable : variables_) {
      if (!in_scope(variable, scope_)) continue;
      TRYV(evaluate(variable, hint));
      values.set(variable.id, done_.at(variable.id));
    }
    return values;
  }

  EarlyInputs early(const Hint& hint) {
    EarlyInputs found;
    for (const release::Variable& variable : variables_) {
      if (!in_scope(variable, scope_)) continue;
      under_way_.clear();
      if (Result<> evaluated = evaluate(variable, hint); !evaluated) {
        found.failed.emplace(variable.id, std::move(evaluated).error());
      } else if (variable.eval_before_dependencies) {
        found.values.set(variable.id, done_.at(variable.id));
      }
    }
    return found;
  }

 private:
  Result<> evaluate(const release::Variable& variable, const std::function<std::string(const std::string&)>& hint) {
    if (done_.contains(variable.id)) return ok();
    const auto again = std::ranges::find(under_way_, variable.id);
    if (again != under_way_.end()) {
      std::vector<std::string> circle(again, under_way_.end());
      circle.push_back(variable.id);
      return fail(ErrorKind::bad_data, "The " + member_ + " " + join(circle, " → ") + " need each other",
                  "Give one of them a value, or a default that stands by itself.");
    }
    under_way_.push_back(variable.id);
    const Value* given = given_(variable.id);
    for (const std::string& needed : siblings(variable, given != nullptr)) {
      const auto sibling = std::ranges::find(variables_, needed, &release::Variable::id);
      if (sibling == variables_.end() || !in_scope(*sibling, scope_)) continue;
      TRYV(evaluate(*sibling, hint));
    }
    const script::Context context{&globals_, files_, now_.micros / 1'000'000};
    TRY(Value value, plan::value_of(variable, given, context, hint(variable.id)));
    for (auto& [name, self] : globals_) {
      if (name != "this") continue;
      for (auto& [key, values] : *self.as_object()) {
        if (key == member_) values.as_object()->set(variable.id, value);
      }
    }
    done_.emplace(variable.id, std::move(value));
    under_way_.pop_back();
    return ok();
  }

  /// Variables of the same list that the expressions of one name.
  std::vector<std::string> siblings(const release::Variable& variable, bool is_given) const {
    std::vector<std::string> names;
    for (const std::vector<std::string>& path : spoken_of(variable, is_given)) {
      if (path.size() > 2 && path[0] == "this" && path[1] == member_) names.push_back(path[2]);
    }
    return names;
  }

  const std::vector<release::Variable>& variables_;
  release::Scope scope_;
  std::string member_;
  Find given_;
  Value::Object globals_;
  script::Host* files_;
  Timestamp now_;
  std::map<std::string, Value> done_;
  std::vector<std::string> under_way_;
};

}  // namespace

Value::Object expression_globals(const release::Metadata& metadata, release::Scope scope, const Surroundings& around) {
  Value::Object self = plan::release_context(metadata);
  static const state::StageRecord nothing;
  const state::StageRecord& record = around.record ? *around.record : nothing;
  self.set("inputs", declared_only(metadata.inputs, scope, record.calculated_inputs));
  self.set("outputs", declared_only(metadata.outputs, scope, record.calculated_outputs));
  self.set("project", state_project);
  self.set("environment", around.environment);
  self.set("deployment", around.deployment);
  Value::Object globals = around.others;
  globals.set("this", std::move(self));
  return globals;
}

namespace {

/// The evaluation of a release's inputs, or of others beside them (an errand's).
Evaluation evaluation_of(const std::vector<release::Variable>& declared, const release::Metadata& metadata,
                         release::Scope scope, const InputSources& sources, const Surroundings& around) {
  // Of the run before only the outputs are seen: what an input was is no reason for what another one becomes.
  state::StageRecord before;
  if (around.record) before.calculated_outputs = around.record->calculated_outputs;
  const bool is_errand = &declared != &metadata.inputs;  // whose deployment has its inputs, and keeps them
  if (around.record && is_errand) before.calculated_inputs = around.record->calculated_inputs;
  Surroundings fresh = around;
  fresh.record = &before;
  const auto given = [sources](const std::string& id) -> const Value* {
    for (auto source = sources.rbegin(); source != sources.rend(); ++source) {
      if (const Value* value = find_in(*source, id)) return value;
    }
    return nullptr;
  };
  return Evaluation(declared, scope, "inputs", given, expression_globals(metadata, scope, fresh), around);
}

std::string how_to_give(const std::string& id) { return fmt::format("Give it with -v {}=VALUE.", id); }

}  // namespace

Result<Value::Object> calculate_inputs(const std::vector<release::Variable>& declared,
                                       const release::Metadata& metadata, release::Scope scope,
                                       const InputSources& sources, const Surroundings& around) {
  return evaluation_of(declared, metadata, scope, sources, around).all(how_to_give);
}

Result<Value::Object> calculate_inputs(const release::Metadata& metadata, release::Scope scope,
                                       const InputSources& sources, const Surroundings& around) {
  return calculate_inputs(metadata.inputs, metadata, scope, sources, around);
}

EarlyInputs calculate_early_inputs(const release::Metadata& metadata, release::Scope scope, const InputSources& sources,
                                   const Surroundings& around) {
  return evaluation_of(metadata.inputs, metadata, scope, sources, around).early(how_to_give);
}

bool comes_from_dependency(const release::Metadata& metadata, const std::string& input) {
  std::set<std::string> seen;
  std::vector<std::string> open{input};
  while (!open.empty()) {
    const std::string id = std::move(open.back());
    open.pop_back();
    if (!seen.insert(id).second) continue;
    const auto variable = std::ranges::find(metadata.inputs, id, &release::Variable::id);
    if (variable == metadata.inputs.end()) continue;
    for (const std::vector<std::string>& path : spoken_of(*variable, false)) {
      if (path.size() > 2 && path[0] == "this" && path[1] == "inputs") open.push_back(path[2]);
      if (std::ranges::find(metadata.depends, path[0], &release::Dependency::variable) != metadata.depends.end()) {
        return true;
      }
    }
  }
  return false;
}

Result<Value::Object> calculate_outputs(const release::Metadata& metadata, release::Scope scope,
                                        const Surroundings& around) {
  static const Value::Object nothing;
  const Value::Object& raw = around.record ? around.record->calculated_outputs : nothing;
  Evaluation evaluation(
      metadata.outputs, scope, "outputs", [&](const std::string& id) { return raw.find(id); },
      expression_globals(metadata, scope, around), around);
  return evaluation.all([](const std::string&) {
    return "It is an output without default: a script of the stage must write it to the outputs file.";
  });
}

Result<release::ExecStage> evaluate_stage(const release::ExecStage& stage, const script::Context& context) {
  const auto evaluate = [&](const std::string& text) -> Result<std::string> {
    if (!script::is_expression(text)) return text;
    return script::evaluate_to_text(text, context);
  };
  release::ExecStage run = stage;
  TRY(run.cmd, evaluate(stage.cmd));
  TRY(run.script, evaluate(stage.script));
  for (std::string& arg : run.args) {
    TRY(arg, evaluate(arg));
  }
  return run;
}

Result<protocol::TemplateToRender> evaluate_template(const release::Template& one, const script::Context& context) {
  protocol::TemplateToRender ready{.file = one.file, .target = one.target, .escape_html = one.escape == "html"};
  for (const auto& [key, value] : one.mapping) {
    Result<Value> mapped =
        value.as_string() ? script::evaluate_text(*value.as_string(), context) : Result<Value>(value);
    if (!mapped) {
      Error error = std::move(mapped).error();
      error.message = fmt::format("Failed to compile template {}: Error in template '{}' mapping key '{}': {}",
                                  one.file, one.file, key, error.message);
      return fail(std::move(error));
    }
    ready.values.set(key, std::move(mapped).value());
  }
  return ready;
}

Result<> check_declared(const release::Metadata& metadata, const Value::Object& given) {
  return check_declared(metadata.inputs, to_string(application_of(metadata)), given);
}

Result<> check_declared(const std::vector<release::Variable>& declared, const std::string& of,
                        const Value::Object& given) {
  std::vector<std::string> known;
  for (const release::Variable& variable : declared) known.push_back(variable.id);
  for (const auto& [id, value] : given) {
    if (std::ranges::find(known, id) != known.end()) continue;
    const std::string near = nearest(id, known);
    std::string hint =
        known.empty() ? fmt::format("{} has no inputs.", of) : "Its inputs are: " + join(known, ", ") + ".";
    if (!near.empty()) hint = fmt::format("Did you mean '{}'? {}", near, hint);
    return fail(ErrorKind::bad_data, fmt::format("'{}' is not an input of {}.", id, of), std::move(hint));
  }
  return ok();
}

std::map<std::string, std::string> variables_for(const release::Metadata& metadata, const state::StageRecord& stage,
                                                 const std::map<std::string, std::string>& previous,
                                                 bool with_outputs) {
  std::map<std::string, std::string> variables = previous;
  for (const auto& [key, value] : metadata.metadata) variables["INPUT_METADATA_" + key] = value;
  for (const auto& [id, value] : stage.calculated_inputs) variables["INPUT_" + id] = plan::to_environment_text(value);
  if (with_outputs) {
    for (const auto& [id, value] : stage.calculated_outputs)
      variables["OUTPUT_" + id] = plan::to_environment_text(value);
  }
  add_readable_names(variables);
  return variables;
}

void add_readable_names(std::map<std::string, std::string>& variables) {
  for (const auto& [name, value] : std::map(variables)) {
    std::string readable = name;
    std::ranges::replace_if(readable, [](unsigned char c) { return !std::isalnum(c) && c != '_'; }, '_');
    variables.emplace(readable, value);  // where a variable of its own has that name, it stays
  }
}

std::map<std::string, std::string> previous_variables(const state::StageRecord& stage) {
  std::map<std::string, std::string> variables;
  for (const auto& [id, value] : stage.calculated_inputs)
    variables["INPUT_PREVIOUS_" + id] = plan::to_environment_text(value);
  for (const auto& [id, value] : stage.calculated_outputs) {
    variables["INPUT_PREVIOUS_OUTPUT_" + id] = plan::to_environment_text(value);
  }
  return variables;
}

std::vector<std::string> secret_variables(const release::Metadata& metadata,
                                          const std::map<std::string, std::string>& variables) {
  std::vector<std::string> secrets;
  const auto add = [&](const std::string& name) {
    auto found = variables.find(name);
    if (found != variables.end() && !found->second.empty()) secrets.push_back(name);
  };
  for (const release::Variable& input : metadata.inputs) {
    if (!is_secret(input)) continue;
    add("INPUT_" + input.id);
    add("INPUT_PREVIOUS_" + input.id);
  }
  for (const release::Variable& output : metadata.outputs) {
    if (!is_secret(output)) continue;
    add("OUTPUT_" + output.id);
    add("INPUT_OUTPUT_" + output.id);
    add("INPUT_PREVIOUS_OUTPUT_" + output.id);
  }
  for (const auto& [name, errand] : metadata.errands) {
    for (const release::Variable& input : errand.inputs) {
      const std::string variable = "INPUT_" + input.id;
      if (is_secret(input) && std::ranges::find(secrets, variable) == secrets.end()) add(variable);
    }
  }
  return secrets;
}

}  // namespace escape::controller
