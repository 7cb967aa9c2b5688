#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shared/base/crypto.h"
#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "tests/support/cluster.h"

/// Hundreds of agents against one real controller: real sockets, one CURVE key each, the agent's own session code.
/// Their rows are written straight into the controller's store, as an enrolment would.
namespace escape::testing {

std::string herd_name(int number);  ///< "herd-0001"
/// Derived from the number, so that nobody has to hand keys around.
KeyPair herd_keys(int number);

/// What the kernel says of a process.
struct ProcessCost {
  double cpu_seconds = 0;
  double io_thread_seconds = 0;  ///< of the socket library's own thread: handshakes and encryption
  double resident_mib = 0;
  int descriptors = 0;
};
ProcessCost cost_of(pid_t pid);

/// Thread: one.
class Herd {
 public:
  struct Options {
    int agents = 100;
    int per_process = 250;  ///< three sockets each, and a context takes 1023
    /// Each agent in an environment of its own ("herd-0001"); else all in "herd".
    bool has_own_environments = false;
    std::uint64_t output_bytes = 0;  ///< of each task
  };
  /// Stops the controller, enrols everybody, starts it again. Fails by an exception.
  Herd(Cluster& cluster, Options options);

  void start();
  void stop();
  void restart_controller();  ///< kill -9, and start
  /// Whether every agent was welcomed by the life of the controller that runs now.
  bool all_back(Seconds limit);

  struct Facts {
    int back = 0;
    double seconds = 0;           ///< from the last start of the controller or herd until the last of them was welcomed
    int most_greetings = 0;       ///< welcomes of one agent since then
    int most_hellos = 0;          ///< tries of one agent since then, those that were sent away with them
    int sent_away = 0;            ///< "come back later", all together
    std::int64_t heartbeat = 0;   ///< milliseconds, the newest that anybody was told
    double most_in_a_second = 0;  ///< welcomes
  };
  Facts facts();
  int finished_tasks();
  /// Pings answered per second when everybody pings on and on for five seconds.
  double ping_rate();

 private:
  struct Happened {
    std::string what;
    int number = 0;
    std::int64_t at = 0;
    std::uint64_t value = 0;  ///< welcome: the epoch; busy: milliseconds
    std::int64_t heartbeat = 0;
  };
  void enrol();
  void read_logs();
  std::string log_of(std::size_t process) const;

  Cluster& cluster_;
  Options options_;
  Epoch epoch_ = 1;  ///< of the controller that runs: it grows by one with each start
  Instant began_{};
  int generation_ = 0;
  std::vector<Process> processes_;
  std::vector<std::size_t> read_;  ///< of each log so far
  std::vector<Happened> happened_;
};

}  // namespace escape::testing
