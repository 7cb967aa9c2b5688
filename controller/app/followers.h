#pragma once

#include <functional>
#include <map>
#include <string>

#include "controller/app/queries.h"
#include "controller/core/core.h"
#include "protocol/messages/client.h"

namespace escape::controller {

/// Who follows which job's log, and how far each has been sent. Nothing is buffered: entries are read from the store
/// when a follower has credit, so a slow one costs only itself and can resume at any entry. One that waits for a
/// running job costs no look at the store.
///
/// Thread: the controller loop.  Durable: no; the follower knows where it stands.
class Followers {
 public:
  /// Batches that may be on their way unconfirmed.
  static constexpr int first_credit = 8;
  static constexpr int entries_per_batch = 256;
  static constexpr std::size_t bytes_per_batch = 256 << 10;

  /// Error: not_found for an unknown job.
  Result<> attach(SessionId session, std::string request_id, const protocol::request::Attach& asked,
                  const QueryContext& context);
  void detach(SessionId session) { followers_.erase(session); }
  void add_credit(SessionId session, int batches);
  bool empty() const { return followers_.empty(); }

  struct Outgoing {
    SessionId session = 0;
    protocol::ClientReply reply;
  };
  /// What may be sent now. Followers whose job has settled and who were sent everything are done and forgotten. One who
  /// may not read any more (the session or its principal is gone), or whose log cannot be read, is told and left.
  std::vector<Outgoing> pump(const QueryContext& context, const std::function<bool(SessionId)>& may_read);

 private:
  struct Follower {
    std::string request_id;
    JobId job = 0;
    JobId root = 0;
    std::uint64_t next = 1;
    int credit = first_credit;
  };
  /// Whether nothing is left to come.
  static Result<bool> read_on(SessionId session, Follower& follower, const QueryContext& context,
                              std::vector<Outgoing>& out);
  std::map<SessionId, Follower> followers_;  ///< one per session: a client that attaches again leaves the first
};

}  // namespace escape::controller
