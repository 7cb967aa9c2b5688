#include "controller/cli/status.h"

#include <map>
#include <memory>
#include <set>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "shared/base/printable.h"

namespace escape::cli {
namespace {

std::string health_of(const protocol::DeploymentCell& cell) {
  // Worse than what the status can say: nobody knows how far its script is, or got.
  if (!cell.job_state.empty()) return cell.job_state;
  if (cell.status.starts_with("running_")) return "running";
  return cell.status;
}

void colour(std::string& text) {
  const auto paint = [&](std::string_view word, std::string_view code) {
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
      const std::string painted = std::string(code) + std::string(word) + "\x1b[0m";
      text.replace(at, word.size(), painted);
      at += painted.size();
    }
  };
  paint("failure", "\x1b[31m");
  paint("interrupted", "\x1b[31m");
  paint("unknown", "\x1b[33m");
  paint("offline", "\x1b[33m");
}

Result<int> status(Invocation& run, const std::string& environment, bool as_json) {
  TRY(Link * link, run.link(Access::read));
  TRY(protocol::reply::Deployments all,
      ask<protocol::reply::Deployments>(*link, protocol::request::ListDeployments{environment}));
  TRY(const Profile* profile, run.profile());
  if (!profile->is_remote()) {
    // The only agent is whichever process asks: it is never away.
    for (protocol::DeploymentCell& cell : all.cells) cell.agent_state.clear();
  }
  if (as_json) {
    Value::Object shown{{"environments", list_of(all.environments)}, {"deployments", list_of(all.cells)}};
    if (!all.read_only.empty()) shown.set("read_only", all.read_only);
    print_json(run, std::move(shown));
  } else {
    if (!all.read_only.empty()) run.console().out(all.read_only + "\n" + all.read_only_hint + "\n\n");
    run.console().out(status_matrix(all, run.console().has_output_terminal));
  }
  return 0;
}

}  // namespace

std::string status_cell(const protocol::DeploymentCell& cell) {
  const std::string health = health_of(cell);
  std::string text;
  if (!cell.attempted.empty() && health != "ok" && health != "empty") {
    text = cell.version.empty() ? "v" + cell.attempted + " " + health
                                : "v" + cell.version + " (v" + cell.attempted + " " + health + ")";
  } else if (health == "empty") {
    return "-";
  } else {
    text = cell.version.empty() ? health : "v" + cell.version + " " + health;
  }
  if (!cell.hold.empty()) text += ", held";
  if (cell.agent_state == "offline" || cell.agent_state == "suspect") text += ", " + cell.agent_state;
  return text;
}

std::string status_matrix(const protocol::reply::Deployments& deployments, bool is_colourful) {
  if (deployments.cells.empty()) return "Nothing is deployed. `escape run deploy RELEASE -e ENVIRONMENT` does.\n";
  std::map<std::string, std::map<std::string, std::string>> rows;
  std::string drifts;
  for (const protocol::DeploymentCell& cell : deployments.cells) {
    rows[cell.deployment][cell.environment] = status_cell(cell) + (cell.drift.empty() ? "" : " *");
    if (!cell.drift.empty())
      drifts += "  " + cell.deployment + " in " + cell.environment + ": " + printable(cell.drift) + "\n";
  }
  std::vector<std::string> headers{"DEPLOYMENT"};
  headers.insert(headers.end(), deployments.environments.begin(), deployments.environments.end());
  Table table(std::move(headers));
  for (auto& [name, cells] : rows) {
    std::vector<std::string> row{name};
    for (const std::string& environment : deployments.environments) {
      const std::string& text = cells[environment];
      row.push_back(text.empty() ? "-" : text);
    }
    table.add(std::move(row));
  }
  std::string text = table.text();
  if (!drifts.empty()) text += "\n* not as desired:\n" + drifts;
  if (is_colourful) colour(text);
  return text;
}

void describe_status(Syntax& syntax) {
  auto environment = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  syntax.option("-e,--environment", *environment, "ENVIRONMENT", "Only this environment");
  add_json(syntax, *as_json);
  syntax.action([environment, as_json](Invocation& run) { return status(run, *environment, *as_json); });
}

}  // namespace escape::cli
