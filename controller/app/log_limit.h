#pragma once

#include <map>
#include <string>
#include <string_view>

#include "shared/base/time.h"

namespace escape::controller {

/// Which repeated complaints are worth a line: the first about a subject (an address, a key) in a minute. Whoever
/// knocks with a wrong key or sends what nobody can read, again and again, must not fill the log.
class LogLimit {
 public:
  static constexpr Millis interval{60'000};
  static constexpr std::size_t most_subjects = 1'000;  ///< beyond them a new one has to wait for the others' minutes

  bool is_worth_a_line(std::string_view subject, Instant now) {
    if (said_.size() >= most_subjects)
      std::erase_if(said_, [&](const auto& one) { return one.second + interval <= now; });
    auto said = said_.find(subject);
    if (said == said_.end()) {
      if (said_.size() >= most_subjects) return false;
      said_.emplace(subject, now);
      return true;
    }
    if (now < said->second + interval) return false;
    said->second = now;
    return true;
  }

 private:
  std::map<std::string, Instant, std::less<>> said_;
};

}  // namespace escape::controller
