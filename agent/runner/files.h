#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/seal.h"
#include "shared/base/time.h"

/// What the agent and the supervisor tell each other, as files of the task's folder: neither needs the other to be
/// alive.
namespace escape::runner {

/// Disk constants: names in a task's folder (journal/README.md draws them all).
namespace file_name {
inline constexpr const char* run = "run";                ///< agent → supervisor: what to run
inline constexpr const char* inline_script = "script";   ///< an inline step's text
inline constexpr const char* supervisor = "supervisor";  ///< the start mark: whoever made it may start the script
inline constexpr const char* process = "process";     ///< the script's process, written by itself before it becomes it
inline constexpr const char* adopter = "adopter";     ///< who watches the script after its supervisor has died
inline constexpr const char* log = "supervisor.log";  ///< what supervisors had to say; empty when all went well
inline constexpr const char* output = "output";    ///< masked stdout and stderr, in the order in which they were read
inline constexpr const char* outputs = "outputs";  ///< what the script left in its outputs file, sealed
inline constexpr const char* outputs_copy = "outputs.json";  ///< the same in clear, for an agent of an earlier version
inline constexpr const char* result = "result";              ///< supervisor → agent: how the script ended
}  // namespace file_name

/// Disk constants: what this program writes into the files' `version`. A file without one is version 1. Fields are only
/// added, so old and new programs read each other's; a number goes up when that is not enough:
/// `run` 2: a supervisor refuses a request with a higher number than its own.
/// `run` 3: the request, with all variables, is sealed in `sealed`, and the agent hands the key over (hand_over.h).
/// `supervisor` 2: such a supervisor's script writes `process` before it runs, so that its absence proves that nothing
/// ran.
inline constexpr int run_format = 3;
inline constexpr int supervisor_format = 2;

/// One script to run.
struct RunRequest {
  std::vector<std::string> argv;
  std::string folder;                            ///< working folder, absolute
  std::map<std::string, std::string> variables;  ///< the whole environment
  std::vector<std::string> secret_variables;     ///< names in `variables` whose values are masked
  std::vector<std::string> not_passed;           ///< names in `variables` that the script does not get
  std::string outputs_file;                      ///< copied to the task's folder after exit status 0; empty: none
  std::string file_to_remove;                    ///< when nothing of the script runs any more; empty: none
  Millis time_limit{0};                          ///< 0: none
  Millis grace{10'000};                          ///< between TERM and KILL when the time limit ends it
  std::string cgroup_home;                       ///< the script gets a cgroup of its own below it; empty: none
  int version = 1;                               ///< set by `write_run_request`
};
template <class V>
void describe(V& visit, RunRequest& r) {
  visit.required("argv", r.argv);
  visit.required("folder", r.folder);
  visit("variables", r.variables);
  visit("secret_variables", r.secret_variables);
  visit("not_passed", r.not_passed);
  visit("outputs_file", r.outputs_file);
  visit("file_to_remove", r.file_to_remove);
  visit("time_limit", r.time_limit);
  visit("grace", r.grace);
  visit("cgroup_home", r.cgroup_home);
  visit("version", r.version);
}

/// Who supervises: enough to find the process again and to know that it is not another one with the same id.
struct SupervisorMark {
  std::int64_t pid = 0;
  std::int64_t start_time = 0;  ///< /proc/PID/stat field 22, clock ticks since boot
  std::string boot_id;
  int version = 1;  ///< `supervisor_format` of who wrote it
  friend bool operator==(const SupervisorMark&, const SupervisorMark&) = default;
};
template <class V>
void describe(V& visit, SupervisorMark& m) {
  visit.required("pid", m.pid);
  visit.required("start_time", m.start_time);
  visit.required("boot_id", m.boot_id);
  visit("version", m.version);
}

/// The script's own process: what has to be looked for when its supervisor is gone.
struct ScriptProcess {
  std::int64_t pid = 0;         ///< and the id of its process group
  std::int64_t start_time = 0;  ///< as in SupervisorMark; the boot is the supervisor's
  std::string cgroup;           ///< empty: it has none of its own
  friend bool operator==(const ScriptProcess&, const ScriptProcess&) = default;
};
template <class V>
void describe(V& visit, ScriptProcess& p) {
  visit.required("pid", p.pid);
  visit.required("start_time", p.start_time);
  visit("cgroup", p.cgroup);
}

/// `lost`: its supervisor died, it has ended since, and nobody saw how.
enum class RunEnd { exited, signalled, timed_out, cancelled, not_started, lost };
std::string_view name_of(RunEnd end);
bool parse_enum(std::string_view text, RunEnd& to);

/// How a script ended, as its supervisor saw it.
struct RunResult {
  RunEnd end = RunEnd::not_started;
  int status = 0;      ///< exit status; signalled: the signal's number; stopped by a signal otherwise: 128 + it
  std::string reason;  ///< not_started, lost: why
  std::uint64_t output_bytes = 0;  ///< in the output file
  std::string output_error;        ///< why output is missing (the disk was full), or empty
  std::string outputs_error;       ///< why the outputs file could not be copied, or empty
  std::int64_t duration_micros = 0;
  std::vector<std::int64_t> left;  ///< processes that KILL did not end (they hang in the kernel)
  friend bool operator==(const RunResult&, const RunResult&) = default;
};
template <class V>
void describe(V& visit, RunResult& r) {
  visit.required("end", r.end);
  visit("status", r.status);
  visit("reason", r.reason);
  visit.required("output_bytes", r.output_bytes);
  visit("output_error", r.output_error);
  visit("outputs_error", r.outputs_error);
  visit("duration_micros", r.duration_micros);
  visit("left", r.left);
}

/// Replaces a file's content at once, not synced: for what is written again when it was lost.
Result<> write_unsynced(const std::string& path, std::string_view bytes, unsigned mode = 0600);
/// The content is on the disk; the name is after a sync of its folder. Not at once: for names that nobody reads yet.
Result<> write_synced_file(const std::string& path, std::string_view bytes);

/// Where a sealed file of a task's folder lies ("run 12.0.1"): it opens nowhere else. The data folder may move.
std::string seal_context(const std::string& task_folder, std::string_view file);

/// Not synced: until the start mark exists nothing was started, and the file is written again.
Result<> write_run_request(const std::string& task_folder, const RunRequest& request, const SealKeys& keys);
/// Errors: bad_configuration without the key; bad_data of a newer agent.
Result<RunRequest> read_run_request(const std::string& task_folder, const SealKeys& keys);

/// Makes the start mark, synced; false when there is one already. At most one process ever gets true for a task's
/// folder, so at most one starts the script, whatever was killed in between.
Result<bool> claim_start(const std::string& task_folder, const SupervisorMark& mark);
Result<std::optional<SupervisorMark>> find_supervisor_mark(const std::string& task_folder);

/// Not synced: they tell of processes, which a host that fails takes along.
Result<> write_script_process(const std::string& task_folder, const ScriptProcess& process);
Result<std::optional<ScriptProcess>> find_script_process(const std::string& task_folder);
Result<> write_adopter_mark(const std::string& task_folder, const SupervisorMark& mark);
Result<std::optional<SupervisorMark>> find_adopter_mark(const std::string& task_folder);

/// Adds a line to the task's supervisor.log.
void note_in_log(const std::string& task_folder, std::string_view line);
/// Its last line, or empty.
std::string last_log_line(const std::string& task_folder);

/// On the disk when it returns.
Result<> write_run_result(const std::string& task_folder, const RunResult& result);
/// Tries until the disk takes it; gives up when the folder is gone (nobody waits for it). An exit status.
int write_result_when_there_is_room(const std::string& task_folder, const RunResult& result);
Result<std::optional<RunResult>> find_run_result(const std::string& task_folder);

}  // namespace escape::runner
