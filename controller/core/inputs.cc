#include <fmt/core.h>

#include "controller/core/engine.h"
#include "shared/base/text.h"
#include "shared/plan/variables.h"
#include "shared/release/expression.h"

namespace escape::controller {
namespace {

const Value* find_in(const Value::Object* values, const std::string& id) { return values ? values->find(id) : nullptr; }

Error missing_value(const release::Variable& variable, std::string hint) {
  return {ErrorKind::bad_data, fmt::format("Missing value for variable '{}'", variable.id), std::move(hint), {}};
}

Result<Value> value_of(const release::Variable& variable, const Value* given, std::string hint) {
  if (given) return plan::convert(variable, *given);
  TRYV(release::check_has_no_expression(variable));
  if (!variable.fallback) return fail(missing_value(variable, std::move(hint)));
  return plan::convert(variable, *variable.fallback);
}

}  // namespace

Result<Value::Object> calculate_inputs(const release::Metadata& metadata, release::Scope scope,
                                       const InputSources& sources) {
  Value::Object inputs;
  for (const release::Variable& variable : metadata.inputs) {
    if (!in_scope(variable, scope)) continue;
    const Value* given = nullptr;
    for (const Value::Object* source : {sources.user, sources.deployment, sources.environment}) {
      if (!given) given = find_in(source, variable.id);
    }
    TRY(Value value, value_of(variable, given, fmt::format("Give it with -v {}=VALUE.", variable.id)));
    inputs.set(variable.id, std::move(value));
  }
  return inputs;
}

Result<Value::Object> calculate_outputs(const release::Metadata& metadata, release::Scope scope,
                                        const Value::Object& raw) {
  Value::Object outputs;
  for (const release::Variable& variable : metadata.outputs) {
    if (!in_scope(variable, scope)) continue;
    TRY(Value value,
        value_of(variable, raw.find(variable.id),
                 "It is an output without default: a script of the stage must write it to the outputs file."));
    outputs.set(variable.id, std::move(value));
  }
  return outputs;
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
