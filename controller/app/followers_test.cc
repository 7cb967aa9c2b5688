#include "controller/app/followers.h"

#include <gtest/gtest.h>

#include <climits>

#include "controller/store/rows.h"

namespace escape::controller {
namespace followers_test {

namespace reply = protocol::reply;

/// Counts how often the store is looked at.
class CountingReader : public store::Reader {
 public:
  explicit CountingReader(const store::Reader& inner) : inner_(inner) {}
  Result<std::optional<std::string>> get(store::Table table, std::string_view key) const override {
    ++looks;
    return inner_.get(table, key);
  }
  Result<> scan(store::Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    ++looks;
    return inner_.scan(table, from, to, order, visit);
  }
  mutable int looks = 0;

 private:
  const store::Reader& inner_;
};

class FollowersTest : public ::testing::Test {
 protected:
  FollowersTest() {
    Job job;
    job.number = 1;
    job.phase = JobPhase::running;
    save(job);
  }
  void save(const Job& job) {
    commit(job);
    if (job.phase == JobPhase::settled) {
      state.jobs.erase(job.number);
    } else {
      state.jobs[job.number] = job;
    }
  }
  void commit(const Change& change) {
    std::vector<store::Write> batch;
    store::append_writes(change, batch, nullptr);
    ASSERT_TRUE(database->commit(batch));
  }
  void log(const std::string& text) {
    Job job = state.jobs.at(1);
    protocol::LogEntry entry;
    entry.sequence = ++job.log_entries;
    entry.job = 1;
    entry.text = text;
    commit(LogLine{1, entry});
    save(job);
  }
  void attach() { ASSERT_TRUE(followers.attach(7, "ask", {1, 0}, context())); }
  QueryContext context() const {
    return {.reader = reader,
            .state = state,
            .liveness = [](const AgentId&) { return "offline"; },
            .last_seen = [](const AgentId&) { return Timestamp{}; },
            .resolve = [](const release::ReleaseQuery&) -> Result<release::ReleaseRecord> {
              return fail(ErrorKind::not_found, "no inventory");
            }};
  }
  std::vector<Followers::Outgoing> pump(bool may_read = true) {
    return followers.pump(context(), [may_read](SessionId) { return may_read; });
  }

  std::unique_ptr<store::Database> database = store::make_memory_database();
  CountingReader reader{*database};
  State state;
  Followers followers;
};

TEST_F(FollowersTest, entries_come_once_and_then_the_end) {
  log("one");
  attach();
  std::vector<Followers::Outgoing> out = pump();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(std::get<reply::LogBatch>(out[0].reply.reply).entries.front().text, "one");
  EXPECT_TRUE(pump().empty());
  Job job = state.jobs.at(1);
  job.phase = JobPhase::settled;
  save(job);
  out = pump();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<reply::JobDone>(out[0].reply.reply));
  EXPECT_TRUE(followers.empty());
}

TEST_F(FollowersTest, waiting_for_a_running_job_costs_no_look_at_the_store) {
  log("one");
  attach();
  pump();
  reader.looks = 0;
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(reader.looks, 0);
}

TEST_F(FollowersTest, who_may_not_read_any_more_is_left) {
  attach();
  log("secret");
  const std::vector<Followers::Outgoing> out = pump(false);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(std::get<reply::Failed>(out[0].reply.reply).kind, "refused");
  EXPECT_TRUE(followers.empty());
}

TEST_F(FollowersTest, a_damaged_log_ends_its_own_followers_only) {
  log("one");
  attach();
  Job other;
  other.number = 2;
  other.phase = JobPhase::running;
  save(other);
  ASSERT_TRUE(followers.attach(8, "ask", {2, 0}, context()));
  ASSERT_TRUE(database->commit({{store::Table::job_log, std::string("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 16), "x"}}));
  const std::vector<Followers::Outgoing> out = pump();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].session, 7u);
  EXPECT_EQ(std::get<reply::Failed>(out[0].reply.reply).kind, "storage");
  EXPECT_FALSE(followers.empty());
}

TEST_F(FollowersTest, credit_has_a_ceiling) {
  attach();
  followers.add_credit(7, INT_MAX);
  followers.add_credit(7, INT_MIN);
  log("one");
  EXPECT_EQ(pump().size(), 1u);
}

}  // namespace followers_test
}  // namespace escape::controller
