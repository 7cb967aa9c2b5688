#include "shared/base/result.h"

#include <array>

namespace escape {
namespace {

struct Row {
  ErrorKind kind;
  std::string_view name;
  int exit_code;
  int http_status;
};

// The one table behind every exit code and HTTP status (reference/conventions.md, "Exit codes").
constexpr std::array rows{
    Row{ErrorKind::internal, "internal", 1, 500},
    Row{ErrorKind::usage, "usage", 64, 400},
    Row{ErrorKind::bad_data, "bad_data", 65, 400},
    Row{ErrorKind::not_found, "not_found", 1, 404},
    Row{ErrorKind::conflict, "conflict", 6, 409},
    Row{ErrorKind::refused, "refused", 5, 403},
    Row{ErrorKind::no_target, "no_target", 7, 409},
    Row{ErrorKind::failed, "failed", 3, 500},
    Row{ErrorKind::unknown, "unknown", 4, 500},
    Row{ErrorKind::cancelled, "cancelled", 3, 500},
    Row{ErrorKind::unreachable, "unreachable", 69, 502},
    Row{ErrorKind::temporary, "temporary", 75, 503},
    Row{ErrorKind::no_permission, "no_permission", 77, 500},
    Row{ErrorKind::bad_configuration, "bad_configuration", 78, 500},
    Row{ErrorKind::timed_out, "timed_out", 124, 504},
    Row{ErrorKind::storage, "storage", 1, 507},
};

const Row& row_of(ErrorKind kind) {
  for (const Row& row : rows) {
    if (row.kind == kind) return row;
  }
  return rows.front();
}

}  // namespace

std::string_view kind_name(ErrorKind kind) { return row_of(kind).name; }

ErrorKind kind_from_name(std::string_view name) {
  for (const Row& row : rows) {
    if (row.name == name) return row.kind;
  }
  return ErrorKind::internal;
}

int exit_code(ErrorKind kind) { return row_of(kind).exit_code; }
int http_status(ErrorKind kind) { return row_of(kind).http_status; }

std::string describe(const Error& error) {
  std::string text;
  for (auto it = error.context.rbegin(); it != error.context.rend(); ++it) text += *it + ": ";
  return text + error.message;
}

}  // namespace escape
