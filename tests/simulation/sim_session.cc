#include "tests/simulation/sim_session.h"

namespace escape::simulation {

using protocol::ClientSession;

void SimSession::renew() {
  state_ = ClientSession(ClientSession::Limits{});
  connection_ = 0;
  link_ = Link::none;
  mail_.clear();
  read_ = 0;
}

void SimSession::on_ready(ConnectionId connection) {
  if (connection != connection_) return;
  link_ = Link::ready;
  wiring_.wake();
}

void SimSession::on_refused(ConnectionId connection) {
  if (connection != connection_) return;
  link_ = Link::refused;
  wiring_.wake();
}

void SimSession::on_lost(ConnectionId connection) {
  if (connection != connection_) return;
  link_ = Link::lost;
  wiring_.wake();
}

void SimSession::on_packet(ConnectionId connection, const Packet& packet) {
  if (connection != connection_) return;
  mail_.push_back(packet);
  wiring_.wake();
}

std::optional<Packet> SimSession::receive() {
  watch();
  if (read_ == mail_.size()) {
    mail_.clear();
    read_ = 0;
    return std::nullopt;
  }
  Packet packet = std::move(mail_[read_++]);
  if (const std::string why = state_.check(packet.header); !why.empty()) {
    drop(why);
    return std::nullopt;
  }
  state_.on_traffic(wiring_.world->now());
  return packet;
}

void SimSession::watch() {
  switch (link_) {
    case Link::none:
    case Link::connecting:
      return;
    case Link::ready:
      return state_.on_connected(wiring_.world->now());
    case Link::refused:
      return drop("its key is not accepted");
    case Link::lost:
      return drop("can't be reached");
  }
}

void SimSession::on_welcome(Millis heartbeat, int missed_beats, const Packet& packet) {
  state_.on_welcome(wiring_.world->now(), heartbeat, missed_beats, packet.header.instance, packet.header.epoch);
}

void SimSession::act() {
  watch();
  for (;;) {
    switch (state_.next(wiring_.world->now(), random_.fraction())) {
      case ClientSession::Action::none:
        return;
      case ClientSession::Action::connect: {
        std::string session_id(16, '\0');
        for (char& byte : session_id) byte = static_cast<char>(random_.below(256));
        state_.begin(std::move(session_id));
        link_ = Link::connecting;
        connection_ = wiring_.network->connect(wiring_.machine, wiring_.domain, key_, this);
        break;
      }
      case ClientSession::Action::send_hello:
        send(wiring_.make_greeting());
        break;
      case ClientSession::Action::send_ping:
        send(wiring_.make_ping());
        break;
      case ClientSession::Action::close:
        drop("does not answer");
        break;
    }
  }
}

void SimSession::send(Body body) {
  if (link_ != Link::ready) return;
  wiring_.network->send_up(connection_, {state_.next_header(), std::move(body)});
  state_.on_sent(wiring_.world->now());
}

void SimSession::drop(std::string_view why) {
  wiring_.world->note(name, "session ends", [&] { return std::string(why); });
  if (connection_ != 0) wiring_.network->close(connection_);
  connection_ = 0;
  link_ = Link::none;
  mail_.clear();
  read_ = 0;
  state_.on_lost(wiring_.world->now(), random_.fraction());
  wiring_.on_closed();
}

}  // namespace escape::simulation
