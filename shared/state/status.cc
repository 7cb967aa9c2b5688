#include "shared/state/status.h"

#include <array>
#include <cstdint>
#include <initializer_list>

namespace escape::state {
namespace {

using enum StatusCode;

/// In the order of the enum. Words of the original's state file: never change.
constexpr std::array<std::string_view, 16> names{
    "empty",
    "pending",
    "running_pre_step",
    "running_main_step",
    "running_post_step",
    "ok",
    "failure",
    "test_pending",
    "running_test_step",
    "test_failure",
    "destroy_pending",
    "destroy_and_delete_pending",
    "running_pre_destroy_step",
    "running_main_destroy_step",
    "running_post_destroy_step",
    "destroy_failure",
};

constexpr std::size_t index_of(StatusCode code) { return static_cast<std::size_t>(code); }

using Targets = std::uint16_t;  // one bit for each code
static_assert(names.size() <= 16);

constexpr Targets targets(std::initializer_list<StatusCode> codes) {
  Targets bits = 0;
  for (const StatusCode code : codes) bits |= static_cast<Targets>(1u << index_of(code));
  return bits;
}

constexpr Targets targets_of(StatusCode from) {
  switch (from) {
    case empty:
      return targets({pending});
    case pending:
      return targets({running_pre_step});
    case running_pre_step:
      return targets({running_main_step, failure});
    case running_main_step:
      return targets({running_post_step, failure});
    case running_post_step:
      return targets({running_test_step, ok, failure});
    case ok:
      return targets({running_pre_step, running_test_step, destroy_pending, destroy_and_delete_pending, test_pending,
                      pending, running_pre_destroy_step});
    case failure:
      return targets(
          {running_pre_step, pending, destroy_pending, destroy_and_delete_pending, running_pre_destroy_step});
    case test_pending:
      return targets({running_test_step});  // ours: the original has no way out of it
    case running_test_step:
      return targets({ok, test_failure});
    case test_failure:
      return targets({running_test_step, running_pre_step, destroy_pending, destroy_and_delete_pending, test_pending,
                      pending, running_pre_destroy_step});
    case destroy_pending:
    case destroy_and_delete_pending:
      return targets({running_pre_destroy_step});
    case running_pre_destroy_step:
      return targets({running_main_destroy_step, destroy_failure});
    case running_main_destroy_step:
      return targets({running_post_destroy_step, destroy_failure});
    case running_post_destroy_step:
      return targets({empty, destroy_failure});
    case destroy_failure:
      return targets(
          {running_pre_destroy_step, destroy_pending, destroy_and_delete_pending, pending, running_pre_step});
  }
  return 0;
}

}  // namespace

std::string_view name_of(StatusCode code) { return names[index_of(code)]; }

Result<StatusCode> parse_status_code(std::string_view text) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<StatusCode>(i);
  }
  return fail(ErrorKind::bad_data, "'" + std::string(text) + "' is not a status code");
}

bool is_running(StatusCode code) {
  switch (code) {
    case running_pre_step:
    case running_main_step:
    case running_post_step:
    case running_test_step:
    case running_pre_destroy_step:
    case running_main_destroy_step:
    case running_post_destroy_step:
      return true;
    default:
      return false;
  }
}

bool is_error(StatusCode code) { return code == failure || code == test_failure || code == destroy_failure; }

bool may_go(StatusCode from, StatusCode to) { return (targets_of(from) >> index_of(to)) & 1u; }

Result<> go(Status& status, StatusCode to, Timestamp now, std::string_view by, std::string data) {
  if (!may_go(status.code, to)) {
    return fail(ErrorKind::internal, "A deployment's status may not go from '" + std::string(name_of(status.code)) +
                                         "' to '" + std::string(name_of(to)) + "'");
  }
  status.code = to;
  status.updated_at = now;
  status.updated_by = std::string(by);
  status.data = std::move(data);
  status.is_cut_off = false;
  if (to == StatusCode::ok || to == empty) {
    status.tried = 0;
    status.try_again_at = {};
  }
  return escape::ok();
}

}  // namespace escape::state
