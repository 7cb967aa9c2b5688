// Real sockets on loopback, all in one thread: `World::until` serves the gatekeeper and waits for an event, with a
// deadline.
#include "protocol/transport/transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <set>
#include <zmq.hpp>

namespace escape::transport {
namespace transport_test {

using State = Connection::State;
using Frames = std::vector<std::string>;

/// The server side of a test: who is known, who was refused, and the loop.
struct World {
  Context context;
  std::set<std::string> known_keys;
  std::vector<std::string> refused_keys;
  KeyPair server = make_key_pair();
  std::unique_ptr<Gatekeeper> gatekeeper;
  Poller poller;

  World() {
    auto made = Gatekeeper::make(
        context, [this](std::string_view, std::string_view key) { return known_keys.contains(std::string(key)); },
        [this](std::string_view, std::string_view key, std::string_view) { refused_keys.emplace_back(key); });
    EXPECT_TRUE(made.has_value());
    gatekeeper = std::move(made).value();
    poller.add(*gatekeeper);
  }

  KeyPair known() {
    KeyPair keys = make_key_pair();
    known_keys.insert(keys.public_key);
    return keys;
  }
  Listener::Options options(Frames endpoints = {"tcp://127.0.0.1:0"}) const { return {endpoints, "agents", server}; }
  std::unique_ptr<Listener> router(Frames endpoints = {"tcp://127.0.0.1:0"}) {
    auto listener = Listener::router(context, options(std::move(endpoints)));
    EXPECT_TRUE(listener.has_value()) << describe(listener.error());
    poller.add(*listener.value());
    return std::move(listener).value();
  }
  std::unique_ptr<Listener> publisher() {
    auto listener = Listener::publisher(context, options());
    EXPECT_TRUE(listener.has_value()) << describe(listener.error());
    poller.add(*listener.value());
    return std::move(listener).value();
  }
  Connection::Options to(int port, const KeyPair& keys) const {
    return {"tcp://127.0.0.1:" + std::to_string(port), server.public_key, keys};
  }
  std::unique_ptr<Connection> dealer(const Connection::Options& where) {
    auto connection = Connection::dealer(context, where);
    EXPECT_TRUE(connection.has_value()) << describe(connection.error());
    poller.add(*connection.value());
    return std::move(connection).value();
  }
  std::unique_ptr<Connection> subscriber(const Connection::Options& where, const Frames& prefixes) {
    auto connection = Connection::subscriber(context, where, prefixes);
    EXPECT_TRUE(connection.has_value()) << describe(connection.error());
    poller.add(*connection.value());
    return std::move(connection).value();
  }

  /// Whether it came to be within ten seconds.
  bool until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline) {
      gatekeeper->serve();
      if (holds()) return true;
      poller.wait(Millis{20});
    }
    return false;
  }
  bool until_state(Connection& connection, State state) {
    return until([&] { return connection.state() == state; });
  }
  std::optional<Received> receive(Listener& listener) {
    std::optional<Received> received;
    until([&] { return (received = listener.receive()).has_value(); });
    return received;
  }
  Frames receive(Connection& connection) {
    std::optional<Frames> received;
    until([&] { return (received = connection.receive()).has_value(); });
    return received.value_or(Frames{});
  }
};

/// A known peer gets its question answered: the listener works and is not disturbed by whatever went before.
void expect_round_trip(World& world, Listener& listener, Connection& connection, const std::string& key) {
  ASSERT_TRUE(world.until([&] { return connection.send({"question", ""}); }));
  const std::optional<Received> received = world.receive(listener);
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->peer.key, key);
  EXPECT_EQ(received->frames, (Frames{"question", ""}));
  EXPECT_EQ(listener.send(received->peer, {"answer", "2"}), SendOutcome::sent);
  EXPECT_EQ(world.receive(connection), (Frames{"answer", "2"}));
}

void expect_published(World& world, Listener& publisher, Connection& subscriber, const std::string& text) {
  std::optional<Frames> received;
  EXPECT_TRUE(world.until([&] {
    publisher.publish({"event", text});
    while (std::optional<Frames> next = subscriber.receive()) {
      if ((*next)[1] == text) received = std::move(next);
    }
    return received.has_value();
  }));
}

/// A peer without our library.
struct RawPeer {
  int fd = -1;
  explicit RawPeer(int port) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawPeer() { ::close(fd); }
  void say(const std::string& bytes) const {
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  /// Whether the server has hung up.
  bool is_cut() const {
    char buffer[4096];
    pollfd item{fd, POLLIN, 0};
    while (::poll(&item, 1, 0) > 0) {
      if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return true;
    }
    return false;
  }
};

TEST(Transport, AKnownKeyTalks) {
  World world;
  const auto listener = world.router();
  ASSERT_GT(listener->port(), 0);
  const KeyPair keys = world.known();
  const auto connection = world.dealer(world.to(listener->port(), keys));
  expect_round_trip(world, *listener, *connection, keys.public_key);
  EXPECT_EQ(connection->state(), State::ready);
  EXPECT_TRUE(world.refused_keys.empty());
}

TEST(Transport, ManyMessagesArriveInOrderAndAreDrained) {
  World world;
  const auto listener = world.router();
  const auto connection = world.dealer(world.to(listener->port(), world.known()));
  ASSERT_TRUE(world.until_state(*connection, State::ready));
  constexpr int count = 500;
  int got = 0;
  for (int i = 0; i < count; ++i) ASSERT_TRUE(world.until([&] { return connection->send({std::to_string(i)}); }));
  ASSERT_TRUE(world.until([&] {
    while (std::optional<Received> received = listener->receive())
      EXPECT_EQ(received->frames[0], std::to_string(got++));
    return got >= count;
  }));
  EXPECT_EQ(got, count);
  EXPECT_FALSE(listener->receive().has_value());
}

// The four kinds of stranger on a router: none gets a word through, and a known peer does not notice.
TEST(Transport, StrangersGetNothingFromARouter) {
  World world;
  const auto listener = world.router();
  const KeyPair keys = world.known();
  const auto friendly = world.dealer(world.to(listener->port(), keys));
  expect_round_trip(world, *listener, *friendly, keys.public_key);

  const KeyPair unknown = make_key_pair();
  const auto stranger = world.dealer(world.to(listener->port(), unknown));
  EXPECT_TRUE(world.until_state(*stranger, State::refused));
  EXPECT_FALSE(stranger->send({"let me in"}));
  EXPECT_EQ(world.refused_keys, (Frames{unknown.public_key}));

  Connection::Options wrong = world.to(listener->port(), keys);
  wrong.server_key = make_key_pair().public_key;
  const auto misled = world.dealer(wrong);
  EXPECT_TRUE(world.until_state(*misled, State::lost));
  EXPECT_FALSE(misled->send({"let me in"}));

  const RawPeer garbage(listener->port());
  garbage.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(10'000, '\xff'));
  EXPECT_TRUE(world.until([&] { return garbage.is_cut(); }));
  const RawPeer silent(listener->port());

  zmq::context_t other_context;
  zmq::socket_t plain(other_context, zmq::socket_type::dealer);
  plain.set(zmq::sockopt::linger, 0);
  plain.set(zmq::sockopt::immediate, true);
  zmq::socket_t watch(other_context, zmq::socket_type::pair);
  zmq_socket_monitor(plain.handle(), "inproc://watch", ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  watch.connect("inproc://watch");
  plain.connect("tcp://127.0.0.1:" + std::to_string(listener->port()));
  zmq::message_t event, address;
  EXPECT_TRUE(world.until([&] { return watch.recv(event, zmq::recv_flags::dontwait).has_value(); }));
  EXPECT_EQ(*event.data<std::uint16_t>(), ZMQ_EVENT_DISCONNECTED);
  EXPECT_FALSE(plain.send(zmq::str_buffer("let me in"), zmq::send_flags::dontwait).has_value());
  zmq_socket_monitor(plain.handle(), nullptr, 0);

  EXPECT_FALSE(listener->receive().has_value());
  EXPECT_EQ(listener->dropped(), 0u);
  expect_round_trip(world, *listener, *friendly, keys.public_key);
}

TEST(Transport, StrangersGetNothingFromAPublisher) {
  World world;
  const auto publisher = world.publisher();
  const auto friendly = world.subscriber(world.to(publisher->port(), world.known()), {""});
  expect_published(world, *publisher, *friendly, "first");

  const auto stranger = world.subscriber(world.to(publisher->port(), make_key_pair()), {""});
  EXPECT_TRUE(world.until_state(*stranger, State::refused));
  Connection::Options wrong = world.to(publisher->port(), world.known());
  wrong.server_key = make_key_pair().public_key;
  const auto misled = world.subscriber(wrong, {""});
  EXPECT_TRUE(world.until_state(*misled, State::lost));
  const RawPeer garbage(publisher->port());
  garbage.say(std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL", 16) + std::string(300, '\0'));
  EXPECT_TRUE(world.until([&] { return garbage.is_cut(); }));

  zmq::context_t other_context;
  zmq::socket_t plain(other_context, zmq::socket_type::sub);
  plain.set(zmq::sockopt::linger, 0);
  plain.set(zmq::sockopt::subscribe, "");
  plain.connect("tcp://127.0.0.1:" + std::to_string(publisher->port()));

  expect_published(world, *publisher, *friendly, "second");
  EXPECT_FALSE(stranger->receive().has_value());
  EXPECT_FALSE(misled->receive().has_value());
  zmq::message_t message;
  EXPECT_FALSE(plain.recv(message, zmq::recv_flags::dontwait).has_value());
}

TEST(Transport, ASubscriberGetsItsTopicsOnly) {
  World world;
  const auto publisher = world.publisher();
  const auto subscriber = world.subscriber(world.to(publisher->port(), world.known()), {"event", "beacon"});
  expect_published(world, *publisher, *subscriber, "warm");
  publisher->publish({"other", "1"});
  publisher->publish({"beacon", "2"});
  Frames last;
  EXPECT_TRUE(world.until([&] {
    while (std::optional<Frames> next = subscriber->receive()) {
      EXPECT_NE((*next)[0], "other");
      last = *next;
    }
    return last == Frames{"beacon", "2"};
  }));
}

TEST(Transport, AKeyThatIsLearntLaterGetsInWithANewConnection) {
  World world;
  const auto listener = world.router();
  const KeyPair keys = make_key_pair();
  auto connection = world.dealer(world.to(listener->port(), keys));
  ASSERT_TRUE(world.until_state(*connection, State::refused));
  world.known_keys.insert(keys.public_key);
  EXPECT_EQ(connection->state(), State::refused);
  connection = world.dealer(world.to(listener->port(), keys));
  expect_round_trip(world, *listener, *connection, keys.public_key);
}

TEST(Transport, SendingToAPeerThatIsGoneSaysSo) {
  World world;
  const auto listener = world.router();
  auto connection = world.dealer(world.to(listener->port(), world.known()));
  ASSERT_TRUE(world.until([&] { return connection->send({"hello"}); }));
  const std::optional<Received> received = world.receive(*listener);
  ASSERT_TRUE(received.has_value());
  connection.reset();
  EXPECT_TRUE(world.until([&] { return listener->send(received->peer, {"answer"}) == SendOutcome::no_such_peer; }));
  EXPECT_EQ(listener->send(Peer{}, {"answer"}), SendOutcome::no_such_peer);
  EXPECT_EQ(listener->send(Peer{"inever was", ""}, {"answer"}), SendOutcome::no_such_peer);
}

TEST(Transport, APeerThatDoesNotReadFillsItsOwnQueueOnly) {
  World world;
  const auto listener = world.router();
  const KeyPair keys = world.known();
  const auto slow = world.dealer(world.to(listener->port(), world.known()));
  const auto friendly = world.dealer(world.to(listener->port(), keys));
  ASSERT_TRUE(world.until([&] { return slow->send({"hello"}); }));
  const std::optional<Received> received = world.receive(*listener);
  ASSERT_TRUE(received.has_value());
  const std::string chunk(64 << 10, 'x');
  SendOutcome outcome = SendOutcome::sent;
  for (int i = 0; i < 20'000 && outcome == SendOutcome::sent; ++i) outcome = listener->send(received->peer, {chunk});
  EXPECT_EQ(outcome, SendOutcome::queue_full);
  expect_round_trip(world, *listener, *friendly, keys.public_key);
}

TEST(Transport, TheConnectionsOfAKeyCanBeEndedAndNoOthers) {
  World world;
  const auto listener = world.router();
  const KeyPair removed = world.known();
  const KeyPair keys = world.known();
  const auto friendly = world.dealer(world.to(listener->port(), keys));
  expect_round_trip(world, *listener, *friendly, keys.public_key);
  const auto first = world.dealer(world.to(listener->port(), removed));
  const auto second = world.dealer(world.to(listener->port(), removed));
  expect_round_trip(world, *listener, *first, removed.public_key);
  expect_round_trip(world, *listener, *second, removed.public_key);

  EXPECT_EQ(listener->cut(removed.public_key), 2);
  EXPECT_TRUE(world.until_state(*first, State::lost));
  EXPECT_TRUE(world.until_state(*second, State::lost));
  EXPECT_EQ(listener->cut(removed.public_key), 0);
  expect_round_trip(world, *listener, *friendly, keys.public_key);

  // Numbers of descriptors are given anew: who came later under one must not be taken for the one that was cut.
  const auto again = world.dealer(world.to(listener->port(), removed));
  expect_round_trip(world, *listener, *again, removed.public_key);
  const auto later = world.dealer(world.to(listener->port(), keys));
  expect_round_trip(world, *listener, *later, keys.public_key);
  EXPECT_EQ(listener->cut(removed.public_key), 1);
  EXPECT_TRUE(world.until_state(*again, State::lost));
  expect_round_trip(world, *listener, *later, keys.public_key);
}

TEST(Transport, AConnectionThatEndedByItselfIsNotCutInPlaceOfANewerOne) {
  World world;
  const auto listener = world.router();
  const KeyPair removed = world.known();
  const KeyPair keys = world.known();
  auto gone = world.dealer(world.to(listener->port(), removed));
  expect_round_trip(world, *listener, *gone, removed.public_key);
  gone.reset();
  // The number that is free now is the next one that the kernel gives.
  std::vector<std::unique_ptr<Connection>> newer;
  for (int i = 0; i < 5; ++i) {
    newer.push_back(world.dealer(world.to(listener->port(), keys)));
    ASSERT_TRUE(world.until_state(*newer.back(), State::ready));
  }
  (void)listener->cut(removed.public_key);
  for (const auto& connection : newer) expect_round_trip(world, *listener, *connection, keys.public_key);
}

TEST(Transport, WhoMayNotListenAnyMoreIsCutFromThePublisher) {
  World world;
  const auto publisher = world.publisher();
  const KeyPair removed = world.known();
  const auto one = world.subscriber(world.to(publisher->port(), removed), {""});
  const auto other = world.subscriber(world.to(publisher->port(), world.known()), {""});
  const auto may_listen = [&](std::string_view key) { return world.known_keys.contains(std::string(key)); };
  expect_published(world, *publisher, *one, "warm");
  expect_published(world, *publisher, *other, "warm");
  publisher->take_subscribers(may_listen);

  world.known_keys.erase(removed.public_key);
  EXPECT_EQ(publisher->cut(removed.public_key), 1) << "the same topic as another's: its subscription is told, too";
  EXPECT_TRUE(world.until_state(*one, State::lost));
  expect_published(world, *publisher, *other, "still there");

  // Whoever shook hands before the removal, and whose subscription is found only after it.
  const KeyPair late_key = world.known();
  const auto late = world.subscriber(world.to(publisher->port(), late_key), {""});
  expect_published(world, *publisher, *late, "in time");
  world.known_keys.erase(late_key.public_key);
  publisher->take_subscribers(may_listen);
  EXPECT_TRUE(world.until_state(*late, State::lost));
  expect_published(world, *publisher, *other, "and still");
}

TEST(Transport, AListenerThatAsksForTooManyTopicsIsCut) {
  World world;
  const auto publisher = world.publisher();
  Frames topics;
  for (int i = 0; i <= Listener::most_subscriptions; ++i) topics.push_back("topic " + std::to_string(i));
  const auto greedy = world.subscriber(world.to(publisher->port(), world.known()), topics);
  EXPECT_TRUE(world.until([&] {
    publisher->take_subscribers([](std::string_view) { return true; });
    return greedy->state() == State::lost;
  }));
}

TEST(Transport, AMessageAboveTheLimitIsNotSent) {
  World world;
  const auto listener = world.router();
  const KeyPair keys = world.known();
  const auto connection = world.dealer(world.to(listener->port(), keys));
  ASSERT_TRUE(world.until_state(*connection, State::ready));
  EXPECT_FALSE(connection->send({std::string(protocol::max_message_bytes + 1, 'x')}));
  expect_round_trip(world, *listener, *connection, keys.public_key);
  ASSERT_TRUE(connection->send({std::string(protocol::max_message_bytes, 'x')}));
  const std::optional<Received> received = world.receive(*listener);
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->frames[0].size(), protocol::max_message_bytes);
  EXPECT_EQ(listener->send(received->peer, {std::string(protocol::max_message_bytes + 1, 'x')}),
            SendOutcome::too_large);
}

/// A known key with a program of its own making, which need not keep to our limits.
zmq::socket_t rogue_dealer(zmq::context_t& context, const World& world, const KeyPair& keys,
                           const std::string& id = {}) {
  zmq::socket_t rogue(context, zmq::socket_type::dealer);
  rogue.set(zmq::sockopt::linger, 0);
  if (!id.empty()) rogue.set(zmq::sockopt::routing_id, id);
  rogue.set(zmq::sockopt::curve_serverkey, world.server.public_key);
  rogue.set(zmq::sockopt::curve_publickey, keys.public_key);
  rogue.set(zmq::sockopt::curve_secretkey, keys.secret_key);
  return rogue;
}

TEST(Transport, AFrameAboveTheLimitCostsTheConnectionAndNobodyElse) {
  World world;
  const auto listener = world.router();
  const KeyPair keys = world.known();
  const auto friendly = world.dealer(world.to(listener->port(), keys));
  zmq::context_t other_context;
  zmq::socket_t rogue = rogue_dealer(other_context, world, world.known());
  rogue.set(zmq::sockopt::reconnect_ivl, -1);
  zmq::socket_t watch(other_context, zmq::socket_type::pair);
  zmq_socket_monitor(rogue.handle(), "inproc://watch", ZMQ_EVENT_DISCONNECTED);
  watch.connect("inproc://watch");
  rogue.connect("tcp://127.0.0.1:" + std::to_string(listener->port()));
  ASSERT_TRUE(rogue.send(zmq::message_t(protocol::max_message_bytes + 4'096), zmq::send_flags::dontwait).has_value());
  zmq::message_t event;
  EXPECT_TRUE(world.until([&] { return watch.recv(event, zmq::recv_flags::dontwait).has_value(); }));
  zmq_socket_monitor(rogue.handle(), nullptr, 0);
  EXPECT_FALSE(listener->receive().has_value());
  expect_round_trip(world, *listener, *friendly, keys.public_key);
}

TEST(Transport, APeerThatChoosesItsOwnIdOrSendsManyFramesIsDropped) {
  World world;
  const auto listener = world.router();
  const KeyPair keys = world.known();
  const auto friendly = world.dealer(world.to(listener->port(), keys));
  zmq::context_t other_context;
  zmq::socket_t chooser = rogue_dealer(other_context, world, world.known(), "stage-1");
  chooser.connect("tcp://127.0.0.1:" + std::to_string(listener->port()));
  ASSERT_TRUE(chooser.send(zmq::str_buffer("hello"), zmq::send_flags::dontwait).has_value());
  zmq::socket_t talker = rogue_dealer(other_context, world, world.known());
  talker.connect("tcp://127.0.0.1:" + std::to_string(listener->port()));
  for (int i = 0; i < 100; ++i) talker.send(zmq::str_buffer("x"), zmq::send_flags::sndmore);
  talker.send(zmq::str_buffer("x"), zmq::send_flags::none);
  EXPECT_TRUE(world.until([&] {
    EXPECT_FALSE(listener->receive().has_value());
    return listener->dropped() == 2;
  }));
  expect_round_trip(world, *listener, *friendly, keys.public_key);
}

TEST(Transport, AConnectionIsNeverRetriedButANewOneWorksAfterARestart) {
  World world;
  auto listener = world.router();
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(listener->port());
  const KeyPair keys = world.known();
  const Connection::Options where = world.to(listener->port(), keys);
  auto connection = world.dealer(where);
  expect_round_trip(world, *listener, *connection, keys.public_key);

  listener.reset();
  ASSERT_TRUE(world.until_state(*connection, State::lost));
  EXPECT_FALSE(connection->send({"into nowhere"}));
  // Nobody listens now: a fresh one is lost at once.
  const auto early = world.dealer(where);
  EXPECT_TRUE(world.until_state(*early, State::lost));

  std::optional<Result<std::unique_ptr<Listener>>> again;
  ASSERT_TRUE(
      world.until([&] { return (again = Listener::router(world.context, world.options({endpoint})))->has_value(); }));
  listener = std::move(*again).value();
  world.poller.add(*listener);
  const auto later = world.dealer(where);
  expect_round_trip(world, *listener, *later, keys.public_key);
  // By now the old ones would have come back, had they tried.
  EXPECT_EQ(connection->state(), State::lost);
  EXPECT_EQ(early->state(), State::lost);
  EXPECT_FALSE(connection->send({"into nowhere"}));
}

TEST(Transport, InprocNeedsNoKeysAndNoOrder) {
  Context context;
  const auto connection = std::move(Connection::dealer(context, {"inproc://agents", "", {}})).value();
  EXPECT_EQ(connection->state(), State::ready);
  EXPECT_TRUE(connection->send({"early"}));
  const auto listener = std::move(Listener::router(context, {{"inproc://agents"}, "", {}})).value();
  Poller poller;
  poller.add(*listener);
  poller.add(*connection);
  poller.wait(Millis{10'000});
  const std::optional<Received> received = listener->receive();
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->peer.key, "");
  EXPECT_EQ(listener->port(), 0);
  EXPECT_EQ(listener->send(received->peer, {"answer"}), SendOutcome::sent);
  poller.wait(Millis{10'000});
  EXPECT_EQ(connection->receive(), (Frames{"answer"}));
}

TEST(Transport, InprocAndTcpMayBeMixedAndAreToldApart) {
  World world;
  const auto listener = world.router({"inproc://mixed", "tcp://127.0.0.1:*"});
  const KeyPair keys = world.known();
  const auto near = world.dealer({"inproc://mixed", "", {}});
  const auto far = world.dealer(world.to(listener->port(), keys));
  expect_round_trip(world, *listener, *far, keys.public_key);
  expect_round_trip(world, *listener, *near, "");
  const auto stranger = world.dealer(world.to(listener->port(), make_key_pair()));
  EXPECT_TRUE(world.until_state(*stranger, State::refused));
}

TEST(Transport, AListenerSaysWhyItCannotListen) {
  Context unguarded;
  const KeyPair keys = make_key_pair();
  const auto without_gatekeeper = Listener::router(unguarded, {{"tcp://127.0.0.1:0"}, "agents", keys});
  ASSERT_FALSE(without_gatekeeper.has_value());
  EXPECT_EQ(without_gatekeeper.error().kind, ErrorKind::internal);

  World world;
  const auto listener = world.router();
  const std::string taken = "tcp://127.0.0.1:" + std::to_string(listener->port());
  const struct {
    Listener::Options options;
    ErrorKind kind;
    const char* says;
  } cases[] = {
      {world.options({taken}), ErrorKind::conflict, "is in use"},
      {world.options({"tcp://192.0.2.1:0"}), ErrorKind::bad_configuration, "no such address"},
      {world.options({"tcp://nonsense"}), ErrorKind::bad_configuration, "listening on 'tcp://nonsense'"},
      {world.options({"ipc:///tmp/x"}), ErrorKind::bad_configuration, "is not an address"},
      {world.options(Frames{}), ErrorKind::bad_configuration, "no address"},
      {{{"tcp://127.0.0.1:0"}, "", world.server}, ErrorKind::bad_configuration, "a key pair and a domain"},
      {{{"tcp://127.0.0.1:0"}, "agents", {}}, ErrorKind::bad_configuration, "a key pair and a domain"},
  };
  for (const auto& [options, kind, says] : cases) {
    const auto refused = Listener::router(world.context, options);
    ASSERT_FALSE(refused.has_value()) << says;
    EXPECT_EQ(refused.error().kind, kind) << refused.error().message;
    EXPECT_NE(refused.error().message.find(says), std::string::npos) << refused.error().message;
  }
  const auto second = Gatekeeper::make(world.context, nullptr, nullptr);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  EXPECT_FALSE(Connection::dealer(world.context, {"tcp://127.0.0.1:1", "short", keys}).has_value());
  EXPECT_FALSE(Connection::dealer(world.context, {"127.0.0.1:1", keys.public_key, keys}).has_value());
}

TEST(Transport, ListensOnIpv6WhereThereIsSome) {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool has_ipv6 = probe >= 0 && ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (probe >= 0) ::close(probe);
  if (!has_ipv6) GTEST_SKIP() << "this host has no IPv6";
  World world;
  const auto listener = world.router({"tcp://[::1]:0"});
  const KeyPair keys = world.known();
  Connection::Options where = world.to(listener->port(), keys);
  where.endpoint = "tcp://[::1]:" + std::to_string(listener->port());
  const auto connection = world.dealer(where);
  expect_round_trip(world, *listener, *connection, keys.public_key);
}

TEST(Poller, WakesForDescriptorsAndForgetsWhatIsGone) {
  Context context;
  Poller poller;
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  poller.add_descriptor(event);
  {
    const auto gone = std::move(Connection::dealer(context, {"inproc://nobody", "", {}})).value();
    poller.add(*gone);
  }
  poller.wait(Millis{0});
  EXPECT_FALSE(poller.is_readable(event));
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(event, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  poller.wait(Millis{-1});
  EXPECT_TRUE(poller.is_readable(event));
  poller.remove_descriptor(event);
  poller.wait(Millis{0});
  EXPECT_FALSE(poller.is_readable(event));
  ::close(event);
}

TEST(Transport, TheInstalledLibraryIsGoodEnough) {
  EXPECT_TRUE(check_library().has_value());
  EXPECT_TRUE(library_version().starts_with("libzmq 4."));
}

}  // namespace transport_test
}  // namespace escape::transport
