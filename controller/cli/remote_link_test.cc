#include "controller/cli/remote_link.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "protocol/messages/agent.h"
#include "shared/base/check.h"
#include "shared/base/crypto.h"
#include "shared/io/service.h"

// The link against a controller on a thread, over inproc: real sockets and frames, scripted answers.
namespace escape::cli {
namespace remote_link_testing {

namespace request = protocol::request;
namespace reply = protocol::reply;

constexpr Millis test_patience{20'000};

/// Speaks the accepting side of the protocol. `answer` gives the replies to one request; it runs on the controller's
/// thread.
class ScriptedController {
 public:
  using Answer = std::function<std::vector<protocol::Reply>(const protocol::Request&)>;
  ScriptedController(transport::Context& context, const std::string& endpoint, Answer answer)
      : answer_(std::move(answer)), instance_(random_bytes(16)) {
    Result<std::unique_ptr<transport::Listener>> listener =
        transport::Listener::router(context, {.endpoints = {endpoint}, .zap_domain = "clients", .keys = {}});
    CHECK(listener.has_value());
    listener_ = std::move(listener).value();
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedController() {
    is_over_ = true;
    stop_.wake();
    thread_.join();
  }

  /// Forgets every session, as a restart does; the next message is refused and the client must greet again.
  void restart() { ++wanted_epoch_; }
  int greetings() const { return greetings_; }

 private:
  struct Session {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
  };
  void serve() {
    transport::Poller poller;
    poller.add(*listener_);
    poller.add_descriptor(stop_.descriptor());
    while (!is_over_) {
      poller.wait(Millis{50});
      while (std::optional<transport::Received> received = listener_->receive()) take(*received);
    }
  }
  void take(const transport::Received& received) {
    if (wanted_epoch_ != epoch_) {
      epoch_ = wanted_epoch_;
      sessions_.clear();
    }
    Result<protocol::Envelope> envelope = protocol::from_frames(received.frames);
    if (!envelope) return;
    const protocol::Header& header = envelope.value().header;
    Result<protocol::FromClient> message = protocol::decode_from_client(envelope.value().type, envelope.value().body);
    if (!message) return;
    const auto* asked = std::get_if<protocol::ClientRequest>(&message.value());
    const bool greets = asked && (std::holds_alternative<request::Hello>(asked->request) ||
                                  std::holds_alternative<request::Enrol>(asked->request));
    auto session = sessions_.find(header.session);
    if (session == sessions_.end()) {
      if (!greets || header.sequence != 1) {
        return send(received.peer, {instance_, epoch_, header.session, 0, 0},
                    protocol::Refused{"temporary", "greet first", false});
      }
      ++greetings_;
      session = sessions_.emplace(header.session, Session{}).first;
    }
    EXPECT_EQ(header.sequence, session->second.received + 1);
    session->second.received = header.sequence;
    const auto reply_with = [&](const protocol::ToClient& what) {
      send(received.peer, {instance_, epoch_, header.session, ++session->second.sent, 0}, what);
    };
    if (std::holds_alternative<protocol::Ping>(message.value())) return reply_with(protocol::Pong{});
    if (!asked) return;
    for (protocol::Reply& each : answer_(asked->request)) reply_with(protocol::ClientReply{asked->id, std::move(each)});
  }
  void send(const transport::Peer& peer, const protocol::Header& header, const protocol::ToClient& message) {
    protocol::TypedBody typed = protocol::encode(message);
    (void)listener_->send(peer, protocol::to_frames({header, std::move(typed.type), std::move(typed.body)}));
  }

  Answer answer_;
  std::string instance_;
  std::unique_ptr<transport::Listener> listener_;
  std::map<std::string, Session> sessions_;
  Epoch epoch_ = 1;
  std::atomic<Epoch> wanted_epoch_ = 1;
  std::atomic<int> greetings_ = 0;
  std::atomic<bool> is_over_ = false;
  io::Waker stop_;
  std::thread thread_;
};

std::vector<protocol::Reply> greeting() {
  reply::Hello hello;
  hello.principal = "me";
  hello.role = "admin";
  return {hello};
}

std::unique_ptr<RemoteLink> open(transport::Context& context, const std::string& endpoint,
                                 Millis patience = test_patience) {
  RemoteLink::Options options;
  options.connection.endpoint = endpoint;
  options.patience = patience;
  options.patience_while_following = patience;
  options.limits.first_retry = Millis{5};
  options.limits.max_retry = Millis{20};
  return RemoteLink::open(context, std::move(options)).value();
}

protocol::LogEntry entry(std::uint64_t sequence) {
  protocol::LogEntry e;
  e.sequence = sequence;
  e.job = 5;
  e.level = "info";
  e.text = "entry " + std::to_string(sequence);
  return e;
}

protocol::JobView settled() {
  protocol::JobView view;
  view.number = 5;
  view.phase = protocol::JobPhase::settled;
  view.outcome = protocol::JobOutcome::ok;
  return view;
}

TEST(RemoteLink, GreetsOnceAndAnswersManyCalls) {
  transport::Context context;
  ScriptedController controller(context, "inproc://clients",
                                [](const protocol::Request& asked) -> std::vector<protocol::Reply> {
                                  if (std::holds_alternative<request::Hello>(asked)) return greeting();
                                  if (const auto* show = std::get_if<request::ShowJob>(&asked)) {
                                    if (show->job == 404)
                                      return {reply::Failed{"not_found", "There is no job 404.", "look"}};
                                    protocol::JobView view;
                                    view.number = show->job;
                                    return {reply::Job{view}};
                                  }
                                  return {reply::Done{}};
                                });
  auto link = open(context, "inproc://clients");
  for (JobId number = 1; number <= 20; ++number) {
    Result<protocol::Reply> answered = link->call(request::ShowJob{number});
    ASSERT_TRUE(answered) << describe(answered.error());
    EXPECT_EQ(std::get<reply::Job>(answered.value()).job.number, number);
  }
  const Result<protocol::Reply> refused = link->call(request::ShowJob{404});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::not_found);
  EXPECT_EQ(refused.error().hint, "look");
  const Result<protocol::Reply> hello = link->call(request::Hello{"1"});
  ASSERT_TRUE(hello);
  EXPECT_EQ(std::get<reply::Hello>(hello.value()).principal, "me");
  EXPECT_EQ(controller.greetings(), 1);
}

TEST(RemoteLink, ARequestThatIsTooLargeIsRefusedAtOnce) {
  transport::Context context;
  std::atomic<int> asked_times = 0;
  ScriptedController controller(context, "inproc://clients",
                                [&](const protocol::Request& asked) -> std::vector<protocol::Reply> {
                                  if (std::holds_alternative<request::Hello>(asked)) return greeting();
                                  ++asked_times;
                                  return {reply::Done{}};
                                });
  auto link = open(context, "inproc://clients");
  request::Submit large;
  large.inputs = {{"text", std::string(protocol::max_message_bytes, 'x')}};
  const Result<protocol::Reply> refused = link->call(large);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::usage);
  EXPECT_NE(refused.error().message.find("'submit' has 41"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("more than the 4194304 (4 MiB)"), std::string::npos)
      << refused.error().message;
  request::ImportState import;
  import.state = Value::Object{{"text", std::string(protocol::max_message_bytes, 'x')}};
  EXPECT_NE(link->call(import).error().hint.find("state import FILE -e ENVIRONMENT"), std::string::npos);
  import.environment = "live";
  EXPECT_NE(link->call(import).error().hint.find("Divide the deployments of the environment 'live'"),
            std::string::npos);
  EXPECT_EQ(asked_times, 0);
  large.inputs = {{"text", std::string(protocol::max_message_bytes - 4096, 'x')}};
  EXPECT_TRUE(link->call(large)) << "what fits is sent";
  EXPECT_EQ(controller.greetings(), 1);
}

/// Where an agent's token leads a person. Not after its patience, which is longer than this test may take.
TEST(RemoteLink, TellsAtOnceThatAgentsAreListenedTo) {
  transport::Context context;
  Result<std::unique_ptr<transport::Listener>> made =
      transport::Listener::router(context, {.endpoints = {"inproc://agents"}, .zap_domain = "agents", .keys = {}});
  ASSERT_TRUE(made);
  transport::Listener& listener = *made.value();
  std::atomic<bool> is_over = false;
  std::thread agents([&] {
    transport::Poller poller;
    poller.add(listener);
    while (!is_over) {
      poller.wait(Millis{20});
      while (std::optional<transport::Received> received = listener.receive()) {
        const protocol::Envelope envelope = protocol::from_frames(received->frames).value();
        const Error error = protocol::decode_from_agent(envelope.type, envelope.body).error();
        const protocol::TypedBody typed =
            protocol::encode(protocol::ToClient{protocol::Refused{"bad_data", error.message, false}});
        (void)listener.send(
            received->peer,
            protocol::to_frames({{std::string(16, 'i'), 1, envelope.header.session, 0, 0}, typed.type, typed.body}));
      }
    }
  });
  const Result<protocol::Reply> answered = open(context, "inproc://agents", Millis{3'600'000})->greet();
  is_over = true;
  agents.join();
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().kind, ErrorKind::usage);
  EXPECT_NE(answered.error().message.find("listens to agents, not to people"), std::string::npos)
      << answered.error().message;
  EXPECT_NE(answered.error().hint.find("escape-agent join TOKEN"), std::string::npos);
}

TEST(RemoteLink, RepeatsACallUnderItsIdAfterARestart) {
  transport::Context context;
  ScriptedController* at = nullptr;
  std::atomic<int> asked_times = 0;
  ScriptedController controller(
      context, "inproc://clients", [&](const protocol::Request& asked) -> std::vector<protocol::Reply> {
        if (std::holds_alternative<request::Hello>(asked)) {
          reply::Hello hello;
          hello.heartbeat_millis = 50;  // the lost answer shows when a ping meets a controller that knows no session
          return {hello};
        }
        if (++asked_times > 1) return {reply::Done{"done"}};
        at->restart();
        return {};
      });
  at = &controller;
  auto link = open(context, "inproc://clients");
  const Result<protocol::Reply> answered = link->call(request::CancelJob{1});
  ASSERT_TRUE(answered) << describe(answered.error());
  EXPECT_EQ(std::get<reply::Done>(answered.value()).text, "done");
  EXPECT_EQ(asked_times, 2);
  EXPECT_EQ(controller.greetings(), 2);
}

TEST(RemoteLink, FollowsAJobAcrossALostSessionWithoutRepeats) {
  transport::Context context;
  ScriptedController* at = nullptr;
  std::vector<std::uint64_t> attached_from;  // written by the controller's thread, read after it has answered
  ScriptedController controller(
      context, "inproc://clients", [&](const protocol::Request& asked) -> std::vector<protocol::Reply> {
        if (std::holds_alternative<request::Hello>(asked)) return greeting();
        if (const auto* attach = std::get_if<request::Attach>(&asked)) {
          attached_from.push_back(attach->from_sequence);
          if (attached_from.size() == 1) {
            at->restart();  // the credit for this batch is refused, so the link greets and attaches again
            return {reply::LogBatch{5, {entry(1), entry(2)}}};
          }
          return {reply::LogBatch{5, {entry(2), entry(3)}}, reply::JobDone{settled()}};
        }
        return {};
      });
  at = &controller;
  auto link = open(context, "inproc://clients");
  std::vector<std::uint64_t> seen;
  Result<protocol::JobView> view =
      link->follow(5, 1, [&](const protocol::LogEntry& e) { seen.push_back(e.sequence); }, [] { return false; });
  ASSERT_TRUE(view) << describe(view.error());
  EXPECT_EQ(view.value().outcome, protocol::JobOutcome::ok);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(attached_from, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(controller.greetings(), 2);
}

TEST(RemoteLink, LeavesAJobWhenInterrupted) {
  transport::Context context;
  ScriptedController controller(context, "inproc://clients",
                                [](const protocol::Request& asked) -> std::vector<protocol::Reply> {
                                  if (std::holds_alternative<request::Hello>(asked)) return greeting();
                                  if (std::holds_alternative<request::Attach>(asked))
                                    return {reply::LogBatch{5, {entry(1), entry(2)}}};
                                  return {};
                                });
  auto link = open(context, "inproc://clients");
  std::uint64_t seen = 0;
  const Result<protocol::JobView> view =
      link->follow(5, 1, [&](const protocol::LogEntry& e) { seen = e.sequence; }, [&] { return seen == 2; });
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(view.error().message, "interrupted before entry 3");
}

TEST(RemoteLink, SaysWhoIsNotReachable) {
  transport::Context context;
  RemoteLink::Options options;
  options.connection = {"tcp://127.0.0.1:1", std::string(32, 'k'), make_key_pair()};
  options.patience = Millis{150};
  auto link = RemoteLink::open(context, std::move(options)).value();
  const Result<protocol::Reply> answered = link->call(request::ListEnvironments{});
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().kind, ErrorKind::unreachable);
  EXPECT_TRUE(answered.error().message.starts_with("The controller at 127.0.0.1:1 is not reachable"))
      << answered.error().message;
  EXPECT_NE(answered.error().hint.find(fingerprint(std::string(32, 'k'))), std::string::npos);
}

TEST(RemoteLink, TellsThatItsKeyIsUnknown) {
  transport::Context context;
  const KeyPair server = make_key_pair();
  auto gatekeeper = transport::Gatekeeper::make(
      context, [](std::string_view, std::string_view) { return false; },
      [](std::string_view, std::string_view, std::string_view) {});
  ASSERT_TRUE(gatekeeper);
  auto listener = transport::Listener::router(context, {{"tcp://127.0.0.1:0"}, "clients", server});
  ASSERT_TRUE(listener) << describe(listener.error());
  std::atomic<bool> is_over = false;
  std::thread keeper([&] {
    transport::Poller poller;
    poller.add(*gatekeeper.value());
    while (!is_over) {
      poller.wait(Millis{20});
      gatekeeper.value()->serve();
    }
  });
  RemoteLink::Options options;
  options.connection = {"tcp://127.0.0.1:" + std::to_string(listener.value()->port()), server.public_key,
                        make_key_pair()};
  const std::string own = fingerprint(options.connection.keys.public_key);
  options.patience = test_patience;
  auto link = RemoteLink::open(context, std::move(options)).value();
  const Result<protocol::Reply> answered = link->call(request::ListEnvironments{});
  is_over = true;
  keeper.join();
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().kind, ErrorKind::no_permission);
  EXPECT_NE(answered.error().message.find(own), std::string::npos) << answered.error().message;
  EXPECT_NE(answered.error().hint.find("escape login"), std::string::npos);
}

TEST(RemoteLink, EnrolsAsItsGreeting) {
  transport::Context context;
  ScriptedController controller(context, "inproc://clients",
                                [](const protocol::Request& asked) -> std::vector<protocol::Reply> {
                                  if (const auto* enrol = std::get_if<request::Enrol>(&asked))
                                    return {reply::Enrolled{enrol->name, "operator"}};
                                  return {};
                                });
  RemoteLink::Options options;
  options.connection.endpoint = "inproc://clients";
  options.greeting = request::Enrol{"ann", std::string(32, 'p')};
  auto link = RemoteLink::open(context, std::move(options)).value();
  const Result<protocol::Reply> answered = link->greet();
  ASSERT_TRUE(answered) << describe(answered.error());
  EXPECT_EQ(std::get<reply::Enrolled>(answered.value()).principal, "ann");
}

TEST(FollowEvents, PollsTheLogWhereThereIsNoStream) {
  transport::Context context;
  ScriptedController controller(context, "inproc://clients",
                                [](const protocol::Request& asked) -> std::vector<protocol::Reply> {
                                  if (std::holds_alternative<request::Hello>(asked)) return greeting();
                                  const auto* list = std::get_if<request::ListEvents>(&asked);
                                  if (!list) return {};
                                  reply::Events events;
                                  events.newest = 7;
                                  for (EventSequence sequence = list->since + 1;
                                       sequence <= std::min<EventSequence>(list->since + 3, 7); ++sequence) {
                                    protocol::EventView event;
                                    event.sequence = sequence;
                                    events.events.push_back(event);
                                  }
                                  return {events};
                                });
  auto link = open(context, "inproc://clients");
  std::vector<EventSequence> seen;
  const Result<> followed = link->follow_events(
      2,
      [&](const protocol::EventView& event) {
        seen.push_back(event.sequence);
        return event.sequence < 7;
      },
      [] { return false; });
  ASSERT_TRUE(followed) << describe(followed.error());
  EXPECT_EQ(seen, (std::vector<EventSequence>{3, 4, 5, 6, 7}));
}

}  // namespace remote_link_testing
}  // namespace escape::cli
