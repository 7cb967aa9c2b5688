#pragma once

#include <map>
#include <optional>
#include <string>

#include "shared/base/time.h"

namespace escape::controller {

/// How many greetings the controller takes on at once. A greeting costs a comparison of all tasks and a row in a synced
/// batch; a thousand at once would keep everybody else waiting, so those beyond the rate are told when to come back:
/// each a later moment, in the order in which they asked, so that they come as fast as they can be taken and no faster.
///
/// Pure. Thread: the controller loop.  Durable: no.
class Admission {
 public:
  struct Limits {
    int per_second = 200;
    int at_once = 200;  ///< after a quiet time
    /// One key that greets on and on (a broken agent, a cloned host) uses up its own share only.
    int of_one_key = 50;
    Millis key_window{10'000};
    Millis longest_wait{60'000};
  };
  explicit Admission(Limits limits) : limits_(limits), tokens_(limits.at_once) {}

  /// Nothing: come in. Else how long to stay away at least.
  std::optional<Millis> ask(const std::string& key, Instant now);

 private:
  bool has_share(const std::string& key, Instant now);

  struct Greeted {
    Instant since;
    int times = 0;
  };
  Limits limits_;
  double tokens_;
  Instant counted_at_{};
  Instant promised_{};  ///< the last moment that was named to somebody
  std::map<std::string, Greeted> greeted_;
  Instant swept_at_{};
};

}  // namespace escape::controller
