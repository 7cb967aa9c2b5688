#pragma once

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "shared/codec/domain.h"
#include "shared/codec/fields.h"

/// The wire names of every field of agent.h and client.h, for shared/codec/fields.h (which the store uses too: a
/// LogEntry or an EventView is stored as it is sent). A name never changes its meaning; a new field needs a default
/// that says "as before". What identifies a thing is `required`; everything else may be missing.
namespace escape::protocol {

/// A string member that holds raw bytes (a key, a seed): msgpack `bin`, since `str` is text.
struct RawBytes {
  std::string& bytes;
};
inline Value write(const RawBytes& raw) { return Binary{raw.bytes}; }
inline Result<> read(const Value& value, RawBytes& to) {
  const Binary* binary = value.as_binary();
  if (!binary) return fail(codec::detail::wrong_type("binary", value));
  to.bytes = binary->bytes;
  return ok();
}

template <class V>
void describe(V& visit, HostFacts& h) {
  visit("hostname", h.hostname);
  visit("boot_id", h.boot_id);
  visit("machine_id", h.machine_id);
  visit("agent_version", h.agent_version);
  visit("platform", h.platform);
  visit("arch", h.arch);
}
template <class V>
void describe(V& visit, HeldTask& h) {
  visit.required("task", h.task);
  visit.required("attempt", h.attempt);
  visit.required("phase", h.phase);
  visit("output_bytes", h.output_bytes);
}

template <class V>
void describe(V& visit, Join& m) {
  RawBytes public_key{m.public_key};
  visit("name", m.name);
  visit.required("public_key", public_key);
  visit("host", m.host);
  visit("labels", m.labels);
}
template <class V>
void describe(V& visit, Hello& m) {
  visit("host", m.host);
  visit("placement", m.placement);
  visit("labels", m.labels);
  visit("holds", m.holds);
  visit("process", m.process);
  visit("sent_at", m.sent_at);
  visit("abilities", m.abilities);
}
template <class V>
void describe(V&, Ping&) {}
template <class V>
void describe(V& visit, Accepted& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
}
template <class V>
void describe(V& visit, Declined& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
  visit("reason", m.reason);
}
template <class V>
void describe(V& visit, Output& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
  visit.required("offset", m.offset);
  visit.required("bytes", m.bytes);
}
template <class V>
void describe(V& visit, Finished& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
  visit.required("outcome", m.outcome);
  visit("exit_status", m.exit_status);
  visit("message", m.message);
  visit("outputs", m.outputs);
  visit("has_outputs", m.has_outputs);
  visit.required("output_bytes", m.output_bytes);
  visit.required("tail_offset", m.tail_offset);
  visit("tail", m.tail);
  visit("duration_micros", m.duration_micros);
}
template <class V>
void describe(V&, Bye&) {}

template <class V>
void describe(V& visit, Joined& m) {
  visit.required("agent", m.agent);
  visit("environment", m.environment);
}
template <class V>
void describe(V& visit, Welcome& m) {
  visit.required("agent", m.agent);
  visit("environment", m.environment);
  visit("heartbeat", m.heartbeat);
  visit("missed_beats", m.missed_beats);
  visit("inventory_port", m.inventory_port);
  visit("inventory_url", m.inventory_url);
  visit("forget", m.forget);
  visit("cancel", m.cancel);
  visit("credit", m.credit);
}
template <class V>
void describe(V& visit, Refused& m) {
  visit("kind", m.kind);
  visit("message", m.message);
  visit("is_final", m.is_final);
  visit("retry_after", m.retry_after);
}
template <class V>
void describe(V& visit, Pong& m) {
  visit("heartbeat", m.heartbeat);
}
template <class V>
void describe(V& visit, PackageSource& p) {
  visit("release", p.release);
  visit("path", p.path);
  visit("sha256", p.sha256);
  visit("size", p.size);
  visit("workspace", p.workspace);
}
template <class V>
void describe(V& visit, PackagePart& p) {
  visit.required("folder", p.folder);
  visit.required("package", p.package);
}
template <class V>
void describe(V& visit, FileToWrite& f) {
  RawBytes text{f.text};
  visit.required("path", f.path);
  visit("text", text);
}
template <class V>
void describe(V& visit, TemplateToRender& t) {
  visit.required("file", t.file);
  visit.required("target", t.target);
  visit("values", t.values);
  visit("escape_html", t.escape_html);
}
template <class V>
void describe(V& visit, Offer& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
  visit("environment", m.environment);
  visit("deployment", m.deployment);
  visit("stage", m.stage);
  visit.required("step", m.step);
  visit("package", m.package);
  visit("run", m.run);
  visit("downloads", m.downloads);
  visit("templates", m.templates);
  visit("parts", m.parts);
  visit("files", m.files);
  visit("variables", m.variables);
  visit("secret_variables", m.secret_variables);
  visit("outputs_before", m.outputs_before);
  visit("writes_outputs_file", m.writes_outputs_file);
  visit("reads_outputs", m.reads_outputs);
  visit("workspace", m.workspace);
  visit("time_limit", m.time_limit);
  visit("credit", m.credit);
}
template <class V>
void describe(V& visit, OutputAck& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
  visit.required("offset", m.offset);
  visit("credit", m.credit);
}
template <class V>
void describe(V& visit, ResultCommitted& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
}
template <class V>
void describe(V& visit, Cancel& m) {
  visit.required("task", m.task);
  visit.required("attempt", m.attempt);
  visit("grace", m.grace);
}

template <class V>
void describe(V& visit, TaskView& t) {
  visit("task", t.task);
  visit("attempt", t.attempt);
  visit("step", t.step);
  visit("agent", t.agent);
  visit("phase", t.phase);
  visit("outcome", t.outcome);
  visit("exit_status", t.exit_status);
  visit("message", t.message);
  visit("output_bytes", t.output_bytes);
  visit("started_at", t.started_at);
  visit("ended_at", t.ended_at);
  visit("host", t.host);
  visit("agent_state", t.agent_state);
  visit("agent_seen", t.agent_seen);
  visit("reported_at", t.reported_at);
  visit("deployment", t.deployment);
}
template <class V>
void describe(V& visit, JobView& j) {
  visit("number", j.number);
  visit("kind", j.kind);
  visit("phase", j.phase);
  visit("outcome", j.outcome);
  visit("error_kind", j.error_kind);
  visit("message", j.message);
  visit("hint", j.hint);
  visit("environment", j.environment);
  visit("deployment", j.deployment);
  visit("release", j.release);
  visit("principal", j.principal);
  visit("parent", j.parent);
  visit("created_at", j.created_at);
  visit("started_at", j.started_at);
  visit("settled_at", j.settled_at);
  visit("tasks", j.tasks);
  visit("state", j.state);
  visit("retry_of", j.retry_of);
  visit("resolved_by", j.resolved_by);
  visit("resolved_because", j.resolved_because);
}
template <class V>
void describe(V& visit, AgentView& a) {
  visit("name", a.name);
  visit("environment", a.environment);
  visit("labels", a.labels);
  visit("state", a.state);
  visit("fingerprint", a.fingerprint);
  visit("host", a.host);
  visit("enrolled_at", a.enrolled_at);
  visit("last_seen", a.last_seen);
  visit("running_tasks", a.running_tasks);
  visit("conflict", a.conflict);
  visit("clock_ahead_micros", a.clock_ahead_micros);
}
template <class V>
void describe(V& visit, PrincipalView& p) {
  visit("name", p.name);
  visit("role", p.role);
  visit("environments", p.environments);
  visit("fingerprint", p.fingerprint);
  visit("enrolled_at", p.enrolled_at);
}
template <class V>
void describe(V& visit, LogEntry& e) {
  visit("sequence", e.sequence);
  visit("job", e.job);
  visit("time", e.time);
  visit("level", e.level);
  visit("sections", e.sections);
  visit("text", e.text);
  visit("task", e.task);
  visit("attempt", e.attempt);
  visit("offset", e.offset);
  visit("bytes", e.bytes);
}
template <class V>
void describe(V& visit, EventView& e) {
  visit("sequence", e.sequence);
  visit("time", e.time);
  visit("kind", e.kind);
  visit("principal", e.principal);
  visit("environment", e.environment);
  visit("deployment", e.deployment);
  visit("job", e.job);
  visit("data", e.data);
}
template <class V>
void describe(V& visit, DeploymentCell& c) {
  visit("environment", c.environment);
  visit("deployment", c.deployment);
  visit("release", c.release);
  visit("version", c.version);
  visit("attempted", c.attempted);
  visit("status", c.status);
  visit("agent", c.agent);
  visit("agent_state", c.agent_state);
  visit("job", c.job);
  visit("updated_at", c.updated_at);
  visit("job_state", c.job_state);
  visit("hold", c.hold);
  visit("drift", c.drift);
}
template <class V>
void describe(V& visit, PlannedChange& c) {
  visit("deployment", c.deployment);
  visit("action", c.action);
  visit("from", c.from);
  visit("to", c.to);
  visit("reason", c.reason);
}
template <class V>
void describe(V& visit, ChangeView& v) {
  visit("sequence", v.sequence);
  visit("time", v.time);
  visit("what", v.what);
  visit("release", v.release);
  visit("sha256", v.sha256);
  visit("status", v.status);
  visit("inputs", v.inputs);
  visit("principal", v.principal);
  visit("job", v.job);
  visit("back_to", v.back_to);
  visit("note", v.note);
}
template <class V>
void describe(V& visit, PlannedInput& v) {
  visit("name", v.name);
  visit("from", v.from);
  visit("to", v.to);
  visit("change", v.change);
}
template <class V>
void describe(V& visit, PlannedDeployment& v) {
  visit("deployment", v.deployment);
  visit("action", v.action);
  visit("from", v.from);
  visit("to", v.to);
  visit("from_sha256", v.from_sha256);
  visit("to_sha256", v.to_sha256);
  visit("status", v.status);
  visit("inputs", v.inputs);
  visit("providers", v.providers);
  visit("is_changed", v.is_changed);
}
template <class V>
void describe(V& visit, PlannedStep& v) {
  visit("deployment", v.deployment);
  visit("step", v.step);
}
template <class V>
void describe(V& visit, DifferentValue& v) {
  visit("name", v.name);
  visit("left", v.left);
  visit("right", v.right);
  visit("in_left", v.in_left);
  visit("in_right", v.in_right);
}
template <class V>
void describe(V& visit, DeploymentDifference& v) {
  visit("deployment", v.deployment);
  visit("left", v.left);
  visit("right", v.right);
  visit("left_sha256", v.left_sha256);
  visit("right_sha256", v.right_sha256);
  visit("left_status", v.left_status);
  visit("right_status", v.right_status);
  visit("inputs", v.inputs);
  visit("is_different", v.is_different);
}
template <class V>
void describe(V& visit, ClientCredit& c) {
  visit("batches", c.batches);
}

}  // namespace escape::protocol

namespace escape::protocol::request {

template <class V>
void describe(V& visit, Hello& r) {
  visit("client_version", r.client_version);
}
template <class V>
void describe(V& visit, Enrol& r) {
  RawBytes public_key{r.public_key};
  visit("name", r.name);
  visit.required("public_key", public_key);
}
template <class V>
void describe(V& visit, Submit& r) {
  visit.required("kind", r.kind);
  visit("environment", r.environment);
  visit("deployment", r.deployment);
  visit("release", r.release);
  visit("inputs", r.inputs);
  visit("from_environment", r.from_environment);
  visit("from_deployment", r.from_deployment);
  visit("expected_sha256", r.expected_sha256);
  visit("refresh", r.refresh);
  visit("step_time_limit", r.step_time_limit);
  visit("workspace", r.workspace);
  visit("metadata", r.metadata);
  visit("stages", r.stages);
  visit("providers", r.providers);
  visit("errand", r.errand);
  visit("back_to", r.back_to);
  visit("reason", r.reason);
  visit("plan", r.plan);
  visit("with_inputs", r.with_inputs);
  visit("together", r.together);
  visit("seen", r.seen);
}
template <class V>
void describe(V& visit, PlanJob& r) {
  visit.required("submit", r.submit);
}
template <class V>
void describe(V& visit, DescribePromotion& r) {
  visit("from_environment", r.from_environment);
  visit("from_deployment", r.from_deployment);
  visit("to_environment", r.to_environment);
  visit("to_deployment", r.to_deployment);
}
template <class V>
void describe(V& visit, PlanConverge& r) {
  visit("environment", r.environment);
  visit("refresh", r.refresh);
}
template <class V>
void describe(V& visit, ListJobs& r) {
  visit("environment", r.environment);
  visit("deployment", r.deployment);
  visit("active_only", r.active_only);
  visit("before", r.before);
  visit("limit", r.limit);
}
template <class V>
void describe(V& visit, ShowJob& r) {
  visit.required("job", r.job);
}
template <class V>
void describe(V& visit, Attach& r) {
  visit.required("job", r.job);
  visit("from_sequence", r.from_sequence);
}
template <class V>
void describe(V&, Detach&) {}
template <class V>
void describe(V& visit, CancelJob& r) {
  visit.required("job", r.job);
}
template <class V>
void describe(V& visit, RetryJob& r) {
  visit.required("job", r.job);
}
template <class V>
void describe(V& visit, ResolveJob& r) {
  visit.required("job", r.job);
  visit.required("is_ok", r.is_ok);
  visit.required("reason", r.reason);
}
template <class V>
void describe(V& visit, ListAgents& r) {
  visit("environment", r.environment);
}
template <class V>
void describe(V& visit, Invite& r) {
  visit("name", r.name);
  RawBytes key{r.key};
  visit.required("key", key);
  visit.required("role", r.role);
  visit("environment", r.environment);
  visit("environments", r.environments);
  visit("labels", r.labels);
  visit("valid_for", r.valid_for);
}
template <class V>
void describe(V& visit, RemoveAgent& r) {
  visit.required("name", r.name);
}
template <class V>
void describe(V&, ListPrincipals&) {}
template <class V>
void describe(V& visit, RemovePrincipal& r) {
  visit.required("name", r.name);
}
template <class V>
void describe(V&, ListEnvironments&) {}
template <class V>
void describe(V& visit, ApplyEnvironment::Item& i) {
  visit.required("deployment", i.deployment);
  visit("release", i.release);
  visit("inputs", i.inputs);
}
template <class V>
void describe(V& visit, ApplyEnvironment& r) {
  visit.required("environment", r.environment);
  visit("inputs", r.inputs);
  visit("is_protected", r.is_protected);
  visit("deployments", r.deployments);
  visit("is_trial", r.is_trial);
  visit("converge", r.converge);
}
template <class V>
void describe(V& visit, RemoveEnvironment& r) {
  visit.required("environment", r.environment);
}
template <class V>
void describe(V& visit, ListDeployments& r) {
  visit("environment", r.environment);
}
template <class V>
void describe(V& visit, ShowDeployment& r) {
  visit.required("environment", r.environment);
  visit.required("deployment", r.deployment);
  visit("reveal", r.reveal);
  visit("at", r.at);
  visit("at_time", r.at_time);
}
template <class V>
void describe(V& visit, ExportState& r) {
  visit("environment", r.environment);
  visit("reveal", r.reveal);
}
template <class V>
void describe(V& visit, CreateDeployment& r) {
  visit.required("environment", r.environment);
  visit.required("deployment", r.deployment);
  visit("release", r.release);
  visit("inputs", r.inputs);
  visit("providers", r.providers);
}
template <class V>
void describe(V& visit, SetDeployment& r) {
  visit.required("environment", r.environment);
  visit.required("deployment", r.deployment);
  visit("release", r.release);
  visit("inputs", r.inputs);
  visit("unset", r.unset);
}
template <class V>
void describe(V& visit, RequestDeployment& r) {
  visit.required("environment", r.environment);
  visit.required("deployment", r.deployment);
  visit.required("action", r.action);
  visit("removes", r.removes);
}
template <class V>
void describe(V& visit, ListErrands& r) {
  visit.required("environment", r.environment);
  visit.required("deployment", r.deployment);
}
template <class V>
void describe(V& visit, ImportState& r) {
  visit.required("state", r.state);
  visit("environment", r.environment);
  visit("dry_run", r.dry_run);
  visit("replace", r.replace);
}
template <class V>
void describe(V& visit, ListEvents& r) {
  visit("since", r.since);
  visit("limit", r.limit);
  visit("newest", r.newest);
}
template <class V>
void describe(V& visit, ListHistory& r) {
  visit.required("environment", r.environment);
  visit.required("deployment", r.deployment);
  visit("before", r.before);
  visit("limit", r.limit);
}
template <class V>
void describe(V& visit, SetHold& r) {
  visit.required("environment", r.environment);
  visit.required("deployment", r.deployment);
  visit.required("is_held", r.is_held);
  visit("reason", r.reason);
}
template <class V>
void describe(V& visit, DiffEnvironments& r) {
  visit.required("left", r.left);
  visit.required("right", r.right);
}
template <class V>
void describe(V&, InventoryToken&) {}

}  // namespace escape::protocol::request

namespace escape::protocol::reply {

template <class V>
void describe(V& visit, Hello& r) {
  visit("controller_version", r.controller_version);
  visit("principal", r.principal);
  visit("role", r.role);
  visit("agents_port", r.agents_port);
  visit("events_port", r.events_port);
  visit("http_port", r.http_port);
  visit("inventory_url", r.inventory_url);
  visit("newest_event", r.newest_event);
  visit("heartbeat_millis", r.heartbeat_millis);
}
template <class V>
void describe(V& visit, Enrolled& r) {
  visit("principal", r.principal);
  visit("role", r.role);
}
template <class V>
void describe(V& visit, JobMade& r) {
  visit.required("job", r.job);
}
template <class V>
void describe(V& visit, Promotion& r) {
  visit("release", r.release);
  visit("sha256", r.sha256);
  visit("target_release", r.target_release);
  visit("target_protected", r.target_protected);
  visit("is_downgrade", r.is_downgrade);
  visit("is_same", r.is_same);
  visit("hold", r.hold);
}
template <class V>
void describe(V& visit, ConvergePlan& r) {
  visit("changes", r.changes);
  visit("id", r.id);
}
template <class V>
void describe(V& visit, Jobs& r) {
  visit("jobs", r.jobs);
  visit("more", r.more);
}
template <class V>
void describe(V& visit, Job& r) {
  visit("job", r.job);
}
template <class V>
void describe(V& visit, LogBatch& r) {
  visit.required("job", r.job);
  visit("entries", r.entries);
}
template <class V>
void describe(V& visit, JobDone& r) {
  visit("job", r.job);
}
template <class V>
void describe(V& visit, Done& r) {
  visit("text", r.text);
}
template <class V>
void describe(V& visit, Agents& r) {
  visit("agents", r.agents);
}
template <class V>
void describe(V& visit, Invitation& r) {
  visit("name", r.name);
  visit("valid_until", r.valid_until);
}
template <class V>
void describe(V& visit, Principals& r) {
  visit("principals", r.principals);
}
template <class V>
void describe(V& visit, EnvironmentView& e) {
  visit("name", e.name);
  visit("is_protected", e.is_protected);
  visit("deployments", e.deployments);
  visit("agents", e.agents);
  visit("agents_online", e.agents_online);
  visit("inputs", e.inputs);
  visit("converge", e.converge);
}
template <class V>
void describe(V& visit, Environments& r) {
  visit("environments", r.environments);
}
template <class V>
void describe(V& visit, Deployments& r) {
  visit("cells", r.cells);
  visit("environments", r.environments);
  visit("read_only", r.read_only);
  visit("read_only_hint", r.read_only_hint);
}
template <class V>
void describe(V& visit, Deployment& r) {
  visit("deployment", r.deployment);
}
template <class V>
void describe(V& visit, State& r) {
  visit("state", r.state);
}
template <class V>
void describe(V& visit, Events& r) {
  visit("events", r.events);
  visit("newest", r.newest);
  visit("first_available", r.first_available);
}
template <class V>
void describe(V& visit, Token& r) {
  visit("token", r.token);
  visit("valid_until", r.valid_until);
}
template <class V>
void describe(V& visit, Failed& r) {
  visit.required("kind", r.kind);
  visit("message", r.message);
  visit("hint", r.hint);
}
template <class V>
void describe(V& visit, Errands& r) {
  visit("errands", r.errands);
}
template <class V>
void describe(V& visit, Plan& r) {
  visit("id", r.id);
  visit("kind", r.kind);
  visit("environment", r.environment);
  visit("agent", r.agent);
  visit("agent_state", r.agent_state);
  visit("agent_before", r.agent_before);
  visit("deployments", r.deployments);
  visit("steps", r.steps);
  visit("locks", r.locks);
  visit("warnings", r.warnings);
  visit("has_changes", r.has_changes);
}
template <class V>
void describe(V& visit, History& r) {
  visit("changes", r.changes);
  visit("more", r.more);
}
template <class V>
void describe(V& visit, Differences& r) {
  visit("deployments", r.deployments);
}
template <class V>
void describe(V& visit, Imported::Item& i) {
  visit.required("environment", i.environment);
  visit.required("deployment", i.deployment);
  visit("release", i.release);
  visit("status", i.status);
  visit("below", i.below);
  visit("replaces", i.replaces);
}
template <class V>
void describe(V& visit, Imported& r) {
  visit("deployments", r.deployments);
  visit("unknown_releases", r.unknown_releases);
  visit("remarks", r.remarks);
  visit("dry_run", r.dry_run);
}

}  // namespace escape::protocol::reply
