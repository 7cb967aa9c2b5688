// Files of an agent's data folder and of a task's folder, as a broken disk or a curious hand may leave them. A letter
// says which file the rest of the input is. What can be read is written so that it reads the same.
#include "agent/journal/identity.h"
#include "agent/journal/journal.h"
#include "agent/runner/files.h"
#include "agent/runner/outcome.h"
#include "shared/base/check.h"
#include "shared/base/seal.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/scratch.h"

namespace escape {
namespace {

const fuzz::Scratch& scratch() {
  static const fuzz::Scratch folder;
  return folder;
}

const SealKeys& seal_keys() {
  static const SealKeys keys = SealKeys::make();
  return keys;
}

void write(const std::string& path, std::string_view bytes) { CHECK(runner::write_unsynced(path, bytes).has_value()); }

template <class Record>
std::string bytes_of(const Record& record) {
  return codec::to_msgpack(codec::encode(record));
}
std::string bytes_of(const protocol::Offer& offer) { return protocol::encode(protocol::ToAgent{offer}).body; }

const agent::TaskKey task_key{{12, 3}, 2};

/// A data folder that is made anew for each journal.
struct DataFolder {
  DataFolder() { CHECK(io::make_folders(task).has_value()); }
  ~DataFolder() { (void)io::remove_all(path); }
  std::string path = scratch().in("data");
  std::string task = io::join_path(path, "tasks/" + to_string(task_key));
};

journal::Journal::Found read_journal(const DataFolder& data) {
  Result<std::unique_ptr<journal::Journal>> journal = journal::Journal::open(data.path);
  CHECK(journal.has_value());
  Result<journal::Journal::Found> found = journal.value()->find_all();
  CHECK(found.has_value());
  CHECK(found.value().settled.size() <= agent::max_settled);
  return std::move(found).value();
}

void check_settled_list(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.path, "settled"), bytes);
  const journal::Journal::Found found = read_journal(data);
  const journal::Journal::Found again = read_journal(data);
  CHECK(again.settled == found.settled);
  for (const agent::TaskKey& key : found.settled) CHECK(agent::parse_task_key(to_string(key)) == key);
}

void check_offer(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.task, "offer"), bytes);
  if (is_sealed(bytes)) {  // with a key that nobody has: the agent must not begin without its tasks
    const Result<std::unique_ptr<journal::Journal>> opened = journal::Journal::open(data.path);
    CHECK(!opened && opened.error().kind == ErrorKind::bad_configuration);
    return;
  }
  const journal::Journal::Found found = read_journal(data);
  CHECK(found.tasks.size() + found.unreadable.size() == 1);
  if (found.tasks.empty()) return;
  const protocol::Offer& offer = found.tasks.front().offer;
  // Everything else of the task is looked for in the folder of that name.
  CHECK(agent::key_of(offer) == task_key);
  CHECK(journal::Journal::open(data.path).value()->keep_offer(offer).has_value());
  const journal::Journal::Found again = read_journal(data);
  CHECK(again.tasks.size() == 1 && bytes_of(again.tasks.front().offer) == bytes_of(offer));
}

void check_finished(std::string_view bytes) {
  DataFolder data;
  protocol::Offer offer;
  offer.task = task_key.task;
  offer.attempt = task_key.attempt;
  write(io::join_path(data.task, "offer"), bytes_of(offer));
  write(io::join_path(data.task, "finished"), bytes);
  const journal::Journal::Found found = read_journal(data);
  CHECK(found.tasks.size() + found.unreadable.size() == 1);
  if (found.tasks.empty()) return;
  const agent::TaskResult& result = found.tasks.front().result.value();
  CHECK(journal::Journal::open(data.path).value()->keep_result(task_key, result).has_value());
  const journal::Journal::Found again = read_journal(data);
  CHECK(again.tasks.size() == 1 && bytes_of(again.tasks.front().result.value()) == bytes_of(result));
}

void check_identity(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.path, "agent.id"), bytes);
  const Result<journal::Identity> identity = journal::load_identity(data.path);
  if (!identity) return;
  CHECK(journal::save_identity(data.path, identity.value()).has_value());
  const Result<journal::Identity> again = journal::load_identity(data.path);
  CHECK(again.has_value());
  CHECK(again.value().agent == identity.value().agent && again.value().address == identity.value().address);
  CHECK(again.value().controller_key == identity.value().controller_key);
  CHECK(again.value().keys.secret_key == identity.value().keys.secret_key);
}

void check_seen_controller(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.path, "controller"), bytes);
  const Result<journal::SeenController> seen = journal::load_seen_controller(data.path);
  if (!seen) return;
  CHECK(journal::save_seen_controller(data.path, seen.value()).has_value());
  const Result<journal::SeenController> again = journal::load_seen_controller(data.path);
  CHECK(again.has_value());
  CHECK(again.value().instance == seen.value().instance && again.value().epoch == seen.value().epoch);
}

void check_pending_keys(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.path, "agent.id.pending"), bytes);
  const Result<KeyPair> keys = journal::load_or_make_pending_keys(data.path);
  if (keys) CHECK(keys.value().public_key.size() == 32 && keys.value().secret_key.size() == 32);
}

void check_run_request(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.task, runner::file_name::run), bytes);
  const Result<runner::RunRequest> request = runner::read_run_request(data.task, seal_keys());
  if (!request) return;
  CHECK(runner::write_run_request(data.task, request.value(), seal_keys()).has_value());
  Result<runner::RunRequest> again = runner::read_run_request(data.task, seal_keys());
  CHECK(again.has_value());
  again.value().version = request.value().version;  // the writer's own
  CHECK(bytes_of(again.value()) == bytes_of(request.value()));
}

void check_run_result(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.task, runner::file_name::result), bytes);
  const Result<std::optional<runner::RunResult>> result = runner::find_run_result(data.task);
  if (!result) return;
  CHECK(result.value().has_value());
  CHECK(runner::write_run_result(data.task, *result.value()).has_value());
  CHECK(runner::find_run_result(data.task).value() == result.value());
  (void)runner::to_task_result(*result.value(), {}, {}, data.task, seal_keys());
}

/// What the script itself left: it goes into messages, so these must be ones that the controller can read.
void check_outputs(std::string_view bytes) {
  DataFolder data;
  write(io::join_path(data.task, runner::file_name::outputs_copy), bytes);
  protocol::Offer offer;
  offer.reads_outputs = true;
  runner::RunResult run;
  run.end = runner::RunEnd::exited;
  const agent::TaskResult result = runner::to_task_result(run, {}, offer, data.task, seal_keys());
  CHECK(result.outcome == protocol::TaskOutcome::ok || !result.message.empty());
  protocol::Finished finished;
  finished.outcome = result.outcome;
  finished.message = result.message;
  finished.outputs = result.outputs;
  const protocol::TypedBody typed = protocol::encode(protocol::FromAgent{finished});
  CHECK(protocol::decode_from_agent(typed.type, typed.body).has_value());
}

void check_marks(std::string_view bytes) {
  DataFolder data;
  for (const char* name : {runner::file_name::supervisor, runner::file_name::adopter, runner::file_name::process,
                           runner::file_name::log}) {
    write(io::join_path(data.task, name), bytes);
  }
  (void)runner::last_log_line(data.task);
  const auto process = runner::find_script_process(data.task);
  if (process) {
    CHECK(runner::write_script_process(data.task, *process.value()).has_value());
    CHECK(runner::find_script_process(data.task).value() == process.value());
  }
  const auto mark = runner::find_supervisor_mark(data.task);
  CHECK(mark.has_value() == runner::find_adopter_mark(data.task).has_value());
  if (!mark) return;
  CHECK(runner::write_adopter_mark(data.task, *mark.value()).has_value());
  CHECK(runner::find_adopter_mark(data.task).value() == mark.value());
  CHECK(!runner::claim_start(data.task, *mark.value()).value());
}

}  // namespace
}  // namespace escape

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace escape;
  fuzz::Input input(data, size);
  const char which = static_cast<char>(input.byte());
  const std::string_view bytes = input.rest();
  switch (which) {
    case 's':
      check_settled_list(bytes);
      break;
    case 'o':
      check_offer(bytes);
      break;
    case 'f':
      check_finished(bytes);
      break;
    case 'i':
      check_identity(bytes);
      break;
    case 'c':
      check_seen_controller(bytes);
      break;
    case 'p':
      check_pending_keys(bytes);
      break;
    case 'r':
      check_run_request(bytes);
      break;
    case 'e':
      check_run_result(bytes);
      break;
    case 'u':
      check_outputs(bytes);
      break;
    case 'm':
      check_marks(bytes);
      break;
    default:
      return -1;  // not worth keeping
  }
  return 0;
}
