#include "agent/packages/fetcher.h"

#include <utility>

#include "shared/base/printable.h"

namespace escape::packages {

Fetcher::~Fetcher() {
  std::map<std::thread::id, std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
    for (auto& [key, flag] : flags_) *flag = true;
    threads.swap(threads_);
  }
  for (auto& [id, thread] : threads) thread.join();
}

void Fetcher::ask(const agent::TaskKey& key, Preparation wanted) {
  join_ended();
  auto flag = std::make_shared<std::atomic<bool>>(false);
  wanted.package.is_cancelled = [flag] { return flag->load(); };
  if (wanted.tell) {
    wanted.tell = [this, key, flag, tell = std::move(wanted.tell)](std::string_view text) {
      tell(text);
      const std::lock_guard lock(mutex_);
      if (*flag || !told_.insert(key).second) return;
      waker_.wake();
    };
  }
  wanted.begin = [this, key, flag, mask = wanted.mask](std::string_view what) {
    std::string shown = printable(mask(what));
    const std::lock_guard lock(mutex_);
    if (!*flag) doing_[key] = std::move(shown);
  };
  const std::lock_guard lock(mutex_);
  flags_[key] = flag;
  doing_[key] = "waiting behind other steps' packages and downloads";
  waiting_.push_back({key, std::move(wanted), flag});
  if (threads_.size() - ended_.size() >= max_threads) return;
  std::thread thread([this] { work(); });
  const std::thread::id id = thread.get_id();
  threads_.emplace(id, std::move(thread));
}

void Fetcher::cancel(const agent::TaskKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = flags_.find(key);
  if (found == flags_.end()) return;
  *found->second = true;
  flags_.erase(found);
  doing_.erase(key);
}

std::vector<Fetcher::Done> Fetcher::take() {
  join_ended();
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

std::map<agent::TaskKey, std::string> Fetcher::doing() {
  const std::lock_guard lock(mutex_);
  return doing_;
}

std::set<agent::TaskKey> Fetcher::take_told() {
  const std::lock_guard lock(mutex_);
  return std::exchange(told_, {});
}

/// One thread: job after job until none waits.
void Fetcher::work() {
  std::unique_lock lock(mutex_);
  while (!waiting_.empty()) {
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    if (*job.is_cancelled) continue;
    lock.unlock();
    Result<std::string> folder = prepare(packages_, job.wanted);
    lock.lock();
    if (*job.is_cancelled) continue;
    flags_.erase(job.key);
    doing_.erase(job.key);
    done_.push_back({job.key, std::move(folder)});
    waker_.wake();
  }
  ended_.push_back(std::this_thread::get_id());
}

void Fetcher::join_ended() {
  std::vector<std::thread> ended;
  {
    const std::lock_guard lock(mutex_);
    for (const std::thread::id& id : std::exchange(ended_, {})) {
      const auto found = threads_.find(id);
      if (found == threads_.end()) continue;
      ended.push_back(std::move(found->second));
      threads_.erase(found);
    }
  }
  for (std::thread& thread : ended) thread.join();
}

}  // namespace escape::packages
