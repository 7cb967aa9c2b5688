#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "tests/simulation/sim_session.h"

namespace escape::simulation {

/// A person's or a tool's command: one request at a time, repeated under its id until it is answered.
class ClientNode {
 public:
  using Answered = std::function<void(const protocol::Reply&)>;
  ClientNode(World& world, Network& network, std::string name, int machine);

  /// Becomes a principal with the key of an invitation, and then works under its own.
  void enrol(std::string invitation);
  void ask(protocol::Request request, Answered answered);
  void kill();  ///< the program is gone: what it waited for is not asked again
  void start();
  void lose_identity();  ///< was removed: needs an invitation again
  bool is_up() const { return is_up_; }
  bool is_enrolled() const { return is_enrolled_; }
  bool is_idle() const { return queue_.empty(); }
  Epoch epoch() const { return session_.epoch(); }
  int machine() const { return machine_; }
  std::string name;

 private:
  struct Asked {
    std::string id;
    protocol::Request request;
    Answered answered;
    bool was_sent = false;
  };
  void wake();
  void turn();
  void on_reply(const protocol::ClientReply& reply, const Packet& packet);
  Body greeting();
  std::string new_id();

  World& world_;
  Network& network_;
  int machine_;
  SimSession session_;
  Random random_;
  bool is_up_ = false, is_enrolled_ = false;
  int life_ = 0;
  bool turn_is_due_ = false;
  std::string invitation_, key_;
  std::string greeting_id_;
  std::deque<Asked> queue_;
  Alarm alarm_;
  std::uint64_t ids_ = 0;
  int identities_ = 0;
  std::string seen_instance_;
  Epoch seen_epoch_ = 0;
};

}  // namespace escape::simulation
