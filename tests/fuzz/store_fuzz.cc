// The controller's database with anything in it. The first byte is the sort of row whose value the rest is, or 'L':
// then the rest is many rows (table, key, value), and everything that is read at a start and by queries is read from
// them.
#include "controller/store/keys.h"
#include "controller/store/migrations.h"
#include "controller/store/row_codec.h"
#include "controller/store/row_fields.h"
#include "controller/store/rows.h"
#include "shared/base/check.h"
#include "tests/fuzz/input.h"

namespace escape::store {
namespace {

using namespace controller;

void check_error(const Error& error) {
  // A row may be sealed, and there is no key here.
  CHECK(error.kind == ErrorKind::storage || error.kind == ErrorKind::bad_data ||
        error.kind == ErrorKind::bad_configuration);
  CHECK(!error.message.empty() && !error.hint.empty());
}

template <class Row>
void check_row(Table table, std::string_view bytes) {
  const Result<Row> row = from_row<Row>(table, "key", bytes, nullptr);
  if (!row) return check_error(row.error());
  const std::string written = to_row(row.value(), table, "key", nullptr);
  const Result<Row> again = from_row<Row>(table, "key", written, nullptr);
  CHECK(again.has_value());
  CHECK(to_row(again.value(), table, "key", nullptr) == written);
}

template <class Rows>
void append_all(const Rows& rows, std::vector<Write>& batch) {
  for (const auto& [key, row] : rows) append_writes(row, batch, nullptr);
}

/// What was loaded, in a database of its own, loads as the same.
void check_rewritten(const State& state) {
  const std::unique_ptr<Database> copy = make_memory_database();
  std::vector<Write> batch;
  append_all(state.environments, batch);
  append_all(state.deployments, batch);
  append_all(state.agents, batch);
  append_all(state.principals, batch);
  append_all(state.invitations, batch);
  append_all(state.locks, batch);
  append_all(state.answered, batch);
  CHECK(copy->commit(batch).has_value());
  const Result<State> again = load_state(*copy);
  CHECK(again.has_value());
  std::vector<Write> same;
  append_all(again.value().environments, same);
  append_all(again.value().deployments, same);
  append_all(again.value().agents, same);
  append_all(again.value().principals, same);
  append_all(again.value().invitations, same);
  append_all(again.value().locks, same);
  append_all(again.value().answered, same);
  CHECK(same.size() == batch.size());
  for (std::size_t i = 0; i < same.size(); ++i) CHECK(same[i].key == batch[i].key && same[i].value == batch[i].value);
}

template <class T>
void check_read(const Result<std::vector<T>>& read, std::size_t limit) {
  if (!read) return check_error(read.error());
  CHECK(read.value().size() <= limit);
}

void check_database(fuzz::Input& input) {
  const std::unique_ptr<Database> database = make_memory_database();
  std::vector<Write> batch;
  while (!input.is_empty()) {
    const Table table = static_cast<Table>(input.below(table_count));
    std::string key(input.take(input.byte()));
    batch.push_back({table, std::move(key), std::string(input.text())});
  }
  CHECK(database->commit(batch).has_value());
  if (const Result<> done = migrate(*database, migrations()); !done) check_error(done.error());
  const Result<State> state = load_state(*database);
  if (state) {
    for (const auto& [number, job] : state.value().jobs) CHECK(job.log_entries <= INT64_MAX);
    check_rewritten(state.value());
  } else {
    check_error(state.error());
  }
  check_read(list_jobs(*database, "", "", 0, 3), 3);
  check_read(list_jobs(*database, "stage", "", 0, 3), 3);
  check_read(list_jobs(*database, "stage", "greeter", 100, 3), 3);
  check_read(list_jobs(*database, "", "greeter", 100, 3), 3);
  check_read(read_log(*database, 1, 0, 3, 100), 3);
  check_read(read_events(*database, 0, 3), 3);
  if (const auto newest = newest_event(*database); !newest) check_error(newest.error());
}

}  // namespace
}  // namespace escape::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace escape;
  using namespace escape::store;
  fuzz::Input input(data, size);
  switch (static_cast<char>(input.byte())) {
    case 'n':
      check_row<state::Environment>(Table::environments, input.rest());
      break;
    case 'd':
      check_row<state::Deployment>(Table::deployments, input.rest());
      break;
    case 'j':
      check_row<Job>(Table::jobs, input.rest());
      break;
    case 'p':
      check_row<JobPlan>(Table::jobs, input.rest());
      break;
    case 't':
      check_row<Task>(Table::tasks, input.rest());
      break;
    case 'a':
      check_row<Agent>(Table::agents, input.rest());
      break;
    case 'o':
      check_row<Principal>(Table::principals, input.rest());
      break;
    case 'i':
      check_row<Invitation>(Table::principals, input.rest());
      break;
    case 'k':
      check_row<Lock>(Table::locks, input.rest());
      break;
    case 'r':
      check_row<AnsweredRequest>(Table::requests, input.rest());
      break;
    case 'e':
      check_row<protocol::EventView>(Table::events, input.rest());
      break;
    case 'l':
      check_row<protocol::LogEntry>(Table::job_log, input.rest());
      break;
    case 'L':
      check_database(input);
      break;
    default:
      return -1;  // not worth keeping
  }
  return 0;
}
