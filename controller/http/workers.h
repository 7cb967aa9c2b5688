#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace escape::http {

/// A few threads for what would hold up other connections: looking into packages and syncing them.
class Workers {
 public:
  explicit Workers(int threads);
  ~Workers() { stop(); }
  /// False once it was stopped; then the task is not taken.
  bool post(std::function<void()> task);
  /// Finishes what has begun, drops the rest.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool is_stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace escape::http
