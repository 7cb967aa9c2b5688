#include "controller/app/followers.h"

#include "controller/store/rows.h"

namespace escape::controller {

namespace reply = protocol::reply;

Result<> Followers::attach(SessionId session, std::string request_id, const protocol::request::Attach& asked,
                           const QueryContext& context) {
  TRY(protocol::JobView view, view_of(asked.job, context));
  followers_[session] = {.request_id = std::move(request_id),
                         .job = asked.job,
                         .root = view.parent != 0 ? view.parent : asked.job,
                         .next = asked.from_sequence == 0 ? 1 : asked.from_sequence,
                         .credit = first_credit};
  return ok();
}

void Followers::add_credit(SessionId session, int batches) {
  auto found = followers_.find(session);
  if (found != followers_.end() && batches > 0)
    found->second.credit = std::min(found->second.credit + batches, first_credit);
}

Result<std::vector<Followers::Outgoing>> Followers::pump(const QueryContext& context) {
  std::vector<Outgoing> out;
  for (auto it = followers_.begin(); it != followers_.end();) {
    Follower& follower = it->second;
    bool is_done = false;
    while (follower.credit > 0) {
      TRY(std::vector<protocol::LogEntry> entries,
          store::read_log(context.reader, follower.root, follower.next, entries_per_batch, bytes_per_batch));
      if (entries.empty()) {
        TRY(protocol::JobView view, view_of(follower.job, context));
        if (view.phase == JobPhase::settled) {
          out.push_back({it->first, {follower.request_id, reply::JobDone{std::move(view)}}});
          is_done = true;
        }
        break;
      }
      follower.next = entries.back().sequence + 1;
      if (follower.job != follower.root) std::erase_if(entries, [&](const auto& e) { return e.job != follower.job; });
      if (entries.empty()) continue;
      --follower.credit;
      out.push_back({it->first, {follower.request_id, reply::LogBatch{follower.job, std::move(entries)}}});
    }
    it = is_done ? followers_.erase(it) : std::next(it);
  }
  return out;
}

}  // namespace escape::controller
