#include <fmt/core.h>

#include <functional>

#include "controller/core/engine.h"
#include "shared/base/text.h"
#include "shared/plan/context.h"
#include "shared/plan/variables.h"
#include "shared/script/script.h"

namespace escape::controller {
namespace {

/// `$this.project`: the name of the whole state, which `state export` writes too.
constexpr std::string_view state_project = "escape";

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

/// The values of one list of variables, each after those that its expressions name.
class Evaluation {
 public:
  using Find = std::function<const Value*(const std::string&)>;
  /// `member`: "inputs" or "outputs", under which `this` gets each value as soon as it is known.
  Evaluation(const std::vector<release::Variable>& variables, release::Scope scope, std::string member, Find given,
             Value::Object globals, Timestamp now)
      : variables_(variables),
        scope_(scope),
        member_(std::move(member)),
        given_(std::move(given)),
        globals_(std::move(globals)),
        now_(now) {}

  Result<Value::Object> all(const std::function<std::string(const std::string&)>& hint) {
    Value::Object values;
    for (const release::Variable& variable : variables_) {
      if (!in_scope(variable, scope_)) continue;
      TRYV(evaluate(variable, hint));
      values.set(variable.id, done_.at(variable.id));
    }
    return values;
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
    const script::Context context{&globals_, nullptr, now_.micros / 1'000'000};
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
    const auto add = [&](const Value& value) {
      const Value::List* list = value.as_list();
      for (const Value& item : list ? *list : Value::List{value}) {
        const std::string* text = item.as_string();
        if (!text || !script::is_expression(*text)) continue;
        const Result<script::Expression> expression = script::parse(*text);
        if (!expression) continue;
        for (const std::vector<std::string>& path : script::references(expression.value())) {
          if (path.size() > 2 && path[0] == "this" && path[1] == member_) names.push_back(path[2]);
        }
      }
    };
    if (variable.fallback && !is_given) add(*variable.fallback);
    add(variable.items);
    return names;
  }

  const std::vector<release::Variable>& variables_;
  release::Scope scope_;
  std::string member_;
  Find given_;
  Value::Object globals_;
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
  return {{"this", std::move(self)}};
}

Result<Value::Object> calculate_inputs(const release::Metadata& metadata, release::Scope scope,
                                       const InputSources& sources, const Surroundings& around) {
  // Of the run before only the outputs are seen: what an input was is no reason for what another one becomes.
  state::StageRecord before;
  if (around.record) before.calculated_outputs = around.record->calculated_outputs;
  Surroundings fresh = around;
  fresh.record = &before;
  const auto given = [&](const std::string& id) -> const Value* {
    for (const Value::Object* source : {sources.user, sources.deployment, sources.environment}) {
      if (const Value* value = find_in(source, id)) return value;
    }
    return nullptr;
  };
  Evaluation evaluation(metadata.inputs, scope, "inputs", given, expression_globals(metadata, scope, fresh),
                        around.now);
  return evaluation.all([](const std::string& id) { return fmt::format("Give it with -v {}=VALUE.", id); });
}

Result<Value::Object> calculate_outputs(const release::Metadata& metadata, release::Scope scope,
                                        const Surroundings& around) {
  static const Value::Object nothing;
  const Value::Object& raw = around.record ? around.record->calculated_outputs : nothing;
  Evaluation evaluation(
      metadata.outputs, scope, "outputs", [&](const std::string& id) { return raw.find(id); },
      expression_globals(metadata, scope, around), around.now);
  return evaluation.all([](const std::string&) {
    return "It is an output without default: a script of the stage must write it to the outputs file.";
  });
}

Result<release::ExecStage> evaluate_stage(const release::ExecStage& stage, const Value::Object& globals,
                                          Timestamp now) {
  const script::Context context{&globals, nullptr, now.micros / 1'000'000};
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

Result<> check_declared(const release::Metadata& metadata, const Value::Object& given) {
  std::vector<std::string> known;
  for (const release::Variable& variable : metadata.inputs) known.push_back(variable.id);
  for (const auto& [id, value] : given) {
    if (std::ranges::find(known, id) != known.end()) continue;
    const std::string near = nearest(id, known);
    std::string hint = known.empty() ? "The release has no inputs." : "Its inputs are: " + join(known, ", ") + ".";
    if (!near.empty()) hint = fmt::format("Did you mean '{}'? {}", near, hint);
    return fail(ErrorKind::bad_data,
                fmt::format("'{}' is not an input of {}.", id, to_string(application_of(metadata))), std::move(hint));
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
  return variables;
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
    if (!input.sensitive) continue;
    add("INPUT_" + input.id);
    add("INPUT_PREVIOUS_" + input.id);
  }
  for (const release::Variable& output : metadata.outputs) {
    if (!output.sensitive) continue;
    add("OUTPUT_" + output.id);
    add("INPUT_PREVIOUS_OUTPUT_" + output.id);
  }
  return secrets;
}

}  // namespace escape::controller
