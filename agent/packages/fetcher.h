#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/core/model.h"
#include "agent/packages/packages.h"
#include "shared/io/service.h"

namespace escape::packages {

/// Prepares packages on threads of its own and says when one is done: downloads and unpacking never hold up the agent's
/// loop. Threads start when there is work and end when there is none, so an idle agent has only its loop.
///
/// Thread: the agent loop; `waker` becomes readable when `take` has something.
class Fetcher {
 public:
  Fetcher(Packages& packages, io::Waker& waker) : packages_(packages), waker_(waker) {}
  /// Cancels what is under way and waits for it.
  ~Fetcher();

  void ask(const agent::TaskKey& key, Packages::Request request);
  /// Its answer will not be given.
  void cancel(const agent::TaskKey& key);

  struct Done {
    agent::TaskKey key;
    Result<std::string> folder;
  };
  std::vector<Done> take();

  /// Downloads at once; more would only share the same network.
  static constexpr std::size_t max_threads = 4;

 private:
  struct Job {
    agent::TaskKey key;
    Packages::Request request;
    std::shared_ptr<std::atomic<bool>> is_cancelled;
  };
  void work();
  void join_ended();

  Packages& packages_;
  io::Waker& waker_;
  std::mutex mutex_;
  std::deque<Job> waiting_;
  std::vector<Done> done_;
  std::map<agent::TaskKey, std::shared_ptr<std::atomic<bool>>> flags_;
  std::map<std::thread::id, std::thread> threads_;
  std::vector<std::thread::id> ended_;
};

}  // namespace escape::packages
