// Every message of the protocol as bytes. A failure here means that an agent and a controller of different versions no
// longer understand each other: add fields with defaults instead, or raise wire_magic. UPDATE_GOLDEN=1 rewrites the
// files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "protocol/messages/envelope.h"
#include "shared/base/text.h"
#include "tests/golden/wire_samples.h"

namespace escape::golden {
namespace {

using namespace protocol;

const std::filesystem::path golden_folder = "tests/golden/wire";

bool is_updating() { return std::getenv("UPDATE_GOLDEN") != nullptr; }

/// Frames as hex, 32 bytes a line, an empty line after each frame.
std::string to_golden_text(const std::vector<std::string>& frames) {
  std::string text;
  for (const std::string& frame : frames) {
    for (std::size_t at = 0; at < frame.size(); at += 32) text += to_hex(std::string_view(frame).substr(at, 32)) + "\n";
    text += "\n";
  }
  return text;
}

std::vector<std::string> from_golden_text(const std::string& text) {
  std::vector<std::string> frames(1);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      frames.emplace_back();
    } else {
      frames.back() += from_hex(line);
    }
  }
  frames.pop_back();
  return frames;
}

std::string read_golden(const std::string& name) {
  std::ifstream file(golden_folder / (name + ".hex"));
  return {std::istreambuf_iterator<char>(file), {}};
}

Envelope envelope_of(TypedBody typed) {
  Header header{.instance = "instance-16bytes",
                .epoch = 0x0102030405060708,
                .session = "session--16bytes",
                .sequence = 0x1112131415161718};
  return {std::move(header), std::move(typed.type), std::move(typed.body)};
}

std::string name_of_sample(const char* direction, const TypedBody& typed) {
  return std::string(direction) + "." + typed.type;
}

/// Compares a sample with its file; gives what the file decodes to as an envelope.
Envelope check_golden(const std::string& name, const TypedBody& typed) {
  const std::string text = to_golden_text(to_frames(envelope_of(typed)));
  if (is_updating()) std::ofstream(golden_folder / (name + ".hex")) << text;
  const std::string golden = read_golden(name);
  EXPECT_EQ(golden, text) << name << ": UPDATE_GOLDEN=1 tests/wire_golden_test rewrites it";
  Result<Envelope> envelope = from_frames(from_golden_text(golden));
  EXPECT_TRUE(envelope.has_value()) << name;
  return envelope ? std::move(envelope).value() : Envelope{};
}

/// The bytes of `sample` are the file's, the file decodes, and what it decodes to has the same bytes: no field is lost.
template <class Message, class Decode>
void check_sample(const std::string& name, const Message& sample, Decode decode) {
  SCOPED_TRACE(name);
  const TypedBody typed = encode(sample);
  const Envelope envelope = check_golden(name, typed);
  Result<Message> decoded = decode(envelope.type, envelope.body);
  ASSERT_TRUE(decoded.has_value()) << describe(decoded.error());
  EXPECT_EQ(decoded.value().index(), sample.index());
  EXPECT_EQ(encode(decoded.value()).body, typed.body);
}

TEST(WireGolden, MessagesOfAgents) {
  std::set<std::size_t> seen;
  for (const FromAgent& sample : from_agent_samples()) {
    seen.insert(sample.index());
    check_sample(name_of_sample("from_agent", encode(sample)), sample, decode_from_agent);
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<FromAgent>);
}

TEST(WireGolden, MessagesToAgents) {
  std::set<std::size_t> seen;
  for (const ToAgent& sample : to_agent_samples()) {
    seen.insert(sample.index());
    check_sample(name_of_sample("to_agent", encode(sample)), sample, decode_to_agent);
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<ToAgent>);
}

TEST(WireGolden, MessagesOfClients) {
  std::set<std::size_t> seen, requests;
  for (const FromClient& sample : from_client_samples()) {
    seen.insert(sample.index());
    std::string name = name_of_sample("from_client", encode(sample));
    if (const auto* request = std::get_if<ClientRequest>(&sample)) {
      requests.insert(request->request.index());
      name += "." + std::string(word_of(request->request));
    }
    check_sample(name, sample, decode_from_client);
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<FromClient>);
  EXPECT_EQ(requests.size(), std::variant_size_v<Request>);
}

TEST(WireGolden, MessagesToClients) {
  std::set<std::size_t> seen, replies;
  for (const ToClient& sample : to_client_samples()) {
    seen.insert(sample.index());
    std::string name = name_of_sample("to_client", encode(sample));
    if (const auto* reply = std::get_if<ClientReply>(&sample)) {
      replies.insert(reply->reply.index());
      name += "." + *reply_to_value(*reply).as_object()->find("reply")->as_string();
    }
    check_sample(name, sample, decode_to_client);
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<ToClient>);
  EXPECT_EQ(replies.size(), std::variant_size_v<Reply>);
}

TEST(WireGolden, NoFileIsLeftOver) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden_folder))
    files += entry.path().extension() == ".hex";
  EXPECT_EQ(files, from_agent_samples().size() + to_agent_samples().size() + from_client_samples().size() +
                       to_client_samples().size());
}

}  // namespace
}  // namespace escape::golden
