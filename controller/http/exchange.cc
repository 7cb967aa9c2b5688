#include "controller/http/exchange.h"

#include <microhttpd.h>

namespace escape::http {

std::uint64_t SuspendedExchanges::suspend(Exchange& exchange, MHD_Connection* connection) {
  std::lock_guard hold(mutex_);
  if (is_closed_) return 0;
  MHD_suspend_connection(connection);
  waiting_[++last_ticket_] = {&exchange, connection};
  return last_ticket_;
}

void SuspendedExchanges::answer(std::uint64_t ticket, Response response) {
  std::lock_guard hold(mutex_);
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  wake(found->second, std::move(response));
  waiting_.erase(found);
}

void SuspendedExchanges::close() {
  std::lock_guard hold(mutex_);
  is_closed_ = true;
  for (const auto& [ticket, waiting] : waiting_) wake(waiting, text_response(503, "The inventory is stopping"));
  waiting_.clear();
}

void SuspendedExchanges::wake(const Waiting& waiting, Response response) {
  waiting.exchange->response = std::move(response);
  MHD_resume_connection(waiting.connection);
}

}  // namespace escape::http
