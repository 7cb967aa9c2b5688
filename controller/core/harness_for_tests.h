#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/core/core.h"
#include "controller/core/recorder.h"

/// The core with scripted agents and an inventory around it, and a checker after every input.
namespace escape::controller::testing {

using namespace std::chrono_literals;

std::string test_key(std::string_view name);  ///< 32 bytes

/// A release with the given step scripts ("deploy" → "deploy.sh") and one input `who` with a default.
release::ReleaseRecord make_release(const std::string& id, const std::vector<std::string>& steps = {"deploy"});

/// An agent as PROTOCOL.md wants it: journals before it accepts, runs a task once, repeats its results until they are
/// committed. Scripts end when `finish` is called.
struct ScriptedAgent {
  std::string name, key;
  SessionId session = 0;
  std::string placement = "environment";
  std::map<std::string, std::string> labels{};
  std::vector<std::string> abilities{std::string(protocol::ability_prepare)};
  bool finishes_at_once = true;
  bool is_deaf = false;  ///< takes messages and says nothing
  std::string boot_id = "boot-1";
  std::string output = "Hello World!\n";
  protocol::TaskOutcome outcome = protocol::TaskOutcome::ok;
  Value::Object outputs{};

  struct Held {
    Attempt attempt = 1;
    bool is_finished = false;
    protocol::Finished result{};
    std::string name{};  ///< "app:db deploy"
  };
  std::map<TaskId, Held> journal{};
  std::map<std::pair<TaskId, Attempt>, int> starts{};
  std::set<TaskId> never_to_run{};  ///< cancelled before their offer came
  std::vector<protocol::ToAgent> heard{};
  std::vector<protocol::Offer> offers{};
  /// "app:db deploy" …: what ran here when the offer of that place came.
  std::vector<std::map<TaskId, std::string>> beside{};

  std::map<TaskId, std::string> under_way() const;
  std::set<std::string> running() const;  ///< their names
  protocol::Hello hello() const;
  std::vector<protocol::FromAgent> take(const protocol::ToAgent& message);
  protocol::Finished finish(TaskId task, protocol::TaskOutcome how);
};

class Harness {
 public:
  explicit Harness(Settings settings = {});

  /// Gives one input, checks every invariant, and carries the effects out: messages to agents reach them at once
  /// (unless held back), their answers come back as inputs, queries are answered from `releases`.
  void feed(Input input);
  void settle_all();  ///< until nothing is on its way
  void tick(Micros later);
  void restart();  ///< a new life from what was committed; every session is gone

  ScriptedAgent& enrol(const std::string& name, const std::string& environment, bool connects = true);
  void connect(ScriptedAgent& agent);
  void disconnect(ScriptedAgent& agent);

  protocol::Reply ask(protocol::Request request, std::string id = {}, std::string_view key = {});
  JobId submit(protocol::request::Submit asked);  ///< which must be taken
  JobId deploy(const std::string& release, const std::string& environment = "stage");
  protocol::reply::Failed refusal(protocol::Request request);
  void finish(ScriptedAgent& agent, JobId job, protocol::TaskOutcome how = protocol::TaskOutcome::ok);
  /// One that runs, by its name: "app:db deploy".
  void finish(ScriptedAgent& agent, const std::string& name, protocol::TaskOutcome how = protocol::TaskOutcome::ok);

  const State& state() const { return core->state(); }
  Job job(JobId number) const;  ///< settled or not
  const state::StageRecord& stage(const std::string& deployment, const std::string& environment = "stage",
                                  const std::string& stage = "deploy") const;
  std::string status(const std::string& deployment, const std::string& environment = "stage") const;
  std::vector<std::string> log_texts(JobId root) const;
  std::string output(JobId root) const;
  bool told(std::string_view kind) const;
  const protocol::EventView* last_event(std::string_view kind) const;
  Input client_message(std::string_view key, std::string id,
                       protocol::Request request) const;  ///< as the shell gives it

  std::map<std::string, release::ReleaseRecord> releases;  ///< by query text and by id
  std::map<std::string, std::unique_ptr<ScriptedAgent>> agents;
  std::map<SessionId, ScriptedAgent*> connected;
  std::deque<Input> on_their_way;
  std::vector<std::pair<SessionId, protocol::ToAgent>> held_back;
  bool holds_back = false;  ///< keep messages to agents in `held_back`
  bool answers_queries = true;
  std::vector<Effects::Resolve> queries;
  std::vector<protocol::ClientReply> replies;
  std::vector<protocol::EventView> events;
  std::map<JobId, std::vector<protocol::LogEntry>> logs;
  std::map<JobId, Job> settled;
  std::map<TaskId, Task> settled_tasks;
  std::map<DeploymentKey, std::vector<DeploymentChange>> history;
  std::size_t rows_written = 0;
  std::map<DeploymentKey, int> deployments_written;  ///< how often the row of each
  Effects last;
  Settings settings;
  std::unique_ptr<Core> core;
  State replay;
  Now now{Timestamp{1'800'000'000'000'000}, Instant{1'000'000'000}};
  SessionId last_session = 0;
  int last_request = 0;

 private:
  void carry_out();
  void check();
  std::size_t events_checked_ = 0;
  std::map<JobId, std::size_t> log_checked_;
};

}  // namespace escape::controller::testing
