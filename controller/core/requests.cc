#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/overloaded.h"

namespace escape::controller {

namespace request = protocol::request;
using state::StatusCode;

namespace {

constexpr Millis shortest_every{1'000};
constexpr Millis longest_every = std::chrono::hours(24 * 366);

}  // namespace

Result<protocol::Reply> Core::Impl::answer(const Principal& by, const input::ClientMessage& got) {
  return std::visit(overloaded{
                        [&](const request::Submit& r) { return submit(by, got.key, r, got.history); },
                        [&](const request::CancelJob& r) { return cancel(by, r.job); },
                        [&](const request::RetryJob& r) { return retry_job(by, r.job, got.past); },
                        [&](const request::ResolveJob& r) { return resolve_job(by, r); },
                        [&](const request::Invite& r) { return invite(by, r); },
                        [&](const request::RemoveAgent& r) { return remove_agent(by, r); },
                        [&](const request::RemovePrincipal& r) { return remove_principal(by, r); },
                        [&](const request::ApplyEnvironment& r) { return apply_environment(by, r); },
                        [&](const request::RemoveEnvironment& r) { return remove_environment(by, r); },
                        [&](const request::CreateDeployment& r) { return create_deployment(by, r); },
                        [&](const request::SetHold& r) { return set_hold(by, r); },
                        [&](const request::SetDeployment& r) { return set_deployment(by, r); },
                        [&](const request::RequestDeployment& r) { return request_deployment(by, r); },
                        [&](const request::ShowDeployment& r) { return reveal(by, r, got.history); },
                        [&](const request::ExportState& r) { return reveal(by, r); },
                        [&](const request::ImportState& r) { return import_state(by, r, got.digests); },
                        [&](const auto&) -> Result<protocol::Reply> {
                          return fail(ErrorKind::internal, fmt::format("'{}' changes nothing and is not answered here.",
                                                                       protocol::word_of(got.request)));
                        },
                    },
                    got.request);
}

void Core::Impl::remember_answer(const Principal& by, const protocol::ClientReply& reply) {
  if (now.wall - answers_checked_at > std::chrono::hours(1)) {
    answers_checked_at = now.wall;
    rows.forget_answers(now.wall + -answers_kept);
  }
  protocol::TypedBody typed = protocol::encode(protocol::ToClient(reply));
  rows.put(AnsweredRequest{by.name, reply.id,
                           Value::Object{{"type", std::move(typed.type)}, {"body", Binary{std::move(typed.body)}}},
                           now.wall});
}

void Core::Impl::answer_again(const input::ClientMessage& got, const AnsweredRequest& answered) {
  ignore("request " + got.request_id + " was answered already");
  const Value::Object* stored = answered.reply.as_object();
  const Value* type = stored ? stored->find("type") : nullptr;
  const Value* body = stored ? stored->find("body") : nullptr;
  if (type && type->as_string() && body && body->as_binary()) {
    Result<protocol::ToClient> decoded = protocol::decode_to_client(*type->as_string(), body->as_binary()->bytes);
    if (decoded && std::holds_alternative<protocol::ClientReply>(decoded.value())) {
      effects.to_clients.push_back({got.session, std::get<protocol::ClientReply>(std::move(decoded).value())});
      return;
    }
  }
  effects.to_clients.push_back(
      {got.session,
       {got.request_id, protocol::reply::Failed{std::string(kind_name(ErrorKind::conflict)),
                                                "This request was carried out, but its recorded answer cannot be read.",
                                                "Look at the result before you ask again."}}});
}

void Core::Impl::make_environment(const Principal& by, const std::string& name, bool is_trial) {
  rows.put(state::Environment{.name = name, .inputs = {}, .is_trial = is_trial, .created_at = now.wall});
  tell("environment.created", by.name, {name, ""}, 0, {{"trial", is_trial}});
}

/// Whether the release that is asked for may live under that name.
Result<> Core::Impl::check_desired(const DeploymentKey& key, std::string_view query) const {
  TRYV(release::check_deployment_name(key.deployment));
  TRY(const release::ReleaseQuery parsed, release::parse_release_query(query));
  const std::string application = to_string(parsed.application);
  if (const state::Deployment* other = holds_other_package(rows.state(), key, application)) {
    return fail(other_package(*other, application));
  }
  return ok();
}

void Core::Impl::set_desired(const Principal& by, const DeploymentKey& key, const std::string& query,
                             const std::function<void(state::Deployment&)>& also) {
  const std::string application = to_string(release::parse_release_query(query).value().application);
  if (!rows.state().deployments.contains(key)) {
    rows.put(state::Deployment{
        .environment = key.environment, .name = key.deployment, .release = application, .inputs = {}});
  }
  state::Deployment& deployment = rows.edit_deployment(key);
  const state::Deployment before = deployment;
  if (deployment.release != application) {
    deployment.release = application;
    deployment.stages.clear();
  }
  deployment.desired = state::DesiredRelease{query};
  state::Status& status = deployment.stages["deploy"].status;
  if (status.code == StatusCode::empty) {
    const Result<> gone = state::go(status, StatusCode::pending, now.wall, by.name);
    if (!gone) ignore(gone.error().message);
  }
  also(deployment);
  if (!(deployment == before)) tell_change("desired", by.name, key, 0, {{"release", query}}, "is to run " + query);
}

Result<protocol::Reply> Core::Impl::apply_environment(const Principal& by, const request::ApplyEnvironment& asked) {
  if (asked.environment.empty())
    return fail(ErrorKind::usage, "Missing 'environment'", "Name it with -e or in the file.");
  TRYV(release::check_environment_name(asked.environment));
  std::vector<DeploymentKey> keys;
  for (const request::ApplyEnvironment::Item& item : asked.deployments) {
    std::string name = item.deployment;
    if (name.empty()) {
      TRY(const release::ReleaseQuery query, release::parse_release_query(item.release));
      name = to_string(query.application);
    }
    const DeploymentKey key{asked.environment, name};
    if (std::ranges::find(keys, key) != keys.end()) {
      return fail(ErrorKind::bad_data, fmt::format("The deployment '{}' is described twice.", name));
    }
    TRYV(check_desired(key, item.release));
    keys.push_back(key);
  }
  if (asked.converge && asked.converge->is_automatic &&
      (asked.converge->every < shortest_every || asked.converge->every > longest_every)) {
    return fail(ErrorKind::usage, "An environment is looked at every second at most, and once in a year at least.",
                "For example: every: 5m");
  }
  const bool is_new = !rows.state().environments.contains(asked.environment);
  if (is_new) make_environment(by, asked.environment, asked.is_trial);
  state::Environment& environment = rows.edit_environment(asked.environment);
  const state::Environment before = environment;
  if (asked.inputs) environment.inputs = *asked.inputs;
  if (asked.is_protected) environment.is_protected = *asked.is_protected;
  if (asked.converge) environment.converge = *asked.converge;
  if (!is_new && !(environment == before)) {
    tell("environment.modified", by.name, {asked.environment, ""}, 0);
    environment.revision = rows.state().last_event;
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const request::ApplyEnvironment::Item& item = asked.deployments[i];
    const auto row = rows.state().deployments.find(keys[i]);
    const std::optional<state::Deployment> was =
        row == rows.state().deployments.end() ? std::nullopt : std::optional(row->second);
    set_desired(by, keys[i], item.release, [&](state::Deployment& deployment) {
      deployment.inputs = item.inputs;
      auto stage = deployment.stages.find("deploy");
      for (const auto& [id, value] : item.inputs) {
        if (stage != deployment.stages.end()) stage->second.inputs.erase(id);  // an earlier -v
      }
    });
    const state::Deployment& deployment = rows.state().deployments.at(keys[i]);
    if (was && (was->desired != deployment.desired || was->inputs != deployment.inputs)) begin_anew(keys[i]);
  }
  want_look(asked.environment);
  return protocol::Reply(protocol::reply::Done{fmt::format(
      "Environment {} is {} with {} desired deployment{}; {}{}", asked.environment, is_new ? "created" : "updated",
      keys.size(), keys.size() == 1 ? "" : "s", how_it_gets_there(asked.environment), what_keeps_its_own(asked))});
}

/// Where the environment's new inputs say nothing, because a deployment was given others with -v.
std::string Core::Impl::what_keeps_its_own(const request::ApplyEnvironment& asked) const {
  std::string text;
  if (!asked.inputs) return text;
  for (auto row = rows.state().deployments.lower_bound({asked.environment, ""});
       row != rows.state().deployments.end() && row->first.environment == asked.environment; ++row) {
    const state::StageRecord* stage = find_stage(rows.state(), row->first, "deploy");
    if (!stage || state::is_below_another(row->first.deployment)) continue;
    for (const auto& [id, value] : *asked.inputs) {
      const Value* given = stage->inputs.find(id);
      if (!given || *given == value) continue;
      text += fmt::format(
          "\n{0} keeps its own '{1}', which came with -v; `escape state set -d {0} -e {2} --unset {1}` "
          "gives it up.",
          row->first.deployment, id, asked.environment);
    }
  }
  return text;
}

Result<protocol::Reply> Core::Impl::create_deployment(const Principal& by, const request::CreateDeployment& asked) {
  if (asked.environment.empty()) return fail(ErrorKind::usage, "Missing 'environment'", "Name it with -e.");
  TRYV(release::check_environment_name(asked.environment));
  TRY(const release::ReleaseQuery query, release::parse_release_query(asked.release));
  const DeploymentKey key{asked.environment,
                          asked.deployment.empty() ? to_string(query.application) : asked.deployment};
  TRYV(check_desired(key, asked.release));
  if (!rows.state().environments.contains(key.environment)) make_environment(by, key.environment, false);
  set_desired(by, key, asked.release, [&](state::Deployment& deployment) {
    state::StageRecord& stage = deployment.stages["deploy"];
    for (const auto& [id, value] : asked.inputs) stage.inputs.set(id, value);
    for (const auto& [variable, provider] : asked.providers) stage.providers[variable] = provider;
  });
  want_look(key.environment);
  return protocol::Reply(
      protocol::reply::Done{fmt::format("Deployment {} in environment {} is to run {}; {}", key.deployment,
                                        key.environment, asked.release, how_it_gets_there(key.environment))});
}

Result<protocol::Reply> Core::Impl::remove_environment(const Principal& by, const request::RemoveEnvironment& asked) {
  auto found = rows.state().environments.find(asked.environment);
  if (found == rows.state().environments.end()) {
    return fail(ErrorKind::not_found, fmt::format("There is no environment '{}'.", asked.environment),
                "`escape environments list` shows the environments.");
  }
  const auto of_environment = [&](const auto& rows_by_key) {
    std::vector<DeploymentKey> keys;
    for (auto row = rows_by_key.lower_bound({asked.environment, ""});
         row != rows_by_key.end() && row->first.environment == asked.environment; ++row) {
      keys.push_back(row->first);
    }
    return keys;
  };
  const std::vector<DeploymentKey> locked = of_environment(rows.state().locks);
  if (!locked.empty()) {
    const JobId holder = rows.state().locks.at(locked.front()).holder;
    return fail(ErrorKind::conflict, fmt::format("Job {} works in the environment '{}'.", holder, asked.environment),
                fmt::format("Wait for it, or stop it with `escape jobs cancel {}`.", holder));
  }
  const std::vector<DeploymentKey> deployments = of_environment(rows.state().deployments);
  if (!found->second.is_trial) {
    for (const DeploymentKey& key : deployments) {
      for (const auto& [name, stage] : rows.state().deployments.at(key).stages) {
        if (stage.status.code == StatusCode::empty || stage.status.code == StatusCode::pending) continue;
        return fail(ErrorKind::conflict,
                    fmt::format("The environment '{}' holds the deployment {} in status '{}'.", asked.environment,
                                key.deployment, name_of(stage.status.code)),
                    fmt::format("Destroy it first: escape run destroy -d {} -e {}", key.deployment, asked.environment));
      }
    }
    auto agents = agents_of.find(asked.environment);
    if (agents != agents_of.end() && !agents->second.empty()) {
      return fail(ErrorKind::conflict,
                  fmt::format("The environment '{}' has the agent {}.", asked.environment, *agents->second.begin()),
                  fmt::format("Remove it first: escape agents remove {}", *agents->second.begin()));
    }
  }
  for (const DeploymentKey& key : deployments) rows.remove_deployment(key);
  rows.remove_environment(asked.environment);
  tell("environment.removed", by.name, {asked.environment, ""}, 0);
  return protocol::Reply(protocol::reply::Done{fmt::format("Environment {} has been removed.", asked.environment)});
}

}  // namespace escape::controller
