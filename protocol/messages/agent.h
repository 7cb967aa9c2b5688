#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages/envelope.h"
#include "shared/base/ids.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/base/value.h"
#include "shared/codec/domain.h"
#include "shared/release/metadata.h"
#include "shared/release/parts.h"

/// Every message between an agent and the controller (PROTOCOL.md, "Agents"). Names of fields are wire constants.
namespace escape::protocol {

/// Where a task is on its agent. Wire words: accepted, running, finished.
enum class AgentTaskPhase { accepted, running, finished };
std::string_view name_of(AgentTaskPhase phase);
bool parse_enum(std::string_view text, AgentTaskPhase& to);

/// How a task ended. `interrupted`: the host rebooted or the supervisor is gone without a result; nobody knows how far
/// it got.
enum class TaskOutcome { ok, failed, timed_out, cancelled, not_started, interrupted };
std::string_view name_of(TaskOutcome outcome);
bool parse_enum(std::string_view text, TaskOutcome& to);

/// What a host says of itself.
struct HostFacts {
  std::string hostname;
  std::string boot_id;        ///< /proc/sys/kernel/random/boot_id
  std::string machine_id;     ///< /etc/machine-id, hashed
  std::string agent_version;  ///< of this program
  std::string platform;       ///< "linux"
  std::string arch;           ///< "amd64"
  friend bool operator==(const HostFacts&, const HostFacts&) = default;
};

/// One task that the agent still holds, in Hello.
struct HeldTask {
  TaskId task;
  Attempt attempt = 0;
  AgentTaskPhase phase = AgentTaskPhase::accepted;
  std::uint64_t output_bytes = 0;  ///< spooled so far
  friend bool operator==(const HeldTask&, const HeldTask&) = default;
};

// Agent → controller.

/// First message of an enrolment, sent under the invitation's key (derived from the token's seed). Repeating it with
/// the same public key gives the same answer.
struct Join {
  std::string name;        ///< wished; the hostname when empty
  std::string public_key;  ///< 32 bytes: the agent's own, made on its host
  HostFacts host;
  std::map<std::string, std::string> labels;
};
/// First message of every session.
struct Hello {
  HostFacts host;
  std::string placement;  ///< "environment" for enrolled agents, "workspace" for a CLI process that joins
  std::map<std::string, std::string> labels;  ///< "workspace": the folder of a workspace agent, part of who it is
  std::vector<HeldTask> holds;                ///< everything not yet forgotten
  std::string process{};  ///< drawn at each start of the agent: two that live at once are two hosts with one key
  Timestamp sent_at{};    ///< by the agent's wall clock: shown to people, decides nothing
  /// What it can do beyond the first version, in words: an agent that does not name one would ignore the fields.
  std::vector<std::string> abilities{};
};
/// An ability: fills a step's folder (`parts`, `files`, `downloads`, `templates` of an Offer) and takes an empty `run`.
inline constexpr std::string_view ability_prepare = "prepare";
inline constexpr std::size_t max_held_tasks = 10'000;
struct Ping {};
/// The task is journaled (synced) and starts, or was already.
struct Accepted {
  TaskId task;
  Attempt attempt = 0;
};
/// The agent will not run it; nothing was started and nothing will be.
struct Declined {
  TaskId task;
  Attempt attempt = 0;
  std::string reason;
};
/// Merged stdout and stderr in the order in which they were read, masked. At most `max_output_chunk` bytes.
struct Output {
  TaskId task;
  Attempt attempt = 0;
  std::uint64_t offset = 0;
  Binary bytes;
};
inline constexpr std::size_t max_output_chunk = 64 << 10;
/// The result, journaled (synced) before it is sent. Repeated until ResultCommitted. `tail` holds the output from
/// `tail_offset` to the end, so a short script needs one message; the controller accepts the result only when its own
/// output reaches `tail_offset`, else it answers OutputAck and the agent resends from there.
struct Finished {
  TaskId task;
  Attempt attempt = 0;
  TaskOutcome outcome = TaskOutcome::failed;
  int exit_status = 0;             ///< of the script; 128 + signal when a signal ended it
  std::string message;             ///< one sentence for people when not ok
  Value::Object outputs;           ///< from the outputs file; empty when the step reads none
  bool has_outputs = false;        ///< the file was there and held an object
  std::uint64_t output_bytes = 0;  ///< of the whole output
  std::uint64_t tail_offset = 0;
  Binary tail;
  std::int64_t duration_micros = 0;
};
/// Most bytes of `tail`: what OutputAck's default credit allows.
inline constexpr std::size_t max_tail = 1 << 20;
/// Ends the session on purpose (the program stops).
struct Bye {};

using FromAgent = std::variant<Join, Hello, Ping, Accepted, Declined, Output, Finished, Bye>;

// Controller → agent.

/// Output that may be under way unacknowledged, for each task.
inline constexpr std::uint64_t default_credit = 1 << 20;
struct Joined {
  AgentId agent;
  std::string environment;
};
/// Session is on. What the agent holds and the controller does not name below it keeps as it is and resends.
struct Welcome {
  AgentId agent;
  std::string environment;
  Millis heartbeat{10'000};    ///< ping after this much silence
  int missed_beats = 3;        ///< silence of this many beats ends the session
  int inventory_port = 0;      ///< HTTP port on the host that the agent reached the controller at; 0 with inventory_url
  std::string inventory_url;   ///< full base URL when the controller advertises one
  std::vector<TaskId> forget;  ///< held tasks whose result is committed or that the controller never settled with it
  std::vector<TaskId> cancel;
  std::uint64_t credit = default_credit;  ///< of each held task, until its first OutputAck
};
/// Ends what a decoder says of a message that came to the wrong socket: an agent's to that of people, and theirs to
/// that of agents.
inline constexpr std::string_view not_of_a_client = "is not a known message of a client";
inline constexpr std::string_view not_of_an_agent = "is not a known message of an agent";
/// The session or message is refused; the agent closes, waits and tries again (or gives up on `is_final`).
struct Refused {
  std::string kind;  ///< an ErrorKind name
  std::string message;
  bool is_final = false;
  Millis retry_after{0};  ///< not final: come back no sooner than this (the controller has too many greetings just now)
};
/// Here I am.
struct Pong {
  Millis heartbeat{0};  ///< the pace from now on, in place of Welcome's; 0: as before
};

/// Where the files of a task come from.
struct PackageSource {
  std::string release;  ///< "project/name-v1.0", for people and folder names
  std::string path;     ///< under the inventory's base URL; or an absolute file path, honoured on inproc sessions only
  std::string sha256;   ///< what the bytes must hash to
  std::uint64_t size = 0;
  std::string workspace;  ///< instead of all above: run in this folder of the CLI's own machine
  friend bool operator==(const PackageSource&, const PackageSource&) = default;
};

/// Another package (an extension) that lies unpacked in `folder` of the working folder ("deps/project/name") before
/// anything of the step happens. Its source is never a workspace.
struct PackagePart {
  std::string folder;
  PackageSource package;
  friend bool operator==(const PackagePart&, const PackagePart&) = default;
};
/// Files below it hold values. The agent removes them when the task has ended, unless another of its tasks has the
/// same.
inline constexpr std::string_view value_files_folder = ".escape/inputs/";
/// A file that is made, or replaced, before the step: mode 0600, its missing folders are made.
struct FileToWrite {
  std::string path;
  std::string text;  ///< any bytes
  friend bool operator==(const FileToWrite&, const FileToWrite&) = default;
};
/// A template of the package, and all that it may name.
struct TemplateToRender {
  std::string file, target;
  Value::Object values{};
  bool escape_html = false;
  friend bool operator==(const TemplateToRender&, const TemplateToRender&) = default;
};

/// One step to run. Everything the agent needs; repeated until Accepted or Declined. Paths of `downloads`, `templates`,
/// `parts` and `files` are relative to the working folder and never lead out of it. They are carried out in the order
/// parts, files, downloads, templates, script, and all of it again when the agent dies meanwhile.
struct Offer {
  TaskId task;
  Attempt attempt = 1;
  std::string environment;
  std::string deployment;
  std::string stage;  ///< "build" or "deploy"
  std::string step;   ///< "pre_deploy", "deploy", "smoke" …
  PackageSource package;
  release::ExecStage run;  ///< empty: only what the four lists below ask for is done, and the task ends ok
  std::vector<release::Download> downloads{};  ///< those of the stage, their expressions evaluated; `scopes` is ignored
  std::vector<TemplateToRender> templates{};
  std::vector<PackagePart> parts{};
  std::vector<FileToWrite> files{};
  std::map<std::string, std::string> variables;  ///< INPUT_…, OUTPUT_…, in text form; PATH and ESCAPE_* are the agent's
  std::vector<std::string> secret_variables;     ///< names in `variables` whose values are masked in output
  Value::Object outputs_before;                  ///< written to the outputs file before the start
  bool writes_outputs_file = false;              ///< the file is made before the step
  bool reads_outputs = false;                    ///< the file is read back after exit status 0
  Millis time_limit{0};                          ///< 0: none
  std::uint64_t credit = default_credit;         ///< until the first OutputAck
  std::string workspace{};                       ///< of a workspace job whose `package` is a release that it needs
};
struct OutputAck {
  TaskId task;
  Attempt attempt = 0;
  std::uint64_t offset = 0;  ///< committed up to here; the agent may send up to `credit` bytes beyond it
  std::uint64_t credit = default_credit;
};
/// The result is durable at the controller: the agent may forget the task.
struct ResultCommitted {
  TaskId task;
  Attempt attempt = 0;
};
/// TERM to the step's process group, KILL after `grace`; the agent answers with Finished(cancelled).
struct Cancel {
  TaskId task;
  Attempt attempt = 0;
  Millis grace{10'000};
};

using ToAgent = std::variant<Joined, Welcome, Refused, Pong, Offer, OutputAck, ResultCommitted, Cancel>;

/// type word + body; the header is the session's business. `decode_*` is total: unknown types and malformed bodies are
/// bad_data.
struct TypedBody {
  std::string type;
  std::string body;
};
TypedBody encode(const FromAgent& message);
TypedBody encode(const ToAgent& message);
Result<FromAgent> decode_from_agent(std::string_view type, std::string_view body);
Result<ToAgent> decode_to_agent(std::string_view type, std::string_view body);

}  // namespace escape::protocol
