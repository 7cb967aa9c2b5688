#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace escape::state {

/// Codes and transition table of spec/state-model.md §6.
enum class StatusCode {
  empty,
  pending,
  running_pre_step,
  running_main_step,
  running_post_step,
  ok,
  failure,
  test_pending,
  running_test_step,
  test_failure,
  destroy_pending,
  destroy_and_delete_pending,
  running_pre_destroy_step,
  running_main_destroy_step,
  running_post_destroy_step,
  destroy_failure,
};
std::string_view name_of(StatusCode code);  ///< "running_pre_step"
Result<StatusCode> parse_status_code(std::string_view text);
bool is_running(StatusCode code);  ///< one of running_*: somebody works on it
bool is_error(StatusCode code);

/// Whether the table allows the step. We add `test_pending → running_test_step`, `running_* → failure kinds` by
/// cancellation (the same rows as failing), and nothing else; staying on the same code is not a transition and is
/// refused.
bool may_go(StatusCode from, StatusCode to);

struct Status {
  StatusCode code = StatusCode::empty;
  Timestamp updated_at{};
  std::string updated_by{};  ///< principal
  std::string data{};        ///< why it failed
  Timestamp try_again_at{};  ///< converge's back-off; not set: none
  int tried = 0;
  /// Its script was cut off and nobody knows how far it got: a person decides about the next try. Gone with the next
  /// change of the code.
  bool is_cut_off = false;
  friend bool operator==(const Status&, const Status&) = default;
};

/// The only way to change a status. `data` replaces what was there; reaching ok or empty clears the back-off (`tried`,
/// `try_again_at`), nothing else touches it. Error: internal, naming both codes, when the table forbids it; the
/// status is then as it was.
Result<> go(Status& status, StatusCode to, Timestamp now, std::string_view by, std::string data = {});

}  // namespace escape::state
