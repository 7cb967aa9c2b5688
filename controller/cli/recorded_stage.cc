#include "controller/cli/recorded_stage.h"

#include <algorithm>

#include "controller/cli/job_run.h"

namespace escape::cli {
namespace {

const std::string* text_at(const Value& value, std::initializer_list<std::string_view> path) {
  const Value* at = &value;
  for (const std::string_view key : path) {
    const Value::Object* object = at->as_object();
    at = object ? object->find(key) : nullptr;
    if (!at) return nullptr;
  }
  return at->as_string();
}

std::optional<RecordedStage> stage_of(const Value& deployment, std::string_view name) {
  const std::string* version = text_at(deployment, {"stages", name, "version"});
  const std::string* status = text_at(deployment, {"stages", name, "status", "status"});
  if (!version || version->empty() || !status || *status == "empty" || *status == "pending") return std::nullopt;
  return RecordedStage{.version = *version};
}

/// "workspace:PRINCIPAL:FOLDER": the agent that a person's own process is.
std::string folder_of(const std::string& agent) {
  const std::size_t principal = agent.find(':') + 1;
  const std::size_t end = agent.find(':', principal);
  return end == std::string::npos ? std::string() : agent.substr(end + 1);
}

// The name of the agent that an embedded controller runs everything on.
constexpr std::string_view embedded_agent = "local";

/// The record in the original's form doesn't tell, but the job that wrote it does: where its tasks ran. Where that says
/// nothing (no step had a script, or everything runs in one process), only releases are placed on an agent for good.
Result<> find_place(Link& link, const std::string& environment, const std::string& deployment, RecordedStage& stage) {
  TRY(const protocol::reply::Deployments all,
      ask<protocol::reply::Deployments>(link, protocol::request::ListDeployments{environment}));
  const auto cell = std::ranges::find_if(
      all.cells, [&](const auto& c) { return c.environment == environment && c.deployment == deployment; });
  if (cell == all.cells.end() || cell->job == 0) return ok();
  TRY(const protocol::reply::Job job, ask<protocol::reply::Job>(link, protocol::request::ShowJob{cell->job}));
  for (const protocol::TaskView& task : job.job.tasks) {
    if (task.agent.empty() || task.agent == embedded_agent) continue;
    stage.is_workspace = task.agent.starts_with("workspace:");
    if (stage.is_workspace) stage.folder = folder_of(task.agent);
    return ok();
  }
  stage.is_workspace = cell->agent.empty();
  return ok();
}

}  // namespace

Result<RecordedStages> read_recorded_stages(Link& link, const std::string& environment, const std::string& deployment) {
  TRY(const protocol::reply::Deployment shown,
      ask<protocol::reply::Deployment>(link, protocol::request::ShowDeployment{environment, deployment}));
  RecordedStages stages{stage_of(shown.deployment, "build"), stage_of(shown.deployment, "deploy")};
  if (stages.build) stages.build->is_workspace = true;  // nothing else is ever built
  if (stages.deploy) {
    TRYV(find_place(link, environment, deployment, *stages.deploy));
  }
  return stages;
}

}  // namespace escape::cli
