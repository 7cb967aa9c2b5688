#include "controller/app/admission.h"

#include <algorithm>

namespace escape::controller {

std::optional<Millis> Admission::ask(const std::string& key, Instant now) {
  if (!has_share(key, now)) return limits_.key_window;
  const double seconds = static_cast<double>(std::max((now - counted_at_).count(), std::int64_t{0})) / 1e6;
  tokens_ = std::min<double>(limits_.at_once, tokens_ + seconds * limits_.per_second);
  counted_at_ = now;
  if (tokens_ >= 1) {
    tokens_ -= 1;
    return std::nullopt;
  }
  const Instant horizon = now + limits_.longest_wait;
  promised_ = std::min(std::max(promised_, now) + Micros{1'000'000 / limits_.per_second}, horizon);
  return std::max(std::chrono::ceil<Millis>(promised_ - now), Millis{1});
}

bool Admission::has_share(const std::string& key, Instant now) {
  if (now >= swept_at_ + limits_.key_window) {
    std::erase_if(greeted_, [&](const auto& one) { return one.second.since + limits_.key_window <= now; });
    swept_at_ = now;
  }
  Greeted& one = greeted_.try_emplace(key, Greeted{now, 0}).first->second;
  if (one.since + limits_.key_window <= now) one = {now, 0};
  return ++one.times <= limits_.of_one_key;
}

}  // namespace escape::controller
