#include "controller/http/connections.h"

#include <sys/socket.h>

namespace escape::http {

void ConnectionDeadlines::opened(const void* connection, int socket, Instant deadline) {
  std::lock_guard hold(mutex_);
  open_[connection] = {socket, deadline};
}

void ConnectionDeadlines::set(const void* connection, std::optional<Instant> deadline) {
  std::lock_guard hold(mutex_);
  const auto found = open_.find(connection);
  if (found != open_.end()) found->second.deadline = deadline;
}

void ConnectionDeadlines::closed(const void* connection) {
  std::lock_guard hold(mutex_);
  open_.erase(connection);
}

void ConnectionDeadlines::cut_overdue(Instant now) {
  std::lock_guard hold(mutex_);
  for (auto& [key, connection] : open_) {
    if (!connection.deadline || *connection.deadline > now) continue;
    ::shutdown(connection.socket, SHUT_RDWR);
    connection.deadline.reset();
  }
}

}  // namespace escape::http
