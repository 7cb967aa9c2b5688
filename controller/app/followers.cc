#include "controller/app/followers.h"

#include <algorithm>

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
  if (found == followers_.end()) return;
  found->second.credit = std::min(found->second.credit + std::clamp(batches, 0, first_credit), first_credit);
}

std::vector<Followers::Outgoing> Followers::pump(const QueryContext& context,
                                                 const std::function<bool(SessionId)>& may_read) {
  std::vector<Outgoing> out;
  for (auto it = followers_.begin(); it != followers_.end();) {
    auto& [session, follower] = *it;
    Result<bool> is_done = may_read(session)
                               ? read_on(session, follower, context, out)
                               : Result<bool>(fail(ErrorKind::refused, "This key is not enrolled any more."));
    if (!is_done) {
      const Error& why = is_done.error();
      out.push_back(
          {session, {follower.request_id, reply::Failed{std::string(kind_name(why.kind)), describe(why), why.hint}}});
    }
    it = !is_done || is_done.value() ? followers_.erase(it) : std::next(it);
  }
  return out;
}

Result<bool> Followers::read_on(SessionId session, Follower& follower, const QueryContext& context,
                                std::vector<Outgoing>& out) {
  while (follower.credit > 0) {
    const auto root = context.state.jobs.find(follower.root);
    const bool has_all = root != context.state.jobs.end() && follower.next > root->second.log_entries;
    if (has_all && context.state.jobs.contains(follower.job)) return false;
    TRY(std::vector<protocol::LogEntry> entries,
        store::read_log(context.reader, follower.root, follower.next, entries_per_batch, bytes_per_batch));
    if (entries.empty()) {
      TRY(protocol::JobView view, view_of(follower.job, context));
      if (view.phase != JobPhase::settled) return false;
      out.push_back({session, {follower.request_id, reply::JobDone{std::move(view)}}});
      return true;
    }
    follower.next = entries.back().sequence + 1;
    if (follower.job != follower.root) std::erase_if(entries, [&](const auto& e) { return e.job != follower.job; });
    if (entries.empty()) continue;
    --follower.credit;
    out.push_back({session, {follower.request_id, reply::LogBatch{follower.job, std::move(entries)}}});
  }
  return false;
}

}  // namespace escape::controller
