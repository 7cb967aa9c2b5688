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
  const SealKeys keys = SealKeys::make();
};

TEST_F(RunnerFiles, RoundTrips) {
  RunRequest request;
  request.argv = {"sh", "-c", "exit 3"};
  request.folder = "/tmp";
  request.variables = {{"A", std::string("\xff\x00z", 3)}};
  request.secret_variables = {"A"};
  request.outputs_file = "/tmp/o";
  request.time_limit = Millis{5};
  ASSERT_TRUE(write_run_request(folder, request, keys));
  const RunRequest back = read_run_request(folder, keys).value();
  EXPECT_EQ(back.argv, request.argv);
  EXPECT_EQ(back.variables, request.variables);
  EXPECT_EQ(back.secret_variables, request.secret_variables);
  EXPECT_EQ(back.time_limit, request.time_limit);

  EXPECT_FALSE(find_run_result(folder).value());
  const RunResult result{RunEnd::timed_out, 143, "r", 7, "full", "x", 9, {12, 13}};
  ASSERT_TRUE(write_run_result(folder, result));
  EXPECT_EQ(*find_run_result(folder).value(), result);
}

TEST_F(RunnerFiles, TheRequestIsSealed) {
  RunRequest request;
  request.argv = {"login", "kR7vQ2mZx9LwT4sB"};
  request.variables = {{"INPUT_password", "kR7vQ2mZx9LwT4sB"}};
  ASSERT_TRUE(write_run_request(folder, request, keys));
  EXPECT_EQ(io::read_file(folder + "/run").value().find("kR7vQ2mZx9LwT4sB"), std::string::npos);
  EXPECT_EQ(read_run_request(folder, SealKeys()).error().kind, ErrorKind::bad_configuration);
  EXPECT_EQ(read_run_request(folder, SealKeys::make()).error().kind, ErrorKind::bad_configuration);
  const std::string other = folder + "/other";
  ASSERT_TRUE(io::make_folders(other));
  ASSERT_TRUE(io::rename(folder + "/run", other + "/run"));
  EXPECT_EQ(read_run_request(other, keys).error().kind, ErrorKind::bad_data) << "it is of another task";
}

TEST_F(RunnerFiles, OnlyOneMayStart) {
  EXPECT_FALSE(find_supervisor_mark(folder).value());
  const SupervisorMark mark = mark_of_this_process();
  EXPECT_TRUE(claim_start(folder, mark).value());
  EXPECT_FALSE(claim_start(folder, SupervisorMark{1, 2, "other", supervisor_format}).value());
  EXPECT_EQ(*find_supervisor_mark(folder).value(), mark);
  EXPECT_EQ(io::list_folder(folder).value(), std::vector<std::string>{"supervisor"});
}

/// A folder as version 1 wrote it: an update of the agent must find its way in it.
TEST_F(RunnerFiles, OfThePreviousVersionAreRead) {
  // {"argv": ["true"], "folder": "/tmp", "variables": {}, "secret_variables": [], "outputs_file": "", "time_limit": 5,
  //  "grace": 10000}
  const std::string run_1(
      "\x87\xa4"
      "argv\x91\xa4true\xa6"
      "folder\xa4/tmp\xa9variables\x80\xb0secret_variables\x90\xac"
      "outputs_file\xa0"
      "\xaatime_limit\x05\xa5grace\xcd\x27\x10");
  ASSERT_TRUE(io::write_file(folder + "/run", run_1));
  const RunRequest request = read_run_request(folder, keys).value();
  EXPECT_EQ(request.argv, std::vector<std::string>{"true"});
  EXPECT_EQ(request.time_limit, Millis{5});
  EXPECT_EQ(request.cgroup_home, "");
  EXPECT_EQ(request.version, 1);

  ASSERT_TRUE(io::write_file(folder + "/supervisor", R"({"pid": 12, "start_time": 34, "boot_id": "b"})"));
  EXPECT_EQ(*find_supervisor_mark(folder).value(), (SupervisorMark{12, 34, "b", 1}));
  ASSERT_TRUE(io::write_file(folder + "/result", R"({"end": "exited", "status": 3, "reason": "", "output_bytes": 5,
      "output_error": "", "outputs_error": "", "duration_micros": 7})"));
  EXPECT_EQ(*find_run_result(folder).value(), (RunResult{RunEnd::exited, 3, "", 5, "", "", 7, {}}));
}

TEST_F(RunnerFiles, OfALaterVersionAreReadAsFarAsThatIsSafe) {
  ASSERT_TRUE(io::write_file(folder + "/result", R"({"end": "exited", "status": 0, "output_bytes": 5, "new": [1]})"));
  EXPECT_EQ(find_run_result(folder).value()->output_bytes, 5U);
  // Half understood, it could run something else than was meant.
  ASSERT_TRUE(io::write_file(folder + "/run",
                             "\x83\xa4"
                             "argv\x91\xa4true\xa6"
                             "folder\xa4/tmp\xa7version\x63"));
  const Result<RunRequest> request = read_run_request(folder, keys);
  ASSERT_FALSE(request);
  EXPECT_NE(request.error().message.find("newer agent (format 99"), std::string::npos) << request.error().message;
}

TEST_F(RunnerFiles, TheLastLineOfTheLogIsTold) {
  EXPECT_EQ(last_log_line(folder), "");
  note_in_log(folder, "one");
  note_in_log(folder, "two");
  EXPECT_EQ(last_log_line(folder), "two");
}

TEST_F(RunnerFiles, GarbageIsAnErrorThatNamesTheFile) {
  ASSERT_TRUE(io::write_file(folder + "/result", "{"));
  EXPECT_NE(describe(find_run_result(folder).error()).find(folder + "/result"), std::string::npos);
  ASSERT_TRUE(io::write_file(folder + "/run", "\xc1"));
  EXPECT_FALSE(read_run_request(folder, keys));
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
