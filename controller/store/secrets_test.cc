#include "controller/store/secrets.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "controller/store/keys.h"
#include "controller/store/rows.h"
#include "controller/store/temp_folder_for_tests.h"
#include "shared/base/text.h"
#include "shared/io/files.h"
#include "shared/io/key_file.h"

namespace escape::store {
namespace secrets_test {

namespace fs = std::filesystem;
using namespace controller;

// Nothing compresses it, so it would be found in a file that holds it.
constexpr const char* secret = "kR7vQ2mZx9LwT4sB";

Value::Object values() { return {{"password", secret}, {"list", Value::List{secret, 1}}}; }

/// A change for each secret field, all of which hold the secret.
std::vector<Change> secret_changes() {
  const std::map<std::string, std::string> variables{{"INPUT_password", secret}};
  state::Environment environment{.name = "prod", .inputs = values(), .created_at = {}};
  state::Deployment deployment{.environment = "prod", .name = "app", .inputs = values()};
  deployment.stages["deploy"] = {.inputs = values(), .calculated_inputs = values(), .calculated_outputs = values()};
  deployment.stages["build"].inputs = values();
  Job job;
  job.number = 7;
  job.phase = JobPhase::running;
  job.environment = "prod";
  job.inputs = values();
  job.previous_variables = variables;
  job.previous_below = {{"app:db", variables}};
  Task task;
  task.id = {7, 0};
  task.outputs = values();
  task.variables = variables;
  task.outputs_before = values();
  const AnsweredRequest answer{"ann", "1", Value::Object{{"type", "done"}, {"body", Binary{secret}}}, {}};
  return {environment, deployment, job, JobPlan{7, Value::Object{{"name", "x"}}}, task, answer};
}

class Secrets : public testing::Test {
 protected:
  std::string db() const { return temp.path() + "/db"; }
  std::string key_file() const { return temp.path() + "/secrets.key"; }
  std::unique_ptr<Database> open(Access access = Access::read_write) {
    Result<std::unique_ptr<Database>> opened = open_rocksdb(db(), access, key_file());
    if (!opened) ADD_FAILURE() << opened.error().message;
    return opened ? std::move(opened).value() : make_memory_database();
  }
  Error refusal(const std::string& keys) {
    const auto opened = open_rocksdb(db(), Access::read_write, keys);
    return opened ? Error{ErrorKind::internal, "opened", {}, {}} : opened.error();
  }
  void write_secrets() {
    const auto database = open();
    State state;
    state.instance = std::string(16, 'i');
    ASSERT_TRUE(database->commit(start_writes(state)));
    std::vector<Write> batch;
    for (const Change& change : secret_changes()) append_writes(change, batch, database->seal_keys());
    ASSERT_TRUE(database->commit(batch));
  }
  /// Files below `folder` that hold the text.
  std::vector<std::string> files_with(const std::string& folder, const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(in)), {});
      if (bytes.find(text) != std::string::npos) found.push_back(entry.path().string());
    }
    return found;
  }
  void expect_whole(const Reader& reader) {
    const State state = load_state(reader).value();
    EXPECT_EQ(state.environments.at("prod").inputs, values());
    const state::Deployment& deployment = state.deployments.at({"prod", "app"});
    EXPECT_EQ(deployment.inputs, values());
    EXPECT_EQ(deployment.stages.at("deploy").inputs, values());
    EXPECT_EQ(deployment.stages.at("deploy").calculated_inputs, values());
    EXPECT_EQ(deployment.stages.at("deploy").calculated_outputs, values());
    EXPECT_EQ(deployment.stages.at("build").inputs, values());
    EXPECT_EQ(state.jobs.at(7).inputs, values());
    EXPECT_EQ(state.jobs.at(7).previous_variables.at("INPUT_password"), secret);
    EXPECT_EQ(state.jobs.at(7).previous_below.at("app:db").at("INPUT_password"), secret);
    const Task& task = state.tasks.at({7, 0});
    EXPECT_EQ(task.outputs, values());
    EXPECT_EQ(task.variables.at("INPUT_password"), secret);
    EXPECT_EQ(task.outputs_before, values());
    EXPECT_EQ(state.answered.at({"ann", "1"}).reply.as_object()->find("body")->as_binary()->bytes, secret);
    EXPECT_TRUE(state.plans.contains(7));
  }

  TempFolder temp;
};

TEST_F(Secrets, LieNowhereInClearAndComeBack) {
  write_secrets();
  EXPECT_EQ(files_with(temp.path(), secret), std::vector<std::string>{});
  EXPECT_EQ(files_with(temp.path(), "prod").size(), 1u) << "what is no secret can be found, so a secret could be";
  expect_whole(*open());
  const auto reader = open(Access::read_only);
  expect_whole(*reader);
  expect_whole(*reader->snapshot());
}

TEST_F(Secrets, AnEmptyMapStaysAsItIs) {
  const SealKeys keys = SealKeys::make();
  Value::Object row{{"inputs", Value::Object{}}};
  seal_secrets(row, Table::jobs, "k", &keys);
  EXPECT_EQ(row, (Value::Object{{"inputs", Value::Object{}}}));
}

TEST_F(Secrets, ASealedValueDoesNotOpenInAnotherPlace) {
  const SealKeys keys = SealKeys::make();
  Value::Object row{{"inputs", values()}};
  seal_secrets(row, Table::jobs, "one", &keys);
  const auto error_of = [&](Value::Object moved, Table table, const char* key, const SealKeys* with) {
    const Result<> opened = open_secrets(moved, table, key, with);
    return opened ? ErrorKind::internal : opened.error().kind;
  };
  EXPECT_EQ(error_of(row, Table::jobs, "other", &keys), ErrorKind::storage);
  EXPECT_EQ(error_of(row, Table::environments, "one", &keys), ErrorKind::storage);
  EXPECT_EQ(error_of({{"previous_variables", *row.find("inputs")}}, Table::jobs, "one", &keys), ErrorKind::storage);
  EXPECT_EQ(error_of(row, Table::jobs, "one", nullptr), ErrorKind::bad_configuration);
  ASSERT_TRUE(open_secrets(row, Table::jobs, "one", &keys));
  EXPECT_EQ(*row.find("inputs")->as_object(), values());
}

TEST_F(Secrets, WithoutTheirKeyTheDatabaseDoesNotOpen) {
  write_secrets();
  const std::string id = to_hex(io::read_key_file(key_file()).value().first_id());
  fs::rename(key_file(), temp.path() + "/away");
  ASSERT_TRUE(io::write_key_file(temp.path() + "/other", SealKeys::make()));
  ASSERT_TRUE(io::write_file(temp.path() + "/empty", ""));
  const std::pair<std::string, std::string> cases[] = {
      {key_file(), "does not exist"}, {temp.path() + "/other", "does not hold it"}, {"", "no key file is named"}};
  for (const auto& [file, said] : cases) {
    const Error error = refusal(file);
    EXPECT_EQ(error.kind, ErrorKind::bad_configuration) << file;
    EXPECT_NE(error.message.find(id), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(said), std::string::npos) << error.message;
    EXPECT_FALSE(error.hint.empty());
  }
  EXPECT_EQ(refusal(temp.path() + "/empty").kind, ErrorKind::bad_data);
  EXPECT_FALSE(fs::exists(key_file())) << "an empty key would be the end of all secrets";
  expect_whole(*open_rocksdb(db(), Access::read_write, temp.path() + "/away").value());
}

TEST_F(Secrets, AReaderSeesWhatWasSealedAfterItHadOpened) {
  {
    const auto empty = open_rocksdb(db(), Access::read_write).value();
  }
  const auto reader = open(Access::read_only);
  write_secrets();
  ASSERT_TRUE(reader->refresh());
  expect_whole(*reader);
}

TEST_F(Secrets, AreSealedAnewWithAKeyThatIsPutInFront) {
  write_secrets();
  const SealKeys before = io::read_key_file(key_file()).value();
  const SealKeys after = before.with_fresh_key();
  ASSERT_TRUE(io::write_key_file(key_file(), after));
  {
    const auto database = open();
    expect_whole(*database);
    EXPECT_EQ(sealed_with(*database).value(), before.first_id() + after.first_id());
    MigrationPiece piece = seal_all(*database, "").value();
    EXPECT_TRUE(piece.is_last);
    EXPECT_EQ(piece.writes.size(), 6u) << "five rows and the note that old bytes have to go";
    piece.writes.push_back({Table::meta, std::string(meta_key::sealed_with), after.first_id()});
    ASSERT_TRUE(database->commit(piece.writes));
    EXPECT_EQ(seal_all(*database, "").value().writes.size(), 1u) << "nothing is left to seal";
  }
  expect_whole(*open());
  EXPECT_EQ(files_with(db(), before.first_id()), std::vector<std::string>{}) << "nothing under the old key is left";
  ASSERT_TRUE(io::write_key_file(temp.path() + "/new", SealKeys::parse(after.to_text().substr(0, 44)).value()));
  expect_whole(*open_rocksdb(db(), Access::read_write, temp.path() + "/new").value());
}

TEST_F(Secrets, ManyRowsAreSealedInPieces) {
  const auto database = open();
  std::vector<Write> batch;
  for (int i = 0; i < 1300; ++i) {
    Task task;
    task.id = {7, static_cast<std::uint32_t>(i)};
    task.outputs = values();
    append_writes(task, batch, nullptr);
  }
  ASSERT_TRUE(database->commit(batch));
  std::string from;
  int pieces = 0;
  std::size_t sealed = 0;
  for (bool is_last = false; !is_last; ++pieces) {
    const MigrationPiece piece = seal_all(*database, from).value();
    ASSERT_LE(piece.writes.size(), 501u);
    sealed += piece.writes.size();
    ASSERT_TRUE(database->commit(piece.writes));
    is_last = piece.is_last;
    from = piece.next;
  }
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(sealed, 1301u);
  EXPECT_EQ(load_tasks(*database, 7).value().size(), 1300u);
}

}  // namespace secrets_test
}  // namespace escape::store
