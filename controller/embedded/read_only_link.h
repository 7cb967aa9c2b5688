#pragma once

#include <functional>
#include <memory>
#include <string>

#include "controller/app/queries.h"
#include "controller/cli/wiring.h"
#include "controller/store/store.h"

namespace escape::embedded {

/// Answers what only reads from a workspace's database, beside (or without) a command that works in it. Sees what that
/// command has committed so far; never waits for it. Thread: one.
class ReadOnlyLink : public cli::Link {
 public:
  using Resolve = std::function<Result<release::ReleaseRecord>(const release::ReleaseQuery&)>;
  ReadOnlyLink(std::unique_ptr<store::Database> database, Resolve resolve);

  /// Error: refused for a request that changes something.
  Result<protocol::Reply> call(protocol::Request request) override;
  Result<protocol::JobView> follow(JobId job, std::uint64_t from,
                                   const std::function<void(const protocol::LogEntry&)>& on_entry,
                                   const std::function<bool()>& interrupted) override;
  Result<> follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                         const std::function<bool()>& interrupted) override;

 private:
  /// Looks at the database again and hands a context of that moment to `use`.
  template <class Use>
  auto with_context(Use use) -> decltype(use(std::declval<const controller::QueryContext&>()));
  bool pause();

  std::unique_ptr<store::Database> database_;
  Resolve resolve_;
};

}  // namespace escape::embedded
