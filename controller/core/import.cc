#include "controller/core/import.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "controller/core/engine.h"
#include "controller/core/shown_state.h"
#include "shared/base/text.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;
using state::StatusCode;

/// Names in one refusal; the rest is counted.
constexpr std::size_t most_named = 50;
/// Beyond these the report says that there are more.
constexpr std::size_t most_remarks = 200;

std::string listed(const std::vector<std::string>& names) {
  if (names.size() <= most_named) return join(names, ", ");
  const std::vector<std::string> first(names.begin(), names.begin() + most_named);
  return fmt::format("{} and {} more", join(first, ", "), names.size() - most_named);
}

std::string named(const DeploymentKey& key) { return key.deployment + " in " + key.environment; }

Result<codec::ProjectState> read_project(const request::ImportState& asked) {
  Result<codec::ProjectState> read = codec::project_from_state_json(asked.state);
  if (!read) return fail(std::move(read).error().in("the state file"));
  codec::ProjectState project = std::move(read).value();
  if (asked.environment.empty()) return project;
  std::erase_if(project.environments,
                [&](const state::EnvironmentState& one) { return one.environment.name != asked.environment; });
  if (!project.environments.empty()) return project;
  return fail(ErrorKind::not_found, "There is no environment '" + asked.environment + "' in the state file.");
}

std::string release_text(const state::Deployment& deployment, const state::StageRecord& stage) {
  return stage.release.version.empty() ? deployment.release : deployment.release + "-v" + stage.release.version;
}

bool is_hidden(const Value::Object& values) {
  return std::ranges::any_of(values, [](const auto& member) {
    const std::string* text = member.second.as_string();
    return text && *text == hidden_value;
  });
}

bool has_hidden(const state::Deployment& deployment) {
  return is_hidden(deployment.inputs) || std::ranges::any_of(deployment.stages, [](const auto& stage) {
           return is_hidden(stage.second.inputs) || is_hidden(stage.second.calculated_inputs) ||
                  is_hidden(stage.second.calculated_outputs);
         });
}

/// Taken as they are, the asterisks would become the secrets.
Result<> check_nothing_hidden(const state::EnvironmentState& whole) {
  std::string where = is_hidden(whole.environment.inputs) ? "the environment " + whole.environment.name : std::string();
  for (const auto& [name, deployment] : whole.deployments) {
    if (where.empty() && has_hidden(deployment)) where = named({whole.environment.name, name});
  }
  if (where.empty()) return ok();
  return fail(ErrorKind::bad_data,
              fmt::format("The state file holds {} in the place of values of {}.", hidden_value, where),
              "Export it again with `escape state export --reveal`.");
}

/// Nobody runs it here.
StatusCode settled(StatusCode code) { return is_running(code) ? failure_code(code) : code; }

/// Codes that a deployment has only after its release was brought up well.
bool has_run_well(StatusCode code) {
  switch (code) {
    case StatusCode::ok:
    case StatusCode::test_pending:
    case StatusCode::test_failure:
    case StatusCode::destroy_pending:
    case StatusCode::destroy_and_delete_pending:
      return true;
    default:
      return false;
  }
}

class Planner {
 public:
  Planner(const State& state, const request::ImportState& asked, const KnownDigests& digests, std::string_view by,
          Timestamp now)
      : state_(state), asked_(asked), digests_(digests), by_(by), now_(now) {}

  Result<Import> plan() {
    TRY(codec::ProjectState project, read_project(asked_));
    plan_.report.remarks = std::move(project.remarks);
    plan_.report.dry_run = asked_.dry_run;
    if (project.name != state_project) {
      remark(
          fmt::format("The project's name '{}' is not kept: $this.project is '{}' here.", project.name, state_project));
    }
    for (const state::EnvironmentState& whole : project.environments) {
      TRYV(check_nothing_hidden(whole));
    }
    TRYV(check_free(project.environments));
    TRYV(check_new(project.environments));
    for (state::EnvironmentState& whole : project.environments) {
      take_environment(whole.environment);
      roots_.clear();
      for (auto& [name, deployment] : whole.deployments) take(std::move(deployment));
    }
    plan_.report.unknown_releases.assign(unknown_.begin(), unknown_.end());
    return std::move(plan_);
  }

 private:
  using Environments = std::vector<state::EnvironmentState>;

  template <class Visit>
  static void each_root(const Environments& environments, Visit visit) {
    for (const state::EnvironmentState& whole : environments) {
      for (const auto& [name, deployment] : whole.deployments) {
        if (!state::is_below_another(name)) visit(DeploymentKey{whole.environment.name, name});
      }
    }
  }

  void remark(std::string text) {
    std::vector<std::string>& remarks = plan_.report.remarks;
    if (remarks.size() < most_remarks) return remarks.push_back(std::move(text));
    if (remarks.size() == most_remarks) remarks.emplace_back("… and more of the same.");
  }

  Result<> check_free(const Environments& environments) const {
    std::vector<std::string> held;
    const auto look = [&](const DeploymentKey& key, const std::string& name) {
      auto lock = state_.locks.find(key);
      if (lock != state_.locks.end()) held.push_back(fmt::format("{} (job {})", name, lock->second.holder));
    };
    for (const state::EnvironmentState& whole : environments) {
      look({whole.environment.name, ""}, "the environment " + whole.environment.name);
    }
    each_root(environments, [&](const DeploymentKey& key) { look(key, named(key)); });
    if (held.empty()) return ok();
    return fail(ErrorKind::conflict, "Jobs work on what would be imported: " + listed(held) + ".",
                "Wait for them, or stop them with `escape jobs cancel`.");
  }

  Result<> check_new(const Environments& environments) const {
    if (asked_.replace) return ok();
    std::vector<std::string> there;
    for (const state::EnvironmentState& whole : environments) {
      auto ours = state_.environments.find(whole.environment.name);
      const bool differs = ours != state_.environments.end() && !ours->second.inputs.empty() &&
                           !whole.environment.inputs.empty() &&
                           !(ours->second.inputs.sorted() == whole.environment.inputs.sorted());
      if (differs) there.push_back("inputs of the environment " + whole.environment.name);
    }
    each_root(environments, [&](const DeploymentKey& key) {
      if (state_.deployments.contains(key)) there.push_back(named(key));
    });
    if (there.empty()) return ok();
    return fail(ErrorKind::conflict, "Nothing was imported, because this is here already: " + listed(there) + ".",
                "With --replace they become what the file says; with -e one environment alone is imported.");
  }

  void take_environment(const state::Environment& from) {
    auto ours = state_.environments.find(from.name);
    const bool is_new = ours == state_.environments.end();
    if (!is_new && (from.inputs.empty() || ours->second.inputs.sorted() == from.inputs.sorted())) return;
    state::Environment environment = is_new ? from : ours->second;
    environment.inputs = from.inputs;
    plan_.environments.push_back(std::move(environment));
  }

  void take(state::Deployment deployment) {
    const DeploymentKey key{deployment.environment, deployment.name};
    for (auto& [name, stage] : deployment.stages) complete(deployment, name, stage);
    if (state::is_below_another(key.deployment)) {
      ++plan_.report.deployments[roots_.at(state::root_of(key.deployment))].below;  // its root came before it
    } else {
      give_way(deployment);
      roots_[key.deployment] = plan_.report.deployments.size();
      const auto deploy = deployment.stages.find("deploy");
      const auto shown = deploy != deployment.stages.end() && !deploy->second.release.version.empty()
                             ? deploy
                             : deployment.stages.begin();
      const state::StageRecord none;
      const state::StageRecord& stage = shown == deployment.stages.end() ? none : shown->second;
      plan_.report.deployments.push_back({.environment = key.environment,
                                          .deployment = key.deployment,
                                          .release = release_text(deployment, stage),
                                          .status = std::string(name_of(stage.status.code)),
                                          .below = 0,
                                          .replaces = state_.deployments.contains(key)});
    }
    plan_.deployments.push_back(std::move(deployment));
  }

  /// The rows of the deployment that is there go. What was wished of it and where it lives, no file knows better.
  void give_way(state::Deployment& deployment) {
    const DeploymentKey key{deployment.environment, deployment.name};
    auto ours = state_.deployments.find(key);
    if (ours == state_.deployments.end()) return;
    deployment.agent = ours->second.agent;
    if (ours->second.release == deployment.release) deployment.desired = ours->second.desired;
    const std::string below = key.deployment + ":";
    for (auto row = ours; row != state_.deployments.end() && row->first.environment == key.environment &&
                          row->first.deployment.starts_with(key.deployment);
         ++row) {
      const bool is_ours = row->first.deployment == key.deployment || row->first.deployment.starts_with(below);
      if (is_ours) plan_.gone.push_back(row->first);
    }
  }

  void complete(const state::Deployment& deployment, const std::string& name, state::StageRecord& stage) {
    state::Status& status = stage.status;
    const StatusCode code = settled(status.code);
    if (code != status.code) {
      const std::string was(name_of(status.code));
      status = {code,
                now_,
                std::string(by_),
                fmt::format("It was in status '{}' when it was imported, and nobody runs it here: how far it got is "
                            "not known.",
                            was),
                {},
                0};
      status.is_cut_off = true;  // so that no controller runs it again by itself
      remark(fmt::format("The stage {} of {} was in status '{}' and is now in '{}': nobody runs it here.", name,
                         named({deployment.environment, deployment.name}), was, name_of(code)));
    }
    if (stage.release.version.empty()) return;
    const std::string release = release_text(deployment, stage);
    const auto known = digests_.find(release);
    stage.release.lacks_digest = known == digests_.end();
    if (known == digests_.end()) {
      unknown_.insert(release);
    } else {
      stage.release.sha256 = known->second;
    }
    if (has_run_well(status.code)) stage.last_ok = stage.release;
  }

  const State& state_;
  const request::ImportState& asked_;
  const KnownDigests& digests_;
  std::string_view by_;
  Timestamp now_;
  Import plan_;
  std::set<std::string> unknown_;
  std::map<std::string, std::size_t> roots_;  ///< of the environment at hand: their places in the report
};

}  // namespace

KnownDigests find_digests(const request::ImportState& asked,
                          const std::function<Result<std::string>(const release::ReleaseId&)>& digest_of) {
  KnownDigests digests;
  const Result<codec::ProjectState> project = read_project(asked);
  if (!project) return digests;
  std::set<std::string> releases;
  for (const state::EnvironmentState& whole : project.value().environments) {
    for (const auto& [name, deployment] : whole.deployments) {
      for (const auto& [stage_name, stage] : deployment.stages) {
        if (!stage.release.version.empty()) releases.insert(release_text(deployment, stage));
      }
    }
  }
  for (const std::string& release : releases) {
    const Result<release::ReleaseId> id = release::parse_release_id(release);
    if (!id) continue;
    Result<std::string> digest = digest_of(id.value());
    // An inventory that does not answer is not asked for each of them.
    if (!digest && digest.error().kind != ErrorKind::not_found) break;
    if (digest && !digest.value().empty()) digests.emplace(release, std::move(digest).value());
  }
  return digests;
}

Result<Import> plan_import(const State& state, const request::ImportState& asked, const KnownDigests& digests,
                           std::string_view by, Timestamp now) {
  return Planner(state, asked, digests, by, now).plan();
}

Result<protocol::Reply> Core::Impl::import_state(const Principal& by, const request::ImportState& asked,
                                                 const KnownDigests& digests) {
  TRY(Import plan, plan_import(rows.state(), asked, digests, by.name, now.wall));
  for (state::Environment& environment : plan.environments) {
    const std::string name = environment.name;
    if (!rows.state().environments.contains(name)) {
      make_environment(by, name, false);
    } else {
      tell("environment.modified", by.name, {name, ""}, 0);
    }
    rows.edit_environment(name).inputs = std::move(environment.inputs);
    rows.edit_environment(name).revision = rows.state().last_event;
  }
  for (const DeploymentKey& key : plan.gone) rows.remove_deployment(key);
  std::vector<DeploymentKey> imported;
  for (state::Deployment& deployment : plan.deployments) {
    imported.push_back({deployment.environment, deployment.name});
    rows.put(std::move(deployment));
  }
  for (const protocol::reply::Imported::Item& item : plan.report.deployments) {
    tell_change(
        "imported", by.name, {item.environment, item.deployment}, 0,
        {{"release", item.release}, {"status", item.status}, {"below", item.below}, {"replaces", item.replaces}});
    for (const DeploymentKey& key : imported) {
      const bool is_below = key.environment == item.environment && key.deployment.starts_with(item.deployment + ":");
      if (is_below) keep_change("imported", by.name, key, 0, {});
    }
    want_look(item.environment);
  }
  return protocol::Reply(std::move(plan.report));
}

}  // namespace escape::controller
