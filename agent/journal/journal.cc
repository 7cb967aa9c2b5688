#include "agent/journal/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "protocol/messages/agent.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"
#include "shared/io/key_file.h"

namespace escape::journal {

using agent::TaskKey;

namespace {

constexpr unsigned private_file = 0600;
constexpr unsigned private_folder = 0700;

/// Disk constants.
constexpr const char* tasks_name = "tasks";
constexpr const char* settled_name = "settled";
constexpr const char* offer_name = "offer";
constexpr const char* finished_name = "finished";
constexpr const char* output_name = "output";
constexpr const char* keys_name = "secrets.key";

Error io_error(std::string_view doing, const std::string& path) {
  const int reason = errno;
  return {ErrorKind::storage,
          std::string(doing) + " '" + path + "': " + (reason == ENOSPC ? "the disk is full" : std::strerror(reason)),
          reason == ENOSPC ? "Free some space there; the agent goes on by itself." : "",
          {}};
}

/// Disk constant: where a file lies ("offer 12.0.1").
std::string context_of(const char* name, const TaskKey& key) { return std::string(name) + " " + to_string(key); }

/// A file of the task's folder; an earlier version wrote it in clear.
Result<std::string> read_sealed(const std::string& folder, const char* name, const TaskKey& key, const SealKeys& keys) {
  TRY(std::string bytes, io::read_file(io::join_path(folder, name)));
  if (is_sealed(bytes)) return keys.open(bytes, context_of(name, key));
  return bytes;
}

Result<> seal_if_clear(const std::string& folder, const char* name, const TaskKey& key, const SealKeys& keys) {
  const std::string path = io::join_path(folder, name);
  TRY(const std::string bytes, io::read_file(path));
  if (is_sealed(bytes)) return ok();
  return io::write_file(path, keys.seal(bytes, context_of(name, key)), private_file);
}

Result<protocol::Offer> read_offer(const std::string& folder, const TaskKey& key, const SealKeys& keys) {
  TRY(const std::string bytes, read_sealed(folder, offer_name, key, keys));
  static const std::string type = protocol::encode(protocol::ToAgent{protocol::Offer{}}).type;
  TRY(protocol::ToAgent message, protocol::decode_to_agent(type, bytes));
  if (auto* offer = std::get_if<protocol::Offer>(&message)) return std::move(*offer);
  return fail(ErrorKind::bad_data, "it does not hold an offer");
}

Result<agent::TaskResult> read_result(const std::string& folder, const TaskKey& key, const SealKeys& keys) {
  TRY(const std::string bytes, read_sealed(folder, finished_name, key, keys));
  TRY(const Value value, codec::from_msgpack(bytes));
  return codec::decode<agent::TaskResult>(value);
}

}  // namespace

Journal::Journal(std::string data_folder, io::FileLock lock)
    : data_folder_(std::move(data_folder)), lock_(std::move(lock)) {}

Result<std::unique_ptr<Journal>> Journal::open(const std::string& data_folder) {
  TRYV(io::make_folders(data_folder, private_folder));
  TRYV(io::make_folders(io::join_path(data_folder, tasks_name), private_folder));
  Result<io::FileLock> lock = io::FileLock::try_exclusive(io::join_path(data_folder, "lock"));
  if (!lock) {
    if (lock.error().kind != ErrorKind::conflict) return fail(std::move(lock).error());
    const std::string holder = io::FileLock::holder(io::join_path(data_folder, "lock"));
    return fail(ErrorKind::conflict,
                "Another agent works in the data folder '" + data_folder + "'" +
                    (holder.empty() ? "" : " (" + holder + ")") + ".",
                "Stop that one, or give this agent a data folder of its own.");
  }
  lock.value().describe("pid " + std::to_string(::getpid()));
  std::unique_ptr<Journal> journal(new Journal(data_folder, std::move(lock).value()));
  TRYV(journal->load_settled());
  TRYV(journal->load_keys());
  return journal;
}

/// A new key is made only where nothing wants another: a task whose offer does not open would be taken for one that
/// this agent never had, and run again.
Result<> Journal::load_keys() {
  const std::string path = io::join_path(data_folder_, keys_name);
  Result<SealKeys> keys = io::read_key_file(path);
  const bool is_missing = !keys && keys.error().kind == ErrorKind::not_found;
  if (!keys && !is_missing) return fail(std::move(keys).error());
  if (keys) keys_ = std::move(keys).value();
  TRY(const std::optional<std::string> foreign, foreign_key());
  if (foreign) {
    return fail(ErrorKind::bad_configuration,
                "Tasks in '" + io::join_path(data_folder_, tasks_name) + "' are sealed with the key " + *foreign +
                    ", and '" + path + (is_missing ? "' does not exist." : "' does not hold it."),
                "Bring that file back. If it is lost, remove the folder of tasks: the controller will ask what became "
                "of them.");
  }
  if (!is_missing) return ok();
  keys_ = SealKeys::make();
  return io::write_key_file(path, keys_);
}

/// The id of a key that a task is sealed with and that is not among ours.
Result<std::optional<std::string>> Journal::foreign_key() const {
  const std::string tasks = io::join_path(data_folder_, tasks_name);
  TRY(const std::vector<std::string> names, io::list_folder(tasks));
  for (const std::string& name : names) {
    const std::optional<TaskKey> key = agent::parse_task_key(name);
    if (!key || std::find(settled_.begin(), settled_.end(), *key) != settled_.end()) continue;
    const Result<std::string> bytes = io::read_file(io::join_path(io::join_path(tasks, name), offer_name));
    const std::string_view id = bytes ? seal_id_of(bytes.value()) : std::string_view();
    if (!id.empty() && !keys_.has(id)) return std::optional(to_hex(id));
  }
  return std::optional<std::string>();
}

/// Rewrites the list without what is too old and without a half-written last line, then opens it for appending.
Result<> Journal::load_settled() {
  const std::string path = io::join_path(data_folder_, settled_name);
  std::string text;
  if (io::exists(path)) {
    TRY(text, io::read_file(path));
  }
  std::vector<std::string> lines = split(text, '\n');
  lines.pop_back();  // behind the last newline: empty, or a line whose write was cut off
  for (const std::string& line : lines) {
    if (const std::optional<TaskKey> key = agent::parse_task_key(line)) settled_.push_back(*key);
  }
  if (settled_.size() > agent::max_settled) {
    settled_.erase(settled_.begin(), settled_.end() - static_cast<std::ptrdiff_t>(agent::max_settled));
  }
  std::string compact;
  for (const TaskKey& key : settled_) compact += to_string(key) + "\n";
  if (compact != text || text.empty()) {
    TRYV(io::write_file(path, compact, private_file));
  }
  settled_file_ = io::Fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!settled_file_) return fail(io_error("Couldn't open", path));
  return ok();
}

Result<Journal::Found> Journal::find_all() {
  Found found;
  found.settled = settled_;
  const std::string tasks = io::join_path(data_folder_, tasks_name);
  TRY(const std::vector<std::string> names, io::list_folder(tasks));
  for (const std::string& name : names) {
    const std::string folder = io::join_path(tasks, name);
    const std::string offer_path = io::join_path(folder, offer_name);
    const std::optional<TaskKey> key = agent::parse_task_key(name);
    const bool is_settled = key && std::find(settled_.begin(), settled_.end(), *key) != settled_.end();
    if (!key || is_settled || !io::exists(offer_path)) {
      TRYV(io::remove_all(folder));
      continue;
    }
    Result<protocol::Offer> offer = read_offer(folder, *key, keys_);
    if (!offer) {
      found.unreadable.push_back(describe(std::move(offer).error().in("while reading '" + offer_path + "'")));
      continue;
    }
    if (agent::key_of(offer.value()) != *key) {
      found.unreadable.push_back("'" + offer_path + "' holds the offer of another task, " +
                                 to_string(agent::key_of(offer.value())));
      continue;
    }
    TRYV(seal_if_clear(folder, offer_name, *key, keys_));
    Kept kept{std::move(offer).value(), {}};
    const std::string finished_path = io::join_path(folder, finished_name);
    if (io::exists(finished_path)) {
      Result<agent::TaskResult> result = read_result(folder, *key, keys_);
      if (!result) {
        found.unreadable.push_back(describe(std::move(result).error().in("while reading '" + finished_path + "'")));
        continue;
      }
      TRYV(seal_if_clear(folder, finished_name, *key, keys_));
      kept.result = std::move(result).value();
    }
    found.tasks.push_back(std::move(kept));
  }
  return found;
}

Result<> Journal::keep_offer(const protocol::Offer& offer) {
  const TaskKey key = agent::key_of(offer);
  const std::string folder = folder_of(key);
  const auto keep = [&]() -> Result<> {
    // Its name is synced once, below, when there is something in it.
    if (::mkdir(folder.c_str(), private_folder) != 0 && errno != EEXIST) return fail(io_error("Couldn't make", folder));
    const std::string body = protocol::encode(protocol::ToAgent{offer}).body;
    TRYV(
        io::write_file(io::join_path(folder, offer_name), keys_.seal(body, context_of(offer_name, key)), private_file));
    return io::sync_folder(io::parent_path(folder));
  };
  Result<> kept = keep();
  if (!kept) (void)io::remove_all(folder);
  return kept;
}

Result<> Journal::keep_result(const TaskKey& key, const agent::TaskResult& result) {
  const std::string bytes = codec::to_msgpack(codec::encode(result));
  return io::write_file(io::join_path(folder_of(key), finished_name), keys_.seal(bytes, context_of(finished_name, key)),
                        private_file);
}

Result<> Journal::settle(const TaskKey& key) {
  const std::string path = io::join_path(data_folder_, settled_name);
  const off_t before = ::lseek(settled_file_.get(), 0, SEEK_END);
  if (Result<> written = io::write_all(settled_file_, to_string(key) + "\n", path); !written) {
    // Half a line would spoil the next one.
    if (before >= 0) (void)!::ftruncate(settled_file_.get(), before);
    return written;
  }
  if (::fdatasync(settled_file_.get()) != 0) return fail(io_error("Couldn't sync", path));
  return io::remove_all(folder_of(key));
}

Result<> Journal::start_over() {
  const std::string tasks = io::join_path(data_folder_, tasks_name);
  TRYV(io::remove_all(tasks));
  TRYV(io::make_folders(tasks, private_folder));
  TRYV(io::remove_all(io::join_path(data_folder_, settled_name)));
  settled_.clear();
  return load_settled();
}

std::string Journal::folder_of(const TaskKey& key) const {
  return io::join_path(io::join_path(data_folder_, tasks_name), to_string(key));
}

Result<std::string> Journal::read_output(const TaskKey& key, std::uint64_t offset, std::uint64_t length) const {
  const std::string path = io::join_path(folder_of(key), output_name);
  const io::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT) return std::string{};
    return fail(io_error("Couldn't open", path));
  }
  std::string bytes(length, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count =
        ::pread(file.get(), bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(io_error("Couldn't read", path));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace escape::journal
