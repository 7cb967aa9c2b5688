#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "shared/base/time.h"

namespace escape::http {

/// Deadlines of open connections. The library only limits silence; a client that drips one byte at a time would hold
/// its connection for ever. Thread: any.
class ConnectionDeadlines {
 public:
  void opened(const void* connection, int socket, Instant deadline);
  void set(const void* connection, std::optional<Instant> deadline);
  /// Before the library closes the socket, so that its number cannot mean another one yet.
  void closed(const void* connection);
  /// Shuts down what is overdue; the library then notices and closes it.
  void cut_overdue(Instant now);

 private:
  struct Connection {
    int socket = -1;
    std::optional<Instant> deadline;
  };
  std::mutex mutex_;
  std::map<const void*, Connection> open_;
};

}  // namespace escape::http
