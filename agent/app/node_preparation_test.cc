// What an offer asks for before its script, end to end: a real agent, a real supervisor, a server of files.
#include <algorithm>
#include <cstdlib>

#include "agent/app/testing/agent_node.h"
#include "shared/io/archive.h"
#include "shared/io/digest.h"
#include "shared/io/http_server_for_tests.h"

namespace escape::agent::node_preparation_test {

using io::http_testing::reply;
using io::http_testing::Server;
using protocol::TaskOutcome;

class AgentPreparation : public AgentNode {
 protected:
  void SetUp() override {
    ::setenv("no_proxy", "127.0.0.1", 1);
    AgentNode::SetUp();
  }
  protocol::PackageSource package(const std::string& name, std::vector<io::ArchiveEntry> entries) {
    const std::string archive = folder + "/" + name + ".tgz";
    EXPECT_TRUE(io::pack_archive(archive, name + "-v1.0", std::move(entries)));
    return {"project/" + name + "-v1.0", archive, io::sha256_of_file(archive).value(), io::file_size(archive).value(),
            ""};
  }
  std::string output;
};

TEST_F(AgentPreparation, AStepFindsItsFolderFilled) {
  ASSERT_TRUE(io::pack_archive(folder + "/tool.tgz", "tool",
                               {{.path = "run.sh", .source = "", .content = "echo \"tool: $1\"\n", .mode = 0755}}));
  Server server({reply("200 OK", io::read_file(folder + "/tool.tgz").value())});
  server.start();
  protocol::Offer offer = workspace_offer("");
  offer.package =
      package("app", {{.path = "deploy.sh",
                       .source = "",
                       .content = "cat app.conf deps/project/base/base.txt secret.txt\nsh vendor/tool/run.sh yes\n"},
                      {.path = "app.conf.tpl", .source = "", .content = "port={{port}} {{>hosts}}\n"},
                      {.path = "hosts.mustache", .source = "", .content = "{{#hosts}}[{{.}}]{{/hosts}}"}});
  offer.run.script = "deploy.sh";
  offer.downloads = {{.url = server.url("/tool?key=topsecret"), .dest = "vendor/tool.tgz", .unpack = true}};
  offer.templates = {
      {.file = "app.conf.tpl", .target = "app.conf", .values = {{"port", 80}, {"hosts", Value::List{"a", "b"}}}}};
  offer.parts = {{"deps/project/base", package("base", {{.path = "base.txt", .source = "", .content = "base\n"}})}};
  offer.files = {{"secret.txt", "topsecret\n"}};
  offer.variables = {{"INPUT_key", "topsecret"}};
  offer.secret_variables = {"INPUT_key"};
  start();
  const protocol::Hello hello = greet();
  EXPECT_EQ(hello.abilities, std::vector<std::string>{"prepare"});
  controller->send(offer);
  const protocol::Finished finished = wait_for_end(&output);
  EXPECT_EQ(finished.outcome, TaskOutcome::ok) << finished.message;
  const std::string url = server.url("/tool?key=") + "‹INPUT_key›";
  EXPECT_EQ(output, "Downloading " + url + " to vendor/tool.tgz\nFinished downloading " + url +
                        "\nUnpacking vendor/tool.tgz\nFinished unpacking vendor/tool.tgz\n"
                        "port=80 [a][b]\nbase\n‹INPUT_key›\ntool: yes\n");
  EXPECT_EQ(finished.output_bytes, output.size());

  // The next step of the deployment finds all of it there.
  offer.task = {1, 1};
  offer.templates[0].values = {{"port", 443}, {"hosts", Value::List{}}};
  controller->send(offer);
  EXPECT_EQ(wait_for_end(&output).outcome, TaskOutcome::ok);
  EXPECT_EQ(output, "Skipping " + url +
                        ", because destination file 'vendor/tool.tgz' already exists.\n"
                        "port=443 \nbase\n‹INPUT_key›\ntool: yes\n");
}

TEST_F(AgentPreparation, WithoutAScriptAFilledFolderIsAll) {
  start();
  greet();
  protocol::Offer offer = workspace_offer("");
  offer.files = {{"made", "x"}};
  controller->send(offer);
  const protocol::Finished finished = wait_for_end(&output);
  EXPECT_EQ(finished.outcome, TaskOutcome::ok) << finished.message;
  EXPECT_EQ(finished.exit_status, 0);
  EXPECT_EQ(io::read_file(work + "/made").value(), "x");
  offer.task = {2, 0};
  offer.files.clear();
  controller->send(offer);
  EXPECT_EQ(wait_for_end(&output).outcome, TaskOutcome::ok) << "nothing is nothing to fail at";
}

TEST_F(AgentPreparation, FilesOfValuesAreThereForTheScriptAndGoneAfterIt) {
  start();
  greet();
  protocol::Offer offer = workspace_offer("stat -c %a \"$INPUT_a\"; cat \"$INPUT_a\"");
  const std::string a(std::string(protocol::value_files_folder) + "a");
  offer.files = {{a, "of a\n"}, {"made", "x"}};
  offer.variables = {{"INPUT_a", a}};
  controller->send(offer);
  EXPECT_EQ(wait_for_end(&output).outcome, TaskOutcome::ok);
  EXPECT_EQ(output, "600\nof a\n");
  EXPECT_FALSE(io::exists(work + "/" + a));
  EXPECT_TRUE(io::exists(work + "/made"));

  offer.task = {2, 0};
  offer.run = {};
  controller->send(offer);
  EXPECT_EQ(wait_for_end(&output).outcome, TaskOutcome::ok);
  EXPECT_FALSE(io::exists(work + "/" + a)) << "nor after a step without script";

  // Two at once in one folder: the first to end leaves what the other needs.
  offer.task = {3, 0};
  offer.run.inline_script = "until [ -e go ]; do sleep 0.01; done; cat \"$INPUT_a\"";
  controller->send(offer);
  (void)controller->wait_for<protocol::Accepted>();
  protocol::Offer other = offer;
  other.task = {4, 0};
  other.run.inline_script = "true";
  controller->send(other);
  EXPECT_EQ(wait_for_end(&output).task, other.task);
  EXPECT_TRUE(io::exists(work + "/" + a));
  ASSERT_TRUE(io::write_file(work + "/go", ""));
  EXPECT_EQ(wait_for_end(&output).outcome, TaskOutcome::ok);
  EXPECT_EQ(output, "of a\n");
  EXPECT_FALSE(io::exists(work + "/" + a));
}

TEST_F(AgentPreparation, WhatFailsIsToldAndNothingIsStarted) {
  Server server({reply("404 Not Found", "no"), reply("404 Not Found", "no")});
  server.start();
  start();
  greet();
  protocol::Offer offer = workspace_offer("echo ran > ran");
  std::string url = server.url("/a");
  url.insert(7, "me:hunter2@");
  offer.downloads = {{.url = url, .dest = "a"}};
  controller->send(offer);
  protocol::Finished finished = wait_for_end(&output);
  EXPECT_EQ(finished.outcome, TaskOutcome::not_started);
  EXPECT_TRUE(
      finished.message.starts_with("Couldn't download '" + server.url("/a") + "': does not exist at the server"))
      << finished.message;
  EXPECT_EQ(output, "Downloading " + server.url("/a") + " to a\n") << "what was told before is kept";

  offer.task = {2, 0};
  offer.downloads[0].url = server.url("/topsecret");
  offer.variables = {{"INPUT_key", "topsecret"}};
  offer.secret_variables = {"INPUT_key"};
  controller->send(offer);
  finished = wait_for_end(&output);
  EXPECT_EQ((finished.message + output).find("topsecret"), std::string::npos) << finished.message << output;
  EXPECT_FALSE(io::exists(work + "/ran"));
}

/// What remains of it when all is over: not the states of a download, of which a slow machine tells some.
std::string lines_of(const std::string& output) {
  std::string lines;
  for (std::size_t begin = 0; begin < output.size();) {
    const std::size_t end = std::min(output.find_first_of("\r\n", begin), output.size() - 1);
    if (output[end] != '\r') lines += output.substr(begin, end + 1 - begin);
    begin = end + 1;
  }
  return lines;
}

/// The same is left by an agent that was killed: an accepted task, half a file, and the head of an output.
TEST_F(AgentPreparation, AnAgentThatDiesMeanwhileDoesItAllAgain) {
  Server server({"", reply("200 OK", "whole")});
  server.start();
  start();
  greet();
  protocol::Offer offer = workspace_offer("cat file made");
  offer.files = {{"made", "made\n"}};
  offer.downloads = {{.url = server.url(), .dest = "file"}};
  controller->send(offer);
  const std::string said = "Downloading " + server.url() + " to file\n";
  EXPECT_EQ(controller->wait_for<protocol::Output>().bytes.bytes, said) << "while the download is under way";
  stop();
  EXPECT_FALSE(io::exists(work + "/file"));
  ASSERT_TRUE(io::write_file(work + "/.file.escape-part", "half"));
  start();
  const protocol::Hello hello = greet();
  ASSERT_EQ(hello.holds.size(), 1u);
  EXPECT_EQ(hello.holds[0].phase, protocol::AgentTaskPhase::accepted);
  EXPECT_GE(hello.holds[0].output_bytes, said.size());
  const protocol::Finished finished = wait_for_end(&output);
  EXPECT_EQ(finished.outcome, TaskOutcome::ok) << finished.message;
  EXPECT_EQ(lines_of(output), said + said + "Finished downloading " + server.url() + "\nwholemade\n");
  EXPECT_FALSE(io::exists(work + "/.file.escape-part"));
}

TEST_F(AgentPreparation, TheTimeLimitOfAStepEndsItsDownloads) {
  Server server({});  // takes the connection and never answers
  start();
  greet();
  protocol::Offer offer = workspace_offer("echo ran > ran");
  offer.time_limit = Millis{300};
  offer.downloads = {{.url = server.url("/topsecret"), .dest = "file"}};
  offer.variables = {{"INPUT_key", "topsecret"}};
  offer.secret_variables = {"INPUT_key"};
  controller->send(offer);
  const protocol::Finished finished = wait_for_end(&output);
  EXPECT_EQ(finished.outcome, TaskOutcome::timed_out);
  EXPECT_TRUE(finished.message.starts_with("its time was over while it was ")) << finished.message;
  EXPECT_EQ(finished.message.find("topsecret"), std::string::npos) << finished.message;

  // The next task of that folder finds nothing of it.
  offer.task = {2, 0};
  offer.time_limit = Millis{0};
  offer.downloads.clear();
  offer.run.inline_script = "ls -A";
  controller->send(offer);
  EXPECT_EQ(wait_for_end(&output).outcome, TaskOutcome::ok);
  EXPECT_EQ(output, ".escape\n");
}

TEST_F(AgentPreparation, ACancelReachesADownload) {
  Server server({"", ""});
  server.start();
  start();
  greet();
  protocol::Offer offer = workspace_offer("echo ran > ran");
  offer.downloads = {{.url = server.url(), .dest = "file"}};
  controller->send(offer);
  const std::string said = controller->wait_for<protocol::Output>().bytes.bytes;
  controller->send(protocol::Cancel{offer.task, offer.attempt, Millis{100}});
  const protocol::Finished finished = controller->wait_for<protocol::Finished>();
  EXPECT_EQ(finished.outcome, TaskOutcome::cancelled);
  EXPECT_EQ(finished.output_bytes, said.size());

  // The next task of that folder waits until the cancelled one has left it.
  offer.task = {2, 0};
  offer.downloads.clear();
  offer.run.inline_script = "ls -A";
  controller->send(offer);
  EXPECT_EQ(wait_for_end(&output).outcome, TaskOutcome::ok);
  EXPECT_EQ(output, ".escape\n");
}

}  // namespace escape::agent::node_preparation_test
