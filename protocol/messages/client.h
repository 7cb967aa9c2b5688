#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages/agent.h"
#include "shared/base/ids.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/base/value.h"
#include "shared/release/metadata.h"
#include "shared/state/deployment.h"

/// Every message between a person's command (or a monitoring tool) and the controller (PROTOCOL.md, "Clients").
///
/// Request and reply over DEALER/ROUTER. A request carries an id made by the client; the reply names it. A request that
/// changes something may be repeated with the same id (after a reconnect, after a restart of the controller): it is
/// carried out once and the recorded answer comes back.
namespace escape::protocol {

/// Words on the wire and in --json: deploy, smoke, destroy, promote, converge, build, test, errand, rollback.
enum class JobKind { deploy, smoke, destroy, promote, converge, build, test, errand, rollback };
std::string_view name_of(JobKind kind);
bool parse_enum(std::string_view text, JobKind& to);

/// queued (behind a lock) → running → settled.
enum class JobPhase { queued, running, settled };
std::string_view name_of(JobPhase phase);
bool parse_enum(std::string_view text, JobPhase& to);

/// Of a settled job; `none` before. `interrupted`: a script was cut off, and nobody knows how far it got.
enum class JobOutcome { none, ok, failed, cancelled, interrupted };
std::string_view name_of(JobOutcome outcome);
bool parse_enum(std::string_view text, JobOutcome& to);

/// offered → accepted → finished; `unknown`: accepted or offered, and its agent is out of reach.
enum class TaskPhase { planned, offered, accepted, unknown, settled, skipped };
std::string_view name_of(TaskPhase phase);
bool parse_enum(std::string_view text, TaskPhase& to);

/// Longest request id, and most items that one ListJobs or ListEvents may ask for.
inline constexpr std::size_t max_request_id = 64;
inline constexpr int max_list_limit = 10'000;
/// Longest reason that ResolveJob, SetHold and a rollback take, in bytes: a line for the log, not a report.
inline constexpr std::size_t max_reason = 1000;
/// Deployments that one promotion may take along together.
inline constexpr std::size_t max_together = 200;

// What is shown.

struct TaskView {
  TaskId task;
  Attempt attempt = 0;
  std::string step;
  AgentId agent;
  TaskPhase phase = TaskPhase::planned;
  std::string outcome;  ///< a TaskOutcome word once settled
  int exit_status = 0;
  std::string message;
  std::uint64_t output_bytes = 0;
  Timestamp started_at{};
  Timestamp ended_at{};
  std::string host;          ///< hostname of the agent's host when it took the task
  std::string agent_state;   ///< online, suspect, offline; empty once settled
  Timestamp agent_seen{};    ///< when the agent was last heard
  Timestamp reported_at{};   ///< when the agent last told something of this very task
  std::string deployment{};  ///< of a dependency ("app:db") or provider; empty: the job's own
};
struct JobView {
  JobId number = 0;
  JobKind kind = JobKind::deploy;
  JobPhase phase = JobPhase::queued;
  JobOutcome outcome = JobOutcome::none;
  std::string error_kind;  ///< an ErrorKind word when it did not end ok
  std::string message;     ///< why it failed, or what it waits for
  std::string hint;        ///< what to do next
  std::string environment;
  std::string deployment;  ///< empty for converge
  std::string release;     ///< "project/name-v1.0" once resolved
  std::string principal;
  JobId parent = 0;  ///< the converge job that made this one
  Timestamp created_at{};
  Timestamp started_at{};
  Timestamp settled_at{};
  std::vector<TaskView> tasks;
  std::string state;        ///< in one word: queued, running, unknown (its agent is out of reach), or the outcome
  JobId retry_of = 0;       ///< the job that this one runs again
  std::string resolved_by;  ///< who settled it by hand, and why
  std::string resolved_because;
};
struct AgentView {
  AgentId name;
  std::string environment;
  std::map<std::string, std::string> labels;
  std::string state;  ///< online, suspect, offline, conflict, invited
  std::string fingerprint;
  HostFacts host;
  Timestamp enrolled_at{};
  Timestamp last_seen{};
  int running_tasks = 0;
  std::string conflict{};             ///< which hosts use its key at once; empty: one
  std::int64_t clock_ahead_micros{};  ///< of the agent's wall clock, at its last greeting
};
struct PrincipalView {
  std::string name;
  std::string role;                       ///< admin, operator, reader
  std::vector<std::string> environments;  ///< an operator's; empty = all
  std::string fingerprint;
  Timestamp enrolled_at{};
};
/// One line of a job's log or one chunk of a script's output, in the order in which they happened.
struct LogEntry {
  std::uint64_t sequence = 0;  ///< 1, 2, 3 … within the log of the root job
  JobId job = 0;               ///< whose entry it is: the root job or a child of a converge
  Timestamp time{};
  std::string level;                  ///< debug, info, success, warn, error; "output" for bytes of a script
  std::vector<std::string> sections;  ///< {"Promote", "Deploy"}: outermost first
  std::string text;                   ///< the message (no prefix, no colour)
  std::uint32_t task = 0;             ///< output: which task, attempt and offset
  Attempt attempt = 0;
  std::uint64_t offset = 0;
  Binary bytes;  ///< output: raw, may end within a line
};
/// An entry of the event log. `kind` is our own short word ("job.settled"); controller/events makes CDEvents of it.
struct EventView {
  EventSequence sequence = 0;
  Timestamp time{};
  std::string kind;
  std::string principal;
  std::string environment;
  std::string deployment;
  JobId job = 0;
  Value::Object data;
};
struct DeploymentCell {
  std::string environment{};
  std::string deployment{};
  std::string release{};    ///< versionless
  std::string version{};    ///< what runs (last_ok), or empty
  std::string attempted{};  ///< what the last run tried when it differs
  std::string status{};     ///< a StatusCode word
  std::string agent{};
  std::string agent_state{};
  JobId job = 0;
  Timestamp updated_at{};
  std::string job_state{};  ///< of `job`: unknown, interrupted; empty when `status` says all
  std::string hold{};       ///< why promotions and converge leave it alone, by whom and since when; empty: they don't
  std::string drift{};      ///< why it is not as desired; empty: it is, or a job works on it
};
struct PlannedChange {
  std::string deployment;
  std::string action;  ///< deploy, smoke, destroy, retry, wait, held, none, error
  std::string from;    ///< version now, or empty
  std::string to;
  std::string reason;
};
/// One change of a deployment, as its history keeps it.
struct ChangeView {
  EventSequence sequence = 0;  ///< of the event that tells it, and its number in `--at` and `--to`
  Timestamp time{};
  std::string what{};  ///< the event's word: deployed, upgraded, rolledback, failed, tested, destroyed, desired, held …
  std::string release{};  ///< "project/name-v1.0" that the deploy stage was about
  std::string sha256{};
  std::string status{};               ///< of the deploy stage, from then on
  std::vector<std::string> inputs{};  ///< names whose value is another than after the change before
  std::string principal{};
  JobId job = 0;
  EventSequence back_to = 0;  ///< a rollback: the change whose release and inputs it brought back
  std::string note{};         ///< what was wished, why it is held
};
/// An input that will have another value than now. Values of sensitive variables are "********".
struct PlannedInput {
  std::string name{};
  std::string from{}, to{};
  std::string change{};  ///< set, changed, unset; later: it is known when a dependency has run
};
/// What a job would do to one deployment.
struct PlannedDeployment {
  std::string deployment{};
  std::string action{};      ///< deploy, smoke, destroy, errand
  std::string from{}, to{};  ///< "project/name-v1.0" now and then, or empty
  std::string from_sha256{}, to_sha256{};
  std::string status{};  ///< now
  std::vector<PlannedInput> inputs{};
  std::map<std::string, std::string> providers{};  ///< a consumer's variable → the deployment that provides for it
  bool is_changed = false;                         ///< something is another then
};
struct PlannedStep {
  std::string deployment{};
  std::string step{};  ///< "deploy", "activate_provider" …
};
/// What a deployment has in two environments. Values of sensitive variables are "********".
struct DifferentValue {
  std::string name{};
  std::string left{}, right{};
  bool in_left = false, in_right = false;
};
struct DeploymentDifference {
  std::string deployment{};
  std::string left{}, right{};  ///< "project/name-v1.0" that runs, or empty
  std::string left_sha256{}, right_sha256{};
  std::string left_status{}, right_status{};  ///< empty: there is no such deployment
  std::vector<DifferentValue> inputs{};
  bool is_different = false;
};

// Requests.

namespace request {

/// Prints of this session; answered by reply::Hello.
struct Hello {
  std::string client_version;
};
/// Under an invitation's key: makes `public_key` a principal.
struct Enrol {
  std::string name;  ///< wished by the person; the invitation's name wins when it has one
  std::string public_key;
};
/// Makes a durable job; answered by reply::JobMade once committed.
struct Submit {
  JobKind kind = JobKind::deploy;
  std::string environment;
  std::string deployment;        ///< empty: the release's project/name
  std::string release;           ///< deploy: the query as typed; workspace jobs: "project/name-vX"
  Value::Object inputs;          ///< -v
  std::string from_environment;  ///< promote
  std::string from_deployment;
  std::string expected_sha256;      ///< promote: what was shown and agreed to; conflict when the source has moved
  bool refresh = false;             ///< converge: redeploy what is ok
  Millis step_time_limit{0};        ///< 0: the controller's default
  std::string workspace;            ///< not empty: run unreleased files of that folder in the CLI's own process
  Value metadata;                   ///< workspace jobs: the compiled release.json
  std::vector<std::string> stages;  ///< destroy: {"build","deploy"} or one of them; empty = deploy
  std::map<std::string, std::string> providers{};  ///< -p: a consumer's variable → the deployment that provides for it
  std::string errand{};                            ///< errand: its name
  EventSequence back_to = 0;  ///< rollback: the change to go back to; 0: the last that ran well before what runs now
  std::string reason{};       ///< rollback: why, for its hold
  std::string plan{};         ///< id of a reply::Plan: conflict when what it showed has moved since
  std::vector<std::string> with_inputs{};  ///< promote: inputs of the source whose values go along
  std::vector<std::string> together{};     ///< promote: deployments that start all or none, instead of one
  release::SeenFiles seen{};               ///< workspace jobs: the files that the expressions of `metadata` read
};
/// What a job would do; nothing is changed.
struct PlanJob {
  Submit submit;
};
struct DescribePromotion {
  std::string from_environment, from_deployment, to_environment, to_deployment;
};
struct PlanConverge {
  std::string environment;
  bool refresh = false;
};
struct ListJobs {
  std::string environment, deployment;
  bool active_only = false;
  JobId before = 0;  ///< page: numbers below this; 0 = from the newest
  int limit = 50;
};
struct ShowJob {
  JobId job = 0;
};
/// Streams log entries from `from_sequence` on, each batch answered by Credit, until the job has settled and all was
/// sent; then JobDone. Resumable anywhere.
struct Attach {
  JobId job = 0;
  std::uint64_t from_sequence = 1;
};
struct Detach {};
struct CancelJob {
  JobId job = 0;
};
/// Runs what failed, was cancelled or interrupted again, as a new job: same release to the digest, inputs, environment.
struct RetryJob {
  JobId job = 0;
};
/// Settles a job whose task is unknown by a person's word.
struct ResolveJob {
  JobId job = 0;
  bool is_ok = false;
  std::string reason;
};
struct ListAgents {
  std::string environment;
};
/// One-time token for an agent or (environment empty) a person.
struct Invite {
  std::string name;         ///< optional
  std::string key;          ///< 32 bytes: public half of the pair that the asking side derived from a fresh seed
                            ///< (`key_pair_from_seed`); the seed goes into the token and never travels
  std::string role;         ///< agent, admin, operator, reader
  std::string environment;  ///< agents: required
  std::vector<std::string> environments;  ///< operators: may act there; empty = everywhere
  std::map<std::string, std::string> labels;
  Millis valid_for{24 * 3600 * 1000};
};
struct RemoveAgent {
  AgentId name;
};
struct ListPrincipals {};
struct RemovePrincipal {
  std::string name;
};
struct ListEnvironments {};
/// Creates what is missing and sets desired releases and inputs; deployments that are not named stay as they are.
struct ApplyEnvironment {
  std::string environment;
  std::optional<Value::Object> inputs{};
  std::optional<bool> is_protected{};
  struct Item {
    std::string deployment;
    std::string release;  ///< query
    Value::Object inputs;
  };
  std::vector<Item> deployments{};
  bool is_trial = false;
  std::optional<state::ConvergePolicy> converge{};
};
struct RemoveEnvironment {
  std::string environment;  ///< must hold no deployment that runs; a trial environment always goes
};
struct ListDeployments {
  std::string environment;  ///< empty: all (the matrix)
};
struct ShowDeployment {
  std::string environment, deployment;
  bool reveal = false;   ///< values of sensitive variables, too; who asks is in the event log
  EventSequence at = 0;  ///< as it was after that change …
  Timestamp at_time{};   ///< … or at that time; neither: as it is
};
struct ExportState {
  std::string environment;  ///< empty: all
  bool reveal = false;      ///< as for ShowDeployment
};
/// Takes over what a state file of the original (or `state export`) holds, in one commit, or nothing of it. With
/// `dry_run` it is told what would come, and nothing changes.
struct ImportState {
  Value state;              ///< the project object
  std::string environment;  ///< empty: all
  bool dry_run = false;
  bool replace = false;  ///< deployments that are there already give way; otherwise they are a refusal
};
struct CreateDeployment {
  std::string environment, deployment, release;
  Value::Object inputs;
  std::map<std::string, std::string> providers{};  ///< as in Submit
};
/// What is desired of one deployment, which is there: the release (empty: as before) and inputs of its own.
struct SetDeployment {
  std::string environment, deployment;
  std::string release;             ///< query
  Value::Object inputs;            ///< beside those that it has
  std::vector<std::string> unset;  ///< ids of inputs that it is to lose
};
/// A wish that the next converge carries out: deploy (once more, if need be), smoke or destroy.
struct RequestDeployment {
  std::string environment, deployment;
  std::string action;    ///< deploy, smoke, destroy, forget
  bool removes = false;  ///< destroy: and take it off the list
};
/// The errands of what a deployment's deploy stage holds.
struct ListErrands {
  std::string environment, deployment;
};
struct ListEvents {
  EventSequence since = 0;  ///< entries above this
  int limit = 100;
  bool newest = false;  ///< the last `limit` instead
};
/// The changes of a deployment, newest first.
struct ListHistory {
  std::string environment, deployment;
  EventSequence before = 0;  ///< page: changes below this; 0 = from the newest
  int limit = 50;
};
/// Promotions and converge leave a held deployment alone until the hold is lifted.
struct SetHold {
  std::string environment, deployment;
  bool is_held = true;
  std::string reason{};
};
struct DiffEnvironments {
  std::string left, right;
};
/// A short-lived token for writes over the inventory's HTTP interface, bound to the principal.
struct InventoryToken {};

}  // namespace request

using Request =
    std::variant<request::Hello, request::Enrol, request::Submit, request::DescribePromotion, request::PlanConverge,
                 request::ListJobs, request::ShowJob, request::Attach, request::Detach, request::CancelJob,
                 request::ListAgents, request::Invite, request::RemoveAgent, request::ListPrincipals,
                 request::RemovePrincipal, request::ListEnvironments, request::ApplyEnvironment,
                 request::RemoveEnvironment, request::ListDeployments, request::ShowDeployment, request::ExportState,
                 request::CreateDeployment, request::ListEvents, request::InventoryToken, request::RetryJob,
                 request::ResolveJob, request::ListErrands, request::PlanJob, request::ListHistory, request::SetHold,
                 request::DiffEnvironments, request::SetDeployment, request::RequestDeployment, request::ImportState>;

// Replies.

namespace reply {

struct Hello {
  std::string controller_version;
  std::string principal;
  std::string role;
  int agents_port = 0;  ///< where a workspace agent connects; 0 on inproc
  int events_port = 0;  ///< the PUB socket
  int http_port = 0;
  std::string inventory_url;
  EventSequence newest_event = 0;
  int heartbeat_millis = 10'000;
};
struct Enrolled {
  std::string principal, role;
};
struct JobMade {
  JobId job = 0;
};
struct Promotion {
  std::string release;  ///< "project/name-v1.0" that the source runs
  std::string sha256;
  std::string target_release;  ///< what the target has, or empty
  bool target_protected = false;
  bool is_downgrade = false;
  bool is_same = false;
  std::string hold{};  ///< why the target is held, or empty
};
struct ConvergePlan {
  std::vector<PlannedChange> changes;
  std::string id{};  ///< for Submit::plan
};
struct Jobs {
  std::vector<JobView> jobs;
  bool more = false;
};
struct Job {
  JobView job;
};
/// A batch of an attached job's log.
struct LogBatch {
  JobId job = 0;
  std::vector<LogEntry> entries;
};
/// The attached job has settled and its whole log was sent.
struct JobDone {
  JobView job;
};
struct Done {
  std::string text;  ///< a sentence for people
};
struct Agents {
  std::vector<AgentView> agents;
};
struct Invitation {
  std::string name;
  Timestamp valid_until{};
};
struct Principals {
  std::vector<PrincipalView> principals;
};
struct EnvironmentView {
  std::string name;
  bool is_protected = false;
  int deployments = 0;
  int agents = 0;
  int agents_online = 0;
  Value::Object inputs;
  state::ConvergePolicy converge{};
};
struct Environments {
  std::vector<EnvironmentView> environments;
};
struct Deployments {
  std::vector<DeploymentCell> cells;
  std::vector<std::string> environments;  ///< columns, in the order of their creation
  std::string read_only;                  ///< why the controller takes no changes at present; empty: it does
  std::string read_only_hint;
};
struct Deployment {
  Value deployment;  ///< the original's JSON object
};
struct State {
  Value state;  ///< the original's project file
};
struct Events {
  std::vector<EventView> events;
  EventSequence newest = 0;
  EventSequence first_available = 1;
};
struct Token {
  std::string token;
  Timestamp valid_until{};
};
struct Failed {
  std::string kind, message, hint;
};
struct Errands {
  Value::Object errands;  ///< by name, as in release.json
};
struct Plan {
  std::string id;  ///< for Submit::plan
  JobKind kind = JobKind::deploy;
  std::string environment;
  std::string agent;                           ///< the host that the scripts would run on; empty: none is needed
  std::string agent_state;                     ///< online, suspect, offline
  std::string agent_before;                    ///< where the deployment lives now
  std::vector<PlannedDeployment> deployments;  ///< in the order in which they are worked on
  std::vector<PlannedStep> steps;              ///< scripts, in order
  std::vector<std::string> locks;              ///< deployments that it would hold meanwhile
  std::vector<std::string> warnings;           ///< sentences for people
  bool has_changes = false;
};
struct History {
  std::vector<ChangeView> changes;
  bool more = false;
};
struct Differences {
  std::vector<DeploymentDifference> deployments;
};
/// What came in, or would: the deployments at the root, each with how many stand below it.
struct Imported {
  struct Item {
    std::string environment, deployment;
    std::string release;  ///< "project/name-v1.0" of the deploy stage, else of the build stage; or without version
    std::string status;   ///< a StatusCode word
    int below = 0;
    bool replaces = false;
  };
  std::vector<Item> deployments;
  std::vector<std::string> unknown_releases;  ///< not found in the inventory: known by their versions alone
  std::vector<std::string> remarks;           ///< what was left out or reads otherwise now, a sentence each
  bool dry_run = false;
};

}  // namespace reply

using Reply = std::variant<reply::Hello, reply::Enrolled, reply::JobMade, reply::Promotion, reply::ConvergePlan,
                           reply::Jobs, reply::Job, reply::LogBatch, reply::JobDone, reply::Done, reply::Agents,
                           reply::Invitation, reply::Principals, reply::Environments, reply::Deployments,
                           reply::Deployment, reply::State, reply::Events, reply::Token, reply::Failed, reply::Errands,
                           reply::Plan, reply::History, reply::Differences, reply::Imported>;

/// Client → controller.
struct ClientRequest {
  std::string id;  ///< 16 random bytes in hex; the idempotency key of what changes something
  Request request;
};
/// The client has taken `batches` more log batches; without credit the controller sends none (it starts with 8).
struct ClientCredit {
  int batches = 1;
};
using FromClient = std::variant<ClientRequest, ClientCredit, Ping>;

/// Controller → client. Several replies to one Attach, one to everything else.
struct ClientReply {
  std::string id;
  Reply reply;
};
using ToClient = std::variant<ClientReply, Pong, Refused>;

/// Requests that change something: repeated ids are answered from the record.
bool changes_something(const Request& request);
/// Requests whose answer holds values of sensitive variables.
bool reveals_values(const Request& request);
/// The request's word on the wire ("submit"): for audit and role tables.
std::string_view word_of(const Request& request);

/// The reply as it is kept for a repeated request, and back; a reply that this version does not know is bad_data.
Value reply_to_value(const ClientReply& reply);
Result<ClientReply> reply_from_value(const Value& value);

TypedBody encode(const FromClient& message);
TypedBody encode(const ToClient& message);
Result<FromClient> decode_from_client(std::string_view type, std::string_view body);
Result<ToClient> decode_to_client(std::string_view type, std::string_view body);

}  // namespace escape::protocol
