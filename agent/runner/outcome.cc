#include "agent/runner/outcome.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "agent/runner/command.h"
#include "agent/runner/masker.h"
#include "shared/base/time.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"

namespace escape::runner {

using agent::TaskResult;
using protocol::TaskOutcome;

namespace {

/// Outputs travel inside of messages and rows, whose own levels count too: what fills the limit alone could never
/// leave.
constexpr std::size_t max_outputs_depth = codec::max_depth - 16;

/// What a shell gives for "command not found".
constexpr int status_not_found = 127;

/// "killed", "terminated": as the original names them.
std::string signal_text(int number) {
  std::string text = ::strsignal(number);
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Error outputs_error(const protocol::Offer& offer, const std::string& why) {
  return {ErrorKind::failed,
          "The " + offer.step + " step of deployment '" + offer.deployment + "' ended with exit status 0, but " + why,
          "The script must leave a JSON object in '" + std::string(outputs_file) +
              "', for example {\"url\": \"http://…\"}.",
          {}};
}

struct Outputs {
  Value::Object values;
  bool were_given = false;
};

/// What the supervisor kept; empty when the script left nothing.
Result<std::string> read_outputs_text(const std::string& task_folder, const SealKeys& keys) {
  constexpr std::size_t seal_bytes = 64;
  const std::string sealed = io::join_path(task_folder, file_name::outputs);
  if (io::exists(sealed)) {
    TRY(const std::string bytes, io::read_file(sealed, max_outputs_bytes + 1 + seal_bytes));
    Result<std::string> text = keys.open(bytes, seal_context(task_folder, file_name::outputs));
    if (!text) return fail(std::move(text).error().in("while reading '" + sealed + "'"));
    return text;
  }
  const std::string clear = io::join_path(task_folder, file_name::outputs_copy);  // of an earlier supervisor
  if (!io::exists(clear)) return std::string();
  return io::read_file(clear, max_outputs_bytes + 1);
}

Result<Outputs> read_outputs(const protocol::Offer& offer, const std::string& task_folder, const SealKeys& keys) {
  TRY(const std::string text, read_outputs_text(task_folder, keys));
  if (text.empty()) return Outputs{};
  const std::string name = std::string("its outputs file '") + outputs_file + "' ";
  if (text.size() > max_outputs_bytes) {
    return fail(outputs_error(offer, name + "is larger than " + std::to_string(max_outputs_bytes >> 20) + " MiB"));
  }
  Result<Value> value = codec::from_json(text);
  if (!value) return fail(outputs_error(offer, name + "is not JSON: " + value.error().message));
  const Value::Object* object = value.value().as_object();
  if (!object) {
    return fail(outputs_error(offer, name + "holds a " + std::string(value.value().type_name()) + ", not an object"));
  }
  if (!codec::from_msgpack(codec::to_msgpack(value.value()), max_outputs_depth)) {
    return fail(
        outputs_error(offer, name + "is nested more than " + std::to_string(max_outputs_depth) + " levels deep"));
  }
  return Outputs{*object, true};
}

/// The limit is the whole step's, so a script may have had much less.
std::string before_text(const RunRequest& request, const protocol::Offer& offer) {
  constexpr Millis worth_saying{1'000};
  const Millis before = offer.time_limit - request.time_limit;
  if (request.time_limit <= Millis{0} || before < worth_saying) return {};
  return " (" + to_short_text(before) + " of it went by before its script started)";
}

std::string why_it_ended(const RunResult& run, const RunRequest& request, const protocol::Offer& offer) {
  switch (run.end) {
    case RunEnd::exited:
      return "exit status " + std::to_string(run.status);
    case RunEnd::signalled:
      return "signal: " + signal_text(run.status);
    case RunEnd::timed_out:
      return "it ran longer than its time limit of " + to_short_text(offer.time_limit) + before_text(request, offer) +
             " and was stopped";
    case RunEnd::cancelled:
      return "it was cancelled";
    case RunEnd::not_started:
    case RunEnd::lost:
      return run.reason;
  }
  return run.reason;
}

TaskOutcome outcome_of(const RunResult& run) {
  switch (run.end) {
    case RunEnd::exited:
      return run.status == 0 ? TaskOutcome::ok : TaskOutcome::failed;
    case RunEnd::signalled:
      return TaskOutcome::failed;
    case RunEnd::timed_out:
      return TaskOutcome::timed_out;
    case RunEnd::cancelled:
      return TaskOutcome::cancelled;
    case RunEnd::not_started:
      return TaskOutcome::not_started;
    case RunEnd::lost:
      return TaskOutcome::interrupted;
  }
  return TaskOutcome::failed;
}

int status_of(const RunResult& run) {
  if (run.end == RunEnd::signalled) return 128 + run.status;
  if (run.end == RunEnd::not_started) return status_not_found;
  return run.status;
}

std::string with_hint(const Error& error) {
  std::string text = describe(error);
  if (!error.hint.empty()) text += (text.ends_with('.') ? " " : ". ") + error.hint;
  return text;
}

void add_sentence(std::string& message, const std::string& sentence) {
  if (!message.empty()) message += message.ends_with('.') ? " " : ". ";
  message += sentence;
}

/// A script that hangs in the kernel must not hold its deployment for ever: it is left, and named.
std::string left_text(const RunResult& run) {
  constexpr std::size_t named = 8;
  std::string numbers;
  for (std::size_t i = 0; i < std::min(run.left.size(), named); ++i) {
    numbers += (i == 0 ? "" : ", ") + std::to_string(run.left[i]);
  }
  if (run.left.size() > named) numbers += " and " + std::to_string(run.left.size() - named) + " more";
  const bool is_one = run.left.size() == 1;
  const std::string subject = (is_one ? "Process " : "Processes ") + numbers;
  if (run.end == RunEnd::lost) return subject + " of it still " + (is_one ? "runs" : "run") + ".";
  return subject + " could not be ended, even by KILL, and " + (is_one ? "is" : "are") + " left on the agent's host.";
}

void take_outputs(TaskResult& result, const RunResult& run, const protocol::Offer& offer,
                  const std::string& task_folder, const SealKeys& keys) {
  Result<Outputs> outputs = run.outputs_error.empty() ? read_outputs(offer, task_folder, keys)
                                                      : Result<Outputs>(fail(outputs_error(offer, run.outputs_error)));
  if (!outputs) {
    result.outcome = TaskOutcome::failed;
    result.message = with_hint(outputs.error());
    return;
  }
  result.outputs = std::move(outputs.value().values);
  result.has_outputs = outputs.value().were_given;
}

}  // namespace

Result<> prepare_outputs_file(const std::string& folder, const protocol::Offer& offer) {
  const std::string path = io::join_path(folder, outputs_file);
  TRYV(io::make_folders(io::parent_path(path)));
  if (!offer.writes_outputs_file) return ok();
  return write_unsynced(path, codec::to_json(Value(offer.outputs_before)));
}

void remove_outputs_file(const RunRequest& request) {
  std::string file = request.file_to_remove;
  // A request of before the seal does not name it.
  if (request.version < 3 && !request.folder.empty()) file = io::join_path(request.folder, outputs_file);
  if (!file.empty()) (void)::unlink(file.c_str());
}

Result<> copy_outputs_file(const std::string& outputs_file, const std::string& task_folder, const SealKeys& keys) {
  const io::Fd file(::open(outputs_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return ok();
  const std::string name = "its outputs file '" + outputs_file + "' ";
  if (!file) return fail(ErrorKind::failed, name + "can't be read: " + std::strerror(errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return fail(ErrorKind::failed, name + "is not a file");
  std::string bytes(max_outputs_bytes + 1, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorKind::failed, name + "can't be read: " + std::strerror(errno));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  // Its name is on the disk with the result, whose write syncs the folder.
  if (keys.empty()) return write_synced_file(io::join_path(task_folder, file_name::outputs_copy), bytes);
  return write_synced_file(io::join_path(task_folder, file_name::outputs),
                           keys.seal(bytes, seal_context(task_folder, file_name::outputs)));
}

TaskResult to_task_result(const RunResult& run, const RunRequest& request, const protocol::Offer& offer,
                          const std::string& task_folder, const SealKeys& keys) {
  TaskResult result;
  result.outcome = outcome_of(run);
  result.exit_status = status_of(run);
  result.output_bytes = run.output_bytes;
  result.duration_micros = run.duration_micros;
  if (result.outcome != TaskOutcome::ok) {
    const std::string why = why_it_ended(run, request, offer);
    result.message = run.end == RunEnd::lost ? interrupted_result(why, 0).message : failure_text(request.argv, why);
  } else if (offer.reads_outputs) {
    take_outputs(result, run, offer, task_folder, keys);
  }
  if (!run.left.empty()) add_sentence(result.message, left_text(run));
  if (!run.output_error.empty()) {
    add_sentence(result.message,
                 "Output behind byte " + std::to_string(run.output_bytes) + " is lost: " + run.output_error);
  }
  result.message = masked(result.message, secrets_of(request));
  return result;
}

TaskResult not_started_result(const Error& why) {
  TaskResult result;
  result.outcome = TaskOutcome::not_started;
  result.message = with_hint(why);
  if (may_help_to_run_again(why.kind)) add_sentence(result.message, "Run the job again.");
  return result;
}

bool may_help_to_run_again(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::unreachable:
    case ErrorKind::timed_out:
    case ErrorKind::temporary:
    case ErrorKind::storage:
    case ErrorKind::internal:
    case ErrorKind::unknown:
      return true;
    case ErrorKind::usage:
    case ErrorKind::bad_data:
    case ErrorKind::not_found:
    case ErrorKind::conflict:
    case ErrorKind::refused:
    case ErrorKind::no_target:
    case ErrorKind::failed:
    case ErrorKind::cancelled:
    case ErrorKind::no_permission:
    case ErrorKind::bad_configuration:
      return false;
  }
  return false;
}

TaskResult interrupted_result(const std::string& why, std::uint64_t output_bytes) {
  TaskResult result;
  result.outcome = TaskOutcome::interrupted;
  result.message = "Interrupted: " + why + ".";
  result.output_bytes = output_bytes;
  return result;
}

std::vector<std::pair<std::string, std::string>> secrets_of(const RunRequest& request) {
  std::vector<std::pair<std::string, std::string>> secrets;
  for (const std::string& name : request.secret_variables) {
    if (const auto found = request.variables.find(name); found != request.variables.end()) secrets.emplace_back(*found);
  }
  return secrets;
}

}  // namespace escape::runner
