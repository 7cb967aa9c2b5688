#include "controller/core/recorder.h"

#include <gtest/gtest.h>

namespace escape::controller {
namespace recorder_test {

/// A converge of many deployments logs many lines: each costs itself, not the job's row.
TEST(Recorder, ALogLineIsWrittenAloneWhateverItsJobHolds) {
  Recorder rows({});
  Job job;
  job.number = 1;
  for (JobId child = 2; child < 5000; ++child) job.children.push_back(child);
  rows.put(job);
  State replayed;
  for (const Change& change : rows.take_changes()) apply(replayed, change);
  for (std::uint64_t line = 1; line <= 3; ++line) {
    rows.log(1, {});
    const std::vector<Change> changes = rows.take_changes();
    ASSERT_EQ(changes.size(), 1u);
    ASSERT_TRUE(std::holds_alternative<LogLine>(changes[0]));
    EXPECT_EQ(std::get<LogLine>(changes[0]).entry.sequence, line);
    apply(replayed, changes[0]);
    EXPECT_EQ(replayed, rows.state()) << "what the disk holds tells the count";
  }
  rows.edit(1).phase = JobPhase::settled;
  rows.log(1, {});
  const std::vector<Change> last = rows.take_changes();
  const auto* row = std::get_if<Job>(&last.back());
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->log_entries, 4u) << "the row of a settled job is right";
}

}  // namespace recorder_test
}  // namespace escape::controller
