#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/text.h"

/// What people want of one deployment: another release or other inputs, or that the next converge does something with
/// it. Nothing runs because of it here.
namespace escape::controller {
namespace {

namespace request = protocol::request;
using state::StatusCode;

/// The status that says what is wished.
Result<StatusCode> wished_status(const request::RequestDeployment& asked) {
  if (asked.removes && asked.action != "destroy") {
    return fail(ErrorKind::usage, "Only what is destroyed can be removed as well.",
                "Ask for destroy, or don't remove.");
  }
  if (asked.action == "deploy") return StatusCode::pending;
  if (asked.action == "smoke") return StatusCode::test_pending;
  if (asked.action == "destroy") {
    return asked.removes ? StatusCode::destroy_and_delete_pending : StatusCode::destroy_pending;
  }
  return fail(ErrorKind::usage, fmt::format("'{}' can't be asked for.", asked.action),
              "What can be: deploy, smoke, destroy, forget.");
}

std::string_view noun_of(std::string_view action) {
  if (action == "deploy") return "deploy";
  return action == "smoke" ? "smoke test" : "destruction";
}

Error impossible(const DeploymentKey& key, StatusCode from, const request::RequestDeployment& asked) {
  Error error{
      ErrorKind::refused,
      fmt::format("The deployment {} in the environment {} is in status '{}', from which no {} can be asked for.",
                  key.deployment, key.environment, name_of(from), noun_of(asked.action)),
      {},
      {}};
  switch (from) {
    case StatusCode::empty:
    case StatusCode::pending:
      error.hint = "Nothing of it is deployed yet.";
      break;
    case StatusCode::test_pending:
    case StatusCode::destroy_pending:
    case StatusCode::destroy_and_delete_pending:
      error.hint = fmt::format("What was asked for before comes first: `escape run converge -e {}` carries it out.",
                               key.environment);
      break;
    case StatusCode::failure:
    case StatusCode::destroy_failure:
      error.hint = "Smoke tests run on what was brought up well: deploy it first.";
      break;
    default:
      break;
  }
  return error;
}

}  // namespace

/// Where the deployment may be changed by hand: it is there, and no job is about to change it too.
Result<> Core::Impl::check_is_at_rest(const DeploymentKey& key) const {
  if (!rows.state().deployments.contains(key)) {
    return fail(ErrorKind::not_found,
                fmt::format("There is no deployment '{}' in the environment '{}'.", key.deployment, key.environment),
                fmt::format("`escape state list-deployments -e {}` shows what is there; `escape state create RELEASE` "
                            "describes a new one.",
                            key.environment));
  }
  if (state::is_below_another(key.deployment)) {
    return fail(ErrorKind::refused,
                fmt::format("{} is a dependency and goes with {}.", key.deployment, state::root_of(key.deployment)),
                fmt::format("Ask for it with -d {}.", state::root_of(key.deployment)));
  }
  auto lock = rows.state().locks.find(key);
  if (lock == rows.state().locks.end()) return ok();
  return fail(ErrorKind::conflict,
              fmt::format("Job {} works on the deployment {} in the environment {}.", lock->second.holder,
                          key.deployment, key.environment),
              fmt::format("Wait for it (`escape jobs attach {0}`), or stop it with `escape jobs cancel {0}`.",
                          lock->second.holder));
}

/// Off the list, and nothing is run for it.
protocol::Reply Core::Impl::forget_deployment(const Principal& by, const DeploymentKey& key, std::string_view why) {
  std::vector<DeploymentKey> gone{key};
  const std::string prefix = key.deployment + ":";
  for (auto row = rows.state().deployments.lower_bound({key.environment, prefix});
       row != rows.state().deployments.end() && row->first.environment == key.environment &&
       row->first.deployment.starts_with(prefix);
       ++row) {
    gone.push_back(row->first);
  }
  for (const DeploymentKey& one : gone) {
    tell_change("requested", by.name, one, 0, {{"action", "forget"}, {"removes", true}}, std::string(why));
    rows.remove_deployment(one);
  }
  want_look(key.environment);
  return protocol::reply::Done{
      fmt::format("The deployment {} in environment {} is off the list: {}.", key.deployment, key.environment, why)};
}

Result<protocol::Reply> Core::Impl::request_deployment(const Principal& by, const request::RequestDeployment& asked) {
  const DeploymentKey key{asked.environment, asked.deployment};
  if (asked.action == "forget") {
    if (by.role != "admin") {
      return fail(ErrorKind::refused, fmt::format("{} may not have deployments forgotten.", by.name),
                  "What is deployed stays on its hosts: ask an administrator.");
    }
    TRYV(check_is_at_rest(key));
    return forget_deployment(by, key, "it is forgotten, and what is on its hosts stays there");
  }
  TRY(const StatusCode wished, wished_status(asked));
  TRYV(check_is_at_rest(key));
  const bool was_never_there = std::ranges::all_of(rows.state().deployments.at(key).stages, [](const auto& stage) {
    const StatusCode code = stage.second.status.code;
    return (code == StatusCode::empty || code == StatusCode::pending) && stage.second.release.version.empty();
  });
  if (asked.removes && was_never_there) return forget_deployment(by, key, "nothing of it was ever deployed");
  const state::Deployment& found = rows.state().deployments.at(key);
  const state::StageRecord* deployed = find_stage(rows.state(), key, "deploy");
  const StatusCode from = deployed ? deployed->status.code : StatusCode::empty;
  const std::string follow = is_watched(key.environment)
                                 ? "the controller carries it out by itself."
                                 : fmt::format("`escape run converge -e {}` carries it out.", key.environment);
  if (from == wished) {
    return protocol::Reply(
        protocol::reply::Done{fmt::format("The {} of {} in environment {} is asked for already; {}",
                                          noun_of(asked.action), key.deployment, key.environment, follow)});
  }
  if (wished == StatusCode::pending && !found.desired && (!deployed || deployed->release.version.empty())) {
    return fail(ErrorKind::refused,
                fmt::format("Nobody has said which release {} should have in the environment {}.", key.deployment,
                            key.environment),
                fmt::format("Say it with `escape state set -d {} -e {} RELEASE`.", key.deployment, key.environment));
  }
  if (!may_go(from, wished)) return fail(impossible(key, from, asked));
  state::Deployment& deployment = rows.edit_deployment(key);
  TRYV(state::go(deployment.stages["deploy"].status, wished, now.wall, by.name));
  deployment.goes_when_destroyed = wished == StatusCode::destroy_and_delete_pending;
  begin_anew(key);
  want_look(key.environment);
  tell_change("requested", by.name, key, 0, {{"action", asked.action}, {"removes", asked.removes}},
              fmt::format("a {} is asked for", noun_of(asked.action)));
  return protocol::Reply(
      protocol::reply::Done{fmt::format("The {} of {} in environment {} is asked for; {}", noun_of(asked.action),
                                        key.deployment, key.environment, follow)});
}

Result<protocol::Reply> Core::Impl::set_deployment(const Principal& by, const request::SetDeployment& asked) {
  const DeploymentKey key{asked.environment, asked.deployment};
  if (asked.release.empty() && asked.inputs.empty() && asked.unset.empty()) {
    return fail(ErrorKind::usage, "There is nothing to set.", "Name a release, or inputs with -v or --unset.");
  }
  TRYV(check_is_at_rest(key));
  if (!asked.release.empty()) {
    TRYV(check_desired(key, asked.release));
  }
  const state::Deployment& found = rows.state().deployments.at(key);
  const state::StageRecord* stage = find_stage(rows.state(), key, "deploy");
  Value::Object inputs = found.inputs;
  Value::Object given = stage ? stage->inputs : Value::Object();  // with the last deploy's -v
  for (const std::string& id : asked.unset) {
    const bool was_given = given.erase(id);
    if (inputs.erase(id) || was_given) continue;
    std::vector<std::string> known;
    for (const auto& [name, value] : inputs) known.push_back(name);
    for (const auto& [name, value] : given) known.push_back(name);
    return fail(ErrorKind::not_found,
                fmt::format("The deployment {} in the environment {} has no input '{}' of its own.", key.deployment,
                            key.environment, id),
                known.empty() ? "It has none." : "It has: " + escape::join(known, ", ") + ".");
  }
  for (const auto& [id, value] : asked.inputs) {
    inputs.set(id, value);
    given.erase(id);
  }
  begin_anew(key);
  // What was deployed by hand is to run what it runs, with other inputs.
  const bool is_undescribed = !found.desired && stage && !stage->release.version.empty();
  const std::string release =
      is_undescribed && asked.release.empty() ? found.release + "-v" + stage->release.version : asked.release;
  const auto take = [&](state::Deployment& deployment) {
    deployment.inputs = inputs;
    if (deployment.stages.contains("deploy")) deployment.stages.at("deploy").inputs = given;
  };
  if (!release.empty()) {
    set_desired(by, key, release, take);
  } else if (found.inputs != inputs || (stage && stage->inputs != given)) {
    Value::List changed(asked.unset.begin(), asked.unset.end());
    for (const auto& [id, value] : asked.inputs) changed.emplace_back(id);
    take(rows.edit_deployment(key));
    tell_change("desired", by.name, key, 0, {{"inputs", std::move(changed)}}, "is to have other inputs");
  }
  want_look(key.environment);
  return protocol::Reply(
      protocol::reply::Done{fmt::format("Deployment {} in environment {} is described anew; {}", key.deployment,
                                        key.environment, how_it_gets_there(key.environment))});
}

/// Something else is wanted of it than what failed before: the back-off of the earlier tries says nothing about it.
void Core::Impl::begin_anew(const DeploymentKey& key) {
  const state::StageRecord* stage = find_stage(rows.state(), key, "deploy");
  if (!stage || (stage->status.tried == 0 && !stage->status.try_again_at.is_set())) return;
  state::Status& status = rows.edit_deployment(key).stages["deploy"].status;
  status.tried = 0;
  status.try_again_at = {};
}

}  // namespace escape::controller
