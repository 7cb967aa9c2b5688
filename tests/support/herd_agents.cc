// Many agents in one program, with the agent's own session code and no scripts behind it:
//
//     herd_agents ENDPOINT SERVER_KEY_HEX FIRST COUNT OUTPUT_BYTES
//
// Agents FIRST … FIRST+COUNT-1, each with the key of its number (herd.h). A task is accepted and answered with
// OUTPUT_BYTES of output, as fast as credit allows. Prints one line for each thing that happens, with the steady
// clock's microseconds: "hello N T", "welcome N T EPOCH HEARTBEAT", "busy N T MILLIS", "closed N T", "finished N T".
// SIGUSR1 makes every agent ping as fast as it is answered for five seconds, then "pongs COUNT T". Goes on until
// SIGTERM.

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "agent/app/session.h"
#include "shared/base/overloaded.h"
#include "shared/base/text.h"
#include "shared/io/service.h"
#include "tests/support/herd.h"

namespace escape::testing {
namespace {

constexpr Micros flood_length{5'000'000};

void say(const char* what, int number, const std::string& more = {}) {
  std::printf("%s %d %lld%s\n", what, number, static_cast<long long>(read_clocks().steady.micros), more.c_str());
}

struct Flood {
  Instant until{};
  std::uint64_t pongs = 0;
  bool is_on() const { return read_clocks().steady < until; }
};

/// One agent: a session, and tasks that are nothing but output.
class HerdAgent {
 public:
  HerdAgent(transport::Context& context, transport::Poller& poller, const transport::Connection::Options& to,
            int number, std::uint64_t output_bytes, Flood& flood)
      : poller_(poller),
        number_(number),
        output_bytes_(output_bytes),
        flood_(flood),
        session_(context, to, protocol::ClientSession::Limits{}, events()) {}

  void turn() { (void)session_.turn(poller_); }
  Instant wake_at() const { return session_.wake_at(); }
  void ping() {
    if (session_.is_open()) session_.send(protocol::Ping{});
  }

 private:
  struct Running {
    Attempt attempt = 0;
    std::uint64_t sent = 0;
    std::uint64_t acked = 0;
    std::uint64_t credit = 0;
    bool is_finished = false;
  };

  agent::Session::Events events() {
    agent::Session::Events made;
    made.make_hello = [this] {
      say("hello", number_);
      protocol::Hello hello;
      hello.host.hostname = herd_name(number_);
      hello.placement = "environment";
      return hello;
    };
    made.on_welcome = [this](const protocol::Welcome& welcome, const std::string& instance, Epoch epoch) -> Result<> {
      say("welcome", number_, fmt::format(" {} {}", epoch, welcome.heartbeat.count()));
      session_.remember(instance, epoch);
      return ok();
    };
    made.on_message = [this](const protocol::ToAgent& message) -> Result<> {
      on_message(message);
      return ok();
    };
    made.on_closed = [this] { say("closed", number_); };
    made.on_refused = [this](const protocol::Refused& refused) -> Result<> {
      if (refused.retry_after > Millis{0}) say("busy", number_, fmt::format(" {}", refused.retry_after.count()));
      return ok();
    };
    return made;
  }

  void on_message(const protocol::ToAgent& message) {
    if (const auto* offer = std::get_if<protocol::Offer>(&message)) {
      session_.send(protocol::Accepted{offer->task, offer->attempt});
      const bool is_new = running_.try_emplace(offer->task, Running{offer->attempt, 0, 0, offer->credit, false}).second;
      if (is_new) pump(offer->task);
    } else if (const auto* ack = std::get_if<protocol::OutputAck>(&message)) {
      auto task = running_.find(ack->task);
      if (task == running_.end()) return;
      task->second.acked = ack->offset;
      task->second.credit = ack->credit;
      pump(ack->task);
    } else if (const auto* committed = std::get_if<protocol::ResultCommitted>(&message)) {
      if (running_.erase(committed->task) != 0) say("finished", number_);
    } else if (std::holds_alternative<protocol::Pong>(message) && flood_.is_on()) {
      ++flood_.pongs;
      session_.send(protocol::Ping{});
    }
  }

  void pump(TaskId id) {
    Running& task = running_.at(id);
    const std::uint64_t limit = std::min(output_bytes_, task.acked + task.credit);
    while (task.sent < limit) {
      const std::uint64_t length = std::min<std::uint64_t>(protocol::max_output_chunk, limit - task.sent);
      session_.send(protocol::Output{id, task.attempt, task.sent, Binary{std::string(length, '.')}});
      task.sent += length;
    }
    if (task.acked < output_bytes_ || task.is_finished) return;
    task.is_finished = true;
    protocol::Finished finished;
    finished.task = id;
    finished.attempt = task.attempt;
    finished.outcome = protocol::TaskOutcome::ok;
    finished.output_bytes = finished.tail_offset = output_bytes_;
    session_.send(finished);
  }

  transport::Poller& poller_;
  int number_;
  std::uint64_t output_bytes_;
  Flood& flood_;
  std::map<TaskId, Running> running_;
  agent::Session session_;
};

int run(int argc, char** argv) {
  if (argc != 6) return 64;
  set_up_logging("herd_agents", LogLevel::error);
  (void)io::raise_descriptor_limit();
  Result<io::Fd> signals = io::signals_as_descriptor({SIGTERM, SIGINT, SIGUSR1});
  if (!signals) return 70;
  const std::string server_key = from_hex(argv[2]);
  const int first = std::atoi(argv[3]);
  const int count = std::atoi(argv[4]);
  const auto output_bytes = static_cast<std::uint64_t>(std::atoll(argv[5]));

  transport::Context context;
  transport::Poller poller;
  poller.add_descriptor(signals.value().get());
  Flood flood;
  std::vector<std::unique_ptr<HerdAgent>> agents;
  for (int number = first; number < first + count; ++number) {
    agents.push_back(std::make_unique<HerdAgent>(context, poller,
                                                 transport::Connection::Options{argv[1], server_key, herd_keys(number)},
                                                 number, output_bytes, flood));
  }
  bool was_flooding = false;
  for (;;) {
    Instant next = read_clocks().steady + Micros{1'000'000};
    for (const auto& one : agents) {
      one->turn();
      next = std::min(next, one->wake_at());
    }
    if (was_flooding && !flood.is_on()) {
      std::printf("pongs %llu %lld\n", static_cast<unsigned long long>(flood.pongs),
                  static_cast<long long>(read_clocks().steady.micros));
      was_flooding = false;
    }
    std::fflush(stdout);
    const Micros left = std::max(next - read_clocks().steady, Micros{0});
    poller.wait(std::chrono::ceil<Millis>(left));
    if (!poller.is_readable(signals.value().get())) continue;
    if (io::take_signal(signals.value()) != SIGUSR1) return 0;
    flood = {read_clocks().steady + flood_length, 0};
    was_flooding = true;
    for (const auto& one : agents) one->ping();
  }
}

}  // namespace
}  // namespace escape::testing

int main(int argc, char** argv) { return escape::testing::run(argc, argv); }
