#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/interrupt.h"
#include "controller/cli/job_run.h"
#include "controller/cli/views.h"
#include "shared/base/printable.h"
#include "shared/codec/codec.h"

namespace escape::cli {
namespace {

struct EventFlags {
  std::string since;
  std::string limit = "100";
  bool follow = false;
  bool as_json = false;
};

std::string line_of(const protocol::EventView& event) {
  std::string line = shown_time(event.time) + "  #" + std::to_string(event.sequence) + "  " + event.kind;
  if (!event.environment.empty()) line += "  " + event.environment;
  if (!event.deployment.empty()) line += " " + event.deployment;
  if (event.job != 0) line += "  job " + std::to_string(event.job);
  if (!event.principal.empty()) line += "  by " + event.principal;
  for (const auto& [name, value] : event.data) {
    const std::string* text = value.as_string();
    if (value.is_null() || (text && text->empty())) continue;
    line += "  " + name + "=" + (text ? text->substr(0, text->find('\n')) : codec::to_json(value));
  }
  return printable(line);
}

void print_event(Invocation& run, const protocol::EventView& event, bool as_json) {
  run.console().out((as_json ? codec::to_json(to_json_view(event)) : line_of(event)) + "\n");
}

Result<int> events(Invocation& run, const EventFlags& flags) {
  protocol::request::ListEvents asked;
  asked.newest = flags.since.empty();
  if (!flags.since.empty()) {
    TRY(asked.since, number_of(flags.since, "a number (--since)"));
  }
  TRY(const std::uint64_t limit, number_of(flags.limit, "a number (--limit)"));
  asked.limit = static_cast<int>(std::min<std::uint64_t>(std::max<std::uint64_t>(limit, 1), protocol::max_list_limit));
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Events first, ask<protocol::reply::Events>(*link, asked));
  if (asked.since + 1 < first.first_available && !asked.newest) {
    run.console().err("Events before #" + std::to_string(first.first_available) + " are no longer kept.\n");
  }
  for (const protocol::EventView& event : first.events) print_event(run, event, flags.as_json);
  if (!flags.follow || run.console().output_error) return 0;
  const EventSequence seen =
      first.events.empty() ? (asked.newest ? first.newest : asked.since) : first.events.back().sequence;
  const InterruptWatch watch;
  TRYV(link->follow_events(
      seen,
      [&](const protocol::EventView& event) {
        print_event(run, event, flags.as_json);
        return !run.console().output_error;
      },
      [&] { return watch.is_interrupted(); }));
  return watch.is_interrupted() ? interrupted_exit : 0;
}

}  // namespace

void describe_events(Syntax& syntax) {
  auto flags = std::make_shared<EventFlags>();
  syntax.flag("-f,--follow", flags->follow, "Go on with what happens");
  syntax.option("--since", flags->since, "N", "What came after event N (the newest 100 otherwise)");
  syntax.option("--limit", flags->limit, "N", "At most so many before following (100)");
  syntax.flag("--json", flags->as_json, "One JSON object per line");
  syntax.action([flags](Invocation& run) { return events(run, *flags); });
}

}  // namespace escape::cli
