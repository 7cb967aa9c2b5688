#include "controller/embedded/read_only_link.h"

#include <poll.h>

#include "controller/store/rows.h"

namespace escape::embedded {
namespace {

// How often a follower looks for what the working command has committed since.
constexpr int look_again_millis = 200;

// The agent of a workspace is the command that needs it: it is never away.
std::string_view always_there(const AgentId&) { return "online"; }

}  // namespace

ReadOnlyLink::ReadOnlyLink(std::unique_ptr<store::Database> database, Resolve resolve)
    : database_(std::move(database)), resolve_(std::move(resolve)) {}

template <class Use>
auto ReadOnlyLink::with_context(Use use) -> decltype(use(std::declval<const controller::QueryContext&>())) {
  TRYV(database_->refresh());
  TRY(controller::State state, store::load_state(*database_));
  return use({.reader = *database_,
              .state = state,
              .liveness = always_there,
              .last_seen = [](const AgentId&) { return Timestamp{}; },
              .resolve = resolve_,
              .now = read_clocks().wall,
              .read_only = {},
              .is_embedded = true});
}

bool ReadOnlyLink::pause() {
  // Nothing announces another process's commits, so this is a look at intervals; a signal ends it early.
  return poll(nullptr, 0, look_again_millis) == 0;
}

Result<protocol::Reply> ReadOnlyLink::call(protocol::Request request) {
  if (protocol::changes_something(request)) {
    return fail(ErrorKind::internal, "a change was asked of a read-only view of the workspace");
  }
  if (std::holds_alternative<protocol::request::Hello>(request)) {
    protocol::reply::Hello hello;
    hello.controller_version = ESCAPE_VERSION;
    hello.role = "admin";
    return protocol::Reply(std::move(hello));
  }
  return with_context([&](const controller::QueryContext& context) { return controller::answer(request, context); });
}

Result<protocol::JobView> ReadOnlyLink::follow(JobId job, std::uint64_t from,
                                               const std::function<void(const protocol::LogEntry&)>& on_entry,
                                               const std::function<bool()>& interrupted) {
  std::uint64_t next = from == 0 ? 1 : from;
  while (true) {
    using Step = Result<std::optional<protocol::JobView>>;
    TRY(std::optional<protocol::JobView> settled, with_context([&](const controller::QueryContext& context) -> Step {
          TRY(protocol::JobView view, controller::view_of(job, context));
          const JobId root = view.parent != 0 ? view.parent : job;
          while (true) {
            TRY(std::vector<protocol::LogEntry> entries, store::read_log(context.reader, root, next, 256, 256 << 10));
            for (const protocol::LogEntry& entry : entries) {
              if (job == root || entry.job == job) on_entry(entry);
              next = entry.sequence + 1;
            }
            if (entries.empty()) break;
          }
          if (view.phase == protocol::JobPhase::settled) return std::optional(std::move(view));
          return std::optional<protocol::JobView>();
        }));
    if (settled) return std::move(*settled);
    if (interrupted()) return fail(ErrorKind::cancelled, "interrupted");
    pause();
  }
}

Result<> ReadOnlyLink::follow_events(EventSequence since,
                                     const std::function<bool(const protocol::EventView&)>& on_event,
                                     const std::function<bool()>& interrupted) {
  EventSequence seen = since;
  while (!interrupted()) {
    TRYV(database_->refresh());
    TRY(std::vector<protocol::EventView> events, store::read_events(*database_, seen, 1000));
    for (const protocol::EventView& event : events) {
      seen = event.sequence;
      if (!on_event(event)) return ok();
    }
    if (events.empty()) pause();
  }
  return ok();
}

}  // namespace escape::embedded
