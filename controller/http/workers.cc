#include "controller/http/workers.h"

namespace escape::http {

Workers::Workers(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

bool Workers::post(std::function<void()> task) {
  {
    std::lock_guard hold(mutex_);
    if (is_stopped_) return false;
    waiting_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void Workers::stop() {
  {
    std::lock_guard hold(mutex_);
    is_stopped_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Workers::run() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock hold(mutex_);
      changed_.wait(hold, [this] { return is_stopped_ || !waiting_.empty(); });
      if (is_stopped_) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task();
  }
}

}  // namespace escape::http
