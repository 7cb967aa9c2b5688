#include "agent/app/join.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "agent/app/testing/fake_controller.h"
#include "shared/io/files.h"

namespace escape::agent::join_test {

/// A controller that answers one Join over CURVE.
class Joining : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("join").value();
    token.seed = random_bytes(32);
    token.controller_key = keys.public_key;
  }
  void TearDown() override { (void)io::remove_all(folder); }

  /// Serves on a thread until `join` has returned.
  Result<journal::Identity> join_against(const std::string& allowed_key, const protocol::ToAgent& answer,
                                         bool is_again = false, std::vector<protocol::ToAgent> answers_before = {}) {
    transport::Context context;
    std::atomic<int> port{0};
    std::atomic<bool> is_over{false};
    std::thread server([&] {
      std::unique_ptr<transport::Gatekeeper> gatekeeper =
          transport::Gatekeeper::make(
              context, [&](std::string_view, std::string_view key) { return key == allowed_key; },
              [](std::string_view, std::string_view, std::string_view) {})
              .value();
      transport::Listener::Options options;
      options.endpoints = {"tcp://127.0.0.1:*"};
      options.zap_domain = "agents";
      options.keys = keys;
      std::unique_ptr<transport::Listener> listener = transport::Listener::router(context, options).value();
      transport::Poller poller;
      poller.add(*gatekeeper);
      poller.add(*listener);
      port = listener->port();
      while (!is_over) {
        poller.wait(Millis{20});
        gatekeeper->serve();
        while (std::optional<transport::Received> received = listener->receive()) {
          const protocol::Envelope envelope = protocol::from_frames(received->frames).value();
          joined = std::get<protocol::Join>(protocol::decode_from_agent(envelope.type, envelope.body).value());
          const bool is_last = answers_before.empty();
          const protocol::TypedBody typed = protocol::encode(is_last ? answer : answers_before.front());
          if (!is_last) answers_before.erase(answers_before.begin());
          const protocol::Header header{std::string(16, 'i'), 1, envelope.header.session, 1, 0};
          listener->send(received->peer, protocol::to_frames({header, typed.type, typed.body}));
        }
      }
    });
    while (port == 0) std::this_thread::yield();
    JoinOptions options;
    options.data_folder = folder + "/data";
    token.address = "127.0.0.1:" + std::to_string(port);
    options.token = token;
    options.name = "web-1";
    options.labels = {{"role", "web"}};
    options.limit = Micros{20'000'000};
    options.is_again = is_again;
    Result<journal::Identity> identity = join(context, options);
    is_over = true;
    server.join();
    return identity;
  }

  std::string folder;
  const KeyPair keys = make_key_pair();
  protocol::InvitationToken token;
  protocol::Join joined;
};

TEST_F(Joining, TellsAPersonsTokenAtOnce) {
  const Result<journal::Identity> identity =
      join_against(key_pair_from_seed(token.seed).public_key,
                   protocol::Refused{"bad_data", "'join' is not a known message of a client", false});
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().kind, ErrorKind::usage);
  EXPECT_NE(identity.error().message.find("for a person"), std::string::npos) << identity.error().message;
  EXPECT_NE(identity.error().hint.find("escape login"), std::string::npos) << identity.error().hint;
}

TEST_F(Joining, MakesTheKeyHereAndStoresTheIdentity) {
  const std::string invited = key_pair_from_seed(token.seed).public_key;
  const Result<journal::Identity> identity = join_against(invited, protocol::Joined{"web-1", "stage"});
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(joined.name, "web-1");
  EXPECT_EQ(joined.labels.at("role"), "web");
  const journal::Identity stored = journal::load_identity(folder + "/data").value();
  EXPECT_EQ(stored.agent, "web-1");
  EXPECT_EQ(stored.environment, "stage");
  EXPECT_EQ(stored.keys.public_key, joined.public_key);
  EXPECT_NE(stored.keys.public_key, invited);
  const Error again = join_against(invited, protocol::Joined{"web-1", "stage"}).error();
  EXPECT_EQ(again.kind, ErrorKind::conflict);
  EXPECT_NE(again.hint.find("--again"), std::string::npos);
}

TEST_F(Joining, ARemovedAgentGetsANewIdentity) {
  const std::string invited = key_pair_from_seed(token.seed).public_key;
  const Result<journal::Identity> first = join_against(invited, protocol::Joined{"web-1", "stage"});
  ASSERT_TRUE(first) << first.error().message;
  const Result<journal::Identity> second = join_against(invited, protocol::Joined{"web-2", "live"}, true);
  ASSERT_TRUE(second) << second.error().message;
  const journal::Identity stored = journal::load_identity(folder + "/data").value();
  EXPECT_EQ(stored.agent, "web-2");
  EXPECT_EQ(stored.environment, "live");
  EXPECT_NE(stored.keys.public_key, first.value().keys.public_key);
}

TEST_F(Joining, ARefusalKeepsTheKeyForAnotherTry) {
  const std::string invited = key_pair_from_seed(token.seed).public_key;
  const Error error = join_against(invited, protocol::Refused{"conflict", "the name 'web-1' is taken", true}).error();
  EXPECT_EQ(error.kind, ErrorKind::conflict);
  EXPECT_NE(error.message.find("the name 'web-1' is taken"), std::string::npos);
  const std::string first = joined.public_key;
  ASSERT_TRUE(join_against(invited, protocol::Joined{"web-1", "stage"}));
  EXPECT_EQ(joined.public_key, first);
}

TEST_F(Joining, ABusyControllerIsAskedAgainAfterThePauseThatItNames) {
  const std::string invited = key_pair_from_seed(token.seed).public_key;
  const Instant begin = read_clocks().steady;
  const Result<journal::Identity> identity =
      join_against(invited, protocol::Joined{"web-1", "stage"}, false,
                   {protocol::Refused{"temporary", "not just now", false, Millis{700}},
                    protocol::Refused{"temporary", "greet first", false}});
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_GE(read_clocks().steady - begin, Micros{1'200'000}) << "0.7 s as asked, and the usual 0.5 s";
}

TEST_F(Joining, AnUnknownOrUsedTokenIsRefused) {
  const Error error = join_against("another key", protocol::Joined{"web-1", "stage"}).error();
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_NE(error.message.find("invitation"), std::string::npos);
  EXPECT_FALSE(io::exists(folder + "/data/agent.id"));
}

TEST_F(Joining, NobodyThereIsSaidWithinTheLimit) {
  transport::Context context;
  JoinOptions options;
  options.data_folder = folder + "/data";
  options.token = token;
  options.token.address = "127.0.0.1:1";
  options.limit = Micros{300'000};
  const Error error = join(context, options).error();
  EXPECT_EQ(error.kind, ErrorKind::unreachable);
  EXPECT_NE(error.message.find("127.0.0.1:1"), std::string::npos);
}

}  // namespace escape::agent::join_test
