#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/core/model.h"
#include "agent/packages/preparation.h"
#include "shared/io/service.h"

namespace escape::packages {

/// Prepares working folders on threads of its own and says when one is done: downloads and unpacking never hold up the
/// agent's loop. Threads start when there is work and end when there is none, so an idle agent has only its loop.
///
/// Thread: the agent loop; `waker` becomes readable when `take` has something.
class Fetcher {
 public:
  Fetcher(Packages& packages, io::Waker& waker) : packages_(packages), waker_(waker) {}
  /// Cancels what is under way and waits for it.
  ~Fetcher();

  void ask(const agent::TaskKey& key, Preparation wanted);
  /// Its answer will not be given.
  void cancel(const agent::TaskKey& key);

  struct Done {
    agent::TaskKey key;
    Result<std::string> folder;
  };
  std::vector<Done> take();
  /// What each preparation is at, as it may be shown: "downloading 'U' to 'd'".
  std::map<agent::TaskKey, std::string> doing();
  /// Tasks whose preparation has told something since the last call.
  std::set<agent::TaskKey> take_told();

  /// Downloads at once; more would only share the same network.
  static constexpr std::size_t max_threads = 4;

 private:
  struct Job {
    agent::TaskKey key;
    Preparation wanted;
    std::shared_ptr<std::atomic<bool>> is_cancelled;
  };
  void work();
  void join_ended();

  Packages& packages_;
  io::Waker& waker_;
  std::mutex mutex_;
  std::deque<Job> waiting_;
  std::vector<Done> done_;
  std::set<agent::TaskKey> told_;
  std::map<agent::TaskKey, std::string> doing_;  ///< of those in `flags_`
  std::map<agent::TaskKey, std::shared_ptr<std::atomic<bool>>> flags_;
  std::map<std::thread::id, std::thread> threads_;
  std::vector<std::thread::id> ended_;
};

}  // namespace escape::packages
