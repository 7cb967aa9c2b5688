#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controller/core/import.h"
#include "controller/core/model.h"
#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/script/script.h"

namespace escape::controller {

/// Names one live connection, made by the shell: unique for the life of the process.
using SessionId = std::uint64_t;

struct Settings {
  Millis heartbeat{10'000};  ///< the shortest; it grows with the fleet
  int missed_beats = 3;
  int fleet_beats_per_second = 50;  ///< of all agents together
  /// After a start, until an agent that was connected before counts as lost: longer than any agent's pause between two
  /// tries (60 s) and the try itself.
  Millis return_lease{120'000};
  Millis agent_wait{60'000};  ///< an offer that never left because the agent is away fails its job after this
  Millis resend_offer{5'000};
  Millis step_time_limit{3'600'000};
  Millis cancel_grace{10'000};
  int inventory_port = 0;
  std::string inventory_url;
  bool is_embedded = false;    ///< inproc agent and client are this process; its agent serves every environment
  std::string user = "local";  ///< the principal's name of whoever speaks from this very process
};

/// A job that has settled, with the jobs that it made.
struct PastJob {
  Job job;
  std::vector<Job> children;
};

/// A rollback looks through that many changes.
inline constexpr int rollback_looks_back = 1000;

/// What the core is told. Everything may come late, twice, out of order or never.
namespace input {

/// A message of an agent's session. `key` is from CURVE (empty: this process).
struct AgentMessage {
  SessionId session = 0;
  std::string key;
  protocol::FromAgent message;
};
/// A request that changes something (reads are answered from the store, not here). `principal` was looked up from the
/// key by `Core::principal_of`.
struct ClientMessage {
  SessionId session = 0;
  std::string key;
  std::string request_id;
  protocol::Request request;
  std::optional<PastJob> past{};  ///< RetryJob: the job as it settled, which the shell looks up
  /// A rollback: changes of the deployment, newest first, at most `rollback_looks_back`. ShowDeployment that reveals
  /// what was (`at`): the deployment as it was then, and those below it.
  std::vector<DeploymentChange> history{};
  KnownDigests digests{};  ///< ImportState: likewise (`find_digests`)
};
/// The inventory's answer to effects.resolve.
/// With a query the first is the answer to it; the others, in any order, are what was asked for by id and all that
/// these depend on and extend.
struct Resolved {
  JobId job = 0;
  Result<std::vector<release::ReleaseRecord>> records;
};
/// A release became visible in the controller's own inventory (committed before this): tells it in the event log,
/// "release.published".
struct Published {
  release::ReleaseRecord record;
  std::string by;
};
/// A tag was set, moved or taken off in the controller's own inventory (committed with this): tells it in the event
/// log, "release.tagged" or "release.untagged".
struct Tagged {
  release::ApplicationId application;
  std::string tag;
  std::string from;  ///< version; empty: the tag is new
  std::string to;    ///< version; empty: it was taken off
  std::string by;
};
/// The transport could not deliver to that session (its connection is gone).
struct SessionGone {
  SessionId session = 0;
};
/// Time has come (wake_at). Give it after everything else that is ready: waiting messages may show that a silent agent
/// lives.
struct Tick {};
/// First input of a life: re-derives what was not sent before the last one ended.
struct Started {};
/// This process was stopped or stuck for longer than a heartbeat. Give it before the tick that follows.
struct Resumed {};
/// Tells it in the event log, "controller.recovered": no change was taken from `since` on, and now is again.
struct Recovered {
  std::string why;
  Timestamp since{};
};

}  // namespace input

using Input = std::variant<input::AgentMessage, input::ClientMessage, input::Resolved, input::Published, input::Tagged,
                           input::SessionGone, input::Tick, input::Started, input::Resumed, input::Recovered>;

/// What must happen because of one input. Carried out in this order, in one place: write (one synced batch per loop
/// turn), then send, then arm.
struct Effects {
  std::vector<Change> changes;
  struct ToAgentSession {
    SessionId session = 0;
    protocol::ToAgent message;
  };
  struct ToClientSession {
    SessionId session = 0;
    protocol::ClientReply reply;
  };
  struct Resolve {
    JobId job = 0;
    std::optional<release::ReleaseQuery> query{};
    std::vector<std::string> also{};  ///< exact ids that the job needs beside it
  };
  std::vector<ToAgentSession> to_agents;
  std::vector<ToClientSession> to_clients;
  std::vector<Resolve> resolve;
  std::vector<SessionId> close;    ///< sessions that must not be listened to any more
  std::optional<Instant> wake_at;  ///< next deadline of the whole core
  std::string ignored;             ///< why nothing happened: for the log and the tests
};

/// The controller's decisions. Pure: no socket, disk, clock or random source; the same state and inputs give the same
/// effects.
///
/// Its memory and the changes it hands out are always the same thing (`record` does both), so what the shell commits is
/// what the next input sees. When a commit fails this core must go, and another be made from what the disk holds: its
/// memory is ahead of the disk then.
///
/// Thread: the controller loop.  Durable: through Effects::changes.  Errors: answered to whoever asked; never thrown.
class Core {
 public:
  Core(State state, Settings settings);
  ~Core();

  Effects on(const Input& input, Now now);

  const State& state() const;
  /// "online", "suspect", "offline" for an enrolled agent.
  std::string_view liveness(const AgentId& agent) const;
  Timestamp last_seen(const AgentId& agent) const;
  /// The heartbeat of each agent, for the fleet as large as it is now.
  Millis pace() const;

  /// What a job would do in the state as it is, by carrying it out on a copy as far as the first script. Its id is that
  /// of everything that is decided by then: Submit::plan holds a job to it. Errors: what Submit would be refused with,
  /// or its job fail with before its first script; conflict while another job works on the deployment.
  struct PlanContext {
    const State& state;
    bool is_embedded = false;
    std::function<std::string_view(const AgentId&)> liveness{};
    std::function<Result<release::ReleaseRecord>(const release::ReleaseQuery&)> resolve{};
    Timestamp now{};
  };
  static Result<protocol::reply::Plan> plan_job(const protocol::request::Submit& asked,
                                                const std::vector<DeploymentChange>& history,
                                                const PlanContext& context);

  /// ZAP: whether a CURVE key may speak on a socket of that domain ("agents", "clients", "events").
  bool is_allowed(std::string_view domain, std::string_view key) const;
  /// Whose key it is; nullptr for unknown. The empty key is this process's user (embedded), an admin.
  const Principal* principal_of(std::string_view key) const;

 private:
  static Result<protocol::reply::Plan> plan_one(const protocol::request::Submit& asked,
                                                const std::vector<DeploymentChange>& history,
                                                const PlanContext& context, std::set<std::string> along);
  static Result<protocol::reply::Plan> plan_set(const protocol::request::Submit& asked, const PlanContext& context);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The allow-list: whether a principal may make that request (role and environments). Error: refused, saying what is
/// missing.
Result<> check_allowed(const Principal& principal, const protocol::Request& request);

/// What the expressions of a release see while a stage of its deployment runs (spec/scripting-language.md §4.2): `this`
/// with the release, project, environment, deployment, and of the stage's record the declared inputs and outputs
/// (`record` nullptr: none yet); and `others`, its dependencies and providers.
struct Surroundings {
  std::string environment, deployment;
  const state::StageRecord* record = nullptr;
  Timestamp now{};
  Value::Object others{};
  script::Host* files = nullptr;  ///< of the release (value_files.h); null: its expressions see none
};
/// The dependencies and providers of a deployment, under every name that its expressions know them by, as they are now.
/// `stage`: the record of the whole job; `providers`: consumer's variable → deployment; `find`: the releases that are
/// known (of another one only its values are seen).
using FindRelease = std::function<const release::Metadata*(const std::string& release)>;
Value::Object others_around(const State& state, const FindRelease& find, const release::Metadata& metadata,
                            release::Scope scope, const DeploymentKey& key, const std::string& stage,
                            const std::map<std::string, std::string>& providers);

Value::Object expression_globals(const release::Metadata& metadata, release::Scope scope, const Surroundings& around);

/// Values of a stage's declared inputs from all sources (spec/variables.md §5, §7 B), or the first missing or malformed
/// one. Later sources win: environment, deployment, stage (`-v`), and of a dependency those of every level down. A
/// default that speaks of other inputs sees the values that these have now, whatever the order of declaration; inputs
/// that need each other are an error that names them.
using InputSources = std::vector<const Value::Object*>;
Result<Value::Object> calculate_inputs(const std::vector<release::Variable>& declared,
                                       const release::Metadata& metadata, release::Scope scope,
                                       const InputSources& sources, const Surroundings& around);
Result<Value::Object> calculate_inputs(const release::Metadata& metadata, release::Scope scope,
                                       const InputSources& sources, const Surroundings& around);
/// The same as far as it goes: what cannot be told yet, because a dependency it speaks of has not been deployed, is
/// told by its error.
struct EarlyInputs {
  Value::Object values;
  std::map<std::string, Error> failed;
};
EarlyInputs calculate_early_inputs(const release::Metadata& metadata, release::Scope scope, const InputSources& sources,
                                   const Surroundings& around);
/// Whether an input's value may come from a dependency: its default speaks of one, or of an input that does.
bool comes_from_dependency(const release::Metadata& metadata, const std::string& input);
/// Declared outputs of a stage from what the scripts wrote (spec/variables.md §8): `around.record`'s outputs.
Result<Value::Object> calculate_outputs(const release::Metadata& metadata, release::Scope scope,
                                        const Surroundings& around);
/// A template with its mapping evaluated. Error: bad_data "Failed to compile template F: Error in template 'F' mapping
/// key 'k': …".
Result<protocol::TemplateToRender> evaluate_template(const release::Template& one, const script::Context& context);
/// cmd, args and script of a step, evaluated. Error: bad_data "Expression '…' did not return a string value".
Result<release::ExecStage> evaluate_stage(const release::ExecStage& stage, const script::Context& context);

/// Carries out Effects::Resolve with an inventory that answers one query at a time: the shells' part of it. Errors:
/// those of `resolve`; not_found when a release needs one that is not there, naming both.
using ResolveRelease = std::function<Result<release::ReleaseRecord>(const release::ReleaseQuery&)>;
Result<std::vector<release::ReleaseRecord>> resolve_all(const std::optional<release::ReleaseQuery>& query,
                                                        const std::vector<std::string>& also,
                                                        const ResolveRelease& resolve);

/// What a promotion would deploy: the release that the source really runs, beside what the target has. Shown before
/// anybody agrees, and what the job then holds on to. Errors: not_found, refused (nothing sound to promote).
Result<protocol::reply::Promotion> describe_promotion(const State& state,
                                                      const protocol::request::DescribePromotion& asked);

/// The change that a rollback goes back to. `to` 0: the last that ran well before what runs now, and is another release
/// or has other inputs; what was rolled back from is not gone back to. Errors: not_found, refused.
Result<const DeploymentChange*> find_rollback(const state::Deployment& deployment,
                                              const std::vector<DeploymentChange>& newest_first, EventSequence to);
/// "held by ann since 2026-11-29T10:00:00Z: the reason".
std::string describe_hold(const state::Hold& hold);

/// What converge would do, in order (spec/state-model.md §8 with the rows of spec/shortcomings.md §4 turned round):
/// desired release resolved and compared with what runs, inputs compared with what was given. Shared by the engine and
/// --dry-run.
struct DesiredVersion {
  DeploymentKey key;
  Result<release::ReleaseRecord> record;
  std::vector<release::ReleaseRecord> others{};  ///< what it depends on and extends
};
std::vector<protocol::PlannedChange> plan_converge(const State& state, std::string_view environment,
                                                   const std::vector<DesiredVersion>& desired, bool refresh,
                                                   Timestamp now);
/// Names what a converge would do and the state that it was made of, for Submit::plan.
std::string converge_plan_id(const State& state, std::string_view environment,
                             const std::vector<DesiredVersion>& desired,
                             const std::vector<protocol::PlannedChange>& plan);
/// Which others of the plan each of its changes comes after: a consumer after its provider, or, where none has been
/// chosen yet, after whatever wants to provide; a provider's destruction after that of its consumers.
std::map<std::string, std::set<std::string>> needs_of(const State& state, std::string_view environment,
                                                      const std::vector<DesiredVersion>& desired,
                                                      const std::vector<protocol::PlannedChange>& plan);

}  // namespace escape::controller
