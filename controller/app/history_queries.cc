#include "controller/app/history_queries.h"

#include <algorithm>
#include <map>
#include <set>

#include "controller/app/masking.h"
#include "controller/core/core.h"
#include "controller/core/shown_state.h"
#include "controller/store/rows.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;
using protocol::Reply;

constexpr int max_page = 1000;

const state::StageRecord& deploy_stage(const state::Deployment& deployment) {
  static const state::StageRecord nothing;
  auto found = deployment.stages.find("deploy");
  return found == deployment.stages.end() ? nothing : found->second;
}

std::string release_of(const state::Deployment& deployment) {
  const std::string& version = deploy_stage(deployment).release.version;
  return version.empty() ? std::string() : deployment.release + "-v" + version;
}

/// What the scripts were given; before they ran, what they are to be given.
Value::Object inputs_of(const state::Deployment& deployment) {
  const state::StageRecord& stage = deploy_stage(deployment);
  if (!stage.calculated_inputs.empty()) return stage.calculated_inputs;
  Value::Object inputs = deployment.inputs;
  for (const auto& [id, value] : stage.inputs) inputs.set(id, value);
  return inputs;
}

std::set<std::string> changed_names(const Value::Object& before, const Value::Object& after) {
  std::set<std::string> names;
  for (const auto& [id, value] : after) {
    const Value* old = before.find(id);
    if (!old || !(*old == value)) names.insert(id);
  }
  for (const auto& [id, value] : before) {
    if (!after.contains(id)) names.insert(id);
  }
  return names;
}

protocol::ChangeView view_of(const DeploymentChange& change, const DeploymentChange* before) {
  const state::StageRecord& stage = deploy_stage(change.deployment);
  const std::set<std::string> changed =
      changed_names(before ? inputs_of(before->deployment) : Value::Object(), inputs_of(change.deployment));
  return {.sequence = change.sequence,
          .time = change.time,
          .what = change.what,
          .release = release_of(change.deployment),
          .sha256 = stage.release.sha256,
          .status = std::string(state::name_of(stage.status.code)),
          .inputs = {changed.begin(), changed.end()},
          .principal = change.principal,
          .job = change.job,
          .back_to = change.back_to,
          .note = change.note};
}

Error never_changed(const std::string& environment, const std::string& deployment) {
  return {ErrorKind::not_found,
          "No change of a deployment '" + deployment + "' in the environment '" + environment + "' is known.",
          "`escape state list-deployments -e " + environment + "` shows what is there.",
          {}};
}

std::string shown_text(const Value* value, bool is_hidden) {
  if (!value) return {};
  if (is_hidden) return std::string(hidden_value);
  return value->as_string() ? *value->as_string() : codec::to_json(*value);
}

using Families = std::map<std::string, FamilyReleases>;

/// Of the deployment on one side or both.
FamilyReleases releases_in(const std::vector<const Families*>& sides, const std::string& deployment) {
  FamilyReleases all;
  for (const Families* families : sides) {
    auto found = families->find(state::root_of(deployment));
    if (found == families->end()) continue;
    all.known.insert(all.known.end(), found->second.known.begin(), found->second.known.end());
    all.is_complete = all.is_complete && found->second.is_complete;
    all.secrets.add(found->second.secrets);
  }
  return all;
}

protocol::DeploymentDifference difference(const std::string& name, const state::Deployment* left,
                                          const state::Deployment* right, const FamilyReleases& releases) {
  protocol::DeploymentDifference found;
  found.deployment = name;
  const auto take = [](const state::Deployment* one, std::string& release, std::string& sha256, std::string& status) {
    if (!one) return Value::Object();
    const state::StageRecord& stage = deploy_stage(*one);
    status = state::name_of(stage.status.code);
    release = release_of(*one);
    sha256 = stage.release.sha256;
    return inputs_of(*one);
  };
  const Value::Object before = take(left, found.left, found.left_sha256, found.left_status);
  const Value::Object after = take(right, found.right, found.right_sha256, found.right_status);
  for (const std::string& id : changed_names(before, after)) {
    const auto holds_one = [&](const Value* value) { return value && releases.secrets.is_in(*value); };
    const bool is_hidden = is_sensitive(releases, id) || holds_one(before.find(id)) || holds_one(after.find(id));
    found.inputs.push_back({.name = id,
                            .left = shown_text(before.find(id), is_hidden),
                            .right = shown_text(after.find(id), is_hidden),
                            .in_left = before.contains(id),
                            .in_right = after.contains(id)});
  }
  if (!left || !right) found.inputs.clear();  // that all of them differ says nothing
  found.is_different = !left || !right || found.left != found.right || found.left_sha256 != found.right_sha256 ||
                       found.left_status != found.right_status || !found.inputs.empty();
  return found;
}

}  // namespace

Result<Reply> list_history(const request::ListHistory& asked, const store::Reader& reader) {
  const DeploymentKey key{asked.environment, asked.deployment};
  const int limit = std::clamp(asked.limit, 1, max_page);
  // One more than is shown, which the last of them is compared with.
  TRY(const std::vector<DeploymentChange> found, store::list_history(reader, key, asked.before, limit + 1));
  if (found.empty() && asked.before == 0) return fail(never_changed(asked.environment, asked.deployment));
  reply::History history;
  history.more = found.size() > static_cast<std::size_t>(limit);
  for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), limit); ++i) {
    history.changes.push_back(view_of(found[i], i + 1 < found.size() ? &found[i + 1] : nullptr));
  }
  return Reply(std::move(history));
}

Result<Reply> show_past_deployment(const request::ShowDeployment& asked, const store::Reader& reader,
                                   const ResolveRelease& resolve) {
  const std::string root = state::root_of(asked.deployment);
  TRY(const auto changes, store::find_past_deployments(reader, {asked.environment, root}, asked.at, asked.at_time));
  std::vector<DeploymentChange> of_family;
  std::map<std::string, state::Deployment> family;
  std::set<std::string> providers;
  for (const auto& [name, change] : changes) {
    of_family.push_back(change);
    family[name] = change.deployment;
    for (const auto& [stage, record] : change.deployment.stages) {
      for (const auto& [variable, provider] : record.providers) providers.insert(state::root_of(provider));
    }
  }
  providers.erase(root);
  for (const std::string& provider : providers) {
    TRY(const auto then, store::find_past_deployments(reader, {asked.environment, provider}, asked.at, asked.at_time));
    for (const auto& [name, change] : then) family[name] = change.deployment;
  }
  TRY(auto shown, find_shown(of_family, asked));
  ReleaseFinder finder(reader, resolve);
  TRY(const Families families, finder.of_families(family));
  FamilyReleases releases = releases_in({&families}, root);
  // What a release calls sensitive by now was so before, too.
  TRY(const std::vector<DeploymentChange> newest, store::list_history(reader, {asked.environment, root}, 0, 1));
  if (!newest.empty()) {
    TRYV(finder.add_releases(newest.front().deployment, releases));
  }
  for (auto& [name, deployment] : shown) mask_sensitive(deployment, releases);
  std::erase_if(shown, [&](const auto& one) {
    return one.first != asked.deployment && !one.first.starts_with(asked.deployment + ":");
  });
  return Reply(reply::Deployment{codec::deployment_to_state_json(shown, asked.deployment)});
}

Result<Reply> diff_environments(const request::DiffEnvironments& asked, const State& state, const store::Reader& reader,
                                const ResolveRelease& resolve) {
  TRY(const auto lefts, find_shown(state, request::ExportState{asked.left}));
  TRY(const auto rights, find_shown(state, request::ExportState{asked.right}));
  if (asked.left.empty() || asked.right.empty()) {
    return fail(ErrorKind::usage, "Two environments are compared: name both.", "`escape state diff test stage`");
  }
  const auto& left = lefts.front().deployments;
  const auto& right = rights.front().deployments;
  ReleaseFinder finder(reader, resolve);
  TRY(const Families left_families, finder.of_families(left));
  TRY(const Families right_families, finder.of_families(right));
  std::set<std::string> names;
  for (const auto* side : {&left, &right}) {
    for (const auto& [name, deployment] : *side) names.insert(name);
  }
  reply::Differences differences;
  for (const std::string& name : names) {
    const auto in = [&](const std::map<std::string, state::Deployment>& side) {
      auto found = side.find(name);
      return found == side.end() ? nullptr : &found->second;
    };
    const FamilyReleases releases = releases_in({&left_families, &right_families}, name);
    differences.deployments.push_back(difference(name, in(left), in(right), releases));
  }
  return Reply(std::move(differences));
}

Result<std::vector<DeploymentChange>> find_history(const protocol::Request& asked, const store::Reader& reader,
                                                   const std::vector<Change>& uncommitted) {
  std::vector<DeploymentChange> history;
  if (const auto* shown = std::get_if<request::ShowDeployment>(&asked)) {
    if (shown->at == 0 && !shown->at_time.is_set()) return history;
    TRY(auto changes,
        store::find_past_deployments(reader, {shown->environment, shown->deployment}, shown->at, shown->at_time));
    for (auto& [name, change] : changes) history.push_back(std::move(change));
    return history;
  }
  const auto* submit = std::get_if<request::Submit>(&asked);
  if (!submit || submit->kind != protocol::JobKind::rollback) return history;
  return store::list_history(reader, uncommitted, {submit->environment, submit->deployment}, rollback_looks_back);
}

}  // namespace escape::controller
