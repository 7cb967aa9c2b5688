#pragma once

#include <string>
#include <vector>

#include "controller/cli/invocation.h"
#include "protocol/messages/client.h"
#include "shared/base/value.h"

/// What `--json` prints: names as on the wire, times as RFC 3339, never bytes.
namespace escape::cli {

Value to_json_view(const protocol::TaskView& task);
Value to_json_view(const protocol::JobView& job);
Value to_json_view(const protocol::AgentView& agent);
Value to_json_view(const protocol::PrincipalView& principal);
Value to_json_view(const protocol::EventView& event);
Value to_json_view(const protocol::DeploymentCell& cell);
Value to_json_view(const protocol::PlannedChange& change);
Value to_json_view(const protocol::reply::EnvironmentView& environment);
Value to_json_view(const protocol::ChangeView& change);
Value to_json_view(const protocol::DeploymentDifference& difference);
Value to_json_view(const protocol::reply::Plan& plan);
Value to_json_view(const protocol::reply::Imported& imported);
Value list_of(const std::vector<std::string>& texts);
template <class View>
Value list_of(const std::vector<View>& views) {
  Value::List list;
  for (const View& view : views) list.push_back(to_json_view(view));
  return list;
}

/// "-" for a cell with nothing in it.
std::string or_dash(const std::string& text);
/// Indented, on stdout.
void print_json(Invocation& run, const Value& value);

/// "2026-11-23 10:20:30 UTC" or "-".
std::string shown_time(Timestamp when);
/// "3m ago", "-" when never.
std::string shown_age(Timestamp when, Timestamp now);

}  // namespace escape::cli
