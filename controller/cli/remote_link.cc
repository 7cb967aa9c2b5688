#include "controller/cli/remote_link.h"

#include <algorithm>

#include "protocol/messages/envelope.h"
#include "shared/base/crypto.h"
#include "shared/base/overloaded.h"

namespace escape::cli {
namespace {

using protocol::ClientSession;
using transport::Connection;

// How often `interrupted` is asked while nothing arrives.
constexpr Millis look_up_interval{50};

double jitter() {
  const std::string bytes = random_bytes(4);
  std::uint32_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return static_cast<double>(number) / 4294967296.0;
}

std::string shown_address(const std::string& endpoint) {
  return endpoint.starts_with("tcp://") ? endpoint.substr(6) : endpoint;
}

std::string how_to_make_smaller(const protocol::Request& request) {
  if (const auto* import = std::get_if<protocol::request::ImportState>(&request)) {
    return import->environment.empty() ? "Import one environment after another: escape state import FILE -e ENVIRONMENT"
                                       : "Divide the deployments of the environment '" + import->environment +
                                             "' over two copies of the file, and import one after the other.";
  }
  return "Make what it carries smaller (inputs, a plan's inline scripts), or put it into the package: its files don't "
         "travel in messages.";
}

/// A larger frame would cost the connection, again and again.
Result<> check_size(const protocol::ClientRequest& asked) {
  const std::size_t size = protocol::encode(protocol::FromClient(asked)).body.size();
  if (size <= protocol::max_message_bytes) return ok();
  return fail(ErrorKind::usage,
              "The request '" + std::string(protocol::word_of(asked.request)) + "' has " + std::to_string(size) +
                  " bytes, more than the " + std::to_string(protocol::max_message_bytes) + " (" +
                  std::to_string(protocol::max_message_bytes >> 20) + " MiB) that a message may have.",
              how_to_make_smaller(asked.request));
}

Error to_error(const protocol::reply::Failed& failed) {
  return {kind_from_name(failed.kind), failed.message, failed.hint, {}};
}

}  // namespace

RemoteLink::RemoteLink(transport::Context& context, Options options)
    : context_(context), options_(std::move(options)), session_(options_.limits), greeting_id_(random_hex(16)) {}

RemoteLink::~RemoteLink() {
  if (connection_) poller_.remove(*connection_);
}

Result<std::unique_ptr<RemoteLink>> RemoteLink::open(transport::Context& context, Connection::Options connection) {
  return open(context, Options{.connection = std::move(connection)});
}

Result<std::unique_ptr<RemoteLink>> RemoteLink::open(transport::Context& context, Options options) {
  std::unique_ptr<RemoteLink> link(new RemoteLink(context, std::move(options)));
  return link;
}

Result<protocol::Reply> RemoteLink::greet() {
  while (!is_open() || !greeting_reply_) {
    TRYV(turn(look_up_interval));
    TRYV(check_patience(options_.patience));
  }
  return *greeting_reply_;
}

Result<protocol::Reply> RemoteLink::call(protocol::Request request) {
  const protocol::ClientRequest asked{random_hex(16), std::move(request)};
  TRYV(check_size(asked));
  std::uint64_t sent_in = 0;
  while (true) {
    if (is_open() && sent_in != session_count_ && send(asked)) sent_in = session_count_;
    TRYV(turn(look_up_interval));
    while (!replies_.empty()) {
      protocol::ClientReply reply = std::move(replies_.front());
      replies_.pop_front();
      if (reply.id != asked.id) continue;  // of an earlier Attach that was left
      if (auto* failed = std::get_if<protocol::reply::Failed>(&reply.reply)) return fail(to_error(*failed));
      return std::move(reply.reply);
    }
    TRYV(check_patience(options_.patience));
  }
}

Result<protocol::JobView> RemoteLink::follow(JobId job, std::uint64_t from,
                                             const std::function<void(const protocol::LogEntry&)>& on_entry,
                                             const std::function<bool()>& interrupted) {
  std::uint64_t next = std::max<std::uint64_t>(from, 1);
  std::uint64_t attached_in = 0;
  std::string id;
  while (true) {
    if (interrupted()) {
      if (is_open()) (void)send(protocol::ClientRequest{random_hex(16), protocol::request::Detach{}});
      return fail(ErrorKind::cancelled, "interrupted before entry " + std::to_string(next));
    }
    if (is_open() && attached_in != session_count_) {
      id = random_hex(16);
      if (send(protocol::ClientRequest{id, protocol::request::Attach{job, next}})) attached_in = session_count_;
    }
    TRYV(turn(look_up_interval));
    while (!replies_.empty()) {
      protocol::ClientReply reply = std::move(replies_.front());
      replies_.pop_front();
      if (reply.id != id) continue;
      if (auto* failed = std::get_if<protocol::reply::Failed>(&reply.reply)) return fail(to_error(*failed));
      if (auto* done = std::get_if<protocol::reply::JobDone>(&reply.reply)) return std::move(done->job);
      auto* batch = std::get_if<protocol::reply::LogBatch>(&reply.reply);
      if (!batch) continue;
      for (const protocol::LogEntry& entry : batch->entries) {
        if (entry.sequence < next) continue;
        on_entry(entry);
        next = entry.sequence + 1;
      }
      (void)send(protocol::ClientCredit{1});
    }
    if (Result<> heard = check_patience(std::max(options_.patience, options_.patience_while_following)); !heard) {
      const std::string number = std::to_string(job);
      return fail(std::move(heard).error().hinted("Job " + number +
                                                  " may well go on; come back with: escape jobs attach " + number));
    }
  }
}

Result<> RemoteLink::turn(Millis at_most) {
  Instant now = read_clocks().steady;
  if (!is_open() && !alone_since_) alone_since_ = now;
  for (auto action = session_.next(now, jitter()); action != ClientSession::Action::none;
       action = session_.next(now, jitter())) {
    switch (action) {
      case ClientSession::Action::connect: {
        TRYV(connect());
        break;
      }
      case ClientSession::Action::send_hello:
        (void)send(protocol::ClientRequest{greeting_id_, options_.greeting});
        break;
      case ClientSession::Action::send_ping:
        (void)send(protocol::Ping{});
        break;
      case ClientSession::Action::close:
        drop("it stopped answering");
        break;
      case ClientSession::Action::none:
        break;
    }
  }
  const Micros until_session = std::max(session_.wake_at() - now, Micros{0});
  poller_.wait(std::min(at_most, std::chrono::ceil<Millis>(until_session)));
  if (!connection_) return ok();

  now = read_clocks().steady;
  switch (connection_->state()) {
    case Connection::State::connecting:
      break;
    case Connection::State::ready:
      session_.on_connected(now);
      break;
    case Connection::State::refused:
      return fail(unknown_key());
    case Connection::State::lost:
      drop("the connection was lost");
      return ok();
  }
  while (connection_) {
    std::optional<std::vector<std::string>> frames = connection_->receive();
    if (!frames) break;
    TRYV(take(std::move(*frames)));
  }
  return ok();
}

Result<> RemoteLink::connect() {
  TRY(connection_, Connection::dealer(context_, options_.connection));
  poller_.add(*connection_);
  session_.begin(random_bytes(16));
  if (connection_->state() == Connection::State::ready) session_.on_connected(read_clocks().steady);
  return ok();
}

void RemoteLink::drop(std::string why) {
  const Instant now = read_clocks().steady;
  session_.on_lost(now, jitter());
  if (!alone_since_) alone_since_ = now;
  last_reason_ = std::move(why);
  if (!connection_) return;
  poller_.remove(*connection_);
  connection_.reset();
}

Result<> RemoteLink::take(std::vector<std::string> frames) {
  Result<protocol::Envelope> envelope = protocol::from_frames(frames);
  if (!envelope) {
    drop(describe(envelope.error()));
    return ok();
  }
  Result<protocol::ToClient> message = protocol::decode_to_client(envelope.value().type, envelope.value().body);
  if (!message) return fail(std::move(message).error().in("the controller's answer"));
  const protocol::Header& header = envelope.value().header;
  if (auto* refused = std::get_if<protocol::Refused>(&message.value())) {
    // Outside of any session, so without a number: greet anew, unless the controller says that it would not help.
    if (refused->is_final) return fail(kind_from_name(refused->kind), refused->message);
    if (refused->message.find(protocol::not_of_an_agent) != std::string::npos) return fail(for_agents());
    if (refused->retry_after > Millis{0}) session_.on_busy(read_clocks().steady, refused->retry_after, jitter());
    drop(refused->message);
    return ok();
  }
  if (std::string why = session_.check(header); !why.empty()) {
    drop(why);
    return ok();
  }
  session_.on_traffic(read_clocks().steady);
  if (auto* reply = std::get_if<protocol::ClientReply>(&message.value())) return take_reply(std::move(*reply), header);
  return ok();  // a Pong
}

Result<> RemoteLink::take_reply(protocol::ClientReply reply, const protocol::Header& header) {
  if (reply.id == greeting_id_) return take_greeting(reply.reply, header);
  replies_.push_back(std::move(reply));
  return ok();
}

Result<> RemoteLink::take_greeting(const protocol::Reply& reply, const protocol::Header& header) {
  if (auto* failed = std::get_if<protocol::reply::Failed>(&reply)) return fail(to_error(*failed));
  Millis heartbeat = options_.limits.heartbeat;
  if (auto* hello = std::get_if<protocol::reply::Hello>(&reply)) heartbeat = Millis{hello->heartbeat_millis};
  session_.on_welcome(read_clocks().steady, heartbeat, options_.limits.missed_beats, header.instance, header.epoch);
  greeting_reply_ = reply;
  alone_since_.reset();
  ++session_count_;
  replies_.clear();
  return ok();
}

bool RemoteLink::send(const protocol::FromClient& message) {
  if (!connection_) return false;
  protocol::TypedBody typed = protocol::encode(message);
  const protocol::Envelope envelope{session_.next_header(), std::move(typed.type), std::move(typed.body)};
  if (!connection_->send(protocol::to_frames(envelope))) {
    // The number is used up: the other side would see a gap.
    drop("a message could not be sent");
    return false;
  }
  session_.on_sent(read_clocks().steady);
  return true;
}

Result<> RemoteLink::check_patience(Millis patience) const {
  if (!alone_since_ || read_clocks().steady - *alone_since_ < patience) return ok();
  return fail(unreachable(patience));
}

Error RemoteLink::unreachable(Millis patience) const {
  const std::string why = last_reason_.empty() ? "nobody answers" : last_reason_;
  Error error{ErrorKind::unreachable,
              "The controller at " + shown_address(options_.connection.endpoint) + " is not reachable: " + why +
                  " (tried for " + to_short_text(patience) + ").",
              "Check that it runs and that the address is right.",
              {}};
  if (!options_.connection.server_key.empty()) {
    error.hint += " It must hold the key with the fingerprint " + fingerprint(options_.connection.server_key) +
                  "; a controller with another key does not answer at all.";
  }
  return error;
}

Error RemoteLink::for_agents() const {
  return {ErrorKind::usage,
          "At " + shown_address(options_.connection.endpoint) + " the controller listens to agents, not to people.",
          "A token for a host is used there: escape-agent join TOKEN. For a person, `escape principals invite NAME` "
          "makes one.",
          {}};
}

Error RemoteLink::unknown_key() const {
  return {ErrorKind::no_permission,
          "The controller at " + shown_address(options_.connection.endpoint) + " doesn't know this key (fingerprint " +
              fingerprint(options_.connection.keys.public_key) + ").",
          "Ask an administrator for an invitation (escape principals invite) and log in with it: escape login --token "
          "TOKEN",
          {}};
}

}  // namespace escape::cli
