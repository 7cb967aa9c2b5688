#pragma once

#include <deque>
#include <mutex>
#include <utility>

#include "shared/io/service.h"

namespace escape::controller {

/// Values that workers (HTTP threads) hand to the loop that owns the state. The one place where threads meet.
/// Thread: `post` from any; the rest from the loop.
template <class T>
class Mailbox {
 public:
  int descriptor() const { return waker_.descriptor(); }
  void post(T value) {
    {
      std::lock_guard hold(mutex_);
      waiting_.push_back(std::move(value));
    }
    waker_.wake();
  }
  std::deque<T> take_all() {
    waker_.clear();
    std::lock_guard hold(mutex_);
    return std::exchange(waiting_, {});
  }

 private:
  io::Waker waker_;
  std::mutex mutex_;
  std::deque<T> waiting_;
};

}  // namespace escape::controller
