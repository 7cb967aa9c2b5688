// The event stream under way: live, in order, each event once, whatever the controller goes through.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "shared/base/text.h"
#include "shared/base/value.h"
#include "shared/codec/codec.h"
#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  // A line that has no end yet is still being written.
  for (std::string line; std::getline(in, line) && !in.eof();) lines.push_back(line);
  return lines;
}

std::string text_at(const Value& value, std::string_view key) {
  const Value::Object* object = value.as_object();
  const Value* member = object ? object->find(key) : nullptr;
  const std::string* text = member ? member->as_string() : nullptr;
  return text ? *text : std::string();
}

std::int64_t sequence_of(const std::string& line) {
  const Result<Value> event = codec::from_json(line);
  if (!event) return -1;
  const Value* sequence = event.value().as_object()->find("sequence");
  return sequence && sequence->as_int() ? *sequence->as_int() : -1;
}

std::int64_t newest_event(Cluster& cluster) {
  const std::vector<std::string> lines = lines_of(cluster.escape({"events", "--json", "--limit", "1"}).out);
  return lines.empty() ? -1 : sequence_of(lines.back());
}

void deploy_once(Cluster& cluster) {
  const Ran deployed = cluster.escape({"run", "deploy", "quickstart/hello-world-v0.0.0", "-e", "test"});
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
}

TEST(Events, AFollowerGetsEachOnceInOrderAcrossARestart) {
  Cluster cluster({"test"});
  cluster.write_hello_world();
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  // The short first page makes the rest come over the replay and the stream.
  Process follower = cluster.start_escape({"events", "--follow", "--since", "0", "--limit", "2", "--json"}, "follower");
  const auto received = [&] { return lines_of(read_text(cluster.folder() + "/follower.out")); };
  for (int i = 0; i < 3; ++i) deploy_once(cluster);
  cluster.kill_controller();
  cluster.start_controller();
  for (int i = 0; i < 3; ++i) deploy_once(cluster);

  const auto newest = static_cast<std::size_t>(newest_event(cluster));
  ASSERT_TRUE(eventually([&] { return received().size() >= newest; }))
      << received().size() << " of " << newest << " events; " << read_text(cluster.folder() + "/follower.err");
  const std::vector<std::string> lines = received();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ASSERT_EQ(sequence_of(lines[i]), static_cast<std::int64_t>(i + 1)) << lines[i];
  }
  follower.send_signal(SIGINT);
  EXPECT_EQ(follower.wait(), 130) << read_text(cluster.folder() + "/follower.err");
}

TEST(Events, AMonitorGetsCloudEvents) {
  Cluster cluster({"test"});
  cluster.write_hello_world();
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  std::string key_file;
  for (const auto& entry : fs::directory_iterator(cluster.folder() + "/config/escape/keys")) key_file = entry.path();
  const std::string server_key = lines_of(read_text(cluster.folder() + "/controller/controller.key")).at(0);
  const std::string out = cluster.folder() + "/monitor.out";
  Process monitor(cluster.on("controller", {std::string(ESCAPE_BUILD_DIR) + "/tests/event_probe",
                                            "tcp://" + cluster.address() + ":" + std::to_string(cluster.port("events")),
                                            server_key, key_file}),
                  {.output_file = out, .error_file = out});
  ASSERT_TRUE(eventually([&] { return read_text(out).starts_with("subscribed\n"); })) << read_text(out);
  const std::int64_t before = newest_event(cluster);
  deploy_once(cluster);
  const std::int64_t newest = newest_event(cluster);
  ASSERT_GT(newest, before);
  ASSERT_TRUE(eventually([&] { return count_lines(out) >= 1 + newest - before; })) << read_text(out);

  std::vector<std::string> lines = lines_of(read_text(out));
  lines.erase(lines.begin());
  std::set<std::string> types;
  std::int64_t expected = before;
  for (const std::string& line : lines) {
    const std::vector<std::string> parts = split(line, '\t');
    ASSERT_EQ(parts.size(), 4U) << line;
    EXPECT_EQ(parts[1], std::to_string(++expected)) << line;
    EXPECT_EQ(parts[2], "application/cloudevents+json");
    const Result<Value> event = codec::from_json(parts[3]);
    ASSERT_TRUE(event.has_value()) << parts[3];
    EXPECT_EQ(text_at(event.value(), "specversion"), "1.0") << line;
    EXPECT_TRUE(text_at(event.value(), "source").starts_with("escape://")) << line;
    EXPECT_FALSE(text_at(event.value(), "id").empty()) << line;
    EXPECT_FALSE(text_at(event.value(), "time").empty()) << line;
    ASSERT_TRUE(event.value().as_object()->find("data")) << line;
    EXPECT_TRUE(parts[0].starts_with("ev.test.quickstart/hello-world.")) << line;
    types.insert(parts[0].substr(std::string("ev.test.quickstart/hello-world.").size()));
  }
  EXPECT_EQ(expected, newest);
  for (const char* type : {"pipelinerun.queued", "pipelinerun.started", "taskrun.started", "taskrun.finished",
                           "service.deployed", "pipelinerun.finished"}) {
    EXPECT_TRUE(types.contains(type)) << type << " is missing in\n" << read_text(out);
  }
}

}  // namespace
}  // namespace escape::testing
