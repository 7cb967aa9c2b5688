#pragma once

#include "controller/core/model.h"
#include "protocol/messages/describe.h"
#include "shared/codec/domain.h"
#include "shared/codec/fields.h"

/// The stored names of every field of core/model.h. A name never changes its meaning; a new field needs a default that
/// says "as before". Rows of shared/state are described in shared/codec/domain.h, LogEntry and EventView in
/// protocol/messages.
namespace escape::controller {

template <class V>
void describe(V& visit, DeploymentKey& k) {
  visit.required("environment", k.environment);
  visit.required("deployment", k.deployment);
}
template <class V>
void describe(V& visit, Redo& r) {
  visit.required("job", r.job);
  visit.required("kind", r.kind);
  visit.required("deployment", r.deployment);
  visit("release", r.release);
  visit("sha256", r.sha256);
  visit("after", r.after);
}
template <class V>
void describe(V& visit, Failure& f) {
  visit("kind", f.kind);
  visit("message", f.message);
  visit("hint", f.hint);
  visit("waits_for_others", f.waits_for_others);
  visit("lines", f.lines);
}
template <class V>
void describe(V& visit, Job& j) {
  protocol::RawBytes workspace_key{j.workspace_key};
  visit.required("number", j.number);
  visit("kind", j.kind);
  visit("phase", j.phase);
  visit("outcome", j.outcome);
  visit("error_kind", j.error_kind);
  visit("message", j.message);
  visit("hint", j.hint);
  visit("environment", j.environment);
  visit("deployment", j.deployment);
  visit("release_query", j.release_query);
  visit("release", j.release);
  visit("sha256", j.sha256);
  visit("size", j.size);
  visit("from_environment", j.from_environment);
  visit("from_deployment", j.from_deployment);
  visit("expected_sha256", j.expected_sha256);
  visit("inputs", j.inputs);
  visit("refresh", j.refresh);
  visit("step_time_limit", j.step_time_limit);
  visit("workspace", j.workspace);
  visit("stages", j.stages);
  visit("principal", j.principal);
  visit("workspace_key", workspace_key);
  visit("parent", j.parent);
  visit("children", j.children);
  visit("cancel_requested", j.cancel_requested);
  visit("cancelled_by", j.cancelled_by);
  visit("current", j.current);
  visit("ahead", j.ahead);
  visit("at", j.at);
  visit("task_count", j.task_count);
  visit("log_entries", j.log_entries);
  visit("created_at", j.created_at);
  visit("started_at", j.started_at);
  visit("settled_at", j.settled_at);
  visit("previous_variables", j.previous_variables);
  visit("previous_below", j.previous_below);
  visit("tried", j.tried);
  visit("is_automatic", j.is_automatic);
  visit("removes_deployment", j.removes_deployment);
  visit("failed_deployments", j.failed_deployments);
  visit("retry_of", j.retry_of);
  visit("redo", j.redo);
  visit("resolved_by", j.resolved_by);
  visit("resolved_because", j.resolved_because);
  visit("providers", j.providers);
  visit("errand", j.errand);
  visit("failure", j.failure);
  visit("after", j.after);
  visit("back_to", j.back_to);
  visit("given", j.given);
  visit("given_files", j.given_files);
  visit("unchanged", j.unchanged);
  visit("skipped", j.skipped);
  visit("reason", j.reason);
  visit("plan", j.plan);
  visit("with_inputs", j.with_inputs);
  visit("is_let_go", j.is_let_go);
}
template <class V>
void describe(V& visit, PlannedRelease& r) {
  visit.required("release", r.release);
  visit("sha256", r.sha256);
  visit("size", r.size);
  visit("metadata", r.metadata);
  visit("seen", r.seen);
}
template <class V>
void describe(V& visit, Unit& u) {
  visit.required("deployment", u.deployment);
  visit("release", u.release);
  visit("stage", u.stage);
  visit("parent", u.parent);
  visit("variable", u.variable);
  visit("providers", u.providers);
  visit("is_provider", u.is_provider);
}
template <class V>
void describe(V& visit, JobPlan& p) {
  visit.required("job", p.job);
  visit("metadata", p.metadata);
  visit("releases", p.releases);
  visit("units", p.units);
  visit("seen", p.seen);
}
/// The deployment's fields lie in the row itself, so that its secrets are where those of its own row are.
template <class V>
void describe(V& visit, DeploymentChange& c) {
  visit.required("sequence", c.sequence);
  visit("time", c.time);
  visit("what", c.what);
  visit("principal", c.principal);
  visit("by_job", c.job);
  visit("back_to", c.back_to);
  visit("note", c.note);
  describe(visit, c.deployment);
}
template <class V>
void describe(V& visit, Task& t) {
  visit.required("task", t.id);
  visit.required("attempt", t.attempt);
  visit("stage", t.stage);
  visit("step", t.step);
  visit("deployment", t.deployment);
  visit("agent", t.agent);
  visit("phase", t.phase);
  visit("was_sent", t.was_sent);
  visit("outcome", t.outcome);
  visit("exit_status", t.exit_status);
  visit("message", t.message);
  visit("outputs", t.outputs);
  visit("has_outputs", t.has_outputs);
  visit("output_bytes", t.output_bytes);
  visit("variables", t.variables);
  visit("outputs_before", t.outputs_before);
  visit("run", t.run);
  visit("templates", t.templates);
  visit("files", t.files);
  visit("started_at", t.started_at);
  visit("ended_at", t.ended_at);
  visit("last_output", t.last_output);
  visit("host", t.host);
  visit("boot_id", t.boot_id);
  visit("reported_at", t.reported_at);
  visit("interruption", t.interruption);
}
template <class V>
void describe(V& visit, StrayTask& s) {
  visit.required("task", s.task);
  visit.required("attempt", s.attempt);
  visit("environment", s.environment);
  visit("deployment", s.deployment);
  visit("step", s.step);
  visit("wants_stop", s.wants_stop);
  visit("is_told", s.is_told);
}
template <class V>
void describe(V& visit, Agent& a) {
  protocol::RawBytes key{a.key};
  visit.required("name", a.name);
  visit.required("key", key);
  visit("environment", a.environment);
  visit("labels", a.labels);
  visit("host", a.host);
  visit("enrolled_at", a.enrolled_at);
  visit("last_seen", a.last_seen);
  visit("conflict", a.conflict);
  visit("clock_ahead_micros", a.clock_ahead_micros);
  visit("is_connected", a.is_connected);
  visit("strays", a.strays);
}
template <class V>
void describe(V& visit, Principal& p) {
  protocol::RawBytes key{p.key};
  visit.required("name", p.name);
  visit.required("key", key);
  visit.required("role", p.role);
  visit("environments", p.environments);
  visit("enrolled_at", p.enrolled_at);
}
template <class V>
void describe(V& visit, Invitation& i) {
  protocol::RawBytes key{i.key};
  protocol::RawBytes used_by_key{i.used_by_key};
  visit.required("key", key);
  visit("name", i.name);
  visit.required("role", i.role);
  visit("environment", i.environment);
  visit("environments", i.environments);
  visit("labels", i.labels);
  visit("invited_by", i.invited_by);
  visit("valid_until", i.valid_until);
  visit("used_by_key", used_by_key);
  visit("used_by_name", i.used_by_name);
}
template <class V>
void describe(V& visit, Lock& l) {
  visit.required("of", l.key);
  visit("holder", l.holder);
  visit("since", l.since);
  visit("waiting", l.waiting);
}
template <class V>
void describe(V& visit, AnsweredRequest& a) {
  visit.required("principal", a.principal);
  visit.required("id", a.id);
  visit("reply", a.reply);
  visit("at", a.at);
}

}  // namespace escape::controller
