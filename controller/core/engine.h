#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controller/core/core.h"
#include "controller/core/expansion.h"
#include "controller/core/interruption.h"
#include "controller/core/reconcile.h"
#include "controller/core/recorder.h"
#include "controller/core/timers.h"
#include "controller/core/value_files.h"
#include "shared/release/metadata.h"

/// The inside of the core. One struct, because every decision may touch any row; its functions are spread over one file
/// for each entity, and each is declared below under the name of its file.
///
/// `rows` is what is durable. Everything else here is re-derived when a life begins (`core.cc`, `agents.cc`): who is
/// connected, which deadlines run, indexes.
namespace escape::controller {

/// The one agent of an embedded controller: this process.
inline constexpr std::string_view embedded_agent = "local";
/// Names of workspace agents begin with this; no enrolled agent's name holds a colon.
inline constexpr std::string_view workspace_prefix = "workspace:";
/// `$this.project`: the name of the whole state, which `state export` writes too.
inline constexpr std::string_view state_project = "escape";
/// Who asks for what the controller begins by itself.
inline constexpr std::string_view controller_principal = "controller";
/// After a start agents need a moment to come back: only then is it worth telling people that a job waits for one.
inline constexpr Millis quiet_wait{2'000};
/// Repeats of a request come within seconds; a day covers a client that was suspended meanwhile.
inline constexpr Micros answers_kept{std::chrono::hours(24)};

struct Core::Impl {
  Impl(State state, Settings s);

  // core.cc: inputs, one handler each
  Effects on(const Input& input, Now at);
  void on_input(const input::AgentMessage& got);
  void on_input(const input::ClientMessage& got);
  void on_input(const input::Resolved& got);
  void on_input(const input::Published& got);
  void on_input(const input::Tagged& got);
  void on_input(const input::SessionGone& got);
  void on_input(const input::Tick&);
  void on_input(const input::Started&);
  void on_input(const input::Resumed&);
  void on_input(const input::Recovered& got);
  void ignore(std::string why) { effects.ignored = std::move(why); }
  void send(SessionId session, protocol::ToAgent message) {
    effects.to_agents.push_back({session, std::move(message)});
  }
  void tell(std::string kind, std::string_view principal, const DeploymentKey& where, JobId job,
            Value::Object data = {});
  const Principal* principal_of(std::string_view key) const;
  bool is_allowed(std::string_view domain, std::string_view key) const;

  // requests.cc: what people ask for besides jobs
  Result<protocol::Reply> answer(const Principal& by, const input::ClientMessage& got);
  Result<protocol::Reply> reveal(const Principal& by, const protocol::request::ShowDeployment& asked,
                                 const std::vector<DeploymentChange>& history);
  Result<protocol::Reply> reveal(const Principal& by, const protocol::request::ExportState& asked);
  void answer_again(const input::ClientMessage& got, const AnsweredRequest& answered);
  void remember_answer(const Principal& by, const protocol::ClientReply& reply);
  Result<protocol::Reply> apply_environment(const Principal& by, const protocol::request::ApplyEnvironment& asked);
  Result<protocol::Reply> remove_environment(const Principal& by, const protocol::request::RemoveEnvironment& asked);
  Result<protocol::Reply> create_deployment(const Principal& by, const protocol::request::CreateDeployment& asked);
  Result<protocol::Reply> import_state(const Principal& by, const protocol::request::ImportState& asked,
                                       const KnownDigests& digests);
  std::string what_keeps_its_own(const protocol::request::ApplyEnvironment& asked) const;
  void make_environment(const Principal& by, const std::string& name, bool is_trial);
  Result<> check_desired(const DeploymentKey& key, std::string_view query) const;
  /// `also`: what else of the deployment is wished with it. Nothing is told when nothing changes.
  void set_desired(const Principal& by, const DeploymentKey& key, const std::string& query,
                   const std::function<void(state::Deployment&)>& also);

  // wishes.cc: what people want of one deployment
  Result<protocol::Reply> request_deployment(const Principal& by, const protocol::request::RequestDeployment& asked);
  Result<protocol::Reply> set_deployment(const Principal& by, const protocol::request::SetDeployment& asked);
  protocol::Reply forget_deployment(const Principal& by, const DeploymentKey& key, std::string_view why);
  Result<> check_is_at_rest(const DeploymentKey& key) const;
  void begin_anew(const DeploymentKey& key);

  // enrolment.cc
  Result<protocol::Reply> invite(const Principal& by, const protocol::request::Invite& asked);
  Result<protocol::Reply> enrol(const input::ClientMessage& got, const protocol::request::Enrol& asked);
  Result<protocol::Reply> remove_agent(const Principal& by, const protocol::request::RemoveAgent& asked);
  Result<protocol::Reply> remove_principal(const Principal& by, const protocol::request::RemovePrincipal& asked);
  void join(SessionId session, const std::string& key, const protocol::Join& asked);
  Result<AgentId> enrol_agent(const std::string& key, const protocol::Join& asked);
  Result<> check_invitation(const Invitation* invitation, std::string_view public_key) const;
  void forget_invitations();

  // submit.cc: what a job must be before it gets a number
  Result<protocol::Reply> submit(const Principal& by, const std::string& key, const protocol::request::Submit& asked,
                                 const std::vector<DeploymentChange>& history);
  Result<Job> job_of(const protocol::request::Submit& asked, const std::vector<DeploymentChange>& history) const;
  /// Whether the job may begin in the state as it is now: asked when it is submitted with nobody in front of it, and
  /// when it starts.
  Result<> check_startable(const Job& job) const;

  // retry.cc: the same again
  Result<protocol::Reply> retry_job(const Principal& by, JobId number, const std::optional<PastJob>& past);
  Result<> check_still_there(const Job& job) const;

  // promote_set.cc: deployments that are promoted together
  Result<protocol::Reply> submit_set(const Principal& by, const protocol::request::Submit& asked);
  Result<std::vector<Job>> jobs_of_set(const protocol::request::Submit& asked) const;
  std::set<std::string> set_of(const Job& job) const;
  void begin_set(JobId number);
  void set_ready(JobId number);
  std::vector<JobId> needed_in_set(JobId child, const std::set<JobId>& all,
                                   const std::map<JobId, std::vector<JobId>>& after);
  Result<> check_set(JobId number);
  void stop_others_of_set(const Job& child);
  void finish_set(JobId number);

  // promote.cc
  Result<> carry_inputs(Job& job, const std::vector<std::string>& names) const;
  Result<> aim_promotion(Job& job, const std::vector<std::string>& with_inputs) const;

  // history.cc: what a deployment was, going back to it, and holding it
  void tell_change(std::string_view what, std::string_view principal, const DeploymentKey& key, JobId job,
                   Value::Object data = {}, std::string note = {});
  void keep_change(std::string_view what, std::string_view principal, const DeploymentKey& key, JobId job,
                   std::string note);
  Result<> aim_rollback(Job& job, const std::vector<DeploymentChange>& history) const;
  void hold_after_rollback(const Job& job);
  void hold(const DeploymentKey& key, state::Hold hold);
  Result<protocol::Reply> set_hold(const Principal& by, const protocol::request::SetHold& asked);
  Result<> check_not_held(const Job& job) const;

  // jobs.cc: queue, start, settle
  void add_job(Job job, std::string_view first_words = {});
  void start_what_may();
  void start(JobId number);
  void set_out(JobId number);
  void tell_what_it_waits_for(JobId number);
  void stop_waiting_for(JobId number, const Job& other);
  void take_releases(JobId number, std::vector<release::ReleaseRecord> records);
  void aim_at_deployed(JobId number);
  void resolve(const Job& job);
  void take_digest(const Job& job);
  void log_next_part(const Job& job, std::uint32_t index);
  void succeed(JobId number);
  void fail_job(JobId number, const Error& error);
  void settle_failed(JobId number);
  bool is_within_reach(const Job& job) const;
  void cancel_now(JobId number);
  void settle(JobId number, JobOutcome outcome, const Error& why);
  void release_lock(const Job& job);
  std::string waiting_text(const Job& holder) const;
  const Job* find_live(JobId number) const;  ///< not settled, or nullptr
  /// The job's plan decoded, with its steps; made when it is asked for, and anew when the plan has changed.
  const Expansion& expansion_of(JobId number);
  const Step* step_at(const Job& job, std::uint32_t index);  ///< nullptr: no plan yet, or no such step
  JobKind kind_at(const Job& job, std::uint32_t index);

  // units.cc: the deployments that a job means, before it begins
  Result<std::vector<Unit>> units_of(const Job& job);
  Result<> add_dependencies(const Job& job, std::vector<Unit>& units, std::uint32_t unit, const std::string& stage);
  Result<> add_recorded(const Job& job, std::vector<Unit>& units, std::uint32_t unit, const std::string& stage);
  Result<std::map<std::string, std::string>> choose_providers(const Job& job, const std::vector<Unit>& units,
                                                              std::uint32_t unit, const std::string& stage);
  std::string provider_along(const Job& job, const release::Consumer& consumer) const;
  bool leans_on_its_set(const Job& job, const std::vector<Unit>& units) const;
  Result<std::string> find_provider(const Job& job, const release::Consumer& consumer, const std::vector<Unit>& units,
                                    std::uint32_t unit, const std::string& stage) const;
  Result<std::map<std::string, std::string>> evaluate_consumes(const Job& job, const std::vector<Unit>& units,
                                                               std::uint32_t unit, const std::string& stage);
  Result<> check_provider(const Job& job, const release::Consumer& consumer, const std::string& deployment,
                          const std::vector<Unit>& units) const;
  Result<> add_providers(const Job& job, std::vector<Unit>& units);

  // prepare.cc: what can be refused before the first trace
  void begin(JobId number);
  Result<bool> find_out(JobId number);
  void go_on(JobId number);
  Result<> check_inputs(const Job& job);
  Result<> check_unit(const Job& job, const Unit& unit) const;
  Result<> prepare(JobId number);
  void make_rows(JobId number);

  // plan_job.cc: what a job would do
  std::string fingerprint(const Job& job);
  std::vector<protocol::PlannedDeployment> planned_deployments(const Job& job, const State& before);
  std::vector<std::string> warnings_of(const Job& job, const State& before) const;
  protocol::reply::Plan planned(const Job& job, const State& before);

  // surroundings.cc: what the values of a unit are made of
  DeploymentKey key_of(const Job& job, const Unit& unit) const { return {job.environment, unit.deployment}; }
  std::string stage_of(const Job& job, const Unit& unit, const std::string& stage) const;
  InputSources sources_of(const Job& job, const Unit& unit, const std::string& stage,
                          const Value::Object* user = nullptr) const;
  Surroundings around(const Job& job, const Unit& unit, const release::Metadata& metadata, const std::string& stage,
                      release::Scope scope, script::Host& files) const;
  std::pair<Value::Object, EarlyInputs> early_globals(const Job& job, const Unit& unit,
                                                      const release::Metadata& metadata, const std::string& stage,
                                                      release::Scope scope, script::Host& files) const;
  script::Context context_of(const Value::Object& globals, script::Host& files) const;
  ValueFiles files_of(const Job& job, const Unit& unit) const;
  FileTexts known_files(const Job& job, const ValueFiles& files) const;

  // advance.cc: which steps come next, several at once, and what a failure leaves to do
  std::optional<std::uint32_t> next_step(const Job& job);
  void advance(JobId number);
  void take_step(JobId number, std::uint32_t index);
  void step_done(JobId number, std::uint32_t index);
  void begin_task(TaskId id);
  void withdraw(TaskId id);
  void withdraw_unsent(JobId number);
  bool is_worked_on(TaskId id) const;
  void fail_step(TaskId id, Error error, std::string_view last_output = {});
  void tell_others_run(JobId number, std::uint32_t failed);
  std::string name_of_step(TaskId id);
  void wind_up(JobId number);
  void unwind(JobId number);
  void take_as_done(JobId number, const std::optional<std::set<std::uint32_t>>& lines);

  // steps.cc: a stage's record while its scripts run
  state::StageRecord* find_or_make_stage(const DeploymentKey& key, const std::string& stage);
  state::DeployedRelease release_of(const Job& job, std::uint32_t unit);
  Result<> open(JobId number, const Step& step);
  Result<> take_mapping(JobId number, const Step& step);
  /// `named`: the texts of files that they name. `later`: takes the inputs that cannot be told before a dependency has
  /// run; null: such a one is an error.
  Result<Value::Object> map_inputs(const Job& job, std::uint32_t unit, const std::string& stage,
                                   std::set<std::string>* later, FileTexts& named);
  void announce(const Job& job, std::uint32_t index);
  void announce_end(const Job& job, std::uint32_t index);
  Result<> enter(JobId number, std::uint32_t index);
  Result<> leave(JobId number, std::uint32_t index, const Task* task);
  Result<> calculate(JobId number, const Step& step);
  bool is_left_alone(JobId number, std::uint32_t index);
  bool may_be_left_alone(const Job& job, std::uint32_t unit, const std::string& stage);
  void leave_alone(JobId number, std::uint32_t index);
  void begin_destroy(const Job& job, std::uint32_t unit, const std::string& stage_name);
  void finish_stage(JobId number, const Step& step);
  void finish_destroy(JobId number, const Step& step);
  void mark_failed(const Job& job, const std::string& why, bool is_cut_off, std::optional<std::uint32_t> line);
  void go(state::StageRecord& stage, state::StatusCode to, const Job& job, std::string data = {});
  void tell_deployed(const Job& job, const Step& step, const std::optional<state::DeployedRelease>& before);

  // dispatch.cc: which agent, and the offer
  void dispatch(TaskId id);
  std::optional<AgentId> choose_agent(const Job& job) const;
  std::optional<AgentId> agent_so_far(const Job& job) const;
  protocol::PackageSource source_of(const Job& job, const std::string& release) const;
  void add_parts(const Job& job, const release::Metadata& metadata, const std::string& folder,
                 std::vector<protocol::PackagePart>& parts);
  Result<> check_has_agent(const Job& job) const;
  std::optional<AgentId> workspace_agent_of(const Job& job) const;
  void offer(TaskId id, SessionId session);
  protocol::Offer offer_of(const Task& task);
  Result<> fill_task(Task& task);
  Result<> take_files(Task& task, const FileTexts& known) const;
  Result<> add_errand_variables(const Job& job, const release::Metadata& metadata, const Surroundings& surroundings,
                                std::map<std::string, std::string>& variables, Value::Object& globals) const;
  Result<> check_abilities(const AgentId& agent, const protocol::Offer& offer) const;
  void wait_for_agent(TaskId id);
  void give_notice(TaskId id);
  void stop_waiting(TaskId id);
  void say_again(TaskId id);
  void cancel_timers(TaskId id);
  std::string describe_wait(const Job& job, const Task& task) const;

  // tasks.cc: what agents report
  const Task* task_from(const AgentId& agent, TaskId id, Attempt attempt);
  void on_message(const AgentId& agent, SessionId session, const protocol::Accepted& got);
  void on_message(const AgentId& agent, SessionId session, const protocol::Declined& got);
  void on_message(const AgentId& agent, SessionId session, const protocol::Output& got);
  void on_message(const AgentId& agent, SessionId session, const protocol::Finished& got);
  void accept(TaskId id);
  void acknowledge(SessionId session, TaskId id, Attempt attempt, std::uint64_t offset);
  void append_output(TaskId id, std::uint64_t offset, std::string_view bytes);
  void settle_task(TaskId id, protocol::TaskOutcome outcome, int exit_status, std::string message);
  Timestamp last_seen(const AgentId& agent) const;
  void after_step(TaskId id);
  void after_deactivation(const Task& task);
  const release::Metadata& release_of_task(const Task& task);
  void mark_unknown(TaskId id);
  Error failure_of(const Task& task) const;

  // interruption.cc: scripts that were cut off
  void interrupt(TaskId id, Interruption why, std::string message);
  Interruption why_vanished(const Task& task) const;
  bool may_run_again(const Task& task);
  void run_again(TaskId id);

  // resolve.cc: a person's word about a task that is unknown, and what its agent tells later
  Result<protocol::Reply> resolve_job(const Principal& by, const protocol::request::ResolveJob& asked);
  Result<const Job*> find_resolvable(const Principal& by, JobId number) const;
  void vouch_for(JobId number, const std::vector<Task>& settled);
  void add_stray(const Task& task);
  StrayTask* find_stray(const AgentId& agent, TaskId task, Attempt attempt);
  void tell_stray(const AgentId& agent, const StrayTask& stray, std::string_view outcome, int exit_status,
                  const std::string& message);
  void forget_stray(const AgentId& agent, TaskId task);

  // cancel.cc
  Result<protocol::Reply> cancel(const Principal& by, JobId number);
  Result<> check_may_act(const Principal& by, const std::string& environment, std::string_view what) const;
  std::string cancel_live(JobId number, const std::string& by);
  bool has_gone(const AgentId& agent) const;
  void send_cancel(const Task& task);

  // agents.cc: sessions and liveness
  struct Presence {
    SessionId session = 0;  ///< 0: not connected
    std::string_view liveness = "offline";
    bool was_here = false;  ///< in this life of the controller
    Instant heard{};
    Timestamp seen{};
    std::string process;                 ///< of the newest greeting that was taken
    std::vector<std::string> earlier{};  ///< processes that it took over from
    int returns = 0;                     ///< how often one of them came back
    bool is_copy_told = false;           ///< that another machine has its key
    Millis told{0};                      ///< the heartbeat that it was told last
    Millis beat{0};                      ///< the longest that it may go by
    protocol::HostFacts host;
    std::vector<std::string> abilities{};
  };
  void on_hello(SessionId session, const std::string& key, const protocol::Hello& hello);
  Result<AgentId> who_greets(const std::string& key, const protocol::Hello& hello) const;
  void open_session(const AgentId& agent, SessionId session, const protocol::Hello& hello);
  void reconcile(const AgentId& agent, SessionId session, const protocol::Hello& hello);
  OurTask our_view_of(const AgentId& agent, const protocol::HeldTask& held);
  void compare_held(const AgentId& agent, const protocol::HeldTask& held, protocol::Welcome& welcome,
                    std::set<TaskId>& adopted);
  void compare_ours(const AgentId& agent, SessionId session, TaskId id);
  void compare_strays(const AgentId& agent, const protocol::Hello& hello);
  // clones.cc: one key on two hosts
  bool admit_host(const AgentId& agent, SessionId session, const protocol::Hello& hello);
  void refuse_copy(const AgentId& agent, SessionId session, const protocol::Hello& hello);
  void quarantine(const AgentId& agent, SessionId session, const protocol::Hello& hello);
  void heard(const AgentId& agent);
  void check_liveness(const AgentId& agent);
  void lose_agent(const AgentId& agent, std::string_view why);
  void refuse_session(SessionId session, ErrorKind kind, std::string message, bool is_final);
  SessionId session_of(const AgentId& agent) const;
  void index_agent(const Agent& agent);
  void bind(TaskId id, const AgentId& agent);
  void unbind(TaskId id);

  // fleet.cc: the pace of all heartbeats together, and a controller that was away
  Millis pace() const;
  Millis tell_pace(const AgentId& agent);
  void await_fleet();
  std::uint64_t output_credit() const;
  Micros suspect_after(const Presence& here) const;
  Micros lost_after(const Presence& here) const;

  // converge_job.cc
  void begin_converge(JobId number);
  void resolve_next(JobId number);
  void on_desired_resolved(JobId number, Result<std::vector<release::ReleaseRecord>> records);
  struct Converging {
    std::string environment;
    std::vector<DeploymentKey> keys;
    std::vector<std::string> queries;  ///< what is desired of each
    std::vector<DesiredVersion> resolved;
  };
  Converging desired_in(const std::string& environment) const;
  void make_children(JobId number);
  void make_children_again(JobId number);
  JobId make_child(JobId number, const protocol::PlannedChange& change, const DesiredVersion* desired,
                   std::vector<JobId> after);
  void log_skipped(JobId number, const protocol::PlannedChange& change);
  void add_child(Job child);
  void child_settled(const Job& child);
  void finish_converge(JobId number);

  // automatic.cc: environments that the controller converges by itself
  struct Watch {
    JobId look = 0;  ///< under way; 0: none
    std::optional<Instant> looked_at;
  };
  static bool is_look(JobId number);
  bool is_watched(const std::string& environment) const;
  std::string how_it_gets_there(const std::string& environment) const;
  void want_look(const std::string& environment);
  void look_around();
  void end_look(JobId number);
  void await_look(const std::string& environment, const std::vector<protocol::PlannedChange>& plan);
  std::vector<protocol::PlannedChange> plan_of(const Converging& pass, bool refresh, bool is_automatic) const;
  void leave_be(const std::string& environment, protocol::PlannedChange& change) const;
  void back_off(const DeploymentKey& key, JobId job, int tried);
  void try_again_in(const std::string& environment, const std::function<bool(const state::Status&)>& which);
  void watch_end(const Job& job);
  void watch_agent(const std::string& environment);
  void watch_release(const release::ReleaseId& id);

  // job_log.cc
  void log(const Job& job, std::string_view level, std::string text, std::vector<std::string> sections);
  void log(const Job& job, std::string_view level, std::string text);
  void log_at(const Job& job, std::uint32_t index, std::string_view level, std::string text);
  std::vector<std::string> sections_of(const Job& job);
  std::vector<std::string> sections_at(const Job& job, std::uint32_t index);

  Settings settings;
  Recorder rows;
  Principal self;  ///< who speaks from this very process
  Now now{};
  Effects effects;

  Timers timers;
  std::map<SessionId, AgentId> sessions;
  std::map<AgentId, Presence> presence;
  std::set<AgentId> awaited;  ///< connected when the last life ended, not heard in this one
  std::map<std::string, AgentId> agent_by_key;
  std::map<std::string, std::string> principal_by_key;
  std::map<std::string, std::set<AgentId>> agents_of;  ///< by environment
  std::map<AgentId, std::set<TaskId>> work;            ///< what unsettled jobs are at, by the agent that it is bound to
  std::set<TaskId> unbound;                            ///< tasks of workspace jobs whose process has not joined yet
  std::map<JobId, std::set<JobId>> children;           ///< unsettled, by converge job
  std::map<JobId, std::set<JobId>> ready;              ///< by set of promotions: those that wait for the others
  std::map<JobId, Expansion> expansions;               ///< of unsettled jobs
  std::map<JobId, Converging> converging;              ///< by the job, or by the look
  std::map<std::string, Watch> watches;                ///< by environment
  std::set<std::string> looks_wanted;                  ///< environments
  JobId last_look = 0;
  std::deque<JobId> to_start;
  bool only_plans = false;   ///< this is a copy that looks what a job would do: none gets as far as a script
  std::string planned_id{};  ///< fingerprint of the job that was looked at
  std::set<std::string> planned_along{};  ///< deployments that are promoted together with it
  Timestamp answers_checked_at{};
};

/// "deploy" → "Deploy": the section of a job's log and of its children in a converge's.
std::string_view section_word(JobKind kind);
DeploymentKey deployment_of(const Job& job);
/// What a job locks; a converge locks its environment under an empty name, so that two of them queue.
DeploymentKey lock_of(const Job& job);
JobId root_number(const Job& job);
const state::StageRecord* find_stage(const State& state, const DeploymentKey& key, std::string_view stage);
/// The deployment when it holds something of another package than `application`.
const state::Deployment* holds_other_package(const State& state, const DeploymentKey& key,
                                             std::string_view application);
Error other_package(const state::Deployment& deployment, std::string_view application);
/// Values of a task's environment (spec/variables.md §10) from the stage's record.
std::map<std::string, std::string> variables_for(const release::Metadata& metadata, const state::StageRecord& stage,
                                                 const std::map<std::string, std::string>& previous, bool with_outputs);
std::map<std::string, std::string> previous_variables(const state::StageRecord& stage);
/// INPUT_a_b beside INPUT_a-b, which no shell can read.
void add_readable_names(std::map<std::string, std::string>& variables);
/// Names among `variables` whose values must be masked.
std::vector<std::string> secret_variables(const release::Metadata& metadata,
                                          const std::map<std::string, std::string>& variables);
/// Ids in `given` that the release does not declare: an error that names the nearest declared one.
Result<> check_declared(const release::Metadata& metadata, const Value::Object& given);
Result<> check_declared(const std::vector<release::Variable>& declared, const std::string& of,
                        const Value::Object& given);
std::vector<std::string> inputs_known_at(const State& state, const DeploymentKey& source,
                                         const std::vector<std::string>& names);
/// Promotions that start together: a job without a deployment of its own, whose children have them.
inline bool is_set(const Job& job) { return job.kind == JobKind::promote && job.deployment.empty(); }
inline bool makes_jobs(const Job& job) { return job.kind == JobKind::converge || is_set(job); }
/// Whether a converge makes a job of it.
bool is_acting(const protocol::PlannedChange& change);
/// One of a job's own: does what `redo` says, for whoever asked for the parent.
Job child_of(const Job& parent, const Redo& redo);
/// What a status `running_*` becomes when nobody runs it any more.
state::StatusCode failure_code(state::StatusCode running);
Error moved_since(const Job& job);
/// Of plans that start together, in their order.
std::string id_of_set(const std::vector<std::string>& ids);
bool rolls_out(const Job& job);
/// Whether the step needs nothing more of this job: it has run, passed or was left out.
bool has_had_its_turn(const Job& job, std::uint32_t index);
/// Failed, and nothing of it runs any more but deactivations of providers.
inline bool is_unwinding(const Job& job) { return job.failure && !job.failure->waits_for_others; }
/// Cancelled, and its scripts are to stop; not what runs after it has failed.
inline bool wants_stop(const Job& job) { return job.cancel_requested && !is_unwinding(job); }
/// How long until the next try after `tried` failures: e^tried seconds, a fifth more or less, at most five minutes.
/// What failed together does not come back together: the share is drawn from the job that failed last and its
/// deployment, so that the same history gives the same delay.
Millis retry_delay(int tried, JobId job, std::string_view deployment);

}  // namespace escape::controller
