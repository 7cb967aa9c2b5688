#include "shared/codec/domain.h"

namespace escape::codec {
namespace {

/// Keys in byte order at every level, as the original's file has them.
Value sorted(const Value& value) {
  if (const Value::Object* object = value.as_object()) {
    Value::Object all;
    for (const auto& [key, item] : object->sorted()) all.append(key, sorted(item));
    return all;
  }
  if (const Value::List* list = value.as_list()) {
    Value::List all;
    for (const Value& item : *list) all.push_back(sorted(item));
    return all;
  }
  return value;
}

void append_unless_empty(Value::Object& to, const char* key, const Value::Object& object) {
  if (!object.empty()) to.append(key, sorted(object));
}

void append_unless_empty(Value::Object& to, const char* key, const std::string& text) {
  if (!text.empty()) to.append(key, text);
}

/// The original writes its zero time where none is known.
std::string time_text(Timestamp when) { return when.is_set() ? to_rfc3339(when) : "0001-01-01T00:00:00Z"; }

Value status_to_json(const state::Status& status) {
  Value::Object object;
  object.append("status", std::string(name_of(status.code)));
  object.append("updated_at", time_text(status.updated_at));
  append_unless_empty(object, "updated_by", status.updated_by);
  append_unless_empty(object, "data", status.data);
  if (status.try_again_at.is_set()) object.append("try_again_at", time_text(status.try_again_at));
  if (status.tried != 0) object.append("tried", status.tried);
  return object;
}

using Deployments = std::map<std::string, state::Deployment>;

Value deployments_below(const Deployments& all, const std::string& parent, const std::string& stage);

/// `parent` and `below`: whose dependencies it shows, and in which of their stages they lie.
Value stage_to_json(const state::StageRecord& stage, const Deployments& all, const std::string& parent,
                    const std::string& below) {
  Value::Object object;
  append_unless_empty(object, "inputs", stage.inputs);
  append_unless_empty(object, "calculated_inputs", stage.calculated_inputs);
  append_unless_empty(object, "calculated_outputs", stage.calculated_outputs);
  Value dependencies = deployments_below(all, parent, below);
  if (!dependencies.as_object()->empty()) object.append("deployments", std::move(dependencies));
  Value::Object providers;
  for (const auto& [variable, deployment] : stage.providers) providers.append(variable, deployment);
  append_unless_empty(object, "providers", providers);
  Value::List provides(stage.provides.begin(), stage.provides.end());
  if (!provides.empty()) object.append("provides", std::move(provides));
  append_unless_empty(object, "version", stage.release.version);
  object.append("status", status_to_json(stage.status));
  return object;
}

/// The dependencies right below `parent`, of which the original knows a deploy stage only.
Value deployments_below(const Deployments& all, const std::string& parent, const std::string& stage) {
  Value::Object below;
  const std::string prefix = parent + ":";
  for (auto row = all.lower_bound(prefix); row != all.end() && row->first.starts_with(prefix); ++row) {
    const std::string name = row->first.substr(prefix.size());
    const auto record = row->second.stages.find(stage);
    if (name.find(':') != std::string::npos || record == row->second.stages.end()) continue;
    Value::Object stages;
    stages.append("deploy", stage_to_json(record->second, all, row->first, stage));
    Value::Object object;
    object.append("name", name);
    object.append("release", row->second.release);
    object.append("stages", std::move(stages));
    append_unless_empty(object, "inputs", row->second.inputs);
    below.append(name, std::move(object));
  }
  return below;
}

Value environment_to_json(const state::EnvironmentState& from) {
  Value::Object object;
  object.append("name", from.environment.name);
  append_unless_empty(object, "inputs", from.environment.inputs);
  if (from.deployments.empty()) return object;
  Value::Object deployments;
  for (const auto& [name, deployment] : from.deployments) {
    if (!state::is_below_another(name)) deployments.append(name, deployment_to_state_json(from.deployments, name));
  }
  object.append("deployments", std::move(deployments));
  return object;
}

}  // namespace

Value deployment_to_state_json(const Deployments& all, const std::string& name) {
  const state::Deployment& deployment = all.at(name);
  Value::Object object;
  object.append("name", deployment.name);
  object.append("release", deployment.release);
  if (!deployment.stages.empty()) {
    Value::Object stages;
    for (const auto& [stage, record] : deployment.stages) stages.append(stage, stage_to_json(record, all, name, stage));
    object.append("stages", std::move(stages));
  }
  append_unless_empty(object, "inputs", deployment.inputs);
  return object;
}

Value project_to_state_json(std::string_view project, const std::vector<state::EnvironmentState>& environments) {
  Value::Object object;
  object.append("name", project);
  if (environments.empty()) return object;
  Value::Object all;
  for (const state::EnvironmentState& one : environments) all.append(one.environment.name, environment_to_json(one));
  object.append("environments", all.sorted());
  return object;
}

}  // namespace escape::codec
