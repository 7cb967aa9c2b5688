// A secret is planted and looked for in every file that a daemon, a command or a supervisor has written.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

// Long enough for `base64` to break its line, with characters that encoders change.
constexpr const char* secret = "kR7v@Q2m/Zx9+LwT4sBnEc8%yHdJfP1uGtMaXo6rWiKq3zVlUeNb5pYgCjS0hAkR7v";
constexpr const char* secret_base64 =
    "a1I3dkBRMm0vWng5K0x3VDRzQm5FYzgleUhkSmZQMXVHdE1hWG82cldpS3Ez";  // of its beginning
constexpr const char* secret_percent = "kR7v%40Q2m%2FZx9%2BLwT4sBnEc8%25yHdJfP1u";
constexpr const char* secret_hex_percent = "%6b%52%37%76%40%51%32%6d%2f%5a%78%39";

constexpr const char* plan =
    "name: quickstart/vault\nversion: 1.0\ndeploy_inputs:\n- id: password\n  sensitive: true\n- id: user\n"
    "deploy_outputs:\n- id: token\n  sensitive: true\ndeploy: deploy.sh\n"
    "post_deploy: {inline: echo \"post $OUTPUT_token\"}\nsmoke: {inline: echo \"smoke $INPUT_password\"}\n";

/// Prints the secret in all forms, leaves it as its output, and waits while the file `hold` is there.
std::string script(const std::string& folder) {
  return "#!/bin/bash -e\n"
         "echo \"plain $INPUT_password of $INPUT_user\"\n"
         "echo \"base64 $(printf %s \"$INPUT_password\" | base64)\"\n"
         "echo \"percent $(printf %s \"$INPUT_password\" | sed 's/%/%25/g; s/@/%40/; s,/,%2F,; s/+/%2B/')\"\n"
         "echo \"hex $(printf %s \"$INPUT_password\" | od -An -v -tx1 | tr -d '\\n' | tr ' ' '%')\"\n"
         "echo run >> " +
         folder +
         "/runs\n"
         "while [ -e " +
         folder +
         "/hold ]; do sleep 0.05; done\n"
         "echo \"{\\\"token\\\": \\\"out-$INPUT_password\\\"}\" > \"$1\"\n";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Every file below the folder that holds the secret in any form.
std::vector<std::string> files_with_the_secret(const std::string& folder) {
  std::vector<std::string> found;
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    std::error_code gone;
    if (!entry.is_regular_file(gone)) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    ++files;
    for (const char* form : {secret, secret_base64, secret_percent, secret_hex_percent}) {
      if (has(bytes, form)) found.push_back(entry.path().string() + " holds " + form);
    }
  }
  EXPECT_GT(files, 10) << "there is not much in " << folder;
  return found;
}

const std::vector<std::string> none;

std::vector<std::string> deploy_command() {
  return {"run", "deploy",  "quickstart/vault-v1.0", "-e", "test", "-v", std::string("password=") + secret,
          "-v",  "user=ann"};
}

TEST(Secrets, AreInNoFileWhoeverDiesMeanwhile) {
  Cluster cluster({"test"});
  cluster.write_plan(plan, script(cluster.folder()));
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  const Ran first = cluster.escape(deploy_command());
  ASSERT_EQ(first.exit_status, 0) << first.all();
  for (const char* line : {"plain ‹INPUT_password› of ann", "base64 ‹INPUT_password›", "percent ‹INPUT_password›",
                           "hex ‹INPUT_password›", "post ‹OUTPUT_token›"}) {
    EXPECT_TRUE(has(first.all(), line)) << line << "\n" << first.all();
  }
  EXPECT_EQ(files_with_the_secret(cluster.folder()), none);

  // The second run knows the values of the first, and is in the middle of its script.
  write_text(cluster.folder() + "/hold", "");
  Process running = cluster.start_escape(deploy_command(), "running");
  ASSERT_TRUE(eventually([&] { return count_lines(cluster.folder() + "/runs") == 2; }));
  EXPECT_EQ(files_with_the_secret(cluster.folder()), none) << "while it runs";
  cluster.kill_agent("test");
  EXPECT_EQ(files_with_the_secret(cluster.folder()), none) << "the agent was killed";
  cluster.kill_controller();
  EXPECT_EQ(files_with_the_secret(cluster.folder()), none) << "the controller was killed";
  cluster.start_controller();
  cluster.start_agent("test");
  fs::remove(cluster.folder() + "/hold");
  EXPECT_EQ(running.wait(), 0) << read_text(cluster.folder() + "/running.err");
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 2);

  const Ran smoked = cluster.escape({"run", "smoke", "-d", "quickstart/vault", "-e", "test"});
  EXPECT_EQ(smoked.exit_status, 0) << smoked.all();
  cluster.escape({"events", "--limit", "1000", "--json"});
  cluster.escape({"jobs", "list", "--json"});
  cluster.escape({"jobs", "show", "2", "--json"});
  cluster.escape({"state", "show-deployment", "-d", "quickstart/vault", "-e", "test"});
  cluster.escape({"state", "export"});
  EXPECT_EQ(files_with_the_secret(cluster.folder()), none) << "what commands print is in files, too";

  // What was before, and going back to it: the job brings every value of then along.
  std::vector<std::string> other = deploy_command();
  other.back() = "user=bob";
  ASSERT_EQ(cluster.escape(other).exit_status, 0);
  std::vector<std::string> look = deploy_command();
  look.emplace_back("--dry-run");
  const Ran looked = cluster.escape(look);
  EXPECT_TRUE(has(looked.out, "user: bob → ann")) << looked.all();
  cluster.escape({"state", "history", "-d", "quickstart/vault", "-e", "test", "--json"});
  cluster.escape({"state", "show-deployment", "-d", "quickstart/vault", "-e", "test", "--at", "1ms"});
  cluster.escape({"state", "diff", "test", "test", "--all", "--json"});
  write_text(cluster.folder() + "/hold", "");
  Process back = cluster.start_escape({"run", "rollback", "-d", "quickstart/vault", "-e", "test", "-f"}, "back");
  ASSERT_TRUE(eventually([&] { return count_lines(cluster.folder() + "/runs") == 4; }));
  cluster.kill_controller();
  EXPECT_EQ(files_with_the_secret(cluster.folder()), none) << "while it goes back";
  cluster.start_controller();
  fs::remove(cluster.folder() + "/hold");
  EXPECT_EQ(back.wait(), 0) << read_text(cluster.folder() + "/back.err");
  EXPECT_TRUE(has(read_text(cluster.folder() + "/back.err"), "plain ‹INPUT_password› of ann"))
      << read_text(cluster.folder() + "/back.err");
  EXPECT_EQ(files_with_the_secret(cluster.folder()), none);
}

TEST(Secrets, AreShownToWhoMayAndThatIsTold) {
  Cluster cluster({"test"});
  cluster.write_plan(plan, script(cluster.folder()));
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  ASSERT_EQ(cluster.escape(deploy_command()).exit_status, 0);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"state", "show-deployment", "-d", "quickstart/vault", "-e", "test"},
        std::vector<std::string>{"state", "export", "-e", "test"}}) {
    const Ran hidden = cluster.escape(command);
    EXPECT_EQ(hidden.exit_status, 0) << hidden.all();
    EXPECT_TRUE(has(hidden.out, "\"password\": \"********\"") && has(hidden.out, "\"token\": \"********\""))
        << hidden.out;
    EXPECT_TRUE(has(hidden.out, "\"user\": \"ann\"")) << hidden.out;
    std::vector<std::string> revealing = command;
    revealing.push_back("--reveal");
    const Ran shown = cluster.escape(revealing);
    EXPECT_EQ(shown.exit_status, 0) << shown.all();
    EXPECT_TRUE(has(shown.out, secret) && !has(shown.out, "****")) << shown.out;
  }
  const std::string events = cluster.escape({"events", "--limit", "100"}).out;
  EXPECT_TRUE(has(events, "deployment.revealed") && has(events, "environment.revealed")) << events;
  EXPECT_EQ(files_with_the_secret(cluster.folder() + "/controller"), none);
}

}  // namespace
}  // namespace escape::testing
