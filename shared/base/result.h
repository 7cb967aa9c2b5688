#pragma once

#include <boost/outcome/result.hpp>
#include <boost/outcome/try.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace escape {

/// What sort of failure it is. One table (`exit_code`, `http_status`) turns it into an exit code and an HTTP status, so
/// a kind never means two things.
enum class ErrorKind {
  internal,           ///< ours, or something the machine should never do
  usage,              ///< the command line is wrong
  bad_data,           ///< a file, message or value that cannot be read
  not_found,          ///< what was named does not exist
  conflict,           ///< exists already, lock held, or moved since it was looked at
  refused,            ///< a rule or a missing right says no
  no_target,          ///< nothing to act on: an environment without agents
  failed,             ///< a script or a step failed
  unknown,            ///< an agent is out of reach: what its host does is not known
  cancelled,          ///< somebody asked for it to stop
  unreachable,        ///< the other side does not answer
  temporary,          ///< busy: try again
  no_permission,      ///< this machine's files or keys may not be read
  bad_configuration,  ///< a configuration file or profile
  timed_out,          ///< a limit set by the user ran out; the work may go on
  storage,            ///< disk full, I/O error, corruption
};

/// Stable word for logs, JSON and the wire ("not_found"). `kind_from_name` reads it back; an unknown word is
/// `internal`.
std::string_view kind_name(ErrorKind kind);
ErrorKind kind_from_name(std::string_view name);
/// Exit code of a command that ends with such an error (BSD sysexits above 63).
int exit_code(ErrorKind kind);
int http_status(ErrorKind kind);

/// An expected failure: one sentence that says what failed, on what and why; a hint that says what to do next.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
  std::string hint{};                  ///< empty when there is nothing useful to say
  std::vector<std::string> context{};  ///< gathered on the way up, innermost first ("while reading 'escape.yml'")

  Error&& in(std::string where) && {
    context.push_back(std::move(where));
    return std::move(*this);
  }
  Error&& hinted(std::string what_to_do) && {
    hint = std::move(what_to_do);
    return std::move(*this);
  }
  friend bool operator==(const Error&, const Error&) = default;
};

/// The sentence with its context, outermost first: "reading 'x': line 3: expected a list". Without the hint.
std::string describe(const Error& error);

namespace outcome = BOOST_OUTCOME_V2_NAMESPACE;

/// A value or an `Error`. `[[nodiscard]]`; `if (!r) r.error()`, `r.value()` or `*`-free access through `.value()`.
template <class T = void>
using Result = outcome::unchecked<T, Error>;

inline auto ok() { return outcome::success(); }

/// `return fail(ErrorKind::not_found, "…", "hint")` from any function that returns a Result.
inline auto fail(ErrorKind kind, std::string message, std::string hint = {}) {
  return outcome::failure(Error{kind, std::move(message), std::move(hint), {}});
}
inline auto fail(Error error) { return outcome::failure(std::move(error)); }

}  // namespace escape

/// `TRY(auto value, expression)` declares `value` (or assigns to an existing one) or returns the error;
/// `TRYV(expression)` for Result<void>.
#define TRY(variable, ...) BOOST_OUTCOME_TRY2_SUCCESS_LIKELY(BOOST_OUTCOME_TRY_UNIQUE_NAME, variable, __VA_ARGS__)
#define TRYV(...) BOOST_OUTCOME_TRYV(__VA_ARGS__)
