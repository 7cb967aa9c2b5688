#include "agent/runner/files.h"

#include <gtest/gtest.h>

#include <vector>

#include "agent/runner/process.h"
#include "shared/io/files.h"

namespace escape::runner::files_test {

class RunnerFiles : public testing::Test {
 protected:
  void SetUp() override { folder = io::make_temporary_folder("runner-files").value(); }
  void TearDown() override { (void)io::remove_all(folder); }
  std::string folder;
};

TEST_F(RunnerFiles, RoundTrips) {
  RunRequest request;
  request.argv = {"sh", "-c", "exit 3"};
  request.folder = "/tmp";
  request.variables = {{"A", std::string("\xff\x00z", 3)}};
  request.secret_variables = {"A"};
  request.outputs_file = "/tmp/o";
  request.time_limit = Millis{5};
  ASSERT_TRUE(write_run_request(folder, request));
  const RunRequest back = read_run_request(folder).value();
  EXPECT_EQ(back.argv, request.argv);
  EXPECT_EQ(back.variables, request.variables);
  EXPECT_EQ(back.secret_variables, request.secret_variables);
  EXPECT_EQ(back.time_limit, request.time_limit);

  EXPECT_FALSE(find_run_result(folder).value());
  const RunResult result{RunEnd::timed_out, 143, "r", 7, "full", "x", 9};
  ASSERT_TRUE(write_run_result(folder, result));
  EXPECT_EQ(*find_run_result(folder).value(), result);
}

TEST_F(RunnerFiles, OnlyOneMayStart) {
  EXPECT_FALSE(find_supervisor_mark(folder).value());
  const SupervisorMark mark = mark_of_this_process();
  EXPECT_TRUE(claim_start(folder, mark).value());
  EXPECT_FALSE(claim_start(folder, SupervisorMark{1, 2, "other"}).value());
  EXPECT_EQ(*find_supervisor_mark(folder).value(), mark);
  EXPECT_EQ(io::list_folder(folder).value(), std::vector<std::string>{"supervisor"});
}

TEST_F(RunnerFiles, GarbageIsAnErrorThatNamesTheFile) {
  ASSERT_TRUE(io::write_file(folder + "/result", "{"));
  EXPECT_NE(describe(find_run_result(folder).error()).find(folder + "/result"), std::string::npos);
  ASSERT_TRUE(io::write_file(folder + "/run", "\xc1"));
  EXPECT_FALSE(read_run_request(folder));
}

TEST(Processes, AreFoundByIdStartTimeAndBoot) {
  SupervisorMark mark = mark_of_this_process();
  EXPECT_TRUE(open_process(mark));
  mark.start_time += 1;
  EXPECT_FALSE(open_process(mark)) << "another process with the same id";
  mark = mark_of_this_process();
  mark.boot_id = "another boot";
  EXPECT_FALSE(open_process(mark));
  EXPECT_FALSE(open_process(SupervisorMark{}));
}

}  // namespace escape::runner::files_test
