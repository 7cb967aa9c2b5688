#include "controller/cli/views.h"

#include "shared/codec/codec.h"

namespace escape::cli {
namespace {

Value time_value(Timestamp when) { return when.is_set() ? Value(to_rfc3339(when)) : Value(); }

Value::Object labels_value(const std::map<std::string, std::string>& labels) {
  Value::Object object;
  for (const auto& [name, value] : labels) object.append(name, value);
  return object;
}

}  // namespace

Value list_of(const std::vector<std::string>& texts) { return Value::List(texts.begin(), texts.end()); }

Value to_json_view(const protocol::TaskView& task) {
  return Value::Object{{"task", to_string(task.task)},
                       {"attempt", task.attempt},
                       {"step", task.step},
                       {"agent", task.agent},
                       {"phase", name_of(task.phase)},
                       {"outcome", task.outcome},
                       {"exit_status", task.exit_status},
                       {"message", task.message},
                       {"output_bytes", task.output_bytes},
                       {"started_at", time_value(task.started_at)},
                       {"ended_at", time_value(task.ended_at)},
                       {"host", task.host},
                       {"agent_state", task.agent_state},
                       {"agent_seen", time_value(task.agent_seen)},
                       {"reported_at", time_value(task.reported_at)},
                       {"deployment", task.deployment}};
}

Value to_json_view(const protocol::JobView& job) {
  return Value::Object{{"job", job.number},
                       {"kind", name_of(job.kind)},
                       {"state", job.state},
                       {"phase", name_of(job.phase)},
                       {"outcome", name_of(job.outcome)},
                       {"error_kind", job.error_kind},
                       {"message", job.message},
                       {"hint", job.hint},
                       {"environment", job.environment},
                       {"deployment", job.deployment},
                       {"release", job.release},
                       {"principal", job.principal},
                       {"parent", job.parent == 0 ? Value() : Value(job.parent)},
                       {"created_at", time_value(job.created_at)},
                       {"started_at", time_value(job.started_at)},
                       {"settled_at", time_value(job.settled_at)},
                       {"retry_of", job.retry_of == 0 ? Value() : Value(job.retry_of)},
                       {"resolved_by", job.resolved_by},
                       {"resolved_because", job.resolved_because},
                       {"tasks", list_of(job.tasks)}};
}

Value to_json_view(const protocol::AgentView& agent) {
  return Value::Object{{"name", agent.name},
                       {"environment", agent.environment},
                       {"labels", labels_value(agent.labels)},
                       {"state", agent.state},
                       {"fingerprint", agent.fingerprint},
                       {"hostname", agent.host.hostname},
                       {"platform", agent.host.platform},
                       {"arch", agent.host.arch},
                       {"version", agent.host.agent_version},
                       {"enrolled_at", time_value(agent.enrolled_at)},
                       {"last_seen", time_value(agent.last_seen)},
                       {"running_tasks", agent.running_tasks}};
}

Value to_json_view(const protocol::PrincipalView& principal) {
  return Value::Object{{"name", principal.name},
                       {"role", principal.role},
                       {"environments", list_of(principal.environments)},
                       {"fingerprint", principal.fingerprint},
                       {"enrolled_at", time_value(principal.enrolled_at)}};
}

Value to_json_view(const protocol::EventView& event) {
  return Value::Object{{"sequence", event.sequence},
                       {"time", time_value(event.time)},
                       {"kind", event.kind},
                       {"principal", event.principal},
                       {"environment", event.environment},
                       {"deployment", event.deployment},
                       {"job", event.job == 0 ? Value() : Value(event.job)},
                       {"data", event.data}};
}

Value to_json_view(const protocol::DeploymentCell& cell) {
  return Value::Object{{"environment", cell.environment},
                       {"deployment", cell.deployment},
                       {"release", cell.release},
                       {"version", cell.version},
                       {"attempted", cell.attempted},
                       {"status", cell.status},
                       {"agent", cell.agent},
                       {"agent_state", cell.agent_state},
                       {"job", cell.job},
                       {"job_state", cell.job_state},
                       {"hold", cell.hold},
                       {"drift", cell.drift},
                       {"updated_at", time_value(cell.updated_at)}};
}

Value to_json_view(const protocol::PlannedChange& change) {
  return Value::Object{{"deployment", change.deployment},
                       {"action", change.action},
                       {"from", change.from},
                       {"to", change.to},
                       {"reason", change.reason}};
}

Value to_json_view(const protocol::reply::EnvironmentView& environment) {
  return Value::Object{
      {"name", environment.name},
      {"protected", environment.is_protected},
      {"deployments", environment.deployments},
      {"agents", environment.agents},
      {"agents_online", environment.agents_online},
      {"converge", Value::Object{{"policy", environment.converge.is_automatic ? "automatic" : "manual"},
                                 {"every_seconds", environment.converge.every.count() / 1000}}},
      {"inputs", environment.inputs}};
}

Value to_json_view(const protocol::ChangeView& change) {
  return Value::Object{{"change", change.sequence},
                       {"time", time_value(change.time)},
                       {"what", change.what},
                       {"release", change.release},
                       {"sha256", change.sha256},
                       {"status", change.status},
                       {"inputs", list_of(change.inputs)},
                       {"principal", change.principal},
                       {"job", change.job == 0 ? Value() : Value(change.job)},
                       {"back_to", change.back_to == 0 ? Value() : Value(change.back_to)},
                       {"note", change.note}};
}

Value to_json_view(const protocol::DeploymentDifference& difference) {
  Value::List inputs;
  for (const protocol::DifferentValue& value : difference.inputs) {
    inputs.push_back(Value::Object{{"name", value.name},
                                   {"left", value.in_left ? Value(value.left) : Value()},
                                   {"right", value.in_right ? Value(value.right) : Value()}});
  }
  return Value::Object{{"deployment", difference.deployment},
                       {"different", difference.is_different},
                       {"left", Value::Object{{"release", difference.left},
                                              {"sha256", difference.left_sha256},
                                              {"status", difference.left_status}}},
                       {"right", Value::Object{{"release", difference.right},
                                               {"sha256", difference.right_sha256},
                                               {"status", difference.right_status}}},
                       {"inputs", std::move(inputs)}};
}

Value to_json_view(const protocol::reply::Plan& plan) {
  Value::List deployments, steps;
  for (const protocol::PlannedDeployment& one : plan.deployments) {
    Value::List inputs;
    for (const protocol::PlannedInput& input : one.inputs) {
      inputs.push_back(
          Value::Object{{"name", input.name}, {"from", input.from}, {"to", input.to}, {"change", input.change}});
    }
    deployments.push_back(Value::Object{{"deployment", one.deployment},
                                        {"action", one.action},
                                        {"from", one.from},
                                        {"to", one.to},
                                        {"from_sha256", one.from_sha256},
                                        {"to_sha256", one.to_sha256},
                                        {"status", one.status},
                                        {"inputs", std::move(inputs)},
                                        {"providers", labels_value(one.providers)},
                                        {"changed", one.is_changed}});
  }
  for (const protocol::PlannedStep& step : plan.steps) {
    steps.push_back(Value::Object{{"deployment", step.deployment}, {"step", step.step}});
  }
  return Value::Object{{"plan", plan.id},
                       {"kind", name_of(plan.kind)},
                       {"environment", plan.environment},
                       {"changes", plan.has_changes},
                       {"agent", plan.agent},
                       {"agent_state", plan.agent_state},
                       {"agent_before", plan.agent_before},
                       {"deployments", std::move(deployments)},
                       {"steps", std::move(steps)},
                       {"locks", list_of(plan.locks)},
                       {"warnings", list_of(plan.warnings)}};
}

Value to_json_view(const protocol::reply::Imported& imported) {
  Value::List deployments;
  for (const protocol::reply::Imported::Item& item : imported.deployments) {
    deployments.push_back(Value::Object{{"environment", item.environment},
                                        {"deployment", item.deployment},
                                        {"release", item.release},
                                        {"status", item.status},
                                        {"below", item.below},
                                        {"replaces", item.replaces}});
  }
  return Value::Object{{"deployments", std::move(deployments)},
                       {"unknown_releases", list_of(imported.unknown_releases)},
                       {"remarks", list_of(imported.remarks)},
                       {"dry_run", imported.dry_run}};
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

void print_json(Invocation& run, const Value& value) {
  run.console().out(codec::to_json(value, codec::JsonStyle::indented) + "\n");
}

std::string shown_time(Timestamp when) {
  if (!when.is_set()) return "-";
  std::string text = to_rfc3339(when).substr(0, 19);
  text[10] = ' ';
  return text + " UTC";
}

std::string shown_age(Timestamp when, Timestamp now) {
  return when.is_set() ? to_short_text(std::max(now - when, Micros{0})) + " ago" : "-";
}

}  // namespace escape::cli
