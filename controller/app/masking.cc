#include "controller/app/masking.h"

#include <algorithm>

#include "controller/store/rows.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

void mask(Value::Object& values, const std::string& id) {
  if (values.contains(id)) values.set(id, hidden);
}

void mask_input(state::StageRecord& stage, const std::string& id) {
  mask(stage.inputs, id);
  mask(stage.calculated_inputs, id);
}

}  // namespace

Result<std::vector<release::Metadata>> releases_of(const state::Deployment& deployment, const store::Reader& reader) {
  std::vector<release::Metadata> releases;
  for (const auto& [name, stage] : deployment.stages) {
    TRY(const std::optional<JobPlan> plan, store::find_plan(reader, stage.job));
    if (!plan) continue;
    const auto planned =
        std::ranges::find(plan->releases, deployment.release + "-v" + stage.release.version, &PlannedRelease::release);
    const bool is_below = state::is_below_another(deployment.name);
    if (is_below && planned == plan->releases.end()) continue;
    TRY(release::Metadata metadata, codec::metadata_from_value(is_below ? planned->metadata : plan->metadata));
    releases.push_back(std::move(metadata));
  }
  return releases;
}

void mask_sensitive(state::Deployment& deployment, const std::vector<release::Metadata>& releases) {
  for (const release::Metadata& metadata : releases) {
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

Result<std::map<std::string, std::vector<release::Metadata>>> releases_of_families(
    const std::map<std::string, state::Deployment>& deployments, const store::Reader& reader) {
  std::map<std::string, std::vector<release::Metadata>> families;
  for (const auto& [name, deployment] : deployments) {
    TRY(std::vector<release::Metadata> releases, releases_of(deployment, reader));
    std::ranges::move(releases, std::back_inserter(families[state::root_of(name)]));
  }
  return families;
}

Result<> mask_sensitive(state::EnvironmentState& whole, const store::Reader& reader) {
  TRY(const auto families, releases_of_families(whole.deployments, reader));
  for (auto& [name, deployment] : whole.deployments) {
    const std::vector<release::Metadata>& releases = families.at(state::root_of(name));
    mask_sensitive(deployment, releases);
    for (const release::Metadata& metadata : releases) {
      for (const release::Variable& input : metadata.inputs) {
        if (is_secret(input)) mask(whole.environment.inputs, input.id);
      }
    }
  }
  return ok();
}

bool is_sensitive(const std::vector<release::Metadata>& releases, const std::string& variable) {
  const auto is_it = [&](const release::Variable& one) { return one.id == variable && is_secret(one); };
  return std::ranges::any_of(releases, [&](const release::Metadata& metadata) {
    return std::ranges::any_of(metadata.inputs, is_it) || std::ranges::any_of(metadata.outputs, is_it);
  });
}

}  // namespace escape::controller
