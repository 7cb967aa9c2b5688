#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/base/value.h"
#include "shared/release/metadata.h"
#include "shared/state/deployment.h"

/// The rows that the controller keeps, and the changes that the core makes to them. Each row is stored whole, as a
/// msgpack map (controller/store/rows.h); the live ones are also held in memory by the core.
namespace escape::controller {

using protocol::JobKind;
using protocol::JobOutcome;
using protocol::JobPhase;
using protocol::TaskOutcome;
using protocol::TaskPhase;

struct DeploymentKey {
  std::string environment;
  std::string deployment;
  friend auto operator<=>(const DeploymentKey&, const DeploymentKey&) = default;
};

/// What a retried converge does again: a deployment that did not end well, with the very release that was tried. And
/// what a set of promotions moves: each with the release that its source ran when it was asked for.
struct Redo {
  JobId job = 0;  ///< the child that did not end well
  JobKind kind = JobKind::deploy;
  std::string deployment;
  std::string release;         ///< exact
  std::string sha256;          ///< empty when that job never got so far
  std::vector<JobId> after{};  ///< children of the forerunner that it needed and that did not end well either
  friend bool operator==(const Redo&, const Redo&) = default;
};

/// Why a job did not end well, while it does not settle yet.
struct Failure {
  std::string kind;  ///< an ErrorKind's name
  std::string message, hint;
  bool waits_for_others = false;       ///< what ran beside it has not ended yet; then providers are deactivated
  std::vector<std::uint32_t> lines{};  ///< while it waits: units whose scripts do not go on, of what failed and above
  friend bool operator==(const Failure&, const Failure&) = default;
};

/// One thing that a user asked for, durable from the moment the number is answered.
struct Job {
  JobId number = 0;
  JobKind kind = JobKind::deploy;
  JobPhase phase = JobPhase::queued;
  JobOutcome outcome = JobOutcome::none;
  std::string error_kind, message, hint;
  std::string environment, deployment;
  std::string release_query;  ///< as asked
  std::string release;        ///< "project/name-v1.0" once resolved
  std::string sha256;
  std::uint64_t size = 0;
  std::string from_environment, from_deployment;  ///< promote
  std::string expected_sha256;
  Value::Object inputs;  ///< -v
  bool refresh = false;
  Millis step_time_limit{0};
  std::string workspace;            ///< folder of a workspace job
  std::vector<std::string> stages;  ///< destroy, or what a build goes on with
  std::string principal;
  std::string workspace_key;  ///< key (empty on inproc) of the session whose process runs a workspace job
  JobId parent = 0;
  std::vector<JobId> children;  ///< of a converge
  bool cancel_requested = false;
  std::string cancelled_by;
  std::uint32_t current = 0;         ///< the first step that has not had its turn; task_count when none is left
  std::uint32_t task_count = 0;      ///< of its steps, those without a task among them
  std::vector<std::uint32_t> ahead;  ///< steps behind it that have had theirs, in order
  std::vector<std::uint32_t> at;     ///< steps that are being worked on: each has a task
  std::uint64_t log_entries = 0;     ///< root jobs: entries written so far; in the row of a live job maybe fewer
  Timestamp created_at{}, started_at{}, settled_at{};
  std::map<std::string, std::string> previous_variables;  ///< INPUT_PREVIOUS_…: the values of the run before this one
  /// The same of the dependencies whose scripts are under way, by their deployments.
  std::map<std::string, std::map<std::string, std::string>> previous_below;
  int tried = 0;                    ///< failed tries in a row before this job: converge's back-off counts on
  bool is_automatic = false;        ///< a converge that the controller began by itself
  bool removes_deployment = false;  ///< destroy: the deployment goes when it ends well
  bool is_let_go = false;           ///< one of a set of promotions: all of the set could begin, and do
  std::vector<std::string> failed_deployments;   ///< converge: names of the deployments that failed so far
  JobId retry_of = 0;                            ///< the job that this one runs again
  std::vector<Redo> redo;                        ///< a retried converge: what it does, instead of looking anew
  std::string resolved_by, resolved_because;     ///< settled by a person's word while its task was unknown
  std::map<std::string, std::string> providers;  ///< -p: a consumer's variable → the deployment that provides for it
  std::string errand;                            ///< its name
  /// A child of a converge that waits for others of it, which it needs: it holds its deployment and has not begun.
  std::vector<JobId> after;
  /// The job has failed and still deactivates the providers that it activated: what it settles with.
  std::optional<Failure> failure;
  EventSequence back_to = 0;                       ///< rollback: the change whose release and inputs it brings back
  Value::Object given;                             ///< rollback: the values that the scripts had then, by declared id
  std::map<std::string, std::string> given_files;  ///< rollback: the texts of the files that those name
  std::vector<std::uint32_t>
      unchanged;  ///< units that ran this very release well when their turn came, and may be skipped
  std::vector<std::uint32_t> skipped;    ///< units that were left as they are
  std::string reason;                    ///< rollback: why
  std::string plan;                      ///< id of the plan that a person agreed to; another one now is a conflict
  std::vector<std::string> with_inputs;  ///< a set of promotions: inputs of each source that go along
  friend bool operator==(const Job&, const Job&) = default;
};

/// A release that a job needs beside its own: of a dependency, an extension, a provider, and what they need in turn.
struct PlannedRelease {
  std::string release;  ///< "project/name-v1.0"
  std::string sha256;
  std::uint64_t size = 0;
  Value metadata;  ///< release.json
  release::SeenFiles seen{};
  friend bool operator==(const PlannedRelease&, const PlannedRelease&) = default;
};

/// A deployment that a job works on: its own, a dependency below it, or a provider whose scripts it runs.
struct Unit {
  std::string deployment;    ///< "app", "app:db"; a provider's own
  std::string release;       ///< exact
  std::string stage{};       ///< a dependency: below which stage of the job's own deployment it stands
  std::uint32_t parent = 0;  ///< a dependency: index of the unit that depends on it
  std::string variable{};    ///< a dependency: under which the parent's expressions know it
  std::map<std::string, std::string> providers{};  ///< a consumer's variable → the deployment that provides for it
  bool is_provider = false;
  friend bool operator==(const Unit&, const Unit&) = default;
};

/// What a job acts on, written when its release is resolved and again when it is known which deployments that means.
struct JobPlan {
  JobId job = 0;
  Value metadata;                          ///< release.json of the job's own release
  std::vector<PlannedRelease> releases{};  ///< the others
  std::vector<Unit> units{};               ///< the job's own first; empty: only that one
  release::SeenFiles seen{};               ///< of the job's own release
  friend bool operator==(const JobPlan&, const JobPlan&) = default;
};

/// One change of a deployment, and all of it as it was from then on. Never changed, never held in memory: the shell
/// hands in what the core needs (`input::ClientMessage::history`).
struct DeploymentChange {
  EventSequence sequence = 0;  ///< of the event that tells it
  Timestamp time{};
  std::string what{};  ///< the event's kind without "deployment.": "upgraded", "failed", "desired" …
  std::string principal{};
  JobId job = 0;
  EventSequence back_to = 0;  ///< what a rollback went back to, or tried to
  std::string note{};         ///< what was wished, why it is held
  state::Deployment deployment{};
  friend bool operator==(const DeploymentChange&, const DeploymentChange&) = default;
};

/// One step on one agent.
struct Task {
  TaskId id;
  Attempt attempt = 1;
  std::string stage;       ///< "build" or "deploy"
  std::string step;        ///< "pre_deploy" …
  std::string deployment;  ///< of a dependency or a provider; empty: the job's own
  AgentId agent;           ///< bound when first offered, never changed for this attempt
  TaskPhase phase = TaskPhase::planned;
  bool was_sent = false;  ///< an offer left for the agent (set in the same batch that precedes the send)
  std::optional<TaskOutcome> outcome;
  int exit_status = 0;
  std::string message;
  Value::Object outputs;
  bool has_outputs = false;
  std::uint64_t output_bytes = 0;                ///< committed so far
  std::map<std::string, std::string> variables;  ///< what the offer carries; kept so that a resend is the same
  Value::Object outputs_before;
  release::ExecStage run;  ///< evaluated; kept for the same reason
  std::vector<protocol::TemplateToRender> templates;
  std::map<std::string, std::string> files;  ///< path → text: what its values name (value_files.h)
  Timestamp started_at{}, ended_at{};
  std::string last_output;  ///< the end of the output, for the message when the step fails
  std::string host;         ///< hostname and boot of the agent's host when it took the task
  std::string boot_id;
  Timestamp reported_at{};   ///< when the agent last told something of it
  std::string interruption;  ///< interrupted: why, as one word (interruption.h)
  friend bool operator==(const Task&, const Task&) = default;
};

/// A task that was settled by hand while it may have been running on an agent out of reach. When that agent is back it
/// is told of and changes nothing.
struct StrayTask {
  TaskId task;
  Attempt attempt = 0;
  std::string environment, deployment, step;
  bool wants_stop = false;  ///< its cancellation had been asked for
  bool is_told = false;     ///< that it still runs was told once
  friend bool operator==(const StrayTask&, const StrayTask&) = default;
};

/// An enrolled host, or a person's process that joined for a workspace job (never stored).
struct Agent {
  AgentId name;
  std::string key;
  std::string environment;
  std::map<std::string, std::string> labels;
  protocol::HostFacts host;
  Timestamp enrolled_at{};
  Timestamp last_seen{};
  std::string conflict;                 ///< which hosts use this key at once: none of them is served; empty: one
  std::int64_t clock_ahead_micros = 0;  ///< of its wall clock, at its last greeting
  bool is_connected = false;            ///< told so by the event log: a new life of the controller expects it back
  std::vector<StrayTask> strays;
  friend bool operator==(const Agent&, const Agent&) = default;
};

/// A person's or tool's key and what it may do.
struct Principal {
  std::string name;
  std::string key;
  std::string role;  ///< admin, operator, reader
  std::vector<std::string> environments;
  Timestamp enrolled_at{};
  friend bool operator==(const Principal&, const Principal&) = default;
};

/// A token that was given out. `key` is the public key derived from its seed; the seed is not kept.
struct Invitation {
  std::string key;
  std::string name;
  std::string role;  ///< agent, admin, operator, reader
  std::string environment;
  std::vector<std::string> environments;
  std::map<std::string, std::string> labels;
  std::string invited_by;
  Timestamp valid_until{};
  std::string used_by_key;  ///< set by the first Join or Enrol: repeating with that key is answered again
  std::string used_by_name;
  friend bool operator==(const Invitation&, const Invitation&) = default;
};

/// Who works on a deployment, and who waits (in order).
struct Lock {
  DeploymentKey key;
  JobId holder = 0;
  Timestamp since{};
  std::vector<JobId> waiting;
  friend bool operator==(const Lock&, const Lock&) = default;
};

/// The answer to a request that changed something, by (principal, request id): what a repeat is answered with.
struct AnsweredRequest {
  std::string principal;
  std::string id;
  Value reply;  ///< {type, body}: the encoded protocol::ClientReply
  Timestamp at{};
  friend bool operator==(const AnsweredRequest&, const AnsweredRequest&) = default;
};

struct LogLine {
  JobId root = 0;  ///< whose log it is written to
  protocol::LogEntry entry;
};

struct RemovedDeployment {
  DeploymentKey key;
};
struct RemovedEnvironment {
  std::string name;
};
struct RemovedAgent {
  AgentId name;
  std::string key{};  ///< whose connections end
};
struct RemovedPrincipal {
  std::string name;
  std::string key{};
};
struct RemovedInvitation {
  std::string key;
};
struct RemovedLock {
  DeploymentKey key;
};
struct RemovedAnswer {
  std::string principal;
  std::string id;
};

/// What a loop turn commits in one synced batch. A row replaces the one of the same key.
using Change =
    std::variant<state::Environment, RemovedEnvironment, state::Deployment, RemovedDeployment, Job, JobPlan, Task,
                 Agent, RemovedAgent, Principal, RemovedPrincipal, Invitation, RemovedInvitation, Lock, RemovedLock,
                 AnsweredRequest, RemovedAnswer, LogLine, protocol::EventView, DeploymentChange>;

/// Everything the core holds in memory, as loaded from the store at start: all of the small tables, and of jobs and
/// tasks only those that have not settled.
struct State {
  std::string instance;  ///< 16 bytes, made with the data folder
  Epoch epoch = 0;       ///< already raised for this start
  JobId last_job = 0;
  EventSequence last_event = 0;
  std::map<std::string, state::Environment> environments;
  std::map<DeploymentKey, state::Deployment> deployments;
  std::map<JobId, Job> jobs;
  std::map<JobId, JobPlan> plans;
  std::map<TaskId, Task> tasks;
  std::map<AgentId, Agent> agents;
  std::map<std::string, Principal> principals;    ///< by name
  std::map<std::string, Invitation> invitations;  ///< by key
  std::map<DeploymentKey, Lock> locks;
  std::map<std::pair<std::string, std::string>, AnsweredRequest> answered;  ///< (principal, id), of the last day or so
  friend bool operator==(const State&, const State&) = default;
};

/// An agent that has a script of the job is out of reach.
bool is_unknown(const Job& job, const State& state);

}  // namespace escape::controller
