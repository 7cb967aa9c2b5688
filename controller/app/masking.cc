#include "controller/app/masking.h"

#include <algorithm>

#include "controller/core/shown_state.h"
#include "controller/store/rows.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

void mask(Value::Object& values, const std::string& id) {
  if (values.contains(id)) values.set(id, hidden_value);
}

void mask_all(Value::Object& values) {
  for (auto& [id, value] : values) value = hidden_value;
}

/// Those that hold a secret under a name that nobody calls sensitive.
void mask_holders(Value::Object& values, const SecretTexts& secrets) {
  for (auto& [id, value] : values) {
    if (secrets.is_in(value)) value = hidden_value;
  }
}

void add_secrets(const state::Deployment& deployment, const FamilyReleases& releases, SecretTexts& to) {
  const auto add = [&](const Value::Object& values) {
    for (const auto& [id, value] : values) {
      const bool is_hidden = value.as_string() && *value.as_string() == hidden_value;
      if (!is_hidden && releases.is_complete && is_sensitive(releases, id)) to.add(value);
    }
  };
  add(deployment.inputs);
  for (const auto& [name, stage] : deployment.stages) {
    add(stage.inputs);
    add(stage.calculated_inputs);
    add(stage.calculated_outputs);
  }
}

void mask_input(state::StageRecord& stage, const std::string& id) {
  mask(stage.inputs, id);
  mask(stage.calculated_inputs, id);
}

}  // namespace

bool is_sensitive(const FamilyReleases& releases, const std::string& variable) {
  const auto is_it = [&](const release::Variable& one) { return one.id == variable && is_secret(one); };
  return !releases.is_complete || std::ranges::any_of(releases.known, [&](const release::Metadata& metadata) {
    return std::ranges::any_of(metadata.inputs, is_it) || std::ranges::any_of(metadata.outputs, is_it);
  });
}

Result<> ReleaseFinder::add_releases(const state::Deployment& deployment, FamilyReleases& to) {
  for (const auto& [name, stage] : deployment.stages) {
    TRY(std::optional<release::Metadata> planned, find_planned(deployment, stage));
    if (planned) {
      to.known.push_back(std::move(*planned));
    } else if (stage.job == 0 && !stage.release.version.empty()) {
      const std::optional<release::ReleaseRecord>& record =
          find_in_inventory(deployment.release + "-v" + stage.release.version);
      const bool is_it = record && may_be_same(stage.release, {stage.release.version, record->sha256});
      if (is_it) to.known.push_back(record->metadata);
      to.is_complete = to.is_complete && is_it;
    }
  }
  return ok();
}

Result<std::map<std::string, FamilyReleases>> ReleaseFinder::of_families(
    const std::map<std::string, state::Deployment>& deployments) {
  std::map<std::string, FamilyReleases> families;
  for (const auto& [name, deployment] : deployments) {
    TRYV(add_releases(deployment, families[state::root_of(name)]));
  }
  SecretTexts secrets;
  for (const auto& [name, deployment] : deployments) {
    add_secrets(deployment, families.at(state::root_of(name)), secrets);
  }
  for (auto& [root, releases] : families) releases.secrets = secrets;
  return families;
}

Result<std::optional<release::Metadata>> ReleaseFinder::find_planned(const state::Deployment& deployment,
                                                                     const state::StageRecord& stage) const {
  TRY(const std::optional<JobPlan> plan, store::find_plan(reader_, stage.job));
  if (!plan) return std::optional<release::Metadata>();
  const auto planned =
      std::ranges::find(plan->releases, deployment.release + "-v" + stage.release.version, &PlannedRelease::release);
  const bool is_below = state::is_below_another(deployment.name);
  if (is_below && planned == plan->releases.end()) return std::optional<release::Metadata>();
  TRY(release::Metadata metadata, codec::metadata_from_value(is_below ? planned->metadata : plan->metadata));
  return std::optional(std::move(metadata));
}

const std::optional<release::ReleaseRecord>& ReleaseFinder::find_in_inventory(const std::string& release) {
  auto known = asked_.find(release);
  if (known == asked_.end()) {
    std::optional<release::ReleaseRecord> found;
    if (const Result<release::ReleaseQuery> query = release::parse_release_query(release); query) {
      if (Result<release::ReleaseRecord> record = resolve_(query.value()); record) found = record.value();
    }
    known = asked_.emplace(release, std::move(found)).first;
  }
  return known->second;
}

std::map<std::string, state::Deployment> with_providers(const State& state, const std::string& environment,
                                                        const std::string& root) {
  std::map<std::string, state::Deployment> found;
  std::vector<std::string> open{root};
  while (!open.empty()) {
    const std::string next = std::move(open.back());
    open.pop_back();
    if (found.contains(next)) continue;
    for (auto row = state.deployments.lower_bound({environment, next});
         row != state.deployments.end() && row->first.environment == environment &&
         row->first.deployment.starts_with(next);
         ++row) {
      if (state::root_of(row->first.deployment) != next) continue;
      found.emplace(row->first.deployment, row->second);
      for (const auto& [name, stage] : row->second.stages) {
        for (const auto& [variable, provider] : stage.providers) open.push_back(state::root_of(provider));
      }
    }
  }
  return found;
}

void mask_sensitive(state::Deployment& deployment, const FamilyReleases& releases) {
  mask_holders(deployment.inputs, releases.secrets);
  for (auto& [name, stage] : deployment.stages) {
    mask_holders(stage.inputs, releases.secrets);
    mask_holders(stage.calculated_inputs, releases.secrets);
    mask_holders(stage.calculated_outputs, releases.secrets);
  }
  if (!releases.is_complete) {
    mask_all(deployment.inputs);
    for (auto& [name, stage] : deployment.stages) {
      mask_all(stage.inputs);
      mask_all(stage.calculated_inputs);
      mask_all(stage.calculated_outputs);
    }
  }
  for (const release::Metadata& metadata : releases.known) {
    for (const release::Variable& input : metadata.inputs) {
      if (!is_secret(input)) continue;
      mask(deployment.inputs, input.id);
      for (auto& [name, stage] : deployment.stages) mask_input(stage, input.id);
    }
    for (const release::Variable& output : metadata.outputs) {
      if (!is_secret(output)) continue;
      for (auto& [name, stage] : deployment.stages) mask(stage.calculated_outputs, output.id);
    }
  }
}

Result<> mask_sensitive(state::EnvironmentState& whole, ReleaseFinder& finder) {
  TRY(const auto families, finder.of_families(whole.deployments));
  for (auto& [name, deployment] : whole.deployments) mask_sensitive(deployment, families.at(state::root_of(name)));
  if (!families.empty()) mask_holders(whole.environment.inputs, families.begin()->second.secrets);
  for (const auto& [name, releases] : families) {
    if (!releases.is_complete) mask_all(whole.environment.inputs);
    for (const release::Metadata& metadata : releases.known) {
      for (const release::Variable& input : metadata.inputs) {
        if (is_secret(input)) mask(whole.environment.inputs, input.id);
      }
    }
  }
  return ok();
}

}  // namespace escape::controller
