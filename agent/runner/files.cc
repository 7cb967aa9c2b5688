#include "agent/runner/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"
#include "shared/io/files.h"

namespace escape::runner {
namespace {

constexpr unsigned private_file = 0600;
constexpr unsigned write_retry_seconds = 1;
/// A sanitizer's report fits; more is not looked at.
constexpr std::uint64_t max_log_bytes = 1 << 20;

Error file_error(std::string_view doing, const std::string& path) {
  return {ErrorKind::storage, std::string(doing) + " '" + path + "': " + std::strerror(errno), {}, {}};
}

template <class Record>
Result<std::optional<Record>> find_json(const std::string& path) {
  if (!io::exists(path)) return std::optional<Record>{};
  TRY(const std::string text, io::read_file(path));
  Result<Value> value = codec::from_json(text);
  if (!value) return fail(std::move(value).error().in("while reading '" + path + "'"));
  Result<Record> record = codec::decode<Record>(value.value());
  if (!record) return fail(std::move(record).error().in("while reading '" + path + "'"));
  return std::optional<Record>(std::move(record).value());
}

/// The `run` file. An earlier supervisor wants a command and a folder, and then sees that the number is too high for
/// it.
struct RunFile {
  std::vector<std::string> argv;
  std::string folder;
  int version = 1;
  Binary sealed;
};
template <class V>
void describe(V& visit, RunFile& f) {
  visit.required("argv", f.argv);
  visit.required("folder", f.folder);
  visit("version", f.version);
  visit("sealed", f.sealed);
}

template <class Record>
std::string to_text(const Record& record) {
  return codec::to_json(codec::encode(record), codec::JsonStyle::indented) + "\n";
}

}  // namespace

std::string_view name_of(RunEnd end) {
  switch (end) {
    case RunEnd::exited:
      return "exited";
    case RunEnd::signalled:
      return "signalled";
    case RunEnd::timed_out:
      return "timed_out";
    case RunEnd::cancelled:
      return "cancelled";
    case RunEnd::not_started:
      return "not_started";
    case RunEnd::lost:
      return "lost";
  }
  return "not_started";
}

bool parse_enum(std::string_view text, RunEnd& to) {
  for (const RunEnd end :
       {RunEnd::exited, RunEnd::signalled, RunEnd::timed_out, RunEnd::cancelled, RunEnd::not_started, RunEnd::lost}) {
    if (name_of(end) == text) {
      to = end;
      return true;
    }
  }
  return false;
}

Result<> write_synced_file(const std::string& path, std::string_view bytes) {
  const io::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, private_file));
  if (!file) return fail(file_error("Couldn't create", path));
  TRYV(io::write_all(file, bytes, path));
  if (::fsync(file.get()) != 0) return fail(file_error("Couldn't sync", path));
  return ok();
}

Result<> write_unsynced(const std::string& path, std::string_view bytes, unsigned mode) {
  const std::string temporary = path + ".new";
  const io::Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) return fail(file_error("Couldn't create", temporary));
  TRYV(io::write_all(file, bytes, temporary));
  return io::rename(temporary, path);
}

std::string seal_context(const std::string& task_folder, std::string_view file) {
  return std::string(file) + " " + io::file_name(task_folder);
}

Result<> write_run_request(const std::string& task_folder, const RunRequest& request, const SealKeys& keys) {
  RunRequest ours = request;
  ours.version = run_format;
  const std::string sealed =
      keys.seal(codec::to_msgpack(codec::encode(ours)), seal_context(task_folder, file_name::run));
  const RunFile file{{}, {}, run_format, Binary{sealed}};
  return write_unsynced(io::join_path(task_folder, file_name::run), codec::to_msgpack(codec::encode(file)));
}

namespace {

Result<RunRequest> parse_run_file(const std::string& bytes, const std::string& task_folder, const SealKeys& keys) {
  TRY(Value value, codec::from_msgpack(bytes));
  TRY(const RunFile file, codec::decode<RunFile>(value));
  if (file.version > run_format) {
    return fail(ErrorKind::bad_data,
                "it was written by a newer agent (format " + std::to_string(file.version) + ", this supervisor knows " +
                    std::to_string(run_format) + ")",
                "Install Escape again: its programs belong together.");
  }
  if (!file.sealed.bytes.empty()) {
    TRY(const std::string opened, keys.open(file.sealed.bytes, seal_context(task_folder, file_name::run)));
    TRY(value, codec::from_msgpack(opened));
  }
  return codec::decode<RunRequest>(value);
}

}  // namespace

Result<RunRequest> read_run_request(const std::string& task_folder, const SealKeys& keys) {
  const std::string path = io::join_path(task_folder, file_name::run);
  TRY(const std::string bytes, io::read_file(path));
  Result<RunRequest> request = parse_run_file(bytes, task_folder, keys);
  if (request) return request;
  return fail(std::move(request).error().in("while reading '" + path + "'"));
}

/// link(2) fails when the name exists and never shows half a file, so making the mark and writing it are one step. What
/// must not be lost with the host is the name: the folder's sync comes after it.
Result<bool> claim_start(const std::string& task_folder, const SupervisorMark& mark) {
  const std::string path = io::join_path(task_folder, file_name::supervisor);
  const std::string mine = path + "." + std::to_string(::getpid());
  TRYV(write_synced_file(mine, to_text(mark)));
  const bool is_first = ::link(mine.c_str(), path.c_str()) == 0;
  const int reason = errno;
  (void)::unlink(mine.c_str());
  if (!is_first && reason == EEXIST) return false;
  errno = reason;
  if (!is_first) return fail(file_error("Couldn't create", path));
  TRYV(io::sync_folder(task_folder));
  return true;
}

Result<std::optional<SupervisorMark>> find_supervisor_mark(const std::string& task_folder) {
  return find_json<SupervisorMark>(io::join_path(task_folder, file_name::supervisor));
}

Result<> write_script_process(const std::string& task_folder, const ScriptProcess& process) {
  return write_unsynced(io::join_path(task_folder, file_name::process), to_text(process));
}

Result<std::optional<ScriptProcess>> find_script_process(const std::string& task_folder) {
  return find_json<ScriptProcess>(io::join_path(task_folder, file_name::process));
}

Result<> write_adopter_mark(const std::string& task_folder, const SupervisorMark& mark) {
  return write_unsynced(io::join_path(task_folder, file_name::adopter), to_text(mark));
}

Result<std::optional<SupervisorMark>> find_adopter_mark(const std::string& task_folder) {
  return find_json<SupervisorMark>(io::join_path(task_folder, file_name::adopter));
}

void note_in_log(const std::string& task_folder, std::string_view line) {
  const std::string path = io::join_path(task_folder, file_name::log);
  const io::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, private_file));
  if (file) (void)io::write_all(file, std::string(line) + "\n", path);
}

std::string last_log_line(const std::string& task_folder) {
  Result<std::string> text = io::read_file(io::join_path(task_folder, file_name::log), max_log_bytes);
  if (!text) return {};
  const std::string_view all = trimmed(text.value());
  return std::string(all.substr(all.rfind('\n') + 1));
}

Result<> write_run_result(const std::string& task_folder, const RunResult& result) {
  return io::write_file(io::join_path(task_folder, file_name::result), to_text(result), private_file);
}

int write_result_when_there_is_room(const std::string& task_folder, const RunResult& result) {
  bool was_said = false;
  for (;;) {
    const Result<> written = write_run_result(task_folder, result);
    if (written) return 0;
    if (!io::is_folder(task_folder)) return 1;
    if (!std::exchange(was_said, true)) std::fprintf(stderr, "%s\n", describe(written.error()).c_str());
    ::sleep(write_retry_seconds);
  }
}

Result<std::optional<RunResult>> find_run_result(const std::string& task_folder) {
  return find_json<RunResult>(io::join_path(task_folder, file_name::result));
}

}  // namespace escape::runner
