#pragma once

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/release/metadata.h"
#include "shared/state/deployment.h"

/// Values of the domain's own types: `release.json`, the state file of the original, and the records that messages and
/// the store carry (`describe` functions for use with codec/fields.h).
namespace escape::codec {

/// Member order of spec/escape-plan.md §11.1; `other` members in their places.
Value metadata_to_value(const release::Metadata& metadata);
/// Lenient as the original reader: unknown keys are kept in `other`, missing ones take the defaults of
/// spec/inventory-semantics.md §2.3. Shape errors are bad_data. Does not call check_metadata.
Result<release::Metadata> metadata_from_value(const Value& value);
/// `release.json`: from_json + metadata_from_value + check_metadata, "Couldn't unmarshal JSON release metadata: …".
Result<release::Metadata> parse_release_json(std::string_view text);

/// The deployment, environment and project objects of the original's state file (spec/state-model.md §2).
/// `all` holds it and those below it, by their names; it must be there.
Value deployment_to_state_json(const std::map<std::string, state::Deployment>& all, const std::string& name);
Value project_to_state_json(std::string_view project, const std::vector<state::EnvironmentState>& environments);

/// Most deployments, those below others too, and levels of them that a state file may hold.
inline constexpr std::size_t max_state_deployments = 20'000;
inline constexpr std::size_t max_state_depth = 16;

struct ProjectState {
  std::string name;
  std::vector<state::EnvironmentState> environments{};  ///< by name
  std::vector<std::string> remarks{};                   ///< what was left out, a sentence each
};
/// The same read back, by the load rules of spec/state-model.md §2.1 and with its messages. Total on any value. A
/// digest, who runs what, and `last_ok` are not in the file; statuses are as written there. What the original kept
/// among a stage's values for itself (METADATA_*, PREVIOUS_*) is dropped. Errors: bad_data that say where.
Result<ProjectState> project_from_state_json(const Value& value);

}  // namespace escape::codec

namespace escape::state {

inline bool parse_enum(std::string_view text, StatusCode& to) {
  Result<StatusCode> code = parse_status_code(text);
  if (code) to = code.value();
  return code.has_value();
}
template <class V>
void describe(V& visit, Status& s) {
  visit("status", s.code);
  visit("updated_at", s.updated_at);
  visit("updated_by", s.updated_by);
  visit("data", s.data);
  visit("try_again_at", s.try_again_at);
  visit("tried", s.tried);
  visit("is_cut_off", s.is_cut_off);
}
template <class V>
void describe(V& visit, DeployedRelease& r) {
  visit("version", r.version);
  visit("sha256", r.sha256);
  visit("lacks_digest", r.lacks_digest);
}
template <class V>
void describe(V& visit, StageRecord& s) {
  visit("inputs", s.inputs);
  visit("calculated_inputs", s.calculated_inputs);
  visit("calculated_outputs", s.calculated_outputs);
  visit("release", s.release);
  visit("last_ok", s.last_ok);
  visit("status", s.status);
  visit("job", s.job);
  visit("providers", s.providers);
  visit("provides", s.provides);
  visit("files", s.files);
}
template <class V>
void describe(V& visit, DesiredRelease& d) {
  visit("query", d.query);
}
template <class V>
void describe(V& visit, Hold& h) {
  visit("reason", h.reason);
  visit("by", h.by);
  visit("since", h.since);
  visit("job", h.job);
}
template <class V>
void describe(V& visit, Deployment& d) {
  visit("environment", d.environment);
  visit("name", d.name);
  visit("release", d.release);
  visit("inputs", d.inputs);
  visit("stages", d.stages);
  visit("desired", d.desired);
  visit("agent", d.agent);
  visit("hold", d.hold);
  visit("revision", d.revision);
  visit("goes_when_destroyed", d.goes_when_destroyed);
}
template <class V>
void describe(V& visit, ConvergePolicy& p) {
  visit("is_automatic", p.is_automatic);
  visit("every", p.every);
}
template <class V>
void describe(V& visit, Environment& e) {
  visit("name", e.name);
  visit("inputs", e.inputs);
  visit("protected", e.is_protected);
  visit("trial", e.is_trial);
  visit("created_at", e.created_at);
  visit("revision", e.revision);
  visit("converge", e.converge);
}

}  // namespace escape::state

namespace escape::release {

template <class V>
void describe(V& visit, ExecStage& s) {
  visit("cmd", s.cmd);
  visit("args", s.args);
  visit("inline", s.inline_script);
  visit("script", s.script);
}
template <class V>
void describe(V& visit, SeenFile& f) {
  visit("kind", f.kind);
  visit("text", f.text);
  visit("trouble", f.trouble);
}
template <class V>
void describe(V& visit, Download& d) {
  visit.required("url", d.url);
  visit.required("dest", d.dest);
  visit("overwrite", d.overwrite);
  visit("if_not_exists", d.if_not_exists);
  visit("unpack", d.unpack);
  visit("platform", d.platform);
  visit("arch", d.arch);
  visit("sha256", d.sha256);
  visit("scopes", d.scopes);
}

}  // namespace escape::release
