#include "controller/cli/plan_view.h"

#include <algorithm>

#include "controller/cli/job_run.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "shared/base/printable.h"
#include "shared/base/text.h"

namespace escape::cli {
namespace {

constexpr std::string_view id_prefix = "plan-";
constexpr std::size_t id_digits = 16;
constexpr std::size_t shown_digits = 12;

std::string digest_of(const protocol::PlannedDeployment& one) {
  const std::string from = one.from_sha256.substr(0, shown_digits);
  const std::string to = one.to_sha256.substr(0, shown_digits);
  if (one.to.empty()) return or_dash(from);
  return from.empty() || from == to ? or_dash(to) : from + " → " + to;
}

std::string line_of(const protocol::PlannedInput& input) {
  if (input.change == "set") return input.name + " = " + input.to;
  if (input.change == "changed") return input.name + ": " + input.from + " → " + input.to;
  if (input.change == "unset") return input.name + ": no longer given";
  return input.name + ": known when its dependency has run" + (input.from.empty() ? "" : " (now " + input.from + ")");
}

std::string host_line(const protocol::reply::Plan& plan) {
  if (plan.agent.empty()) return "Scripts:\n";
  std::string line = "Scripts on " + plan.agent;
  if (!plan.agent_state.empty() && plan.agent_state != "online") line += " (" + plan.agent_state + ")";
  if (!plan.agent_before.empty() && plan.agent_before != plan.agent) line += ", and no longer on " + plan.agent_before;
  return line + ":\n";
}

}  // namespace

bool is_plan_id(std::string_view text) {
  if (!text.starts_with(id_prefix) || text.size() != id_prefix.size() + id_digits) return false;
  return std::ranges::all_of(text.substr(id_prefix.size()),
                             [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string plan_text(const protocol::reply::Plan& plan) {
  Table table({"DEPLOYMENT", "ACTION", "NOW", "THEN", "DIGEST", "STATUS"});
  std::string inputs, providers;
  for (const protocol::PlannedDeployment& one : plan.deployments) {
    table.add({one.deployment, one.action, or_dash(one.from), or_dash(one.to), digest_of(one), one.status});
    for (const protocol::PlannedInput& input : one.inputs)
      inputs += "  " + one.deployment + "  " + printable(line_of(input)) + "\n";
    for (const auto& [variable, provider] : one.providers) {
      providers.append("  ").append(one.deployment).append("  ").append(variable);
      providers.append(" from ").append(provider).append("\n");
    }
  }
  std::string text = table.text();
  if (!inputs.empty()) text += "\nInputs:\n" + inputs;
  if (!providers.empty()) text += "\nProviders:\n" + providers;
  if (!plan.steps.empty()) {
    text += "\n" + host_line(plan);
    for (const protocol::PlannedStep& step : plan.steps) text += "  " + step.deployment + "  " + step.step + "\n";
  }
  text += "\nLocks in " + plan.environment + ": " + join(plan.locks, ", ") + "\n";
  for (const std::string& warning : plan.warnings) text += "Warning: " + printable(warning) + "\n";
  if (!plan.has_changes) text += "Nothing changes: the same would run again.\n";
  return text;
}

Result<int> show_plan(Invocation& run, protocol::request::Submit submit, const PlanOutput& output) {
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Plan plan,
      ask<protocol::reply::Plan>(*link, protocol::request::PlanJob{std::move(submit)}));
  if (output.as_json) {
    print_json(run, to_json_view(plan));
  } else {
    run.console().out(plan_text(plan));
    run.console().out("\nAdd `--plan " + plan.id +
                      "` to do exactly this, or nothing when something has moved since.\n");
  }
  return plan.has_changes && output.detailed_exit_code ? changes_exit : 0;
}

}  // namespace escape::cli
